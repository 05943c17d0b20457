"""What pages and commands show of campaigns. Read-only."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from sqlalchemy import func
from sqlalchemy import select as columns_of
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from broadcaster.campaigns.definition import Definition
from broadcaster.campaigns.rules import cell, with_controls
from broadcaster.campaigns.service import get
from broadcaster.campaigns.stories import CodeSentences, explain
from broadcaster.domain.message import ChannelKind, Status
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import (
    Assignment,
    Campaign,
    CampaignVersion,
    Cohort,
    Enrolment,
    Guardian,
    Household,
    Message,
    MessageChild,
    Village,
    Wave,
)


@dataclass(frozen=True)
class CampaignLine:
    name: str
    title: str
    state: str
    version: int
    households: int
    children: int
    messages: dict[str, int]
    waves_opened: int
    waves_total: int
    next_send_at: datetime | None
    created_by: str


@dataclass(frozen=True)
class WaveLine:
    cell: str
    number: int
    planned_on: date
    opened_on: date | None
    households: int
    sent: int
    has_controls: bool


@dataclass(frozen=True)
class CampaignStatus:
    name: str
    state: str
    version: int
    created_by: str
    released_by: str | None
    messages: dict[str, int]
    reasons: dict[str, int]
    by_channel: dict[str, dict[str, int]]
    received_on_two_channels: int
    waves: list[WaveLine]
    next_send_at: datetime | None
    pause_reason: str


@dataclass(frozen=True)
class MessageLine:
    id: int
    guardian: str
    village: str
    children: int
    channel: str
    step: str
    status: str
    at: datetime
    sentence: str


@dataclass(frozen=True)
class MessagePage:
    lines: list[MessageLine]
    total: int


def templates_in_use(session: Session) -> dict[int, dict[str, str]]:
    """Wordings that a campaign may still send on WhatsApp -> the names of these campaigns, each with its state."""
    found: dict[int, dict[str, str]] = {}
    for campaign, version in session.exec(
        select(Campaign, CampaignVersion)
        .join(
            CampaignVersion,
            (col(CampaignVersion.campaign_id) == col(Campaign.id))
            & (col(CampaignVersion.number) == col(Campaign.version)),
        )
        .where(col(Campaign.status).in_(("approved", "running", "paused")))
    ):
        released = json.loads(version.templates)
        for step in Definition.from_json(version.definition).steps:
            if ChannelKind.WHATSAPP in step.channels and step.message in released:
                found.setdefault(released[step.message], {})[campaign.name] = campaign.status
    return found


def campaigns(session: Session) -> list[CampaignLine]:
    """Every campaign, newest first, with its live numbers."""
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    for campaign_id, status, number in session.exec(
        select(Message.campaign_id, Message.status, func.count()).group_by(
            col(Message.campaign_id), col(Message.status)
        )
    ):
        if campaign_id is not None:
            counts[campaign_id][status] = number
    due = dict(
        session.exec(
            select(Message.campaign_id, func.min(Message.due_at))
            .where(Message.status == Status.PLANNED)
            .group_by(col(Message.campaign_id))
        ).all()
    )
    lines = []
    for campaign in session.exec(select(Campaign).order_by(col(Campaign.id).desc())).all():
        definition = _definition(session, campaign)
        cohorts = select(Cohort.id).where(Cohort.campaign_id == campaign.id)
        waves = session.exec(select(Wave).where(col(Wave.cohort_id).in_(cohorts), Wave.number > 0)).all()
        days = {(wave.cohort_id, wave.number): False for wave in waves}
        for wave in waves:
            days[(wave.cohort_id, wave.number)] |= wave.opened_on is not None
        lines.append(
            CampaignLine(
                name=campaign.name,
                title=definition.title or campaign.name,
                state=campaign.status,
                version=campaign.version,
                households=_count(session, Assignment, cohorts),
                children=_count(session, Enrolment, cohorts),
                messages=dict(counts[campaign.id or 0]),
                waves_opened=sum(days.values()),
                waves_total=len(days),
                next_send_at=due.get(campaign.id) or _next_wave(waves),
                created_by=campaign.created_by,
            )
        )
    return lines


def _definition(session: Session, campaign: Campaign) -> Definition:
    text = session.exec(
        select(CampaignVersion.definition).where(
            CampaignVersion.campaign_id == campaign.id, CampaignVersion.number == campaign.version
        )
    ).one()
    return Definition.from_json(text)


def _count(session: Session, table: type[Assignment] | type[Enrolment], cohorts: object) -> int:
    return session.exec(
        select(func.count()).select_from(table).where(col(table.cohort_id).in_(cohorts))  # type: ignore[arg-type]
    ).one()


def _next_wave(waves: Sequence[Wave] | Sequence[WaveLine]) -> datetime | None:
    days = [wave.planned_on for wave in waves if wave.opened_on is None]
    # a wave's day; 01.00 UTC is 08.00 WIB, when sending begins
    return datetime.combine(min(days), time(1), UTC) if days else None


def status(session: Session, name: str) -> CampaignStatus:
    """One campaign's live numbers; raises `NotFound`."""
    campaign, version = get(session, name)
    messages: Counter[str] = Counter(dict.fromkeys(Status, 0))
    reasons: Counter[str] = Counter()
    by_channel: dict[str, Counter[str]] = defaultdict(Counter)
    for channel, state, reason, number in session.exec(
        select(Message.channel, Message.status, Message.reason, func.count())
        .where(Message.campaign_id == campaign.id)
        .group_by(col(Message.channel), col(Message.status), col(Message.reason))
    ):
        messages[state] += number
        by_channel[channel][state] += number
        if reason:
            reasons[reason] += number
    waves = _waves(session, campaign, Definition.from_json(version.definition).d_days)
    due = session.exec(
        select(func.min(Message.due_at)).where(Message.campaign_id == campaign.id, Message.status == Status.PLANNED)
    ).first()
    return CampaignStatus(
        name=campaign.name,
        state=campaign.status,
        version=campaign.version,
        created_by=campaign.created_by,
        released_by=version.released_by,
        messages=dict(messages),
        reasons=dict(reasons.most_common()),
        by_channel={channel: dict(counts) for channel, counts in sorted(by_channel.items())},
        received_on_two_channels=_received_twice(session, campaign.id or 0),
        waves=waves,
        next_send_at=due or _next_wave(waves),
        pause_reason=campaign.pause_reason,
    )


def _waves(session: Session, campaign: Campaign, d_days: int) -> list[WaveLine]:
    keys = (col(Assignment.cohort_id), col(Assignment.tier), col(Assignment.place), col(Assignment.wave))
    begun = {
        (cohort, tier, place, wave): number
        for cohort, tier, place, wave, number in session.connection().execute(
            columns_of(*keys, func.count(func.distinct(Message.household_id)))
            .join(
                Message,
                (col(Message.cohort_id) == col(Assignment.cohort_id))
                & (col(Message.household_id) == col(Assignment.household_id)),
            )
            .where(col(Message.campaign_id) == campaign.id, col(Message.intent_at).is_not(None))
            .group_by(*keys)
        )
    }
    rows = session.exec(
        select(Wave, Cohort.number)
        .join(Cohort, col(Cohort.id) == col(Wave.cohort_id))
        .where(Cohort.campaign_id == campaign.id)
        .order_by(col(Cohort.number), col(Wave.place), col(Wave.tier), col(Wave.number))
    ).all()
    lines = []
    for wave, cohort in rows:
        own_cell = [
            other.opened_on or other.planned_on
            for other, _ in rows
            if (other.cohort_id, other.tier, other.place) == (wave.cohort_id, wave.tier, wave.place)
            and other.number > 0
        ]
        day = wave.opened_on or wave.planned_on
        lines.append(
            WaveLine(
                cell=cell(cohort, wave.tier, wave.place),
                number=wave.number,
                planned_on=wave.planned_on,
                opened_on=wave.opened_on,
                households=wave.households,
                sent=begun.get((wave.cohort_id, wave.tier, wave.place, wave.number), 0),
                has_controls=wave.number > 0 and with_controls([day, *own_cell], d_days)[0],
            )
        )
    return lines


def _received_twice(session: Session, campaign_id: int) -> int:
    """Households and steps that two channels reached: the first arrived after all, and the next one had taken its text.

    The officer's list does not count: what stands on it is no second text.
    """
    later = aliased(Message)
    return session.exec(
        select(func.count())
        .select_from(Message)
        .where(
            Message.campaign_id == campaign_id,
            col(Message.status).in_((Status.DELIVERED, Status.READ)),
            col(Message.followed_at).is_not(None),
            select(later.id)
            .where(
                col(later.cohort_id) == col(Message.cohort_id),
                col(later.household_id) == col(Message.household_id),
                col(later.step) == col(Message.step),
                col(later.hop) > col(Message.hop),
                col(later.channel) != ChannelKind.VILLAGE_LIST,
                col(later.status).in_((Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.READ)),
            )
            .exists(),
        )
    ).one()


def messages(
    session: Session,
    sealer: Sealer,
    name: str,
    *,
    state: str = "",
    offset: int = 0,
    limit: int = 50,
    codes: CodeSentences | None = None,
) -> MessagePage:
    """One campaign's messages, newest change first, each with its sentence."""
    campaign, _ = get(session, name)
    chosen = [Message.campaign_id == campaign.id]
    if state:
        chosen.append(Message.status == state)
    total = session.exec(select(func.count()).select_from(Message).where(*chosen)).one()
    rows = session.exec(
        select(Message, Village.name)
        .join(Household, col(Household.id) == col(Message.household_id), isouter=True)
        .join(Village, col(Village.id) == col(Household.village_id), isouter=True)
        .where(*chosen)
        .order_by(col(Message.updated_at).desc(), col(Message.id).desc())
        .offset(offset)
        .limit(limit)
    ).all()
    children = dict(
        session.exec(
            select(MessageChild.message_id, func.count())
            .where(col(MessageChild.message_id).in_([message.id for message, _ in rows]))
            .group_by(col(MessageChild.message_id))
        ).all()
    )
    guardians: dict[int, bytes] = {}
    for household_id, sealed in session.exec(
        select(Guardian.household_id, Guardian.sealed_name)
        .where(col(Guardian.household_id).in_([message.household_id for message, _ in rows]))
        .order_by(col(Guardian.id).desc())
    ):
        guardians[household_id] = sealed
    return MessagePage(
        [
            MessageLine(
                id=message.id or 0,
                guardian=_name(sealer, guardians.get(message.household_id or 0)),
                village=village or "",
                children=children.get(message.id or 0, 0),
                channel=message.channel,
                step=message.step,
                status=message.status,
                at=message.updated_at,
                sentence=explain(message, codes or {}),
            )
            for message, village in rows
        ],
        total,
    )


def _name(sealer: Sealer, sealed: bytes | None) -> str:
    return sealer.open("name", sealed) if sealed else "Bapak/Ibu"
