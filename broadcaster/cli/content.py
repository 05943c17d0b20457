"""content: lint, preview, and the providers' copies of the templates."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from broadcaster.app import App, connect
from broadcaster.channels.protocol import TemplateRegistrar, TemplateSpec
from broadcaster.cli.common import Json, Now, console, opened, put, table
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import Blocked
from broadcaster.rendering import lint
from broadcaster.rendering.queries import latest, provider_lines, template_request, versions
from broadcaster.rendering.queries import preview as preview_of
from broadcaster.rendering.service import record_provider_template
from broadcaster.shipped import content_dir

content = typer.Typer(help="Pesan: periksa, pratinjau, daftarkan templat WhatsApp.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(content, name="content")


@content.command("check")
def check(folder: Annotated[Path | None, typer.Argument()] = None, as_json: Json = False) -> None:
    """Periksa setiap pesan untuk setiap saluran."""
    findings = lint.check(folder or content_dir())
    if as_json:
        put({"findings": findings})
    else:
        for finding in findings:
            line = f"{finding.file}:{finding.line} {finding.severity} {finding.rule}: {finding.message}"
            console.print(line, markup=False)
        console.print("Semua pesan baik." if not findings else f"{len(findings)} temuan.")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


@content.command("preview")
def preview(key: str, as_json: Json = False) -> None:
    """Pesan yang sudah terisi, untuk setiap saluran."""
    with opened() as app, app.db.read() as session:
        written_for = latest(session, key).texts
        shown = {channel: preview_of(session, key, channel) for channel in ChannelKind if channel in written_for}
    if as_json:
        put({"key": key, "channels": shown})
        return
    for channel, text in shown.items():
        console.print(f"[bold]{channel}[/bold] ({text.segments.segments} bagian)\n{text.text}\n")


@content.command("push")
def push(as_json: Json = False, now: Now = "") -> None:
    """Daftarkan templat WhatsApp dan minta persetujuan."""
    with opened(now) as app:
        pushed = asyncio.run(_push(app))
    if as_json:
        put({"pushed": pushed})
    else:
        table("Templat", ["pesan", "keadaan"], [[key, state] for key, state in pushed.items()])


async def _push(app: App) -> dict[str, str]:
    connect(app)
    try:
        return await push_templates(app)
    finally:
        for channel in app.channels.values():
            await channel.aclose()
        if app.transport is not None:
            await app.transport.aclose()


async def push_templates(app: App) -> dict[str, str]:
    """Register every newest wording that WhatsApp does not have yet and ask how each stands. Returns key -> approval."""
    registrar = app.channels.get(ChannelKind.WHATSAPP)
    if registrar is None or not isinstance(registrar, TemplateRegistrar):
        raise Blocked("WhatsApp belum disetel; isi BROADCASTER_TWILIO_* lalu ulangi.", code="missing_token")
    with app.db.read() as session:
        lines = provider_lines(session, registrar.account)
        known = versions(session, [line.version_id for line in lines])
    states: dict[str, str] = {}
    for line in lines:
        request = template_request(known[line.version_id])
        if request is None:
            continue
        sid = line.sid
        if not sid:
            sid = await registrar.create_template(
                TemplateSpec(
                    request.name, request.language, request.body, request.samples, request.buttons, request.category
                )
            )
            _keep(app, line.version_id, registrar.account, sid, "unsubmitted", request.category)
            await registrar.request_approval(sid, request.name, request.category)
        approval = await registrar.approval(sid)
        _keep(app, line.version_id, registrar.account, sid, approval.status, approval.category)
        states[line.key] = approval.status
    return states


def _keep(app: App, version_id: int, account: str, sid: str, approval: str, category: str) -> None:
    with app.db.write() as session:
        record_provider_template(session, version_id, account, sid, approval, category, app.now())
