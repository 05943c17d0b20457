"""The embedded engine: APScheduler as an in-memory ticker, in one process or in each of several workers.

Schedules are constants of `jobs.py` and due times are rows; nothing is pickled, nothing is remembered by the scheduler. A tick
that is missed is made up by the next one. A tick is only a hint: a drain goes on while rows are due.
"""

from __future__ import annotations

import asyncio

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from broadcaster.app import App
from broadcaster.jobs import JOBS, LASTING, Job, Running, run, run_when_due
from broadcaster.outbox.queries import unread


async def run_until_stopped(running: Running) -> None:
    """Run every job at its interval until `running.stop` is set; then wait for what is under way."""
    under_way: set[asyncio.Task[object]] = set()

    async def tracked(job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        under_way.add(task)
        try:
            await run_when_due(job, running)
        finally:
            under_way.discard(task)

    await read_first(running)
    scheduler = AsyncIOScheduler(timezone=running.app.settings.zone)
    for job in LASTING:
        scheduler.add_job(
            tracked,
            "interval",
            args=(job,),
            seconds=job.every.total_seconds(),
            id=job.name,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
            replace_existing=True,
        )
    scheduler.start()
    try:
        await running.stop.wait()
    finally:
        scheduler.pause()
        if under_way:
            # the scheduler would cancel them instead
            await asyncio.wait(under_way)
        if running.lanes:
            # drains see `stop`, give their rows and lanes back and wait for their calls
            await asyncio.wait(list(running.lanes.values()))
        scheduler.shutdown(wait=False)


async def read_first(running: Running) -> None:
    """Fetch and act on all that people did while no process was there to hear it, before anything is sent.

    Where that cannot be done (a provider does not answer, another process is at it), the process begins all the same, and the
    gate holds back what it must.
    """
    by_name = {job.name: job for job in JOBS}
    for fetching in ("poll", "missed"):
        await run(by_name[fetching], running)
    while not running.stop.is_set() and await asyncio.to_thread(_unread, running.app):
        if not await run(by_name["events"], running):
            return


def _unread(app: App) -> bool:
    with app.db.read() as session:
        return unread(session)
