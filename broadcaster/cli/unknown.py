"""unknown list, unknown settle: texts nobody knows the end of, and a person's decision about one."""

from __future__ import annotations

from typing import Annotated

import typer

from broadcaster.campaigns.stories import explain
from broadcaster.cli.common import Json, Now, console, opened, put, table
from broadcaster.outbox.unknown import CONSEQUENCES, decide, waiting_for_a_person

unknown = typer.Typer(help="Pesan yang tidak diketahui sampai atau tidak.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(unknown, name="unknown")


@unknown.command("list")
def list_unknown(as_json: Json = False, now: Now = "") -> None:
    """Semua pesan yang menunggu keputusan petugas, dan arti setiap keputusan."""
    with opened(now) as app, app.db.read() as session:
        lines = [
            {
                "message": line.message.id,
                "campaign": line.campaign,
                "step": line.message.step,
                "channel": line.message.channel,
                "household": line.message.household_id,
                "since": line.since,
                "write_again_from": line.replaceable_at,
                "reason": line.message.reason,
                "sentence": explain(line.message, app.code_sentences),
            }
            for line in waiting_for_a_person(session)
        ]
    if as_json:
        put({"unknown": lines, "decisions": dict(CONSEQUENCES)})
        return
    if not lines:
        console.print("Tidak ada pesan yang menunggu keputusan.")
        return
    table(
        "Tidak diketahui",
        ["pesan", "kampanye", "keluarga", "saluran", "penjelasan"],
        [
            [str(one["message"]), one["campaign"], str(one["household"]), one["channel"], one["sentence"]]
            for one in lines
        ],
    )
    console.print("Putuskan dengan: broadcaster unknown settle PESAN --as KEPUTUSAN --by NAMA")
    for decision, consequence in CONSEQUENCES.items():
        console.print(f"  {decision}: {consequence}")


@unknown.command("settle")
def settle(
    message: Annotated[int, typer.Argument(metavar="MESSAGE", help="Nomor pesan.")],
    decision: Annotated[str, typer.Option("--as", help="received, not-received, atau write-again.")],
    by: Annotated[str, typer.Option("--by", help="Nama akun petugas yang memutuskan.")],
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Keputusan petugas tentang satu pesan; akibatnya disebutkan."""
    with opened(now) as app:
        settled = decide(app.db, message, decision, by=by, now=app.now())
    if as_json:
        put(settled)
        return
    console.print(settled.consequence)
    if settled.new_message_id is not None:
        console.print(f"Pesan pengganti bernomor {settled.new_message_id}.")
