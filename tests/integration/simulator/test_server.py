"""The simulated providers over real HTTP: what they accept and refuse, count, and are told through /_sim."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import pytest

from broadcaster.errors import BadInput, Blocked
from broadcaster.simulator.faults import KINDS, Faults, parse_fault, read_fault
from broadcaster.simulator.people import BEHAVIOURS, People
from broadcaster.simulator.server import Simulator, start

MORNING = datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
SIGNED = {"Authorization": "Basic QUMxOnQ="}  # AC1:t
TEMPLATE = {
    "friendly_name": "ambil", "language": "id", "variables": {"1": "Ibu", "2": "Rizki"},
    "types": {"twilio/quick-reply": {"body": "Yth. {{1}}: {{2}}", "actions": [
        {"type": "QUICK_REPLY", "title": "Sudah", "id": "already_collected:{{3}}"}]}},
}  # fmt: skip


class Client:
    def __init__(self, sim: Simulator, session: aiohttp.ClientSession) -> None:
        self.sim, self.session = sim, session

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.sim.base_url}{path}", allow_redirects=False, **more) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if answer.content_type == "application/json" else text

    async def control(self, path: str, **body: Any) -> tuple[int, Any]:
        return await self.ask("POST", f"/_sim/{path}", json=body)

    async def sms(self, **form: str) -> tuple[int, Any]:
        values = {"To": "+6281234567890", "From": "DUKCAPIL", "Body": "Halo", **form}
        sent = {name: value for name, value in values.items() if value}
        return await self.ask("POST", "/2010-04-01/Accounts/AC1/Messages.json", data=sent, headers=SIGNED)

    async def whatsapp(self, **form: str) -> tuple[int, Any]:
        return await self.sms(**{"To": "whatsapp:+6281234567890", "From": "whatsapp:+6285100000001", **form})

    async def telegram(self, method: str = "sendMessage", token: str = "1:AA", **form: Any) -> tuple[int, Any]:
        return await self.ask("POST", f"/bot{token}/{method}", data={name: str(form[name]) for name in form})

    async def stats(self) -> Any:
        return (await self.ask("GET", "/_sim/stats"))[1]


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Client]:
    sim = await start(**options)
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(sim, session)
    finally:
        await sim.stop()


def test_an_accepted_text_is_shown_with_everything_it_carried() -> None:
    async def scenario() -> None:
        async with running() as it:
            status, body = await it.sms(StatusCallback="http://127.0.0.1:1/hooks/twilio/status?d=0a1b2c3d-1")
            assert (status, body["status"], body["num_segments"], body["error_code"]) == (201, "queued", "1", None)
            _, shown = await it.ask("GET", "/_sim/messages?since=0")
            (text,) = shown["messages"]
            assert text["sid"] == body["sid"]
            assert (text["channel"], text["to"], text["text"]) == ("sms", "+6281234567890", "Halo")
            assert text["reference"] == "0a1b2c3d-1"
            assert shown["next"] is None
            assert (await it.ask("GET", "/_sim/messages?since=1"))[1]["messages"] == []
            _, raw = await it.ask("GET", "/_sim/requests?since=0")
            assert raw["requests"][0]["body"].startswith("To=%2B6281234567890&From=DUKCAPIL")

    asyncio.run(scenario())


REFUSALS = [
    ({"To": ""}, 21211), ({"To": "0812"}, 21211), ({"From": ""}, 21603), ({"Body": ""}, 21602),
    ({"Body": "x" * 1601}, 21617), ({"Body": "", "ContentVariables": "{}"}, 21654),
    ({"Body": "", "ContentSid": "HX0"}, 21655),
]  # fmt: skip


def test_twilio_refuses_with_its_own_codes() -> None:
    async def scenario() -> None:
        async with running() as it:
            for form, code in REFUSALS:
                status, body = await it.sms(**form)
                assert (status, body["code"], body["status"]) == (400, code, 400), form
            status, body = await it.ask("POST", "/2010-04-01/Accounts/AC1/Messages.json", data={"To": "+628"})
            assert (status, body["code"]) == (401, 20003)
            assert it.sim.store.texts == []
            assert (await it.stats())["refused"]["sms:21211"] == 2

    asyncio.run(scenario())


def test_a_template_is_filled_and_wrong_variables_are_refused() -> None:
    async def scenario() -> None:
        async with running() as it:
            status, created = await it.ask("POST", "/v1/Content", json=TEMPLATE, headers=SIGNED)
            assert status == 201
            sid = created["sid"]
            approval = {"name": "ambil", "category": "UTILITY"}
            await it.ask("POST", f"/v1/Content/{sid}/ApprovalRequests/whatsapp", json=approval)
            for bad in ("{", "[]", '{"1":""}', '{"1":null}', '{"1":3}', '{"1":"a\\nb"}', '{"1":"a     b"}'):
                status, body = await it.whatsapp(Body="", ContentSid=sid, ContentVariables=bad)
                assert (status, body["code"]) == (400, 21656), bad
            values = json.dumps({"1": "Pak Budi", "3": "0a1b2c3d-9"})  # an omitted one takes its sample
            status, body = await it.whatsapp(Body="", ContentSid=sid, ContentVariables=values)
            assert (status, body["body"]) == (201, "Yth. Pak Budi: Rizki")
            (text,) = it.sim.store.texts
            assert (text.buttons, text.reference) == ((("Sudah", "already_collected:0a1b2c3d-9"),), "0a1b2c3d-9")

    asyncio.run(scenario())


def test_free_text_needs_an_open_window_and_fails_later_without_one() -> None:
    async def scenario() -> None:
        async with running() as it:
            await it.control("clock", now=MORNING.isoformat())
            _, closed = await it.whatsapp()
            await it.control("inbound", channel="whatsapp", address="+6281234567890", text="halo")
            _, opened = await it.whatsapp(Body="Halo juga")
            await it.control("clock", now="2026-10-06T01:00:01+00:00")
            _, over = await it.whatsapp(Body="Besok")
            await it.control("clock", now="2026-10-06T01:01:00+00:00")
            states = []
            for answer in (closed, opened, over):
                _, now = await it.ask("GET", f"/2010-04-01/Accounts/AC1/Messages/{answer['sid']}.json", headers=SIGNED)
                states.append((now["status"], now["error_code"]))
            assert states == [("failed", 63016), ("delivered", None), ("failed", 63016)]

    asyncio.run(scenario())


@pytest.mark.parametrize("behaviour", [*BEHAVIOURS, "fail:63013", "refuse:21408"])
def test_every_behaviour_has_an_outcome_on_every_channel(behaviour: str) -> None:
    async def scenario() -> None:
        async with running() as it:
            await it.control("people", default=behaviour)
            await it.control("inbound", channel="whatsapp", address="+6281234567890", text="halo")
            for answer in (await it.sms(), await it.whatsapp()):
                status, body = answer
                assert status == 201 or body["code"], body
                if status == 201:
                    text = it.sim.store.by_sid[body["sid"]]
                    assert [step.at for step in text.steps] == sorted(step.at for step in text.steps)
            status, body = await it.telegram(chat_id=9, text="x")
            assert (status, body["ok"]) in ((200, True), (403, False), (400, False))

    asyncio.run(scenario())


def test_an_unknown_behaviour_is_refused_by_name() -> None:
    for behaviour in ("", "sleepy", "fail:", "fail:abc", "other:1"):
        with pytest.raises(BadInput, match="behaviour"):
            People().set("+628", behaviour)


def test_telegram_answers_as_the_bot_api_does() -> None:
    async def scenario() -> None:
        async with running() as it:
            assert (await it.telegram("getMe"))[1]["result"]["is_bot"] is True
            keyboard = json.dumps({"inline_keyboard": [[{"text": "Ya", "callback_data": "yes:0a1b2c3d-1"}]]})
            status, body = await it.telegram(chat_id=9, text="Halo", reply_markup=keyboard)
            assert (status, body["result"]["message_id"], body["result"]["chat"]["id"]) == (200, 1, 9)
            assert (await it.telegram(chat_id=10, text="Halo"))[1]["result"]["message_id"] == 1  # per chat
            too_long = json.dumps({"inline_keyboard": [[{"text": "Ya", "callback_data": "y" * 65}]]})
            for form, words in (
                ({"chat_id": "x", "text": "a"}, "chat not found"),
                ({"chat_id": 9, "text": " "}, "text is empty"),
                ({"chat_id": 9, "text": "x" * 4097}, "too long"),
                ({"chat_id": 9, "text": "x", "reply_markup": too_long}, "BUTTON_DATA_INVALID"),
            ):
                status, body = await it.telegram(**form)
                assert (status, body["ok"], body["error_code"]) == (400, False, 400)
                assert words in body["description"]
            assert (await it.telegram(token="wrong", chat_id=9, text="x"))[0] == 404
            assert (await it.telegram("sendVoice"))[0] == 404
            await it.control("options", telegram_token="1:AA")
            assert (await it.telegram(token="2:BB", chat_id=9, text="x"))[0] == 401

    asyncio.run(scenario())


def test_people_share_their_own_card_anothers_or_one_of_nobody_on_telegram() -> None:
    async def scenario() -> None:
        async with running() as it:
            for owner in ({}, {"card_of": "5"}, {"card_of": ""}):
                await it.control("inbound", channel="telegram", address="9", contact="6281234567890", **owner)
            updates = (await it.telegram("getUpdates"))[1]["result"]
            assert [update["message"]["contact"].get("user_id") for update in updates] == [9, 5, None]

    asyncio.run(scenario())


def test_the_menu_of_the_bot_is_kept() -> None:
    async def scenario() -> None:
        async with running() as it:
            listed = json.dumps([{"command": "putus", "description": "Bukan keluarga saya"}])
            assert (await it.telegram("setMyCommands", commands=listed))[0] == 200
            assert (await it.telegram("setMyCommands", commands="x"))[0] == 400

    asyncio.run(scenario())


def test_get_updates_waits_for_news_and_forgets_what_was_confirmed() -> None:
    async def scenario() -> None:
        async with running() as it:
            waiting = asyncio.create_task(it.telegram("getUpdates", timeout=5))
            await asyncio.sleep(0.05)
            await it.control("inbound", channel="telegram", address="9", text="satu")
            assert [update["update_id"] for update in (await waiting)[1]["result"]] == [1]
            await it.control("inbound", channel="telegram", address="9", text="dua")
            assert len((await it.telegram("getUpdates"))[1]["result"]) == 2
            assert len((await it.telegram("getUpdates", offset=2))[1]["result"]) == 1
            assert len((await it.telegram("getUpdates"))[1]["result"]) == 1  # the first is gone for good

    asyncio.run(scenario())


def test_duplicates_are_seen_by_reference_else_by_recipient_and_words() -> None:
    async def scenario() -> None:
        async with running() as it:
            callback = "http://127.0.0.1:1/s?d=0a1b2c3d-1"
            await it.sms(StatusCallback=callback)
            assert (await it.stats())["duplicates"] == 0
            await it.sms(StatusCallback=callback, Body="other words, same reference")
            assert (await it.stats())["duplicates"] == 1
            await it.sms(StatusCallback="http://127.0.0.1:1/s?d=0a1b2c3d-2")  # same words, another reference
            assert (await it.stats())["duplicates"] == 1
            for _ in range(2):
                await it.telegram(chat_id=9, text="jawaban")
            stats = await it.stats()
            assert (stats["duplicates"], stats["duplicate_numbers"]) == (2, [2, 5])
            await it.control("inbound", channel="telegram", address="9", text="tanya lagi")
            await it.telegram(chat_id=9, text="jawaban")  # a second question gets the same answer
            stats = await it.stats()
            assert (stats["duplicates"], stats["same_text"]) == (2, 3)
            assert stats["accepted"] == {"sms": 3, "telegram": 3}

    asyncio.run(scenario())


def test_the_clock_can_be_set_and_stamps_everything() -> None:
    async def scenario() -> None:
        async with running() as it:
            assert (await it.control("clock", now="2026-10-05T08:00:00+07:00"))[0] == 200
            async with it.session.get(f"{it.sim.base_url}/bot1:AA/getMe") as answer:
                assert abs((parsedate_to_datetime(answer.headers["Date"]) - MORNING).total_seconds()) < 5
            _, body = await it.sms()
            assert body["date_created"].startswith("Mon, 05 Oct 2026 01:00:0")
            assert (await it.control("clock", now="2026-10-05T08:00:00"))[0] == 400  # no zone
            assert (await it.control("clock", now="soon"))[0] == 400
            for path, found in (("2026-10-05", 1), ("2026-10-06", 0)):
                listed = f"/2010-04-01/Accounts/AC1/Messages.json?To=%2B6281234567890&DateSent%3E={path}"
                assert len((await it.ask("GET", listed, headers=SIGNED))[1]["messages"]) == found

    asyncio.run(scenario())


def test_faults_from_the_command_line_and_over_http() -> None:
    assert parse_fault("cut_after=0.05:whatsapp") == read_fault(
        {"kind": "cut_after", "probability": 0.05, "channel": "whatsapp"}
    )
    assert parse_fault("slow_ms=250") == read_fault({"kind": "slow_ms", "ms": 250})
    assert parse_fault("cut_before") == read_fault({"kind": "cut_before"})
    for text in ("", "melt", "cut_after=x", "cut_after=2", "cut_after=nan", "cut_after=1:fax"):
        with pytest.raises(BadInput):
            parse_fault(text)
    for data in ({}, {"kind": "429", "next": "x"}, {"kind": "429", "often": 1}):
        with pytest.raises(BadInput):
            read_fault(data)


def test_a_fault_for_the_next_calls_ends_by_itself_and_keeps_to_its_channel() -> None:
    faults = Faults(seed=1)
    faults.add(read_fault({"kind": "429", "channel": "sms", "next": 2}))
    drawn = [faults.draw(channel) for channel in ("telegram", "sms", "sms", "sms")]
    assert [fault.kind if fault else None for fault in drawn] == [None, "429", "429", None]


def test_a_probability_is_about_what_it_says_and_can_be_repeated() -> None:
    def drawn() -> list[bool]:
        faults = Faults(seed=7)
        faults.add(read_fault({"kind": "http_500", "probability": 0.25}))
        return [faults.draw("sms") is not None for _ in range(2000)]

    assert drawn() == drawn()
    assert 400 < sum(drawn()) < 600


def test_control_refuses_what_it_does_not_know_in_a_sentence() -> None:
    async def scenario() -> None:
        async with running() as it:
            for path, body in (
                ("fail", {"kind": "melt"}),
                ("people", {"people": [{"behaviour": "read"}]}),
                ("people", {"people": [{"address": "+628", "replies": [{"when": 1}]}]}),
                ("inbound", {"channel": "fax", "address": "1"}),
                ("inbound", {"channel": "telegram", "address": "budi", "text": "x"}),
                ("inbound", {"channel": "telegram", "address": "9", "button": "Ya"}),
                ("options", {"colour": "red"}),
                ("options", {"drop": "many"}),
                ("template", {"sid": "HX0"}),
            ):
                status, answer = await it.control(path, **body)
                assert status == 400, (path, body)
                assert answer["error"]["message"]
            assert (await it.ask("POST", "/_sim/people", data=b"{"))[0] == 400
            assert (await it.ask("GET", "/_sim/messages?since=x"))[0] == 400
            assert (await it.ask("GET", "/nowhere"))[0] == 404

    asyncio.run(scenario())


def test_reset_forgets_everything_but_the_clock() -> None:
    async def scenario() -> None:
        async with running() as it:
            await it.control("clock", now=MORNING.isoformat())
            await it.sms()
            await it.control("fail", kind="cut_before")
            await it.control("people", default="invalid")
            assert (await it.control("reset"))[0] == 200
            status, body = await it.sms()
            assert (status, body["date_created"][:16]) == (201, "Mon, 05 Oct 2026")
            assert len(it.sim.store.texts) == 1

    asyncio.run(scenario())


def test_a_taken_port_is_said() -> None:
    async def scenario() -> None:
        async with running() as it:
            with pytest.raises(Blocked) as refused:
                await start(int(it.sim.base_url.rpartition(":")[2]))
            assert refused.value.code == "port_taken"

    asyncio.run(scenario())


def test_every_kind_of_fault_has_been_counted_once() -> None:
    async def scenario() -> None:
        async with running() as it:
            for kind in KINDS:
                await it.control("fail", kind=kind, next=1, ms=1)
                try:
                    await it.sms()
                except aiohttp.ClientError:
                    assert kind.startswith("cut")
            assert (await it.stats())["faults"] == {f"sms:{kind}": 1 for kind in KINDS}
            assert it.sim.agenda.failed == []

    asyncio.run(scenario())
