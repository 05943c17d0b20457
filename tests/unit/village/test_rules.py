"""Who is on the list, what a note means, and how long a link is locked: the tables, held to lot.md's rule 8 case by case."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.card import Occasion
from broadcaster.village.rules import (
    ASKING,
    FIRST,
    LINK_LASTS,
    MAX_TRIES,
    OLDEST_TICK,
    REASONS,
    TICKS,
    Known,
    Noted,
    Place,
    Reason,
    TickKind,
    is_held,
    lock_after,
    offered,
    reasons,
    said_at,
    standing,
    tries_left,
    window_ends,
)

TODAY = date(2026, 10, 20)
NOW = datetime(2026, 10, 20, 3, tzinfo=UTC)
FUTURE, PAST = TODAY + timedelta(days=1), TODAY - timedelta(days=1)


def waiting(*, ends: date | None = FUTURE, arm: str = "lot") -> Place:
    return Place(arm, sent=False, window_ends=ends)


SENT = Place("lot", sent=True, window_ends=FUTURE)

#: name -> (what is known, reasons on the list today)
CASES: dict[str, tuple[Known, tuple[Reason, ...]]] = {
    # not yet sent: no list before t_w + D
    "its wave has not opened": (Known(True, (waiting(ends=None),), weak_signal=True), ()),
    "its wave opened, its own text did not leave": (Known(True, (waiting(),), weak_signal=True), ()),
    "the last day of the window still counts": (Known(True, (waiting(ends=FUTURE),), failed=True), ()),
    "the first day after the window": (Known(True, (waiting(ends=TODAY),), weak_signal=True), (Reason.WEAK_SIGNAL,)),
    "it lost its number after the lot": (Known(False, (waiting(),)), ()),
    "it lost its number, and its window is over": (Known(False, (waiting(ends=PAST),)), (Reason.NO_ADDRESS,)),
    "sent by one campaign, waiting in another": (Known(False, (SENT, waiting())), ()),
    "listed by one campaign, waiting in another": (Known(False, (SENT, waiting()), listed=(Reason.FAILED,)), ()),
    "no campaign knows it, and it has a number": (Known(True, weak_signal=True), ()),
    "outside the lot, with a number, not sent yet": (Known(True, (waiting(arm="outside"),), weak_signal=True), ()),
    "always-send, with a number, not sent yet": (Known(True, (waiting(arm="always_send"),), weak_signal=True), ()),
    # the exceptions
    "no address, so outside the lot": (Known(False, (waiting(arm="outside", ends=None),)), (Reason.NO_ADDRESS,)),
    "no address, and a deadline": (Known(False, (waiting(arm="always_send", ends=None),)), (Reason.NO_ADDRESS,)),
    "no address, and no campaign yet": (Known(False), (Reason.NO_ADDRESS,)),
    "asks for help while it waits": (Known(True, (waiting(ends=None),), asked=(Reason.CANNOT_COME,)), (Reason.CANNOT_COME,)),
    "its wish is the only reason while it waits": (
        Known(False, (waiting(),), asked=(Reason.NO_PHONE,), failed=True, weak_signal=True), (Reason.NO_PHONE,),
    ),
    # sent to
    "sent, and no receipt in a weak village": (Known(True, (SENT,), weak_signal=True), (Reason.WEAK_SIGNAL,)),
    "sent, and it arrived": (Known(True, (SENT,), weak_signal=True, reached=True), ()),
    "no number at all: the signal does not matter": (Known(False, weak_signal=True), (Reason.NO_ADDRESS,)),
    "sent, good signal, nothing wrong": (Known(True, (SENT,)), ()),
    "sent, and every channel failed": (Known(True, (SENT,), failed=True), (Reason.FAILED,)),
    "sent by way of the list": (Known(True, (SENT,), listed=(Reason.UNDELIVERED,)), (Reason.UNDELIVERED,)),
    "a campaign that begins with the list": (Known(True, (SENT,), listed=(Reason.CAMPAIGN,)), (Reason.CAMPAIGN,)),
    "the list as such is no reason beside a better one": (
        Known(False, (SENT,), listed=(Reason.CAMPAIGN,)), (Reason.NO_ADDRESS,),
    ),
    "a reason is named once": (Known(True, (SENT,), listed=(Reason.FAILED,), failed=True), (Reason.FAILED,)),
    # somebody said no
    "asked us to stop": (Known(False, (SENT,), failed=True, said_no=True), ()),
    "asked us to stop, and for help": (Known(False, (SENT,), asked=(Reason.NO_PHONE,), said_no=True), (Reason.NO_PHONE,)),
    "paused by the officer's own note": (
        Known(False, (SENT,), listed=(Reason.FAILED,), said_no=True, ticked=True), (Reason.NO_ADDRESS, Reason.FAILED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_who_is_on_the_list(name: str) -> None:
    known, expected = CASES[name]
    assert reasons(known, TODAY) == expected


_PLACES = st.builds(
    Place,
    st.sampled_from(["lot", "always_send", "outside"]),
    st.booleans(),
    st.sampled_from([None, PAST, TODAY, FUTURE]),
)
_KNOWN = st.builds(
    Known,
    st.booleans(),
    st.lists(_PLACES, max_size=3).map(tuple),
    st.sets(st.sampled_from(sorted(ASKING))).map(tuple),
    st.sets(st.sampled_from([Reason.FAILED, Reason.UNDELIVERED, Reason.CAMPAIGN])).map(tuple),
    st.booleans(), st.booleans(), st.booleans(), st.booleans(), st.booleans(),
)  # fmt: skip


@given(_KNOWN)
def test_whoever_waits_in_a_lot_is_on_no_list_but_by_its_own_wish(known: Known) -> None:
    waits = any(
        place.arm == "lot" and not place.sent and (place.window_ends is None or place.window_ends > TODAY)
        for place in known.places
    )
    if waits:
        assert is_held(known, TODAY)
        assert set(reasons(known, TODAY)) <= ASKING
    assert set(known.asked) <= set(reasons(known, TODAY)), "a wish for help is never passed over"


#: (opened, over, other open waves of the cell) -> first day after the window, D = 14
WINDOWS = {
    "counted from the day it really opened": (date(2026, 10, 6), False, [], date(2026, 10, 20)),
    "not opened: nobody knows": (None, False, [date(2026, 10, 6)], None),
    "stopped: a comparison until the others' windows end": (
        None, True, [date(2026, 9, 29), date(2026, 10, 6)], date(2026, 10, 20),
    ),
    "stopped after it opened": (date(2026, 10, 6), True, [date(2026, 10, 13)], date(2026, 10, 20)),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
def test_when_a_window_is_over(name: str) -> None:
    opened, over, others, expected = WINDOWS[name]
    assert window_ends(opened, 14, over=over, others=others) == expected


def test_a_campaign_stopped_before_any_wave_opened_holds_nobody() -> None:
    ends = window_ends(None, 14, over=True, others=[])
    assert ends is not None
    assert ends < TODAY


# ---------------------------------------------------------------------------------------------------------------- notes


def noted(
    kind: str, *, minutes: int = 0, about: str = "1:printed_uncollected", id: int = 1, settled: str = ""
) -> Noted:
    return Noted(id, TickKind(kind), NOW + timedelta(minutes=minutes), frozenset(about.split()), settled)


#: (notes, due now, newest text or wish in minutes) -> the kind that stands
STANDING = {
    "none": ([], "1:printed_uncollected", None, None),
    "one": ([noted("told")], "1:printed_uncollected", None, "told"),
    "the newest pressed, not the newest that came in": (
        [noted("moved", minutes=9, id=1), noted("told", minutes=1, id=2)], "1:printed_uncollected", None, "moved",
    ),
    "pressed at once: the later one": ([noted("told", id=1), noted("refused", id=2)], "1:printed_uncollected", None, "refused"),
    "a newer text opens the line": ([noted("told")], "1:printed_uncollected", 60, None),
    "a text before it does not": ([noted("told")], "1:printed_uncollected", -60, "told"),
    "another card opens the line": ([noted("told")], "1:printed_uncollected 2:newborn", None, None),
    "the same card for another reason opens it": ([noted("told")], "1:expired_at_five", None, None),
    "a card that was fetched leaves the rest answered": (
        [noted("told", about="1:printed_uncollected 2:newborn")], "2:newborn", None, "told",
    ),
    "moved stands whatever comes": ([noted("moved")], "2:newborn", 60, "moved"),
    "until staff say it was a mistake": ([noted("moved", settled="wrong")], "1:printed_uncollected", None, None),
    "handed over is about that card": ([noted("handed_over")], "2:newborn", None, None),
}  # fmt: skip


@pytest.mark.parametrize("name", STANDING)
def test_which_note_stands(name: str) -> None:
    ticks, due, minutes, expected = STANDING[name]
    listed_at = None if minutes is None else NOW + timedelta(minutes=minutes)
    found = standing(ticks, due.split(), listed_at)
    assert (found.kind if found else None) == expected


def test_what_each_note_does() -> None:
    does = {
        kind.value: (rule.reached, bool(rule.stops), rule.only is not None, rule.staff) for kind, rule in TICKS.items()
    }
    assert does == {
        "told": (True, False, False, False),
        "will_come": (True, False, False, False),
        "not_met": (None, False, False, False),
        "handed_over": (True, True, True, False),
        "moved": (False, True, False, True),
        "deceased": (False, True, False, True),
        "refused": (True, True, False, True),
    }
    assert set(TICKS) == set(TickKind)
    assert not any(TICKS[kind].stops for kind in FIRST), "what stops something lies one tap deeper"


def test_a_card_can_be_handed_over_only_where_one_is_printed() -> None:
    assert TickKind.HANDED_OVER in offered([Occasion.NEWBORN, Occasion.PRINTED_UNCOLLECTED])
    assert set(offered([Occasion.NEWBORN])) == set(TickKind) - {TickKind.HANDED_OVER}
    assert TickKind.TOLD in offered([])


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (0, NOW),
        (90, NOW - timedelta(seconds=90)),
        (-5, NOW),
        (10**12, NOW - timedelta(days=20)),
    ],
)
def test_a_note_is_as_old_as_the_telephone_says_and_never_older_than_its_link(age: float, expected: datetime) -> None:
    assert said_at(NOW, age, NOW - timedelta(days=20)) == expected


def test_a_note_is_at_most_thirty_days_old() -> None:
    assert said_at(NOW, 10**12, NOW - timedelta(days=400)) == NOW - OLDEST_TICK


# ----------------------------------------------------------------------------------------------------------------- locks


def test_every_fifth_wrong_pin_locks_twice_as_long_up_to_a_day() -> None:
    locks = {wrong: lock for wrong in range(1, 61) if (lock := lock_after(wrong)) is not None}
    assert list(locks) == list(range(5, 61, 5))
    minutes = [int(lock.total_seconds() // 60) for lock in locks.values()]
    assert minutes[:8] == [15, 30, 60, 120, 240, 480, 960, 1440]
    assert set(minutes[7:]) == {1440}
    assert lock_after(5 * 10**6) == timedelta(days=1)


def test_in_the_life_of_a_link_a_guesser_gets_two_hundred_of_a_million_pins_at_most() -> None:
    waited, tried = timedelta(0), 0
    while waited < LINK_LASTS:
        tried += 1
        waited += lock_after(tried) or timedelta(0)
    assert tried <= 200


@pytest.mark.parametrize(("wrong", "left"), [(1, 4), (4, 1), (5, MAX_TRIES), (6, 4)])
def test_how_many_tries_are_left(wrong: int, left: int) -> None:
    assert tries_left(wrong) == left


def test_every_word_an_officer_reads_is_plain_indonesian() -> None:
    assert set(REASONS) == set(Reason)
    for sentence in REASONS.values():
        assert re.fullmatch(r"[A-Z][a-z ;]+\.", sentence), sentence
    labels = [rule.label for rule in TICKS.values()]
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch(r"[A-Z][a-z ]{3,25}", label) for label in labels)
