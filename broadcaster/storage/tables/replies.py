"""replies: what came in, the conversations that wait for staff, and who subscribed by pressing Start."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class Conversation(SQLModel, table=True):
    __table_args__ = (UniqueConstraint("channel", "address_blind"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    channel: str
    address_blind: bytes = Field(sa_type=LargeBinary)
    sealed_address: bytes = Field(sa_type=LargeBinary)
    household_id: int | None = Field(default=None, foreign_key="household.id", sa_type=Id)
    state: str  # open: staff must act | waiting: staff have answered | done
    last_at: datetime = Field(sa_type=Moment)
    assigned_to: str = Field(default="", sa_column_kwargs={"server_default": ""})  # staff username
    opened_at: datetime | None = Field(
        default=None, sa_type=Moment
    )  # since when staff must act; empty while nobody must
    urgent: bool = Field(default=False, sa_column_kwargs={"server_default": "0"})  # it must be acted on the same day


class Reply(SQLModel, table=True):
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    event_id: int = Field(foreign_key="provider_event.id", unique=True, sa_type=Id)
    conversation_id: int = Field(foreign_key="conversation.id", index=True, sa_type=Id)
    message_id: int | None = Field(default=None, foreign_key="message.id", sa_type=Id)  # the newest text it may answer
    sealed_text: bytes = Field(sa_type=LargeBinary)  # purpose "reply"; long digit runs masked before
    intents: str  # JSON list, the first is primary
    opt_out: bool
    handled_by: str  # auto | staff
    at: datetime = Field(sa_type=Moment)


class Subscriber(SQLModel, table=True):
    """Someone who pressed Start in Telegram."""

    __table_args__ = (UniqueConstraint("channel", "address_blind"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    channel: str
    address_blind: bytes = Field(sa_type=LargeBinary)
    sealed_address: bytes = Field(sa_type=LargeBinary)
    phone_blind: bytes | None = Field(default=None, sa_type=LargeBinary)  # shared by the person themselves
    place: str = ""
    since: datetime = Field(sa_type=Moment)
