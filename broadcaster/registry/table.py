"""Which sheet of a file holds its table, and where the headings stand in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from broadcaster.registry.columns import (
    HEADINGS_WITHIN,
    LABELS,
    Columns,
    Kind,
    Words,
    find_columns,
    guess_kind,
    missing_columns,
    missing_fields,
    nearest_kind,
)
from broadcaster.registry.mapping import ColumnMap
from broadcaster.registry.problems import Problem, mask_heading, mask_text, problem
from broadcaster.registry.report import Question
from broadcaster.registry.source import Row, Sheet

_SHOWN_HEADINGS = 12


@dataclass(frozen=True)
class Answers:
    """What the office has said about columns: `given` for these files, `remembered` by shape of file."""

    given: ColumnMap | None = None
    remembered: Mapping[str, ColumnMap] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """`columns` None: no headings anywhere. `refusal`: why nothing of it can be used, with `questions` that would help.

    `rows`: all rows of the sheet from its first, to be walked once. `others`: further sheets that could be imported too.
    """

    sheet: str
    columns: Columns | None
    kind: Kind | None
    rows: Iterator[tuple[int, Row]]
    refusal: Problem | None = None
    questions: tuple[Question, ...] = ()
    others: tuple[str, ...] = ()
    hidden: int = 0


def find_table(tables: Iterator[Sheet], words: Words, kind: Kind | None, answers: Answers) -> Table:
    """The first sheet whose headings make a kind and that has rows; else the first that comes near, with its refusal."""
    near: Table | None = None
    first_rows: list[tuple[int, Row]] = []
    for sheet in tables:
        head = list(islice(sheet.rows, HEADINGS_WITHIN))
        first_rows = first_rows or [row for row in head if any(row[1])]
        table = _table(sheet, head, words, kind, answers)
        if table is None:
            continue
        if table.refusal is None and not _is_empty(head, table.columns):
            others = tuple(other.name for other in tables if _usable(other, words, kind, answers))
            return Table(
                table.sheet, table.columns, table.kind, table.rows, None, table.questions, others, sheet.hidden
            )
        if near is None or (near.refusal is not None and table.refusal is None):
            near = table
    if near is not None:
        return near
    cells = [mask_text(str(cell)) for _, row in first_rows[:2] for cell in row if cell != ""]
    return Table("", None, kind, iter(()), problem("no_headings", found=_listed(cells)))


def _table(
    sheet: Sheet, head: Sequence[tuple[int, Row]], words: Words, kind: Kind | None, answers: Answers
) -> Table | None:
    columns = find_columns(head, words, answers.given, answers.remembered)
    if columns is None:
        return None
    found_kind = kind or guess_kind(columns)
    refusal = _refusal(columns, found_kind)
    questions = _questions(columns, found_kind)
    return Table(sheet.name, columns, found_kind, chain(head, sheet.rows), refusal, questions)


def _is_empty(head: Sequence[tuple[int, Row]], columns: Columns | None) -> bool:
    """Nothing stands below the headings, as in a form that nobody has filled in."""
    if columns is None or len(head) == HEADINGS_WITHIN:
        return False
    return not any(number > columns.row and any(cell != "" for cell in row) for number, row in head)


def _usable(sheet: Sheet, words: Words, kind: Kind | None, answers: Answers) -> bool:
    head = list(islice(sheet.rows, HEADINGS_WITHIN))
    table = _table(sheet, head, words, kind, answers)
    return table is not None and table.refusal is None and not _is_empty(head, table.columns)


def _refusal(columns: Columns, kind: Kind | None) -> Problem | None:
    found = _listed([mask_text(title) for title in columns.found])
    if kind is None:
        return problem("kind_unknown", found=found)
    if missing := missing_columns(columns, kind):
        return problem("columns_missing", missing=", ".join(missing), found=found)
    if columns.unclear:
        name, titles = columns.unclear[0]
        return problem("column_unclear", field=LABELS[name], titles=", ".join(titles))
    return None


def _questions(columns: Columns, kind: Kind | None) -> tuple[Question, ...]:
    """Fields that only the office can place: several columns claim them, or none does and some say nothing to us."""
    asked = [Question(LABELS[name], (used, *left)) for name, used, left in columns.doubled]
    if columns.unknown:
        choices = tuple(mask_heading(title) for title in columns.unknown)
        lacking = missing_fields(columns, kind or nearest_kind(columns))
        asked += [Question(LABELS[names[0]], choices) for names in lacking]
    return tuple(asked)


def _listed(texts: Sequence[str]) -> str:
    shown = ", ".join(texts[:_SHOWN_HEADINGS])
    return f"{shown}, ..." if len(texts) > _SHOWN_HEADINGS else shown or "tidak ada"
