"""The pace, measured at the provider: never faster than configured, and not much slower.

`FULL_PACE=1` measures over a minute what the suite measures over seconds. How fast a sender is depends on the machine, so it is
compared with a bare loop that waits for the same moments on the same machine at the same time.
"""

from __future__ import annotations

import asyncio
import signal
import time
from datetime import timedelta

from broadcaster.outbox.lease import LANE
from broadcaster.simulator.faults import Fault
from tests.integration.delivery.stage import (
    FULL,
    Stage,
    achieved,
    answers,
    assert_never_faster,
    campaign,
    fastest,
    lane,
    longest_gap,
    stage,
)

SECONDS = 60 if FULL else 4


async def ideal(pace: float, seconds: float) -> float:
    """What a bare loop reaches that does nothing but wait for its next moment."""
    begun, number = time.monotonic(), int(pace * seconds)
    for position in range(number):
        wait = begun + position / pace - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
    return (number - 1) / (time.monotonic() - begun)


def assert_pace(here: Stage, channel: str, pace: float, bare: float, *, stretch: bool = not FULL) -> None:
    """Never faster than the pace, and near it; `stretch`: for the best two seconds, since other work shares the machine."""
    texts = here.texts(channel)
    assert_never_faster(here, texts, pace)
    whole = achieved(texts)
    print(
        f"{channel} at {pace}/s: {whole / pace:.3f} of it, a bare loop {bare / pace:.3f}, late {here.lag * 1e3:.0f} ms"
    )
    reached = max(whole, fastest(texts, 2.0) / 2.0) if stretch else whole
    assert reached >= 0.95 * min(bare, pace)


def assert_nothing_twice(here: Stage, number: int) -> None:
    assert len(here.texts()) == number
    assert len({(text.channel, text.to) for text in here.texts()}) == number
    assert here.simulator.store.duplicates == 0


def test_one_process_keeps_the_pace_of_each_lane(sqlite_db, tmp_path):
    paces = {"sms": 30, "telegram": 80}

    async def scenario() -> None:
        async with stage(sqlite_db, tmp_path) as here:
            for channel, pace in paces.items():
                lane(here, channel, pace)
                answers(here, pace * SECONDS, channel)
            workers = await here.send()
            await here.received(1)
            bare = asyncio.gather(*(ideal(pace, SECONDS) for pace in paces.values()))
            await here.received(sum(paces.values()) * SECONDS, SECONDS * 2 + 10)
            assert await workers.stop() == 0, here.log()
            for (channel, pace), number in zip(paces.items(), await bare, strict=True):
                assert_pace(here, channel, pace, number)
            assert_nothing_twice(here, sum(paces.values()) * SECONDS)

    asyncio.run(scenario())


def test_four_workers_share_the_lanes_and_a_stopped_or_dead_one_is_replaced(postgres_db, tmp_path):
    """In the middle the sender of the SMS lane is asked to end, and the next one is killed."""
    paces = {"sms": 30, "telegram": 80}
    rest = int(LANE.total_seconds()) + 8

    async def scenario() -> None:
        async with stage(postgres_db, tmp_path) as here:
            lane(here, "telegram", paces["telegram"])
            answers(here, paces["telegram"] * SECONDS, "telegram")
            lane(here, "sms", paces["sms"])
            answers(here, paces["sms"] * 8)
            workers = await here.send(4)
            await here.received(1)
            bare = asyncio.create_task(ideal(paces["telegram"], SECONDS))

            holders = [(await here.in_thread(here.sender, "sms")).drained_by]
            await here.until(lambda: len(here.texts("sms")) >= paces["sms"] * 1.5)
            workers.signal(signal.SIGTERM, [pid_of(here.sender("sms").drained_by)])
            asked = len(here.texts("sms"))
            await here.until(lambda: len(here.texts("sms")) >= asked + paces["sms"])
            assert longest_gap(here.texts("sms")) < timedelta(seconds=3), "the lane was not given back at once"

            holders.append((await here.in_thread(here.sender, "sms")).drained_by)
            workers.signal(signal.SIGKILL, [pid_of(holders[-1])])
            killed = len(here.texts("sms"))
            await here.until(lambda: len(here.texts("sms")) >= killed + paces["sms"], rest)
            assert longest_gap(here.texts("sms")) <= timedelta(seconds=12), "a dead worker's lane was taken over late"
            holders.append((await here.in_thread(here.sender, "sms")).drained_by)
            assert len(set(holders)) == 3

            assert await workers.stop() == 1, here.log()  # only the killed one
            assert_pace(here, "telegram", paces["telegram"], await bare)
            assert_never_faster(here, here.texts("sms"), paces["sms"])
            assert len({(text.channel, text.to) for text in here.texts()}) == len(here.texts())

    asyncio.run(scenario())


def pid_of(holder: str) -> int:
    return int(holder.split(":")[1])


def test_one_slow_lane_and_a_paused_campaign_hold_up_nobody_and_answers_overtake(db, tmp_path):
    """WhatsApp's provider hangs, Telegram says 429, an older campaign is paused: SMS keeps its pace."""
    pace, seconds = 40, 4

    async def scenario() -> None:
        async with stage(db, tmp_path) as here:
            for channel in ("whatsapp", "telegram"):
                lane(here, channel, 40)
                answers(here, 120, channel)
            lane(here, "sms", pace)
            campaign(here, "dijeda", 30)
            with here.db.plain() as sql:
                sql.run("UPDATE campaign SET status = 'paused'")
            number = pace * seconds
            campaign(here, "jalan", number)
            for text in here.rows("whatsapp"):
                here.simulator.store.heard_from("whatsapp", here.db.sealer.open("address", text.sealed_address))
            here.simulator.faults.add(Fault("slow_ms", "whatsapp", ms=600_000))
            workers = await here.send(1 if db.kind == "sqlite" else 2)
            await here.until(lambda: len(here.texts("sms")) >= pace and len(here.texts("telegram")) > 0)
            here.simulator.faults.add(Fault("429", "telegram", left=1, retry_after=2))
            bare = asyncio.create_task(ideal(pace, seconds - 1))

            await here.in_thread(answers, here, 1, "sms", "+6281300000001")
            await here.until(lambda: len(here.texts("sms")) > number, seconds * 2 + 10)
            order = [text.to for text in here.texts("sms")].index("+6281300000001")
            assert order <= pace * 3.5, "an answer waits no longer than what is leased already"
            assert_pace(here, "sms", pace, await bare, stretch=True)
            assert here.statuses()["planned"] >= 30, "the paused campaign keeps its rows"
            assert longest_gap(here.texts("telegram")) >= timedelta(seconds=1.9), "429 stops the whole sender"
            assert not here.texts("whatsapp")
            workers.signal(signal.SIGKILL)

    asyncio.run(scenario())
