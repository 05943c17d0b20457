"""A file -> its rows, read and checked one by one, without looking at the register."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain, islice

from broadcaster.domain.place import Match
from broadcaster.errors import BadInput
from broadcaster.registry.columns import (
    HEADINGS_WITHIN,
    LABELS,
    Columns,
    Kind,
    Words,
    find_columns,
    guess_kind,
    is_heading_again,
    load_words,
    missing_columns,
)
from broadcaster.registry.problems import Problem, mask_number, mask_text, problem
from broadcaster.registry.reader import Limits, Row, Sheet, Source, sheets
from broadcaster.registry.report import Question
from broadcaster.registry.rules import Checks, holds_data, read_row
from broadcaster.registry.rules import Row as GoodRow

_SHOWN_HEADINGS = 12
#: From this many numbers on, and this share of them ending in 0, the last digits were lost in a spreadsheet.
_ZEROES_FROM, _ZEROES_SHARE = 20, 0.9


@dataclass(frozen=True, repr=False)
class Parsed:
    """What the file says. `kind` None and `rows` empty: `problems` has the error that names the fix."""

    kind: Kind | None
    rows: tuple[GoodRow, ...] = ()
    count: int = 0  # rows with data
    problems: tuple[Problem, ...] = ()
    questions: tuple[Question, ...] = ()

    @property
    def refusal(self) -> Problem | None:
        """Why nothing of the file can be used, or None."""
        return next((found for found in self.problems if found.row is None and found.severity == "error"), None)


def parse(
    source: Source,
    *,
    kind: Kind | None,
    limits: Limits,
    place_of: Callable[[str, str], Match],
    today: date,
    data_until: date,
) -> Parsed:
    """Read the first visible table with headings. Raises `BadInput` when the file cannot be read or asks too much."""
    words = load_words()
    with sheets(source, limits) as tables:
        first_rows: list[tuple[int, Row]] = []
        for sheet in tables:
            head = list(islice(sheet.rows, HEADINGS_WITHIN))
            first_rows = first_rows or [row for row in head if any(row[1])]
            columns = find_columns(head, words)
            if columns is None:
                continue
            found_kind = kind or guess_kind(columns)
            if refusal := _refusal(columns, found_kind):
                return Parsed(found_kind, problems=(refusal,))
            assert found_kind is not None, "a file of no kind is refused"
            checks = Checks(found_kind, columns, words, place_of, today, data_until)
            parsed = _rows(source, checks, chain(head, sheet.rows), limits)
            others = [other.name for other in tables if _has_headings(other, words)]
            if others:
                extra = problem("other_sheets", sheets=", ".join(others))
                parsed = Parsed(parsed.kind, parsed.rows, parsed.count, (extra, *parsed.problems), parsed.questions)
            return parsed
    cells = [mask_text(str(cell)) for _, row in first_rows[:2] for cell in row if cell != ""]
    return Parsed(kind, problems=(problem("no_headings", found=_listed(cells)),))


def _refusal(columns: Columns, kind: Kind | None) -> Problem | None:
    found = _listed([mask_text(title) for title in columns.found])
    if kind is None:
        return problem("kind_unknown", found=found)
    if missing := missing_columns(columns, kind):
        return problem("columns_missing", missing=", ".join(missing), found=found)
    return None


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(texts[:_SHOWN_HEADINGS])
    return f"{shown}, ..." if len(texts) > _SHOWN_HEADINGS else shown or "tidak ada"


def _has_headings(sheet: Sheet, words: Words) -> bool:
    return find_columns(list(islice(sheet.rows, HEADINGS_WITHIN)), words) is not None


def _rows(source: Source, checks: Checks, rows: Iterator[tuple[int, Row]], limits: Limits) -> Parsed:
    columns = checks.columns
    good: list[GoodRow] = []
    problems: list[Problem] = []
    count = 0
    for number, cells in rows:
        if (
            number <= columns.row
            or not any(cell != "" for cell in cells)
            or not holds_data(cells, columns, checks.kind)
        ):
            continue
        row, found = read_row(checks, number, cells)
        if row is None and is_heading_again(cells, columns, checks.words):
            continue
        count += 1
        if count > limits.rows:
            raise BadInput(
                f"{source.name}: lebih dari {limits.rows} baris data; bagi berkas menjadi beberapa bagian.",
                code="too_many_rows",
            )
        problems += found
        if row is not None:
            good.append(row)
    if count == 0:
        return Parsed(checks.kind, problems=(problem("no_rows"),))
    good, rounded = _without_rounded(good, checks)
    return Parsed(checks.kind, tuple(good), count, (*_about_columns(checks), *problems, *rounded), _questions(columns))


def _about_columns(checks: Checks) -> list[Problem]:
    columns = checks.columns
    found = [
        problem("column_twice", field=LABELS[field], used=used, left=", ".join(left))
        for field, used, left in columns.doubled
    ]
    if checks.kind == "children" and "kk" not in columns.index:
        found.append(problem("kk_column_missing"))
    return found


def _questions(columns: Columns) -> tuple[Question, ...]:
    return tuple(Question(LABELS[field], (used, *left)) for field, used, left in columns.doubled)


def _without_rounded(rows: list[GoodRow], checks: Checks) -> tuple[list[GoodRow], list[Problem]]:
    """Leave out numbers that a spreadsheet rounded before they became text: the sixteenth digit of each is 0."""
    found: list[Problem] = []
    for field in ("nik", "kk"):
        numbers = {getattr(row, field) for row in rows} - {""}
        zeroes = {number for number in numbers if number.endswith("0")}
        if len(numbers) < _ZEROES_FROM or len(zeroes) < _ZEROES_SHARE * len(numbers):
            continue
        column = checks.columns.written[field]
        for row in rows:
            if (number := getattr(row, field)) in zeroes:
                found.append(problem(f"{field}_zeroes", row.number, column, mask_number(number)))
        rows = [row for row in rows if getattr(row, field) not in zeroes]
    return rows, found
