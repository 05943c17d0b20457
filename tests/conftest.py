"""Fixtures every test may use.

    def test_an_imported_child_is_found(db, now):
        with db.write() as session:
            make.child(session, db.sealer, household, born="2021-12-01", card="printed")

`db` is a fresh, migrated `Database` and runs the test twice: on SQLite in the test's own folder, and on a private
PostgreSQL server that is started for the session (none to be had: those runs are skipped, and the summary says so).
`sqlite_db` and `postgres_db` are the same for one of them, for a test that is about that database alone.
`now` is Monday 2026-10-05 08:00 in the office (01:00 UTC), `today` that day. Rows come from `tests/make.py`.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import os
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from broadcaster.settings import Settings
from broadcaster.storage import migrate
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from tests import postgres

KEY = bytes(range(32))
_TEMPLATE = "broadcaster_template"
_NUMBERS = itertools.count(1)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the developer's own settings."""
    for name in list(os.environ):
        if name.startswith("BROADCASTER_"):
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", None)


@pytest.fixture(autouse=True, scope="session")
def _no_test_leaves_this_machine() -> Iterator[None]:
    """A connection to anything but loopback is an error of the test."""
    patch = pytest.MonkeyPatch()
    connect = socket.socket.connect

    def loopback_only(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise AssertionError(f"a test tried to reach {address[0]}")
        connect(self, address)

    patch.setattr(socket.socket, "connect", loopback_only)
    yield
    patch.undo()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host.split("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture
def now() -> datetime:
    return datetime(2026, 10, 5, 1, 0, tzinfo=UTC)


@pytest.fixture
def today() -> date:
    return date(2026, 10, 5)


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(KEY)


@pytest.fixture(params=["sqlite", "postgresql"])
def db(request: pytest.FixtureRequest) -> Database:
    """A fresh database, once on each of the two; see the module's docstring."""
    found: Database = request.getfixturevalue("sqlite_db" if request.param == "sqlite" else "postgres_db")
    return found


@pytest.fixture(scope="session")
def _sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.sqlite3"
    template = Database(f"sqlite:///{path}", Sealer(KEY))
    migrate.upgrade(template)
    template.close()  # folds the write-ahead log into the file, so that copying the file copies everything
    return path


@pytest.fixture
def sqlite_db(_sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "broadcaster.sqlite3"
    shutil.copyfile(_sqlite_template, path)
    database = Database(f"sqlite:///{path}", Sealer(KEY))
    # a test does not survive a power cut; waiting for the disk would be most of its time
    event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
    yield database
    database.close()


@pytest.fixture(scope="session")
def _postgres_template(postgres_url: str) -> str:
    postgres.administer(postgres_url, f"CREATE DATABASE {_TEMPLATE}")
    template = Database(f"{postgres_url}/{_TEMPLATE}", Sealer(KEY))
    migrate.upgrade(template)
    template.close()
    return _TEMPLATE


@pytest.fixture
def empty_postgres(postgres_url: str) -> Iterator[str]:
    """The address of a fresh PostgreSQL database without any table, for a test of setting up."""
    name = f"empty_{next(_NUMBERS)}"
    postgres.administer(postgres_url, f"CREATE DATABASE {name} STRATEGY file_copy")
    yield f"{postgres_url}/{name}"
    postgres.administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_db(postgres_url: str, _postgres_template: str) -> Iterator[Database]:
    name = f"test_{next(_NUMBERS)}"
    postgres.administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE {_postgres_template} STRATEGY file_copy")
    database = Database(f"{postgres_url}/{name}", Sealer(KEY))
    yield database
    database.close()
    postgres.administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a private server without a database name: `postgresql+psycopg://broadcaster@127.0.0.1:PORT`."""
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(postgres.server())
        except postgres.NoPostgres as error:
            pytest.skip(f"PostgreSQL NOT TESTED: {error}")
        yield url


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What could not be tested on this machine is said loudly, each reason once."""
    skipped = [report.longrepr for report in terminalreporter.getreports("skipped")]
    reasons = {str(found[2]).removeprefix("Skipped: ") for found in skipped if isinstance(found, tuple)}
    for reason in sorted(reason for reason in reasons if "NOT TESTED" in reason):
        terminalreporter.write_line(f"WARNING: {reason}", yellow=True)
