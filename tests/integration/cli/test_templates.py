"""content push, status and accept-category as people and programs call them, in front of a simulated provider in a thread."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import run
from broadcaster.simulator.server import Simulator, start

ROOT = Path(__file__).resolve().parents[3]
NOW = "2026-10-05T08:30:00+07:00"
LATER = "2026-10-05T08:46:00+07:00"
KEY = "ambil-kartu-1"


@dataclass
class Provider:
    """The simulator, spoken to as a program outside would."""

    url: str

    def post(self, what: str, body: object) -> None:
        request = urllib.request.Request(f"{self.url}/_sim/{what}", json.dumps(body).encode())
        urllib.request.urlopen(request, timeout=5).close()

    def templates(self) -> list[dict[str, str]]:
        with urllib.request.urlopen(f"{self.url}/_sim/templates", timeout=5) as answer:
            found: list[dict[str, str]] = json.load(answer)["templates"]
        return found

    def decide(self, key: str = KEY, **decision: str) -> None:
        front = key.replace("-", "_") + "_v"
        sid = next(one["sid"] for one in reversed(self.templates()) if one["name"].startswith(front))
        self.post("template", {"sid": sid, **decision})

    def is_creating(self) -> bool:
        """Whether a call that creates a template has reached the provider."""
        with urllib.request.urlopen(f"{self.url}/_sim/requests", timeout=5) as answer:
            calls = json.load(answer)["requests"]
        return any((one["method"], one["path"]) == ("POST", "/v1/Content") for one in calls)


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


@pytest.fixture
def provider() -> Iterator[Provider]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    simulator: Simulator = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    simulator.store.options.auto_approve = False
    yield Provider(simulator.base_url)
    asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture
def installed(
    provider: Provider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Provider:
    """An installation with WhatsApp, an operator and somebody who may approve."""
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "MODE": "rehearsal", "NOW": NOW, "TELEGRAM_BASE_URL": provider.url, "TWILIO_BASE_URL": provider.url,
        "TWILIO_ACCOUNT_SID": "AC1", "TWILIO_AUTH_TOKEN": "simulated-auth-token",
        "TWILIO_WHATSAPP_FROM": "+6285100000001", "DATA_DIR": str(tmp_path / "data"), "READ_TIMEOUT_S": "2",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"BROADCASTER_{name}", value)
    monkeypatch.setattr("getpass.getpass", lambda *_: "rahasia-sekali-123")
    assert run(["init"]) == 0
    for user, role in (("sari", "operator"), ("budi", "approver")):
        assert run(["staff", "add", user, "--role", role]) == 0
    capsys.readouterr()
    return provider


def document(capsys: pytest.CaptureFixture[str], *arguments: str, exit_status: int = 0) -> Any:
    assert run([*arguments, "--json"]) == exit_status
    return json.loads(capsys.readouterr().out)


def line(found: Any, key: str = KEY) -> Any:
    return next(one for one in found["templates"] if one["key"] == key)


def test_push_creates_once_and_status_tells_how_each_stands(installed: Provider, capsys) -> None:
    pushed = document(capsys, "content", "push")
    assert pushed["pushed"][KEY] == "received"
    assert (sorted(pushed["created"]), pushed["problems"]) == (sorted(pushed["pushed"]), [])
    again = document(capsys, "content", "push")
    assert (again["pushed"], again["created"]) == (pushed["pushed"], [])
    assert len(installed.templates()) == len(pushed["created"])

    installed.decide(status="rejected", reason="INVALID_FORMAT")
    found = document(capsys, "content", "status", "--now", LATER)
    assert (found["asked"], found["problem"]) == (True, None)
    shown = line(found)
    what_to_do = shown.pop("what_to_do")
    assert shown.pop("name").startswith("ambil_kartu_1_v1_")
    assert shown.pop("sid").startswith("HX")
    assert shown.pop("since").startswith("2026-10-05T01:46:")
    assert shown.pop("checked_at").startswith("2026-10-05T01:46:")
    assert shown == {
        "key": KEY, "version": 1, "state": "rejected", "may_be_sent": False, "approval": "rejected",
        "category_asked": "utility", "category_given": "utility", "category_accepted": "",
        "rejection_reason": "INVALID_FORMAT", "campaigns": [],
    }  # fmt: skip
    assert "content edit ambil-kartu-1" in what_to_do
    assert run(["content", "status"]) == 0
    text = capsys.readouterr().out
    assert what_to_do in text.replace("\n  ", " ").replace("\n", " ")
    findings = document(capsys, "doctor", "--now", LATER)["findings"]
    assert {one["code"] for one in findings} >= {"alert_template_rejected", "template_pending"}


def test_status_shows_the_last_news_when_nobody_answers_and_before_anything_is_set_up(
    installed: Provider, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert line(document(capsys, "content", "status"))["state"] == "unsubmitted"
    document(capsys, "content", "push")
    monkeypatch.setenv("BROADCASTER_TWILIO_BASE_URL", "http://127.0.0.1:9")
    found = document(capsys, "content", "status")
    assert (found["asked"], found["problem"]["code"]) == (False, "provider_unreachable")
    assert line(found)["state"] == "received"
    error = document(capsys, "content", "push", exit_status=1)["error"]
    assert error["code"] == "provider_unreachable"
    monkeypatch.setenv("BROADCASTER_TWILIO_WHATSAPP_FROM", "")
    assert document(capsys, "content", "status")["problem"] is None
    assert document(capsys, "content", "push", exit_status=1)["error"]["code"] == "missing_token"


def test_one_that_is_refused_is_told_and_the_others_are_registered(installed: Provider, capsys) -> None:
    installed.post("fail", {"kind": "html_page", "channel": "template_approval", "next": 1, "status": 403})
    pushed = document(capsys, "content", "push", exit_status=1)
    (problem,) = pushed["problems"]
    assert problem["code"] == "template_unknown"
    assert pushed["pushed"][problem["key"]] == "unsubmitted"
    assert len(pushed["created"]) == len(pushed["pushed"])
    assert run(["content", "push"]) == 0
    assert "Tidak ada templat baru." in capsys.readouterr().out
    assert document(capsys, "content", "push")["pushed"][problem["key"]] == "received"


def test_a_dearer_category_is_accepted_by_somebody_who_may(installed: Provider, capsys) -> None:
    document(capsys, "content", "push")
    installed.decide(status="approved", category="MARKETING")
    shown = line(document(capsys, "content", "status"))
    assert (shown["state"], shown["category_asked"], shown["category_given"]) == (
        "recategorised", "utility", "marketing",
    )  # fmt: skip
    accept = ["content", "accept-category", KEY, "--by"]
    assert document(capsys, *accept, "sari", exit_status=1)["error"]["code"] == "wrong_role"
    assert document(capsys, *accept, "budi") == {"key": KEY, "accepted": [{"version": 1, "category": "marketing"}]}
    assert document(capsys, *accept, "budi", exit_status=1)["error"]["code"] == "nothing_shifted"
    shown = line(document(capsys, "content", "status"))
    assert (shown["state"], shown["may_be_sent"], shown["category_accepted"]) == ("approved", True, "marketing")
    assert run(["content", "accept-category", KEY]) == 2


def test_the_recurring_job_follows_without_anybody_asking(installed: Provider, capsys) -> None:
    document(capsys, "content", "push")
    installed.decide(status="disabled")
    assert document(capsys, "tick")["done"]["templates"] == 0, "asked a moment ago"
    assert document(capsys, "tick", "--now", LATER)["done"]["templates"] == 1
    assert document(capsys, "tick", "--now", LATER)["done"]["templates"] == 0
    findings = document(capsys, "doctor", "--now", LATER)["findings"]
    (alert,) = [one for one in findings if one["code"] == "alert_template_disabled"]
    assert KEY in alert["message"]
    assert "content edit ambil-kartu-1" in alert["fix"]


def killed_push(holds: Callable[[], bool]) -> None:
    """A push in a process of its own, killed once this holds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "broadcaster", "content", "push"], env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    try:
        until(holds)
    finally:
        process.kill()
        assert process.wait() == -signal.SIGKILL


def test_a_push_killed_between_creation_and_approval_creates_nothing_twice(installed: Provider, capsys) -> None:
    installed.post("fail", {"kind": "slow_ms", "channel": "template_approval", "ms": 4000, "next": 1})
    killed_push(lambda: len(installed.templates()) == 1)
    installed.post("fail", {"clear": True})
    pushed = document(capsys, "content", "push")
    assert len(pushed["created"]) == len(pushed["pushed"]) - 1
    held = installed.templates()
    assert len(held) == len({one["name"] for one in held}) == len(pushed["pushed"])
    assert all(one["asked_name"] == one["name"] for one in held)


def test_a_push_killed_while_it_creates_leaves_an_unknown_that_is_looked_for_first(installed: Provider, capsys) -> None:
    installed.post("fail", {"kind": "slow_ms", "channel": "template_create", "ms": 1500, "next": 1})
    killed_push(installed.is_creating)
    pushed = document(capsys, "content", "push", exit_status=1)
    (problem,) = pushed["problems"]
    assert (problem["code"], pushed["pushed"][problem["key"]]) == ("template_unknown", "unknown")
    until(lambda: len(installed.templates()) == len(pushed["pushed"]))
    again = document(capsys, "content", "push")
    assert (again["created"], again["problems"]) == ([], [])
    held = installed.templates()
    assert len(held) == len({one["name"] for one in held}) == len(pushed["pushed"])
