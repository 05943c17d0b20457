"""The command line as a program calls it: one JSON document, exit status 0, 1 or 2, and one sentence with the fix."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import run

CAMPAIGN = """
name = "kartu"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
waves = 5
[[steps]]
message = "ambil-kartu-1"
offset_days = 0
channels = ["telegram", "whatsapp", "sms", "village_list"]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(folder: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run(["init"]) == 0
    capsys.readouterr()
    return folder


def _json(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_before_init_every_command_says_what_to_do(folder, capsys):
    assert run(["campaign", "list", "--json"]) == 1
    error = _json(capsys)["error"]
    assert error["code"] == "no_key"
    assert "broadcaster init" in error["message"]


def test_wrong_usage_is_two(folder):
    assert run(["campaign", "frobnicate"]) == 2
    assert run(["import"]) == 2


#: (file's text or None, arguments, code, words)
REFUSED = {
    "a file that is not there": (None, ["import", "x.xlsx"], "x.xlsx", "tidak ditemukan"),
    "a campaign file with an unknown key": (
        CAMPAIGN.replace("d_days", "d_day"), ["campaign", "create", "k.toml"], "d_day", "mungkin maksudnya d_days",
    ),
    "a campaign that is not released": (CAMPAIGN, ["campaign", "start", "kartu"], "kartu", "belum disetujui"),
    "a campaign that is not there": (None, ["campaign", "status", "nix"], "nix", "Tidak ada kampanye"),
    "an approver who does not exist": (CAMPAIGN, ["campaign", "approve", "kartu", "--by", "x"], "x", "staff add"),
    "a place that is not there": (None, ["audience", "--kecamatan", "Lebongg"], "Lebongg", "Mungkin maksudnya"),
    "an occasion that is not there": (None, ["audience", "--occasion", "lahir"], "lahir", "newborn"),
    "an unknown office fact": (None, ["office", "set", "tempat", "x"], "tempat", "tempat_ambil"),
    "a clock in trial mode": (None, ["audience", "--now", "2026-10-05T08:00:00+07:00"], "--now", "rehearsal"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_one_sentence_with_the_fix_and_status_one(name, installed, capsys):
    text, arguments, place, words = REFUSED[name]
    if text is not None:
        (installed / "k.toml").write_text(text)
        if "create" not in arguments:
            assert run(["campaign", "create", "k.toml"]) == 0
            capsys.readouterr()
    assert run([*arguments, *(["--json"] if arguments[0] != "office" else [])]) == 1
    printed = capsys.readouterr()
    message = json.loads(printed.out)["error"]["message"] if printed.out else printed.err
    assert place in message
    assert words in message
    assert "Traceback" not in printed.err


def test_an_empty_fact_and_a_missing_token_block_the_start(installed, capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    (installed / "k.toml").write_text(CAMPAIGN)
    assert run(["campaign", "create", "k.toml"]) == 0
    assert run(["staff", "add", "budi", "--role", "approver"]) == 0
    assert run(["campaign", "approve", "kartu", "--by", "budi"]) == 0
    capsys.readouterr()
    assert run(["campaign", "start", "kartu", "--json"]) == 1
    assert _json(capsys)["error"]["code"] == "empty_fact"
    assert run(["campaign", "dry-run", "kartu", "--json"]) == 0
    codes = {block["code"] for block in _json(capsys)["blocking"]}
    assert {"empty_fact", "missing_token", "template_not_approved"} <= codes


def test_plain_http_to_another_machine_is_refused(folder, capsys, monkeypatch):
    monkeypatch.setenv("BROADCASTER_TELEGRAM_BASE_URL", "http://example.org")
    assert run(["init", "--json"]) == 1
    assert "https" in _json(capsys)["error"]["message"]


def test_import_prints_one_document_also_when_it_could_not_apply(installed, capsys):
    (installed / "a.csv").write_text("a;b\n1;2\n")
    assert run(["import", "a.csv", "--json"]) == 0
    assert _json(capsys)["files"][0]["applied"] is False
    assert run(["import", "a.csv", "--apply", "--json"]) == 1
    assert _json(capsys)["files"][0]["problems"][0]["row"] is None


def test_a_good_file_is_checked_applied_and_recognised(installed, capsys):
    (installed / "anak.csv").write_text(
        "No KK;NIK;Nama;JK;Tgl Lahir;Desa;Kecamatan;No HP;Status;Tgl Cetak\n"
        "1703071501120001;1703071403200001;RIZKI PRATAMA;L;14-03-2020;Gunung Alam;Kota Arga Makmur;0812-3456-7890;"
        "siap diambil;01-09-2026\n"
    )
    for apply, new, unchanged in ((False, 1, 0), (True, 1, 0), (True, 0, 1)):
        assert run(["import", "anak.csv", "--json", *(["--apply"] if apply else [])]) == 0
        report = _json(capsys)["files"][0]
        assert (report["new"], report["unchanged"], report["applied"]) == (new, unchanged, apply)
    assert run(["show", "child", "1"]) == 0
    shown = capsys.readouterr().out
    assert "1703071403200001" not in shown
    assert "+62812" in shown
    assert "+6281234567890" not in shown


def test_doctor_lists_what_is_wrong_and_is_done(installed, capsys):
    assert run(["doctor", "--json"]) == 0
    findings = _json(capsys)["findings"]
    assert any(finding["severity"] == "error" for finding in findings)
    assert all(finding["fix"] for finding in findings)


TRIES = {
    "phone": (["try", "phone", "0812-3456-7890"], {"e164": "+6281234567890", "kind": "mobile", "problem": None}),
    "segments": (["try", "segments", "halo €"], {"encoding": "gsm7", "units": 7, "segments": 1}),
    "reply": (["try", "reply", "BERHENTI!"], {"opt_out": True, "handled_by": "auto"}),
    # Newcombe (1998), table II: 56/70 against 48/80
    "effect": (["try", "effect", "--sent", "70:56", "--delayed", "80:48"], {"difference_pp": 20.0, "low_pp": 5.2431}),
    "power": (["try", "power", "--n", "10000", "--delayed", "0.1", "--base", "0.05"], {"power": 0.8}),
}


@pytest.mark.parametrize("name", TRIES)
def test_one_rule_can_be_tried(name, folder, capsys):
    arguments, expected = TRIES[name]
    assert run([*arguments, "--json"]) == 0
    document = _json(capsys)
    assert {key: document[key] for key in expected} == expected


def test_a_file_of_inputs_gives_a_document_a_line_in_order(folder, capsys):
    (folder / "in.jsonl").write_text('"stop\\n"\n"terima kasih"\n')
    assert run(["try", "reply", "--file", "in.jsonl"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["opt_out"] for line in lines] == [True, False]


def test_visits_to_villages_are_entered_listed_and_taken_back(installed, capsys, monkeypatch):
    monkeypatch.setenv("BROADCASTER_MODE", "rehearsal")
    monkeypatch.setenv("BROADCASTER_NOW", "2026-11-24T08:00:00+07:00")
    for name in ("TELEGRAM", "TWILIO"):
        monkeypatch.setenv(f"BROADCASTER_{name}_BASE_URL", "http://127.0.0.1:9")
    add = ["office", "visit", "add", "--desa", "17.03.10.1010", "--place", "balai desa", "--hours", "08.30-12.00 WIB"]
    assert run([*add, "--date", "2026-11-26", "--json"]) == 0
    visit = _json(capsys)["visit"]
    assert (visit["village_code"], visit["on_date"], visit["place"]) == ("17.03.10.1010", "2026-11-26", "balai desa")
    assert run([*add, "--date", "2026-11-23", "--json"]) == 1
    assert _json(capsys)["error"]["code"] == "visit_in_the_past"
    assert run([*add, "--date", "26-11-2026", "--json"]) == 1
    assert _json(capsys)["error"]["code"] == "bad_date"
    assert run(["office", "visit", "list", "--json"]) == 0
    assert [one["id"] for one in _json(capsys)["visits"]] == [visit["id"]]
    assert run(["office", "visit", "remove", str(visit["id"])]) == 0
    capsys.readouterr()
    assert run(["office", "visit", "list", "--json"]) == 0
    assert _json(capsys) == {"visits": []}


def test_a_finding_is_printed_with_its_place_its_rule_and_its_channel(folder, capsys):
    good = Path(__file__).parents[2] / "unit" / "rendering" / "good" / "messages" / "kartu-siap.toml"
    (folder / "kartu-siap.toml").write_text(good.read_text(encoding="utf-8").replace("Stop: WA", "Balas, WA"), "utf-8")
    assert run(["content", "check", str(folder)]) == 1
    assert "kartu-siap.toml:39 error sms_reply: [sms] SMS tidak dapat dibalas" in capsys.readouterr().out
    assert run(["content", "check", str(folder), "--json"]) == 1
    (finding,) = _json(capsys)["findings"]
    assert {key: finding[key] for key in ("file", "line", "rule", "severity")} == {
        "file": "kartu-siap.toml", "line": 39, "rule": "sms_reply", "severity": "error",
    }  # fmt: skip
