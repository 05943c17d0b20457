"""A correction or an apology to everyone whom a wrong text of a campaign may have reached."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from broadcaster.campaigns.service import APPROVERS
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput, Blocked, NotFound
from broadcaster.office.queries import missing_facts, require, timetable
from broadcaster.office.service import audit
from broadcaster.outbox.correction import CORRECTION, Corrected, enqueue_corrections, states, stop_corrections
from broadcaster.rendering.queries import Version, latest
from broadcaster.storage.database import Database
from broadcaster.storage.tables import Campaign


def correct(
    db: Database, campaign: str, key: str, *, step: str = "", by: str, now: datetime, zone: ZoneInfo
) -> Corrected:
    """Plan the message `key` for everyone a text of `campaign` (of its message `step`; "" = any) may have reached.

    Once per address, by the channel of the wrong text, from the next office hours on; doing it again adds only whom a text has
    reached meanwhile. Raises `NotFound`, `NotAllowed`, `BadInput` when `key` is no correction, `Blocked` while it cannot leave.
    """
    with db.write() as session:
        member = require(session, by, APPROVERS)
        row = _campaign(session, campaign)
        version = _correction(session, key)
        if missing := missing_facts(session):
            raise Blocked(
                f'Isian kantor masih kosong: {missing[0].label}; isi dengan `broadcaster office set {missing[0].key} "..."`.',
                code="missing_fact",
            )
        corrected = enqueue_corrections(
            session,
            campaign_id=row.id or 0,
            step=step,
            key=key,
            version_id=version.id,
            channels=frozenset(version.texts),
            first_at=timetable(session, zone).next_open(now),
            now=now,
        )
        audit(
            session, at=now, staff=member.username, action="inbox.corrected", entity=f"campaign:{campaign}",
            data={"message": key, "step": step, "texts": corrected.new},
        )  # fmt: skip
    return corrected


def stop(db: Database, campaign: str, key: str, *, by: str, now: datetime) -> int:
    """Call off the corrections that have not left yet; returns how many. Raises `NotFound`, `NotAllowed`."""
    with db.write() as session:
        member = require(session, by, APPROVERS)
        row = _campaign(session, campaign)
        stopped = stop_corrections(session, campaign_id=row.id or 0, key=key, now=now)
        audit(
            session, at=now, staff=member.username, action="inbox.correction_stopped", entity=f"campaign:{campaign}",
            data={"message": key, "texts": stopped},
        )  # fmt: skip
    return stopped


def progress(session: Session, campaign: str, key: str) -> dict[str, int]:
    """How the corrections stand, by status. Raises `NotFound`."""
    return states(session, campaign_id=_campaign(session, campaign).id or 0, key=key)


def _campaign(session: Session, name: str) -> Campaign:
    row = session.exec(select(Campaign).where(Campaign.name == name)).first()
    if row is None:
        raise NotFound(f"Tidak ada kampanye bernama {name}; lihat `broadcaster campaign list`.", code="no_campaign")
    return row


def _correction(session: Session, key: str) -> Version:
    version = latest(session, key)
    if version.purpose != CORRECTION:
        raise BadInput(
            f'Pesan {key} bukan pesan ralat; pakai pesan dengan purpose = "correction", misalnya maaf-1.',
            code="no_correction",
        )
    if ChannelKind.WHATSAPP in version.texts and not version.content_sid:
        raise Blocked(
            f"Templat WhatsApp pesan {key} belum disetujui; jalankan `broadcaster content push` lalu "
            "`broadcaster content status`.",
            code="template_not_approved",
        )
    return version
