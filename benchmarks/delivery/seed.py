"""An installation with due messages to real-looking households: guardians, children, cards, sealed names and addresses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import select

from broadcaster import settings as setting
from broadcaster.operations.service import init
from broadcaster.outbox.rules import address_key, dedupe_key
from broadcaster.rendering.queries import latest
from broadcaster.rendering.service import record_provider_template
from broadcaster.settings import Settings
from broadcaster.storage.database import Database, Plain
from broadcaster.storage.sealed import load_key
from broadcaster.storage.tables import OfficeFact, Sender, Village
from broadcaster.storage.types import to_micros

#: A Monday morning in the office: the timetable is open for hours, whenever the benchmark is run.
START = datetime(2026, 10, 5, 1, 30, tzinfo=UTC)
#: So fast that the limiter never waits.
PACE = 1_000_000.0
STEP = "ambil-kartu-1"
_FACTS = {
    "tempat_ambil": "loket Dukcapil, Jl. Jenderal Sudirman, Arga Makmur",
    "tempat_ambil.enggano": "kantor Camat Enggano, Desa Apoho",
    "jam_layanan": "Senin-Kamis 08.00-15.00, Jumat 08.00-15.30",
    "syarat_ambil": "KTP-el orang tua dan KK asli",
    "nomor_wa_layanan": "081200000001",
    "nomor_wa_pengirim": "081200000002",
    "lama_selesai": "3 hari kerja",
    "kapasitas_harian": "50",
}
_PARENTS = ("SITI AMINAH", "EKO PURNOMO", "MUHAMMAD TAUFIK HIDAYAT", "MARLINA", "SRI WAHYUNI", "BUDI SANTOSO")
_CHILDREN = ("RIZKI PRATAMA", "AISYAH PUTRI", "MUHAMMAD FADLI", "YOHANA", "BAGAS SAPUTRA", "NUR HIDAYAH")


@dataclass(frozen=True)
class Plan:
    """How many messages each lane gets; every message goes to a household of its own. `waiting`: rows due behind them."""

    shares: tuple[tuple[str, int], ...]
    waiting: int = 0

    @property
    def lanes(self) -> dict[str, int]:
        """Channel -> how many messages."""
        return dict(self.shares)


def environment(folder: Path, sink: str, database_url: str = "") -> dict[str, str]:
    """The settings of the seeded installation, for the processes that send from it."""
    return {
        "BROADCASTER_DATA_DIR": str(folder),
        "BROADCASTER_DATABASE_URL": database_url,
        "BROADCASTER_MODE": "rehearsal",
        "BROADCASTER_TELEGRAM_BASE_URL": sink,
        "BROADCASTER_TELEGRAM_TOKEN": "123456:" + "A" * 35,
        "BROADCASTER_TWILIO_BASE_URL": sink,
        "BROADCASTER_TWILIO_ACCOUNT_SID": "AC" + "0" * 32,
        "BROADCASTER_TWILIO_AUTH_TOKEN": "simulated",
        "BROADCASTER_TWILIO_WHATSAPP_FROM": "+6285100000001",
        "BROADCASTER_TWILIO_SMS_FROM": "DUKCAPIL",
        "BROADCASTER_PUBLIC_BASE_URL": "https://broadcaster.example",
        "BROADCASTER_WHATSAPP_DAILY_TIER": "100000000",
        "BROADCASTER_LOG_FORMAT": "json",
    }


def seed(settings: Settings, plan: Plan) -> None:
    """Set the installation up and plan its messages; the same settings give the same rows."""
    init(settings, START)
    db = Database(settings.url, load_key(settings.key_file))
    try:
        version = _office(db)
        with db.plain() as sql:
            _families(db, sql, plan, version)
            if plan.waiting:
                _waiting(sql, plan)
        with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("ANALYZE")
    finally:
        db.close()


def _office(db: Database) -> int:
    with db.write() as session:
        for key, value in _FACTS.items():
            session.add(OfficeFact(key=key, value=value, updated_at=START, updated_by="sistem"))
        version = latest(session, STEP).id
        record_provider_template(session, version, "twilio", f"HX{version:032}", "approved", "utility", START)
        for row in session.exec(select(Sender)).all():
            row.pace = PACE
            session.add(row)
    return version


def _families(db: Database, sql: Plain, plan: Plan, version: int) -> None:
    villages = [row[0] for row in sql.all(f"SELECT id FROM {Village.__tablename__} ORDER BY id")]
    campaign = sql.one(
        "INSERT INTO campaign (name, lineage, status, version, created_by, created_at, pause_reason)"
        " VALUES ('kartu', 'kartu', 'running', 1, 'sari', :now, '') RETURNING id",
        now=to_micros(START),
    )
    senders = dict(sql.all("SELECT name, id FROM sender"))
    assert campaign is not None
    sealed = _Sealed(db)
    rows = list(_numbered(plan))
    for table, made in {
        "household": (
            {"id": n, "key": f"h{n}", "village_id": villages[n % len(villages)], "created_at": to_micros(START)}
            for n, _ in rows
        ),
        "guardian": ({"id": n, "household_id": n, "sealed_name": sealed.parent(n)} for n, _ in rows),
        "child": (
            {"id": n, "household_id": n, "sealed_name": sealed.child(n), "birth_date": _born(n), "sex": "L", "excluded": ""}
            for n, _ in rows
        ),
        "card": (
            {"id": n, "child_id": n, "kind": "no_photo", "status": "printed", "since": date(2026, 9, 1)} for n, _ in rows
        ),
        "contact_point": (
            {
                "id": n, "guardian_id": n, "channel": channel, "address_blind": sealed.blind(n, channel),
                "sealed_address": sealed.address(n, channel), "shared": False, "invalid_reason": "",
            }
            for n, channel in rows
        ),
        "message": (
            _message(n, channel, senders[channel], campaign[0], version, sealed) for n, channel in rows
        ),
        "message_child": (
            {"id": n, "message_id": n, "child_id": n, "card_id": n, "occasion": "printed_uncollected"} for n, _ in rows
        ),
    }.items():  # fmt: skip
        _insert(sql, table, made)
        if sql.kind == "postgresql":
            sql.all(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT MAX(id) FROM {table}))")


def _numbered(plan: Plan) -> Iterator[tuple[int, str]]:
    number = 0
    for channel, count in plan.lanes.items():
        for _ in range(count):
            number += 1
            yield number, channel


def _insert(sql: Plain, table: str, rows: Iterator[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append({key: value.isoformat() if isinstance(value, date) else value for key, value in row.items()})
        if len(batch) == 5000:
            _insert_all(sql, table, batch)
            batch = []
    _insert_all(sql, table, batch)


def _insert_all(sql: Plain, table: str, batch: list[dict[str, Any]]) -> None:
    if batch:
        names = ", ".join(batch[0])
        places = ", ".join(f":{name}" for name in batch[0])
        sql.many(f"INSERT INTO {table} ({names}) VALUES ({places})", batch)


class _Sealed:
    """Sealed names and addresses, each address once and each name by its own nonce, as an import leaves them."""

    def __init__(self, db: Database) -> None:
        self._sealer = db.sealer

    def parent(self, n: int) -> bytes:
        return self._sealer.seal("name", _PARENTS[n % len(_PARENTS)])

    def child(self, n: int) -> bytes:
        return self._sealer.seal("name", _CHILDREN[n % len(_CHILDREN)])

    def address(self, n: int, channel: str) -> bytes:
        return self._sealer.seal("address", address_of(n, channel))

    def blind(self, n: int, channel: str) -> bytes:
        return self._sealer.blind("address", address_of(n, channel))


def address_of(n: int, channel: str) -> str:
    """A chat id for Telegram, a telephone number for the others."""
    return str(100_000_000 + n) if channel == "telegram" else f"+62812{n:08}"


def _born(n: int) -> date:
    return date(2022, 1, 1) + timedelta(days=n % 900)


def _message(n: int, channel: str, sender: int, campaign: int, version: int, sealed: _Sealed) -> dict[str, Any]:
    due = START - timedelta(days=1) + timedelta(microseconds=n)
    blind = sealed.blind(n, channel)
    return {
        "id": n, "dedupe_key": dedupe_key("kartu", 1, STEP, n, 0),
        "address_key": address_key("kartu", 1, STEP, channel, blind), "purpose": "campaign", "sender_id": sender,
        "channel": channel, "sealed_address": sealed.address(n, channel), "address_blind": blind, "household_id": n,
        "campaign_id": campaign, "step": STEP, "hop": 0, "template_version_id": version, "status": "planned",
        "reason": "", "due_at": to_micros(due), "expires_at": to_micros(START + timedelta(days=5)),
        "settle_by": to_micros(START + timedelta(days=8)), "attempts": 0, "created_at": to_micros(START),
        "updated_at": to_micros(START),
    }  # fmt: skip


def _waiting(sql: Plain, plan: Plan) -> None:
    """Due rows behind the planned ones, to the same households and in the same lanes."""
    copies = -(-plan.waiting // sum(plan.lanes.values()))
    numbers = (
        f"(WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < {copies}) SELECT n FROM c) AS copy"
    )
    same = (
        "purpose, sender_id, channel, sealed_address, address_blind, household_id, campaign_id, step, hop,"
        " template_version_id, status, reason, expires_at, settle_by, attempts, created_at, updated_at"
    )
    sql.run(
        f"INSERT INTO message (dedupe_key, address_key, due_at, {same})"
        f" SELECT 'w' || copy.n || dedupe_key, 'w' || copy.n || address_key, due_at + copy.n * 1000000, {same}"
        f" FROM message, {numbers} LIMIT {plan.waiting}"
    )
    sql.run(
        "INSERT INTO message_child (message_id, child_id, card_id, occasion)"
        " SELECT id, household_id, household_id, 'printed_uncollected' FROM message"
        " WHERE id NOT IN (SELECT message_id FROM message_child)"
    )


def settings_of(environment: dict[str, str]) -> Settings:
    """The settings an environment stands for."""
    names = {name.removeprefix("BROADCASTER_").lower(): value for name, value in environment.items()}
    return setting.load(_env_file=None, **names)
