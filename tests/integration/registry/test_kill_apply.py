"""A process that applies a file is killed with SIGKILL at random moments: the register is as before or as after.

Five moments by default; FULL_IMPORT_KILL=1 takes fifty. The process is forked from one that has loaded everything, and
killed at a random part of the time that the same import took when it was left alone.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import func, select

from broadcaster.registry import service
from broadcaster.registry.reader import Source
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from tests.integration.registry import dump, files
from tests.integration.registry.applier import KEY, NOW, TODAY

ROOT = Path(__file__).resolve().parents[3]
ROUNDS = 50 if os.environ.get("FULL_IMPORT_KILL") == "1" else 5
FAMILIES = 600


class Applier:
    """The process that forks."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, database: Path, file: Path) -> int:
        """Begin an apply; returns the process that does it, at the moment its transaction begins."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{database} {file}\n")
        self._process.stdin.flush()
        said, pid = self._line().split()
        assert said == "apply"
        return int(pid)

    def end(self) -> int:
        """Wait until it is gone; its wait status."""
        said, status = self._line().split()
        assert said == "ended"
        return int(status)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def applier() -> Iterator[Applier]:
    command = [sys.executable, "-m", "tests.integration.registry.applier"]
    with subprocess.Popen(command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Applier(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=30) == 0


def rows(families: range, **cells: Any) -> list[list[Any]]:
    return [
        files.child(n, family=n, name=f"ANAK {n}", mother=f"IBU {n}", phone=f"08123456{n:04}", **cells) for n in families
    ]  # fmt: skip


def opened(path: Path) -> Database:
    return Database(f"sqlite:///{path}", Sealer(KEY))


def seen(path: Path) -> tuple[dict[str, list[Any]], int, bool]:
    """The register, how many batches stand, and whether there are changes noted that belong to none."""
    db = opened(path)
    with db.read() as session:
        assert session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
        assert session.execute(text("PRAGMA foreign_key_check")).all() == []
        batches = session.exec(select(func.count()).select_from(tables.ImportBatch)).one()
        noted = set(session.exec(select(tables.ImportChange.batch_id)))
        known = set(session.exec(select(tables.ImportBatch.id)))
    found = dump.canonical(db), batches, noted <= known
    db.close()
    return found


def test_a_kill_during_apply_leaves_the_register_before_or_after(
    sqlite_office: Database, bring_in: Callable[..., Any], applier: Applier, tmp_path: Path
) -> None:
    bring_in(sqlite_office, files.csv_file(rows(range(1, FAMILIES))))
    sqlite_office.close()  # folds the log into the file, so that copying the file copies everything
    file = tmp_path / "kedua.csv"
    second = [
        *rows(range(1, FAMILIES // 2), desa="Purwodadi", status="Siap diambil", printed="01-09-2026"),
        *rows(range(FAMILIES, 2 * FAMILIES)),
        files.child(9000, family=1, mother="IBU 1", phone="081234560002"),  # merges two households
    ]
    file.write_bytes(files.csv_text(second).encode())

    def fresh(name: str) -> Path:
        return Path(shutil.copyfile(tmp_path / "broadcaster.sqlite3", tmp_path / name))

    whole = fresh("whole.sqlite3")
    before = seen(whole)
    applier.start(whole, file)
    began = time.monotonic()
    assert applier.end() == 0
    takes = time.monotonic() - began
    after = seen(whole)
    assert before[1:] == (1, True)
    assert after[1:] == (2, True)
    assert before[0] != after[0]

    moments = random.Random(7)
    ends = {"before": 0, "after": 0}
    for number in range(ROUNDS):
        path = fresh(f"{number}.sqlite3")
        pid = applier.start(path, file)
        time.sleep(moments.random() * takes)
        with contextlib.suppress(ProcessLookupError):  # done already: it was faster than when it was timed
            os.kill(pid, signal.SIGKILL)
        applier.end()
        found = seen(path)
        assert found in (before, after), f"round {number} left something between"
        ends["before" if found == before else "after"] += 1
        if found == before:  # and nothing stands in the way of doing it again
            db = opened(path)
            again = service.check(db, Source.at(file), today=TODAY)
            assert service.apply(db, again, by="sari", now=NOW, confirmed=True).report.applied
            db.close()
            assert seen(path) == after
    assert ends["before"] > 0, "no kill came before the end: the moments are too late"
