"""Which column is what: the office's words, the row of headings, and the kind of file they make.

Kinds: `children` (who is registered where, with or without card), `phones` (a number for a NIK or No KK), `collections`
(what happened to a card).
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from broadcaster.domain.card import CardStatus
from broadcaster.domain.people import tidy
from broadcaster.errors import BadInput
from broadcaster.shipped import content_dir

if TYPE_CHECKING:
    from broadcaster.registry.mapping import ColumnMap

Kind = Literal["children", "phones", "collections"]
KINDS: tuple[Kind, ...] = get_args(Kind)

#: What a kind cannot do without; of several names in one entry one is enough.
REQUIRED: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    "children": (("nik",), ("name",), ("birth_date", "birth"), ("village",), ("kecamatan",)),
    "phones": (("nik", "kk"), ("phone",)),
    "collections": (("nik",), ("status", "collected_on", "printed_on", "applied_on")),
}

#: How staff call a field.
LABELS: Mapping[str, str] = {
    "nik": "NIK",
    "kk": "No KK",
    "name": "Nama",
    "sex": "Jenis Kelamin",
    "birth_date": "Tanggal Lahir",
    "birth": "TTL",
    "village": "Desa/Kelurahan",
    "kecamatan": "Kecamatan",
    "mother": "Nama Ibu",
    "father": "Nama Ayah",
    "parent": "Nama Orang Tua/Wali",
    "head": "Nama Kepala Keluarga",
    "phone": "No HP",
    "relation": "Hub. dengan Anak",
    "status": "Status",
    "applied_on": "Tgl Pengajuan",
    "printed_on": "Tgl Cetak",
    "collected_on": "Tgl Ambil",
    "note": "Keterangan",
}

#: What the import itself adds to the columns of a file when it lists its findings (registry.workbook).
OWN_HEADINGS = ("Baris Asal", "Tingkat Temuan", "Kolom Temuan", "Alasan Temuan", "Saran Perbaikan")
OWN_KEYS = frozenset(re.sub(r"[^a-z]", "", heading.lower()) for heading in OWN_HEADINGS)

_LONGEST_HEADING = 300  # characters; what is longer is prose, and cut it is no heading either

#: Titles, logos and addresses above a table end well before this row.
HEADINGS_WITHIN = 50


@dataclass(frozen=True)
class Words:
    """content/words/headers.toml, ready for looking up by `fold`."""

    headings: Mapping[str, tuple[str, int]]  # folded -> (field, preference, 0 = best)
    ignored: frozenset[str]
    sex: Mapping[str, str]  # folded -> L | P
    status: Mapping[str, CardStatus]
    relation: Mapping[str, str]  # folded -> field of the parent's name
    stays: tuple[str, ...]  # phrases that mean the child is still here
    excluded: Mapping[str, tuple[str, ...]]  # deceased | moved -> phrases
    footers: tuple[str, ...] = ()  # how a cell of a total or a signature begins


@dataclass(frozen=True)
class Columns:
    """Where each field stands. `index` counts from 0; several phone columns may stand side by side.

    `titles`: every heading by position; of several equal ones each says its column, `Nama [C]`. `unclear`: fields for which
    equal headings stand side by side, with those headings. `unknown`: headings that say nothing to us.
    """

    row: int  # number of the row of headings; data begins after it
    index: Mapping[str, int]
    phones: tuple[int, ...]
    written: Mapping[str, str]  # field -> the heading as the office wrote it
    found: tuple[str, ...]  # every heading of the row
    doubled: tuple[tuple[str, str, tuple[str, ...]], ...] = field(default=())  # field, used, left out
    titles: tuple[str, ...] = ()
    unclear: tuple[tuple[str, tuple[str, ...]], ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(self.index) | ({"phone"} if self.phones else frozenset())


def fold(text: str) -> str:
    """A heading or word without what clerks vary: `No. KK (16 digit)` and `NO_KK` are both `nokk`."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\([^()]*\)", "", tidy(text[:_LONGEST_HEADING]).lower()))


def title_key(title: str) -> str:
    """What makes two headings of one sheet the same: `fold`, or the heading itself where nothing of it is left."""
    return fold(title) or tidy(title).casefold()


def shape_of(titles: Sequence[str]) -> str:
    """What two files have in common when their headings are the same in the same order; case and marks do not count."""
    filled = [key for key in map(title_key, titles) if key not in OWN_KEYS]
    while filled and not filled[-1]:
        filled.pop()
    return hashlib.sha256("\x1f".join(filled).encode()).hexdigest()


@lru_cache(maxsize=1)
def load_words() -> Words:
    """The shipped words; raises `BadInput` when the file was edited into something unusable."""
    path = content_dir() / "words" / "headers.toml"
    try:
        return parse_words(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, KeyError, ValueError, AttributeError) as error:
        raise BadInput(f"content/words/headers.toml tidak terbaca: {error}", code="bad_words") from error


def parse_words(raw: Mapping[str, Any]) -> Words:
    """Raises KeyError for a missing section, ValueError for an unknown field or status, or for a word with two meanings."""
    headings: dict[str, tuple[str, int]] = {}
    for name, aliases in raw["headings"].items():
        if name not in LABELS:
            raise ValueError(f"kolom {name} tidak dikenal")
        for preference, alias in enumerate(aliases):
            if headings.setdefault(fold(alias), (name, preference))[0] != name:
                raise ValueError(f"judul {alias!r} punya dua arti")
    return Words(
        headings=headings,
        ignored=frozenset(fold(alias) for alias in raw["ignored"]["headings"]) - headings.keys(),
        sex=_meanings(raw["sex"]),
        status={word: CardStatus(meaning) for word, meaning in _meanings(raw["status"]).items()},
        relation=_meanings(raw["relation"]),
        stays=tuple(raw["excluded"]["stays"]),
        excluded={reason: tuple(raw["excluded"][reason]) for reason in ("deceased", "moved")},
        footers=tuple(raw["footers"]["begin"]),
    )


def _meanings(section: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for meaning, words in section.items():
        for word in words:
            if found.setdefault(fold(word), meaning) != meaning:
                raise ValueError(f"kata {word!r} punya dua arti")
    return found


def find_columns(
    rows: Sequence[tuple[int, Sequence[object]]],
    words: Words,
    given: ColumnMap | None = None,
    remembered: Mapping[str, ColumnMap] | None = None,
) -> Columns | None:
    """The headings among the first rows of a sheet: the row with most known ones; None when no row has two.

    `given`: the office's answer about this file; its headings are known. `remembered`: earlier answers by `shape_of`; a row
    of such a shape is the one.
    """
    best: tuple[int, int] | None = None
    asked = given.columns if given else {}
    for position, (_, row) in enumerate(rows):
        if given is None and remembered:
            for number, titles in _titles_at(rows, position, words):
                if (answer := remembered.get(shape_of(titles))) is not None:
                    return _columns(number, titles, words, answer)
        folded = [fold(str(cell)) for cell in row]
        used = sum(cell in words.headings or cell in asked for cell in folded if cell)
        known = used + sum(cell in words.ignored for cell in folded)
        if used >= 1 and known >= 2 and (best is None or known > best[0]):
            best = (known, position)
    if best is None:
        return None
    number, titles = list(_titles_at(rows, best[1], words))[-1]
    return _columns(number, titles, words, given)


def _titles_at(
    rows: Sequence[tuple[int, Sequence[object]]], position: int, words: Words
) -> Iterator[tuple[int, list[str]]]:
    """The headings that begin in this row: in one line, and in two where the next line can be their second."""
    number, row = rows[position]
    titles = [tidy(str(cell)) for cell in row]
    yield number, _told_apart(titles)
    if position + 1 < len(rows) and (lower := _second_line(titles, rows[position + 1][1], words)):
        yield rows[position + 1][0], _told_apart(lower)


def _told_apart(titles: Sequence[str]) -> list[str]:
    """Headings that are written alike, each with the letter of its column."""
    times = Counter(title_key(title) for title in titles if title)
    return [
        f"{title} [{column_letters(index)}]" if title and times[title_key(title)] > 1 else title
        for index, title in enumerate(titles)
    ]


def column_letters(index: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA, as sheets call their columns."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(65 + rest) + letters
    return letters


def _second_line(titles: Sequence[str], row: Sequence[object], words: Words) -> list[str] | None:
    """The titles of headings in two lines (`ORANG TUA` over `AYAH | IBU`); None when line two holds anything else."""
    below = [tidy(str(cell)) for cell in row]
    filled = [cell for cell in below if cell]
    if not filled or not all(fold(cell) in words.headings or fold(cell) in words.ignored for cell in filled):
        return None
    width = max(len(titles), len(below))
    above, below = [*titles, *[""] * (width - len(titles))], [*below, *[""] * (width - len(below))]
    return [under or over for over, under in zip(above, below, strict=True)]


_LETTERS = re.compile(r" \[[A-Z]+\]$")


def without_letters(title: str) -> str:
    """`Nama [C]` -> `Nama`, as it stands in the file."""
    return _LETTERS.sub("", title)


def _columns(number: int, titles: Sequence[str], words: Words, answer: ColumnMap | None) -> Columns:
    answered = answer.of(titles) if answer else {}
    settled = frozenset(answered.values()) - {""}
    candidates: dict[str, list[tuple[int, int]]] = {}
    unknown = []
    for index, title in enumerate(titles):
        folded = fold(without_letters(title))
        known = (answered[index], 0) if index in answered else words.headings.get(folded)
        if known and known[0]:
            if index in answered or known[0] not in settled:
                candidates.setdefault(known[0], []).append((known[1], index))
        elif title and index not in answered and folded not in words.ignored:
            unknown.append(title)
    phones = tuple(sorted(index for _, index in candidates.pop("phone", [])))
    chosen = {name: min(places)[1] for name, places in candidates.items()}
    several = {
        name: sorted(places)
        for name, places in candidates.items()
        if len(places) > 1 and name not in _NO_HARM_TWICE and name not in settled
    }
    return Columns(
        row=number,
        index=chosen,
        phones=phones,
        written={name: titles[index] for name, index in chosen.items()}
        | ({"phone": titles[phones[0]]} if phones else {}),
        found=tuple(title for title in titles if title),
        doubled=tuple(
            (name, titles[chosen[name]], tuple(titles[index] for _, index in places if index != chosen[name]))
            for name, places in several.items()
        ),
        titles=tuple(titles),
        unclear=tuple(
            (name, tuple(titles[index] for preference, index in places if preference == places[0][0]))
            for name, places in several.items()
            if places[0][0] == places[1][0]
        ),
        unknown=tuple(unknown),
    )


#: A second column of these is normal: names beside codes, a child's and a parent's number.
_NO_HARM_TWICE = frozenset({"village", "kecamatan", "parent", "note"})


def guess_kind(columns: Columns) -> Kind | None:
    """The kind that fits the headings; None when none does. Birth dates make children, then phones, then card dates."""
    fields = columns.fields
    if {"name"} <= fields and fields & {"birth_date", "birth"}:
        return "children"
    card = fields & {"status", "collected_on", "printed_on", "applied_on"}
    if "phone" in fields and not (card and "nik" in fields):
        return "phones"
    return "collections" if card and "nik" in fields else None


def missing_fields(columns: Columns, kind: Kind) -> list[tuple[str, ...]]:
    """What the kind needs and the sheet lacks; of several names in one entry one is enough."""
    lacking = [names for names in REQUIRED[kind] if not columns.fields & set(names)]
    if fold(columns.written.get("village", "")).startswith("kode"):
        lacking = [names for names in lacking if names != ("kecamatan",)]
    return lacking


def missing_columns(columns: Columns, kind: Kind) -> list[str]:
    """Labels of `missing_fields`."""
    return [" atau ".join(LABELS[name] for name in names) for names in missing_fields(columns, kind)]


#: Only a list of children has these.
_OF_CHILDREN = frozenset({"birth_date", "birth", "village", "kecamatan", "mother", "father", "parent", "sex"})


def nearest_kind(columns: Columns) -> Kind:
    """What a file whose headings fit no kind is meant to be: children when they speak of them, else what lacks least."""
    if columns.fields & _OF_CHILDREN:
        return "children"
    return min(KINDS, key=lambda kind: len(missing_fields(columns, kind)))


def is_heading_again(row: Sequence[object], columns: Columns, words: Words) -> bool:
    """A row that repeats the headings (a page break), or numbers the columns (1, 2, 3 ...)."""
    texts = [tidy(str(cell)).strip("()").removesuffix(".0") for cell in row]
    filled = [text for text in texts if text]
    numbers = [int(text) for text in filled if text.isascii() and text.isdigit() and len(text) <= 2]
    if (
        len(filled) >= 3
        and len(numbers) == len(filled)
        and numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    ):
        return True
    places = [*columns.index.items(), *(("phone", index) for index in columns.phones)]
    known = [(name, words.headings.get(fold(texts[index]))) for name, index in places if index < len(texts)]
    return sum(found is not None and found[0] == name for name, found in known) >= 2
