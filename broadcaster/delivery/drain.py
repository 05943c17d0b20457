"""Draining a lane: lease, render, intent and gate, call, record. The rules are those of docs/delivery.md.

The network is awaited with no transaction open. Everything a crash can interrupt is a row: leased rows go back by themselves,
begun ones become `unknown`.
"""

from __future__ import annotations

import asyncio
import gc
import heapq
import math
import os
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import structlog

from broadcaster.channels.protocol import Answer, Channel, Deferred, Unknown
from broadcaster.clock import Clock, since_boot, today
from broadcaster.delivery.consequences import act
from broadcaster.delivery.journal import FULL, WAIT_S, Journal
from broadcaster.delivery.prepare import Held, Ready, prepare
from broadcaster.domain.message import ChannelKind
from broadcaster.domain.timetable import Timetable
from broadcaster.office.queries import timetable
from broadcaster.outbox.held import held_reason, hold
from broadcaster.outbox.intent import Opened, Rules, Stopped, Wanted, commit_intents
from broadcaster.outbox.lease import Lane, Lease, Leased, fail, fail_by_token, lease, leave_lane, release, take_lane
from broadcaster.outbox.record import Answered, Classify, record
from broadcaster.outbox.rules import INTENT_FRESH, reference
from broadcaster.outbox.service import instance_id
from broadcaster.settings import Settings
from broadcaster.storage.database import Database, is_away

#: Steps at which a test may kill the process.
Probe = Callable[[str], None]
#: Until calls have been measured, answers are expected within this time when planning how many go on at once.
_LATENCY_S = 0.5
#: Calls at once, at most; more for lanes of hundreds of texts a second.
_MOST_AT_ONCE = 100
_MOST_AT_ONCE_FAST = 200
_FAST = 400.0  # texts a second
_LATE_S = 0.01
#: What a late loop may make up: intents this many seconds behind their slots, by calls that follow one another this much faster
#: than the lane's pace. That is a share (`lease.USED_OF_PACE`) of the configured one, which is still not exceeded.
_BEHIND_S = 0.25
_CATCH_UP = 1.015
_FRESH_S = INTENT_FRESH.total_seconds()
_RENEW_S = 1.0  # between two signs of life of a lane, and between two readings of the timetable
_GARBAGE = 20_000  # new objects between two looks; a few megabytes at most
_SHORT_S = 0.05  # a wait that need not be woken by a stop
_MOST_CHATS = 1000  # remembered; at more, those whose second is over are forgotten

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
    _rarely_look_for_garbage()
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
        await loop.run_in_executor(sending.writer, leave_lane, sending.db, lane, sending.holder, run.next_free())
    return done


@lru_cache(maxsize=1)
def _rarely_look_for_garbage() -> None:
    """Once a process. What it has loaded by its first drain lives as long as it, and of what a text leaves behind hardly
    anything needs the collector: looking through all of it, again and again as texts come and go, took a fifth of a drain."""
    gc.freeze()
    gc.set_threshold(_GARBAGE, 10, 10)


@dataclass(frozen=True)
class _Batch:
    rows: list[Ready]
    first_slot: datetime
    found: int  # rows leased, those that could not be made ready as well


class _Run:
    """One drain of one lane."""

    def __init__(self, sending: Sending, lane: Lane, channel: Channel, done: Drained) -> None:
        self.sending, self.lane, self.channel, self.done = sending, lane, channel, done
        self.calls: set[asyncio.Task[Any]] = set()
        self.room = asyncio.Event()  # set when a call ends
        self.took: deque[float] = deque(maxlen=100)  # seconds that the latest calls took
        self.journal = Journal(self._commit, sending.writer, self._broken)
        self.timetable = self._timetable()
        self.rules = self._rules(sending.clock.now())
        self.renew_at = time.monotonic() + _RENEW_S
        self.rows: deque[Ready] = deque()
        self.held: list[tuple[float, int, Ready]] = []  # for a chat that got a text a moment ago: until when, its row
        self.next_slot = 0.0  # monotonic; nothing begins before its slot
        self.next_call = 0.0  # monotonic; the same for the calls themselves
        self.turns = asyncio.Lock()
        self.chats: dict[bytes, float] = {}  # monotonic time at which a chat may get its next text
        self.most_chats = _MOST_CHATS
        with sending.db.read() as session:
            self.instance = instance_id(session)

    async def until_empty(self, stop: asyncio.Event) -> None:
        async with self.journal:
            # the next rows are leased and rendered while these leave: together what two seconds of pace send
            ahead = self._lease_ahead()
            try:
                while not stop.is_set():
                    if not self.rows:
                        batch = await ahead
                        if not batch.found and not self.held:
                            break
                        self.rows.extend(batch.rows)
                        self.next_slot = max(self.next_slot, _until(batch.first_slot, self.sending.clock.now()))
                        ahead = self._lease_ahead()
                    if self.rows or self.held:
                        await self._begin_some(stop)
            finally:
                self.rows.extend((await ahead).rows)
                left = [*self.rows, *(row for _, _, row in self.held)]
                if left:
                    await self._give_back(left)
                if self.calls:
                    await asyncio.wait(self.calls)

    def next_free(self) -> datetime | None:
        """The moment from which whoever takes the lane next may send; None when nothing left us."""
        if not self.next_call:
            return None
        free = max([self.next_call, *self.chats.values()])
        return self.sending.clock.now() + timedelta(seconds=free - time.monotonic())

    def _lease_ahead(self) -> asyncio.Task[_Batch]:
        return asyncio.create_task(self._next())

    async def _next(self) -> _Batch:
        """The next rows, ready to send. Filling texts in takes a while, so it is done beside the writer, not by it."""
        loop, sending = asyncio.get_running_loop(), self.sending
        leased = await loop.run_in_executor(sending.writer, self._lease)
        ready: list[Ready] = []
        held: dict[str, list[Leased]] = {}
        for item in await asyncio.to_thread(prepare, sending.db, self.lane.channel, leased.rows, self.rules.today):
            if isinstance(item, Ready):
                ready.append(item)
                continue
            if isinstance(item, Held):
                held.setdefault(held_reason(item.state), []).append(item.row)
                continue
            await loop.run_in_executor(sending.writer, fail, sending.db, item.row, item.reason, sending.clock.now())
            self.done.failed += 1
            self.done.add(item.reason)
        for reason, rows in held.items():
            await loop.run_in_executor(
                sending.writer, hold, sending.db, self.lane.sender_id, rows, reason, sending.clock.now()
            )
            self.done.stopped += len(rows)
            self.done.add(reason)
        return _Batch(ready, leased.first_slot, found=len(leased.rows))

    def _lease(self) -> Lease:
        """Lease the next rows; now and then renew the lane and read the timetable again. Runs in the writer thread."""
        sending, now = self.sending, self.sending.clock.now()
        if time.monotonic() >= self.renew_at:
            lane = take_lane(sending.db, self.lane.sender_id, sending.holder, now)
            if lane is None or lane.epoch != self.lane.epoch:
                return Lease([], now)
            self.timetable = self._timetable()
            self.renew_at = time.monotonic() + _RENEW_S
        self.rules = self._rules(now)
        leased = lease(
            sending.db,
            self.lane,
            now,
            campaigns=self.rules.open_now or self.lane.channel is ChannelKind.VILLAGE_LIST,
            room=max(1, int(self.lane.pace)),
        )
        if leased.rows:
            sending.probe("leased")
        return leased

    async def _begin_some(self, stop: asyncio.Event) -> None:
        """Begin the rows whose slots have come, as many as there is room for; their intents are one commit."""
        await self._wait_for_room()
        chosen = self._due(self._at_most() - len(self.calls))
        if not chosen:
            await self._wait_for_slot(stop)
            return
        opened_at, opened_boot = self.sending.clock.now(), since_boot()
        answers = await self.journal.begin([ready.wanted for ready in chosen])
        for ready, opened in zip(chosen, answers, strict=True):
            if isinstance(opened, Stopped):
                self.done.stopped += 1
                self.done.add(opened.reason)
                continue
            self.sending.probe("intent")
            call = asyncio.create_task(self._send(ready, opened, opened_at, opened_boot))
            self.calls.add(call)

    def _at_most(self) -> int:
        """How many calls go on at once: what the pace needs at the time that nearly all of them take."""
        took = sorted(self.took)
        slow = max(_LATENCY_S, took[len(took) * 95 // 100]) if took else _LATENCY_S
        most = _MOST_AT_ONCE if self.lane.pace < _FAST else _MOST_AT_ONCE_FAST
        return min(most, math.ceil(self.lane.pace * slow) + 2)

    async def _wait_for_room(self) -> None:
        """Wait until a group of calls can begin, so that their intents share a commit; not longer than a moment for more."""
        most = self._at_most()
        group = min(FULL, max(1, int(self.lane.pace * _LATE_S)), len(self.rows) + len(self.held))
        give_up = time.monotonic() + WAIT_S
        while (room := most - len(self.calls)) < group:
            self.room.clear()
            left = give_up - time.monotonic()
            if room > 0 and left <= 0:
                return
            try:
                async with asyncio.timeout(left if room > 0 else None):
                    await self.room.wait()
            except TimeoutError:
                return

    async def _wait_for_slot(self, stop: asyncio.Event) -> None:
        at = self.next_slot if self.rows else max(self.next_slot, self.held[0][0])
        wait = at - time.monotonic()
        if wait <= _SHORT_S:
            await asyncio.sleep(max(0.0, wait))
            return
        try:
            async with asyncio.timeout(wait):
                await stop.wait()
        except TimeoutError:
            pass

    def _due(self, most: int) -> list[Ready]:
        """At most so many rows whose slots have come. What was missed longer ago than `_BEHIND_S` is not made up."""
        now, gap = time.monotonic(), 1 / self.lane.pace
        chosen: list[Ready] = []
        while len(chosen) < most:
            slot = max(self.next_slot, now - _BEHIND_S)
            if slot > now:
                break
            ready = self._next_row(now)
            if ready is None:
                break
            self.next_slot = slot + gap
            chosen.append(ready)
        return chosen

    def _next_row(self, now: float) -> Ready | None:
        """The next row whose chat may get a text now: Telegram takes one a second per chat. Waiting costs no slot."""
        if self.held and self.held[0][0] <= now:
            return heapq.heappop(self.held)[2]
        gap = self.channel.limits.same_chat_gap_s
        while self.rows:
            ready = self.rows.popleft()
            if gap <= 0:
                return ready
            at = max(now, self.chats.get(ready.row.address_blind, 0.0))
            self.chats[ready.row.address_blind] = at + gap
            if len(self.chats) > self.most_chats:
                self.chats = {blind: moment for blind, moment in self.chats.items() if moment > now}
                self.most_chats = max(_MOST_CHATS, 2 * len(self.chats))
            if at <= now:
                return ready
            heapq.heappush(self.held, (at, ready.row.id, ready))
        return None

    async def _send(self, ready: Ready, opened: Opened, opened_at: datetime, opened_boot: float) -> None:
        try:
            if self.turns.locked() or self.next_call > time.monotonic():
                await self._own_moment()
            else:
                self._take_moment()
            begun = time.monotonic()
            answer = await self._call(ready, opened, opened_at, opened_boot)
            self.took.append(time.monotonic() - begun)
            self.sending.probe("called")
            self.done.sent += 1
            self.journal.note(Answered(opened.attempt_id, answer, self.sending.clock.now()))
        finally:
            self.calls.discard(asyncio.current_task())
            self.room.set()

    async def _call(self, ready: Ready, opened: Opened, opened_at: datetime, opened_boot: float) -> Answer:
        if self.sending.clock.now() - opened_at > INTENT_FRESH or since_boot() - opened_boot > _FRESH_S:
            return Deferred("stale_intent")
        try:
            return await self.channel.send(ready.under(reference(self.instance, opened.attempt_id)))
        except Exception as error:  # a channel must not raise; when one does, nobody knows what left
            log.error("a channel raised", channel=str(self.lane.channel), error=repr(error)[:200])
            return Unknown(f"channel raised {type(error).__name__}")

    async def _own_moment(self) -> None:
        """Wait for this call's turn: intents are committed in groups, and a slow commit must not make a burst of calls.

        One after the other: moments given out beforehand would all have come at once after this process was held up.
        """
        async with self.turns:
            wait = self.next_call - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            self._take_moment()

    def _take_moment(self) -> None:
        self.next_call = max(self.next_call, time.monotonic() - _LATE_S) + 1 / (self.lane.pace * _CATCH_UP)

    def _commit(self, answered: Sequence[Answered], wanted: Sequence[Wanted]) -> list[Opened | Stopped]:
        now = self.sending.clock.now()
        if answered:
            self.sending.probe("record")
        with self.sending.db.plain() as sql:
            sql.by_ids()
            consequences = record(sql, answered, self.sending.classify)
            if consequences:
                with sql.session() as session:
                    act(session, consequences, now)
            if not wanted:
                return []
            # rows leased before the window closed are not sent after it
            rules = replace(self.rules, open_now=self.timetable.is_open(now))
            return commit_intents(sql, self.lane, wanted, rules, now)

    def _broken(self, wanted: Wanted, error: Exception) -> Stopped:
        reason = f"error:{type(error).__name__}"
        if is_away(error):
            return Stopped(wanted.message_id, None, reason)  # nothing is wrong with the row: its lease ends by itself
        fail_by_token(self.sending.db, wanted.message_id, wanted.token, reason, self.sending.clock.now())
        return Stopped(wanted.message_id, None, reason)

    async def _give_back(self, rows: Sequence[Ready]) -> None:
        await asyncio.get_running_loop().run_in_executor(
            self.sending.writer,
            release,
            self.sending.db,
            [ready.row for ready in rows],
            self.sending.clock.now(),
        )

    def _timetable(self) -> Timetable:
        with self.sending.db.read() as session:
            return timetable(session, self.sending.settings.zone)

    def _rules(self, now: datetime) -> Rules:
        settings, table = self.sending.settings, self.timetable
        tomorrow = datetime.combine(today(now, settings.zone) + timedelta(days=1), datetime.min.time(), settings.zone)
        return Rules(
            mode=str(settings.mode),
            cap=settings.household_cap,
            open_now=table.is_open(now),
            next_open=table.next_open(now),
            today=today(now, settings.zone),
            next_day=table.next_open(tomorrow),
            account=self.channel.account,
        )


def _until(slot: datetime, now: datetime) -> float:
    """Monotonic time at which `slot` comes, given the wall clock's `now`."""
    return time.monotonic() + (slot - now).total_seconds()
