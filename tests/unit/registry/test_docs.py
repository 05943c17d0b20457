"""docs/import.md lists what the import knows."""

from __future__ import annotations

import re
from pathlib import Path

from broadcaster.registry import problems
from broadcaster.registry.columns import KINDS, LABELS

_PAGE = (Path(__file__).parents[3] / "docs" / "import.md").read_text(encoding="utf-8")


def test_every_code_is_documented_and_nothing_else() -> None:
    row = r"^\| `([a-z0-9_]+)` \| (?:error|warning|error or warning|fixed|conflict) \|"
    assert set(re.findall(row, _PAGE, re.MULTILINE)) == problems.CODES


def test_every_kind_and_column_is_documented() -> None:
    for word in (*KINDS, *LABELS.values()):
        assert word in _PAGE


def test_every_sentence_can_be_filled_and_ends_like_one() -> None:
    parts = dict.fromkeys(
        ["found", "missing", "batch", "field", "used", "left", "sheets", "detail", "suggestions", "day", "rows", "known",
         "told", "known_day", "told_day", "count", "titles"], "x",
    )  # fmt: skip
    for code in problems.CODES:
        found = (
            problems.conflict(code, 1, **parts) if code in problems.CONFLICTS else problems.problem(code, 1, **parts)
        )
        assert "{" not in found.message
        assert found.message == "x" or found.message.rstrip("x").endswith(".")
