"""Sending processes beside each other, as they are really started: refused on one SQLite folder, welcome on PostgreSQL."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from broadcaster import settings as setting
from broadcaster.operations.service import init
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import load_key
from tests import make
from tests.kill.account import watch_lanes
from tests.postgres import free_port

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = 40  # per lane


@contextmanager
def started(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`broadcaster ...` in a process of its own; stopped politely at the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broadcaster", *arguments], cwd=ROOT, env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        try:
            process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise


def until(holds: Any, process: subprocess.Popen[str], seconds: float = 30.0) -> None:
    ends = time.monotonic() + seconds
    while True:
        try:
            if holds():
                return
        except OSError:
            pass
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends, "it did not happen in time"
        time.sleep(0.05)


def read(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return answer.read()


def installed(folder: Path, simulator: str, url: str = "") -> tuple[dict[str, str], Database]:
    """A set up installation: what the environment says of it, and its database."""
    values = {
        "data_dir": str(folder),
        "database_url": url,
        "mode": "rehearsal",
        "telegram_token": "100:simulated",
        "telegram_base_url": simulator,
        "twilio_base_url": simulator,
        "twilio_account_sid": "AC" + "0" * 32,
        "twilio_auth_token": "simulated",
        "twilio_sms_from": "+6285100000002",
        "twilio_whatsapp_from": "+6285100000001",
        "pace_sms": "40",
        "pace_telegram": "40",
        "pace_whatsapp": "40",
    }
    settings = setting.load(_env_file=None, **values)
    init(settings, datetime.now(UTC))
    return {f"BROADCASTER_{name.upper()}": value for name, value in values.items()}, Database(
        settings.url, load_key(settings.key_file)
    )


@pytest.mark.parametrize(("killed", "commands"), [(False, ["run"]), (True, ["tick", "worker"])], ids=["run", "others"])
def test_a_second_sending_process_on_one_folder_refuses_in_a_sentence(tmp_path, killed, commands):
    port = free_port()
    environment, db = installed(tmp_path / "data", "http://127.0.0.1:9")
    db.close()
    with started(environment, "run", "--port", str(port)) as first:
        until(lambda: read(f"http://127.0.0.1:{port}/healthz") == b"ok\n", first)
        for command in commands:
            with started(environment, command) as second:
                assert second.wait(30) == 1, command
                said = " ".join(second.communicate()[1].split())
            assert "Program lain sedang mengirim dari folder" in said
            assert "BROADCASTER_DATA_DIR" in said, "the sentence says what to do"
            assert "Traceback" not in said
        first.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
        assert first.wait(30) == (-signal.SIGKILL if killed else 0)
    # however the first one ended, the folder is free again
    with started(environment, "tick") as third:
        assert third.wait(30) == 0, third.communicate()


def plan(db: Database, now: datetime) -> None:
    """Texts on four lanes that may leave at any hour, each to a person of its own."""
    body = json.dumps({"text": "Kantor buka pukul 08.00.", "buttons": [], "sid": "", "variables": {}})
    with db.write() as session:
        session.add(tables.Sender(name="sms-2", channel="sms", pace=40, next_slot_at=now))
        session.flush()
        for lane in session.exec(select(tables.Sender).where(tables.Sender.channel != "village_list")).all():
            for number in range(PEOPLE):
                person = 1000 * (lane.id or 0) + number
                telegram = lane.channel == "telegram"
                make.message(
                    session, db.sealer, channel=lane.channel, purpose="answer", body=body, due_at=now,
                    address=str(700_000_000 + person) if telegram else f"+62812{10_000_000 + person}",
                    sender_id=lane.id, expires_at=now + timedelta(days=1),
                )  # fmt: skip


@pytest.mark.parametrize("workers", [2, 4])
def test_workers_share_the_lanes_of_one_postgresql_and_send_nothing_twice(empty_postgres, tmp_path, workers):
    port = free_port()
    simulator = f"http://127.0.0.1:{port}"
    with started({}, "simulate", "--port", str(port), "--latency-ms", "30") as simulation:
        until(lambda: read(f"{simulator}/_sim/stats"), simulation)
        environment, db = installed(tmp_path / "data", simulator, empty_postgres)
        watch_lanes(db)
        plan(db, datetime.now(UTC))

        def all_sent() -> bool:
            with db.read() as session:
                waiting = col(tables.Message.status).in_(("planned", "claimed", "sending"))
                return session.exec(select(tables.Message.id).where(waiting).limit(1)).first() is None

        # at the same moment, so that they race for every lane
        begun = [started(environment, "worker") for _ in range(workers)]
        processes = [one.__enter__() for one in begun]
        try:
            until(all_sent, processes[0], 60)
            for process in processes:
                process.terminate()
            assert [process.wait(30) for process in processes] == [0] * workers
        finally:
            for one in begun:
                one.__exit__(None, None, None)
        received = json.loads(read(f"{simulator}/_sim/messages?since=0"))["messages"]
        with db.plain() as sql:
            holders = sql.all("SELECT DISTINCT holder FROM kill_lane")
            states = Counter(row[0] for row in sql.all("SELECT status FROM message"))
        db.close()
    assert states == {"accepted": 4 * PEOPLE}
    assert len(received) == 4 * PEOPLE
    assert set(Counter((text["channel"], text["to"]) for text in received).values()) == {1}
    assert len(holders) >= 2, "the lanes were not shared"
