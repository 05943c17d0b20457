"""The households of a wave as they are now: merges followed, served children left out, addresses that work."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from broadcaster.audience.queries import Address, usable_addresses
from broadcaster.domain.card import DUE, CardKind, CardStatus, Occasion, valid_until
from broadcaster.storage.tables import Card, Child, Cohort, Enrolment, Household, Village


@dataclass(frozen=True)
class Family:
    """A household of a wave as it is now: where merged households ended up, and their cards that are still due."""

    root: int
    village_code: str
    children: tuple[tuple[int, int, str], ...]  # (child id, card id, occasion)
    last_day: date  # after it the text would be wrong about one of the children
    addresses: Mapping[str, Address]


#: Up to so many households are asked for by id.
_FEW = 500


def families_of(session: Session, cohort: Cohort, members: Iterable[int], now: datetime, today: date) -> list[Family]:
    """The households of a wave that still have a due card, in the wave's order."""
    aliases = dict(
        session.exec(select(Household.id, Household.alias_of).where(col(Household.alias_of).is_not(None))).all()
    )
    roots = list(dict.fromkeys(aliases.get(member) or member for member in members))
    # a few households are asked for by id, a whole wave of thousands is read as it stands in the tables
    among = {*roots, *(alias for alias, root in aliases.items() if root in set(roots))} if len(roots) <= _FEW else None
    enrolled = (
        select(Enrolment, Card, Child)
        .join(Card, col(Card.id) == col(Enrolment.card_id))
        .join(Child, col(Child.id) == col(Enrolment.child_id))
        .where(Enrolment.cohort_id == cohort.id)
        .order_by(col(Child.birth_date), col(Child.id))
    )
    homes = select(Household.id, Village.code).join(Village, col(Village.id) == col(Household.village_id))
    if among is not None:
        enrolled = enrolled.where(col(Enrolment.household_id).in_(sorted(among)))
        homes = homes.where(col(Household.id).in_(sorted(among)))
    grouped: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    stopped: set[int] = set()
    last_days: dict[int, date] = {}
    for enrolment, card, child in session.exec(enrolled):
        root = aliases.get(enrolment.household_id) or enrolment.household_id
        if enrolment.stopped:
            stopped.add(root)
            continue
        last_day = _last_day(Occasion(enrolment.occasion), CardKind(card.kind), child.birth_date)
        still_due = not child.excluded and CardStatus(card.status) in DUE[Occasion(enrolment.occasion)]
        if still_due and last_day >= today:
            grouped[root].append((enrolment.child_id, enrolment.card_id, enrolment.occasion))
            last_days[root] = min(last_day, last_days.get(root, last_day))
    wanted = [root for root in roots if root in grouped and root not in stopped]
    addresses, silenced = usable_addresses(session, now, wanted if len(roots) <= _FEW else None)
    villages = dict(session.exec(homes).all())
    return [
        Family(root, villages.get(root, ""), tuple(grouped[root]), last_days[root], addresses.get(root, {}))
        for root in wanted
        if addresses.get(root) or root not in silenced
    ]


def _last_day(occasion: Occasion, kind: CardKind, birth: date) -> date:
    """The last day on which the occasion's text is true: the card it speaks about ends, or the birthday comes."""
    if occasion is Occasion.TURNING_FIVE:
        return valid_until(CardKind.NO_PHOTO, birth)
    return valid_until(kind, birth)
