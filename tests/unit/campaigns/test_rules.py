from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.campaigns.definition import read_definition
from broadcaster.campaigns.rules import MOVES, next_day, preregistration, wave_days, with_controls
from tests.unit.campaigns.test_definition import GOOD

MONDAY = date(2026, 10, 5)


def weekdays(day: date) -> bool:
    return day.weekday() < 5


def test_waves_are_planned_at_their_distance_and_moved_to_a_sending_day():
    definition = read_definition(GOOD.replace("every_days = 7", "every_days = 5"))
    assert wave_days(definition, MONDAY, weekdays)[:3] == [MONDAY, date(2026, 10, 12), date(2026, 10, 15)]


def test_a_delayed_group_waits_d_days():
    definition = read_definition(GOOD.replace("waves = 5\nevery_days = 7", "delayed_share = 0.2"))
    assert wave_days(definition, MONDAY, weekdays) == [MONDAY, MONDAY + timedelta(days=14)]


def test_a_wave_has_controls_only_when_another_opens_d_days_later():
    days = [MONDAY + timedelta(days=7 * number) for number in range(5)]
    assert with_controls(days, 14) == [True, True, True, False, False]
    assert with_controls(days, 35) == [False] * 5


def test_no_sending_day_in_a_quarter_is_an_error():
    with pytest.raises(ValueError, match="90 days"):
        next_day(MONDAY, lambda day: False)


def test_every_move_leads_to_a_known_state():
    assert {state for moves in MOVES.values() for state in moves.values()} <= set(MOVES)


@given(st.text(alphabet="abc", min_size=1, max_size=4), st.integers(1, 9))
def test_a_preregistration_names_what_it_promises_and_changes_with_it(sha, cohort):
    definition = read_definition(GOOD)
    days = [MONDAY]
    text, digest = preregistration(definition, cohort=cohort, list_sha256=sha, salt="s", days=days, cells={"1/1/k": 3})
    again = preregistration(definition, cohort=cohort, list_sha256=sha, salt="s", days=days, cells={"1/1/k": 3})
    other = preregistration(definition, cohort=cohort, list_sha256=sha + "x", salt="s", days=days, cells={"1/1/k": 3})
    assert (text, digest) == again
    assert digest != other[1]
    assert '"d_days":14' in text
    assert '"salt"' not in text
