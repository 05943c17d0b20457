"""office: places, facts, prices, the calendar, staff and what they did."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class Village(SQLModel, table=True):
    """One desa or kelurahan, by its Kemendagri code."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    code: str = Field(unique=True)
    name: str
    kind: str  # desa | kelurahan
    kecamatan_code: str = Field(index=True)
    kecamatan: str
    capacity_place: str = "kantor"  # which counter serves it: cells of the lot never cross places
    weak_signal: bool = False


class OfficeFact(SQLModel, table=True):
    """What the office must say itself (hours, pick-up rule, numbers). An empty fact blocks sending."""

    __tablename__ = "office_fact"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    key: str = Field(unique=True)
    value: str
    updated_at: datetime = Field(sa_type=Moment)
    updated_by: str


class Price(SQLModel, table=True):
    """Rupiah for one message (WhatsApp, Telegram) or one segment (SMS)."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    channel: str = Field(unique=True)
    idr: int


class CalendarDay(SQLModel, table=True):
    """A day on which nothing is sent."""

    __tablename__ = "calendar_day"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    on_date: date = Field(unique=True)
    name: str


class ServiceVisit(SQLModel, table=True):
    """The office comes to a village (jemput bola), once on a day."""

    __tablename__ = "service_visit"
    __table_args__ = (UniqueConstraint("village_code", "on_date"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    village_code: str = Field(foreign_key="village.code")
    on_date: date = Field(index=True)
    place: str
    hours: str


class Staff(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    username: str = Field(unique=True)
    role: str  # operator | approver | replier | head | admin
    password_hash: str
    created_at: datetime = Field(sa_type=Moment)
    disabled_at: datetime | None = Field(default=None, sa_type=Moment)


class StaffSession(SQLModel, table=True):
    """A signed-in browser. The cookie's token is kept as a hash only."""

    __tablename__ = "staff_session"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    staff_id: int = Field(foreign_key="staff.id", sa_type=Id)
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)


class AuditEntry(SQLModel, table=True):
    """Who did what. Each entry's `chain` is a hash over the one before and itself."""

    __tablename__ = "audit_entry"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    at: datetime = Field(sa_type=Moment)
    staff: str  # a username, or "sistem"
    action: str
    entity: str = Field(index=True)
    data: str  # JSON without personal data
    chain: str


class TestRecipient(SQLModel, table=True):
    """Who may be written to in trial mode."""

    __tablename__ = "test_recipient"
    __table_args__ = (UniqueConstraint("channel", "address_blind"),)
    __test__ = False  # not a test case, whatever pytest thinks of its name
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    channel: str
    address_blind: bytes = Field(sa_type=LargeBinary)
    sealed_address: bytes = Field(sa_type=LargeBinary)
    label: str


class Alert(SQLModel, table=True):
    """Something a person must look at; open until `cleared_at`."""

    __table_args__ = (UniqueConstraint("kind", "subject"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    kind: str
    subject: str
    since: datetime = Field(sa_type=Moment)
    data: str  # JSON
    cleared_at: datetime | None = Field(default=None, sa_type=Moment)
