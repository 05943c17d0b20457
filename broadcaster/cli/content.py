"""content: lint and preview; the provider's copies of the templates are in templates.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from broadcaster.cli import templates, texts
from broadcaster.cli.common import Json, console, put
from broadcaster.rendering import lint
from broadcaster.shipped import content_dir

content = typer.Typer(
    help="Pesan: periksa, pratinjau, ubah, bandingkan, daftarkan templat WhatsApp.", no_args_is_help=True
)


def add_to(app: typer.Typer) -> None:
    templates.add_to(content)
    texts.add_to(content)
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
