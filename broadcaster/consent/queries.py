"""Who may not be written to, and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from broadcaster.consent.rules import ANSWERED, ANSWERED_LATER, ANY_CHANNEL, UNREACHABLE
from broadcaster.storage.tables import Suppression


def is_suppressed(
    session: Session, channel: str, address_blind: bytes, household_id: int | None, now: datetime
) -> str | None:
    """The reason why nothing may be begun to this address on this channel, or None."""
    return next((row.reason for row in _standing(session, channel, address_blind, household_id, now)), None)


def may_answer(
    session: Session, channel: str, address_blind: bytes, now: datetime, *, asked_at: datetime | None = None
) -> bool:
    """Whether what the holder of this address asks may be answered. `asked_at`: when they wrote last, for an answer by a person;
    None for one by itself, which nobody who asked us to stop gets."""
    return all(
        row.reason in ANSWERED or (row.reason in ANSWERED_LATER and asked_at is not None and asked_at > row.since)
        for row in _standing(session, channel, address_blind, 0, now)
    )


def suppressed(session: Session, now: datetime) -> dict[tuple[str, bytes, int], bool]:
    """Every active suppression as (channel or "any", address_blind, household or 0), for choosing addresses in bulk.

    The value: whether the person said no (and is not followed to another channel), or is only not reached there.
    """
    return {
        (channel, blind, household): reason not in UNREACHABLE
        for channel, blind, household, reason in session.exec(
            select(Suppression.channel, Suppression.address_blind, Suppression.household_id, Suppression.reason).where(
                or_(col(Suppression.until).is_(None), col(Suppression.until) > now)
            )
        )
    }


def _standing(
    session: Session, channel: str, address_blind: bytes, household_id: int | None, now: datetime
) -> list[Suppression]:
    """What stands against this address, about this one channel first."""
    rows = session.exec(
        select(Suppression).where(
            Suppression.address_blind == address_blind,
            col(Suppression.channel).in_((ANY_CHANNEL, channel)),
            col(Suppression.household_id).in_((0, household_id or 0)),
            or_(col(Suppression.until).is_(None), col(Suppression.until) > now),
        )
    )
    return sorted(rows, key=lambda row: (row.channel == ANY_CHANNEL, row.household_id, row.id or 0))
