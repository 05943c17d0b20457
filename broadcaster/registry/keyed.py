"""A good row -> what an import keeps of it: blind indexes instead of numbers, and no text twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TypeVar

from broadcaster.registry.changes import Keyed
from broadcaster.registry.rules import Row
from broadcaster.storage.sealed import Sealer

_Same = TypeVar("_Same", str, bytes, date, int, tuple[bytes, ...], tuple[int, ...])


def keeper(sealer: Sealer) -> Callable[[Row], Keyed]:
    """Turns the rows of one file, in order. Indexes, numbers and names that siblings share are one object."""
    same: dict[object, object] = {}

    def once(value: _Same) -> _Same:
        return same.setdefault(value, value)  # type: ignore[return-value]

    def key(row: Row) -> Keyed:
        phones = tuple(once(sealer.blind("address", phone)) for phone in row.phones)
        addresses = tuple(int(phone[1:]) for phone in row.phones)
        return Keyed(
            row.number,
            sealer.blind("nik", row.nik) if row.nik else None,
            once(sealer.blind("kk", row.kk)) if row.kk else None,
            once(phones) if phones else phones,
            once(addresses) if addresses else addresses,
            int(row.nik or 0),
            int(row.kk[-2:] or 0),
            row.name,
            row.sex,
            row.birth,
            row.village,
            once(row.guardian),
            row.guardian_rank,
            "" if row.kk else row.parents,
            row.excluded,
            row.events,
        )

    return key


def nik_text(row: Keyed) -> str:
    return f"{row.nik_digits:016}" if row.nik_digits else ""


def kk_shown(row: Keyed) -> str:
    """The No KK as reports show it."""
    return f"••••••••••••••{row.kk_end:02}"
