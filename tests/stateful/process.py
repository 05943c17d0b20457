"""A sending process in slow motion: each step of a drain is one call, so that anything can happen in between.

It calls the product's own functions in the product's order (delivery.drain does the same around real calls); what it holds in
memory is lost when it is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broadcaster.channels.protocol import Answer, Deferred
from broadcaster.clock import today
from broadcaster.delivery.consequences import act
from broadcaster.delivery.prepare import Held, NotReady, Ready, prepare
from broadcaster.domain.timetable import Timetable
from broadcaster.outbox.held import held_reason, hold
from broadcaster.outbox.intent import Opened, Rules, Stopped, commit_intents
from broadcaster.outbox.lease import Lane, fail, lease, release, take_lane
from broadcaster.outbox.record import Answered, Classify, record
from broadcaster.outbox.rules import INTENT_FRESH
from broadcaster.storage.database import Database
from tests.stateful.district import ZONE


@dataclass
class Call:
    """A text on its way: `answer` is None until the provider has answered."""

    opened: Opened
    at: datetime
    lane: Lane
    answer: Answer | None = None


@dataclass
class Process:
    db: Database
    name: str
    table: Timetable
    classify: Classify
    cap: int
    lanes: dict[int, Lane] = field(default_factory=dict)
    ready: dict[int, list[Ready]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)

    def lease(self, sender_id: int, now: datetime) -> int | None:
        """Take the lane and lease what is due; how many rows, None when the lane is another's."""
        lane = take_lane(self.db, sender_id, self.name, now)
        if lane is None:
            return None
        self.lanes[sender_id] = lane
        leased = lease(self.db, lane, now, campaigns=self.table.is_open(now))
        mine = self.ready.setdefault(sender_id, [])
        for item in prepare(self.db, lane.channel, leased.rows, today(now, ZONE)):
            if isinstance(item, NotReady):
                fail(self.db, item.row, item.reason, now)
            elif isinstance(item, Held):
                hold(self.db, sender_id, [item.row], held_reason(item.state), now)
            else:
                mine.append(item)
        return len(leased.rows)

    def intend(self, sender_id: int, most: int, now: datetime) -> list[tuple[Ready, Opened | Stopped]]:
        """Commit up to `most` intents under the lane as it was when the rows were leased."""
        mine, rest = self.ready[sender_id][:most], self.ready[sender_id][most:]
        self.ready[sender_id] = rest
        wanted = [one.wanted for one in mine]
        lane = self.lanes[sender_id]
        with self.db.plain() as sql:
            answers = commit_intents(sql, lane, wanted, self._rules(now), now)
        self.calls += [Call(answer, now, lane) for answer in answers if isinstance(answer, Opened)]
        return list(zip(mine, answers, strict=True))

    def leased(self) -> list[int]:
        """Senders of which rows are leased and not begun."""
        return [sender_id for sender_id, rows in self.ready.items() if rows]

    def give_back(self, sender_id: int, now: datetime) -> None:
        release(self.db, [one.row for one in self.ready.pop(sender_id)], now)

    def fresh(self, call: Call, now: datetime) -> bool:
        """Whether the call may still be made; an older intent is not sent."""
        if now - call.at <= INTENT_FRESH:
            return True
        call.answer = Deferred("stale_intent")
        return False

    def record(self, calls: Sequence[Call], now: datetime) -> None:
        """One group commit of answers and what they mean."""
        answered = [Answered(call.opened.attempt_id, call.answer, now) for call in calls if call.answer is not None]
        with self.db.plain() as sql:
            consequences = record(sql, answered, self.classify)
            if consequences:
                with sql.session() as session:
                    act(session, consequences, now)
        self.calls = [call for call in self.calls if call not in calls]

    def _rules(self, now: datetime) -> Rules:
        day = today(now, ZONE)
        tomorrow = datetime.combine(day + timedelta(days=1), datetime.min.time(), ZONE)
        return Rules(
            mode="live", cap=self.cap, open_now=self.table.is_open(now), next_open=self.table.next_open(now), today=day,
            next_day=self.table.next_open(tomorrow), account="twilio",
        )  # fmt: skip
