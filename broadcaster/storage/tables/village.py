"""village: the links through which village officers see their list, and what they ticked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class OfficerLink(SQLModel, table=True):
    """One address of one village's list. Token and PIN are kept as hashes only; a new link leaves the older ones as they are."""

    __tablename__ = "officer_link"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    village_id: int = Field(foreign_key="village.id", index=True, sa_type=Id)
    token_hash: bytes = Field(sa_type=LargeBinary, unique=True)
    pin_hash: bytes = Field(sa_type=LargeBinary)  # keyed: six digits could be guessed back from a plain hash
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)
    wrong_pins: int = 0  # since the last right one
    locked_until: datetime | None = Field(default=None, sa_type=Moment)
    opened_at: datetime | None = Field(default=None, sa_type=Moment)  # when the right PIN was last entered


class Tick(SQLModel, table=True):
    """What an officer noted about one household. Append only: the newest by `said_at` stands, the others are its history."""

    __table_args__ = (
        UniqueConstraint("household_id", "kind", "client_id"),
        Index("ix_tick_household", "household_id", "said_at"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    link_id: int = Field(foreign_key="officer_link.id", index=True, sa_type=Id)
    household_id: int = Field(foreign_key="household.id", sa_type=Id)
    kind: str  # village.rules.TickKind
    client_id: str  # made by the page: the same tick sent twice is one tick
    about: str  # JSON list of "<card id>:<occasion>", what the family was due for
    said_at: datetime = Field(sa_type=Moment)  # when it was pressed; the line may have been away since
    received_at: datetime = Field(sa_type=Moment)
    settled_as: str = Field(default="", sa_column_kwargs={"server_default": ""})  # confirmed | wrong, by staff
    settled_by: str = Field(default="", sa_column_kwargs={"server_default": ""})
    settled_at: datetime | None = Field(default=None, sa_type=Moment)
