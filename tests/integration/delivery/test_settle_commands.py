"""unknown list, unknown settle, campaign late, message show and doctor, as people and programs call them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcaster.cli.main import run
from broadcaster.office.service import raise_alert
from broadcaster.operations.service import open_database
from broadcaster.outbox.sweep import sweep
from broadcaster.outbox.unknown import CONSEQUENCES
from broadcaster.settings import load
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

NOW = "2026-10-05T08:30:00+07:00"


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Database]:
    """An installation with one unknown message that is half an hour old, and one row that is late and asks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROADCASTER_MODE", "rehearsal")
    for provider in ("TELEGRAM", "TWILIO"):
        monkeypatch.setenv(f"BROADCASTER_{provider}_BASE_URL", "http://127.0.0.1:9")  # nobody is asked
    assert run(["init"]) == 0
    database = open_database(load())
    with database.write() as session:
        make.staff(session, "sari", "operator")
        campaign = make.campaign(session, "kartu")
        cohort = make.cohort(session, campaign)
        for status, late in (("unknown", ""), ("planned", "ask")):
            family = make.family(session, database.sealer)
            message = make.message(
                session, database.sealer, household=family.household, campaign=campaign, cohort=cohort,
                card=family.card, status=status, late=late, late_at=make.NOW if late else None,
                reason="no_answer" if status == "unknown" else "",
            )  # fmt: skip
            if status == "unknown":
                make.attempt(session, message, state="unknown")
    capsys.readouterr()
    yield database
    database.close()


def _json(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert run([*arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_what_is_unknown_is_listed_with_what_each_decision_means(db: Database, capsys) -> None:
    document = _json(capsys, "unknown", "list")
    (line,) = document["unknown"]
    assert (line["message"], line["campaign"], line["channel"]) == (1, "kartu", "whatsapp")
    assert line["sentence"].startswith("Tidak diketahui")
    assert document["decisions"] == CONSEQUENCES
    assert run(["unknown", "list"]) == 0
    shown = capsys.readouterr().out
    assert all(consequence in shown for consequence in CONSEQUENCES.values())


@pytest.mark.parametrize("decision", CONSEQUENCES)
def test_a_decision_says_its_consequence_and_the_message_tells_who_took_it(decision: str, db: Database, capsys) -> None:
    assert run(["unknown", "settle", "1", "--as", decision, "--by", "sari", "--now", NOW]) == 0
    assert CONSEQUENCES[decision] in capsys.readouterr().out
    story = _json(capsys, "message", "show", "1")
    assert [(one["by"], one["as"]) for one in story["decisions"]] == [("sari", decision)]
    assert story["replaced_by"] == (3 if decision == "write-again" else None)
    assert _json(capsys, "unknown", "list")["unknown"] == []
    if decision == "write-again":
        assert _json(capsys, "message", "show", "3")["replaces"] == 1
    refused = _json(capsys, "unknown", "settle", "1", "--as", "write-again", "--by", "sari", "--now", NOW, status=1)
    assert refused["error"]["code"] == ("already_replaced" if decision == "write-again" else "not_unknown")


@pytest.mark.parametrize(("option", "state"), [("--send", "planned"), ("--skip", "expired")])
def test_what_is_late_is_decided_by_name(option: str, state: str, db: Database, capsys) -> None:
    sweep(db, make.NOW, intent_life=timedelta(seconds=30))
    assert any(one["code"] == "alert_late_ask" for one in _json(capsys, "doctor")["findings"])
    assert run(["campaign", "late", "kartu", "--by", "sari", "--now", NOW]) == 1
    capsys.readouterr()
    document = _json(capsys, "campaign", "late", "kartu", option, "--by", "sari", "--now", NOW)
    assert document == {"campaign": "kartu", "messages": 1, "decision": option.removeprefix("--")}
    with db.read() as session:
        row = session.exec(select(tables.Message).where(tables.Message.id == 2)).one()
        assert (row.status, row.reason) == (state, "" if state == "planned" else "late_skipped")


def test_doctor_says_of_an_alert_what_happened_and_who_acts(db: Database, capsys) -> None:
    with db.write() as session:
        raise_alert(session, "sender_stopped", "whatsapp", {"code": "63051", "channel": "whatsapp"}, make.NOW)
    (finding,) = [one for one in _json(capsys, "doctor")["findings"] if one["code"] == "alert_sender_stopped"]
    assert finding["message"].startswith("Pengiriman lewat WhatsApp berhenti.")
    assert "Akun WhatsApp Business kita dikunci" in finding["fix"]
    assert "sender resume whatsapp" in finding["fix"]
