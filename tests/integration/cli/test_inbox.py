"""inbox, as programs call it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import run
from broadcaster.operations.service import open_database
from broadcaster.settings import load
from broadcaster.storage.database import Database
from tests import make
from tests.integration.web import seed


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Database]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROADCASTER_MODE", "rehearsal")
    monkeypatch.setenv("BROADCASTER_NOW", "2026-10-05T08:00:00+07:00")
    for provider in ("TELEGRAM", "TWILIO"):
        monkeypatch.setenv(f"BROADCASTER_{provider}_BASE_URL", "http://127.0.0.1:9")  # nobody is asked
    assert run(["init"]) == 0
    database = open_database(load())
    with database.write() as session:
        make.facts(session)
        make.sender(session, "whatsapp")
        for name, role in (("rina", "replier"), ("budi", "approver")):
            make.staff(session, name, role)
        make.campaign(session, "keliru")
        seed.open_conversation(session, database.sealer, make.NOW + timedelta(hours=1))
    capsys.readouterr()
    yield database
    database.close()


def call(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert run(["inbox", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def test_a_conversation_is_listed_shown_taken_answered_and_closed(db: Database, capsys) -> None:
    (line,) = call(capsys, "list")["conversations"]
    assert (line["guardian"], line["state"], line["urgent"]) == ("Sri Wahyuni", "open", False)
    assert line["act_by"].startswith("2026-10-06T")
    number = str(line["id"])
    shown = call(capsys, "show", number)
    assert [one["ours"] for one in shown["said"]] == [False]
    assert [card["status"] for card in shown["cards"]] == ["printed"]
    assert "1703" not in json.dumps(shown), "no NIK, not even its beginning"
    assert call(capsys, "assign", number, "rina", "--by", "rina")["assigned_to"] == "rina"
    assert "diurus dan diambil di" in call(capsys, "quick", number, "where_when")["text"]
    assert call(capsys, "answer", number, "Kamis petugas ke desa.", "--by", "rina")["message"] > 0
    assert call(capsys, "list")["conversations"] == []
    assert call(capsys, "close", number, "--by", "rina")["state"] == "done"
    assert [one["state"] for one in call(capsys, "list", "--state", "all")["conversations"]] == ["done"]


def test_what_cannot_be_done_is_one_sentence_with_its_code(db: Database, capsys) -> None:
    refusals = {
        "no_conversation": ("show", "999"),
        "wrong_role": ("answer", "1", "Halo", "--by", "budi"),
        "no_correction": ("correct", "--campaign", "keliru", "--message", "ambil-kartu-1", "--by", "budi"),
        "template_not_approved": ("correct", "--campaign", "keliru", "--message", "maaf-1", "--by", "budi"),
        "no_campaign": ("correct", "--campaign", "kelira", "--message", "maaf-1", "--by", "budi"),
    }
    for code, arguments in refusals.items():
        assert call(capsys, *arguments, status=1)["error"]["code"] == code
    assert run(["inbox", "list", "--state", "apa"]) == 2
