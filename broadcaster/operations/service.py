"""Setting an installation up, opening its database, and the lock that keeps a second sender away."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import inspect, make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, func, select

from broadcaster import storage
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import AlreadyRunning, Blocked
from broadcaster.office import queries as office
from broadcaster.office.rules import Fact
from broadcaster.office.service import load_defaults
from broadcaster.rendering.service import load_content
from broadcaster.settings import Settings
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer, create_key, load_key
from broadcaster.storage.tables import CalendarDay, Installation, MessageTemplate, Portfolio, Sender, Village

LOCK_FILE = "sending.lock"
#: The officer's list is written here, not sent over a network.
_PACE_VILLAGE_LIST = 1000.0
#: A lock on these may be granted twice, and SQLite's write-ahead log does not work there. (sqlite.org/wal.html)
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "fuse.rclone"}
)


@dataclass(frozen=True)
class InitReport:
    """What `init` found and made. `missing`: the office facts that still block sending."""

    data_dir: Path
    database: str  # its address, without a password
    instance_id: str
    revision: str
    key_created: bool
    places: int
    closed_days: int
    messages: int
    missing: tuple[Fact, ...]


def init(settings: Settings, now: datetime) -> InitReport:
    """Make everything an installation needs; running it again changes nothing but what is missing or out of date.

    Raises `Blocked` when the data folder cannot be used, the key is gone while the data is there, or the database is
    newer than this version.
    """
    from broadcaster.storage import migrate  # alembic: only here, so that a worker never loads it

    make_data_dir(settings)
    refuse_network_folder(settings.data_dir)
    _refuse_a_new_key_for_old_data(settings)
    key_created = create_key(settings.key_file)
    with _reachable(settings):
        db = Database(settings.url, load_key(settings.key_file))
        try:
            migrate.upgrade(db)
            with db.write() as session:
                instance_id = _installation(session, now)
                load_defaults(session, now)
                load_content(session, content_dir(), now)
                _senders(session, settings, now)
                return InitReport(
                    data_dir=settings.data_dir,
                    database=shown_url(settings),
                    instance_id=instance_id,
                    revision=migrate.head(),
                    key_created=key_created,
                    places=_count(session, Village),
                    closed_days=_count(session, CalendarDay),
                    messages=_count(session, MessageTemplate),
                    missing=tuple(office.missing_facts(session)),
                )
        finally:
            db.close()


def open_database(settings: Settings) -> Database:
    """The installation's database, at the schema this version needs. Raises `Blocked` with the fix otherwise."""
    sealer = load_key(settings.key_file)
    path = sqlite_path(settings)
    if path is not None and not path.exists():
        raise Blocked(f"Belum ada basis data di {path}; jalankan `broadcaster init` dahulu.", code="not_initialised")
    with _reachable(settings):
        db = Database(settings.url, sealer)
        try:
            refuse_other_schema(db)
        except BaseException:
            db.close()
            raise
        return db


def refuse_other_schema(db: Database) -> None:
    """Raises `Blocked` with the fix unless the schema is the one this version needs."""
    found, newest = revision_of(db), newest_revision()
    if found is None:
        raise Blocked("Basis data ini masih kosong; jalankan `broadcaster init` dahulu.", code="not_initialised")
    if found < newest:
        raise Blocked(
            f"Basis data ini berskema {found}, program perlu {newest}; cadangkan, lalu jalankan `broadcaster init`.",
            code="schema_behind",
        )
    if found > newest:
        raise Blocked(
            f"Basis data ini berskema {found}, lebih baru dari program ini ({newest}); pasang broadcaster terbaru.",
            code="schema_too_new",
        )


def revision_of(db: Database) -> str | None:
    """The revision the schema is at; None when nothing has been set up. Without alembic, unlike `storage.migrate`."""
    with db.read() as session:
        connection = session.connection()
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
        return None if found is None else str(found)


def newest_revision() -> str:
    """The newest revision this version holds: scripts are numbered, `0001_initial.py`. Without alembic."""
    scripts = Path(storage.__file__).parent / "migrations" / "versions"
    return max(path.name.split("_")[0] for path in scripts.glob("[0-9]*_*.py"))


@contextmanager
def lock_sending(settings: Settings) -> Iterator[None]:
    """Hold the data folder's lock while the block runs: one data folder, one sending process.

    The system gives the lock back when the process ends, however it ends. Raises `AlreadyRunning`, and `Blocked` on a
    network file system, whose locks cannot be trusted.
    """
    refuse_network_folder(settings.data_dir)
    path = settings.data_dir / LOCK_FILE
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise AlreadyRunning(
                f"Program lain sedang mengirim dari folder {settings.data_dir.resolve()}; "
                "hentikan dahulu, atau pakai folder data lain (BROADCASTER_DATA_DIR)."
            ) from error
        yield
    finally:
        os.close(handle)


def refuse_network_folder(folder: Path) -> None:
    """Raises `Blocked` when the folder lies on a network file system."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():  # not Linux: nothing can be told
        return
    kind = file_system_of(folder.resolve(), mounts.read_text())
    if kind in NETWORK_FILE_SYSTEMS:
        raise Blocked(
            f"Folder data {folder.resolve()} ada di penyimpanan jaringan ({kind}), yang tidak dapat diandalkan; "
            "pakai folder di disk komputer ini (BROADCASTER_DATA_DIR).",
            code="network_folder",
        )


def file_system_of(folder: Path, mounts: str) -> str:
    """The type of the file system that holds `folder` (absolute), from the text of /proc/mounts; "" if none does."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        # spaces in a path are written \040
        point = Path(fields[1].encode().decode("unicode_escape"))
        if folder.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind


def make_data_dir(settings: Settings) -> None:
    """The data folder, open to its owner only; raises `Blocked`."""
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        settings.data_dir.chmod(0o700)
    except OSError as error:
        raise Blocked(
            f"Folder data {settings.data_dir} tidak dapat dipakai ({error.strerror}); "
            "periksa BROADCASTER_DATA_DIR dan hak aksesnya.",
            code="bad_data_dir",
        ) from error


def sqlite_path(settings: Settings) -> Path | None:
    """The SQLite file; None on PostgreSQL."""
    url = settings.url
    return Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None


def shown_url(settings: Settings) -> str:
    """The database's address for people: no password."""
    return make_url(settings.url).render_as_string(hide_password=True)


def _refuse_a_new_key_for_old_data(settings: Settings) -> None:
    if settings.key_file.exists():
        return
    path = sqlite_path(settings)
    if path is not None and not path.exists():
        return
    with _reachable(settings):
        db = Database(settings.url, Sealer(bytes(32)))
        try:
            used = revision_of(db) is not None
        finally:
            db.close()
    if used:
        raise Blocked(
            f"Basis data sudah berisi, tetapi kunci {settings.key_file} tidak ada; kembalikan dari salinan Anda, "
            "karena dengan kunci baru data lama tidak dapat dibaca.",
            code="key_lost",
        )


@contextmanager
def _reachable(settings: Settings) -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        reason = str(error.orig).strip().splitlines()
        raise Blocked(
            f"Basis data {shown_url(settings)} tidak dapat dibuka ({reason[0] if reason else 'tanpa alasan'}); "
            "periksa BROADCASTER_DATABASE_URL dan apakah servernya berjalan.",
            code="database_unreachable",
        ) from error


def _installation(session: Session, now: datetime) -> str:
    row = session.exec(select(Installation)).first()
    if row is None:
        row = Installation(instance_id=secrets.token_hex(4), created_at=now)
        session.add(row)
        session.flush()
    return row.instance_id


def _senders(session: Session, settings: Settings, now: datetime) -> None:
    """One lane per channel, and WhatsApp's portfolio; pace and tier follow the settings, everything else stays."""
    portfolio = session.exec(select(Portfolio).where(Portfolio.name == "whatsapp")).first()
    if portfolio is None:
        portfolio = Portfolio(name="whatsapp", daily_tier=settings.whatsapp_daily_tier)
    portfolio.daily_tier = settings.whatsapp_daily_tier
    session.add(portfolio)
    session.flush()
    paces = {
        ChannelKind.TELEGRAM: settings.pace_telegram,
        ChannelKind.WHATSAPP: settings.pace_whatsapp,
        ChannelKind.SMS: settings.pace_sms,
        ChannelKind.VILLAGE_LIST: _PACE_VILLAGE_LIST,
    }
    there = {row.name: row for row in session.exec(select(Sender))}
    for kind, pace in paces.items():
        row = there.get(kind.value) or Sender(name=kind.value, channel=kind.value, pace=pace, next_slot_at=now)
        row.pace = pace
        row.portfolio_id = portfolio.id if kind is ChannelKind.WHATSAPP else None
        session.add(row)
    session.flush()


def _count(session: Session, table: type[Village | CalendarDay | MessageTemplate]) -> int:
    return session.exec(select(func.count()).select_from(table)).one()
