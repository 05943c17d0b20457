"""One sending process of a benchmark: `python -m benchmarks.delivery.worker WAY JSON`.

Prints "ready" when it could begin, waits for a line, sends, and prints what it cost as one JSON line. Times are the system's
monotonic clock in seconds, so that those of two processes can be compared.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import resource
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.delivery.seed import START

#: Calls at the same time in the bare loop: what our own drain allows itself at this pace.
AT_ONCE = 100

#: Growth counts from here: by then the connections are open and a first lease is under way.
EARLY_S = 0.5

Send = Callable[[], Awaitable[int]]


@dataclass
class Prepared:
    """A way that is ready: `send` returns how many texts it sent."""

    send: Send
    close: Callable[[], Awaitable[None]]


async def _nothing() -> None:
    pass


async def ours(options: dict[str, Any]) -> Prepared:
    """Our drain on one lane: lease, gate, rendering, sealed addresses, intent, call, record."""
    from sqlmodel import select

    from broadcaster import settings as setting
    from broadcaster.app import connect, open_app
    from broadcaster.clock import SteppedClock
    from broadcaster.delivery.drain import drain
    from broadcaster.jobs import Running
    from broadcaster.storage.tables import Sender

    app = connect(open_app(setting.load()))
    app.clock = SteppedClock(START)
    running = Running(app)
    counted = 0

    class Counting:
        """The channel, and the order to stop once enough has been sent: the rows behind are left waiting."""

        def __init__(self, channel: Any) -> None:
            self._channel = channel

        def __getattr__(self, name: str) -> Any:
            return getattr(self._channel, name)

        async def send(self, outgoing: Any) -> Any:
            nonlocal counted
            counted += 1
            if counted == options["count"]:
                running.stop.set()
            return await self._channel.send(outgoing)

    if options.get("stop"):
        app.channels = {kind: Counting(channel) for kind, channel in app.channels.items()}
    with app.db.read() as session:
        lane = session.exec(select(Sender.id).where(Sender.name == options["channel"])).one()

    async def send() -> int:
        done = await drain(running.sending, lane or 0, running.stop)
        assert done.failed + done.stopped == 0, done
        return done.sent

    async def close() -> None:
        running.writer.shutdown()
        await app.aclose()

    return Prepared(send, close)


async def bare(options: dict[str, Any]) -> Prepared:
    """The same channel on the same transport in a plain loop with as many calls at once: no database, no rendering."""

    from benchmarks.delivery.seed import environment, settings_of
    from benchmarks.delivery.texts import outgoing
    from broadcaster.app import App, connect
    from broadcaster.channels.protocol import Accepted
    from broadcaster.clock import SystemClock
    from broadcaster.domain.message import ChannelKind

    app = connect(App(settings_of(environment(Path("unused"), options["sink"])), SystemClock(), None))  # type: ignore[arg-type]
    kind = ChannelKind(options["channel"])
    channel = app.channels[kind]
    texts = outgoing(kind, options["first"], options["count"])
    sent = 0

    async def one_after_another() -> None:
        nonlocal sent
        for text in texts:
            answer = await channel.send(text)
            assert isinstance(answer, Accepted), answer
            sent += 1

    async def send() -> int:
        await asyncio.gather(*(one_after_another() for _ in range(AT_ONCE)))
        return sent

    return Prepared(send, app.transport.aclose if app.transport else _nothing)


async def telegram_plain(options: dict[str, Any]) -> Prepared:
    """python-telegram-bot as its documentation shows it: one bot, its own HTTP client, one text after another."""
    from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup

    from benchmarks.delivery.texts import outgoing
    from broadcaster.domain.message import ChannelKind

    logging.getLogger("httpx").setLevel(logging.WARNING)
    bot = Bot("123456:" + "A" * 35, base_url=f"{options['sink']}/bot")
    await bot.initialize()

    async def send() -> int:
        sent = 0
        for text in outgoing(ChannelKind.TELEGRAM, options["first"], options["count"]):
            rows = [[InlineKeyboardButton(b.title, callback_data=f"{b.intent}:{text.reference}")] for b in text.buttons]
            await bot.send_message(chat_id=text.address, text=text.text, reply_markup=InlineKeyboardMarkup(rows))
            sent += 1
        return sent

    return Prepared(send, bot.shutdown)


async def twilio_plain(options: dict[str, Any]) -> Prepared:
    """twilio as its documentation shows it: the synchronous client, one text after another."""
    from benchmarks.delivery.texts import outgoing
    from benchmarks.delivery.twilio_sync import client_for, send_one
    from broadcaster.domain.message import ChannelKind

    client = client_for(options["sink"])

    async def send() -> int:
        sent = 0
        for text in outgoing(ChannelKind.WHATSAPP, options["first"], options["count"]):
            send_one(client, text.address, text.content_sid, json.dumps(dict(text.content_variables)))
            sent += 1
        return sent

    return Prepared(send, _nothing)


WAYS: dict[str, Callable[[dict[str, Any]], Awaitable[Prepared]]] = {
    "ours": ours, "bare": bare, "telegram-plain": telegram_plain, "twilio-plain": twilio_plain,
}  # fmt: skip


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory_mb() -> float:
    """Memory in use now (not the peak), in MB."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def main(way: str, options: dict[str, Any]) -> None:
    prepared = await WAYS[way](options)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    cpu, begun, early = _cpu(), time.monotonic(), _memory_mb()

    def look() -> None:
        nonlocal early
        early = _memory_mb()

    asyncio.get_running_loop().call_later(EARLY_S, look)
    sent = await prepared.send()
    ended = time.monotonic()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        json.dumps(
            {
                "sent": sent, "begun": begun, "ended": ended, "cpu_s": _cpu() - cpu, "early_mb": early,
                "after_mb": _memory_mb(), "peak_mb": peak,
            }
        ),
        flush=True,
    )  # fmt: skip
    await prepared.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], json.loads(sys.argv[2])))
