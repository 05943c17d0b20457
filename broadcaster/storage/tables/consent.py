"""consent: may we write to this person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class ConsentEntry(SQLModel, table=True):
    """Append only; the latest entry of an address wins."""

    __tablename__ = "consent_entry"
    __table_args__ = (Index("ix_consent_entry_address", "address_blind", "at"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    address_blind: bytes = Field(sa_type=LargeBinary)
    channel: str
    decision: str  # in | out
    source: str  # reply | provider | staff | start
    wording: str  # which word or act, never a free text
    at: datetime = Field(sa_type=Moment)


class Suppression(SQLModel, table=True):
    """Do not write to this address. `household_id` 0 = whoever it belongs to; `channel` "any" = on every channel."""

    __table_args__ = (
        UniqueConstraint("channel", "address_blind", "household_id"),
        Index("ix_suppression_address", "address_blind"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    channel: str
    address_blind: bytes = Field(sa_type=LargeBinary)
    household_id: int = Field(default=0, sa_type=Id)
    reason: str  # opt_out | blocked | wrong_number | staff | unreachable | five_failed_days
    since: datetime = Field(sa_type=Moment)
    until: datetime | None = Field(default=None, sa_type=Moment)  # lifted or ends then
    event_id: int | None = Field(default=None, sa_type=Id)  # the provider event that made it: one confirmation may pass
