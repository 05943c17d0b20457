"""A column that cannot be placed is asked about once; the answer is remembered for files of that shape."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcaster.cli.main import run
from broadcaster.errors import BadInput
from broadcaster.registry import mapping, service
from broadcaster.registry.mapping import ColumnMap, parse_map, read_map
from broadcaster.registry.reader import Source
from broadcaster.registry.report import FileReport
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.integration.registry import files, picture

HEADINGS = ["Nomor Induk", "Nama Murid", "Lahir", "Kampung", "Kecamatan", "No KK"]
ANSWER = """[columns]
"Nomor Induk" = "nik"
"NAMA  murid" = "Nama"
"Lahir" = "birth_date"
"Kampung" = "Desa/Kelurahan"
"""


def pupils(serial: int = 1, headings: Sequence[str] = HEADINGS) -> Source:
    row = [
        files.nik(date(2020, 3, 14), serial=serial),
        "RIZKI",
        "14-03-2020",
        "Gunung Alam",
        "Arga Makmur",
        files.kk(serial),
    ]
    return files.csv_file([row], headings, name="murid.csv")


class Imports:
    def __init__(self, db: Database, today: date, now: datetime) -> None:
        self.db, self.options = db, {"today": today, "by": "sari", "now": now}

    def __call__(self, source: Source, answer: str = "", *, write: bool = False) -> FileReport:
        column_map = parse_map(answer, "peta.toml") if answer else None
        options: Any = self.options
        [report] = service.import_files(self.db, [source], write=write, column_map=column_map, **options)
        return report


@pytest.fixture
def imports(sqlite_office: Database, today: date, now: datetime) -> Imports:
    return Imports(sqlite_office, today, now)


def test_headings_nobody_knows_are_asked_about(imports: Imports) -> None:
    report = imports(pupils())
    assert [found.code for found in report.problems] == ["kind_unknown"]
    assert [question.column for question in report.questions] == ["NIK", "Nama", "Tanggal Lahir", "Desa/Kelurahan"]
    assert {question.choices for question in report.questions} == {tuple(HEADINGS[:4])}


def test_an_answer_is_used_remembered_and_not_asked_again(imports: Imports) -> None:
    first = imports(pupils(), ANSWER, write=True)
    assert (first.applied, first.good, first.questions) == (True, 1, ())
    later = imports(pupils(2), write=True)
    assert (later.applied, later.new, later.questions) == (True, 1, ())
    assert len(picture.households(imports.db)) == 2


def test_case_and_spacing_of_the_headings_do_not_change_the_shape_but_their_order_does(imports: Imports) -> None:
    imports(pupils(), ANSWER, write=True)
    assert imports(pupils(2, [heading.upper().replace(" ", "_") for heading in HEADINGS])).good == 1
    assert imports(pupils(2, [*HEADINGS[1::-1], *HEADINGS[2:]])).questions != ()


def test_checking_with_an_answer_keeps_nothing(imports: Imports) -> None:
    assert imports(pupils(), ANSWER).good == 1
    with imports.db.read() as session:
        assert session.exec(select(tables.ColumnMap)).all() == []
    assert imports(pupils()).questions != ()


def test_a_newer_answer_replaces_the_older_one(imports: Imports) -> None:
    imports(pupils(), ANSWER, write=True)
    ignoring = ANSWER + '"No KK" = ""\n'
    assert [found.code for found in imports(pupils(2), ignoring, write=True).problems][:1] == ["kk_column_missing"]
    with imports.db.read() as session:
        [kept] = session.exec(select(tables.ColumnMap)).all()
        audits = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "column_map")).all()
    assert (kept.staff, len(audits)) == ("sari", 2)


def test_of_two_equal_headings_the_office_chooses(imports: Imports) -> None:
    headings = ["NIK", "Nama", "Nama", "Tgl Lahir", "Desa", "Kecamatan", "No KK"]
    row = [files.nik(date(2020, 3, 14)), "BUDI", "RIZKI", "14-03-2020", "Gunung Alam", "Arga Makmur", files.kk(1)]
    source = files.csv_file([row], headings)
    asked = imports(source)
    assert [(question.column, question.choices) for question in asked.questions] == [("Nama", ("Nama [B]", "Nama [C]"))]
    assert [found.code for found in asked.problems] == ["column_unclear"]
    imports(source, '[columns]\n"Nama [C]" = "name"\n', write=True)
    [(_, _, _, [(_, name, *_)], _)] = picture.households(imports.db)
    assert name == "Rizki"


def test_an_answer_that_settles_a_better_and_a_lesser_heading_ends_the_warning(imports: Imports) -> None:
    headings = [*files.CHILD_HEADINGS, "NIK Anak"]
    rows = [[*files.child(), files.nik(date(2020, 3, 14), serial=9)]]
    assert [found.code for found in imports(files.csv_file(rows, headings)).problems] == ["column_twice"]
    assert imports(files.csv_file(rows, headings), '[columns]\n"NIK" = "nik"').problems == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("columns = 1", r"\[columns\]"),
        ("[columns]", r"\[columns\]"),
        ("[kolom]\nNIK = 'nik'", "bagian kolom tidak dikenal"),
        ("[columns\n", "tidak terbaca"),
        ("[columns]\nNIK = 'nikk'", "Mungkin maksudnya nik"),
        ("[columns]\nNIK = 7", "bukan nama kolom"),
        ("[columns]\nA = 'nik'\nB = 'NIK'", "dua judul untuk NIK"),
    ],
)
def test_a_map_that_says_nothing_clear_is_refused_with_the_fix(text: str, words: str) -> None:
    with pytest.raises(BadInput, match=rf"^peta\.toml: .*{words}"):
        parse_map(text, "peta.toml")


def test_several_phone_columns_may_be_named() -> None:
    found = parse_map("[columns]\nA = 'phone'\nB = 'No HP'", "peta.toml")
    assert set(found.columns.values()) == {"phone"}


def test_a_heading_that_no_file_has_is_a_slip_of_the_pen(imports: Imports) -> None:
    with pytest.raises(
        BadInput, match='judul "Nomer Induk" tidak ada di berkas; judul yang ada: Nomor Induk, Nama Murid'
    ):
        imports(pupils(), '[columns]\n"Nomer Induk" = "nik"', write=True)


def test_a_map_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="tidak dapat dibuka"):
        read_map(tmp_path / "peta.toml")
    (tmp_path / "peta.toml").write_bytes(b"\xff\xfe\x81")
    with pytest.raises(BadInput, match="UTF-8"):
        read_map(tmp_path / "peta.toml")


def test_the_command_line_takes_the_answer_and_needs_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    for serial in (1, 2):
        content = pupils(serial).content
        assert isinstance(content, bytes)
        Path(f"murid{serial}.csv").write_bytes(content)
    Path("peta.toml").write_text(ANSWER, encoding="utf-8")
    assert run(["import", "murid1.csv", "--apply", "--json"]) == 1
    assert run(["import", "murid1.csv", "--map", "peta.toml", "--apply", "--json"]) == 0
    assert run(["import", "murid2.csv", "--apply", "--json"]) == 0
    capsys.readouterr()


def test_what_is_kept_reads_back_as_it_was() -> None:
    told = parse_map(ANSWER, "peta.toml")
    kept = mapping.from_json(mapping.to_json(told))
    assert (kept.columns, kept.written) == (told.columns, told.written)
    assert isinstance(kept, ColumnMap)
