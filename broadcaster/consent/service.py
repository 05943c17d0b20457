"""May we write to this person: every opt-in and opt-out is appended to the ledger, and what they add up to is kept as
suppressions, which is all that the gate looks at.

A person is a guardian with all addresses that are theirs alone. Whoever writes STOP on WhatsApp does not expect the same text by
SMS or Telegram an hour later; whoever holds a telephone that several families share has spoken for it.

Everything here takes part in the caller's transaction. `now` is when a thing was said, by the provider's clock where `exact`;
`heard_at` is our own clock.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlmodel import Session, col, select

from broadcaster.consent.people import active, addresses_of, decisions_of, of_the_person
from broadcaster.consent.rules import (
    ANY_CHANNEL,
    BLOCK,
    IN,
    OUT,
    STAFF,
    UNREACHABLE,
    Purpose,
    Standing,
    shut,
    standing,
    strength,
)
from broadcaster.storage.database import plain
from broadcaster.storage.tables import ConsentEntry, Suppression
from broadcaster.storage.types import to_micros


def stop(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    source: str,
    wording: str,
    now: datetime,
    event_id: int | None,
    heard_at: datetime | None = None,
    exact: bool = True,
    purpose: Purpose = "reminders",
    staff: str = "",
    sealed_note: bytes | None = None,
) -> bool:
    """The person asked us to stop: nothing more is begun, on any channel, to any of their addresses.

    Returns whether the stop stands: one that arrives after a newer START changes nothing.
    """
    heard = heard_at or now
    _enter(
        session, channel=channel, address_blind=address_blind, decision=OUT, source=source, wording=wording, now=now,
        heard_at=heard, exact=exact, event_id=event_id, purpose=purpose, staff=staff, sealed_note=sealed_note,
    )  # fmt: skip
    return settle(session, addresses_of(session, address_blind), heard, event_id=event_id, again=True) is not None


def allow(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    source: str,
    wording: str,
    now: datetime,
    event_id: int | None = None,
    heard_at: datetime | None = None,
    exact: bool = True,
    staff: str = "",
    sealed_note: bytes | None = None,
) -> bool:
    """The person wants messages again. An old START never lifts a newer STOP, and of two at one moment the STOP stands.

    Lifts what their own stops made, everywhere, and what shut this channel; told to staff (channel "any"), also what staff,
    a wrong number or failures made. Returns whether they may be written to as far as their own word goes.
    """
    heard = heard_at or now
    _enter(
        session, channel=channel, address_blind=address_blind, decision=IN, source=source, wording=wording, now=now,
        heard_at=heard, exact=exact, event_id=event_id, purpose="all", staff=staff, sealed_note=sealed_note,
    )  # fmt: skip
    blinds = addresses_of(session, address_blind)
    if settle(session, blinds, heard) is not None:
        return False
    for blind in blinds:
        for row in active(session, blind, heard):
            if row.since <= now and (source == STAFF or (blind == address_blind and _shuts(row, channel))):
                row.until = heard
                session.add(row)
    session.flush()
    return True


def close(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    wording: str,
    now: datetime,
    event_id: int | None = None,
    heard_at: datetime | None = None,
    exact: bool = True,
) -> None:
    """The person shut this channel: blocked us there, or the provider refuses because they opted out with it.

    A refusal (no event) that repeats what is known is no new decision: the channel stays shut, and what the person has asked for
    elsewhere since then stands.
    """
    heard = heard_at or now
    if event_id is not None or not _shut(session, channel, address_blind):
        _enter(
            session, channel=channel, address_blind=address_blind, decision=OUT, source=BLOCK, wording=wording, now=now,
            heard_at=heard, exact=exact, event_id=event_id, purpose="all",
        )  # fmt: skip
    if _shut(session, channel, address_blind):
        suppress(
            session, channel=channel, address_blind=address_blind, reason="blocked", now=now, heard_at=heard,
            event_id=event_id,
        )  # fmt: skip
    settle(session, addresses_of(session, address_blind), heard, event_id=event_id, again=True)


def reopen(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    wording: str,
    now: datetime,
    event_id: int | None = None,
    heard_at: datetime | None = None,
    exact: bool = True,
) -> None:
    """The channel is open again: unblocked, or written from since. It takes back the block alone, never a stop."""
    heard = heard_at or now
    _enter(
        session, channel=channel, address_blind=address_blind, decision=IN, source=BLOCK, wording=wording, now=now,
        heard_at=heard, exact=exact, event_id=event_id, purpose="all",
    )  # fmt: skip
    settle(session, addresses_of(session, address_blind), heard)
    if _shut(session, channel, address_blind):
        return
    for row in active(session, address_blind, heard):
        if _shuts(row, channel) and row.since <= now:
            row.until = heard
            session.add(row)
    session.flush()


def wrote(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    now: datetime,
    event_id: int,
    heard_at: datetime,
    exact: bool,
) -> None:
    """The person wrote here, which nobody can who blocks us: a block or a dead chat from before is over."""
    if any(_shuts(row, channel) and row.since < now for row in active(session, address_blind, heard_at)):
        reopen(
            session, channel=channel, address_blind=address_blind, wording="menulis", now=now, event_id=event_id,
            heard_at=heard_at, exact=exact,
        )  # fmt: skip


def learned(session: Session, said: Mapping[int, datetime], now: datetime) -> None:
    """When these events were said has become known: what was heard in the wrong order is put right.

    `said`: by event id. The entries made when they were heard stay as they are; each gets a second one with its true moment.
    """
    entries = session.exec(select(ConsentEntry).where(col(ConsentEntry.event_id).in_(list(said)))).all()
    exact = {entry.event_id for entry in entries if entry.exact}
    for entry in entries:
        if entry.event_id is None or entry.event_id in exact:
            continue
        moment = min(said[entry.event_id], entry.at)
        _enter(
            session, channel=entry.channel, address_blind=entry.address_blind, decision=entry.decision,
            source=entry.source, wording=entry.wording, now=moment, heard_at=now, exact=True, event_id=entry.event_id,
            purpose=entry.purpose,
        )  # fmt: skip
        blinds = addresses_of(session, entry.address_blind)
        for row in (row for blind in blinds for row in active(session, blind, now) if of_the_person(row)):
            if entry.decision == OUT and row.since == entry.at:  # made by this stop: it stands since it was said
                row.since = moment
                session.add(row)
        settle(session, blinds, now, event_id=entry.event_id)


def settle(
    session: Session, blinds: Collection[bytes], heard: datetime, *, event_id: int | None = None, again: bool = False
) -> Standing | None:
    """Make the suppressions of one person, on all their addresses, what their decisions add up to; None when they may be
    written to. `again`: they have just said it once more, and what waits for them from before is not to leave."""
    decisions = decisions_of(session, blinds)
    stands = standing(decisions)
    newest = max((one.at for one in decisions if one.wants and one.source != BLOCK), default=None)
    kept: set[bytes] = set()
    for row in (row for blind in blinds for row in active(session, blind, heard) if of_the_person(row)):
        taken_back = newest is not None and row.since < newest
        if taken_back or (stands is None and row.reason == "blocked_elsewhere"):
            row.until = heard
            session.add(row)
        elif stands is not None and strength(row.reason) >= strength(stands.reason):
            kept.add(row.address_blind)
    session.flush()
    for blind in blinds:
        if stands is not None and (again or blind not in kept):
            suppress(
                session, channel=ANY_CHANNEL, address_blind=blind, reason=stands.reason, now=stands.since, heard_at=heard,
                event_id=event_id,
            )  # fmt: skip
    return stands


def suppress(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    reason: str,
    now: datetime,
    household_id: int = 0,
    event_id: int | None = None,
    heard_at: datetime | None = None,
) -> None:
    """Do not write to this address from now on. One that already stands keeps its day, and its reason unless the new one says
    more."""
    heard = heard_at or now
    row = session.exec(
        select(Suppression).where(
            Suppression.channel == channel,
            Suppression.address_blind == address_blind,
            Suppression.household_id == household_id,
        )
    ).first()
    if row is not None and (row.until is None or row.until > heard):
        # a second stop event gets its own single confirmation, and the person's own word is what they can take back
        row.event_id = event_id if event_id is not None else row.event_id
        row.reason = max(row.reason, reason, key=strength)
        row.acted_at = heard
        session.add(row)
        session.flush()
        return
    plain(session).run(
        "INSERT INTO suppression (channel, address_blind, household_id, reason, since, acted_at, until, event_id)"
        " VALUES (:channel, :blind, :household, :reason, :since, :heard, NULL, :event)"
        # another process may have put it there since we looked
        " ON CONFLICT (channel, address_blind, household_id) DO UPDATE SET reason = excluded.reason,"
        " since = excluded.since, acted_at = excluded.acted_at, until = NULL, event_id = excluded.event_id",
        channel=channel, blind=address_blind, household=household_id, reason=reason, since=to_micros(now),
        heard=to_micros(heard), event=event_id,
    )  # fmt: skip
    if row is not None:
        session.refresh(row)


def release(
    session: Session, *, address_blind: bytes, household_id: int, reason: str, since: datetime, now: datetime
) -> bool:
    """End what was put on this address for this family alone, for `reason` and at the moment `since`; whether there was such.

    A pause of another moment is somebody else's to end.
    """
    row = session.exec(
        select(Suppression).where(
            Suppression.channel == ANY_CHANNEL,
            Suppression.address_blind == address_blind,
            Suppression.household_id == household_id,
            Suppression.reason == reason,
            Suppression.since == since,
        )
    ).first()
    if row is None or (row.until is not None and row.until <= now):
        return False
    row.until = now
    session.add(row)
    session.flush()
    return True


# -------------------------------------------------------------------------------------------------------------- helpers


def _enter(
    session: Session,
    *,
    channel: str,
    address_blind: bytes,
    decision: str,
    source: str,
    wording: str,
    now: datetime,
    heard_at: datetime,
    exact: bool,
    event_id: int | None,
    purpose: str,
    staff: str = "",
    sealed_note: bytes | None = None,
) -> None:
    session.add(
        ConsentEntry(
            address_blind=address_blind, channel=channel, purpose=purpose, decision=decision, source=source,
            wording=wording, at=now, exact=exact, recorded_at=heard_at, event_id=event_id, staff=staff,
            sealed_note=sealed_note,
        )
    )  # fmt: skip
    session.flush()


def _shuts(row: Suppression, channel: str) -> bool:
    """Whether this says that nothing reaches the person on that one channel."""
    return row.channel == channel and (row.reason == "blocked" or row.reason in UNREACHABLE)


def _shut(session: Session, channel: str, address_blind: bytes) -> bool:
    return bool(shut([one for one in decisions_of(session, [address_blind]) if one.channel == channel]))


__all__ = [
    "ANY_CHANNEL", "UNREACHABLE", "allow", "close", "learned", "release", "reopen", "settle", "stop", "suppress", "wrote",
]  # fmt: skip
