"""What a planned file comes to: its report, and whether a person must say yes first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlmodel import Session, col, func, select

from broadcaster.registry.changes import Keyed, Plan
from broadcaster.registry.keyed import nik_text
from broadcaster.registry.parse import Parsed
from broadcaster.registry.plan import Whole
from broadcaster.registry.problems import Conflict, Problem, mask_number, problem
from broadcaster.registry.report import FileReport, SameChild, SamePhone, in_row_order
from broadcaster.storage.tables import Household, ImportBatch

#: Names or birth dates of registered children that one file may change unasked: fewer than that, or that share of its rows.
_RENAMED_AT_LEAST, _RENAMED_SHARE = 20, 0.2
#: Registered households in which one file may change something known (card status, name, birth date, exclusion, village,
#: phone, which household it is) unasked: fewer than that, or that share of the register. A week at the counter moves far less.
TOUCHED_AT_LEAST, TOUCHED_SHARE = 20, 0.25


@dataclass(repr=False)
class Tally:
    """Adds up the blocks of a file."""

    whole: Whole
    registered: int  # households before
    renamed: int = 0
    touched: int = 0
    problems: list[Problem] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)

    def add(self, plan: Plan) -> None:
        self.renamed += plan.renamed
        self.touched += len(plan.touched)
        self.problems += plan.problems
        self.conflicts += plan.conflicts

    def asks_first(self, good: int) -> str | None:
        """Why the file needs a confirmation: the second half of a sentence; None when it needs none."""
        if self.renamed >= _RENAMED_AT_LEAST and self.renamed >= _RENAMED_SHARE * good:
            return (
                f"berkas ini akan mengubah nama atau tanggal lahir {self.renamed} anak yang sudah terdaftar; periksa apakah"
                " kolomnya bergeser, lalu impor lagi dengan konfirmasi."
            )
        if self.touched >= TOUCHED_AT_LEAST and self.touched >= TOUCHED_SHARE * self.registered:
            return (
                f"berkas ini akan mengubah data {self.touched} dari {self.registered} keluarga yang sudah terdaftar;"
                " periksa apakah berkasnya benar, lalu impor lagi dengan konfirmasi."
            )
        return None


def registered_households(session: Session) -> int:
    return session.exec(select(func.count()).select_from(Household).where(col(Household.alias_of).is_(None))).one()


def report_of(name: str, parsed: Parsed, tally: Tally | None, earlier: ImportBatch | None) -> FileReport:
    """`tally` None: nothing would be written, because the file is refused or because `earlier` holds it already."""
    problems = [*parsed.problems, *(tally.whole.problems + tally.problems if tally else ())]
    if earlier is not None:
        problems.append(problem("already_applied", batch=earlier.id))
    if earlier is not None:
        good = earlier.good
    else:
        good = len(tally.whole.rows) - tally.whole.count("rejected") if tally else 0
    return FileReport(
        file=name,
        kind=parsed.kind,
        rows=parsed.count,
        good=good,
        rejected=parsed.count - good,
        new=tally.whole.count("new") if tally else 0,
        changed=tally.whole.count("changed") if tally else 0,
        unchanged=good if earlier else tally.whole.count("unchanged") if tally else 0,
        warnings=sum(found.severity == "warning" for found in problems),
        fixed=sum(found.severity == "fixed" for found in problems),
        conflicts=tuple(sorted(tally.conflicts, key=lambda found: (found.row, found.code))) if tally else (),
        questions=parsed.questions,
        needs_confirmation=tally is not None and tally.asks_first(good) is not None,
        applied=earlier is not None,
        batch=earlier.id if earlier else None,
        problems=in_row_order(problems),
        same_phone=_same_phone(parsed.rows, tally) if tally else (),
        same_child=_same_child(parsed.rows) if parsed.kind == "children" else (),
    )


def _same_phone(rows: Sequence[Keyed], tally: Tally) -> tuple[SamePhone, ...]:
    shared, families = tally.whole.grouping.shared, tally.whole.grouping.users
    users: dict[bytes, tuple[str, list[int]]] = {}
    for row in rows:
        for position, phone in enumerate(row.phones):
            if families.get(phone, 0) > 1 or phone in shared:
                users.setdefault(phone, (row.shown(position), []))[1].append(row.number)
    return tuple(
        SamePhone(masked, families[phone], tuple(numbers), phone in shared)
        for phone, (masked, numbers) in users.items()
    )


def _same_child(rows: Sequence[Keyed]) -> tuple[SameChild, ...]:
    first: dict[bytes, Keyed] = {}
    again: dict[bytes, list[int]] = {}
    for row in rows:
        if row.nik is not None and (earlier := first.setdefault(row.nik, row)) is not row:
            again.setdefault(row.nik, [earlier.number]).append(row.number)
    return tuple(SameChild(mask_number(nik_text(first[nik])), tuple(numbers)) for nik, numbers in again.items())
