"""One message, one household: everything that happened, in sentences and in rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlmodel import Session, col, select

from broadcaster.campaigns.sentences import follows_sentence, sentence
from broadcaster.campaigns.service import get
from broadcaster.errors import NotFound
from broadcaster.storage.tables import Assignment, Attempt, AuditEntry, Cohort, Message, Receipt

#: "<channel>:<code>" -> the code table's sentence; given by whoever has the table
CodeSentences = Mapping[str, str]


def explain(message: Message, codes: CodeSentences) -> str:
    """One sentence about one message. `codes`: "<channel>:<code>" -> the code table's sentence."""
    kind, _, code = message.reason.partition(":")
    known = codes.get(f"{message.channel}:{code}") if kind in ("rejected", "receipt") else None
    return sentence(message.channel, message.status, message.reason, known)


@dataclass(frozen=True)
class DayLine:
    date: date
    event: str
    reason: str
    sentence: str


def household_days(session: Session, name: str, household_id: int, codes: CodeSentences | None = None) -> list[DayLine]:
    """Everything that happened to one household in a campaign, by day: the lot, its messages, its attempts."""
    campaign, _ = get(session, name)
    lines: list[DayLine] = []
    for assignment, cohort in session.exec(
        select(Assignment, Cohort)
        .join(Cohort, col(Cohort.id) == col(Assignment.cohort_id))
        .where(Cohort.campaign_id == campaign.id, Assignment.household_id == household_id)
    ):
        text = (
            f"Mendapat gelombang {assignment.wave} lewat undian."
            if assignment.arm == "lot"
            else "Dikirimi langsung tanpa undian."
        )
        lines.append(DayLine(cohort.drawn_on, "lot", assignment.reason, text))
    for message in session.exec(
        select(Message)
        .where(Message.campaign_id == campaign.id, Message.household_id == household_id)
        .order_by(col(Message.id))
    ):
        if message.follows:
            why = follows_sentence(message.channel, message.follows)
            lines.append(DayLine(message.created_at.date(), f"{message.step}:follows", message.follows, why))
        lines.append(
            DayLine(
                message.intent_on or message.due_at.date(),
                f"{message.step}:{message.status}",
                message.reason,
                explain(message, codes or {}),
            )
        )
    return sorted(lines, key=lambda line: line.date)


def message_story(session: Session, reference: str, codes: CodeSentences | None = None) -> dict[str, Any]:
    """One message with its attempts and receipts, found by its id or a provider's id; raises `NotFound`."""
    message = session.get(Message, int(reference)) if reference.isdigit() else None
    if message is None:
        attempt = session.exec(select(Attempt).where(Attempt.provider_id == reference)).first()
        message = session.get(Message, attempt.message_id) if attempt is not None else None
    if message is None:
        raise NotFound(f"Tidak ada pesan dengan nomor {reference}.", code="no_message")
    attempts = session.exec(select(Attempt).where(Attempt.message_id == message.id).order_by(col(Attempt.number))).all()
    receipts = session.exec(
        select(Receipt)
        .where(col(Receipt.attempt_id).in_([attempt.id for attempt in attempts]))
        .order_by(col(Receipt.id))
    ).all()
    return {
        "message": message.id,
        "channel": message.channel,
        "step": message.step,
        "hop": message.hop,
        "status": message.status,
        "reason": message.reason,
        "sentence": explain(message, codes or {}),
        "follows": message.follows,
        "follows_sentence": follows_sentence(message.channel, message.follows),
        "replaces": message.replaces_id,
        "replaced_by": session.exec(select(Message.id).where(Message.replaces_id == message.id)).first(),
        "decisions": _decisions(session, message.id or 0),
        "due_at": message.due_at,
        "expires_at": message.expires_at,
        "attempts": [
            {
                "number": attempt.number,
                "state": attempt.state,
                "opened_at": attempt.opened_at,
                "closed_at": attempt.closed_at,
                "answer": attempt.answer,
                "code": attempt.code,
                "provider_id": attempt.provider_id,
                "price_idr": attempt.price_idr,
                "receipts": [
                    {"state": receipt.state, "code": receipt.code, "at": receipt.at}
                    for receipt in receipts
                    if receipt.attempt_id == attempt.id
                ],
            }
            for attempt in attempts
        ],
    }


def _decisions(session: Session, message_id: int) -> list[dict[str, Any]]:
    """What people decided about this message, oldest first."""
    return [
        {"at": entry.at, "by": entry.staff, "as": json.loads(entry.data)["as"]}
        for entry in session.exec(
            select(AuditEntry)
            .where(AuditEntry.entity == f"message:{message_id}", AuditEntry.action == "unknown.settle")
            .order_by(col(AuditEntry.id))
        )
    ]
