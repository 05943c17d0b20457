"""The effect of a message and its honest range. Formulas are numbered as in docs/measurement.md.

Rates, differences and limits are shares (0.062 = 62 per 1,000). 1 stands for those whose turn came (treated), 0 for
those whose turn had not come yet (controls). Children are counted; the household is what the lot drew, so every range
counts households as independent and children of one household as not. Only the standard library is used.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import sqrt
from statistics import NormalDist

CONFIDENCE = 0.95
#: Where the data cannot tell how much children of one household go together, they are taken to do so this much.
CAUTIOUS_DEFF = 1.5


@dataclass(frozen=True)
class Interval:
    low: float
    high: float


@lru_cache(maxsize=16)
def z_of(confidence: float) -> float:
    """Two-sided normal quantile: 1.96 for 0.95. Raises ValueError outside (0, 1)."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, not {confidence}")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def wilson(x: float, n: float, confidence: float = CONFIDENCE) -> Interval:
    """F1, Wilson's interval of a share: `x` of `n`; both may be effective numbers, so not whole.

    Raises ValueError unless n > 0 and 0 <= x <= n.
    """
    if not n > 0 or not 0 <= x <= n:
        raise ValueError(f"{x} of {n} is not a share")
    return _wilson(x / n, n, z_of(confidence))


def newcombe(x1: float, n1: float, x0: float, n0: float, confidence: float = CONFIDENCE) -> Interval:
    """F2, the interval of x1/n1 - x0/n0 (Newcombe 1998, method 10). Raises ValueError as `wilson` does."""
    for x, n in ((x1, n1), (x0, n0)):
        if not n > 0 or not 0 <= x <= n:
            raise ValueError(f"{x} of {n} is not a share")
    return _newcombe(x1 / n1, n1, x0 / n0, n0, z_of(confidence))


def _wilson(p: float, n: float, z: float) -> Interval:
    spread = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    centre, scale = p + z * z / (2 * n), 1 + z * z / n
    # the estimate lies inside by algebra; at 0 and 1 rounding must not push a limit past it
    return Interval(max(0.0, min(p, (centre - spread) / scale)), min(1.0, max(p, (centre + spread) / scale)))


def _newcombe(p1: float, n1: float, p0: float, n0: float, z: float) -> Interval:
    one, nil = _wilson(p1, n1, z), _wilson(p0, n0, z)
    difference = p1 - p0
    return Interval(
        difference - sqrt((p1 - one.low) ** 2 + (nil.high - p0) ** 2),
        difference + sqrt((one.high - p1) ** 2 + (p0 - nil.low) ** 2),
    )


@dataclass(frozen=True)
class Crude:
    """A difference of two plain shares; `assumes` says in words what was taken for granted."""

    rd: float
    low: float
    high: float
    method: str
    assumes: str


def crude(
    sent: int, sent_came: int, delayed: int, delayed_came: int, *, deff: float = 1.0, confidence: float = CONFIDENCE
) -> Crude:
    """F2 on counts that somebody typed in; numbers are divided by the design effect `deff` (1 = all are independent).

    Raises ValueError unless both groups have somebody, 0 <= came <= size, and deff >= 1.
    """
    if not deff >= 1:
        raise ValueError(f"the design effect is at least 1, not {deff}")
    interval = newcombe(sent_came / deff, sent / deff, delayed_came / deff, delayed / deff, confidence)
    independent = "persons are independent of each other"
    return Crude(
        sent_came / sent - delayed_came / delayed,
        interval.low,
        interval.high,
        "F2 Newcombe 1998, method 10",
        f"groups were drawn by lot; {independent if deff == 1 else f'design effect {deff:g}'}",
    )


@dataclass(frozen=True)
class Cluster:
    """A household: how many children, and for how many it happened.

    Raises ValueError unless 0 <= events <= size and size > 0.
    """

    size: int
    events: int

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.events <= self.size:
            raise ValueError(f"{self.events} of {self.size} children is not possible")


@dataclass(frozen=True)
class Estimate:
    """F4. `n` are children, `m` households, `n_eff` the independent children that would be as informative."""

    rd: float
    low: float
    high: float
    p1: float
    p0: float
    n1: int
    n0: int
    m1: int
    m0: int
    n_eff1: float
    n_eff0: float


def clustered(treated: Sequence[Cluster], control: Sequence[Cluster], confidence: float = CONFIDENCE) -> Estimate:
    """F4, the difference of two groups of households: Newcombe's interval on cluster-effective numbers.

    Raises ValueError when a group is empty.
    """
    if not treated or not control:
        raise ValueError("a comparison needs households on both sides")
    one = _sample((cluster.size, cluster.events) for cluster in treated)
    nil = _sample((cluster.size, cluster.events) for cluster in control)
    interval = _newcombe(one.p, one.n_eff, nil.p, nil.n_eff, z_of(confidence))
    return Estimate(
        one.p - nil.p, interval.low, interval.high, one.p, nil.p, one.n, nil.n, one.m, nil.m, one.n_eff, nil.n_eff
    )


@dataclass(frozen=True)
class _Sample:
    p: float
    n: int
    m: int
    x: int
    n_eff: float


def _sample(households: Iterable[tuple[int, int]]) -> _Sample:
    """Of (children, events) a household."""
    m = n = x = xx = xn = nn = 0
    for size, events in households:
        m += 1
        n += size
        x += events
        xx += events * events
        xn += events * size
        nn += size * size
    p = x / n
    if m == 1:
        return _Sample(p, n, m, x, 1.0)  # one household is one observation, whatever its size
    # sum of (events - p * size)^2 in whole numbers until the last step: the order of households cannot change it
    scatter = (xx * n * n - 2 * x * n * xn + x * x * nn) / (n * n)
    variance = m / (m - 1) * scatter / (n * n)
    if x in (0, n) or variance <= 0:
        return _Sample(p, n, m, x, n / CAUTIOUS_DEFF)
    return _Sample(p, n, m, x, p * (1 - p) / variance)


@dataclass(frozen=True)
class HouseholdOutcome:
    """A household in one wave's window: its children still at risk at the start, and for how many it happened inside.

    `key` is the same in every wave the household takes part in. Raises ValueError unless
    0 <= events <= children and children > 0.
    """

    key: str
    children: int
    events: int

    def __post_init__(self) -> None:
        if self.children < 1 or not 0 <= self.events <= self.children:
            raise ValueError(f"{self.events} of {self.children} children is not possible")


@dataclass(frozen=True)
class WaveTrial:
    """One wave against the not yet sent of its own cell, in the same window."""

    cell: str
    wave: int
    treated: Sequence[HouseholdOutcome]
    controls: Sequence[HouseholdOutcome]


@dataclass(frozen=True)
class WaveEffect:
    """One line of the forest plot, with the range of F4. `treated` and `controls` are children; weights sum to 1."""

    cell: str
    wave: int
    treated: int
    controls: int
    treated_events: int
    control_events: int
    p1: float
    p0: float
    rd: float
    low: float
    high: float
    weight: float


@dataclass(frozen=True)
class StackedEstimate:
    """F6. Rates are weighted over waves; `households` counts each once, though it may be a control in several waves.

    `cautious` is set when a group had no event or nothing but events: the spread seen cannot be believed then.
    """

    rd: float
    low: float
    high: float
    treated_rate: float
    control_rate: float
    se: float
    households: int
    cautious: bool
    per_wave: tuple[WaveEffect, ...]


def stacked(trials: Sequence[WaveTrial], confidence: float = CONFIDENCE) -> StackedEstimate:
    """F6, stacked nested trials: the differences of all waves, weighted by m1*m0/(m1+m0), with a range over households.

    The variance is that of the households' influences: what one household adds over all waves, as treated once and as
    control perhaps often, is summed before it is squared. Where a group has no event (or nothing but events) the range
    is widened to the one F2 gives for the distinct children seen, divided by 1.5: an empty count never makes
    a narrow range.
    Raises ValueError without trials, or when a trial lacks one side.
    """
    if not trials:
        raise ValueError("an estimate needs at least one wave with controls")
    waves = [_wave_effect(trial, confidence) for trial in trials]
    total = sum(wave.weight for wave in waves)
    waves = [replace(wave, weight=wave.weight / total) for wave in waves]
    rd = sum(wave.weight * wave.rd for wave in waves)
    p1 = sum(wave.weight * wave.p1 for wave in waves)
    p0 = sum(wave.weight * wave.p0 for wave in waves)

    influence: defaultdict[str, float] = defaultdict(float)
    for trial, wave in zip(trials, waves, strict=True):
        for_one, for_nil = wave.weight / wave.treated, wave.weight / wave.controls
        for household in trial.treated:
            influence[household.key] += for_one * (household.events - wave.p1 * household.children)
        for household in trial.controls:
            influence[household.key] -= for_nil * (household.events - wave.p0 * household.children)
    count = len(influence)
    variance = count / (count - 1) * sum(value * value for value in influence.values()) if count > 1 else 0.0
    z = z_of(confidence)
    low, high = rd - z * sqrt(variance), rd + z * sqrt(variance)

    cautious = (
        variance <= 0
        or _all_alike((wave.treated, wave.treated_events) for wave in waves)
        or _all_alike((wave.controls, wave.control_events) for wave in waves)
    )
    if cautious:
        wide = _newcombe(
            p1,
            _distinct_children(trial.treated for trial in trials) / CAUTIOUS_DEFF,
            p0,
            _distinct_children(trial.controls for trial in trials) / CAUTIOUS_DEFF,
            z,
        )
        low, high = min(low, wide.low), max(high, wide.high)
    return StackedEstimate(rd, max(-1.0, low), min(1.0, high), p1, p0, sqrt(variance), count, cautious, tuple(waves))


def _wave_effect(trial: WaveTrial, confidence: float) -> WaveEffect:
    """A wave with its raw weight."""
    if not trial.treated or not trial.controls:
        raise ValueError(f"wave {trial.wave} of {trial.cell} has nobody to compare")
    one = _sample((household.children, household.events) for household in trial.treated)
    nil = _sample((household.children, household.events) for household in trial.controls)
    alone = _newcombe(one.p, one.n_eff, nil.p, nil.n_eff, z_of(confidence))
    return WaveEffect(
        cell=trial.cell,
        wave=trial.wave,
        treated=one.n,
        controls=nil.n,
        treated_events=one.x,
        control_events=nil.x,
        p1=one.p,
        p0=nil.p,
        rd=one.p - nil.p,
        low=alone.low,
        high=alone.high,
        weight=one.n * nil.n / (one.n + nil.n),
    )


def _all_alike(groups: Iterable[tuple[int, int]]) -> bool:
    """Whether, of (children, events) a wave, it happened to nobody or to everybody."""
    children, events = map(sum, zip(*groups, strict=True))
    return events in (0, children)


def _distinct_children(sides: Iterable[Sequence[HouseholdOutcome]]) -> int:
    """Children of a side, each household counted once, in the wave where most of its children were at risk."""
    most: dict[str, int] = {}
    for side in sides:
        for household in side:
            most[household.key] = max(most.get(household.key, 0), household.children)
    return sum(most.values())
