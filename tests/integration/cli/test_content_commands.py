"""content preview, edit, diff, history, revert and export, as a program calls them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import run

KEY = "ambil-kartu-1"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("pagi-cerah-di-lais\n"))
    assert run(["staff", "add", "sari", "--role", "operator", "--password-stdin"]) == 0
    capsys.readouterr()
    return tmp_path


@pytest.fixture
def ask(installed: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def ask(*arguments: str, status: int = 0) -> Any:
        assert run(["content", *arguments, "--json"]) == status
        return json.loads(capsys.readouterr().out)

    return ask


def test_a_preview_has_a_document_for_programs(ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["office", "set", "harga.sms", "350"]) == 0
    capsys.readouterr()
    found = ask("preview", KEY)
    assert {name: found[name] for name in ("key", "version", "household", "sample", "due", "without_text")} == {
        "key": KEY, "version": 1, "household": None, "sample": "satu-anak", "due": None, "without_text": [],
    }  # fmt: skip
    assert [shown["channel"] for shown in found["channels"]] == ["telegram", "whatsapp", "sms", "village_list"]
    telegram, whatsapp, sms, _ = found["channels"]
    assert telegram["buttons"][0] == {"title": "Sudah diambil", "intent": "already_collected"}
    assert 0 < telegram["reading_ease"] <= 100
    assert whatsapp["content_variables"]["2"] == "Bapak/Ibu Sri Wahyuni"
    assert (sms["encoding"], sms["segments"], sms["cost_idr"]) == ("gsm7", 1, 350)
    assert sms["changes"][0]["code"] == "buttons_dropped"
    assert any("office set tempat_ambil" in warning["message"] for warning in sms["warnings"])
    assert ask("preview", KEY, "--household", "7", status=1)["error"]["code"] == "no_household"


def test_a_message_goes_out_to_a_file_and_comes_back_changed(ask: Any, installed: Path) -> None:
    assert ask("export", KEY, "--out", "pesan.toml") == {"key": KEY, "version": 1, "file": "pesan.toml"}
    file = installed / "pesan.toml"
    assert ask("edit", KEY, "pesan.toml", "--by", "sari")["changed"] is False
    file.write_text(file.read_text(encoding="utf-8").replace("Tempatnya jauh?", "Jauh dari rumah?"), encoding="utf-8")
    edited = ask("edit", KEY, "pesan.toml", "--by", "sari")
    assert edited == {"key": KEY, "version": 2, "created": False, "changed": True, "warnings": []}
    assert "Jauh dari rumah?" in ask("preview", KEY)["channels"][0]["text"]

    changed = ask("diff", KEY)
    assert (changed["from"], changed["to"], changed["shipped"]) == ("teks bawaan", "versi 2", "staff")
    assert "+Jauh dari rumah?" in changed["texts"]["whatsapp"]
    assert ask("diff", KEY, "--from", "2", "--to", "1")["texts"].keys() == {"telegram", "whatsapp"}

    assert ask("revert", KEY, "1", "--by", "sari") == {"key": KEY, "version": 3, "same_as": 1}
    past = ask("history", KEY)
    assert [(line["number"], line["created_by"], line["used"]) for line in past["versions"]] == [
        (3, "sari", False), (2, "sari", False), (1, "sistem", False),
    ]  # fmt: skip
    assert past["shipped"] == "same"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["edit", KEY, "tidak-ada.toml", "--by", "sari"], "unreadable_file", "tidak-ada.toml"),
        (["edit", KEY, "rusak.toml", "--by", "sari"], "toml", "baris"),
        (["edit", KEY, "rusak.toml", "--by", "budi"], "unknown_account", "staff add"),
        (["revert", KEY, "9", "--by", "sari"], "no_version", "content history"),
        (["diff", KEY, "--from", "9"], "no_version", "versi 9"),
        (["history", "ambil-kartu"], "no_template", "maksudnya"),
        (["preview", "nix"], "no_template", "nix"),
        (["export", KEY, "--out", "tidak/ada/x.toml"], "unwritable_file", "x.toml"),
    ],
)
def test_what_cannot_be_done_is_one_sentence_with_the_fix(
    ask: Any, installed: Path, arguments: list[str], code: str, words: str
) -> None:
    (installed / "rusak.toml").write_text("title = ", encoding="utf-8")
    error = ask(*arguments, status=1)["error"]
    assert error["code"] == code
    assert words in error["message"]


def test_people_read_sentences(installed: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["content", "preview", KEY]) == 0
    shown = capsys.readouterr().out
    assert "[Sudah diambil] [Bantu saya] [Berhenti]" in shown
    assert "Tanpa tombol" in shown
    assert run(["content", "export", KEY, "--out", "a.toml"]) == 0
    text = Path("a.toml").read_text(encoding="utf-8")
    Path("a.toml").write_text(text.replace("Tempatnya jauh?", "Jauh dari rumah?"), encoding="utf-8")
    assert run(["content", "edit", KEY, "a.toml", "--by", "sari"]) == 0
    assert "sekarang versi 2" in capsys.readouterr().out
    assert run(["content", "diff", KEY]) == 0
    assert "-Tempatnya jauh?" in capsys.readouterr().out
    assert run(["content", "edit", "pesan-kantor", "a.toml", "--by", "sari"]) == 0
    assert "Pesan baru pesan-kantor" in capsys.readouterr().out
    assert run(["content", "edit", "pesan-kantor", "a.toml"]) == 2, "whoever changes a text gives a name"
