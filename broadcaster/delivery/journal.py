"""Group commit: the intents and answers of a lane that wait are committed together, by one writer thread.

A durable commit costs a flush of the disk; fifty rows in one commit share it. Intents are committed before their call and
answers after it, so at every moment the database says `sending` of everything that may be on its way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime

import structlog

from broadcaster.outbox.intent import Opened, Stopped, Wanted
from broadcaster.outbox.record import Answered

#: Rows that make a commit worth while at once, and how long the first may wait for company.
FULL = 50
WAIT_S = 0.01

log = structlog.get_logger()


@dataclass
class _Intent:
    wanted: Wanted
    answer: asyncio.Future[Opened | Stopped]


@dataclass
class _Record:
    answered: Answered
    done: asyncio.Future[None]


#: Commits both kinds in one transaction; returns one answer per intent, in order. Runs in the writer thread.
Commit = Callable[[Sequence[Answered], Sequence[Wanted]], list[Opened | Stopped]]


class Journal:
    """Use as `async with Journal(...) as journal:`; leaving it commits everything that waits."""

    def __init__(self, commit: Commit, writer: Executor, broken: Callable[[Wanted, Exception], Stopped]) -> None:
        self._commit = commit
        self._writer = writer
        self._broken = broken
        self._intents: list[_Intent] = []
        self._records: list[_Record] = []
        self._work = asyncio.Event()
        self._full = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Journal:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._work.set()
        self._full.set()
        assert self._task is not None
        await self._task

    async def intent(self, wanted: Wanted) -> Opened | Stopped:
        """Ends when the intent is on disk, or refused."""
        item = _Intent(wanted, asyncio.get_running_loop().create_future())
        self._intents.append(item)
        self._signal()
        return await item.answer

    async def record(self, answered: Answered) -> None:
        """Ends when the answer is on disk."""
        item = _Record(answered, asyncio.get_running_loop().create_future())
        self._records.append(item)
        self._signal()
        await item.done

    def _signal(self) -> None:
        self._work.set()
        if len(self._intents) + len(self._records) >= FULL:
            self._full.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            if not self._closing and not self._full.is_set():
                try:
                    async with asyncio.timeout(WAIT_S):
                        await self._full.wait()
                except TimeoutError:
                    pass
            self._work.clear()
            self._full.clear()
            intents, self._intents = self._intents, []
            records, self._records = self._records, []
            if intents or records:
                await loop.run_in_executor(self._writer, self._write, loop, intents, records)
            if self._closing and not self._intents and not self._records:
                return
            if self._closing:
                self._work.set()

    def _write(self, loop: asyncio.AbstractEventLoop, intents: list[_Intent], records: list[_Record]) -> None:
        try:
            answers = self._commit([item.answered for item in records], [item.wanted for item in intents])
        except Exception as error:
            log.warning("a group commit failed; its rows are committed one by one", error=type(error).__name__)
            self._write_alone(loop, intents, records)
            return
        loop.call_soon_threadsafe(_settle, intents, answers, records)

    def _write_alone(self, loop: asyncio.AbstractEventLoop, intents: list[_Intent], records: list[_Record]) -> None:
        """A row that raises fails alone, never its batch."""
        for record in records:
            try:
                self._commit([record.answered], [])
            except Exception as error:
                # its attempt stays open and the sweep calls it unknown, which is the truth
                log.error(
                    "an answer could not be recorded", attempt=record.answered.attempt_id, error=repr(error)[:200]
                )
        answers: list[Opened | Stopped] = []
        for intent in intents:
            try:
                answers += self._commit([], [intent.wanted])
            except Exception as error:
                log.error("an intent could not be committed", message=intent.wanted.message_id, error=repr(error)[:200])
                answers.append(self._broken(intent.wanted, error))
        loop.call_soon_threadsafe(_settle, intents, answers, records)


def _settle(intents: list[_Intent], answers: list[Opened | Stopped], records: list[_Record]) -> None:
    for intent, answer in zip(intents, answers, strict=True):
        if not intent.answer.done():
            intent.answer.set_result(answer)
    for record in records:
        if not record.done.done():
            record.done.set_result(None)


def until(slot: datetime, now: datetime) -> float:
    """Monotonic time at which `slot` comes, given the wall clock's `now`."""
    return time.monotonic() + (slot - now).total_seconds()
