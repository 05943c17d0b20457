"""A sending process that can be killed, from outside at any moment or by its own hand at a named step.

Steps are those a drain announces - leased, intent (committed, nothing sent), called (answered, nothing recorded), record (about
to record) - and "recorded": the answer's commit is over, and nothing has been done since.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from broadcaster import jobs
from broadcaster.app import App, connect, open_app
from broadcaster.clock import Clock
from broadcaster.delivery.drain import Sending, drain
from broadcaster.outbox.queries import lanes_with_work
from broadcaster.settings import Settings
from broadcaster.storage.database import Database

STEPS = ("leased", "intent", "called", "record", "recorded")

#: What a sender does beside draining, and how often; the product's own jobs, faster, because a sender lives for a moment.
_DUTIES: dict[str, float] = {"events": 0.1, "sweep": 0.2, "fall_back": 0.5, "drain": 0.03}
_JOBS = {job.name: job for job in jobs.LASTING}


@dataclass
class Death:
    """When a sender kills itself: at `step` for the `times`-th time. Without a step it does not."""

    step: str = ""
    times: int = 1
    _seen: int = 0
    _recording: bool = False

    def reach(self, step: str) -> None:
        if step == "record":
            self._recording = True
        if step == self.step:
            self._seen += 1
            if self._seen >= self.times:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self, db: Database) -> None:
        """A connection comes back to its pool after its commit: the first time after "record" is "recorded"."""

        def returned(*_: object) -> None:
            if self._recording:
                self._recording = False
                self.reach("recorded")

        event.listen(db.engine, "checkin", returned)


@dataclass
class Watched(jobs.Running):
    """The jobs' own process, with a death on the way."""

    death: Death = dataclasses.field(default_factory=Death)

    @property
    def sending(self) -> Sending:
        return dataclasses.replace(super().sending, probe=self.death.reach)


def send_until_empty(settings: Settings, death: Death, clock: Clock | None = None) -> None:
    """Drain every lane until nothing is due."""
    asyncio.run(_until_empty(settings, death, clock))


async def _until_empty(settings: Settings, death: Death, clock: Clock | None) -> None:
    async with _running(settings, death, clock) as running:
        with running.app.db.read() as session:
            lanes = lanes_with_work(session, running.app.now())
        for lane in lanes:
            await drain(running.sending, lane, running.stop)


def send_until_stopped(
    settings: Settings, death: Death, clock: Clock, holder: str, codes: Any, also: Sequence[str] = ()
) -> None:
    """Do everything a sending process does, again and again, until SIGTERM (or SIGKILL). `also`: further jobs by name."""
    asyncio.run(_until_stopped(settings, death, clock, holder, codes, also))


async def _until_stopped(
    settings: Settings, death: Death, clock: Clock, holder: str, codes: Any, also: Sequence[str]
) -> None:
    async with _running(settings, death, clock, holder) as running:
        running.app.__dict__["codes"] = codes  # read from disk once, before the fork
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.stop.set)
        duties = _DUTIES | dict.fromkeys(also, 0.5)
        await asyncio.gather(*(_again(running, name, every) for name, every in duties.items()))
        if running.lanes:
            await asyncio.wait(running.lanes.values())


async def _again(running: Watched, name: str, every: float) -> None:
    while not running.stop.is_set():
        await jobs.run(_JOBS[name], running)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(running.stop.wait(), every)


@contextlib.asynccontextmanager
async def _running(settings: Settings, death: Death, clock: Clock | None, holder: str = "") -> Any:
    app: App = connect(open_app(settings, clock))
    death.watch(app.db)
    running = Watched(app, death=death, **({"holder": holder} if holder else {}))
    try:
        yield running
    finally:
        running.close()
        await app.aclose()
