"""A NIK that people send anyway: in the database file, in its write-ahead log, below every seal, in the logs: nowhere."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import structlog
from sqlalchemy import LargeBinary, select
from sqlmodel import SQLModel

from broadcaster.app import App
from broadcaster.channels import twilio_events
from broadcaster.channels.protocol import RawEvent
from broadcaster.outbox.record import CodeClass
from broadcaster.outbox.service import keep_event
from broadcaster.replies.service import apply_events
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Unsealable
from tests import make
from tests.integration.web import seed
from tests.integration.web.serving import Client, serve
from tests.integration.web.test_hooks import INBOUND, PUBLIC, _channels, telegram, twilio

NIK = "1703071501120001"
WRITTEN = [
    NIK,
    "1703 0715 0112 0001",
    "17.03.07.150112.0001",
    "1703-0715-0112-0001",
    "1703071\n501120001",
    "１７０３０７１５０１１２０００１",
]
#: Two words that only these messages hold: what is kept of them is what is searched.
MARK = "zamrud"
SEALS = ("event", "reply", "body", "address", "name")


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    with sqlite_db.write() as session:
        make.installation(session)
        make.facts(session)
        for channel in ("whatsapp", "telegram"):
            make.sender(session, channel)
    return seed.app(sqlite_db, now, tmp_path, public=PUBLIC, channels=_channels())


@pytest.fixture
def logs() -> Iterator[io.StringIO]:
    """Everything any logger says, at the most talkative level."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    before = structlog.get_config()
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(heard), cache_logger_on_first_use=False)
    yield heard
    structlog.configure(**before)
    root.removeHandler(handler)
    root.setLevel(level)


def _found_below_the_seals(db: Database) -> tuple[list[str], int]:
    """Every table and column where the digits of the NIK stand, and how many sealed values were opened and hold `MARK`."""
    found, marked = [], 0
    with db.read() as session:
        for table in SQLModel.metadata.sorted_tables:
            for row in session.connection().execute(select(table)):
                for column, value in zip(table.columns, row, strict=True):
                    texts = (
                        [_opened(db, seal, value) for seal in SEALS]
                        if isinstance(column.type, LargeBinary)
                        else [str(value)]
                    )
                    marked += sum(MARK in text for text in texts)
                    found += [f"{table.name}.{column.name}" for text in texts if NIK in re.sub(r"\D", "", text)]
    return found, marked


def _opened(db: Database, seal: str, value: bytes | None) -> str:
    try:
        return db.sealer.open(seal, value) if value else ""
    except Unsealable:
        return ""


def _files(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def test_a_nik_people_send_is_nowhere_on_the_disk_and_nowhere_in_the_logs(
    app: App, now: datetime, tmp_path: Path, logs: io.StringIO
) -> None:
    with serve(app) as port:
        client = Client(port)
        for number, written in enumerate(WRITTEN):
            text = f"{MARK} ini nik anak saya {written} tolong dicek"
            fields = {"MessageSid": f"SM{number:032d}", "From": "whatsapp:+6281234567890", "Body": text}
            fields |= {"NumMedia": "1", "MediaUrl0": f"https://api.example/{NIK}.jpg", "ProfileName": written}
            assert twilio(client, INBOUND, fields).status == 200
            person = {"id": 5, "type": "private", "first_name": f"Sri {written}"}
            photo = [{"file_id": f"A{NIK}", "file_unique_id": "B"}]
            message = {"chat": person, "from": person, "date": 1, "caption": text, "photo": photo}
            assert telegram(client, json.dumps({"update_id": number, "message": message}).encode()).status == 204
            assert telegram(client, f'{{"text": "{written}'.encode()).status == 204
            client.call("POST", INBOUND, f"Body={written}".encode(), {"x-twilio-signature": "salah"})
    with app.db.write() as session:  # what a poller brings
        polled = twilio_events.inbound_event("SM9" + "0" * 31, [("From", "+6281234567891"), ("Body", f"{MARK} {NIK}")])
        keep_event(session, app.db.sealer, polled, now)
    channels = {channel.account: channel for channel in _channels().values()}
    taken = apply_events(app.db, channels, now, classify=lambda *_: CodeClass("permanent"))
    with app.db.read() as session:
        assert len(session.execute(select(tables.Reply.id)).all()) == 2 * len(WRITTEN) + 1, "everybody was heard"
    found, marked = _found_below_the_seals(app.db)
    assert taken == 3 * len(WRITTEN) + 1
    assert found == []
    assert marked >= 4 * len(WRITTEN), "the messages themselves are kept, in the raw event and in the conversation"
    on_disk = _files(tmp_path)  # the write-ahead log is still there: nothing has been closed
    assert (tmp_path / "broadcaster.sqlite3-wal").exists()
    assert NIK.encode() not in on_disk
    assert NIK not in re.sub(r"\D", "", logs.getvalue())
    assert MARK not in logs.getvalue()


def test_the_search_would_find_one(app: App, now: datetime) -> None:
    with app.db.write() as session:
        keep_event(session, app.db.sealer, RawEvent("twilio", "x", "inbound", f"{MARK} 1703 0715 0112 0001"), now)
    assert _found_below_the_seals(app.db) == (["provider_event.sealed_raw"], 1)
