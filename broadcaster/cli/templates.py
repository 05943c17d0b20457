"""content push, status, accept-category: the provider's copies of the WhatsApp templates."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypeVar

import typer

from broadcaster.app import App, configured, connect
from broadcaster.cli.common import Json, Now, console, opened, put, table
from broadcaster.delivery import templates
from broadcaster.delivery.templates import Pushed, TemplateLine
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import Blocked

#: Whose templates these are.
_ACCOUNT = "twilio"
_Result = TypeVar("_Result")


def add_to(content: typer.Typer) -> None:
    content.command("push")(push)
    content.command("status")(status)
    content.command("accept-category")(accept_category)


def push(as_json: Json = False, now: Now = "") -> None:
    """Daftarkan templat WhatsApp dan minta persetujuan Meta; yang sudah ada tidak didaftarkan lagi."""
    with opened(now) as app:
        pushed: Pushed = _connected(
            app, lambda: templates.push(app.db, app.clock, templates.registrar_of(app.channels))
        )
    if as_json:
        put({"pushed": pushed.states, "created": pushed.created, "problems": pushed.problems})
    else:
        table("Templat", ["pesan", "keadaan"], [[key, state] for key, state in pushed.states.items()])
        console.print(f"{len(pushed.created)} templat baru." if pushed.created else "Tidak ada templat baru.")
        for problem in pushed.problems:
            console.print(f"{problem.key}: {problem.message}")
    if pushed.problems:
        raise typer.Exit(1)


def status(as_json: Json = False, now: Now = "") -> None:
    """Keadaan setiap templat WhatsApp dan apa yang perlu dilakukan; Twilio ditanya bila dapat dihubungi."""
    with opened(now) as app:
        problem = None
        asked = ChannelKind.WHATSAPP in configured(app.settings)
        if asked:
            try:
                _connected(app, lambda: templates.ask(app.db, app.clock, templates.registrar_of(app.channels)))
            except Blocked as error:
                asked, problem = False, {"code": error.code, "message": str(error)}
        with app.db.read() as session:
            lines = templates.template_lines(session, _ACCOUNT)
    if as_json:
        put({"asked": asked, "problem": problem, "templates": [_document(one) for one in lines]})
        return
    if problem is not None:
        console.print(f"{problem['message']} Yang tampak di bawah adalah kabar terakhir.")
    for one in lines:
        line = one.line
        since = f" (sejak {line.changed_at:%d-%m-%Y %H.%M} UTC)" if line.changed_at else ""
        console.print(f"[bold]{line.key} v{line.number}[/bold] {line.standing.state}{since}")
        console.print(f"  {line.standing.sentence(line.key)}")
        if one.campaigns:
            console.print(f"  Dipakai kampanye: {', '.join(one.campaigns)}.")


def accept_category(key: str, by: Annotated[str, typer.Option("--by")], as_json: Json = False, now: Now = "") -> None:
    """Setujui kategori yang diberikan Meta, dengan harga dan batas kirimnya; pesannya boleh berangkat lagi."""
    with opened(now) as app:
        accepted = templates.accept_category(app.db, key, _ACCOUNT, by=by, now=app.now())
    if as_json:
        put({"key": key, "accepted": [{"version": number, "category": category} for number, category in accepted]})
    else:
        for number, category in accepted:
            console.print(f"Kategori {category} untuk {key} versi {number} disetujui; pesannya boleh dikirim lagi.")


def _document(one: TemplateLine) -> dict[str, Any]:
    line, standing = one.line, one.line.standing
    return {
        "key": line.key,
        "version": line.number,
        "name": line.name,
        "sid": line.sid,
        "state": standing.state,
        "may_be_sent": standing.may_be_sent,
        "approval": standing.approval,
        "category_asked": standing.asked.lower(),
        "category_given": standing.given.lower(),
        "category_accepted": standing.accepted.lower(),
        "rejection_reason": standing.reason,
        "since": line.changed_at,
        "checked_at": line.checked_at,
        "campaigns": one.campaigns,
        "what_to_do": standing.sentence(line.key),
    }


def _connected(app: App, call: Callable[[], Awaitable[_Result]]) -> _Result:
    """Run one exchange with the provider, with channels that are closed at the end."""

    async def run() -> _Result:
        connect(app)
        try:
            return await call()
        finally:
            for channel in app.channels.values():
                await channel.aclose()
            if app.transport is not None:
                await app.transport.aclose()

    return asyncio.run(run())
