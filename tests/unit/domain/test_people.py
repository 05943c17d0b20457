"""Ages, names and what a NIK says."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.people import (
    NIK_PROBLEMS,
    NIK_WARNINGS,
    birthday,
    display_name,
    first_name,
    full_years,
    months_after,
    nik_problem,
)

days = st.dates(min_value=date(1990, 1, 1), max_value=date(2060, 12, 31))
years = st.integers(min_value=0, max_value=40)


@pytest.mark.parametrize(
    ("birth", "turns", "on"),
    [
        (date(2021, 12, 1), 5, date(2026, 12, 1)),
        (date(2020, 2, 29), 4, date(2024, 2, 29)),
        (date(2020, 2, 29), 5, date(2025, 2, 28)),
        (date(2004, 2, 29), 17, date(2021, 2, 28)),
        (date(2020, 2, 29), 0, date(2020, 2, 29)),
    ],
)
def test_someone_born_on_29_february_turns_a_year_older_on_the_28th(birth: date, turns: int, on: date) -> None:
    assert birthday(birth, turns) == on
    assert full_years(birth, on) == turns
    assert full_years(birth, on - timedelta(days=1)) == turns - 1


def test_a_month_that_is_too_short_gives_its_last_day() -> None:
    assert months_after(date(2021, 8, 31), 6) == date(2022, 2, 28)
    assert months_after(date(2023, 8, 31), 6) == date(2024, 2, 29)
    assert months_after(date(2021, 12, 31), 1) == date(2022, 1, 31)


@given(days, years)
def test_an_age_changes_on_the_birthday_and_on_no_other_day(birth: date, age: int) -> None:
    on = birthday(birth, age)
    assert full_years(birth, on) == age
    assert full_years(birth, on - timedelta(days=1)) == age - 1
    assert full_years(birth, birthday(birth, age + 1) - timedelta(days=1)) == age


@given(days, days)
def test_the_age_is_the_number_of_birthdays_so_far(birth: date, on: date) -> None:
    reached = [age for age in range(1, 80) if birthday(birth, age) <= on]
    if on >= birth:
        assert full_years(birth, on) == len(reached)
    else:
        assert full_years(birth, on) < 0


@pytest.mark.parametrize(
    ("raw", "shown", "first"),
    [
        ("RIZKI PRATAMA", "Rizki Pratama", "Rizki"),
        ("rizki pratama", "Rizki Pratama", "Rizki"),
        ("  RIZKI   PRATAMA ", "Rizki Pratama", "Rizki"),
        ("RIZKI", "Rizki", "Rizki"),
        ("SITI NUR'AINI BINTI M. YUSUF", "Siti Nur'aini Binti M. Yusuf", "Siti"),
        ("NUR’AINI", "Nur'aini", "Nur'aini"),
        ("M. RIZKI PRATAMA", "M. Rizki Pratama", "M. Rizki"),
        ("M.RIZKI PRATAMA", "M.Rizki Pratama", "M.Rizki"),
        ("MUH. FARHAN", "Muh. Farhan", "Muh. Farhan"),
        ("ST. AISYAH PUTRI", "ST. Aisyah Putri", "ST. Aisyah"),
        ("A. N. FAUZI", "A. N. Fauzi", "A. N. Fauzi"),
        ("AL FATIH AKBAR", "Al Fatih Akbar", "Al Fatih"),
        ("AL-FATIH", "Al-Fatih", "Al-Fatih"),
        ("AHMAD, S.PD.I", "Ahmad, S.Pd.I", "Ahmad,"),
        ("MUHAMMAD II", "Muhammad II", "Muhammad"),
        ("ZOË", "Zoë", "Zoë"),
        ("Siti binti Ahmad McDonald", "Siti binti Ahmad McDonald", "Siti"),
        ("RIZKI\nPRATAMA\u200b", "Rizki Pratama", "Rizki"),
        ("M.", "M.", "M."),
        ("", "", ""),
        (" \u00a0 ", "", ""),
    ],
)
def test_a_name_is_shown_as_people_write_it(raw: str, shown: str, first: str) -> None:
    assert display_name(raw) == shown
    assert first_name(raw) == first


@given(st.text(alphabet=st.characters(codec="latin-1"), max_size=40))
def test_showing_a_shown_name_changes_nothing_and_the_first_name_begins_it(raw: str) -> None:
    shown = display_name(raw)
    assert display_name(shown) == shown
    assert shown.startswith(first_name(raw))
    assert bool(first_name(raw)) == bool(shown)


@given(st.text(alphabet="ABIVX MST.'-", max_size=30))
def test_no_letter_of_a_name_is_lost(raw: str) -> None:
    letters = re.sub(r"[^A-Z]", "", raw)
    assert re.sub(r"[^A-Z]", "", display_name(raw).upper()) == letters


BOY = date(2020, 5, 19)


@pytest.mark.parametrize(
    ("nik", "birth", "sex", "problem"),
    [
        ("1703071905200001", BOY, "L", None),
        ("1703075905200001", BOY, "P", None),
        ("1703071905200001", BOY, "", None),
        ("1703075905200001", BOY, "", None),
        ("1703074105200001", date(2020, 5, 1), "P", None),
        ("1703077105200001", None, "P", None),
        ("1703071905200001", None, "L", None),
        ("1702031905200012", BOY, "L", None),  # registered in another kabupaten: normal
        ("1703072902200001", date(2020, 2, 29), "L", None),
        ("1703072902190001", None, "", None),  # no birth date to compare: 29 February may be
        ("1703071905200001", BOY, "P", "sex"),
        ("1703075905200001", BOY, "L", "sex"),
        ("1703071805200001", BOY, "L", "birth_date"),
        ("1703071906200001", BOY, "L", "birth_date"),
        ("1703071905210001", BOY, "L", "birth_date"),
        ("1703073102200001", None, "", "birth_date"),
        ("1703070013200001", None, "", "birth_date"),
        ("1703077205200001", None, "", "birth_date"),
        ("170307190520000", BOY, "L", "length"),
        ("17030719052000012", BOY, "L", "length"),
        ("", BOY, "L", "length"),
        ("170307190520OOO1", BOY, "L", "digits"),
        ("1703071905200001.0", BOY, "L", "digits"),
        ("１７０３０７１９０５２００００１", BOY, "L", "digits"),
        ("1.70307E+15", BOY, "L", "scientific"),
        ("1,70307190520000E+15", BOY, "L", "scientific"),
        ("1703071905200000", BOY, "L", "lost_digit"),
        ("1111111111111111", date(2011, 11, 11), "L", "filler"),
        ("0000000000000000", BOY, "L", "filler"),
    ],
)
def test_a_nik_is_checked(nik: str, birth: date | None, sex: str, problem: str | None) -> None:
    assert nik_problem(nik, birth, sex) == problem


def test_every_nik_problem_has_a_sentence_and_two_are_only_warnings() -> None:
    assert set(NIK_PROBLEMS) == {"scientific", "digits", "length", "filler", "lost_digit", "birth_date", "sex"}
    assert {"birth_date", "sex"} == NIK_WARNINGS


@given(
    st.dates(min_value=date(2000, 1, 1), max_value=date(2040, 12, 31)),
    st.sampled_from("LP"),
    st.integers(min_value=1, max_value=9999),
    st.integers(min_value=170301, max_value=170325),
)
def test_a_nik_made_by_the_rule_has_no_problem_and_fits_nobody_else(
    birth: date, sex: str, serial: int, region: int
) -> None:
    nik = f"{region}{birth.day + (40 if sex == 'P' else 0):02}{birth:%m%y}{serial:04}"
    assert nik_problem(nik, birth, sex) is None
    assert nik_problem(nik, birth + timedelta(days=1), sex) == "birth_date"
    assert nik_problem(nik, birth, "L" if sex == "P" else "P") == "sex"
