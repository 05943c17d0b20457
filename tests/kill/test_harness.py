"""A short run of the kill harness on each database; docs/kill-harness.md has the full ones."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("database", "receipts"), [("sqlite", "polling"), ("postgresql", "hooks")])
def test_nothing_is_sent_twice_or_lost_over_a_dozen_kills(request, database, receipts, tmp_path):
    if database == "postgresql":
        request.getfixturevalue("postgres_url")  # skipped, and said so, where there is no PostgreSQL
    state = tmp_path / "state.json"
    command = [
        sys.executable, "-m", "tests.kill.harness", "--database", database, "--receipts", receipts, "--kills", "12",
        "--state", str(state),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "nothing twice, nothing lost" in done.stdout
    # the same command again has nothing left to do, and says the same
    again = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
    assert again.returncode == 0, again.stderr
    assert again.stdout == done.stdout
