"""A stop on any channel ends what is planned and leased on every channel: at full speed with receipts flooding in, and when the
process is killed between the provider's call and the act. Measured at the provider.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlmodel import col, select

from broadcaster.channels import twilio_events
from broadcaster.domain.message import Status
from broadcaster.outbox.service import keep_event
from broadcaster.simulator.store import Text
from broadcaster.storage import tables
from broadcaster.storage.turns import turn
from tests import make
from tests.integration.delivery.stage import ROOT, Stage, lane, stage

SMS, WHATSAPP, TELEGRAM = 40, 30, 25
CHANNELS = {"sms": SMS, "whatsapp": WHATSAPP, "telegram": TELEGRAM}
TEXT = "Kartu sudah selesai."
WITH_BUTTON = '{"text": "Kartu sudah selesai.", "buttons": [["Berhenti", "opt_out"]], "sid": "", "variables": {}}'
_PEOPLE = itertools.count(1)
Do = Callable[[Stage, "Person"], Coroutine[Any, Any, None]]


class Person:
    """A mother with a telephone and a chat."""

    def __init__(self, here: Stage) -> None:
        number = next(_PEOPLE)
        self.phone, self.chat = f"+62813{number:08}", f"7001{number:08}"
        here.simulator.store.heard_from("whatsapp", self.phone)  # free text is taken from now on
        with here.db.write() as session:
            self.family = make.family(session, here.db.sealer, phone=self.phone)
            make.contact(session, here.db.sealer, self.family.guardian, "telegram", self.chat)

    @property
    def addresses(self) -> frozenset[str]:
        return frozenset({self.phone, self.chat})


def fill(here: Stage, people: list[Person], each: int) -> None:
    """Due campaign rows on every channel, turn by turn to each of these people: every lane is always at some of them."""
    now = here.now()
    with here.db.write() as session:
        running = make.campaign(session, "semua")
        for _, person, channel in itertools.product(range(each), people, CHANNELS):
            make.message(
                session, here.db.sealer, household=person.family.household, campaign=running, card=person.family.card,
                channel=channel, address=person.chat if channel == "telegram" else person.phone, body=WITH_BUTTON,
                due_at=now,
            )  # fmt: skip


async def writes_on_whatsapp(here: Stage, one: Person) -> None:
    await here.simulator.inbound.act({"channel": "whatsapp", "address": one.phone, "text": "stop dong"})


async def writes_by_sms(here: Stage, one: Person) -> None:
    await here.simulator.inbound.act({"channel": "sms", "address": one.phone, "text": "BERHENTI"})


async def is_marked_by_the_provider(here: Stage, one: Person) -> None:
    wanted = {"channel": "whatsapp", "address": one.phone, "text": "x", "opt_out_mark": "STOP"}
    await here.simulator.inbound.act(wanted)


async def presses_on_telegram(here: Stage, one: Person) -> None:
    await here.simulator.inbound.act({"channel": "telegram", "address": one.chat, "button": "Berhenti"})


async def blocks_the_bot(here: Stage, one: Person) -> None:
    await here.simulator.inbound.act({"channel": "telegram", "address": one.chat, "block": True})


async def tells_the_office(here: Stage, one: Person) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "broadcaster", "consent", "stop", one.phone, "--source", "telepon", "--by", "sari",
        "--json", "--now", here.now().isoformat(), cwd=ROOT, env=here.environment, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert await process.wait() == 0


STOPS: tuple[Do, ...] = (
    writes_on_whatsapp, writes_by_sms, is_marked_by_the_provider, presses_on_telegram, blocks_the_bot, tells_the_office,
)  # fmt: skip


async def set_webhook(here: Stage) -> None:
    """What people do on Telegram is posted to us."""
    from telegram import Bot

    base, token = here.environment["BROADCASTER_TELEGRAM_BASE_URL"], here.environment["BROADCASTER_TELEGRAM_TOKEN"]
    async with Bot(token, base_url=f"{base}/bot") as bot:
        url = here.environment["BROADCASTER_PUBLIC_BASE_URL"]
        await bot.set_webhook(f"{url}/hooks/telegram", secret_token="simulated")


def to(here: Stage, person: Person, since: int = 0) -> list[Text]:
    return [text for text in here.texts()[since:] if text.to in person.addresses]


async def flood(here: Stage) -> None:
    """Receipts about nothing of ours, as fast as they are taken, beside the true ones, each of which comes twice."""
    store, url = here.simulator.store, here.environment["BROADCASTER_PUBLIC_BASE_URL"]
    for number in itertools.count():
        form = {"MessageSid": f"SM{number:032x}", "MessageStatus": "delivered", "To": "whatsapp:+6281300000000"}
        answer = await here.simulator.inbound._webhooks.twilio(f"{url}/hooks/twilio/status?d=ffffffff-1", form)
        store.receipts["flood" if answer == 204 else f"flood {answer}"] += 1


def test_a_stop_on_any_channel_ends_every_channel_within_two_seconds_under_load(db, tmp_path):
    async def scenario() -> None:
        async with stage(db, tmp_path, household_cap=50) as here:
            for channel, pace in CHANNELS.items():
                lane(here, channel, pace)
            with db.write() as session:
                make.staff(session, "sari", "operator")
            people = [Person(here) for _ in STOPS]
            # so many that none of them reaches the household's cap of 50 before the end
            others = [Person(here) for _ in range(20)]
            await here.in_thread(fill, here, [*people, *others], 30)
            here.simulator.store.options.double = 1.0
            here.simulator.store.options.shuffle = 0.3
            await here.serve()
            await set_webhook(here)
            flooding = [asyncio.create_task(flood(here)) for _ in range(4)]
            workers = await here.send(1 if db.kind == "sqlite" else 2)
            await here.until(lambda: all(len(to(here, one)) >= 6 for one in people), 40)
            acted: dict[str, datetime] = {}

            async def act(do: Do, one: Person) -> None:
                await do(here, one)
                acted[one.phone] = datetime.now(UTC)

            await asyncio.gather(*(act(do, one) for do, one in zip(STOPS, people, strict=True)))
            later = max(acted.values()) + timedelta(seconds=2)
            await asyncio.sleep(3.5)
            await here.until(lambda: all(to(here, one)[-1].at > later for one in others), 30)
            lag = timedelta(seconds=here.lag)
            found = {do.__name__: _delay(here, one, acted[one.phone]) for do, one in zip(STOPS, people, strict=True)}
            for name, delay in found.items():
                print(
                    f"{db.kind} {name}: last text {delay.total_seconds():+.2f} s after the stop, lag {here.lag:.3f} s"
                )
                assert delay <= timedelta(seconds=2) + lag, (found, here.log())
            received = here.simulator.store.receipts
            assert received["flood"] > 300, received
            for task in flooding:
                task.cancel()
            assert await workers.stop() == 0, here.log()

    asyncio.run(scenario())


def _delay(here: Stage, one: Person, acted: datetime) -> timedelta:
    """How long after the stop the last campaign text came; its confirmation does not count."""
    return max(text.at for text in to(here, one) if text.text == TEXT) - acted


def test_a_stop_is_acted_on_before_anything_leaves_after_the_process_was_killed_in_between(db, tmp_path):
    """The hooks keep the word and answer; the sender was killed before it read it, and its lanes are free when it is back."""

    async def scenario() -> None:
        async with stage(db, tmp_path, household_cap=50) as here:
            for channel, pace in CHANNELS.items():
                lane(here, channel, pace)
            stopping, other = Person(here), Person(here)
            await here.in_thread(fill, here, [stopping, other], 60)
            await here.serve()
            workers = await here.send()
            await here.until(lambda: len(to(here, stopping)) >= 6)
            await workers.kill()
            before, begun = len(here.texts()), here.statuses()
            await here.in_thread(_others_wrote, here, 1500)
            await writes_on_whatsapp(here, stopping)
            assert here.simulator.store.receipts["inbound_posted"] == 1
            assert _standing(here) == 0, "nobody has acted on it"
            for channel in CHANNELS:
                here.change(channel, lane_until=None)
            await here.send()
            await here.until(lambda: len(to(here, other, before)) >= 30)
            assert [text.text for text in to(here, stopping, before) if text.text == TEXT] == []
            states = _states(here, stopping)
            # what was begun when the process was killed is unknown, and is never begun again
            assert states["sending"] + states["unknown"] <= begun["sending"]
            assert states["planned"] + states["claimed"] + states["suppressed"] > 0

    asyncio.run(scenario())


def test_a_stop_is_acted_on_before_anything_leaves_when_the_only_process_is_killed_as_it_answers(db, tmp_path):
    """One process takes the call, keeps the word, answers, and is dead before its next look at what came in."""

    async def scenario() -> None:
        async with stage(db, tmp_path, household_cap=50) as here:
            for channel, pace in CHANNELS.items():
                lane(here, channel, pace)
            stopping, other = Person(here), Person(here)
            await here.in_thread(fill, here, [stopping, other], 60)
            running = await here.serve("run")
            await here.until(lambda: len(to(here, stopping)) >= 6)
            await writes_by_sms(here, stopping)
            await running.kill()
            assert here.simulator.store.receipts["inbound_posted"] == 1
            before = len(here.texts())
            for channel in CHANNELS:
                here.change(channel, lane_until=None)
            await here.serve("run")
            await here.until(lambda: len(to(here, other, before)) >= 30)
            assert [text.text for text in to(here, stopping, before) if text.text == TEXT] == []
            with here.db.read() as session:
                replies = session.exec(select(tables.Reply)).all()
            assert len(replies) == 1, "read once, whichever of the two processes did it"

    asyncio.run(scenario())


def test_while_the_reader_is_stalled_nobody_sends(postgres_db, tmp_path):
    """A worker that holds the turn to read and is stopped in the middle: the others do not go on writing past the stop words."""

    async def scenario() -> None:
        async with stage(postgres_db, tmp_path, household_cap=50) as here:
            lane(here, "sms", SMS)
            stopping, other = Person(here), Person(here)
            await here.in_thread(fill, here, [stopping, other], 90)
            await here.serve()
            await here.send(2)
            await here.until(lambda: len(to(here, stopping)) >= 6)
            async with _reading(here):
                await writes_by_sms(here, stopping)
                await asyncio.sleep(2.0 + here.lag)
                before = len(here.texts())
                await asyncio.sleep(1.5)
                assert len(here.texts()) == before
                assert here.statuses()["suppressed"] == 0
            await here.until(lambda: len(to(here, other, before)) >= 10)
            assert [text for text in to(here, stopping, before) if text.text == TEXT] == []

    asyncio.run(scenario())


@asynccontextmanager
async def _reading(here: Stage) -> AsyncIterator[None]:
    """Hold the turn to read, which a worker has for moments only, and read nothing."""
    while True:
        with turn(here.db, "events") as ours:
            if ours:
                yield
                return
        await asyncio.sleep(0.01)


def _others_wrote(here: Stage, number: int) -> None:
    """What many others wrote while nobody read: kept before the stop, and in its way."""
    now = here.now()
    with here.db.write() as session:
        for one in range(number):
            fields = [("From", f"whatsapp:+62814{one:08}"), ("Body", "terima kasih")]
            keep_event(session, here.db.sealer, twilio_events.inbound_event(f"SMother{one}", fields), now)


def _standing(here: Stage) -> int:
    with here.db.read() as session:
        return len(session.exec(select(tables.Suppression)).all())


def _states(here: Stage, one: Person) -> Counter[str]:
    with here.db.read() as session:
        blinds = [here.db.sealer.blind("address", address) for address in one.addresses]
        rows = session.exec(select(tables.Message.status).where(col(tables.Message.address_blind).in_(blinds)))
        return Counter({status.value: 0 for status in Status}) + Counter(rows)
