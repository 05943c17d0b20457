"""consent: may we write to this person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class ConsentEntry(SQLModel, table=True):
    """One opt-in or opt-out. Append only; what counts is the newest, by when it was said (consent.rules)."""

    __tablename__ = "consent_entry"
    __table_args__ = (
        Index("ix_consent_entry_address", "address_blind", "at"),
        Index("ix_consent_entry_event", "event_id"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    address_blind: bytes = Field(sa_type=LargeBinary)  # purpose "address"
    channel: str  # where it was said; "any" when it was told to staff
    purpose: str  # reminders | all
    decision: str  # in | out
    source: str  # reply | start | provider | block | staff
    wording: str  # which word, act or provider's code, never a free text
    at: datetime = Field(sa_type=Moment)  # when it was said: by the provider's clock, else when we heard of it
    exact: bool  # whether `at` is when it was said, and not only when we heard of it
    recorded_at: datetime = Field(sa_type=Moment)  # by our clock
    event_id: int | None = Field(default=None, sa_type=Id)  # the provider event that brought it
    staff: str = ""  # who entered it, when it was told to the office
    sealed_note: bytes | None = Field(
        default=None, sa_type=LargeBinary
    )  # purpose "note": how it was told to the office


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
    reason: str  # consent.rules.REASONS says what each covers
    since: datetime = Field(sa_type=Moment)  # when the person said it, as far as anybody knows
    acted_at: datetime = Field(sa_type=Moment)  # when it was last put here, by our clock
    until: datetime | None = Field(default=None, sa_type=Moment)  # lifted or ends then
    event_id: int | None = Field(default=None, sa_type=Id)  # the provider event that made it: one confirmation may pass
