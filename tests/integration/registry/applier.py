"""A process that applies files on command, so that a test can kill it: `python -m tests.integration.registry.applier`.

Reads lines `DATABASE FILE` and forks for each: a child starts in milliseconds, with everything loaded. The child says `apply PID`
when its transaction is about to begin; this process says `ended STATUS` when the child is gone, killed or not.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from broadcaster.registry import service
from broadcaster.registry.reader import Source
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer

TODAY = date(2026, 10, 5)
NOW = datetime(2026, 10, 5, 2, 0, tzinfo=UTC)
KEY = bytes(range(32))


def apply(database: str, file: str) -> None:
    """Check and apply a file, confirmed."""
    db = Database(f"sqlite:///{database}", Sealer(KEY))
    checked = service.check(db, Source.at(Path(file)), today=TODAY)
    print(f"apply {os.getpid()}", flush=True)
    service.apply(db, checked, by="sari", now=NOW, confirmed=True)
    db.close()


def main() -> None:
    for line in sys.stdin:
        database, file = line.split()
        pid = os.fork()
        if pid == 0:
            apply(database, file)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        print(f"ended {status}", flush=True)


if __name__ == "__main__":
    main()
