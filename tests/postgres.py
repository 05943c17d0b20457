"""A private PostgreSQL server for tests and the kill harness: `with server() as url:`.

Nothing of it outlives the block, and a killed process takes its server along. Its files lie in memory where there is room; it
does not wait for the disk, so it stands for a PostgreSQL whose clients are killed, not for one that loses its power.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class NoPostgres(Exception):
    """There is no server to be had, and why."""


@contextmanager
def server() -> Iterator[str]:
    """Its address without a database name: `postgresql+psycopg://broadcaster@127.0.0.1:PORT`. Raises `NoPostgres`."""
    bin_dir = _binaries()
    if bin_dir is None:
        raise NoPostgres("no initdb and postgres found (pg_config --bindir, /usr/lib/postgresql/*/bin, PATH)")
    try:
        import psycopg  # noqa: F401 - is it there
    except ImportError as error:
        raise NoPostgres("psycopg is not installed") from error
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="broadcaster-pg-", dir=fast_folder()))
    try:
        if user is not None:
            os.chown(folder, user.pw_uid, user.pw_gid)
        as_user: dict[str, Any] = (
            {} if user is None else {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}
        )
        initdb = subprocess.run(
            [
                bin_dir / "initdb", "--pgdata", folder / "data", "--username", "broadcaster", "--auth", "trust",
                "--encoding", "UTF8", "--locale", "C", "--no-sync", "--no-instructions",
            ],
            capture_output=True, text=True, check=False, **as_user,
        )  # fmt: skip
        if initdb.returncode != 0:
            raise NoPostgres(f"initdb failed: {initdb.stderr.strip().splitlines()[-1:]}")
        with _running(bin_dir, folder, as_user) as url:
            yield url
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def administer(url: str, statement: str) -> None:
    """One statement on the server itself, outside any transaction."""
    import psycopg

    with psycopg.connect(url.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
        connection.execute(statement)


def fast_folder() -> Path | None:
    """Memory, where there is enough of it: a database per test is a thousand files. None = the usual temporary folder."""
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > 2 * 1024**3
    return memory if roomy else None


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(bin_dir: Path, folder: Path, as_user: dict[str, Any]) -> Iterator[str]:
    port = free_port()
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
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*follow, bin_dir / "postgres", "-D", folder / "data", *arguments],
            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, **as_user,
        )  # fmt: skip
    url = f"postgresql+psycopg://broadcaster@127.0.0.1:{port}"
    try:
        _wait_for(url, process, log)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:  # an open connection holds a polite shutdown up
            process.kill()
            process.wait()


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url.replace("+psycopg", "") + "/postgres").close()
            return
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace").splitlines()[-3:]
                raise NoPostgres(f"the server did not start: {last}") from error
            time.sleep(0.05)


def _binaries() -> Path | None:
    places: list[Path] = []
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        places.append(Path(answer.stdout.strip()))
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if postgres := shutil.which("postgres"):
        places += [Path(postgres).parent, Path(postgres).resolve().parent]
    return next((place for place in places if all((place / name).is_file() for name in ("initdb", "postgres"))), None)


def _unprivileged_user() -> pwd.struct_passwd | None:
    """Who runs the server: PostgreSQL refuses root. None = we are nobody special ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres("running as root and there is no user postgres or nobody to run the server")
