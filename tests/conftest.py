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

import ipaddress
import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
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

KEY = bytes(range(32))
_TEMPLATE = "broadcaster_template"
_NUMBERS = itertools.count(1)
_NO_POSTGRES: list[str] = []  # why there is no server, for the summary


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
    _administer(postgres_url, f"CREATE DATABASE {_TEMPLATE}")
    template = Database(f"{postgres_url}/{_TEMPLATE}", Sealer(KEY))
    migrate.upgrade(template)
    template.close()
    return _TEMPLATE


@pytest.fixture
def empty_postgres(postgres_url: str) -> Iterator[str]:
    """The address of a fresh PostgreSQL database without any table, for a test of setting up."""
    name = f"empty_{next(_NUMBERS)}"
    _administer(postgres_url, f"CREATE DATABASE {name} STRATEGY file_copy")
    yield f"{postgres_url}/{name}"
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def postgres_db(postgres_url: str, _postgres_template: str) -> Iterator[Database]:
    name = f"test_{next(_NUMBERS)}"
    _administer(postgres_url, f"CREATE DATABASE {name} TEMPLATE {_postgres_template} STRATEGY file_copy")
    database = Database(f"{postgres_url}/{name}", Sealer(KEY))
    yield database
    database.close()
    _administer(postgres_url, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The address of a private server without a database name: `postgresql+psycopg://broadcaster@127.0.0.1:PORT`."""
    bin_dir = _postgres_binaries()
    if bin_dir is None:
        _skip_postgres("no initdb and postgres found (pg_config --bindir, /usr/lib/postgresql/*/bin, PATH)")
    try:
        import psycopg  # noqa: F401
    except ImportError:
        _skip_postgres("psycopg is not installed")
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="broadcaster-pg-", dir=_fast_folder()))
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    as_user: dict[str, Any] = (
        {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}
    )
    log = folder / "server.log"
    initdb = subprocess.run(
        [
            bin_dir / "initdb", "--pgdata", folder / "data", "--username", "broadcaster", "--auth", "trust",
            "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions",
        ],
        capture_output=True, text=True, check=False, **as_user,
    )  # fmt: skip
    if initdb.returncode != 0:
        shutil.rmtree(folder)
        _skip_postgres(f"initdb failed: {initdb.stderr.strip().splitlines()[-1:]}")
    port = _free_port()
    options = {
        "listen_addresses": "127.0.0.1",
        "port": port,
        "unix_socket_directories": folder,
        "fsync": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "shared_buffers": "64MB",
        "max_connections": 120,
        "wal_level": "minimal",
        "max_wal_senders": 0,
    }
    arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    # a killed test run must not leave a server behind
    follow = ["setpriv", "--pdeathsig", "INT"] if shutil.which("setpriv") else []
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*follow, bin_dir / "postgres", "-D", folder / "data", *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **as_user,
        )  # fmt: skip
    url = f"postgresql+psycopg://broadcaster@127.0.0.1:{port}"
    try:
        _wait_for(url, server, log)
        yield url
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:  # an open connection holds a polite shutdown up
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _postgres_binaries() -> Path | None:
    places: list[Path] = []
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        places.append(Path(answer.stdout.strip()))
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if postgres := shutil.which("postgres"):
        places += [Path(postgres).parent, Path(postgres).resolve().parent]
    return next((place for place in places if all((place / name).is_file() for name in ("initdb", "postgres"))), None)


def _fast_folder() -> Path | None:
    """Memory, where there is enough of it: a database per test is a thousand files. None = the usual temporary folder."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 1024**3
    return memory if roomy else None


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root. None = we are nobody special ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    _skip_postgres("running as root and there is no user postgres or nobody to run the server")
    return None


def _skip_postgres(reason: str) -> None:
    _NO_POSTGRES.append(reason)
    pytest.skip(f"PostgreSQL NOT TESTED: {reason}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url.replace("+psycopg", "") + "/postgres").close()
            return
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                _skip_postgres(f"the server did not start: {log.read_text(errors='replace').splitlines()[-3:]}")
            time.sleep(0.05)


def _administer(url: str, statement: str) -> None:
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(statement)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _NO_POSTGRES:
        terminalreporter.write_line(f"WARNING: nothing was tested on PostgreSQL: {_NO_POSTGRES[0]}", yellow=True)
