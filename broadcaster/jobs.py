"""The recurring jobs: what runs, how often, in which order. An engine decides when; each job finds its own work in the tables,
so a missed or a doubled run is harmless."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import structlog
from sqlmodel import select

from broadcaster.app import App
from broadcaster.campaigns import planning
from broadcaster.channels.protocol import ReceiptPoller
from broadcaster.delivery.drain import Drained, Sending, drain, holder_name
from broadcaster.delivery.polling import poll, poll_receipts
from broadcaster.errors import PollFailed
from broadcaster.outbox import sweep as sweeping
from broadcaster.outbox.queries import lanes_with_work
from broadcaster.outbox.rules import intent_life
from broadcaster.registry.queries import card_events
from broadcaster.replies.service import apply_events
from broadcaster.results.service import refresh_outcomes
from broadcaster.storage.tables import JobRun

log = structlog.get_logger()


@dataclass
class Running:
    """A process that runs jobs: the app, its one writer thread, and the signal to stop."""

    app: App
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="writer"))
    holder: str = field(default_factory=holder_name)
    outcomes_of: tuple[int, int] | None = None  # the register as the outcomes were last copied from it

    @property
    def sending(self) -> Sending:
        app = self.app
        return Sending(
            db=app.db,
            settings=app.settings,
            clock=app.clock,
            channels=app.channels,
            classify=app.classify,
            writer=self.writer,
            holder=self.holder,
        )

    async def in_writer(self, work: Callable[[], int]) -> int:
        """Run a database function in the writer's thread, where it waits for its turn instead of for a lock."""
        return await asyncio.get_running_loop().run_in_executor(self.writer, work)


#: A job returns how much it did; 0 means that nothing was due.
Work = Callable[[Running], Awaitable[int]]


@dataclass(frozen=True)
class Job:
    name: str
    every: timedelta
    run: Work


async def _poll(running: Running) -> int:
    app = running.app
    new = 0
    for poller in app.pollers:
        try:
            new += await poll(app.db, app.clock, poller)
            if isinstance(poller, ReceiptPoller):
                new += await poll_receipts(app.db, app.clock, poller)
        except PollFailed as error:
            # the other accounts are still asked; the next run asks this one again
            log.warning("poll failed", account=poller.account, error=str(error))
            await asyncio.to_thread(_remember, app, f"poll:{poller.account}", str(error))
    return new


async def _events(running: Running) -> int:
    app = running.app
    return await running.in_writer(partial(apply_events, app.db, app.by_account(), app.now(), classify=app.classify))


async def _follow(running: Running) -> int:
    app = running.app
    return await running.in_writer(partial(planning.follow_register, app.db, app.now()))


async def _outcomes(running: Running) -> int:
    app = running.app

    def work() -> int:
        with app.db.read() as session:
            newest = card_events(session)
        if newest == running.outcomes_of:
            return 0
        refreshed = refresh_outcomes(app.db, app.now())
        running.outcomes_of = newest
        return refreshed.added + refreshed.changed + refreshed.removed

    return await running.in_writer(work)


async def _plan(running: Running) -> int:
    app = running.app
    return await running.in_writer(partial(planning.plan, app.db, app.now(), app.settings.zone))


async def _fall_back(running: Running) -> int:
    app = running.app
    return await running.in_writer(
        partial(planning.fall_back, app.db, app.now(), app.settings.zone, is_dead=app.dead_codes)
    )


async def _drain(running: Running) -> int:
    """Every lane with due rows at once; one slow lane holds up no other."""
    app = running.app

    def lanes() -> list[int]:
        with app.db.read() as session:
            return lanes_with_work(session, app.now())

    ids = await asyncio.to_thread(lanes)
    done: list[Drained | BaseException] = await asyncio.gather(
        *(drain(running.sending, sender_id, running.stop) for sender_id in ids), return_exceptions=True
    )
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return sum(result.sent + result.stopped + result.failed for result in done if isinstance(result, Drained))


async def _sweep(running: Running) -> int:
    app = running.app
    life = intent_life(app.settings.connect_timeout_s, app.settings.read_timeout_s)

    def work() -> int:
        swept = sweeping.sweep(app.db, app.now(), intent_life=life)
        return swept.leases_over + swept.unanswered + swept.expired

    return await running.in_writer(work)


async def _finish(running: Running) -> int:
    app = running.app
    return await running.in_writer(partial(planning.finish, app.db, app.now()))


#: In the order in which one run of all makes sense: first what came in, then what it changes, then what goes out.
JOBS: tuple[Job, ...] = (
    Job("poll", timedelta(seconds=5), _poll),
    Job("events", timedelta(seconds=1), _events),
    Job("sweep", timedelta(seconds=5), _sweep),
    Job("follow_register", timedelta(seconds=30), _follow),
    Job("outcomes", timedelta(seconds=60), _outcomes),
    Job("plan", timedelta(seconds=10), _plan),
    Job("fall_back", timedelta(seconds=30), _fall_back),
    Job("drain", timedelta(seconds=1), _drain),
    Job("finish", timedelta(seconds=60), _finish),
)


async def run(job: Job, running: Running) -> int:
    """Run one job and remember how it ended; an error is logged, kept for `doctor`, and does not stop the others."""
    try:
        done = await job.run(running)
    except Exception as error:
        log.exception("a job failed", job=job.name)
        await asyncio.to_thread(_remember, running.app, job.name, f"{type(error).__name__}: {error}"[:300])
        return 0
    await asyncio.to_thread(_remember, running.app, job.name, "")
    return done


def _remember(app: App, name: str, error: str) -> None:
    now = app.now()
    with app.db.write() as session:
        row = session.exec(select(JobRun).where(JobRun.job == name)).first() or JobRun(job=name)
        if error:
            row.last_error_at, row.last_error = now, error
        elif row.last_ok_at is not None and not row.last_error and now - row.last_ok_at < timedelta(seconds=30):
            return  # a sign of life every half minute is enough
        else:
            row.last_ok_at, row.last_error = now, ""
        session.add(row)
