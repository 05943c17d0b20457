"""The only reader of the time.

Loops and requests own a `Clock`, read it once per unit of work and pass `now` (aware, UTC) or `today` (office zone) down.
Waiting uses monotonic time, never the wall clock.
"""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol


class Clock(Protocol):
    def now(self) -> datetime:
        """The current moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class SteppedClock:
    """Starts at a given moment, runs at the machine's speed, and can be moved forward: rehearsal, `tick`, tests.

    It never goes back, as the machine's clock never should.
    """

    def __init__(self, start: datetime) -> None:
        self._base = _aware(start)
        self._since = time.monotonic()

    def now(self) -> datetime:
        return self._base + timedelta(seconds=time.monotonic() - self._since)

    def jump_to(self, moment: datetime) -> None:
        """Move forward to `moment` (aware); an earlier moment changes nothing."""
        moment = _aware(moment)
        if moment > self.now():
            self._base, self._since = moment, time.monotonic()


class FixedClock:
    """Stands still until it is set: unit tests."""

    def __init__(self, moment: datetime) -> None:
        self.moment = _aware(moment)

    def now(self) -> datetime:
        return self.moment


def today(now: datetime, zone: tzinfo) -> date:
    """The calendar day of `now` (aware) in the office's zone."""
    return _aware(now).astimezone(zone).date()


def parse_moment(text: str) -> datetime:
    """Read `--now`: ISO 8601 with an offset. Raises ValueError for a naive or unreadable text."""
    return _aware(datetime.fromisoformat(text)).astimezone(UTC)


def since_boot() -> float:
    """Seconds since boot, suspend included where the system can tell (Linux); tells that a process slept through a lid."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


def _aware(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; write for example {moment.isoformat()}+07:00")
    return moment.astimezone(UTC)
