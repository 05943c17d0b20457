"""A dirty file of the office comes in: every problem is named, the good rows are applied."""

from __future__ import annotations

import json
import logging
import sqlite3
from datetime import date, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import select

from broadcaster.errors import BadInput, Blocked
from broadcaster.registry import queries, service
from broadcaster.registry.reader import Limits, Source
from broadcaster.registry.report import FileReport, document
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.integration.registry import files, picture
from tests.integration.registry.conftest import Bring

BORN = date(2020, 3, 14)


def dirty() -> Source:
    """The file of the issue: 3 title rows, headings in row 4, so the first child stands in row 5."""
    shared = "0813 6677 8899"
    pair = "082177665544"
    rows = [
        files.child(1, family=1, written="14-03-2020", phone="081234567890", status="Siap diambil", printed="01/09/2026"),
        files.child(2, family=1, born=date(2022, 5, 2), sex="P", written=date(2022, 5, 2), phone=81234567890, name="AYU"),
        files.child(3, family=2, written="14 Maret 2020", phone="6281399887766", status="proses"),
        files.child(4, family=3, written="ARGA MAKMUR, 14/3/20", phone="+62 852-1122-3344", status="Sudah Diambil",
                    collected="2026-09-20"),
        files.child(5, family=4, written=43904, phone="-", status=""),  # Excel serial of 2020-03-14
        files.child(6, family=5, desa="Gunung Alm"),
        files.child(7, family=6, born=date(2009, 10, 5)),
        files.child(8, family=7, number=1703071403200008),
        *(files.child(9 + n, family=8 + n, phone=shared) for n in range(4)),
        *(files.child(13 + n, family=12 + n, phone=pair) for n in range(2)),
        files.child(15, family=14, desa="Air Padang", kecamatan="Air Padang"),
        files.child(16, family=15, number="1703 0714 0320 0016"),
        files.child(17, family=16, number="170307140320017"),
        files.child(18, family=17, note="sudah meninggal dunia"),
        files.child(19, family=None),
        files.child(20, family=18, written="31-02-2020"),
        files.child(21, family=19, born=date(2021, 1, 1), number=files.nik(date(2021, 1, 2), "P", 21)),
        files.child(22, family=20, phone="0737521234 "),
        files.child(23, family=21, phone="081200000000"),
        files.child(24, family=22, name=""),
        files.child(25, family=23, status="Siap diambil"),
        files.child(26, family=24, status="apa ini"),
        files.child(27, family=25, phone="081311112222/085366667777"),
    ]  # fmt: skip
    titles = ["PEMERINTAH KABUPATEN BENGKULU UTARA", "", "DATA KIA 2026"]
    return files.xlsx(rows, titles=titles, name="data kia.xlsx")


def codes_of(report: FileReport) -> set[tuple[int | None, str, str]]:
    return {(found.row, found.code, found.severity) for found in report.problems}


def test_a_dirty_file_is_reported_row_by_row_and_its_good_rows_are_applied(office: Database, bring_in: Bring) -> None:
    report = bring_in(office, dirty())

    assert codes_of(report) == {
        (6, "phone_zero_added", "fixed"),
        (10, "desa_unknown", "error"),
        (11, "seventeen", "error"),
        (12, "nik_number", "error"),
        (19, "desa_elsewhere", "error"),
        (20, "nik_cleaned", "fixed"),
        (21, "nik_length", "error"),
        (22, "deceased", "warning"),
        (23, "kk_missing", "warning"),
        (24, "birth_unreadable", "error"),
        (25, "nik_birth_date", "warning"),
        (26, "phone_landline", "warning"),
        (27, "phone_filler", "warning"),
        (28, "name_missing", "error"),
        (29, "event_date_missing", "warning"),
        (30, "status_unknown", "warning"),
    }
    assert (report.rows, report.good, report.rejected) == (27, 20, 7)
    assert (report.new, report.changed, report.unchanged) == (20, 0, 0)
    assert (report.warnings, report.fixed) == (7, 2)
    assert report.applied
    assert report.batch is not None
    with office.read() as session:
        counts = queries.counts(session)
        assert (counts.children, counts.excluded) == (19, 1)
        assert counts.households == 18  # the pair of families with one phone, and two children of one No KK
        stored = session.exec(select(tables.ImportRow.number).where(tables.ImportRow.batch_id == report.batch)).all()
        assert sorted(stored) == sorted({found.row for found in report.problems if found.severity != "fixed"})


def test_numbers_are_masked_in_every_output_and_in_no_log(
    office: Database, bring_in: Bring, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    report = bring_in(office, dirty())
    with office.read() as session:
        story = queries.child_story(session, office.sealer, 1)
        rows = session.exec(select(tables.ImportRow.problems)).all()
    shown = json.dumps(document([report])) + json.dumps(story) + "".join(rows) + caplog.text + repr(report)
    for number in ("1703071403200008", "170307140320017", "81234567890", "81366778899", "82177665544", files.kk(1)):
        assert number not in shown
    assert "0813" not in shown


def test_every_message_is_a_sentence_with_the_place(office: Database, bring_in: Bring) -> None:
    for found in bring_in(office, dirty()).problems:
        assert found.message.endswith(".")
        assert len(found.message) > 30
        assert found.column or found.code in ("guardian_missing", "same_child")


def test_phone_forms_of_one_number_are_one_contact_point_on_two_channels(office: Database, bring_in: Bring) -> None:
    forms: list[Any] = [
        "081234567890",
        "6281234567890",
        "+62 812-3456-7890",
        81234567890,
        "81234567890",
        "0812.3456.7890",
    ]
    rows = [files.child(n, born=date(2020, 1, n), phone=form) for n, form in enumerate(forms, start=1)]
    bring_in(office, files.xlsx(rows))
    [(_, _, _, children, points)] = picture.households(office)
    assert len(children) == len(forms)
    assert points == [("sms", "+6281234567890", False), ("whatsapp", "+6281234567890", False)]
    with office.read() as session:
        blinds = set(session.exec(select(tables.ContactPoint.address_blind)))
    assert blinds == {office.sealer.blind("address", "+6281234567890")}


def test_two_numbers_in_one_cell_are_two_contact_points(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(phone="081311112222/085366667777")]))
    [(_, _, _, _, points)] = picture.households(office)
    assert {address for _, address, _ in points} == {"+6281311112222", "+6285366667777"}


def test_the_unknown_village_comes_with_suggestions(office: Database, bring_in: Bring) -> None:
    report = bring_in(office, dirty())
    [found] = [found for found in report.problems if found.code == "desa_unknown"]
    assert found.value_masked == "Gunung Alm"
    assert "Gunung Alam (Kec. Kota Arga Makmur)" in found.message


def test_a_phone_of_many_families_is_reported_with_its_rows(office: Database, bring_in: Bring) -> None:
    report = bring_in(office, dirty())
    assert {(one.phone_masked, one.families, one.rows, one.shared) for one in report.same_phone} == {
        ("+62813•••••99", 4, (13, 14, 15, 16), True),
        ("+62821•••••44", 2, (17, 18), False),
    }


def test_the_same_child_twice_is_one_child(office: Database, bring_in: Bring) -> None:
    row = files.child(1)
    again = files.child(1, status="Sudah diambil", collected="01-09-2026")
    report = bring_in(office, files.xlsx([row, files.child(2), again]))
    assert [one.rows for one in report.same_child] == [(2, 4)]
    assert (4, "same_child", "warning") in codes_of(report)
    assert report.new == 2
    assert picture.card_status(office, files.nik(BORN, serial=1)) == {"photo": "collected"}


def test_the_document_has_exactly_the_promised_fields(office: Database, today: date) -> None:
    checked = service.check(office, dirty(), today=today)
    [file] = json.loads(json.dumps(document([checked.report])))["files"]
    assert set(file) == {
        "file", "rows", "good", "rejected", "new", "changed", "unchanged", "warnings", "fixed", "conflicts", "questions",
        "needs_confirmation", "applied", "batch", "problems", "same_phone", "same_child",
    }  # fmt: skip
    assert set(file["problems"][0]) == {"row", "column", "code", "severity", "value_masked", "message"}
    assert file["applied"] is False
    assert file["batch"] is None


def test_checking_writes_nothing_and_says_what_applying_does(office: Database, today: date, now: datetime) -> None:
    checked = service.check(office, dirty(), today=today)
    with office.read() as session:
        assert queries.counts(session).children == 0
        assert queries.batches(session) == []
    applied = service.apply(office, checked, by="sari", now=now).report
    for field in ("rows", "good", "rejected", "new", "changed", "unchanged", "problems", "conflicts", "same_phone"):
        assert getattr(applied, field) == getattr(checked.report, field)


def test_the_import_is_in_the_audit_without_personal_data(office: Database, bring_in: Bring) -> None:
    report = bring_in(office, dirty())
    with office.read() as session:
        entry = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "import")).one()
    assert (entry.staff, entry.entity) == ("sari", f"import_batch:{report.batch}")
    assert set(json.loads(entry.data)) == {"kind", "sha256", "rows", "good", "rejected"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t", "|"])
def test_text_files_are_read_whatever_their_marks(
    sqlite_office: Database, bring_in: Bring, encoding: str, delimiter: str
) -> None:
    written = files.csv_text([files.child(name="RÉNÉ", phone="0812,34")], delimiter=delimiter)
    report = bring_in(sqlite_office, Source("anak.csv", written.encode(encoding)))
    assert report.good == 1
    [(_, _, _, [(_, name, *_)], _)] = picture.households(sqlite_office)
    assert name == "Réné"


def test_a_refused_file_changes_nothing_and_says_why(sqlite_office: Database, today: date, now: datetime) -> None:
    source = files.xlsx([["1", "Rizki"]], ["No", "Nama Anak"])
    checked = service.check(sqlite_office, source, kind="children", today=today)
    [found] = checked.report.problems
    assert (found.row, found.code) == (None, "columns_missing")
    assert "NIK, Tanggal Lahir atau TTL, Desa/Kelurahan, Kecamatan" in found.message
    assert "No, Nama Anak" in found.message
    with pytest.raises(BadInput, match=r"data\.xlsx: Kolom NIK"):
        service.apply(sqlite_office, checked, by="sari", now=now)
    with sqlite_office.read() as session:
        assert queries.batches(session) == []


def test_an_import_that_fails_halfway_leaves_nothing(sqlite_office: Database, today: date, now: datetime) -> None:
    checked = service.check(sqlite_office, dirty(), today=today)
    with sqlite_office.write() as session:  # import_row is the last table that an import writes
        session.execute(
            text("CREATE TRIGGER full BEFORE INSERT ON import_row BEGIN SELECT RAISE(ABORT, 'disk full'); END")
        )
    with pytest.raises(sqlite3.IntegrityError, match="disk full"):
        service.apply(sqlite_office, checked, by="sari", now=now)
    with sqlite_office.read() as session:
        assert queries.counts(session).children == 0
        assert queries.batches(session) == []


def test_rows_over_the_limit_are_refused(sqlite_office: Database, today: date) -> None:
    rows = [files.child(n, family=n) for n in range(1, 5)]
    with pytest.raises(BadInput, match=r"lebih dari 3 baris data"):
        service.check(sqlite_office, files.csv_file(rows), today=today, limits=Limits(rows=3))


def test_without_villages_the_import_says_what_to_do(sqlite_db: Database, today: date) -> None:
    with pytest.raises(Blocked, match="broadcaster init"):
        service.check(sqlite_db, files.csv_file([files.child()]), today=today)


def test_data_cannot_speak_of_tomorrow(sqlite_office: Database, today: date) -> None:
    with pytest.raises(BadInput, match="lebih baru dari hari ini"):
        service.check(sqlite_office, files.csv_file([files.child()]), today=today, data_until=date(2026, 10, 6))
