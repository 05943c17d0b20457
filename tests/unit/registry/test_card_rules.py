"""How a card moves, as a rule on values."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.card import CardKind, CardStatus
from broadcaster.registry.card_rules import FOLLOWS, CardState, Event, advance, events_of, kind_of

S = CardStatus
UNTIL = date(2026, 10, 4)
TODAY = date(2026, 10, 5)


def day(number: int) -> date:
    return date(2026, 9, number)


def state(status: CardStatus, since: date = day(10), **days: date) -> CardState:
    return CardState(status, since, {CardStatus(name): on for name, on in days.items()} or {status: since})


def test_dates_and_a_word_make_events_in_order() -> None:
    found, undated, disordered = events_of(S.COLLECTED, {S.PRINTED: day(2), S.APPLIED: day(1)}, UNTIL)
    assert found == (
        Event(S.APPLIED, day(1), True), Event(S.PRINTED, day(2), True), Event(S.COLLECTED, UNTIL, False),
    )  # fmt: skip
    assert (undated, disordered) == (True, False)


@pytest.mark.parametrize("word", [S.PRINTED, S.IN_PROCESS, S.NOT_REGISTERED, S.COLLECTED])
def test_a_word_that_a_date_goes_beyond_says_nothing(word: CardStatus) -> None:
    assert events_of(word, {S.COLLECTED: day(3)}, UNTIL) == ((Event(S.COLLECTED, day(3), True),), False, False)


def test_only_days_that_are_measured_are_missed() -> None:
    assert events_of(S.IN_PROCESS, {}, UNTIL)[1] is False
    assert events_of(S.PRINTED, {}, UNTIL)[1] is True
    assert events_of(None, {}, UNTIL) == ((), False, False)


def test_days_out_of_order_are_told() -> None:
    assert events_of(None, {S.PRINTED: day(3), S.COLLECTED: day(2)}, UNTIL)[2] is True


@pytest.mark.parametrize(
    ("birth", "events", "kind"),
    [
        (date(2023, 1, 1), [Event(S.PRINTED, day(1), True)], CardKind.NO_PHOTO),
        (date(2018, 1, 1), [Event(S.PRINTED, day(1), True)], CardKind.PHOTO),
        (date(2018, 1, 1), [Event(S.COLLECTED, date(2022, 12, 31), True)], CardKind.NO_PHOTO),
        (date(2018, 1, 1), [Event(S.COLLECTED, date(2023, 1, 1), True)], CardKind.PHOTO),
        (date(2018, 1, 1), [Event(S.APPLIED, date(2022, 1, 1), True)], CardKind.PHOTO),
        (date(2018, 1, 1), [Event(S.PRINTED, date(2022, 1, 1), True), Event(S.COLLECTED, day(1), True)], CardKind.NO_PHOTO),
        (date(2018, 1, 1), [Event(S.EXPIRED, UNTIL, False)], CardKind.NO_PHOTO),
        (date(2009, 1, 1), [Event(S.PRINTED, UNTIL, False)], None),
        (date(2009, 1, 1), [Event(S.PRINTED, date(2025, 12, 31), True)], CardKind.PHOTO),
        (date(2023, 1, 1), [Event(S.PRINTED, date(2022, 1, 1), True)], None),
    ],
)  # fmt: skip
def test_a_row_is_about_the_card_of_its_day(birth: date, events: list[Event], kind: CardKind | None) -> None:
    assert kind_of(birth, events, {}, TODAY) is kind


@pytest.mark.parametrize(
    ("first", "event", "kind"),
    [
        (state(S.COLLECTED, date(2022, 9, 1)), Event(S.APPLIED, day(1), True), CardKind.PHOTO),
        (state(S.COLLECTED, date(2022, 9, 1)), Event(S.COLLECTED, day(1), True), CardKind.PHOTO),
        (state(S.COLLECTED, day(1)), Event(S.COLLECTED, day(1), True), CardKind.NO_PHOTO),
        (state(S.PRINTED, date(2022, 9, 1)), Event(S.COLLECTED, day(1), True), CardKind.NO_PHOTO),
        (state(S.PRINTED, date(2022, 9, 1)), Event(S.APPLIED, day(1), True), CardKind.PHOTO),
        (state(S.NOT_REGISTERED, date(2022, 9, 1)), Event(S.APPLIED, day(1), True), CardKind.NO_PHOTO),
    ],
)
def test_near_the_fifth_birthday_a_finished_first_card_makes_room(
    first: CardState, event: Event, kind: CardKind
) -> None:
    birth = date(2021, 12, 1)
    assert kind_of(birth, [event], {CardKind.NO_PHOTO: first}, TODAY) is kind
    assert kind_of(date(2024, 12, 1), [event], {CardKind.NO_PHOTO: first}, TODAY) is CardKind.NO_PHOTO


def test_forward_moves_and_leaves_each_event_once() -> None:
    card = state(S.NOT_REGISTERED)
    told = [Event(S.APPLIED, day(1), True), Event(S.PRINTED, day(5), True)]
    assert advance(card, told) == (told, [])
    assert (card.status, card.since) == (S.PRINTED, day(5))
    assert advance(card, told) == ([], [])


def test_back_is_a_clash_and_another_day_too() -> None:
    card = state(S.COLLECTED)
    assert [one.code for one in advance(card, [Event(S.PRINTED, UNTIL, False)])[1]] == ["status_back"]
    assert [one.code for one in advance(card, [Event(S.PRINTED, day(20), True)])[1]] == ["status_back"]
    assert [one.code for one in advance(card, [Event(S.COLLECTED, day(11), True)])[1]] == ["date_differs"]
    assert advance(card, [Event(S.COLLECTED, UNTIL, False)]) == ([], [])
    assert (card.status, card.since) == (S.COLLECTED, day(10))


def test_a_rejected_card_was_applied_for_before_and_does_not_rise_again() -> None:
    card = state(S.REJECTED)
    assert advance(card, [Event(S.APPLIED, day(1), True)])[0] == [Event(S.APPLIED, day(1), True)]
    assert card.status is S.REJECTED
    assert [one.code for one in advance(card, [Event(S.COLLECTED, day(20), True)])[1]] == ["status_back"]


def test_a_printed_card_is_not_rejected_any_more() -> None:
    assert S.PRINTED not in FOLLOWS[S.REJECTED]
    assert S.PRINTED in FOLLOWS[S.EXPIRED]


_events = st.lists(
    st.builds(Event, st.sampled_from(list(CardStatus)), st.dates(date(2026, 1, 1), date(2026, 9, 30)), st.booleans()),
    max_size=6,
)


@given(st.sampled_from(list(CardStatus)), _events)
def test_whatever_is_told_twice_changes_nothing_the_second_time(status: CardStatus, told: list[Event]) -> None:
    card = state(status)
    first, _ = advance(card, told)
    seen = (card.status, card.since, dict(card.days))
    assert len({event.status for event in first}) == len(first)
    assert advance(card, told)[0] == []
    assert (card.status, card.since, card.days) == seen


@given(st.sampled_from(list(CardStatus)), _events)
def test_a_card_never_moves_back(status: CardStatus, told: list[Event]) -> None:
    card = state(status)
    for event in told:
        before = card.status
        advance(card, [event])
        assert card.status is before or before in FOLLOWS[card.status]
