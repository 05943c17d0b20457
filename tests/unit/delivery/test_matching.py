"""Which text at the provider is which attempt's: exactly one for exactly one, or nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.channels.protocol import LOOK_BACK, RawEvent, SentText, SentTexts
from broadcaster.delivery.settle import AFTER, BEFORE, matches
from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.queries import Unsettled
from broadcaster.outbox.rules import text_hash

NOW = datetime(2026, 10, 5, 2, 0, tzinfo=UTC)
OPENED = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
NOTHING_OWNED: frozenset[str] = frozenset()


def attempt(number: int = 1, text: str = "Halo", opened: datetime = OPENED, *, still_open: bool = False) -> Unsettled:
    return Unsettled(number, still_open, ChannelKind.WHATSAPP, b"", b"", text_hash(text), opened)


def sent(sid: str = "SM1", text: str = "Halo", at: datetime = OPENED) -> SentText:
    return SentText(sid, text, at, RawEvent("twilio", f"{sid}:sent:", "status", "{}"))


def found(
    attempts: list[Unsettled],
    texts: list[SentText],
    *,
    owned: frozenset[str] = NOTHING_OWNED,
    server_time: datetime | None = NOW,
) -> list[tuple[int, str]]:
    listed = SentTexts(tuple(texts), server_time)
    return [(match.attempt.attempt_id, match.text.provider_id) for match in matches(attempts, listed, owned, NOW)]


def test_one_text_that_fits_one_attempt_settles_it() -> None:
    assert found([attempt()], [sent()]) == [(1, "SM1")]


def test_an_empty_list_settles_nothing() -> None:
    assert found([attempt()], []) == []


def test_two_texts_that_fit_settle_nothing() -> None:
    assert found([attempt()], [sent("SM1"), sent("SM2")]) == []


def test_an_id_that_an_attempt_owns_is_not_looked_at() -> None:
    assert found([attempt()], [sent("SM1"), sent("SM2")], owned=frozenset({"SM2"})) == [(1, "SM1")]


def test_a_text_that_two_attempts_could_have_left_belongs_to_neither() -> None:
    assert found([attempt(1), attempt(2)], [sent()]) == []


def test_an_open_attempt_may_claim_a_text_and_is_not_settled_itself() -> None:
    assert found([attempt(1), attempt(2, still_open=True)], [sent()]) == []
    assert found([attempt(2, still_open=True)], [sent()]) == []


def test_two_different_texts_to_one_number_are_told_apart() -> None:
    attempts = [attempt(1, "Halo"), attempt(2, "Kartu sudah selesai.")]
    assert found(attempts, [sent("SM2", "Kartu sudah selesai."), sent("SM1")]) == [(1, "SM1"), (2, "SM2")]


WINDOW = {
    "at its beginning": (OPENED - BEFORE, True),
    "before it": (OPENED - BEFORE - timedelta(seconds=1), False),
    "at its end": (OPENED + AFTER, True),
    "after it": (OPENED + AFTER + timedelta(seconds=1), False),
}


@pytest.mark.parametrize("name", WINDOW)
def test_a_text_created_outside_the_attempts_window_is_another_text(name: str) -> None:
    at, fits = WINDOW[name]
    assert bool(found([attempt()], [sent(at=at)])) is fits


@pytest.mark.parametrize("minutes", [-90, -10, 10, 90])
def test_a_provider_whose_clock_differs_moves_the_window(minutes: int) -> None:
    ahead = timedelta(minutes=minutes)
    assert found([attempt()], [sent(at=OPENED + ahead)], server_time=NOW + ahead) == [(1, "SM1")]
    assert found([attempt()], [sent(at=OPENED)], server_time=NOW + ahead) == []


def test_a_list_that_is_cut_off_inside_the_window_proves_nothing() -> None:
    many = [sent(f"SM{n}", "lain", OPENED + timedelta(seconds=60)) for n in range(LOOK_BACK - 1)]
    assert found([attempt()], [*many, sent("SMx", at=OPENED)]) == []
    assert found([attempt()], [*many[1:], sent("SMx", at=OPENED)]) == [(1, "SMx")]
    older = sent("SMold", "lain", OPENED - timedelta(hours=1))
    assert found([attempt()], [*many[1:], sent("SMx", at=OPENED), older]) == [(1, "SMx")]


_seconds = st.integers(-300, 300)


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("AB"), _seconds, st.booleans()), max_size=4),
    st.lists(st.tuples(st.sampled_from("AB"), _seconds), max_size=4),
)
def test_no_text_settles_two_attempts_and_every_match_is_the_only_one(
    tries: list[tuple[str, int, bool]], listed: list[tuple[str, int]]
) -> None:
    attempts = [
        attempt(number, text, OPENED + timedelta(seconds=at), still_open=still_open)
        for number, (text, at, still_open) in enumerate(tries)
    ]
    texts = [sent(f"SM{n}", text, OPENED + timedelta(seconds=at)) for n, (text, at) in enumerate(listed)]
    pairs = found(attempts, texts)
    assert len({number for number, _ in pairs}) == len({sid for _, sid in pairs}) == len(pairs)
    for number, sid in pairs:
        text, at, still_open = tries[number]
        assert not still_open
        near = [n for n, (what, when) in enumerate(listed) if what == text and -3 <= when - at <= AFTER.total_seconds()]
        assert near == [int(sid.removeprefix("SM"))]
