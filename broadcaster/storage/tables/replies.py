"""replies: what came in, the conversations that wait for staff, who subscribed, and the links that brought them."""

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
    """Someone who pressed Start in Telegram, or came to WhatsApp with a poster's code.

    A family's messages go by its contact points alone: a subscriber without one gets public news and nothing else.
    """

    __table_args__ = (UniqueConstraint("channel", "address_blind"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    channel: str
    address_blind: bytes = Field(sa_type=LargeBinary)
    sealed_address: bytes = Field(sa_type=LargeBinary)
    phone_blind: bytes | None = Field(default=None, sa_type=LargeBinary, index=True)  # shared by the person themselves
    place: str = ""  # the first place that brought them, as in `poster list`
    since: datetime = Field(sa_type=Moment)
    unlinked_at: datetime | None = Field(default=None, sa_type=Moment)  # an older wish to link changes nothing any more


class Poster(SQLModel, table=True):
    """A place where people may find us: a desa, a school, an event. `number` tells several of one place apart."""

    __table_args__ = (UniqueConstraint("place_key", "number"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    place_key: str  # desa code and place in small letters: the same place is found again
    number: int
    place: str  # as printed, "" for the desa itself
    village_id: int | None = Field(default=None, foreign_key="village.id", sa_type=Id)
    made_at: datetime = Field(sa_type=Moment)
    made_by: str


class LinkToken(SQLModel, table=True):
    """The word behind `?start=`. One of a household is used once and kept as an index only; a public one is many people's."""

    __tablename__ = "link_token"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    token_blind: bytes = Field(sa_type=LargeBinary, unique=True)  # purpose "token"
    public: str = ""  # the word itself, of a poster or a campaign
    household_id: int | None = Field(default=None, foreign_key="household.id", index=True, sa_type=Id)
    poster_id: int | None = Field(default=None, foreign_key="poster.id", unique=True, sa_type=Id)
    campaign_id: int | None = Field(default=None, foreign_key="campaign.id", unique=True, sa_type=Id)
    made_at: datetime = Field(sa_type=Moment)
    made_by: str
    expires_at: datetime | None = Field(default=None, sa_type=Moment)
    used_at: datetime | None = Field(default=None, sa_type=Moment)
    used_by: bytes | None = Field(default=None, sa_type=LargeBinary)  # address index of the chat
    revoked_at: datetime | None = Field(default=None, sa_type=Moment)


class Arrival(SQLModel, table=True):
    """A person came by a public token: once per token and address, however often they press."""

    __table_args__ = (UniqueConstraint("token_id", "channel", "address_blind"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    token_id: int = Field(foreign_key="link_token.id", sa_type=Id)
    channel: str  # telegram | whatsapp
    address_blind: bytes = Field(sa_type=LargeBinary, index=True)
    at: datetime = Field(sa_type=Moment)


class TelegramBot(SQLModel, table=True):
    """The name of a bot, asked once: it is part of every link; and how its news come."""

    __tablename__ = "telegram_bot"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    bot_id: str = Field(unique=True)  # the public part of its token
    username: str
    webhook: str = ""  # the address that Telegram was told to call; "" = its news are fetched
    asked_at: datetime = Field(sa_type=Moment)
