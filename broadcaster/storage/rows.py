"""Many rows in one statement and one step, the same on both databases.

A list of values as a table `w` inside plain SQL, and the rows of a query at once:

    leased = Rows(sql, {"leased": "bigint", "token": "text"}, [(7, "a"), (8, "b")])
    sql.run(f"{leased.with_w} UPDATE message AS m SET ... FROM w WHERE m.id = w.leased", **leased.parameters)
    gather(sql, "SELECT m.id, m.sealed_body FROM w JOIN message m ON m.id = w.leased", "id sealed_body*", leased)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import orjson

from broadcaster.storage.database import Plain


class Rows:
    """`with_w` begins a statement with a table `w` of these columns; `parameters` are its values. Needs at least one row.

    `columns` maps a name to its type as PostgreSQL calls it. On SQLite a table with bytes in it ends with a few rows of nothing
    but NULL, so join it by a column that always has a value. The statement's text hardly depends on the number of rows: the
    drivers keep statements they have seen, and reading a long one anew takes longer than running it.
    """

    def __init__(self, sql: Plain, columns: Mapping[str, str], values: Sequence[Sequence[object]]) -> None:
        names = tuple(columns)
        self.parameters: dict[str, object]
        if sql.kind == "postgresql":
            self.with_w = _unnest(names, tuple(columns.values()))
            self.parameters = {f"w_{name}": [row[place] for row in values] for place, name in enumerate(names)}
        elif "bytea" not in columns.values():
            self.with_w, self.parameters = _json_each(names), {"w": orjson.dumps(values).decode()}
        else:  # bytes have no form in JSON
            room = next((size for size in _SIZES if size >= len(values)), len(values))
            self.with_w = _values(names, room)
            flat: dict[str, object] = dict.fromkeys(_names(room * len(names)))
            flat.update(zip(_names(len(values) * len(names)), (value for row in values for value in row), strict=True))
            self.parameters = flat


#: Lengths that a list with bytes is filled up to.
_SIZES = (1, 2, 5, 10, 25, 50, 100, 200, 500, 1000)


def gather(
    sql: Plain, query: str, columns: str, given: Rows | None = None, parameters: Mapping[str, object] | None = None
) -> list[list[Any]]:
    """Every row of a SELECT, in no promised order. `columns`: the names it gives, those that hold bytes with a `*`.

    SQLite's driver lets the interpreter go at every row; in a process that is busy sending it then waits for its turn at
    every row, which takes ten times as long as the query. So there the rows come as one value.
    """
    head, values = (given.with_w, given.parameters) if given is not None else ("", {})
    if sql.kind == "postgresql":
        return [list(row) for row in sql.all(f"{head} {query}", **values, **(parameters or {}))]
    packed, bytes_at = _packing(columns)
    found = sql.one(f"{head} SELECT {packed} FROM ({query})", **values, **(parameters or {}))  # noqa: S608 - names are the code's
    rows: list[list[Any]] = orjson.loads(found[0]) if found else []
    for row in rows:
        for place in bytes_at:
            if row[place] is not None:
                row[place] = bytes.fromhex(row[place])
    return rows


@lru_cache(maxsize=64)
def _packing(columns: str) -> tuple[str, tuple[int, ...]]:
    names = columns.split()
    values = (f"iif({n[:-1]} IS NULL, NULL, hex({n[:-1]}))" if n.endswith("*") else n for n in names)
    bytes_at = tuple(place for place, name in enumerate(names) if name.endswith("*"))
    return f"json_group_array(json_array({', '.join(values)}))", bytes_at


@lru_cache(maxsize=64)
def _unnest(names: tuple[str, ...], types: tuple[str, ...]) -> str:
    arrays = ", ".join(f"CAST(:w_{name} AS {kind}[])" for name, kind in zip(names, types, strict=True))
    return f"WITH w({', '.join(names)}) AS (SELECT * FROM unnest({arrays}))"  # noqa: S608 - the names are the code's own


@lru_cache(maxsize=64)
def _json_each(names: tuple[str, ...]) -> str:
    cells = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(names)))
    return f"WITH w({', '.join(names)}) AS MATERIALIZED (SELECT {cells} FROM json_each(:w))"  # noqa: S608 - the same


@lru_cache(maxsize=512)
def _values(names: tuple[str, ...], count: int) -> str:
    marks = iter(_names(count * len(names)))
    rows = ", ".join("(" + ", ".join(f":{next(marks)}" for _ in names) + ")" for _ in range(count))
    return f"WITH w({', '.join(names)}) AS (VALUES {rows})"


@lru_cache(maxsize=512)
def _names(count: int) -> tuple[str, ...]:
    return tuple(f"w{number}" for number in range(count))
