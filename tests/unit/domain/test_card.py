"""Which card is due, and why a family is written to today."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.domain.card import (
    DUE,
    URGENCY,
    CardFact,
    CardKind,
    CardStatus,
    Occasion,
    always_send,
    kind_due,
    occasions,
    photo_background,
    valid_until,
)
from broadcaster.domain.people import full_years, months_after

TODAY = date(2026, 11, 24)
NO_PHOTO, PHOTO = CardKind.NO_PHOTO, CardKind.PHOTO
ON_ITS_WAY = (CardStatus.APPLIED, CardStatus.INCOMPLETE, CardStatus.IN_PROCESS)


def cards(no_photo: str | None = None, photo: str | None = None) -> dict[CardKind, CardFact]:
    given = {NO_PHOTO: no_photo, PHOTO: photo}
    return {kind: CardFact(kind, CardStatus(status), TODAY) for kind, status in given.items() if status}


def aged(years: int, months: int = 0, days: int = 0) -> date:
    """A birth date that makes the child exactly so old today."""
    return months_after(TODAY, -(12 * years + months)) - timedelta(days=days)


@pytest.mark.parametrize(
    ("birth", "on", "kind"),
    [
        (date(2021, 11, 24), date(2021, 11, 23), None),  # not born yet
        (date(2021, 11, 24), date(2021, 11, 24), NO_PHOTO),
        (date(2021, 11, 24), date(2026, 11, 23), NO_PHOTO),
        (date(2021, 11, 24), date(2026, 11, 24), PHOTO),
        (date(2009, 11, 25), date(2026, 11, 24), PHOTO),
        (date(2009, 11, 24), date(2026, 11, 24), None),  # KTP-el from here
        (date(2020, 2, 29), date(2025, 2, 27), NO_PHOTO),
        (date(2020, 2, 29), date(2025, 2, 28), PHOTO),
        (date(2008, 2, 29), date(2025, 2, 27), PHOTO),
        (date(2008, 2, 29), date(2025, 2, 28), None),
    ],
)
def test_the_kind_due_follows_the_birthdays(birth: date, on: date, kind: CardKind | None) -> None:
    assert kind_due(birth, on) == kind


def test_a_card_is_valid_to_the_day_before_the_birthday() -> None:
    assert valid_until(NO_PHOTO, date(2021, 11, 24)) == date(2026, 11, 23)
    assert valid_until(PHOTO, date(2021, 11, 24)) == date(2038, 11, 23)
    assert valid_until(NO_PHOTO, date(2020, 2, 29)) == date(2025, 2, 27)


def test_the_photo_is_red_for_odd_and_blue_for_even_birth_years() -> None:
    assert photo_background(date(2021, 12, 1)) == "merah"
    assert photo_background(date(2020, 1, 1)) == "biru"


births = st.dates(min_value=date(2000, 1, 1), max_value=date(2030, 12, 31))
days = st.dates(min_value=date(2000, 1, 1), max_value=date(2050, 12, 31))
statuses = st.one_of(st.none(), st.sampled_from([status.value for status in CardStatus]))


@given(births, days)
def test_below_17_exactly_one_kind_is_due_and_valid(birth: date, today: date) -> None:
    starts = {NO_PHOTO: birth, PHOTO: valid_until(NO_PHOTO, birth) + timedelta(days=1)}
    may_hold = [kind for kind in CardKind if starts[kind] <= today <= valid_until(kind, birth)]
    if 0 <= full_years(birth, today) < 17:
        assert may_hold == [kind_due(birth, today)]
    else:
        assert may_hold == []
        assert kind_due(birth, today) is None


# ----------------------------------------------------------------------------------------------------------- occasions

W = Occasion  # why

SCENARIOS: list[tuple[str, date, Mapping[CardKind, CardFact], list[tuple[Occasion, CardKind]]]] = [
    ("born today", aged(0), cards(), [(W.NEWBORN, NO_PHOTO)]),
    ("59 days old", aged(0, days=59), cards(), [(W.NEWBORN, NO_PHOTO)]),
    ("60 days old", aged(0, days=60), cards(), [(W.NO_CARD_UNDER_5, NO_PHOTO)]),
    ("newborn, applied", aged(0, days=9), cards("applied"), []),
    ("newborn, printed", aged(0, days=9), cards("printed"), [(W.PRINTED_UNCOLLECTED, NO_PHOTO)]),
    ("two, not registered", aged(2), cards("not_registered"), [(W.NO_CARD_UNDER_5, NO_PHOTO)]),
    ("two, rejected", aged(2), cards("rejected"), [(W.NO_CARD_UNDER_5, NO_PHOTO)]),
    ("two, collected", aged(2), cards("collected"), []),
    ("two, printed", aged(2), cards("printed"), [(W.PRINTED_UNCOLLECTED, NO_PHOTO)]),
    ("two, in process", aged(2), cards("in_process"), []),
    ("two, papers incomplete", aged(2), cards("incomplete"), []),
    ("two, moved or deceased", aged(2), cards("void"), []),
    ("a day before 4y10m", aged(4, 10, -1), cards("collected"), []),
    ("4y10m, collected", aged(4, 10), cards("collected"), [(W.TURNING_FIVE, PHOTO)]),
    ("4y10m, photo card rejected", aged(4, 10), cards("collected", "rejected"), [(W.TURNING_FIVE, PHOTO)]),
    ("4y11m, photo card applied", aged(4, 11), cards("collected", "applied"), []),
    ("4y11m, photo card printed early", aged(4, 11), cards("collected", "printed"), []),
    (
        "4y11m, first card not fetched",
        aged(4, 11),
        cards("printed"),
        [(W.PRINTED_UNCOLLECTED, NO_PHOTO), (W.TURNING_FIVE, PHOTO)],
    ),
    ("4y11m, no card", aged(4, 11), cards(), [(W.TURNING_FIVE, PHOTO), (W.NO_CARD_UNDER_5, NO_PHOTO)]),
    ("the day before five", aged(5, days=-1), cards("collected"), [(W.TURNING_FIVE, PHOTO)]),
    ("five today, collected before", aged(5), cards("collected"), [(W.EXPIRED_AT_FIVE, PHOTO)]),
    ("five, marked expired", aged(5, 3), cards("expired"), [(W.EXPIRED_AT_FIVE, PHOTO)]),
    ("five, first card never fetched", aged(5, 3), cards("printed"), [(W.EXPIRED_AT_FIVE, PHOTO)]),
    ("five, first card never finished", aged(5, 3), cards("in_process"), [(W.NO_CARD_5_TO_16, PHOTO)]),
    ("six, photo card applied", aged(6), cards("collected", "applied"), []),
    ("six, photo card printed", aged(6), cards("collected", "printed"), [(W.PRINTED_UNCOLLECTED, PHOTO)]),
    ("six, photo card collected", aged(6), cards("collected", "collected"), []),
    ("six, photo card rejected", aged(6), cards("collected", "rejected"), [(W.EXPIRED_AT_FIVE, PHOTO)]),
    ("six, nothing ever", aged(6), cards(), [(W.NO_CARD_5_TO_16, PHOTO)]),
    ("six, deceased by the first card", aged(6), cards("void"), []),
    ("a day before 16y6m", aged(16, 6, -1), cards(photo="collected"), []),
    ("16y6m, collected", aged(16, 6), cards(photo="collected"), [(W.TURNING_SEVENTEEN, PHOTO)]),
    ("16y6m, applied", aged(16, 6), cards(photo="applied"), [(W.TURNING_SEVENTEEN, PHOTO)]),
    (
        "16y6m, printed",
        aged(16, 6),
        cards(photo="printed"),
        [(W.PRINTED_UNCOLLECTED, PHOTO), (W.TURNING_SEVENTEEN, PHOTO)],
    ),
    (
        "the day before 17, nothing ever",
        aged(17, days=-1),
        cards(),
        [(W.TURNING_SEVENTEEN, PHOTO), (W.NO_CARD_5_TO_16, PHOTO)],
    ),
    ("17 today", aged(17), cards(photo="printed"), []),
    ("grown up", aged(30), cards(), []),
    ("not born yet", TODAY + timedelta(days=1), cards(), []),
]


@pytest.mark.parametrize(("birth", "facts", "expected"), [s[1:] for s in SCENARIOS], ids=[s[0] for s in SCENARIOS])
def test_why_a_family_is_written_to(
    birth: date, facts: Mapping[CardKind, CardFact], expected: list[tuple[Occasion, CardKind]]
) -> None:
    assert list(occasions(birth, facts, TODAY)) == expected


def test_a_measured_campaign_may_begin_turning_five_earlier() -> None:
    birth = aged(5, days=-120)
    assert occasions(birth, cards("collected"), TODAY) == ()
    assert occasions(birth, cards("collected"), TODAY, turning_five_days=119) == ()
    assert occasions(birth, cards("collected"), TODAY, turning_five_days=120) == ((W.TURNING_FIVE, PHOTO),)
    assert not always_send(W.TURNING_FIVE, birth, TODAY, d_days=14)


@settings(max_examples=300)
@given(births, days, statuses, statuses)
def test_occasions_keep_their_promises(birth: date, today: date, no_photo: str | None, photo: str | None) -> None:
    facts = cards(no_photo, photo)
    found = occasions(birth, facts, today)
    names = [occasion for occasion, _ in found]
    assert names == [occasion for occasion in URGENCY if occasion in names]  # most urgent first, none twice
    for occasion, kind in found:
        status = facts[kind].status if kind in facts else CardStatus.NOT_REGISTERED
        assert status in DUE[occasion]
        if occasion is not W.TURNING_SEVENTEEN:
            assert status not in ON_ITS_WAY
    settling = [kind for occasion, kind in found if occasion is not W.TURNING_SEVENTEEN]
    assert len(settling) == len(set(settling))
    if kind_due(birth, today) is None or "void" in (no_photo, photo):
        assert found == ()


@given(births, days, statuses)
def test_a_child_without_the_card_due_and_none_on_its_way_always_has_an_occasion(
    birth: date, today: date, other: str | None
) -> None:
    due = kind_due(birth, today)
    if due is None or other == "void":
        return
    facts = cards(photo=other) if due is NO_PHOTO else cards(no_photo=other)
    about = [kind for occasion, kind in occasions(birth, facts, today) if occasion is not W.TURNING_SEVENTEEN]
    assert due in about


def test_every_occasion_says_when_its_card_is_still_due() -> None:
    assert set(DUE) == set(Occasion) == set(URGENCY)
    assert DUE[W.PRINTED_UNCOLLECTED] == {CardStatus.PRINTED}
    assert CardStatus.VOID not in DUE[W.TURNING_SEVENTEEN]
    assert DUE[W.TURNING_SEVENTEEN] == set(CardStatus) - {CardStatus.VOID}
    others = set(Occasion) - {W.PRINTED_UNCOLLECTED, W.TURNING_SEVENTEEN}
    assert {DUE[occasion] for occasion in others} == {frozenset({CardStatus.NOT_REGISTERED, CardStatus.REJECTED})}


# --------------------------------------------------------------------------------------------------------- always send


@pytest.mark.parametrize(
    ("occasion", "last_day_in", "d_days", "expected"),
    [
        # days from today to the last valid day of the card due
        (W.PRINTED_UNCOLLECTED, 61, 14, False),
        (W.PRINTED_UNCOLLECTED, 60, 14, True),
        (W.PRINTED_UNCOLLECTED, 0, 14, True),
        (W.NO_CARD_UNDER_5, 61, 28, False),
        (W.NO_CARD_UNDER_5, 60, 28, True),
        (W.TURNING_FIVE, 75, 14, False),  # 61 + D
        (W.TURNING_FIVE, 74, 14, True),
        (W.TURNING_FIVE, 61, 0, False),
        (W.TURNING_FIVE, 60, 0, True),
        (W.TURNING_FIVE, 30, 14, True),
        (W.NEWBORN, 1790, 14, False),
    ],
)
def test_a_deadline_of_the_first_card_within_60_days_does_not_wait(
    occasion: Occasion, last_day_in: int, d_days: int, expected: bool
) -> None:
    birth = aged(5, days=-(last_day_in + 1))
    assert (valid_until(NO_PHOTO, birth) - TODAY).days == last_day_in
    assert always_send(occasion, birth, TODAY, d_days) is expected


@pytest.mark.parametrize("occasion", [W.PRINTED_UNCOLLECTED, W.EXPIRED_AT_FIVE, W.NO_CARD_5_TO_16])
@pytest.mark.parametrize(("last_day_in", "expected"), [(61, False), (60, True), (0, True)])
def test_a_deadline_of_the_photo_card_within_60_days_does_not_wait(
    occasion: Occasion, last_day_in: int, expected: bool
) -> None:
    assert always_send(occasion, aged(17, days=-(last_day_in + 1)), TODAY, 14) is expected


def test_an_expired_card_in_the_middle_of_childhood_may_wait() -> None:
    assert not always_send(W.EXPIRED_AT_FIVE, aged(5, 1), TODAY, 14)
    assert not always_send(W.NO_CARD_5_TO_16, aged(9), TODAY, 14)


def test_turning_seventeen_is_never_measured() -> None:
    assert always_send(W.TURNING_SEVENTEEN, aged(16, 6), TODAY, 14)


@given(births, days, statuses, statuses, st.integers(min_value=0, max_value=40), st.integers(min_value=1, max_value=60))
def test_who_may_not_wait_today_may_not_wait_later(
    birth: date, today: date, no_photo: str | None, photo: str | None, d_days: int, later: int
) -> None:
    for occasion, _ in occasions(birth, cards(no_photo, photo), today):
        then = today + timedelta(days=later)
        if always_send(occasion, birth, today, d_days) and kind_due(birth, then) == kind_due(birth, today):
            assert always_send(occasion, birth, then, d_days)
