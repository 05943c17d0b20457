"""What staff may change: office facts, prices, closed days, accounts. Every change is an audit entry.

`by` is the acting username, or `rules.SYSTEM` for the command line on the server; a person needs the verb's role.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy import Table, case, delete, func, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, SQLModel, col, select

from broadcaster.domain.message import ChannelKind
from broadcaster.domain.phone import mask, read_phone
from broadcaster.domain.place import load_places
from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound
from broadcaster.office import queries, rules
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from broadcaster.storage.tables import (
    Alert,
    AuditEntry,
    CalendarDay,
    OfficeFact,
    Price,
    Staff,
    StaffSession,
    TestRecipient,
    Village,
)
from broadcaster.storage.types import to_micros

#: Appending to the chain is one at a time on PostgreSQL (any constant does); SQLite has one writer anyway.
_AUDIT_LOCK = 4_203_170_301
_WRONG = "Nama pengguna atau kata sandi salah."


def set_fact(db: Database, key: str, value: str, *, by: str, now: datetime) -> str:
    """Set an office fact and return it as stored; an empty value empties it. Raises `BadInput`, `NotAllowed`."""
    fact = rules.fact_of(key)
    stored = rules.check_fact(key, value)
    with db.write() as session:
        by = allowed(session, by, rules.MAY_SET_FACTS)
        upsert(session, OfficeFact, ["key"], {"key": fact.key, "value": stored, "updated_at": now, "updated_by": by})
        audit(session, at=now, staff=by, action="fact.set", entity=f"fact:{fact.key}", data={"value": stored})
    return stored


def set_price(db: Database, channel: str, idr: int, *, by: str, now: datetime) -> None:
    """Set what one message (SMS: one segment) costs, in whole rupiah. Raises `BadInput`, `NotAllowed`."""
    rules.check_price(channel, idr)
    with db.write() as session:
        by = allowed(session, by, rules.MAY_SET_FACTS)
        upsert(session, Price, ["channel"], {"channel": channel, "idr": idr})
        audit(session, at=now, staff=by, action="price.set", entity=f"price:{channel}", data={"idr": idr})


def add_closed_day(db: Database, on: date, name: str, *, by: str, now: datetime) -> None:
    """Send nothing on this day; a second call renames it. Raises `BadInput`, `NotAllowed`."""
    label = " ".join(name.split())
    if not label:
        raise BadInput(f"Hari libur {on:%d-%m-%Y} belum diberi nama; tulis misalnya 'Idul Fitri'.", code="no_name")
    with db.write() as session:
        by = allowed(session, by, rules.MAY_SET_FACTS)
        upsert(session, CalendarDay, ["on_date"], {"on_date": on, "name": label})
        audit(session, at=now, staff=by, action="calendar.closed", entity=_day(on), data={"name": label})


def remove_closed_day(db: Database, on: date, *, by: str, now: datetime) -> None:
    """The office works on this day after all; loading the defaults does not close it again. Raises `NotFound`."""
    with db.write() as session:
        by = allowed(session, by, rules.MAY_SET_FACTS)
        row = session.exec(select(CalendarDay).where(CalendarDay.on_date == on)).first()
        if row is None:
            raise NotFound(f"{on:%d-%m-%Y} bukan hari libur di kalender kantor.", code="not_closed")
        session.delete(row)
        session.flush()
        audit(session, at=now, staff=by, action="calendar.opened", entity=_day(on), data={"name": row.name})


def load_defaults(session: Session, now: datetime) -> None:
    """Load the shipped places, closed days and prices of 0; what is there already stays as staff left it."""
    known = set(session.exec(select(Village.code)))
    places = [
        Village(
            code=place.code, name=place.name, kind=place.kind, kecamatan_code=place.kecamatan_code,
            kecamatan=place.kecamatan, capacity_place=place.capacity_place, weak_signal=place.weak_signal,
        )
        for place in load_places(content_dir() / "places" / "bengkulu_utara.csv")
        if place.code not in known
    ]  # fmt: skip
    settled = {_day(on) for on in session.exec(select(col(CalendarDay.on_date)))}
    settled |= set(session.exec(select(AuditEntry.entity).where(AuditEntry.action == "calendar.opened")))
    days = [
        CalendarDay(on_date=on, name=name)
        for on, name in queries.shipped_calendar().closed.items()
        if _day(on) not in settled
    ]
    priced = set(session.exec(select(Price.channel)))
    prices = [Price(channel=kind.value, idr=0) for kind in ChannelKind if kind.value not in priced]
    if places or days or prices:
        session.add_all([*places, *days, *prices])
        session.flush()
        data = {"places": len(places), "closed_days": len(days)}
        audit(session, at=now, staff=rules.SYSTEM, action="defaults.loaded", entity="office", data=data)


def add_staff(db: Database, username: str, role: str, password: str, *, by: str, now: datetime) -> queries.Member:
    """Make an account. Raises `BadInput` for a name, role or password that will not do, `NotAllowed`."""
    name = rules.check_username(username)
    rules.check_role(role)
    rules.check_password(name, password)
    hashed = _hasher().hash(password)  # slow on purpose, so before the transaction
    with db.write() as session:
        by = allowed(session, by, rules.MAY_MANAGE_STAFF)
        if session.exec(select(Staff.id).where(Staff.username == name)).first() is not None:
            raise BadInput(f"Akun '{name}' sudah ada; pilih nama lain.", code="username_taken")
        session.add(Staff(username=name, role=role, password_hash=hashed, created_at=now))
        session.flush()
        audit(session, at=now, staff=by, action="staff.added", entity=f"staff:{name}", data={"role": role})
    return queries.Member(name, role)


def disable_staff(db: Database, username: str, *, by: str, now: datetime) -> None:
    """Close an account and sign it out everywhere. Raises `NotFound`, and `Blocked` for the last admin."""
    with db.write() as session:
        by = allowed(session, by, rules.MAY_MANAGE_STAFF)
        row = _staff_row(session, username)
        if row.disabled_at is not None:
            return
        admins = session.exec(select(Staff.id).where(Staff.role == "admin", col(Staff.disabled_at).is_(None))).all()
        if list(admins) == [row.id]:
            raise Blocked(
                f"'{row.username}' adalah admin terakhir; buat admin lain dahulu dengan `broadcaster staff add`.",
                code="last_admin",
            )
        row.disabled_at = now
        session.add(row)
        _end_sessions(session, row)
        audit(session, at=now, staff=by, action="staff.disabled", entity=f"staff:{row.username}", data={})


def reset_password(db: Database, username: str, password: str, *, by: str, now: datetime) -> None:
    """Give an account a new password, sign it out everywhere, and let it try again at once. Raises `NotFound`."""
    name = username.strip().lower()
    rules.check_password(name, password)
    hashed = _hasher().hash(password)
    with db.write() as session:
        if by.strip().lower() != name:
            by = allowed(session, by, rules.MAY_MANAGE_STAFF)
        row = _staff_row(session, name)
        row.password_hash = hashed
        session.add(row)
        _end_sessions(session, row)
        audit(session, at=now, staff=by, action="staff.password_reset", entity=f"staff:{row.username}", data={})


def sign_in(db: Database, username: str, password: str, now: datetime) -> str:
    """A session token, good for 12 hours, for the right password; raises `NotAllowed`, the same for every wrong pair.

    Five unsuccessful tries of one name in 15 minutes make it wait. The tries are audit entries: they hold across
    restarts and across several web processes, and the office sees them. A try is entered before the password is looked
    at, so that many tries at the same moment do not each find the count low. The entry of an unknown name holds a keyed
    hash, because people type their password into the wrong field.
    """
    name = username.strip().lower()
    with db.write() as session:
        _lock_chain(session)
        account = session.exec(select(Staff).where(Staff.username == name, col(Staff.disabled_at).is_(None))).first()
        entity = f"staff:{name if account else db.sealer.blind('username', name).hex()[:12]}"
        waiting = rules.too_many_tries(_tries(session, entity, now), now)
        if not waiting:
            audit(session, at=now, staff=rules.SYSTEM, action="staff.sign_in_tried", entity=entity, data={})
    if waiting:
        minutes = int(rules.TRY_WINDOW.total_seconds() // 60)
        raise NotAllowed(
            f"Terlalu banyak percobaan masuk dengan nama ini; tunggu {minutes} menit, lalu coba lagi.",
            code="too_many_tries",
        )
    # an unknown name costs the same time as a known one, the first time too
    nobodys = _nobodys_hash()
    offered = password if len(password) <= rules.MAX_PASSWORD else ""
    right = _hasher().verify(offered, account.password_hash if account else nobodys)
    if not right or account is None or account.id is None:
        raise NotAllowed(_WRONG, code="wrong_password")
    token = secrets.token_urlsafe(32)
    with db.write() as session:
        session.execute(delete(StaffSession).where(col(StaffSession.expires_at) <= now))
        session.add(
            StaffSession(
                token_hash=queries.token_hash(token),
                staff_id=account.id,
                created_at=now,
                expires_at=now + rules.SESSION,
            )
        )
        audit(session, at=now, staff=name, action="staff.signed_in", entity=entity, data={})
    return token


def sign_out(db: Database, token: str) -> None:
    """End the session of this token; nothing happens when it is over already."""
    with db.write() as session:
        session.execute(delete(StaffSession).where(col(StaffSession.token_hash) == queries.token_hash(token)))


def add_test_recipient(db: Database, channel: str, address: str, label: str, *, by: str, now: datetime) -> str:
    """Allow writing to this address in trial mode; returns the address as stored. Raises `BadInput`, `NotAllowed`.

    Without a label it is listed under its masked address.
    """
    stored = _recipient_address(channel, address)
    name = " ".join(label.split()) or mask(stored)
    with db.write() as session:
        by = allowed(session, by, rules.MAY_MANAGE_RECIPIENTS)
        blind = db.sealer.blind("address", stored)
        row = {
            "channel": channel,
            "address_blind": blind,
            "sealed_address": db.sealer.seal("address", stored),
            "label": name,
        }
        upsert(session, TestRecipient, ["channel", "address_blind"], row)
        audit(
            session,
            at=now,
            staff=by,
            action="recipient.added",
            entity=f"recipient:{channel}:{blind.hex()[:12]}",
            data={},
        )
    return stored


def raise_alert(session: Session, kind: str, subject: str, data: Mapping[str, object], now: datetime) -> None:
    """Something needs a look. An open alert keeps its first moment and takes the new data; a cleared one opens anew."""
    table = _table(Alert)
    statement = _insert(session)(table).values(
        kind=kind, subject=subject, since=now, data=rules.canonical(data), cleared_at=None
    )
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "subject"],
            set_={
                "since": case((table.c.cleared_at.is_not(None), statement.excluded.since), else_=table.c.since),
                "data": statement.excluded.data,
                "cleared_at": None,
            },
        )
    )


def clear_alert(session: Session, kind: str, subject: str, now: datetime) -> bool:
    """It is over; whether it was open."""
    row = session.exec(
        select(Alert).where(Alert.kind == kind, Alert.subject == subject, col(Alert.cleared_at).is_(None))
    ).first()
    if row is None:
        return False
    row.cleared_at = now
    session.add(row)
    session.flush()
    return True


def audit(session: Session, *, at: datetime, staff: str, action: str, entity: str, data: Mapping[str, object]) -> None:
    """Append an entry to the chain. `data` is JSON without personal data.

    Call it last in a transaction: on PostgreSQL the chain is locked from here to the commit.
    """
    _lock_chain(session)
    newest = session.exec(select(AuditEntry.chain).order_by(col(AuditEntry.id).desc()).limit(1)).first()
    body = rules.canonical(data)
    chain = rules.chain_of(newest or "", at_micros=to_micros(at), staff=staff, action=action, entity=entity, data=body)
    session.add(AuditEntry(at=at, staff=staff, action=action, entity=entity, data=body, chain=chain))
    session.flush()


def _lock_chain(session: Session) -> None:
    if session.connection().dialect.name == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_AUDIT_LOCK})"))


def allowed(session: Session, by: str, roles: Iterable[str]) -> str:
    """The acting account's name as it is stored, when it has one of `roles`; raises `NotAllowed`."""
    return by if by == rules.SYSTEM else queries.require(session, by, roles).username


def _staff_row(session: Session, username: str) -> Staff:
    row = session.exec(select(Staff).where(Staff.username == username.strip().lower())).first()
    if row is None:
        raise NotFound(f"Tidak ada akun '{username}'; lihat `broadcaster staff list`.", code="unknown_account")
    return row


def _end_sessions(session: Session, row: Staff) -> None:
    session.execute(delete(StaffSession).where(col(StaffSession.staff_id) == row.id))


def _tries(session: Session, entity: str, now: datetime) -> Sequence[datetime]:
    """Moments of the tries in the window that came after the name last came in or got a new password."""
    reset = select(func.max(AuditEntry.id)).where(
        AuditEntry.entity == entity, col(AuditEntry.action).in_(("staff.signed_in", "staff.password_reset"))
    )
    return session.exec(
        select(AuditEntry.at).where(
            AuditEntry.entity == entity,
            AuditEntry.action == "staff.sign_in_tried",
            AuditEntry.at > now - rules.TRY_WINDOW,
            col(AuditEntry.id) > func.coalesce(reset.scalar_subquery(), 0),
        )
    ).all()


def _recipient_address(channel: str, address: str) -> str:
    if channel in ("whatsapp", "sms"):
        phone = read_phone(address)
        if phone.e164 is None:
            raise BadInput(f"'{address}' bukan nomor telepon; tulis misalnya 0812-3456-7890.", code="bad_address")
        return phone.e164
    if channel == "telegram":
        chat = address.strip()
        if not (chat.isascii() and chat.removeprefix("-").isdigit()):
            raise BadInput(f"'{address}' bukan nomor obrolan Telegram; nomor itu hanya angka.", code="bad_address")
        return chat
    raise BadInput(
        f"Penerima uji tidak dapat memakai saluran '{channel}'; pakai whatsapp, sms atau telegram.",
        code="unknown_channel",
    )


def _day(on: date) -> str:
    return f"day:{on.isoformat()}"


@lru_cache(maxsize=1)
def _hasher() -> PasswordHash:
    return PasswordHash.recommended()  # argon2id


@lru_cache(maxsize=1)
def _nobodys_hash() -> str:
    return _hasher().hash(secrets.token_hex(16))


def upsert(session: Session, model: type[SQLModel], keys: Sequence[str], values: Mapping[str, Any]) -> None:
    """Insert, or change the row with the same keys: two people saving at once do not fail each other."""
    statement = _insert(session)(_table(model)).values(**values)
    changed = {name: statement.excluded[name] for name in values if name not in keys}
    session.execute(statement.on_conflict_do_update(index_elements=list(keys), set_=changed))


def _insert(session: Session) -> Any:
    return postgresql.insert if session.connection().dialect.name == "postgresql" else sqlite.insert


def _table(model: type[SQLModel]) -> Table:
    table = model.__dict__["__table__"]
    assert isinstance(table, Table)
    return table
