"""Numbers that a clerk types when there is none: a phone in a hundred rows and more belongs to no family of the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from broadcaster.registry.columns import Kind
from broadcaster.registry.problems import Problem, Severity, problem

#: No family has so many children; the number of a kadus stays below and is `shared` (households).
EVERYWHERE = 100


class HasPhones(Protocol):
    """A row of the file, as read or as the planning keeps it."""

    @property
    def number(self) -> int: ...

    @property
    def phones(self) -> tuple[Any, ...]: ...

    def shown(self, position: int) -> str:
        """The phone at that position, masked."""

    def without(self, phones: frozenset[Hashable]) -> Any:
        """The row without those phones."""


def without_everywhere(rows: Sequence[HasPhones], kind: Kind, column: str) -> tuple[list[Any], list[Problem]]:
    """Leave such phones out. In a list of phones a row that has no other says nothing and is rejected."""
    times = Counter(phone for row in rows for phone in row.phones)
    fillers = frozenset(phone for phone, count in times.items() if count >= EVERYWHERE)
    if not fillers:
        return list(rows), []
    kept: list[Any] = []
    found: list[Problem] = []
    for row in rows:
        bad = [position for position, phone in enumerate(row.phones) if phone in fillers]
        rejected = kind == "phones" and bool(bad) and len(bad) == len(row.phones)
        severity: Severity = "error" if rejected else "warning"
        found += [
            problem(
                "phone_everywhere", row.number, column, row.shown(at), severity=severity, count=times[row.phones[at]]
            )
            for at in bad
        ]
        if not rejected:
            kept.append(row.without(fillers) if bad else row)
    return kept, found
