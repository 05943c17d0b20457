from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import sqrt

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from broadcaster.domain.effect import (
    Cluster,
    HouseholdOutcome,
    WaveTrial,
    clustered,
    crude,
    newcombe,
    stacked,
    wilson,
    z_of,
)

# --- F1 and F2: published values -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_agrees_with_newcombe_1998_table_1(x: int, n: int, low: float, high: float) -> None:
    found = wilson(x, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


@pytest.mark.parametrize(
    ("x1", "n1", "x0", "n0", "low", "high"),
    [
        (56, 70, 48, 80, 0.0524, 0.3339),
        (9, 10, 3, 10, 0.1705, 0.8090),
        (6, 7, 2, 7, 0.0582, 0.8062),
        (5, 56, 0, 29, -0.0381, 0.1926),
        (0, 10, 0, 20, -0.1611, 0.2775),
        (0, 10, 0, 10, -0.2775, 0.2775),
        (10, 10, 0, 20, 0.6791, 1.0000),
        (10, 10, 0, 10, 0.6075, 1.0000),
    ],
)
def test_newcombe_agrees_with_newcombe_1998_table_2_method_10(
    x1: int, n1: int, x0: int, n0: int, low: float, high: float
) -> None:
    found = newcombe(x1, n1, x0, n0)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


groups = st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@settings(max_examples=80)
@given(groups, groups, st.sampled_from([0.8, 0.95, 0.99]))
def test_newcombe_laws(one: tuple[int, int], nil: tuple[int, int], confidence: float) -> None:
    found, swapped = newcombe(*one, *nil, confidence), newcombe(*nil, *one, confidence)
    difference = one[0] / one[1] - nil[0] / nil[1]
    assert -1 - 1e-12 <= found.low <= difference <= found.high <= 1 + 1e-12
    assert (found.low, found.high) == pytest.approx((-swapped.high, -swapped.low))
    assert newcombe(*one, *nil, confidence / 2).high <= found.high


@settings(max_examples=60)
@given(groups)
def test_wilson_laws(group: tuple[int, int]) -> None:
    x, n = group
    found, mirrored = wilson(x, n), wilson(n - x, n)
    assert 0 <= found.low <= x / n <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((1 - mirrored.high, 1 - mirrored.low))
    # both limits solve (p - x/n)^2 = z^2 p(1 - p)/n, unless they were cut at 0 or 1
    for limit in (found.low, found.high):
        assert (limit - x / n) ** 2 == pytest.approx(z_of(0.95) ** 2 * limit * (1 - limit) / n, abs=1e-12)


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: wilson(1, 0),
        lambda: wilson(-1, 10),
        lambda: wilson(11, 10),
        lambda: wilson(1, float("nan")),
        lambda: newcombe(1, 10, 11, 10),
        lambda: newcombe(1, 10, 1, 0),
        lambda: wilson(1, 10, confidence=1),
        lambda: wilson(1, 10, confidence=0),
        lambda: crude(0, 0, 10, 1),
        lambda: crude(10, 1, 10, 1, deff=0.5),
        lambda: Cluster(0, 0),
        lambda: Cluster(2, 3),
        lambda: Cluster(2, -1),
        lambda: HouseholdOutcome("a", 0, 0),
        lambda: HouseholdOutcome("a", 1, 2),
        lambda: clustered([], [Cluster(1, 0)]),
        lambda: clustered([Cluster(1, 0)], []),
        lambda: stacked([]),
        lambda: stacked([WaveTrial("1/1/kantor", 1, [HouseholdOutcome("a", 1, 0)], [])]),
        lambda: stacked([WaveTrial("1/1/kantor", 1, [], [HouseholdOutcome("a", 1, 0)])]),
    ],
)
def test_numbers_that_cannot_be_counts_are_refused(attempt: object) -> None:
    with pytest.raises(ValueError):
        attempt()  # type: ignore[operator]


# --- crude: what somebody typed in ---------------------------------------------------------------


def test_a_crude_difference_is_newcombes() -> None:
    found = crude(70, 56, 80, 48)
    assert found.rd == pytest.approx(0.2)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)
    assert "independent" in found.assumes


def test_a_design_effect_widens_a_crude_difference_as_if_there_were_fewer_people() -> None:
    found, plain = crude(700, 560, 800, 480, deff=10), crude(70, 56, 80, 48)
    assert (found.rd, found.low, found.high) == pytest.approx((plain.rd, plain.low, plain.high))
    assert "design effect 10" in found.assumes


# --- F4: two groups of households ----------------------------------------------------------------


def test_clustered_by_hand() -> None:
    """Treated (children, came): (2,1) (1,1) (1,0). p1 = 2/4; deviations y - p s: 0, 1/2, -1/2; sum of squares 1/2;
    v1 = 3/2 * (1/2) / 4^2 = 3/64; n_eff1 = (1/4) / (3/64) = 16/3.
    Control: (1,1) (2,0) (1,0). p0 = 1/4; deviations 3/4, -1/2, -1/4; sum of squares 14/16; v0 = 3/2 * (14/16) / 16 =
    21/256; n_eff0 = (3/16) / (21/256) = 16/7.
    """
    found = clustered([Cluster(2, 1), Cluster(1, 1), Cluster(1, 0)], [Cluster(1, 1), Cluster(2, 0), Cluster(1, 0)])
    assert (found.p1, found.p0, found.rd) == (0.5, 0.25, 0.25)
    assert (found.n1, found.n0, found.m1, found.m0) == (4, 4, 3, 3)
    assert found.n_eff1 == pytest.approx(16 / 3)
    assert found.n_eff0 == pytest.approx(16 / 7)
    expected = newcombe(0.5 * 16 / 3, 16 / 3, 0.25 * 16 / 7, 16 / 7)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    ("households", "n_eff"),
    [
        ([Cluster(2, 0), Cluster(1, 0), Cluster(3, 0)], 6 / 1.5),  # nobody came
        ([Cluster(2, 2), Cluster(1, 1)], 3 / 1.5),  # everybody came
        ([Cluster(2, 1), Cluster(4, 2)], 6 / 1.5),  # each household alike: no spread seen
        ([Cluster(4, 1)], 1.0),  # one household is one observation
    ],
)
def test_a_group_that_shows_no_spread_is_taken_to_be_smaller_than_it_is(
    households: list[Cluster], n_eff: float
) -> None:
    assert clustered(households, [Cluster(1, 0), Cluster(1, 1)]).n_eff1 == pytest.approx(n_eff)


clusters = st.lists(
    st.integers(1, 4).flatmap(lambda size: st.builds(Cluster, size=st.just(size), events=st.integers(0, size))),
    min_size=2,
    max_size=40,
)
singles = st.lists(st.builds(Cluster, size=st.just(1), events=st.integers(0, 1)), min_size=2, max_size=60)


@settings(max_examples=80)
@given(clusters, clusters, st.randoms(use_true_random=False))
def test_clustered_laws(treated: list[Cluster], control: list[Cluster], chance: object) -> None:
    found, swapped = clustered(treated, control), clustered(control, treated)
    assert found.low <= found.rd <= found.high
    assert found.low >= -1
    assert found.high <= 1
    assert (found.rd, found.low, found.high) == pytest.approx((-swapped.rd, -swapped.high, -swapped.low))
    shuffled = list(treated)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert clustered(shuffled, control) == found
    wider = clustered(treated, control, confidence=0.99)
    assert wider.low <= found.low
    assert wider.high >= found.high


@settings(max_examples=60)
@given(singles, singles)
def test_households_of_one_child_are_plain_people(treated: list[Cluster], control: list[Cluster]) -> None:
    """With one child a household v = p(1-p)/(m-1): the interval is Newcombe's on m - 1, household-blind to 1/m."""
    x1, x0 = (sum(cluster.events for cluster in side) for side in (treated, control))
    assume(0 < x1 < len(treated))
    assume(0 < x0 < len(control))
    found = clustered(treated, control)
    m1, m0 = len(treated) - 1, len(control) - 1
    expected = newcombe(x1 / len(treated) * m1, m1, x0 / len(control) * m0, m0)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_children_who_always_come_together_count_as_one() -> None:
    """Twice the children in the same households, always alike, tell nothing more: the range is exactly as wide."""
    one = clustered([Cluster(1, 1)] * 30 + [Cluster(1, 0)] * 70, [Cluster(1, 1)] * 20 + [Cluster(1, 0)] * 80)
    two = clustered([Cluster(2, 2)] * 30 + [Cluster(2, 0)] * 70, [Cluster(2, 2)] * 20 + [Cluster(2, 0)] * 80)
    assert (two.low, two.high) == pytest.approx((one.low, one.high))
    blind = newcombe(60, 200, 40, 200)
    assert blind.high - blind.low < 0.75 * (two.high - two.low)


# --- F6: waves -----------------------------------------------------------------------------------


def outcome(key: str, children: int = 1, events: int = 0) -> HouseholdOutcome:
    return HouseholdOutcome(key, children, events)


HAND = [
    WaveTrial("1/1/kantor", 1, [outcome("A", 1, 1), outcome("B")], [outcome("C"), outcome("D", 2, 1)]),
    WaveTrial("1/1/kantor", 2, [outcome("C", 1, 1)], [outcome("D")]),
]


def test_waves_by_hand() -> None:
    """Wave 1: p1 = 1/2 of 2, p0 = 1/3 of 3, weight 2*3/5 = 6/5. Wave 2: p1 = 1 of 1, p0 = 0 of 1, weight 1/2.
    Weights of 17/10: 12/17 and 5/17. RD = 12/17 * 1/6 + 5/17 * 1 = 7/17. Control rate = 12/17 * 1/3 = 4/17.

    Influences, in seventeenths: A = 12 * (1 - 1/2)/2 = 3, B = -3,
    C = -12 * (0 - 1/3)/3 + 5 * (1 - 1)/1 = 4/3 (control first, treated then), D = -12 * (1 - 2/3)/3 - 5 * 0 = -4/3.
    Sum of squares (9 + 9 + 16/9 + 16/9)/289 = (194/9)/289; times J/(J-1) = 4/3: variance 776/7803.
    """
    found = stacked(HAND)
    assert found.rd == pytest.approx(7 / 17)
    assert found.control_rate == pytest.approx(4 / 17)
    assert found.treated_rate == pytest.approx(11 / 17)
    assert found.households == 4
    assert found.se == pytest.approx(sqrt(776 / 7803))
    assert not found.cautious
    assert found.high == 1.0  # 7/17 + 1.96 * 0.315 would pass 1
    assert found.low == pytest.approx(7 / 17 - z_of(0.95) * sqrt(776 / 7803))
    assert [(wave.cell, wave.wave, wave.treated, wave.controls) for wave in found.per_wave] == [
        ("1/1/kantor", 1, 2, 3),
        ("1/1/kantor", 2, 1, 1),
    ]
    assert [wave.weight for wave in found.per_wave] == pytest.approx([12 / 17, 5 / 17])
    assert [wave.rd for wave in found.per_wave] == pytest.approx([1 / 6, 1.0])


def brute_force(trials: Sequence[WaveTrial]) -> tuple[Fraction, Fraction]:
    """F6 as it is written, in exact fractions, household by household: difference and variance."""

    def total(side: Sequence[HouseholdOutcome], what: str) -> Fraction:
        return Fraction(sum(getattr(household, what) for household in side))

    weights, p1, p0, m1, m0 = [], [], [], [], []
    for trial in trials:
        m1.append(total(trial.treated, "children"))
        m0.append(total(trial.controls, "children"))
        p1.append(total(trial.treated, "events") / m1[-1])
        p0.append(total(trial.controls, "events") / m0[-1])
        weights.append(m1[-1] * m0[-1] / (m1[-1] + m0[-1]))
    whole = sum(weights)
    difference = sum((weight * (a - b) for weight, a, b in zip(weights, p1, p0, strict=True)), Fraction(0)) / whole
    keys = {household.key for trial in trials for side in (trial.treated, trial.controls) for household in side}
    squares = Fraction(0)
    for key in keys:
        influence = Fraction(0)
        for w, trial in enumerate(trials):
            for household in trial.treated:
                if household.key == key:
                    influence += weights[w] / whole * (household.events - p1[w] * household.children) / m1[w]
            for household in trial.controls:
                if household.key == key:
                    influence -= weights[w] / whole * (household.events - p0[w] * household.children) / m0[w]
        squares += influence**2
    return difference, Fraction(len(keys), len(keys) - 1) * squares


@st.composite
def wave_trials(draw: st.DrawFn) -> list[WaveTrial]:
    """Trials in which a household is treated once and a control in any number of other waves, also of other cells."""
    count = draw(st.integers(2, 14))
    waves = draw(st.integers(1, 4))
    turn = [draw(st.integers(1, waves + 1)) for _ in range(count)]

    def at_risk(key: int) -> HouseholdOutcome:
        size = draw(st.integers(1, 4))
        return outcome(f"h{key}", size, draw(st.integers(0, size)))

    trials = [
        WaveTrial(
            f"1/{1 + wave % 2}/kantor",
            wave,
            [at_risk(key) for key in range(count) if turn[key] == wave],
            [at_risk(key) for key in range(count) if turn[key] > wave],
        )
        for wave in range(1, waves + 1)
    ]
    return [trial for trial in trials if trial.treated and trial.controls]


@settings(max_examples=80)
@given(wave_trials())
def test_the_range_of_waves_agrees_with_brute_force(trials: list[WaveTrial]) -> None:
    assume(trials)
    found = stacked(trials)
    difference, variance = brute_force(trials)
    assert found.rd == pytest.approx(float(difference), abs=1e-12)
    assert found.se**2 == pytest.approx(float(variance), abs=1e-12)
    if not found.cautious:
        assert found.low == pytest.approx(max(-1, float(difference) - z_of(0.95) * sqrt(variance)))
        assert found.high == pytest.approx(min(1, float(difference) + z_of(0.95) * sqrt(variance)))


@settings(max_examples=60)
@given(wave_trials(), st.randoms(use_true_random=False))
def test_stacked_laws(trials: list[WaveTrial], chance: object) -> None:
    assume(trials)
    found = stacked(trials)
    assert found.low <= found.rd <= found.high
    assert found.rd == pytest.approx(found.treated_rate - found.control_rate)
    assert sum(wave.weight for wave in found.per_wave) == pytest.approx(1)
    swapped = stacked([WaveTrial(one.cell, one.wave, one.controls, one.treated) for one in trials])
    assert (swapped.rd, swapped.low, swapped.high) == pytest.approx((-found.rd, -found.high, -found.low))
    shuffled = [
        WaveTrial(one.cell, one.wave, chance.sample(one.treated, len(one.treated)), one.controls)  # type: ignore[attr-defined]
        for one in trials
    ]
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    again = stacked(shuffled)
    assert (again.rd, again.low, again.high) == pytest.approx((found.rd, found.low, found.high))


def test_one_wave_has_the_spread_of_two_groups() -> None:
    """With one wave, and groups of equal size, F6's variance is F4's up to m/(m-1) against J/(J-1)."""
    treated = [outcome(f"t{n}", 1 + n % 2, n % 3 == 0) for n in range(300)]
    controls = [outcome(f"c{n}", 1 + n % 2, n % 5 == 0) for n in range(300)]
    found = stacked([WaveTrial("1/1/kantor", 1, treated, controls)])
    alone = clustered(
        [Cluster(t.children, t.events) for t in treated], [Cluster(c.children, c.events) for c in controls]
    )
    assert found.rd == pytest.approx(alone.rd)
    v = alone.p1 * (1 - alone.p1) / alone.n_eff1 + alone.p0 * (1 - alone.p0) / alone.n_eff0
    assert found.se**2 == pytest.approx(v * (299 / 300) * (600 / 599))
    assert (found.per_wave[0].low, found.per_wave[0].high) == (alone.low, alone.high)


def test_a_household_that_is_a_control_in_several_waves_is_not_several_households() -> None:
    """The same controls in four identical waves know as much as in one: the range must not shrink with their number."""
    controls = [outcome(f"c{n}", 1, n % 4 == 0) for n in range(40)]
    waves = [
        WaveTrial("1/1/kantor", wave, [outcome(f"t{wave}-{n}", 1, n % 4 == 0) for n in range(4000)], controls)
        for wave in range(1, 5)
    ]
    one, four = stacked(waves[:1]), stacked(waves)
    assert four.se == pytest.approx(one.se, rel=0.02)


@pytest.mark.parametrize("events", [0, 1])
def test_waves_without_any_event_do_not_make_a_narrow_range(events: int) -> None:
    """0 of 90 against 0 of 30 (or all of all): the range is Newcombe's on 60 and 20, never [0, 0]."""
    found = stacked(
        [
            WaveTrial(
                "1/1/kantor",
                wave,
                [outcome(f"t{wave}-{n}", 1, events) for n in range(45)],
                [outcome(f"c{n}", 1, events) for n in range(30)],
            )
            for wave in (1, 2)
        ]
    )
    expected = newcombe(60 * events, 60, 20 * events, 20)
    assert found.cautious
    assert (found.rd, found.se) == (0, 0)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.high - found.low > 0.1


def test_one_empty_side_widens_the_range() -> None:
    treated = [outcome(f"t{n}", 1, n < 8) for n in range(60)]
    controls = [outcome(f"c{n}") for n in range(15)]
    found = stacked([WaveTrial("1/1/kantor", 1, treated, controls)])
    assert found.cautious
    assert found.low < found.rd - z_of(0.95) * found.se
