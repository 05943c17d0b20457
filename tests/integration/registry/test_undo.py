"""An import is taken back: the register is as it was, or the command says what rests on it."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, func, select

from broadcaster.errors import Blocked, NotFound
from broadcaster.registry import chats, queries
from broadcaster.registry.undo import undo
from broadcaster.results.service import refresh_outcomes
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.registry import dump, files, picture
from tests.integration.registry.conftest import Bring

LATER = timedelta(hours=1)
BORN = date(2020, 3, 14)


def first_file() -> Any:
    rows = [
        files.child(1, family=1, phone="081234567890", status="Siap diambil", printed="01-09-2026"),
        files.child(2, family=1, phone="081234567890", status="proses"),
        files.child(3, family=3, phone="081366778899", mother="RATNA"),
        files.child(4, family=4, mother="YULI"),
    ]
    return files.xlsx(rows, name="pertama.xlsx")


def second_file() -> Any:
    """Renames, moves, merges, adds, excludes: something of everything that an import can do."""
    rows = [
        files.child(
            1, family=1, name="RIZKI BARU", desa="Purwodadi", phone="081311112222", status="Sudah diambil",
            printed="01-09-2026", collected="20-09-2026",
        ),
        files.child(3, family=3, phone="085211223344", mother="RATNA", status="Siap diambil", printed="10-09-2026"),
        files.child(4, family=4, phone="085211223344", mother="YULI", note="meninggal dunia"),
        files.child(5, family=4, phone="085211223344", mother="YULI"),
        files.child(6, family=6, mother="NINA", phone="082177665544"),
    ]  # fmt: skip
    return files.csv_file(rows, name="kedua.csv")


def batch_of(report: Any) -> int:
    assert report.batch is not None
    return int(report.batch)


def test_the_first_import_taken_back_leaves_an_empty_register(office: Database, bring_in: Bring, now: datetime) -> None:
    empty = dump.exact(office)
    report = bring_in(office, first_file())
    undone = undo(office, batch_of(report), by="sari", now=now)
    assert dump.exact(office) == empty
    assert undone.removed["child"] == 4
    assert undone.restored == {}
    with office.read() as session:
        [line] = queries.batches(session)
        assert (line.status, session.exec(select(func.count()).select_from(tables.ImportChange)).one()) == ("undone", 0)


def test_a_second_import_taken_back_leaves_the_register_byte_for_byte(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    bring_in(office, first_file())
    before = dump.exact(office)
    report = bring_in(office, second_file())
    changed = dump.exact(office)
    assert changed != before
    assert any(row["alias_of"] is not None for row in changed["household"])  # a merge was among it
    undo(office, batch_of(report), by="sari", now=now)
    assert dump.exact(office) == before


def test_a_file_that_was_taken_back_can_be_applied_again(office: Database, bring_in: Bring, now: datetime) -> None:
    bring_in(office, first_file())
    report = bring_in(office, second_file())
    after = dump.canonical(office)
    undo(office, batch_of(report), by="sari", now=now)
    again = bring_in(office, second_file())
    assert (again.new, again.changed, again.batch != report.batch) == (report.new, report.changed, True)
    assert dump.canonical(office) == after


def test_the_undo_is_in_the_audit_without_personal_data(office: Database, bring_in: Bring, now: datetime) -> None:
    batch = batch_of(bring_in(office, first_file()))
    undo(office, batch, by="sari", now=now)
    with office.read() as session:
        entry = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "import_undo")).one()
    assert (entry.staff, entry.entity) == ("sari", f"import_batch:{batch}")
    assert set(json.loads(entry.data)) == {"kind", "sha256", "removed", "restored"}


def test_an_unknown_batch_and_one_taken_back_already_are_refused(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    with pytest.raises(NotFound, match="impor nomor 4711"):
        undo(office, 4711, by="sari", now=now)
    batch = batch_of(bring_in(office, first_file()))
    undo(office, batch, by="sari", now=now)
    with pytest.raises(Blocked, match="sudah pernah dibatalkan"):
        undo(office, batch, by="sari", now=now)


def test_a_later_import_of_the_same_people_must_be_taken_back_first(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    empty = dump.exact(office)
    first, second = batch_of(bring_in(office, first_file())), batch_of(bring_in(office, second_file()))
    held = dump.exact(office)
    with pytest.raises(Blocked, match=f"impor nomor {second} sesudahnya"):
        undo(office, first, by="sari", now=now)
    assert dump.exact(office) == held
    undo(office, second, by="sari", now=now)
    undo(office, first, by="sari", now=now)
    assert dump.exact(office) == empty


def test_a_later_import_of_other_people_does_not_stand_in_the_way(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    first = batch_of(bring_in(office, first_file()))
    bring_in(office, files.csv_file([files.child(50, family=50, mother="LAIN")]))
    undo(office, first, by="sari", now=now)
    assert picture.niks_together(office) == {frozenset({files.nik(BORN, serial=50)})}


def test_a_sibling_that_came_later_holds_the_household(office: Database, bring_in: Bring, now: datetime) -> None:
    first = batch_of(bring_in(office, first_file()))
    second = batch_of(bring_in(office, files.csv_file([files.child(50, family=1)])))
    with pytest.raises(Blocked, match=f"impor nomor {second} "):
        undo(office, first, by="sari", now=now)


def test_a_child_that_joined_a_merged_household_holds_the_merge(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    bring_in(office, first_file())
    merging = batch_of(bring_in(office, second_file()))
    last = batch_of(bring_in(office, files.csv_file([files.child(60, family=4, mother="YULI")])))
    with pytest.raises(Blocked, match=f"impor nomor {last} "):
        undo(office, merging, by="sari", now=now)


def test_a_message_to_the_family_holds_the_import(office: Database, bring_in: Bring, now: datetime) -> None:
    first = batch_of(bring_in(office, first_file()))
    with office.write() as session:
        household = session.exec(select(tables.Household)).first()
        make.message(session, office.sealer, household=household, created_at=now + LATER)
    with pytest.raises(Blocked, match="sudah dibuatkan pesan"):
        undo(office, first, by="sari", now=now + LATER)


def test_a_message_written_after_a_change_holds_the_change_and_an_older_one_does_not(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    bring_in(office, first_file())
    with office.write() as session:
        child = tables.Child.household_id
        identity = session.exec(
            select(child)
            .join(tables.ChildIdentity, col(tables.ChildIdentity.child_id) == col(tables.Child.id))
            .where(tables.ChildIdentity.nik_blind == office.sealer.blind("nik", files.nik(BORN, serial=1)))
        ).one()
        household = session.get_one(tables.Household, identity)
        make.message(session, office.sealer, household=household, created_at=now - LATER)
    row = [1, files.nik(BORN), "", "", "", "20-09-2026", ""]
    source = files.csv_file([row], files.COLLECTION_HEADINGS)
    before = dump.exact(office)
    undo(office, batch_of(bring_in(office, source)), by="sari", now=now)
    assert dump.exact(office) == before
    second = batch_of(bring_in(office, source))
    with office.write() as session:
        make.message(session, office.sealer, household=household, created_at=now + LATER)
    with pytest.raises(Blocked, match="sudah dibuatkan pesan"):
        undo(office, second, by="sari", now=now + LATER)


def test_a_linked_telegram_chat_holds_the_import(office: Database, bring_in: Bring, now: datetime) -> None:
    first = batch_of(bring_in(office, first_file()))
    with office.write() as session:
        phone = office.sealer.blind("address", "+6281234567890")
        assert chats.link_by_phone(session, office.sealer, phone_blind=phone, chat_id="77", now=now)
    with pytest.raises(Blocked, match="menghubungkan Telegram"):
        undo(office, first, by="sari", now=now)


def test_outcomes_follow_an_import_that_is_taken_back(office: Database, bring_in: Bring, now: datetime) -> None:
    bring_in(office, first_file())
    report = bring_in(office, second_file())
    refresh_outcomes(office, now)
    undo(office, batch_of(report), by="sari", now=now)
    refresh_outcomes(office, now)
    with office.read() as session:
        kinds = set(session.exec(select(tables.Outcome.kind)))
    assert kinds == {"applied"}  # the collection that the second file told of is no outcome any more


def test_what_was_changed_before_stands_sealed(sqlite_office: Database, bring_in: Bring) -> None:
    bring_in(sqlite_office, first_file())
    bring_in(sqlite_office, second_file())
    with sqlite_office.read() as session:
        kept = session.exec(select(tables.ImportChange).where(col(tables.ImportChange.after).is_not(None))).all()
        opened = [sqlite_office.sealer.open("change", row.before or b"") for row in kept]
    assert {row.entity for row in kept} >= {"child", "household", "card"}
    assert any('"status": "printed"' in text for text in opened)
