"""What a benchmark needs beside the sending processes: the sink, a private PostgreSQL, Redis. Each in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_SINK = Path(__file__).resolve().parents[1] / "sink.c"


@contextlib.contextmanager
def sink() -> Iterator[str]:
    """The simulated provider's address; written in C when a compiler is there, else the product's own simulator."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        print(
            "NO C COMPILER: the product's Python simulator stands in for the sink and limits every number.", flush=True
        )
        port = free_port()
        command = [sys.executable, "-m", "broadcaster", "simulate", "--port", str(port)]
        with _process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        return
    with tempfile.TemporaryDirectory(prefix="broadcaster-sink-") as folder:
        program = Path(folder) / "sink"
        subprocess.run([compiler, "-O2", "-o", program, _SINK], check=True)
        with _process([str(program), "--port", "0"], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().split()[1]}"


def received(url: str) -> dict[str, Any]:
    """What the sink counted since `forget`; empty for the Python simulator, which counts in another way."""
    try:
        with urllib.request.urlopen(f"{url}/__stats", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError:
        return {}


def forget(url: str) -> None:
    """Count from zero."""
    with contextlib.suppress(urllib.error.HTTPError):
        urllib.request.urlopen(f"{url}/__reset", timeout=10).close()


@contextlib.contextmanager
def postgres() -> Iterator[str | None]:
    """A private server with PostgreSQL's own durability (fsync on); its address without a database, None without PostgreSQL."""
    binaries = _postgres_binaries()
    if binaries is None:
        print("NO POSTGRESQL: initdb and postgres were not found; those lines are left out.", flush=True)
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="broadcaster-bench-pg-"))
    as_user: dict[str, Any] = {}
    if os.geteuid() == 0:  # PostgreSQL refuses root
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
        as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": [], "cwd": folder}
    try:
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "broadcaster", "--auth", "trust", "-E", "UTF8", "--locale", "C"],
            check=True, capture_output=True, **as_user,
        )  # fmt: skip
        port = free_port()
        options = [
            "listen_addresses=127.0.0.1",
            f"port={port}",
            f"unix_socket_directories={folder}",
            "shared_buffers=512MB",
        ]
        command = [str(binaries / "postgres"), "-D", str(folder / "data"), *(w for o in options for w in ("-c", o))]
        with _process(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_user):
            _wait(port)
            _wait_for_postgres(port)
            yield f"postgresql+psycopg://broadcaster@127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def redis() -> Iterator[str | None]:
    """A private Redis that keeps nothing on disk; None without Redis."""
    program = shutil.which("redis-server")
    if program is None:
        yield None
        return
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with _process(command, stdout=subprocess.DEVNULL):
        _wait(port)
        yield f"redis://127.0.0.1:{port}/0"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _wait_for_postgres(port: int) -> None:
    """It takes connections a moment before it serves them."""
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(f"postgresql://broadcaster@127.0.0.1:{port}/postgres").close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def _postgres_binaries() -> Path | None:
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if pg_config := shutil.which("pg_config"):
        answer = subprocess.run([pg_config, "--bindir"], capture_output=True, text=True, check=False)
        places.insert(0, Path(answer.stdout.strip()))
    return next((place for place in places if (place / "initdb").is_file() and (place / "postgres").is_file()), None)
