"""Filling a text, counting its segments, and what WhatsApp asks of a template. Pure: preview and sending share it.

A text holds named placeholders such as `{ortu}`; `catalogue` says what each one means and gives examples.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput

PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_]*)\}")

#: What a button may stand for.
BUTTON_INTENTS = (
    "already_collected",
    "already_has_card",
    "opt_out",
    "wants_info_requirements",
    "where_when",
    "will_collect",
    "cannot_go_distance",
    "no_smartphone_help_needed",
    "wrong_number",
    "yes",
)
BUTTON_TITLE = 20  # characters: WhatsApp quick reply
WHATSAPP_BODY = 1024  # characters after filling: Meta's limit for a template body
TELEGRAM_TEXT = 4096  # characters: Bot API

Encoding = Literal["gsm7", "ucs2"]

# 3GPP TS 23.038, default alphabet and its extension table
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_EXTENSION = frozenset("^{}\\[~]|€\f")
_GSM7_SIGNS = _GSM7 | _GSM7_EXTENSION
_SINGLE: Mapping[Encoding, int] = MappingProxyType({"gsm7": 160, "ucs2": 70})
_PART: Mapping[Encoding, int] = MappingProxyType({"gsm7": 153, "ucs2": 67})

# typographic signs that would turn a whole SMS into UCS-2, and their plain form
_PLAIN = str.maketrans(
    {"‘": "'", "’": "'", "ʼ": "'", "`": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‐": "-", "‑": "-",
     "…": "...", "•": "-", "\u00a0": " ", "\u202f": " ", "\t": " "}
)  # fmt: skip


class EmptyValue(BadInput):
    """A text needs the placeholder `name`, and there is nothing to put there; `catalogue.cannot_fill` says what to do."""

    def __init__(self, name: str) -> None:
        super().__init__(f"Isian {{{name}}} kosong", code="missing_value")
        self.name = name


@dataclass(frozen=True)
class Segments:
    """`units`: septets (gsm7; extension signs count 2) or UTF-16 code units (ucs2). `segments`: parts, each charged."""

    encoding: Encoding
    units: int
    segments: int


def segments(text: str) -> Segments:
    """Count the SMS parts that `text` is charged as; the empty text is one part.

    GSM-7 text holds 160 septets alone and 153 per part, anything else is UCS-2: 70 and 67 code units. An extension sign
    or a surrogate pair never lies across two parts. Source: 3GPP TS 23.038 and 23.040.
    """
    signs = set(text)
    encoding: Encoding = "gsm7" if signs <= _GSM7_SIGNS else "ucs2"
    double = signs & _GSM7_EXTENSION if encoding == "gsm7" else {sign for sign in signs if ord(sign) > 0xFFFF}
    units = len(text) + sum(text.count(sign) for sign in double)
    if units <= _SINGLE[encoding]:
        return Segments(encoding, units, 1)
    if not double:
        return Segments(encoding, units, -(-units // _PART[encoding]))
    parts, used = 1, 0
    for width in (2 if sign in double else 1 for sign in text):
        if used + width > _PART[encoding]:
            parts, used = parts + 1, 0
        used += width
    return Segments(encoding, units, parts)


def plain_signs(text: str) -> str:
    """`text` with typographic quotes, dashes and spaces in their plain form, so that an SMS stays GSM-7."""
    return text.translate(_PLAIN)


def odd_signs(text: str) -> list[str]:
    """The signs of `text` that make an SMS UCS-2, each once, in order of appearance."""
    return [sign for sign in dict.fromkeys(text) if sign not in _GSM7_SIGNS]


@lru_cache(maxsize=256)
def placeholders(text: str) -> tuple[str, ...]:
    """Names used in `text`, each once, in order of first appearance."""
    return tuple(dict.fromkeys(PLACEHOLDER.findall(text)))


@lru_cache(maxsize=256)
def stray_braces(text: str) -> tuple[str, ...]:
    """Pieces with a brace that is no placeholder, such as `{Ortu}` or `{anak`."""
    return tuple(re.findall(r"\{[^{}\s]*\}?|[^{}\s]*\}", PLACEHOLDER.sub("", text)))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put `values` into `text`, once: a brace inside a value is an ordinary sign.

    Raises `EmptyValue` when a value is missing or empty, `BadInput` when `text` holds a brace that is no placeholder.
    """
    if stray := stray_braces(text):
        raise BadInput(
            f"Teks memuat kurung kurawal yang bukan isian: {stray[0]}; tulis misalnya {{ortu}}", code="stray_brace"
        )

    pieces = list(_pieces(text))
    for place in range(1, len(pieces), 2):
        name = pieces[place]
        found = values.get(name, "")
        if not found.strip():
            raise EmptyValue(name)
        pieces[place] = found
    return "".join(pieces)


@lru_cache(maxsize=256)
def _pieces(text: str) -> tuple[str, ...]:
    """`text` cut at its placeholders: fixed words and names by turns, beginning and ending with fixed words."""
    return tuple(PLACEHOLDER.split(text))


# WhatsApp makes bold, slanted, struck and fixed-width letters of these, wherever they come from
_MARKUP = str.maketrans({"*": None, "_": " ", "~": "-", "`": "'"})
#: What would begin a quotation or a list, if the value began a line.
_LINE_MARKS = ">#- •"


@lru_cache(maxsize=1024)  # what the office said is in every text
def tidy(value: str) -> str:
    """`value` as it may stand inside a text: one line, no control signs, no markup, nothing that melts into the word before.

    WhatsApp refuses variables of several lines. Tidying twice changes nothing.
    """
    value = value.translate(_MARKUP)
    if value.isascii() and value.isprintable():
        return " ".join(value.split()).lstrip(_LINE_MARKS)
    kept = "".join(" " if sign.isspace() else sign for sign in value if sign.isspace() or not _is_control(sign))
    # an accent at the beginning would sit on the fixed word before
    start = next((place for place, sign in enumerate(kept) if not (sign in _LINE_MARKS or _is_accent(sign))), len(kept))
    return " ".join(kept[start:].split())


def _is_control(sign: str) -> bool:
    return unicodedata.category(sign) in ("Cc", "Cf", "Cs")


def _is_accent(sign: str) -> bool:
    return unicodedata.category(sign).startswith("M")


_LONGEST_NAME = 80  # characters; longer ones are several cells of a sheet in one
_LINK = re.compile(r"://|\bwww\.|\w\.(?:com|net|org|id|info|xyz|link|site|apk)\b|@", re.IGNORECASE)
_LIST_NUMBER = re.compile(r"\d+[.)]\s*")


def sayable(name: str) -> str:
    """A name as a text may say it; "" when it is none (no letter, a link or an address, far too long).

    A family without a sayable name is written to as on a shared telephone. A list's number before the name goes.
    """
    if len(name) <= _LONGEST_NAME and name.replace(" ", "").isalpha():
        return name
    name = tidy(_LIST_NUMBER.sub("", name, count=1) if name[:1].isdigit() else name)
    if len(name) > _LONGEST_NAME or _LINK.search(name) or not any(map(str.isalpha, name)):
        return ""
    return name


def join_names(names: Sequence[str]) -> str:
    """`Ani` · `Ani dan Budi` · `Ani, Budi dan Citra`. The empty list gives an empty text."""
    if len(names) < 2:
        return "".join(names)
    return ", ".join(names[:-1]) + " dan " + names[-1]


@lru_cache(maxsize=256)
def to_provider_body(text: str) -> tuple[str, tuple[str, ...]]:
    """`text` as WhatsApp wants it: `{{1}}`, `{{2}}`, ... in order of first appearance, and which name is which."""
    order = placeholders(text)
    number = {name: index for index, name in enumerate(order, start=1)}
    return PLACEHOLDER.sub(lambda match: f"{{{{{number[match.group(1)]}}}}}", text), order


def provider_values(order: Sequence[str], values: Mapping[str, str]) -> dict[str, str]:
    """Content variables of a filled template, `{"1": "Sri", ...}`, one line each; `EmptyValue` when one is empty."""
    filled: dict[str, str] = {}
    for index, name in enumerate(order, start=1):
        found = tidy(values.get(name, ""))
        if not found:
            raise EmptyValue(name)
        filled[str(index)] = found
    return filled


def adjacent_placeholders(text: str) -> list[str]:
    """Pairs with no word between them, which WhatsApp refuses."""
    pairs = re.findall(r"(?=(\{[a-z0-9_]+\}[^\w{}]*\{[a-z0-9_]+\}))", text)
    return list(dict.fromkeys(pairs))


def fixed_words(text: str) -> int:
    """Words of `text` that are not filled in; WhatsApp wants at least two per placeholder and one more."""
    return len(re.findall(r"\w+", PLACEHOLDER.sub(" ", text)))


def length_warnings(channel: ChannelKind, text: str) -> tuple[str, ...]:
    """What staff should know about a filled text before it is sent, one Indonesian sentence each."""
    if channel is ChannelKind.SMS:
        count = segments(text)
        if count.encoding == "ucs2":
            return (
                f"SMS memakai tanda yang mahal ({' '.join(odd_signs(text)[:5])}): hanya 70 huruf per SMS, "
                f"jadi dihitung {count.segments} SMS.",
            )
        if count.segments > 1:
            return (f"SMS panjangnya {count.units} huruf, dihitung {count.segments} SMS; usahakan paling banyak 160.",)
    if channel is ChannelKind.WHATSAPP and len(text) > WHATSAPP_BODY:
        return (f"Pesan WhatsApp panjangnya {len(text)} huruf; batasnya {WHATSAPP_BODY}.",)
    if channel is ChannelKind.TELEGRAM and len(text) > TELEGRAM_TEXT:
        return (f"Pesan Telegram panjangnya {len(text)} huruf; batasnya {TELEGRAM_TEXT}.",)
    return ()
