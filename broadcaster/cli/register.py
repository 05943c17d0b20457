"""import: spreadsheets in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from broadcaster.cli.common import By, Json, Now, console, opened, put, table
from broadcaster.errors import BadInput
from broadcaster.office.rules import SYSTEM
from broadcaster.registry import service
from broadcaster.registry.columns import Kind
from broadcaster.registry.reader import Limits, Source
from broadcaster.registry.report import FileReport, document


def add_to(app: typer.Typer) -> None:
    app.command("import")(import_files)


def import_files(
    files: list[Path],
    kind: Annotated[str, typer.Option("--kind", help="children, phones, atau collections; kosong = ditebak.")] = "",
    apply: Annotated[bool, typer.Option("--apply", help="Tulis; tanpa ini hanya diperiksa.")] = False,
    confirm: Annotated[bool, typer.Option("--confirm", help="Ya, ubah sebanyak itu.")] = False,
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Periksa berkas data dan laporkan semuanya sekaligus; menulis hanya dengan --apply."""
    with opened(now) as app:
        settings = app.settings
        reports = service.import_files(
            app.db,
            [Source.at(path) for path in files],
            kind=_kind(kind),
            today=app.today(),
            by=by or SYSTEM,
            now=app.now(),
            write=apply,
            confirmed=confirm,
            limits=Limits(settings.import_max_rows, settings.import_max_bytes, settings.import_max_seconds),
        )
    if as_json:
        put(document(reports))
    else:
        for report in reports:
            show_report(report)
    if apply and not all(report.applied for report in reports):
        raise BadInput("Tidak semua berkas diterapkan; lihat temuan di atas.", code="not_applied")


def _kind(text: str) -> Kind | None:
    for kind in get_args(Kind):
        if text == kind:
            return kind  # type: ignore[no-any-return]
    if text:
        raise BadInput(f"--kind {text} tidak dikenal; pilihan: {', '.join(get_args(Kind))}.", code="unknown_kind")
    return None


def show_report(report: FileReport) -> None:
    """One file's report for people."""
    console.print(
        f"{report.file}: {report.rows} baris, {report.good} baik, {report.rejected} ditolak,"
        f" {report.new} baru, {report.changed} berubah, {report.unchanged} tetap."
    )
    rows = [[str(p.row or "-"), p.column or "-", p.severity, p.message] for p in report.problems[:200]]
    rows += [[str(c.row), "-", "conflict", c.message] for c in report.conflicts[:200]]
    if rows:
        table("Temuan", ["baris", "kolom", "jenis", "penjelasan"], rows)
    if report.needs_confirmation and not report.applied:
        console.print("Banyak data terdaftar akan berubah; periksa kolomnya, lalu ulangi dengan --confirm.")
    console.print("Diterapkan." if report.applied else "Belum diterapkan; tambahkan --apply untuk menulis.")
