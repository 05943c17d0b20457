"""One Indonesian sentence for every state, reason, channel and code; the same for why a channel follows, and for alerts."""

from __future__ import annotations

import re

import pytest

from broadcaster.campaigns.alerts import ACTS, TITLES, alert
from broadcaster.campaigns.sentences import REASONS, follows_sentence, sentence
from broadcaster.channels.codes import load_codes
from broadcaster.domain.message import ChannelKind, Status
from broadcaster.outbox.gate import GATE
from broadcaster.outbox.rules import LATE_SKIPPED
from broadcaster.outbox.unknown import NOT_RECEIVED, RECEIVED, REPLACED
from broadcaster.shipped import content_dir
from broadcaster.village.rules import STOPS

CODES = load_codes(content_dir() / "codes").sentences()
#: What the outbox writes into a message's reason, with and without a code behind it.
WRITTEN = {
    "", "expired", "no_answer", "restored", "changed_meanwhile", "cannot_render:missing", "error:KeyError",
    "deferred:connect_refused", "deferred:stale_intent", "rejected:99999", "receipt:99999", "says_collected",
    LATE_SKIPPED, RECEIVED, NOT_RECEIVED, REPLACED, *STOPS,
    *(check.reason for check in GATE), *(reason for many in REASONS.values() for reason in many),
}  # fmt: skip
ENGLISH = re.compile(
    r"\b(the|and|not|was|will|with|error|failed|unknown|sent|delivered|message|retry|expired|cancelled|sender|campaign)\b",
    re.IGNORECASE,
)
SENTENCE = re.compile(r"[A-Z“][^{}\n]+\.")


def _reads_well(text: str) -> bool:
    return bool(SENTENCE.fullmatch(text)) and not ENGLISH.search(text) and "_" not in text


@pytest.mark.parametrize("status", list(Status))
@pytest.mark.parametrize("channel", list(ChannelKind))
def test_every_state_and_reason_has_its_sentence(channel: ChannelKind, status: Status) -> None:
    for reason in sorted(WRITTEN):
        assert _reads_well(sentence(channel, status, reason)), (status, reason)


@pytest.mark.parametrize("name", sorted(CODES))
def test_every_code_has_its_sentence_in_every_state(name: str) -> None:
    channel, _, code = name.partition(":")
    for status in Status:
        for kind in ("rejected", "receipt"):
            assert _reads_well(sentence(channel, status, f"{kind}:{code}", CODES[name])), (name, status)


def test_what_held_a_message_up_is_not_told_of_one_that_arrived() -> None:
    assert sentence("whatsapp", "delivered", "outside_hours").startswith("Sampai")
    assert sentence("whatsapp", "accepted", "deferred:429").startswith("Diterima")


def test_a_message_whose_life_ended_while_it_waited_is_not_told_as_waiting() -> None:
    for reason in REASONS[Status.PLANNED]:
        assert sentence("whatsapp", Status.EXPIRED, reason).startswith(("Tidak dikirim", "Tidak sampai")), reason


@pytest.mark.parametrize("follows", ["undelivered:48", "address_invalid", "rejected:21614", "receipt:63024", "lain"])
def test_why_a_channel_follows_is_one_sentence(follows: str) -> None:
    for channel in ChannelKind:
        assert _reads_well(follows_sentence(channel, follows))
    assert follows_sentence("sms", "") == ""


@pytest.mark.parametrize("kind", sorted(TITLES))
def test_every_alert_says_what_happened_and_who_acts(kind: str) -> None:
    assert TITLES.keys() == ACTS.keys()
    title, meaning = alert(kind, "kartu", {"channel": "whatsapp", "code": "63051", "messages": 3}, CODES)
    assert title.endswith(".")
    assert "{" not in title + meaning
    assert re.search(r"\b([Aa]dmin|[Oo]perator|[Pp]etugas|[Ss]istem)\b", meaning)
    assert CODES["whatsapp:63051"] in meaning


def test_an_alert_nobody_named_yet_shows_itself() -> None:
    assert alert("new_kind", "kartu", {}, CODES)[0] == "Periksa: new_kind (kartu)."
