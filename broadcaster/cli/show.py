"""show child, message show: rows along the road, sealed values masked."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from broadcaster.campaigns.stories import message_story
from broadcaster.cli.common import Json, console, opened, plain, put
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
        console.print(f"\n[bold]{step['table']}[/bold]")
        for row in step["rows"]:
            _show_row(row, "  ")


def _show_row(row: dict[str, Any], indent: str) -> None:
    """A row on one line; rows inside it on lines of their own below."""
    inside = {
        key: value for key, value in row.items() if isinstance(value, list) and value and isinstance(value[0], dict)
    }
    flat = {key: plain(value) for key, value in row.items() if key not in inside and value not in (None, "", [])}
    console.print(indent + "  ".join(f"{key}={value}" for key, value in flat.items()), markup=False)
    for key, rows in inside.items():
        for one in rows:
            console.print(f"{indent}  {key}:", end="", markup=False)
            _show_row(one, " ")


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
