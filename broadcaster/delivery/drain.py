"""Draining a lane: lease, render, intent and gate, call, record. The rules are those of docs/delivery.md.

The network is awaited with no transaction open. Everything a crash can interrupt is a row: leased rows go back by themselves,
begun ones become `unknown`.
"""

from __future__ import annotations

import asyncio
import math
import os
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from broadcaster.channels.protocol import Answer, Channel, Deferred, Unknown
from broadcaster.clock import Clock, since_boot, today
from broadcaster.delivery.consequences import act
from broadcaster.delivery.journal import Journal, until
from broadcaster.delivery.prepare import NotReady, Ready, prepare
from broadcaster.domain.message import ChannelKind
from broadcaster.office.queries import timetable
from broadcaster.outbox.intent import Opened, Rules, Stopped, Wanted, commit_intents
from broadcaster.outbox.lease import Lane, Lease, fail, lease, leave_lane, release, take_lane
from broadcaster.outbox.record import Answered, Classify, record
from broadcaster.outbox.rules import INTENT_FRESH, reference
from broadcaster.outbox.service import instance_id
from broadcaster.settings import Settings
from broadcaster.storage.database import Database

#: Steps at which a test may kill the process.
Probe = Callable[[str], None]
#: Answers to expect from a provider within this time when planning how many calls go on at once.
_LATENCY_S = 0.5
_MOST_AT_ONCE = 100
_LATE_S = 0.01

log = structlog.get_logger()


@dataclass
class Drained:
    """What one drain did, by outcome."""

    sent: int = 0
    stopped: int = 0
    failed: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)

    def add(self, reason: str) -> None:
        self.by_reason[reason] = self.by_reason.get(reason, 0) + 1


@dataclass(frozen=True)
class Sending:
    """What a drain needs, the same for every lane of a process."""

    db: Database
    settings: Settings
    clock: Clock
    channels: dict[ChannelKind, Channel]
    classify: Classify
    writer: Executor  # one thread: SQLite has one writer, and waiting for it in a queue is cheaper than for its lock
    holder: str
    probe: Probe = lambda _step: None


def holder_name() -> str:
    """Who holds a lane: machine, process and a random part, for people reading the table."""
    return f"{socket.gethostname()[:20]}:{os.getpid()}:{secrets.token_hex(3)}"


async def drain(sending: Sending, sender_id: int, stop: asyncio.Event) -> Drained:
    """Send what is due on this lane until nothing is, or `stop` is set; calls under way are always waited for."""
    loop = asyncio.get_running_loop()
    done = Drained()
    lane = await loop.run_in_executor(
        sending.writer, take_lane, sending.db, sender_id, sending.holder, sending.clock.now()
    )
    if lane is None:
        return done
    channel = sending.channels.get(lane.channel)
    if channel is None:
        return done
    run = _Run(sending, lane, channel, done)
    try:
        await run.until_empty(stop)
    finally:
        await loop.run_in_executor(sending.writer, leave_lane, sending.db, lane, sending.holder)
    return done


@dataclass(frozen=True)
class _Batch:
    rows: list[Ready]
    first_slot: datetime


class _Run:
    """One drain of one lane."""

    def __init__(self, sending: Sending, lane: Lane, channel: Channel, done: Drained) -> None:
        self.sending, self.lane, self.channel, self.done = sending, lane, channel, done
        self.at_once = asyncio.Semaphore(min(_MOST_AT_ONCE, math.ceil(lane.pace * _LATENCY_S) + 2))
        self.calls: set[asyncio.Task[None]] = set()
        self.journal = Journal(self._commit, sending.writer, self._broken)
        self.rules = self._rules(sending.clock.now())
        self.next_slot = 0.0  # monotonic; a batch never begins before the one before it has used its slots
        self.chats: dict[bytes, float] = {}  # monotonic time at which a chat may get its next text
        with sending.db.read() as session:
            self.instance = instance_id(session)

    async def until_empty(self, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        async with self.journal:
            try:
                batch = await loop.run_in_executor(self.sending.writer, self._next)
                while batch.rows and not stop.is_set():
                    # the next rows are leased and rendered while these leave: together what two seconds of pace send
                    ahead = loop.run_in_executor(self.sending.writer, self._next)
                    try:
                        await self._send_batch(batch, stop)
                    finally:
                        batch = await ahead
                if batch.rows:
                    await self._give_back(batch.rows)
            finally:
                if self.calls:
                    await asyncio.wait(self.calls)

    def _next(self) -> _Batch:
        """Renew the lane and lease the next rows, ready to send. Runs in the writer thread."""
        sending, now = self.sending, self.sending.clock.now()
        lane = take_lane(sending.db, self.lane.sender_id, sending.holder, now)
        if lane is None or lane.epoch != self.lane.epoch:
            return _Batch([], now)
        self.rules = self._rules(now)
        leased: Lease = lease(
            sending.db,
            self.lane,
            now,
            campaigns=self.rules.open_now or lane.channel is ChannelKind.VILLAGE_LIST,
            room=max(1, int(self.lane.pace)),
        )
        if leased.rows:
            sending.probe("leased")
        rows: list[Ready] = []
        for item in prepare(sending.db, self.lane.channel, leased.rows, self.rules.today):
            if isinstance(item, NotReady):
                fail(sending.db, item.row, item.reason, now)
                self.done.failed += 1
                self.done.add(item.reason)
            else:
                rows.append(item)
        return _Batch(rows, leased.first_slot)

    async def _send_batch(self, batch: _Batch, stop: asyncio.Event) -> None:
        gap = 1 / self.lane.pace
        slot = max(self.next_slot, until(batch.first_slot, self.sending.clock.now()))
        for position, ready in enumerate(batch.rows):
            if stop.is_set():
                await self._give_back(batch.rows[position:])
                return
            await self.at_once.acquire()
            slot = max(slot, time.monotonic() - _LATE_S)  # a late loop does not catch up by sending faster
            wait = slot - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            slot += gap
            self.next_slot = slot
            call = asyncio.create_task(self._send(ready))
            self.calls.add(call)
            call.add_done_callback(self._finished)

    def _finished(self, call: asyncio.Task[None]) -> None:
        self.calls.discard(call)
        self.at_once.release()
        if call.exception() is not None:
            log.error("a send ended unexpectedly", error=repr(call.exception())[:200])

    async def _send(self, ready: Ready) -> None:
        await self._chat_gap(ready.row.address_blind)
        opened_at, opened_boot = self.sending.clock.now(), since_boot()
        opened = await self.journal.intent(
            Wanted(
                ready.row.id,
                ready.row.token,
                ready.row.address_blind,
                ready.sealed_body,
                ready.text_hash,
                ready.segments,
            )
        )
        if isinstance(opened, Stopped):
            self.done.stopped += 1
            self.done.add(opened.reason)
            return
        self.sending.probe("intent")
        answer = await self._call(ready, opened, opened_at, opened_boot)
        self.sending.probe("called")
        self.done.sent += 1
        await self.journal.record(Answered(opened.attempt_id, answer, self.sending.clock.now()))

    async def _call(self, ready: Ready, opened: Opened, opened_at: datetime, opened_boot: float) -> Answer:
        fresh = INTENT_FRESH.total_seconds()
        if (self.sending.clock.now() - opened_at).total_seconds() > fresh or since_boot() - opened_boot > fresh:
            return Deferred("stale_intent")
        outgoing = replace(ready.outgoing, reference=reference(self.instance, opened.attempt_id))
        try:
            return await self.channel.send(outgoing)
        except Exception as error:  # a channel must not raise; when one does, nobody knows what left
            log.error("a channel raised", channel=str(self.lane.channel), error=repr(error)[:200])
            return Unknown(f"channel raised {type(error).__name__}")

    async def _chat_gap(self, address_blind: bytes) -> None:
        """Telegram takes one text a second per chat."""
        gap = self.channel.limits.same_chat_gap_s
        if gap <= 0:
            return
        now = time.monotonic()
        at = max(now, self.chats.get(address_blind, 0.0))
        self.chats[address_blind] = at + gap
        if len(self.chats) > 1000:
            self.chats = {blind: moment for blind, moment in self.chats.items() if moment > now}
        if at > now:
            await asyncio.sleep(at - now)

    def _commit(self, answered: Sequence[Answered], wanted: Sequence[Wanted]) -> list[Opened | Stopped]:
        now = self.sending.clock.now()
        if answered:
            self.sending.probe("record")
        with self.sending.db.plain() as sql:
            consequences = record(sql, answered, self.sending.classify)
            if consequences:
                with sql.session() as session:
                    act(session, consequences, now)
            return commit_intents(sql, self.lane, wanted, self.rules, now) if wanted else []

    def _broken(self, wanted: Wanted, error: Exception) -> Stopped:
        reason = f"error:{type(error).__name__}"
        with self.sending.db.plain() as sql:
            sql.run(
                "UPDATE message SET status = 'failed', reason = :reason, claim_token = NULL, lease_until = NULL"
                " WHERE id = :id AND status = 'claimed' AND claim_token = :token",
                id=wanted.message_id, token=wanted.token, reason=reason,
            )  # fmt: skip
        return Stopped(wanted.message_id, None, reason)

    async def _give_back(self, rows: Sequence[Ready]) -> None:
        await asyncio.get_running_loop().run_in_executor(
            self.sending.writer,
            release,
            self.sending.db,
            [ready.row for ready in rows],
            self.sending.clock.now(),
        )

    def _rules(self, now: datetime) -> Rules:
        settings = self.sending.settings
        with self.sending.db.read() as session:
            table = timetable(session, settings.zone)
        next_open = table.next_open(now)
        tomorrow = datetime.combine(today(now, settings.zone) + timedelta(days=1), datetime.min.time(), settings.zone)
        return Rules(
            mode=str(settings.mode),
            cap=settings.household_cap,
            open_now=table.is_open(now),
            next_open=next_open,
            today=today(now, settings.zone),
            next_day=table.next_open(tomorrow),
            account=self.channel.account,
        )
