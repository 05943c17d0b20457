"""What every channel promises, whatever the provider or the network does: one call, one answer, nothing repeated."""

from __future__ import annotations

import asyncio
import itertools
import socket
import time
from typing import Any

import pytest

from broadcaster.channels.protocol import Accepted, Deferred, Rejected, Unknown, WebhookRequest
from broadcaster.channels.village_list import VillageListChannel
from broadcaster.errors import BadSignature
from tests.integration.channels.world import (
    BUTTONS,
    NETWORKED,
    always,
    channels,
    http_answer,
    outgoing,
    raw_server,
    read_request,
    world,
)

every_channel = pytest.mark.parametrize("name", NETWORKED)


@every_channel
def test_an_accepted_text_reaches_the_provider_once(name: str) -> None:
    async def scenario() -> None:
        async with world() as it:
            answer = await it.channels.send(name, text="Halo, Bapak/Ibu 👋", buttons=BUTTONS)
            assert isinstance(answer, Accepted)
            assert answer.provider_id
            (text,) = it.sim.store.texts
            assert (text.channel, text.text) == (name, "Halo, Bapak/Ibu 👋")
            assert len(it.requests) == 1

    asyncio.run(scenario())


def test_every_text_gets_its_own_provider_id() -> None:
    async def scenario() -> None:
        async with world() as it:
            pairs = itertools.product(NETWORKED, (1, 2, 3))
            answers = [
                await it.channels.send(name, reference=f"0a1b2c3d-{number}", text=f"Halo {number}")
                for name, number in pairs
            ]
            other_chat = await it.channels.send("telegram", address="900100201")
            answers.append(other_chat)  # Telegram numbers the texts of each chat from 1 again
            ids = [answer.provider_id for answer in answers if isinstance(answer, Accepted)]
            assert len(ids) == len(set(ids)) == 10

    asyncio.run(scenario())


FAULTS: list[tuple[str, dict[str, Any], type, int]] = [
    ("cut before acceptance", {"kind": "cut_before"}, Unknown, 0),
    ("cut after acceptance", {"kind": "cut_after"}, Unknown, 1),
    ("500", {"kind": "http_500"}, Unknown, 0),
    ("500 after acceptance", {"kind": "http_500_after"}, Unknown, 1),
    ("the provider's own 429", {"kind": "429", "retry_after": 7}, Deferred, 0),
    ("a redirect", {"kind": "redirect"}, Unknown, 0),
    ("a page with 200", {"kind": "html_page"}, Unknown, 0),
    ("a proxy's 403", {"kind": "html_page", "status": 403}, Unknown, 0),
    ("a proxy's 429", {"kind": "html_page", "status": 429}, Unknown, 0),
    ("a proxy's 502", {"kind": "html_page", "status": 502}, Unknown, 0),
    ("no answer in time", {"kind": "slow_ms", "ms": 800}, Unknown, 0),
]


@every_channel
@pytest.mark.parametrize(("fault", "arm", "accepted"), [case[1:] for case in FAULTS], ids=[case[0] for case in FAULTS])
def test_each_fault_gives_its_answer_and_nothing_is_repeated(
    name: str, fault: dict[str, Any], arm: type, accepted: int
) -> None:
    async def scenario() -> None:
        async with world(read_timeout_s=0.4) as it:
            it.fail(**fault, next=1)
            answer = await it.channels.send(name, buttons=BUTTONS)
            assert isinstance(answer, arm), answer
            assert it.accepted == accepted
            assert [raw.path for raw in it.requests if "redirected" in raw.path] == []
            assert len(it.requests) == 1
            if isinstance(answer, Deferred):
                assert (answer.after, answer.pause_sender) == (7, True)
            # the next text is not affected by what happened to this one
            assert isinstance(await it.channels.send(name, text="Berikutnya"), Accepted)

    asyncio.run(scenario())


UNREADABLE = [
    b"", b"{}", b"[]", b"null", b'"ok"', b'{"sid": ""}', b'{"sid": 5}', b"{", b"<html>", b'{"ok":true,"result":true}',
    b'{"ok":true,"result":{"message_id":"1"}}', b'{"ok":true,"result":{}}', b"\xff\xfe", b"1" * 5000,
]  # fmt: skip


@every_channel
def test_an_unreadable_2xx_is_unknown(name: str) -> None:
    async def scenario() -> None:
        for body in UNREADABLE:
            async with raw_server(always(http_answer(body))) as base, channels(base) as it:
                assert isinstance(await it.send(name), Unknown), body

    asyncio.run(scenario())


ERROR_BODIES = [
    # status, body, Twilio's answer, Telegram's answer
    ("400 Bad Request", b'{"code":21211,"message":"x","status":400}', "21211", None),
    ("400 Bad Request", b'{"code":"21211","message":"x","status":400}', "21211", None),
    ("400 Bad Request", b'{"type":"about:blank","title":"x","status":400,"code":21617}', "21617", None),
    ("401 Unauthorized", b'{"message":"Authenticate","status":401}', "http:401", None),
    ("403 Forbidden", b'{"message":"Forbidden"}', None, None),
    ("400 Bad Request", b'{"code":21211,"message":"x","status":200}', None, None),
    ("408 Request Timeout", b'{"code":20408,"message":"x","status":408}', None, None),
    ("503 Unavailable", b'{"code":20503,"message":"x","status":503}', None, None),
    ("403 Forbidden", b'{"ok":false,"error_code":403,"description":"Forbidden: bot was blocked by the user"}',
     None, "403:blocked"),
    ("403 Forbidden", b'{"ok":false,"error_code":403,"description":"Forbidden: user is deactivated"}',
     None, "403:deactivated"),
    ("403 Forbidden",
     b'{"ok":false,"error_code":403,"description":"Forbidden: bot can\'t initiate conversation with a user"}',
     None, "403:not_started"),
    ("403 Forbidden", b'{"ok":false,"error_code":403,"description":"Forbidden: something new"}', None, "403:other"),
    ("400 Bad Request", b'{"ok":false,"error_code":400,"description":"Bad Request: chat not found"}',
     None, "400:chat_not_found"),
    ("400 Bad Request", b'{"ok":false,"error_code":400,"description":"Bad Request: message is too long"}',
     None, "400:too_long"),
    ("400 Bad Request",
     b'{"ok":false,"error_code":400,"description":"group chat was upgraded to a supergroup chat",'
     b'"parameters":{"migrate_to_chat_id":-100}}', None, "400:migrated"),
    ("400 Bad Request", b'{"ok":false,"error_code":400,"description":"Bad Request: can\'t parse entities"}',
     None, "400:other"),
    ("401 Unauthorized", b'{"ok":false,"error_code":401,"description":"Unauthorized"}', None, "401"),
    ("404 Not Found", b'{"ok":false,"error_code":404,"description":"Not Found"}', None, "404"),
    ("400 Bad Request", b'{"ok":false,"error_code":403,"description":"Forbidden"}', None, None),
    ("408 Request Timeout", b'{"ok":false,"error_code":408,"description":"Request Timeout"}', None, None),
    ("500 Error", b'{"ok":false,"error_code":500,"description":"Internal Server Error"}', None, None),
]  # fmt: skip


@every_channel
def test_only_the_providers_own_body_refuses(name: str) -> None:
    async def scenario() -> None:
        for status, body, twilio, telegram in ERROR_BODIES:
            expected = telegram if name == "telegram" else twilio
            async with raw_server(always(http_answer(body, status))) as base, channels(base) as it:
                got = await it.send(name)
                assert got == Rejected(expected) if expected else isinstance(got, Unknown), (status, body, got)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("name", "body", "extra", "expected"),
    [
        ("telegram", b'{"ok":false,"error_code":429,"description":"Too Many Requests"}', "", Deferred("429", None, True)),
        ("telegram", b'{"ok":false,"error_code":429,"description":"x","parameters":{"retry_after":-4}}', "",
         Deferred("429", None, True)),
        ("sms", b'{"code":20429,"message":"x","status":429}', "", Deferred("20429", None, True)),
        ("sms", b'{"code":20429,"message":"x","status":429}', "Retry-After: 12\r\n", Deferred("20429", 12.0, True)),
        ("sms", b'{"code":20429,"message":"x","status":429}', "Retry-After: soon\r\n", Deferred("20429", None, True)),
        ("whatsapp", b'{"code":63038,"message":"x","status":429}', "", Deferred("63038", 86_400.0, True)),
    ],
)  # fmt: skip
def test_a_429_pauses_the_sender_for_as_long_as_the_provider_says(
    name: str, body: bytes, extra: str, expected: Deferred
) -> None:
    async def scenario() -> None:
        answer = http_answer(body, "429 Too Many Requests", extra)
        async with raw_server(always(answer)) as base, channels(base) as it:
            assert await it.send(name) == expected

    asyncio.run(scenario())


@every_channel
def test_nobody_listening_is_deferred(name: str) -> None:
    async def scenario() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound and not listening: refused
            async with channels(f"http://127.0.0.1:{taken.getsockname()[1]}") as it:
                assert await it.send(name) == Deferred("refused")

    asyncio.run(scenario())


@every_channel
def test_a_name_that_is_not_found_is_deferred(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def scenario() -> None:
        monkeypatch.setattr(socket, "getaddrinfo", not_found)
        async with channels("http://provider.invalid:8080") as it:
            assert await it.send(name) == Deferred("dns")

    asyncio.run(scenario())


@every_channel
def test_a_handshake_that_fails_is_deferred(name: str) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def scenario() -> None:
        async with raw_server(plain) as base, channels(base.replace("http://", "https://")) as it:
            assert await it.send(name) == Deferred("tls")

    asyncio.run(scenario())


@every_channel
def test_a_connection_that_does_not_come_up_in_time_is_deferred(name: str) -> None:
    async def scenario() -> None:
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen(0)
            waiting = [socket.socket() for _ in range(4)]  # fill the queue; the kernel then drops further handshakes
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(busy.getsockname())
            async with channels(f"http://127.0.0.1:{busy.getsockname()[1]}", connect_timeout_s=0.3) as it:
                began = time.monotonic()
                assert await it.send(name) == Deferred("connect_timeout")
                assert time.monotonic() - began < 1.5
            for one in waiting:
                one.close()

    asyncio.run(scenario())


@every_channel
def test_no_free_connection_in_time_is_deferred(name: str) -> None:
    async def scenario() -> None:
        async with world(limit=1, connect_timeout_s=0.3, read_timeout_s=5.0) as it:
            it.fail(kind="slow_ms", ms=900, next=1)
            first = asyncio.create_task(it.channels.send(name, text="lama"))
            await asyncio.sleep(0.1)
            assert await it.channels.send(name, text="menunggu") == Deferred("pool_full")
            assert isinstance(await first, Accepted)
            assert it.accepted == 1

    asyncio.run(scenario())


GOOD = {
    "telegram": b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":900100200,"type":"private"},"text":"x"}}',
    "whatsapp": b'{"sid":"SM1","status":"queued","num_segments":"1"}',
    "sms": b'{"sid":"SM1","status":"queued","num_segments":"3"}',
}


@every_channel
def test_a_kept_connection_that_closes_under_a_text_is_unknown(name: str) -> None:
    seen: list[bytes] = []

    async def answer_once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(http_answer(GOOD[name]))
        await writer.drain()
        seen.append(await read_request(reader))

    async def scenario() -> None:
        async with raw_server(answer_once) as base, channels(base) as it:
            assert isinstance(await it.send(name), Accepted)
            second = await it.send(name, text="kedua")
            assert isinstance(second, Unknown)
            assert "kept connection" in second.detail
            assert len(seen) == 2  # one connection, two requests, and no third

    asyncio.run(scenario())


@every_channel
def test_an_answer_that_breaks_off_is_unknown(name: str) -> None:
    async def scenario() -> None:
        async with raw_server(always(http_answer(GOOD[name])[:-10])) as base, channels(base) as it:
            assert isinstance(await it.send(name), Unknown)

    asyncio.run(scenario())


@every_channel
def test_an_answer_that_drips_ends_with_the_whole_time(name: str) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def scenario() -> None:
        async with raw_server(drip) as base, channels(base, connect_timeout_s=0.3, read_timeout_s=0.4) as it:
            began = time.monotonic()
            assert isinstance(await it.send(name), Unknown)
            assert 0.5 < time.monotonic() - began < 2.0

    asyncio.run(scenario())


def test_sms_segments_are_those_the_provider_counted() -> None:
    async def scenario() -> None:
        async with world() as it:
            assert await it.channels.send("sms", text="a" * 400) == Accepted("SM" + f"{1:032x}", 3)
        async with world(service="MG1") as it:
            answer = await it.channels.send("sms", text="a" * 400)
            assert isinstance(answer, Accepted)
            assert answer.segments == 1  # "0" until a sender is picked

    asyncio.run(scenario())


def test_channels_work_again_in_a_new_event_loop() -> None:
    found: list[Any] = []

    async def first() -> None:
        async with world() as it:
            found.append(it.channels)
            assert isinstance(await it.channels.send("sms"), Accepted)

    async def second() -> None:
        sim_less = found[0]
        assert isinstance(await sim_less.send("sms"), Deferred)  # that simulator is gone, and the call says so

    asyncio.run(first())
    asyncio.run(second())
    asyncio.run(found[0].transport.aclose())


def test_the_village_list_takes_every_household_without_a_network() -> None:
    channel = VillageListChannel()
    first = asyncio.run(channel.send(outgoing("village_list", reference="0a1b2c3d-1")))
    second = asyncio.run(channel.send(outgoing("village_list", reference="0a1b2c3d-2")))
    assert first == Accepted("desa:17.03.01.2001:0a1b2c3d-1")
    assert second != first
    with pytest.raises(BadSignature):
        channel.verify(WebhookRequest("https://kia.example.go.id/hooks/desa", {}, b""))


@pytest.mark.parametrize("name", NETWORKED)
def test_limits_are_declared(name: str) -> None:
    async def scenario() -> None:
        async with channels("http://127.0.0.1:1") as it:
            limits = it.by_name[name].limits
            assert limits.characters > 0
            assert limits.template_only == (name == "whatsapp")
            assert limits.receipts == (name == "whatsapp")
            assert limits.two_way == (name != "sms")

    asyncio.run(scenario())
