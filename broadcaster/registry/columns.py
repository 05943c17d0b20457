"""Which column is what: the office's words, the row of headings, and the kind of file they make.

Kinds: `children` (who is registered where, with or without card), `phones` (a number for a NIK or No KK), `collections`
(what happened to a card).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, get_args

from broadcaster.domain.card import CardStatus
from broadcaster.domain.people import tidy
from broadcaster.errors import BadInput
from broadcaster.shipped import content_dir

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


@dataclass(frozen=True)
class Columns:
    """Where each field stands. `index` counts from 0; several phone columns may stand side by side."""

    row: int  # number of the row of headings; data begins after it
    index: Mapping[str, int]
    phones: tuple[int, ...]
    written: Mapping[str, str]  # field -> the heading as the office wrote it
    found: tuple[str, ...]  # every heading of the row
    doubled: tuple[tuple[str, str, tuple[str, ...]], ...] = field(default=())  # field, used, left out

    @property
    def fields(self) -> frozenset[str]:
        return frozenset(self.index) | ({"phone"} if self.phones else frozenset())


def fold(text: str) -> str:
    """A heading or word without what clerks vary: `No. KK (16 digit)` and `NO_KK` are both `nokk`."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*?\)", "", tidy(text).lower()))


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
    )


def _meanings(section: Mapping[str, Sequence[str]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for meaning, words in section.items():
        for word in words:
            if found.setdefault(fold(word), meaning) != meaning:
                raise ValueError(f"kata {word!r} punya dua arti")
    return found


def find_columns(rows: Sequence[tuple[int, Sequence[object]]], words: Words) -> Columns | None:
    """The headings among the first rows of a sheet: the row with most known ones; None when no row has two."""
    best: tuple[int, int] | None = None
    for position, (_, row) in enumerate(rows):
        folded = [fold(str(cell)) for cell in row]
        used = sum(cell in words.headings for cell in folded)
        known = used + sum(cell in words.ignored for cell in folded)
        if used >= 1 and known >= 2 and (best is None or known > best[0]):
            best = (known, position)
    if best is None:
        return None
    position = best[1]
    number, row = rows[position]
    titles = [tidy(str(cell)) for cell in row]
    if position + 1 < len(rows) and (lower := _second_line(titles, rows[position + 1][1], words)):
        number, titles = rows[position + 1][0], lower
    return _columns(number, titles, words)


def _second_line(titles: Sequence[str], row: Sequence[object], words: Words) -> list[str] | None:
    """The titles of headings in two lines (`ORANG TUA` over `AYAH | IBU`); None when line two holds anything else."""
    below = [tidy(str(cell)) for cell in row]
    filled = [cell for cell in below if cell]
    if not filled or not all(fold(cell) in words.headings or fold(cell) in words.ignored for cell in filled):
        return None
    width = max(len(titles), len(below))
    above, below = [*titles, *[""] * (width - len(titles))], [*below, *[""] * (width - len(below))]
    return [under or over for over, under in zip(above, below, strict=True)]


def _columns(number: int, titles: Sequence[str], words: Words) -> Columns:
    candidates: dict[str, list[tuple[int, int]]] = {}
    for index, title in enumerate(titles):
        known = words.headings.get(fold(title))
        if known:
            candidates.setdefault(known[0], []).append((known[1], index))
    phones = tuple(sorted(index for _, index in candidates.pop("phone", [])))
    chosen = {name: min(places)[1] for name, places in candidates.items()}
    return Columns(
        row=number,
        index=chosen,
        phones=phones,
        written={name: titles[index] for name, index in chosen.items()}
        | ({"phone": titles[phones[0]]} if phones else {}),
        found=tuple(title for title in titles if title),
        doubled=tuple(
            (name, titles[chosen[name]], tuple(titles[index] for _, index in sorted(places) if index != chosen[name]))
            for name, places in candidates.items()
            if len(places) > 1 and name not in _NO_HARM_TWICE
        ),
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


def missing_columns(columns: Columns, kind: Kind) -> list[str]:
    """Labels of what the kind needs and the sheet lacks."""
    lacking = [names for names in REQUIRED[kind] if not columns.fields & set(names)]
    if fold(columns.written.get("village", "")).startswith("kode"):
        lacking = [names for names in lacking if names != ("kecamatan",)]
    return [" atau ".join(LABELS[name] for name in names) for names in lacking]


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
