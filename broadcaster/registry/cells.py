"""One cell -> one value, pure. A number is never trusted where digits matter: a spreadsheet keeps fifteen of them."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache

from broadcaster.domain.dates import UNREADABLE, read_date, read_place_and_date
from broadcaster.domain.people import nik_problem, tidy
from broadcaster.domain.phone import Phone, read_phones

#: What stands in a cell that has nothing to say.
_BLANK = frozenset(
    {"", "-", "--", "---", "0", ".", "x", "n/a", "na", "null", "none", "kosong", "tidak ada", "tdk ada", "belum ada"}
)
_LONGEST_BLANK = max(map(len, _BLANK))
#: What makes sixteen digits unusable whatever they number. The rest is about a NIK alone: a No KK is not taken apart.
_UNREADABLE = frozenset({"digits", "length", "filler"})
_LONGEST_DATE = 200  # characters, with the place; every word of a longer cell would be tried as the beginning of a day
_AS_NUMBER = re.compile(r"\+?\d+(?:[.,]\d+)?[eE][+-]?\d+|\d{14,}[.,]0+", re.ASCII)
_SEPARATORS = re.compile(r"[ .\-]")


#: What begins a formula where a cell is read by a spreadsheet.
FORMULA_SIGNS = frozenset("=+-@")
_FORMULA = re.compile(r"[=@]|[+-][\w ]*[(!|+*/]|[+-]\s*[A-Za-z]+\d")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")  # not tab and line breaks


def text_of(cell: object) -> str:
    """The cell as one tidy line without control characters; a whole number without its `.0`."""
    if isinstance(cell, str):
        if not cell.isprintable():
            cell = _CONTROL.sub("", cell)
        return " ".join(cell.split()) if cell.isascii() else tidy(cell)
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return "" if cell is None else tidy(str(cell))


def has_control(text: str) -> bool:
    return _CONTROL.search(text) is not None


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would compute it: `=1+1`, `@SUM(1)`, `+cmd|' /C calc'!A0`. `="0812"` hides a text, is none."""
    return text[:1] in FORMULA_SIGNS and _FORMULA.match(text) is not None and _TEXT_IN_FORMULA.fullmatch(text) is None


_TEXT_IN_FORMULA = re.compile(r'="[^"]*"')


def begins_with(text: str, phrases: tuple[str, ...]) -> bool:
    """Whether the text begins with one of the phrases, as whole words."""
    words = re.sub(r"[^a-z0-9]+", " ", text[:60].lower()).strip() + " "
    return words.startswith(phrases)


def is_blank(cell: object) -> bool:
    """Nothing, or one of the marks for nothing (`-`, `tidak ada`)."""
    if isinstance(cell, str) and len(cell) > _LONGEST_BLANK and not cell.isspace() and cell[0] > " ":
        return False  # most cells, and nothing else is asked so often
    return cell == "" or text_of(cell).lower() in _BLANK


def read_number16(cell: object) -> tuple[str, str]:
    """A NIK or No KK: sixteen digits and "", or what it says without digits and why not.

    Reasons: "missing", "number" (a numeric cell or 1,7E+15: digits may be gone), "digits", "length", "filler". Spaces,
    dots and hyphens are dropped; then the reason is "cleaned" and the number is good.
    """
    if isinstance(cell, (int, float)) and not isinstance(cell, bool):
        return "", "missing" if cell == 0 else "number"
    text = text_of(cell).strip("'`\"’ ").removeprefix("=").strip('"')
    if text.lower() in _BLANK:
        return "", "missing"
    if _AS_NUMBER.fullmatch(text):
        return "", "number"
    bare = _SEPARATORS.sub("", text)
    reason = nik_problem(bare, None, "")
    if reason in _UNREADABLE:
        return "", reason
    return bare, "cleaned" if bare != text else ""


def read_birth(cell: object) -> date:
    """A birth date, alone or behind the place (`ARGA MAKMUR, 24-11-2020`). Raises ValueError with staff's sentence."""
    return _birth_from_text(_short(cell)) if isinstance(cell, str) else read_date(cell)


@lru_cache(maxsize=65_536)
def _birth_from_text(text: str) -> date:
    try:
        return read_date(text)
    except ValueError as first:
        try:
            return read_place_and_date(text)[1]
        except ValueError:
            raise first from None  # it says best what is wrong with a date that stands alone


def read_day(cell: object) -> date:
    """A day of a card's life. Raises ValueError with staff's sentence."""
    return _day_from_text(_short(cell)) if isinstance(cell, str) else read_date(cell)


def _short(text: str) -> str:
    if len(text) > _LONGEST_DATE:
        raise ValueError(UNREADABLE)
    return text


_day_from_text = lru_cache(maxsize=65_536)(read_date)


def read_numbers(cell: object) -> tuple[Phone, ...]:
    """The phone numbers of one cell, at least one `Phone`. A number shared by many families is read once."""
    return _phones_from_text(cell) if isinstance(cell, str) else tuple(read_phones(cell))


@lru_cache(maxsize=65_536)
def _phones_from_text(text: str) -> tuple[Phone, ...]:
    return tuple(read_phones(text))


def lost_its_zero(cell: object) -> bool:
    """Whether a number that is good lacked the 0 in front: a spreadsheet drops it."""
    return text_of(cell).lstrip("'`\"= ").startswith("8")


@lru_cache(maxsize=4_096)
def names_in(text: str, phrases: tuple[str, ...]) -> bool:
    """Whether one of the phrases stands in the text as whole words."""
    words = f" {re.sub(r'[^a-z0-9]+', ' ', text.lower())} "
    return any(f" {phrase} " in words for phrase in phrases)
