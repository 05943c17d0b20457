"""What a case of the corpus is: a broken file, and by hand what the import has to find in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from broadcaster.registry.columns import Kind
from broadcaster.registry.reader import Limits
from tests.corpus import writers
from tests.integration.registry import files

HEADINGS = files.CHILD_HEADINGS
BORN = date(2020, 3, 14)


@dataclass(frozen=True)
class Case:
    """`found`: every finding as `row:code`, row `-` for the whole file; a refused file is `!code`. Written by hand: the report
    beside the case says how, this says what."""

    name: str  # of the file
    about: str
    content: bytes
    found: str
    kind: Kind | None = None
    limits: Limits = field(default_factory=Limits)
    column_map: str = ""  # TOML


def text(rows: Sequence[Sequence[Any]], encoding: str = "utf-8", delimiter: str = ";") -> bytes:
    return files.csv_text(rows[1:], [str(cell) for cell in rows[0]], delimiter).encode(encoding)


def book(*rows: Sequence[Any], headings: Sequence[str] = HEADINGS, titles: Sequence[str] = ()) -> bytes:
    return writers.xlsx(("Data", [*([title] for title in titles), headings, *rows]))


def families(count: int, **cells: Any) -> list[list[Any]]:
    """Children of so many families, one each."""
    return [files.child(n, family=n, **cells) for n in range(1, count + 1)]
