"""Whose addresses these are, what they have said, and what stands against them. Read only."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import or_, text
from sqlmodel import Session, col, select

from broadcaster.consent.rules import ANY_CHANNEL, IN, OF_THE_PERSON, Decision
from broadcaster.storage.tables import ConsentEntry, ContactPoint, Suppression

#: PostgreSQL: a stop looks up the person's addresses while nobody is adding one to them.
_ADDRESSES_LOCK = 0xC045


def addresses_of(session: Session, address_blind: bytes) -> list[bytes]:
    """This address and all others of the same person."""
    lock_addresses(session)
    guardians = set(
        session.exec(
            select(ContactPoint.guardian_id).where(
                ContactPoint.address_blind == address_blind, col(ContactPoint.shared).is_(False)
            )
        )
    )
    blinds = {address_blind}
    if guardians:
        blinds |= set(
            session.exec(
                select(ContactPoint.address_blind).where(
                    col(ContactPoint.guardian_id).in_(guardians), col(ContactPoint.shared).is_(False)
                )
            )
        )
    return sorted(blinds)


def decisions_of(session: Session, blinds: Collection[bytes]) -> list[Decision]:
    """Every decision once: where its true moment became known later, with that one."""
    rows = session.exec(select(ConsentEntry).where(col(ConsentEntry.address_blind).in_(blinds))).all()
    known = {(row.event_id, row.address_blind) for row in rows if row.event_id is not None and row.exact}
    return [
        Decision(row.address_blind, row.channel, row.decision == IN, row.purpose, row.source, row.at, row.exact)
        for row in rows
        if row.exact or (row.event_id, row.address_blind) not in known
    ]


def active(session: Session, address_blind: bytes, now: datetime) -> list[Suppression]:
    return list(
        session.exec(
            select(Suppression).where(
                Suppression.address_blind == address_blind,
                or_(col(Suppression.until).is_(None), col(Suppression.until) > now),
            )
        )
    )


def of_the_person(row: Suppression) -> bool:
    return row.channel == ANY_CHANNEL and row.household_id == 0 and row.reason in OF_THE_PERSON


def lock_addresses(session: Session, *, alone: bool = False) -> None:
    if session.connection().dialect.name == "postgresql":
        kind = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
        session.execute(text(f"SELECT {kind}({_ADDRESSES_LOCK})"))
