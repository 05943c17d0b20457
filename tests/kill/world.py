"""The installation of a kill run: settings, a campaign that may send, and a planner that never runs out of families.

Every family has a number, a chat and a child's name of its own, so that every text differs from every other and the providers'
list can be laid beside our tables text by text.
"""

from __future__ import annotations

import asyncio
import json
import random
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from broadcaster import settings as setting
from broadcaster.app import connect, open_app
from broadcaster.campaigns import service as campaigns
from broadcaster.clock import Clock
from broadcaster.delivery import templates
from broadcaster.operations.service import init
from broadcaster.outbox.queries import next_due
from broadcaster.outbox.rules import address_key, dedupe_key
from broadcaster.outbox.service import NewMessage, enqueue
from broadcaster.rendering.queries import latest
from broadcaster.settings import Mode, Settings
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

AUTH_TOKEN = "simulated-auth-token"
BOT_TOKEN = "100:simulated"
CAMPAIGN = "kartu-belum-diambil"
STEPS = ("ambil-kartu-1", "ambil-kartu-2")
CHANNELS = ("whatsapp", "telegram", "sms")
#: Rows that should be due whenever a sender starts.
READY = 90
#: Who does not simply receive: share of families -> behaviour of the simulated person.
BEHAVIOURS = (
    (0.02, "blocked"), (0.02, "no_whatsapp"), (0.02, "invalid"), (0.02, "switched_off"), (0.01, "marketing_limit"),
    (0.15, "read"),
)  # fmt: skip
QUESTIONS = ("Syaratnya apa saja?", "Jam berapa buka?", "Di mana diambil?", "Ini penipuan ya?")


def settings_for(folder: Path, simulator: str, *, database_url: str, hooks: str, pace: float) -> Settings:
    """`hooks`: the address at which the providers call us; empty: they are polled."""
    return setting.load(
        _env_file=None,
        data_dir=folder / "data",
        database_url=database_url,
        mode=Mode.REHEARSAL,
        public_base_url=hooks,
        telegram_token=BOT_TOKEN,
        telegram_base_url=simulator,
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=AUTH_TOKEN,
        twilio_base_url=simulator,
        twilio_whatsapp_from="+6285100000001",
        twilio_sms_from="+6285100000002",
        pace_telegram=pace,
        pace_whatsapp=pace,
        pace_sms=pace,
        whatsapp_daily_tier=1_000_000,
        household_cap=50,
    )


def post(simulator: str, path: str, data: Any) -> None:
    """To the simulated providers' own interface."""
    request = urllib.request.Request(f"{simulator}/_sim/{path}", json.dumps(data).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        answer.read()


def get(simulator: str, path: str) -> Any:
    with urllib.request.urlopen(f"{simulator}/_sim/{path}", timeout=30) as answer:
        return json.load(answer)


class World:
    """One installation and what happens in its office while senders die. Used by one process that is never killed."""

    def __init__(self, settings: Settings, simulator: str, clock: Clock, seed: str) -> None:
        self.settings, self.simulator, self.clock = settings, simulator, clock
        self.chance = random.Random(seed)
        self.families = 0
        init(settings, clock.now())
        app = open_app(settings, clock)
        self.db: Database = app.db
        asyncio.run(_push(settings, clock))
        with self.db.write() as session:
            self._found(session)

    def _found(self, session: Session) -> None:
        """The office, its campaign and cohort; a second lane for SMS, so that four workers have four lanes."""
        make.facts(session)
        make.staff(session, "sari", "admin")
        steps = [
            {"message": step, "offset_days": day, "channels": list(CHANNELS), "late": "next_window", "valid_days": 5}
            for day, step in enumerate(STEPS)
        ]
        campaign = make.campaign(
            session, CAMPAIGN, definition={"steps": steps}, templates={step: latest(session, step).id for step in STEPS}
        )
        cohort = make.cohort(session, campaign)
        now = self.clock.now()
        session.add(
            tables.Sender(name="sms-2", channel="sms", pace=self.settings.pace_sms, next_slot_at=now)
        )  # fmt: skip
        session.flush()
        for sender in session.exec(select(tables.Sender)):
            sender.next_slot_at = now
            session.add(sender)
        self.campaign_id, self.cohort_id = campaign.id or 0, cohort.id or 0
        self.templates = {step: latest(session, step).id for step in STEPS}
        self.lanes: dict[str, list[int]] = {}
        for sender in session.exec(select(tables.Sender).order_by(col(tables.Sender.id))):
            self.lanes.setdefault(sender.channel, []).append(sender.id or 0)

    # --- what happens in the office ---------------------------------------------------------------

    def go_on(self, ready: int = READY) -> dict[str, int]:
        """Plan until `ready` rows wait, and let an ordinary day happen: cards are collected, people write, somebody pauses."""
        now = self.clock.now()
        with self.db.read() as session:
            due = select(tables.Message.id).where(tables.Message.status == "planned", col(tables.Message.due_at) <= now)
            waiting = len(session.exec(due).all())
        made = 0
        while waiting + made < ready:
            made += self._plan_families(10, now)
        self._collect_a_card(now)
        self._pause_or_resume(now)
        return {"waiting": waiting, "made": made}

    def _plan_families(self, count: int, now: datetime) -> int:
        people = []
        made = 0
        with self.db.write() as session:
            for _ in range(count):
                self.families += 1
                made += self._plan_family(session, self.families, now)
                people.append(self._person(self.families))
        post(self.simulator, "people", {"people": [person for pair in people for person in pair]})
        return made

    def _plan_family(self, session: Session, number: int, now: datetime) -> int:
        sealer = self.db.sealer
        phone, chat = _phone(number), _chat(number)
        family = make.family(
            session, sealer, phone=phone, channels=("whatsapp", "sms"), child_name=_name(number),
            guardian_name=f"IBU {_name(number)}",
        )  # fmt: skip
        make.contact(session, sealer, family.guardian, "telegram", chat)
        household = family.household.id or 0
        session.add(
            tables.Enrolment(
                lineage=CAMPAIGN, card_id=family.card.id or 0, child_id=family.child.id or 0, cohort_id=self.cohort_id,
                household_id=household, occasion="printed_uncollected",
            )
        )  # fmt: skip
        rows = []
        for position, step in enumerate(STEPS):
            hop = (number + position) % len(CHANNELS)
            channel = CHANNELS[hop]
            address = chat if channel == "telegram" else phone
            blind = sealer.blind("address", address)
            lanes = self.lanes[channel]
            rows.append(
                NewMessage(
                    dedupe_key=dedupe_key(CAMPAIGN, 1, step, household, hop),
                    address_key=address_key(CAMPAIGN, 1, step, channel, blind),
                    sender_id=lanes[number // 3 % len(lanes)], channel=channel,
                    sealed_address=sealer.seal("address", address), address_blind=blind, household_id=household,
                    campaign_id=self.campaign_id, cohort_id=self.cohort_id, step=step, hop=hop,
                    template_version_id=self.templates[step], due_at=now, expires_at=now + timedelta(days=5),
                    children=[(family.child.id or 0, family.card.id or 0, "printed_uncollected")],
                )
            )  # fmt: skip
        return enqueue(session, rows, now)

    def _person(self, number: int) -> list[dict[str, Any]]:
        """How the family's phone and chat behave, and what it writes back."""
        draw, behaviour = self.chance.random(), "delivered"
        for share, name in BEHAVIOURS:
            draw -= share
            if draw < 0:
                behaviour = name
                break
        replies = []
        if self.chance.random() < 0.08:
            words = "STOP" if self.chance.random() < 0.3 else self.chance.choice(QUESTIONS)
            replies = [{"after_s": 0.2, "text": words}]
        return [
            {"address": _phone(number), "behaviour": behaviour, "replies": replies},
            {"address": _chat(number), "behaviour": behaviour, "replies": replies},
        ]

    def _collect_a_card(self, now: datetime) -> None:
        if self.chance.random() > 0.3:
            return
        with self.db.write() as session:
            row = session.exec(
                select(tables.MessageChild)
                .join(tables.Message, col(tables.Message.id) == col(tables.MessageChild.message_id))
                .where(tables.Message.status == "planned")
                .limit(1)
            ).first()
            if row is not None:
                card = session.get_one(tables.Card, row.card_id)
                card.status, card.since = "collected", now.date()
                session.add(card)

    def _pause_or_resume(self, now: datetime) -> None:
        with self.db.read() as session:
            status = session.get_one(tables.Campaign, self.campaign_id).status
        if status == "paused":
            campaigns.resume(self.db, CAMPAIGN, by="sari", now=now)
        elif self.chance.random() < 0.04:
            campaigns.pause(self.db, CAMPAIGN, by="sari", now=now)

    def run_on(self) -> None:
        """Whatever is paused goes on."""
        if self.standing()["campaign"] == "paused":
            campaigns.resume(self.db, CAMPAIGN, by="sari", now=self.clock.now())

    def standing(self) -> dict[str, Any]:
        """What still moves: rows by state, events nothing has acted on, and when the next row is due."""
        with self.db.read() as session:
            moving = session.exec(
                select(tables.Message.status).where(col(tables.Message.status).in_(("planned", "claimed", "sending")))
            ).all()
            events = session.exec(
                select(tables.ProviderEvent.id).where(col(tables.ProviderEvent.applied_at).is_(None))
            ).all()
            due = next_due(session)
            return {
                "moving": len(moving),
                "begun": sum(status != "planned" for status in moving),
                "events": len(events),
                "due_in": None if due is None else (due - self.clock.now()).total_seconds(),
                "campaign": session.get_one(tables.Campaign, self.campaign_id).status,
            }


async def _push(settings: Settings, clock: Clock) -> None:
    app = connect(open_app(settings, clock))
    try:
        pushed = await templates.push(app.db, app.clock, templates.registrar_of(app.channels))
        assert not pushed.problems, pushed.problems
    finally:
        await app.aclose()


def _phone(number: int) -> str:
    return f"+62812{10_000_000 + number}"


def _chat(number: int) -> str:
    return str(700_000_000 + number)


def _name(number: int) -> str:
    """A first name nobody else has: letters only."""
    letters = ""
    for _ in range(5):
        number, rest = divmod(number, 26)
        letters = chr(ord("A") + rest) + letters
    return f"ANAK{letters}"
