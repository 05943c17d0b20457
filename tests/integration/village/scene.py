"""One village, and what may happen in it. A call shows only what matters to the test."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcaster.rendering.service import load_content
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.village import queries, service
from broadcaster.village.queries import Line, Opened, VillageList
from tests import make
from tests.make import Family

ZONE = ZoneInfo("Asia/Jakarta")
CODE, OTHER = "17.03.15.2011", "17.03.06.2028"


@dataclass
class Scene:
    """Families live in the village `CODE` unless told otherwise; the clock stands at `now`."""

    db: Database
    now: datetime
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def prepare(self, *, weak_signal: bool = False, facts: bool = True) -> Scene:
        with self.db.write() as session:
            make.installation(session)
            make.village(
                session, code=CODE, name="Talang Pungguk", kind="desa", kecamatan="Air Besi", weak_signal=weak_signal
            )
            make.village(session, code=OTHER, name="Tanjung Putus", kind="desa", kecamatan="Kerkap")
            load_content(session, content_dir(), self.now)
            make.staff(session, "sari", "operator")
            if facts:
                make.facts(session)
        return self

    @property
    def today(self) -> date:
        return self.now.astimezone(ZONE).date()

    # --- the register and campaigns ---------------------------------------------------------------------------------

    def family(self, name: str = "SITI AMINAH", *, village: str = CODE, **wanted: Any) -> Family:
        with self.db.write() as session:
            home = session.exec(select(tables.Village).where(tables.Village.code == village)).one()
            return make.family(session, self.db.sealer, village=home, guardian_name=name, **wanted)

    def without_number(self, name: str = "SITI AMINAH", **wanted: Any) -> Family:
        return self.family(name, phone="", **wanted)

    def campaign(
        self, name: str = "kartu", *, status: str = "running", opened: dict[int, int | None] | None = None
    ) -> int:
        """A campaign with one cohort, D = 14. `opened`: wave -> how many days ago, None = not yet. Returns the cohort."""
        with self.db.write() as session:
            campaign = make.campaign(session, name, status=status)
            cohort = make.cohort(session, campaign)
            for number, ago in (opened or {0: 0, 1: 0, 2: None}).items():
                day = None if ago is None else self.today - timedelta(days=ago)
                make.wave(session, cohort, number, opened_on=day)
            return cohort.id or 0

    def assign(self, cohort: int, family: Family, *, wave: int = 1, arm: str = "lot") -> None:
        with self.db.write() as session:
            row = session.get_one(tables.Cohort, cohort)
            make.assignment(session, row, family.household, wave=wave, arm=arm)
            campaign = session.get_one(tables.Campaign, row.campaign_id)
            session.add(
                tables.Enrolment(
                    lineage=campaign.lineage, card_id=family.card.id or 0, child_id=family.child.id or 0,
                    cohort_id=cohort, household_id=family.household.id or 0, occasion="printed_uncollected",
                )
            )  # fmt: skip

    def message(
        self,
        cohort: int,
        family: Family,
        status: str = "accepted",
        *,
        channel: str = "whatsapp",
        message: str = "ambil-kartu-1",
        followed: bool = True,
        ago: timedelta = timedelta(0),
        **columns: Any,
    ) -> int:
        """A text about the family's card, with its attempt when it was begun. Returns the message."""
        with self.db.write() as session:
            row = session.get_one(tables.Cohort, cohort)
            made = make.message(
                session, self.db.sealer, household=family.household,
                campaign=session.get_one(tables.Campaign, row.campaign_id), cohort=row, card=family.card,
                channel=channel, status=status, step=message, due_at=self.now - ago,
                template_version_id=self._version(session, message), followed_at=self.now if followed else None,
                **columns,
            )  # fmt: skip
            if status in ("accepted", "sent", "failed", "delivered", "read", "unknown"):
                account = "village_list" if channel == "village_list" else "twilio"
                make.attempt(session, made, state=status, account=account)
            return made.id or 0

    def _version(self, session: Session, key: str) -> int:
        found = session.exec(
            select(tables.TemplateVersion.id)
            .join(tables.MessageTemplate, col(tables.MessageTemplate.id) == col(tables.TemplateVersion.template_id))
            .where(tables.MessageTemplate.key == key)
        ).one()
        return found or 0

    def replies(self, family: Family, *intents: str, ago: timedelta = timedelta(0)) -> None:
        """Somebody of the family wrote."""
        number = next(self.numbers)
        with self.db.write() as session:
            event = make.event(session, self.db.sealer)
            sealer = self.db.sealer
            conversation = tables.Conversation(
                channel="whatsapp", address_blind=sealer.blind("address", f"+62813{number:07}"),
                sealed_address=sealer.seal("address", f"+62813{number:07}"), household_id=family.household.id,
                state="open", last_at=self.now - ago,
            )  # fmt: skip
            session.add(conversation)
            session.flush()
            session.add(
                tables.Reply(
                    event_id=event.id or 0, conversation_id=conversation.id or 0, sealed_text=sealer.seal("reply", "x"),
                    intents=json.dumps(intents), opt_out=False, handled_by="staff", at=self.now - ago,
                )
            )  # fmt: skip

    # --- the officer -------------------------------------------------------------------------------------------------

    def list(self, code: str = CODE) -> VillageList:
        with self.db.read() as session:
            return queries.village_list(session, self.db.sealer, code, self.now, self.today)

    def line(self, family: Family) -> Line | None:
        return next((line for line in self.list().lines if line.household_id == family.household.id), None)

    def reasons(self, family: Family) -> tuple[str, ...]:
        line = self.line(family)
        return () if line is None else tuple(str(reason) for reason in line.reasons)

    def link(self, code: str = CODE) -> Opened:
        made = service.make_link(self.db, code, by="sari", now=self.now)
        with self.db.read() as session:
            return queries.find_link(session, made.token, self.now)

    def tick(self, link: Opened, family: Family, kind: str, *, age_s: float = 0, client_id: str = "") -> bool:
        told = service.Told(family.household.id or 0, kind, client_id or f"tick-{next(self.numbers):08}", age_s)
        return service.note(self.db, link, told, self.now, ZONE)

    def later(self, **span: int) -> None:
        self.now += timedelta(**span)

    # --- what became of it -------------------------------------------------------------------------------------------

    def status(self, message: int) -> tuple[str, str]:
        with self.db.read() as session:
            row = session.get_one(tables.Message, message)
            return row.status, row.reason

    def rows(self, table: type[Any]) -> list[Any]:
        with self.db.read() as session:
            return list(session.exec(select(table).order_by(col(table.id))))
