"""The database: one write transaction at a time on SQLite, READ COMMITTED on PostgreSQL, the same code for both.

`with db.write() as session:` commits when the block ends and rolls back when it raises; nothing else in the product commits.
`with db.read() as session:` sees one consistent state. Functions that use them are `def`, never `async def`, so that no call
to a provider can sit inside a transaction.

The hot path of the outbox uses `with db.plain() as sql:`: the driver's own connection, plain SQL with `:name` parameters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, event
from sqlalchemy import create_engine as _create_engine
from sqlmodel import Session

from broadcaster.errors import Blocked
from broadcaster.storage.sealed import Sealer

_NAME = re.compile(r"(?<!:):([a-z_][a-z0-9_]*)")
_BUSY_MS = 30_000
_BY_IDS = "; ".join(
    f"SET LOCAL {setting}"
    for setting in (
        "enable_seqscan = off", "enable_hashjoin = off", "enable_mergejoin = off", "jit = off",
        "plan_cache_mode = force_generic_plan",
    )
)  # fmt: skip

Kind = Literal["sqlite", "postgresql"]


class Plain:
    """Plain SQL on the driver's connection, inside one write transaction. Parameters are `:name` on both databases."""

    def __init__(self, connection: Connection) -> None:
        self.kind: Kind = "sqlite" if connection.dialect.name == "sqlite" else "postgresql"
        self._connection = connection
        driver: Any = connection.connection.driver_connection
        self._cursor = driver.cursor()

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A session inside this same transaction, for the rare row whose consequences other rooms write."""
        with Session(self._connection, expire_on_commit=False) as session:
            yield session
            session.flush()

    def by_ids(self) -> None:
        """Say that what follows in this transaction finds its rows by ids or in an index, and is asked over and over.

        PostgreSQL guesses from statistics that are old as soon as a campaign moves: it would read a whole table for five hundred
        of its rows, or every open attempt for one, and think as long about a statement as it works on it. SQLite does neither.
        """
        if self.kind == "postgresql":
            self._cursor.execute(_BY_IDS)

    def all(self, sql: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Run and return every row (of a SELECT or a RETURNING)."""
        self._cursor.execute(self._text(sql), parameters)
        return list(self._cursor.fetchall())

    def one(self, sql: str, **parameters: Any) -> tuple[Any, ...] | None:
        """Run and return the first row, or None."""
        self._cursor.execute(self._text(sql), parameters)
        row = self._cursor.fetchone()
        return tuple(row) if row is not None else None

    def run(self, sql: str, **parameters: Any) -> int:
        """Run and return how many rows changed."""
        self._cursor.execute(self._text(sql), parameters)
        return int(self._cursor.rowcount)

    def many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run once per row."""
        if rows:
            self._cursor.executemany(self._text(sql), rows)

    def _text(self, sql: str) -> str:
        return sql if self.kind == "sqlite" else _for_psycopg(sql)


@lru_cache(maxsize=512)
def _for_psycopg(sql: str) -> str:
    return _NAME.sub(r"%(\1)s", sql.replace("%", "%%"))


def plain(session: Session) -> Plain:
    """Plain SQL inside a session's transaction; what the session holds is written first."""
    session.flush()
    return Plain(session.connection())


class Database:
    """An engine, the rules of its transactions, and the sealer for what it stores."""

    def __init__(self, url: str, sealer: Sealer) -> None:
        self.url = url
        self.sealer = sealer
        self.engine = create_engine(url)
        self.kind: Kind = "sqlite" if self.engine.dialect.name == "sqlite" else "postgresql"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A read transaction: one consistent state, nothing is written."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            try:
                yield session
            finally:
                session.expunge_all()  # what was read stays readable afterwards
                session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A write transaction: commits at the end, rolls back when the block raises."""
        with (
            self.engine.connect().execution_options(writes=True) as connection,
            Session(connection, expire_on_commit=False) as session,
            connection.begin(),
        ):
            yield session
            session.flush()

    @contextmanager
    def plain(self) -> Iterator[Plain]:
        """A write transaction on the driver's connection, for the outbox's hot path."""
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            yield Plain(connection)

    def close(self) -> None:
        self.engine.dispose()


def is_away(error: BaseException) -> bool:
    """Whether the database itself could not serve (gone, locked, a deadlock): what was asked may well succeed later."""
    # SQLAlchemy and both drivers name these alike, and the drivers share no base class
    return any(kind.__name__ in ("OperationalError", "InterfaceError") for kind in type(error).__mro__)


def create_engine(url: str) -> Engine:
    """An engine with the product's transaction rules; raises `Blocked` when the address names no supported database."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = _create_engine(
            url, connect_args={"check_same_thread": False, "timeout": _BUSY_MS / 1000}, pool_use_lifo=True
        )
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
        return engine
    if url.startswith("postgresql+psycopg://"):
        engine = _create_engine(url, isolation_level="READ COMMITTED", pool_size=8, max_overflow=8, pool_use_lifo=True)
        event.listen(engine, "connect", _postgres_connect)
        return engine
    raise Blocked(
        "BROADCASTER_DATABASE_URL harus kosong (SQLite) atau diawali postgresql+psycopg://.", code="bad_database_url"
    )


def _sqlite_connect(connection: Any, _record: object) -> None:
    # autocommit at the driver: the transaction is begun by `_sqlite_begin`, at the moment and in the kind we choose
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_MS}",
        "journal_mode=WAL",
        "synchronous=FULL",  # NORMAL may forget the last commits at power loss: a message sent and forgotten is sent twice
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-4000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _sqlite_begin(connection: Any) -> None:
    # IMMEDIATE takes the write lock at once: a transaction that reads first and writes later cannot fail half-way
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_connect(connection: Any, _record: object) -> None:
    # the promise needs a commit to be on disk when we are told so, whatever the server's default
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")
    connection.commit()
    # lists travel as they are: as text, a hundred sealed texts take twenty times as long
    from psycopg.types.array import ListBinaryDumper

    connection.adapters.register_dumper(list, ListBinaryDumper)


__all__ = ["Database", "Plain", "create_engine", "is_away", "plain"]
