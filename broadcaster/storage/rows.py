"""Many rows in one statement, the same on both databases: a list of values as a table inside plain SQL.

rows = Rows(sql, {"leased": "bigint", "token": "text"}, [(7, "a"), (8, "b")])
sql.all(f"{rows.with_w} SELECT m.id FROM message m JOIN w ON m.id = w.leased", **rows.parameters)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from broadcaster.storage.database import Plain


class Rows:
    """`with_w` begins a statement with a table `w` of these columns; `parameters` are its values. Needs at least one row."""

    def __init__(self, sql: Plain, columns: Mapping[str, str], values: Sequence[Sequence[object]]) -> None:
        names = tuple(columns)
        if sql.kind == "postgresql":
            self.with_w = _unnest(names, tuple(columns.values()))
            self.parameters: dict[str, object] = {
                f"w_{name}": [row[place] for row in values] for place, name in enumerate(names)
            }
        else:
            self.with_w = _values(names, len(values))
            flat = (value for row in values for value in row)
            self.parameters = dict(zip(_names(len(values) * len(names)), flat, strict=True))


@lru_cache(maxsize=64)
def _unnest(names: tuple[str, ...], types: tuple[str, ...]) -> str:
    arrays = ", ".join(f"CAST(:w_{name} AS {kind}[])" for name, kind in zip(names, types, strict=True))
    return f"WITH w({', '.join(names)}) AS (SELECT * FROM unnest({arrays}))"  # noqa: S608 - the names are the code's own


@lru_cache(maxsize=512)
def _values(names: tuple[str, ...], count: int) -> str:
    marks = iter(_names(count * len(names)))
    rows = ", ".join("(" + ", ".join(f":{next(marks)}" for _ in names) + ")" for _ in range(count))
    return f"WITH w({', '.join(names)}) AS (VALUES {rows})"


@lru_cache(maxsize=512)
def _names(count: int) -> tuple[str, ...]:
    return tuple(f"w{number}" for number in range(count))
