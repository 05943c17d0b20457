"""From what the lot decided and the register says to a verdict and one sentence. Pure; the rules are those of
docs/measurement.md.

A wave opens on day t_w. Its children still at risk (no outcome before t_w) are compared, over the days [t_w, t_w + D),
with the children at risk in the waves of the same cell that are sent on t_w + D or later. Everyone the lot placed stays
in the comparison, reached or not. Nothing is shown before the register speaks up to the end of every window.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from broadcaster.domain.effect import Cluster, HouseholdOutcome, WaveEffect, WaveTrial, clustered, stacked

#: A range that lies wholly within this much of zero says that the message does nothing worth sending: 10 per 1,000.
NEXT_TO_NOTHING = 0.010
#: Below this many events on one side a range rests on too little to be trusted alone.
FEW_EVENTS = 10
#: More of the not yet sent than this share were written to before their turn: the effect is diluted.
CONTAMINATED = 0.02


class Verdict(StrEnum):
    SUCCESS = "success"  #: the whole range is above zero
    HARM = "harm"  #: the whole range is below zero
    PRECISE_NULL = "precise_null"  #: the whole range is next to zero
    UNPROVEN = "unproven"  #: the range holds zero and something that would matter
    INTERIM = "interim"  #: a comparison is not over: no number yet
    NO_LOT = "no_lot"  #: nothing was drawn: no cause can be stated
    NO_COMPARISON = "no_comparison"  #: no two waves of a cell are D days apart


@dataclass(frozen=True)
class Placed:
    """A household as the lot placed it: one date per enrolled child, None while the register has no outcome."""

    key: str
    came_on: tuple[date | None, ...]


@dataclass(frozen=True)
class CellWave:
    number: int
    planned_on: date
    opened_on: date | None
    households: tuple[Placed, ...]

    @property
    def day(self) -> date:
        """The day it was sent, or, while it is not, the day it is planned."""
        return self.opened_on or self.planned_on


@dataclass(frozen=True)
class Cell:
    """Cohort, tier and place: the only households that are compared with each other."""

    name: str
    d_days: int
    waves: tuple[CellWave, ...]


@dataclass(frozen=True)
class Comparison:
    """One wave, with whom it is compared (nobody: `trial.controls` is empty) and when that is over."""

    trial: WaveTrial
    opened: bool
    over_on: date  # t_w + D: the register must speak up to this day
    planned: bool  # the plan gives it households on both sides, at risk or not


@dataclass(frozen=True)
class Evidence:
    """Every wave is in one of three: over and comparable, not over yet, or never comparable."""

    complete: tuple[Comparison, ...]
    pending: tuple[Comparison, ...]
    alone: tuple[Comparison, ...]

    @property
    def over_on(self) -> date | None:
        """When the last comparison that is still awaited is over."""
        return max((comparison.over_on for comparison in self.pending), default=None)

    @property
    def cells(self) -> frozenset[str]:
        """Cells that have, or will have, a comparison."""
        return frozenset(comparison.trial.cell for comparison in (*self.complete, *self.pending))

    @property
    def all(self) -> tuple[Comparison, ...]:
        return tuple(
            sorted((*self.complete, *self.pending, *self.alone), key=lambda one: (one.trial.cell, one.trial.wave))
        )


def comparisons(cell: Cell) -> list[Comparison]:
    """One for each wave of the cell, in their order."""
    return [_comparison(cell, wave) for wave in cell.waves]


def _comparison(cell: Cell, wave: CellWave) -> Comparison:
    start = wave.day
    over_on = start + timedelta(days=cell.d_days)
    later = [household for other in cell.waves if other.day >= over_on for household in other.households]
    trial = WaveTrial(
        cell.name, wave.number, _at_risk(wave.households, start, over_on), _at_risk(later, start, over_on)
    )
    return Comparison(trial, wave.opened_on is not None, over_on, bool(wave.households and later))


def _at_risk(households: Iterable[Placed], start: date, end: date) -> tuple[HouseholdOutcome, ...]:
    found = []
    for household in households:
        days = [day for day in household.came_on if day is None or day >= start]
        if days:
            inside = sum(1 for day in days if day is not None and day < end)
            found.append(HouseholdOutcome(household.key, len(days), inside))
    return tuple(found)


def gather(cells: Iterable[Cell], cutoff: date | None, *, ended: bool) -> Evidence:
    """Sort every wave of every cell.

    `cutoff`: the register speaks up to this day, None = it has not spoken. `ended`: no further wave will open.
    """
    complete: list[Comparison] = []
    pending: list[Comparison] = []
    alone: list[Comparison] = []
    for cell in cells:
        for comparison in comparisons(cell):
            if not comparison.planned or (ended and not comparison.opened):
                alone.append(comparison)
            elif comparison.opened and cutoff is not None and cutoff >= comparison.over_on:
                # with nobody left at risk on one side there is nothing to compare, however long one waits
                usable = comparison.trial.treated and comparison.trial.controls
                (complete if usable else alone).append(comparison)
            else:
                pending.append(comparison)
    return Evidence(tuple(complete), tuple(pending), tuple(alone))


@dataclass(frozen=True)
class Effect:
    """What a turn adds within D days, as shares of a child; `without` is the share that comes anyway.

    `children` took part, each counted once; `fewest_events` is how many of them came, on the side where fewer did.
    """

    estimator: str
    rd: float
    low: float
    high: float
    without: float
    waves: tuple[WaveEffect, ...]
    children: int
    fewest_events: int


def estimate(trials: Sequence[WaveTrial], *, one_delayed_group: bool) -> Effect:
    """F4 for the single comparison of one delayed group, else F6 over waves and cells.

    Raises ValueError without trials, or when one lacks a side.
    """
    stack = stacked(trials)
    treated = [household for trial in trials for household in trial.treated]
    controls = [household for trial in trials for household in trial.controls]
    name, rd, low, high, without = "F6 waves by cells", stack.rd, stack.low, stack.high, stack.control_rate
    if one_delayed_group and len(trials) == 1:
        alone = clustered(_clusters(treated), _clusters(controls))
        name, rd, low, high, without = "F4 one delayed group", alone.rd, alone.low, alone.high, alone.p0
    return Effect(
        name,
        rd,
        low,
        high,
        without,
        stack.per_wave,
        children=_distinct((one.key, one.children) for one in (*treated, *controls)),
        fewest_events=min(_distinct((one.key, one.events) for one in side) for side in (treated, controls)),
    )


def _clusters(side: Iterable[HouseholdOutcome]) -> list[Cluster]:
    return [Cluster(household.children, household.events) for household in side]


def _distinct(counts: Iterable[tuple[str, int]]) -> int:
    """Sum over households; one that recurs counts once, with its highest number."""
    most: dict[str, int] = {}
    for key, count in counts:
        most[key] = max(count, most.get(key, 0))
    return sum(most.values())


def judge(low: float, high: float) -> Verdict:
    """What a range of shares says."""
    if low > 0:
        return Verdict.SUCCESS
    if high < 0:
        return Verdict.HARM
    if low >= -NEXT_TO_NOTHING and high <= NEXT_TO_NOTHING:
        return Verdict.PRECISE_NULL
    return Verdict.UNPROVEN
