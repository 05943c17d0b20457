"""The list of findings as a workbook: the rows that need somebody, with their own columns, the reason and the fix beside them.

It is made to be corrected and imported again: headings in the first row, every text as text (a NIK keeps its digits, nothing
that begins with = + - @ is computed), the added columns at the end, where the import passes over them.
It holds the office's data in the clear, so only its owner may read the file.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import xlsxwriter

from broadcaster.errors import BadInput
from broadcaster.registry.answers import remembered
from broadcaster.registry.columns import OWN_HEADINGS, OWN_KEYS, Columns, Kind, load_words, title_key, without_letters
from broadcaster.registry.mapping import ColumnMap
from broadcaster.registry.reader import Limits, Row, Source, sheets
from broadcaster.registry.report import FileReport
from broadcaster.registry.source import LONGEST_CELL
from broadcaster.registry.table import Answers, find_table
from broadcaster.storage.database import Database

_WORDS = {"error": "DITOLAK", "conflict": "BERBEDA", "warning": "PERIKSA", "fixed": "DIRAPIKAN"}
_RANK = tuple(_WORDS)
_COLOURS = {"error": "#F8CBAD", "conflict": "#FFE699", "warning": "#FFE699", "fixed": "#E2EFDA"}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SIGNS = ("=", "+", "-", "@", "\t", "\r")
_OLDEST = date(1900, 3, 1)  # spreadsheets count wrongly before


@dataclass
class _Findings:
    """What was found in one row."""

    severity: str = "fixed"
    cells: dict[str, str] = field(default_factory=dict)  # heading -> worst severity
    columns: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    fixes: list[str] = field(default_factory=list)

    def add(self, severity: str, column: str, message: str) -> None:
        self.severity = min(self.severity, severity, key=_RANK.index)
        if column:
            self.cells[column] = min(self.cells.get(column, "fixed"), severity, key=_RANK.index)
        reason, fix = reason_and_fix(message)
        self.columns.append(column or "-")
        self.reasons.append(reason)
        self.fixes.append(fix or "-")


def reason_and_fix(message: str) -> tuple[str, str]:
    """Our sentences are written `what is wrong; what to do.`, a few as two sentences."""
    reason, mark, fix = message.partition("; ")
    if not mark:
        reason, mark, fix = message.partition(". ")
    if not mark:
        return message, ""
    return f"{reason.rstrip('.')}.", fix[:1].upper() + fix[1:]


def write_workbook(
    db: Database,
    source: Source,
    report: FileReport,
    path: Path,
    *,
    kind: Kind | None = None,
    limits: Limits | None = None,
    column_map: ColumnMap | None = None,
) -> int:
    """Write the findings of `report` about `source`; returns how many rows are listed. The other arguments as in the check.

    A file that cannot be used at all comes with all its rows. Raises `BadInput` when the workbook cannot be written.
    """
    if path.suffix.lower() != ".xlsx":
        raise BadInput(f"{path.name}: nama laporan harus berakhir dengan .xlsx.", code="bad_report_name")
    with db.read() as session:
        answers = Answers(column_map, remembered(session))
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "tmpdir": str(path.parent)})
    except OSError as error:
        raise BadInput(f"{path.name}: laporan tidak dapat ditulis; periksa foldernya.", code="unwritable") from error
    try:
        return _fill(_Pen(book), source, report, kind, limits or Limits(), answers)
    finally:
        book.close()


def _fill(pen: _Pen, source: Source, report: FileReport, kind: Kind | None, limits: Limits, answers: Answers) -> int:
    page = pen.book.add_worksheet("Perlu diperbaiki")
    pen.summary(report)
    found = _by_row(report)
    with sheets(source, limits) as tables:
        table = find_table(tables, load_words(), kind, answers)
        if table.columns is None:
            return pen.copy(page, _first_rows(source, limits))
        if table.refusal is not None:
            return pen.copy(page, (row for _, row in table.rows))
        kept = [at for at, title in enumerate(table.columns.titles) if title_key(title) not in OWN_KEYS]
        pen.headings(page, table.columns, kept)
        count = 0
        for number, row in table.rows:
            if number in found:
                count += 1
                pen.row(page, count, number, row, kept, table.columns, found[number])
        page.autofilter(0, 0, count, len(kept) + len(OWN_HEADINGS) - 1)
        return count


def _by_row(report: FileReport) -> Mapping[int, _Findings]:
    """What was only put right by itself needs nobody."""
    found: dict[int, _Findings] = {}
    for one in report.problems:
        if one.row is not None:
            found.setdefault(one.row, _Findings()).add(one.severity, one.column, one.message)
    for clash in report.conflicts:
        found.setdefault(clash.row, _Findings()).add("conflict", "", clash.message)
    return {row: some for row, some in found.items() if some.severity != "fixed"}


def _first_rows(source: Source, limits: Limits) -> Iterator[Row]:
    with sheets(source, limits) as tables:
        for sheet in tables:
            for count, (_, row) in enumerate(sheet.rows):
                if count >= limits.rows:
                    break
                yield row
            return


class _Pen:
    """Writes cells as what they were; formats are made once."""

    def __init__(self, book: Any) -> None:
        self.book = book
        self._formats: dict[tuple[str, str], Any] = {}

    def format(self, sort: str, severity: str = "") -> Any:
        made = self._formats.get((sort, severity))
        if made is None:
            looks: dict[str, dict[str, Any]] = {
                "heading": {"bold": True, "text_wrap": True, "valign": "top", "border": 1},
                "text": {"num_format": "@"},
                "quoted": {"num_format": "@", "quote_prefix": True},
                "day": {"num_format": "dd-mm-yyyy"},
                "moment": {"num_format": "dd-mm-yyyy hh:mm"},
                "number": {},
                "told": {"num_format": "@", "text_wrap": True, "valign": "top"},
            }
            colour = {"bg_color": _COLOURS[severity]} if severity else {}
            made = self._formats[sort, severity] = self.book.add_format(looks[sort] | colour)
        return made

    def headings(self, page: Any, columns: Columns, kept: Sequence[int]) -> None:
        titles = [without_letters(columns.titles[at]) for at in kept]
        for at, title in enumerate([*titles, *OWN_HEADINGS]):
            self.text(page, 0, at, title, "heading")
        page.freeze_panes(1, 0)
        page.set_column(0, len(kept) - 1, 18)
        page.set_column(len(kept), len(kept) + 2, 14)
        page.set_column(len(kept) + 3, len(kept) + 4, 60)

    def row(
        self, page: Any, at: int, number: int, row: Row, kept: Sequence[int], columns: Columns, found: _Findings
    ) -> None:
        for column, index in enumerate(kept):
            cell = row[index] if index < len(row) else ""
            self.cell(page, at, column, cell, found.cells.get(columns.titles[index], ""))
        page.write_number(at, len(kept), number)
        told = (_WORDS[found.severity], *("\n".join(some) for some in (found.columns, found.reasons, found.fixes)))
        for column, text in enumerate(told, start=len(kept) + 1):
            self.text(page, at, column, text, "told", found.severity)

    def copy(self, page: Any, rows: Iterator[Row]) -> int:
        count = 0
        for at, row in enumerate(rows):
            count = at + 1
            for column, cell in enumerate(row):
                self.cell(page, at, column, cell)
        return count

    def cell(self, page: Any, row: int, column: int, cell: object, severity: str = "") -> None:
        if isinstance(cell, bool):
            page.write_boolean(row, column, cell, self.format("number", severity))
        elif isinstance(cell, (int, float)) and math.isfinite(cell):
            page.write_number(row, column, cell, self.format("number", severity))
        elif isinstance(cell, date) and (cell.date() if isinstance(cell, datetime) else cell) >= _OLDEST:
            midnight = not isinstance(cell, datetime) or (cell.hour, cell.minute, cell.second) == (0, 0, 0)
            page.write_datetime(row, column, cell, self.format("day" if midnight else "moment", severity))
        elif cell not in ("", None):
            self.text(page, row, column, str(cell), "text", severity)
        elif severity:
            page.write_blank(row, column, None, self.format("text", severity))

    def text(self, page: Any, row: int, column: int, text: str, sort: str, severity: str = "") -> None:
        """As text whatever it begins with: the cell's type says so, and the quote prefix keeps it so when it is edited."""
        shown = _CONTROL.sub("", text)[:LONGEST_CELL]
        quoted = sort == "text" and shown.startswith(_SIGNS)
        page.write_string(row, column, shown, self.format("quoted" if quoted else sort, severity))

    def summary(self, report: FileReport) -> None:
        page = self.book.add_worksheet("Ringkasan")
        page.set_column(0, 0, 16)
        page.set_column(1, 1, 110)
        lines = [
            ("Berkas", report.file),
            ("Jumlah", f"{report.rows} baris: {report.good} baik, {report.rejected} ditolak."),
            ("Cara memakai", "Perbaiki isian yang berwarna di lembar pertama, simpan, lalu impor berkas ini lagi."),
        ]
        lines += [(_WORDS[found.severity], found.message) for found in report.problems if found.row is None]
        lines += [
            ("TANYA", f"{one.column}: kolom mana? {' / '.join(one.choices)}. Jawab dengan peta kolom (--map).")
            for one in report.questions
        ]
        for at, (first, second) in enumerate(lines):
            self.text(page, at, 0, first, "told")
            self.text(page, at, 1, second, "told")
