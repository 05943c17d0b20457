"""The list of findings: the office's own columns, what is wrong and what to do, and the way back in."""

from __future__ import annotations

import stat
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from python_calamine import CalamineWorkbook

from broadcaster.cli.main import run
from broadcaster.errors import BadInput
from broadcaster.registry import problems, service
from broadcaster.registry.columns import OWN_HEADINGS
from broadcaster.registry.mapping import parse_map
from broadcaster.registry.problems import CODES, CONFLICTS
from broadcaster.registry.reader import Source
from broadcaster.registry.report import FileReport
from broadcaster.registry.workbook import reason_and_fix, write_workbook
from broadcaster.storage.database import Database
from tests.integration.registry import files

NIK = files.nik(date(2020, 3, 14), serial=2)


def dirty() -> Source:
    rows = [
        files.child(1, family=1),
        files.child(2, family=2, desa="Gunung Alm", phone="0812"),
        files.child(
            3, family=3, name='=HYPERLINK("http://x.test")', mother="-SITI", note="@apa", written=date(2020, 3, 14)
        ),
        files.child(4, family=4, number=1703071403200004, phone="+62 812-3456-7890"),
        files.child(5, family=5, phone=81234567890),
    ]
    return files.xlsx(rows, titles=["DATA KIA", "2026"], name="kia.xlsx")


def write(db: Database, source: Source, path: Path, today: date, **options: Any) -> FileReport:
    report = service.check(db, source, today=today, **options).report
    write_workbook(db, source, report, path, **options)
    return report


def rows_of(path: Path, sheet: int = 0) -> list[list[Any]]:
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(sheet).to_python()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "perbaikan.xlsx"


def test_rows_that_need_somebody_are_listed_with_reason_and_fix(
    sqlite_office: Database, today: date, out: Path
) -> None:
    write(sqlite_office, dirty(), out, today)
    headings, *rows = rows_of(out)
    assert headings == [*files.CHILD_HEADINGS, *OWN_HEADINGS]
    told = [row[-5:] for row in rows]
    assert [(row, severity) for row, severity, *_ in told] == [(5.0, "DITOLAK"), (6.0, "DITOLAK"), (7.0, "DITOLAK")]
    assert told[0][2].split("\n") == ["Desa/Kel", "No HP"]
    assert told[0][3].split("\n")[0] == "Desa/kelurahan ini tidak ada di kecamatan tersebut."
    assert "Mungkin maksudnya: Gunung Alam (Kec. Kota Arga Makmur)" in told[0][4].split("\n")[0]
    assert told[0][4].split("\n")[1] == "Nomor HP terdiri dari 10 sampai 13 angka dan diawali 08."


def test_cells_come_back_as_they_were_and_nothing_is_computed(sqlite_office: Database, today: date, out: Path) -> None:
    write(sqlite_office, dirty(), out, today)
    _, village, formula, number = rows_of(out)
    assert village[2] == NIK
    assert formula[3] == '=HYPERLINK("http://x.test")'
    assert (formula[8], formula[15], formula[5]) == ("-SITI", "@apa", date(2020, 3, 14))
    assert (number[2], number[10]) == (1703071403200004.0, "+62 812-3456-7890")
    with zipfile.ZipFile(out) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    assert not any(b"<f>" in part or b"hyperlink" in part for part in parts.values())
    assert b'quotePrefix="1"' in parts["xl/styles.xml"]


def test_the_corrected_list_is_imported_as_it_is(
    sqlite_office: Database, today: date, now: datetime, out: Path, tmp_path: Path
) -> None:
    write(sqlite_office, dirty(), out, today)
    headings, *rows = rows_of(out)
    rows[0][6], rows[0][10] = "Gunung Alam", "081211112222"
    rows[1][3], rows[1][8], rows[1][15] = "RIZKI", "SITI", ""
    rows[2][2] = files.nik(date(2020, 3, 14), serial=4)
    corrected = tmp_path / "benar.xlsx"
    book = xlsxwriter.Workbook(str(corrected), {"default_date_format": "dd/mm/yyyy"})
    page = book.add_worksheet("Perlu diperbaiki")
    for at, row in enumerate([headings, *rows]):
        page.write_row(at, 0, row)
    book.close()
    checked = service.check(sqlite_office, Source.at(corrected), today=today)
    assert checked.report.problems == ()
    assert service.apply(sqlite_office, checked, by="sari", now=now).report.good == 3


def test_the_list_as_it_is_gives_the_same_findings_again(
    sqlite_office: Database, today: date, out: Path, tmp_path: Path
) -> None:
    first = write(sqlite_office, dirty(), out, today)
    second = write(sqlite_office, Source.at(out), tmp_path / "lagi.xlsx", today)
    told = [(found.code, found.column, found.value_masked) for found in first.problems if found.severity != "fixed"]
    assert [(found.code, found.column, found.value_masked) for found in second.problems] == told
    assert rows_of(tmp_path / "lagi.xlsx")[0] == rows_of(out)[0]  # the added columns are not added twice


def test_an_answer_about_columns_fits_the_list_too(
    sqlite_office: Database, today: date, now: datetime, out: Path
) -> None:
    headings = ["Nama", *files.CHILD_HEADINGS[:3], "Nama", *files.CHILD_HEADINGS[4:]]
    source = files.xlsx([["WALI", *files.child(desa="Atlantis")]], headings)
    answer = parse_map('[columns]\n"Nama [E]" = "name"', "peta.toml")
    options: Any = {"today": today, "by": "sari", "now": now}
    [report] = service.import_files(sqlite_office, [source], write=True, column_map=answer, **options)
    assert write_workbook(sqlite_office, source, report, out) == 1
    again = service.check(sqlite_office, Source.at(out), today=today).report
    assert [found.code for found in again.problems] == ["desa_unknown"]
    assert again.questions == ()


def test_a_file_that_cannot_be_used_comes_with_all_its_rows_and_the_reason(
    sqlite_office: Database, today: date, out: Path
) -> None:
    write(
        sqlite_office,
        files.csv_file([["17", "A"], ["18", "=B"]], ["NIK", "Nama"], name="a.csv"),
        out,
        today,
        kind="children",
    )
    assert rows_of(out) == [["NIK", "Nama"], ["17", "A"], ["18", "=B"]]
    summary = rows_of(out, 1)
    assert ["Berkas", "a.csv"] in summary
    assert any(first == "DITOLAK" and second.startswith("Kolom Tanggal Lahir") for first, second in summary)


def test_a_clean_file_gives_an_empty_list(sqlite_office: Database, today: date, out: Path) -> None:
    write(sqlite_office, files.xlsx([files.child()]), out, today)
    assert rows_of(out) == [[*files.CHILD_HEADINGS, *OWN_HEADINGS]]


def test_only_its_owner_can_read_it(sqlite_office: Database, today: date, out: Path) -> None:
    out.write_bytes(b"old")
    out.chmod(0o644)
    write(sqlite_office, dirty(), out, today)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [
        path.name for path in out.parent.glob("*") if path.suffix not in (".xlsx",) and "sqlite3" not in path.name
    ] == []


@pytest.mark.parametrize(("name", "words"), [("a.csv", r"\.xlsx"), ("tidak/ada.xlsx", "tidak dapat ditulis")])
def test_a_list_that_cannot_be_written_is_said(
    sqlite_office: Database, today: date, tmp_path: Path, name: str, words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        write(sqlite_office, dirty(), tmp_path / name, today)


def test_every_sentence_about_a_cell_has_a_reason_and_a_fix() -> None:
    sentences = {**problems.ERRORS, **problems.EVENTS, **problems.PHONES, **problems.PLACES}
    assert set(sentences) | set(CONFLICTS) <= CODES
    for code, sentence in sentences.items():
        if sentence.startswith("{"):
            continue
        reason, fix = reason_and_fix(sentence.format(day="", suggestions="", count=100))
        assert reason.endswith("."), code
        assert fix.endswith("."), code


def test_the_command_line_writes_one_list_for_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    for name in ("satu", "dua"):
        content = dirty().content
        assert isinstance(content, bytes)
        Path(f"{name}.xlsx").write_bytes(content)
    assert run(["import", "satu.xlsx", "--report", "hasil.xlsx", "--json"]) == 0
    assert len(rows_of(Path("hasil.xlsx"))) == 4
    assert run(["import", "satu.xlsx", "dua.xlsx", "--report", "hasil.xlsx"]) == 0
    assert Path("hasil-satu.xlsx").exists()
    assert Path("hasil-dua.xlsx").exists()
    assert "3 baris perlu dilihat" in capsys.readouterr().out
