"""A lane with one due message to a family whose card is printed, and short ways to drive it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from broadcaster.channels.protocol import Answer
from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.intent import Opened, Rules, Stopped, Wanted, commit_intents
from broadcaster.outbox.lease import Lane, Leased, lease, take_lane
from broadcaster.outbox.record import Answered, CodeClass, Consequence, Evidence, raise_evidence, record
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

CLASSES = {
    "63024": CodeClass("permanent"),
    "63014": CodeClass("suppress"),
    "21611": CodeClass("rate"),
    "63041": CodeClass("ours"),
    "20003": CodeClass("stop"),
    "30008": CodeClass("unknown"),
    "63049": CodeClass("temporary"),
}


def classify(channel: ChannelKind, code: str, in_receipt: bool) -> CodeClass:
    """A small code table: what is not in it is temporary in an answer, and unknown in a receipt."""
    return CLASSES.get(code) or (CodeClass("unknown") if in_receipt else CodeClass("temporary", 2))


@dataclass
class Outbox:
    """Drives the hot path of one WhatsApp lane, step by step."""

    db: Database
    now: datetime
    today: date
    holder: str = "test"
    rules: dict[str, Any] = field(default_factory=dict)

    def lane(self, holder: str = "", now: datetime | None = None) -> Lane:
        found = take_lane(self.db, self.sender_id(), holder or self.holder, now or self.now)
        assert found is not None
        return found

    def lane_of(self, channel: str, now: datetime | None = None) -> Lane:
        found = take_lane(self.db, self.sender_id(channel), self.holder, now or self.now)
        assert found is not None
        return found

    def sender_id(self, channel: str = "whatsapp") -> int:
        with self.db.write() as session:
            return make.sender(session, channel, pace=20).id or 0

    def lease(self, lane: Lane, now: datetime | None = None, **options: Any) -> list[Leased]:
        return lease(self.db, lane, now or self.now, campaigns=True, **options).rows

    def intend(
        self, lane: Lane, rows: Iterable[Leased], now: datetime | None = None, **changed: Any
    ) -> list[Opened | Stopped]:
        wanted = [Wanted(row.id, row.token, row.address_blind, b"sealed", "hash", 1) for row in rows]
        moment = now or self.now
        rules = Rules(
            **{
                "mode": "live",
                "cap": 2,
                "open_now": True,
                "next_open": moment + timedelta(hours=3),
                "today": self.today,
                "next_day": moment + timedelta(days=1),
                "account": "twilio",
            }
            | changed
        )
        with self.db.plain() as sql:
            return commit_intents(sql, lane, wanted, rules, moment)

    def begin(self, **changed: Any) -> Opened:
        """Lease everything due and open the first attempt."""
        lane = self.lane()
        opened = self.intend(lane, self.lease(lane), **changed)[0]
        assert isinstance(opened, Opened), opened
        return opened

    def answer(self, attempt_id: int, answer: Answer, now: datetime | None = None) -> list[Consequence]:
        with self.db.plain() as sql:
            return record(sql, [Answered(attempt_id, answer, now or self.now)], classify)

    def receipt(self, attempt_id: int, state: Any, code: str = "", now: datetime | None = None) -> str:
        with self.db.plain() as sql:
            return raise_evidence(sql, Evidence(attempt_id, state, code, "", None), classify, now or self.now)[0]

    def message(self, message_id: int) -> tables.Message:
        with self.db.read() as session:
            return session.get_one(tables.Message, message_id)

    def attempt(self, attempt_id: int) -> tables.Attempt:
        with self.db.read() as session:
            return session.get_one(tables.Attempt, attempt_id)

    def attempts(self, message_id: int) -> list[tables.Attempt]:
        from sqlmodel import col, select

        with self.db.read() as session:
            return list(
                session.exec(
                    select(tables.Attempt)
                    .where(tables.Attempt.message_id == message_id)
                    .order_by(col(tables.Attempt.number))
                )
            )


@dataclass
class Planned:
    """What `plan_one` made."""

    family: make.Family
    campaign: tables.Campaign
    message_id: int


@pytest.fixture
def outbox(db: Database, now: datetime, today: date) -> Outbox:
    with db.write() as session:
        make.installation(session)
        make.sender(session, "whatsapp", pace=20)
    return Outbox(db, now, today)


@pytest.fixture
def plan_one(db: Database, outbox: Outbox) -> Callable[..., Planned]:
    """Plan one message to a new family; keyword arguments go to `make.message`."""
    kept: list[tables.Campaign] = []

    def plan(card: str = "printed", household: Any = None, **columns: Any) -> Planned:
        with db.write() as session:
            if not kept:
                kept.append(make.campaign(session))
            family = make.family(session, db.sealer, card=card)
            message = make.message(
                session,
                db.sealer,
                household=household or family.household,
                campaign=kept[0],
                card=family.card,
                address=f"+62812{family.household.id:07}",
                **columns,
            )
            return Planned(family, kept[0], message.id or 0)

    return plan
