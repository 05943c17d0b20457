"""What people tell the office by telephone or at the counter: a stop, or that they want messages again. Each is audited."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcaster.consent.people import active, addresses_of, decisions_of
from broadcaster.consent.queries import ConsentStory, story
from broadcaster.consent.rules import ANY_CHANNEL, STAFF, Address, Purpose, checked_note
from broadcaster.consent.service import allow as _allow
from broadcaster.consent.service import stop as _stop
from broadcaster.office.queries import require
from broadcaster.office.rules import ROLES
from broadcaster.office.service import audit
from broadcaster.storage.database import Database
from broadcaster.storage.tables import ConsentEntry

#: Whoever is told a stop can enter it; to write again is for those who speak with families.
MAY_STOP = tuple(ROLES)
MAY_ALLOW = ("replier", "operator", "head", "admin")


def stop(
    db: Database, address: Address, *, source: str, by: str, now: datetime, purpose: Purpose = "reminders"
) -> ConsentStory:
    """Somebody told us to stop. `source`: how, in staff's words, without a NIK. Raises `BadInput`, `NotAllowed`."""
    note = checked_note(source)
    with db.write() as session:
        member = require(session, by, MAY_STOP)
        blind = db.sealer.blind("address", address.text)
        _stop(
            session, channel=ANY_CHANNEL, address_blind=blind, source=STAFF, wording="petugas",
            now=_newest(session, blind, now), heard_at=now, event_id=None, purpose=purpose, staff=member.username,
            sealed_note=db.sealer.seal("note", note),
        )  # fmt: skip
        found = story(session, db.sealer, address, now)
        _audit(session, "consent.stop", blind, purpose, member.username, now)
    return found


def allow(db: Database, address: Address, *, source: str, by: str, now: datetime) -> ConsentStory:
    """Somebody told us that they want messages again, or that a wrong number is theirs after all. Raises `BadInput`,
    `NotAllowed`."""
    note = checked_note(source)
    with db.write() as session:
        member = require(session, by, MAY_ALLOW)
        blind = db.sealer.blind("address", address.text)
        _allow(
            session, channel=ANY_CHANNEL, address_blind=blind, source=STAFF, wording="petugas",
            now=_newest(session, blind, now), heard_at=now, staff=member.username,
            sealed_note=db.sealer.seal("note", note),
        )  # fmt: skip
        found = story(session, db.sealer, address, now)
        _audit(session, "consent.allow", blind, "all", member.username, now)
    return found


def _newest(session: Session, blind: bytes, now: datetime) -> datetime:
    """The moment of a decision that staff enter: after everything on record, which they can see, whatever the clocks say."""
    blinds = addresses_of(session, blind)
    said = [one.at for one in decisions_of(session, blinds)]
    said += [row.since for one in blinds for row in active(session, one, now)]
    return max([now, *(moment + timedelta(microseconds=1) for moment in said)])


def _audit(session: Session, action: str, blind: bytes, purpose: str, by: str, now: datetime) -> None:
    newest = select(ConsentEntry.id).where(ConsentEntry.address_blind == blind).order_by(col(ConsentEntry.id).desc())
    entry = session.exec(newest).first()
    audit(session, at=now, staff=by, action=action, entity=f"consent_entry:{entry}", data={"purpose": purpose})
