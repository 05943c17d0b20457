"""A sending process is killed with SIGKILL at each named step of a drain: what the tables say is what happened.

On SQLite and on PostgreSQL. The harness beside this (`test_harness.py`) kills at random moments.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from broadcaster import settings as setting
from broadcaster.operations.service import init
from broadcaster.outbox.rules import LEASE, intent_life
from broadcaster.outbox.sweep import sweep
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import load_key
from tests import make, postgres
from tests.kill.sender import STEPS

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = 30
_BLOCKS = itertools.count()  # each test has its own telephone numbers


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """Simulated providers in a process of their own, as a user starts them."""
    port = postgres.free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "broadcaster", "simulate", "--port", str(port)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    url = f"http://127.0.0.1:{port}"
    ends = time.monotonic() + 30
    while True:
        try:
            _get(f"{url}/_sim/stats")
            break
        except OSError:
            assert process.poll() is None, "the simulator ended"
            assert time.monotonic() < ends, "the simulator did not start"
            time.sleep(0.05)
    yield url
    process.terminate()
    process.wait(10)


@pytest.fixture(scope="module")
def nursery() -> Iterator[subprocess.Popen[str]]:
    """Forks senders from a parent that has imported everything."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.kill.nursery"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield process
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.close()
    assert process.wait(10) == 0
    process.stdout.close()


@dataclass
class Installation:
    db: Database
    values: dict[str, Any]
    simulator: str
    nursery: subprocess.Popen[str]
    first: int = 0  # the id of this test's first message

    def send(self, step: str = "", times: int = 1, beside: int = 1) -> list[int]:
        """Run sending processes to their end, `beside` each other; their exit statuses."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        wanted = {"settings": self.values, "step": step, "times": times, "beside": beside}
        self.nursery.stdin.write(json.dumps(wanted) + "\n")
        self.nursery.stdin.flush()
        found: list[int] = json.loads(self.nursery.stdout.readline())
        return found

    def statuses(self) -> Counter[str]:
        with self.db.read() as session:
            return Counter(session.exec(select(tables.Message.status).where(col(tables.Message.id) >= self.first)))

    def attempts(self) -> Counter[str]:
        with self.db.read() as session:
            return Counter(
                session.exec(select(tables.Attempt.state).where(col(tables.Attempt.message_id) >= self.first))
            )

    def received(self) -> Counter[str]:
        """How often each household's number got the text, as the provider counts."""
        page = _get(f"{self.simulator}/_sim/messages?since=0")
        with self.db.read() as session:
            ours = {
                self.db.sealer.open("address", sealed)
                for sealed in session.exec(
                    select(tables.Message.sealed_address).where(col(tables.Message.id) >= self.first)
                )
            }
        return Counter(text["to"] for text in page["messages"] if text["to"] in ours)

    def after_the_crash(self) -> None:
        """What the sweep of the next process finds once leases and intents are over."""
        later = datetime.now(UTC) + max(LEASE, intent_life(5, 15)) + timedelta(seconds=1)
        sweep(self.db, later, intent_life=intent_life(5, 15))
        with self.db.write() as session:
            for sender in session.exec(select(tables.Sender)).all():
                sender.lane_until = None  # the dead process's lane would be free after ten seconds
                session.add(sender)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def installed(
    request: pytest.FixtureRequest, simulator: str, nursery: subprocess.Popen[str], tmp_path_factory: Any
) -> Iterator[Installation]:
    """One installation per database, for every test here."""
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("postgres_url")
        postgres.administer(server, "CREATE DATABASE kill_steps STRATEGY file_copy")
        url = f"{server}/kill_steps"
    values = {
        "data_dir": str(tmp_path_factory.mktemp("installation") / "data"),
        "database_url": url,
        "mode": "rehearsal",
        "telegram_base_url": simulator,
        "twilio_base_url": simulator,
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_auth_token": "simulated",
        "twilio_sms_from": "+6285100000002",
        "pace_sms": 100,
    }
    settings = setting.load(_env_file=None, **values)
    init(settings, datetime.now(UTC))
    db = Database(settings.url, load_key(settings.key_file))
    yield Installation(db, values, simulator, nursery)
    db.close()
    if url:
        postgres.administer(server, "DROP DATABASE kill_steps WITH (FORCE)")


@pytest.fixture
def installation(installed: Installation) -> Installation:
    """Thirty due SMS to people of this test's own, that may be sent at any hour: the answers' path has no timetable."""
    db, now = installed.db, datetime.now(UTC)
    block = 10_000_000 + 1000 * next(_BLOCKS)
    with db.write() as session:
        for sender in session.exec(select(tables.Sender)):
            sender.next_slot_at, sender.lane_until = now, None
            session.add(sender)
        ids = [
            make.message(
                session, db.sealer, channel="sms", address=f"+62812{block + number}", purpose="answer", due_at=now,
                body=json.dumps({"text": f"Pesan {number}", "buttons": [], "sid": "", "variables": {}}),
                expires_at=now + timedelta(days=1), dedupe_key=f"kill-{block + number}",
            ).id or 0
            for number in range(FAMILIES)
        ]  # fmt: skip
    installed.first = ids[0]
    return installed


#: (step, for which time): thirty rows are one lease, and answers are committed together.
MOMENTS = (
    ("leased", 1), ("intent", 1), ("intent", 12), ("called", 1), ("called", 12), ("record", 1), ("record", 3),
    ("recorded", 1), ("recorded", 3),
)  # fmt: skip


def test_every_named_step_is_killed_at():
    assert {step for step, _ in MOMENTS} == set(STEPS)


@pytest.mark.parametrize(("step", "times"), MOMENTS)
def test_nothing_is_sent_twice_or_lost_when_the_sender_is_killed(installation, step, times):
    assert installation.send(step, times) == [-9], "the process was to be killed"
    crashed, attempts, received = installation.statuses(), installation.attempts(), installation.received()
    assert crashed.total() == FAMILIES
    assert set(crashed) <= {"planned", "claimed", "sending", "accepted"}
    # whatever the provider received had its intent on disk before
    assert received.total() <= attempts.total()
    assert attempts["open"] == crashed["sending"]
    if step == "leased":
        assert crashed["claimed"] >= 1
        assert attempts == {}
        assert received == {}
    if step in ("intent", "called", "record"):
        assert crashed["sending"] >= 1
    if step in ("called", "record", "recorded"):
        assert received.total() >= 1
    if step == "recorded":
        assert crashed["accepted"] >= times
    if step == "record" and times == 1:
        assert crashed["accepted"] == 0
    in_flight = crashed["sending"]
    installation.after_the_crash()
    assert installation.statuses()["unknown"] == in_flight
    assert installation.send() == [0]
    ended = installation.statuses()
    assert ended == Counter({"accepted": FAMILIES - in_flight, "unknown": in_flight}) - Counter()
    received = installation.received()
    assert max(received.values()) == 1, "somebody got a text twice"
    with installation.db.read() as session:
        accepted = select(tables.Message).where(
            tables.Message.status == "accepted", col(tables.Message.id) >= installation.first
        )
        for message in session.exec(accepted):
            assert received[installation.db.sealer.open("address", message.sealed_address)] == 1


@pytest.mark.parametrize("beside", [2, 4])
def test_several_processes_on_one_lane_send_nothing_twice(installation, beside):
    assert installation.send(beside=beside) == [0] * beside
    assert installation.statuses() == {"accepted": FAMILIES}
    assert set(installation.received().values()) == {1}


_DEADLOCKS = (
    "CREATE SEQUENCE kill_deadlocks",  # counts on when its transaction is rolled back
    "CREATE FUNCTION kill_deadlock() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
    " IF nextval('kill_deadlocks') <= 3 THEN RAISE EXCEPTION 'deadlock' USING ERRCODE = 'deadlock_detected'; END IF;"
    " RETURN NEW; END $$",
    "CREATE TRIGGER kill_deadlock BEFORE INSERT ON attempt FOR EACH ROW EXECUTE FUNCTION kill_deadlock()",
)
_NO_MORE = ("DROP TRIGGER kill_deadlock ON attempt", "DROP FUNCTION kill_deadlock", "DROP SEQUENCE kill_deadlocks")


def test_a_deadlock_under_an_intent_costs_no_message(installation):
    if installation.db.kind == "sqlite":
        pytest.skip("SQLite has one writer and no deadlocks")
    with installation.db.plain() as sql:
        for statement in _DEADLOCKS:
            sql.run(statement)
    try:
        assert installation.send() == [0]
    finally:
        with installation.db.plain() as sql:
            for statement in _NO_MORE:
                sql.run(statement)
    assert installation.statuses()["failed"] == 0
    installation.after_the_crash()
    assert installation.send() == [0]
    assert installation.statuses() == {"accepted": FAMILIES}
    assert set(installation.received().values()) == {1}
