"""Who must act on a conversation, and by when."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.timetable import Timetable
from broadcaster.replies.inbox_rules import DONE, OPEN, STATES, WAITING, act_by, is_urgent, state_after

ZONE = ZoneInfo("Asia/Jakarta")
TABLE = Timetable(ZONE)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A moment of October 2026 in the office's zone; the 5th is a Monday."""
    return datetime(2026, 10, day, hour, minute, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("opened", "urgent", "until"),
    [
        (at(5, 9), True, at(5, 16, 30)),
        (at(5, 9), False, at(6, 16, 30)),
        (at(5, 12), True, at(5, 16, 30)),  # the noon rest is inside the day
        (at(5, 20), True, at(6, 16, 30)),  # after hours: the next office day
        (at(5, 20), False, at(7, 16, 30)),
        (at(9, 16), False, at(12, 16, 30)),  # Friday afternoon: Monday
        (at(10, 9), True, at(12, 16, 30)),  # Saturday
    ],
)
def test_an_urgent_matter_is_for_the_same_office_day_and_others_for_the_next(
    opened: datetime, urgent: bool, until: datetime
) -> None:
    assert act_by(opened, TABLE, urgent=urgent) == until


def test_a_holiday_is_no_office_day() -> None:
    closed = Timetable(ZONE, closed=frozenset({date(2026, 10, 6)}))
    assert act_by(at(5, 9), closed, urgent=False) == at(7, 16, 30)


@given(st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)))
def test_there_is_always_time_to_act_and_urgent_is_sooner(opened: datetime) -> None:
    assert opened < act_by(opened, TABLE, urgent=True) < act_by(opened, TABLE, urgent=False)


def test_mourning_complaints_and_suspicion_are_urgent() -> None:
    assert all(is_urgent([one]) for one in ("child_deceased_or_moved", "complaint", "suspicion_of_scam"))
    assert not is_urgent(["where_when", "cannot_go_distance"])


@pytest.mark.parametrize(
    ("before", "intents", "staff", "after"),
    [
        (DONE, ["where_when"], False, DONE),
        (DONE, ["complaint"], True, OPEN),
        (OPEN, ["thanks"], False, OPEN),  # nobody has acted yet
        (WAITING, ["thanks"], False, DONE),
        (WAITING, ["thanks", "where_when"], False, OPEN),
        (WAITING, ["where_when"], False, OPEN),
        (WAITING, ["unclear"], True, OPEN),
    ],
)
def test_a_reply_moves_a_conversation(before: str, intents: list[str], staff: bool, after: str) -> None:
    assert state_after(before, intents, staff=staff) == after


@given(st.sampled_from(STATES), st.lists(st.sampled_from(["thanks", "complaint", "unclear"]), min_size=1))
def test_what_is_left_to_staff_is_never_done_by_itself(before: str, intents: list[str]) -> None:
    assert state_after(before, intents, staff=True) == OPEN
