"""May we write to this person: opt-outs, opt-ins and suppressions. Entries are appended; the latest wins."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from broadcaster.storage.tables import ConsentEntry, ContactPoint, Suppression

ANY_CHANNEL = "any"
#: Reasons that say "we do not reach this person here", not "this person does not want it": another channel may be tried.
UNREACHABLE = frozenset({"unreachable", "five_failed_days"})


def stop(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    source: str,
    wording: str,
    now: datetime,
    event_id: int | None,
) -> None:
    """The person asked us to stop: suppress the address on every channel, and their other addresses with it.

    Someone who writes STOP on WhatsApp does not expect the same text by SMS or Telegram an hour later. A number that several
    families share stops for all of them: whoever holds the telephone has spoken.
    """
    _enter(session, channel, address_blind, "out", source, wording, now)
    for blind in _addresses_of_the_same_guardian(session, address_blind):
        suppress(session, channel=ANY_CHANNEL, address_blind=blind, reason="opt_out", now=now, event_id=event_id)


def allow(session: Session, *, channel: str, address_blind: bytes, source: str, wording: str, now: datetime) -> bool:
    """The person wants messages again. `now` is when they said so: an older START never lifts a newer STOP.

    Returns whether anything was lifted.
    """
    newest_out = session.exec(
        select(ConsentEntry)
        .where(ConsentEntry.address_blind == address_blind, ConsentEntry.decision == "out")
        .order_by(col(ConsentEntry.at).desc())
    ).first()
    _enter(session, channel, address_blind, "in", source, wording, now)
    if newest_out is not None and newest_out.at >= now:
        return False
    lifted = False
    for blind in _addresses_of_the_same_guardian(session, address_blind):
        for row in _active(session, blind, now):
            if row.reason in {"opt_out", "blocked", *UNREACHABLE} and row.since <= now:
                row.until = now
                session.add(row)
                lifted = True
    return lifted


def suppress(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    reason: str,
    now: datetime,
    household_id: int = 0,
    event_id: int | None = None,
) -> None:
    """Do not write to this address from now on; one that already stands keeps its day, and its reason unless they opt out."""
    row = session.exec(
        select(Suppression).where(
            Suppression.channel == channel,
            Suppression.address_blind == address_blind,
            Suppression.household_id == household_id,
        )
    ).first()
    if row is None:
        row = Suppression(
            channel=channel, address_blind=address_blind, household_id=household_id, reason=reason, since=now
        )
    elif row.until is None or row.until > now:
        # a second stop event gets its own single confirmation, and the person's own word is what they can take back
        row.event_id = event_id if event_id is not None else row.event_id
        row.reason = reason if reason == "opt_out" or row.reason in UNREACHABLE else row.reason
        session.add(row)
        return
    row.reason, row.since, row.until, row.event_id = reason, now, None, event_id
    session.add(row)
    session.flush()


def lift(session: Session, *, channel: str, address_blind: bytes, reasons: Iterable[str], now: datetime) -> bool:
    """End the suppressions of this address and channel that stand for one of `reasons`; whether any did."""
    wanted = set(reasons)
    lifted = False
    for row in _active(session, address_blind, now):
        if row.channel == channel and row.reason in wanted:
            row.until = now
            session.add(row)
            lifted = True
    return lifted


def _enter(
    session: Session, channel: str, address_blind: bytes, decision: str, source: str, wording: str, now: datetime
) -> None:
    session.add(
        ConsentEntry(
            address_blind=address_blind, channel=channel, decision=decision, source=source, wording=wording, at=now
        )
    )
    session.flush()


def _active(session: Session, address_blind: bytes, now: datetime) -> list[Suppression]:
    return list(
        session.exec(
            select(Suppression).where(
                Suppression.address_blind == address_blind,
                or_(col(Suppression.until).is_(None), col(Suppression.until) > now),
            )
        )
    )


def _addresses_of_the_same_guardian(session: Session, address_blind: bytes) -> list[bytes]:
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
