"""Numbers like a NIK or a family card number in what people write: found and struck out before anything is kept."""

from __future__ import annotations

import re

MASK = "[nomor disamarkan]"

#: What may stand between two digits of one number: spaces, dots, dashes, slashes, invisible signs, keycap marks.
_BETWEEN = r"[\s._\-–—·•/,:*\u200b-\u200f\u2060\ufeff\ufe0f\u20e3]{0,3}"
# 15 digits or more: a NIK, a KK number, also one that lost a digit
_LONG_NUMBER = re.compile(rf"\d(?:{_BETWEEN}\d){{14,}}")
_SPOKEN = "nol|kosong|satu|dua|tiga|empat|lima|enam|tujuh|delapan|lapan|sembilan"
# the same, dictated to a telephone
_DICTATED = re.compile(rf"\b(?:{_SPOKEN}|\d)(?:[\s,.\-]{{1,3}}(?:{_SPOKEN}|\d)\b){{14,}}", re.IGNORECASE)
_TELEPHONE = re.compile(r"(?:\+?62|0)8(?:[\s.-]?\d){7,11}")


def mask_long_numbers(text: str, put: str = MASK) -> str:
    """`text` without numbers of 15 digits or more, whatever stands between the digits; telephone numbers stay."""
    return _DICTATED.sub(put, _LONG_NUMBER.sub(lambda found: _struck(found.group(), put), text))


def _struck(number: str, put: str) -> str:
    """Two telephone numbers side by side are no NIK."""
    left = _TELEPHONE.sub("", number)
    return number if left != number and not any(sign.isdigit() for sign in left) else put
