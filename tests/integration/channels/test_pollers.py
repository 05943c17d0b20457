"""Fetching what a webhook would have brought, with the same keys."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest

from broadcaster.channels.protocol import Accepted, Receipt, ReceiptPoller, Reply
from broadcaster.domain.message import AttemptState, ChannelKind
from broadcaster.errors import PollFailed
from tests.integration.channels.world import (
    BUTTONS,
    WHATSAPP_FROM,
    World,
    always,
    channels,
    http_answer,
    raw_server,
    world,
)

MORNING = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)


async def write(it: World, channel: str, address: str, **what: object) -> None:
    await it.sim.inbound.act({"channel": channel, "address": address, **what})


def test_telegram_updates_come_once_and_in_order() -> None:
    async def scenario() -> None:
        async with world() as it:
            poller, parse = it.channels.telegram_poller, it.channels.by_name["telegram"].parse
            assert await poller.poll("") == ((), "")
            await write(it, "telegram", "900100200", start="poster7")
            await write(it, "telegram", "900100200", text="kapan buka?")
            events, cursor = await poller.poll("")
            assert [event.key.partition(":")[0] for event in events] == ["1", "2"]
            replies = [parse(event)[0] for event in events]
            assert [reply.start_payload for reply in replies if isinstance(reply, Reply)] == ["poster7", None]
            # not confirmed yet: a crash before they are kept loses nothing
            again, _ = await poller.poll("")
            assert [event.key for event in again] == [event.key for event in events]
            assert (await poller.poll(cursor))[0] == ()

    asyncio.run(scenario())


def test_the_cursor_is_forgotten_once_nothing_waits() -> None:
    """Telegram may number anew, and lower, after a week of silence; an old offset would then swallow updates."""

    async def scenario() -> None:
        async with world() as it:
            poller = it.channels.telegram_poller
            await write(it, "telegram", "1", text="satu")
            _, cursor = await poller.poll("")
            assert cursor == "2"
            _, cursor = await poller.poll(cursor)
            assert cursor == ""

    asyncio.run(scenario())


def test_a_pressed_button_is_read_and_its_spinner_stopped() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.channels.send("telegram", buttons=BUTTONS)
            await write(it, "telegram", "900100200", button="Berhenti")
            (event,), _ = await it.channels.telegram_poller.poll("")
            (reply,) = it.channels.by_name["telegram"].parse(event)
            assert isinstance(reply, Reply)
            assert (reply.text, reply.intent, reply.reference) == ("Berhenti", "opt_out", "0a1b2c3d-41")
            answered = [raw for raw in it.requests if raw.path.endswith("answerCallbackQuery")]
            assert len(answered) == 1

    asyncio.run(scenario())


def test_a_second_poller_or_a_webhook_is_named() -> None:
    async def scenario() -> None:
        async with world() as it:
            bot = it.channels.by_name["telegram"]._bot  # type: ignore[attr-defined]
            await bot.set_webhook("https://kia.example.go.id/hooks/telegram")
            with pytest.raises(PollFailed) as failed:
                await it.channels.telegram_poller.poll("")
            assert failed.value.code == "poll_conflict"

    asyncio.run(scenario())


@pytest.mark.parametrize("body", [b"", b"[]", b'{"ok":false}', b"<html>", b'{"ok":true,"result":5}'])
def test_a_poll_without_a_readable_answer_fails(body: bytes) -> None:
    async def scenario() -> None:
        async with raw_server(always(http_answer(body))) as base, channels(base) as it:
            with pytest.raises(PollFailed):
                await it.telegram_poller.poll("")
            with pytest.raises(PollFailed):
                await it.twilio_poller.poll("")
            with pytest.raises(PollFailed):
                await it.twilio_poller.fetch_status(["SM1", "SM2"])

    asyncio.run(scenario())


def test_nobody_there_fails_the_poll() -> None:
    async def scenario() -> None:
        async with channels("http://127.0.0.1:1") as it:
            for poll in (
                it.telegram_poller.poll(""),
                it.twilio_poller.poll(""),
                it.twilio_poller.fetch_status(["SM1"]),
            ):
                with pytest.raises(PollFailed):
                    await poll

    asyncio.run(scenario())


def test_whatsapp_messages_are_listed_from_the_cursor_on_with_their_moment() -> None:
    async def scenario() -> None:
        async with world() as it:
            poller, parse = it.channels.twilio_poller, it.channels.whatsapp.parse
            it.sim.store.set_now(MORNING)
            events, cursor = await poller.poll("")
            assert events == []
            it.sim.store.set_now(MORNING + timedelta(hours=30))
            await write(it, "whatsapp", "+6281234567890", text="STOP", to=WHATSAPP_FROM)
            await write(it, "whatsapp", "ID.4566546130240823", text="di mana?", to=WHATSAPP_FROM)
            events, cursor = await poller.poll(cursor)
            replies = [parse(event)[0] for event in events]
            assert [(reply.address, reply.text) for reply in replies if isinstance(reply, Reply)] == [
                ("+6281234567890", "STOP"),
                ("ID.4566546130240823", "di mana?"),
            ]
            assert isinstance(replies[0], Reply)
            assert replies[0].sent_at is not None
            assert abs(replies[0].sent_at - (MORNING + timedelta(hours=30))) < timedelta(seconds=5)
            it.sim.store.set_now(MORNING + timedelta(hours=55))
            await write(it, "whatsapp", "+6281234567890", text="MULAI", to=WHATSAPP_FROM)
            newer, cursor = await poller.poll(cursor)
            assert {event.key for event in newer} > {event.key for event in events}  # the keys absorb the overlap
            newest, _ = await poller.poll(cursor)
            assert [event.key for event in newest] == [newer[-1].key]  # the older ones are behind the cursor now

    asyncio.run(scenario())


def test_the_first_poll_does_not_answer_last_years_questions() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.sim.store.set_now(MORNING - timedelta(days=300))
            await write(it, "whatsapp", "+6281234567890", text="lama", to=WHATSAPP_FROM)
            it.sim.store.set_now(MORNING)
            await write(it, "whatsapp", "+6281234567890", text="baru", to=WHATSAPP_FROM)
            events, _ = await it.channels.twilio_poller.poll("")
            assert len(events) == 1
            assert "baru" in events[0].raw

    asyncio.run(scenario())


def test_many_messages_are_listed_over_several_pages() -> None:
    async def scenario() -> None:
        async with world() as it:
            for number in range(1005):
                await write(it, "whatsapp", f"+62812{number:08d}", text="halo", to=WHATSAPP_FROM)
            events, _ = await it.channels.twilio_poller.poll("")
            assert len({event.key for event in events}) == 1005

    asyncio.run(scenario())


def test_fetched_states_have_the_keys_of_the_webhooks() -> None:
    async def scenario() -> None:
        async with world(public="") as it:
            poller, parse = it.channels.twilio_poller, it.channels.whatsapp.parse
            assert isinstance(poller, ReceiptPoller)
            it.sim.people.set("+6281200000001", "read")
            it.sim.people.set("+6281200000002", "no_whatsapp")
            sids = []
            for address in ("+6281200000001", "+6281200000002"):
                it.sim.store.heard_from("whatsapp", address)
                answer = await it.channels.send("whatsapp", address=address)
                assert isinstance(answer, Accepted)
                sids.append(answer.provider_id)
            at_once = await poller.fetch_status([*sids, "SM" + "f" * 32])  # the last one Twilio does not know
            assert len(at_once) == 2
            it.sim.store.set_now(it.sim.store.now() + timedelta(minutes=1))
            events = await poller.fetch_status(sids)
            assert [event.key for event in events] == [f"{sids[0]}:read:", f"{sids[1]}:failed:63024"]
            assert [parse(event)[0] for event in events] == [
                Receipt("", sids[0], AttemptState.READ),
                Receipt("", sids[1], AttemptState.FAILED, "63024"),
            ]
            assert await poller.fetch_status([]) == []

    asyncio.run(scenario())


def test_a_text_whose_answer_was_lost_is_found_again() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.fail(kind="cut_after", next=1)
            await it.channels.send("whatsapp", text="KIA siap diambil")
            await write(it, "whatsapp", "+6281234567890", text="ya", to=WHATSAPP_FROM)
            found = await it.channels.twilio_poller.sent_to(ChannelKind.WHATSAPP, "+6281234567890")
            (text,) = found.texts
            assert text.text == "KIA siap diambil"
            assert text.provider_id == it.sim.store.texts[0].sid
            assert found.server_time is not None
            assert abs(found.server_time - text.created_at) < timedelta(seconds=5)
            assert json.loads(text.event.raw)["kind"] == "status"

    asyncio.run(scenario())
