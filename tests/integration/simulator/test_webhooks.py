"""The simulator calls us back: signed receipts, replies and updates, read by the product's own channels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from aiohttp import web

from broadcaster.channels.protocol import Blocked, ChannelEvent, Receipt, Reply, WebhookRequest
from broadcaster.domain.message import AttemptState
from broadcaster.simulator.people import Planned
from tests.integration.channels.test_wire import make_template
from tests.integration.channels.world import BUTTONS, World, channels, until, world


@dataclass
class Us:
    """A stand-in for our webhooks: verifies, reads and parses with the real channels, and answers `status`."""

    base: str = ""
    status: int = 204
    answer: Any = None  # JSON that stands in the answer to a call
    events: list[ChannelEvent] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def receipts(self) -> list[AttemptState]:
        return [event.state for event in self.events if isinstance(event, Receipt)]

    def replies(self) -> list[Reply]:
        return [event for event in self.events if isinstance(event, Reply)]


@asynccontextmanager
async def both(**options: Any) -> AsyncIterator[tuple[World, Us]]:
    us = Us()

    async def hook(request: web.Request) -> web.Response:
        url = f"{us.base}{request.path_qs}"
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = WebhookRequest(url, headers, await request.read())
        channel = it.channels.by_name["telegram" if "telegram" in request.path else "whatsapp"]
        channel.verify(call)
        if us.status < 300:
            for event in channel.read_webhook(call):
                us.keys.append(event.key)
                us.events.extend(channel.parse(event))
        return web.Response(status=us.status) if us.answer is None else web.json_response(us.answer)

    app = web.Application()
    app.router.add_post("/hooks/{tail:.*}", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    us.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        async with world() as found, channels(found.sim.base_url, public=us.base, **options) as calling:
            it = World(found.sim, calling)
            it.sim.store.options.inbound_url = f"{us.base}/hooks/twilio/inbound"
            yield it, us
            assert it.sim.agenda.failed == []
    finally:
        await runner.cleanup()


def later(it: World, **delta: float) -> None:
    it.sim.store.set_now(it.sim.store.now() + timedelta(**delta))
    it.sim.agenda.time_moved()


def test_receipts_come_signed_in_order_with_our_reference() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            it.sim.people.set("+6281234567890", "read")
            await it.channels.send("whatsapp")
            later(it, seconds=10)
            await until(lambda: len(us.events) == 3)
            assert us.receipts() == [AttemptState.SENT, AttemptState.DELIVERED, AttemptState.READ]
            assert {event.reference for event in us.events if isinstance(event, Receipt)} == {"0a1b2c3d-41"}
            assert it.sim.store.receipts == {"posted": 3}

    asyncio.run(scenario())


def test_with_a_messaging_service_queued_is_reported_too() -> None:
    async def scenario() -> None:
        async with both(service="MG1") as (it, us):
            await it.channels.send("sms")
            later(it, seconds=10)
            await until(lambda: len(us.events) == 3)
            assert us.receipts() == [AttemptState.ACCEPTED, AttemptState.SENT, AttemptState.DELIVERED]

    asyncio.run(scenario())


def test_a_slow_phone_is_reached_hours_later_by_the_simulators_clock() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            it.sim.people.set("+6281234567890", "slow")
            await it.channels.send("sms")
            await until(lambda: us.receipts() == [AttemptState.SENT])
            later(it, hours=3, seconds=1)
            await until(lambda: us.receipts() == [AttemptState.SENT, AttemptState.DELIVERED])

    asyncio.run(scenario())


def test_nobody_on_whatsapp_is_accepted_and_fails_by_receipt() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            it.sim.people.set("+6281234567890", "no_whatsapp")
            await it.channels.send("whatsapp")
            later(it, seconds=1)
            await until(lambda: bool(us.events))
            (receipt,) = us.events
            assert isinstance(receipt, Receipt)
            assert (receipt.state, receipt.code) == (AttemptState.FAILED, "63024")

    asyncio.run(scenario())


def test_receipts_can_be_doubled_lost_and_shuffled() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            it.sim.store.options.double = 1.0
            await it.channels.send("sms")
            later(it, seconds=10)
            await until(lambda: len(us.keys) == 4)
            assert len(set(us.keys)) == 2
            it.sim.store.options.double, it.sim.store.options.drop = 0.0, 1.0
            await it.channels.send("sms", reference="0a1b2c3d-42")
            assert it.sim.store.receipts["dropped"] == 2
            it.sim.store.options.drop, it.sim.store.options.shuffle = 0.0, 1.0
            us.keys.clear()
            for number in range(30):
                await it.channels.send("sms", reference=f"0a1b2c3d-{100 + number}")
            later(it, seconds=10)
            await until(lambda: len(us.keys) == 60)
            statuses: dict[str, list[str]] = {}
            for key in us.keys:
                sid, status, _ = key.split(":")
                statuses.setdefault(sid, []).append(status)
            assert ["delivered", "sent"] in statuses.values()

    asyncio.run(scenario())


def test_people_reply_after_a_text_by_words_or_by_its_button() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            sid = await make_template(it)
            await it.channels.whatsapp.request_approval(sid, "ambil_kartu_1", "UTILITY")
            it.sim.people.set("+6281234567890", "silent", [Planned(60, text="di mana?"), Planned(90, button="opt_out")])
            values = {"1": "Ibu", "2": "Rizki"}
            await it.channels.send("whatsapp", content_sid=sid, content_variables=values, buttons=BUTTONS)
            later(it, seconds=61)
            await until(lambda: len(us.replies()) == 1)
            later(it, seconds=30)
            await until(lambda: len(us.replies()) == 2)
            words, press = us.replies()
            assert (words.text, words.intent) == ("di mana?", "")
            assert (press.text, press.intent, press.reference) == ("Berhenti", "opt_out", "0a1b2c3d-41")
            await it.channels.send("whatsapp", content_sid=sid, content_variables=values, buttons=BUTTONS)
            later(it, hours=1)
            await asyncio.sleep(0.1)
            assert len(us.replies()) == 2  # used up

    asyncio.run(scenario())


def test_the_providers_stop_mark_and_media_come_through() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            await it.sim.inbound.act(
                {"channel": "whatsapp", "address": "ID.45", "text": "berhenti", "opt_out_mark": "STOP", "media": True}
            )
            (reply,) = us.replies()
            assert (reply.address, reply.opt_out_mark, reply.has_media) == ("ID.45", "stop", True)

    asyncio.run(scenario())


def test_telegram_updates_go_to_the_webhook_and_are_tried_again() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            bot = it.channels.by_name["telegram"]._bot  # type: ignore[attr-defined]
            await bot.set_webhook(f"{us.base}/hooks/telegram", secret_token="rahasia")
            us.status = 500
            await it.sim.inbound.act({"channel": "telegram", "address": "9", "contact": "6281234567890"})
            assert us.events == []
            us.status = 204
            later(it, seconds=3)
            await until(lambda: bool(us.events))
            await it.sim.inbound.act({"channel": "telegram", "address": "9", "block": True})
            contact, blocked = us.events
            assert isinstance(contact, Reply)
            assert contact.own_phone == "6281234567890"
            assert isinstance(blocked, Blocked)
            assert blocked.blocked
            assert (await it.channels.send("telegram", address="9")).code == "403:blocked"  # type: ignore[union-attr]
            await it.sim.inbound.act({"channel": "telegram", "address": "9", "start": ""})
            assert (await it.channels.send("telegram", address="9")).provider_id  # type: ignore[union-attr]

    asyncio.run(scenario())


def test_a_call_in_the_answer_to_a_webhook_is_carried_out() -> None:
    async def scenario() -> None:
        async with both() as (it, us):
            bot = it.channels.by_name["telegram"]._bot  # type: ignore[attr-defined]
            await bot.set_webhook(f"{us.base}/hooks/telegram", secret_token="rahasia")
            await it.channels.send("telegram", buttons=BUTTONS)
            for body, answered in (
                (None, 0),
                ({"method": "answerCallbackQuery", "callback_query_id": "77"}, 1),
                ([], 1),
            ):
                us.answer = body
                await it.sim.inbound.act({"channel": "telegram", "address": "900100200", "button": "Berhenti"})
                assert len(it.sim.telegram.answered_presses) == answered
            assert it.sim.telegram.answered_presses == ["77"]

    asyncio.run(scenario())


def test_nobody_at_the_callback_address_does_not_stop_the_simulator() -> None:
    async def scenario() -> None:
        async with world(public="http://127.0.0.1:1") as it:
            await it.channels.send("sms")
            it.sim.store.set_now(it.sim.store.now() + timedelta(seconds=5))
            it.sim.agenda.time_moved()
            await until(lambda: it.sim.store.receipts["refused"] == 2)
            await it.channels.send("sms", reference="0a1b2c3d-42")
            assert it.accepted == 2

    asyncio.run(scenario())
