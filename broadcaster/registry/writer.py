"""Writes a plan: one pass over the tables, many rows at a time. Runs inside the transaction of `service.apply`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Table, func, insert, update
from sqlmodel import Session, SQLModel, col, select

from broadcaster.registry.changes import Plan
from broadcaster.registry.known import chunks, ids_of_villages
from broadcaster.registry.plan_households import NAMELESS
from broadcaster.registry.problems import Conflict, Problem
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import (
    Card,
    CardEvent,
    Child,
    ChildIdentity,
    ContactPoint,
    Guardian,
    Household,
    HouseholdKk,
    ImportRow,
)


def write(session: Session, sealer: Sealer, plan: Plan, *, batch: int, now: datetime) -> None:
    """Write everything the plan lists. Each card event is recorded at `now` under `batch`."""
    villages = ids_of_villages(session)
    homes = _households(session, sealer, plan, villages, now)
    _merge(session, plan)
    _add(session, HouseholdKk, [{"kk_blind": kk, "household_id": _real(home, homes)} for kk, home in plan.kks.items()])
    _change(
        session, Household, [{"id": home, "village_id": villages.get(code)} for home, code in plan.villages.items()]
    )
    children = _children(session, sealer, plan, homes)
    _cards(session, plan, children, batch, now)
    _contacts(session, sealer, plan, homes)


def write_problems(session: Session, batch: int, problems: Sequence[Problem], conflicts: Sequence[Conflict]) -> None:
    """One row for each line of the sheet that was rejected or that somebody should look at; values are masked already."""
    by_row: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for found in problems:
        if found.row is not None and found.severity != "fixed":
            by_row[found.row].append(asdict(found))
    for clash in conflicts:
        by_row[clash.row].append(asdict(clash) | {"severity": "conflict"})
    rows = [
        {"batch_id": batch, "number": number, "problems": json.dumps(found, ensure_ascii=False)}
        for number, found in by_row.items()
    ]
    _add(session, ImportRow, rows)


def id_of(row: Any) -> int:
    """The id of a stored row."""
    assert row.id is not None, "the row has not been stored"
    return int(row.id)


def _households(
    session: Session, sealer: Sealer, plan: Plan, villages: Mapping[str, int], now: datetime
) -> dict[int, int]:
    """New households with their guardian and No KK. Returns the id for each number of the plan.

    A household whose people were erased keeps its row; when they come back it is found by its key and used again.
    """
    keys = [sealer.blind("household", new.key.hex()).hex() for new in plan.households]
    kept: dict[str, int] = {}
    for some in chunks(keys):
        found = session.exec(
            select(Household.key, Household.id, Household.alias_of).where(col(Household.key).in_(some))
        )
        kept.update({key: alias or id_ for key, id_, alias in found if id_ is not None})
    fresh = [(number, key) for number, key in enumerate(keys) if key not in kept]
    ids = _add_numbered(
        session,
        Household,
        [
            {"key": key, "village_id": villages.get(plan.households[number].village), "created_at": now}
            for number, key in fresh
        ],
    )
    homes = {-number - 1: kept[key] for number, key in enumerate(keys) if key in kept}
    homes.update({-number - 1: id_ for (number, _), id_ in zip(fresh, ids, strict=True)})
    _add(
        session,
        Guardian,
        [
            {"household_id": homes[-number - 1], "sealed_name": sealer.seal("name", new.guardian)}
            for number, new in enumerate(plan.households)
        ],
    )
    names = [{"id": guardian, "sealed_name": sealer.seal("name", name)} for guardian, name in plan.guardians.items()]
    _change(session, Guardian, names)
    return homes


def _merge(session: Session, plan: Plan) -> None:
    """Everything of the younger household moves to the older one; its row stays, as an alias. Assignments keep their ids."""
    for gone, kept in plan.merges:
        for table in (Child, Guardian, HouseholdKk):
            session.execute(update(table).where(col(table.household_id) == gone).values(household_id=kept))
        aliases = (col(Household.id) == gone) | (col(Household.alias_of) == gone)
        session.execute(update(Household).where(aliases).values(alias_of=kept))


def _children(session: Session, sealer: Sealer, plan: Plan, homes: Mapping[int, int]) -> dict[int, int]:
    ids = _add_numbered(
        session,
        Child,
        [
            {
                "household_id": _real(new.household, homes),
                "sealed_name": sealer.seal("name", new.row.name),
                "birth_date": new.row.birth,
                "sex": new.row.sex,
                "excluded": new.excluded,
            }
            for new in plan.children
        ],
    )
    identities = [
        {"nik_blind": new.nik, "sealed_nik": sealer.seal("nik", new.row.nik), "child_id": id_}
        for new, id_ in zip(plan.children, ids, strict=True)
    ]
    _add(session, ChildIdentity, identities)
    by_columns: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for child, columns in plan.changed_children.items():
        values: dict[str, Any] = {key: value for key, value in columns.items() if key != "name"}
        if "name" in columns:
            values["sealed_name"] = sealer.seal("name", str(columns["name"]))
        by_columns[tuple(values)].append(values | {"id": child})
    for some in by_columns.values():
        _change(session, Child, some)
    return {-number - 1: id_ for number, id_ in enumerate(ids)}


def _cards(session: Session, plan: Plan, children: Mapping[int, int], batch: int, now: datetime) -> None:
    ids = _add_numbered(
        session,
        Card,
        [
            {
                "child_id": _real(new.child, children),
                "kind": new.kind.value,
                "status": new.state.status.value,
                "since": new.state.since,
            }
            for new in plan.cards
        ],
    )
    moved = [
        {"id": card, "status": state.status.value, "since": state.since} for card, state in plan.moved_cards.items()
    ]
    _change(session, Card, moved)
    events = [(id_, event) for new, id_ in zip(plan.cards, ids, strict=True) for event in new.events] + plan.events
    rows = [
        {"card_id": card, "status": event.status.value, "on_date": event.on, "recorded_at": now, "batch_id": batch}
        for card, event in events
    ]
    _add(session, CardEvent, rows)


def _contacts(session: Session, sealer: Sealer, plan: Plan, homes: Mapping[int, int]) -> None:
    for some in chunks(plan.no_longer_personal):
        session.execute(update(ContactPoint).where(col(ContactPoint.address_blind).in_(some)).values(shared=True))
    guardian_of = _guardians(session, sealer, {_real(new.household, homes) for new in plan.contacts})
    rows = [
        {
            "guardian_id": guardian_of[_real(new.household, homes)],
            "channel": new.channel,
            "address_blind": new.blind,
            "sealed_address": sealer.seal("address", new.address),
            "shared": new.shared,
        }
        for new in plan.contacts
    ]
    _add(session, ContactPoint, rows)


def _guardians(session: Session, sealer: Sealer, homes: Collection[int]) -> dict[int, int]:
    """The guardian of each household that gets a number: its oldest. One whose guardians are gone gets a nameless one."""
    found: dict[int, int] = {}
    for some in chunks(homes):
        rows = session.exec(
            select(Guardian.household_id, func.min(Guardian.id))
            .where(col(Guardian.household_id).in_(some))
            .group_by(col(Guardian.household_id))
        )
        found.update((home, guardian) for home, guardian in rows if guardian is not None)
    bare = [home for home in homes if home not in found]
    ids = _add_numbered(
        session, Guardian, [{"household_id": home, "sealed_name": sealer.seal("name", NAMELESS)} for home in bare]
    )
    return found | dict(zip(bare, ids, strict=True))


def _real(number: int, ids: Mapping[int, int]) -> int:
    return number if number > 0 else ids[number]


def _add(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        session.connection().execute(insert(_table(table)), rows)


def _add_numbered(session: Session, table: type[SQLModel], rows: Sequence[dict[str, Any]]) -> list[int]:
    """Insert and return the new ids in the order of the rows."""
    if not rows:
        return []
    statement = insert(_table(table)).returning(_table(table).c.id, sort_by_parameter_order=True)
    return list(session.connection().execute(statement, rows).scalars())


def _table(model: type[SQLModel]) -> Table:
    """The table itself: inserting through it takes half the time of inserting through the model."""
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


def _change(session: Session, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
    """Update rows by `id`; all of them the same columns."""
    if rows:
        session.execute(update(table), rows)
