"""The lot and the two estimators, tried on many simulated districts whose true effect is known.

    python -m pytest tests/simulation                        # a tenth of the protocol's runs, in every test run
    FULL_SIMULATION=1 python -m pytest tests/simulation -s   # all runs, ten to thirty minutes; docs/measurement.md

Bands: the full protocol has the ones of docs/measurement.md. A tenth of the runs has the same ones, widened by what
chance does to so few runs (three Monte-Carlo standard errors for one case, two for all cases together).

The district: households of 1-4 children who mostly come together (each child's card is taken with probability 0.9 when
anybody goes), some families much quicker than others, weekends almost closed, a quarter of the messages not delivered,
and what is delivered makes a family go (1 + e) times as readily for 14 days. The design effect is a harsh 1.75.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from itertools import accumulate, pairwise
from math import comb, exp, factorial, log, sqrt
from random import Random
from statistics import NormalDist, fmean, stdev

import pytest

from broadcaster.domain.effect import Cluster, clustered, newcombe, z_of
from broadcaster.domain.lot import Unit, draw, draw_delayed, u_of
from broadcaster.domain.power import smallest_effect_waves
from broadcaster.results.rules import Cell, CellWave, Placed, estimate, gather

FULL = bool(os.environ.get("FULL_SIMULATION"))
pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200 if FULL else 240)]

D = 14
SIZES = {1: 0.62, 2: 0.28, 3: 0.08, 4: 0.02}
PER_HOUSEHOLD = sum(size * share for size, share in SIZES.items())  # 1.5 children
DEFF = 1.75
TOGETHER = 0.9  # of a child, when anybody of the household goes
DELIVERED = 0.75
FRAILTY = 0.5  # standard deviation of the logarithm
USUAL = 0.0975  # comes within 14 days without a message: 5 % a week
EFFECTS = (0.0, 0.35)


def quantiles(count: int) -> list[float]:
    """Frailties of mean 1, as equally likely values."""
    values = [exp(FRAILTY * NormalDist().inv_cdf((number + 0.5) / count)) for number in range(count)]
    return [value / fmean(values) for value in values]


def window_hazard(frailties: Sequence[tuple[float, float]]) -> float:
    """Trips in 14 days per household of frailty 1, so that `USUAL` of the children come. Of (weight, frailty)."""
    low, high = 0.0, 2.0
    for _ in range(50):
        middle = (low + high) / 2
        came = sum(weight * (1 - exp(-TOGETHER * frailty * middle)) for weight, frailty in frailties)
        low, high = (middle, high) if came < USUAL else (low, middle)
    return low


# --- two groups: F4 ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Arm:
    """What a household of one group can turn out to be, how likely, and the children's true rate."""

    kinds: list[Cluster]
    cumulative: list[float]
    rate: float

    def sample(self, chance: Random, households: int) -> list[Cluster]:
        return chance.choices(self.kinds, cum_weights=self.cumulative, k=households)


@cache
def arm(rise: float) -> Arm:
    """A group in which delivered households go (1 + rise) times as readily. Exact, but for 200 steps of frailty."""
    frailties = [(1 / 200, value) for value in quantiles(200)]
    hazard = window_hazard(frailties)
    odds = {(size, events): 0.0 for size in SIZES for events in range(size + 1)}
    for weight, frailty in frailties:
        for share, factor in ((DELIVERED, 1 + rise), (1 - DELIVERED, 1.0)):
            trips = frailty * hazard * factor
            for number in range(12):
                left = (1 - TOGETHER) ** number  # a child whose card nobody has taken in `number` trips
                happens = weight * share * exp(-trips) * trips**number / factorial(number)
                for size, of_size in SIZES.items():
                    for events in range(size + 1):
                        ways = comb(size, events) * (1 - left) ** events * left ** (size - events)
                        odds[size, events] += of_size * happens * ways
    return Arm(
        [Cluster(size, events) for size, events in odds],
        list(accumulate(odds.values())),
        sum(events * chance for (_, events), chance in odds.items()) / PER_HOUSEHOLD,
    )


@dataclass(frozen=True)
class Case:
    children: int
    delayed_share: float
    rise: float


@dataclass(frozen=True)
class Tally:
    """What happened in the runs of one case."""

    runs: int
    covered: float
    blind_covered: float  # by the interval that takes children of one household for strangers
    called: float  # the range excluded zero
    bias: float
    bias_error: float  # Monte-Carlo standard error


RUNS = 2000 if FULL else 200
CASES = [Case(n, h, e) for n in (1000, 3000, 10_000) for h in (0.05, 0.10, 0.20) for e in EFFECTS]


@cache
def tally(case: Case) -> Tally:
    chance = Random(f"F4 {case}")
    households = round(case.children / PER_HOUSEHOLD)
    delayed = round(households * case.delayed_share)
    sent_arm, delayed_arm = arm(case.rise), arm(0.0)
    truth = sent_arm.rate - delayed_arm.rate
    covered = blind_covered = called = 0
    errors = []
    for _ in range(RUNS):
        sent, waiting = sent_arm.sample(chance, households - delayed), delayed_arm.sample(chance, delayed)
        found = clustered(sent, waiting)
        covered += found.low <= truth <= found.high
        called += found.low > 0 or found.high < 0
        blind = newcombe(round(found.p1 * found.n1), found.n1, round(found.p0 * found.n0), found.n0)
        blind_covered += blind.low <= truth <= blind.high
        errors.append(found.rd - truth)
    return Tally(RUNS, covered / RUNS, blind_covered / RUNS, called / RUNS, fmean(errors), stdev(errors) / sqrt(RUNS))


def slack(rate: float, runs: int, errors: float) -> float:
    """What chance may do to a rate seen in a tenth of the runs; nothing in the full protocol, whose bands hold it."""
    return 0.0 if FULL else errors * sqrt(rate * (1 - rate) / runs)


def test_the_simulated_district_is_as_harsh_as_it_claims() -> None:
    """Rates of 9.75 % and about +2.5 points, and a design effect near 1.75."""
    assert arm(0.0).rate == pytest.approx(USUAL, abs=1e-4)
    assert arm(0.35).rate - USUAL == pytest.approx(0.025, abs=0.002)
    many = arm(0.0).sample(Random("deff"), 60_000)
    found = clustered(many, many)
    assert found.n0 / found.n_eff0 == pytest.approx(DEFF, rel=0.05)


def test_t1_the_range_of_one_delayed_group_covers_the_truth() -> None:
    found = {case: tally(case).covered for case in CASES}
    for case, covered in found.items():
        assert abs(covered - 0.95) <= 0.025 + slack(0.95, RUNS, 3), case
    assert abs(fmean(found.values()) - 0.95) <= 0.01 + slack(0.95, RUNS * len(CASES), 2)


def test_t2_the_difference_of_one_delayed_group_is_unbiased() -> None:
    for case in CASES:
        found = tally(case)
        assert abs(found.bias) <= 3 * found.bias_error, case


def test_t3_without_an_effect_one_in_twenty_is_called_one() -> None:
    found = {case: tally(case).called for case in CASES if case.rise == 0}
    for case, called in found.items():
        assert 0.035 - slack(0.05, RUNS, 3) <= called <= 0.065 + slack(0.05, RUNS, 3), case
    assert abs(fmean(found.values()) - 0.05) <= 0.01 + slack(0.05, RUNS * len(found), 2)


def test_t6_an_interval_that_is_blind_to_households_fails() -> None:
    """The negative control: were this to pass, the simulation could not tell a right interval from a wrong one."""
    found = [tally(case).blind_covered for case in CASES]
    assert fmean(found) <= 0.90
    assert fmean(found) <= fmean(tally(case).covered for case in CASES) - 0.05


# --- waves: the lot, the rules of the results room, and F6 ------------------------------------------

MONDAY = date(2026, 10, 5)


@dataclass(frozen=True)
class Plan:
    households: int
    waves: int
    trend: float  # readiness on the last day against the first
    rise: float


PLANS = (
    [
        Plan(households, waves, trend, rise)
        for households, waves, trend, rise in (
            (800, 3, 1, 0.35), (800, 5, 3, 0.35), (800, 12, 3, 0.35), (1500, 5, 1, 0.0), (1500, 8, 3, 0.35),
            (3000, 3, 1, 0.35), (3000, 4, 1, 0.35), (3000, 5, 1, 0.35), (3000, 5, 3, 0.0), (3000, 8, 3, 0.35),
            (3000, 12, 3, 0.35), (6000, 5, 3, 0.35), (10_000, 5, 1, 0.35),
        )
    ]
    if FULL
    else [
        Plan(800, 3, 1, 0.35),
        Plan(800, 5, 3, 0.0),
        Plan(600, 12, 3, 0.35),
        Plan(1500, 4, 1, 0.35),
    ]
)  # fmt: skip
WAVE_RUNS = 1000 if FULL else 100


class District:
    """Twenty kecamatan of unequal size and readiness, and the calendar of one campaign."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        chance = Random(f"district {plan}")
        sizes = [chance.expovariate(1) + 0.1 for _ in range(20)]
        self.kecamatan = [(size / sum(sizes), exp(chance.gauss(0, 0.5))) for size in sizes]
        mean = sum(weight * readiness for weight, readiness in self.kecamatan)
        self.kecamatan = [(weight, readiness / mean) for weight, readiness in self.kecamatan]
        #: (weight, frailty) of a household: what the truth is computed over
        self.frailties = [
            (weight / 40, readiness * value) for weight, readiness in self.kecamatan for value in quantiles(40)
        ]
        self.opens = [7 * number for number in range(plan.waves)]
        days = self.opens[-1] + D
        growth = [1 + (plan.trend - 1) * day / days for day in range(days)]
        open_days = [(0.1 if day % 7 >= 5 else 1.0) * grown for day, grown in enumerate(growth)]
        scale = window_hazard(self.frailties) / sum(open_days[:D])
        #: trips of a household of frailty 1 before each day
        self.clock = list(accumulate((scale * value for value in open_days), initial=0.0))
        self.truths = [self.truth(start) for start in self.opens]

    def truth(self, start: int) -> float:
        """The true difference in a wave's window, among children still at risk; exact, but for steps of frailty."""
        before, inside = self.clock[start], self.clock[min(start + D, len(self.clock) - 1)] - self.clock[start]
        at_risk = came = would = 0.0
        for weight, frailty in self.frailties:
            left = weight * exp(-TOGETHER * frailty * before)
            plain = 1 - exp(-TOGETHER * frailty * inside)
            moved = 1 - exp(-TOGETHER * frailty * inside * (1 + self.plan.rise))
            at_risk += left
            would += left * plain
            came += left * (DELIVERED * moved + (1 - DELIVERED) * plain)
        return (came - would) / at_risk

    def families(self, chance: Random) -> Iterator[tuple[str, int, float]]:
        """(kecamatan, children, frailty) of each household."""
        count = self.plan.households
        places = chance.choices(range(20), weights=[weight for weight, _ in self.kecamatan], k=count)
        sizes = chance.choices(list(SIZES), weights=list(SIZES.values()), k=count)
        for place, size in zip(places, sizes, strict=True):
            yield f"{place:02}", size, self.kecamatan[place][1] * chance.lognormvariate(-(FRAILTY**2) / 2, FRAILTY)

    def came_on(self, chance: Random, size: int, frailty: float, wave: int) -> tuple[date | None, ...]:
        """On which day each child's card is taken, when the household's wave opens as planned."""
        start = self.clock[self.opens[wave - 1]]
        window = self.clock[self.opens[wave - 1] + D] - start
        factor = 1 + self.plan.rise if chance.random() < DELIVERED else 1.0
        days: list[date | None] = [None] * size
        trips = 0.0
        while None in days:
            trips += chance.expovariate(frailty)
            if trips < start:
                moment = trips
            elif trips < start + factor * window:
                moment = start + (trips - start) / factor
            else:
                moment = trips - (factor - 1) * window
            if moment >= self.clock[-1]:
                break
            day = MONDAY + timedelta(days=bisect_right(self.clock, moment) - 1)
            days = [day if before is None and chance.random() < TOGETHER else before for before in days]
        return tuple(days)

    def cell(self, chance: Random, run: int) -> Cell:
        """One campaign: the product's own lot, then what the families do."""
        families = {f"{number:05}": family for number, family in enumerate(self.families(chance))}
        units = [Unit(key, 1, "kantor", place) for key, (place, _, _) in families.items()]
        members: list[list[Placed]] = [[] for _ in self.opens]
        for one in draw(units, f"{self.plan} {run}".encode(), self.plan.waves):
            _, size, frailty = families[one.unit.key]
            members[one.wave - 1].append(Placed(one.unit.key, self.came_on(chance, size, frailty, one.wave)))
        days = [MONDAY + timedelta(days=day) for day in self.opens]
        return Cell(
            "1/1/kantor",
            D,
            tuple(
                CellWave(number, day, day, tuple(households))
                for number, (day, households) in enumerate(zip(days, members, strict=True), start=1)
            ),
        )


@dataclass(frozen=True)
class WaveTally:
    covered: float
    bias: float
    bias_error: float
    standard_error: float
    spread: float


@cache
def wave_tally(plan: Plan) -> WaveTally:
    district = District(plan)
    chance = Random(f"F6 {plan}")
    covered = 0
    errors, standard_errors = [], []
    for run in range(WAVE_RUNS):
        evidence = gather([district.cell(chance, run)], date(2027, 12, 31), ended=True)
        found = estimate([comparison.trial for comparison in evidence.complete], one_delayed_group=False)
        truth = sum(wave.weight * district.truths[wave.wave - 1] for wave in found.waves)
        covered += found.low <= truth <= found.high
        errors.append(found.rd - truth)
        standard_errors.append((found.high - found.low) / (2 * z_of(0.95)))
    return WaveTally(
        covered / WAVE_RUNS, fmean(errors), stdev(errors) / sqrt(WAVE_RUNS), fmean(standard_errors), stdev(errors)
    )


def test_t7_the_range_of_waves_covers_the_truth() -> None:
    found = {plan: wave_tally(plan).covered for plan in PLANS}
    for plan, covered in found.items():
        assert abs(covered - 0.95) <= 0.02 + slack(0.95, WAVE_RUNS, 3), plan
    assert abs(fmean(found.values()) - 0.95) <= 0.02 + slack(0.95, WAVE_RUNS * len(PLANS), 2)


def test_t7_the_difference_of_waves_is_unbiased() -> None:
    for plan in PLANS:
        found = wave_tally(plan)
        assert abs(found.bias) <= 0.001 + 3 * found.bias_error, plan


def test_t7_the_standard_error_of_waves_is_the_spread_of_the_estimates() -> None:
    for plan in PLANS:
        found = wave_tally(plan)
        assert found.standard_error == pytest.approx(found.spread, rel=3 / sqrt(2 * WAVE_RUNS) + 0.03), plan


def test_the_dry_run_foresees_the_spread_of_waves() -> None:
    """With a power of one half the smallest effect is z standard errors: the forecast against what the runs had."""
    for plan in PLANS:
        children = round(plan.households * PER_HOUSEHOLD / plan.waves)
        days = [7 * number for number in range(plan.waves)]
        half = smallest_effect_waves([[children] * plan.waves], [days], D, USUAL, DEFF, power_wanted=0.5)
        assert half is not None
        # a rising trend is not foreseen: it changes how many come
        tolerance = 0.12 if plan.trend == 1 else 0.20
        assert half / z_of(0.95) == pytest.approx(wave_tally(plan).standard_error, rel=tolerance), plan


# --- T15: the lot --------------------------------------------------------------------------------

SALTS = [b"salt %02d" % number for number in range(50)]
UNITS = [
    Unit(f"household-{number}", 1 + number % 3, "enggano" if number % 11 == 0 else "kantor", f"17.03.{number % 20:02}")
    for number in range(1000)
]


def kolmogorov_p(values: Sequence[float]) -> float:
    """How likely so large a distance from uniform is (asymptotic)."""
    ordered, n = sorted(values), len(values)
    distance = max(max((i + 1) / n - value, value - i / n) for i, value in enumerate(ordered))
    scaled = (sqrt(n) + 0.12 + 0.11 / sqrt(n)) * distance
    return min(1.0, max(0.0, 2 * sum((-1) ** (k - 1) * exp(-2 * k * k * scaled * scaled) for k in range(1, 101))))


def correlation(one: Sequence[float], two: Sequence[float]) -> float:
    mean_one, mean_two = fmean(one), fmean(two)
    together = sum((a - mean_one) * (b - mean_two) for a, b in zip(one, two, strict=True))
    return together / sqrt(sum((a - mean_one) ** 2 for a in one) * sum((b - mean_two) ** 2 for b in two))


def test_t15_the_same_salt_draws_the_same_lot_whatever_the_order_of_the_list() -> None:
    chance = Random("order")
    for salt in SALTS[:5]:
        expected, delayed = draw(UNITS, salt, 5), draw_delayed(UNITS, salt, 0.1)
        shuffled = chance.sample(UNITS, len(UNITS))
        assert draw(shuffled, salt, 5) == expected
        assert draw_delayed(shuffled, salt, 0.1) == delayed


def test_t15_shares_are_exact_to_one_household() -> None:
    for salt in SALTS:
        waves = [one.wave for one in draw(UNITS, salt, 7)]
        assert {waves.count(wave) for wave in range(1, 8)} <= {142, 143}
        assert abs([one.wave for one in draw_delayed(UNITS, salt, 0.125)].count(2) - 125) <= 1


def test_t15_the_keyed_hash_is_uniform_and_two_salts_are_strangers() -> None:
    drawn = [[u_of(salt, unit.key) for unit in UNITS] for salt in SALTS]
    for values in drawn:
        assert kolmogorov_p(values) > 0.001
    for one, two in pairwise(drawn):
        assert abs(correlation(one, two)) < 4 / sqrt(len(UNITS))


def test_t15_every_household_has_the_same_chance_of_every_wave() -> None:
    """Over 400 salts: each wave of each household, in a list with one stratum of a single household."""
    units = [Unit("alone", 1, "kantor", "00"), *(Unit(f"h{number}", 1, "kantor", "01") for number in range(7))]
    runs = 4000 if FULL else 400
    count = {(unit.key, wave): 0 for unit in units for wave in (1, 2, 3)}
    for number in range(runs):
        for one in draw(units, b"chance %d" % number, 3):
            count[one.unit.key, one.wave] += 1
    chi_squared = sum((seen - runs / 3) ** 2 / (runs / 3) for seen in count.values())
    freedom = 2 * len(units)
    # Wilson and Hilferty: the cube root of chi-squared / freedom is nearly normal
    z = ((chi_squared / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / sqrt(2 / (9 * freedom))
    assert z < 3.1


def test_the_hazard_of_the_district_is_what_the_rates_say() -> None:
    """With one frailty for all, the hazard of trips is known: -log(1 - USUAL) / TOGETHER."""
    assert window_hazard([(1.0, 1.0)]) == pytest.approx(-log(1 - USUAL) / TOGETHER)
