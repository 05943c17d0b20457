"""import: spreadsheets in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, get_args

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from broadcaster.cli.common import By, Json, Now, console, err, opened, plain, put, table
from broadcaster.errors import BadInput
from broadcaster.office.rules import SYSTEM
from broadcaster.registry import service, undo
from broadcaster.registry.columns import Kind
from broadcaster.registry.mapping import read_map
from broadcaster.registry.reader import Limits, Source
from broadcaster.registry.report import FileReport, document
from broadcaster.registry.workbook import write_workbook

_MOST_SHOWN = 200


def add_to(app: typer.Typer) -> None:
    app.command("import")(import_files)
    app.command("import-undo")(undo_import)


def import_files(
    files: list[Path],
    kind: Annotated[str, typer.Option("--kind", help="children, phones, atau collections; kosong = ditebak.")] = "",
    column_map: Annotated[
        Path | None,
        typer.Option(
            "--map", help='Peta kolom TOML: [columns] lalu "judul" = "nama kolom"; diingat untuk berkas serupa.'
        ),
    ] = None,
    report_to: Annotated[
        Path | None, typer.Option("--report", help="Tulis baris yang perlu diperbaiki ke berkas .xlsx ini.")
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Tulis; tanpa ini hanya diperiksa.")] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Ya, ubah sebanyak itu, dan mundurkan status yang berbeda.")
    ] = False,
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Periksa berkas data dan laporkan semuanya sekaligus; menulis hanya dengan --apply."""
    with opened(now) as app:
        settings = app.settings
        limits = Limits(settings.import_max_rows, settings.import_max_bytes, settings.import_max_seconds)
        sources = [Source.at(path) for path in files]
        answer = read_map(column_map) if column_map else None
        with _progress() as tell:
            reports = service.import_files(
                app.db,
                sources,
                kind=_kind(kind),
                today=app.today(),
                by=by or SYSTEM,
                now=app.now(),
                write=apply,
                confirmed=confirm,
                limits=limits,
                column_map=answer,
                progress=tell,
            )
        written = []
        for source, report in zip(sources, reports, strict=True):
            if report_to:
                name = f"{report_to.stem}-{Path(source.name).stem}" if len(sources) > 1 else report_to.stem
                path = report_to.with_stem(name)
                listed = write_workbook(
                    app.db, source, report, path, kind=_kind(kind), limits=limits, column_map=answer
                )  # fmt: skip
                written.append(f"{path}: {listed} baris perlu dilihat.")
    complete = not apply or all(report.applied for report in reports)
    if as_json:
        put(document(reports))
        # the document says which file was not applied and why; a second document beside it would be one too many
        raise typer.Exit(0 if complete else 1)
    for report in reports:
        show_report(report)
    for line in written:
        console.print(line)
    if not complete:
        raise BadInput("Tidak semua berkas diterapkan; lihat temuan di atas.", code="not_applied")


@contextmanager
def _progress() -> Iterator[service.Progress]:
    """What is being done and how far it is, on stderr; on a terminal only."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("membaca", total=None)
        yield lambda what, done, of: bar.update(task, description=what, completed=done, total=of or None)


def undo_import(batch: int, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Batalkan satu impor: data kembali seperti sebelumnya, selama belum dipakai yang lebih baru."""
    with opened(now) as app:
        undone = undo.undo(app.db, batch, by=by or SYSTEM, now=app.now())
    if as_json:
        put({**plain(undone), "status": "undone"})
        return
    console.print(
        f"Impor nomor {undone.batch} ({undone.file}) dibatalkan: {sum(undone.removed.values())} baris data dihapus,"
        f" {sum(undone.restored.values())} dikembalikan seperti semula. Berkas yang sama boleh diimpor lagi."
    )


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
    # what was put right by itself (a lost zero, a label before a number) is counted, not listed
    found = [p for p in report.problems if p.severity != "fixed"]
    rows = [[str(p.row or "-"), p.column or "-", p.severity, p.message] for p in found[:_MOST_SHOWN]]
    rows += [[str(c.row), "-", "conflict", c.message] for c in report.conflicts[:_MOST_SHOWN]]
    if rows:
        table("Temuan", ["baris", "kolom", "jenis", "penjelasan"], rows)
    if len(found) > _MOST_SHOWN:
        console.print(f"... dan {len(found) - _MOST_SHOWN} temuan lagi; --json menampilkan semuanya.")
    if report.fixed:
        console.print(f"{report.fixed} isian dirapikan sendiri.")
    if report.needs_confirmation and not report.applied:
        console.print("Banyak data terdaftar akan berubah; periksa kolomnya, lalu ulangi dengan --confirm.")
    for question in report.questions:
        console.print(
            f"Kolom mana untuk {question.column}? Pilihan: {', '.join(question.choices)}. Jawab dengan --map."
        )
    console.print("Diterapkan." if report.applied else "Belum diterapkan; tambahkan --apply untuk menulis.")
