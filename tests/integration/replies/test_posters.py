"""Posters by the command line: one code per place, the channels that are there, the bot's name asked once."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from broadcaster.cli.main import run
from broadcaster.operations.service import init, open_database
from broadcaster.settings import load
from broadcaster.simulator.server import Simulator, start
from broadcaster.storage import tables
from tests import make

DESA = "17.03.07.1027"
TWILIO = {
    "BROADCASTER_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
    "BROADCASTER_TWILIO_AUTH_TOKEN": "simulated-auth-token",
    "BROADCASTER_TWILIO_WHATSAPP_FROM": "+6281200000002",
}
BOT = {"BROADCASTER_TELEGRAM_TOKEN": "123456:AA-token"}


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    """A simulator in a thread of its own: commands have their own event loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    found = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    yield found
    asyncio.run_coroutine_threadsafe(found.stop(), loop).result(20)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(20)
    loop.close()


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, simulator: Simulator) -> Path:
    """An installation whose facts are filled in, with no channel yet."""
    for name, value in {
        "BROADCASTER_DATA_DIR": str(tmp_path / "data"), "BROADCASTER_MODE": "rehearsal",
        "BROADCASTER_TELEGRAM_BASE_URL": simulator.base_url, "BROADCASTER_TWILIO_BASE_URL": simulator.base_url,
        "BROADCASTER_NOW": "2026-10-05T08:00:00+07:00",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    settings = load()
    init(settings, make.NOW)
    db = open_database(settings)
    with db.write() as session:
        make.facts(session)
    db.close()
    return tmp_path


@pytest.fixture
def both(office: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in {**TWILIO, **BOT}.items():
        monkeypatch.setenv(name, value)
    return office


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int | None = 0) -> Any:
    """The one JSON document of a command; its exit status, None = whatever."""
    assert run([*arguments, "--json"]) == status or status is None
    return json.loads(capsys.readouterr().out)


def asked(simulator: Simulator, method: str) -> int:
    return sum(raw.path.endswith(f"/{method}") for raw in simulator.store.requests)


def test_the_same_place_keeps_its_code_and_a_new_one_is_asked_for(
    both: Path, capsys: pytest.CaptureFixture[str], simulator: Simulator
) -> None:
    out = both / "poster.pdf"
    first = said(capsys, "poster", "--desa", DESA, "--out", str(out))
    assert out.read_bytes().startswith(b"%PDF-")
    assert first["new"]
    assert first["place"] == "Kelurahan Gunung Alam (Kec. Kota Arga Makmur)"
    assert set(first["links"]) == {"telegram", "whatsapp"}
    assert first["links"]["telegram"].startswith("https://t.me/simulasi_bot?start=")
    again = said(capsys, "poster", "--desa", DESA, "--size", "a3", "--out", str(out))
    assert (again["new"], again["code"]) == (False, first["code"])
    another = said(capsys, "poster", "--desa", DESA, "--new", "--out", str(out))
    assert another["new"]
    assert another["code"] != first["code"]
    assert another["place"].endswith(", poster 2")
    school = said(capsys, "poster", "--desa", DESA, "--place", "SDN 03  Lais", "--out", str(out))
    same = said(capsys, "poster", "--desa", DESA, "--place", "sdn 03 lais", "--text")
    assert school["code"] == same["code"]
    assert {"social", "radio", "announcement"} == set(same["texts"])
    assert asked(simulator, "getMe") == 1, "the bot's name is asked once and kept"
    listed = said(capsys, "poster", "list")
    assert [one["code"] for one in listed["posters"]] == [
        code.removeprefix("KIA-").lower() for code in (school["code"], another["code"], first["code"])
    ]
    assert set(listed["posters"][0]) == {
        "place", "kind", "village_code", "code", "made_at", "telegram_starts", "whatsapp_openings", "families",
    }  # fmt: skip
    assert listed["total"] == {"telegram_starts": 0, "whatsapp_openings": 0, "families": 0}


@pytest.mark.parametrize(("channel", "keys"), [("telegram", BOT), ("whatsapp", TWILIO)])
def test_one_channel_is_enough(
    office: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    channel: str,
    keys: dict[str, str],
) -> None:
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    made = said(capsys, "poster", "--place", "Posyandu Melati", "--out", str(office / "poster.pdf"))
    assert list(made["links"]) == [channel]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--desa", "17.03.07.9999", "--text"], "unknown_place"),
        (["--text"], "no_place"),
        (["--desa", DESA], "no_output"),
        (["--desa", DESA, "--size", "a5", "--text"], "unknown_size"),
        (["--place", "x" * 61, "--text"], "place_too_long"),
        (["--place", "Posyandu", "--out", "/nowhere/poster.pdf"], "unwritable_file"),
    ],
)
def test_what_is_wrong_is_named(
    both: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], code: str
) -> None:
    assert said(capsys, "poster", *arguments, status=1)["error"]["code"] == code


def test_without_a_channel_or_a_fact_no_poster_is_made_and_the_fix_is_said(
    office: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = said(capsys, "poster", "--desa", DESA, "--text", status=1)["error"]
    assert refused["code"] == "no_channel"
    assert "BROADCASTER_TELEGRAM_TOKEN" in refused["message"]
    for name, value in TWILIO.items():
        monkeypatch.setenv(name, value)
    db = open_database(load())
    with db.write() as session:
        for fact in session.exec(select(tables.OfficeFact).where(tables.OfficeFact.key == "tempat_ambil.enggano")):
            fact.value = ""
            session.add(fact)
    refused = said(capsys, "poster", "--desa", "17.03.01.2001", "--text", status=1)["error"]
    assert refused["code"] == "empty_fact"
    assert "office set tempat_ambil.enggano" in refused["message"]
    with db.read() as session:
        assert session.exec(select(tables.Poster)).all() == []
    db.close()


def test_a_number_that_is_not_the_announced_one_is_printed_nowhere(
    both: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROADCASTER_TWILIO_WHATSAPP_FROM", "+6285100000009")
    for command in (["--desa", DESA, "--text"], ["announcement"]):
        refused = said(capsys, "poster", *command, status=1)["error"]
        assert refused["code"] == "number_differs"
        assert 'office set nomor_wa_pengirim "0851-0000-0009"' in refused["message"]


def test_announcements_are_shown_filled_and_ready_to_be_read_out(
    office: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (one,) = said(capsys, "poster", "announcement")["announcements"]
    assert one["key"] == "sebelum-gelombang-pertama"
    assert list(one["texts"]) == ["desa", "radio", "billboard", "social"]
    for text in one["texts"].values():
        assert "0812-0000-0002" in text, "as on the poster"
        assert "{" not in text
    assert "0812-0000-0001" in one["texts"]["social"]
    radio = said(capsys, "poster", "announcement", one["key"], "--medium", "radio")["announcements"][0]["texts"]
    assert radio == {"radio": one["texts"]["radio"]}
    assert run(["poster", "announcement"]) == 0
    shown = capsys.readouterr().out
    assert "Spanduk dan papan" in shown
    assert one["texts"]["billboard"].strip() in shown, "lines are not broken anew: the text is copied"


def test_an_announcement_that_cannot_be_filled_says_why(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, code in ((["sebelum"], "no_announcement"), (["--medium", "tv"], "unknown_medium")):
        assert said(capsys, "poster", "announcement", *arguments, status=1)["error"]["code"] == code
    db = open_database(load())
    with db.write() as session:
        for fact in session.exec(select(tables.OfficeFact).where(tables.OfficeFact.key == "nomor_wa_layanan")):
            fact.value = ""
            session.add(fact)
    db.close()
    refused = said(capsys, "poster", "announcement", status=1)["error"]
    assert refused["code"] == "missing_value"
    assert "office set nomor_wa_layanan" in refused["message"]


def test_a_bot_whose_name_cannot_be_asked_is_a_clear_error(
    both: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    simulator.store.options.telegram_token = "999:other"
    refused = said(capsys, "poster", "--desa", DESA, "--text", status=1)["error"]
    assert refused["code"] == "bad_telegram_token"
    assert "BROADCASTER_TELEGRAM_TOKEN" in refused["message"]
    monkeypatch.setenv("BROADCASTER_TELEGRAM_BASE_URL", "http://127.0.0.1:1")
    refused = said(capsys, "poster", "--desa", DESA, "--text", status=1)["error"]
    assert refused["code"] == "no_telegram"
    assert "periksa jaringan" in refused["message"]


def test_people_read_it_too(both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["poster", "list"]) == 0
    assert "Belum ada poster" in capsys.readouterr().out
    assert run(["poster", "--desa", DESA, "--text", "--out", str(both / "p.pdf")]) == 0
    shown = capsys.readouterr().out
    assert "Media sosial" in shown
    assert "Radio" in shown
    assert "t.me/simulasi_bot?start=" in shown
    assert run(["poster", "list"]) == 0
    assert "Gunung Alam" in capsys.readouterr().out


def test_the_bot_is_set_up_for_polling_or_for_calls(
    both: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, simulator: Simulator
) -> None:
    assert said(capsys, "telegram", "connect") == {"bot": "simulasi_bot", "news": "polling", "url": ""}
    assert set(simulator.telegram.commands) == {"mulai", "berhenti", "putus", "bantuan"}
    assert simulator.telegram.webhook == ""
    monkeypatch.setenv("BROADCASTER_PUBLIC_BASE_URL", "https://kia.example.go.id/")
    monkeypatch.setenv("BROADCASTER_TELEGRAM_WEBHOOK_SECRET", "rahasia")
    answer = said(capsys, "telegram", "connect")
    assert answer == {"bot": "simulasi_bot", "news": "webhook", "url": "https://kia.example.go.id/hooks/telegram"}
    assert simulator.telegram.webhook == "https://kia.example.go.id/hooks/telegram"
    monkeypatch.delenv("BROADCASTER_PUBLIC_BASE_URL")
    found = {one["code"]: one for one in said(capsys, "doctor", status=None)["findings"]}
    assert "broadcaster telegram connect" in found["telegram_not_connected"]["fix"]
    assert said(capsys, "telegram", "connect")["news"] == "polling"
    assert simulator.telegram.webhook == ""
    assert "telegram_not_connected" not in {one["code"] for one in said(capsys, "doctor", status=None)["findings"]}


def test_a_familys_link_is_made_with_its_code_and_taken_back(both: Path, capsys: pytest.CaptureFixture[str]) -> None:
    db = open_database(load())
    with db.write() as session:
        home = make.family(session, db.sealer)
        make.campaign(session, "kartu-2027")
    db.close()
    household = str(home.household.id)
    made = said(capsys, "telegram", "link", "--household", household, "--qr", str(both / "surat.svg"))
    assert made["url"] == f"https://t.me/simulasi_bot?start={made['token']}"
    assert made["expires_at"].startswith("2027-01-03")
    assert "<svg" in (both / "surat.svg").read_text()
    many = said(capsys, "telegram", "link", "--campaign", "kartu-2027")
    assert many["expires_at"] is None
    assert said(capsys, "telegram", "link", status=1)["error"]["code"] == "no_target"
    assert said(capsys, "telegram", "unlink", "--household", household) == {"chats": 0, "links": 1}
    assert said(capsys, "telegram", "status") == {"subscribers": 0, "linked": 0, "stopped": 0, "households": 0}
    assert run(["telegram", "link", "--household", household]) == 0
    assert "Sekali pakai, sampai 3 Januari 2027" in capsys.readouterr().out


def test_without_a_bot_there_is_no_link(office: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, "telegram", "link", "--campaign", "x", status=1)["error"]["code"] == "no_telegram"
