"""Group commit: the intents and answers of a lane that wait are committed together, by one writer thread.

A durable commit costs a flush of the disk; fifty rows in one commit share it. Intents are committed before their calls and
answers after them, so at every moment the database says `sending` of everything that may be on its way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import structlog

from broadcaster.outbox.intent import Opened, Stopped, Wanted
from broadcaster.outbox.record import Answered
from broadcaster.storage.database import is_away

#: Rows that make a commit worth while, and how long answers wait for the next intents to share it with.
FULL = 50
WAIT_S = 0.02
#: Seconds that answers are kept for a database that is away. Shorter than a lane is held: who takes it over then waits.
AWAY_S = 8.0
_AGAIN_S = 0.2

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
        self._loop = asyncio.get_running_loop()
        self._later: asyncio.TimerHandle | None = None
        self._busy = False  # the writer has a commit of ours
        self._idle = asyncio.Event()

    async def __aenter__(self) -> Journal:
        return self

    async def __aexit__(self, *_: object) -> None:
        while self._busy or self._groups or self._answers:
            self._idle.clear()
            self._start()
            await self._idle.wait()
        if self._later is not None:
            self._later.cancel()

    async def begin(self, wanted: Sequence[Wanted]) -> list[Opened | Stopped]:
        """Ends when these intents are on disk, or refused; every answer noted before is on disk with them."""
        group = _Group(wanted, self._loop.create_future())
        self._groups.append(group)
        # at once, not in a task of its own: that would come after everything else this turn of the loop has to do
        self._start()
        return await group.opened

    def note(self, answered: Answered) -> None:
        """Keep an answer for the next commit, which comes with the next intents or after a moment."""
        self._answers.append(answered)
        if self._later is None:
            self._later = self._loop.call_later(WAIT_S, self._waited)

    def _waited(self) -> None:
        self._later = None
        self._start()

    def _start(self) -> None:
        """Give what waits to the writer, unless it is still at the last commit: then that one's end does."""
        if self._busy or not (self._groups or self._answers):
            return
        self._busy = True
        groups, self._groups = self._groups, []
        answers, self._answers = self._answers, []
        self._writer.submit(self._write, groups, answers)

    def _write(self, groups: list[_Group], answers: list[Answered]) -> None:
        try:
            opened = self._commit(answers, [wanted for group in groups for wanted in group.wanted])
        except Exception as error:
            log.warning("a group commit failed; its rows are committed one by one", error=type(error).__name__)
            opened = self._write_alone(groups, answers)
        self._loop.call_soon_threadsafe(self._committed, groups, opened)

    def _committed(self, groups: list[_Group], opened: list[Opened | Stopped]) -> None:
        first = 0
        for group in groups:
            end = first + len(group.wanted)
            if not group.opened.done():
                group.opened.set_result(opened[first:end])
            first = end
        self._busy = False
        self._idle.set()
        if self._groups:
            self._start()

    def _write_alone(self, groups: list[_Group], answers: list[Answered]) -> list[Opened | Stopped]:
        """A row that raises fails alone, never its batch."""
        give_up = time.monotonic() + AWAY_S
        for answered in answers:
            self._record(answered, give_up)
        opened: list[Opened | Stopped] = []
        for wanted in (wanted for group in groups for wanted in group.wanted):
            try:
                opened += self._commit([], [wanted])
            except Exception as error:
                log.error("an intent could not be committed", message=wanted.message_id, error=repr(error)[:200])
                opened.append(self._ended(wanted, error))
        return opened

    def _record(self, answered: Answered, give_up: float) -> None:
        """Commit one answer; while the database is away, try again: an answer that is not written down is an `unknown`."""
        while True:
            try:
                self._commit([answered], [])
                return
            except Exception as error:
                if not is_away(error) or time.monotonic() > give_up:
                    # its attempt stays open and the sweep calls it unknown, which is the truth
                    log.error("an answer could not be recorded", attempt=answered.attempt_id, error=repr(error)[:200])
                    return
                time.sleep(_AGAIN_S)

    def _ended(self, wanted: Wanted, error: Exception) -> Stopped:
        try:
            return self._broken(wanted, error)
        except Exception as second:
            # not even that can be written down: the row stays leased, and its lease ends by itself
            log.error("a broken row could not be ended", message=wanted.message_id, error=repr(second)[:200])
            return Stopped(wanted.message_id, None, f"error:{type(error).__name__}")
