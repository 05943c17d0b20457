from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from broadcaster.web import formats

JAKARTA = ZoneInfo("Asia/Jakarta")


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 0, "0"),
        (1234, 0, "1.234"),
        (1234.5, 1, "1.234,5"),
        (-8, 0, "−8"),
        (61.7, 0, "62"),
        (31.0, 1, "31,0"),
        (None, 0, "–"),
    ],
)
def test_numbers_are_written_the_indonesian_way(value: float | None, decimals: int, text: str) -> None:
    assert formats.number(value, decimals) == text


@pytest.mark.parametrize(("value", "text"), [(0, "Rp0"), (9412.4, "Rp9.412"), (-1500, "−Rp1.500"), (None, "–")])
def test_rupiah_have_no_decimals(value: float | None, text: str) -> None:
    assert formats.rupiah(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(45, 79, "45–79"), (-8, 32, "−8 sampai 32"), (-68, -26, "−68 sampai −26"), (None, 3, "–")],
)
def test_a_range_with_a_minus_says_sampai(low: float | None, high: float | None, text: str) -> None:
    assert formats.between(low, high) == text


def test_a_cost_without_an_upper_end_says_so() -> None:
    assert formats.rupiah_between(9800, None) == "Rp9.800 atau lebih"
    assert formats.rupiah_between(9800, 15400) == "Rp9.800–Rp15.400"


@pytest.mark.parametrize(
    ("part", "whole", "percent"), [(0, 10, 0), (10, 10, 100), (1, 5000, 1), (4999, 5000, 99), (1, 3, 33), (3, 0, 0)]
)
def test_only_nothing_is_zero_per_cent_and_only_everything_a_hundred(part: int, whole: int, percent: int) -> None:
    assert formats.percent(part, whole) == percent


def test_days_and_hours_are_those_of_the_office() -> None:
    late = datetime(2026, 11, 23, 17, 5, tzinfo=UTC)  # already the next day in Arga Makmur
    assert formats.moment(late, JAKARTA) == "24 November 2026 pukul 00.05 WIB"
    assert formats.hour(late, ZoneInfo("Asia/Jayapura")) == "02.05 WIT"
    assert formats.weekday(date(2026, 10, 5)) == "Senin, 5 Oktober 2026"
    assert formats.day(None) == "–"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*Salam* dari kantor", "<strong>Salam</strong> dari kantor"),
        ("_pelan_ ~coret~ *dua kata*", "<em>pelan</em> <s>coret</s> <strong>dua kata</strong>"),
        ("2*3*4 dan a_b_c", "2*3*4 dan a_b_c"),
        ("* bukan * dan *tidak\nselesai*", "* bukan * dan *tidak\nselesai*"),
        ("<b>*x*</b> & 'y'", "&lt;b&gt;<strong>x</strong>&lt;/b&gt; &amp; &#39;y&#39;"),
        ("biasa saja", "biasa saja"),
    ],
)
def test_whatsapps_own_signs_look_as_on_a_phone_and_nothing_else_becomes_markup(text: str, shown: str) -> None:
    assert formats.on_whatsapp(text) == shown
