"""The staff inbox: conversations that wait for a person, and what was said in one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from broadcaster.domain.message import BEGUN
from broadcaster.domain.people import display_name
from broadcaster.domain.phone import mask
from broadcaster.errors import NotFound
from broadcaster.outbox.service import thaw
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
    state: str  # open | closed
    last_at: datetime
    last_text: str
    intents: tuple[str, ...]  # of the newest reply, the first is primary


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


def open_conversations(session: Session, sealer: Sealer, limit: int = 200) -> list[ConversationLine]:
    """Conversations a person must answer, the longest waiting first."""
    rows = session.exec(
        select(tables.Conversation)
        .where(tables.Conversation.state == "open")
        .order_by(col(tables.Conversation.last_at), col(tables.Conversation.id))
        .limit(limit)
    )
    return [_line(session, sealer, row) for row in rows]


def conversation(session: Session, sealer: Sealer, conversation_id: int) -> Conversation:
    """Everything said with one person on one channel, ours included; raises `NotFound`."""
    row = session.get(tables.Conversation, conversation_id)
    if row is None:
        raise NotFound(f"Tidak ada percakapan nomor {conversation_id}; lihat `broadcaster inbox list`.")
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
    return Conversation(_line(session, sealer, row), tuple(sorted(said, key=lambda one: (one.at, one.ours))))


def _line(session: Session, sealer: Sealer, row: tables.Conversation) -> ConversationLine:
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
