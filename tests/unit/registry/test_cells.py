"""One cell at a time."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.registry import cells
from broadcaster.registry.problems import mask_number, mask_text


@pytest.mark.parametrize(
    ("cell", "number", "reason"),
    [
        ("1703071403200001", "1703071403200001", ""),
        (" 1703071403200001\xa0", "1703071403200001", ""),
        ("'1703071403200001", "1703071403200001", ""),
        ('="1703071403200001"', "1703071403200001", ""),
        ("1703 0714 0320 0001", "1703071403200001", "cleaned"),
        ("1703.0714.0320.0001", "1703071403200001", "cleaned"),
        ("1703-071403200001", "1703071403200001", "cleaned"),
        ("", "", "missing"), ("-", "", "missing"), ("0", "", "missing"), ("tidak ada", "", "missing"), (None, "", "missing"),
        (0, "", "missing"), (0.0, "", "missing"),
        (1703071403200001.0, "", "number"), (1703071403200001, "", "number"), (170307140320000, "", "number"),
        (17.5, "", "number"),
        ("1,70307E+15", "", "number"), ("1.70307E+15", "", "number"), ("1.70307e15", "", "number"),
        ("1703071403200001.0", "", "number"), ("1703071403200000,00", "", "number"),
        ("170307140320001", "", "length"), ("17030714032000011", "", "length"),
        ("170307140320000X", "", "digits"), ("١٧٠٣٠٧١٤٠٣٢٠٠٠٠١", "", "digits"),
        ("0000000000000000", "", "filler"), ("1111111111111111", "", "filler"),
        (True, "", "digits"),
    ],
)  # fmt: skip
def test_sixteen_digits_are_read_from_text_only(cell: Any, number: str, reason: str) -> None:
    assert cells.read_number16(cell) == (number, reason)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.dates()))
def test_no_cell_breaks_the_reading_of_a_number(cell: Any) -> None:
    number, reason = cells.read_number16(cell)
    assert reason in ("", "cleaned", "missing", "number", "digits", "length", "filler")
    assert (number == "") == (reason not in ("", "cleaned"))
    assert number == "" or (len(number) == 16 and number.isascii() and number.isdigit())
    assert isinstance(cells.is_blank(cell), bool)


@pytest.mark.parametrize(
    "cell",
    [
        "14-03-2020", "14/3/20", "14 Maret 2020", "2020-03-14", "14-Mar-20", 43904, 43904.0, "43904", date(2020, 3, 14),
        datetime(2020, 3, 14, 10, 30), "ARGA MAKMUR, 14-03-2020", "Arga Makmur 14 Maret 2020", "PAL 30, 14/03/2020",
    ],
)  # fmt: skip
def test_every_form_of_a_birth_date_is_one_day(cell: Any) -> None:
    assert cells.read_birth(cell) == date(2020, 3, 14)


@pytest.mark.parametrize("cell", ["31-02-2020", "03/14/2020", "lusa", "ARGA MAKMUR", 3.0, True])
def test_what_is_no_date_says_so_in_a_sentence(cell: Any) -> None:
    with pytest.raises(ValueError, match=r"Tanggal .*\.$"):
        cells.read_birth(cell)


@pytest.mark.parametrize(
    ("cell", "blank"),
    [("", True), (None, True), (" \xa0 ", True), ("-", True), (" Tidak  Ada ", True), (0, True), (0.0, True), ("a", False),
     (1, False), (False, False), ("tidak ada yang tahu", False), ("          -", True)],
)  # fmt: skip
def test_marks_for_nothing_are_blank(cell: Any, blank: bool) -> None:
    assert cells.is_blank(cell) is blank


def test_numbers_are_masked_to_their_last_two_digits() -> None:
    assert mask_number("1703071403200001") == "••••••••••••••01"
    assert mask_number("0812-3456-7890") == "••••-••••-••90"
    assert mask_number("7") == "7"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Gunung Alm", "Gunung Alm"), ("31-02-2020", "31-02-2020"), ("NIK 1703071403200001", "NIK ••••••••••••••01"),
        ("hub. 0812 3456 7890", "hub. •••• •••• ••90"), ("x" * 50, "x" * 40),
    ],
)  # fmt: skip
def test_other_cells_are_shown_without_the_numbers_in_them(text: str, shown: str) -> None:
    assert mask_text(text) == shown


@given(st.text(alphabet="0123456789 .-", min_size=0, max_size=40))
def test_no_more_than_two_digits_of_a_number_are_ever_shown(text: str) -> None:
    assert sum(c.isdigit() for c in mask_number(text)) <= 2
