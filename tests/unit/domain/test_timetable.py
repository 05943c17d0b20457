"""When messages may leave, against a minute-by-minute search; and the calendar file."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadcaster.domain.timetable import DEFAULT_WEEK, RAMADAN_WEEK, Timetable, Week, parse_calendar
from broadcaster.errors import BadInput
from broadcaster.shipped import content_dir

WIB = ZoneInfo("Asia/Jakarta")
SHIPPED = parse_calendar((content_dir() / "calendar" / "default.toml").read_text(encoding="utf-8"))
OFFICE = Timetable(WIB, SHIPPED.week, frozenset(SHIPPED.closed), SHIPPED.ramadan, SHIPPED.ramadan_week)


def wib(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=WIB)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-23 07:59:59", False),  # Monday
        ("2026-11-23 08:00", True),
        ("2026-11-23 11:29:59", True),
        ("2026-11-23 11:30", False),
        ("2026-11-23 13:00", True),
        ("2026-11-23 16:29", True),
        ("2026-11-23 16:30", False),
        ("2026-11-27 10:59", True),  # Friday
        ("2026-11-27 11:00", False),
        ("2026-11-27 13:00", False),
        ("2026-11-27 13:30", True),
        ("2026-11-28 09:00", False),  # Saturday
        ("2026-11-29 09:00", False),
        ("2026-12-25 09:00", False),  # Christmas, a Friday
        ("2027-02-09 09:00", True),  # Ramadan
        ("2027-02-09 14:00", False),
        ("2027-02-12 10:30", True),
        ("2027-02-12 14:00", False),
        ("2027-02-05 14:00", False),
        ("2027-02-08 14:00", False),  # its first day
        ("2027-03-16 14:00", True),  # after the holidays
    ],
)
def test_the_office_sends_in_its_hours(at: str, is_open: bool) -> None:
    assert OFFICE.is_open(wib(at)) is is_open


@pytest.mark.parametrize(
    ("at", "opens", "closes"),
    [
        ("2026-11-23 09:15", "2026-11-23 09:15", "2026-11-23 11:30"),
        ("2026-11-23 11:30", "2026-11-23 13:00", "2026-11-23 16:30"),
        ("2026-11-23 20:00", "2026-11-24 08:00", "2026-11-24 11:30"),
        ("2026-11-27 11:30", "2026-11-27 13:30", "2026-11-27 16:30"),
        ("2026-11-27 16:30", "2026-11-30 08:00", "2026-11-30 11:30"),
        ("2026-12-23 17:00", "2026-12-28 08:00", "2026-12-28 11:30"),  # two holidays and a weekend
        ("2027-02-09 12:00", "2027-02-10 08:00", "2027-02-10 11:30"),
        ("2027-03-05 11:00", "2027-03-16 08:00", "2027-03-16 11:30"),  # Nyepi and Idulfitri
    ],
)
def test_the_next_opening_and_the_end_of_its_window(at: str, opens: str, closes: str) -> None:
    assert OFFICE.next_open(wib(at)) == wib(opens)
    assert OFFICE.window_end(wib(at)) == wib(closes)
    assert OFFICE.next_open(wib(at)).tzinfo is OFFICE.window_end(wib(at)).tzinfo is UTC


def test_the_day_is_the_office_s_not_that_of_utc() -> None:
    at = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # Tuesday 06.30 in the office
    assert OFFICE.next_open(at) == datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
    east = Timetable(ZoneInfo("Asia/Jayapura"))
    assert east.next_open(at) == datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # 08.30 there


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        OFFICE.is_open(datetime(2026, 11, 24, 9, 0))


def test_an_office_that_never_opens_is_refused_instead_of_searched_for_ever() -> None:
    with pytest.raises(ValueError, match="nothing opens"):
        Timetable(WIB, week={}).next_open(wib("2026-11-24 09:00"))


@pytest.mark.parametrize(
    "week",
    [
        {7: ((time(8), time(9)),)},
        {0: ((time(9), time(8)),)},
        {0: ((time(8), time(8)),)},
        {0: ((time(8), time(10)), (time(9), time(11)))},
        {0: ((time(13), time(14)), (time(8), time(9)))},
    ],
)
def test_impossible_hours_are_refused(week: Week) -> None:
    with pytest.raises(ValueError, match="in order without overlap"):
        Timetable(WIB, week)
    with pytest.raises(ValueError, match="in order without overlap"):
        Timetable(WIB, ramadan_week=week)


# ---------------------------------------------------------------------------------------------------------------- laws

MONDAY = datetime(2026, 11, 23, tzinfo=WIB)
QUARTERS = [time(hour, minute) for hour in range(24) for minute in (0, 15, 30, 45)]


@st.composite
def weeks(draw: st.DrawFn) -> dict[int, tuple[tuple[time, time], ...]]:
    week = {}
    for day in draw(st.sets(st.integers(min_value=0, max_value=6), max_size=7)):
        edges = sorted(draw(st.lists(st.sampled_from(QUARTERS), min_size=0, max_size=4, unique=True)))
        week[day] = tuple(zip(edges[::2], edges[1::2], strict=False))
    return week


@st.composite
def timetables(draw: st.DrawFn) -> Timetable:
    near = st.integers(min_value=0, max_value=9).map(lambda ahead: MONDAY.date() + timedelta(days=ahead))
    first, last = sorted([draw(near), draw(near)])
    closed = draw(st.frozensets(near, max_size=4))
    zone = ZoneInfo(draw(st.sampled_from(["Asia/Jakarta", "Asia/Jayapura", "UTC", "America/New_York"])))
    return Timetable(zone, draw(weeks()), closed, draw(st.sampled_from([(), ((first, last),)])), draw(weeks()))


minutes = st.integers(min_value=0, max_value=7 * 24 * 60)


@settings(max_examples=60, deadline=None)
@given(timetables(), minutes)
@example(OFFICE, 0)
@example(OFFICE, 4 * 24 * 60 + 17 * 60)
def test_the_next_opening_is_the_first_open_minute(table: Timetable, minute: int) -> None:
    at = MONDAY + timedelta(minutes=minute)
    try:
        opens = table.next_open(at)
    except ValueError:
        opens = None
    ahead = (at.astimezone(UTC) + timedelta(minutes=step) for step in range(8 * 24 * 60))
    first = next((moment for moment in ahead if open_by_hand(table, moment)), None)
    if opens is None or opens - at > timedelta(days=7):
        assert first is None or first - at > timedelta(days=7)
    else:
        assert opens == first
        assert opens >= at
        assert table.is_open(opens)


@settings(max_examples=100, deadline=None)
@given(timetables(), minutes)
@example(OFFICE, 8 * 60)
def test_a_window_is_open_to_its_end_and_not_beyond_unless_another_follows(table: Timetable, minute: int) -> None:
    at = MONDAY + timedelta(minutes=minute, seconds=30)
    assert table.is_open(at) == open_by_hand(table, at)
    try:
        opens, end = table.next_open(at), table.window_end(at)
    except ValueError:
        return
    assert end > opens >= at
    step = (end - opens) / 7
    assert all(table.is_open(opens + step * part) for part in range(7))
    assert table.is_open(end) == open_by_hand(table, end)
    if table.is_open(at):
        assert opens == at


def open_by_hand(table: Timetable, at: datetime) -> bool:
    """The definition, read off the clock on the wall."""
    local = at.astimezone(table.zone)
    if local.date() in table.closed:
        return False
    fasting = any(first <= local.date() <= last for first, last in table.ramadan)
    hours = (table.ramadan_week if fasting else table.week).get(local.weekday(), ())
    return any(start <= local.time() < end for start, end in hours)


# -------------------------------------------------------------------------------------------------------- the calendar


def test_the_shipped_calendar_has_the_default_hours_and_both_years() -> None:
    assert SHIPPED.week == DEFAULT_WEEK
    assert SHIPPED.ramadan_week == RAMADAN_WEEK
    assert SHIPPED.ramadan[-1] == (date(2027, 2, 8), date(2027, 3, 9))
    assert {day.year for day in SHIPPED.closed} == {2026, 2027}
    fixed = [(1, 1), (5, 1), (6, 1), (8, 17), (12, 25)]
    assert all(date(year, *day) in SHIPPED.closed for year in (2026, 2027) for day in fixed)


def test_hours_left_out_are_the_default_ones() -> None:
    calendar = parse_calendar('[closed]\n2026-12-25 = "Natal"\n')
    assert calendar.closed == {date(2026, 12, 25): "Natal"}
    assert calendar.ramadan == ()
    assert (calendar.week, calendar.ramadan_week) == (DEFAULT_WEEK, RAMADAN_WEEK)


def test_an_office_may_write_its_own_hours() -> None:
    calendar = parse_calendar('[week]\nsabtu = ["09.00 - 12.00"]\nminggu = []\n')
    assert calendar.week == {5: ((time(9), time(12)),), 6: ()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[closed", "berkas tidak terbaca"),
        ("[libur]\n", "'libur' tidak dikenal"),
        ('[closed]\n25-12-2026 = "Natal"\n', "'25-12-2026' bukan tanggal"),
        ('[closed]\n2026-02-30 = "x"\n', "'2026-02-30' bukan tanggal"),
        ("[closed]\n2026-12-25 = 1\n", "tulis nama harinya"),
        ('[closed]\n2026-12-25 = " "\n', "tulis nama harinya"),
        ("closed = 1\n", r"bagian \[closed\]"),
        ("[ramadan]\nfirst = 2027-02-08\nlast = 2027-03-09\n", r"bagian \[\[ramadan\]\]"),
        ("[[ramadan]]\nfirst = 2027-02-08\n", "first dan last"),
        ("[[ramadan]]\nfirst = 2027-03-09\nlast = 2027-02-08\n", "berurutan"),
        ("[[ramadan]]\nfirst = 2027-02-08\nlast = 2028-02-08\n", "31 hari"),
        ("[[ramadan]]\nfirst = 2027-02-08T00:00:00\nlast = 2027-03-09\n", "dua tanggal"),
        ('[[ramadan]]\nfirst = "2027-02-08"\nlast = "2027-03-09"\n', "dua tanggal"),
        ('[week]\nmonday = ["08.00-11.30"]\n', "monday: bukan nama hari"),
        ('[week]\nsenin = "08.00-11.30"\n', "tulis daftar jam"),
        ('[week]\nsenin = ["8-11"]\n', "'8-11' tidak terbaca"),
        ('[week]\nsenin = ["24.00-25.00"]\n', "tidak terbaca"),
        ("[week]\nsenin = [8]\n", "tidak terbaca"),
        ('[week]\nsenin = ["13.00-16.30", "08.00-11.30"]\n', "berurutan"),
    ],
)
def test_a_broken_calendar_names_the_entry_and_the_fix(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said) as caught:
        parse_calendar(text)
    assert caught.value.code == "bad_calendar"
