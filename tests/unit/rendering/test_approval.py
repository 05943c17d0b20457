"""How a template stands: when it may be sent, and one sentence that says what to do."""

from __future__ import annotations

import re

import pytest

from broadcaster.rendering.approval import MISSING, RECATEGORISED, STATES, UNKNOWN, WRONG, Standing

SHIFTS = [
    # asked, given, accepted -> shifted
    ("utility", "", "", False),
    ("utility", "UTILITY", "", False),
    ("utility", "MARKETING", "", True),
    ("utility", "marketing", "MARKETING", False),
    ("utility", "AUTHENTICATION", "MARKETING", True),
    ("marketing", "UTILITY", "", False),
    ("marketing", "MARKETING", "", False),
    ("marketing", "AUTHENTICATION", "", True),
]


@pytest.mark.parametrize(("asked", "given", "accepted", "shifted"), SHIFTS)
def test_a_dearer_category_is_a_shift_until_somebody_says_yes(
    asked: str, given: str, accepted: str, shifted: bool
) -> None:
    approved = Standing("approved", asked, given, accepted)
    assert (approved.shifted, approved.may_be_sent) == (shifted, not shifted)
    assert approved.state == (RECATEGORISED if shifted else "approved")
    assert Standing("paused", asked, given, accepted).state == "paused", "what is worse is said first"


@pytest.mark.parametrize("approval", ["", "unsubmitted", UNKNOWN, "received", "pending", "rejected", "paused", "disabled",
                                      MISSING, "in_appeal"])  # fmt: skip
def test_nothing_but_an_approved_template_may_be_sent(approval: str) -> None:
    assert not Standing(approval).may_be_sent


def sentence(state: str) -> str:
    if state == RECATEGORISED:
        return Standing("approved", "utility", "MARKETING").sentence("ambil-kartu-1")
    return Standing(state, "utility", "UTILITY", reason="INVALID_FORMAT").sentence("ambil-kartu-1")


@pytest.mark.parametrize("state", [*STATES, "in_appeal"])
def test_every_state_says_in_one_sentence_what_to_do(state: str) -> None:
    text = sentence(state)
    assert re.fullmatch(r"[A-Z][^{}\n]+[^.]\.", text), text
    assert not re.search(r"\. [A-Z]", text), "one sentence"
    assert "ambil-kartu-1" in text
    acts = ("jalankan", "ubah", "tulis", "tunggu", "menunggu", "boleh", "periksa")
    assert any(word in text for word in acts), text


def test_the_sentence_carries_the_reason_and_both_categories() -> None:
    assert "(INVALID_FORMAT)" in sentence("rejected")
    assert "()" not in Standing("rejected").sentence("x")
    assert "dari utility menjadi marketing" in sentence(RECATEGORISED)
    assert "accept-category ambil-kartu-1 --by" in sentence(RECATEGORISED)
    assert "in_appeal" in sentence("in_appeal")
    assert set(STATES) > WRONG
