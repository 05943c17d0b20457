"""The simulated providers as one real HTTP server: Twilio and Telegram on their own paths, controls under /_sim.

simulator = await start()
... BROADCASTER_TELEGRAM_BASE_URL = BROADCASTER_TWILIO_BASE_URL = simulator.base_url ...
await simulator.stop()
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email.utils import format_datetime
from typing import Any

from aiohttp import web

from broadcaster.errors import Blocked
from broadcaster.simulator import telegram as telegram_api
from broadcaster.simulator import twilio as twilio_api
from broadcaster.simulator.agenda import Agenda
from broadcaster.simulator.content import Content
from broadcaster.simulator.control import Control
from broadcaster.simulator.faults import KINDS, Fault, Faults, parse_fault
from broadcaster.simulator.inbound import Inbound
from broadcaster.simulator.people import People
from broadcaster.simulator.store import SIMULATED_KEY, Store, Text
from broadcaster.simulator.webhooks import Webhooks

Take = Callable[[web.Request, bytes], tuple[Text | None, web.Response]]
_PAGE = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>Gateway</h1></body></html>"


@dataclass
class Simulator:
    """A running simulator. `store` and `people` may be read and set directly by code in the same process."""

    base_url: str
    store: Store
    people: People
    faults: Faults
    inbound: Inbound
    agenda: Agenda
    telegram: telegram_api.Telegram
    _runner: web.AppRunner
    _webhooks: Webhooks

    async def stop(self) -> None:
        await self.agenda.stop()
        await self._webhooks.aclose()
        await self._runner.cleanup()


async def start(
    port: int = 0,
    *,
    host: str = "127.0.0.1",
    latency_ms: float = 0.0,
    fail: Sequence[str] = (),
    auth_token: str = SIMULATED_KEY,
    seed: int = 1,
) -> Simulator:
    """Serve on `port` (0 = any free one) in the running loop. Raises `BadInput` for a bad fault, `Blocked` for a taken port."""
    store, people, faults = Store(), People(), Faults(seed)
    store.options.latency_ms = latency_ms
    store.options.auth_token = auth_token
    for text in fail:
        faults.add(parse_fault(text))
    agenda = Agenda(store.now)
    webhooks = Webhooks(store, agenda, faults)
    twilio = twilio_api.Twilio(store, people, webhooks)
    content = Content(store)
    telegram = telegram_api.Telegram(store, people, webhooks)
    inbound = Inbound(store, people, agenda, telegram, webhooks)
    calls = _Calls(store, faults, inbound)
    app = web.Application(middlewares=[_remembering(store)])
    app.add_routes(
        [
            web.post("/2010-04-01/Accounts/{account}/Messages.json", calls.sending(twilio.accept, _twilio_channel)),
            *twilio.routes(),
            *(web.route(how, path, calls.named(name, handler)) for how, path, name, handler in content.calls()),
            web.post("/bot{token}/sendMessage", calls.sending(telegram.accept, _telegram_channel)),
            web.route("*", "/bot{token}/{method}", telegram.call),
            *Control(store, people, faults, agenda, telegram, inbound).routes(),
        ]
    )
    runner = web.AppRunner(app, access_log=None, keepalive_timeout=75, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port, backlog=1024)
    try:
        await site.start()
    except OSError as error:
        await webhooks.aclose()
        await runner.cleanup()
        raise Blocked(f"Port {port} sudah dipakai; pilih yang lain dengan --port.", code="port_taken") from error
    agenda.start()
    return Simulator(
        f"http://{host}:{_port(runner)}", store, people, faults, inbound, agenda, telegram, runner, webhooks
    )


def run(
    port: int,
    latency_ms: float = 0.0,
    fail: Sequence[str] = (),
    *,
    auth_token: str = SIMULATED_KEY,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted. `ready` is told the base address."""
    asyncio.run(_serve(port, latency_ms, fail, auth_token, ready))


async def _serve(
    port: int, latency_ms: float, fail: Sequence[str], auth_token: str, ready: Callable[[str], None] | None
) -> None:
    simulator = await start(port, latency_ms=latency_ms, fail=fail, auth_token=auth_token)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        if ready is not None:
            ready(simulator.base_url)
        await stop.wait()
    finally:
        await simulator.stop()


class _Calls:
    """Answers calls, with the faults around them."""

    def __init__(self, store: Store, faults: Faults, inbound: Inbound) -> None:
        self._store, self._faults, self._inbound = store, faults, inbound

    def sending(self, take: Take, channel_of: Callable[[bytes], str]) -> Any:
        """A call that sends a text."""

        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            channel = channel_of(body)
            if self._store.options.latency_ms:
                await asyncio.sleep(self._store.options.latency_ms / 1000)

            async def act() -> web.Response:
                text, answer = take(request, body)
                if text is not None:
                    self._inbound.follow(text)
                return answer

            return await self._meet(channel, request, act)

        return handle

    def named(self, name: str, answering: Callable[[web.Request], Awaitable[web.Response]]) -> Any:
        """Any other call, which a fault meets by its name."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await self._meet(name, request, lambda: answering(request))

        return handle

    async def _meet(
        self, name: str, request: web.Request, act: Callable[[], Awaitable[web.Response]]
    ) -> web.StreamResponse:
        fault = self._faults.draw(name)
        if fault is None:
            return await act()
        self._store.faults[f"{name}:{fault.kind}"] += 1
        if fault.kind == "slow_ms":
            await asyncio.sleep(fault.ms / 1000)
        answer = await act() if KINDS[fault.kind] else None
        if fault.kind.startswith("cut"):
            return _cut(request)
        return answer if fault.kind == "slow_ms" and answer else _broken(fault, name)


def _broken(fault: Fault, channel: str) -> web.Response:
    if fault.kind == "429":
        if channel == "telegram":
            words = f"Too Many Requests: retry after {fault.retry_after}"
            return telegram_api.error(429, words, retry_after=fault.retry_after)
        return twilio_api.error("20429", retry_after=fault.retry_after)
    if fault.kind == "redirect":
        return web.Response(status=307, headers={"Location": "/redirected"})
    if fault.kind == "html_page":
        return web.Response(status=fault.status, text=_PAGE, content_type="text/html")
    if channel == "telegram":
        return telegram_api.error(500, "Internal Server Error")
    return web.json_response({"code": 20500, "message": "Internal Server Error", "status": 500}, status=500)


def _cut(request: web.Request) -> web.Response:
    """Cut the connection; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _remembering(store: Store) -> Any:
    """Keep every provider request as it came, and stamp answers with the simulator's own time."""

    @web.middleware
    async def remember(request: web.Request, handler: Any) -> web.StreamResponse:
        if not request.path.startswith("/_sim/"):
            headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in request.raw_headers)
            store.keep_request(request.method, request.raw_path, headers, await request.read())
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as missing:
            response = web.json_response({"message": missing.reason}, status=missing.status)
        response.headers["Date"] = format_datetime(store.now(), usegmt=True)
        return response

    return remember


def _twilio_channel(body: bytes) -> str:
    return "whatsapp" if b"To=whatsapp%3A" in body or b"To=whatsapp:" in body else "sms"


def _telegram_channel(_body: bytes) -> str:
    return "telegram"


def _port(runner: web.AppRunner) -> int:
    return int(runner.addresses[0][1])
