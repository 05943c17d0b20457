"""`run`, `worker` and `web` as they are started: real processes on one installation."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.conftest import KEY

ROOT = Path(__file__).resolve().parents[3]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a command on a database; whatever still runs at the end is killed."""
    key = tmp_path / "secret.key"
    key.touch(0o600)
    key.write_text(KEY.hex() + "\n")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BROADCASTER_")} | {
        "BROADCASTER_DATA_DIR": str(tmp_path),
        "BROADCASTER_MODE": "rehearsal",
        "BROADCASTER_TELEGRAM_BASE_URL": "http://127.0.0.1:9",
        "BROADCASTER_TWILIO_BASE_URL": "http://127.0.0.1:9",
    }
    started: list[subprocess.Popen[str]] = []

    def begin(db: Database, *arguments: str) -> subprocess.Popen[str]:
        with db.write() as session:
            make.installation(session)
        process = subprocess.Popen(
            [sys.executable, "-m", "broadcaster", *arguments],
            cwd=ROOT, env=environment | {"BROADCASTER_DATABASE_URL": db.url},
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def until(holds: Callable[[], bool], seconds: float = 20) -> None:
    ends = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < ends, f"not within {seconds} s"
        time.sleep(0.05)


def working(db: Database) -> bool:
    """Whether a process has run its jobs since the test began."""
    with db.read() as session:
        last = session.exec(select(tables.JobRun.last_ok_at).where(tables.JobRun.job == "drain")).first()
    return last is not None and datetime.now(UTC) - last < timedelta(seconds=60)


def test_one_sqlite_folder_has_one_sender_and_any_number_of_consoles(sqlite_db, start):
    worker = start(sqlite_db, "worker")
    until(lambda: working(sqlite_db))
    port = free_port()
    console, second = start(sqlite_db, "web", "--port", str(port)), start(sqlite_db, "run", "--port", "0")
    _, said = second.communicate(timeout=30)
    assert second.returncode == 1
    assert "Program lain sedang mengirim dari folder" in said
    assert "Traceback" not in said
    until(lambda: answers(port))
    for process in (worker, console):
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=20)
        assert process.returncode == 0, said


def test_postgresql_has_any_number_of_workers(postgres_db, start):
    workers = [
        start(postgres_db, "worker"),
        start(postgres_db, "worker"),
        start(postgres_db, "run", "--port", str(free_port())),
    ]
    for worker in workers:
        assert worker.stderr is not None
        assert "Ctrl-C" in worker.stderr.readline(), "each says that it has begun"
    until(lambda: working(postgres_db))
    time.sleep(1.5)
    assert [worker.poll() for worker in workers] == [None, None, None]
    for worker in workers:
        worker.send_signal(signal.SIGINT)
    for worker in workers:
        _, said = worker.communicate(timeout=20)
        assert worker.returncode == 0, said


def test_a_moved_database_refuses_every_sender_and_still_shows_its_console(sqlite_db, start):
    with sqlite_db.write() as session:
        make.installation(session).moved_at = datetime(2026, 10, 1, 3, tzinfo=UTC)
    port = free_port()
    for command in ("worker", "tick"):
        process = start(sqlite_db, command)
        _, said = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "sudah dipindahkan pada 01-10-2026" in said
    start(sqlite_db, "web", "--port", str(port))
    until(lambda: answers(port))


def test_a_worker_loads_no_web_server_and_no_migrations():
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, broadcaster.cli.main; print(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert not {"fastapi", "starlette", "uvicorn", "alembic", "typst"} & set(loaded)


def answers(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
        return bool(answer.status == 200)
    return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
