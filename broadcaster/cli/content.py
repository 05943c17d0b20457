"""content: lint and preview; the provider's copies of the templates are in templates.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broadcaster.cli import templates
from broadcaster.cli.common import Json, console, opened, put
from broadcaster.domain.message import ChannelKind
from broadcaster.rendering import lint
from broadcaster.rendering.queries import latest
from broadcaster.rendering.queries import preview as preview_of
from broadcaster.shipped import content_dir

content = typer.Typer(help="Pesan: periksa, pratinjau, daftarkan templat WhatsApp.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    templates.add_to(content)
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
