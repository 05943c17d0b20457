from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.domain.effect import HouseholdOutcome, WaveTrial
from broadcaster.results.rules import Cell, CellWave, Placed, Verdict, comparisons, estimate, gather, judge

MONDAY = date(2026, 10, 5)


def day(number: int | None) -> date | None:
    """Days after Monday 5 October 2026."""
    return None if number is None else MONDAY + timedelta(days=number)


def placed(key: str, *came_on: int | None) -> Placed:
    return Placed(key, tuple(day(number) for number in came_on))


def wave(number: int, planned: int, *households: Placed, opened: int | None = None, unopened: bool = False) -> CellWave:
    """Opened as planned, unless told otherwise."""
    opened_on = None if unopened else day(planned if opened is None else opened)
    planned_on = day(planned)
    assert planned_on is not None
    return CellWave(number, planned_on, opened_on, households or (placed(f"w{number}", None),))


def cell(*waves: CellWave, d_days: int = 14, name: str = "1/1/kantor") -> Cell:
    return Cell(name, d_days, waves)


def controls(one: Cell) -> list[set[str]]:
    return [{household.key for household in comparison.trial.controls} for comparison in comparisons(one)]


# --- who is compared with whom -------------------------------------------------------------------


def test_controls_are_the_waves_of_the_same_cell_sent_d_days_later_or_more() -> None:
    assert controls(cell(wave(1, 0), wave(2, 7), wave(3, 14), wave(4, 21))) == [{"w3", "w4"}, {"w4"}, set(), set()]


def test_the_day_a_wave_really_opened_counts_not_the_planned_one() -> None:
    """Wave 1 opened three days late, wave 3 as planned: 14 - 3 days is too close. Wave 4 remains."""
    assert controls(cell(wave(1, 0, opened=3), wave(3, 14), wave(4, 21)))[0] == {"w4"}


def test_an_unopened_wave_counts_with_its_planned_day() -> None:
    assert controls(cell(wave(1, 0), wave(2, 14, unopened=True)))[0] == {"w2"}
    assert controls(cell(wave(1, 0), wave(2, 13, unopened=True)))[0] == set()


def test_a_wave_half_sent_and_split_opens_on_two_days() -> None:
    assert controls(cell(wave(1, 0), wave(2, 1), wave(3, 15)))[:2] == [{"w3"}, {"w3"}]


def test_the_window_holds_its_first_day_and_not_day_d() -> None:
    treated = placed("a", 0, 13, 14, None)
    later = placed("b", 13, 14)
    trial = comparisons(cell(wave(1, 0, treated), wave(2, 14, later)))[0].trial
    assert trial.treated == (HouseholdOutcome("a", 4, 2),)
    assert trial.controls == (HouseholdOutcome("b", 2, 1),)


def test_a_child_with_an_outcome_before_the_window_is_at_risk_on_neither_side() -> None:
    trial = comparisons(
        cell(wave(1, 7, placed("a", 6, 8), placed("gone", 3)), wave(2, 21, placed("b", 6, None), placed("away", 0)))
    )[0].trial
    assert trial.treated == (HouseholdOutcome("a", 1, 1),)
    assert trial.controls == (HouseholdOutcome("b", 1, 0),)


def test_a_household_whose_cards_were_all_enrolled_elsewhere_takes_no_part() -> None:
    trial = comparisons(cell(wave(1, 0, placed("empty"), placed("a", None)), wave(2, 14)))[0].trial
    assert [household.key for household in trial.treated] == ["a"]


# --- when a comparison is over -------------------------------------------------------------------


def states(*cells: Cell, cutoff: int | None, ended: bool = False) -> dict[str, list[tuple[str, int]]]:
    found = gather(cells, day(cutoff), ended=ended)
    return {
        name: [(one.trial.cell, one.trial.wave) for one in getattr(found, name)]
        for name in ("complete", "pending", "alone")
    }


WEEKLY = cell(wave(1, 0), wave(2, 7), wave(3, 14, unopened=True))


@pytest.mark.parametrize(
    ("cutoff", "complete", "pending"),
    [(None, [], [1]), (0, [], [1]), (13, [], [1]), (14, [1], []), (40, [1], [])],
)
def test_a_wave_counts_from_the_day_the_register_speaks_up_to_its_end(
    cutoff: int | None, complete: list[int], pending: list[int]
) -> None:
    found = states(WEEKLY, cutoff=cutoff)
    assert [number for _, number in found["complete"]] == complete
    assert [number for _, number in found["pending"]] == pending
    assert [number for _, number in found["alone"]] == [2, 3]


def test_a_wave_still_to_be_opened_is_awaited_while_the_campaign_goes_on() -> None:
    one = cell(wave(1, 0), wave(2, 7, unopened=True), wave(3, 21, unopened=True))
    assert states(one, cutoff=20)["pending"] == [("1/1/kantor", 2)]
    assert gather([one], day(20), ended=False).over_on == day(21)
    ended = states(one, cutoff=20, ended=True)
    assert ended["complete"] == [("1/1/kantor", 1)]
    assert ended["pending"] == []


def test_cells_are_never_compared_with_each_other() -> None:
    found = states(
        cell(wave(1, 0)), cell(wave(2, 14), name="1/2/kantor"), cell(wave(3, 28), name="2/1/kantor"), cutoff=99
    )
    assert found["complete"] == []
    assert len(found["alone"]) == 3


def test_a_wave_with_nobody_left_at_risk_is_no_comparison() -> None:
    one = cell(wave(1, 7, placed("a", 2)), wave(2, 21))
    assert states(one, cutoff=6)["pending"] == [("1/1/kantor", 1)]
    assert states(one, cutoff=30)["alone"] == [("1/1/kantor", 1), ("1/1/kantor", 2)]


waves_of_a_cell = st.lists(
    st.tuples(st.integers(0, 40), st.lists(st.lists(st.none() | st.integers(-5, 60), max_size=3), max_size=4)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=80)
@given(waves_of_a_cell, st.none() | st.integers(0, 80), st.booleans())
def test_gather_laws(plan: list[tuple[int, list[list[int | None]]]], cutoff: int | None, ended: bool) -> None:
    waves = [
        wave(number, start, *(placed(f"{number}-{i}", *days) for i, days in enumerate(households)))
        for number, (start, households) in enumerate(sorted(plan, key=lambda one: one[0]), start=1)
    ]
    found = gather([cell(*waves)], day(cutoff), ended=ended)
    assert [one.trial.wave for one in found.all] == [one.number for one in waves]  # each wave is in exactly one state
    own = {household.key: one.number for one in waves for household in one.households}
    for comparison in found.complete:
        treated = {household.key for household in comparison.trial.treated}
        others = {household.key for household in comparison.trial.controls}
        assert treated
        assert others
        assert {own[key] for key in treated} == {comparison.trial.wave}
        assert all(own[key] > comparison.trial.wave for key in others)
        assert cutoff is not None
        assert comparison.over_on <= MONDAY + timedelta(days=cutoff)


# --- the estimate and the verdict ----------------------------------------------------------------


def trial(number: int, treated: list[HouseholdOutcome], others: list[HouseholdOutcome]) -> WaveTrial:
    return WaveTrial("1/1/kantor", number, treated, others)


TREATED = [HouseholdOutcome(f"t{n}", 2, n % 2) for n in range(20)]
OTHERS = [HouseholdOutcome(f"c{n}", 1, n % 4 == 0) for n in range(20)]


def test_one_delayed_group_is_judged_by_f4_and_waves_by_f6() -> None:
    delayed = estimate([trial(1, TREATED, OTHERS)], one_delayed_group=True)
    waves = estimate([trial(1, TREATED, OTHERS)], one_delayed_group=False)
    assert (delayed.estimator, waves.estimator) == ("F4 one delayed group", "F6 waves by cells")
    assert delayed.rd == pytest.approx(waves.rd) == pytest.approx(0.25 - 0.25)
    assert delayed.without == pytest.approx(waves.without) == pytest.approx(0.25)
    assert (delayed.low, delayed.high) != pytest.approx((waves.low, waves.high))
    assert (delayed.low, delayed.high) == (waves.waves[0].low, waves.waves[0].high)


def test_delayed_groups_of_several_cells_are_summed_by_f6() -> None:
    other = WaveTrial("1/1/enggano", 1, OTHERS, TREATED)
    assert estimate([trial(1, TREATED, OTHERS), other], one_delayed_group=True).estimator == "F6 waves by cells"


def test_children_and_events_of_a_recurring_household_count_once() -> None:
    """20 x 2 treated children of wave 1, 5 of wave 2, 20 controls that serve both waves; 5 of them came, seen twice."""
    second = [HouseholdOutcome(f"s{n}", 1, 1) for n in range(5)]
    found = estimate([trial(1, TREATED, OTHERS), trial(2, second, OTHERS)], one_delayed_group=False)
    assert found.children == 40 + 5 + 20
    assert found.fewest_events == 5


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (0.001, 0.079, Verdict.SUCCESS),
        (0.001, 0.005, Verdict.SUCCESS),
        (0.0, 0.079, Verdict.UNPROVEN),
        (-0.068, -0.026, Verdict.HARM),
        (-0.008, 0.032, Verdict.UNPROVEN),
        (-0.010, 0.010, Verdict.PRECISE_NULL),
        (-0.009, 0.009, Verdict.PRECISE_NULL),
        (-0.011, 0.009, Verdict.UNPROVEN),
        (0.0, 0.0, Verdict.PRECISE_NULL),
    ],
)
def test_the_verdict_follows_the_range(low: float, high: float, verdict: Verdict) -> None:
    assert judge(low, high) is verdict
