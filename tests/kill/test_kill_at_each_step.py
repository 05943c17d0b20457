"""A sending process is killed with SIGKILL at each named step of a drain: what the tables say is what happened."""

from __future__ import annotations

import itertools
import json
import os
import socket
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
from broadcaster.rendering.queries import templates
from broadcaster.rendering.service import record_provider_template
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import load_key
from tests import make

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = 30
_BLOCKS = itertools.count()  # each test has its own telephone numbers


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """Simulated providers in a process of their own, as a user starts them."""
    port = _free_port()
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


@dataclass
class Installation:
    db: Database
    environment: dict[str, str]
    simulator: str

    def send(self, step: str = "never", times: int = 1) -> int:
        """Run one sending process to its end; its exit status."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.kill.sender", step, str(times)],
            cwd=ROOT, env=self.environment, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode

    def statuses(self) -> Counter[str]:
        with self.db.read() as session:
            return Counter(session.exec(select(tables.Message.status)))

    def attempts(self) -> Counter[str]:
        with self.db.read() as session:
            return Counter(session.exec(select(tables.Attempt.state)))

    def received(self) -> Counter[str]:
        """How often each household's number got the text, as the provider counts."""
        page = _get(f"{self.simulator}/_sim/messages?since=0")
        with self.db.read() as session:
            ours = {
                self.db.sealer.open("address", sealed) for sealed in session.exec(select(tables.Message.sealed_address))
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


@pytest.fixture
def installation(simulator: str, tmp_path: Path) -> Iterator[Installation]:
    environment = {
        "BROADCASTER_DATA_DIR": str(tmp_path / "data"),
        "BROADCASTER_MODE": "rehearsal",
        "BROADCASTER_TELEGRAM_BASE_URL": simulator,
        "BROADCASTER_TWILIO_BASE_URL": simulator,
        "BROADCASTER_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "BROADCASTER_TWILIO_AUTH_TOKEN": "simulated",
        "BROADCASTER_TWILIO_WHATSAPP_FROM": "+6285100000001",
        "BROADCASTER_TWILIO_SMS_FROM": "DUKCAPIL",
        "BROADCASTER_PACE_SMS": "100",
    }
    patch = pytest.MonkeyPatch()
    for name, value in environment.items():
        patch.setenv(name, value)
    settings = setting.load()
    now = datetime.now(UTC)
    init(settings, now)
    db = Database(settings.url, load_key(settings.key_file))
    _plan(db, now, first=10_000_000 + 1000 * next(_BLOCKS))
    yield Installation(db, {**os.environ, **environment}, simulator)
    db.close()
    patch.undo()


def _plan(db: Database, now: datetime, first: int) -> None:
    """Thirty due SMS of a running campaign that may be sent at any hour: the answers' path has no timetable."""
    with db.write() as session:
        make.facts(session)
        for version in templates(session):
            record_provider_template(session, version.id, "twilio", f"HX{version.id:032}", "approved", "utility", now)
        sender = session.exec(select(tables.Sender).where(tables.Sender.channel == "sms")).one()
        sender.next_slot_at = now
        session.add(sender)
        for number in range(FAMILIES):
            make.message(
                session, db.sealer, channel="sms", address=f"+62812{first + number}", purpose="answer", due_at=now,
                body=json.dumps({"text": f"Pesan {number}", "buttons": [], "sid": "", "variables": {}}),
                expires_at=now + timedelta(days=1),
            )  # fmt: skip


STEPS = ("leased", "intent", "called", "record")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 12])
def test_nothing_is_sent_twice_or_lost_when_the_sender_is_killed(installation, step, times):
    if step == "leased" and times > 1:
        times = 1  # thirty rows are one lease
    assert installation.send(step, times) == -9, "the process was to be killed"
    crashed, attempts, received = installation.statuses(), installation.attempts(), installation.received()
    assert crashed.total() == FAMILIES
    assert set(crashed) <= {"planned", "claimed", "sending", "accepted"}
    if step == "leased":
        assert crashed == {"claimed": FAMILIES}
        assert attempts == {}
        assert received == {}
    else:
        assert crashed["sending"] >= 1
        assert attempts["open"] == crashed["sending"]
        # whatever the provider received had its intent on disk before
        assert received.total() <= attempts.total()
    if step == "called":
        assert received.total() >= 1
    in_flight = crashed["sending"]
    installation.after_the_crash()
    assert installation.statuses()["unknown"] == in_flight
    assert installation.send() == 0
    ended = installation.statuses()
    assert ended == Counter({"accepted": FAMILIES - in_flight, "unknown": in_flight}) - Counter()
    received = installation.received()
    assert max(received.values()) == 1, "somebody got a text twice"
    with installation.db.read() as session:
        for message in session.exec(select(tables.Message).where(col(tables.Message.status) == "accepted")):
            assert received[installation.db.sealer.open("address", message.sealed_address)] == 1


def test_two_processes_on_one_lane_send_nothing_twice(installation):
    first = subprocess.Popen(
        [sys.executable, "-m", "tests.kill.sender", "never", "1"], cwd=ROOT, env=installation.environment
    )
    assert installation.send() == 0
    assert first.wait(60) == 0
    assert installation.statuses() == {"accepted": FAMILIES}
    assert set(installation.received().values()) == {1}
