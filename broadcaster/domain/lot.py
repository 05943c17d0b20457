"""The lot: which household is written to in which wave, decided by a keyed hash and by nothing else.

`u = HMAC-SHA256(salt, household key)`, first 8 bytes, as a number in [0, 1). With the stored salt anyone can draw again
and compare; without it nobody can foresee or choose a place. The order in which units are given changes nothing.

Units are ordered by (tier, place, stratum, u), and waves are dealt round that order, from a start that the salt gives.
So the waves of the whole list, of every cell (tier, place) and of every stratum differ by one household at most, and
each household has the same chance of every wave.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import floor

#: Hashed for the start of the deal: the salt's own number. No household may have it as its key.
_START = ""


@dataclass(frozen=True)
class Unit:
    """A household that enters the lot, compared within its cell: `tier`, and `place` where cards are collected."""

    key: str
    tier: int
    place: str
    stratum: str


@dataclass(frozen=True)
class Drawn:
    """Where the lot put a unit: `wave` from 1, `rank` from 0 in its cell, in the order that is sent."""

    unit: Unit
    u: float
    rank: int
    wave: int


def u_of(salt: bytes, key: str) -> float:
    """The keyed hash of `key` as a number in [0, 1)."""
    return int.from_bytes(hmac.digest(salt, key.encode(), "sha256")[:8]) / 2**64


def list_sha256(units: Iterable[Unit]) -> str:
    """Fingerprint of the list that entered the lot, whatever its order; kept with the salt before the first send.

    Raises ValueError when a key is missing or appears twice.
    """
    lines = [json.dumps([unit.key, unit.tier, unit.place, unit.stratum]) for unit in _by_key(units)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def draw(units: Iterable[Unit], salt: bytes, waves: int) -> list[Drawn]:
    """Deal the units into `waves` equal waves; the answer is ordered by cell and rank.

    A cell with fewer units than waves leaves some of its waves empty.
    Raises ValueError for fewer than one wave, an empty salt, and a key that is missing or appears twice.
    """
    if waves < 1:
        raise ValueError(f"a lot needs at least one wave, not {waves}")
    start = floor(u_of(salt, _START) * waves)
    return _deal(units, salt, lambda position: 1 + (position + start) % waves)


def draw_delayed(units: Iterable[Unit], salt: bytes, delayed_share: float) -> list[Drawn]:
    """Draw one delayed group: wave 1 is sent first, wave 2 (`delayed_share` of all, between 0 and 1) later.

    Position i is delayed when the running total of shares passes a whole number there, counted from a start that is
    uniform over one full round; so every position, the first ones too, is delayed with probability `delayed_share`.
    Raises ValueError for a share outside (0, 1), an empty salt, and a key that is missing or appears twice.
    """
    if not 0 < delayed_share < 1:
        raise ValueError(f"the delayed share must lie between 0 and 1, not {delayed_share}")
    start = u_of(salt, _START)

    def wave(position: int) -> int:
        return 1 + (floor((position + 1) * delayed_share + start) - floor(position * delayed_share + start))

    return _deal(units, salt, wave)


def _deal(units: Iterable[Unit], salt: bytes, wave_at: Callable[[int], int]) -> list[Drawn]:
    if not salt:
        raise ValueError("a lot without a salt can be foreseen")
    # a 64 bit tie is not to be expected; the key would decide it, never the order of the input
    ordered = sorted(
        ((unit.tier, unit.place, unit.stratum, u_of(salt, unit.key), unit.key, unit) for unit in _by_key(units)),
        key=lambda line: line[:5],
    )
    cells: defaultdict[tuple[int, str], list[tuple[int, float, str, Unit]]] = defaultdict(list)
    for position, (tier, place, _, u, key, unit) in enumerate(ordered):
        cells[tier, place].append((wave_at(position), u, key, unit))
    return [
        Drawn(unit, u, rank, wave)
        for lines in cells.values()
        for rank, (wave, u, _, unit) in enumerate(sorted(lines, key=lambda line: line[:3]))
    ]


def _by_key(units: Iterable[Unit]) -> list[Unit]:
    ordered = sorted(units, key=lambda unit: unit.key)
    for before, unit in zip([None, *ordered], ordered, strict=False):
        if unit.key == _START:
            raise ValueError("a household without a key cannot enter the lot")
        if before is not None and before.key == unit.key:
            raise ValueError(f"household {unit.key} is in the list twice")
    return ordered
