"""Planning: opens the waves that are due and puts their steps into the outbox; tries the next channel; ends what is over.

Each function may run at any moment and any number of times: unique keys make a second planning harmless.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcaster.campaigns.cohorts import sends_on
from broadcaster.campaigns.definition import Definition, Step
from broadcaster.campaigns.families import Family, families_of
from broadcaster.campaigns.rules import next_day
from broadcaster.campaigns.service import SYSTEM, get
from broadcaster.clock import today as day_of
from broadcaster.domain.message import ChannelKind
from broadcaster.domain.timetable import Timetable
from broadcaster.errors import Refused
from broadcaster.office.queries import timetable
from broadcaster.office.service import audit, raise_alert
from broadcaster.outbox.queries import waiting_or_open
from broadcaster.outbox.rules import address_key, dedupe_key
from broadcaster.outbox.service import NewMessage, cancel_not_due, enqueue
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import (
    Amendment,
    Assignment,
    Campaign,
    Cohort,
    Household,
    Message,
    Sender,
    Wave,
)


@dataclass(frozen=True)
class Context:
    """What planning needs of one campaign, read once."""

    campaign: Campaign
    definition: Definition
    templates: Mapping[str, int]
    senders: Mapping[str, int]
    table: Timetable
    zone: ZoneInfo
    today: date
    now: datetime


def plan(db: Database, now: datetime, zone: ZoneInfo) -> int:
    """Open due waves and enqueue due steps of every running campaign. Returns how many messages are new.

    Waves open only while sending is allowed, so that t_w is the day on which something really left. A campaign that cannot be
    planned raises an alert and holds up no other.
    """
    with db.read() as session:
        names = list(session.exec(select(Campaign.name).where(Campaign.status == "running")))
    new = 0
    for name in names:
        with db.write() as session:
            campaign, _ = get(session, name)
            if campaign.status != "running":
                continue
            try:
                new += _plan_campaign(session, db.sealer, _context(session, name, now, zone))
            except Refused as error:
                raise_alert(session, "campaign_cannot_plan", name, {"code": error.code}, now)
    return new


def _context(session: Session, name: str, now: datetime, zone: ZoneInfo) -> Context:
    campaign, version = get(session, name)
    senders: dict[str, int] = {}
    for sender in session.exec(select(Sender).order_by(col(Sender.id))):
        senders.setdefault(sender.channel, sender.id or 0)
    return Context(
        campaign=campaign,
        definition=Definition.from_json(version.definition),
        templates=json.loads(version.templates),
        senders=senders,
        table=timetable(session, zone),
        zone=zone,
        today=day_of(now, zone),
        now=now,
    )


def _plan_campaign(session: Session, sealer: Sealer, context: Context) -> int:
    if not context.table.is_open(context.now):
        return 0
    new = 0
    for cohort in session.exec(
        select(Cohort).where(Cohort.campaign_id == context.campaign.id).order_by(col(Cohort.number))
    ).all():
        waves = session.exec(
            select(Wave).where(Wave.cohort_id == cohort.id).order_by(col(Wave.number), col(Wave.id))
        ).all()
        for wave in waves:
            if wave.opened_on is None and wave.planned_on <= context.today:
                _open(session, context, cohort, wave, waves)
            while wave.opened_on is not None and wave.steps_planned < len(context.definition.steps):
                step = context.definition.steps[wave.steps_planned]
                if context.today < wave.opened_on + timedelta(days=step.offset_days):
                    break
                new += _plan_step(session, sealer, context, cohort, wave, step)
                wave.steps_planned += 1
                session.add(wave)
    return new


def _open(session: Session, context: Context, cohort: Cohort, wave: Wave, waves: Sequence[Wave]) -> None:
    """The wave opens today. When that is later than planned, the unopened waves of its cell wait as many days longer."""
    late = context.today - wave.planned_on
    wave.opened_on = context.today
    session.add(wave)
    if not late or wave.number == 0:
        return
    moved = {}
    for other in waves:
        same_cell = (other.tier, other.place) == (wave.tier, wave.place)
        if same_cell and other.opened_on is None:
            moved[other.number] = other.planned_on.isoformat()
            other.planned_on = next_day(other.planned_on + late, lambda day: sends_on(context.table, day, context.zone))
            session.add(other)
    session.add(
        Amendment(
            cohort_id=cohort.id or 0,
            at=context.now,
            by=SYSTEM,
            kind="opened_late",
            reason=f"gelombang {wave.number} dibuka {late.days} hari setelah rencana",
            data=json.dumps(
                {"tier": wave.tier, "place": wave.place, "wave": wave.number, "days": late.days, "were": moved}
            ),
        )
    )


def _plan_step(session: Session, sealer: Sealer, context: Context, cohort: Cohort, wave: Wave, step: Step) -> int:
    members = session.exec(
        select(Assignment.household_id)
        .where(
            Assignment.cohort_id == cohort.id,
            Assignment.tier == wave.tier,
            Assignment.place == wave.place,
            Assignment.wave == wave.number,
        )
        # within a wave the stored order is sent
        .order_by(col(Assignment.rank), col(Assignment.household_id))
    ).all()
    families = families_of(session, cohort, members, context.now, context.today)
    written = _already_written(session, cohort, step.message, families)
    taken = _taken(session, cohort, step.message)
    messages = [
        message
        for family in families
        if family.root not in written
        and (message := _message(sealer, context, cohort, step, family, taken, first_hop=0)) is not None
    ]
    return enqueue(session, messages, context.now)


def _taken(session: Session, cohort: Cohort, step: str) -> dict[bytes, int]:
    """Which household has which address in this step: one telephone gets a step once, the next family goes elsewhere."""
    return {
        blind: household or 0
        for blind, household in session.exec(
            select(Message.address_blind, Message.household_id).where(
                Message.cohort_id == cohort.id, Message.step == step
            )
        )
    }


def _already_written(session: Session, cohort: Cohort, step: str, families: Sequence[Family]) -> set[int]:
    """Households written to in this step under another id, before they were merged."""
    merged = {
        alias: root
        for alias, root in session.exec(
            select(Household.id, Household.alias_of).where(col(Household.alias_of).is_not(None))
        )
        if root is not None
    }
    wanted = {family.root for family in families}
    by_alias = {alias: root for alias, root in merged.items() if root in wanted}
    if not by_alias:
        return set()
    found = session.exec(
        select(Message.household_id).where(
            Message.cohort_id == cohort.id,
            Message.step == step,
            col(Message.household_id).in_(sorted(by_alias)),
        )
    )
    return {by_alias[household] for household in found if household is not None}


def _message(
    sealer: Sealer,
    context: Context,
    cohort: Cohort,
    step: Step,
    family: Family,
    taken: dict[bytes, int],
    *,
    first_hop: int,
) -> NewMessage | None:
    """The family's message on the first channel of the step's order that reaches it; None when no channel does.

    An address in `taken` that belongs to another household is passed over; the one chosen is added.
    """
    for hop, channel in enumerate(step.channels):
        if hop < first_hop or channel not in context.senders:
            continue
        if channel is ChannelKind.VILLAGE_LIST:
            text = f"{family.village_code}/{family.root}"
            sealed, blind = sealer.seal("address", text), sealer.blind("address", f"household:{family.root}")
        elif channel in family.addresses:
            sealed, blind = family.addresses[channel].sealed_address, family.addresses[channel].address_blind
        else:
            continue
        lineage, number = context.campaign.lineage, cohort.number
        if taken.setdefault(blind, family.root) != family.root:
            continue
        due = context.table.next_open(context.now)
        return NewMessage(
            dedupe_key=dedupe_key(lineage, number, step.message, family.root, hop),
            address_key=address_key(lineage, number, step.message, channel, blind),
            sender_id=context.senders[channel],
            channel=channel,
            sealed_address=sealed,
            address_blind=blind,
            household_id=family.root,
            campaign_id=context.campaign.id or 0,
            cohort_id=cohort.id or 0,
            step=step.message,
            hop=hop,
            template_version_id=context.templates[step.message],
            due_at=due,
            expires_at=min(
                due + timedelta(days=step.valid_days),
                datetime.combine(family.last_day + timedelta(days=1), datetime.min.time(), context.zone),
            ),
            children=family.children,
        )
    return None


_AT_ONCE = 50  # messages looked at in one transaction


def fall_back(db: Database, now: datetime, zone: ZoneInfo, *, is_dead: frozenset[str]) -> int:
    """Try the next channel for messages that failed for good. `is_dead`: codes that say the address is not there.

    Looked for once per message, while sending is allowed. Someone who blocked us or asked us to stop is not followed to
    another channel, and an `unknown` never is.
    """
    with db.read() as session:
        failed = session.exec(
            select(Message.id, Message.reason, Campaign.name)
            .join(Campaign, col(Campaign.id) == col(Message.campaign_id))
            .where(
                Campaign.status == "running",
                col(Message.status).in_(("failed", "cancelled")),
                col(Message.followed_at).is_(None),
            )
        ).all()
        names = {name for _, _, name in failed}
        contexts = {name: _context(session, name, now, zone) for name in names}
    if not any(context.table.is_open(now) for context in contexts.values()):
        return 0
    new = 0
    for start in range(0, len(failed), _AT_ONCE):
        with db.write() as session:
            for message_id, reason, name in failed[start : start + _AT_ONCE]:
                message = session.get_one(Message, message_id, with_for_update=True)
                dead = reason == "address_invalid" or reason.partition(":")[2] in is_dead
                if message.followed_at is None and dead and message.expires_at > now:
                    new += enqueue(session, _next_channel(session, db.sealer, contexts[name], message), now)
                message.followed_at = message.followed_at or now
                session.add(message)
    return new


def _next_channel(session: Session, sealer: Sealer, context: Context, message: Message) -> list[NewMessage]:
    step = next((one for one in context.definition.steps if one.message == message.step), None)
    if step is None:
        return []
    cohort = session.get_one(Cohort, message.cohort_id)
    taken = _taken(session, cohort, step.message)
    found = [
        _message(sealer, context, cohort, step, family, taken, first_hop=message.hop + 1)
        for family in families_of(session, cohort, [message.household_id or 0], context.now, context.today)
    ]
    return [one for one in found if one is not None]


def follow_register(db: Database, now: datetime) -> int:
    """Cancel what waits for cards that are no longer due."""
    with db.write() as session:
        return cancel_not_due(session, now)


def finish(db: Database, now: datetime) -> int:
    """End campaigns whose every row is final. Returns how many."""
    with db.read() as session:
        names = list(session.exec(select(Campaign.name).where(Campaign.status == "running")))
    ended = 0
    for name in names:
        with db.write() as session:
            campaign, version = get(session, name)
            steps = len(Definition.from_json(version.definition).steps)
            waves = session.exec(
                select(Wave)
                .join(Cohort, col(Cohort.id) == col(Wave.cohort_id))
                .where(Cohort.campaign_id == campaign.id)
            ).all()
            if not waves or any(wave.steps_planned < steps for wave in waves):
                continue
            if waiting_or_open(session, campaign.id or 0, now):
                continue
            campaign.status = "finished"
            session.add(campaign)
            audit(session, at=now, staff=SYSTEM, action="campaign.finish", entity=name, data={})
            ended += 1
    return ended


def next_event(session: Session, table: Timetable, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The next moment at which planning has something to do: a wave's day, or a step's."""
    days: list[date] = []
    for campaign in session.exec(select(Campaign).where(Campaign.status == "running")).all():
        _, version = get(session, campaign.name)
        steps = Definition.from_json(version.definition).steps
        for wave in session.exec(
            select(Wave).join(Cohort, col(Cohort.id) == col(Wave.cohort_id)).where(Cohort.campaign_id == campaign.id)
        ).all():
            if wave.opened_on is None:
                days.append(wave.planned_on)
            elif wave.steps_planned < len(steps):
                days.append(wave.opened_on + timedelta(days=steps[wave.steps_planned].offset_days))
    if not days:
        return None
    midnight = datetime.combine(min(days), datetime.min.time(), zone)
    return table.next_open(max(midnight, now))
