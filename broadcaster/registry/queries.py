"""What pages and reports read of the registry. Sealed values come out masked or, for names, as they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, func, select

from broadcaster.domain.people import display_name
from broadcaster.domain.phone import mask
from broadcaster.errors import NotFound
from broadcaster.registry.problems import mask_number
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
    ImportBatch,
    Village,
)


@dataclass(frozen=True)
class Counts:
    """How much the registry holds. Households without the merged ones; children without the excluded ones."""

    households: int
    children: int
    excluded: int
    cards: dict[str, dict[str, int]]  # kind -> status -> n
    reachable_households: int  # with a working number of their own


@dataclass(frozen=True)
class BatchLine:
    """One import, newest first."""

    id: int
    file: str
    kind: str
    applied_at: datetime
    data_until: date
    rows: int
    good: int
    rejected: int
    status: str  # applied | undone


def counts(session: Session) -> Counts:
    cards: dict[str, dict[str, int]] = {}
    for kind, status, number in session.exec(
        select(Card.kind, Card.status, func.count()).group_by(Card.kind, Card.status).order_by(Card.kind, Card.status)
    ):
        cards.setdefault(kind, {})[status] = number
    return Counts(
        households=_count(
            session, select(func.count()).select_from(Household).where(col(Household.alias_of).is_(None))
        ),
        children=_count(session, select(func.count()).select_from(Child).where(Child.excluded == "")),
        excluded=_count(session, select(func.count()).select_from(Child).where(Child.excluded != "")),
        cards=cards,
        reachable_households=_count(
            session,
            select(func.count(func.distinct(Guardian.household_id)))
            .join(ContactPoint, col(ContactPoint.guardian_id) == col(Guardian.id))
            .where(col(ContactPoint.shared).is_(False), col(ContactPoint.invalid_since).is_(None)),
        ),
    )


def batches(session: Session, limit: int = 50) -> list[BatchLine]:
    rows = session.exec(select(ImportBatch).order_by(col(ImportBatch.id).desc()).limit(limit))
    return [
        BatchLine(
            id=row.id or 0, file=row.file_name, kind=row.kind, applied_at=row.applied_at, data_until=row.data_until,
            rows=row.row_count, good=row.good, rejected=row.rejected, status=row.status,
        )
        for row in rows
    ]  # fmt: skip


def child_story(session: Session, sealer: Sealer, child_id: int) -> dict[str, Any]:
    """One child's rows along the road, for `show child`: NIK and phones masked, days as ISO text. Raises `NotFound`."""
    child = session.get(Child, child_id)
    if child is None:
        raise NotFound(f"Tidak ada anak nomor {child_id}.", code="unknown_child")
    niks = session.exec(select(ChildIdentity.sealed_nik).where(ChildIdentity.child_id == child_id)).all()
    cards = session.exec(select(Card).where(Card.child_id == child_id).order_by(col(Card.id))).all()
    return {
        "child": {
            "id": child_id,
            "name": display_name(sealer.open("name", child.sealed_name)),
            "birth_date": child.birth_date.isoformat(),
            "sex": child.sex,
            "excluded": child.excluded,
            "nik_masked": [mask_number(sealer.open("nik", nik)) for nik in niks],
        },
        "household": _household(session, child.household_id),
        "guardians": [
            {
                "id": guardian.id,
                "name": display_name(sealer.open("name", guardian.sealed_name)),
                "contact_points": _contact_points(session, sealer, guardian),
            }
            for guardian in session.exec(
                select(Guardian).where(Guardian.household_id == child.household_id).order_by(col(Guardian.id))
            )
        ],
        "cards": [
            {
                "id": card.id,
                "kind": card.kind,
                "status": card.status,
                "since": card.since.isoformat(),
                "events": _events(session, card),
            }
            for card in cards
        ],
    }


def _household(session: Session, household_id: int) -> dict[str, Any]:
    household = session.get_one(Household, household_id)
    village = session.get(Village, household.village_id) if household.village_id is not None else None
    aliases = session.exec(select(Household.id).where(Household.alias_of == household_id).order_by(col(Household.id)))
    return {
        "id": household_id,
        "key": household.key,
        "village": village.name if village else "",
        "village_code": village.code if village else "",
        "kecamatan": village.kecamatan if village else "",
        "kk_numbers": _count(
            session, select(func.count()).select_from(HouseholdKk).where(HouseholdKk.household_id == household_id)
        ),
        "merged_from": list(aliases),
    }


def _contact_points(session: Session, sealer: Sealer, guardian: Guardian) -> list[dict[str, Any]]:
    points = session.exec(
        select(ContactPoint).where(ContactPoint.guardian_id == guardian.id).order_by(col(ContactPoint.id))
    )
    return [
        {
            "id": point.id,
            "channel": point.channel,
            "address_masked": mask(sealer.open("address", point.sealed_address)),
            "shared": point.shared,
            "invalid_since": point.invalid_since.isoformat() if point.invalid_since else None,
            "invalid_reason": point.invalid_reason,
        }
        for point in points
    ]


def _events(session: Session, card: Card) -> list[dict[str, Any]]:
    events = session.exec(
        select(CardEvent, ImportBatch.file_name)
        .join(ImportBatch, col(ImportBatch.id) == col(CardEvent.batch_id))
        .where(CardEvent.card_id == card.id)
        .order_by(col(CardEvent.on_date), col(CardEvent.id))
    )
    return [
        {
            "status": event.status,
            "on_date": event.on_date.isoformat(),
            "recorded_at": event.recorded_at.isoformat(),
            "batch": event.batch_id,
            "file": file,
        }
        for event, file in events
    ]


def _count(session: Session, statement: Any) -> int:
    return int(session.exec(statement).one())


def card_events(session: Session) -> tuple[int, int]:
    """How many card events there are and the newest one's id: changes whenever the register's history does."""
    number, newest = session.exec(select(func.count(), func.max(CardEvent.id))).one()
    return number, newest or 0
