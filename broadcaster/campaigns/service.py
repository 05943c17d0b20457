"""The life of a campaign: create, approve, start (which draws the lot), pause, resume, stop, finish."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcaster.audience.queries import Audience, Filter, select_audience
from broadcaster.campaigns.cohorts import draw_cohort
from broadcaster.campaigns.definition import Definition
from broadcaster.campaigns.rules import MOVES
from broadcaster.clock import today as day_of
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound
from broadcaster.office.queries import missing_facts, require, timetable
from broadcaster.office.service import audit, clear_alert
from broadcaster.outbox.service import cancel
from broadcaster.rendering.approval import WRONG
from broadcaster.rendering.queries import latest, versions
from broadcaster.storage.database import Database
from broadcaster.storage.tables import (
    Campaign,
    CampaignVersion,
    Cohort,
    Enrolment,
    Sender,
)

CREATORS = ("operator", "approver", "admin")
APPROVERS = ("approver", "head", "admin")
SYSTEM = "sistem"
#: A child turning five can be measured only when enrolled this long before the birthday (docs/measurement.md).
TURNING_FIVE_DAYS = 120


def create(db: Database, definition: Definition, *, by: str | None, now: datetime) -> int:
    """Store a draft. Raises `BadInput` when the name is taken or a message does not exist."""
    with db.write() as session:
        if by is not None:
            require(session, by, CREATORS)
        if _find(session, definition.name) is not None:
            raise BadInput(
                f"Kampanye {definition.name} sudah ada; pakai nama lain atau `broadcaster campaign edit`.",
                code="name_taken",
            )
        for step in definition.steps:
            if latest(session, step.message).purpose != "campaign":
                raise BadInput(
                    f"Pesan {step.message} bukan pesan kampanye; pilih pesan lain, lihat `broadcaster content status`.",
                    code="not_for_campaigns",
                )
        campaign = Campaign(
            name=definition.name,
            lineage=definition.name,
            status="draft",
            version=1,
            created_by=by or SYSTEM,
            created_at=now,
        )
        session.add(campaign)
        session.flush()
        assert campaign.id is not None
        session.add(
            CampaignVersion(
                campaign_id=campaign.id,
                number=1,
                definition=definition.to_json(),
                templates="{}",
                created_by=by or SYSTEM,
                created_at=now,
            )
        )
        audit(
            session, at=now, staff=by or SYSTEM, action="campaign.create", entity=definition.name, data={"version": 1}
        )
        return campaign.id


def approve(db: Database, name: str, *, by: str, now: datetime) -> None:
    """A second account releases the campaign; the wordings in force now are the ones it will send.

    Raises `Blocked` for a wording whose WhatsApp template was rejected, paused, disabled or shifted to another category. One
    that Meta still looks at may be released; it keeps the campaign from starting.
    """
    with db.write() as session:
        member = require(session, by, APPROVERS)
        campaign, version = get(session, name)
        _move(campaign, "approve")
        if member.username in (campaign.created_by, version.created_by):
            raise NotAllowed(
                f"Kampanye {name} dibuat oleh {by}; harus disetujui oleh orang lain.", code="second_person"
            )
        definition = Definition.from_json(version.definition)
        wordings = {step.message: latest(session, step.message) for step in definition.steps}
        for key in _on_whatsapp(definition):
            if wordings[key].standing.state in WRONG:
                raise Blocked(wordings[key].standing.sentence(key), code=f"template_{wordings[key].standing.state}")
        version.templates = json.dumps({key: wording.id for key, wording in wordings.items()})
        version.released_by, version.released_at = by, now
        session.add_all([campaign, version])
        audit(session, at=now, staff=by, action="campaign.approve", entity=name, data={"version": version.number})


@dataclass(frozen=True)
class Blocking:
    """One thing that keeps a campaign from starting."""

    code: str
    message: str


def blocking(
    session: Session,
    definition: Definition,
    configured: Collection[ChannelKind],
    released: Mapping[str, int] | None = None,
) -> list[Blocking]:
    """Everything that keeps this campaign from being sent; each sentence names the fix.

    `released`: message -> the wording that was fixed at the release; the newest one otherwise.
    """
    found = [
        Blocking(
            "empty_fact",
            f"{fact.label} belum diisi; isi dengan `broadcaster office set {fact.key} ...`, misalnya: {fact.example}.",
        )
        for fact in missing_facts(session)
    ]
    wanted = list(dict.fromkeys(channel for step in definition.steps for channel in step.channels))
    senders = set(session.exec(select(Sender.channel)))
    for channel in wanted:
        if channel not in configured:
            found.append(
                Blocking("missing_token", f"Saluran {channel} belum disetel (token atau nomor pengirim kosong).")
            )
        elif channel not in senders:
            found.append(Blocking("no_sender", f"Belum ada pengirim {channel}; jalankan `broadcaster init`."))
    fixed = versions(session, (released or {}).values())
    for step in definition.steps:
        version = fixed.get((released or {}).get(step.message, 0)) or latest(session, step.message)
        for channel in step.channels:
            if channel not in version.texts:
                found.append(
                    Blocking(
                        "no_text",
                        f"Pesan {step.message} belum punya teks untuk {channel}; lengkapi atau hapus saluran itu.",
                    )
                )
        standing = version.standing
        if ChannelKind.WHATSAPP in step.channels and not standing.may_be_sent:
            code = f"template_{standing.state}" if standing.state in WRONG else "template_not_approved"
            found.append(Blocking(code, standing.sentence(step.message)))
    return found


def _on_whatsapp(definition: Definition) -> list[str]:
    """Messages that go out as WhatsApp templates, each once."""
    return list(dict.fromkeys(step.message for step in definition.steps if ChannelKind.WHATSAPP in step.channels))


def start(
    db: Database,
    name: str,
    *,
    by: str | None,
    now: datetime,
    zone: ZoneInfo,
    configured: Collection[ChannelKind],
    salt: str | None = None,
) -> int:
    """Draw the lot and begin. Everything is one transaction: either the whole cohort stands, or nothing happened.

    `salt` only for rehearsals that must repeat; otherwise a fresh one. Returns how many households were enrolled. Raises
    `Blocked` with the first thing that is missing, or when nobody is due.
    """
    with db.write() as session:
        campaign, version = get(session, name)
        if campaign.status == "draft":
            raise Blocked(
                f"Kampanye {name} belum disetujui; minta orang kedua: `broadcaster campaign approve {name} --by ...`.",
                code="not_released",
            )
        _move(campaign, "start")
        definition = Definition.from_json(version.definition)
        for block in blocking(session, definition, configured, json.loads(version.templates)):
            raise Blocked(block.message, code=block.code)
        today = day_of(now, zone)
        audience = due(session, definition, today, now)
        if not audience.households:
            raise Blocked(f"Tidak ada keluarga yang perlu dikirimi pesan {name} hari ini.", code="nobody_due")
        cohort = draw_cohort(session, campaign, definition, audience, timetable(session, zone), today, now, salt)
        session.add(campaign)
        audit(
            session,
            at=now,
            staff=by or SYSTEM,
            action="campaign.start",
            entity=name,
            data={"households": len(audience.households), "prereg_sha256": cohort.prereg_sha256},
        )
        return len(audience.households)


def due(session: Session, definition: Definition, today: date, now: datetime) -> Audience:
    """The campaign's audience as of today."""
    wanted = Filter(definition.audience.occasions, definition.audience.kecamatan, definition.audience.desa)
    early = None if definition.lot.none else max(TURNING_FIVE_DAYS, 61 + definition.d_days)
    return select_audience(session, wanted, today, now, d_days=definition.d_days, turning_five_days=early)


def pause(db: Database, name: str, *, by: str, now: datetime, reason: str = "") -> None:
    """Nothing of this campaign is begun any more, within two seconds; what is on its way may still arrive."""
    _change(db, name, "pause", by=by, now=now, reason=reason or f"dijeda oleh {by}")


def resume(db: Database, name: str, *, by: str, now: datetime) -> None:
    _change(db, name, "resume", by=by, now=now, reason="")


def stop(db: Database, name: str, *, by: str, now: datetime) -> None:
    """Cancel everything that waits; a stopped campaign never runs again."""
    with db.write() as session:
        if by != SYSTEM:
            require(session, by, CREATORS + APPROVERS)
        campaign, _ = get(session, name)
        _move(campaign, "stop")
        session.add(campaign)
        cancelled = cancel(session, now, reason="campaign_stopped", campaign_id=campaign.id)
        clear_alert(session, "campaign_paused", name, now)
        audit(session, at=now, staff=by, action="campaign.stop", entity=name, data={"cancelled": cancelled})


def pause_for_fault(session: Session, campaign_id: int, code: str, now: datetime) -> None:
    """A provider's code says the fault is ours: stop sending before it is repeated a thousand times."""
    campaign = session.get_one(Campaign, campaign_id)
    if campaign.status == "running":
        _move(campaign, "pause")
        campaign.pause_reason = f"kode {code}"
        session.add(campaign)
        audit(session, at=now, staff=SYSTEM, action="campaign.pause", entity=campaign.name, data={"code": code})


def household_says_collected(session: Session, household_id: int, campaign_id: int | None, now: datetime) -> None:
    """A family says the cards are with them: nothing more is sent about them. The analysis does not change."""
    cohorts = select(Cohort.id)
    if campaign_id is not None:
        cohorts = cohorts.where(Cohort.campaign_id == campaign_id)
    for enrolment in session.exec(
        select(Enrolment).where(Enrolment.household_id == household_id, col(Enrolment.cohort_id).in_(cohorts))
    ):
        enrolment.stopped = "says_collected"
        session.add(enrolment)
    cancel(session, now, reason="says_collected", campaign_id=campaign_id, household_ids=[household_id])


def get(session: Session, name: str) -> tuple[Campaign, CampaignVersion]:
    """A campaign and its version in force; raises `NotFound` naming the nearest."""
    campaign = _find(session, name)
    if campaign is None:
        known = ", ".join(session.exec(select(Campaign.name).order_by(Campaign.name)).all()) or "belum ada kampanye"
        raise NotFound(f"Tidak ada kampanye bernama {name} ({known}).", code="no_campaign")
    version = session.exec(
        select(CampaignVersion).where(
            CampaignVersion.campaign_id == campaign.id, CampaignVersion.number == campaign.version
        )
    ).one()
    return campaign, version


def _find(session: Session, name: str) -> Campaign | None:
    return session.exec(select(Campaign).where(Campaign.name == name)).first()


def _move(campaign: Campaign, verb: str) -> None:
    following = MOVES[campaign.status].get(verb)
    if following is None:
        raise Blocked(
            f"Kampanye {campaign.name} sedang {STATES[campaign.status]}; tidak bisa {VERBS[verb]}.", code="wrong_state"
        )
    campaign.status = following


def _change(db: Database, name: str, verb: str, *, by: str, now: datetime, reason: str) -> None:
    with db.write() as session:
        if by != SYSTEM:
            require(session, by, CREATORS + APPROVERS)
        campaign, _ = get(session, name)
        _move(campaign, verb)
        campaign.pause_reason = reason
        session.add(campaign)
        if verb == "resume":
            clear_alert(session, "campaign_paused", name, now)
        audit(session, at=now, staff=by, action=f"campaign.{verb}", entity=name, data={})


STATES = {
    "draft": "draf",
    "approved": "disetujui",
    "running": "berjalan",
    "paused": "dijeda",
    "finished": "selesai",
    "stopped": "dihentikan",
}
VERBS = {
    "approve": "disetujui",
    "edit": "diubah",
    "start": "dimulai",
    "pause": "dijeda",
    "resume": "dilanjutkan",
    "stop": "dihentikan",
    "finish": "diselesaikan",
}
