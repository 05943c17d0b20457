"""One measurement of one way: starts its processes, lets them begin together, and says what it cost."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.delivery import servers
from benchmarks.delivery.seed import Plan, environment, seed, settings_of

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Measured:
    """messages a second, CPU time in microseconds a message over all sending processes, memory in MB of the largest."""

    rate: float
    cpu_us: float
    peak_mb: float
    grown_mb: float
    seconds: float


@dataclass
class Bench:
    """The servers and the seeded installations, made once and copied for each measurement."""

    sink: str
    folder: Path
    postgres: str | None
    messages: int
    _templates: dict[tuple[str, Plan], str] = field(default_factory=dict)
    _copies: int = 0

    def bare(self, way: str, channels: list[str]) -> Measured:
        """`way` without a database, one process per channel, the messages shared out."""
        share = self.messages // len(channels)
        processes = [
            _start(way, {}, channel=channel, sink=self.sink, first=1 + number * share, count=share)
            for number, channel in enumerate(channels)
        ]
        return self._run(processes, share * len(channels))

    def sqlite(self, plan: Plan, *, stop_after: int = 0) -> Measured:
        """Ours on a copy of the seeded data folder."""
        template = self._templates.get(("sqlite", plan)) or self._seed_sqlite(plan)
        folder = self.folder / self._copy_name()
        shutil.copytree(template, folder)
        os.sync()  # else the disk is still writing the copy while the drain waits for its own commits
        try:
            (channel,) = plan.lanes
            process = _ours(environment(folder, self.sink), channel, plan, stop_after)
            return self._run([process], stop_after or plan.lanes[channel])
        finally:
            shutil.rmtree(folder)

    def on_postgres(self, plan: Plan, *, stop_after: int = 0) -> Measured:
        """Ours on a copy of the seeded database, one process per lane."""
        assert self.postgres is not None
        template = self._templates.get(("postgres", plan)) or self._seed_postgres(plan)
        name = self._copy_name()
        self._administer(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        try:
            self._administer("CHECKPOINT")
            env = environment(self.folder / template, self.sink, f"{self.postgres}/{name}")
            processes = [_ours(env, channel, plan, stop_after) for channel in plan.lanes]
            return self._run(processes, stop_after or sum(plan.lanes.values()))
        finally:
            self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def celery(self, python: str, redis: str, texts: Iterator[str]) -> Measured:
        """Two worker processes empty a filled queue; the sink's clock counts from the first text to the last."""
        servers.forget(self.sink)
        env = {**os.environ, "BENCHMARK_REDIS": redis, "BENCHMARK_SINK": self.sink, "PYTHONPATH": str(ROOT)}
        fill = [python, "-m", "benchmarks.delivery.celery_fill"]
        subprocess.run(fill, input="\n".join(texts), text=True, check=True, env=env, cwd=ROOT)
        before = _children_cpu()
        worker = subprocess.Popen(
            [python, "-m", "celery", "-A", "benchmarks.delivery.celery_tasks", "worker", "-c", "2", "--without-mingle",
             "--without-gossip", "--without-heartbeat", "-l", "ERROR"],
            env=env, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        limit = time.monotonic() + 600
        while servers.received(self.sink)["total"] < self.messages:
            if worker.poll() is not None or time.monotonic() > limit:
                worker.kill()
                raise RuntimeError("celery did not send everything")
            time.sleep(0.2)
        peak = _tree_memory_mb(worker.pid)
        worker.terminate()
        worker.wait()
        found = servers.received(self.sink)
        cpu = (_children_cpu() - before) / self.messages * 1e6
        return Measured(found["total"] / found["span_s"], cpu, peak, 0.0, found["span_s"])

    def _run(self, processes: list[subprocess.Popen[str]], expected: int) -> Measured:
        servers.forget(self.sink)
        for process in processes:
            if _line(process) != "ready\n":
                raise RuntimeError("a sending process did not start")
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        results: list[dict[str, Any]] = [json.loads(_line(process) or "{}") for process in processes]
        for process in processes:
            if process.wait() != 0:
                raise RuntimeError("a sending process failed")
        seconds = max(one["ended"] for one in results) - min(one["begun"] for one in results)
        sent = sum(one["sent"] for one in results)
        found = servers.received(self.sink)
        # a drain that was stopped has begun on the rows behind, which are for the same addresses
        repeats = found and sent == expected and found["repeats"]
        if sent < expected or (found and found["total"] != sent) or repeats:
            raise RuntimeError(f"sent {sent} of {expected}, the sink received {found}")
        return Measured(
            rate=sent / seconds,
            cpu_us=sum(one["cpu_s"] for one in results) / sent * 1e6,
            peak_mb=max(one["peak_mb"] for one in results),
            grown_mb=max(one["after_mb"] - one["early_mb"] for one in results),
            seconds=seconds,
        )

    def _copy_name(self) -> str:
        self._copies += 1
        return f"copy_{self._copies}"

    def _seed_sqlite(self, plan: Plan) -> str:
        folder = self.folder / f"seed_{len(self._templates)}"
        seed(settings_of(environment(folder, self.sink)), plan)
        return self._templates.setdefault(("sqlite", plan), str(folder))

    def _seed_postgres(self, plan: Plan) -> str:
        name = f"seed_{len(self._templates)}"
        self._administer(f"CREATE DATABASE {name}")
        seed(settings_of(environment(self.folder / name, self.sink, f"{self.postgres}/{name}")), plan)
        return self._templates.setdefault(("postgres", plan), name)

    def _administer(self, statement: str) -> None:
        import psycopg

        assert self.postgres is not None
        with psycopg.connect(self.postgres.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
            connection.execute(statement)


@contextlib.contextmanager
def bench(messages: int, *, with_postgres: bool) -> Iterator[Bench]:
    """Start what the measurements share."""
    with (
        tempfile.TemporaryDirectory(prefix="broadcaster-bench-") as folder,
        servers.sink() as sink,
        servers.postgres() if with_postgres else contextlib.nullcontext() as postgres,
    ):
        yield Bench(sink, Path(folder), postgres, messages)


def _ours(env: Mapping[str, str], channel: str, plan: Plan, stop_after: int) -> subprocess.Popen[str]:
    return _start("ours", env, channel=channel, count=stop_after or plan.lanes[channel], stop=bool(stop_after))


def _start(way: str, env: Mapping[str, str], **options: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.delivery.worker", way, json.dumps(options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **env},
    )  # fmt: skip


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def _children_cpu() -> float:
    used = os.times()
    return used.children_user + used.children_system


def _tree_memory_mb(pid: int) -> float:
    """The largest process of a tree, in MB now."""
    found = [pid, *(int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]
    pages = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in found]
    return max(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6
