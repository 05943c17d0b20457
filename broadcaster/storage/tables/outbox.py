"""outbox: the queue and the only truth about what was sent. The rules are in docs/delivery.md."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, LargeBinary, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment

#: Rows that wait for their template, by their reason; queries say it in these words, so that the index is used.
HELD = "substr(reason, 1, 9) = 'template:'"


class Portfolio(SQLModel, table=True):
    """WhatsApp counts unique people in a moving 24 hours per business portfolio; this row is locked when reserving."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    name: str = Field(unique=True)
    daily_tier: int
    people: int | None = None  # at most so many were written to in the last 24 hours; empty = never counted


class Sender(SQLModel, table=True):
    """One lane: a channel and the identity we send from. One lane drains at a time."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    name: str = Field(unique=True)
    channel: str
    pace: float  # messages a second
    next_slot_at: datetime = Field(sa_type=Moment)
    paused_until: datetime | None = Field(default=None, sa_type=Moment)
    pause_reason: str = ""
    epoch: int = 0  # rises each time the lane changes hands
    drained_by: str = ""
    lane_until: datetime | None = Field(default=None, sa_type=Moment)
    portfolio_id: int | None = Field(default=None, foreign_key="portfolio.id", sa_type=Id)


class Message(SQLModel, table=True):
    __table_args__ = (
        Index(
            "ix_message_due",
            "sender_id",
            "campaign_id",
            "due_at",
            "id",
            sqlite_where=text("status = 'planned'"),
            postgresql_where=text("status = 'planned'"),
        ),
        Index(
            "ix_message_leased",
            "sender_id",
            "lease_until",
            sqlite_where=text("status = 'claimed'"),
            postgresql_where=text("status = 'claimed'"),
        ),
        Index(
            "ix_message_expiry",
            "expires_at",
            sqlite_where=text("status = 'planned'"),
            postgresql_where=text("status = 'planned'"),
        ),
        Index(
            "ix_message_late",
            "late_at",
            sqlite_where=text("status = 'planned' AND late <> ''"),
            postgresql_where=text("status = 'planned' AND late <> ''"),
        ),
        Index(
            "ix_message_held",
            "template_version_id",
            sqlite_where=text(f"status = 'planned' AND {HELD}"),
            postgresql_where=text(f"status = 'planned' AND {HELD}"),
        ),
        Index("ix_message_household", "household_id", "intent_on"),
        Index("ix_message_campaign", "campaign_id", "status"),
        Index("ix_message_address", "address_blind"),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    dedupe_key: str = Field(unique=True)
    address_key: str | None = Field(default=None, unique=True)
    replaces_id: int | None = Field(default=None, foreign_key="message.id", unique=True, sa_type=Id)
    purpose: str  # campaign | answer | stop_confirmation | test
    sender_id: int = Field(foreign_key="sender.id", sa_type=Id)
    channel: str
    sealed_address: bytes = Field(sa_type=LargeBinary)  # purpose "address"
    address_blind: bytes = Field(sa_type=LargeBinary)  # purpose "address"
    household_id: int | None = Field(default=None, foreign_key="household.id", sa_type=Id)
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id", sa_type=Id)
    cohort_id: int | None = Field(default=None, foreign_key="cohort.id", sa_type=Id)
    step: str = ""
    hop: int = 0  # place in the channel order, from 0
    template_version_id: int | None = Field(default=None, foreign_key="template_version.id", sa_type=Id)
    event_id: int | None = Field(default=None, foreign_key="provider_event.id", sa_type=Id)  # what an answer answers
    status: str
    reason: str = ""  # a code; domain sentences explain it
    sealed_body: bytes | None = Field(default=None, sa_type=LargeBinary)  # purpose "body", JSON: frozen at the intent
    due_at: datetime = Field(sa_type=Moment)
    expires_at: datetime = Field(sa_type=Moment)
    settle_by: datetime = Field(sa_type=Moment)
    late: str = Field(
        default="", sa_column_kwargs={"server_default": ""}
    )  # skip | ask: when its window is over; "" goes on
    late_at: datetime | None = Field(default=None, sa_type=Moment)  # the end of the window it was planned for
    follows: str = Field(
        default="", sa_column_kwargs={"server_default": ""}
    )  # why this channel, after which the last one
    claim_token: str | None = None
    claim_epoch: int | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Moment)
    intent_at: datetime | None = Field(default=None, sa_type=Moment)
    intent_on: date | None = None  # the same in the office's calendar, for the household cap
    attempts: int = 0
    followed_at: datetime | None = Field(default=None, sa_type=Moment)  # when a next channel was looked for, once
    created_at: datetime = Field(sa_type=Moment)
    updated_at: datetime = Field(sa_type=Moment)


class MessageChild(SQLModel, table=True):
    """Which children (and cards) one message speaks about."""

    __tablename__ = "message_child"
    __table_args__ = (UniqueConstraint("message_id", "card_id"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    message_id: int = Field(foreign_key="message.id", sa_type=Id)
    child_id: int = Field(foreign_key="child.id", index=True, sa_type=Id)
    card_id: int = Field(foreign_key="card.id", index=True, sa_type=Id)
    occasion: str


class Attempt(SQLModel, table=True):
    """One try to send. Its id is the reference the provider brings back."""

    __table_args__ = (
        UniqueConstraint("message_id", "number"),
        UniqueConstraint("account", "provider_id"),
        Index(
            "ix_attempt_open", "opened_at", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")
        ),
        Index(
            "ix_attempt_unknown",
            "opened_at",
            sqlite_where=text("state = 'unknown'"),
            postgresql_where=text("state = 'unknown'"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    message_id: int = Field(foreign_key="message.id", sa_type=Id)
    number: int  # from 1
    state: str  # domain.message.AttemptState
    account: str  # whose provider ids these are: "twilio" | "telegram:<bot>" ...
    opened_at: datetime = Field(sa_type=Moment)
    closed_at: datetime | None = Field(default=None, sa_type=Moment)
    answer: str = ""  # accepted | deferred | rejected | unknown, as the provider said
    code: str = ""
    detail: str = ""  # for developers; no number, no text
    provider_id: str | None = None
    text_hash: str = ""
    segments: int = 0
    price_idr: int | None = None  # the office's price when it was begun; owed when the provider took it
    asked_at: datetime | None = Field(default=None, sa_type=Moment)  # when the provider was last asked about it


class ProviderEvent(SQLModel, table=True):
    """Everything a provider told us, kept once, sealed, before anything acts on it."""

    __tablename__ = "provider_event"
    __table_args__ = (
        UniqueConstraint("account", "event_key"),
        Index(
            "ix_provider_event_new",
            "id",
            sqlite_where=text("applied_at IS NULL"),
            postgresql_where=text("applied_at IS NULL"),
        ),
        # what people did waits among the thousands of receipts of a campaign
        Index(
            "ix_provider_event_unread",
            "id",
            sqlite_where=text("applied_at IS NULL AND kind <> 'status'"),
            postgresql_where=text("applied_at IS NULL AND kind <> 'status'"),
        ),
    )
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    account: str  # twilio | telegram
    event_key: str
    kind: str  # status | inbound | update
    sealed_raw: bytes = Field(sa_type=LargeBinary)  # purpose "event"
    received_at: datetime = Field(sa_type=Moment)
    applied_at: datetime | None = Field(default=None, sa_type=Moment)
    problem: str = ""


class Receipt(SQLModel, table=True):
    """A delivery receipt, kept once under its provider's key."""

    __table_args__ = (UniqueConstraint("attempt_id", "state", "code"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    attempt_id: int = Field(foreign_key="attempt.id", sa_type=Id)
    state: str
    code: str = ""
    at: datetime = Field(sa_type=Moment)
    event_id: int | None = Field(default=None, foreign_key="provider_event.id", sa_type=Id)


class PollCursor(SQLModel, table=True):
    __tablename__ = "poll_cursor"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    account: str = Field(unique=True)
    position: str
