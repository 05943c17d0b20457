"""Dates as offices write them, read one way only: the day comes first, never the American order."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, timedelta

from broadcaster.domain.people import plain, tidy

MONTHS = (
    "Januari", "Februari", "Maret", "April", "Mei", "Juni",
    "Juli", "Agustus", "September", "Oktober", "November", "Desember",
)  # fmt: skip

#: Every spelling met in such files, English ones included: spreadsheets write 02-AUG-19.
_SPELLINGS = (
    "januari january jan",
    "februari pebruari febuari february feb peb",
    "maret march mar mrt",
    "april apr",
    "mei may",
    "juni june jun",
    "juli july jul",
    "agustus august agu ags agt agust aug",
    "september sept sep",
    "oktober october okt oct",
    "november nopember nov nop",
    "desember december des dec",
)
_MONTH_NUMBER = {word: number for number, words in enumerate(_SPELLINGS, start=1) for word in words.split()}

_CLOCK = r"(?:[ T]+\d{1,2}[:.]\d{2}(?:[:.]\d{2}(?:\.\d+)?)?(?: ?(?:Z|[+-]\d{2}:?\d{2}|WIB))?)?"
_GAP = r" ?[-/. ] ?"
_DAY_FIRST = re.compile(rf"(\d{{1,2}}){_GAP}(\d{{1,2}}){_GAP}(\d{{4}}|\d{{2}}){_CLOCK}", re.ASCII | re.IGNORECASE)
_YEAR_FIRST = re.compile(rf"(\d{{4}})([-/.])(\d{{1,2}})\2(\d{{1,2}}){_CLOCK}", re.ASCII | re.IGNORECASE)
_WORDED = re.compile(
    rf"(\d{{1,2}})(?:{_GAP})?([A-Za-z]{{3,9}})\.?(?:{_GAP}| ?, ?)?(\d{{4}}|\d{{2}}){_CLOCK}", re.ASCII | re.IGNORECASE
)
_SERIAL = re.compile(r"(\d{5})(?:[.,]\d+)?", re.ASCII)
_WEEKDAY = re.compile(r"(?:senin|selasa|rabu|kamis|jum'?at|sabtu|minggu|ahad) ?,? ?(?=\d)", re.IGNORECASE)

# A spreadsheet counts days from here. Outside 1930-2099 a number is a year, an amount or a mistake, not a day.
_SERIAL_ZERO = date(1899, 12, 30)
_SERIALS = range(10_959, 73_051)
_YEARS = range(1900, 2100)

UNREADABLE = "Tanggal tidak terbaca; tulis hari, bulan, tahun, misalnya 24-11-2026."
NO_SUCH_DAY = "Tanggal ini tidak ada di kalender; tulis hari, bulan, tahun, misalnya 24-11-2026."


def read_date(value: object) -> date:
    """The day a cell means. Raises ValueError whose text is a sentence for staff.

    Reads date and datetime cells (the time of day is dropped), serial numbers of a spreadsheet (as number or as text;
    1930 to 2099), and texts: 24-11-2026, 24/11/26, 24.11.2026, 24 November 2026, 24-Nov-26, 2026-11-24, each with or
    without a time of day. Two-digit years: 00-69 are 2000-2069, 70-99 are 1970-1999 (POSIX).
    """
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, (int, float)):
        return _from_serial(value)
    if isinstance(value, str):
        return _from_text(value)
    raise ValueError(UNREADABLE)


def read_place_and_date(value: str) -> tuple[str, date]:
    """Split a "TTL" cell, `ARGA MAKMUR, 24-11-2020`, into the place as written and the day; the comma may be missing.

    Raises ValueError like `read_date`.
    """
    text = tidy(plain(value))
    # Places carry digits too (Pal 30): try what follows a comma or slash, then every word that starts with a digit.
    cuts = [*re.finditer(r",| / ", text), *re.finditer(r"(?<!\S)(?=\d)", text)]
    for start in (cut.end() for cut in cuts):
        try:
            day = read_date(text[start:].strip(" /,"))
        except ValueError:
            continue
        return text[:start].strip(" ,/:;-"), day
    raise ValueError(UNREADABLE)


def indonesian_date(day: date) -> str:
    """`24 November 2026`."""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _from_serial(number: float) -> date:
    if not math.isfinite(number) or math.floor(number) not in _SERIALS:
        raise ValueError(UNREADABLE)
    return _SERIAL_ZERO + timedelta(days=math.floor(number))


def _from_text(raw: str) -> date:
    text = tidy(plain(raw)).strip(" '\"")
    text = _WEEKDAY.sub("", text, count=1) if _WEEKDAY.match(text) else text
    if match := _DAY_FIRST.fullmatch(text):
        day, month, year = match.groups()
        return _day(year, int(month), int(day))
    if match := _YEAR_FIRST.fullmatch(text):
        year, _, month, day = match.groups()
        return _day(year, int(month), int(day))
    if match := _WORDED.fullmatch(text):
        day, word, year = match.groups()
        number = _MONTH_NUMBER.get(word.lower())
        if number is not None:
            return _day(year, number, int(day))
    if match := _SERIAL.fullmatch(text):
        return _from_serial(int(match.group(1)))
    raise ValueError(UNREADABLE)


def _day(written_year: str, month: int, day: int) -> date:
    year = int(written_year)
    if len(written_year) == 2:
        year += 2000 if year < 70 else 1900
    if year not in _YEARS:
        raise ValueError(NO_SUCH_DAY)
    try:
        return date(year, month, day)
    except ValueError as error:
        raise ValueError(NO_SUCH_DAY) from error
