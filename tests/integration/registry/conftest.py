"""Places are loaded; `bring_in` imports a file and gives its report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest

from broadcaster.office.service import load_defaults
from broadcaster.registry import service
from broadcaster.registry.report import FileReport
from broadcaster.storage.database import Database

Bring = Callable[..., FileReport]


@pytest.fixture
def office(db: Database, now: datetime) -> Database:
    """Both databases, with the villages."""
    return _with_places(db, now)


@pytest.fixture
def sqlite_office(sqlite_db: Database, now: datetime) -> Database:
    return _with_places(sqlite_db, now)


def _with_places(db: Database, now: datetime) -> Database:
    with db.write() as session:
        load_defaults(session, now)
    return db


@pytest.fixture
def bring_in(now: datetime, today: date) -> Bring:
    def run(db: Database, source: Any, **options: Any) -> FileReport:
        confirmed = options.pop("confirmed", False)
        checked = service.check(db, source, today=options.pop("today", today), **options)
        return service.apply(db, checked, by="sari", now=now, confirmed=confirmed).report

    return run
