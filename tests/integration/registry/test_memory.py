"""Memory stays flat: a file ten times as long does not need ten times as much.

20,000 rows by default; FULL_IMPORT_MEMORY=1 imports the 300,000 of the promise and holds them under 600 MB (a minute).
Each import runs in a process of its own, whose largest memory the system tells.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
FULL = os.environ.get("FULL_IMPORT_MEMORY") == "1"
ROWS, MOST_MB = (300_000, 600) if FULL else (20_000, 180)
SMALL, KB_A_ROW = 2_000, 2.5  # what is kept of a row (1.0) and, in a small file, what the caches of spellings take


def imported(folder: Path, rows: int) -> dict[str, Any]:
    path = folder / f"{rows}.csv"
    import_module("benchmarks.import.district").write(path, rows)
    command = [sys.executable, "-m", "benchmarks.import", "--one", "ours", str(path)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["rows"] == rows
    return found


def test_an_import_needs_little_memory_for_each_row(tmp_path: Path) -> None:
    small, large = imported(tmp_path, SMALL), imported(tmp_path, ROWS)
    assert large["peak_mb"] < MOST_MB
    assert (large["peak_mb"] - small["peak_mb"]) * 1024 / (ROWS - SMALL) < KB_A_ROW
