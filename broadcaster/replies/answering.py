"""The one answer a reply may get by itself: planned, or left to staff; and what becomes of one that never left.

Planning takes part in the caller's transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import func
from sqlmodel import Session, col, select

from broadcaster.channels.protocol import Button, Reply
from broadcaster.consent.queries import may_answer
from broadcaster.domain.message import Status
from broadcaster.errors import Refused
from broadcaster.outbox.rules import event_key
from broadcaster.outbox.service import enqueue_answer
from broadcaster.rendering.queries import answer as answer_text
from broadcaster.replies.answer_rules import DAY, MOST_A_DAY, answer_until
from broadcaster.replies.inbox_rules import OPEN
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Conversation, Message
from broadcaster.storage.tables import Reply as KeptReply

log = structlog.get_logger()


def plan_answer(
    session: Session,
    sealer: Sealer,
    reply: Reply,
    name: str,
    *,
    event_id: int,
    household_id: int | None,
    said_at: datetime,
    now: datetime,
    purpose: str = "answer",
    buttons: Sequence[Button] = (),
) -> bool:
    """Plan the answer `name` of content/answers to what was written at `said_at`; whether it will leave.

    Where it cannot (the person asked us to stop, WhatsApp's window is over, they have had the day's answers, an office fact is
    empty), a person must see the reply.
    """
    channel, blind = str(reply.channel), sealer.blind("address", reply.address)
    if purpose == "answer" and not may_answer(session, channel, blind, now):
        return False
    until = answer_until(reply.channel, said_at)
    if until is not None and until <= now:
        return False
    if _answered_today(session, blind, purpose, now) >= MOST_A_DAY[purpose]:
        return False
    try:
        enqueue_answer(
            session, sealer, channel=channel, address=reply.address, text=answer_text(session, name, household_id).text,
            event_id=event_id, household_id=None, now=now, purpose=purpose, until=until, buttons=buttons,
        )  # fmt: skip
    except Refused as refused:
        # an empty office fact, or a channel without a sender: the wish itself has been acted on and stays so
        log.warning("an automatic answer could not be planned", answer=name, code=refused.code)
        return False
    return True


def _answered_today(session: Session, blind: bytes, purpose: str, now: datetime) -> int:
    """How many automatic texts of this purpose this address got within a day."""
    return session.exec(
        select(func.count()).where(
            Message.address_blind == blind,
            Message.purpose == purpose,
            col(Message.event_id).is_not(None),
            col(Message.created_at) > now - DAY,
        )
    ).one()


#: How an answer ends that the person does not get.
_LOST = (Status.EXPIRED, Status.FAILED, Status.CANCELLED, Status.SUPPRESSED)
#: Later nobody looks for the answer any more: its life and the time until its failure is reported.
_LOOKED_FOR = timedelta(days=4)


def hand_over_unanswered(db: Database, now: datetime) -> int:
    """Give staff the replies whose automatic answer did not leave (WhatsApp's window ended, the sender stood still, the provider
    refused it). Returns how many."""
    with db.read() as session:
        waiting = session.exec(
            select(KeptReply.id, KeptReply.event_id).where(
                KeptReply.handled_by == "auto", col(KeptReply.at) > now - _LOOKED_FOR
            )
        ).all()
        keys = {event_key("answer", event_id): reply_id for reply_id, event_id in waiting}
        lost = [reply_id for part in _parts(sorted(keys)) for reply_id in _lost(session, keys, part)]
    if not lost:
        return 0
    with db.write() as session:
        for reply in session.exec(select(KeptReply).where(col(KeptReply.id).in_(lost))):
            reply.handled_by = "staff"
            conversation = session.get_one(Conversation, reply.conversation_id)
            conversation.state = OPEN
            conversation.opened_at = conversation.opened_at or reply.at
            session.add_all((reply, conversation))
    return len(lost)


def _lost(session: Session, keys: dict[str, int | None], part: list[str]) -> list[int | None]:
    rows = session.exec(
        select(Message.dedupe_key).where(col(Message.dedupe_key).in_(part), col(Message.status).in_(_LOST))
    )
    return [keys[key] for key in rows]


def _parts(keys: list[str], size: int = 500) -> list[list[str]]:
    return [keys[start : start + size] for start in range(0, len(keys), size)]
