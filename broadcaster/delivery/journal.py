"""Group commit: the intents and answers of a lane that wait are committed together, by one writer thread.

A durable commit costs a flush of the disk; fifty rows in one commit share it. Intents are committed before their calls and
answers after them, so at every moment the database says `sending` of everything that may be on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from broadcaster.outbox.intent import Opened, Stopped, Wanted
from broadcaster.outbox.record import Answered

#: Answers that make a commit of their own worth while, and how long the first may wait for the next intents.
FULL = 50
WAIT_S = 0.02

log = structlog.get_logger()


@dataclass
class _Group:
    wanted: Sequence[Wanted]
    opened: asyncio.Future[list[Opened | Stopped]]


#: Commits both kinds in one transaction, answers first; returns one answer per intent, in order. Runs in the writer thread.
Commit = Callable[[Sequence[Answered], Sequence[Wanted]], list[Opened | Stopped]]


class Journal:
    """Use as `async with Journal(...) as journal:`; leaving it commits everything that waits."""

    def __init__(self, commit: Commit, writer: Executor, broken: Callable[[Wanted, Exception], Stopped]) -> None:
        self._commit = commit
        self._writer = writer
        self._broken = broken
        self._groups: list[_Group] = []
        self._answers: list[Answered] = []
        self._work = asyncio.Event()
        self._now = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Journal:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        self._work.set()
        self._now.set()
        assert self._task is not None
        await self._task

    async def begin(self, wanted: Sequence[Wanted]) -> list[Opened | Stopped]:
        """Ends when these intents are on disk, or refused; every answer noted before is on disk with them."""
        group = _Group(wanted, asyncio.get_running_loop().create_future())
        self._groups.append(group)
        self._work.set()
        self._now.set()
        return await group.opened

    def note(self, answered: Answered) -> None:
        """Keep an answer for the next commit, which comes with the next intents or after a moment."""
        self._answers.append(answered)
        self._work.set()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            if not self._now.is_set():
                try:
                    async with asyncio.timeout(WAIT_S):
                        await self._now.wait()
                except TimeoutError:
                    pass
            self._work.clear()
            self._now.clear()
            groups, self._groups = self._groups, []
            answers, self._answers = self._answers, []
            if groups or answers:
                await loop.run_in_executor(self._writer, self._write, loop, groups, answers)
            if self._closing:
                if not self._groups and not self._answers:
                    return
                self._work.set()
                self._now.set()

    def _write(self, loop: asyncio.AbstractEventLoop, groups: list[_Group], answers: list[Answered]) -> None:
        try:
            opened = self._commit(answers, [wanted for group in groups for wanted in group.wanted])
        except Exception as error:
            log.warning("a group commit failed; its rows are committed one by one", error=type(error).__name__)
            opened = self._write_alone(groups, answers)
        loop.call_soon_threadsafe(_settle, groups, opened)

    def _write_alone(self, groups: list[_Group], answers: list[Answered]) -> list[Opened | Stopped]:
        """A row that raises fails alone, never its batch."""
        for answered in answers:
            try:
                self._commit([answered], [])
            except Exception as error:
                # its attempt stays open and the sweep calls it unknown, which is the truth
                log.error("an answer could not be recorded", attempt=answered.attempt_id, error=repr(error)[:200])
        opened: list[Opened | Stopped] = []
        for wanted in (wanted for group in groups for wanted in group.wanted):
            try:
                opened += self._commit([], [wanted])
            except Exception as error:
                log.error("an intent could not be committed", message=wanted.message_id, error=repr(error)[:200])
                opened.append(self._ended(wanted, error))
        return opened

    def _ended(self, wanted: Wanted, error: Exception) -> Stopped:
        try:
            return self._broken(wanted, error)
        except Exception as second:
            # not even that can be written down: the row stays leased, and its lease ends by itself
            log.error("a broken row could not be ended", message=wanted.message_id, error=repr(second)[:200])
            return Stopped(wanted.message_id, None, f"error:{type(error).__name__}")


def _settle(groups: list[_Group], opened: list[Opened | Stopped]) -> None:
    first = 0
    for group in groups:
        end = first + len(group.wanted)
        if not group.opened.done():
            group.opened.set_result(opened[first:end])
        first = end
