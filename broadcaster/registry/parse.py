"""A file -> its rows, read and checked one by one, without looking at the register."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from broadcaster.domain.place import Match
from broadcaster.errors import BadInput
from broadcaster.registry.columns import LABELS, Columns, Kind, is_heading_again, load_words
from broadcaster.registry.fillers import without_everywhere
from broadcaster.registry.problems import Problem, mask_number, problem
from broadcaster.registry.reader import Limits, Row, Source, sheets
from broadcaster.registry.report import Question
from broadcaster.registry.rules import Checks, holds_data, is_footer, read_row
from broadcaster.registry.rules import Row as GoodRow
from broadcaster.registry.table import Answers, Table, find_table

#: From this many numbers on, and this share of them ending in 0, the last digits were lost in a spreadsheet.
_ZEROES_FROM, _ZEROES_SHARE = 20, 0.9
_TELL_EVERY = 1_000  # rows


@dataclass(frozen=True, repr=False)
class Parsed:
    """What the file says. `kind` None and `rows` empty: `problems` has the error that names the fix."""

    kind: Kind | None
    rows: tuple[Any, ...] = ()  # what `keep` made of the good rows
    count: int = 0  # rows with data
    problems: tuple[Problem, ...] = ()
    questions: tuple[Question, ...] = ()
    sheet: str = ""
    columns: Columns | None = None

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
    answers: Answers | None = None,
    keep: Callable[[GoodRow], Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Parsed:
    """Read the visible table that fits best. Raises `BadInput` when the file cannot be read or asks too much.

    `answers`: what the office said about columns. `keep` turns each good row, as soon as it is read, into what stays in
    memory (default: the row itself). `progress` is told the rows read so far, now and then.
    """
    words = load_words()
    with sheets(source, limits) as tables:
        table = find_table(tables, words, kind, answers or Answers())
        found = Parsed(table.kind, questions=table.questions, sheet=table.sheet, columns=table.columns)
        if table.refusal is not None:
            return replace(found, problems=(table.refusal,))
        assert table.columns is not None, "a table without headings is refused"
        assert table.kind is not None, "a table of no kind is refused"
        checks = Checks(table.kind, table.columns, words, place_of, today, data_until)
        count, good, problems, endings = _rows(
            source, checks, table.rows, limits, keep or _as_it_is, progress or _nobody
        )
    if count == 0:
        return replace(found, problems=(problem("no_rows"),))
    good, rounded = _without_rounded(good, endings, checks)
    good, everywhere = without_everywhere(good, checks.kind, checks.columns.written.get("phone", ""))
    return replace(
        found,
        rows=tuple(good),
        count=count,
        problems=(*_about_table(table, checks), *problems, *rounded, *everywhere),
    )


def _as_it_is(row: GoodRow) -> GoodRow:
    return row


def _nobody(_count: int) -> None:
    pass


def data_rows(rows: Iterator[tuple[int, Row]], checks: Checks) -> Iterator[tuple[int, Row]]:
    """The rows below the headings that are about somebody: no blank lines, totals, signatures, notes."""
    columns, words = checks.columns, checks.words
    below = False  # after a total or signature, whatever has no number belongs to it
    for number, cells in rows:
        if number <= columns.row or not any(cell != "" for cell in cells):
            continue
        footer = is_footer(cells, columns, words, below)
        below = footer or (below and not holds_data(cells, columns, checks.kind))
        if not footer and holds_data(cells, columns, checks.kind):
            yield number, cells


def _rows(
    source: Source,
    checks: Checks,
    rows: Iterator[tuple[int, Row]],
    limits: Limits,
    keep: Callable[[GoodRow], Any],
    progress: Callable[[int], None],
) -> tuple[int, list[Any], list[Problem], Mapping[str, _Endings]]:
    good: list[Any] = []
    problems: list[Problem] = []
    endings = {"nik": _Endings(), "kk": _Endings()}
    count = 0
    for number, cells in data_rows(rows, checks):
        row, found = read_row(checks, number, cells)
        if row is None and is_heading_again(cells, checks.columns, checks.words):
            continue
        count += 1
        if count > limits.rows:
            raise BadInput(
                f"{source.name}: lebih dari {limits.rows} baris data; bagi berkas menjadi beberapa bagian.",
                code="too_many_rows",
            )
        if count % _TELL_EVERY == 0:
            progress(count)
        problems += found
        if row is not None:
            good.append(keep(row))
            endings["nik"].numbers.append(int(row.nik or 0))
            endings["kk"].numbers.append(int(row.kk or 0))
    progress(count)
    return count, good, problems, endings


class _Endings:
    """The numbers of one column by position among the good rows, 0 = none: eight bytes each."""

    def __init__(self) -> None:
        self.numbers = array("q")

    def rounded(self) -> set[int]:
        """Positions whose number ends in 0, when nearly all do: a spreadsheet rounded them."""
        numbers = set(self.numbers) - {0}
        zeroes = sum(number % 10 == 0 for number in numbers)
        if len(numbers) < _ZEROES_FROM or zeroes < _ZEROES_SHARE * len(numbers):
            return set()
        return {position for position, number in enumerate(self.numbers) if number and number % 10 == 0}

    def masked(self, position: int) -> str:
        return mask_number(f"{self.numbers[position]:016}")


def _about_table(table: Table, checks: Checks) -> list[Problem]:
    found = []
    if table.others:
        found.append(problem("other_sheets", sheets=", ".join(table.others)))
    if table.hidden:
        found.append(problem("hidden_rows", count=table.hidden))
    found += [
        problem("column_twice", field=LABELS[field], used=used, left=", ".join(left))
        for field, used, left in checks.columns.doubled
    ]
    if checks.kind == "children" and "kk" not in checks.columns.index:
        found.append(problem("kk_column_missing"))
    return found


def _without_rounded(
    rows: list[Any], endings: Mapping[str, _Endings], checks: Checks
) -> tuple[list[Any], list[Problem]]:
    """Leave out numbers that a spreadsheet rounded before they became text: the sixteenth digit of each is 0."""
    found: list[Problem] = []
    bad: set[int] = set()
    for field, ending in endings.items():
        column = checks.columns.written.get(field, "")
        for position in sorted(ending.rounded() - bad):
            found.append(problem(f"{field}_zeroes", rows[position].number, column, ending.masked(position)))
            bad.add(position)
    return [row for position, row in enumerate(rows) if position not in bad] if bad else rows, found
