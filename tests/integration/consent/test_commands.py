"""consent show, stop, allow, as people and programs call them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcaster.cli.main import run
from broadcaster.consent import service
from broadcaster.office.queries import audit_log, verify_chain
from broadcaster.operations.service import open_database
from broadcaster.settings import load
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

PHONE, CHAT = "+6281234567890", "700100200"


@pytest.fixture
def db(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Database]:
    """An installation with one account of each role and a family with a telephone and a chat."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROADCASTER_MODE", "rehearsal")
    monkeypatch.setenv("BROADCASTER_NOW", "2026-10-05T08:00:00+07:00")
    for provider in ("TELEGRAM", "TWILIO"):
        monkeypatch.setenv(f"BROADCASTER_{provider}_BASE_URL", "http://127.0.0.1:9")  # nobody is asked
    assert run(["init"]) == 0
    database = open_database(load())
    with database.write() as session:
        for name, role in (("sari", "operator"), ("rina", "replier"), ("budi", "approver")):
            make.staff(session, name, role)
        family = make.family(session, database.sealer, phone=PHONE)
        make.contact(session, database.sealer, family.guardian, "telegram", CHAT)
    capsys.readouterr()
    yield database
    database.close()


def call(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> Any:
    assert run(["consent", *arguments, "--json"]) == status
    return json.loads(capsys.readouterr().out)


def may(document: Any) -> dict[str, bool]:
    return {f"{one['channel']} {one['purpose']}": one["may_write"] for one in document["state"]}


def test_show_says_what_may_be_written_per_channel_and_purpose(db: Database, capsys) -> None:
    document = call(capsys, "show", "0812-3456-7890")
    assert document["address"] == "+62812•••••90"
    assert document["known"]
    assert document["others"] == ["700•••••00"]
    assert may(document) == {
        "whatsapp reminders": True, "whatsapp answers": True, "sms reminders": True, "sms answers": True,
    }  # fmt: skip
    assert document["suppressions"] == document["history"] == []


def test_a_stop_told_by_telephone_holds_everywhere_and_says_who_wrote_it_down(db: Database, capsys) -> None:
    document = call(capsys, "stop", "0812 3456 7890", "--source", "telepon dari ibunya", "--by", "budi")
    assert may(document) == {
        "whatsapp reminders": False, "whatsapp answers": True, "sms reminders": False, "sms answers": True,
    }  # fmt: skip
    assert document["state"][0]["reason"] == "opt_out"
    assert document["state"][1]["after"] == document["state"][0]["since"]
    (entry,) = document["history"]
    assert {name: entry[name] for name in ("decision", "purpose", "channel", "source", "staff", "note", "exact")} == {
        "decision": "out", "purpose": "reminders", "channel": "any", "source": "staff", "staff": "budi",
        "note": "telepon dari ibunya", "exact": True,
    }  # fmt: skip
    assert may(call(capsys, "show", f"telegram:{CHAT}")) == {"telegram reminders": False, "telegram answers": True}
    with db.read() as session:
        newest = audit_log(session)[0]
        assert verify_chain(session)
        sealed = session.exec(select(tables.ConsentEntry)).one().sealed_note
    assert (newest.staff, newest.action, newest.data) == ("budi", "consent.stop", {"purpose": "reminders"})
    assert b"telepon" not in (sealed or b"")


def test_a_correction_at_the_counter_lifts_it_with_its_history_kept(db: Database, capsys) -> None:
    call(capsys, "stop", PHONE, "--source", "telepon", "--by", "sari", "--purpose", "all")
    assert not any(may(call(capsys, "show", PHONE)).values())
    document = call(capsys, "allow", PHONE, "--source", "loket, membawa KK", "--by", "rina")
    assert all(may(document).values())
    assert [entry["decision"] for entry in document["history"]] == ["out", "in"]
    assert {line["stands"] for line in document["suppressions"]} == {False}
    with db.read() as session:
        assert audit_log(session)[0].action == "consent.allow"


def test_staff_lift_what_is_not_the_persons_own_word_too(db: Database, capsys) -> None:
    with db.write() as session:
        blind = db.sealer.blind("address", PHONE)
        home = session.exec(select(tables.Household.id)).one() or 0
        earlier = make.NOW - timedelta(days=1)
        for channel, reason, household in (
            ("any", "wrong_number", home), ("whatsapp", "blocked", 0), ("sms", "five_failed_days", 0),
        ):  # fmt: skip
            service.suppress(
                session, channel=channel, address_blind=blind, reason=reason, now=earlier, household_id=household
            )
    document = call(capsys, "show", PHONE)
    assert [one["reason"] for one in document["state"]] == ["blocked", "blocked", "five_failed_days", ""]
    assert all(may(call(capsys, "allow", PHONE, "--source", "loket", "--by", "rina")).values())


def test_an_address_nobody_knows_can_be_stopped(db: Database, capsys) -> None:
    stranger = "0813 9999 8888"
    assert not call(capsys, "show", stranger)["known"]
    assert not may(call(capsys, "stop", stranger, "--source", "telepon", "--by", "sari"))["sms reminders"]


#: arguments -> code
REFUSED = {
    "no such account": (["stop", PHONE, "--source", "telepon", "--by", "siapa"], "unknown_account"),
    "a role that may not": (["allow", PHONE, "--source", "telepon", "--by", "budi"], "wrong_role"),
    "no source": (["stop", PHONE, "--source", " ", "--by", "sari"], "no_source"),
    "a NIK in the source": (["allow", PHONE, "--source", "NIK 1703071501120001", "--by", "sari"], "source_has_nik"),
    "no address": (["show", "Bu Sri"], "bad_address"),
    "a purpose that does not exist": (
        ["stop", PHONE, "--source", "telepon", "--by", "sari", "--purpose", "iklan"], "bad_purpose",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_not_be_done_changes_nothing_and_says_why(name: str, db: Database, capsys) -> None:
    arguments, code = REFUSED[name]
    assert call(capsys, *arguments, status=1)["error"]["code"] == code
    with db.read() as session:
        assert session.exec(select(tables.ConsentEntry)).all() == []


def test_people_read_tables_in_their_own_words_and_time(db: Database, capsys) -> None:
    assert run(["consent", "stop", PHONE, "--source", "telepon", "--by", "sari"]) == 0
    shown = capsys.readouterr().out
    assert "WhatsApp, keluarga 1, pesan dari kantor: tidak  (Meminta tidak dikirimi pesan.)" in shown
    assert "05-10-2026 08.00  berhenti, semua saluran +62812•••••90 (petugas: petugas), dicatat sari: telepon" in shown
    assert PHONE not in shown
