"""`python -m benchmarks.import [--rows N] [--beside N] [--small N] [--repeat N] [--xlsx]`

Generates files, imports each in a process of its own into a fresh SQLite database (checked and applied, as
`broadcaster import --apply` does), and prints rows/s, peak memory, growth, and the naive way beside it in the same run.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median as _median
from typing import Any

from broadcaster.office.service import load_defaults
from broadcaster.registry import service
from broadcaster.registry.reader import Source
from broadcaster.storage import migrate
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer

from . import district, naive

NOW = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
#: The first decides: another program on the machine lengthens a run, not the work that it is.
CLOCKS = ("cpu_seconds", "seconds")
MOST_MB, LEAST_TIMES, MOST_GROWTH = 600, 4.0, 1.25


def main() -> int:
    arguments = _arguments()
    if arguments.one:
        way, path = arguments.one
        print(json.dumps(measure(way, Path(path))))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        large, beside, small = (
            _file(Path(folder), rows) for rows in (arguments.rows, arguments.beside, arguments.small)
        )
        smalls = [_run("ours", small) for _ in range(arguments.repeat)]
        # each way twice, in turns, so that a slow moment of the machine hits both
        pairs = [(_run("ours", beside), _run("naive", beside)) for _ in range(arguments.repeat)]
        whole = _run("ours", large)
    for way, one in (("ours", smalls[-1]), ("ours", pairs[-1][0]), ("naive", pairs[-1][1]), ("ours", whole)):
        _line(way, one)
    times = {clock: _median([naive_[clock] / ours[clock] for ours, naive_ in pairs]) for clock in CLOCKS}
    growth = {
        clock: whole[clock] / whole["rows"] / _median([one[clock] / one["rows"] for one in smalls]) for clock in CLOCKS
    }
    checks = [
        (
            f"{_both(times)} times the naive way at {arguments.beside:,} rows",
            times[CLOCKS[0]] >= LEAST_TIMES, f"at least {LEAST_TIMES:g}",
        ),
        (
            f"a row of {arguments.rows:,} costs {_both(growth)} of a row of {arguments.small:,}",
            growth[CLOCKS[0]] <= MOST_GROWTH, f"at most {MOST_GROWTH:g}",
        ),
        (f"peak memory {whole['peak_mb']} MB at {arguments.rows:,} rows", whole["peak_mb"] < MOST_MB, f"under {MOST_MB}"),
    ]  # fmt: skip
    for sentence, good, goal in checks:
        print(f"{'ok  ' if good else 'MISS'}  {sentence} (goal: {goal})")
    return 0 if all(good for _, good, _ in checks) else 1


def measure(way: str, path: Path) -> dict[str, Any]:
    """Import one file in this process: seconds by the wall clock, CPU seconds, and the most memory it ever had."""
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/register.sqlite3", Sealer(bytes(range(32))))
        migrate.upgrade(db)
        with db.write() as session:
            load_defaults(session, NOW)
        began, cpu = time.perf_counter(), time.process_time()
        if way == "naive":
            rows = naive.bring_in(db, path, district.TODAY, NOW)
        else:
            [report] = service.import_files(
                db, [Source.at(path)], today=district.TODAY, by="benchmark", now=NOW, write=True
            )
            rows = report.good
        seconds = time.perf_counter() - began
        found = {
            "rows": rows, "seconds": seconds, "cpu_seconds": time.process_time() - cpu,
            "peak_mb": _peak_mb(),
        }  # fmt: skip
        db.close()
        return found


def _peak_mb() -> int:
    """The most memory this program had. Linux: of the program alone; `getrusage` also counts who started it."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _file(folder: Path, rows: int) -> Path:
    path = folder / f"{rows}.csv"
    district.write(path, rows)
    return path


def _run(way: str, path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.import", "--one", way, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _both(ratio: dict[str, float]) -> str:
    return f"{ratio['cpu_seconds']:.2f} (by the wall clock {ratio['seconds']:.2f})"


def _line(way: str, one: dict[str, Any]) -> None:
    print(
        f"{way:6} {one['rows']:>8,} rows  {one['seconds']:7.1f} s ({one['cpu_seconds']:.1f} s of processor)"
        f"  {one['rows'] / one['seconds']:>7,.0f} rows/s  {one['peak_mb']:>5} MB"
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.import")
    parser.add_argument("--rows", type=int, default=300_000, help="the large file")
    parser.add_argument("--beside", type=int, default=30_000, help="the file that both ways import")
    parser.add_argument("--small", type=int, default=10_000, help="the file that growth is measured from")
    parser.add_argument("--repeat", type=int, default=3, help="how often the smaller ones are measured; medians count")
    parser.add_argument("--one", nargs=2, metavar=("WAY", "FILE"), help="measure one file in this process")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
