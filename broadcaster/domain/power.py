"""Before a campaign: how small an effect can it see? F11 of docs/measurement.md, and its counterpart for waves.

Rates and effects are shares; `p0` is the share for whom it happens within D days without a message. `deff` is the
design effect of households: 1.3 until a campaign has measured its own (NUDGE-FLU-2's published interval implies 1.28).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf, sqrt
from statistics import NormalDist

from broadcaster.domain.effect import CONFIDENCE, z_of

DEFF = 1.3
POWER = 0.8
_NORMAL = NormalDist()
_HALVINGS = 60


def power(p1: float, p0: float, n1: float, n0: float, deff: float = 1.0, confidence: float = CONFIDENCE) -> float:
    """F11, the chance that groups of `n1` and `n0` children show the difference of `p1` and `p0`.

    R's power.prop.test, also for unequal groups. Raises ValueError for rates outside [0, 1], an empty group or
    deff < 1.
    """
    _check_rate(p1)
    _check_rate(p0)
    _check_deff(deff)
    if not (n1 > 0 and n0 > 0):
        raise ValueError("both groups need somebody")
    n1, n0 = n1 / deff, n0 / deff
    pooled = (n1 * p1 + n0 * p0) / (n1 + n0)
    by_chance = z_of(confidence) * sqrt(pooled * (1 - pooled) * (1 / n1 + 1 / n0))
    return _reached(abs(p1 - p0) - by_chance, sqrt(p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0))


def smallest_effect(
    n1: float, n0: float, p0: float, deff: float = DEFF, power_wanted: float = POWER, confidence: float = CONFIDENCE
) -> float | None:
    """F11, the smallest rise over `p0` that groups of `n1` and `n0` children show with that power; None when none can.

    Raises ValueError as `power` does.
    """
    _check_rate(p0)
    return _smallest(lambda rise: power(p0 + rise, p0, n1, n0, deff, confidence), 1 - p0, power_wanted)


def control_waves(days: Sequence[int], d_days: int) -> tuple[tuple[int, ...], ...]:
    """For each wave of a cell, sent on `days` (any origin): the positions of the waves sent D days later or more."""
    return tuple(tuple(i for i, day in enumerate(days) if day >= start + d_days) for start in days)


def smallest_effect_waves(
    wave_sizes: Sequence[Sequence[int]],
    wave_days: Sequence[Sequence[int]],
    d_days: int,
    p0: float,
    deff: float = DEFF,
    power_wanted: float = POWER,
    confidence: float = CONFIDENCE,
) -> float | None:
    """The smallest rise over `p0` that F6 shows with that power; None when no wave of any cell has controls.

    `wave_sizes[c][w]` are the children of wave w of cell c, `wave_days[c][w]` the day it is sent (any origin; every
    cell has its own). It is None, too, when even a rise to 100 % would not be seen.
    Raises ValueError when sizes and days do not match, for a size below 0, D < 1, a rate outside [0, 1] or deff < 1.

    What is approximate: without a message a child comes at a constant hazard, so that the share still at risk on day t
    after the cell's first wave is (1 - p0)^(t/D); children are independent and the whole is multiplied by `deff`; the
    rise is the same in every wave. What is not: the weights of F6, a household that is a control in several waves, and
    windows that overlap (two windows that share the part s of D have the covariance (1 - p0)(1 - (1 - p0)^s) for a
    child at risk in both).
    """
    _check_rate(p0)
    _check_deff(deff)
    if d_days < 1:
        raise ValueError(f"the window has at least one day, not {d_days}")
    parts = [_parts(sizes, days, d_days, p0) for sizes, days in zip(wave_sizes, wave_days, strict=True)]
    total = sum(weight for weight, _, _ in parts)
    if total <= 0:
        return None
    treated = sum(part for _, part, _ in parts) / total**2
    control = sum(part for _, _, part in parts) / total**2

    def chance(rise: float) -> float:
        p1 = p0 + rise
        spread = sqrt(deff * (treated * p1 * (1 - p1) + control))
        return _reached(rise - z_of(confidence) * spread, spread)

    return _smallest(chance, 1 - p0, power_wanted)


def _parts(sizes: Sequence[int], days: Sequence[int], d_days: int, p0: float) -> tuple[float, float, float]:
    """What one cell adds to F6: its weight, and its variance as treated (times p1(1 - p1)) and as control."""
    if len(sizes) != len(days) or any(size < 0 for size in sizes):
        raise ValueError("every wave needs a size and a day")
    first = min(days, default=0)
    at_risk = [(1 - p0) ** ((day - first) / d_days) for day in days]
    total = as_treated = as_control = 0.0
    windows: list[list[tuple[int, float]]] = [
        [] for _ in sizes
    ]  # by wave: in which windows it is a control, how heavily
    for wave, later in enumerate(control_waves(days, d_days)):
        treated = sizes[wave] * at_risk[wave]
        controls = sum(sizes[i] for i in later) * at_risk[wave]
        if treated > 0 and controls > 0:
            weight = treated * controls / (treated + controls)
            total += weight
            as_treated += weight**2 / treated
            for i in later:
                windows[i].append((wave, weight / controls))
    for size, served in zip(sizes, windows, strict=True):
        for one, factor in served:
            for two, other in served:
                shared = max(0.0, 1 - abs(days[one] - days[two]) / d_days)
                covariance = (1 - p0) * (1 - (1 - p0) ** shared)
                as_control += size * min(at_risk[one], at_risk[two]) * factor * other * covariance
    return total, as_treated, as_control


def _smallest(chance: Callable[[float], float], ceiling: float, wanted: float) -> float | None:
    """The smallest rise in [0, ceiling] whose chance is `wanted`, by halving; None when the ceiling has less."""
    if not 0 < wanted < 1:
        raise ValueError(f"power must lie between 0 and 1, not {wanted}")
    if chance(ceiling) < wanted:
        return None
    low, high = 0.0, ceiling
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if chance(middle) < wanted:
            low = middle
        else:
            high = middle
    return high


def _reached(distance: float, spread: float) -> float:
    if spread == 0:
        distance, spread = (inf if distance > 0 else -inf), 1.0
    return _NORMAL.cdf(distance / spread)


def _check_rate(p: float) -> None:
    if not 0 <= p <= 1:
        raise ValueError(f"a rate lies between 0 and 1, not {p}")


def _check_deff(deff: float) -> None:
    if not deff >= 1:
        raise ValueError(f"the design effect is at least 1, not {deff}")
