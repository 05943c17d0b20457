"""What staff and programs are told about a file: the `import` document of the command line and of the import page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from broadcaster.registry.columns import Kind
from broadcaster.registry.problems import Conflict, Problem


@dataclass(frozen=True, slots=True)
class SamePhone:
    """A number of several families. `shared`: of more than three, so it is nobody's and joins nobody."""

    phone_masked: str
    families: int
    rows: tuple[int, ...]
    shared: bool


@dataclass(frozen=True, slots=True)
class SameChild:
    """One NIK in several rows: they are one child."""

    nik_masked: str
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """A column whose meaning staff must choose."""

    column: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class FileReport:
    """One file. good = new + changed + unchanged; rows = good + rejected.

    `batch` is the import that holds this very file, `applied` says that there is one. `needs_confirmation`: so much of
    what is known would be overwritten that a person must say so once more.
    """

    file: str
    kind: Kind | None
    rows: int = 0
    good: int = 0
    rejected: int = 0
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    warnings: int = 0
    fixed: int = 0
    conflicts: tuple[Conflict, ...] = ()
    questions: tuple[Question, ...] = ()
    needs_confirmation: bool = False
    applied: bool = False
    batch: int | None = None
    problems: tuple[Problem, ...] = ()
    same_phone: tuple[SamePhone, ...] = ()
    same_child: tuple[SameChild, ...] = ()


def document(reports: Iterable[FileReport]) -> dict[str, Any]:
    """The JSON document: `{"files": [...]}` with the fields of `FileReport`, save its kind."""
    return {"files": [_plain({key: part for key, part in asdict(one).items() if key != "kind"}) for one in reports]}


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


def in_row_order(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """The file's own first, then by row."""
    return tuple(sorted(problems, key=lambda found: -1 if found.row is None else found.row))
