"""An office with accounts and campaigns in every state, as the console's pages need them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from broadcaster.app import App
from broadcaster.channels.protocol import Channel
from broadcaster.clock import FixedClock
from broadcaster.domain.message import ChannelKind, Status
from broadcaster.office import service as office
from broadcaster.office.queries import token_hash
from broadcaster.office.rules import SYSTEM
from broadcaster.rendering.service import load_content
from broadcaster.settings import Mode, Settings
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Campaign, Conversation, Enrolment, Outcome, Price, Reply, StaffSession
from tests import make
from tests.integration.web.serving import PASSWORD

CAMPAIGN = "kartu-belum-diambil"
TITLE = "Kartu sudah dicetak, belum diambil"
MEASURED = "terukur"
DRAFT = "belum-punya-kartu"


def app(
    db: Database,
    now: datetime,
    folder: Path,
    *,
    public: str = "",
    mode: Mode = Mode.TRIAL,
    channels: dict[ChannelKind, Channel] | None = None,
) -> App:
    settings = Settings(data_dir=folder, public_base_url=public, mode=mode)
    return App(settings=settings, clock=FixedClock(now), db=db, channels=channels or {})


def account(db: Database, now: datetime, role: str = "operator") -> None:
    """An account one can sign in with: the name of `NAMES`, and `PASSWORD`."""
    office.add_staff(db, NAMES[role], role, PASSWORD, by=SYSTEM, now=now)


def cookies(db: Database, now: datetime, role: str = "operator") -> dict[str, str]:
    """A browser that is signed in already, without the slow arithmetic of a password."""
    with db.write() as session:
        member = make.staff(session, NAMES[role], role)
        session.add(
            StaffSession(
                token_hash=token_hash(role),
                staff_id=member.id or 0,
                created_at=now,
                expires_at=now + timedelta(hours=1),
            )
        )
    return {"sesi": role}


NAMES = {"operator": "sari", "approver": "budi", "replier": "dewi", "head": "suwanto", "admin": "agus"}

#: How many messages of each state the running campaign has.
COUNTS = {
    Status.PLANNED: 60, Status.ACCEPTED: 7, Status.SENT: 2, Status.DELIVERED: 11, Status.READ: 5, Status.FAILED: 3,
    Status.UNKNOWN: 2, Status.SUPPRESSED: 1, Status.EXPIRED: 1, Status.CANCELLED: 4,
}  # fmt: skip
_REASONS = {
    Status.FAILED: "rejected:63024", Status.SUPPRESSED: "suppressed", Status.EXPIRED: "expired",
    Status.CANCELLED: "card_not_due", Status.UNKNOWN: "no_answer",
}  # fmt: skip


def running(session: Session, sealer: Sealer) -> Campaign:
    """A running campaign with 96 messages in ten states, on two channels, in three waves of which one is open."""
    campaign = make.campaign(session, CAMPAIGN, definition={"title": TITLE})
    cohort = make.cohort(session, campaign)
    family = make.family(session, sealer)
    for wave, household in ((1, family.household), (3, make.family(session, sealer).household)):
        make.assignment(session, cohort, household, wave=wave)
    for number in (1, 2, 3):
        day = make.TODAY + timedelta(days=7 * (number - 1))
        make.wave(
            session,
            cohort,
            number,
            planned_on=day,
            opened_on=day if number == 1 else None,
            households=[1, 1200, 40][number - 1],
        )
    for status, count in COUNTS.items():
        for number in range(count):
            make.message(
                session, sealer, household=family.household, campaign=campaign, cohort=cohort, card=family.card,
                status=status, reason=_REASONS.get(status, ""),
                channel="telegram" if status == Status.ACCEPTED and number < 4 else "whatsapp",
                due_at=make.NOW + timedelta(hours=2),
            )  # fmt: skip
    return campaign


def open_conversation(
    session: Session,
    sealer: Sealer,
    now: datetime,
    *,
    state: str = "open",
    text: str = "Rumah kami jauh, apakah kartunya bisa dititip di kantor desa?",
    intents: tuple[str, ...] = ("cannot_go_distance", "where_when"),
    urgent: bool = False,
) -> int:
    """A family that wrote and waits for a person; returns the conversation's number."""
    event = make.event(session, sealer)
    number = f"+62812300{event.id:05}"
    family = make.family(session, sealer, phone=number, guardian_name="SRI WAHYUNI")
    row = Conversation(
        channel="whatsapp",
        address_blind=sealer.blind("address", number),
        sealed_address=sealer.seal("address", number),
        household_id=family.household.id,
        state=state,
        last_at=now - timedelta(hours=2),
        opened_at=now - timedelta(hours=2) if state == "open" else None,
        urgent=urgent,
    )
    session.add(row)
    session.flush()
    session.add(
        Reply(
            event_id=event.id or 0, conversation_id=row.id or 0, sealed_text=sealer.seal("reply", text),
            intents=json.dumps(list(intents)), opt_out=False, handled_by="staff", at=now - timedelta(hours=2),
        )
    )  # fmt: skip
    return row.id or 0


def measured(
    session: Session, sealer: Sealer, *, households: int = 40, sent_came: int = 28, waiting_came: int = 4
) -> None:
    """A finished campaign of two waves, two weeks apart, whose first wave's cards were collected far more often."""
    start = date(2026, 8, 3)
    campaign = make.campaign(session, MEASURED, status="finished", definition={"title": "Percobaan dua gelombang"})
    cohort = make.cohort(session, campaign, drawn_on=start)
    for number, came in ((1, sent_came), (2, waiting_came)):
        day = start + timedelta(days=14 * (number - 1))
        make.wave(session, cohort, number, planned_on=day, opened_on=day, households=households)
        for one in range(households):
            family = make.family(session, sealer)
            make.assignment(session, cohort, family.household, wave=number)
            session.add(
                Enrolment(
                    lineage=MEASURED, card_id=family.card.id, child_id=family.child.id, cohort_id=cohort.id,
                    household_id=family.household.id, occasion="printed_uncollected",
                )
            )  # fmt: skip
            if one < came:
                on = start + timedelta(days=3)
                session.add(Outcome(card_id=family.card.id, kind="collected", on_date=on, recorded_at=make.NOW))
    make.import_batch(session, kind="collections", data_until=start + timedelta(days=60))


def everything(db: Database, now: datetime) -> None:
    """What a working day may show: alerts, drafts, a running, a paused and a measured campaign."""
    account(db, now)
    with db.write() as session:
        make.facts(session, lama_selesai="")
        load_content(session, content_dir(), now)
        for channel, idr in (("whatsapp", 700), ("sms", 350)):
            session.add(Price(channel=channel, idr=idr))
        running(session, db.sealer)
        measured(session, db.sealer)
        open_conversation(session, db.sealer, now)
        open_conversation(
            session, db.sealer, now, text="Kemarin di loket kami disuruh bayar 50 ribu, apa benar?",
            intents=("complaint",), urgent=True,
        )  # fmt: skip
        make.campaign(session, DRAFT, status="draft", definition={"title": "Anak 5 sampai 16 tahun belum punya kartu"})
        make.campaign(session, "menjelang-lima", status="paused", definition={"title": "Menjelang umur lima tahun"})
        office.raise_alert(session, "sender_stopped", "whatsapp", {"code": "63020", "channel": "whatsapp"}, now)
