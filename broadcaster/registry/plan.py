"""Rows and what the register holds -> what an import would write, and what each row comes to. Pure.

Used by the preview and by the import itself, so that the two cannot disagree. A file is joined into households as a whole
and then planned block by block: no household and no child is in two blocks, so the plan of a district's file is never in
memory at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from broadcaster.registry.changes import RISING, Fate, Homes, Keyed, Known, Plan
from broadcaster.registry.columns import Kind
from broadcaster.registry.households import Group, Grouping, group
from broadcaster.registry.plan_cards import plan_children, plan_collections, unknown
from broadcaster.registry.plan_households import evidence_of, plan_households
from broadcaster.registry.problems import Problem

_BLOCK = 2_000  # rows; enough for the fewest statements, little enough to be forgotten


@dataclass(frozen=True, repr=False)
class Block:
    """Some whole households of a file: positions of the rows, and what to ask the register about them."""

    groups: tuple[Group, ...]  # rows are positions in the file
    strays: tuple[int, ...]  # rows whose No KK names another household than the child's: about the child alone
    niks: frozenset[bytes]
    homes: frozenset[int]

    @property
    def rows(self) -> int:
        return sum(len(one.rows) for one in self.groups) + len(self.strays)


@dataclass(repr=False)
class Whole:
    """One file as a whole: what was joined, and the fate of every row so far."""

    kind: Kind
    rows: Sequence[Keyed]
    homes: Homes
    today: date
    data_until: date
    confirmed: bool
    fates: bytearray
    grouping: Grouping
    positions: Sequence[int]  # of the grouped rows
    problems: list[Problem] = field(default_factory=list)
    work: list[int] = field(default_factory=list)  # collections: positions, children together

    @property
    def no_longer_personal(self) -> list[bytes]:
        """Registered phones that more than three families use from now on."""
        held = self.homes.held
        return sorted(phone for phone in self.grouping.shared - held.shared if phone in held.phone_homes)

    def count(self, fate: Fate) -> int:
        return self.fates.count(RISING.index(fate))


def begin(
    kind: Kind,
    rows: Sequence[Keyed],
    homes: Homes,
    *,
    today: date,
    data_until: date,
    confirmed: bool = False,
    expected: Collection[bytes] = (),
) -> Whole:
    """Join the rows of a file. `expected`: indexes of people that another file of the run brings; rows about them are
    good and plan nothing. `confirmed`: a status may go back."""
    plan = Plan(bytearray(len(rows)))
    coming = frozenset(expected)
    positions: Sequence[int] = range(len(rows))
    if kind == "phones":
        positions = [position for position, row in enumerate(rows) if _has_a_home(plan, position, row, homes, coming)]
    elif kind == "collections":
        positions = [position for position, row in enumerate(rows) if _is_known(plan, position, row, homes, coming)]
    grouped = () if kind == "collections" else positions
    grouping = group([evidence_of(kind, rows[position], homes) for position in grouped], homes.held)
    return Whole(
        kind, rows, homes, today, data_until, confirmed, plan.fates, grouping, positions, problems=plan.problems
    )


def blocks(whole: Whole) -> Iterator[Block]:
    """The file in blocks of some thousand rows."""
    if whole.kind == "collections":
        yield from _blocks_of_children(whole)
        return
    strays = _strays(whole)
    some: list[Group] = []
    rows = 0
    # by name and not in the sheet's order: whichever of two households is written first is the one that stays when they meet
    for one in sorted(whole.grouping.groups, key=lambda one: _name_of(whole, one)):
        some.append(Group(tuple(whole.positions[index] for index in one.rows), one.homes))
        rows += len(one.rows)
        if rows >= _BLOCK:
            yield _block(whole, some, strays)
            some, rows = [], 0
    yield _block(whole, some, strays)
    left = [position for positions in strays.values() for position in positions]
    if left:
        yield _block(whole, [], {None: left})


def plan_block(whole: Whole, block: Block, known: Known) -> Plan:
    """What the rows of one block write; `known`: what the register holds of them. Raises the fates of its rows."""
    plan = Plan(whole.fates)
    rows = whole.rows
    if whole.kind == "collections":
        plan_collections(
            plan, rows, [position for one in block.groups for position in one.rows], known,
            today=whole.today, data_until=whole.data_until, confirmed=whole.confirmed,
        )  # fmt: skip
        return plan
    home_of = plan_households(plan, whole.kind, rows, block.groups, block.strays, known, whole.homes, whole.grouping)
    if whole.kind == "children":
        plan_children(
            plan, rows, home_of, known, today=whole.today, data_until=whole.data_until, confirmed=whole.confirmed
        )
    return plan


def _has_a_home(plan: Plan, position: int, row: Keyed, homes: Homes, coming: frozenset[bytes]) -> bool:
    """Whether the NIK or No KK of a row of phones is registered."""
    if row.nik in homes.of_child or row.kk in homes.of_kk:
        return True
    if coming & {row.nik, row.kk}:
        plan.rise(position, "new")
    else:
        plan.reject(position, unknown("person_unknown", row))
    return False


def _is_known(plan: Plan, position: int, row: Keyed, homes: Homes, coming: frozenset[bytes]) -> bool:
    """Whether the child of a row of card dates is registered."""
    if row.nik in homes.of_child:
        return True
    if row.nik in coming:
        plan.rise(position, "changed")
    else:
        plan.reject(position, unknown("child_unknown", row))
    return False


def _name_of(whole: Whole, one: Group) -> bytes:
    rows = [whole.rows[whole.positions[index]] for index in one.rows]
    return min((row.kk for row in rows if row.kk), default=None) or min(
        (row.nik for row in rows if row.nik), default=b""
    )


def _strays(whole: Whole) -> dict[bytes | None, list[int]]:
    """The rows that joined nothing, by child: they go with the other rows about it, if there are any."""
    found: dict[bytes | None, list[int]] = {}
    for index in sorted(whole.grouping.clashes):
        position = whole.positions[index]
        found.setdefault(whole.rows[position].nik, []).append(position)
    return found


def _block(whole: Whole, groups: Sequence[Group], strays: dict[bytes | None, list[int]]) -> Block:
    positions = [position for one in groups for position in one.rows]
    niks = {nik for position in positions if (nik := whole.rows[position].nik) is not None}
    also = strays.pop(None, [])
    if strays:
        also = [position for nik in niks if nik in strays for position in strays.pop(nik)]
    niks.update(nik for position in also if (nik := whole.rows[position].nik) is not None)
    homes = {home for one in groups for home in one.homes}
    homes.update(home for nik in niks if (home := whole.homes.of_child.get(nik)) is not None)
    return Block(tuple(groups), tuple(sorted(also)), frozenset(niks), frozenset(homes))


def _blocks_of_children(whole: Whole) -> Iterator[Block]:
    by_child: dict[bytes | None, list[int]] = {}
    for position in whole.positions:
        by_child.setdefault(whole.rows[position].nik, []).append(position)
    some: list[Group] = []
    for positions in by_child.values():
        some.append(Group(tuple(positions), ()))
        if len(some) >= _BLOCK:
            yield _block(whole, some, {})
            some = []
    yield _block(whole, some, {})
