"""Many rows of a table at a time, on the driver's connection; what is done is noted in `import_change`, so that it can be
taken back.

Ids are chosen before the rows are written: on SQLite the next ones (nobody else writes meanwhile), on PostgreSQL from the
table's sequence. So nothing has to be read back, and a run of added rows is noted as one line. The statements are put together
from names of our own tables and columns and from whole numbers; every other value is a parameter.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sqlmodel import Session, SQLModel

from broadcaster.registry.known import chunks
from broadcaster.storage.database import Plain, plain
from broadcaster.storage.sealed import Sealer

Values = Sequence[Any]
_SOME = 500  # ids in one statement


class Bulk:
    """Adds, changes and removes rows for one batch."""

    def __init__(self, session: Session, sealer: Sealer, batch: int) -> None:
        self._sql = plain(session)
        self._seal, self._batch = sealer.seal, batch
        self._last: dict[str, int] = {}

    def add(
        self, table: type[SQLModel], columns: Sequence[str], rows: Sequence[Values], *, noted: bool = True
    ) -> list[int]:
        """Insert rows of these columns; returns their ids in the same order. `noted` False: not the register's own."""
        if not rows:
            return []
        name = name_of(table)
        ids = self._ids(name, len(rows))
        _insert(self._sql, name, ("id", *columns), [(id_, *row) for id_, row in zip(ids, rows, strict=True)])
        if noted:
            self._note([(name, first, last, None, None) for first, last in runs(ids)])
        return list(ids)

    def change(self, table: type[SQLModel], columns: Sequence[str], rows: Mapping[int, Values]) -> None:
        """Give rows (by id) new values of these columns."""
        if not rows:
            return
        name = name_of(table)
        before = snapshots(self._sql, name, columns, rows)
        assigned = ", ".join(f"{column} = :{column}" for column in columns)
        self._sql.many(
            f"UPDATE {name} SET {assigned} WHERE id = :id",  # noqa: S608 - see the module
            [{"id": id_, **dict(zip(columns, self._fit(values), strict=True))} for id_, values in rows.items()],
        )
        after = snapshots(self._sql, name, columns, rows)
        self._note([(name, id_, id_, text, after[id_]) for id_, text in before.items() if text != after[id_]])

    def remove(self, table: type[SQLModel], ids: Iterable[int | None]) -> None:
        name = name_of(table)
        for some in chunks(ids, _SOME):
            gone = snapshots(self._sql, name, tuple(table.model_fields), some)
            self._sql.run(f"DELETE FROM {name} WHERE id IN ({_listed(some)})")  # noqa: S608 - see the module
            self._note([(name, id_, id_, text, None) for id_, text in gone.items()])

    def _fit(self, row: Values) -> Values:
        return row if self._sql.kind == "postgresql" else tuple(map(_for_sqlite, row))

    def _ids(self, table: str, count: int) -> Sequence[int]:
        if self._sql.kind == "postgresql":
            drawn = "SELECT nextval(pg_get_serial_sequence(:table, 'id')) FROM generate_series(1, :count)"
            return [row[0] for row in self._sql.all(drawn, table=table, count=count)]
        last = self._last.get(table)
        if last is None:
            newest = f"SELECT coalesce(max(id), 0) FROM {table}"  # noqa: S608 - see the module
            last = int(self._sql.all(newest)[0][0])
        self._last[table] = last + count
        return range(last + 1, last + count + 1)

    def _note(self, changes: Sequence[tuple[str, int, int, str | None, str | None]]) -> None:
        if changes:
            rows = [
                (self._batch, name, first, last, *(text and self._seal("change", text) for text in (before, after)))
                for name, first, last, before, after in changes
            ]
            columns = ("batch_id", "entity", "first_id", "last_id", "before", "after")
            ids = self._ids("import_change", len(rows))
            _insert(
                self._sql, "import_change", ("id", *columns), [(id_, *row) for id_, row in zip(ids, rows, strict=True)]
            )


def name_of(table: type[SQLModel]) -> str:
    return str(table.__tablename__)


def runs(ids: Iterable[int]) -> list[tuple[int, int]]:
    """Ids in order -> unbroken runs, first and last."""
    found: list[tuple[int, int]] = []
    for id_ in ids:
        if found and found[-1][1] == id_ - 1:
            found[-1] = (found[-1][0], id_)
        else:
            found.append((id_, id_))
    return found


def snapshots(sql: Plain, table: str, columns: Sequence[str], ids: Iterable[int]) -> dict[int, str]:
    """Id -> these columns as JSON text, as they stand now. Ids that are gone are left out."""
    found: dict[int, str] = {}
    for some in chunks(ids, _SOME):
        query = f"SELECT id, {', '.join(columns)} FROM {table} WHERE id IN ({_listed(some)})"  # noqa: S608 - see the module
        for id_, *values in sql.all(query):
            found[id_] = json.dumps(dict(zip(columns, map(_to_json, values), strict=True)))
    return found


def from_snapshot(text: str) -> dict[str, Any]:
    """Columns and their values as the driver takes them."""
    return {column: _from_json(value) for column, value in json.loads(text).items()}


def _insert(sql: Plain, table: str, columns: Sequence[str], rows: Sequence[Values]) -> None:
    places = ", ".join(f":{column}" for column in columns)
    if sql.kind == "sqlite" and any(isinstance(value, date) for value in rows[0]):
        rows = [tuple(map(_for_sqlite, row)) for row in rows]
    sql.many(
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})",  # noqa: S608 - see the module
        [dict(zip(columns, row, strict=True)) for row in rows],
    )


def _listed(ids: Iterable[int]) -> str:
    return ", ".join(str(int(id_)) for id_ in ids)


def _for_sqlite(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def _to_json(value: Any) -> Any:
    if isinstance(value, (bytes, memoryview)):
        return {"hex": bytes(value).hex()}
    return {"date": value.isoformat()} if isinstance(value, date) else value


def _from_json(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return bytes.fromhex(value["hex"]) if "hex" in value else date.fromisoformat(value["date"])
