"""What files say about cards: both kinds by age, forward only, each event once."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from sqlmodel import select

from broadcaster.errors import NotFound
from broadcaster.registry import queries, service
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.integration.registry import files, picture
from tests.integration.registry.conftest import Bring

UNDER_FIVE, OVER_FIVE, NEARLY_FIVE = date(2023, 3, 14), date(2018, 3, 14), date(2021, 12, 1)


def collection(serial: int, born: date, **cells: Any) -> list[Any]:
    names = ("status", "applied", "printed", "collected", "note")
    return [serial, files.nik(born, serial=serial), *(cells.get(name, "") for name in names)]


def collections(*rows: list[Any], name: str = "ambil.csv") -> Any:
    return files.csv_file(rows, files.COLLECTION_HEADINGS, name=name)


def events(db: Database) -> list[tuple[str, str, str]]:
    with db.read() as session:
        rows = session.exec(
            select(tables.Card.kind, tables.CardEvent.status, tables.CardEvent.on_date)
            .join(tables.CardEvent, tables.CardEvent.card_id == tables.Card.id)  # type: ignore[arg-type]
        )  # fmt: skip
        return sorted((kind, status, on.isoformat()) for kind, status, on in rows)


def test_a_child_under_five_has_both_cards_and_an_older_one_the_card_with_photo(
    office: Database, bring_in: Bring
) -> None:
    bring_in(office, files.xlsx([files.child(1, born=UNDER_FIVE), files.child(2, born=OVER_FIVE)]))
    assert picture.card_status(office, files.nik(UNDER_FIVE, serial=1)) == {
        "no_photo": "not_registered", "photo": "not_registered",
    }  # fmt: skip
    assert picture.card_status(office, files.nik(OVER_FIVE, serial=2)) == {"photo": "not_registered"}
    assert events(office) == []


def test_a_row_with_three_dates_is_three_events(office: Database, bring_in: Bring, now: datetime) -> None:
    row = files.child(born=OVER_FIVE, status="Sudah Diambil", applied="01/08/2026", printed="10/08/2026",
                      collected=date(2026, 9, 1))  # fmt: skip
    report = bring_in(office, files.xlsx([row]))
    assert report.problems == ()
    assert events(office) == [
        ("photo", "applied", "2026-08-01"), ("photo", "collected", "2026-09-01"), ("photo", "printed", "2026-08-10"),
    ]  # fmt: skip
    with office.read() as session:
        card = session.exec(select(tables.Card)).one()
        assert (card.status, card.since) == ("collected", date(2026, 9, 1))
        for event in session.exec(select(tables.CardEvent)):
            assert (event.recorded_at, event.batch_id) == (now, report.batch)


def test_the_card_is_the_one_that_was_due_on_the_day_of_the_event(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(born=OVER_FIVE, status="Sudah diambil", collected="01-09-2021")]))
    assert events(office) == [("no_photo", "collected", "2021-09-01")]
    assert picture.card_status(office, files.nik(OVER_FIVE)) == {"no_photo": "collected", "photo": "not_registered"}


def test_an_application_shortly_before_five_is_about_the_next_card(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(born=NEARLY_FIVE, status="Sudah diambil", collected="01-09-2022")]))
    report = bring_in(office, collections(collection(1, NEARLY_FIVE, applied="01-10-2026")))
    assert (report.changed, report.conflicts) == (1, ())
    assert picture.card_status(office, files.nik(NEARLY_FIVE)) == {"no_photo": "collected", "photo": "applied"}


def test_a_card_that_expired_at_five_is_the_one_without_photo(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(born=OVER_FIVE, status="Habis masa berlaku")]))
    assert picture.card_status(office, files.nik(OVER_FIVE)) == {"no_photo": "expired", "photo": "not_registered"}


def test_a_status_without_a_date_gets_the_day_of_the_data(office: Database, bring_in: Bring) -> None:
    source = files.xlsx([files.child(born=OVER_FIVE, status="SIAP DIAMBIL")])
    report = bring_in(office, source, data_until=date(2026, 10, 2))
    [found] = report.problems
    assert (found.code, found.severity, found.column) == ("event_date_missing", "warning", "Status")
    assert "02-10-2026" in found.message
    assert events(office) == [("photo", "printed", "2026-10-02")]
    with office.read() as session:
        assert session.exec(select(tables.ImportBatch.data_until)).one() == date(2026, 10, 2)
    later = bring_in(office, files.csv_file([files.child(born=OVER_FIVE, status="siap diambil")]))
    assert (later.changed, later.conflicts) == (0, ())
    assert events(office) == [("photo", "printed", "2026-10-02")]


def test_a_card_moves_forward_week_by_week(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(born=OVER_FIVE, status="Pengajuan baru", applied="01-09-2026")]))
    bring_in(office, collections(collection(1, OVER_FIVE, status="Siap diambil", printed="10-09-2026"), name="1.csv"))
    report = bring_in(office, collections(collection(1, OVER_FIVE, collected="20-09-2026"), name="2.csv"))
    assert (report.kind, report.good, report.changed) == ("collections", 1, 1)
    again = bring_in(
        office, collections(collection(1, OVER_FIVE, status="diambil", collected="20/09/2026"), name="3.csv")
    )
    assert (again.changed, again.unchanged, again.conflicts) == (0, 1, ())
    assert [status for _, status, _ in events(office)] == ["applied", "collected", "printed"]


def test_a_status_never_goes_back(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(born=OVER_FIVE, status="Sudah diambil", collected="20-09-2026")]))
    report = bring_in(office, collections(collection(1, OVER_FIVE, status="Siap diambil")))
    [found] = report.conflicts
    assert (found.row, found.code) == (2, "status_back")
    assert "diambil, berkas menyebut dicetak" in found.message
    assert (report.good, report.rejected, report.changed) == (1, 0, 0)
    assert picture.card_status(office, files.nik(OVER_FIVE)) == {"photo": "collected"}


def test_another_date_for_the_same_status_is_a_conflict_and_the_old_one_stays(
    office: Database, bring_in: Bring
) -> None:
    bring_in(office, collections_after(office, bring_in, "20-09-2026"))
    report = bring_in(office, collections(collection(1, OVER_FIVE, collected="21-09-2026"), name="2.csv"))
    [found] = report.conflicts
    assert found.code == "date_differs"
    assert "20-09-2026" in found.message
    assert "21-09-2026" in found.message
    assert events(office) == [("photo", "collected", "2026-09-20")]


def collections_after(db: Database, bring_in: Bring, day: str) -> Any:
    bring_in(db, files.xlsx([files.child(born=OVER_FIVE)]))
    return collections(collection(1, OVER_FIVE, collected=day))


def test_an_earlier_step_that_comes_late_is_history(office: Database, bring_in: Bring) -> None:
    bring_in(office, collections_after(office, bring_in, "20-09-2026"))
    row = collection(1, OVER_FIVE, printed="10-09-2026", collected="20-09-2026")
    report = bring_in(office, collections(row, name="2.csv"))
    assert (report.changed, report.conflicts) == (1, ())
    assert [status for _, status, _ in events(office)] == ["collected", "printed"]
    assert picture.card_status(office, files.nik(OVER_FIVE)) == {"photo": "collected"}


def test_collections_reject_what_fits_no_card(office: Database, bring_in: Bring) -> None:
    nearly_adult = date(2009, 12, 1)
    bring_in(office, files.xlsx([files.child(1, born=OVER_FIVE), files.child(2, born=nearly_adult, family=2)]))
    report = bring_in(
        office,
        collections(
            collection(9, OVER_FIVE, collected="20-09-2026"),
            collection(1, OVER_FIVE, collected="20-09-2017"),
            collection(1, OVER_FIVE, collected="20-09-2027"),
            collection(1, OVER_FIVE, collected="kemarin"),
            collection(1, OVER_FIVE, status="sesuatu"),
            collection(1, OVER_FIVE),
            collection(2, nearly_adult, collected="01-12-2026"),
        ),
        today=date(2026, 12, 5),
    )
    assert [(found.row, found.code) for found in report.problems] == [
        (2, "child_unknown"), (3, "event_before_birth"), (4, "event_future"), (5, "event_unreadable"),
        (6, "status_unknown"), (7, "event_missing"), (8, "event_after_seventeen"),
    ]  # fmt: skip
    assert {found.severity for found in report.problems} == {"error"}
    assert (report.good, report.rejected) == (0, 7)


def test_a_card_date_that_cannot_be_read_does_not_cost_the_child(office: Database, bring_in: Bring) -> None:
    row = files.child(born=OVER_FIVE, status="Sudah diambil", collected="20-09-2017")
    report = bring_in(office, files.xlsx([row, files.child(2, family=2, collected="?", status="diambil")]))
    assert [(found.code, found.severity) for found in report.problems] == [
        ("event_before_birth", "warning"), ("event_unreadable", "warning"),
    ]  # fmt: skip
    assert report.good == 2
    assert events(office) == []


def test_dates_in_the_wrong_order_are_reported_and_kept(office: Database, bring_in: Bring) -> None:
    report = bring_in(office, files.xlsx([files.child(born=OVER_FIVE, printed="20-09-2026", collected="10-09-2026")]))
    assert [found.code for found in report.problems] == ["event_order"]
    assert [status for _, status, _ in events(office)] == ["collected", "printed"]


@pytest.mark.parametrize(
    ("note", "excluded"),
    [
        ("Meninggal dunia", "deceased"),
        ("pindah ke Lebong", "moved"),
        ("Pindah datang", ""),
        ("ayah meninggal", ""),
        ("", ""),
    ],
)
def test_remarks_exclude_a_child(sqlite_office: Database, bring_in: Bring, note: str, excluded: str) -> None:
    report = bring_in(sqlite_office, files.xlsx([files.child(note=note)]))
    assert [found.code for found in report.problems] == ([excluded] if excluded else [])
    [(_, _, _, [child], _)] = picture.households(sqlite_office)
    assert child[4] == excluded


def test_a_counters_remark_excludes_a_registered_child_for_good(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(born=OVER_FIVE)]))
    report = bring_in(office, collections(collection(1, OVER_FIVE, note="pindah ke Bengkulu")))
    assert (report.changed, report.rejected) == (1, 0)
    assert bring_in(office, files.csv_file([files.child(born=OVER_FIVE)])).unchanged == 1
    with office.read() as session:
        assert session.exec(select(tables.Child.excluded)).one() == "moved"


def test_the_story_of_a_child_shows_its_road(office: Database, bring_in: Bring) -> None:
    row = files.child(born=OVER_FIVE, phone="081234567890", applied="01-09-2026", printed="10-09-2026")
    report = bring_in(office, files.xlsx([row]))
    with office.read() as session:
        child_id = session.exec(select(tables.Child.id)).one()
        story = queries.child_story(session, office.sealer, child_id or 0)
        with pytest.raises(NotFound, match="anak nomor 4711"):
            queries.child_story(session, office.sealer, 4711)
    assert story["child"]["name"] == "Rizki Pratama"
    assert story["child"]["nik_masked"] == ["••••••••••••••01"]
    assert (story["household"]["village"], story["household"]["kk_numbers"]) == ("Gunung Alam", 1)
    assert [point["address_masked"] for point in story["guardians"][0]["contact_points"]] == ["+62812•••••90"] * 2
    [card] = story["cards"]
    assert [(e["status"], e["on_date"], e["batch"]) for e in card["events"]] == [
        ("applied", "2026-09-01", report.batch), ("printed", "2026-09-10", report.batch),
    ]  # fmt: skip


def test_counts_and_batches_are_what_was_imported(office: Database, bring_in: Bring, now: datetime) -> None:
    report = bring_in(
        office, files.xlsx([files.child(1, phone="081234567890"), files.child(2, family=2), files.child(3, name="")])
    )
    with office.read() as session:
        counts = queries.counts(session)
        [line] = queries.batches(session)
    assert (counts.households, counts.children, counts.reachable_households) == (2, 2, 1)
    assert (line.id, line.file, line.kind, line.rows, line.good, line.rejected) == (
        report.batch, "data.xlsx", "children", 3, 2, 1,
    )  # fmt: skip
    assert line.applied_at == now
    with office.write() as session, pytest.raises(NotFound):
        service.mark_invalid(session, 4711, "address_gone", now)
