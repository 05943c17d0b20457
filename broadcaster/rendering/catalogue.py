"""What a text may be filled with: the typed variables of `content/variables.toml`, the one place where they are declared.

`variables()` is the shipped catalogue, read once a process. Everything that fills, checks or documents a text asks it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from broadcaster.domain.dates import MONTHS
from broadcaster.errors import BadInput
from broadcaster.office.rules import FACTS
from broadcaster.rendering.form import Form, Problem, nearest, parse, raise_first, unknown_keys
from broadcaster.shipped import content_dir

#: Name of the file inside a content folder.
FILE = "variables.toml"
SOURCES = ("household", "office", "visit")
#: What a value of each format looks like.
FORMATS: Mapping[str, re.Pattern[str]] = {
    "text": re.compile(r".+"),
    "names": re.compile(r"[^\d{}]+"),
    "date": re.compile(rf"(?:[A-Z][a-z]+, )?[1-3]?\d (?:{'|'.join(MONTHS)}) \d{{4}}"),
    "phone": re.compile(r"0\d[\d-]{6,14}"),
}
KEYS = ("meaning", "source", "format", "fallback", "shortest", "longest", "example", "fact")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `shortest`, `longest` and `example` are values as a text would hold them."""

    name: str
    meaning: str  # Indonesian, for staff
    source: str  # household | office | visit
    format: str  # text | names | date | phone
    shortest: str
    longest: str
    example: str
    fallback: str = ""  # said where the value may not or cannot be said; "" = then the text cannot be filled
    fact: str = ""  # key of the office fact behind it


Catalogue = Mapping[str, Variable]


@lru_cache(maxsize=1)
def variables() -> Catalogue:
    """The shipped catalogue. Raises `BadInput` naming the line of what is wrong with the file."""
    catalogue, problems = read_catalogue((content_dir() / FILE).read_text(encoding="utf-8"))
    raise_first(problems, FILE)
    assert catalogue is not None, "a file without problems can be used"
    return catalogue


def read_catalogue(toml: str) -> tuple[Catalogue | None, list[Problem]]:
    """A catalogue file and everything wrong with it; None when there is anything."""
    tables, problems = parse(toml)
    found = {
        name: _variable(name, table, toml, problems)
        for name, table in (tables or {}).items()
        if isinstance(table, dict)
    }
    for name in set(tables or {}) - set(found):
        problems.append(Problem(1, "unknown_key", f'"{name}" di luar bagian; tulis di bawah sebuah [isian]'))
    return (MappingProxyType(found) if not problems else None), problems


def examples(catalogue: Catalogue) -> dict[str, str]:
    """A value of usual length for every variable."""
    return {name: variable.example for name, variable in catalogue.items()}


def longest(catalogue: Catalogue) -> dict[str, str]:
    return {name: variable.longest for name, variable in catalogue.items()}


def neutral(catalogue: Catalogue) -> dict[str, str]:
    """What a family is written whose telephone others use too: no names, and the usual values for the rest."""
    return {name: variable.fallback or variable.example for name, variable in catalogue.items()}


def cannot_fill(name: str, values: Mapping[str, str]) -> BadInput:
    """The error for a text that needs `name`, which is empty in `values`: it says what to do about it."""
    variable = variables().get(name)
    if variable is None:
        return BadInput(f"Isian {{{name}}} tidak dikenal{nearest(name, variables())}", code="missing_value")
    fix = ""
    if variable.fact:
        fix = f'; isi dengan `broadcaster office set {variable.fact} "..."`'
    elif variable.source == "visit":
        fix = (
            f": belum ada jadwal pelayanan keliling di {values.get('desa') or 'desa ini'}; tambahkan dengan "
            "`broadcaster office visit add --desa KODE --date TTTT-BB-HH --place TEMPAT --hours JAM`"
        )
    return BadInput(f"Isian {{{name}}} ({variable.meaning}) kosong{fix}", code="missing_value")


def _variable(name: str, table: Mapping[str, Any], toml: str, problems: list[Problem]) -> Variable:
    problems += unknown_keys(toml, table, KEYS, name)
    form = Form(toml, table, problems, name)
    variable = Variable(
        name=name,
        meaning=form.text("meaning"),
        source=form.one_of("source", SOURCES),
        format=form.one_of("format", tuple(FORMATS)),
        shortest=form.text("shortest"),
        longest=form.text("longest"),
        example=form.text("example"),
        fallback=form.optional("fallback"),
        fact=form.optional("fact"),
    )
    if variable.source == "office" and form.text("fact"):
        form.known(variable.fact, [fact.key for fact in FACTS], "value", "Data kantor")
    for key in ("shortest", "longest", "example"):
        value = str(table.get(key, ""))
        if value and variable.format and not FORMATS[variable.format].fullmatch(value):
            form.problem(key, "value", f'"{value}" tidak sesuai dengan format = "{variable.format}"')
    if not len(variable.shortest) <= len(variable.example) <= len(variable.longest):
        form.problem("example", "value", f'"{name}": shortest, example, longest harus dari yang pendek ke yang panjang')
    return variable
