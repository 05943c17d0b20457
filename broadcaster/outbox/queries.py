"""What the outbox knows: events that wait, what was last sent to an address, and where a message stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, text
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from broadcaster.domain.message import BEGUN, AttemptState, ChannelKind, Status
from broadcaster.outbox.rules import attempt_of, reference
from broadcaster.outbox.service import instance_id
from broadcaster.storage.database import plain
from broadcaster.storage.tables import Attempt, Message, MessageTemplate, ProviderEvent, Sender, TemplateVersion
from broadcaster.storage.types import from_micros, to_micros

#: The kind of provider events that are delivery receipts; the others are people: what they wrote, pressed, blocked.
RECEIPTS = "status"
_PEOPLE = text("kind <> 'status'")  # spelt out: with a parameter the index of what is unread is not found


@dataclass(frozen=True)
class KeptEvent:
    id: int
    account: str
    key: str
    kind: str
    sealed_raw: bytes
    received_at: datetime


@dataclass(frozen=True)
class SentRef:
    """A text that was begun to an address."""

    message_id: int
    campaign_id: int | None
    household_id: int | None
    step: str
    template_key: str
    purpose: str
    address_blind: bytes


@dataclass(frozen=True)
class SenderLine:
    id: int
    name: str
    channel: str
    pace: float
    paused_until: datetime | None
    pause_reason: str
    waiting: int


def unapplied_events(session: Session, limit: int) -> list[KeptEvent]:
    """Events nothing has acted on yet: what people did before receipts, each oldest first.

    A stop word must not wait behind the thousands of receipts of a campaign at full speed.
    """
    waiting = select(ProviderEvent).where(col(ProviderEvent.applied_at).is_(None)).order_by(col(ProviderEvent.id))
    rows = list(session.exec(waiting.where(_PEOPLE).limit(limit)))
    rows += session.exec(waiting.where(ProviderEvent.kind == RECEIPTS).limit(limit - len(rows)))
    return [
        KeptEvent(row.id or 0, row.account, row.event_key, row.kind, row.sealed_raw, row.received_at) for row in rows
    ]


def unread(session: Session) -> bool:
    """Whether anything that people did waits to be acted on."""
    waiting = select(ProviderEvent.id).where(col(ProviderEvent.applied_at).is_(None), _PEOPLE).limit(1)
    return session.exec(waiting).first() is not None


def last_message_to(session: Session, address_blind: bytes, before: datetime) -> SentRef | None:
    """The newest campaign text begun to this address before a moment: what a reply most likely answers."""
    return _reference_of(
        session,
        select(Message)
        .where(
            Message.address_blind == address_blind,
            Message.purpose == "campaign",
            col(Message.status).in_(sorted(BEGUN)),
            col(Message.intent_at) <= before,
        )
        .order_by(col(Message.intent_at).desc(), col(Message.id).desc()),
    )


def message_of_reference(session: Session, reference: str) -> SentRef | None:
    """The message a button or a receipt speaks of; None for a reference that is not ours."""
    attempt_id = attempt_of(reference, instance_id(session))
    attempt = None if attempt_id is None else session.get(Attempt, attempt_id)
    if attempt is None:
        return None
    return _reference_of(session, select(Message).where(Message.id == attempt.message_id))


def message_of_provider_id(session: Session, account: str, provider_id: str) -> SentRef | None:
    """The message that the provider knows by this id; None when it is none of ours."""
    attempts = select(Attempt.message_id).where(Attempt.account == account, Attempt.provider_id == provider_id)
    return _reference_of(session, select(Message).where(col(Message.id).in_(attempts)))


def _reference_of(session: Session, statement: SelectOfScalar[Message]) -> SentRef | None:
    message = session.exec(statement).first()
    if message is None:
        return None
    key = session.exec(
        select(MessageTemplate.key)
        .join(TemplateVersion, col(TemplateVersion.template_id) == col(MessageTemplate.id))
        .where(TemplateVersion.id == message.template_version_id)
    ).first()
    return SentRef(
        message.id or 0, message.campaign_id, message.household_id, message.step, key or "", message.purpose,
        message.address_blind,
    )  # fmt: skip


def lanes_with_work(session: Session, now: datetime) -> list[int]:
    """Senders that are not paused and have rows due, by id."""
    due = select(Message.id).where(
        Message.sender_id == Sender.id, Message.status == Status.PLANNED, col(Message.due_at) <= now
    )
    return [
        sender_id
        for sender_id in session.exec(
            select(Sender.id)
            .where(due.exists(), (col(Sender.paused_until).is_(None)) | (col(Sender.paused_until) <= now))
            .order_by(col(Sender.id))
        )
        if sender_id is not None
    ]


def next_due(session: Session) -> datetime | None:
    """When the next planned row is due, whichever sender it belongs to."""
    return session.exec(select(func.min(Message.due_at)).where(Message.status == Status.PLANNED)).first()


def senders(session: Session) -> list[SenderLine]:
    waiting: dict[int, int] = dict(
        session.exec(
            select(Message.sender_id, func.count())
            .where(col(Message.status).in_((Status.PLANNED, Status.CLAIMED)))
            .group_by(col(Message.sender_id))
        ).all()
    )
    return [
        SenderLine(
            row.id or 0,
            row.name,
            row.channel,
            row.pace,
            row.paused_until,
            row.pause_reason,
            waiting.get(row.id or 0, 0),
        )
        for row in session.exec(select(Sender).order_by(col(Sender.id)))
    ]


#: A question about a text is asked again when the text is this many times as old as it was at the last question.
_PATIENCE_ACCEPTED, _PATIENCE_UNKNOWN = 1.5, 3


def unfinished_ids(
    session: Session, account: str, now: datetime, *, since: datetime, silent_for: timedelta, limit: int = 200
) -> list[str]:
    """Provider ids of attempts whose evidence may still rise, those never asked about first.

    Only texts begun since `since` and at least `silent_for` ago; one asked about before waits half its age again.
    """
    rows = plain(session).all(
        "SELECT provider_id FROM attempt WHERE account = :account AND state IN ('accepted', 'sent')"
        " AND provider_id IS NOT NULL AND opened_at >= :since AND opened_at <= :until"
        " AND (asked_at IS NULL OR :now - opened_at >= :patience * (asked_at - opened_at))"
        " ORDER BY COALESCE(asked_at, 0), id LIMIT :most",
        account=account, since=to_micros(since), until=to_micros(now - silent_for), now=to_micros(now),
        patience=_PATIENCE_ACCEPTED, most=limit,
    )  # fmt: skip
    return [row[0] for row in rows]


@dataclass(frozen=True)
class Unsettled:
    """An attempt without an answer, for finding its text at the provider. `open`: its call may still be under way."""

    attempt_id: int
    open: bool
    channel: ChannelKind
    sealed_address: bytes
    address_blind: bytes
    text_hash: str
    opened_at: datetime


_UNSETTLED = (
    "SELECT a.id, a.state, m.channel, m.sealed_address, m.address_blind, a.text_hash, a.opened_at FROM attempt a"
    " JOIN message m ON m.id = a.message_id WHERE a.account = :account AND a.provider_id IS NULL"
)


def unsettled(session: Session, account: str, now: datetime, *, first_after: timedelta, limit: int) -> list[Unsettled]:
    """Unknown attempts whose provider should be asked now: `first_after` their opening, then ever more rarely until their
    message stands as it is. An attempt that has its provider's id is not asked about: the provider itself does not know.
    """
    rows = plain(session).all(
        f"{_UNSETTLED} AND a.state = 'unknown' AND a.opened_at <= :until AND m.status = 'unknown' AND m.settle_by > :now"
        " AND (a.asked_at IS NULL OR :now - a.opened_at >= :patience * (a.asked_at - a.opened_at))"
        " ORDER BY COALESCE(a.asked_at, 0), a.id LIMIT :most",
        account=account, until=to_micros(now - first_after), now=to_micros(now), patience=_PATIENCE_UNKNOWN, most=limit,
    )  # fmt: skip
    return [_unsettled(row) for row in rows]


def unsettled_to(
    session: Session, account: str, channel: ChannelKind, address_blind: bytes, *, lock: bool = False
) -> list[Unsettled]:
    """Every attempt to this address without an answer, the open ones too."""
    sql = plain(session)
    rows = sql.all(
        f"{_UNSETTLED} AND a.state IN ('unknown', 'open') AND m.channel = :channel AND m.address_blind = :blind"
        " ORDER BY a.id" + (" FOR UPDATE" if lock and sql.kind == "postgresql" else ""),
        account=account, channel=str(channel), blind=address_blind,
    )  # fmt: skip
    return [_unsettled(row) for row in rows]


def owned_ids(session: Session, account: str, provider_ids: Sequence[str]) -> frozenset[str]:
    """Which of these ids belong to an attempt already."""
    found = session.exec(
        select(Attempt.provider_id).where(Attempt.account == account, col(Attempt.provider_id).in_(provider_ids))
    )
    return frozenset(provider_id for provider_id in found if provider_id is not None)


def _unsettled(row: tuple[Any, ...]) -> Unsettled:
    return Unsettled(
        attempt_id=row[0], open=row[1] == AttemptState.OPEN, channel=ChannelKind(row[2]), sealed_address=bytes(row[3]),
        address_blind=bytes(row[4]), text_hash=row[5], opened_at=from_micros(row[6]),
    )  # fmt: skip


def waiting_or_open(session: Session, campaign_id: int, now: datetime) -> bool:
    """Whether any row of the campaign may still change by itself: it waits, is being sent, or its evidence may still come."""
    not_settled = col(Message.status).in_((Status.UNKNOWN, Status.ACCEPTED, Status.SENT)) & (
        col(Message.settle_by) > now
    )
    moving = col(Message.status).in_((Status.PLANNED, Status.CLAIMED, Status.SENDING))
    return (
        session.exec(
            select(Message.id).where(Message.campaign_id == campaign_id, moving | not_settled).limit(1)
        ).first()
        is not None
    )


def accepted_references(session: Session) -> list[str]:
    """References of every attempt that a network provider accepted: what it must be able to show."""
    instance = instance_id(session)
    return [
        reference(instance, attempt_id)
        for attempt_id in session.exec(
            select(Attempt.id).where(
                col(Attempt.provider_id).is_not(None), col(Attempt.account).in_(("twilio", "telegram"))
            )
        )
        if attempt_id is not None
    ]


def unexplained(session: Session, now: datetime) -> int:
    """How many rows should have ended and have not, or ended without a reason.

    In the middle of sending past any time-out, past their life and still waiting, or stopped for no reason given.
    """
    over = now - timedelta(hours=1)
    stuck = col(Message.status).in_((Status.CLAIMED, Status.SENDING)) & (col(Message.updated_at) < over)
    forgotten = (col(Message.status) == Status.PLANNED) & (col(Message.expires_at) < over)
    silent = col(Message.status).in_((Status.FAILED, Status.SUPPRESSED, Status.EXPIRED, Status.CANCELLED)) & (
        col(Message.reason) == ""
    )
    return session.exec(select(func.count()).select_from(Message).where(stuck | forgotten | silent)).one()
