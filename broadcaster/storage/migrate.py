"""Brings a database to the newest schema. The only importer of alembic: `operations` uses it, a worker never does.

As a program it writes the next migration for a developer, see docs/develop-migrations.md:

    python -m broadcaster.storage.migrate "what changes"
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from broadcaster.errors import Blocked
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer

_SCRIPTS = Path(__file__).resolve().parent / "migrations"
#: Two processes that upgrade at the same moment take turns on PostgreSQL (any constant does); SQLite locks by itself.
_UPGRADE_LOCK = 4_203_170_300


def upgrade(db: Database) -> None:
    """Bring the schema to the newest migration, in one transaction; nothing happens when it is already there.

    Raises `Blocked` when the database was written by a newer version of the product, or when rows point nowhere (then
    nothing has changed).
    """
    with _schema_transaction(db) as connection:
        known = {script.revision for script in _directory().walk_revisions()}
        found = _revision(connection)
        if found is not None and found not in known:
            raise Blocked(
                f"Basis data ini dibuat oleh versi broadcaster yang lebih baru (skema {found}); "
                "pasang versi itu atau yang lebih baru.",
                code="schema_too_new",
            )
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if db.kind == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()):
            raise Blocked(
                f"Basis data tidak dapat diperbarui: {len(broken)} baris menunjuk ke baris yang tidak ada, "
                f"pertama di tabel {broken[0][0]}; pulihkan dari cadangan.",
                code="broken_rows",
            )


def head() -> str:
    """The newest revision this version of the product knows, for example "0001"."""
    revision = _directory().get_current_head()
    if revision is None:
        raise RuntimeError("the package holds no migration")
    return revision


def current(db: Database) -> str | None:
    """The revision the database is at; None for an empty database."""
    with db.engine.connect() as connection:
        return _revision(connection)


def write_revision(message: str) -> Path:
    """Write the migration from the newest revision to the tables as they are declared now; returns the new file.

    It compares with a scratch SQLite database, so it touches no data.
    """
    with tempfile.TemporaryDirectory() as folder:
        db = Database(f"sqlite:///{folder}/scratch.sqlite3", Sealer(bytes(32)))
        try:
            config = _config()
            number = len(list(_directory().walk_revisions())) + 1
            if number > 1:
                upgrade(db)
            with db.engine.connect() as connection:
                config.attributes["connection"] = connection
                script = command.revision(config, message, autogenerate=True, rev_id=f"{number:04}")
        finally:
            db.close()
    if script is None or isinstance(script, list):
        raise RuntimeError("alembic wrote no single script")
    path = Path(script.path)
    # alembic's own remarks say nothing about this migration
    path.write_text(
        "".join(line for line in path.read_text().splitlines(True) if not line.lstrip().startswith("# ###"))
    )
    return path


@contextmanager
def _schema_transaction(db: Database) -> Iterator[Connection]:
    with db.engine.connect().execution_options(writes=True) as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        if db.kind == "sqlite":
            # A changed table is copied and the old one dropped; with foreign keys on, the drop would break others.
            # The switch works outside a transaction only, so it is thrown on the driver before BEGIN.
            raw.execute("PRAGMA foreign_keys=OFF")
        try:
            with connection.begin():
                if db.kind == "postgresql":
                    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_UPGRADE_LOCK})")
                yield connection
        finally:
            if db.kind == "sqlite":
                raw.execute("PRAGMA foreign_keys=ON")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _directory() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("path_separator", "os")
    return config


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit('usage: python -m broadcaster.storage.migrate "what changes"')
    sys.stdout.write(f"{write_revision(sys.argv[1])}\n")
