"""An office with its texts and a small campaign in front of a simulated provider: templates from push to sending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from broadcaster.campaigns import planning, service
from broadcaster.campaigns.definition import read_definition
from broadcaster.channels.codes import load_codes
from broadcaster.channels.twilio import WhatsAppChannel
from broadcaster.clock import SteppedClock
from broadcaster.delivery import templates
from broadcaster.delivery.drain import Drained, Sending, drain
from broadcaster.delivery.polling import poll_receipts
from broadcaster.delivery.templates import Pushed, TemplateLine
from broadcaster.domain.message import ChannelKind
from broadcaster.office.queries import open_alerts
from broadcaster.office.service import load_defaults
from broadcaster.outbox.record import CodeClass
from broadcaster.rendering.queries import source_of
from broadcaster.rendering.service import load_content, save
from broadcaster.rendering.source import to_toml
from broadcaster.replies.service import apply_events
from broadcaster.settings import Mode, Settings
from broadcaster.shipped import content_dir
from broadcaster.simulator.store import Template
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.channels.world import World, world

ZONE = ZoneInfo("Asia/Jakarta")
KEY = "ambil-kartu-1"
NAME = "kartu"
FILE = f"""
name = "{NAME}"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
none = true
[[steps]]
message = "{KEY}"
offset_days = 0
channels = ["telegram", "whatsapp", "sms"]
valid_days = 5
"""
CODES = load_codes(content_dir() / "codes")


def classify(channel: ChannelKind, code: str, in_receipt: bool) -> CodeClass:
    found = CODES.classify(channel, code, receipt=in_receipt)
    return CodeClass(found.kind, found.max_tries)


@dataclass
class Desk:
    db: Database
    it: World
    clock: SteppedClock
    sending: Sending

    @property
    def registrar(self) -> WhatsAppChannel:
        return self.it.channels.whatsapp

    @property
    def held(self) -> list[Template]:
        """What the provider holds, oldest first."""
        return list(self.it.sim.store.templates.values())

    def template(self, key: str = KEY) -> Template:
        """The newest template of a message."""
        return next(one for one in reversed(self.held) if one.name.startswith(key.replace("-", "_") + "_v"))

    def decide(self, status: str, category: str = "", reason: str = "", key: str = KEY) -> None:
        """Meta decides."""
        template = self.template(key)
        template.status, template.category, template.reason = status, category or template.category, reason

    def approve_all(self) -> None:
        for template in self.held:
            template.status = "approved"

    async def push(self) -> Pushed:
        return await templates.push(self.db, self.clock, self.registrar)

    async def follow(self, *, minutes: int = 11) -> int:
        self.later(minutes=minutes)
        return await templates.follow(self.db, self.clock, self.registrar)

    def later(self, **delta: float) -> None:
        self.clock.jump_to(self.clock.now() + timedelta(**delta))

    def line(self, key: str = KEY, number: int | None = None) -> TemplateLine:
        with self.db.read() as session:
            found = [one for one in templates.template_lines(session) if one.line.key == key]
        return next(one for one in found if number in (None, one.line.number))

    def state(self, key: str = KEY) -> str:
        return self.line(key).line.standing.state

    def alerts(self) -> list[tuple[str, str]]:
        with self.db.read() as session:
            return [(alert.kind, alert.subject) for alert in open_alerts(session)]

    def posts(self) -> list[str]:
        """Calls that change something at the Content API."""
        return [raw.path for raw in self.it.requests if raw.method == "POST" and raw.path.startswith("/v1/Content")]

    def edit(self, *channels: str, key: str = KEY) -> int:
        """Staff change the wording on these channels; the number of the new version."""
        with self.db.write() as session:
            source = source_of(session, key)
            texts = {
                name: f"{text.rstrip()}\n\nTerima kasih banyak." if name in channels else text
                for name, text in source.texts.items()
            }
            toml = to_toml(replace(source, texts=texts))
            return save(session, key, toml, by="sari", now=self.clock.now())

    def release(self) -> None:
        """A second person releases the campaign."""
        service.create(self.db, read_definition(FILE), by="sari", now=self.clock.now())
        service.approve(self.db, NAME, by="budi", now=self.clock.now())

    def start(self) -> int:
        """Released and begun: a message is planned for each family. Returns how many."""
        self.release()
        service.start(
            self.db, NAME, by="sari", now=self.clock.now(), zone=ZONE, configured=set(ChannelKind), salt="salt"
        )
        return planning.plan(self.db, self.clock.now(), ZONE)

    async def send(self, *names: str) -> Drained:
        """Drain these lanes (all of them without names), one after the other; the last one's account."""
        with self.db.read() as session:
            lanes = {row.name: row.id or 0 for row in session.exec(select(tables.Sender))}
        done = Drained()
        for name in names or ("telegram", "whatsapp", "sms"):
            done = await asyncio.wait_for(drain(self.sending, lanes[name], asyncio.Event()), 20)
        return done

    async def receipts(self) -> None:
        """Fetch what became of the texts, and act on it."""
        self.later(minutes=2)
        await poll_receipts(self.db, self.clock, self.it.channels.twilio_poller)
        channels = {"twilio": self.registrar, "telegram": self.it.channels.by_name["telegram"]}
        await asyncio.to_thread(partial(apply_events, self.db, channels, self.clock.now(), classify=classify))

    def rows(self, channel: str) -> list[tables.Message]:
        with self.db.read() as session:
            return list(
                session.exec(
                    select(tables.Message).where(tables.Message.channel == channel).order_by(col(tables.Message.id))
                )
            )

    def messages(self) -> dict[str, list[tuple[str, str]]]:
        """channel -> (status, reason) of its messages."""
        found: dict[str, list[tuple[str, str]]] = {}
        with self.db.read() as session:
            for row in session.exec(select(tables.Message).order_by(col(tables.Message.id))):
                found.setdefault(row.channel, []).append((row.status, row.reason))
        return found

    def campaign_state(self) -> str:
        with self.db.read() as session:
            return session.exec(select(tables.Campaign.status)).one()

    def received(self, channel: str) -> int:
        return self.it.sim.store.accepted[channel]


@asynccontextmanager
async def desk(db: Database, now: datetime, *, families: int = 1, **options: Any) -> AsyncIterator[Desk]:
    """`families` on each of the three channels. The provider approves nothing by itself."""
    with db.write() as session:
        make.installation(session)
        load_defaults(session, now)
        load_content(session, content_dir(), now)
        make.facts(session)
        make.staff(session, "sari", "operator")
        make.staff(session, "budi", "approver")
        village = make.village(session)
        for channel in ("telegram", "whatsapp", "sms"):
            make.sender(session, channel, pace=50.0)
            for number in range(families):
                family = make.family(session, db.sealer, village=village, phone="")
                address = f"70012{number}" if channel == "telegram" else None
                address = address or f"+62812{'3456' if channel == 'whatsapp' else '9999'}{number:04}"
                make.contact(session, db.sealer, family.guardian, channel, address)
    clock = SteppedClock(now)
    with ThreadPoolExecutor(1) as writer:
        async with world(public="", **options) as it:
            it.sim.store.clock = clock
            it.sim.store.options.auto_approve = False
            kinds = {ChannelKind(name): channel for name, channel in it.channels.by_name.items()}
            sending = Sending(
                db=db, settings=Settings(mode=Mode.LIVE), clock=clock, channels=kinds, classify=classify,
                writer=writer, holder="meja",
            )  # fmt: skip
            yield Desk(db, it, clock, sending)


def at_the_desk(
    db: Database, now: datetime, scenario: Callable[[Desk], Coroutine[Any, Any, None]], **options: Any
) -> None:
    async def begin() -> None:
        async with desk(db, now, **options) as here:
            await scenario(here)

    asyncio.run(begin())
