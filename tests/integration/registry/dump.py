"""Every row of the register's tables, in a form without ids: what two states must share to be the same state.

Ids are replaced by what the row they name says, sealed values by what they hold. Batches are not part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from sqlmodel import Session, SQLModel, select

from broadcaster.storage import tables
from broadcaster.storage.database import Database

_TABLES: tuple[type[SQLModel], ...] = (
    tables.Household, tables.HouseholdKk, tables.Guardian, tables.Child, tables.ChildIdentity, tables.Card,
    tables.CardEvent, tables.ContactPoint,
)  # fmt: skip


def exact(db: Database) -> dict[str, list[Any]]:
    """All rows as they are, ids and sealed bytes included: nothing at all may differ."""
    with db.read() as session:
        return {
            str(table.__tablename__): [row.model_dump() for row in session.exec(select(table).order_by(table.id))]  # type: ignore[attr-defined]
            for table in _TABLES
        }


def canonical(db: Database) -> dict[str, list[Any]]:
    """All rows without ids, sorted."""
    with db.read() as session:
        dump = _Dump(session, db)
        return {
            str(table.__tablename__): sorted(map(dump.row, session.exec(select(table))), key=repr) for table in _TABLES
        }


class _Dump:
    def __init__(self, session: Session, db: Database) -> None:
        self._open = db.sealer.open
        self._households = {row.id: row.key for row in session.exec(select(tables.Household))}
        self._children = {row.child_id: row.nik_blind.hex() for row in session.exec(select(tables.ChildIdentity))}
        self._guardians = {row.id: self._households[row.household_id] for row in session.exec(select(tables.Guardian))}
        self._cards = {row.id: (self._children[row.child_id], row.kind) for row in session.exec(select(tables.Card))}

    def row(self, row: SQLModel) -> tuple[Any, ...]:
        return tuple(self._value(name, value) for name, value in row.model_dump().items() if name not in _LEFT_OUT)

    def _value(self, name: str, value: Any) -> Any:
        named: dict[str, Callable[[Any], Any]] = {
            "household_id": self._households.get, "alias_of": self._households.get, "child_id": self._children.get,
            "guardian_id": self._guardians.get, "card_id": self._cards.get,
            "sealed_name": lambda sealed: self._open("name", sealed), "sealed_nik": lambda sealed: self._open("nik", sealed),
            "sealed_address": lambda sealed: self._open("address", sealed),
        }  # fmt: skip
        if name in named:
            return named[name](value)
        if isinstance(value, bytes):
            return value.hex()
        return value.isoformat() if isinstance(value, date) else value


_LEFT_OUT = frozenset({"id", "batch_id"})
