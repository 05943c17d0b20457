"""What a provider allows beyond the pace: people a day on WhatsApp, a text a second per chat on Telegram."""

from __future__ import annotations

import asyncio
from itertools import pairwise

from sqlmodel import select

from broadcaster.simulator.faults import Fault
from broadcaster.storage import tables
from tests.integration.delivery.stage import answers, campaign, lane, stage


def test_two_senders_in_two_processes_share_one_tier(postgres_db, tmp_path):
    """Of 20 people a day campaigns may write to 16. A refusal at once leaves its place; a text that may have arrived does not."""

    async def scenario() -> None:
        async with stage(postgres_db, tmp_path) as here:
            first = lane(here, "whatsapp", 20)
            second = lane(here, "whatsapp", 20, name="whatsapp-2")
            with here.db.write() as session:
                portfolio = session.exec(select(tables.Portfolio)).one()
                portfolio.daily_tier = 20
                session.add(portfolio)
            campaign(here, "nol", 2, "whatsapp", sender_id=first)
            for row in here.rows("whatsapp"):
                here.simulator.people.set(here.db.sealer.open("address", row.sealed_address), "invalid")
            workers = await here.send(2)

            def begun() -> list[tables.Attempt]:
                with here.db.read() as session:
                    return [one for one in session.exec(select(tables.Attempt)) if one.state != "open"]

            def held() -> list[tables.Message]:
                return [row for row in here.rows("whatsapp") if row.reason == "daily_tier"]

            await here.until(lambda: len(begun()) == 2)
            here.simulator.faults.add(Fault("http_500", "whatsapp", left=3))
            campaign(here, "satu", 30, "whatsapp", sender_id=first)
            campaign(here, "dua", 30, "whatsapp", sender_id=second)
            for row in here.rows("whatsapp"):
                here.simulator.store.heard_from("whatsapp", here.db.sealer.open("address", row.sealed_address))
            await here.until(lambda: len(held()) + len(begun()) == 62)
            await here.in_thread(answers, here, 1, "whatsapp", "+6281300000002")
            here.simulator.store.heard_from("whatsapp", "+6281300000002")
            await here.until(lambda: any(text.to == "+6281300000002" for text in here.texts()))
            assert await workers.stop() == 0, here.log()

            counted = [one for one in begun() if one.answer not in ("deferred", "rejected")]
            assert len(counted) == 16 + 1, "campaigns use four fifths of the tier, and an answer passes"
            assert sum(one.answer == "unknown" for one in counted) == 3
            assert sum(one.answer == "rejected" for one in begun()) == 2
            assert len(held()) == 60 - 16
            assert len({row.sender_id for row in held()}) == 2

    asyncio.run(scenario())


def test_a_chat_gets_one_text_a_second_also_after_a_restart(sqlite_db, tmp_path):
    async def scenario() -> None:
        async with stage(sqlite_db, tmp_path) as here:
            lane(here, "telegram", 30)
            answers(here, 4, "telegram", "900100200")
            answers(here, 60, "telegram")
            workers = await here.send()
            await here.until(lambda: sum(text.to == "900100200" for text in here.texts()) == 2)
            others = len(here.texts())
            assert others >= 25, "the chat's second held nobody else up"
            assert await workers.stop() == 0, here.log()
            await here.send()
            await here.received(64)
            moments = [text.at.timestamp() for text in here.texts() if text.to == "900100200"]
            assert len(moments) == 4
            assert min(after - before for before, after in pairwise(moments)) >= 1.0 - 0.1 - here.lag

    asyncio.run(scenario())
