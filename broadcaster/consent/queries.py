"""Who may not be written to, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from broadcaster.consent.people import addresses_of
from broadcaster.consent.rules import ANSWERED, ANSWERED_LATER, ANY_CHANNEL, REASONS, UNREACHABLE, Address
from broadcaster.domain.phone import mask
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import ConsentEntry, ContactPoint, Guardian, Suppression


@dataclass(frozen=True)
class State:
    """Whether this address may be written to. `after`: only what its holder asks after that moment is answered."""

    channel: str
    household: int | None
    purpose: str  # reminders | answers
    may_write: bool
    reason: str
    since: datetime | None
    after: datetime | None
    sentence: str


@dataclass(frozen=True)
class SuppressionLine:
    """`household` 0: whoever it belongs to. `until`: when it was lifted; None while it stands."""

    address: str
    channel: str
    household: int
    reason: str
    sentence: str
    since: datetime
    until: datetime | None
    stands: bool


@dataclass(frozen=True)
class EntryLine:
    """One entry of the ledger. `exact`: `at` is when it was said; else it is when we heard of it."""

    at: datetime
    exact: bool
    recorded_at: datetime
    address: str
    channel: str
    purpose: str
    decision: str
    source: str
    wording: str
    staff: str
    note: str
    event: int | None


@dataclass(frozen=True)
class ConsentStory:
    """Everything about one address and the other addresses of the same person; numbers are masked."""

    address: str
    known: bool  # whether the register or the ledger knows it
    households: tuple[int, ...]
    others: tuple[str, ...]
    state: tuple[State, ...]
    suppressions: tuple[SuppressionLine, ...]
    history: tuple[EntryLine, ...]  # oldest first


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


def story(session: Session, sealer: Sealer, address: Address, now: datetime) -> ConsentStory:
    """The state of an address per channel and purpose, what stands or stood against it, and every decision."""
    blind = sealer.blind("address", address.text)
    blinds = addresses_of(session, blind)
    shown = {blind: mask(address.text)}
    homes: set[int] = set()
    for contact, household in session.exec(
        select(ContactPoint, Guardian.household_id)
        .join(Guardian, col(Guardian.id) == col(ContactPoint.guardian_id))
        .where(col(ContactPoint.address_blind).in_(blinds))
    ):
        shown[contact.address_blind] = mask(sealer.open("address", contact.sealed_address))
        homes |= {household} if contact.address_blind == blind else set()
    rows = session.exec(
        select(Suppression)
        .where(col(Suppression.address_blind).in_(blinds))
        .order_by(col(Suppression.since), col(Suppression.id))
    ).all()
    entries = session.exec(
        select(ConsentEntry)
        .where(col(ConsentEntry.address_blind).in_(blinds))
        .order_by(col(ConsentEntry.at), col(ConsentEntry.id))
    ).all()
    return ConsentStory(
        address=shown[blind],
        known=bool(homes or rows or entries),
        households=tuple(sorted(homes)),
        others=tuple(shown[other] for other in blinds if other != blind and other in shown),
        state=tuple(
            state
            for channel in address.channels
            for household in (*sorted(homes),) or (None,)
            for state in _states(session, channel, blind, household, now)
        ),
        suppressions=tuple(
            SuppressionLine(
                shown.get(row.address_blind, ""), row.channel, row.household_id, row.reason,
                REASONS[row.reason].sentence, row.since, row.until, row.until is None or row.until > now,
            )
            for row in rows
        ),
        history=tuple(
            EntryLine(
                at=row.at, exact=row.exact, recorded_at=row.recorded_at, address=shown.get(row.address_blind, ""),
                channel=row.channel, purpose=row.purpose, decision=row.decision, source=row.source, wording=row.wording,
                staff=row.staff, note=sealer.open("note", row.sealed_note) if row.sealed_note else "", event=row.event_id,
            )
            for row in entries
        ),
    )  # fmt: skip


def _states(session: Session, channel: str, blind: bytes, household: int | None, now: datetime) -> tuple[State, State]:
    rows = _standing(session, channel, blind, household, now)
    first = rows[0] if rows else None
    never = next((row for row in rows if row.reason not in ANSWERED | ANSWERED_LATER), None)
    later = max((row.since for row in rows if row.reason in ANSWERED_LATER), default=None)
    return (
        State(
            channel, household, "reminders", first is None, first.reason if first else "", first.since if first else None,
            None, REASONS[first.reason].sentence if first else "",
        ),
        State(
            channel, household, "answers", never is None, never.reason if never else "", never.since if never else None,
            later if never is None else None, REASONS[never.reason].sentence if never else "",
        ),
    )  # fmt: skip
