"""Who may not be written to, and why."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from broadcaster.consent.service import ANY_CHANNEL, UNREACHABLE
from broadcaster.storage.tables import Suppression


def is_suppressed(
    session: Session, channel: str, address_blind: bytes, household_id: int | None, now: datetime
) -> str | None:
    """The reason why this address may not be written to on this channel, or None."""
    return session.exec(
        select(Suppression.reason).where(
            Suppression.address_blind == address_blind,
            col(Suppression.channel).in_((ANY_CHANNEL, channel)),
            col(Suppression.household_id).in_((0, household_id or 0)),
            or_(col(Suppression.until).is_(None), col(Suppression.until) > now),
        )
    ).first()


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
