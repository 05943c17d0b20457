"""Outcomes: what the register says happened to a card, copied to where an effect is measured."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from broadcaster.domain.card import CardStatus
from broadcaster.storage.database import Database
from broadcaster.storage.tables import CardEvent, Outcome

#: Which recorded statuses prove an outcome. A card that moved on was applied for, whether or not that day was recorded.
PROVES: dict[str, tuple[CardStatus, ...]] = {
    "applied": (CardStatus.APPLIED, CardStatus.IN_PROCESS, CardStatus.PRINTED, CardStatus.COLLECTED),
    "collected": (CardStatus.COLLECTED,),
}

_Key = tuple[int, str]


@dataclass(frozen=True)
class Refreshed:
    """How many outcomes were added, got another date, or were taken back with the file that spoke of them."""

    added: int = 0
    changed: int = 0
    removed: int = 0


def refresh_outcomes(db: Database, now: datetime) -> Refreshed:
    """Make `outcome` say what `card_event` says: the first day that proves each kind. Doing it again changes nothing.

    A corrected or withdrawn event moves or removes its outcome; `recorded_at` is when it took its present date.
    Officers' ticks and replies are no card events, so they never become an outcome.
    """
    with db.read() as session:
        if _recorded(session) == {key: row.on_date for key, row in _kept(session).items()}:
            return Refreshed()  # the usual case takes no write lock
    added = changed = removed = 0
    with db.write() as session:
        recorded, kept = _recorded(session), _kept(session)
        for key, on_date in recorded.items():
            row = kept.get(key)
            if row is None:
                card_id, kind = key
                session.add(Outcome(card_id=card_id, kind=kind, on_date=on_date, recorded_at=now))
                added += 1
            elif row.on_date != on_date:
                row.on_date, row.recorded_at = on_date, now
                changed += 1
        for key in kept.keys() - recorded.keys():
            session.delete(kept[key])
            removed += 1
    return Refreshed(added, changed, removed)


def _recorded(session: Session) -> dict[_Key, date]:
    found: dict[_Key, date] = {}
    for kind, statuses in PROVES.items():
        first = (
            select(CardEvent.card_id, func.min(col(CardEvent.on_date)))
            .where(col(CardEvent.status).in_(statuses))
            .group_by(col(CardEvent.card_id))
        )
        found.update({(card_id, kind): on_date for card_id, on_date in session.exec(first)})
    return found


def _kept(session: Session) -> dict[_Key, Outcome]:
    return {(row.card_id, row.kind): row for row in session.exec(select(Outcome))}
