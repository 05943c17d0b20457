"""More than sixty broken files, each with its report beside it; and one set of rows in many formats with one result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broadcaster.office.service import load_defaults
from broadcaster.storage.database import Database
from tests.corpus import build
from tests.corpus.case import Case

#: surface.md's fields of one file, and of one problem in it
FILE = {
    "file", "rows", "good", "rejected", "new", "changed", "unchanged", "warnings", "fixed", "conflicts", "questions",
    "needs_confirmation", "applied", "batch", "problems", "same_phone", "same_child",
}  # fmt: skip
PROBLEM = {"row", "column", "code", "severity", "value_masked", "message"}


@pytest.fixture(scope="module")
def corpus_db(_sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """One register for all of them: nothing is applied."""
    import shutil

    path = tmp_path_factory.mktemp("corpus") / "corpus.sqlite3"
    shutil.copyfile(_sqlite_template, path)
    from broadcaster.storage.sealed import Sealer
    from tests.conftest import KEY

    db = Database(f"sqlite:///{path}", Sealer(KEY))
    with db.write() as session:
        load_defaults(session, build.NOW)
    yield db
    db.close()


def test_the_corpus_holds_at_least_sixty_files():
    assert len({case.name for case in build.CASES}) == len(build.CASES) >= 60


@pytest.mark.parametrize("case", build.CASES, ids=lambda case: case.name)
def test_a_broken_file_gets_exactly_the_report_beside_it(corpus_db: Database, case: Case):
    report = build.report_about(corpus_db, case)
    assert build.found_in(report) == set(case.found.split()), "what a person wrote down about this file"
    assert build.as_text(report) == build.expected_file(case).read_text(encoding="utf-8")


@pytest.mark.parametrize("case", build.CASES, ids=lambda case: case.name)
def test_the_report_is_the_document_of_the_public_surface(case: Case):
    document: dict[str, Any] = json.loads(build.expected_file(case).read_text(encoding="utf-8"))
    if "error" in document:
        assert set(document["error"]) == {"code", "message"}
        return
    for file in document["files"]:
        assert set(file) == FILE
        for problem in file["problems"]:
            assert set(problem) == PROBLEM
            assert problem["severity"] in ("error", "warning", "fixed")
