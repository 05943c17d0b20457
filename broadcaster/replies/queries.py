"""The staff inbox: conversations that wait for a person, and what was said in one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, func, select

from broadcaster.domain.message import BEGUN, ChannelKind
from broadcaster.domain.people import display_name, first_name
from broadcaster.domain.phone import mask
from broadcaster.domain.timetable import Timetable
from broadcaster.errors import NotFound
from broadcaster.outbox.service import thaw
from broadcaster.replies.answer_rules import answer_until
from broadcaster.replies.inbox_rules import OPEN, act_by
from broadcaster.storage import tables
from broadcaster.storage.sealed import Sealer


@dataclass(frozen=True)
class ConversationLine:
    """One line of the inbox. `address` is masked; `guardian` and `village` are "" when nobody knows who writes."""

    id: int
    channel: str
    address: str
    household_id: int | None
    guardian: str
    village: str
    state: str  # open | waiting | done
    last_at: datetime
    last_text: str
    intents: tuple[str, ...]  # of the newest reply, the first is primary
    assigned_to: str = ""
    urgent: bool = False
    act_by: datetime | None = None  # while it is open: until when somebody should have acted
    window_ends_at: datetime | None = None  # WhatsApp alone: until when a free text may still be written


@dataclass(frozen=True)
class FamilyCard:
    """One child of the family and its newest card; the first name alone, no number of any kind."""

    child: str
    kind: str
    status: str
    since: date


@dataclass(frozen=True)
class FamilyMessage:
    """A text of a campaign to this family."""

    campaign: str
    step: str
    channel: str
    status: str
    at: datetime


@dataclass(frozen=True)
class Said:
    """One text of a conversation. `status`: of ours, as the outbox has it; "" for theirs."""

    at: datetime
    ours: bool
    text: str
    intents: tuple[str, ...] = ()
    handled_by: str = ""
    purpose: str = ""
    status: str = ""


@dataclass(frozen=True)
class Conversation:
    line: ConversationLine
    said: tuple[Said, ...]  # oldest first
    cards: tuple[FamilyCard, ...] = ()
    campaigns: tuple[FamilyMessage, ...] = ()  # newest first


def conversations(
    session: Session, sealer: Sealer, table: Timetable, *, states: Sequence[str] = (OPEN,), limit: int = 200
) -> list[ConversationLine]:
    """Conversations in these states: what must be done today first, then the longest waiting."""
    rows = session.exec(
        select(tables.Conversation)
        .where(col(tables.Conversation.state).in_(states))
        .order_by(col(tables.Conversation.urgent).desc(), col(tables.Conversation.last_at), col(tables.Conversation.id))
        .limit(limit)
    )
    return [_line(session, sealer, row, table) for row in rows]


def count_open(session: Session) -> int:
    """How many conversations wait for staff."""
    return session.exec(select(func.count()).where(tables.Conversation.state == OPEN)).one()


def conversation(session: Session, sealer: Sealer, conversation_id: int, table: Timetable) -> Conversation:
    """Everything said with one person on one channel, ours included, and how the family stands; raises `NotFound`."""
    row = session.get(tables.Conversation, conversation_id)
    if row is None:
        raise NotFound(
            f"Tidak ada percakapan nomor {conversation_id}; lihat `broadcaster inbox list`.", code="no_conversation"
        )
    said = [
        Said(
            at=reply.at,
            ours=False,
            text=sealer.open("reply", reply.sealed_text),
            intents=_intents(reply),
            handled_by=reply.handled_by,
        )
        for reply in session.exec(select(tables.Reply).where(tables.Reply.conversation_id == conversation_id))
    ]
    ours = session.exec(
        select(tables.Message).where(
            tables.Message.address_blind == row.address_blind,
            tables.Message.channel == row.channel,
            col(tables.Message.sealed_body).is_not(None),
            col(tables.Message.status).in_(sorted({*BEGUN, "planned", "claimed"})),
        )
    )
    for message in ours:
        if message.sealed_body is not None:
            body = thaw(sealer.open("body", message.sealed_body), reference="", address="")
            at = message.intent_at or message.created_at
            said.append(Said(at, ours=True, text=body.text, purpose=message.purpose, status=message.status))
    return Conversation(
        _line(session, sealer, row, table),
        tuple(sorted(said, key=lambda one: (one.at, one.ours))),
        cards=_cards(session, sealer, row.household_id),
        campaigns=_campaigns(session, row.household_id),
    )


def _line(session: Session, sealer: Sealer, row: tables.Conversation, table: Timetable) -> ConversationLine:
    newest = session.exec(
        select(tables.Reply)
        .where(tables.Reply.conversation_id == row.id)
        .order_by(col(tables.Reply.at).desc(), col(tables.Reply.id).desc())
    ).first()
    guardian, village = _family(session, sealer, row.household_id)
    return ConversationLine(
        id=row.id or 0,
        channel=row.channel,
        address=mask(sealer.open("address", row.sealed_address)),
        household_id=row.household_id,
        guardian=guardian,
        village=village,
        state=row.state,
        last_at=row.last_at,
        last_text=sealer.open("reply", newest.sealed_text) if newest else "",
        intents=_intents(newest) if newest else (),
        assigned_to=row.assigned_to,
        urgent=row.urgent,
        act_by=act_by(row.opened_at, table, urgent=row.urgent) if row.opened_at else None,
        window_ends_at=answer_until(ChannelKind(row.channel), row.last_at),
    )


def _cards(session: Session, sealer: Sealer, household_id: int | None) -> tuple[FamilyCard, ...]:
    rows = session.exec(
        select(tables.Child, tables.Card)
        .join(tables.Card, col(tables.Card.child_id) == col(tables.Child.id))
        .where(tables.Child.household_id == household_id, tables.Child.excluded == "")
        .order_by(col(tables.Child.id), col(tables.Card.since), col(tables.Card.id))
    )
    newest = {child.id: (child, card) for child, card in rows}
    return tuple(
        FamilyCard(first_name(sealer.open("name", child.sealed_name)), card.kind, card.status, card.since)
        for child, card in newest.values()
    )


def _campaigns(session: Session, household_id: int | None, limit: int = 10) -> tuple[FamilyMessage, ...]:
    rows = session.exec(
        select(tables.Message, tables.Campaign.name)
        .join(tables.Campaign, col(tables.Campaign.id) == col(tables.Message.campaign_id))
        .where(tables.Message.household_id == household_id)
        .order_by(col(tables.Message.due_at).desc(), col(tables.Message.id).desc())
        .limit(limit)
    )
    return tuple(
        FamilyMessage(name, message.step, message.channel, message.status, message.intent_at or message.due_at)
        for message, name in rows
    )


def _family(session: Session, sealer: Sealer, household_id: int | None) -> tuple[str, str]:
    if household_id is None:
        return "", ""
    name = session.exec(
        select(tables.Guardian.sealed_name)
        .where(tables.Guardian.household_id == household_id)
        .order_by(col(tables.Guardian.id))
    ).first()
    village = session.exec(
        select(tables.Village.name)
        .join(tables.Household, col(tables.Household.village_id) == col(tables.Village.id))
        .where(tables.Household.id == household_id)
    ).first()
    return display_name(sealer.open("name", name)) if name else "", village or ""


def _intents(reply: tables.Reply) -> tuple[str, ...]:
    return tuple(json.loads(reply.intents))
