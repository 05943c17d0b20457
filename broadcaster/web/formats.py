"""Numbers, rupiah, days and hours as staff write them: `1.234,5`, `Rp1.234`, `24 November 2026`, `08.00 WIB`."""

from __future__ import annotations

import re
from datetime import date, datetime
from zoneinfo import ZoneInfo

from babel.dates import format_date
from babel.numbers import format_decimal
from markupsafe import Markup, escape

LOCALE = "id_ID"
NOTHING = "–"  # shown where there is no value yet; templates give it a spoken text
_MINUS = "−"


def number(value: float | int | None, decimals: int = 0) -> str:
    """`1.234` or `1.234,5`; a true minus sign; `–` for None."""
    if value is None:
        return NOTHING
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return _signed(str(format_decimal(value, format=pattern, locale=LOCALE)))


def rupiah(value: float | int | None) -> str:
    """`Rp1.234`, whole rupiah; `–` for None."""
    if value is None:
        return NOTHING
    text = number(abs(value))
    return f"{_MINUS}Rp{text}" if round(value) < 0 else f"Rp{text}"


def between(low: float | None, high: float | None, decimals: int = 0) -> str:
    """`45–79`; with the word `sampai` where a minus sign would make the dash hard to read."""
    if low is None or high is None:
        return NOTHING
    first, last = number(low, decimals), number(high, decimals)
    return f"{first} sampai {last}" if _MINUS in first + last else f"{first}–{last}"


def rupiah_between(low: float | None, high: float | None) -> str:
    """`Rp9.800–Rp15.400`; an open end is said in words."""
    if low is None:
        return NOTHING
    return f"{rupiah(low)} atau lebih" if high is None else f"{rupiah(low)}–{rupiah(high)}"


def percent(part: float, whole: float) -> int:
    """Whole per cent of `whole`; 0 when `whole` is 0. Only 0 shows as 0 and only everything as 100."""
    if whole <= 0 or part <= 0:
        return 0
    if part >= whole:
        return 100
    return min(99, max(1, round(100 * part / whole)))


def day(value: date | None) -> str:
    """`24 November 2026`."""
    return NOTHING if value is None else str(format_date(value, "d MMMM y", locale=LOCALE))


def weekday(value: date | None) -> str:
    """`Senin, 5 Oktober 2026`."""
    return NOTHING if value is None else str(format_date(value, "EEEE, d MMMM y", locale=LOCALE))


def hour(value: datetime | None, zone: ZoneInfo) -> str:
    """`08.00 WIB`: the office's hour of an aware moment, with the zone's name."""
    if value is None:
        return NOTHING
    local = value.astimezone(zone)
    return f"{local:%H.%M} {local.tzname()}"


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """`5 Oktober 2026 pukul 08.00 WIB`."""
    return NOTHING if value is None else f"{day(value.astimezone(zone).date())} pukul {hour(value, zone)}"


#: WhatsApp's own signs around words, and the element that looks like what it makes of them.
_WHATSAPP_MARKS = (("*", "strong"), ("_", "em"), ("~", "s"))


def on_whatsapp(text: str) -> Markup:
    """A text as WhatsApp shows it: `*words*` bold, `_words_` slanted, `~words~` struck through; all else as it is."""
    shown = str(escape(text))
    for sign, element in _WHATSAPP_MARKS:
        mark = re.escape(sign)
        shown = re.sub(rf"(?<!\w){mark}(?=\S)([^\n{mark}]+?)(?<=\S){mark}(?!\w)", rf"<{element}>\1</{element}>", shown)
    return Markup(shown)  # noqa: S704 - escaped above; only these elements were added


def _signed(text: str) -> str:
    return text.replace("-", _MINUS)
