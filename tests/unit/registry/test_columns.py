"""Headings of offices -> fields, and the kind of file they make."""

from __future__ import annotations

from typing import Any

import pytest

from broadcaster.domain.card import CardStatus
from broadcaster.registry import columns
from broadcaster.registry.columns import (
    Columns,
    find_columns,
    fold,
    guess_kind,
    is_heading_again,
    load_words,
    missing_columns,
    parse_words,
)

WORDS = load_words()
SIAK = ["NO_KK", "NIK", "NAMA_LGKP", "JENIS_KLMIN", "TMPT_LHR", "TGL_LHR", "NAMA_LGKP_IBU", "NAMA_LGKP_AYAH", "KEC_NAME",
        "KEL_NAME"]  # fmt: skip


def columns_of(*rows: list[Any]) -> Columns:
    found = find_columns(list(enumerate(rows, start=1)), WORDS)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("written", "field"),
    [
        ("No. KK", "kk"), ("NO KK", "kk"), ("Nomor KK", "kk"), ("NKK", "kk"), ("no_kk", "kk"), ("No KK (16 digit)", "kk"),
        ("NIK", "nik"), ("N I K", "nik"), ("NIK Anak", "nik"),
        ("Nama", "name"), ("NAMA LENGKAP", "name"), ("Nama  Anak", "name"),
        ("JK", "sex"), ("Jenis Kelamin", "sex"), ("L/P", "sex"),
        ("Tanggal Lahir", "birth_date"), ("Tgl. Lhr", "birth_date"), ("TGL LAHIR", "birth_date"),
        ("TTL", "birth"), ("Tempat/Tgl Lahir", "birth"), ("Tempat, Tanggal Lahir", "birth"),
        ("Desa/Kelurahan", "village"), ("Desa/Kel", "village"), ("DESA", "village"), ("KEL_NAME", "village"),
        ("Kec.", "kecamatan"), ("Kecamatan", "kecamatan"),
        ("Nama Ayah", "father"), ("Nama Ibu", "mother"), ("Nama Orang Tua/Wali", "parent"),
        ("Nama Kepala Keluarga", "head"),
        ("No HP", "phone"), ("No. HP", "phone"), ("HP", "phone"), ("Telp", "phone"), ("No Telepon", "phone"), ("No WA", "phone"),
        ("Nomor WhatsApp", "phone"),
        ("Status", "status"), ("Tgl Cetak", "printed_on"), ("Tanggal Pengambilan", "collected_on"),
        ("Tgl Ambil", "collected_on"), ("Tgl Pengajuan", "applied_on"), ("Ket", "note"), ("Keterangan", "note"),
    ],
)  # fmt: skip
def test_the_headings_of_offices_are_known(written: str, field: str) -> None:
    assert WORDS.headings[fold(written)][0] == field
    assert WORDS.headings[fold(f"  {written.upper()} ")][0] == field


@pytest.mark.parametrize(
    "written", ["No", "Umur", "Alamat", "RT", "RW", "RT/RW", "Dusun", "SHDK", "No Akta", "Nama Pengambil"]
)
def test_known_headings_that_are_not_needed_only_help_to_find_the_row(written: str) -> None:
    assert fold(written) in WORDS.ignored
    assert fold(written) not in WORDS.headings


def test_headings_are_found_below_titles() -> None:
    found = columns_of(["DATA KIA"], [""], ["Kecamatan Lais"], ["No", "NIK", "Nama", "Tgl Lahir"], [1, "17", "A", "B"])
    assert found.row == 4
    assert found.index == {"nik": 1, "name": 2, "birth_date": 3}


def test_the_registers_own_headings_make_a_file_of_children() -> None:
    found = columns_of(SIAK)
    assert guess_kind(found) == "children"
    assert missing_columns(found, "children") == []


def test_headings_in_two_lines_are_joined() -> None:
    found = columns_of(["No", "NIK", "Nama", "Orang Tua", "", "No HP"], ["", "", "", "Ayah", "Ibu", ""])
    assert found.row == 2
    assert {name: found.index[name] for name in ("nik", "father", "mother")} == {"nik": 1, "father": 3, "mother": 4}
    assert found.phones == (5,)


def test_a_first_child_is_no_second_line_of_headings() -> None:
    assert columns_of(["NIK", "Nama"], ["1703", "Ibu"]).row == 1


def test_several_phone_columns_are_all_read_and_other_doubles_reported() -> None:
    found = columns_of(["NIK", "NIK Anak", "No HP", "No WA"])
    assert found.phones == (2, 3)
    assert found.index["nik"] == 1  # the more telling heading
    assert found.doubled == (("nik", "NIK Anak", ("NIK",)),)


@pytest.mark.parametrize(
    ("headings", "kind"),
    [
        (["NIK", "Nama", "TTL", "Desa", "Kec", "No HP", "Status"], "children"),
        (["NIK", "No HP"], "phones"),
        (["No KK", "Nama", "No WA", "Desa"], "phones"),
        (["NIK", "Status"], "collections"),
        (["NIK", "Nama", "Tgl Ambil", "No HP"], "collections"),
        (["No KK", "No HP", "Status"], "phones"),
        (["NIK", "Nama", "Desa"], None),
        (["Nama", "Status"], None),
    ],
)
def test_the_kind_follows_from_the_headings(headings: list[str], kind: str | None) -> None:
    assert guess_kind(columns_of(headings)) == kind


def test_missing_columns_are_named() -> None:
    found = columns_of(["Nama", "No HP", "Desa"])
    assert missing_columns(found, "children") == ["NIK", "Tanggal Lahir atau TTL", "Kecamatan"]
    assert missing_columns(found, "phones") == ["NIK atau No KK"]
    assert missing_columns(found, "collections") == ["NIK", "Status atau Tgl Ambil atau Tgl Cetak atau Tgl Pengajuan"]


def test_whole_village_codes_need_no_kecamatan() -> None:
    found = columns_of(["NIK", "Nama", "TTL", "Kode Desa"])
    assert missing_columns(found, "children") == []


@pytest.mark.parametrize(
    ("row", "again"),
    [
        (["No", "NIK", "Nama", "Tgl Lahir"], True),
        ([1, 2, 3, 4], True),
        (["(1)", "(2)", "(3)", "(4)"], True),
        ([1.0, 2.0, 3.0, 4.0], True),
        ([1, "1703071403200001", "A", "14-03-2020"], False),
        ([1, "", "NIK", ""], False),
        (["", "", "", ""], False),
    ],
)
def test_repeated_headings_and_column_numbers_are_no_data(row: list[Any], again: bool) -> None:
    assert is_heading_again(row, columns_of(["No", "NIK", "Nama", "Tgl Lahir"]), WORDS) is again


def test_a_sheet_without_headings_has_no_columns() -> None:
    assert find_columns([(1, ["DATA"]), (2, []), (3, ["NIK"])], WORDS) is None
    assert find_columns([], WORDS) is None


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Siap Diambil", CardStatus.PRINTED), ("selesai", CardStatus.PRINTED), ("DICETAK", CardStatus.PRINTED),
        ("belum diambil", CardStatus.PRINTED), ("sudah diambil", CardStatus.COLLECTED), ("Diambil", CardStatus.COLLECTED),
        ("proses", CardStatus.IN_PROCESS), ("Diproses", CardStatus.IN_PROCESS), ("Pengajuan Baru", CardStatus.APPLIED),
        ("belum diproses", CardStatus.APPLIED), ("ditolak", CardStatus.REJECTED), ("belum", CardStatus.NOT_REGISTERED),
        ("Berkas belum lengkap", CardStatus.INCOMPLETE), ("Habis masa berlaku", CardStatus.EXPIRED),
    ],
)  # fmt: skip
def test_the_status_words_of_offices_are_known(word: str, status: CardStatus) -> None:
    assert WORDS.status[fold(word)] is status


def test_every_field_has_headings_and_a_label() -> None:
    assert {name for name, _ in WORDS.headings.values()} == set(columns.LABELS)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"headings": {"nik": ["NIK"], "kk": ["N.I.K."]}}, "dua arti"),
        ({"headings": {"nik": ["NIK"], "shoe_size": ["Sepatu"]}}, "tidak dikenal"),
        ({"status": {"printed": ["Jadi"], "collected": ["JADI"]}}, "dua arti"),
        ({"status": {"lost": ["Hilang"]}}, "lost"),
    ],
)
def test_words_that_contradict_themselves_are_refused(change: dict[str, Any], words: str) -> None:
    plain: dict[str, Any] = {
        "headings": {"nik": ["NIK"]}, "ignored": {"headings": []}, "sex": {"L": ["L"]}, "status": {}, "relation": {},
        "excluded": {"stays": [], "deceased": [], "moved": []}, "footers": {"begin": []},
    }  # fmt: skip
    assert parse_words(plain).headings == {"nik": ("nik", 0)}
    with pytest.raises(ValueError, match=words):
        parse_words(plain | change)
