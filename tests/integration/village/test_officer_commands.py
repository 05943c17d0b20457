"""`broadcaster officer ...` as a program calls it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from broadcaster import settings
from broadcaster.app import open_app
from broadcaster.cli.main import run
from broadcaster.office.queries import audit_log
from broadcaster.storage.tables import Village
from broadcaster.village import queries, service
from broadcaster.village.rules import TickKind
from tests import make
from tests.integration.village.scene import ZONE

CODE = "17.03.15.2011"  # Talang Pungguk, Air Besi, in the shipped places
NOW = "2026-10-05T08:00:00+07:00"
MOMENT = datetime(2026, 10, 5, 1, tzinfo=UTC)
Call = Callable[..., Any]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Runs a command with --json in a rehearsal; gives its document. `status`: what it must end with."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROADCASTER_MODE", "rehearsal")
    monkeypatch.setenv("BROADCASTER_NOW", NOW)
    for name in ("TELEGRAM_BASE_URL", "TWILIO_BASE_URL"):
        monkeypatch.setenv(f"BROADCASTER_{name}", "http://127.0.0.1:9")

    def calling(*arguments: str, status: int = 0) -> Any:
        assert run([*arguments, "--json", "--now", NOW]) == status
        return json.loads(capsys.readouterr().out)

    assert run(["init"]) == 0
    capsys.readouterr()
    return calling


@pytest.fixture
def household(call: Call) -> int:
    """A family without a number in the village."""
    app = open_app(settings.load(now=NOW))
    with app.db.write() as session:
        make.facts(session)
        make.staff(session, "sari", "operator")
        home = next(row for row in _villages(session) if row.code == CODE)
        family = make.family(session, app.db.sealer, village=home, phone="", guardian_name="SITI AMINAH")
    app.db.close()
    return family.household.id or 0


def _villages(session: Any) -> list[Village]:
    from sqlmodel import select

    return list(session.exec(select(Village)))


def test_the_list_as_a_document(call: Call, household: int) -> None:
    found = call("officer", "list", "--desa", CODE)
    assert {key: found[key] for key in ("desa", "name", "kecamatan", "date", "waiting", "out")} == {
        "desa": CODE, "name": "Desa Talang Pungguk", "kecamatan": "Air Besi", "date": "2026-10-05", "waiting": 0, "out": None,
    }  # fmt: skip
    (line,) = found["households"]
    assert (line["household"], line["parent"], line["children"]) == (household, "Siti Aminah", ["Rizki"])
    assert line["reasons"] == [{"code": "no_address", "sentence": "Tidak punya nomor telepon sendiri yang aktif."}]
    assert line["say"].startswith("KIA Rizki sudah jadi.")
    assert line["tick"] is None


@pytest.mark.parametrize("ending", ["xlsx", "pdf"])
def test_the_list_as_a_file_is_remembered_in_the_audit_trail(call: Call, household: int, ending: str) -> None:
    found = call("officer", "list", "--desa", CODE, "--out", f"daftar.{ending}", "--by", "sari")
    assert found["out"] == f"daftar.{ending}"
    assert Path(f"daftar.{ending}").read_bytes()[:4] in (b"PK\x03\x04", b"%PDF")
    app = open_app(settings.load(now=NOW))
    with app.db.read() as session:
        entry = audit_log(session, limit=1)[0]
    app.db.close()
    assert (entry.staff, entry.action, entry.entity, entry.data) == (
        "sari", "officer.list", f"village:{CODE}", {"form": f".{ending}"},
    )  # fmt: skip


def test_a_link_names_its_address_and_says_plainly_that_nobody_else_can_open_it(call: Call) -> None:
    made = call("officer", "link", "--desa", CODE)
    assert re.fullmatch(r"http://127\.0\.0\.1:8000/petugas/[A-Za-z0-9_-]{32}", made["url"])
    assert re.fullmatch(r"\d{6}", made["pin"])
    assert made["expires_at"].startswith("2026-11-04T01:00:0")
    assert "BROADCASTER_PUBLIC_BASE_URL" in made["note"]
    assert made["village"] == "Desa Talang Pungguk"


def test_a_public_address_is_the_links(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROADCASTER_PUBLIC_BASE_URL", "https://kia.example.go.id/")
    made = call("officer", "link", "--desa", CODE)
    assert made["url"].startswith("https://kia.example.go.id/petugas/")
    assert made["note"] == ""


@pytest.mark.parametrize("by", ["link", "url"])
def test_a_link_is_revoked_by_its_number_or_its_address(call: Call, by: str) -> None:
    made = call("officer", "link", "--desa", CODE)
    assert call("officer", "revoke", str(made[by]))["state"] == "revoked"
    (line,) = call("officer", "links", "--desa", CODE)["links"]
    assert (line["id"], line["state"]) == (made["link"], "revoked")
    assert not {made["pin"], made["url"].rsplit("/", 1)[1]} & set(json.dumps(line).split('"'))


def test_what_officers_report_is_listed_and_settled(call: Call, household: int) -> None:
    made = call("officer", "link", "--desa", CODE)
    app = open_app(settings.load(now=NOW))
    with app.db.read() as session:
        link = queries.find_link(session, made["url"].rsplit("/", 1)[1], MOMENT)
    service.note(app.db, link, service.Told(household, TickKind.DECEASED, "tick-00000001"), MOMENT, ZONE)
    app.db.close()
    (report,) = call("officer", "reports")["reports"]
    assert (report["kind"], report["parent"], report["code"]) == ("deceased", "Siti Aminah", CODE)
    refused = call("officer", "settle", str(report["tick_id"]), "--as", "confirmed", "--by", "siapa", status=1)
    assert refused["error"]["code"] == "unknown_account"
    done = call("officer", "settle", str(report["tick_id"]), "--as", "confirmed", "--by", "sari")
    assert "impor" in done["consequence"]
    assert call("officer", "reports")["reports"] == []
    assert call("officer", "list", "--desa", CODE)["households"] == []


#: (arguments, code, words)
REFUSED = {
    "an unknown village": (["list", "--desa", "17.03.15.9999"], "unknown_village", "17.03.15."),
    "a village by its name": (["link", "--desa", "Talang Pungguk"], "unknown_village", "17.03.15.2011 (Talang Pungguk"),
    "an unknown link": (["revoke", "77"], "unknown_link", "officer links"),
    "another kind of file": (["list", "--desa", CODE, "--out", "a.doc"], "bad_list_name", ".pdf"),
    "an unknown account": (["link", "--desa", CODE, "--by", "siapa"], "unknown_account", "staff add"),
    "an unknown report": (["settle", "9", "--as", "wrong", "--by", "sari"], "unknown_report", "officer reports"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_done_is_said_in_one_sentence(call: Call, household: int, name: str) -> None:
    arguments, code, words = REFUSED[name]
    error = call("officer", *arguments, status=1)["error"]
    assert error["code"] == code
    assert words in error["message"]


def test_what_people_read_is_indonesian(call: Call, household: int, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["list", "--desa", CODE], ["link", "--desa", CODE], ["links"], ["reports"], ["revoke", "1"]):
        assert run(["officer", *arguments, "--now", NOW]) == 0
    shown = capsys.readouterr()
    assert "Siti Aminah" in shown.out
    assert "PIN: " in shown.out
    assert "Tidak ada laporan yang menunggu." in shown.out
    assert "dicabut" in shown.out
    assert "hanya dapat dibuka di komputer ini" in shown.err


CAMPAIGN = """
name = "kartu"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
waves = 2
every_days = 14
[[steps]]
message = "ambil-kartu-1"
offset_days = 0
channels = ["village_list"]
"""


def test_a_campaign_from_its_lot_to_the_officers_note(
    call: Call, household: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Real planning and sending: the first wave is on the list, the second is on none, and a note is the line's receipt."""
    app = open_app(settings.load(now=NOW))
    with app.db.write() as session:
        make.staff(session, "budi", "approver")
        home = next(row for row in _villages(session) if row.code == CODE)
        for number in range(10):
            make.family(session, app.db.sealer, village=home, guardian_name=f"IBU {number}")
    Path("kartu.toml").write_text(CAMPAIGN, encoding="utf-8")
    call("campaign", "create", "kartu.toml", "--by", "sari")
    call("campaign", "approve", "kartu", "--by", "budi")
    call("campaign", "start", "kartu", "--by", "sari")
    before = call("officer", "list", "--desa", CODE)
    assert ([line["household"] for line in before["households"]], before["waiting"]) == ([household], 10)
    assert run(["tick", "--now", NOW, "--until", "2026-10-05T10:00:00+07:00"]) == 0
    capsys.readouterr()
    listed = call("officer", "list", "--desa", CODE)
    assert (len(listed["households"]), listed["waiting"]) == (6, 5)
    reasons = {line["household"]: [one["code"] for one in line["reasons"]] for line in listed["households"]}
    assert reasons.pop(household) == ["no_address"]
    assert list(reasons.values()) == [["weak_signal"]] * 5
    made = call("officer", "link", "--desa", CODE)
    with app.db.read() as session:
        link = queries.find_link(session, made["url"].rsplit("/", 1)[1], MOMENT)
    for one in (household, next(iter(reasons))):
        service.note(app.db, link, service.Told(one, TickKind.TOLD, "tick-00000001"), MOMENT, ZONE)
    app.db.close()
    status = call("campaign", "status", "kartu")
    assert status["by_channel"] == {"village_list": {"accepted": 4, "delivered": 2}}
    said = call("campaign", "status", "kartu", "--household", str(household))
    assert "Keluarga sudah dikabari oleh petugas registrasi desa." in json.dumps(said, ensure_ascii=False)
