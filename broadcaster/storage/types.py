"""Column types that behave the same on SQLite and PostgreSQL.

A moment is stored as whole microseconds since 1970 (UTC): the same number, the same order and the same arithmetic on both
databases and in plain SQL. See docs/decisions/0004-moments-as-microseconds.md.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer
from sqlalchemy.types import TypeDecorator

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
SECOND = 1_000_000  # microseconds

#: Primary and foreign keys: 64 bit on PostgreSQL; SQLite numbers rows by itself only in a plain INTEGER.
Id = BigInteger().with_variant(Integer(), "sqlite")


def to_micros(moment: datetime) -> int:
    """Aware moment -> microseconds since 1970; raises ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return (moment - _EPOCH) // _MICROSECOND


def from_micros(micros: int) -> datetime:
    """Microseconds since 1970 -> aware UTC moment."""
    return _EPOCH + micros * _MICROSECOND


class Moment(TypeDecorator[datetime]):
    """Aware UTC datetime in Python, microseconds in the database."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else to_micros(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else from_micros(int(value))
