"""A simulated provider and the channels that talk to it, over real sockets and in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from broadcaster.channels.http import Transport
from broadcaster.channels.protocol import Answer, Button, Channel, Outgoing
from broadcaster.channels.telegram import TelegramChannel, TelegramPoller
from broadcaster.channels.twilio import SmsChannel, TwilioPoller, WhatsAppChannel
from broadcaster.channels.twilio_client import TwilioAccount
from broadcaster.simulator.faults import read_fault
from broadcaster.simulator.server import Simulator, start
from broadcaster.simulator.store import SIMULATED_KEY, Raw

NETWORKED = ("telegram", "whatsapp", "sms")
ADDRESSES = {"telegram": "900100200", "whatsapp": "+6281234567890", "sms": "+6281234567890"}
REFERENCE = "0a1b2c3d-41"
TOKEN = "123456:AA-token"
PUBLIC = "https://kia.example.go.id"
WHATSAPP_FROM, SMS_FROM = "+6285100000001", "DUKCAPIL"
HANDLER = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Channels:
    """The three adapters of one base address."""

    transport: Transport
    account: TwilioAccount
    by_name: dict[str, Channel]
    telegram_poller: TelegramPoller
    twilio_poller: TwilioPoller

    @property
    def whatsapp(self) -> WhatsAppChannel:
        found = self.by_name["whatsapp"]
        assert isinstance(found, WhatsAppChannel)
        return found

    async def send(self, name: str, **changes: Any) -> Answer:
        return await self.by_name[name].send(outgoing(name, **changes))


def outgoing(name: str, **changes: Any) -> Outgoing:
    values: dict[str, Any] = {"reference": REFERENCE, "address": ADDRESSES.get(name, "17.03.01.2001"), "text": "Halo"}
    return Outgoing(**{**values, **changes})


BUTTONS = (Button("Sudah diambil", "already_collected"), Button("Berhenti", "opt_out"))


@asynccontextmanager
async def channels(
    base_url: str, *, public: str = PUBLIC, service: str = "", **timeouts: Any
) -> AsyncIterator[Channels]:
    limits = {"connect_timeout_s": 2.0, "read_timeout_s": 2.0, **timeouts}
    transport = Transport(**limits)
    account = TwilioAccount(transport, account_sid="AC1", auth_token=SIMULATED_KEY, base_url=base_url)
    twilio = {"messaging_service_sid": service, "public_base_url": public}
    found = Channels(
        transport,
        account,
        {
            "telegram": TelegramChannel(transport, token=TOKEN, base_url=base_url, webhook_secret="rahasia"),
            "whatsapp": WhatsAppChannel(account, sender=WHATSAPP_FROM, **twilio),
            "sms": SmsChannel(account, sender=SMS_FROM, **twilio),
        },
        TelegramPoller(transport, token=TOKEN, base_url=base_url),
        TwilioPoller(account, whatsapp_from=WHATSAPP_FROM, sms_from=SMS_FROM),
    )
    try:
        yield found
    finally:
        await transport.aclose()


@dataclass
class World:
    sim: Simulator
    channels: Channels

    def fail(self, **fault: Any) -> None:
        self.sim.faults.add(read_fault(fault))

    @property
    def requests(self) -> list[Raw]:
        return list(self.sim.store.requests)

    @property
    def accepted(self) -> int:
        return len(self.sim.store.texts)


@asynccontextmanager
async def world(**options: Any) -> AsyncIterator[World]:
    """A simulator and channels that point at it."""
    sim = await start()
    try:
        async with channels(sim.base_url, **options) as found:
            # outside the 24 hours WhatsApp takes templates only; most tests are about something else
            sim.store.heard_from("whatsapp", ADDRESSES["whatsapp"])
            yield World(sim, found)
    finally:
        await sim.stop()


@asynccontextmanager
async def raw_server(handler: HANDLER) -> AsyncIterator[str]:
    """A server of bare bytes, for what no honest provider does."""
    open_calls: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        call = asyncio.current_task()
        assert call is not None
        open_calls.add(call)
        try:
            await handler(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client left, or the test is over
        finally:
            open_calls.discard(call)
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for call in list(open_calls):
            call.cancel()
        await asyncio.sleep(0.01)  # the closed sockets leave the loop


def always(answer: bytes) -> HANDLER:
    """A handler that gives one answer and closes."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer)
        await writer.drain()

    return handle


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One whole request; b"" when the client has closed."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    length = next(
        (int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")), 0
    )
    return head + (await reader.readexactly(length) if length else b"")


def http_answer(body: bytes, status: str = "200 OK", extra: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait until `condition` holds; fails the test when it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.01)
