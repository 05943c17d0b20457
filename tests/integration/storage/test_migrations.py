"""The migrations give exactly the tables that are declared, on both databases."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

import broadcaster.storage.tables  # noqa: F401  (declares the tables)
from broadcaster.errors import Blocked
from broadcaster.storage import migrate
from broadcaster.storage.database import Database

_INDEXES = {
    "sqlite": "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    "postgresql": "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
}


def test_the_migrated_schema_is_the_declared_one(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []


def test_the_migrated_indexes_have_the_declared_conditions(db: Database) -> None:
    """alembic compares columns only; a partial index without its condition would still be slow."""
    migrated = _indexes(db)
    with db.engine.begin() as connection:
        SQLModel.metadata.drop_all(connection)
    with db.engine.execution_options(writes=True).begin() as connection:
        SQLModel.metadata.create_all(connection)
    assert migrated - {""} == _indexes(db)
    assert any("WHERE" in index for index in migrated)


def test_a_new_database_is_at_no_revision_and_an_upgraded_one_at_the_newest(tmp_path: Path, sealer) -> None:
    db = Database(f"sqlite:///{tmp_path}/new.sqlite3", sealer)
    assert migrate.current(db) is None
    migrate.upgrade(db)
    assert migrate.current(db) == migrate.head()
    migrate.upgrade(db)  # a second time changes nothing
    assert migrate.current(db) == migrate.head()
    db.close()


def test_foreign_keys_hold_after_an_upgrade(sqlite_db: Database) -> None:
    migrate.upgrade(sqlite_db)
    with sqlite_db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_a_database_of_a_newer_version_is_refused_untouched(db: Database) -> None:
    with db.engine.execution_options(writes=True).begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(Blocked, match="9999") as refused:
        migrate.upgrade(db)
    assert refused.value.code == "schema_too_new"
    assert migrate.current(db) == "9999"


def test_rows_that_point_nowhere_stop_an_upgrade(sqlite_db: Database, tmp_path: Path) -> None:
    sqlite_db.close()
    raw = sqlite3.connect(tmp_path / "broadcaster.sqlite3")
    raw.execute("INSERT INTO guardian (household_id, sealed_name) VALUES (404, x'00')")
    raw.commit()
    raw.close()
    with pytest.raises(Blocked, match="guardian") as refused:
        migrate.upgrade(sqlite_db)
    assert refused.value.code == "broken_rows"


def test_a_migration_imports_no_application_code() -> None:
    for path in (Path(migrate.__file__).parent / "migrations" / "versions").glob("*.py"):
        assert "broadcaster" not in re.sub(r'"""(.|\n)*?"""', "", path.read_text()), path.name


def test_the_newest_migration_leaves_nothing_to_generate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    scripts = tmp_path / "migrations"
    shutil.copytree(Path(migrate.__file__).parent / "migrations", scripts)
    monkeypatch.setattr(migrate, "_SCRIPTS", scripts)
    text = migrate.write_revision("nothing").read_text()
    assert text.rstrip().endswith("def upgrade() -> None:\n    pass")


def _indexes(db: Database) -> set[str]:
    with db.engine.connect() as connection:
        rows = connection.exec_driver_sql(_INDEXES[db.kind]).scalars()
        return {" ".join(row.split()) for row in rows if "alembic_version" not in row}
