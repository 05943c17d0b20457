"""The household part of a plan: who belongs together, what a new household is called, which numbers it gains. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from broadcaster.domain.people import first_name
from broadcaster.registry.changes import PHONE_CHANNELS, Keyed, Known, NewContact, NewHousehold, Plan
from broadcaster.registry.columns import Kind
from broadcaster.registry.households import Evidence, Group, group, household_key_of
from broadcaster.registry.problems import conflict
from broadcaster.registry.rules import Row

#: A guardian without a name is called after the child, until a file brings the name.
NAMELESS = "Orang Tua"


def plan_households(plan: Plan, kind: Kind, rows: Mapping[int, Keyed], known: Known) -> dict[int, int]:
    """Join the rows (by position) and plan what follows from it. Returns each row's household."""
    positions = list(rows)
    evidence = [_evidence(kind, keyed, known) for keyed in rows.values()]
    grouping = group(evidence, known.held)
    plan.phone_users, plan.shared = grouping.users, grouping.shared
    plan.no_longer_personal = sorted(p for p in grouping.shared - known.held.shared if p in known.held.phone_homes)
    home_of: dict[int, int] = {}
    for index in sorted(grouping.clashes):
        position, home = positions[index], evidence[index].child_home
        plan.conflicts.append(conflict("kk_moved", rows[position].row.number))
        if home is not None:
            home_of[position] = home
    for one in grouping.groups:
        members = {positions[index]: rows[positions[index]] for index in one.rows}
        household = _settle(plan, one, members, known)
        home_of.update(dict.fromkeys(members, household))
        _numbers(plan, kind, one, household, members, known)
    return home_of


def _evidence(kind: Kind, keyed: Keyed, known: Known) -> Evidence:
    child = known.children.get(keyed.nik) if keyed.nik else None
    child_home = child.household if child else None
    return Evidence(
        family=keyed.kk or _instead_of_kk(keyed, child_home),
        child=keyed.nik if kind == "children" else None,
        child_home=child_home,
        kk_home=known.home_of_kk.get(keyed.kk) if keyed.kk else None,
        phones=keyed.phones,
    )


def _instead_of_kk(keyed: Keyed, child_home: int | None) -> tuple[object, ...]:
    """What stands for the No KK: the household the child is in already, else both parents' names, village and phone."""
    if child_home is not None:
        return ("home", child_home)
    if keyed.row.parents:
        # with different phones they may well be two couples of the same names: then only a shared number joins them
        return ("parents", keyed.row.parents, keyed.row.village, min(keyed.phones, default=b""))
    return ("child", keyed.nik)


def _settle(plan: Plan, one: Group, members: Mapping[int, Keyed], known: Known) -> int:
    """The group's household: a registered one, into which the others are merged, or a new one."""
    rows = [keyed.row for keyed in members.values()]
    if not one.homes:
        key = household_key_of((m.kk for m in members.values() if m.kk), (m.nik for m in members.values() if m.nik))
        name = _guardian_name(rows) or _nameless(rows)
        plan.households.append(NewHousehold(key, _most_usual(row.village for row in rows if row.village), name))
        return -len(plan.households)
    household = one.homes[0]
    plan.merges += [(gone, household) for gone in one.homes[1:]]
    told = {row.village for row in rows if row.village}
    if told and known.village_of.get(household, "") not in told:
        plan.villages[household] = village = _most_usual(row.village for row in rows if row.village)
        for position, keyed in members.items():
            if keyed.row.village == village:
                plan.rise(position, "changed")
    first = next((guardian for home in one.homes for guardian in known.guardians.get(home, ())), None)
    if first is not None and first.name.startswith(NAMELESS) and (name := _guardian_name(rows)):
        plan.guardians[first.id] = name
        plan.rise(min(members), "changed")
    return household


def _numbers(plan: Plan, kind: Kind, one: Group, household: int, members: Mapping[int, Keyed], known: Known) -> None:
    """New No KK and new phones of a household. A number is kept once per household and channel."""
    held = {pair for home in one.homes for guardian in known.guardians.get(home, ()) for pair in guardian.addresses}
    added: set[tuple[str, bytes]] = set()
    for position, keyed in members.items():
        if keyed.kk and keyed.kk not in known.home_of_kk:
            plan.kks[keyed.kk] = household
            plan.rise(position, "changed")
        for address, blind in zip(keyed.row.phones, keyed.phones, strict=True):
            for channel in PHONE_CHANNELS:
                if (channel, blind) in held:
                    continue
                plan.rise(position, "new" if kind == "phones" else "changed")
                if (channel, blind) not in added:
                    added.add((channel, blind))
                    plan.contacts.append(NewContact(household, channel, address, blind, blind in plan.shared))


def _guardian_name(rows: Iterable[Row]) -> str:
    """The best-ranked name of a family: the phone's owner, else mother, father, guardian; the most usual of equals."""
    named = [row for row in rows if row.guardian]
    best = min((row.guardian_rank for row in named), default=0)
    return _most_usual(row.guardian for row in named if row.guardian_rank == best)


def _nameless(rows: Iterable[Row]) -> str:
    """What a guardian is called whose name no file gave: after the eldest child."""
    eldest = min((row for row in rows if row.birth), key=lambda row: (row.birth, row.name), default=None)
    return f"{NAMELESS} {first_name(eldest.name) if eldest else ''}".strip()


def _most_usual(values: Iterable[str]) -> str:
    counted = Counter(values)
    return min(counted, key=lambda value: (-counted[value], value), default="")
