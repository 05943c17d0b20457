"""The catalogue of variables: what ships is complete, and a mistake in the file is named with its line."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from babel.dates import format_date
from babel.lists import format_list

from broadcaster.domain.dates import indonesian_date
from broadcaster.office.rules import FACTS
from broadcaster.rendering.catalogue import FILE, longest, neutral, read_catalogue, variables
from broadcaster.rendering.rules import join_names, segments, tidy
from broadcaster.shipped import content_dir

SHIPPED = (content_dir() / FILE).read_text(encoding="utf-8")
DEFAULTS = {fact.key: fact.default for fact in FACTS}


def test_the_shipped_catalogue_holds_the_variables_that_messages_are_promised() -> None:
    assert set(variables()) == {
        "ortu", "anak", "desa", "tanggal", "latar", "tempat", "jam", "syarat", "syarat_lahir", "syarat_baru",
        "syarat_foto", "syarat_ganti", "syarat_hilang", "syarat_ktp", "ukuran_foto", "lama",
        "kantor", "nomor_wa", "nomor_layanan", "situs",
        "keliling_tanggal", "keliling_tempat", "keliling_jam",
    }  # fmt: skip


@pytest.mark.parametrize("name", list(variables()))
def test_examples_are_what_a_provider_takes_and_defaults_fit_in(name: str) -> None:
    variable = variables()[name]
    for value in (variable.shortest, variable.longest, variable.example, variable.fallback):
        assert tidy(value) == value
        assert segments(value).encoding == "gsm7"
    assert len(variable.fallback) <= len(variable.longest)
    assert len(DEFAULTS.get(variable.fact, "")) <= len(variable.longest)


def test_where_no_names_may_be_said_none_is() -> None:
    said = neutral(variables())
    assert (said["ortu"], said["anak"], said["tempat"]) == (
        "Bapak/Ibu",
        "anak Bapak/Ibu",
        variables()["tempat"].example,
    )
    assert "Muhammad" in longest(variables())["anak"]


@pytest.mark.parametrize(
    ("old", "new", "line", "rule", "says"),
    [
        ('fact = "tempat_ambil"', 'fact = "tempat_ambl"', 0, "value", 'maksudnya "tempat_ambil"'),
        ('fact = "tempat_ambil"', "", -7, "missing_key", '"fact" belum diisi'),
        ('source = "office"\nformat = "text"\nshortest = "kantor', 'sourse = "office"\nformat = "text"\nshortest = "kantor', 0,
         "unknown_key", 'maksudnya "source"'),
        ('format = "date"', 'format = "tanggal"', 0, "value", "text, names, date, phone"),
        ('meaning = "nama depan anak"', "", -1, "missing_key", '"meaning" belum diisi'),
        ('shortest = "Ani"', 'shortest = "Muhammad Taufik"', 2, "value", "dari yang pendek ke yang panjang"),
        ('shortest = "1 Mei 2027"', 'shortest = "1-5-2027"', 0, "value", 'format = "date"'),
        ('shortest = "0811730012"', 'shortest = "+62811"', 0, "value", 'format = "phone"'),
        ("[anak]", "[anak", 0, "toml", "tanda kutip"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(old: str, new: str, line: int, rule: str, says: str) -> None:
    assert old in SHIPPED
    expected = SHIPPED[: SHIPPED.index(old)].count("\n") + 1 + line
    catalogue, problems = read_catalogue(SHIPPED.replace(old, new, 1))
    assert catalogue is None
    assert any((found.line, found.rule) == (expected, rule) and says in found.message for found in problems), problems


def test_dates_are_what_the_locale_data_says_and_lists_too_but_for_the_house_rule() -> None:
    for days in range(0, 366, 5):
        day = date(2028, 1, 1) + timedelta(days=days)
        assert indonesian_date(day) == format_date(day, "long", locale="id")
    assert join_names(["Ani", "Budi"]) == format_list(["Ani", "Budi"], locale="id")
    # the house rule leaves out the comma before "dan"
    assert join_names(["Ani", "Budi", "Citra"]) == format_list(["Ani", "Budi", "Citra"], locale="id").replace(
        ", dan", " dan"
    )
