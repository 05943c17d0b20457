"""Drawing a cohort: who is in the lot, which wave each household gets, and what is stored before the first send."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, tzinfo

from sqlmodel import Session, select

from broadcaster.audience.queries import Audience, DueHousehold
from broadcaster.campaigns.definition import Definition
from broadcaster.campaigns.rules import ONLY_TIER, cell, preregistration, wave_days
from broadcaster.clock import today as day_of
from broadcaster.domain.lot import Drawn, Unit, draw, draw_delayed, list_sha256
from broadcaster.domain.timetable import Timetable
from broadcaster.storage.sealed import fresh_salt
from broadcaster.storage.tables import Assignment, Campaign, Cohort, Enrolment, Wave


def sends_on(table: Timetable, day: date, zone: tzinfo) -> bool:
    """Whether anything may be sent on that day."""
    midnight = datetime.combine(day, datetime.min.time(), zone)
    return day_of(table.next_open(midnight), zone) == day


@dataclass(frozen=True)
class Placed:
    """A household and where it goes: drawn, or outside the lot with the reason."""

    household: DueHousehold
    drawn: Drawn | None
    arm: str  # lot | always_send | outside
    reason: str


def place(audience: Audience, definition: Definition, salt: str) -> list[Placed]:
    """Draw the lot over those who can be in it. Pure: the same list and salt give the same places."""
    outside: list[Placed] = []
    units: dict[str, DueHousehold] = {}
    for household in audience.households:
        if household.always_send:
            outside.append(Placed(household, None, "always_send", "deadline"))
        elif not household.addresses:
            outside.append(Placed(household, None, "outside", "no_address"))
        elif all(address.shared for address in household.addresses.values()):
            outside.append(Placed(household, None, "outside", "shared_number"))
        elif definition.lot.none:
            outside.append(Placed(household, None, "outside", "no_lot"))
        else:
            units[household.key] = household
    listed = [Unit(key, ONLY_TIER, household.place, household.kecamatan) for key, household in units.items()]
    drawn: list[Drawn] = []
    if listed and definition.lot.delayed_share is not None:
        drawn = draw_delayed(listed, salt.encode(), definition.lot.delayed_share)
    elif listed:
        drawn = draw(listed, salt.encode(), definition.lot.waves or 1)
    return [Placed(units[one.unit.key], one, "lot", "") for one in drawn] + outside


def draw_cohort(
    session: Session,
    campaign: Campaign,
    definition: Definition,
    audience: Audience,
    table: Timetable,
    today: date,
    now: datetime,
    given_salt: str | None,
) -> Cohort:
    """Draw, and store the lot with what it promised before the first send. Takes part in the caller's transaction."""
    assert campaign.id is not None
    salt = given_salt or fresh_salt()
    placed = place(audience, definition, salt)
    days = wave_days(definition, today, lambda day: sends_on(table, day, table.zone))
    units = [one.drawn.unit for one in placed if one.drawn is not None]
    cells = Counter(cell(1, unit.tier, unit.place) for unit in units)
    sha = list_sha256(units)
    text, prereg_sha = preregistration(definition, cohort=1, list_sha256=sha, salt=salt, days=days, cells=cells)
    cohort = Cohort(
        campaign_id=campaign.id,
        number=1,
        salt=salt,
        list_sha256=sha,
        preregistration=text,
        prereg_sha256=prereg_sha,
        d_days=definition.d_days,
        drawn_on=today,
        drawn_at=now,
    )
    session.add(cohort)
    session.flush()
    assert cohort.id is not None
    enrolled = set(session.exec(select(Enrolment.card_id).where(Enrolment.lineage == campaign.lineage)))
    sizes: Counter[tuple[int, str, int]] = Counter()
    for one in placed:
        household, drawn = one.household, one.drawn
        cards = [child for child in household.children if child.card_id not in enrolled]
        if not cards:
            continue
        wave = drawn.wave if drawn is not None else 0
        tier = drawn.unit.tier if drawn is not None else ONLY_TIER
        sizes[(tier, household.place, wave)] += 1
        session.add(
            Assignment(
                cohort_id=cohort.id,
                household_id=household.household_id,
                household_key=household.key,
                tier=tier,
                place=household.place,
                stratum=household.kecamatan,
                u=drawn.u if drawn is not None else 0.0,
                rank=drawn.rank if drawn is not None else 0,
                arm=one.arm,
                wave=wave,
                reason=one.reason,
            )
        )
        for child in cards:
            session.add(
                Enrolment(
                    lineage=campaign.lineage,
                    card_id=child.card_id,
                    child_id=child.child_id,
                    cohort_id=cohort.id,
                    household_id=household.household_id,
                    occasion=child.occasion,
                )
            )
    for (tier, capacity_place, wave), households in sorted(sizes.items()):
        session.add(
            Wave(
                cohort_id=cohort.id,
                tier=tier,
                place=capacity_place,
                number=wave,
                planned_on=days[max(wave, 1) - 1],
                households=households,
            )
        )
    session.flush()
    return cohort
