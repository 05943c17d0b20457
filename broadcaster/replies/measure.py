"""How well replies are understood: labelled texts against the rules. Pure; the texts come from files staff can write.

A file has sections, `[intent]`, each with one reply a line; what else a reply carries follows `##`; `\\n` is a line break
and `#` begins a comment. A reply's half follows from its hash, so it stays the same however the files are sorted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from broadcaster.errors import BadInput
from broadcaster.replies.words import INTENTS

Half = Literal["development", "held-out"]


@dataclass(frozen=True)
class Labelled:
    """One reply and what a person says it means: the first intent is primary."""

    text: str
    intents: tuple[str, ...]

    @property
    def half(self) -> Half:
        return "held-out" if hashlib.sha256(self.text.encode()).digest()[0] % 2 else "development"


@dataclass(frozen=True)
class Read:
    """What the rules made of one labelled reply."""

    label: Labelled
    intents: tuple[str, ...]
    opt_out: bool

    @property
    def right(self) -> bool:
        return self.intents[0] == self.label.intents[0]


@dataclass(frozen=True)
class Score:
    """One intent. `recall`: of the replies whose primary intent it is, the share where it is found at all; `precision`: of
    those where it is found first, the share that carries it. None where there is nothing to count."""

    intent: str
    replies: int
    top1: float | None
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class Measured:
    """The opt-out is counted by `opt_out`, the sure one that acts at once; the intents by what is found."""

    replies: int
    top1: float
    opt_out_recall: float | None
    opt_out_precision: float | None
    scores: tuple[Score, ...]
    misses: tuple[Read, ...]


def parse(text: str, name: str = "") -> list[Labelled]:
    """The labelled replies of one file; raises `BadInput` naming the line."""
    found: list[Labelled] = []
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        if said.startswith("[") and said.endswith("]") and said[1:-1] in INTENTS:
            section = said[1:-1]
            continue
        if not section:
            raise BadInput(f"{name} baris {number}: balasan sebelum [maksud] pertama.", code="bad_labels")
        reply, _, others = said.partition(" ## ")
        unknown = set(others.split()) - set(INTENTS)
        if unknown:
            raise BadInput(f"{name} baris {number}: maksud {sorted(unknown)[0]} tidak dikenal.", code="bad_labels")
        found.append(Labelled(reply.strip().replace("\\n", "\n"), (section, *others.split())))
    return found


def measure(labels: Iterable[Labelled], read: Callable[[str], tuple[Sequence[str], bool]]) -> Measured:
    """Read every labelled reply (`read` gives the intents and whether it is surely an opt-out) and count.

    Raises `BadInput` when there is nothing to measure.
    """
    results = []
    for label in labels:
        intents, opt_out = read(label.text)
        results.append(Read(label, tuple(intents), opt_out))
    if not results:
        raise BadInput("Tidak ada balasan berlabel untuk diukur.", code="no_labels")
    wanted = [found for found in results if found.label.intents[0] == "opt_out"]
    claimed = [found for found in results if found.opt_out]
    return Measured(
        replies=len(results),
        top1=sum(found.right for found in results) / len(results),
        opt_out_recall=_share(sum(found.opt_out for found in wanted), len(wanted)),
        opt_out_precision=_share(sum("opt_out" in found.label.intents for found in claimed), len(claimed)),
        scores=tuple(_score(intent, results) for intent in INTENTS),
        misses=tuple(
            found for found in results if not found.right or found.opt_out != (found.label.intents[0] == "opt_out")
        ),
    )


def confusions(measured: Measured) -> list[tuple[str, str, int]]:
    """(label, found, how often), the most frequent first."""
    pairs = Counter((miss.label.intents[0], miss.intents[0]) for miss in measured.misses if not miss.right)
    return [(label, found, times) for (label, found), times in pairs.most_common()]


def _score(intent: str, results: Sequence[Read]) -> Score:
    wanted = [found for found in results if found.label.intents[0] == intent]
    first = [found for found in results if found.intents[0] == intent]
    return Score(
        intent=intent,
        replies=len(wanted),
        top1=_share(sum(found.right for found in wanted), len(wanted)),
        recall=_share(sum(intent in found.intents for found in wanted), len(wanted)),
        precision=_share(sum(intent in found.label.intents for found in first), len(first)),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
