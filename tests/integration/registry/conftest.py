"""Places are loaded; `bring_in` imports a file and gives its report."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from broadcaster.office.service import load_defaults
from broadcaster.registry import service
from broadcaster.registry.report import FileReport
from broadcaster.storage import migrate
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer

Bring = Callable[..., FileReport]
KEY = bytes(range(32))


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


class Fresh:
    """A new SQLite database with the villages for each example of a law; copying a file is all it costs."""

    def __init__(self, template: bytes, folder: Path) -> None:
        self._template, self.folder, self._number = template, folder, 0

    def __call__(self) -> Database:
        self._number += 1
        path = self.folder / f"{self._number}.sqlite3"
        path.write_bytes(self._template)
        database = Database(f"sqlite:///{path}", Sealer(KEY))
        event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        return database


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Fresh:
    folder = tmp_path_factory.mktemp("registry")
    database = Database(f"sqlite:///{folder / 'template.sqlite3'}", Sealer(KEY))
    migrate.upgrade(database)
    with database.write() as session:
        load_defaults(session, datetime(2026, 10, 5, 1, tzinfo=UTC))
    database.close()
    return Fresh((folder / "template.sqlite3").read_bytes(), folder)
