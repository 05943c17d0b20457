"""Visits to villages: entered, corrected, taken back, on both databases."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest

from broadcaster.errors import BadInput, NotAllowed, NotFound
from broadcaster.office import queries
from broadcaster.office.rules import SYSTEM
from broadcaster.office.visits import add_visit, remove_visit
from broadcaster.storage.database import Database
from tests import make

CODE = "17.03.07.1015"


@pytest.fixture(autouse=True)
def _a_village(db: Database) -> None:
    with db.write() as session:
        make.village(session)


def test_a_visit_is_entered_and_a_second_call_corrects_it(db: Database, now: datetime, today: date) -> None:
    first = add_visit(db, CODE, today, " balai  desa ", "08.30-12.00", by=SYSTEM, now=now, today=today)
    again = add_visit(db, "1703071015", today, "sekolah", "09.00-11.00", by=SYSTEM, now=now, today=today)
    other = add_visit(db, CODE, today + timedelta(days=1), "balai desa", "08.30", by=SYSTEM, now=now, today=today)
    with db.read() as session:
        known = queries.visits(session, today)
        log = queries.audit_log(session)
    assert (first.village, first.place) == ("Gunung Alam", "balai desa")
    assert again.id == first.id
    assert [(one.id, one.place, one.hours) for one in known] == [
        (first.id, "sekolah", "09.00-11.00"), (other.id, "balai desa", "08.30"),
    ]  # fmt: skip
    assert (log[-1].action, log[-1].entity) == ("visit.set", "visit:17.03.07.1015:2026-10-05")


def test_a_visit_is_taken_back(db: Database, now: datetime, today: date) -> None:
    visit = add_visit(db, CODE, today, "balai desa", "08.30", by=SYSTEM, now=now, today=today)
    remove_visit(db, visit.id, by=SYSTEM, now=now)
    with db.read() as session:
        assert queries.visits(session, today) == []
        assert queries.audit_log(session)[0].action == "visit.removed"
    with pytest.raises(NotFound, match="office visit list"):
        remove_visit(db, visit.id, by=SYSTEM, now=now)


@pytest.mark.parametrize(
    ("desa", "days", "place", "hours", "code"),
    [
        (CODE, -1, "balai desa", "08.30", "visit_in_the_past"),
        (CODE, 0, " ", "08.30", "no_visit_text"),
        (CODE, 0, "balai desa", "", "no_visit_text"),
        (CODE, 0, "x" * 81, "08.30", "fact_too_long"),
        (CODE, 0, "wa.me/62811", "08.30", "fact_has_link"),
        ("17.03.99.9999", 0, "balai desa", "08.30", "unknown_village"),
        ("Gunung Alam", 0, "balai desa", "08.30", "village_by_name"),
    ],
)
def test_a_visit_that_cannot_be_is_refused(
    db: Database, now: datetime, today: date, desa: str, days: int, place: str, hours: str, code: str
) -> None:
    with pytest.raises((BadInput, NotFound)) as refused:
        add_visit(db, desa, today + timedelta(days=days), place, hours, by=SYSTEM, now=now, today=today)
    assert refused.value.code == code
    with db.read() as session:
        assert queries.visits(session, today - timedelta(days=9)) == []


def test_only_some_roles_may_enter_visits(db: Database, now: datetime, today: date) -> None:
    with db.write() as session:
        make.staff(session, "rina", "replier")
        make.staff(session, "sari", "operator")
    add_visit(db, CODE, today, "balai desa", "08.30", by="sari", now=now, today=today)
    with pytest.raises(NotAllowed):
        add_visit(db, CODE, today, "balai desa", "08.30", by="rina", now=now, today=today)
