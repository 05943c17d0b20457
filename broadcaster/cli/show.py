"""show child, message show: rows along the road, sealed values masked."""

from __future__ import annotations

from typing import Annotated

import typer

from broadcaster.campaigns.stories import message_story
from broadcaster.cli.common import Json, console, opened, put
from broadcaster.results.story import road

show = typer.Typer(help="Lihat satu anak di sepanjang jalan.", no_args_is_help=True)
message = typer.Typer(help="Lihat satu pesan.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(show, name="show")
    app.add_typer(message, name="message")


@show.callback()
def _show() -> None:
    """Lihat satu anak di sepanjang jalan."""


@show.command("child")
def child(child_id: Annotated[int, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Baris satu anak, dari data kependudukan sampai hasil."""
    with opened() as app, app.db.read() as session:
        document = road(session, app.db.sealer, child_id)
    if as_json:
        put(document)
        return
    for step in document["steps"]:
        console.print(f"[bold]{step['table']}[/bold]")
        for row in step["rows"]:
            console.print("  " + "  ".join(f"{key}={value}" for key, value in row.items() if value not in (None, "")))


@message.callback()
def _message() -> None:
    """Lihat satu pesan."""


@message.command("show")
def show_message(reference: Annotated[str, typer.Argument(metavar="ID|PROVIDER_ID")], as_json: Json = False) -> None:
    """Satu pesan dengan percobaan kirim dan buktinya."""
    with opened() as app, app.db.read() as session:
        document = message_story(session, reference, app.code_sentences)
    if as_json:
        put(document)
        return
    console.print(document["sentence"])
    for attempt in document["attempts"]:
        console.print("  " + "  ".join(f"{key}={value}" for key, value in attempt.items() if value not in (None, "")))
