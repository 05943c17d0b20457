"""The manual engine: every due job once, now; or the clock stepped through the due times (rehearsal, `tick`, tests)."""

from __future__ import annotations

from datetime import datetime, timedelta

from broadcaster.campaigns.planning import next_event
from broadcaster.clock import SteppedClock
from broadcaster.jobs import JOBS, Running, run
from broadcaster.office.queries import timetable
from broadcaster.outbox.queries import next_due

#: A round that still finds work after this many repeats is left to the next tick.
_MOST_ROUNDS = 50


async def tick(running: Running) -> dict[str, int]:
    """Run all jobs in order until none has anything left to do; what each did."""
    total: dict[str, int] = {job.name: 0 for job in JOBS}
    for _ in range(_MOST_ROUNDS):
        done = 0
        for job in JOBS:
            number = await run(job, running)
            total[job.name] += number
            done += number
        if not done:
            break
    return total


async def tick_until(running: Running, clock: SteppedClock, until: datetime) -> dict[str, int]:
    """Tick, jump to the next due time, and again, until `until` (aware)."""
    total = await tick(running)
    while (moment := next_moment(running)) is not None and moment <= until:
        clock.jump_to(max(moment, clock.now() + timedelta(seconds=1)))
        for name, number in (await tick(running)).items():
            total[name] += number
    clock.jump_to(until)
    for name, number in (await tick(running)).items():
        total[name] += number
    return total


def next_moment(running: Running) -> datetime | None:
    """When the next row or wave is due; None when nothing waits."""
    app = running.app
    with app.db.read() as session:
        table = timetable(session, app.settings.zone)
        candidates = [next_due(session), next_event(session, table, app.settings.zone, app.now())]
    moments = [moment for moment in candidates if moment is not None]
    return min(moments) if moments else None
