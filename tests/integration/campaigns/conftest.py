"""An office that is ready to send, with a district of a few families."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from broadcaster.campaigns import planning, service
from broadcaster.campaigns.definition import Definition, read_definition
from broadcaster.domain.message import ChannelKind
from broadcaster.office.service import load_defaults
from broadcaster.rendering.queries import templates
from broadcaster.rendering.service import load_content, record_provider_template
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from tests import make

ZONE = ZoneInfo("Asia/Jakarta")
ALL = set(ChannelKind)

FILE = """
name = "kartu"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
waves = 3
every_days = 7
[[steps]]
message = "ambil-kartu-1"
offset_days = 0
channels = ["telegram", "whatsapp", "sms", "village_list"]
[[steps]]
message = "ambil-kartu-2"
offset_days = 7
channels = ["whatsapp", "village_list"]
"""


@dataclass
class Office:
    db: Database
    now: datetime

    def create(self, text: str = FILE) -> Definition:
        definition = read_definition(text)
        service.create(self.db, definition, by="sari", now=self.now)
        return definition

    def start(self, text: str = FILE, salt: str | None = "salt", configured: set[ChannelKind] | None = None) -> str:
        definition = self.create(text)
        service.approve(self.db, definition.name, by="budi", now=self.now)
        service.start(
            self.db,
            definition.name,
            by="sari",
            now=self.now,
            zone=ZONE,
            configured=ALL if configured is None else configured,
            salt=salt,
        )
        return definition.name

    def plan(self, now: datetime | None = None) -> int:
        return planning.plan(self.db, now or self.now, ZONE)


@pytest.fixture
def office(sqlite_db: Database, now: datetime) -> Office:
    db = sqlite_db
    with db.write() as session:
        make.installation(session)
        load_defaults(session, now)
        load_content(session, content_dir(), now)
        make.facts(session)
        make.staff(session, "sari", "operator")
        make.staff(session, "budi", "approver")
        for channel in ChannelKind:
            make.sender(session, channel)
        for version in templates(session):
            record_provider_template(session, version.id, "twilio", f"HX{version.id:032}", "approved", "utility", now)
    return Office(db, now)


@pytest.fixture
def families(office: Office) -> Callable[..., list[make.Family]]:
    def some(number: int, **columns: object) -> list[make.Family]:
        with office.db.write() as session:
            village = make.village(session)
            return [make.family(session, office.db.sealer, village=village, **columns) for _ in range(number)]

    return some
