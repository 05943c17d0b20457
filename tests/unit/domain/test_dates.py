"""Dates in office files: day first, whatever the program that wrote them."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.dates import MONTHS, NO_SUCH_DAY, UNREADABLE, indonesian_date, read_date, read_place_and_date

DAY = date(2023, 5, 19)


@pytest.mark.parametrize(
    "value",
    [
        DAY,
        datetime(2023, 5, 19, 23, 59),
        45065,
        45065.0,
        45065.75,
        "45065",
        "45065.0",
        "19-05-2023",
        "19/05/2023",
        "19.05.2023",
        "19 05 2023",
        "19/5/23",
        "19-05-23",
        "19 - 05 - 2023",
        " 19-05-2023 ",
        "'19-05-2023",
        "19\u201105\u20112023",
        "19–05–2023",
        "１９－０５－２０２３",
        "19-05-2023 00:00",
        "19-05-2023 08.30 WIB",
        "2023-05-19",
        "2023/05/19",
        "2023-05-19 00:00:00",
        "2023-05-19T00:00:00.000",
        "2023-05-19T00:00:00+07:00",
        "19 Mei 2023",
        "19 MEI 2023",
        "19 mei 23",
        "19-Mei-2023",
        "19-May-23",
        "19Mei2023",
        "19 Mei, 2023",
        "19\u00a0Mei\u00a02023",
        "Jumat, 19 Mei 2023",
        "Jum’at 19 Mei 2023",
    ],
)
def test_one_day_in_every_form(value: object) -> None:
    assert read_date(value) == DAY


@pytest.mark.parametrize(
    ("words", "month"),
    [
        ("Januari Jan JAN january", 1),
        ("Februari Feb Pebruari Peb", 2),
        ("Maret Mar March", 3),
        ("April Apr", 4),
        ("Mei May", 5),
        ("Juni Jun June", 6),
        ("Juli Jul July", 7),
        ("Agustus Agu Ags Agt Aug AUG", 8),
        ("September Sep Sept", 9),
        ("Oktober Okt Oct October", 10),
        ("November Nov Nop Nopember", 11),
        ("Desember Des Dec", 12),
    ],
)
def test_every_month_in_every_spelling(words: str, month: int) -> None:
    for word in words.split():
        assert read_date(f"02-{word}-19") == read_date(f"2 {word}. 2019") == date(2019, month, 2)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("01/02/2020", date(2020, 2, 1)),  # never 2 January
        ("12/11/10", date(2010, 11, 12)),
        ("01-01-69", date(2069, 1, 1)),
        ("01-01-70", date(1970, 1, 1)),
        ("29-02-2020", date(2020, 2, 29)),
    ],
)
def test_the_day_comes_first_and_short_years_have_a_century(text: str, day: date) -> None:
    assert read_date(text) == day


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("05/19/2023", NO_SUCH_DAY),  # American
        ("2023-19-05", NO_SUCH_DAY),
        ("31-02-2020", NO_SUCH_DAY),
        ("29-02-2021", NO_SUCH_DAY),
        ("00-00-0000", NO_SUCH_DAY),
        ("0000-00-00", NO_SUCH_DAY),
        ("19-05-1023", NO_SUCH_DAY),
        ("31 April 2023", NO_SUCH_DAY),
        ("19 Mai 2023", UNREADABLE),
        ("Mei 19, 2023", UNREADABLE),
        ("19-05", UNREADABLE),
        ("2023", UNREADABLE),
        ("19-05-023", UNREADABLE),
        ("20230519", UNREADABLE),
        ("19-05-2023-", UNREADABLE),
        ("19-05-2023 dan 20-05-2023", UNREADABLE),
        ("Arga Makmur, 19-05-2023", UNREADABLE),
        ("-", UNREADABLE),
        ("", UNREADABLE),
        (None, UNREADABLE),
        (True, UNREADABLE),
        (2023, UNREADABLE),
        (20230519, UNREADABLE),
        (-45065, UNREADABLE),
        (float("nan"), UNREADABLE),
        (float("inf"), UNREADABLE),
        (["19-05-2023"], UNREADABLE),
    ],
)
def test_what_is_no_date_is_refused_with_a_sentence(value: object, sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_date(value)
    assert str(caught.value) == sentence


@pytest.mark.parametrize(
    ("cell", "place"),
    [
        ("ARGA MAKMUR, 19-05-2023", "ARGA MAKMUR"),
        ("ARGA MAKMUR,19-05-2023", "ARGA MAKMUR"),
        ("Arga Makmur 19 Mei 2023", "Arga Makmur"),
        ("Bengkulu / 19-05-2023", "Bengkulu"),
        ("Lais, Jumat, 19 Mei 2023", "Lais"),
        ("PAL 30, 19/05/2023", "PAL 30"),
        ("PAL 30 19 Mei 2023", "PAL 30"),
        ("PAL 30 19-05-2023", "PAL 30"),
        ("Lais 2023-05-19", "Lais"),
        ("Lais, 19 Mei, 2023", "Lais"),
        ("19-05-2023", ""),
    ],
)
def test_a_cell_with_place_and_date_is_split(cell: str, place: str) -> None:
    assert read_place_and_date(cell) == (place, DAY)


@pytest.mark.parametrize("cell", ["ARGA MAKMUR", "", "Arga Makmur, 31-02-2020", "Pal 30"])
def test_a_cell_with_a_place_alone_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="Tanggal"):
        read_place_and_date(cell)


def test_a_date_is_shown_in_indonesian() -> None:
    assert indonesian_date(date(2026, 11, 24)) == "24 November 2026"
    assert indonesian_date(date(2027, 2, 1)) == "1 Februari 2027"


days = st.dates(min_value=date(1970, 1, 1), max_value=date(2069, 12, 31))


@given(days)
def test_every_way_to_write_a_day_is_read_back(day: date) -> None:
    serial = (day - date(1899, 12, 30)).days
    texts = [f"{day:%d-%m-%Y}", f"{day.day}/{day.month}/{day:%y}", day.isoformat(), indonesian_date(day), str(serial)]
    texts += [f"{day.day} {MONTHS[day.month - 1][:3].upper()} {day:%y}", str(datetime(day.year, day.month, day.day))]
    values: list[object] = [*texts, serial, float(serial)]
    assert {read_date(value) for value in values} == {day}


@given(days)
def test_a_day_above_twelve_is_never_taken_for_a_month(day: date) -> None:
    american = f"{day.month}/{day.day}/{day.year}"
    if day.day > 12:
        with pytest.raises(ValueError):
            read_date(american)
    else:
        assert read_date(american) == date(day.year, day.day, day.month)


@given(
    st.one_of(
        st.text(max_size=30), st.text(alphabet="0123456789-/. MeiAug,:T", max_size=24), st.floats(), st.integers()
    )
)
def test_anything_else_is_a_plausible_day_or_a_value_error(value: object) -> None:
    try:
        day = read_date(value)
    except ValueError as refused:
        sentence = str(refused)
    else:
        assert date(1900, 1, 1) <= day <= date(2100, 1, 1)
        return
    assert sentence in {UNREADABLE, NO_SUCH_DAY}
