"""What a user installs: the built wheel, in an empty folder, without the checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a process that sees the installed wheel instead of the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT], check=True, timeout=120
    )
    (wheel,) = folder.glob("broadcaster-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", folder / "site", wheel], check=True, timeout=120)
    return {**os.environ, "PYTHONPATH": str(folder / "site")}


def _run(installed: dict[str, str], folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "broadcaster", *arguments],
        cwd=folder, env=installed, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip


def test_the_wheel_is_what_runs(installed, tmp_path):
    where = subprocess.run(
        [sys.executable, "-c", "import broadcaster; print(broadcaster.__file__)"],
        cwd=tmp_path, env=installed, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert where.startswith(installed["PYTHONPATH"])


def test_init_in_an_empty_folder_brings_places_texts_and_says_what_is_empty(installed, tmp_path):
    done = _run(installed, tmp_path, "init", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["places"], report["messages"] >= 6) == (220, True)
    assert any(fact["key"] == "tempat_ambil" for fact in report["missing"])
    assert (tmp_path / "data" / "secret.key").stat().st_mode & 0o077 == 0


def test_a_poster_prints_from_an_empty_folder(installed, tmp_path):
    assert _run(installed, tmp_path, "init").returncode == 0
    facts = {
        "tempat_ambil": "loket Dukcapil",
        "jam_layanan": "Senin-Jumat 08.00-15.00",
        "nomor_wa_layanan": "0812-3456-7890",
    }
    for key, value in facts.items():
        assert _run(installed, tmp_path, "office", "set", key, value).returncode == 0
    twilio = {"ACCOUNT_SID": "AC" + "0" * 32, "AUTH_TOKEN": "x", "WHATSAPP_FROM": "+6285100000001"}
    environment = installed | {f"BROADCASTER_TWILIO_{name}": value for name, value in twilio.items()}
    done = _run(environment, tmp_path, "poster", "--desa", "17.03.07.1027", "--out", "poster.pdf", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["links"]["whatsapp"].startswith("https://wa.me/6285100000001?text=")
    assert (tmp_path / "poster.pdf").read_bytes().startswith(b"%PDF-")


def test_a_small_demo_runs_from_an_empty_folder(installed, tmp_path):
    done = _run(installed, tmp_path, "demo", "--households", "30", "--no-serve", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["duplicates"], document["lost"]) == (0, 0)
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"
