"""The Telegram life of a parent, from the poster to the block and back, over real sockets: our texts through
python-telegram-bot, news by polling and by webhook, every update as that library reads it."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select
from sqlmodel.sql.expression import SelectOfScalar
from telegram import Bot, Update

from broadcaster.app import App, connect
from broadcaster.campaigns import service as campaigns
from broadcaster.campaigns.definition import read_definition
from broadcaster.channels import telegram_events
from broadcaster.channels.protocol import RawEvent
from broadcaster.clock import SteppedClock
from broadcaster.domain.message import ChannelKind
from broadcaster.engines.manual import tick
from broadcaster.jobs import Running
from broadcaster.office.service import load_defaults
from broadcaster.rendering.service import load_content
from broadcaster.replies import places, posters
from broadcaster.replies.links import telegram_link
from broadcaster.settings import Settings
from broadcaster.shipped import content_dir
from broadcaster.simulator.server import Simulator, start
from broadcaster.simulator.store import Text
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.web.serving import serve

PARENT, NEIGHBOUR, STRANGER = "700100200", "700100201", "700100999"
PHONE = "+6281234567890"
TOKEN = "123456:AA-token"
SECRET = "rahasia-telegram"
DESA = "17.03.07.1015"

CAMPAIGN = """
name = "{name}"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
none = true
[[steps]]
message = "ambil-kartu-1"
offset_days = 0
channels = ["telegram", "village_list"]
"""


@dataclass
class Life:
    """An office with its bot, the simulated Telegram, and what people do there."""

    app: App
    running: Running
    simulator: Simulator
    clock: SteppedClock

    async def does(self, chat: str, **what: Any) -> list[Text]:
        """One act of a person, and everything the office does about it; the texts that chat gets because of it."""
        before = len(self.texts(chat))
        await self.simulator.inbound.act({"channel": "telegram", "address": chat, **what})
        await self.work()
        return self.texts(chat)[before:]

    async def work(self) -> None:
        await tick(self.running)
        self.clock.jump_to(self.clock.now() + timedelta(minutes=2))
        self.simulator.store.set_now(self.clock.now())

    def texts(self, chat: str) -> list[Text]:
        return [text for text in self.simulator.store.texts if text.to == chat]

    async def campaign(self, name: str) -> None:
        """A campaign to everybody whose card waits, released and started."""
        db, now = self.app.db, self.app.now()

        def begin() -> None:
            campaigns.create(db, read_definition(CAMPAIGN.format(name=name)), by="sari", now=now)
            campaigns.approve(db, name, by="budi", now=now)
            campaigns.start(
                db, name, by="sari", now=now, zone=self.app.settings.zone,
                configured={ChannelKind.TELEGRAM, ChannelKind.VILLAGE_LIST}, salt="salt",
            )  # fmt: skip

        await asyncio.to_thread(begin)
        await self.work()

    def chats(self) -> list[tuple[str, bool]]:
        """(chat, shared) of every family's Telegram."""
        with self.app.db.read() as session:
            points = session.exec(select(tables.ContactPoint).where(tables.ContactPoint.channel == "telegram"))
            return [(self.app.db.sealer.open("address", point.sealed_address), point.shared) for point in points]

    def report(self) -> tuple[int, int]:
        """(starts, families) of the only poster."""
        with self.app.db.read() as session:
            (line,) = places.place_report(session).lines
        return line.telegram_starts, line.families

    def suppressed(self, chat: str) -> set[str]:
        blind = self.app.db.sealer.blind("address", chat)
        now = self.app.now()
        with self.app.db.read() as session:
            rows = session.exec(select(tables.Suppression).where(tables.Suppression.address_blind == blind))
            return {row.reason for row in rows if row.until is None or row.until > now}

    def kept_events(self) -> list[str]:
        """The raw updates as they are kept, in order."""
        with self.app.db.read() as session:
            rows = session.exec(select(tables.ProviderEvent).order_by(col(tables.ProviderEvent.id))).all()
            assert [row.problem for row in rows if row.problem] == []
            assert all(row.applied_at for row in rows)
            return [self.app.db.sealer.open("event", row.sealed_raw) for row in rows]


@asynccontextmanager
async def life(db: Database, now: datetime, folder: Path, news: str) -> AsyncIterator[Life]:
    """`news`: "polling" or "webhook"."""
    simulator = await start()
    clock = SteppedClock(now)
    simulator.store.set_now(now)
    settings: dict[str, Any] = {
        "data_dir": folder, "mode": "rehearsal", "telegram_token": TOKEN, "telegram_base_url": simulator.base_url,
        "twilio_base_url": simulator.base_url, "pace_telegram": 1000,
    }  # fmt: skip
    if news == "webhook":
        settings |= {"public_base_url": "https://kia.example.go.id", "telegram_webhook_secret": SECRET}
    app = connect(App(settings=Settings(**settings), clock=clock, db=db))
    running = Running(app)
    with contextlib.ExitStack() as stack:
        try:
            assert app.telegram is not None
            if news == "webhook":
                port = stack.enter_context(serve(app))
                await app.telegram.use_webhook(f"http://127.0.0.1:{port}/hooks/telegram", SECRET)
            assert [poller.account for poller in app.pollers] == (["telegram"] if news == "polling" else [])
            yield Life(app, running, simulator, clock)
        finally:
            running.close()
            assert app.transport is not None
            await app.transport.aclose()
            await simulator.stop()


def _office(db: Database, now: datetime) -> make.Family:
    with db.write() as session:
        make.installation(session)
        load_defaults(session, now)
        load_content(session, content_dir(), now)
        make.facts(session)
        make.staff(session, "sari", "operator")
        make.staff(session, "budi", "approver")
        for channel in ("telegram", "village_list"):
            make.sender(session, channel, pace=1000)
        make.family(session, db.sealer, phone="", child_name="BUDI")  # so that there is always somebody to write to
        return make.family(session, db.sealer, phone=PHONE, child_name="RIZKI PRATAMA")


def _of(family: make.Family) -> SelectOfScalar[tables.Message]:
    """The campaign messages of a family, in order."""
    household = tables.Message.household_id == family.household.id
    return (
        select(tables.Message).where(household, tables.Message.purpose == "campaign").order_by(col(tables.Message.id))
    )


@pytest.mark.parametrize("news", ["polling", "webhook"])
def test_the_telegram_life_of_a_parent(db: Database, now: datetime, tmp_path: Path, news: str) -> None:
    family = _office(db, now)

    async def scenario() -> None:
        async with life(db, now, tmp_path, news) as it:
            assert it.app.telegram is not None
            bot = await it.app.telegram.name()
            poster = posters.make_poster(db, desa=DESA, place="", by="sari", now=now)
            url = telegram_link(bot, poster.token)
            assert url == f"https://t.me/simulasi_bot?start={poster.token}"
            payload = url.partition("?start=")[2]

            # scan and Start: greeted with the button that shares one's own number, counted for the place
            (hello,) = await it.does(PARENT, start=payload)
            assert "Salam dari Dukcapil" in hello.text
            assert hello.keyboard == ("Bagikan nomor HP saya",)
            (neighbours,) = await it.does(NEIGHBOUR, start=payload)
            assert neighbours.text == hello.text
            assert await it.does(PARENT, start=payload) == [], "pressed again: no second greeting"
            assert it.report() == (2, 0)
            assert it.chats() == []

            # somebody else's card is refused, and nothing of it is kept
            for owner in (STRANGER, ""):
                (refused,) = await it.does(NEIGHBOUR, contact=PHONE.lstrip("+"), card_of=owner)
                assert "kontak orang lain" in refused.text
                assert refused.keyboard == ("Bagikan nomor HP saya",)
            assert it.chats() == []
            assert not any(PHONE.lstrip("+") in raw for raw in it.kept_events())

            # the own number links the chat to the family
            (linked,) = await it.does(PARENT, contact=PHONE.lstrip("+"))
            assert "kami kirim lewat Telegram ini" in linked.text
            assert it.chats() == [(PARENT, False)]
            assert it.report() == (2, 1)

            # a campaign's text, with the child's name and buttons
            await it.campaign("satu")
            (text,) = it.texts(PARENT)[-1:]
            assert "Rizki" in text.text
            titles = [title for title, _ in text.buttons]
            assert "Berhenti" in titles
            assert text.reference.startswith(make.INSTANCE)

            # a button: the small clock stops, the office thanks
            presses = len(it.simulator.telegram.answered_presses)
            (thanks,) = await it.does(PARENT, button="already_collected")
            assert "tidak akan mengingatkan lagi" in thanks.text
            assert len(it.simulator.telegram.answered_presses) == presses + 1
            assert await it.does(PARENT, button="already_collected") == [], "pressed again"
            assert len(it.simulator.telegram.answered_presses) == presses + 2, "every press is answered, the second too"
            with db.read() as session:
                reply = session.exec(select(tables.Reply).order_by(col(tables.Reply.id).desc())).first()
                assert reply is not None
                assert reply.message_id is not None

            # /berhenti: confirmed once, and the next campaign does not reach the chat
            (stopped,) = await it.does(PARENT, text="/berhenti")
            assert "MULAI" in stopped.text
            assert it.suppressed(PARENT) == {"opt_out"}
            await it.campaign("dua")
            assert it.texts(PARENT)[-1] is stopped

            # block and unblock: the block goes, the stop stays
            assert await it.does(PARENT, block=True) == []
            assert it.suppressed(PARENT) >= {"opt_out"}
            assert await it.does(PARENT, block=False) == []
            assert it.suppressed(PARENT) == {"opt_out"}
            await it.campaign("tiga")
            assert it.texts(PARENT)[-1] is stopped

            # a new wish, and messages come again; a block alone stops them, coming back resumes them
            (again,) = await it.does(PARENT, text="/mulai")
            assert "akan kami kirim lagi" in again.text
            await it.campaign("empat")
            assert "Rizki" in it.texts(PARENT)[-1].text
            many = len(it.texts(PARENT))
            await it.does(PARENT, block=True)
            assert "blocked" in it.suppressed(PARENT)
            await it.campaign("lima")
            assert len(it.texts(PARENT)) == many
            await it.does(PARENT, block=False)
            assert it.suppressed(PARENT) == set()

            # whoever is linked to no family has been greeted and refused, and has never heard of one
            assert it.texts(NEIGHBOUR)[0] is neighbours
            assert not any("Rizki" in text.text or text.buttons for text in it.texts(NEIGHBOUR))

            # every update of the simulator is one that the library reads whole
            reader = Bot(TOKEN)
            for raw in it.kept_events():
                update = Update.de_json(json.loads(raw), reader)
                assert update is not None
                assert update.effective_user is not None
                assert update.effective_chat is not None
                assert len(telegram_events.parse(RawEvent("telegram", "1", "update", raw))) == 1

    asyncio.run(scenario())
    with db.read() as session:
        assert session.get_one(tables.Card, family.card.id).status == "printed", "a reply never changes a card"


@pytest.mark.parametrize("news", ["polling", "webhook"])
def test_a_letter_links_one_chat_once_and_its_owner_may_unlink_it(
    db: Database, now: datetime, tmp_path: Path, news: str
) -> None:
    family = _office(db, now)

    async def scenario() -> None:
        async with life(db, now, tmp_path, news) as it:
            letter = posters.make_household_link(db, family.household.id or 0, by="sari", now=now)
            (linked,) = await it.does(PARENT, start=letter.token)
            assert "keluarga yang menerima surat" in linked.text
            assert "Rizki" not in linked.text, "whoever opens a letter learns no name from the bot"
            assert it.chats() == [(PARENT, False)]

            (late,) = await it.does(STRANGER, start=letter.token)
            assert "sudah dipakai" in late.text
            assert it.chats() == [(PARENT, False)]

            # planned for the chat, and unlinked before it leaves: the family's line goes to the village officer instead
            with db.write() as session:
                lane = session.exec(select(tables.Sender).where(tables.Sender.channel == "telegram")).one()
                lane.paused_until = now + timedelta(days=1)
                session.add(lane)
            await it.campaign("satu")
            with db.write() as session:
                lane = session.exec(select(tables.Sender).where(tables.Sender.channel == "telegram")).one()
                lane.paused_until = None
                session.add(lane)
            with db.read() as session:
                waiting = session.exec(_of(family)).one()
                assert (waiting.channel, waiting.status) == ("telegram", "planned")
            (gone,) = await it.does(PARENT, text="/putus")
            assert "tidak tersambung lagi" in gone.text
            assert it.chats() == []
            await it.work()
            with db.read() as session:
                rows = session.exec(_of(family)).all()
                assert [(row.channel, row.status, row.reason) for row in rows] == [
                    ("telegram", "cancelled", "unlinked"), ("village_list", "accepted", ""),
                ]  # fmt: skip
                assert rows[1].follows == "unlinked"
                subscriber = session.exec(
                    select(tables.Subscriber).where(
                        tables.Subscriber.address_blind == db.sealer.blind("address", PARENT)
                    )
                ).one()
            assert subscriber.unlinked_at is not None
            assert it.suppressed(PARENT) == set(), "unlinking is no stop: public news goes on"

    asyncio.run(scenario())
