"""What a provider's code means beyond its own row: a dead address, a person who said no, a campaign or a sender to stop.

Runs in the transaction that records the code, so that neither can be lost without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcaster.campaigns.service import pause_for_fault
from broadcaster.consent.service import suppress
from broadcaster.office.service import raise_alert
from broadcaster.outbox.record import Consequence
from broadcaster.outbox.service import pause_sender
from broadcaster.registry.service import mark_invalid
from broadcaster.storage.tables import ContactPoint, Sender

#: A rate answer without a number pauses the sender this long; a provider's own number is capped.
RATE_PAUSE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(hours=24)
#: "Stop everything" lasts until a person resumes the sender.
UNTIL_RESUMED = timedelta(days=3650)


def act(session: Session, consequences: Sequence[Consequence], now: datetime) -> None:
    """Act on each consequence once; doing it again changes nothing."""
    for consequence in consequences:
        _ACTS[consequence.kind](session, consequence, now)


def _permanent(session: Session, consequence: Consequence, now: datetime) -> None:
    for contact in session.exec(
        select(ContactPoint.id).where(
            ContactPoint.address_blind == consequence.address_blind,
            ContactPoint.channel == consequence.channel,
            col(ContactPoint.invalid_since).is_(None),
        )
    ).all():
        if contact is not None:
            mark_invalid(session, contact, consequence.code, now)


def _suppress(session: Session, consequence: Consequence, now: datetime) -> None:
    suppress(
        session,
        channel=consequence.channel,
        address_blind=consequence.address_blind,
        reason="blocked",
        now=now,
    )


def _rate(session: Session, consequence: Consequence, now: datetime) -> None:
    wait = RATE_PAUSE if consequence.after is None else timedelta(seconds=consequence.after)
    pause_sender(session, consequence.sender_id, now + min(wait, LONGEST_PAUSE), f"rate:{consequence.code}")


def _ours(session: Session, consequence: Consequence, now: datetime) -> None:
    data = {"code": consequence.code, "channel": str(consequence.channel), "message": consequence.message_id}
    if consequence.campaign_id is not None:
        pause_for_fault(session, consequence.campaign_id, consequence.code, now)
        raise_alert(session, "campaign_paused", str(consequence.campaign_id), data, now)
    else:
        raise_alert(session, "answer_refused", str(consequence.channel), data, now)


def _stop(session: Session, consequence: Consequence, now: datetime) -> None:
    sender = session.get_one(Sender, consequence.sender_id)
    pause_sender(session, consequence.sender_id, now + UNTIL_RESUMED, f"stop:{consequence.code}")
    raise_alert(
        session, "sender_stopped", sender.name, {"code": consequence.code, "channel": str(consequence.channel)}, now
    )


def _nothing(session: Session, consequence: Consequence, now: datetime) -> None:
    """The code says nothing beyond its row."""


_ACTS = {
    "permanent": _permanent,
    "suppress": _suppress,
    "rate": _rate,
    "ours": _ours,
    "stop": _stop,
    "unknown": _nothing,
}
