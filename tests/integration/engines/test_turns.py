"""Who does what where several processes run the same jobs."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlmodel import select

from broadcaster import jobs
from broadcaster.app import App
from broadcaster.channels.protocol import Accepted, Answer, Limits, Outgoing
from broadcaster.clock import SteppedClock
from broadcaster.delivery.drain import holder_name
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import Blocked
from broadcaster.outbox.lanes import lanes_to_take
from broadcaster.outbox.lease import take_lane
from broadcaster.settings import Mode, Settings
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.turns import turn
from tests import make

EVERY = frozenset(ChannelKind)
BODY = '{"text": "Baik.", "buttons": [], "sid": "", "variables": {}}'


def test_a_job_has_one_turn_in_the_cluster_and_a_dead_process_gives_it_up(postgres_db):
    other = Database(postgres_db.url, postgres_db.sealer)
    with turn(postgres_db, "plan") as ours:
        assert ours
        with turn(other, "plan") as theirs, turn(other, "sweep") as another:
            assert not theirs
            assert another, "each job has a turn of its own"
        with other.plain() as sql:  # the server ends the session, as it does with a dead machine's
            ended = sql.all("SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'")
        assert ended == [(True,)], "the server says that the session is gone, not only that it was told to go"
        with turn(other, "plan") as theirs:
            assert theirs
    with turn(postgres_db, "plan") as ours:
        assert ours, "a new session takes turns again"
    other.close()


def test_a_turn_ends_with_its_block_also_when_the_job_raises(db):
    taking = turn(db, "plan")
    assert taking.__enter__()
    assert not taking.__exit__(ValueError, ValueError("planned badly"), None), "the error goes on to the caller"
    other = Database(db.url, db.sealer)
    with turn(other, "plan") as ours:
        assert ours
    other.close()


@pytest.fixture
def lane(db, now):
    """An SMS lane with one due answer."""
    with db.write() as session:
        make.installation(session)
        sender = make.sender(session, "sms")
        make.message(session, db.sealer, channel="sms", purpose="answer", due_at=now)
        return sender.id


def free(db, now, holder="me", channels=EVERY, open_now=True):
    with db.read() as session:
        return lanes_to_take(session, holder, channels, now, open_now=open_now)


def test_a_lane_with_due_rows_is_free_until_another_process_holds_it(db, now, lane):
    assert free(db, now) == [lane]
    assert take_lane(db, lane, "other", now) is not None
    assert free(db, now) == []
    assert free(db, now, holder="other") == [lane]
    assert free(db, now + timedelta(seconds=11)) == [lane], "a dead holder's time is over"


def test_a_lane_is_not_taken_when_its_channel_is_not_set_up_or_its_sender_paused(db, now, lane):
    assert free(db, now, channels={ChannelKind.TELEGRAM}) == []
    assert free(db, now, channels=()) == []
    with db.write() as session:
        session.get_one(tables.Sender, lane).paused_until = now + timedelta(seconds=1)
    assert free(db, now) == []
    assert free(db, now + timedelta(seconds=1)) == [lane]


@pytest.mark.parametrize(
    ("status", "open_now", "channel", "due_in", "taken"),
    [
        ("running", True, "whatsapp", 0, True),
        ("running", False, "whatsapp", 0, False),
        ("running", False, "village_list", 0, True),
        ("running", True, "whatsapp", 60, False),
        ("paused", True, "whatsapp", 0, False),
        ("stopped", True, "whatsapp", 0, False),
    ],
)
def test_campaign_rows_wake_a_lane_only_when_they_may_leave(db, now, status, open_now, channel, due_in, taken):
    with db.write() as session:
        make.installation(session)
        sender = make.sender(session, channel)
        family = make.family(session, db.sealer)
        make.message(
            session, db.sealer, household=family.household, campaign=make.campaign(session, status=status),
            channel=channel, due_at=now + timedelta(seconds=due_in),
        )  # fmt: skip
        number = sender.id
    assert free(db, now, open_now=open_now) == ([number] if taken else [])


def test_a_moved_database_sends_nothing(db, now, lane):
    jobs.refuse_moved(db)
    with db.write() as session:
        make.installation(session).moved_at = now
    assert free(db, now) == []
    with pytest.raises(Blocked, match="sudah dipindahkan pada 05-10-2026"):
        jobs.refuse_moved(db)


class Hanging:
    """A channel whose provider answers when it is told to."""

    account = "twilio"
    limits = Limits(characters=1600, buttons=0, receipts=False, template_only=False, two_way=False)

    def __init__(self, kind: ChannelKind) -> None:
        self.kind = kind
        self.answered = asyncio.Event()
        self.called = asyncio.Event()
        self.calls = 0

    async def send(self, outgoing: Outgoing) -> Answer:
        self.calls += 1
        number = self.calls
        self.called.set()
        await self.answered.wait()
        return Accepted(f"{self.kind}-{number}")


def test_a_wake_up_starts_each_lane_once_and_waits_for_none(db, now, lane):
    with db.write() as session:
        make.sender(session, "telegram")
        make.message(session, db.sealer, channel="telegram", purpose="answer", due_at=now, body=BODY)
        for row in session.exec(select(tables.Message)):
            row.sealed_body = db.sealer.seal("body", BODY)
    hanging, quick = Hanging(ChannelKind.SMS), Hanging(ChannelKind.TELEGRAM)

    async def scenario() -> None:
        quick.answered.set()
        app = App(Settings(mode=Mode.LIVE), SteppedClock(now), db, channels={hanging.kind: hanging, quick.kind: quick})
        running = jobs.Running(app, writer=ThreadPoolExecutor(1), holder=holder_name())
        wake = next(job for job in jobs.LASTING if job.name == "drain")
        for _ in range(4):
            async with asyncio.timeout(5):  # while the first provider hangs
                await jobs.run_when_due(wake, running)
                await asyncio.sleep(0.05)
        async with asyncio.timeout(5):
            await hanging.called.wait()
            await quick.called.wait()
        assert len(running.lanes) >= 1
        with db.write() as session:
            make.message(session, db.sealer, channel="telegram", purpose="answer", due_at=now, body=BODY)
        async with asyncio.timeout(5):
            while quick.calls < 2:
                await jobs.run_when_due(wake, running)
                await asyncio.sleep(0.05)
        assert hanging.calls == 1, "its lane is drained once, however often it is woken"
        hanging.answered.set()
        running.stop.set()
        await asyncio.wait(list(running.lanes.values()))
        running.close()

    asyncio.run(scenario())


def test_what_another_process_did_a_moment_ago_is_not_done_again(postgres_db, now):
    """Five workers ask a provider for news as often as one."""
    done: list[str] = []
    clock = SteppedClock(now)

    async def work(running: jobs.Running) -> int:
        done.append(running.holder)
        return 1

    async def scenario() -> None:
        app = App(Settings(), clock, postgres_db)
        first, second = jobs.Running(app, holder="one"), jobs.Running(app, holder="two")
        job = jobs.Job("poll", timedelta(seconds=5), work)
        await jobs.run_when_due(job, first)
        await jobs.run_when_due(job, second)
        assert done == ["one"]
        clock.jump_to(clock.now() + timedelta(seconds=5))
        await jobs.run_when_due(job, second)
        assert done == ["one", "two"]
        await jobs.run(job, second)  # `tick` is asked by a person and does it now
        assert done == ["one", "two", "two"]

    asyncio.run(scenario())


def test_a_job_that_raises_is_kept_for_the_doctor_and_stops_nobody(db, now):
    async def work(running: jobs.Running) -> int:
        raise ValueError("no such column")

    async def scenario() -> None:
        running = jobs.Running(App(Settings(), SteppedClock(now), db))
        assert await jobs.run_when_due(jobs.Job("plan", timedelta(seconds=10), work), running) == 0

    asyncio.run(scenario())
    with db.read() as session:
        row = session.exec(select(tables.JobRun)).one()
    assert (row.job, row.last_error, row.last_ok_at) == ("plan", "ValueError: no such column", None)
