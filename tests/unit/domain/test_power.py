from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.domain.power import control_waves, power, smallest_effect, smallest_effect_waves


@pytest.mark.parametrize(
    ("p1", "p0", "n", "expected"),
    [(0.75, 0.50, 76.70693, 0.90), (0.07, 0.05, 2212.2048, 0.80)],
)
def test_power_agrees_with_r_power_prop_test(p1: float, p0: float, n: float, expected: float) -> None:
    assert power(p1, p0, n, n) == pytest.approx(expected, abs=1e-7)
    assert power(p0, p1, n, n) == pytest.approx(expected, abs=1e-7)


# docs/measurement.md, the district's table: DEFF 1.3, 80 %, two-sided 5 %; percentage points for five usual rates
USUAL = (0.02, 0.05, 0.10, 0.185, 0.34)
TABLE = {
    (1000, 0.05): (13.8, 16.3, 18.9, 21.3, 22.7),
    (1000, 0.20): (5.7, 7.4, 9.1, 10.9, 12.4),
    (3000, 0.10): (4.0, 5.4, 6.8, 8.3, 9.5),
    (3000, 0.50): (2.0, 2.9, 3.8, 4.7, 5.6),
    (10000, 0.20): (1.3, 1.9, 2.6, 3.2, 3.8),
    (40309, 0.10): (0.8, 1.2, 1.7, 2.1, 2.5),
    (40309, 0.50): (0.5, 0.7, 1.0, 1.3, 1.5),
}


@pytest.mark.parametrize(("case", "expected"), TABLE.items())
def test_the_smallest_effect_agrees_with_the_planning_table(
    case: tuple[int, float], expected: tuple[float, ...]
) -> None:
    children, share = case
    found = [smallest_effect(children * (1 - share), children * share, p0) for p0 in USUAL]
    assert [round(100 * effect, 1) for effect in found if effect is not None] == list(expected)


@pytest.mark.parametrize(("children", "share"), [(61_172, 0.05), (32_160, 0.10), (17_946, 0.20), (11_190, 0.50)])
def test_a_rise_of_fourteen_per_thousand_needs_as_many_children_as_the_planning_table_says(
    children: int, share: float
) -> None:
    assert smallest_effect(children * (1 - share), children * share, 0.05) == pytest.approx(0.014, abs=2e-6)


def test_the_smallest_effect_has_exactly_the_power_that_was_asked_for() -> None:
    effect = smallest_effect(2000, 500, 0.1, deff=1.5, power_wanted=0.9)
    assert effect is not None
    assert power(0.1 + effect, 0.1, 2000, 500, deff=1.5) == pytest.approx(0.9, abs=1e-9)


def test_too_few_children_see_nothing() -> None:
    assert smallest_effect(3, 2, 0.5) is None
    assert smallest_effect_waves([[2, 2]], [[0, 14]], 14, 0.5) is None


def test_controls_of_a_wave_are_the_waves_sent_d_days_later_or_more() -> None:
    assert control_waves([0, 7, 14, 21], 14) == ((2, 3), (3,), (), ())
    assert control_waves([0, 7, 13], 14) == ((), (), ())


def test_waves_that_are_too_close_together_have_no_smallest_effect() -> None:
    assert smallest_effect_waves([[300, 300]], [[0, 7]], 14, 0.1) is None
    assert smallest_effect_waves([[300], [300]], [[0], [14]], 14, 0.1) is None  # another cell is no control
    assert smallest_effect_waves([], [], 14, 0.1) is None
    assert smallest_effect_waves([[300, 0]], [[0, 14]], 14, 0.1) is None


def test_one_pair_of_waves_is_a_plain_comparison_of_two_groups() -> None:
    """Two waves D apart, nobody lost yet: d = (z + z_power) * sqrt(deff * (p1 q1 / n1 + p0 q0 / n0))."""
    n1, n0, p0, deff = 1200, 800, 0.1, 1.3
    effect = smallest_effect_waves([[n1, n0]], [[5, 19]], 14, p0, deff)
    assert effect is not None
    p1 = p0 + effect
    spread = sqrt(deff * (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0))
    assert effect == pytest.approx((NormalDist().inv_cdf(0.975) + NormalDist().inv_cdf(0.8)) * spread, rel=1e-9)


def test_three_waves_by_hand() -> None:
    """Waves of 100 on days 0, 7, 14 with D = 7 and p0 = 0.2: wave 1 has controls 2 and 3, wave 2 has wave 3.

    At risk: all of 100 on day 0, 80 on day 7. Weights: 100*200/300 = 66.667 and 80*80/160 = 40.
    Treated: 66.667^2/100 + 40^2/80 = 44.444 + 20 = 64.444, times p1 q1.
    Control: wave 2 serves window 1 only: 100 * (66.667/200)^2 * 0.16 = 1.7778. Wave 3 serves both; the windows touch
    but do not overlap, so they add: 100 * (1/3)^2 * 0.16 + 80 * (40/80)^2 * 0.16 = 1.7778 + 3.2. Together 6.7556.
    """
    effect = smallest_effect_waves([[100, 100, 100]], [[0, 7, 14]], 7, 0.2, deff=1.0)
    assert effect is not None
    p1 = 0.2 + effect
    spread = sqrt(64.444444 * p1 * (1 - p1) + 6.755556) / 106.666667
    assert effect == pytest.approx((1.959964 + 0.841621) * spread, rel=1e-6)


def test_more_waves_see_more_of_the_same_children() -> None:
    found = [
        smallest_effect_waves([[3000 // waves] * waves], [[7 * n for n in range(waves)]], 14, 0.1)
        for waves in (3, 4, 5, 6, 8)
    ]
    assert found == sorted((one for one in found if one is not None), reverse=True)


sizes = st.lists(st.integers(50, 3000), min_size=3, max_size=8)


@settings(max_examples=40)
@given(sizes, st.floats(0.02, 0.4), st.floats(1.0, 3.0), st.integers(-50, 50))
def test_waves_laws(counts: list[int], p0: float, deff: float, origin: int) -> None:
    days = [origin + 7 * number for number in range(len(counts))]
    found = smallest_effect_waves([counts], [days], 14, p0, deff)
    doubled = smallest_effect_waves([[2 * count for count in counts]], [days], 14, p0, deff)
    harsher = smallest_effect_waves([counts], [days], 14, p0, deff * 1.5)
    split = smallest_effect_waves([counts, counts], [days, [day + 30 for day in days]], 14, p0, deff)
    moved = smallest_effect_waves([counts], [[day + 3 for day in days]], 14, p0, deff)
    if found is None:
        return
    assert doubled is not None
    assert doubled < found
    assert split == pytest.approx(doubled, rel=1e-9)  # two equal cells know as much as one of twice the size
    assert moved == pytest.approx(found, rel=1e-9)
    assert harsher is None or harsher > found


@pytest.mark.parametrize(
    "attempt",
    [
        lambda: power(1.2, 0.1, 10, 10),
        lambda: power(0.1, -0.1, 10, 10),
        lambda: power(0.2, 0.1, 0, 10),
        lambda: power(0.2, 0.1, 10, 10, deff=0.9),
        lambda: smallest_effect(10, 10, 1.5),
        lambda: smallest_effect(100, 100, 0.1, power_wanted=1.0),
        lambda: smallest_effect(100, 100, 0.1, confidence=1.0),
        lambda: smallest_effect_waves([[1, 2]], [[0]], 14, 0.1),
        lambda: smallest_effect_waves([[1, 2]], [[0, 14], [0, 14]], 14, 0.1),
        lambda: smallest_effect_waves([[-1, 2]], [[0, 14]], 14, 0.1),
        lambda: smallest_effect_waves([[1, 2]], [[0, 14]], 0, 0.1),
    ],
)
def test_impossible_plans_are_refused(attempt: object) -> None:
    with pytest.raises(ValueError):
        attempt()  # type: ignore[operator]


def test_power_without_any_chance_variation_is_certain() -> None:
    assert power(1.0, 0.0, 100, 100) == 1.0
    assert power(0.0, 0.0, 100, 100) == 0.0
