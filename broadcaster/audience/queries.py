"""Who is due: households with their children, their best addresses, or the reason they are skipped."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from rapidfuzz import process
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select

from broadcaster.consent.queries import suppressed
from broadcaster.consent.rules import ANY_CHANNEL
from broadcaster.domain.card import CardFact, CardKind, CardStatus, Occasion, always_send, occasions
from broadcaster.errors import BadInput
from broadcaster.storage.tables import Card, Child, ContactPoint, Guardian, Household, Village


@dataclass(frozen=True)
class Filter:
    """Which occasions and places; empty places mean all. Places are names or codes, matched without case."""

    occasions: tuple[Occasion, ...]
    kecamatan: tuple[str, ...] = ()
    desa: tuple[str, ...] = ()


@dataclass(frozen=True)
class DueChild:
    child_id: int
    card_id: int
    card_kind: CardKind
    occasion: Occasion
    birth_date: date
    always_send: bool


@dataclass(frozen=True)
class Address:
    """One usable address of a household."""

    channel: str
    sealed_address: bytes
    address_blind: bytes
    shared: bool


@dataclass(frozen=True)
class DueHousehold:
    """A household with its due children, youngest last, and its usable addresses by channel."""

    household_id: int
    key: str
    village_id: int | None
    village_code: str
    village: str
    kecamatan: str
    place: str  # capacity place
    children: tuple[DueChild, ...]
    addresses: Mapping[str, Address]

    @property
    def always_send(self) -> bool:
        """One always-send child takes the whole household out of the lot."""
        return any(child.always_send for child in self.children)


@dataclass
class Audience:
    """Everyone who is due, in order of household id, and how many households are skipped for which reason."""

    households: list[DueHousehold] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def children(self) -> int:
        return sum(len(household.children) for household in self.households)


def select_audience(
    session: Session,
    wanted: Filter,
    today: date,
    now: datetime,
    *,
    d_days: int,
    turning_five_days: int | None = None,
) -> Audience:
    """Everyone due today. Reads the register once, whatever its size; writes nothing.

    `turning_five_days`: how long before the fifth birthday a child counts as turning five, when it is to be measured.

    Raises `BadInput` for a kecamatan or desa that does not exist. Skipped: `opted_out` (asked us not to write), `no_village`.
    A household without any address is not skipped: it goes on its village officer's list.
    """
    villages = {row.id: row for row in session.exec(select(Village))}
    chosen = _places(wanted, villages.values())
    cards: dict[int, dict[CardKind, tuple[int, CardFact]]] = defaultdict(dict)
    columns = (col(Card.id), col(Card.child_id), col(Card.kind), col(Card.status), col(Card.since))
    for card, child, kind, status, since in session.connection().execute(columns_of(*columns)):
        cards[child][CardKind(kind)] = (card or 0, CardFact(CardKind(kind), CardStatus(status), since))
    due: dict[int, list[DueChild]] = defaultdict(list)
    for child_id, household_id, birth in session.exec(
        select(col(Child.id), col(Child.household_id), col(Child.birth_date))
        .where(Child.excluded == "")
        .order_by(col(Child.birth_date), col(Child.id))
    ):
        found = _occasion(wanted, birth, cards.get(child_id or 0, {}), today, turning_five_days)
        if found is not None:
            occasion, about, card_id = found
            urgent = always_send(occasion, birth, today, d_days)
            due[household_id].append(DueChild(child_id or 0, card_id, about, occasion, birth, urgent))
    addresses, silenced = usable_addresses(session, now)
    audience = Audience()
    for household in session.exec(
        select(Household).where(col(Household.alias_of).is_(None)).order_by(col(Household.id))
    ):
        children = due.get(household.id or 0)
        if not children:
            continue
        village = villages.get(household.village_id) if household.village_id is not None else None
        if chosen is not None and (village is None or village.code not in chosen):
            continue
        if village is None:
            audience.skipped["no_village"] += 1
            continue
        usable = addresses.get(household.id or 0, {})
        if not usable and (household.id or 0) in silenced:
            audience.skipped["opted_out"] += 1
            continue
        audience.households.append(
            DueHousehold(
                household_id=household.id or 0,
                key=household.key,
                village_id=village.id,
                village_code=village.code,
                village=village.name,
                kecamatan=village.kecamatan,
                place=village.capacity_place,
                children=tuple(children),
                addresses=usable,
            )
        )
    return audience


def due_children(session: Session, household_id: int, wanted: Filter, today: date) -> tuple[tuple[int, Occasion], ...]:
    """The children of one household for whom one of these occasions holds today, youngest last, each with the occasion."""
    children = session.exec(
        select(Child)
        .where(Child.household_id == household_id, Child.excluded == "")
        .order_by(col(Child.birth_date), col(Child.id))
    ).all()
    cards: dict[int, dict[CardKind, tuple[int, CardFact]]] = defaultdict(dict)
    for card in session.exec(select(Card).where(col(Card.child_id).in_([child.id for child in children]))):
        fact = CardFact(CardKind(card.kind), CardStatus(card.status), card.since)
        cards[card.child_id][fact.kind] = (card.id or 0, fact)
    found = [
        (child.id or 0, _occasion(wanted, child.birth_date, cards[child.id or 0], today, None)) for child in children
    ]
    return tuple((child_id, due[0]) for child_id, due in found if due is not None)


def _occasion(
    wanted: Filter,
    birth: date,
    cards: Mapping[CardKind, tuple[int, CardFact]],
    today: date,
    turning_five_days: int | None,
) -> tuple[Occasion, CardKind, int] | None:
    facts = {kind: fact for kind, (_, fact) in cards.items()}
    for occasion, kind in occasions(birth, facts, today, turning_five_days=turning_five_days):
        if occasion in wanted.occasions and kind in cards:
            return occasion, kind, cards[kind][0]
    return None


def usable_addresses(
    session: Session, now: datetime, household_ids: Iterable[int] | None = None
) -> tuple[dict[int, dict[str, Address]], set[int]]:
    """The first usable address per household and channel; and the households with an address that said stop.

    A number of the family's own comes before a shared one. `household_ids` None means every household.
    """
    blocked = suppressed(session, now)
    statement = (
        select(ContactPoint, Guardian.household_id)
        .join(Guardian, col(Guardian.id) == col(ContactPoint.guardian_id))
        .where(col(ContactPoint.invalid_since).is_(None))
        .order_by(col(ContactPoint.shared), col(ContactPoint.id))
    )
    if household_ids is not None:
        statement = statement.where(col(Guardian.household_id).in_(sorted(household_ids)))
    usable: dict[int, dict[str, Address]] = defaultdict(dict)
    silenced: set[int] = set()
    for contact, household_id in session.exec(statement):
        stops = {
            (channel, contact.address_blind, household)
            for channel in (ANY_CHANNEL, contact.channel)
            for household in (0, household_id)
        }
        if stops & blocked.keys():
            if any(blocked.get(stop) for stop in stops):
                silenced.add(household_id)
        elif contact.channel not in usable[household_id]:
            usable[household_id][contact.channel] = Address(
                contact.channel, contact.sealed_address, contact.address_blind, contact.shared
            )
    return usable, silenced


def _places(wanted: Filter, villages: Iterable[Village]) -> set[str] | None:
    """Codes of the chosen villages; None = all."""
    if not wanted.kecamatan and not wanted.desa:
        return None
    known = list(villages)
    chosen: set[str] = set()
    for name in wanted.kecamatan:
        hits = {v.code for v in known if name.casefold() in (v.kecamatan.casefold(), v.kecamatan_code)}
        chosen |= hits or _no_such("kecamatan", name, {v.kecamatan for v in known})
    for name in wanted.desa:
        hits = {v.code for v in known if name.casefold() in (v.name.casefold(), v.code)}
        if len(hits) > 1:
            codes = ", ".join(sorted(hits))
            raise BadInput(f"Ada beberapa desa bernama {name}; pakai kodenya: {codes}.", code="ambiguous_place")
        chosen |= hits or _no_such("desa", name, {v.name for v in known})
    return chosen


def _no_such(kind: str, name: str, known: set[str]) -> set[str]:
    near = process.extractOne(name, sorted(known))
    hint = f" Mungkin maksudnya {near[0]}." if near else ""
    raise BadInput(f"Tidak ada {kind} bernama {name}.{hint}", code="unknown_place")


__all__ = [
    "Address", "Audience", "DueChild", "DueHousehold", "Filter", "due_children", "select_audience", "usable_addresses",
]  # fmt: skip
