from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlmodel import select

from broadcaster.results.service import Refreshed, refresh_outcomes
from broadcaster.storage.database import Database
from broadcaster.storage.tables import CardEvent, Outcome
from tests import make


def record(db: Database, card_id: int, status: str, on: str, kind: str = "collections") -> int:
    with db.write() as session:
        batch = make.import_batch(session, kind=kind)
        assert batch.id is not None
        event = CardEvent(
            card_id=card_id, status=status, on_date=date.fromisoformat(on), recorded_at=make.NOW, batch_id=batch.id
        )
        session.add(event)
        session.flush()
        assert event.id is not None
        return event.id


def forget(db: Database, event_id: int) -> None:
    with db.write() as session:
        session.delete(session.get_one(CardEvent, event_id))


def card(db: Database) -> int:
    with db.write() as session:
        found = make.family(session, db.sealer).card.id
        assert found is not None
        return found


def outcomes(db: Database) -> dict[tuple[int, str], str]:
    with db.read() as session:
        return {(row.card_id, row.kind): row.on_date.isoformat() for row in session.exec(select(Outcome))}


def test_a_collected_card_was_applied_for_too(db: Database, now: datetime) -> None:
    one = card(db)
    record(db, one, "collected", "2026-10-02")
    assert refresh_outcomes(db, now) == Refreshed(added=2)
    assert outcomes(db) == {(one, "applied"): "2026-10-02", (one, "collected"): "2026-10-02"}


def test_the_first_day_that_proves_it_counts(sqlite_db: Database, now: datetime) -> None:
    one = card(sqlite_db)
    record(sqlite_db, one, "printed", "2026-09-20")
    record(sqlite_db, one, "in_process", "2026-09-15")
    record(sqlite_db, one, "applied", "2026-09-17")
    record(sqlite_db, one, "collected", "2026-10-03")
    record(sqlite_db, one, "collected", "2026-10-01")
    refresh_outcomes(sqlite_db, now)
    assert outcomes(sqlite_db) == {(one, "applied"): "2026-09-15", (one, "collected"): "2026-10-01"}


def test_a_card_that_only_waits_or_failed_has_no_outcome(sqlite_db: Database, now: datetime) -> None:
    for status in ("not_registered", "incomplete", "rejected", "expired", "void"):
        record(sqlite_db, card(sqlite_db), status, "2026-10-01")
    assert refresh_outcomes(sqlite_db, now) == Refreshed()
    assert outcomes(sqlite_db) == {}


def test_refreshing_again_changes_nothing(sqlite_db: Database, now: datetime) -> None:
    record(sqlite_db, card(sqlite_db), "collected", "2026-10-02")
    refresh_outcomes(sqlite_db, now)
    before = outcomes(sqlite_db)
    assert refresh_outcomes(sqlite_db, now + timedelta(days=1)) == Refreshed()
    assert outcomes(sqlite_db) == before
    with sqlite_db.read() as session:
        assert {row.recorded_at for row in session.exec(select(Outcome))} == {now}


def test_a_corrected_day_is_followed_both_ways(sqlite_db: Database, now: datetime) -> None:
    one = card(sqlite_db)
    wrong = record(sqlite_db, one, "collected", "2026-10-02")
    refresh_outcomes(sqlite_db, now)
    forget(sqlite_db, wrong)
    record(sqlite_db, one, "collected", "2026-10-09")
    later = now + timedelta(days=7)
    assert refresh_outcomes(sqlite_db, later) == Refreshed(changed=2)
    assert outcomes(sqlite_db)[one, "collected"] == "2026-10-09"
    record(sqlite_db, one, "collected", "2026-09-30")
    assert refresh_outcomes(sqlite_db, later) == Refreshed(changed=2)
    assert outcomes(sqlite_db)[one, "collected"] == "2026-09-30"


def test_an_import_that_is_taken_back_takes_its_outcomes_with_it(db: Database, now: datetime) -> None:
    one, other = card(db), card(db)
    record(db, one, "applied", "2026-09-10")
    withdrawn = record(db, one, "collected", "2026-10-02")
    record(db, other, "collected", "2026-10-02")
    refresh_outcomes(db, now)
    forget(db, withdrawn)
    assert refresh_outcomes(db, now) == Refreshed(removed=1)
    assert outcomes(db) == {
        (one, "applied"): "2026-09-10",
        (other, "applied"): "2026-10-02",
        (other, "collected"): "2026-10-02",
    }
