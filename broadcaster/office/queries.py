"""What the office said, who may sign in, and what needs a look. Read only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcaster.domain.message import ChannelKind
from broadcaster.domain.place import Place
from broadcaster.domain.timetable import Calendar, Timetable, parse_calendar
from broadcaster.errors import NotAllowed
from broadcaster.office.rules import FACTS, ROLES, Fact, chain_of
from broadcaster.shipped import content_dir
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import (
    Alert,
    AuditEntry,
    CalendarDay,
    OfficeFact,
    Price,
    ServiceVisit,
    Staff,
    StaffSession,
    TestRecipient,
    Village,
)
from broadcaster.storage.types import to_micros


@dataclass(frozen=True)
class Member:
    """Someone of the office who may act."""

    username: str
    role: str


@dataclass(frozen=True)
class StaffLine:
    username: str
    role: str
    created_at: datetime
    disabled_at: datetime | None


@dataclass(frozen=True)
class Visit:
    """The office comes to a village."""

    id: int
    village_code: str
    village: str
    on_date: date
    place: str
    hours: str


@dataclass(frozen=True)
class AlertLine:
    kind: str
    subject: str
    since: datetime
    data: Mapping[str, object]


@dataclass(frozen=True)
class AuditLine:
    id: int
    at: datetime
    staff: str
    action: str
    entity: str
    data: Mapping[str, object]


@dataclass(frozen=True)
class Recipient:
    """Who may be written to in trial mode."""

    id: int
    channel: str
    address: str
    label: str


def facts(session: Session) -> dict[str, str]:
    """Every fact by its key, in the order staff know; an unset one has its default, or is empty."""
    stored = {row.key: row.value for row in session.exec(select(OfficeFact))}
    return {fact.key: stored.get(fact.key) or fact.default for fact in FACTS}


def missing_facts(session: Session) -> list[Fact]:
    """The required facts that are empty: each blocks sending."""
    values = facts(session)
    return [fact for fact in FACTS if fact.required and not values[fact.key]]


def timetable(session: Session, zone: ZoneInfo) -> Timetable:
    """When messages may leave: closed days as staff keep them, hours and Ramadan from content/calendar."""
    shipped = shipped_calendar()
    return Timetable(
        zone=zone,
        week=shipped.week,
        closed=frozenset(session.exec(select(col(CalendarDay.on_date)))),
        ramadan=shipped.ramadan,
        ramadan_week=shipped.ramadan_week,
    )


@lru_cache(maxsize=1)
def shipped_calendar() -> Calendar:
    """The calendar in content/calendar, read once a process; its closed days are only the beginning of staff's own."""
    return parse_calendar((content_dir() / "calendar" / "default.toml").read_text(encoding="utf-8"))


def closed_days(session: Session, since: date) -> list[tuple[date, str]]:
    """Days without sending from `since` on, with their names."""
    query = select(CalendarDay).where(CalendarDay.on_date >= since).order_by(col(CalendarDay.on_date))
    return [(row.on_date, row.name) for row in session.exec(query)]


def visits(session: Session, since: date) -> list[Visit]:
    """Visits to villages from the day `since` on, soonest first."""
    query = (
        select(ServiceVisit, Village.name)
        .join(Village, col(Village.code) == col(ServiceVisit.village_code))
        .where(ServiceVisit.on_date >= since)
        .order_by(col(ServiceVisit.on_date), col(ServiceVisit.village_code))
    )
    return [
        Visit(row.id or 0, row.village_code, name, row.on_date, row.place, row.hours)
        for row, name in session.exec(query)
    ]


def prices(session: Session) -> dict[str, int]:
    """Rupiah for one message (SMS: one segment), for every channel; 0 when the office has set none."""
    stored = {row.channel: row.idr for row in session.exec(select(Price))}
    return {kind.value: stored.get(kind.value, 0) for kind in ChannelKind}


def places(session: Session) -> list[Place]:
    """Every desa and kelurahan, by code."""
    return [
        Place(
            code=row.code, name=row.name, kind=row.kind, kecamatan_code=row.kecamatan_code, kecamatan=row.kecamatan,
            capacity_place=row.capacity_place, weak_signal=row.weak_signal,
        )
        for row in session.exec(select(Village).order_by(col(Village.code)))
    ]  # fmt: skip


def member(session: Session, username: str) -> Member | None:
    """The active account of that name."""
    row = session.exec(select(Staff).where(Staff.username == username.strip().lower())).first()
    return Member(row.username, row.role) if row is not None and row.disabled_at is None else None


def require(session: Session, username: str, roles: Iterable[str]) -> Member:
    """The active account, when it has one of `roles`; raises `NotAllowed`."""
    found = member(session, username)
    if found is None:
        raise NotAllowed(
            f"Tidak ada akun aktif bernama '{username}'; buat dengan `broadcaster staff add`.", code="unknown_account"
        )
    wanted = list(roles)
    if found.role not in wanted:
        names = " atau ".join(ROLES[role] for role in wanted)
        raise NotAllowed(
            f"'{found.username}' adalah {ROLES[found.role]}; tindakan ini perlu {names}.", code="wrong_role"
        )
    return found


def signed_in(session: Session, token: str, now: datetime) -> Member | None:
    """Who holds this session token; None when it is unknown, over, or its account is disabled."""
    row = session.exec(
        select(Staff)
        .join(StaffSession, col(StaffSession.staff_id) == col(Staff.id))
        .where(
            StaffSession.token_hash == token_hash(token),
            StaffSession.expires_at > now,
            col(Staff.disabled_at).is_(None),
        )
    ).first()
    return None if row is None else Member(row.username, row.role)


def token_hash(token: str) -> bytes:
    """How a session token is kept. It is random, so a plain hash cannot be guessed back."""
    return hashlib.sha256(token.encode()).digest()


def staff_list(session: Session) -> list[StaffLine]:
    return [
        StaffLine(row.username, row.role, row.created_at, row.disabled_at)
        for row in session.exec(select(Staff).order_by(col(Staff.username)))
    ]


def open_alerts(session: Session) -> list[AlertLine]:
    """What still needs a look, oldest first."""
    query = select(Alert).where(col(Alert.cleared_at).is_(None)).order_by(col(Alert.since), col(Alert.id))
    return [AlertLine(row.kind, row.subject, row.since, json.loads(row.data)) for row in session.exec(query)]


def test_recipients(session: Session, sealer: Sealer) -> list[Recipient]:
    """Who may be written to in trial mode, by label."""
    return [
        Recipient(row.id or 0, row.channel, sealer.open("address", row.sealed_address), row.label)
        for row in session.exec(select(TestRecipient).order_by(col(TestRecipient.label), col(TestRecipient.id)))
    ]


def audit_log(session: Session, *, limit: int = 100, offset: int = 0, entity: str = "") -> list[AuditLine]:
    """Who did what, newest first; with `entity` about that one thing only."""
    query = select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(limit).offset(offset)
    if entity:
        query = query.where(AuditEntry.entity == entity)
    return [
        AuditLine(row.id or 0, row.at, row.staff, row.action, row.entity, json.loads(row.data))
        for row in session.exec(query)
    ]


def verify_chain(session: Session) -> bool:
    """Whether no audit entry was changed, taken out or put between.

    Entries cut off at the end leave a sound chain: compare its newest hash with one noted elsewhere (a backup).
    """
    previous = ""
    query = select(AuditEntry).order_by(col(AuditEntry.id)).execution_options(yield_per=1000)
    with closing(session.exec(query)) as rows:
        for row in rows:
            moment = to_micros(row.at)
            expected = chain_of(
                previous, at_micros=moment, staff=row.staff, action=row.action, entity=row.entity, data=row.data
            )
            if row.chain != expected:
                return False
            previous = row.chain
    return True
