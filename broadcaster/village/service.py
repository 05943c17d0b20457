"""Links, PINs and ticks of village officers. Every change is an audit entry; an officer acts as `petugas:<village>/<link>`."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, func, select

from broadcaster.campaigns.withdrawn import take_back, withdraw
from broadcaster.channels.protocol import Receipt
from broadcaster.clock import today as day_of
from broadcaster.consent.service import ANY_CHANNEL, release, suppress
from broadcaster.delivery import evidence
from broadcaster.domain.message import AttemptState, ChannelKind
from broadcaster.errors import BadInput, NotAllowed, NotFound
from broadcaster.office.queries import require, token_hash
from broadcaster.office.rules import SYSTEM
from broadcaster.office.service import audit, clear_alert, raise_alert
from broadcaster.outbox.record import CodeClass
from broadcaster.outbox.rules import reference
from broadcaster.outbox.service import instance_id
from broadcaster.storage.database import Database, plain
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import (
    Attempt,
    ContactPoint,
    Guardian,
    Household,
    Message,
    OfficerLink,
    Tick,
    Village,
)
from broadcaster.storage.types import to_micros
from broadcaster.village import queries, rules
from broadcaster.village.households import homes_of, ids_of, noted
from broadcaster.village.rules import STOPS, TICKS, Noted, TickKind, newest

#: The alert of a village whose officer reported something that staff must look at.
ALERT = "officer_report"
Decision = Literal["confirmed", "wrong"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
_ACCOUNT = "village_list"


# ---------------------------------------------------------------------------------------------------------------- links


@dataclass(frozen=True)
class NewLink:
    """The only moment at which the token and the PIN are known to anybody but the officer."""

    id: int
    token: str
    pin: str
    expires_at: datetime
    village: str


def make_link(db: Database, code: str, *, by: str, now: datetime) -> NewLink:
    """A new address of a village's list; older ones stay valid. Raises `NotFound`, `NotAllowed`."""
    token = secrets.token_urlsafe(24)  # 192 bits
    pin = f"{secrets.randbelow(10**rules.PIN_DIGITS):0{rules.PIN_DIGITS}}"
    with db.write() as session:
        by = _allowed(session, by, rules.MAY_LINK)
        village = queries.village_of(session, code)
        link = OfficerLink(
            village_id=village.id or 0, token_hash=token_hash(token), pin_hash=_pin_hash(db.sealer, token, pin),
            created_by=by, created_at=now, expires_at=now + rules.LINK_LASTS,
        )  # fmt: skip
        session.add(link)
        session.flush()
        audit(
            session, at=now, staff=by, action="officer.link", entity=f"village:{village.code}", data={"link": link.id}
        )
        return NewLink(link.id or 0, token, pin, link.expires_at, f"{village.kind.capitalize()} {village.name}")


def revoke_link(db: Database, which: str, *, by: str, now: datetime) -> queries.LinkLine:
    """End a link, named by its number, its address or its token; telephones that are signed in lose it at once.

    Revoking twice changes nothing. Raises `NotFound`, `NotAllowed`.
    """
    name = which.strip().rstrip("/").rsplit("/", 1)[-1]
    with db.write() as session:
        by = _allowed(session, by, rules.MAY_LINK)
        found = OfficerLink.id == int(name) if name.isdecimal() and len(name) < 10 else None
        link = session.exec(
            select(OfficerLink).where(OfficerLink.token_hash == token_hash(name) if found is None else found)
        ).first()
        if link is None:
            raise NotFound(
                "Tidak ada tautan petugas seperti itu; lihat `broadcaster officer links`.", code="unknown_link"
            )
        village = session.get_one(Village, link.village_id)
        if link.revoked_at is None:
            link.revoked_at = now
            session.add(link)
            session.flush()
            audit(
                session, at=now, staff=by, action="officer.revoke", entity=f"village:{village.code}",
                data={"link": link.id},
            )  # fmt: skip
        return next(line for line in queries.links(session, now, village.code) if line.id == link.id)


@dataclass(frozen=True)
class Entry:
    """What came of a PIN: a cookie; or how many tries are left; or until when nobody comes in (aware UTC)."""

    cookie: str = ""
    tries_left: int = 0
    locked_until: datetime | None = None


def enter(db: Database, token: str, pin: str, now: datetime) -> Entry:
    """Try a PIN. The cookie of the right one is good for a working day, or as long as the link.

    Every fifth wrong PIN in a row locks the link; while it is locked the right one is refused as well. Raises `NotFound` as
    `queries.find_link` does.
    """
    offered = _pin_hash(db.sealer, token, pin.strip())
    with db.write() as session:
        opened = queries.find_link(session, token, now)
        # locked, so that many tries at once are counted one after the other
        link = session.exec(select(OfficerLink).where(OfficerLink.id == opened.id).with_for_update()).one()
        if link.locked_until is not None and link.locked_until > now:
            return Entry(locked_until=link.locked_until)
        right = hmac.compare_digest(offered, bytes(link.pin_hash))
        lock = None if right else rules.lock_after(link.wrong_pins + 1)
        link.wrong_pins = 0 if right else link.wrong_pins + 1
        link.locked_until = None if lock is None else now + lock
        link.opened_at = now if right else link.opened_at
        session.add(link)
        session.flush()
        if right or lock is not None:
            village = session.get_one(Village, link.village_id)
            audit(
                session, at=now, staff=_officer(village, opened), entity=f"village:{village.code}",
                action="officer.entered" if right else "officer.locked",
                data={"link": link.id} if right else {"link": link.id, "wrong": link.wrong_pins},
            )  # fmt: skip
        if not right:
            return Entry(tries_left=rules.tries_left(link.wrong_pins), locked_until=link.locked_until)
        until = int(min(link.expires_at, now + rules.SESSION).timestamp())
        return Entry(cookie=f"{until}.{queries.session_mark(db.sealer, opened.session_key, until)}")


def _officer(village: Village, link: queries.Opened) -> str:
    """An officer's name in the audit trail: nobody knows more of them than the link."""
    return f"petugas:{village.code}/{link.id}"


def remember_list(db: Database, code: str, form: str, *, by: str, now: datetime) -> None:
    """A village's list left the program as a file: who took it, and when. Raises `NotFound`, `NotAllowed`."""
    with db.write() as session:
        by = _allowed(session, by, rules.MAY_LINK)
        village = queries.village_of(session, code)
        audit(session, at=now, staff=by, action="officer.list", entity=f"village:{village.code}", data={"form": form})


def _pin_hash(sealer: Sealer, token: str, pin: str) -> bytes:
    return sealer.blind("officer_pin", f"{token}|{pin}")


# ---------------------------------------------------------------------------------------------------------------- ticks


@dataclass(frozen=True)
class Told:
    """One tick as the page sends it. `age_s`: how many seconds ago it was pressed, by the telephone's own clock."""

    household_id: int
    kind: str
    client_id: str
    age_s: float = 0.0


def note(db: Database, link: queries.Opened, told: Told, now: datetime, zone: ZoneInfo) -> bool:
    """Keep what an officer noted, and act on it; whether it is new. The same tick sent again is one tick.

    Raises `BadInput` for an unknown kind, `NotAllowed` for a household of another village.
    """
    kind = next((one for one in TickKind if one == told.kind), None)
    if kind is None or not told.client_id:
        raise BadInput("Catatan ini tidak dikenal; muat ulang halaman lalu catat lagi.", code="unknown_tick")
    with db.write() as session:
        village = session.get_one(Village, link.village_id)
        ids = ids_of(session, told.household_id)
        # locked, so that two notes about one family are taken one after the other
        home = session.exec(select(Household).where(Household.id == (ids[0] if ids else 0)).with_for_update()).first()
        if home is None or home.village_id != link.village_id:
            raise NotAllowed("Keluarga ini bukan dari desa Anda.", code="other_village")
        before = _newest(session, ids)
        due = [one.about for one in homes_of(session, village, now, day_of(now, zone), only=ids[0])]
        row = plain(session).one(
            "INSERT INTO tick (link_id, household_id, kind, client_id, about, said_at, received_at)"
            " VALUES (:link, :household, :kind, :client, :about, :said, :now)"
            " ON CONFLICT (household_id, kind, client_id) DO NOTHING RETURNING id",
            link=link.id, household=ids[0], kind=str(kind), client=told.client_id,
            about=json.dumps(due[0] if due else []), now=to_micros(now),
            said=to_micros(rules.said_at(now, told.age_s, link.made_at)),
        )  # fmt: skip
        if row is None:
            return False
        after = _newest(session, ids)
        stands = after is not None and after.id == row[0]
        if stands:
            if before is not None and TICKS[before.kind].stops and not before.settled_as:
                _undo(session, ids, before, now)
            _act(session, ids, kind, now)
        _tell_staff(session, village, now)
        audit(
            session, at=now, staff=_officer(village, link), action="officer.tick", entity=f"household:{ids[0]}",
            data={"tick": row[0], "kind": str(kind), "stands": stands},
        )  # fmt: skip
        return True


def settle(db: Database, tick_id: int, decision: str, *, by: str, now: datetime) -> str:
    """A person's decision about a report: `confirmed` leaves the family alone, `wrong` takes its effects back.

    Returns what follows, in a sentence. Raises `BadInput`, `NotFound`, `NotAllowed`, `Blocked`.
    """
    if decision not in DECISIONS:
        raise BadInput(f"--as {decision} tidak dikenal; pilihan: {', '.join(DECISIONS)}.", code="bad_decision")
    with db.write() as session:
        member = require(session, by, rules.MAY_SETTLE)
        waiting = {tick.id: (tick, household) for tick, household in queries.open_reports(session)}
        if tick_id not in waiting:
            raise NotFound(
                f"Tidak ada laporan nomor {tick_id} yang menunggu; lihat `broadcaster officer reports`.",
                code="unknown_report",
            )
        tick, household = waiting[tick_id]
        tick.settled_as, tick.settled_by, tick.settled_at = decision, member.username, now
        session.add(tick)
        session.flush()
        ids = ids_of(session, household.id or 0)
        if decision == "wrong":
            _undo(session, ids, noted(tick), now)
        if household.village_id is not None:
            _tell_staff(session, session.get_one(Village, household.village_id), now)
        audit(
            session, at=now, staff=member.username, action="officer.settle", entity=f"household:{ids[0]}",
            data={"tick": tick_id, "as": decision},
        )  # fmt: skip
    return CONSEQUENCES[decision]


CONSEQUENCES: dict[str, str] = {
    "confirmed": "Keluarga ini tidak dikirimi dan tidak didatangi lagi. Perbaiki juga datanya lewat impor, agar kartunya"
    " tidak dihitung sebagai sasaran.",
    "wrong": "Catatan petugas dianggap keliru: langkah berikutnya dikirim lagi, dan keluarga kembali ke daftar.",
}


def _newest(session: Session, ids: Collection[int]) -> Noted | None:
    return newest(noted(row) for row in session.exec(select(Tick).where(col(Tick.household_id).in_(sorted(ids)))))


def _act(session: Session, ids: Sequence[int], kind: TickKind, now: datetime) -> None:
    """What a note that stands means for the outbox and for what is planned. Cards and outcomes are never touched."""
    rule = TICKS[kind]
    if rule.reached is not None:
        _receipt(session, ids, kind, reached=rule.reached, now=now)
    if rule.stops:
        withdraw(session, ids, rule.stops, now, occasions=rule.only)
    if rule.staff:
        for blind in _telephones(session, ids):
            suppress(session, channel=ANY_CHANNEL, address_blind=blind, reason="staff", now=now, household_id=ids[0])


def _undo(session: Session, ids: Sequence[int], before: Noted, now: datetime) -> None:
    """This note does not stand any more: what it stopped goes on. Evidence stays as it is, because it only rises."""
    take_back(session, ids, STOPS)
    made = session.get_one(Tick, before.id).received_at
    for blind in _telephones(session, ids):
        release(session, address_blind=blind, household_id=ids[0], reason="staff", since=made, now=now)


def _telephones(session: Session, ids: Collection[int]) -> list[bytes]:
    return sorted(
        set(
            session.exec(
                select(ContactPoint.address_blind)
                .join(Guardian, col(Guardian.id) == col(ContactPoint.guardian_id))
                .where(col(Guardian.household_id).in_(sorted(ids)))
            )
        )
    )


def _receipt(session: Session, ids: Collection[int], kind: TickKind, *, reached: bool, now: datetime) -> None:
    """The note as a receipt of the newest line on the list, one per campaign."""
    lines = session.exec(
        select(func.max(Attempt.id))
        .join(Message, col(Message.id) == col(Attempt.message_id))
        .where(
            Message.channel == ChannelKind.VILLAGE_LIST,
            Message.purpose == "campaign",
            Attempt.state != AttemptState.DEFERRED,
            col(Message.household_id).in_(sorted(ids)),
        )
        .group_by(col(Message.campaign_id))
    ).all()
    installation = instance_id(session) if lines else ""
    for attempt_id in lines:
        state = AttemptState.DELIVERED if reached else AttemptState.FAILED
        receipt = Receipt(reference(installation, attempt_id or 0), "", state, "" if reached else str(kind))
        evidence.apply(session, receipt, account=_ACCOUNT, event_id=None, now=now, classify=_final)


def _final(_channel: ChannelKind, _code: str, _in_receipt: bool) -> CodeClass:
    """What an officer reports of a family is not tried again by itself."""
    return CodeClass("permanent")


def _tell_staff(session: Session, village: Village, now: datetime) -> None:
    """One alert a village, open as long as a report of it waits."""
    count = queries.report_counts(session)[village.id or 0]
    subject = f"{village.name} ({village.code})"
    if count:
        raise_alert(session, ALERT, subject, {"messages": count}, now)
    else:
        clear_alert(session, ALERT, subject, now)


def _allowed(session: Session, by: str, roles: Collection[str]) -> str:
    return by if by == SYSTEM else require(session, by, roles).username
