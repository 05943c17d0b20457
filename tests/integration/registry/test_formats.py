"""One set of rows in eight formats and encodings is one import."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

import pytest

from broadcaster.registry import service
from broadcaster.registry.reader import Source
from broadcaster.registry.report import FileReport
from broadcaster.storage.database import Database
from tests.corpus import writers
from tests.integration.registry import files, picture
from tests.integration.registry.conftest import Fresh

_CELLS: list[dict[str, Any]] = [
    {"phone": "0812-3456-7890", "name": "ZOË D'ARC", "status": "Siap diambil", "printed": "01-09-2026"},
    {"phone": "+62 813 1111 2222/0852.6666.7777", "mother": "SITI\nAMINAH"},
    {"desa": "Gunung Alm"},
    {"written": "14 Maret 2020", "note": "pindah ke Curup"},
    {"number": "17030714032"},
    {"father": 'BUDI, "JR"; S.Pd\t| MM'},
    {"family": None, "phone": "tidak ada"},
]
ROWS = [list(files.CHILD_HEADINGS)] + [
    [str(cell) for cell in files.child(n, **{"family": n, **cells})] for n, cells in enumerate(_CELLS, start=1)
]


def _text(delimiter: str, encoding: str) -> bytes:
    return files.csv_text(ROWS[1:], ROWS[0], delimiter).encode(encoding)


FORMS = {
    "data.csv": _text(",", "utf-8"),
    "data_bom.csv": _text(";", "utf-8-sig"),
    "data_windows.csv": _text(";", "cp1252"),
    "data_utf16.csv": _text("\t", "utf-16"),
    "data.tsv": _text("\t", "utf-8"),
    "data.txt": _text("|", "utf-16-be"),
    "data.xlsx": writers.xlsx(("Data", ROWS)),
    "data.xls": writers.xls(ROWS),
    "data.ods": writers.ods(ROWS),
}


def _apply(db: Database, name: str, today: date, now: datetime) -> tuple[FileReport, list[Any]]:
    checked = service.check(db, Source(name, FORMS[name]), today=today)
    report = service.apply(db, checked, by="sari", now=now).report
    return replace(report, file=""), picture.households(db)


def test_the_rows_are_imported_as_they_are_meant(sqlite_office: Database, today: date, now: datetime) -> None:
    report, homes = _apply(sqlite_office, "data.xlsx", today, now)
    found = {(one.row, one.code) for one in report.problems}
    assert found == {(4, "desa_unknown"), (5, "moved"), (6, "nik_length"), (8, "kk_missing")}
    assert (report.rows, report.good, report.new) == (7, 5, 5)
    assert len(homes) == 5


@pytest.mark.parametrize("name", [name for name in FORMS if name != "data.xlsx"])
def test_every_form_gives_the_same_report_and_the_same_register(
    fresh: Fresh, today: date, now: datetime, name: str
) -> None:
    one, other = fresh(), fresh()
    assert _apply(one, name, today, now) == _apply(other, "data.xlsx", today, now)
    one.close()
    other.close()


def test_the_name_of_a_file_says_nothing(sqlite_office: Database, today: date) -> None:
    for name, content in FORMS.items():
        assert service.check(sqlite_office, Source("kiriman.doc", content), today=today).report.rows == 7, name


@pytest.mark.parametrize("make", [writers.xlsx, writers.ods], ids=["xlsx", "ods"])
def test_real_dates_and_numbers_are_read_alike(sqlite_office: Database, today: date, make: Any) -> None:
    rows = [list(files.CHILD_HEADINGS), files.child(written=date(2020, 3, 14), phone=81234567890, collected=46000)]
    content = make(("Data", rows)) if make is writers.xlsx else make(rows)
    report = service.check(sqlite_office, Source("data", content), today=today).report
    assert [(found.row, found.code) for found in report.problems] == [(2, "phone_zero_added")]
    assert report.good == 1
