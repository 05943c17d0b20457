"""What the register already holds about the people in a file. Reads only; a few thousand rows at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

from sqlalchemy import BindParameter, Executable, bindparam, func, select
from sqlmodel import Session, col

from broadcaster.domain.card import CardKind, CardStatus
from broadcaster.registry.card_rules import CardState
from broadcaster.registry.changes import PHONE_CHANNELS, Homes, Known, KnownChild, KnownGuardian
from broadcaster.registry.households import Held
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import (
    Card,
    CardEvent,
    Child,
    ChildIdentity,
    ContactPoint,
    Guardian,
    Household,
    HouseholdKk,
    Village,
)

_SOME: BindParameter[Any] = bindparam("some", expanding=True)


def load_homes(session: Session, *, niks: Iterable[bytes], kks: Collection[bytes], phones: Collection[bytes]) -> Homes:
    """Which households these children, families and numbers are in: all that joining a whole file needs."""
    members = (
        select(col(ChildIdentity.nik_blind), col(Child.household_id))
        .join(Child, col(Child.id) == col(ChildIdentity.child_id))
        .where(col(ChildIdentity.nik_blind).in_(_SOME))
    )
    of_child = dict(_rows(session, members, niks))
    families = select(col(HouseholdKk.kk_blind), col(HouseholdKk.household_id)).where(
        col(HouseholdKk.kk_blind).in_(_SOME)
    )
    of_kk = dict(_rows(session, families, kks))
    phone_homes: dict[bytes, tuple[int, ...]] = {}
    shared: set[bytes] = set()
    numbers = (
        select(col(ContactPoint.address_blind), col(Guardian.household_id), col(ContactPoint.shared))
        .join(Guardian, col(Guardian.id) == col(ContactPoint.guardian_id))
        .where(col(ContactPoint.address_blind).in_(_SOME), col(ContactPoint.channel).in_(PHONE_CHANNELS))
        .distinct()
    )
    for phone, home, is_shared in _rows(session, numbers, phones):
        homes = phone_homes.setdefault(phone, ())
        if home not in homes:
            phone_homes[phone] = (*homes, home)
        if is_shared:
            shared.add(phone)
    of_phones = {home for homes in phone_homes.values() for home in homes}
    return Homes(of_child, of_kk, Held(phone_homes, frozenset(shared), _kk_counts(session, of_phones)))


def load(session: Session, sealer: Sealer, *, niks: Collection[bytes], homes: Collection[int]) -> Known:
    """Everything about the children and households of one block that an import compares with."""
    return Known(
        children=_children(session, sealer, niks),
        guardians=_guardians(session, sealer, homes),
        village_of=_villages(session, homes),
    )


def _children(session: Session, sealer: Sealer, niks: Collection[bytes]) -> dict[bytes, KnownChild]:
    people = (
        select(
            col(ChildIdentity.nik_blind),
            col(Child.id),
            col(Child.household_id),
            col(Child.sealed_name),
            col(Child.birth_date),
            col(Child.sex),
            col(Child.excluded),
        )
        .join(Child, col(Child.id) == col(ChildIdentity.child_id))
        .where(col(ChildIdentity.nik_blind).in_(_SOME))
    )
    found = {
        nik: KnownChild(child_id, home, sealer.open("name", name), birth, sex, excluded, {}, {})
        for nik, child_id, home, name, birth, sex, excluded in _rows(session, people, niks)
    }
    by_id = {child.id: child for child in found.values()}
    state_of: dict[int, CardState] = {}
    cards = select(col(Card.id), col(Card.child_id), col(Card.kind), col(Card.status), col(Card.since)).where(
        col(Card.child_id).in_(_SOME)
    )
    for card_id, child_id, kind, status, since in _rows(session, cards, by_id):
        state = state_of[card_id] = CardState(CardStatus(status), since, {})
        by_id[child_id].cards[CardKind(kind)] = state
        by_id[child_id].card_ids[CardKind(kind)] = card_id
    events = (
        select(col(CardEvent.card_id), col(CardEvent.status), col(CardEvent.on_date), col(CardEvent.back))
        .where(col(CardEvent.card_id).in_(_SOME))
        .order_by(col(CardEvent.id))
    )
    for card_id, status, on, back in _rows(session, events, state_of):
        state_of[card_id].recall(CardStatus(status), on, back=back)
    return found


def _kk_counts(session: Session, homes: Collection[int]) -> dict[int, int]:
    counted = (
        select(col(HouseholdKk.household_id), func.count())
        .where(col(HouseholdKk.household_id).in_(_SOME))
        .group_by(col(HouseholdKk.household_id))
    )
    return dict(_rows(session, counted, homes))


def _guardians(session: Session, sealer: Sealer, homes: Collection[int]) -> dict[int, tuple[KnownGuardian, ...]]:
    addresses: dict[int, set[tuple[str, bytes]]] = defaultdict(set)
    points = (
        select(col(ContactPoint.guardian_id), col(ContactPoint.channel), col(ContactPoint.address_blind))
        .join(Guardian, col(Guardian.id) == col(ContactPoint.guardian_id))
        .where(col(Guardian.household_id).in_(_SOME))
    )
    for guardian_id, channel, blind in _rows(session, points, homes):
        addresses[guardian_id].add((channel, blind))
    found: dict[int, list[KnownGuardian]] = defaultdict(list)
    people = select(col(Guardian.id), col(Guardian.household_id), col(Guardian.sealed_name)).where(
        col(Guardian.household_id).in_(_SOME)
    )
    for guardian_id, home, name in _rows(session, people.order_by(col(Guardian.id)), homes):
        found[home].append(KnownGuardian(guardian_id, sealer.open("name", name), frozenset(addresses[guardian_id])))
    return {home: tuple(some) for home, some in found.items()}


def _villages(session: Session, homes: Collection[int]) -> dict[int, str]:
    places = (
        select(col(Household.id), col(Village.code))
        .join(Village, col(Village.id) == col(Household.village_id), isouter=True)
        .where(col(Household.id).in_(_SOME))
    )
    return {home: code or "" for home, code in _rows(session, places, homes)}


def ids_of_villages(session: Session) -> dict[str, int]:
    """Code -> id of every village."""
    return {row.code: row.id for row in session.execute(select(col(Village.code), col(Village.id)))}


def chunks(values: Iterable[Any], size: int = 1_000) -> Iterator[list[Any]]:
    """The values in lists short enough for one IN."""
    rest = iter(values)
    while some := list(islice(rest, size)):
        yield some


def _rows(session: Session, statement: Executable, values: Iterable[Any]) -> Iterator[Any]:
    """Run a statement that says `IN (_SOME)` for all values, a list at a time."""
    for some in chunks(values):
        yield from session.execute(statement, {"some": some})
