"""When the office sends: hours of the week, shorter ones in Ramadan, and days on which nothing is sent."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from broadcaster.errors import BadInput

Window = tuple[time, time]  # [start, end) in the office's zone, inside one day
Week = Mapping[int, Sequence[Window]]  # 0 = Monday; a day left out is closed

_MORNING, _AFTERNOON = (time(8, 0), time(11, 30)), (time(13, 0), time(16, 30))

#: Office hours without the noon rest and the Friday prayer; nothing at the weekend. No law sets quiet hours for such
#: texts: these are the office's manners, and staff may change them in content/calendar.
DEFAULT_WEEK: dict[int, tuple[Window, ...]] = {
    **dict.fromkeys(range(4), (_MORNING, _AFTERNOON)),
    4: ((time(8, 0), time(11, 0)), (time(13, 30), time(16, 30))),
}
#: Mornings only: people fast, offices close early, and the hours around sunset belong to the family.
RAMADAN_WEEK: dict[int, tuple[Window, ...]] = {
    **dict.fromkeys(range(4), (_MORNING,)),
    4: ((time(8, 0), time(11, 0)),),
}

_LOOK_AHEAD = 400  # days: longer than any holiday


@dataclass(frozen=True)
class Timetable:
    """Hours of the week; `closed` and `ramadan` (first and last day, both included) are days of `zone`.

    Raises ValueError for impossible hours.

    Timetable(ZoneInfo("Asia/Jakarta"), DEFAULT_WEEK, frozenset(), (), RAMADAN_WEEK).next_open(now)
    """

    zone: tzinfo
    week: Week = field(default_factory=lambda: DEFAULT_WEEK)
    closed: frozenset[date] = frozenset()
    ramadan: Sequence[tuple[date, date]] = ()
    ramadan_week: Week = field(default_factory=lambda: RAMADAN_WEEK)

    def __post_init__(self) -> None:
        for week in (self.week, self.ramadan_week):
            for day, windows in week.items():
                edges = [edge for window in windows for edge in window]
                if day not in range(7) or edges != sorted(edges) or any(start >= end for start, end in windows):
                    raise ValueError(f"day {day} must be 0 to 6 and its windows in order without overlap: {windows}")

    def is_open(self, at: datetime) -> bool:
        """Whether messages may go out at the moment `at` (aware). A window's start is in, its end is not."""
        return any(start <= at < end for start, end in self._windows_from(at, days=1))

    def next_open(self, at: datetime) -> datetime:
        """`at` itself when open, else the next moment that is; aware, UTC. Raises ValueError if none is for a year."""
        start, _ = self._window_at_or_after(at)
        return max(start, at).astimezone(UTC)

    def window_end(self, at: datetime) -> datetime:
        """The end of the window that holds `at`, or of the next one; aware, UTC. Raises ValueError like `next_open`."""
        _, end = self._window_at_or_after(at)
        return end

    def _window_at_or_after(self, at: datetime) -> tuple[datetime, datetime]:
        for start, end in self._windows_from(at, days=_LOOK_AHEAD):
            if at < end:
                return start, end
        raise ValueError(f"nothing opens within {_LOOK_AHEAD} days of {at.isoformat()}")

    def _windows_from(self, at: datetime, days: int) -> Iterator[tuple[datetime, datetime]]:
        """The windows, in UTC, of the day of `at` and the `days` - 1 after it, in order."""
        if at.tzinfo is None:
            raise ValueError(f"{at.isoformat()} has no time zone")
        first = at.astimezone(self.zone).date()
        for day in (first + timedelta(days=ahead) for ahead in range(days)):
            for start, end in self._hours(day):
                yield (
                    datetime.combine(day, start, self.zone).astimezone(UTC),
                    datetime.combine(day, end, self.zone).astimezone(UTC),
                )

    def _hours(self, day: date) -> Sequence[Window]:
        if day in self.closed:
            return ()
        fasting = any(first <= day <= last for first, last in self.ramadan)
        return (self.ramadan_week if fasting else self.week).get(day.weekday(), ())


@dataclass(frozen=True)
class Calendar:
    """A calendar file: closed days with their names, Ramadan (first and last day), and the two weeks of hours."""

    closed: dict[date, str]
    ramadan: tuple[tuple[date, date], ...]
    week: Week = field(default_factory=lambda: DEFAULT_WEEK)
    ramadan_week: Week = field(default_factory=lambda: RAMADAN_WEEK)


_DAYS = {name: number for number, name in enumerate(("senin", "selasa", "rabu", "kamis", "jumat", "sabtu", "minggu"))}
_HOURS = re.compile(r"([01]\d|2[0-3])[.:]([0-5]\d) ?- ?([01]\d|2[0-3])[.:]([0-5]\d)", re.ASCII)
_TABLES = frozenset({"closed", "ramadan", "week", "ramadan_week"})


def parse_calendar(text: str) -> Calendar:
    """Read the text of `content/calendar/*.toml`; raises `BadInput` naming the entry and the fix.

    [closed]
    2026-12-25 = "Hari Natal"
    [[ramadan]]
    first = 2027-02-08
    last = 2027-03-09
    [week]                                     # optional, like [ramadan_week]; a day left out is closed
    senin = ["08.00-11.30", "13.00-16.30"]
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _bad(f"berkas tidak terbaca ({error})") from error
    if unknown := sorted(tables.keys() - _TABLES):
        raise _bad(f"bagian {unknown[0]!r} tidak dikenal; yang ada: {', '.join(sorted(_TABLES))}")
    return Calendar(
        closed=dict(_closed_day(key, name) for key, name in _table(tables, "closed").items()),
        ramadan=tuple(_fast(entry) for entry in _entries(tables, "ramadan")),
        week=_week(tables, "week", DEFAULT_WEEK),
        ramadan_week=_week(tables, "ramadan_week", RAMADAN_WEEK),
    )


def _closed_day(key: str, name: Any) -> tuple[date, str]:
    try:
        day = date.fromisoformat(key)
    except ValueError as error:
        raise _bad(f"[closed] {key!r} bukan tanggal; tulis tahun-bulan-hari, misalnya 2026-12-25") from error
    if not (isinstance(name, str) and name.strip()):
        raise _bad(f"[closed] {key}: tulis nama harinya di antara tanda petik")
    return day, name.strip()


def _fast(entry: Any) -> tuple[date, date]:
    if isinstance(entry, dict) and entry.keys() == {"first", "last"}:
        first, last = entry["first"], entry["last"]
        # `is`: a TOML date-time would be a date too
        if type(first) is date and type(last) is date and timedelta(0) <= last - first < timedelta(days=31):
            return first, last
    raise _bad("[[ramadan]] perlu first dan last, dua tanggal berurutan dalam 31 hari, misalnya first = 2027-02-08")


def _week(tables: Mapping[str, Any], key: str, default: Week) -> Week:
    if key not in tables:
        return default
    week: dict[int, tuple[Window, ...]] = {}
    for name, texts in _table(tables, key).items():
        where = f"[{key}] {name}"
        if name not in _DAYS:
            raise _bad(f"{where}: bukan nama hari; pilihannya {', '.join(_DAYS)}")
        if not isinstance(texts, list):
            raise _bad(f'{where}: tulis daftar jam, misalnya ["08.00-11.30"]')
        week[_DAYS[name]] = tuple(_window(where, text) for text in texts)
    try:
        Timetable(UTC, week)
    except ValueError as error:
        raise _bad(f"[{key}]: jam harus berurutan dan tidak bertumpuk") from error
    return week


def _window(where: str, text: Any) -> Window:
    found = _HOURS.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise _bad(f"{where}: jam {text!r} tidak terbaca; tulis misalnya 08.00-11.30")
    start_hour, start_minute, end_hour, end_minute = map(int, found.groups())
    return time(start_hour, start_minute), time(end_hour, end_minute)


def _table(tables: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = tables.get(key, {})
    if not isinstance(found, dict):
        raise _bad(f"{key} harus ditulis sebagai bagian [{key}]")
    return found


def _entries(tables: Mapping[str, Any], key: str) -> Sequence[Any]:
    found = tables.get(key, [])
    if not isinstance(found, list):
        raise _bad(f"{key} harus ditulis sebagai bagian [[{key}]], boleh beberapa kali")
    return found


def _bad(what: str) -> BadInput:
    return BadInput(f"Kalender: {what}.", code="bad_calendar")
