"""`python -m benchmarks.delivery [--messages N] [--rounds R] [--only WORD ...]`: ratios within one run, see README.md."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.delivery import servers
from benchmarks.delivery.seed import Plan, environment, seed, settings_of

#: A plain loop sends one text after another; a fifth of the texts measures it well enough.
_SLOW_SHARE = 5
_WAITING = 1_000_000


def start(way: str, options: dict[str, Any], env: dict[str, str]) -> subprocess.Popen[str]:
    """A sending process that waits for its signal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.delivery.worker", way, json.dumps(options)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **env},
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line == "ready", f"{way} did not become ready: {line}"
    return process


def together(processes: list[subprocess.Popen[str]]) -> dict[str, float]:
    """Let them send at once; texts a second from the first begin to the last end, CPU a text, the largest memory."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    found = []
    for process in processes:
        assert process.stdout is not None
        found.append(json.loads(process.stdout.readline()))
        process.wait(60)
    sent = sum(one["sent"] for one in found)
    span = max(one["ended"] for one in found) - min(one["begun"] for one in found)
    return {
        "sent": sent,
        "per_s": sent / span,
        "cpu_us": 1e6 * sum(one["cpu_s"] for one in found) / sent,
        "peak_mb": max(one["peak_mb"] for one in found),
        "grown_mb": max(one["after_mb"] - one["before_mb"] for one in found),
    }


class Stage:
    """Seeded installations, copied fresh for every run, and the sink."""

    def __init__(self, folder: Path, sink: str, messages: int, postgres: str | None) -> None:
        self.folder, self.sink, self.messages, self.postgres = folder, sink, messages, postgres
        self._copies = 0

    def sqlite(self, plan: Plan) -> dict[str, str]:
        name = f"seed-{sorted(plan.lanes.items())}-{plan.waiting}".replace(" ", "").replace("'", "")
        master = self.folder / name
        if not master.exists():
            seed(settings_of(environment(master, self.sink)), plan)
        self._copies += 1
        copy = self.folder / f"copy-{self._copies}"
        shutil.copytree(master, copy)
        return environment(copy, self.sink)

    def forget_copies(self) -> None:
        for copy in self.folder.glob("copy-*"):
            shutil.rmtree(copy)

    def in_postgres(self, plan: Plan) -> dict[str, str]:
        assert self.postgres is not None
        master, folder = "seed_" + "_".join(sorted(plan.lanes)), self.folder / "postgres"
        if not (folder / master).exists():
            self._administer(f"CREATE DATABASE {master}")
            seed(settings_of(environment(folder, self.sink, f"{self.postgres}/{master}")), plan)
            (folder / master).touch()
        self._copies += 1
        self._administer(f"CREATE DATABASE copy_{self._copies} TEMPLATE {master}")
        return environment(folder, self.sink, f"{self.postgres}/copy_{self._copies}")

    def _administer(self, statement: str) -> None:
        import psycopg

        assert self.postgres is not None
        with psycopg.connect(self.postgres.replace("+psycopg", "") + "/postgres", autocommit=True) as connection:
            connection.execute(statement)

    def options(self, channel: str, count: int | None = None, first: int = 0, **more: Any) -> dict[str, Any]:
        return {"sink": self.sink, "channel": channel, "count": count or self.messages, "first": first, **more}


def bare(stage: Stage, *channels: str) -> dict[str, float]:
    return together([start("bare", stage.options(channel), {}) for channel in channels])


def ours_sqlite(stage: Stage, channel: str) -> dict[str, float]:
    env = stage.sqlite(Plan({channel: stage.messages}))
    return together([start("ours", stage.options(channel), env)])


def ours_postgres(stage: Stage, *channels: str) -> dict[str, float]:
    env = stage.in_postgres(Plan(dict.fromkeys(channels, stage.messages)))
    return together([start("ours", stage.options(channel), env) for channel in channels])


def plain(stage: Stage, way: str, channel: str) -> dict[str, float]:
    return together([start(way, stage.options(channel, stage.messages // _SLOW_SHARE), {})])


def drain_of(stage: Stage, waiting: int) -> dict[str, float]:
    """A drain of half the messages with so many rows due behind them."""
    count = stage.messages // 2
    env = stage.sqlite(Plan({"whatsapp": count}, waiting=waiting))
    return together([start("ours", stage.options("whatsapp", count, stop=True), env)])


#: name -> how it is run; in this order, again and again, so that a noisy stretch meets all of them
WAYS: dict[str, Callable[[Stage], dict[str, float]]] = {
    "bare whatsapp": lambda stage: bare(stage, "whatsapp"),
    "ours sqlite whatsapp": lambda stage: ours_sqlite(stage, "whatsapp"),
    "bare telegram": lambda stage: bare(stage, "telegram"),
    "ours sqlite telegram": lambda stage: ours_sqlite(stage, "telegram"),
    "python-telegram-bot plain loop": lambda stage: plain(stage, "telegram-plain", "telegram"),
    "twilio plain loop": lambda stage: plain(stage, "twilio-plain", "whatsapp"),
    "ours postgresql 1 worker": lambda stage: ours_postgres(stage, "whatsapp"),
    "2 bare processes": lambda stage: bare(stage, "whatsapp", "sms"),
    "ours postgresql 2 workers": lambda stage: ours_postgres(stage, "whatsapp", "sms"),
    "drain with few waiting": lambda stage: drain_of(stage, 10_000),
    "drain with 1,000,000 waiting": lambda stage: drain_of(stage, _WAITING),
}
#: what, over what, and the goal
RATIOS = (
    ("ours sqlite whatsapp", "bare whatsapp", 0.75),
    ("ours sqlite telegram", "bare telegram", 0.75),
    ("ours postgresql 2 workers", "2 bare processes", 0.65),
    ("ours sqlite telegram", "python-telegram-bot plain loop", 3.0),
    ("ours sqlite whatsapp", "twilio plain loop", 2.0),
    ("drain with 1,000,000 waiting", "drain with few waiting", 0.8),
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delivery", description=__doc__)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[], help="ways whose name holds one of these words")
    wanted = parser.parse_args()
    ways = {name: way for name, way in WAYS.items() if not wanted.only or any(word in name for word in wanted.only)}
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ways}
    with (
        tempfile.TemporaryDirectory(prefix="broadcaster-bench-") as folder,
        servers.sink() as sink,
        servers.postgres() as postgres,
    ):
        stage = Stage(Path(folder), sink, wanted.messages, postgres)
        for number in range(1, wanted.rounds + 1):
            for name, way in ways.items():
                if "postgresql" in name and postgres is None:
                    continue
                result = way(stage)
                stage.forget_copies()
                found[name].append(result)
                print(f"round {number}: {name}: {result['per_s']:.0f}/s", file=sys.stderr, flush=True)
    report({name: results for name, results in found.items() if results})


def report(found: dict[str, list[dict[str, float]]]) -> None:
    """Medians, and the ratios of each round's neighbours."""

    def median(name: str, key: str) -> float:
        return statistics.median(result[key] for result in found[name])

    print(f"{'way':34} {'texts/s':>9} {'CPU us/text':>12} {'peak MB':>8} {'grown MB':>9}")
    for name in found:
        print(
            f"{name:34} {median(name, 'per_s'):9.0f} {median(name, 'cpu_us'):12.0f} {median(name, 'peak_mb'):8.0f}"
            f" {median(name, 'grown_mb'):9.1f}"
        )
    print()
    for over, under, goal in RATIOS:
        if over in found and under in found:
            ratios = [a["per_s"] / b["per_s"] for a, b in zip(found[over], found[under], strict=True)]
            print(
                f"{over} / {under}: {statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f}; goal {goal})"
            )
    print(
        "celery with a task per message is not part of this run: it needs Redis and celery, which are no dependencies here"
    )


if __name__ == "__main__":
    main()
