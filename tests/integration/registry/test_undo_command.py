"""`import-undo` and `import --confirm` as staff and programs call them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import run
from tests.integration.registry import files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    capsys.readouterr()
    return tmp_path


def written(folder: Path, name: str, **cells: Any) -> str:
    (folder / name).write_text(files.csv_text([files.child(**cells)]))
    return name


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_an_import_is_taken_back_and_applied_again(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = written(folder, "anak.csv", phone="081234567890")
    assert run(["import", source, "--apply", "--json"]) == 0
    [first] = answer(capsys)["files"]
    assert run(["import-undo", str(first["batch"]), "--by", "sari", "--json"]) == 0
    undone = answer(capsys)
    assert (undone["batch"], undone["status"], undone["file"], undone["kind"]) == (
        first["batch"], "undone", "anak.csv", "children",
    )  # fmt: skip
    assert undone["removed"] == {
        "contact_point": 2, "card": 1, "child_identity": 1, "child": 1, "household_kk": 1, "guardian": 1, "household": 1,
    }  # fmt: skip
    assert undone["restored"] == {}
    assert run(["import", source, "--apply", "--json"]) == 0
    [again] = answer(capsys)["files"]
    assert (again["applied"], again["new"]) == (True, 1)
    assert again["batch"] != first["batch"]
    assert run(["import-undo", str(again["batch"])]) == 0
    assert "dibatalkan: 8 baris data dihapus, 0 dikembalikan" in capsys.readouterr().out


def test_what_cannot_be_taken_back_says_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import-undo", "9", "--json"]) == 1
    assert answer(capsys)["error"] == {"code": "unknown_batch", "message": "Tidak ada impor nomor 9."}
    for name, phone in (("satu.csv", "081234567890"), ("dua.csv", "081311112222")):
        assert run(["import", written(folder, name, phone=phone), "--apply", "--json"]) == 0
        last = answer(capsys)["files"][0]["batch"]
    assert run(["import-undo", str(last - 1), "--json"]) == 1
    error = answer(capsys)["error"]
    assert error["code"] == "newer_import"
    assert f"batalkan impor nomor {last} dahulu" in error["message"]


def test_a_status_goes_back_with_confirm_only(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["import", written(folder, "a.csv", status="Sudah diambil", collected="01-09-2026"), "--apply"]) == 0
    capsys.readouterr()
    back = written(folder, "b.csv", status="Siap diambil")
    assert run(["import", back, "--json"]) == 0
    [checked] = answer(capsys)["files"]
    assert [clash["code"] for clash in checked["conflicts"]] == ["status_back"]
    assert run(["import", back, "--apply", "--confirm", "--json"]) == 0
    [applied] = answer(capsys)["files"]
    assert (applied["conflicts"], applied["changed"]) == ([], 1)
    assert "status_turned_back" in {found["code"] for found in applied["problems"]}
