"""What a message and its attempts can be, and how evidence changes them. The rules are those of docs/delivery.md.

planned -> claimed -> sending -> accepted -> sent -> delivered -> read
   ^          |          |-> planned again (nothing left us)
   |__________|          |-> failed | unknown
planned | claimed -> suppressed | expired | cancelled
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class ChannelKind(StrEnum):
    TELEGRAM = "telegram"
    WHATSAPP = "whatsapp"
    SMS = "sms"
    VILLAGE_LIST = "village_list"


class Status(StrEnum):
    """States of a message."""

    PLANNED = "planned"  #: waits for due_at; nothing has been sent
    CLAIMED = "claimed"  #: leased to one drain; nothing sent, no attempt yet
    SENDING = "sending"  #: intent committed, body frozen; one attempt is open
    UNKNOWN = "unknown"  #: the call ended without an answer; never sent again on its own
    ACCEPTED = "accepted"  #: the provider took it and gave an id
    SENT = "sent"  #: the provider handed it on
    FAILED = "failed"  #: refused for good
    DELIVERED = "delivered"  #: reached the device, says the provider
    READ = "read"  #: opened, says the provider
    SUPPRESSED = "suppressed"  #: not sent: the person asked us not to write, or the mode forbids the address
    EXPIRED = "expired"  #: not sent: its time was over
    CANCELLED = "cancelled"  #: not sent: no longer needed


class AttemptState(StrEnum):
    """States of one attempt: `open` until an answer or the sweep closes it, then the rank below."""

    OPEN = "open"
    DEFERRED = "deferred"  #: no byte left us, or a 429: nothing was sent
    UNKNOWN = "unknown"
    ACCEPTED = "accepted"
    SENT = "sent"
    FAILED = "failed"
    DELIVERED = "delivered"
    READ = "read"


#: Evidence of one attempt only rises. `open` and `deferred` are below all evidence.
RANK: dict[AttemptState, int] = {
    AttemptState.OPEN: 0,
    AttemptState.DEFERRED: 0,
    AttemptState.UNKNOWN: 1,
    AttemptState.ACCEPTED: 2,
    AttemptState.SENT: 3,
    AttemptState.FAILED: 4,
    AttemptState.DELIVERED: 5,
    AttemptState.READ: 6,
}

#: Nothing was begun and nothing will be.
NOT_SENT = frozenset({Status.SUPPRESSED, Status.EXPIRED, Status.CANCELLED})
#: Waiting: an edit, a stop or a cancellation still acts.
WAITING = frozenset({Status.PLANNED, Status.CLAIMED})
#: Our part is done; evidence may still rise.
BEGUN = frozenset(
    {Status.SENDING, Status.UNKNOWN, Status.ACCEPTED, Status.SENT, Status.FAILED, Status.DELIVERED, Status.READ}
)
#: Count against the household's cap: it may have received these.
MAY_HAVE_ARRIVED = frozenset(BEGUN - {Status.FAILED})


def rises(now: AttemptState, then: AttemptState) -> bool:
    """Whether evidence `then` may replace `now`."""
    return RANK[then] > RANK[now]


def of_attempts(attempts: Iterable[AttemptState]) -> Status:
    """The message's state from its attempts, oldest first: delivered or read if any is, else what the newest is.

    Where the newest did not leave us or failed, an older one of which it has turned out that it may have left has the word.
    Raises ValueError without attempts.
    """
    states = list(attempts)
    if not states:
        raise ValueError("a message without attempts has no evidence")
    best = max(states, key=RANK.__getitem__)
    if best in (AttemptState.DELIVERED, AttemptState.READ):
        return Status(best)
    newest = states[-1]
    if newest is AttemptState.OPEN:
        return Status.SENDING
    perhaps = [one for one in states if one in (AttemptState.UNKNOWN, AttemptState.ACCEPTED, AttemptState.SENT)]
    if newest in (AttemptState.DEFERRED, AttemptState.FAILED) and perhaps:
        return Status(perhaps[-1])
    if newest is AttemptState.DEFERRED:
        return Status.PLANNED
    return Status(newest)
