"""inbox: conversations that wait for staff, and corrections of a wrong text."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broadcaster.app import App
from broadcaster.cli.common import Json, Now, console, opened, put, table
from broadcaster.office.queries import timetable
from broadcaster.replies import correction
from broadcaster.replies import inbox as service
from broadcaster.replies.inbox_rules import OPEN, STATES
from broadcaster.replies.queries import ConversationLine, conversation, conversations

inbox = typer.Typer(help="Kotak masuk: balasan yang menunggu petugas.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="Nama akun petugas.")]
Number = Annotated[int, typer.Argument(metavar="ID", help="Nomor percakapan.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(inbox, name="inbox")


@inbox.command("list")
def list_conversations(
    state: Annotated[str, typer.Option("--state", help="open, waiting, done, atau all.")] = OPEN,
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Percakapan yang menunggu petugas; yang harus ditangani hari ini lebih dahulu."""
    states = STATES if state == "all" else (state,)
    if state not in (*STATES, "all"):
        raise typer.BadParameter("pilih open, waiting, done, atau all")
    with opened(now) as app, app.db.read() as session:
        lines = conversations(session, app.db.sealer, timetable(session, app.settings.zone), states=states)
    if as_json:
        put({"conversations": [_document(line) for line in lines]})
        return
    if not lines:
        console.print("Tidak ada percakapan dengan keadaan ini.")
        return
    table(
        "Kotak masuk",
        ["nomor", "keluarga", "saluran", "balasan terakhir", "petugas", "paling lambat"],
        [
            [
                str(line.id), line.guardian or line.address, line.channel, line.last_text[:60], line.assigned_to or "-",
                "-" if line.act_by is None else f"{line.act_by.astimezone(app.settings.zone):%d-%m-%Y %H.%M}",
            ]
            for line in lines
        ],
    )  # fmt: skip


@inbox.command("show")
def show(number: Number, as_json: Json = False, now: Now = "") -> None:
    """Satu percakapan, dengan keadaan kartu dan kampanye keluarganya."""
    with opened(now) as app, app.db.read() as session:
        found = conversation(session, app.db.sealer, number, timetable(session, app.settings.zone))
    if as_json:
        put(
            {
                **_document(found.line),
                "said": list(found.said),
                "cards": list(found.cards),
                "campaigns": list(found.campaigns),
            }
        )
        return
    console.print(f"{found.line.guardian or found.line.address} ({found.line.channel}, {found.line.state})")
    for said in found.said:
        console.print(
            f"{said.at.astimezone(app.settings.zone):%d-%m %H.%M} {'kami' if said.ours else 'mereka'}: {said.text}"
        )
    for card in found.cards:
        console.print(f"Kartu {card.child}: {card.status} sejak {card.since:%d-%m-%Y}")


@inbox.command("assign")
def assign(
    number: Number,
    user: Annotated[str, typer.Argument(metavar="USER", help="Akun yang menangani; kosong untuk siapa saja.")],
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Tentukan siapa yang menangani sebuah percakapan."""
    with opened(now) as app:
        service.assign(app.db, number, user, by=by or user, now=app.now())
        _say(app, number, as_json, f"Percakapan {number} ditangani {user or 'siapa saja'}.")


@inbox.command("answer")
def answer(number: Number, text: str, by: By, as_json: Json = False, now: Now = "") -> None:
    """Jawab satu percakapan."""
    with opened(now) as app:
        message = service.answer(app.db, number, text, by=by, now=app.now())
    if as_json:
        put({"conversation": number, "message": message})
    else:
        console.print(f"Jawaban direncanakan (pesan {message}).")


@inbox.command("reopen")
def reopen(number: Number, by: By, as_json: Json = False, now: Now = "") -> None:
    """Sapa kembali keluarga di WhatsApp setelah lewat 24 jam, dengan templat yang disetujui."""
    with opened(now) as app:
        message = service.reopen(app.db, number, by=by, now=app.now())
    if as_json:
        put({"conversation": number, "message": message})
    else:
        console.print(f"Sapaan direncanakan (pesan {message}); setelah keluarga membalas, Anda dapat menjawab.")


@inbox.command("quick")
def quick(number: Number, name: str, as_json: Json = False, now: Now = "") -> None:
    """Teks jawaban siap pakai dari content/answers untuk keluarga ini; belum dikirim."""
    with opened(now) as app, app.db.read() as session:
        line = conversation(session, app.db.sealer, number, timetable(session, app.settings.zone)).line
        text = service.quick_text(session, name, line.household_id)
    if as_json:
        put({"conversation": number, "text": text})
    else:
        console.print(text)


@inbox.command("close")
def close(number: Number, by: By, as_json: Json = False, now: Now = "") -> None:
    """Tandai selesai tanpa menjawab."""
    with opened(now) as app:
        service.close(app.db, number, by=by, now=app.now())
        _say(app, number, as_json, f"Percakapan {number} selesai.")


@inbox.command("correct")
def correct(
    campaign: Annotated[str, typer.Option("--campaign", help="Kampanye yang teksnya keliru.")],
    message: Annotated[str, typer.Option("--message", help="Pesan ralat, misalnya maaf-1.")],
    by: By,
    step: Annotated[str, typer.Option("--step", help="Hanya penerima pesan ini; kosong: semua pesan kampanye.")] = "",
    stop: Annotated[bool, typer.Option("--stop", help="Batalkan ralat yang belum terkirim.")] = False,
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Kirim ralat atau permintaan maaf kepada setiap penerima teks yang keliru, satu kali."""
    with opened(now) as app:
        if stop:
            stopped = correction.stop(app.db, campaign, message, by=by, now=app.now())
            document: dict[str, Any] = {"campaign": campaign, "message": message, "stopped": stopped}
            said = f"{stopped} ralat yang belum terkirim dibatalkan."
        else:
            done = correction.correct(
                app.db, campaign, message, step=step, by=by, now=app.now(), zone=app.settings.zone
            )
            document = {
                "campaign": campaign, "message": message, "new": done.new, "states": dict(done.states),
                "last_due_at": done.last_due_at,
            }  # fmt: skip
            said = f"{done.new} ralat direncanakan." if done.new else "Semua penerima sudah mendapat ralat ini."
    if as_json:
        put(document)
    else:
        console.print(said)


def _document(line: ConversationLine) -> dict[str, Any]:
    return {
        "id": line.id, "channel": line.channel, "address": line.address, "household": line.household_id,
        "guardian": line.guardian, "village": line.village, "state": line.state, "last_at": line.last_at,
        "last_text": line.last_text, "intents": list(line.intents), "assigned_to": line.assigned_to,
        "urgent": line.urgent, "act_by": line.act_by, "window_ends_at": line.window_ends_at,
    }  # fmt: skip


def _say(app: App, number: int, as_json: bool, sentence: str) -> None:
    if not as_json:
        console.print(sentence)
        return
    with app.db.read() as session:
        put(_document(conversation(session, app.db.sealer, number, timetable(session, app.settings.zone)).line))
