"""The office files of the district hold what the district is, flaws included."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from broadcaster.domain.card import CardStatus
from broadcaster.domain.dates import read_date
from broadcaster.domain.phone import read_phone
from broadcaster.domain.place import load_places, match
from broadcaster.shipped import content_dir
from broadcaster.simulator import district_files
from broadcaster.simulator.district import District, collections_until, generate

START = date(2026, 10, 5)
_PLACES = load_places(content_dir() / "places" / "bengkulu_utara.csv")


@pytest.fixture(scope="module")
def district() -> District:
    return generate(1200, 11, _PLACES, START)


@pytest.fixture(scope="module")
def files(district: District, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return district_files.write_office_files(district, tmp_path_factory.mktemp("office") / "files")


def _table(path: Path) -> tuple[list[list[object]], list[dict[str, object]]]:
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()
    top = next(index for index, row in enumerate(rows) if row[0] in ("NO", "No"))
    return rows[:top], [dict(zip(map(str, rows[top]), row, strict=True)) for row in rows[top + 1 :]]


def test_the_register_has_title_rows_and_one_row_per_child(district: District, files: tuple[Path, Path]) -> None:
    titles, rows = _table(files[0])
    assert titles[0][0] == "PEMERINTAH KABUPATEN BENGKULU UTARA"
    assert str(titles[2][0]).endswith("PER 4 OKTOBER 2026")
    assert len(rows) == len(district.children)


def test_every_row_but_the_spoilt_ones_can_be_read_back(district: District, files: tuple[Path, Path]) -> None:
    _, rows = _table(files[0])
    families = [(home, child) for home in district.households for child in home.children]
    for row, (home, child) in zip(rows, families, strict=True):
        nik = str(row["NIK"]).replace(" ", "")
        found = match(str(row["KEC_NAME"]), str(row["KEL_NAME"]), _PLACES).place
        assert (nik == child.nik) is (child.defect != "nik_short")
        assert (found == home.place) is (child.defect != "village_unknown")
        assert str(row["NO_KK"]).strip("'") == home.kk
        if child.defect == "birth_missing":
            assert row["TGL_LHR"] == ""
        else:
            assert read_date(row["TGL_LHR"]) == child.born
        assert str(row["NAMA_LGKP"]).strip().upper() == child.name
        assert str(row["JENIS_KLMIN"])[0] == child.sex
        if child.status is CardStatus.PRINTED:
            assert read_date(row["TGL CETAK"]) == child.printed_on
            assert row["TGL AMBIL"] == ""


def test_some_rows_are_untidy_but_most_are_not(district: District, files: tuple[Path, Path]) -> None:
    _, rows = _table(files[0])
    untidy = sum(
        " " in str(row["NIK"])
        or str(row["NO_KK"]).startswith("'")
        or str(row["NAMA_LGKP"]) != str(row["NAMA_LGKP"]).strip().upper()
        or len(str(row["JENIS_KLMIN"])) > 1
        or (isinstance(row["TGL_LHR"], str) and row["TGL_LHR"] != "")
        or str(row["KEL_NAME"]) != str(row["KEL_NAME"]).upper().strip()
        for row in rows
    )
    assert untidy / len(rows) == pytest.approx(0.05, abs=0.02)


def test_the_list_of_phones_is_a_clerks_csv(district: District, files: tuple[Path, Path]) -> None:
    assert files[1].read_bytes().startswith(b"\xef\xbb\xbfNo;No KK;")
    with files[1].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    by_kk = {home.kk: home for home in district.households}
    kinds: Counter[str] = Counter()
    for row in rows:
        device = by_kk[row["No KK"]].device
        phone = read_phone(row["No HP"])
        kinds[phone.kind] += 1
        assert phone.e164 == device.phone if device else phone.kind in ("empty", "landline")
    assert kinds["mobile"] == sum(home.device is not None for home in district.households)
    assert 0 < kinds["empty"] + kinds["landline"] < 0.03 * len(rows)
    assert len({row["No HP"][0] for row in rows}) > 2  # written in several ways


def test_the_counters_book_lists_who_came(district: District, tmp_path: Path) -> None:
    until = START + timedelta(days=13)
    records = collections_until(district, {}, until)
    path = tmp_path / f"collections-{until}.xlsx"
    district_files.write_collections(records, path, until)
    titles, rows = _table(path)
    assert titles[0][0] == "BUKU PENGAMBILAN KIA SAMPAI 18 OKTOBER 2026"
    assert [(row["NIK"], row["Tgl Ambil"]) for row in rows] == [(r.nik, r.collected_on) for r in records]


def test_the_same_district_writes_the_same_cells(district: District, files: tuple[Path, Path], tmp_path: Path) -> None:
    again = district_files.write_office_files(district, tmp_path)
    assert _table(again[0]) == _table(files[0])
    assert again[1].read_bytes() == files[1].read_bytes()
