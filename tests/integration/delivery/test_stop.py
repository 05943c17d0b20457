"""Stop within two seconds at full speed, measured at the provider."""

from __future__ import annotations

import asyncio
import signal
from datetime import UTC, datetime, timedelta

from sqlmodel import func, select

from broadcaster.campaigns import service as campaigns
from broadcaster.delivery.consequences import UNTIL_RESUMED
from broadcaster.outbox.service import pause_sender
from broadcaster.simulator.store import Text
from broadcaster.storage import tables
from tests import make
from tests.integration.delivery.stage import Stage, answers, campaign, lane, stage

PACE = 40
PERSON = "+6281300000003"


def test_pause_stop_sender_pause_and_a_stop_word_act_within_two_seconds(db, tmp_path):
    """Four lanes at full speed; all four acts at one moment. A fifth lane goes on."""

    async def scenario() -> None:
        async with stage(db, tmp_path) as here:
            senders = {
                name: lane(here, "sms", PACE, name=f"sms-{name}") for name in ("jeda", "henti", "orang", "terus")
            }
            senders["pengirim"] = lane(here, "telegram", PACE)
            with db.write() as session:
                make.staff(session, "sari", "operator")
            number = PACE * 7
            campaign(here, "jeda", 200, sender_id=senders["jeda"])
            campaign(here, "henti", 200, sender_id=senders["henti"])
            campaign(here, "orang", 200, sender_id=senders["orang"], address=PERSON)
            answers(here, number, "sms", sender_id=senders["terus"])
            answers(here, number, "telegram")
            whose = {here.db.sealer.open("address", row.sealed_address): row.sender_id for row in here.rows("sms")}
            await here.serve()
            workers = await here.send(1 if db.kind == "sqlite" else 2)
            await here.until(lambda: all(len(found) >= 10 for found in by_lane(here, whose, senders).values()))

            def act() -> None:
                campaigns.pause(db, "jeda", by="sari", now=here.now())
                campaigns.stop(db, "henti", by="sari", now=here.now())
                with db.write() as session:
                    pause_sender(session, senders["pengirim"], here.now() + UNTIL_RESUMED, "staff")

            await asyncio.gather(
                here.in_thread(act),
                here.simulator.inbound.act({"channel": "whatsapp", "address": PERSON, "text": "BERHENTI"}),
            )
            acted = datetime.now(UTC)
            assert here.simulator.store.receipts["inbound_posted"] == 1, here.log()
            await asyncio.sleep(3.0)
            lag = timedelta(seconds=here.lag)
            late = {
                name: [text for text in found if text.at > acted + timedelta(seconds=2) + lag]
                for name, found in by_lane(here, whose, senders).items()
            }
            going_on = late.pop("terus")
            assert going_on, "the lane that nobody stopped goes on"
            assert {name: len(found) for name, found in late.items()} == dict.fromkeys(late, 0)
            waiting = here.statuses()
            assert waiting["planned"] > 0
            assert waiting["cancelled"] > 0
            assert waiting["suppressed"] > 0
            assert await workers.stop() == 0, here.log()

    asyncio.run(scenario())


def by_lane(here: Stage, whose: dict[str, int], senders: dict[str, int]) -> dict[str, list[Text]]:
    """What each lane's provider took, by the lane's short name."""
    found: dict[str, list[Text]] = {name: [] for name in senders}
    short = {sender_id: name for name, sender_id in senders.items()}
    for text in here.texts():
        found["pengirim" if text.channel == "telegram" else short[whose[text.to]]].append(text)
    return found


def test_a_process_asked_to_end_records_the_calls_under_way_and_gives_everything_back(db, tmp_path):
    async def scenario() -> None:
        async with stage(db, tmp_path) as here:
            lane(here, "sms", 50)
            answers(here, 300)
            here.simulator.store.options.latency_ms = 700
            workers = await here.send()
            await here.received(30)
            workers.signal(signal.SIGTERM)
            asked = datetime.now(UTC)
            assert await asyncio.wait_for(workers.process.wait(), 10) == 0, here.log()
            assert datetime.now(UTC) - asked < timedelta(seconds=5)
            statuses = here.statuses()
            received = len(here.texts())
            assert statuses == {"accepted": received, "planned": 300 - received}
            assert received < 150
            with here.db.read() as session:
                assert session.exec(select(func.count()).where(tables.Attempt.state == "open")).one() == 0
            sender = here.sender("sms")
            assert sender.drained_by == ""
            assert sender.lane_until is None

    asyncio.run(scenario())
