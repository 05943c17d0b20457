"""What a provider's code means beyond its own row: a dead address, a person who said no, a campaign or a sender to stop.

Runs in the transaction that records the code, so that neither can be lost without the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from sqlmodel import Session, col, func, select

from broadcaster.campaigns.service import pause_for_fault
from broadcaster.consent.service import close, suppress
from broadcaster.delivery.templates import tell
from broadcaster.domain.message import AttemptState
from broadcaster.office.service import raise_alert
from broadcaster.outbox.record import Consequence
from broadcaster.outbox.service import pause_sender
from broadcaster.outbox.sweep import PAUSE_ALERT, PEOPLE_ALERT
from broadcaster.registry.service import mark_invalid
from broadcaster.rendering.approval import MISSING
from broadcaster.rendering.provider import told_by_receipt
from broadcaster.storage.tables import Attempt, Campaign, ContactPoint, Message, Sender, Suppression

#: A rate answer without a number pauses the sender this long; a provider's own number is capped.
RATE_PAUSE = timedelta(seconds=60)
LONGEST_PAUSE = timedelta(hours=24)
#: Codes that are known to last longer (docs/channels.md): a full queue, WhatsApp's own limits, the account's daily cap.
RATE_PAUSES: dict[str, timedelta] = {
    "21611": timedelta(minutes=5),
    "30001": timedelta(minutes=5),
    "63017": timedelta(minutes=5),
    "63018": timedelta(minutes=30),
    "63038": LONGEST_PAUSE,
}
#: A pause from this length on is told to people.
TOLD_FROM = timedelta(minutes=30)
#: So many different days on which an address failed, and nothing arrived since: nobody is written to there any more.
FAILED_DAYS = 5
#: Refusals that say "not reachable here", not "I do not want this": the next channel is tried.
_UNREACHABLE = frozenset({"403:deactivated", "403:not_started"})
#: Codes that speak of one template, and how it stands then: all that needs it waits, and nothing else.
TEMPLATE_CODES: dict[str, str] = {
    "63040": "rejected",
    "63041": "paused",
    "63042": "disabled",
    "21655": MISSING,
    "92006": MISSING,
}
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
    blind, channel = consequence.address_blind, str(consequence.channel)
    if consequence.code in _UNREACHABLE:
        suppress(session, channel=channel, address_blind=blind, reason="unreachable", now=now)
    else:
        # when they shut it, nobody says
        close(session, channel=channel, address_blind=blind, wording=consequence.code, now=now, exact=False)


def _temporary(session: Session, consequence: Consequence, now: datetime) -> None:
    """Five failed days pause a person on this channel until staff let them in again, or they ask for it."""
    if len(_failed_days(session, consequence)) < FAILED_DAYS:
        return
    suppress(
        session,
        channel=consequence.channel,
        address_blind=consequence.address_blind,
        reason="five_failed_days",
        now=now,
    )
    raise_alert(session, PEOPLE_ALERT, str(consequence.channel), {"channel": str(consequence.channel)}, now)


def _failed_days(session: Session, consequence: Consequence) -> set[date]:
    """The days, over all campaigns, on which this address failed after anything last arrived or staff last let it in."""
    here = (Message.address_blind == consequence.address_blind, Message.channel == consequence.channel)
    arrived = session.exec(
        select(func.max(Attempt.opened_at))
        .join(Message, col(Message.id) == col(Attempt.message_id))
        .where(*here, col(Attempt.state).in_((AttemptState.DELIVERED, AttemptState.READ)))
    ).one()
    let_in = session.exec(
        select(func.max(Suppression.until)).where(
            Suppression.address_blind == consequence.address_blind, Suppression.channel == consequence.channel
        )
    ).one()
    failed = session.exec(
        select(Attempt.opened_at)
        .join(Message, col(Message.id) == col(Attempt.message_id))
        .where(*here, Attempt.state == AttemptState.FAILED)
    )
    # texts leave in the office's daytime, where the day in UTC is the same one
    return {opened.date() for opened in failed if all(since is None or opened > since for since in (arrived, let_in))}


def _rate(session: Session, consequence: Consequence, now: datetime) -> None:
    usual = RATE_PAUSES.get(consequence.code, RATE_PAUSE)
    wait = usual if consequence.after is None else timedelta(seconds=consequence.after)
    wait = min(wait, LONGEST_PAUSE)
    pause_sender(session, consequence.sender_id, now + wait, f"rate:{consequence.code}")
    if wait >= TOLD_FROM:
        sender = session.get_one(Sender, consequence.sender_id)
        raise_alert(session, PAUSE_ALERT, sender.name, _data(consequence), now)


def _ours(session: Session, consequence: Consequence, now: datetime) -> None:
    if consequence.campaign_id is None:
        raise_alert(session, "answer_refused", str(consequence.channel), _data(consequence), now)
        return
    if consequence.code in TEMPLATE_CODES and _template_stopped(session, consequence, now):
        return
    pause_for_fault(session, consequence.campaign_id, consequence.code, now)
    name = session.get_one(Campaign, consequence.campaign_id).name
    raise_alert(session, "campaign_paused", name, _data(consequence), now)


def _template_stopped(session: Session, consequence: Consequence, now: datetime) -> bool:
    """What waits for this template is held and people are told; the campaign goes on with everything else."""
    version = session.get_one(Message, consequence.message_id).template_version_id
    news = None
    if version is not None:
        news = told_by_receipt(session, version, TEMPLATE_CODES[consequence.code], now)
    if news:
        tell(session, now)
    return news is not None


def _data(consequence: Consequence) -> dict[str, object]:
    return {"code": consequence.code, "channel": str(consequence.channel), "message": consequence.message_id}


def _stop(session: Session, consequence: Consequence, now: datetime) -> None:
    sender = session.get_one(Sender, consequence.sender_id)
    pause_sender(session, consequence.sender_id, now + UNTIL_RESUMED, f"stop:{consequence.code}")
    raise_alert(session, "sender_stopped", sender.name, _data(consequence), now)


def _nothing(session: Session, consequence: Consequence, now: datetime) -> None:
    """The code says nothing beyond its row."""


_ACTS = {
    "permanent": _permanent,
    "suppress": _suppress,
    "temporary": _temporary,
    "rate": _rate,
    "ours": _ours,
    "stop": _stop,
    "unknown": _nothing,
}
