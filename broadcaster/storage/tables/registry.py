"""registry: imports, households, guardians, children, cards and how to reach the family."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment

_APPLIED = text("status = 'applied'")


class ImportBatch(SQLModel, table=True):
    """One applied file. A file that was taken back may be applied again, as another batch."""

    __tablename__ = "import_batch"
    __table_args__ = (
        Index(
            "uq_import_batch_applied",
            "sha256",
            "kind",
            unique=True,
            sqlite_where=_APPLIED,
            postgresql_where=_APPLIED,
        ),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    sha256: str
    kind: str  # children | phones | collections
    file_name: str
    status: str  # applied | undone
    applied_at: datetime = Field(sa_type=Moment)
    data_until: date  # the register speaks up to this day
    row_count: int
    good: int
    rejected: int


class ImportRow(SQLModel, table=True):
    """A row that was rejected or warned about."""

    __tablename__ = "import_row"
    __table_args__ = (UniqueConstraint("batch_id", "number"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    batch_id: int = Field(foreign_key="import_batch.id", sa_type=Id)
    number: int  # as the office sees it in the sheet, from 1
    problems: str  # JSON, values masked


class ImportChange(SQLModel, table=True):
    """What a batch did to the register, in the order it was done; written in its transaction, gone when it is taken back.

    `before` None: the rows `first_id` to `last_id` of the table were added. Both set: one row was changed; they hold the
    columns that changed. `after` None: one row was removed, `before` holds it whole.
    """

    __tablename__ = "import_change"
    __table_args__ = (Index("ix_import_change_row", "entity", "first_id"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    batch_id: int = Field(foreign_key="import_batch.id", index=True, sa_type=Id)
    entity: str  # name of the table
    first_id: int = Field(sa_type=Id)
    last_id: int = Field(sa_type=Id)
    before: bytes | None = Field(default=None, sa_type=LargeBinary)  # purpose "change", JSON
    after: bytes | None = Field(default=None, sa_type=LargeBinary)  # purpose "change", JSON


class Household(SQLModel, table=True):
    """The unit that is written to: families joined by KK number or personal phone."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    key: str = Field(unique=True)  # keyed hash; survives re-imports
    alias_of: int | None = Field(
        default=None, foreign_key="household.id", index=True, sa_type=Id
    )  # merged into that one
    village_id: int | None = Field(default=None, foreign_key="village.id", sa_type=Id)
    created_at: datetime = Field(sa_type=Moment)


class HouseholdKk(SQLModel, table=True):
    __tablename__ = "household_kk"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    kk_blind: bytes = Field(sa_type=LargeBinary, unique=True)
    household_id: int = Field(foreign_key="household.id", index=True, sa_type=Id)


class Guardian(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    household_id: int = Field(foreign_key="household.id", index=True, sa_type=Id)
    sealed_name: bytes = Field(sa_type=LargeBinary)  # purpose "name"


class Child(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    household_id: int = Field(foreign_key="household.id", index=True, sa_type=Id)
    sealed_name: bytes = Field(sa_type=LargeBinary)  # purpose "name"
    birth_date: date = Field(index=True)
    sex: str  # L | P | "" when the file does not say
    excluded: str = ""  # deceased | moved: never written about


class ChildIdentity(SQLModel, table=True):
    __tablename__ = "child_identity"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    nik_blind: bytes = Field(sa_type=LargeBinary, unique=True)
    sealed_nik: bytes = Field(sa_type=LargeBinary)  # purpose "nik"
    child_id: int = Field(foreign_key="child.id", index=True, sa_type=Id)


class Card(SQLModel, table=True):
    __table_args__ = (UniqueConstraint("child_id", "kind"), Index("ix_card_status", "status", "kind"))
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    child_id: int = Field(foreign_key="child.id", sa_type=Id)
    kind: str  # domain.card.CardKind
    status: str  # domain.card.CardStatus
    since: date


class CardEvent(SQLModel, table=True):
    """A card reached a status on a day; recorded when the file was applied."""

    __tablename__ = "card_event"
    __table_args__ = (UniqueConstraint("card_id", "status", "on_date"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    card_id: int = Field(foreign_key="card.id", sa_type=Id)
    status: str
    on_date: date
    back: bool = False  # a step backwards that a person confirmed: later steps known before it do not count any more
    recorded_at: datetime = Field(sa_type=Moment)
    batch_id: int = Field(foreign_key="import_batch.id", index=True, sa_type=Id)


class ContactPoint(SQLModel, table=True):
    """An address of a guardian on one channel. `address_blind` is the same for WhatsApp and SMS of one number."""

    __tablename__ = "contact_point"
    __table_args__ = (
        UniqueConstraint("guardian_id", "channel", "address_blind"),
        Index("ix_contact_point_address", "address_blind"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    guardian_id: int = Field(foreign_key="guardian.id", sa_type=Id)
    channel: str  # whatsapp | sms | telegram
    address_blind: bytes = Field(sa_type=LargeBinary)  # purpose "address"
    sealed_address: bytes = Field(sa_type=LargeBinary)  # purpose "address": E.164 or a Telegram chat id
    shared: bool = False  # a number of more than three families: joins nobody, no names in texts
    invalid_since: datetime | None = Field(default=None, sa_type=Moment)
    invalid_reason: str = ""


class ColumnMap(SQLModel, table=True):
    """What the office said about the columns of files of one shape (registry.mapping); the newest answer stands."""

    __tablename__ = "column_map"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    shape: str = Field(unique=True)  # registry.columns.shape_of: keyed by the headings in their order
    columns: str  # JSON: heading -> field
    staff: str
    answered_at: datetime = Field(sa_type=Moment)
