"""The recurring jobs: what runs, how often, in which order. An engine decides when; each job finds its own work in the tables,
so a missed or a doubled run is harmless.

Any number of processes may run them on one PostgreSQL database. A job takes turns (one process at a time, `storage.turns`);
sending is shared out by lanes instead (`outbox.lanes`): one lane, one process, and several lanes at once in each.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

import structlog
from sqlmodel import select

from broadcaster.app import App
from broadcaster.campaigns import fallback, planning
from broadcaster.channels.protocol import Poller, ReceiptPoller
from broadcaster.delivery import templates
from broadcaster.delivery.drain import Drained, Sending, drain, holder_name
from broadcaster.delivery.polling import SILENT, poll, poll_receipts
from broadcaster.delivery.settle import settle
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import Blocked, PollFailed
from broadcaster.office.queries import timetable
from broadcaster.outbox import sweep as sweeping
from broadcaster.outbox.lanes import lanes_to_take, when_moved
from broadcaster.outbox.rules import intent_life
from broadcaster.registry.queries import card_events
from broadcaster.replies.answering import hand_over_unanswered
from broadcaster.replies.service import apply_events
from broadcaster.replies.subscribers import link_waiting
from broadcaster.results.service import refresh_outcomes
from broadcaster.storage.database import Database
from broadcaster.storage.tables import JobRun
from broadcaster.storage.turns import turn
from broadcaster.storage.types import to_micros

log = structlog.get_logger()

#: A sign of life this often is enough for jobs that run every second.
_SIGN_OF_LIFE = timedelta(seconds=30)
#: Ticks are not exact: a run this share of its interval ago was the last tick's.
_MOST_OF_IT = 0.8


@dataclass
class Running:
    """A process that runs jobs: the app, its threads, the lanes it drains, and the signal to stop."""

    app: App
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="writer"))
    holder: str = field(default_factory=holder_name)
    outcomes_of: tuple[int, int] | None = None  # the register as the outcomes were last copied from it
    lanes: dict[int, asyncio.Task[Drained]] = field(default_factory=dict)  # sender -> its drain under way
    seen_free: set[int] = field(default_factory=set)  # lanes that the last wake-up found without a process
    wakes: int = 0
    _side: ThreadPoolExecutor | None = None

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
        """Run a job's database work in a thread.

        SQLite has one writer, so it is the thread that commits the drains' intents: waiting there for a turn is cheaper than
        for the database's lock. On PostgreSQL it is another thread, and a long job holds no drain up.
        """
        return await asyncio.get_running_loop().run_in_executor(self._job_thread(), work)

    def _job_thread(self) -> ThreadPoolExecutor:
        if self.app.db.kind == "sqlite":
            return self.writer
        if self._side is None:
            self._side = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        return self._side

    def close(self) -> None:
        """End the threads, once nothing is under way."""
        self.writer.shutdown()
        if self._side is not None:
            self._side.shutdown()


#: A job returns how much it did; 0 means that nothing was due.
Work = Callable[[Running], Awaitable[int]]


@dataclass(frozen=True)
class Job:
    """`shared`: every process runs it at once, because rows decide who does what."""

    name: str
    every: timedelta
    run: Work
    shared: bool = False


async def _poll(running: Running) -> int:
    return await _polled(running, running.app.pollers)


async def _polled(running: Running, pollers: Sequence[Poller]) -> int:
    app = running.app
    new = 0
    for poller in pollers:
        try:
            new += await poll(app.db, app.clock, poller)
            if isinstance(poller, ReceiptPoller) and pollers is app.pollers:
                new += await poll_receipts(app.db, app.clock, poller)
        except PollFailed as error:
            # the other accounts are still asked; the next run asks this one again
            log.warning("poll failed", account=poller.account, error=str(error))
            await asyncio.to_thread(_remember, app, f"poll:{poller.account}", str(error))
    return new


async def _missed(running: Running) -> int:
    """Fetch what a webhook should have brought and did not: a server that was away, a line that was cut."""
    return await _polled(running, running.app.behind)


async def _settle(running: Running) -> int:
    """Ask what became of texts whose call had no answer, and of those whose receipts stay away."""
    app = running.app
    done = 0
    for lookup in app.lookups:
        try:
            done += await settle(app.db, app.clock, lookup, app.by_account(), app.classify)
            if lookup.account not in {poller.account for poller in app.pollers}:
                done += await poll_receipts(app.db, app.clock, lookup, SILENT)
        except PollFailed as error:
            log.warning("a look-up failed", account=lookup.account, error=str(error))
            await asyncio.to_thread(_remember, app, f"settle:{lookup.account}", str(error))
    return done


async def _templates(running: Running) -> int:
    """Follow how the WhatsApp templates stand; without WhatsApp there are none."""
    app = running.app
    if ChannelKind.WHATSAPP not in app.channels:
        return 0
    return await templates.follow(app.db, app.clock, templates.registrar_of(app.channels))


async def _events(running: Running) -> int:
    app = running.app
    return await running.in_writer(partial(apply_events, app.db, app.readers(), app.now(), classify=app.classify))


async def _link(running: Running) -> int:
    app = running.app
    return await running.in_writer(partial(link_waiting, app.db, app.now()))


async def _unanswered(running: Running) -> int:
    app = running.app
    return await running.in_writer(partial(hand_over_unanswered, app.db, app.now()))


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
        partial(fallback.fall_back, app.db, app.now(), app.settings.zone, follows=app.follows)
    )


def _lanes(running: Running) -> list[int]:
    app, now = running.app, running.app.now()
    with app.db.read() as session:
        open_now = timetable(session, app.settings.zone).is_open(now)
        return lanes_to_take(session, running.holder, app.channels.keys(), now, open_now=open_now)


async def _drain(running: Running) -> int:
    """Every lane with due rows at once, to the end of what is due: for a run that ends by itself."""
    ids = await asyncio.to_thread(_lanes, running)
    done: list[Drained | BaseException] = await asyncio.gather(
        *(drain(running.sending, sender_id, running.stop) for sender_id in ids), return_exceptions=True
    )
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return sum(result.sent + result.stopped + result.failed for result in done if isinstance(result, Drained))


async def _wake(running: Running) -> int:
    """Start a drain for every lane that has work and none yet, and wait for no lane: one that is slow holds up no other.

    Where processes share the lanes they spread: each takes one a run, and a process that has one already leaves the next to the
    others for the length of one run.
    """
    ids = [sender_id for sender_id in await asyncio.to_thread(_lanes, running) if sender_id not in running.lanes]
    if running.app.db.kind == "postgresql":
        seen, running.seen_free = running.seen_free, set(ids)
        if running.lanes:
            ids = [sender_id for sender_id in ids if sender_id in seen]
        running.wakes += 1
        ids = ids and [ids[(zlib.crc32(running.holder.encode()) + running.wakes) % len(ids)]]
    if running.stop.is_set():
        return 0
    for sender_id in ids:
        task = asyncio.create_task(drain(running.sending, sender_id, running.stop), name=f"lane {sender_id}")
        running.lanes[sender_id] = task
        task.add_done_callback(partial(_lane_ended, running, sender_id))
    return len(ids)


def _lane_ended(running: Running, sender_id: int, task: asyncio.Task[Drained]) -> None:
    del running.lanes[sender_id]
    error = None if task.cancelled() else task.exception()
    if error is not None:
        # its rows come back when their lease is over, and the next run takes the lane again
        log.error("a drain failed", sender=sender_id, exc_info=error)
        asyncio.get_running_loop().run_in_executor(
            None, _remember_or_log, running.app, f"lane:{sender_id}", _said(error)
        )


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
    Job("events", timedelta(seconds=0.5), _events),
    Job("unanswered", timedelta(seconds=60), _unanswered),
    Job("sweep", timedelta(seconds=5), _sweep),
    Job("missed", timedelta(seconds=60), _missed),
    Job("settle", timedelta(seconds=60), _settle),
    Job("templates", timedelta(seconds=60), _templates),
    Job("link_chats", timedelta(seconds=60), _link),
    Job("follow_register", timedelta(seconds=30), _follow),
    Job("outcomes", timedelta(seconds=60), _outcomes),
    Job("plan", timedelta(seconds=10), _plan),
    Job("fall_back", timedelta(seconds=30), _fall_back),
    Job("drain", timedelta(seconds=1), _drain, shared=True),
    Job("finish", timedelta(seconds=60), _finish),
)

#: The same for a process that goes on: its drains last as long as there is work, and this job only starts them.
LASTING: tuple[Job, ...] = tuple(
    Job("drain", timedelta(seconds=0.5), _wake, shared=True) if job.name == "drain" else job for job in JOBS
)


async def run(job: Job, running: Running) -> int:
    """Run one job now and remember how it ended; an error is logged, kept for `doctor`, and does not stop the others.

    While another process is at the same job nothing is done here: 0.
    """
    async with _in_turn(job, running) as ours:
        return await _run(job, running) if ours else 0


async def run_when_due(job: Job, running: Running) -> int:
    """The same for a ticking engine: what another process did a moment ago is not done again here.

    Five workers ask a provider for news as often as one does.
    """
    async with _in_turn(job, running) as ours:
        if not ours or (_counted(job, running.app) and await asyncio.to_thread(_done_lately, running.app, job)):
            return 0
        return await _run(job, running)


async def _run(job: Job, running: Running) -> int:
    app = running.app
    try:
        done = await job.run(running)
    except Exception as error:
        log.exception("a job failed", job=job.name)
        await asyncio.to_thread(_remember_or_log, app, job.name, _said(error))
        return 0
    sign = job.every * _MOST_OF_IT if _counted(job, app) else _SIGN_OF_LIFE
    await asyncio.to_thread(_remember_or_log, app, job.name, "", min(sign, _SIGN_OF_LIFE))
    return done


@contextlib.asynccontextmanager
async def _in_turn(job: Job, running: Running) -> AsyncIterator[bool]:
    if job.shared or running.app.db.kind == "sqlite":
        yield True
        return
    taking = turn(running.app.db, job.name)
    ours = await asyncio.to_thread(taking.__enter__)
    try:
        yield ours
    finally:
        await asyncio.to_thread(taking.__exit__, None, None, None)


def _counted(job: Job, app: App) -> bool:
    """Whether each run is remembered, for the other processes to see. What runs every second may run in each of them."""
    return app.db.kind == "postgresql" and not job.shared and job.every >= timedelta(seconds=5)


def _done_lately(app: App, job: Job) -> bool:
    with app.db.read() as session:
        last = session.exec(select(JobRun.last_ok_at).where(JobRun.job == job.name)).first()
    # a moment ahead of our clock is another machine's wrong clock, and no reason to wait for it
    return last is not None and timedelta(0) <= app.now() - last < job.every * _MOST_OF_IT


def refuse_moved(db: Database) -> None:
    """Raises `Blocked` when this database was moved elsewhere: two that send would write to everyone twice."""
    with db.read() as session:
        moved = when_moved(session)
    if moved is not None:
        raise Blocked(
            f"Basis data ini sudah dipindahkan pada {moved:%d-%m-%Y} dan tidak mengirim lagi; "
            "pakai basis data yang baru (BROADCASTER_DATABASE_URL).",
            code="moved",
        )


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"[:300]


def _remember_or_log(app: App, name: str, error: str, sign_of_life: timedelta = _SIGN_OF_LIFE) -> None:
    try:
        _remember(app, name, error, sign_of_life)
    except Exception as failed:  # the database is away: the next run says so again
        log.error("a job's end could not be kept", job=name, error=_said(failed))


def _remember(app: App, name: str, error: str, sign_of_life: timedelta = _SIGN_OF_LIFE) -> None:
    now = app.now()
    with app.db.read() as session:
        row = session.exec(select(JobRun).where(JobRun.job == name)).first()
    if (
        not error
        and row
        and not row.last_error
        and row.last_ok_at
        and timedelta(0) <= now - row.last_ok_at < sign_of_life
    ):
        return
    with app.db.plain() as sql:
        sql.run(_FAILED if error else _WENT_WELL, job=name, now=to_micros(now), error=error)


_WENT_WELL = (
    "INSERT INTO job_run (job, last_ok_at, last_error) VALUES (:job, :now, :error)"
    " ON CONFLICT (job) DO UPDATE SET last_ok_at = :now, last_error = :error"
)
_FAILED = (
    "INSERT INTO job_run (job, last_error_at, last_error) VALUES (:job, :now, :error)"
    " ON CONFLICT (job) DO UPDATE SET last_error_at = :now, last_error = :error"
)
