"""Somebody gets a further address: a chat is linked, or an import brings a telephone. It takes part in what they have said.

Without this, whoever asked us to stop would hear from us again as soon as the register learns another number of theirs.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from broadcaster.consent.people import active, lock_addresses
from broadcaster.consent.rules import ANY_CHANNEL
from broadcaster.consent.service import settle, suppress
from broadcaster.storage.database import plain
from broadcaster.storage.tables import ContactPoint, Guardian


def joined(session: Session, guardian_ids: Collection[int], now: datetime) -> None:
    """These people have got an address: what stands against their others stands against it, and their newest word counts for
    all of them."""
    lock_addresses(session, alone=True)
    for guardian_id in sorted(guardian_ids):
        blinds = sorted(
            set(
                session.exec(
                    select(ContactPoint.address_blind).where(
                        ContactPoint.guardian_id == guardian_id, col(ContactPoint.shared).is_(False)
                    )
                )
            )
        )
        _join(session, session.get_one(Guardian, guardian_id).household_id, blinds, now)


def joined_since(session: Session, contact_point_id: int, now: datetime) -> None:
    """The same for everybody who has got an address with a higher number than this: an import's."""
    lock_addresses(session, alone=True)
    # from the few who ever said anything, never from the hundred thousand that a first import brings
    guardians = plain(session).all(
        "SELECT DISTINCT k.guardian_id FROM"
        " (SELECT address_blind FROM consent_entry UNION SELECT address_blind FROM suppression) AS said"
        " JOIN contact_point k ON k.address_blind = said.address_blind"
        " WHERE EXISTS (SELECT 1 FROM contact_point n WHERE n.guardian_id = k.guardian_id AND n.id > :since)",
        since=contact_point_id,
    )
    joined(session, [int(row[0]) for row in guardians], now)


def _join(session: Session, household_id: int, blinds: Collection[bytes], now: datetime) -> None:
    settle(session, blinds, now)
    rows = [row for blind in blinds for row in active(session, blind, now) if row.channel == ANY_CHANNEL]
    there = {(row.address_blind, row.reason, row.household_id) for row in rows}
    for row in rows:
        # a wrong number says something of that number alone
        if row.reason == "wrong_number" or row.household_id not in (0, household_id):
            continue
        for blind in blinds:
            if (blind, row.reason, row.household_id) not in there:
                suppress(
                    session, channel=ANY_CHANNEL, address_blind=blind, reason=row.reason, now=row.since,
                    household_id=row.household_id, heard_at=now,
                )  # fmt: skip
