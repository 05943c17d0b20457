"""People in the register: ages and birthdays, names as they are shown, and what a NIK says about its owner."""

from __future__ import annotations

import re
import unicodedata
from calendar import monthrange
from datetime import date

# ---------------------------------------------------------------------------------------------------------------- ages


def months_after(day: date, months: int) -> date:
    """The same day of the month, `months` later (earlier when negative); the last day of a month that is too short.

    So 29 February and twelve months is 28 February, and 31 August and six months the last of February.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def birthday(birth: date, years: int) -> date:
    """The day on which someone born on `birth` turns `years`.

    Born on 29 February: 28 February in other years. No rule of the ministry was found, and a reminder that comes
    a day early does no harm.
    """
    return months_after(birth, 12 * years)


def full_years(birth: date, on: date) -> int:
    """Completed years of age on the day `on`; -1 or less before the birth."""
    years = on.year - birth.year
    return years if on >= birthday(birth, years) else years - 1


# ---------------------------------------------------------------------------------------------------------------- text

#: Apostrophes of all shapes: people write Nur'aini with whichever their keyboard has.
APOSTROPHES = frozenset("'`´‘’‛ʻʼʹ′＇")
_QUOTES = frozenset('"“”„‟″')


def tidy(raw: str) -> str:
    """One line with single spaces: line breaks, hard spaces and invisible signs of spreadsheets and chats removed."""
    if raw.isascii():
        return " ".join(raw.split())
    shown = "".join(c for c in unicodedata.normalize("NFC", raw) if unicodedata.category(c) != "Cf")
    return " ".join(shown.split())


def plain(raw: str) -> str:
    """The same text in signs of a plain keyboard: digits of all kinds as 0-9, one dash, one apostrophe, one quote.

    Full-width signs become narrow, hard spaces become spaces, invisible signs go; line breaks and letters stay.
    """
    return raw if raw.isascii() else "".join(map(_plain_character, raw))


def _plain_character(c: str) -> str:
    if c in APOSTROPHES:
        return "'"
    if c in _QUOTES:
        return '"'
    if "！" <= c <= "～":  # full-width twins of ASCII
        return chr(ord(c) - 0xFEE0)
    number = unicodedata.decimal(c, None)
    if number is not None:
        return str(number)
    category = unicodedata.category(c)
    if category == "Cf":
        return ""
    if category == "Pd" or c == "−":
        return "-"
    return " " if category == "Zs" else c


# --------------------------------------------------------------------------------------------------------------- names

_ABBREVIATED = re.compile(r"(?:\w{1,4}\.)+|\w")  # M. | MUH. | A.R. | a single letter
_PARTICLES = frozenset({"al", "el"})  # Al Fatih is one name
_KEPT = frozenset({"ST.", "II", "III", "IV", "VI", "VII", "VIII", "IX"})  # Siti, and numbers in Roman letters
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")


def display_name(raw: str) -> str:
    """A name as a message shows it: `SITI NUR'AINI BINTI M. YUSUF` -> `Siti Nur'aini Binti M. Yusuf`.

    The register writes capitals only; such a name (or one in small letters) gets capital initials. A name that already
    mixes both is left as its owner wrote it. Nothing is dropped or spelled out; `ST.` stays.
    """
    name = tidy(plain(raw))
    if not (name.isupper() or name.islower()):
        return name
    words = name.split(" ")
    if name.isascii() and name.replace(" ", "").isalpha() and _KEPT.isdisjoint(name.upper().split(" ")):
        return name.title()  # nearly every name; word by word costs four times as much
    return " ".join(word.upper() if word.upper() in _KEPT else _capitalised(word) for word in words)


def _capitalised(word: str) -> str:
    return _WORD.sub(lambda part: part.group().capitalize(), word)


def first_name(raw: str) -> str:
    """What a message calls a child: the first word, and the next one as well where the first alone names nobody.

    `RIZKI PRATAMA` -> `Rizki`, `M. RIZKI PRATAMA` -> `M. Rizki`, `AL FATIH AKBAR` -> `Al Fatih`; "" for a blank name.
    """
    words = display_name(raw).split(" ")
    taken = 0
    while taken < len(words) - 1 and (_ABBREVIATED.fullmatch(words[taken]) or words[taken].lower() in _PARTICLES):
        taken += 1
    return " ".join(words[: taken + 1])


# ----------------------------------------------------------------------------------------------------------------- NIK

#: What `nik_problem` finds -> the sentence for staff. It never repeats the number.
NIK_PROBLEMS: dict[str, str] = {
    "scientific": "Angka akhir NIK sudah hilang di lembar kerja; ubah kolomnya menjadi teks, lalu isi ulang.",
    "digits": "NIK memuat tanda selain angka; tulis 16 angkanya saja.",
    "length": "NIK tidak berisi 16 angka; periksa kembali di Kartu Keluarga.",
    "filler": "NIK ini angka pengisi, bukan NIK sebenarnya; isi dengan NIK di Kartu Keluarga.",
    "lost_digit": "Empat angka terakhir NIK tidak mungkin 0000; ubah kolom NIK menjadi teks, lalu isi ulang.",
    "birth_date": "Tanggal lahir di dalam NIK berbeda dengan tanggal lahir di baris ini; NIK tetap dipakai.",
    "sex": "Jenis kelamin di dalam NIK berbeda dengan jenis kelamin di baris ini; NIK tetap dipakai.",
}
#: Normal enough to go on: a NIK is not issued again when a birth date or sex is corrected.
NIK_WARNINGS = frozenset({"birth_date", "sex"})

_NIK_SCIENTIFIC = re.compile(r"\+?\d+(?:[.,]\d+)?[eE][+-]?\d+")


def nik_problem(nik: str, birth: date | None, sex: str) -> str | None:
    """The first thing wrong with a NIK, a key of `NIK_PROBLEMS`, or None. Those in `NIK_WARNINGS` refuse nothing.

    `nik` is the text of the cell without spaces; `birth` None and `sex` "" (else "L" or "P") are not compared.
    Sixteen digits: region 6, birth DDMMYY with 40 added to the day for girls, serial 4 from 0001. The region is where
    the person was registered first and says nothing about the address, so it is not looked at.
    """
    if _NIK_SCIENTIFIC.fullmatch(nik):
        return "scientific"
    if not (nik.isascii() and nik.isdigit()):
        return "digits" if nik else "length"
    if len(nik) != 16:
        return "length"
    if len(set(nik)) == 1:
        return "filler"
    if nik.endswith("0000"):
        return "lost_digit"  # a spreadsheet keeps 15 digits of a number and writes 0 for the sixteenth
    day, month, year = int(nik[6:8]), int(nik[8:10]), int(nik[10:12])
    female = day > 40
    day -= 40 if female else 0
    if birth is None:
        if not (1 <= month <= 12 and 1 <= day <= monthrange(2000, month)[1]):  # 2000: a leap year
            return "birth_date"
    elif (day, month, year) != (birth.day, birth.month, birth.year % 100):
        return "birth_date"
    if sex and female != (sex == "P"):
        return "sex"
    return None
