"""Planning: opens the waves that are due and puts their steps into the outbox; ends what is over.

Each function may run at any moment and any number of times: unique keys make a second planning harmless.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcaster.campaigns.cohorts import sends_on
from broadcaster.campaigns.definition import Definition, Step
from broadcaster.campaigns.families import families_of
from broadcaster.campaigns.rules import next_day
from broadcaster.campaigns.service import SYSTEM, get
from broadcaster.campaigns.step_messages import Context, context_of, message_for, taken_addresses
from broadcaster.clock import today as day_of
from broadcaster.domain.timetable import Timetable
from broadcaster.errors import Refused
from broadcaster.office.service import audit, clear_alert, raise_alert
from broadcaster.outbox.queries import waiting_or_open
from broadcaster.outbox.service import cancel_not_due, enqueue
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Amendment, Assignment, Campaign, Cohort, Household, Message, Wave


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
                new += _plan_campaign(session, db.sealer, context_of(session, name, now, zone))
            except Refused as error:
                raise_alert(session, "campaign_cannot_plan", name, {"code": error.code}, now)
            else:
                clear_alert(session, "campaign_cannot_plan", name, now)
    return new


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
    written = _already_written(session, cohort, step.message)
    taken = taken_addresses(session, cohort, step.message)
    due = _due(context, wave, step)
    messages = [
        message
        for family in families
        if family.root not in written
        and (message := message_for(sealer, context, cohort, step, family, taken, due=due)) is not None
    ]
    return enqueue(session, messages, context.now)


def _due(context: Context, wave: Wave, step: Step) -> datetime:
    """When the step's messages are due: now, or on a day slept through, where the step's late policy then decides."""
    assert wave.opened_on is not None
    day = wave.opened_on + timedelta(days=step.offset_days)
    intended = context.table.next_open(datetime.combine(day, datetime.min.time(), context.zone))
    if day_of(intended, context.zone) < context.today:
        return intended
    return context.table.next_open(context.now)


def _already_written(session: Session, cohort: Cohort, step: str) -> set[int]:
    """Households that have this step in the outbox, on whatever channel and under whatever id before they were merged."""
    merged = dict(
        session.exec(select(Household.id, Household.alias_of).where(col(Household.alias_of).is_not(None))).all()
    )
    found = session.exec(
        select(Message.household_id).where(Message.cohort_id == cohort.id, Message.step == step).distinct()
    )
    return {merged.get(household) or household for household in found if household is not None}


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
