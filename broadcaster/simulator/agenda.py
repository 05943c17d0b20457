"""What will happen later: receipts, replies, calls to webhooks. Due by the simulator's clock; moving it makes them due."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

Act = Callable[[], Coroutine[Any, Any, None]]
_AT_ONCE = 20
_LONGEST_WAIT_S = 5.0


class Agenda:
    """A heap of moments and acts, worked through by one task; acts run beside each other, a bounded number at once."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._due: list[tuple[datetime, int, Act]] = []
        self._order = itertools.count()
        self._wake = asyncio.Event()
        self._at_once = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()
        self._loop: asyncio.Task[None] | None = None
        self.failed: list[str] = []  # acts that raised: a defect of the simulator, shown in /_sim/stats

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End at once; what is not done is dropped."""
        tasks = [task for task in (self._loop, *self._running) if task is not None]
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task

    def at(self, moment: datetime, act: Act) -> None:
        heapq.heappush(self._due, (moment, next(self._order), act))
        if self._due[0][2] is act:
            self._wake.set()

    def time_moved(self) -> None:
        """The clock was set: look again."""
        self._wake.set()

    @property
    def waiting(self) -> int:
        return len(self._due) + len(self._running)

    def due_by(self, moment: datetime) -> int:
        """How many acts are under way or due at `moment`; 0 means that nothing more happens until later."""
        return sum(at <= moment for at, _, _ in self._due) + len(self._running)

    def clear(self) -> None:
        self._due.clear()

    async def _run(self) -> None:
        while True:
            now = self._now()
            while self._due and self._due[0][0] <= now:
                _, _, act = heapq.heappop(self._due)
                task = asyncio.create_task(self._do(act))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            wait = (self._due[0][0] - now).total_seconds() if self._due else _LONGEST_WAIT_S
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), min(wait, _LONGEST_WAIT_S))
            self._wake.clear()

    async def _do(self, act: Act) -> None:
        async with self._at_once:
            try:
                await act()
            except Exception as error:  # one act must not end the others; it is shown, and a test looks at it
                self.failed.append(repr(error)[:200])
