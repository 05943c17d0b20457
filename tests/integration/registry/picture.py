"""What the registry holds, in a form that does not depend on ids, on the order of rows or on how values are sealed."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, select

from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer


def households(db: Database) -> list[Any]:
    """Every household that is not an alias: key, village, No KK, children with cards and events, contact points."""
    with db.read() as session:
        return sorted(
            _household(session, db.sealer, one)
            for one in session.exec(select(tables.Household).where(tables.Household.alias_of == None))  # noqa: E711 - SQL
        )


def _household(session: Session, sealer: Sealer, household: tables.Household) -> Any:
    village = session.get(tables.Village, household.village_id) if household.village_id else None
    kks = session.exec(select(tables.HouseholdKk.kk_blind).where(tables.HouseholdKk.household_id == household.id))
    children = session.exec(select(tables.Child).where(tables.Child.household_id == household.id))
    points = session.exec(
        select(tables.ContactPoint)
        .join(tables.Guardian, tables.Guardian.id == tables.ContactPoint.guardian_id)  # type: ignore[arg-type]
        .where(tables.Guardian.household_id == household.id)
    )
    return (
        household.key,
        village.code if village else "",
        sorted(kk.hex() for kk in kks),
        sorted(_child(session, sealer, child) for child in children),
        sorted((p.channel, sealer.open("address", p.sealed_address), p.shared) for p in points),
    )


def _child(session: Session, sealer: Sealer, child: tables.Child) -> Any:
    niks = session.exec(select(tables.ChildIdentity.sealed_nik).where(tables.ChildIdentity.child_id == child.id))
    cards = session.exec(select(tables.Card).where(tables.Card.child_id == child.id))
    return (
        sorted(sealer.open("nik", nik) for nik in niks),
        sealer.open("name", child.sealed_name),
        child.birth_date.isoformat(),
        child.sex,
        child.excluded,
        sorted((card.kind, card.status, card.since.isoformat(), sorted(_events(session, card))) for card in cards),
    )


def _events(session: Session, card: tables.Card) -> list[tuple[str, str]]:
    events = session.exec(select(tables.CardEvent).where(tables.CardEvent.card_id == card.id))
    return [(event.status, event.on_date.isoformat()) for event in events]


def niks_together(db: Database) -> set[frozenset[str]]:
    """Which children are in one household."""
    return {frozenset(nik for child in one[3] for nik in child[0]) for one in households(db)}


def card_status(db: Database, nik: str) -> dict[str, str]:
    """Kind -> status of one child's cards."""
    for _, _, _, children, _ in households(db):
        for niks, _, _, _, _, cards in children:
            if nik in niks:
                return {kind: status for kind, status, _, _ in cards}
    raise AssertionError("no such child")
