"""Phone cells of office files, read by the house policy P1-P15.

A wrong guess writes to a stranger about somebody's child, so a cell is read when it can mean one number only, and
reported otherwise. `phonenumbers` (region ID) decides what a clean number is; everything it would guess is settled
before it is asked: alone it turns `81234567890.0`, `0812x456789o` and `08123456789...` into numbers of other people.

P1  separators are dropped, the region is Indonesia    P9  too short, too long, 84x: invalid
P2  a zero after 62 is dropped                         P10 landlines are stored, not sent to
P3  leading 00 is +                                    P11 special numbers are never targets
P4  bare 8... is a mobile whose zero was eaten         P12 foreign numbers only with +
P5  `.0` is dropped                                    P13 letters, NIK, errors (#REF!) are invalid
P6  1.2E+11 only with every digit present              P14 two numbers are never glued: `read_phones` takes both
P7  apostrophes, invisible signs, odd dashes cleaned   P15 a doubled country code is not guessed
P8  tel:, wa.me/, HP, WA and other labels are dropped
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Literal

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from broadcaster.domain.people import plain

Kind = Literal["mobile", "landline", "special", "foreign", "invalid", "empty"]


@dataclass(frozen=True, slots=True)
class Phone:
    """One cell, or one number of it. Only kind "mobile" is ever written to.

    `raw`: the cell as text. `e164`: `+6281234567890`, None unless mobile, landline or foreign. `problem`: a key of
    `PROBLEMS`; on a mobile number it is a warning. Reading `e164` again gives the same number, kind and problem.
    """

    raw: str
    e164: str | None
    kind: Kind
    problem: str | None


#: `Phone.problem` -> the sentence for staff. It never repeats the number.
PROBLEMS: dict[str, str] = {
    "maybe_cut": "Nomor ini lebih pendek dari biasanya; pastikan tidak ada angka yang terpotong.",
    "landline": "Ini nomor telepon rumah atau kantor; disimpan, tetapi tidak dikirimi pesan.",
    "foreign": "Ini nomor luar negeri; disimpan, tetapi tidak dikirimi pesan.",
    "special": "Ini nomor layanan khusus, bukan nomor pribadi; isi nomor HP orang tua.",
    "filler": "Nomor ini hanya angka pengisi; isi nomor HP yang sebenarnya atau kosongkan.",
    "too_short": "Angka nomor ini kurang; nomor HP terdiri dari 10 sampai 13 angka dan diawali 08.",
    "too_long": "Angka nomor ini terlalu banyak; nomor HP terdiri dari 10 sampai 13 angka dan diawali 08.",
    "unknown_prefix": "Awalan nomor ini tidak dipakai operator mana pun; periksa kembali nomornya.",
    "no_prefix": "Awali nomor dengan 08 atau +62; nomor luar negeri diawali + dan kode negaranya.",
    "country_code_twice": "Kode negara 62 tertulis dua kali atau didahului 0; awali nomor dengan 08 atau +62.",
    "country_code": "Nomor luar negeri ini tidak dikenal; periksa kode negara dan angkanya. Nomor Indonesia diawali +62.",
    "two_numbers": "Sel ini memuat lebih dari satu nomor; tulis satu nomor dalam satu sel.",
    "unclear": "Letak tanda pemisah membuat nomor ini tidak jelas; tulis angkanya saja.",
    "letters": "Nomor ini memuat huruf; periksa terutama huruf O yang seharusnya angka 0.",
    "characters": "Nomor ini memuat tanda yang bukan bagian nomor; tulis angkanya saja.",
    "cut": "Nomor ini tidak lengkap, sebagian disamarkan atau terpotong; isi nomor lengkapnya.",
    "digits_lost": "Angka akhir nomor ini sudah hilang; ubah kolomnya menjadi teks, lalu isi ulang.",
    "not_whole": "Nomor ini berupa angka pecahan; ubah kolomnya menjadi teks, lalu isi ulang.",
    "id_number": "Ini 16 angka seperti NIK atau nomor KK, bukan nomor HP.",
    "extension": "Nomor dengan ekstensi tidak dapat dikirimi pesan; isi nomor HP.",
    "sheet_error": "Sel ini berisi pesan kesalahan lembar kerja; perbaiki rumusnya.",
    "date": "Sel ini berisi tanggal, bukan nomor telepon.",
}

#: What people write when there is no number (lower case, without dots and other marks at the ends).
FILLERS = frozenset(
    {
        "", "0", "00", "000", "x", "xx", "xxx", "na", "n/a", "null", "none", "nan", "nil",
        "nihil", "kosong", "tidak ada", "tdk ada", "tak ada", "gak ada", "ga ada", "tidak punya", "tdk punya",
        "tidak punya hp", "tdk punya hp", "tidak ada hp", "tdk ada hp", "tidak ada nomor", "tidak ada no hp",
        "tidak ada no. hp", "tdk ada no hp", "tidak memiliki", "tidak memiliki hp", "belum ada", "blm ada",
        "belum punya", "belum punya hp", "tidak tahu", "tidak diketahui", "tanpa nomor", "tanpa hp",
    }
)  # fmt: skip
_PREFILLED = frozenset({"08", "62", "+62"})  # a form's first digits with nothing after them

#: What `phonenumbers` calls MOBILE in region ID, digits after the country code; a test holds the two equal. Asking the
#: library takes 40 microseconds, and a district's file holds 300,000 phones.
_MOBILE = r"8[1-35-9]\d{7,10}"
_NATIONAL = re.compile(_MOBILE, re.ASCII)
_PLAIN = re.compile(rf"(?:0|\+?62)?({_MOBILE})", re.ASCII)
_SHORTEST_USUAL = 10  # digits after the country code; nine are valid, and what a cut leaves


def read_phone(raw: object) -> Phone:
    """Read one cell: text, whole or decimal number, or None. Never raises on what a spreadsheet can hold.

    A cell with two different numbers is invalid here; `read_phones` takes both.
    """
    if isinstance(raw, str) and (plain := _PLAIN.fullmatch(raw)):
        return _mobile(raw, plain.group(1))
    return _read(raw)


def read_phones(raw: object) -> list[Phone]:
    """Read every number of a cell, in order, each once; one `Phone` at least (kind "empty" for a blank cell)."""
    phone = read_phone(raw)
    if phone.problem != "two_numbers":
        return [phone]
    found: dict[str, Phone] = {}
    for part in _numbers(_clean(phone.raw)):
        one = read_phone(part)
        found.setdefault(one.e164 or part, one)
    return list(found.values())


def mask(address: str) -> str:
    """`+6281234567890` -> `+62812•••••90`, for logs, pages and problems. Always five dots; short ones show less."""
    shown = 6 if len(address) >= 11 else 3 if len(address) >= 8 else 0
    return f"{address[:shown]}•••••{address[-2:] if len(address) >= 5 else ''}"


def local_form(e164: str) -> str:
    """As people here write it: `0812-3456-7890`, `(0737) 521234`; a foreign number with + and spaces.

    Raises phonenumbers.NumberParseException when `e164` is not one.
    """
    number = phonenumbers.parse(e164)
    form = PhoneNumberFormat.NATIONAL if number.country_code == 62 else PhoneNumberFormat.INTERNATIONAL
    return phonenumbers.format_number(number, form)


# ---------------------------------------------------------------------------------------------------- cell -> numbers

_ERRORS = re.compile(r"#(?:REF|N/A|VALUE|NAME|DIV/0|NULL|NUM|SPILL|CALC|GETTING_DATA|#+)[!?]?|Err:\d+", re.IGNORECASE)
_SCIENTIFIC = re.compile(r"\+?(\d+)(?:[.,](\d*))?e([+-]?\d{1,3})", re.ASCII | re.IGNORECASE)
_DECIMAL = re.compile(r"(\+?\d{9,})[.,](\d{1,3})", re.ASCII)
_LINK = re.compile(
    r"(?:https?://)?(?:www\.)?(?:wa\.me/|api\.whatsapp\.com/send/?\?phone=|whatsapp://send/?\?phone=)"
    r"(?:%2B|\+)?([\d-]+)/?(?:[?&#].*)?",
    re.ASCII | re.IGNORECASE,
)
_LABEL = (
    r"(?:nomor|no|nmr|hp|h\.p|handphone|hape|ponsel|wa(?!\.me)|w\.a|whatsapp|whats app|telp|tlp|telepon|"
    r"telpon|telephone|tel|phone|mobile|seluler|sms|kontak|contact)"
)
_LABELS_BEFORE = re.compile(rf"(?:\(?{_LABEL}[).:;,/\- ]*)+", re.IGNORECASE)
_LABELS_AFTER = re.compile(rf"(?:[ ,/\-]*\(? ?{_LABEL} ?\)?)+$", re.IGNORECASE)
_EXTENSION = re.compile(r"\d.*?(?:ext(?:ension|n)?|eks(?:tensi)?|pes(?:awat)?|x)[.:= ]*\d{1,6}\)?$", re.IGNORECASE)
_MASKED = re.compile(r"\.{2,}|-{2,}$|[*•…_?]")
_BETWEEN = re.compile(r"[/\\,;|&\n]|(?<=[\d)])[ .\-]*(?=\(?\+)|\b(?:atau|dan|or|and)\b", re.IGNORECASE)
_ALLOWED = re.compile(r"[\d+ ().\-]*", re.ASCII)
_LONE_ZERO = re.compile(r"\d\.0$", re.ASCII)
_UNQUOTED = str.maketrans("[]{}", "()()", "'`\"")
_LONGEST_CELL = 200  # characters; longer ones hold prose, and patterns take their time over them


def _read(raw: object) -> Phone:
    """The whole policy, for any cell; `read_phone` answers plain mobile numbers before it gets here."""
    match raw:
        case None:
            return Phone("", None, "empty", None)
        case bool():
            return _invalid(str(raw), "letters")
        case int():
            return _from_number(str(raw), Decimal(raw))
        case float() | Decimal():
            return _from_number(str(raw), Decimal(repr(raw)) if isinstance(raw, float) else raw)
        case date() | time():  # datetime is a date
            return _invalid(str(raw), "date")
        case str():
            return _from_text(raw)
        case _:
            return _invalid(str(raw), "characters")


def _from_number(raw: str, number: Decimal) -> Phone:
    if number.is_nan() or number == 0:
        return Phone(raw, None, "empty", None)
    if not number.is_finite() or number < 0:
        return _invalid(raw, "characters")
    if number != number.to_integral_value():
        return _invalid(raw, "not_whole")
    digits = f"{number:f}".split(".")[0]
    if digits.endswith("00000") and len(digits) >= 9:
        # what is left of 8.12346E+11 once a text file went through a spreadsheet: six digits, then zeros
        return _invalid(raw, "digits_lost")
    return _classify(raw, digits)


def _from_text(raw: str) -> Phone:
    if len(raw) > _LONGEST_CELL:
        return _invalid(raw, "unclear")
    text = _clean(raw)
    stripped = text.strip(" .-:/,;?*_").lower()
    if _ERRORS.fullmatch(text):
        return _invalid(raw, "sheet_error")
    if stripped in FILLERS or stripped in _PREFILLED or not any(c.isalnum() for c in text):
        return Phone(raw, None, "empty", None)
    found = {}
    for part in _numbers(text):
        phone = _one(raw, part)
        found[phone.e164 or part] = phone
    if len(found) > 1:
        # two numbers if at least one of the parts is one; else the marks between them mean something else
        return _invalid(raw, "two_numbers" if any(phone.e164 for phone in found.values()) else "unclear")
    return next(iter(found.values()), Phone(raw, None, "empty", None))


def _numbers(text: str) -> Iterator[str]:
    """The parts of a cleaned cell that claim to be a number each, labels dropped; blanks and fillers are left out."""
    unlabelled = _without_label_before(text)
    link = _LINK.fullmatch(text) or _LINK.fullmatch(unlabelled)
    text = link.group(1) if link else unlabelled
    if _SCIENTIFIC.fullmatch(text) or _DECIMAL.fullmatch(text) or _EXTENSION.search(text):
        yield text  # its comma or semicolon parts nothing
        return
    for part in _BETWEEN.split(text):
        part = _LABELS_AFTER.sub("", _without_label_before(part.strip()))
        if not _MASKED.search(part):
            part = part.strip(" .-:")
        if part.lower() not in FILLERS and any(c.isalnum() for c in part):
            yield from _unglued(part)


def _without_label_before(text: str) -> str:
    label = _LABELS_BEFORE.match(text)
    return text[label.end() :] if label else text


def _unglued(part: str) -> Iterator[str]:
    """Two numbers with only spaces, dots or dashes between them, where one way alone parts them; else `part`."""
    cuts = [found.start() for found in re.finditer(r"(?<=[ .()\-])(?=0|62|\()", part)] if len(part) > 15 else []
    whole: dict[tuple[str, str], tuple[str, str]] = {}
    for cut in cuts:
        left, right = part[:cut].strip(" .(-"), part[cut:].strip(" .()-")
        first, second = _one(left, left).e164, _one(right, right).e164
        if first and second:
            whole[first, second] = left, right
    if len(whole) == 1:
        yield from next(iter(whole.values()))
    else:
        yield part


def _one(raw: str, text: str) -> Phone:
    """One part of a cell, cleaned and without labels."""
    if found := _SCIENTIFIC.fullmatch(text):
        whole, fraction, exponent = found.group(1), found.group(2) or "", int(found.group(3))
        kept, rest = fraction[: max(exponent, 0)], fraction[max(exponent, 0) :]
        if rest.strip("0"):
            return _invalid(raw, "not_whole")
        return _classify(raw, whole + kept) if len(kept) == exponent else _invalid(raw, "digits_lost")
    if found := _DECIMAL.fullmatch(text):
        if found.group(2) not in ("0", "00"):
            return _invalid(raw, "unclear")
        text = found.group(1)
    if _EXTENSION.search(text):
        return _invalid(raw, "extension")
    if any(c.isalpha() for c in text):
        return _invalid(raw, "letters")
    if _MASKED.search(text):
        return _invalid(raw, "cut")
    if not _ALLOWED.fullmatch(text) or "+" in text.lstrip(" (")[1:]:
        return _invalid(raw, "characters")
    if _LONE_ZERO.search(text):
        return _invalid(raw, "unclear")  # 0812 3456 789.0: a last digit or a decimal?
    digits = re.sub(r"\D", "", text)
    if not digits:
        return _invalid(raw, "characters")
    return _classify(raw, f"+{digits}" if "+" in text else digits)


def _clean(raw: str) -> str:
    """P7. One or more lines of plain signs, quotes and apostrophes gone."""
    text = plain(raw).translate(_UNQUOTED)
    if not text.isascii():
        text = "".join(" " if unicodedata.category(c) == "So" else c for c in text)  # a picture of a telephone
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line).removeprefix("=")  # ="0812..." keeps the zero in a text file


# --------------------------------------------------------------------------------------------------- number -> meaning

_DOUBLED = re.compile(rf"0?620?{_MOBILE}", re.ASCII)
_TOLL_FREE_ABROAD = re.compile(r"00(?:1803|7803)\d+", re.ASCII)  # Indonesian numbers that look like calls abroad
_ASCENDING = "123456789"
_ASCENDING_CELLS = frozenset({"12345678", "123456789", "1234567890", "0123456789", "01234567890"})
_SPECIAL = frozenset(
    {PhoneNumberType.TOLL_FREE, PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.UAN}
)


def _classify(raw: str, digits: str) -> Phone:
    """What a clean number means: `digits` is 0-9 with perhaps a leading +."""
    bare = digits.lstrip("+")
    if len(set(bare)) == 1 or bare in _ASCENDING_CELLS:
        return _invalid(raw, "filler")
    if re.fullmatch(r"(?!00)\d{16}", digits):
        return _invalid(raw, "id_number")
    if _TOLL_FREE_ABROAD.fullmatch(digits):
        return _special(raw)
    if digits.startswith("00"):
        digits = f"+{digits[2:]}"
    if digits.startswith("+") and not digits.startswith("+62"):
        return _foreign(raw, digits)
    if digits.startswith(("+62", "62")):
        national = digits.removeprefix("+")[2:]
        return _indonesian(raw, national.removeprefix("0"))
    if digits.startswith("0"):
        return _indonesian(raw, digits[1:])
    if digits.startswith("8"):
        return _indonesian(raw, digits)
    short = phonenumbers.PhoneNumber(country_code=62, national_number=int(bare))
    if phonenumbers.is_valid_short_number_for_region(short, "ID") or _type_of(f"+62{bare}") in _SPECIAL:
        return _special(raw)
    return _invalid(raw, "too_short" if len(bare) < 7 else "too_long" if len(bare) > 15 else "no_prefix")


def _indonesian(raw: str, national: str) -> Phone:
    """`national`: the digits after the country code or the zero."""
    if len(national) > 6 and _is_filler(national):
        return _invalid(raw, "filler")
    if _DOUBLED.fullmatch(national):
        return _invalid(raw, "country_code_twice")
    if national.startswith("0"):  # phonenumbers would drop this one too
        return _invalid(raw, "unknown_prefix")
    if _NATIONAL.fullmatch(national):
        return _mobile(raw, national)
    number_type = _type_of(f"+62{national}")
    if number_type == PhoneNumberType.FIXED_LINE:
        return Phone(raw, f"+62{national}", "landline", "landline")
    if number_type in _SPECIAL:
        return _special(raw)
    if len(national) < 9:
        return _invalid(raw, "too_short")
    return _invalid(raw, "too_long" if len(national) > 12 else "unknown_prefix")


def _mobile(raw: str, national: str) -> Phone:
    if _is_filler(national):
        return _invalid(raw, "filler")
    return Phone(raw, f"+62{national}", "mobile", "maybe_cut" if len(national) < _SHORTEST_USUAL else None)


def _is_filler(national: str) -> bool:
    subscriber = national[3:]  # after the operator's prefix, 0812, or the area code, 0737
    return subscriber == _ASCENDING or subscriber == subscriber[0] * len(subscriber)


def _foreign(raw: str, digits: str) -> Phone:
    try:
        number = phonenumbers.parse(digits)
    except phonenumbers.NumberParseException:
        return _invalid(raw, "country_code" if len(digits) > 7 else "too_short")
    if not phonenumbers.is_valid_number(number):
        return _invalid(raw, "country_code")
    return Phone(raw, phonenumbers.format_number(number, PhoneNumberFormat.E164), "foreign", "foreign")


def _type_of(e164: str) -> int:
    try:
        return phonenumbers.number_type(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return PhoneNumberType.UNKNOWN


def _special(raw: str) -> Phone:
    return Phone(raw, None, "special", "special")


def _invalid(raw: str, problem: str) -> Phone:
    return Phone(raw, None, "invalid", problem)
