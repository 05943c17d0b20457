"""One at a time in the whole cluster: work that several processes know of and only one may do."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from broadcaster.storage.database import Database

log = structlog.get_logger()

#: The first half of every lock's number, so that another program's locks in the same database are not ours. ("BRDC")
_OURS = 0x42524443


@contextmanager
def turn(db: Database, name: str) -> Iterator[bool]:
    """Whether it is this process's turn at `name`, for as long as the block runs; false when another one is at it.

    PostgreSQL: an advisory lock of a session of its own, so the server gives it up when the process or its machine dies.
    SQLite has one working process (it holds the data folder's lock): its turn is always now.
    """
    if db.kind == "sqlite":
        yield True
        return
    key = {"ours": _OURS, "name": zlib.crc32(name.encode()) - 2**31}
    # without a transaction: a session that holds one open for the length of a job would keep the server from cleaning up
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not connection.execute(text("SELECT pg_try_advisory_lock(:ours, :name)"), key).scalar_one():
            yield False
            return
        try:
            yield True
        finally:
            try:
                connection.execute(text("SELECT pg_advisory_unlock(:ours, :name)"), key)
            except DBAPIError as error:
                # the session is gone and its lock with it; what the job itself said is worth more than this
                log.warning("a turn's session was lost", turn=name, error=type(error.orig).__name__)
                connection.invalidate()
