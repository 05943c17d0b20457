"""Files of all sorts, good and bad: rows with the sheet's own numbers, or one sentence."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter

from broadcaster.errors import BadInput
from broadcaster.registry.reader import Limits, Source, fingerprint, sheets


def rows_of(source: Source, limits: Limits | None = None) -> list[tuple[int, list[object]]]:
    with sheets(source, limits or Limits()) as tables:
        return [(number, list(row)) for table in tables for number, row in table.rows]


def book(fill: Callable[[Any], object], *, more: Callable[[Any], object] | None = None) -> Source:
    buffer = io.BytesIO()
    made = xlsxwriter.Workbook(buffer, {"in_memory": True})
    fill(made.add_worksheet("Data"))
    if more is not None:
        more(made)
    made.close()
    return Source("data.xlsx", buffer.getvalue())


def test_row_numbers_are_those_of_the_sheet() -> None:
    source = book(lambda page: (page.write(2, 1, "NIK"), page.write(4, 1, "1703")))
    assert [(number, row[-1]) for number, row in rows_of(source)] == [
        (1, ""),
        (2, ""),
        (3, "NIK"),
        (4, ""),
        (5, "1703"),
    ]


def test_a_line_break_inside_a_cell_starts_no_new_row() -> None:
    source = Source("a.csv", b'NIK;Alamat\r\n1;"Jl. A\nRT 1"\r\n\r\n2;B\r\n')
    assert rows_of(source) == [(1, ["NIK", "Alamat"]), (2, ["1", "Jl. A\nRT 1"]), (3, []), (4, ["2", "B"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings_are_told_apart(encoding: str) -> None:
    text = "NIK;Nama\n1;Zoë é\n"
    assert rows_of(Source("a.csv", text.encode(encoding)))[1] == (2, ["1", "Zoë é"])


@pytest.mark.parametrize("delimiter", list(";,\t|"))
def test_the_delimiter_is_the_sign_that_cuts_the_widest_row(delimiter: str) -> None:
    lines = [
        "Data KIA, tahun 2026",
        delimiter.join(["NIK", "Nama", "HP"]),
        delimiter.join(["1", '"Jl. A, B; C"', "08"]),
    ]
    assert rows_of(Source("a.txt", "\n".join(lines).encode()))[1] == (2, ["NIK", "Nama", "HP"])


def test_the_separator_line_of_excel_is_obeyed_and_counted() -> None:
    assert rows_of(Source("a.csv", b"sep=|\nNIK|Nama;x\n")) == [(2, ["NIK", "Nama;x"])]


def test_hidden_sheets_are_not_read() -> None:
    def hidden(made: Any) -> None:
        page = made.add_worksheet("Rahasia")
        page.write(0, 0, "jangan")
        page.hide()

    assert rows_of(book(lambda page: page.write(0, 0, "NIK"), more=hidden)) == [(1, ["NIK"])]


def test_the_fingerprint_is_of_the_bytes() -> None:
    one = fingerprint(Source("a.csv", b"NIK"), Limits())
    assert one == fingerprint(Source("b.csv", b"NIK"), Limits())
    assert one != fingerprint(Source("a.csv", b"NIK "), Limits())


# ------------------------------------------------------------------------------------------------------------- refusals


def refusal(source: Source, limits: Limits | None = None) -> BadInput:
    def read() -> None:
        fingerprint(source, limits or Limits())
        rows_of(source, limits)

    with pytest.raises(BadInput) as caught:
        read()
    assert str(caught.value).startswith(f"{source.name}: ")
    assert str(caught.value).endswith(".")
    return caught.value


def damaged() -> bytes:
    good = book(lambda page: page.write(0, 0, "NIK")).content
    assert isinstance(good, bytes)
    return good[: len(good) // 2]


def other_zip(name: str = "word/document.xml") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, "<x/>")
    return buffer.getvalue()


def broken_parts() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook")
        archive.writestr("xl/worksheets/sheet1.xml", "not xml")
    return buffer.getvalue()


OLE = bytes.fromhex("d0cf11e0a1b11ae1")


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        (b"", "empty_file", "kosong"),
        (damaged(), "unreadable", "rusak"),
        (broken_parts(), "unreadable", "rusak"),
        (other_zip(), "unknown_format", "bukan berkas Excel"),
        (OLE + b"\0" * 600, "unreadable", "rusak"),
        (OLE + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"), "password", "kata sandi"),
        (b"NIK;Nama\n1;A\0B\n", "unreadable", "NUL"),
        ("NIK;Na\0ma\n".encode("utf-16"), "unreadable", "NUL"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "unknown_format", "gambar"),
        (b"NIK;\x81\x8d\n", "bad_encoding", "UTF-8"),
        (b'NIK;Nama\n1;"A\n2;B\n', "unreadable", "baris 2 tidak terbaca"),
        (b"NIK\n" + b"1" * 200_000, "cell_too_long", "sel di baris 2"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_sentence(content: bytes, code: str, words: str) -> None:
    found = refusal(Source("kiriman.xlsx", content))
    assert found.code == code
    assert re.search(words, str(found))


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert refusal(Source.at(tmp_path / "tidak-ada.xlsx")).code == "no_file"
    assert refusal(Source.at(tmp_path)).code == "unreadable"


def test_a_workbook_that_unpacks_to_more_than_the_limit_is_not_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b" " * 20_000_000)
    assert len(buffer.getvalue()) < 100_000
    found = refusal(Source("bom.xlsx", buffer.getvalue()), Limits(bytes=10_000_000))
    assert found.code == "too_large"
    assert "10 MB" in str(found)


def test_text_over_the_limit_is_refused() -> None:
    assert refusal(Source("a.csv", b"NIK\n" * 300), Limits(bytes=1000)).code == "too_large"


def test_one_cell_at_the_end_of_the_sheet_does_not_take_all_memory() -> None:
    def fill(page: Any) -> None:
        page.write(0, 0, "NIK")
        page.write(1_048_575, 16_383, "x")

    found = refusal(book(fill))
    assert found.code == "too_wide"
    assert "baris 1048576, kolom ke-16384" in str(found)


def test_formats_without_a_value_far_away_do_no_harm() -> None:
    def more(made: Any) -> None:
        page = made.get_worksheet_by_name("Data")
        page.write_blank(1_048_575, 16_383, None, made.add_format({"bold": True}))

    assert rows_of(book(lambda page: page.write(0, 0, "NIK"), more=more)) == [(1, ["NIK"])]


def test_reading_stops_when_its_time_is_over() -> None:
    lines = b"NIK\n" * 5_000
    found = refusal(Source("a.csv", lines), Limits(seconds=-1))
    assert found.code == "too_slow"
