"""What providers bring, as their real events, and one call that acts on all of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlmodel import Session, col, select

from broadcaster.channels import telegram_events, twilio_events
from broadcaster.channels.protocol import ChannelEvent, RawEvent
from broadcaster.consent.queries import is_suppressed
from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.record import CodeClass
from broadcaster.outbox.service import keep_event, thaw
from broadcaster.rendering.queries import latest
from broadcaster.rendering.service import load_content
from broadcaster.replies.service import apply_events
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

PHONE = "+6281234567890"
CHAT = "700100200"


@dataclass(frozen=True)
class Reader:
    """The reading half of a channel: all that `apply_events` uses."""

    account: str
    parse: Callable[[RawEvent], Sequence[ChannelEvent]]


READERS: dict[str, Any] = {
    "twilio": Reader("twilio", twilio_events.parse),
    "telegram": Reader("telegram", telegram_events.parse),
}


def classify(_channel: ChannelKind, _code: str, _in_receipt: bool) -> CodeClass:
    return CodeClass("permanent")


@dataclass
class Post:
    """Brings events in and acts on them; `now` moves on by a minute with each."""

    db: Database
    now: datetime
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def keep(self, event: RawEvent) -> int:
        self.now += timedelta(minutes=1)
        with self.db.write() as session:
            kept = keep_event(session, self.db.sealer, event, self.now)
        assert kept is not None
        return kept

    def apply(self) -> int:
        return apply_events(self.db, READERS, self.now, classify=classify)

    def whatsapp(self, text: str = "", *, sender: str = PHONE, **fields: str) -> int:
        """Someone writes on WhatsApp; further webhook fields by name."""
        pairs = [("From", f"whatsapp:{sender}"), ("Body", text), *fields.items()]
        event = self.keep(twilio_events.inbound_event(f"SM{next(self.numbers):032x}", pairs))
        self.apply()
        return event

    def sms(self, text: str, *, sender: str = PHONE) -> int:
        event = self.keep(
            twilio_events.inbound_event(f"SM{next(self.numbers):032x}", [("From", sender), ("Body", text)])
        )
        self.apply()
        return event

    def telegram(self, text: str = "", *, chat: str = CHAT, at: datetime | None = None, **fields: Any) -> int:
        """Someone writes to the bot at `at` (default: now)."""
        self.now += timedelta(minutes=1)
        moment = int((at or self.now).timestamp())
        person = {"id": int(chat), "is_bot": False, "first_name": "Sri"}
        message = {"message_id": 1, "date": moment, "chat": {"id": int(chat), "type": "private"}, "from": person}
        update = {"update_id": next(self.numbers), "message": message | ({"text": text} if text else {}) | fields}
        event = self.keep(telegram_events.of_update(update))
        self.apply()
        return event

    def press(self, intent: str, reference: str, *, chat: str = CHAT, title: str = "Berhenti") -> int:
        """Someone presses a button below a text of ours on Telegram."""
        press = {
            "id": "1", "from": {"id": int(chat)}, "data": f"{intent}:{reference}",
            "message": {"chat": {"id": int(chat), "type": "private"}},
        }  # fmt: skip
        event = self.keep(telegram_events.of_update({"update_id": next(self.numbers), "callback_query": press}))
        self.apply()
        return event

    def member(self, status: str, *, chat: str = CHAT, **fields: Any) -> int:
        """Someone blocks the bot (`kicked`) or comes back (`member`)."""
        change = {"chat": {"id": int(chat), "type": "private"}, "new_chat_member": {"status": status}} | fields
        event = self.keep(telegram_events.of_update({"update_id": next(self.numbers), "my_chat_member": change}))
        self.apply()
        return event

    def receipt(self, reference: str, status: str, sid: str = "SM77") -> int:
        event = self.keep(twilio_events.status_event(sid, status, "", reference=reference))
        self.apply()
        return event

    def answers(self, purpose: str | None = None) -> list[str]:
        """Texts planned by themselves, in order, of one purpose when it is given."""
        with self.db.read() as session:
            rows = session.exec(
                select(tables.Message).where(tables.Message.purpose != "campaign").order_by(col(tables.Message.id))
            )
            return [
                thaw(self.db.sealer.open("body", row.sealed_body or b""), reference="", address="").text
                for row in rows
                if purpose in (None, row.purpose)
            ]

    def suppressions(self) -> set[tuple[str, str]]:
        """(channel, reason) of every standing suppression, whatever the address."""
        with self.db.read() as session:
            rows = session.exec(select(tables.Suppression))
            return {(row.channel, row.reason) for row in rows if row.until is None or row.until > self.now}

    def is_suppressed(self, address: str, channel: str = "whatsapp", household: int = 0) -> str | None:
        with self.db.read() as session:
            blind = self.db.sealer.blind("address", address)
            return is_suppressed(session, channel, blind, household, self.now)

    def reply(self) -> tables.Reply:
        """The newest reply kept."""
        with self.db.read() as session:
            return session.exec(select(tables.Reply).order_by(col(tables.Reply.id).desc())).first() or pytest.fail(
                "none"
            )

    def state(self) -> str:
        """Of the conversation that moved last."""
        with self.db.read() as session:
            row = session.exec(select(tables.Conversation).order_by(col(tables.Conversation.last_at).desc())).first()
            return row.state if row else "none"

    def problem(self, event_id: int) -> str:
        with self.db.read() as session:
            row = session.get_one(tables.ProviderEvent, event_id)
            assert row.applied_at is not None
            return row.problem


@dataclass(frozen=True)
class Sent:
    """A campaign text that reached a family."""

    family: make.Family
    campaign: tables.Campaign
    message: tables.Message
    reference: str


def send(
    session: Session,
    db: Database,
    *,
    phone: str = PHONE,
    channel: str = "whatsapp",
    key: str = "ambil-kartu-1",
    **family: Any,
) -> Sent:
    """A family with this phone and one accepted text of the message `key`."""
    home = make.family(session, db.sealer, phone=phone, **family)
    name = f"kampanye-{home.household.id}"
    campaign = make.campaign(session, name)
    message = make.message(
        session, db.sealer, household=home.household, campaign=campaign, card=home.card, address=phone, channel=channel,
        status="accepted", template_version_id=latest(session, key).id,
    )  # fmt: skip
    return Sent(home, campaign, message, make.reference(make.attempt(session, message)))


@pytest.fixture
def post(db: Database, now: datetime) -> Post:
    """A database with texts, facts and senders, into which events are posted."""
    with db.write() as session:
        make.installation(session)
        make.facts(session)
        load_content(session, content_dir(), now)
        for channel in ("whatsapp", "telegram"):
            make.sender(session, channel)
    return Post(db, now)
