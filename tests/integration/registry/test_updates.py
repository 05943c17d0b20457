"""A newer file about children the register knows: forward, back when confirmed, and asking first when it is much."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from sqlmodel import col, select

from broadcaster.errors import Blocked
from broadcaster.registry import service
from broadcaster.registry.tally import TOUCHED_AT_LEAST, TOUCHED_SHARE
from broadcaster.registry.undo import undo
from broadcaster.results.service import refresh_outcomes
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.integration.registry import dump, files, picture
from tests.integration.registry.conftest import Bring

OVER_FIVE = date(2018, 3, 14)
LATER = date(2026, 10, 20)


def cards(*rows: tuple[int, dict[str, Any]], name: str = "kartu.csv") -> Any:
    columns = ("status", "applied", "printed", "collected", "note")
    return files.csv_file(
        [
            [serial, files.nik(OVER_FIVE, serial=serial), *(cells.get(name, "") for name in columns)]
            for serial, cells in rows
        ],
        files.COLLECTION_HEADINGS,
        name=name,
    )


def events(db: Database) -> list[tuple[str, str, bool]]:
    with db.read() as session:
        rows = session.exec(select(tables.CardEvent).order_by(col(tables.CardEvent.id)))
        return [(row.status, row.on_date.isoformat(), row.back) for row in rows]


def known_card(db: Database, bring_in: Bring, **cells: Any) -> None:
    bring_in(db, files.xlsx([files.child(born=OVER_FIVE, **cells)]))


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Pengajuan baru", "applied"), ("Belum lengkap", "incomplete"), ("proses", "in_process"),
        ("Siap diambil", "printed"), ("Sudah diambil", "collected"), ("Ditolak", "rejected"),
        ("Habis masa berlaku", "expired"), ("Tidak berlaku", "void"),
    ],
)  # fmt: skip
def test_each_status_moves_a_card_that_is_not_registered(
    sqlite_office: Database, bring_in: Bring, word: str, status: str
) -> None:
    known_card(sqlite_office, bring_in)
    report = bring_in(sqlite_office, cards((1, {"status": word})))
    assert (report.changed, report.conflicts) == (1, ())
    kind = "no_photo" if status == "expired" else "photo"  # what has expired before 17 is the first card
    assert picture.card_status(sqlite_office, files.nik(OVER_FIVE))[kind] == status


def test_an_event_has_the_day_it_happened_and_the_moment_it_was_recorded(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    known_card(office, bring_in)
    report = bring_in(office, cards((1, {"collected": "20-09-2026"})))
    with office.read() as session:
        [event] = session.exec(select(tables.CardEvent))
    assert (event.on_date, event.recorded_at, event.batch_id) == (date(2026, 9, 20), now, report.batch)


def test_a_status_that_goes_back_waits_for_a_confirmation(office: Database, bring_in: Bring, now: datetime) -> None:
    known_card(office, bring_in, printed="01-09-2026", collected="20-09-2026")
    back = cards((1, {"status": "Siap diambil"}))
    before = dump.exact(office)
    waiting = bring_in(office, back)
    assert [clash.code for clash in waiting.conflicts] == ["status_back"]
    assert dump.exact(office) == before
    undo(office, waiting.batch or 0, by="sari", now=now)

    report = bring_in(office, back, confirmed=True)
    assert (report.changed, report.conflicts) == (1, ())
    undated, found = report.problems
    assert undated.code == "event_date_missing"
    assert (found.code, found.severity, found.row) == ("status_turned_back", "warning", 2)
    assert "diambil; atas konfirmasi petugas dikembalikan menjadi dicetak" in found.message
    assert picture.card_status(office, files.nik(OVER_FIVE)) == {"photo": "printed"}
    # the collection that never was is gone, the step back is an event of its own
    assert events(office) == [("printed", "2026-09-01", False), ("printed", "2026-10-05", True)]
    refresh_outcomes(office, now)
    with office.read() as session:
        assert set(session.exec(select(tables.Outcome.kind))) == {"applied"}
    undo(office, report.batch or 0, by="sari", now=now)
    assert dump.exact(office) == before


def test_a_card_that_was_turned_back_goes_on_from_there(office: Database, bring_in: Bring) -> None:
    known_card(office, bring_in, printed="01-09-2026", collected="20-09-2026")
    bring_in(office, cards((1, {"status": "Siap diambil"})), confirmed=True)
    report = bring_in(office, cards((1, {"collected": "18-10-2026"}), name="2.csv"), today=LATER)
    assert (report.changed, report.conflicts) == (1, ())
    assert picture.card_status(office, files.nik(OVER_FIVE)) == {"photo": "collected"}
    assert events(office)[-1] == ("collected", "2026-10-18", False)


def test_a_rejected_card_that_is_applied_for_again_starts_anew_when_confirmed(
    office: Database, bring_in: Bring
) -> None:
    known_card(office, bring_in, applied="01-08-2026", status="Ditolak")
    again = cards((1, {"applied": "10-10-2026"}))
    assert [clash.code for clash in bring_in(office, again, today=LATER).conflicts] == ["status_back"]
    report = bring_in(office, cards((1, {"applied": "11-10-2026"}), name="2.csv"), today=LATER, confirmed=True)
    assert report.changed == 1
    assert events(office) == [
        ("applied", "2026-08-01", False), ("rejected", "2026-10-05", False), ("applied", "2026-10-11", True),
    ]  # fmt: skip
    bring_in(office, cards((1, {"printed": "15-10-2026"}), name="3.csv"), today=LATER)
    assert picture.card_status(office, files.nik(OVER_FIVE)) == {"photo": "printed"}


def test_an_old_file_without_dates_contradicts_nothing(office: Database, bring_in: Bring) -> None:
    known_card(office, bring_in, printed="01-09-2026", collected="20-09-2026")
    report = bring_in(office, cards((1, {"status": "Siap diambil"})), data_until=date(2026, 9, 10))
    assert (report.unchanged, report.conflicts) == (1, ())


def many(count: int, **cells: Any) -> list[list[Any]]:
    return [files.child(n, family=n, born=OVER_FIVE, mother=f"IBU {n}", **cells) for n in range(1, count + 1)]


ENOUGH = TOUCHED_AT_LEAST
REGISTER = int(ENOUGH / TOUCHED_SHARE)  # so many families that `ENOUGH` of them are just the share


@pytest.mark.parametrize(("touched", "asks"), [(ENOUGH, True), (ENOUGH - 1, False)])
@pytest.mark.parametrize("what", ["status", "village", "phone"])
def test_a_file_that_changes_much_of_the_register_asks_first(
    sqlite_office: Database, bring_in: Bring, now: datetime, today: date, what: str, touched: int, asks: bool
) -> None:
    db = sqlite_office
    rows = many(REGISTER)
    for n, row in enumerate(rows, start=1):
        row[10] = f"08123456{n:04}"
    bring_in(db, files.csv_file(rows))
    changed = {
        "status": lambda: cards(*((n, {"collected": "20-09-2026"}) for n in range(1, touched + 1))),
        "village": lambda: files.csv_file(many(touched, desa="Purwodadi"), name="b.csv"),
        "phone": lambda: files.csv_file(
            [[n, files.nik(OVER_FIVE, serial=n), "", f"08211111{n:04}"] for n in range(1, touched + 1)],
            files.PHONE_HEADINGS,
        ),
    }[what]()
    checked = service.check(db, changed, today=today)
    assert checked.report.needs_confirmation is asks
    if asks:
        before = dump.exact(db)
        with pytest.raises(Blocked, match=f"{touched} dari {REGISTER} keluarga yang sudah terdaftar"):
            service.apply(db, checked, by="sari", now=now)
        assert dump.exact(db) == before
        with db.read() as session:
            assert len(session.exec(select(tables.ImportBatch)).all()) == 1
    assert service.apply(db, checked, by="sari", now=now, confirmed=asks).report.applied


def test_first_phones_and_new_families_are_no_change(sqlite_office: Database, bring_in: Bring, today: date) -> None:
    bring_in(sqlite_office, files.csv_file(many(REGISTER)))
    phones = [[n, files.nik(OVER_FIVE, serial=n), "", f"08211111{n:04}"] for n in range(1, REGISTER + 1)]
    checked = service.check(sqlite_office, files.csv_file(phones, files.PHONE_HEADINGS), today=today)
    assert not checked.report.needs_confirmation
    newcomers = [files.child(n, family=n, born=OVER_FIVE) for n in range(200, 300)]
    assert not service.check(sqlite_office, files.csv_file(newcomers), today=today).report.needs_confirmation


@pytest.mark.parametrize(("note", "reason"), [("meninggal dunia", "deceased"), ("pindah ke Lebong", "moved")])
def test_a_child_that_died_or_moved_is_excluded_with_the_reason(
    office: Database, bring_in: Bring, now: datetime, note: str, reason: str
) -> None:
    known_card(office, bring_in)
    before = dump.exact(office)
    report = bring_in(office, cards((1, {"note": note})))
    assert [found.code for found in report.problems] == [reason]
    with office.read() as session:
        assert session.exec(select(tables.Child.excluded)).one() == reason
    undo(office, report.batch or 0, by="sari", now=now)
    assert dump.exact(office) == before


def test_rows_about_one_child_are_taken_day_by_day(office: Database, bring_in: Bring) -> None:
    known_card(office, bring_in)
    report = bring_in(office, cards((1, {"collected": "20-09-2026"}), (1, {"printed": "01-09-2026"})))
    assert report.conflicts == ()
    assert sorted(events(office)) == [("collected", "2026-09-20", False), ("printed", "2026-09-01", False)]
