"""More than sixty broken files, each with its report beside it, through the service and through the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broadcaster.cli.main import run
from broadcaster.storage.database import Database
from tests.corpus import build
from tests.corpus.case import Case
from tests.integration.registry.conftest import Fresh

#: surface.md's fields of one file, and of what stands in its lists
FILE = {
    "file": str, "rows": int, "good": int, "rejected": int, "new": int, "changed": int, "unchanged": int, "warnings": int,
    "fixed": int, "conflicts": list, "questions": list, "needs_confirmation": bool, "applied": bool, "batch": int | None,
    "problems": list, "same_phone": list, "same_child": list,
}  # fmt: skip
PROBLEM = {
    "row": int | None, "column": str, "code": str, "severity": str, "value_masked": str, "message": str,
}  # fmt: skip
IN_LISTS: dict[str, dict[str, Any]] = {
    "problems": PROBLEM,
    "conflicts": {"row": int, "code": str, "message": str},
    "questions": {"column": str, "choices": list},
    "same_phone": {"phone_masked": str, "families": int, "rows": list, "shared": bool},
    "same_child": {"nik_masked": str, "rows": list},
}
DEFAULTS = [case for case in build.CASES if not case.kind and case.limits == type(case.limits)()]


@pytest.fixture(scope="module")
def corpus_db(fresh: Fresh) -> Iterator[Database]:
    """One register for all of them: nothing is applied."""
    db = fresh()
    yield db
    db.close()


def test_the_corpus_holds_at_least_sixty_files() -> None:
    assert len({case.name for case in build.CASES}) == len(build.CASES) >= 60
    assert {path.name for path in build.EXPECTED.iterdir()} == {build.expected_file(case).name for case in build.CASES}


@pytest.mark.parametrize("case", build.CASES, ids=lambda case: case.name)
def test_a_broken_file_gets_exactly_the_report_beside_it(corpus_db: Database, case: Case) -> None:
    report = build.report_about(corpus_db, case)
    assert build.found_in(report) == set(case.found.split()), "what a person wrote down about this file"
    assert build.as_text(report) == build.expected_file(case).read_text(encoding="utf-8")


@pytest.mark.parametrize("case", build.CASES, ids=lambda case: case.name)
def test_a_report_has_the_promised_fields_and_adds_up(case: Case) -> None:
    document = json.loads(build.expected_file(case).read_text(encoding="utf-8"))
    if "error" in document:
        assert_shape(document, {"error": dict})
        assert_shape(document["error"], {"code": str, "message": str})
        assert document["error"]["message"].startswith(f"{case.name}: ")
        return
    assert_shape(document, {"files": list})
    [file] = document["files"]
    assert_shape(file, FILE)
    for name, shape in IN_LISTS.items():
        for one in file[name]:
            assert_shape(one, shape)
    assert file["rows"] == file["good"] + file["rejected"]
    assert file["good"] == file["new"] + file["changed"] + file["unchanged"]
    for severity, count in (("warning", file["warnings"]), ("fixed", file["fixed"])):
        assert sum(one["severity"] == severity for one in file["problems"]) == count
    rejected = {one["row"] for one in file["problems"] if one["severity"] == "error" and one["row"] is not None}
    assert len(rejected) == file["rejected"]


def assert_shape(found: dict[str, Any], shape: dict[str, Any]) -> None:
    assert set(found) == set(shape)
    for name, kind in shape.items():
        assert isinstance(found[name], kind), name
        assert kind is not int or not isinstance(found[name], bool), name


@pytest.mark.parametrize("number", [r"170307\d{10}", r"17030701012\d{5}", r"08\d{9,}", r"628\d{8,}", r"8\d{9,}"])
def test_no_report_shows_a_number_of_anybody(number: str) -> None:
    for case in build.CASES:
        shown = build.expected_file(case).read_text(encoding="utf-8")
        assert re.search(rf"(?<!\d){number}(?!\d)", shown) is None, case.name


@pytest.fixture(scope="module")
def office_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("office")
    build.main([str(folder)])
    return folder


def test_the_command_line_prints_exactly_these_documents(
    office_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(office_folder)
    monkeypatch.setenv("BROADCASTER_MODE", "rehearsal")
    monkeypatch.setenv("BROADCASTER_TELEGRAM_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("BROADCASTER_TWILIO_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("BROADCASTER_NOW", build.NOW.isoformat())
    assert run(["init"]) == 0
    capsys.readouterr()
    for case in DEFAULTS:
        arguments = ["import", case.name, "--json"]
        if case.column_map:
            Path("peta.toml").write_text(case.column_map, encoding="utf-8")
            arguments += ["--map", "peta.toml"]
        status = run(arguments)
        out, _ = capsys.readouterr()
        assert out.count("\n") >= 1
        assert json.loads(out) == json.loads(build.expected_file(case).read_text(encoding="utf-8")), case.name
        assert status == (1 if case.found.startswith("!") else 0), case.name
