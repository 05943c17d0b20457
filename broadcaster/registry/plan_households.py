"""The household part of a plan: who belongs together, what a new household is called, which numbers it gains. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

from broadcaster.domain.people import first_name
from broadcaster.registry.changes import PHONE_CHANNELS, Homes, Keyed, Known, NewContact, NewHousehold, Plan
from broadcaster.registry.columns import Kind
from broadcaster.registry.households import Evidence, Group, Grouping, household_key_of
from broadcaster.registry.problems import conflict

#: A guardian without a name is called after the child, until a file brings the name.
NAMELESS = "Orang Tua"


def plan_households(
    plan: Plan,
    kind: Kind,
    rows: Sequence[Keyed],
    groups: Iterable[Group],
    strays: Iterable[int],
    known: Known,
    homes: Homes,
    grouping: Grouping,
) -> dict[int, int]:
    """Plan what follows from the groups of a block (their rows are positions). Returns each row's household."""
    home_of: dict[int, int] = {}
    for position in strays:
        plan.conflicts.append(conflict("kk_moved", rows[position].number))
        nik = rows[position].nik
        if nik is not None and (home := homes.of_child.get(nik)) is not None:
            home_of[position] = home
    for one in groups:
        members = [(position, rows[position]) for position in one.rows]
        household = _settle(plan, one, members, known)
        for position in one.rows:
            home_of[position] = household
        _numbers(plan, kind, one, household, members, known, homes, grouping.shared)
    return home_of


def evidence_of(kind: Kind, row: Keyed, homes: Homes) -> Evidence:
    """What a row says about who belongs together."""
    child_home = homes.of_child.get(row.nik) if row.nik else None
    return Evidence(
        row.kk or _instead_of_kk(row, child_home),
        row.nik if kind == "children" else None,
        child_home,
        homes.of_kk.get(row.kk) if row.kk else None,
        row.phones,
    )


def _instead_of_kk(row: Keyed, child_home: int | None) -> tuple[object, ...]:
    """What stands for the No KK: the household the child is in already, else both parents' names, village and phone."""
    if child_home is not None:
        return ("home", child_home)
    if row.parents:
        # with different phones they may well be two couples of the same names: then only a shared number joins them
        return ("parents", row.parents, row.village, min(row.phones, default=b""))
    return ("child", row.nik)


_Members = Sequence[tuple[int, Keyed]]


def _settle(plan: Plan, one: Group, members: _Members, known: Known) -> int:
    """The group's household: a registered one, into which the others are merged, or a new one."""
    rows = [row for _, row in members]
    if not one.homes:
        key = household_key_of((row.kk for row in rows if row.kk), (row.nik for row in rows if row.nik))
        name = _guardian_name(rows) or _nameless(rows)
        plan.households.append(NewHousehold(key, _most_usual(row.village for row in rows if row.village), name))
        return -len(plan.households)
    household = one.homes[0]
    plan.merges += [(gone, household) for gone in one.homes[1:]]
    if len(one.homes) > 1:
        plan.touched.update(one.homes)
    told = {row.village for row in rows if row.village}
    if told and known.village_of.get(household, "") not in told:
        plan.villages[household] = village = _most_usual(row.village for row in rows if row.village)
        plan.touched.add(household)
        for position, row in members:
            if row.village == village:
                plan.rise(position, "changed")
    first = next((guardian for home in one.homes for guardian in known.guardians.get(home, ())), None)
    if first is not None and first.name.startswith(NAMELESS) and (name := _guardian_name(rows)):
        plan.guardians[first.id] = name
        plan.rise(members[0][0], "changed")
    return household


def _numbers(
    plan: Plan,
    kind: Kind,
    one: Group,
    household: int,
    members: _Members,
    known: Known,
    homes: Homes,
    shared: Collection[bytes],
) -> None:
    """New No KK and new phones of a household. A number is kept once per household and channel."""
    held = {pair for home in one.homes for guardian in known.guardians.get(home, ()) for pair in guardian.addresses}
    reached = any(channel in PHONE_CHANNELS for channel, _ in held)
    added: set[tuple[str, bytes]] = set()
    for position, row in members:
        if row.kk and row.kk not in homes.of_kk:
            plan.kks[row.kk] = household
            plan.rise(position, "changed")
        for address, blind in zip(row.addresses, row.phones, strict=True):
            for channel in PHONE_CHANNELS:
                if (channel, blind) in held:
                    continue
                plan.rise(position, "new" if kind == "phones" else "changed")
                if (channel, blind) not in added:
                    added.add((channel, blind))
                    plan.contacts.append(NewContact(household, channel, address, blind, blind in shared))
    if reached and added:
        plan.touched.add(household)  # another number beside or instead of the known one; a first one is no change


def _guardian_name(rows: Sequence[Keyed]) -> str:
    """The best-ranked name of a family: the phone's owner, else mother, father, guardian; the most usual of equals."""
    named = [row for row in rows if row.guardian]
    best = min((row.guardian_rank for row in named), default=0)
    return _most_usual(row.guardian for row in named if row.guardian_rank == best)


def _nameless(rows: Sequence[Keyed]) -> str:
    """What a guardian is called whose name no file gave: after the eldest child."""
    eldest = min((row for row in rows if row.birth), key=lambda row: (row.birth, row.name), default=None)
    return f"{NAMELESS} {first_name(eldest.name) if eldest else ''}".strip()


def _most_usual(values: Iterable[str]) -> str:
    counted = Counter(values)
    if len(counted) < 2:
        return next(iter(counted), "")
    return min(counted, key=lambda value: (-counted[value], value))
