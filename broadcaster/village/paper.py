"""The list as files: a workbook to work in, and a sheet to print, carry and sign.

Both hold names of families, so only their owner may read the file. Neither holds a number or a birth date.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import xlsxwriter
from babel.dates import format_date

from broadcaster.domain.dates import indonesian_date
from broadcaster.errors import BadInput
from broadcaster.village.queries import Line, VillageList
from broadcaster.village.rules import TICKS

_PAGE = Path(__file__).with_name("list.typ")
#: A cell that begins with one of these may be taken for a formula.
_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n")
_LONGEST_CELL = 32_000  # characters; a sheet's own limit is 32,767


@dataclass(frozen=True)
class Column:
    title: str
    width: int  # characters in the workbook


COLUMNS: tuple[Column, ...] = (
    Column("No.", 5),
    Column("Orang tua/wali", 28),
    Column("Anak", 22),
    Column("Alasan", 34),
    Column("Yang disampaikan", 60),
    Column("Hasil kunjungan", 22),
    Column("Tanggal", 12),
    Column("Tanda tangan", 18),
)
CONFIDENTIAL = "Rahasia: hanya untuk petugas registrasi desa ini. Jangan difoto, disalin, atau dibagikan."
RESULTS = "Hasil kunjungan, tulis salah satu: " + ", ".join(rule.label.lower() for rule in TICKS.values()) + "."


def write(found: VillageList, path: Path, zone: ZoneInfo) -> None:
    """Write the list as .xlsx or .pdf, by the name's ending. Raises `BadInput` for another one, or when it cannot be written."""
    writer = {".xlsx": _write_workbook, ".pdf": _write_pdf}.get(path.suffix.lower())
    if writer is None:
        raise BadInput(f"{path.name}: nama berkas harus berakhir dengan .xlsx atau .pdf.", code="bad_list_name")
    try:
        path.touch(mode=0o600)
        path.chmod(0o600)
        writer(found, path, zone)
    except OSError as error:
        raise BadInput(f"{path.name}: berkas tidak dapat ditulis; periksa foldernya.", code="unwritable") from error


def _title(found: VillageList) -> str:
    return f"Daftar keluarga untuk petugas registrasi {found.name}, Kecamatan {found.kecamatan}"


def _cells(number: int, line: Line, zone: ZoneInfo) -> tuple[str, ...]:
    noted = ("", "")
    if line.note is not None:
        day = line.note.at.astimezone(zone).date()
        noted = (line.note.label, str(format_date(day, "dd-MM-yyyy", locale="id_ID")))
    return (str(number), line.parent, ", ".join(line.children), " ".join(line.why), line.say, *noted, "")


# ------------------------------------------------------------------------------------------------------------- workbook


def _write_workbook(found: VillageList, path: Path, zone: ZoneInfo) -> None:
    book = xlsxwriter.Workbook(str(path), {"tmpdir": str(path.parent)})
    try:
        page = book.add_worksheet("Daftar")
        formats = {
            "title": book.add_format({"bold": True, "font_size": 13}),
            "plain": book.add_format({"num_format": "@"}),
            "heading": book.add_format(
                {"bold": True, "border": 1, "text_wrap": True, "valign": "top", "bg_color": "#E2EFF0"}
            ),
            "cell": book.add_format({"border": 1, "text_wrap": True, "valign": "top", "num_format": "@"}),
            # a quote before it: text stays text when the cell is edited
            "quoted": book.add_format(
                {"border": 1, "text_wrap": True, "valign": "top", "num_format": "@", "quote_prefix": True}
            ),
        }
        head = (_title(found), f"{found.office} · {indonesian_date(found.on)}", CONFIDENTIAL, RESULTS)
        for at, text in enumerate(head):
            page.write_string(at, 0, text, formats["title" if at == 0 else "plain"])
        first = len(head) + 1
        for at, column in enumerate(COLUMNS):
            page.set_column(at, at, column.width)
            page.write_string(first, at, column.title, formats["heading"])
        for row, line in enumerate(found.lines, start=1):
            for at, text in enumerate(_cells(row, line, zone)):
                _write_text(page, first + row, at, text, formats)
        page.freeze_panes(first + 1, 0)
        page.repeat_rows(first)
        page.set_landscape()
        page.set_paper(9)  # A4
        page.fit_to_pages(1, 0)
        page.set_footer(f"&L{found.name}&RHalaman &P dari &N")
    finally:
        book.close()


def _write_text(page: Any, row: int, column: int, text: str, formats: dict[str, Any]) -> None:
    """As text whatever it begins with: the cell's type says so, and the quote keeps it so."""
    shown = "".join(sign for sign in text if sign >= " " or sign in "\t\n\r")[:_LONGEST_CELL]
    page.write_string(row, column, shown, formats["quoted" if shown.startswith(_SIGNS) else "cell"])


# ------------------------------------------------------------------------------------------------------------------ PDF


def pdf(found: VillageList, zone: ZoneInfo) -> bytes:
    """The list on A4, landscape, with the office and the village in the head of every page, numbered, with a signature column."""
    import typst  # eighty megabytes that only this one page needs

    data = {
        "office": found.office,
        "title": _title(found),
        "village": f"{found.name} ({found.code})",
        "day": indonesian_date(found.on),
        "secret": CONFIDENTIAL,
        "results": RESULTS,
        "columns": [column.title for column in COLUMNS],
        "rows": [_cells(number, line, zone) for number, line in enumerate(found.lines, start=1)],
    }
    # as data, never as text of the page's own language; with the fonts that come with it, the same on every machine
    made: bytes = typst.compile(
        str(_PAGE), sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, ignore_system_fonts=True
    )
    return made


def _write_pdf(found: VillageList, path: Path, zone: ZoneInfo) -> None:
    path.write_bytes(pdf(found, zone))
