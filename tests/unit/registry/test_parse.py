"""A file -> its rows: what every cell of an office's table comes to, without a database."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest
import xlsxwriter
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.place import load_places, matcher
from broadcaster.registry.columns import Kind
from broadcaster.registry.parse import Parsed, parse
from broadcaster.registry.reader import Limits, Source
from broadcaster.registry.report import Question
from broadcaster.registry.rules import Row
from broadcaster.shipped import content_dir
from tests.integration.registry import files

PLACES = matcher(load_places(content_dir() / "places" / "bengkulu_utara.csv"))
TODAY = date(2026, 10, 5)


def read(source: Source, kind: Kind | None = None) -> Parsed:
    return parse(source, kind=kind, limits=Limits(), place_of=PLACES, today=TODAY, data_until=TODAY)


def read_one(**cells: Any) -> tuple[Row | None, list[str]]:
    found = read(files.xlsx([files.child(**cells)]))
    return (found.rows[0] if found.rows else None), [one.code for one in found.problems]


def table(headings: Sequence[str], *rows: Sequence[Any]) -> Source:
    return files.xlsx(rows, headings)


def test_a_good_row_says_everything() -> None:
    row, codes = read_one(
        serial=7, family=3, born=date(2020, 3, 14), sex="P", name="  SITI  NUR'AINI ", mother="AMINAH BINTI M. YUSUF",
        phone="0812-3456-7890", status="sudah diambil", printed="01-09-2026", collected=date(2026, 9, 20),
    )  # fmt: skip
    assert codes == []
    assert row is not None
    assert (row.number, row.nik, row.kk) == (2, files.nik(date(2020, 3, 14), "P", 7), files.kk(3))
    assert (row.name, row.sex, row.birth, row.village) == ("Siti Nur'aini", "P", date(2020, 3, 14), "17.03.07.1027")
    assert (row.guardian, row.phones) == ("Aminah Binti M. Yusuf", ("+6281234567890",))
    assert [(event.status, event.on) for event in row.events] == [
        ("printed", date(2026, 9, 1)), ("collected", date(2026, 9, 20)),
    ]  # fmt: skip
    assert repr(row).startswith("<broadcaster.registry.rules.Row object")


@pytest.mark.parametrize(
    ("written", "sex"),
    [
        ("L", "L"),
        ("laki-laki", "L"),
        ("LK", "L"),
        ("1", "L"),
        ("P", "P"),
        ("Perempuan", "P"),
        ("pr", "P"),
        ("2", "P"),
        ("", ""),
    ],
)
def test_every_word_for_a_sex_is_read(written: str, sex: str) -> None:
    row, codes = read_one(sex="P" if sex == "P" else "L", number=files.nik(date(2020, 3, 14), sex or "L"))
    assert row is not None
    found = read(files.xlsx([[*files.child(number=files.nik(date(2020, 3, 14), sex or "L"))[:4], written,
                              *files.child()[5:]]]))  # fmt: skip
    assert found.rows[0].sex == sex
    assert found.problems == ()
    assert codes == []


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"number": ""}, "nik_missing"),
        ({"number": 1703071403200001}, "nik_number"),
        ({"number": "1,70307E+15"}, "nik_number"),
        ({"number": "17030714032000"}, "nik_length"),
        ({"number": 170307140320000}, "nik_number"),
        ({"number": "1703071403200O01"}, "nik_digits"),
        ({"number": "1111111111111111"}, "nik_filler"),
        ({"number": "1703071403200000"}, "nik_lost_digit"),
        ({"name": " - "}, "name_missing"),
        ({"written": ""}, "birth_missing"),
        ({"written": "13/13/2020"}, "birth_unreadable"),
        ({"born": date(2026, 10, 6)}, "birth_future"),
        ({"born": date(2009, 10, 5)}, "seventeen"),
        ({"desa": ""}, "desa_missing"),
        ({"desa": "Atlantis"}, "desa_unknown"),
        ({"desa": "Suka Makmur", "kecamatan": "Lais"}, "desa_elsewhere"),
        ({"kecamatan": "Lebong"}, "kecamatan_unknown"),
        ({"kecamatan": ""}, "kecamatan_missing"),
    ],
)
def test_what_makes_a_row_useless_rejects_it(cells: dict[str, Any], code: str) -> None:
    row, codes = read_one(**cells)
    assert row is None
    assert codes == [code]


@pytest.mark.parametrize("born", [date(2009, 10, 6), date(2026, 10, 5)])
def test_the_last_day_of_sixteen_and_the_day_of_birth_are_in(born: date) -> None:
    row, codes = read_one(born=born)
    assert row is not None
    assert codes == []


@pytest.mark.parametrize(
    ("cells", "code"),
    [
        ({"family": None}, "kk_missing"),
        ({"sex": "Z", "number": files.nik(date(2020, 3, 14))}, "sex_unknown"),
        ({"number": files.nik(date(2020, 3, 15))}, "nik_birth_date"),
        ({"number": files.nik(date(2020, 3, 14), "P")}, "nik_sex"),
        ({"mother": "", "father": "-"}, "guardian_missing"),
        ({"phone": "0812"}, "phone_too_short"),
        ({"phone": "8.12346E+11"}, "phone_digits_lost"),
        ({"phone": "0737521234"}, "phone_landline"),
        ({"status": "Meninggal"}, "deceased"),
        ({"status": "siap diambil"}, "event_date_missing"),
        ({"collected": "?"}, "event_unreadable"),
        ({"collected": "06-10-2026"}, "event_future"),
    ],
)
def test_what_is_only_doubtful_keeps_the_row(cells: dict[str, Any], code: str) -> None:
    row, codes = read_one(**cells)
    assert row is not None
    assert codes == [code]


@pytest.mark.parametrize(("raw", "code"), [("1703070101200", "kk_length"), (1703070101200001, "kk_number"), ("17A", "kk_digits"),
                                           ("0000000000000000", "kk_filler")])  # fmt: skip
def test_a_wrong_kk_number_rejects_the_row(raw: Any, code: str) -> None:
    row = files.child()
    row[1] = raw
    found = read(files.xlsx([row]))
    assert found.rows == ()
    assert [one.code for one in found.problems] == [code]


def test_a_bad_number_beside_a_good_one_is_a_warning_in_a_list_of_phones() -> None:
    found = read(table(["NIK", "No HP", "No WA"], [files.nik(date(2020, 3, 14)), "0812", "081234567890"],
                       [files.nik(date(2020, 3, 14)), "0812", ""]))  # fmt: skip
    assert [(one.row, one.code, one.severity) for one in found.problems] == [
        (2, "phone_too_short", "warning"), (3, "phone_too_short", "error"),
    ]  # fmt: skip
    assert [row.phones for row in found.rows] == [("+6281234567890",)]


def test_totals_signatures_and_repeated_headings_are_no_rows() -> None:
    source = files.xlsx(
        [
            list(range(1, len(files.CHILD_HEADINGS) + 1)),
            files.child(1),
            [],
            list(files.CHILD_HEADINGS),
            files.child(2),
            ["", "", "", "Jumlah: 2 anak"],
            ["", "", "", "", "", "", "Arga Makmur, 5 Oktober 2026"],
        ]
    )
    found = read(source)
    assert (found.count, [row.number for row in found.rows]) == (2, [3, 6])
    assert found.problems == ()


def test_a_row_that_lacks_its_nik_is_still_a_row() -> None:
    found = read(files.xlsx([files.child(number="", family=None)]))
    assert (found.count, found.rows) == (1, ())


def test_birthplace_and_date_in_one_cell_are_read() -> None:
    headings = ["NIK", "Nama", "TTL", "Desa", "Kecamatan", "RT/RW"]
    found = read(
        table(
            headings, [files.nik(date(2020, 3, 14)), "A", "PAL 30, 14 Maret 2020", "Gunung Alam", "Arga Makmur", "1/2"]
        )
    )
    assert found.rows[0].birth == date(2020, 3, 14)
    assert [one.code for one in found.problems] == ["kk_column_missing", "guardian_missing"]


def test_village_codes_are_read() -> None:
    headings = ["NIK", "No KK", "Nama", "TTL", "Nama Ibu", "Kode Desa"]
    row = [files.nik(date(2020, 3, 14)), files.kk(1), "A", "14-03-2020", "B", "17.03.07.1027"]
    assert read(table(headings, row)).rows[0].village == "17.03.07.1027"
    bare = ["NIK", "No KK", "NAMA_LGKP", "TGL_LHR", "NAMA_LGKP_IBU", "NO_KEL", "NO_KEC"]
    assert read(table(bare, [*row[:5], 1027, 7])).rows[0].village == "17.03.07.1027"


def test_a_second_column_for_one_field_is_told_and_asked() -> None:
    headings = [*files.CHILD_HEADINGS, "NIK Anak"]
    found = read(table(headings, [*files.child(number="17"), files.nik(date(2020, 3, 14))]))
    assert found.rows[0].nik == files.nik(date(2020, 3, 14))
    assert [one.code for one in found.problems] == ["column_twice"]
    assert found.questions == (Question("NIK", ("NIK Anak", "NIK")),)


def test_rounded_numbers_are_refused_even_as_text() -> None:
    rows = [files.child(n, family=n, number=f"170307140320{n:03}0") for n in range(1, 31)]
    found = read(files.xlsx([*rows, files.child(31, family=31)]))
    assert [row.number for row in found.rows] == [32]
    assert {one.code for one in found.problems} == {"nik_zeroes"}
    assert len(found.problems) == 30
    few = read(files.xlsx(rows[:19]))
    assert len(few.rows) == 19


def test_the_first_sheet_with_headings_is_read_and_others_are_named() -> None:
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    book.add_worksheet("Sampul").write(0, 0, "DATA KIA")
    for name in ("Lais", "Kerkap"):
        page = book.add_worksheet(name)
        page.write_row(0, 0, files.CHILD_HEADINGS)
        page.write_row(1, 0, files.child())
    book.close()
    found = read(Source("data.xlsx", buffer.getvalue()))
    assert found.count == 1
    assert [one.code for one in found.problems] == ["other_sheets"]
    assert "Kerkap" in found.problems[0].message


@pytest.mark.parametrize(
    ("source", "kind", "code"),
    [
        (Source("a.csv", b"Data KIA\n1;2\n"), None, "no_headings"),
        (Source("a.csv", b"\n\n"), None, "no_headings"),
        (Source("a.csv", b"NIK;Nama;Desa\n1;A;B\n"), None, "kind_unknown"),
        (Source("a.csv", b"NIK;Nama;Desa\n1;A;B\n"), "children", "columns_missing"),
        (Source("a.csv", b"NIK;No HP\n\n"), None, "no_rows"),
    ],
)
def test_a_file_without_headings_or_rows_is_one_problem(source: Source, kind: Kind | None, code: str) -> None:
    found = read(source, kind)
    assert [(one.row, one.code, one.severity) for one in found.problems] == [(None, code, "error")]
    assert found.refusal is found.problems[0]
    assert (found.rows, found.count) == ((), 0)


@given(st.lists(st.lists(st.text(max_size=12), max_size=16), max_size=5))
def test_no_table_breaks_the_reading(rows: list[list[str]]) -> None:
    plain = [[cell.replace("\0", "").replace("\r", "") for cell in row] for row in rows]
    text = files.csv_text(plain).encode("utf-8", "replace")
    found = read(Source("a.csv", text))
    assert found.kind == "children"
    assert found.count >= len(found.rows)
    assert all(one.message for one in found.problems)
