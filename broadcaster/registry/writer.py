"""Writes the plan of one block: one pass over the tables, many rows at a time. Runs inside the transaction of `service.apply`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from broadcaster.registry.bulk import Bulk
from broadcaster.registry.changes import Plan
from broadcaster.registry.keyed import nik_text
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
from broadcaster.storage.types import to_micros

_ROWS = 2_000  # problems written at a time


class Writer:
    """Writes blocks for one batch; each card event is recorded at `now` under it."""

    def __init__(self, session: Session, sealer: Sealer, *, batch: int, now: datetime) -> None:
        self._session, self._sealer, self._batch = session, sealer, batch
        self._now = to_micros(now)
        self._bulk = Bulk(session, sealer, batch)
        self._villages = ids_of_villages(session)

    def no_longer_personal(self, phones: Sequence[bytes]) -> None:
        """Numbers that now more than three families use."""
        for some in chunks(phones):
            points = self._session.exec(
                select(ContactPoint.id).where(
                    col(ContactPoint.address_blind).in_(some), col(ContactPoint.shared).is_(False)
                )
            )
            self._bulk.change(
                ContactPoint, ("shared",), dict.fromkeys((id_ for id_ in points if id_ is not None), (True,))
            )

    def write(self, plan: Plan) -> None:
        """Write everything the plan lists."""
        seal = self._sealer.seal
        homes = self._households(plan)
        for gone, kept in plan.merges:
            self._merge(gone, kept)
        kks = [(kk, _real(home, homes)) for kk, home in plan.kks.items()]
        self._bulk.add(HouseholdKk, ("kk_blind", "household_id"), kks)
        moved = {home: (self._villages.get(code),) for home, code in plan.villages.items()}
        self._bulk.change(Household, ("village_id",), moved)
        named = {guardian: (seal("name", name),) for guardian, name in plan.guardians.items()}
        self._bulk.change(Guardian, ("sealed_name",), named)
        self._cards(plan, self._children(plan, homes))
        self._contacts(plan, homes)

    def problems(self, problems: Sequence[Problem], conflicts: Sequence[Conflict]) -> None:
        """One row for each line of the sheet that was rejected or that somebody should look at; values are masked already."""
        by_row: dict[int, list[Problem | Conflict]] = defaultdict(list)
        for found in problems:
            if found.row is not None and found.severity != "fixed":
                by_row[found.row].append(found)
        for clash in conflicts:
            by_row[clash.row].append(clash)
        for some in chunks(by_row.items(), _ROWS):
            rows = [
                (self._batch, number, json.dumps([_told(one) for one in found], ensure_ascii=False))
                for number, found in some
            ]
            self._bulk.add(ImportRow, ("batch_id", "number", "problems"), rows, noted=False)

    def _households(self, plan: Plan) -> dict[int, int]:
        """New households with their guardian. Returns the id for each number of the plan.

        A household whose people were erased keeps its row; when they come back it is found by its key and used again.
        """
        keys = [self._sealer.blind("household", new.key.hex()).hex() for new in plan.households]
        kept: dict[str, int] = {}
        for some in chunks(keys):
            found = self._session.exec(
                select(Household.key, Household.id, Household.alias_of).where(col(Household.key).in_(some))
            )
            kept.update({key: alias or id_ for key, id_, alias in found if id_ is not None})
        fresh = [(number, key) for number, key in enumerate(keys) if key not in kept]
        ids = self._bulk.add(
            Household,
            ("key", "village_id", "created_at"),
            [(key, self._villages.get(plan.households[number].village), self._now) for number, key in fresh],
        )
        homes = {-number - 1: kept[key] for number, key in enumerate(keys) if key in kept}
        homes.update({-number - 1: id_ for (number, _), id_ in zip(fresh, ids, strict=True)})
        seal = self._sealer.seal
        guardians = [(homes[-number - 1], seal("name", new.guardian)) for number, new in enumerate(plan.households)]
        self._bulk.add(Guardian, ("household_id", "sealed_name"), guardians)
        return homes

    def _merge(self, gone: int, kept: int) -> None:
        """Everything of the younger household moves to the older one; its row stays, as an alias. Assignments keep their ids."""
        for table in (Child, Guardian, HouseholdKk):
            members = self._session.exec(select(table.id).where(col(table.household_id) == gone)).all()
            self._bulk.change(table, ("household_id",), {id_: (kept,) for id_ in members if id_ is not None})
        also = (col(Household.id) == gone) | (col(Household.alias_of) == gone)
        aliases = self._session.exec(select(Household.id).where(also)).all()
        self._bulk.change(Household, ("alias_of",), {id_: (kept,) for id_ in aliases if id_ is not None})

    def _children(self, plan: Plan, homes: Mapping[int, int]) -> dict[int, int]:
        seal = self._sealer.seal
        rows = [
            (_real(new.household, homes), seal("name", new.row.name), new.row.birth, new.row.sex, new.excluded)
            for new in plan.children
        ]
        ids = self._bulk.add(Child, ("household_id", "sealed_name", "birth_date", "sex", "excluded"), rows)
        identities = [
            (new.row.nik, seal("nik", nik_text(new.row)), id_) for new, id_ in zip(plan.children, ids, strict=True)
        ]
        self._bulk.add(ChildIdentity, ("nik_blind", "sealed_nik", "child_id"), identities)
        by_columns: dict[tuple[str, ...], dict[int, Sequence[Any]]] = defaultdict(dict)
        for child, changed in plan.changed_children.items():
            values = {key: value for key, value in changed.items() if key != "name"}
            if "name" in changed:
                values["sealed_name"] = seal("name", str(changed["name"]))
            by_columns[tuple(values)][child] = tuple(values.values())
        for columns, some in by_columns.items():
            self._bulk.change(Child, columns, some)
        return {-number - 1: id_ for number, id_ in enumerate(ids)}

    def _cards(self, plan: Plan, children: Mapping[int, int]) -> None:
        rows = [
            (_real(new.child, children), new.kind.value, new.state.status.value, new.state.since) for new in plan.cards
        ]
        ids = self._bulk.add(Card, ("child_id", "kind", "status", "since"), rows)
        moved = {card: (state.status.value, state.since) for card, state in plan.moved_cards.items()}
        self._bulk.change(Card, ("status", "since"), moved)
        for card, status in plan.denied:
            wrong = select(CardEvent.id).where(CardEvent.card_id == card, CardEvent.status == status)
            self._bulk.remove(CardEvent, self._session.exec(wrong).all())
        events = [(id_, event) for new, id_ in zip(plan.cards, ids, strict=True) for event in new.events] + plan.events
        self._bulk.add(
            CardEvent,
            ("card_id", "status", "on_date", "back", "recorded_at", "batch_id"),
            [(card, event.status.value, event.on, event.back, self._now, self._batch) for card, event in events],
        )

    def _contacts(self, plan: Plan, homes: Mapping[int, int]) -> None:
        guardian_of = self._guardians({_real(new.household, homes) for new in plan.contacts})
        rows = [
            (
                guardian_of[_real(new.household, homes)],
                new.channel,
                new.blind,
                self._sealer.seal("address", f"+{new.address}"),
                new.shared,
                "",
            )
            for new in plan.contacts
        ]
        columns = ("guardian_id", "channel", "address_blind", "sealed_address", "shared", "invalid_reason")
        self._bulk.add(ContactPoint, columns, rows)

    def _guardians(self, homes: Collection[int]) -> dict[int, int]:
        """The guardian of each household that gets a number: its oldest. One whose guardians are gone gets a nameless one."""
        found: dict[int, int] = {}
        for some in chunks(homes):
            rows = self._session.exec(
                select(Guardian.household_id, func.min(Guardian.id))
                .where(col(Guardian.household_id).in_(some))
                .group_by(col(Guardian.household_id))
            )
            found.update((home, guardian) for home, guardian in rows if guardian is not None)
        bare = [home for home in homes if home not in found]
        nameless = [(home, self._sealer.seal("name", NAMELESS)) for home in bare]
        ids = self._bulk.add(Guardian, ("household_id", "sealed_name"), nameless)
        return found | dict(zip(bare, ids, strict=True))


def id_of(row: Any) -> int:
    """The id of a stored row."""
    assert row.id is not None, "the row has not been stored"
    return int(row.id)


def _told(found: Problem | Conflict) -> dict[str, Any]:
    return asdict(found) | ({"severity": "conflict"} if isinstance(found, Conflict) else {})


def _real(number: int, ids: Mapping[int, int]) -> int:
    return number if number > 0 else ids[number]
