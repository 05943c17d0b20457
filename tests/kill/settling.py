"""Settling what is unknown after a kill run, and how many of Twilio's unknowns could have been settled and were not."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from datetime import timedelta
from typing import Any

from sqlmodel import select

from broadcaster.app import App, connect, open_app
from broadcaster.delivery.settle import AFTER, FIRST_AFTER
from broadcaster.delivery.settle import settle as look_up
from broadcaster.outbox.queries import unsettled
from broadcaster.storage import tables
from tests.kill.account import texts_of
from tests.kill.processes import SharedClock
from tests.kill.world import World, post

_MOST_RUNS = 100  # of fifty addresses each


def settle(world: World, clock: SharedClock) -> dict[str, int]:
    """Move the clock past the time a look-up waits, ask Twilio about everything unknown, and say what is left and why."""
    wait = (FIRST_AFTER + AFTER + timedelta(seconds=1)).total_seconds()
    post(world.simulator, "clock", {"now": (clock.now() + timedelta(seconds=wait)).isoformat()})
    clock.forward(wait)
    before = len(_unknown(world))
    asyncio.run(_ask(world))
    left = Counter(_why(world))
    return {
        "twilio_unknown_before": before,
        "settled": before - left.total(),
        "left_twilio_never_saw_it": left["never_saw_it"],
        "left_two_texts_fit": left["two_texts_fit"],
        "could_be_known": left["could_be_known"],
    }


async def _ask(world: World) -> None:
    app = connect(open_app(world.settings, world.clock))
    try:
        for lookup in app.lookups:
            for _ in range(_MOST_RUNS):
                if not _due(app, lookup.account):
                    break
                await look_up(app.db, app.clock, lookup, app.by_account(), app.classify)
    finally:
        await app.aclose()


def _due(app: App, account: str) -> bool:
    with app.db.read() as session:
        return bool(unsettled(session, account, app.now(), first_after=FIRST_AFTER, limit=1))


def _unknown(world: World) -> list[tuple[Any, Any]]:
    """Attempts on Twilio's account that are unknown for want of an answer, with their messages."""
    with world.db.read() as session:
        return [
            (attempt, session.get_one(tables.Message, attempt.message_id))
            for attempt in session.exec(
                select(tables.Attempt).where(tables.Attempt.state == "unknown", tables.Attempt.account == "twilio")
            )
            if attempt.provider_id is None
        ]


def _why(world: World) -> list[str]:
    """Why each of them is still unknown, by what Twilio really has: the simulator knows more than a look-up can see."""
    with world.db.read() as session:
        owned = set(session.exec(select(tables.Attempt.provider_id)).all())
    free: dict[tuple[str, str, str], int] = Counter(
        (text["channel"], text["to"], text["text"]) for text in texts_of(world.simulator) if text["sid"] not in owned
    )
    unknown = []
    for _, message in _unknown(world):
        body = json.loads(world.db.sealer.open("body", message.sealed_body))
        unknown.append((message.channel, world.db.sealer.open("address", message.sealed_address), body["text"]))
    alike = Counter(unknown)
    return [_reason(free[key], alike[key]) for key in unknown]


def _reason(texts: int, attempts: int) -> str:
    if texts == 0:
        return "never_saw_it"
    return "could_be_known" if texts == attempts == 1 else "two_texts_fit"
