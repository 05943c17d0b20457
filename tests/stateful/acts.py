"""What people, the office and time do to the district, through the product's own functions wherever there is one."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime
from typing import Any

from sqlalchemy import update
from sqlmodel import Session, col, select

from broadcaster.campaigns import fallback, planning, service
from broadcaster.channels.codes import Codes, load_codes
from broadcaster.consent.service import allow, stop
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import Blocked
from broadcaster.outbox.record import Classify, CodeClass
from broadcaster.rendering.service import record_provider_template
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.stateful.district import NAME, ZONE


def codes() -> Codes:
    return load_codes(content_dir() / "codes")


def classify(codes: Codes) -> Classify:
    def of(channel: ChannelKind, code: str, in_receipt: bool) -> CodeClass:
        found = codes.classify(channel, code, receipt=in_receipt)
        return CodeClass(found.kind, found.max_tries)

    return of


def plan(db: Database, now: datetime) -> int:
    return planning.plan(db, now, ZONE)


def fall_back(db: Database, now: datetime, codes: Codes) -> int:
    def follows(channel: ChannelKind, code: str, in_receipt: bool) -> bool:
        return codes.classify(channel, code, receipt=in_receipt).next

    return fallback.fall_back(db, now, ZONE, follows=follows)


def follow_register(db: Database, now: datetime) -> int:
    return planning.follow_register(db, now)


def forget_what_is_planned(db: Database) -> None:
    """Planning starts over with every open wave, as if it had never been counted."""
    with db.write() as session:
        for wave in session.exec(select(tables.Wave)):
            wave.steps_planned = 0
            session.add(wave)


def address(session: Session, family: int) -> bytes:
    """The family's first own address."""
    guardian = _guardian(session, family)
    return (
        session.exec(
            select(tables.ContactPoint.address_blind)
            .where(tables.ContactPoint.guardian_id == guardian.id)
            .order_by(col(tables.ContactPoint.id))
        ).first()
        or b""
    )


def addresses(session: Session, family: int) -> set[bytes]:
    guardian = _guardian(session, family)
    return set(
        session.exec(select(tables.ContactPoint.address_blind).where(tables.ContactPoint.guardian_id == guardian.id))
    )


def _guardian(session: Session, family: int) -> tables.Guardian:
    return session.exec(select(tables.Guardian).order_by(col(tables.Guardian.id)).offset(family)).first()  # type: ignore[return-value]


def stop_word(db: Database, family: int, now: datetime) -> None:
    with db.write() as session:
        blind = address(session, family)
        stop(session, channel="whatsapp", address_blind=blind, source="reply", wording="STOP", now=now, event_id=None)


def start_word(db: Database, family: int, now: datetime) -> None:
    with db.write() as session:
        blind = address(session, family)
        allow(session, channel="whatsapp", address_blind=blind, source="reply", wording="MULAI", now=now)


def move_campaign(db: Database, verb: str, now: datetime) -> None:
    """Refused moves (resuming what runs) are no matter here."""
    verbs: Any = {"pause": service.pause, "resume": service.resume, "stop": service.stop}
    with contextlib.suppress(Blocked):
        verbs[verb](db, NAME, by="sari", now=now)


def edit(db: Database, edition: int, now: datetime) -> None:
    """New wordings of every message, and a new version of the campaign that uses them."""
    with db.write() as session:
        campaign, version = service.get(session, NAME)
        templates: dict[str, int] = {}
        for key, old_id in json.loads(version.templates).items():
            old = session.get_one(tables.TemplateVersion, old_id)
            content = json.loads(old.content)
            content["texts"] = {channel: f"{text} ({edition})" for channel, text in content["texts"].items()}
            row = tables.TemplateVersion(
                template_id=old.template_id, number=old.number + 1, content=json.dumps(content),
                sha256=f"{edition}{key}".ljust(64, "0"), created_at=now, created_by="sari",
            )  # fmt: skip
            session.add(row)
            session.flush()
            templates[key] = row.id or 0
            record_provider_template(session, row.id or 0, "twilio", f"HX{row.id:032}", "approved", "utility", now)
        session.add(
            tables.CampaignVersion(
                campaign_id=campaign.id or 0, number=version.number + 1, definition=version.definition,
                templates=json.dumps(templates), created_by="sari", created_at=now, released_by="budi", released_at=now,
            )
        )  # fmt: skip
        campaign.version = version.number + 1
        session.add(campaign)


def merge(db: Database, one: int, other: int) -> tuple[int, int] | None:
    """An import finds that two families are one: the younger household becomes an alias. Returns (gone, kept)."""
    with db.write() as session:
        roots = sorted({_guardian(session, one).household_id, _guardian(session, other).household_id})
        if len(roots) < 2:
            return None
        kept, gone = roots
        for table in (tables.Child, tables.Guardian, tables.HouseholdKk):
            session.execute(update(table).where(col(table.household_id) == gone).values(household_id=kept))
        aliases = (col(tables.Household.id) == gone) | (col(tables.Household.alias_of) == gone)
        session.execute(update(tables.Household).where(aliases).values(alias_of=kept))
        return gone, kept


def collect(db: Database, family: int, child: int) -> None:
    with db.write() as session:
        cards = session.exec(
            select(tables.Card)
            .join(tables.Child, col(tables.Child.id) == col(tables.Card.child_id))
            .where(tables.Child.household_id == _guardian(session, family).household_id)
            .order_by(col(tables.Card.id))
        ).all()
        card = cards[child % len(cards)]
        card.status = "collected"
        session.add(card)


def new_number(db: Database, family: int, number: int) -> None:
    """A later file brings another number of the family."""
    with db.write() as session:
        guardian = _guardian(session, family)
        for channel in ("whatsapp", "sms"):
            make.contact(session, db.sealer, guardian, channel, f"+62857000{number:05}")
