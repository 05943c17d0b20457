"""Builds the corpus, and the report the import gives about each file.

    python -m tests.corpus.build [FOLDER]     # writes the broken files, to look at them
    python -m tests.corpus.build --update     # rewrites tests/corpus/expected: read the difference before it is committed

The files are made anew for every run of the tests and not kept; the reports are.
"""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from broadcaster.errors import Refused
from broadcaster.office.service import load_defaults
from broadcaster.registry import service
from broadcaster.registry.mapping import parse_map
from broadcaster.registry.reader import Source
from broadcaster.registry.report import document
from broadcaster.storage import migrate
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from tests.corpus import cases_formats, cases_values
from tests.corpus.case import Case

CASES: tuple[Case, ...] = (*cases_formats.CASES, *cases_values.CASES)
EXPECTED = Path(__file__).parent / "expected"
TODAY = date(2026, 10, 5)
NOW = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)


def report_about(db: Database, case: Case) -> dict[str, Any]:
    """The document of `import --json`, or of its refusal."""
    answer = parse_map(case.column_map, "peta.toml") if case.column_map else None
    try:
        reports = service.import_files(
            db, [Source(case.name, case.content)], kind=case.kind, today=TODAY, by="sari", now=NOW, write=False,
            limits=case.limits, column_map=answer,
        )  # fmt: skip
    except Refused as error:
        return {"error": {"code": error.code, "message": str(error)}}
    return document(reports)


def found_in(report: dict[str, Any]) -> set[str]:
    """The findings in the short form of `Case.found`."""
    if "error" in report:
        return {f"!{report['error']['code']}"}
    return {f"{'-' if one['row'] is None else one['row']}:{one['code']}" for one in report["files"][0]["problems"]}


def as_text(report: dict[str, Any]) -> str:
    return json.dumps(report, ensure_ascii=False, indent=1) + "\n"


def expected_file(case: Case) -> Path:
    return EXPECTED / f"{case.name}.json"


def update() -> int:
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/corpus.sqlite3", Sealer(bytes(range(32))))
        migrate.upgrade(db)
        with db.write() as session:
            load_defaults(session, NOW)
        for case in CASES:
            report = report_about(db, case)
            if found_in(report) != set(case.found.split()):
                wrong += 1
                extra, missed = found_in(report) - set(case.found.split()), set(case.found.split()) - found_in(report)
                print(f"{case.name}: not said by hand: {sorted(extra)}; said and not found: {sorted(missed)}")
                continue
            expected_file(case).write_text(as_text(report), encoding="utf-8")
        db.close()
    for path in EXPECTED.glob("*.json"):
        if path.name not in {expected_file(case).name for case in CASES}:
            path.unlink()
    print(f"{len(CASES) - wrong} of {len(CASES)} reports written")
    return 1 if wrong else 0


def main(arguments: list[str]) -> int:
    if arguments == ["--update"]:
        return update()
    folder = Path(arguments[0]) if arguments else Path(tempfile.mkdtemp(prefix="corpus-"))
    folder.mkdir(parents=True, exist_ok=True)
    for case in CASES:
        (folder / case.name).write_bytes(case.content)
    print(f"{len(CASES)} files in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
