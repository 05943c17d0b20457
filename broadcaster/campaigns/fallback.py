"""The next channel of a step's order, for a message that has ended or has not arrived, by the rules of docs/delivery.md.

Never from `unknown`, never while an attempt is open or unknown, never after someone who said no; and never because a receipt is
missing where receipts prove nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcaster.campaigns.definition import Step
from broadcaster.campaigns.families import families_of
from broadcaster.campaigns.step_messages import Context, context_of, message_for, taken_addresses
from broadcaster.domain.message import AttemptState, ChannelKind, Status
from broadcaster.outbox.service import NewMessage, enqueue
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Attempt, Campaign, Cohort, Message, MessageChild

#: Where a receipt that stays away says something. Telegram sends none, and those of SMS in Indonesia prove little.
TRUSTED_RECEIPTS = frozenset({ChannelKind.WHATSAPP})
#: (channel, code, came in a receipt) -> whether the next channel may be tried after it
Follows = Callable[[ChannelKind, str, bool], bool]
_AT_ONCE = 50  # messages looked at in one transaction
_ENDED = (Status.FAILED, Status.CANCELLED)
_ON_ITS_WAY = (Status.ACCEPTED, Status.SENT)
_UNDECIDED = (AttemptState.OPEN, AttemptState.UNKNOWN)


@dataclass(frozen=True)
class _Candidate:
    """A message that may be followed by another. `why` is kept with the new one; empty: it is not followed."""

    message_id: int
    campaign: str
    states: tuple[Status, ...]
    why: str


def fall_back(db: Database, now: datetime, zone: ZoneInfo, *, follows: Follows) -> int:
    """Plan the next channel where one is due, while sending is allowed. Looked for once per message. Returns how many are new."""
    with db.read() as session:
        names = list(session.exec(select(Campaign.name).where(Campaign.status == "running").order_by(Campaign.name)))
        contexts = {name: context_of(session, name, now, zone) for name in names}
        if not any(context.table.is_open(now) for context in contexts.values()):
            return 0
        candidates = [
            one
            for context in contexts.values()
            for one in (*_ended(session, context, follows), *_silent(session, context))
        ]
    new = 0
    for start in range(0, len(candidates), _AT_ONCE):
        with db.write() as session:
            for candidate in candidates[start : start + _AT_ONCE]:
                new += _follow(session, db.sealer, contexts[candidate.campaign], candidate)
    return new


def may_arrive_twice(step: Step) -> bool:
    """Whether a family may get the step on two channels: the first only seemed not to arrive."""
    at = next((at for at, channel in enumerate(step.channels) if channel in TRUSTED_RECEIPTS), None)
    if step.fallback_after_hours is None or at is None:
        return False
    # the officer's list reaches the family on paper, which cannot be taken for the same text
    return any(channel is not ChannelKind.VILLAGE_LIST for channel in step.channels[at + 1 :])


def _ended(session: Session, context: Context, follows: Follows) -> list[_Candidate]:
    """Refused for good, or never sent because the address is dead; the others are looked at once and left."""
    found = session.exec(
        select(Message.id, Message.channel, Message.reason).where(
            Message.campaign_id == context.campaign.id,
            col(Message.status).in_(_ENDED),
            col(Message.followed_at).is_(None),
        )
    )
    return [
        _Candidate(message_id or 0, context.campaign.name, _ENDED, reason if _gone(channel, reason, follows) else "")
        for message_id, channel, reason in found
    ]


def _gone(channel: str, reason: str, follows: Follows) -> bool:
    kind, _, code = reason.partition(":")
    if kind in ("address_invalid", "unlinked"):
        return True
    return kind in ("rejected", "receipt") and follows(ChannelKind(channel), code, kind == "receipt")


def _silent(session: Session, context: Context) -> list[_Candidate]:
    """Taken by the provider and not delivered within the hours its step names."""
    found = []
    for step in context.definition.steps:
        if step.fallback_after_hours is None:
            continue
        ids = session.exec(
            select(Message.id).where(
                Message.campaign_id == context.campaign.id,
                Message.step == step.message,
                col(Message.status).in_(_ON_ITS_WAY),
                col(Message.channel).in_(sorted(TRUSTED_RECEIPTS)),
                col(Message.followed_at).is_(None),
                col(Message.intent_at) <= context.now - timedelta(hours=step.fallback_after_hours),
            )
        )
        why = f"undelivered:{step.fallback_after_hours}"
        found += [_Candidate(message_id or 0, context.campaign.name, _ON_ITS_WAY, why) for message_id in ids]
    return found


def _follow(session: Session, sealer: Sealer, context: Context, candidate: _Candidate) -> int:
    message = session.get_one(Message, candidate.message_id, with_for_update=True)
    if message.followed_at is not None or message.status not in candidate.states:
        return 0  # another process was here, or evidence has come meanwhile
    undecided = select(Attempt.id).where(Attempt.message_id == message.id, col(Attempt.state).in_(_UNDECIDED)).limit(1)
    if candidate.why and session.exec(undecided).first() is not None:
        return 0
    new = 0
    if candidate.why and message.expires_at > context.now:
        new = enqueue(session, _next_channel(session, sealer, context, message, candidate.why), context.now)
    message.followed_at = context.now
    session.add(message)
    return new


def _next_channel(session: Session, sealer: Sealer, context: Context, message: Message, why: str) -> list[NewMessage]:
    step = next((one for one in context.definition.steps if one.message == message.step), None)
    if step is None:
        return []
    cohort = session.get_one(Cohort, message.cohort_id)
    taken = taken_addresses(session, cohort, step.message)
    due = context.table.next_open(context.now)
    # only the cards that this message spoke about: a family it was merged with meanwhile has its own message about its own
    cards = set(session.exec(select(MessageChild.card_id).where(MessageChild.message_id == message.id)))
    found = [
        message_for(sealer, context, cohort, step, about, taken, due=due, first_hop=message.hop + 1, follows=why)
        for family in families_of(session, cohort, [message.household_id or 0], context.now, context.today)
        if (about := replace(family, children=tuple(child for child in family.children if child[1] in cards))).children
    ]
    return [one for one in found if one is not None]
