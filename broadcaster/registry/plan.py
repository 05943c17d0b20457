"""Rows and what the register holds -> what an import would write, and what each row comes to.

Pure, and used by the preview and by the import itself, so that the two cannot disagree.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date

from broadcaster.registry.changes import Keyed, Known, Plan
from broadcaster.registry.columns import Kind
from broadcaster.registry.plan_cards import plan_children, plan_collections, unknown
from broadcaster.registry.plan_households import plan_households


def make_plan(
    kind: Kind, rows: Sequence[Keyed], known: Known, *, today: date, data_until: date, expected: Collection[bytes] = ()
) -> Plan:
    """`expected`: indexes of people that another file of the run brings; rows about them are good and plan nothing."""
    plan = Plan(fates=["unchanged"] * len(rows))
    coming = frozenset(expected)
    if kind == "children":
        homes = plan_households(plan, kind, dict(enumerate(rows)), known)
        plan_children(plan, rows, known, homes, today=today, data_until=data_until)
    elif kind == "phones":
        plan_households(plan, kind, _with_a_home(plan, rows, known, coming), known)
    else:
        plan_collections(plan, rows, known, coming, today=today, data_until=data_until)
    return plan


def _with_a_home(plan: Plan, rows: Sequence[Keyed], known: Known, coming: frozenset[bytes]) -> dict[int, Keyed]:
    """The rows of a file of phones whose NIK or No KK is registered."""
    found: dict[int, Keyed] = {}
    for position, keyed in enumerate(rows):
        if keyed.nik in known.children or keyed.kk in known.home_of_kk:
            found[position] = keyed
        elif coming & {keyed.nik, keyed.kk}:
            plan.rise(position, "new")
        else:
            plan.reject(position, unknown("person_unknown", keyed.row))
    return found
