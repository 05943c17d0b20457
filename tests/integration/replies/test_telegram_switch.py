"""From webhook to polling and back, over real sockets: nothing is lost and nothing is acted on twice."""

from __future__ import annotations

import asyncio
import contextlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import func, select

from broadcaster.app import App, connect
from broadcaster.clock import SteppedClock
from broadcaster.jobs import Running
from broadcaster.settings import Settings
from broadcaster.simulator.server import start
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.integration.replies.test_telegram_life import PARENT, SECRET, TOKEN, Life, _office
from tests.integration.web.serving import serve


def _replies(db: Database) -> int:
    with db.read() as session:
        return session.exec(select(func.count()).select_from(tables.Reply)).one()


def test_switching_loses_nothing_and_repeats_nothing(sqlite_db: Database, now: datetime, tmp_path: Path) -> None:
    db = sqlite_db
    _office(db, now)

    async def scenario() -> None:
        simulator = await start()
        clock = SteppedClock(now)
        simulator.store.set_now(now)
        fetched: dict[str, Any] = {
            "data_dir": tmp_path, "mode": "rehearsal", "telegram_token": TOKEN, "pace_telegram": 1000,
            "telegram_base_url": simulator.base_url, "twilio_base_url": simulator.base_url,
        }  # fmt: skip
        called = fetched | {"public_base_url": "https://kia.example.go.id", "telegram_webhook_secret": SECRET}
        ways = [connect(App(settings=Settings(**one), clock=clock, db=db)) for one in (called, fetched)]
        with contextlib.ExitStack() as stack:
            lives = [Life(app, Running(app), simulator, clock) for app in ways]
            by_webhook, by_polling = lives
            port = stack.enter_context(serve(ways[0]))
            telegram = ways[0].telegram
            assert telegram is not None

            async def use_webhook() -> None:
                await telegram.use_webhook(f"http://127.0.0.1:{port}/hooks/telegram", SECRET)

            await use_webhook()
            (hello,) = await by_webhook.does(PARENT, start="")
            assert "Salam dari Dukcapil" in hello.text
            kept = json.loads(by_webhook.kept_events()[-1])

            # the answer to that call got lost, so Telegram has the update still; then the office takes to fetching
            await telegram.use_polling()
            await simulator.telegram.bring(kept)
            (stopped,) = await by_polling.does(PARENT, text="/berhenti")
            assert "MULAI" in stopped.text
            assert by_polling.texts(PARENT) == [hello, stopped], "the greeting did not come twice"
            assert _replies(db) == 2

            # written while nobody fetches, and brought by the webhook that is set next; the stop comes once more, too
            stop = json.loads(by_polling.kept_events()[-1])
            await simulator.inbound.act({"channel": "telegram", "address": PARENT, "text": "/mulai"})
            await use_webhook()
            await simulator.telegram.bring(stop)
            await by_webhook.work()
            assert "akan kami kirim lagi" in by_webhook.texts(PARENT)[-1].text
            assert len(by_webhook.texts(PARENT)) == 3
            assert _replies(db) == 3
            assert by_webhook.suppressed(PARENT) == set(), "the older stop that came again did not undo the newer wish"
            for one in lives:
                one.running.close()
        for app in ways:
            assert app.transport is not None
            await app.transport.aclose()
        await simulator.stop()

    asyncio.run(scenario())
