"""One step's message to one family: which channel, which address, from when to when. Planning and fallback make the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from broadcaster.campaigns.definition import Definition, Step
from broadcaster.campaigns.families import Family
from broadcaster.campaigns.service import get
from broadcaster.clock import today as day_of
from broadcaster.domain.message import ChannelKind
from broadcaster.domain.timetable import Timetable
from broadcaster.office.queries import timetable
from broadcaster.outbox.rules import address_key, dedupe_key
from broadcaster.outbox.service import NewMessage
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Campaign, Cohort, Household, Message, Sender


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


def context_of(session: Session, name: str, now: datetime, zone: ZoneInfo) -> Context:
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


def taken_addresses(session: Session, cohort: Cohort, step: str) -> dict[bytes, int]:
    """Which household has which address in this step: one telephone gets a step once, the next family goes elsewhere.

    A household that was merged meanwhile has it under the one it was merged into.
    """
    merged = dict(
        session.exec(select(Household.id, Household.alias_of).where(col(Household.alias_of).is_not(None))).all()
    )
    return {
        blind: merged.get(household) or household or 0
        for blind, household in session.exec(
            select(Message.address_blind, Message.household_id).where(
                Message.cohort_id == cohort.id, Message.step == step
            )
        )
    }


def message_for(
    sealer: Sealer,
    context: Context,
    cohort: Cohort,
    step: Step,
    family: Family,
    taken: dict[bytes, int],
    *,
    due: datetime,
    first_hop: int = 0,
    follows: str = "",
) -> NewMessage | None:
    """The family's message on the first channel of the step's order that reaches it; None when no channel does.

    `due` lies in the window the message is planned for; in the past when that window was slept through, and then the step's
    late policy decides. An address in `taken` that belongs to another household is passed over; the one chosen is added.
    `follows`: what became of the channel before.
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
        # an officer's list is read at any hour
        late = step.late if step.late != "next_window" and channel is not ChannelKind.VILLAGE_LIST else ""
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
            late=late,
            late_at=context.table.window_end(due) if late else None,
            follows=follows,
        )
    return None
