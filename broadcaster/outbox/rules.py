"""Pure decisions of the outbox: keys, references, and when a try comes again."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import timedelta

#: How long a leased row belongs to the drain that took it. Longer than its wait for a slot (2 s), short after a crash.
LEASE = timedelta(seconds=15)
#: An intent older than this is not sent any more: the process slept, and the row may already count as unknown.
INTENT_FRESH = timedelta(seconds=5)
#: A receipt that reports a retryable failure brings the text back no earlier than this.
RETRY_AFTER_RECEIPT = timedelta(minutes=60)
#: Household cap: campaign messages are counted over this many calendar days.
CAP_DAYS = 7
#: "Write again" is allowed this long after the text became unknown.
WRITE_AGAIN_AFTER = timedelta(minutes=15)
#: Reasons of rows whose planned window is over: not sent because of it, held for a person, and what the person said.
LATE_SKIP, LATE_ASK, LATE_SKIPPED = "late_skip", "late_ask", "late_skipped"
#: Growth of the wait after a temporary answer: 1, 5, 25 minutes, 2 hours, then every 6 hours.
_WAITS = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 25, 120, 360))

_REFERENCE = re.compile(r"^([0-9a-f]{8})-([0-9]{1,18})$")


def intent_life(connect_s: float, read_s: float) -> timedelta:
    """How long an open attempt may stay without an answer before it counts as unknown: our own time-outs and a reserve."""
    return timedelta(seconds=connect_s + read_s) + INTENT_FRESH + timedelta(seconds=5)


def dedupe_key(lineage: str, cohort: int, step: str, household: int, hop: int, replaces: int = 0) -> str:
    """What makes a campaign message the same message, whatever version, template or contact point it is made from."""
    return f"c|{lineage}|{cohort}|{step}|{household}|{hop}|{replaces}"


def address_key(lineage: str, cohort: int, step: str, channel: str, address_blind: bytes, replaces: int = 0) -> str:
    """The same from the address's side: one telephone gets one step once, whatever happens to its households."""
    return f"a|{lineage}|{cohort}|{step}|{channel}|{address_blind.hex()}|{replaces}"


def replacing_key(key: str, replaced: int) -> str:
    """The key of a text that a person has written again, for texts that belong to no campaign."""
    return f"{key}|{replaced}"


def event_key(purpose: str, event_id: int) -> str:
    """An automatic answer's key is the event it answers."""
    return f"e|{purpose}|{event_id}"


def reference(instance_id: str, attempt_id: int) -> str:
    """What the provider brings back to us: which installation, which attempt."""
    return f"{instance_id}-{attempt_id}"


def attempt_of(reference_text: str, instance_id: str) -> int | None:
    """The attempt id in a reference of this installation; None for another installation's or a malformed one."""
    match = _REFERENCE.match(reference_text)
    if match is None or match.group(1) != instance_id:
        return None
    return int(match.group(2))


def text_hash(text: str) -> str:
    """Hash of what was sent, for finding it again at the provider."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True)
class Retry:
    """Whether and when a refused or deferred text is tried again."""

    again: bool
    after: timedelta = timedelta(0)


def retry(kind: str, attempt: int, *, message_id: int, max_tries: int | None = None) -> Retry:
    """`kind` is a code's class; `attempt` the number of the try that just ended (from 1).

    permanent and suppress are final; everything else comes again with growing waits, each shortened or lengthened by up to a
    fifth so that a thousand texts do not come back in one second. The jitter is a keyed hash: a run can be repeated.
    """
    if kind in ("permanent", "suppress"):
        return Retry(again=False)
    if max_tries is not None and attempt >= max_tries:
        return Retry(again=False)
    wait = _WAITS[min(attempt, len(_WAITS)) - 1]
    digest = hmac.digest(b"jitter", f"{message_id}|{attempt}".encode(), hashlib.sha256)
    share = int.from_bytes(digest[:4]) / 2**32  # in [0, 1)
    return Retry(again=True, after=wait * (0.8 + 0.4 * share))
