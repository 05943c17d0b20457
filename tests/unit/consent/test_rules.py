"""What a person's decisions add up to: the newest counts, and where nobody can tell, the stop."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.consent.rules import REASONS, Decision, Standing, checked_note, read_address, shut, standing
from broadcaster.errors import BadInput

T = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
PHONE, CHAT = b"phone", b"chat"


def said(
    wants: bool, at: float, source: str = "reply", channel: str = "whatsapp", address: bytes = PHONE, **more: object
) -> Decision:
    """A decision `at` seconds after T."""
    one = Decision(address, channel, wants, "all" if wants else "reminders", source, T + timedelta(seconds=at), True)
    return replace(one, **more)


def stop(at: float, **more: object) -> Decision:
    return said(False, at, **more)  # type: ignore[arg-type]


def start(at: float, **more: object) -> Decision:
    return said(True, at, **more)  # type: ignore[arg-type]


def block(at: float, **more: object) -> Decision:
    return said(False, at, "block", "telegram", CHAT, purpose="all", **more)


def unblock(at: float, **more: object) -> Decision:
    return said(True, at, "block", "telegram", CHAT, **more)


#: what was said, in any order -> why the person is not written to
CASES: dict[str, tuple[list[Decision], str | None]] = {
    "nothing": ([], None),
    "a start": ([start(0)], None),
    "a stop": ([stop(0)], "opt_out"),
    "a start after a stop": ([stop(0), start(1)], None),
    "a stop after a start": ([start(0), stop(1)], "opt_out"),
    "a stop and a start of one second": ([stop(5), start(5)], "opt_out"),
    "a start on another channel": ([stop(0), start(1, channel="telegram", address=CHAT, source="start")], None),
    "a start whose moment is only when we heard of it": ([stop(0), start(60, exact=False)], None),
    "a start heard a moment after a stop": ([stop(0, exact=False), start(0.9, exact=False)], "opt_out"),
    "a start that was said before we heard of the stop": ([stop(10, exact=False), start(10.5)], "opt_out"),
    "staff were told": ([stop(0), start(9, source="staff", channel="any")], None),
    "staff were told to stop": ([start(0), stop(9, source="staff", channel="any")], "opt_out"),
    "no contact at all": ([stop(0, source="staff", purpose="all")], "no_contact"),
    "a stop word after no contact at all": ([stop(0, source="staff", purpose="all"), stop(9)], "no_contact"),
    "a stop word after no contact was taken back": (
        [stop(0, source="staff", purpose="all"), start(1), stop(2)], "opt_out",
    ),
    "a block": ([block(0)], "blocked_elsewhere"),
    "a block that is over": ([block(0), unblock(1)], None),
    "blocked and unblocked in one second": ([block(0), unblock(0)], "blocked_elsewhere"),
    "blocked again": ([block(0), unblock(1), block(2)], "blocked_elsewhere"),
    "a block that is over, and a stop": ([stop(0), block(1), unblock(2)], "opt_out"),
    "a start elsewhere after a block": ([block(0), start(1)], None),
    "a block after a start elsewhere": ([start(0), block(1)], "blocked_elsewhere"),
    "a start at the bot after a block": ([block(0), start(1, channel="telegram", address=CHAT, source="start")], None),
    "the end of a block is no start": ([stop(0), unblock(1)], "opt_out"),
    "the provider's mark": ([stop(0, source="provider"), start(1, source="provider")], None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_decisions_add_up_the_same_in_whatever_order_they_are_read(name: str) -> None:
    decisions, reason = CASES[name]
    for order in itertools.permutations(decisions):
        found = standing(order)
        assert (found.reason if found else None) == reason


def test_a_stop_stands_since_its_newest_word() -> None:
    assert standing([stop(0), stop(7), start(-5)]) == Standing("opt_out", T + timedelta(seconds=7))


def test_a_block_is_over_on_its_own_channel_only() -> None:
    assert shut([block(0), start(1)]) == [block(0)]
    assert shut([block(0), start(1, source="staff", channel="any")]) == [block(0)]
    assert shut([block(0), unblock(1)]) == []
    assert shut([block(0), start(1, channel="telegram", address=CHAT, source="start")]) == []
    assert shut([block(0), replace(unblock(1), address=PHONE)]) == [block(0)]


decisions_st = st.lists(
    st.builds(
        said,
        st.booleans(),
        st.integers(0, 5),
        st.sampled_from(["reply", "start", "provider", "block", "staff"]),
        st.sampled_from(["whatsapp", "telegram"]),
        st.sampled_from([PHONE, CHAT]),
        exact=st.booleans(),
    ),
    max_size=6,
)


@given(decisions=decisions_st, at=st.integers(0, 5), exact=st.booleans())
def test_a_stop_that_no_newer_start_follows_always_stands(decisions: list[Decision], at: int, exact: bool) -> None:
    new = stop(at, exact=exact)
    newer = [one for one in decisions if one.wants and one.source != "block" and one.at > new.at]
    assert newer or standing([*decisions, new]) is not None


@given(decisions=decisions_st, at=st.integers(0, 5), exact=st.booleans())
def test_an_old_start_lifts_nothing(decisions: list[Decision], at: int, exact: bool) -> None:
    """Whatever stands because of something said at the same moment or later stands with one more start too."""
    before = standing(decisions)
    old = start(at, exact=exact)
    if before is not None and any(not one.wants and one.at >= old.at and one.source != "block" for one in decisions):
        newest = max(one.at for one in decisions if not one.wants and one.source != "block")
        wishes = [one for one in decisions if one.wants and one.source != "block" and one.at > newest]
        assert wishes or standing([*decisions, old]) is not None


def test_every_reason_has_a_sentence_for_staff() -> None:
    assert all(reason.sentence.endswith(".") for reason in REASONS.values())


@pytest.mark.parametrize(
    ("raw", "text", "channels"),
    [
        ("0812-3456-7890", "+6281234567890", ("whatsapp", "sms")),
        ("+62 812 3456 7890", "+6281234567890", ("whatsapp", "sms")),
        ("whatsapp:+6281234567890", "+6281234567890", ("whatsapp", "sms")),
        ("telegram:700100200", "700100200", ("telegram",)),
        (" Telegram: 0700100200 ", "700100200", ("telegram",)),
        ("whatsapp:ID.4566546130240823", "ID.4566546130240823", ("whatsapp",)),
    ],
)
def test_an_address_is_read_in_any_spelling(raw: str, text: str, channels: tuple[str, ...]) -> None:
    found = read_address(raw)
    assert (found.text, found.channels) == (text, channels)
    assert text not in repr(found), "an address in a trace would be in a log"


@pytest.mark.parametrize("raw", ["", "Bu Sri", "telegram:", "telegram:@bu_sri", "1703071501120001", "telegram:٣"])
def test_what_is_no_address_is_said_with_its_fix(raw: str) -> None:
    with pytest.raises(BadInput) as refused:
        read_address(raw)
    assert refused.value.code == "bad_address"
    assert "telegram:" in str(refused.value)


@pytest.mark.parametrize(
    ("note", "code"),
    [(" ", "no_source"), ("a" * 201, "source_too_long"), ("NIK 1703 0715 0112 0001", "source_has_nik")],
)
def test_how_it_was_told_is_written_down_without_a_nik(note: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        checked_note(note)
    assert refused.value.code == code
    assert checked_note("  telepon\n dari ibunya ") == "telepon dari ibunya"
