"""The same rows come again and again: in the same file, in another one, in another order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel, func, select

from broadcaster.errors import Blocked
from broadcaster.registry import service
from broadcaster.registry.reader import Source
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.integration.registry import files, picture
from tests.integration.registry.conftest import Bring, Fresh

NOW = datetime(2026, 10, 5, 1, tzinfo=UTC)
TODAY = date(2026, 10, 5)


def some_rows() -> list[list[Any]]:
    return [
        files.child(1, family=1, phone="081234567890", status="Siap diambil", printed="01-09-2026"),
        files.child(2, family=1, phone="081234567890", status="proses"),
        files.child(3, family=None, phone="081366778899"),
        files.child(4, family=2, status="Siap diambil"),
    ]


def test_the_very_same_file_is_recognised(office: Database, bring_in: Bring) -> None:
    source = files.xlsx(some_rows())
    first = bring_in(office, source)
    before = picture.households(office)
    again = bring_in(office, replace(source, name="salinan.xlsx"))
    assert (again.applied, again.batch) == (True, first.batch)
    assert (again.good, again.new, again.changed, again.unchanged) == (4, 0, 0, 4)
    assert again.problems[0].code == "already_applied"
    assert f"impor nomor {first.batch}" in again.problems[0].message
    assert picture.households(office) == before
    assert row_counts(office)["import_batch"] == 1


def test_the_same_rows_in_another_file_change_nothing(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx(some_rows()))
    before, counted = picture.households(office), row_counts(office)
    again = bring_in(office, files.csv_file(some_rows()))
    assert (again.new, again.changed, again.unchanged) == (0, 0, 4)
    assert again.conflicts == ()
    assert picture.households(office) == before
    after = row_counts(office)
    assert {name for name in counted if counted[name] != after[name]} == {"import_batch", "import_row", "audit_entry"}


def test_a_later_file_changes_what_it_says_and_no_more(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx(some_rows()))
    rows = some_rows()
    rows[0] = files.child(
        1, family=1, name="RIZKI PRATAMA PUTRA", desa="Purwodadi", phone="081234567890", status="Sudah diambil",
        printed="01-09-2026", collected="02-10-2026",
    )  # fmt: skip
    report = bring_in(office, files.xlsx(rows))
    assert (report.new, report.changed, report.unchanged) == (0, 1, 3)
    assert picture.card_status(office, files.nik(date(2020, 3, 14), serial=1)) == {"photo": "collected"}
    with office.read() as session:
        names = {office.sealer.open("name", name) for name in session.exec(select(tables.Child.sealed_name))}
    assert "Rizki Pratama Putra" in names


def test_a_family_that_moved_to_another_village_moves(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child()]))
    report = bring_in(office, files.xlsx([files.child(desa="Purwodadi")]))
    assert report.changed == 1
    assert picture.households(office)[0][1] == "17.03.07.1026"
    assert bring_in(office, files.csv_file([files.child(desa="Purwodadi")])).unchanged == 1


def test_a_guardian_without_a_name_gets_it_when_a_file_brings_it(office: Database, bring_in: Bring) -> None:
    nameless = bring_in(office, files.xlsx([files.child(mother="", father="")]))
    assert [found.code for found in nameless.problems] == ["guardian_missing"]
    assert guardian_names(office) == ["Orang Tua Rizki"]
    assert bring_in(office, files.xlsx([files.child()])).changed == 1
    assert guardian_names(office) == ["Siti Aminah"]
    assert bring_in(office, files.xlsx([files.child(mother="LAIN")])).unchanged == 1  # the first name stays
    assert guardian_names(office) == ["Siti Aminah"]


def test_the_owner_of_the_phone_gives_the_family_its_name(office: Database, bring_in: Bring) -> None:
    headings = [*files.CHILD_HEADINGS, "Hub. dengan Anak"]
    bring_in(office, files.xlsx([[*files.child(phone="081234567890"), "Ayah"]], headings))
    assert guardian_names(office) == ["Budi Santoso"]


def test_renaming_most_of_the_children_needs_a_confirmation(office: Database, bring_in: Bring) -> None:
    rows = [files.child(n, family=n, name=f"ANAK {n}") for n in range(1, 31)]
    bring_in(office, files.xlsx(rows))
    shifted = [files.child(n, family=n, name=f"ANAK {n + 1}") for n in range(1, 31)]
    source = files.xlsx(shifted)
    assert service.check(office, source, today=TODAY).report.needs_confirmation
    before = picture.households(office)
    with pytest.raises(Blocked, match="30 anak yang sudah terdaftar"):
        bring_in(office, source)
    assert picture.households(office) == before
    assert bring_in(office, source, confirmed=True).changed == 30


def test_files_of_one_run_are_taken_in_the_order_they_need(office: Database) -> None:
    phones = files.csv_file([[1, "", files.kk(1), "081234567890"]], files.PHONE_HEADINGS, name="hp.csv")
    cards = files.csv_file(
        [[1, files.nik(date(2020, 3, 14)), "", "", "", "01-09-2026", ""]], files.COLLECTION_HEADINGS, name="ambil.csv"
    )
    children = files.csv_file([files.child()], name="anak.csv")

    def run(*, write: bool) -> list[Any]:
        return service.import_files(office, [cards, phones, children], today=TODAY, by="sari", now=NOW, write=write)

    checked = run(write=False)
    assert [(one.file, one.good, one.rejected) for one in checked] == [
        ("ambil.csv", 1, 0), ("hp.csv", 1, 0), ("anak.csv", 1, 0),
    ]  # fmt: skip
    assert not any(one.applied for one in checked)
    applied = run(write=True)
    assert all(one.applied for one in applied)
    assert picture.card_status(office, files.nik(date(2020, 3, 14))) == {"photo": "collected"}
    assert len(picture.households(office)[0][4]) == 2


def test_a_run_stops_at_a_file_that_cannot_be_applied(office: Database) -> None:
    phones = files.csv_file([[1, "", files.kk(1), "081234567890"]], files.PHONE_HEADINGS, name="hp.csv")
    children = files.csv_file([], name="anak.csv")
    reports = service.import_files(office, [phones, children], today=TODAY, by="sari", now=NOW, write=True)
    assert [one.applied for one in reports] == [False, False]
    assert [found.code for found in reports[1].problems] == ["no_rows"]


# ------------------------------------------------------------------------------------------------------------------ laws

_PHONES = [f"08123456789{n}" for n in range(4)]


@st.composite
def office_rows(draw: st.DrawFn) -> list[list[Any]]:
    """Children of few families with few phones, so that all sorts of overlap happen."""
    count = draw(st.integers(1, 9))
    return [
        files.child(
            serial,
            family=draw(st.sampled_from([None, 1, 2, 3, 4, 5, 6])),
            born=draw(st.sampled_from([date(2020, 3, 14), date(2022, 7, 1)])),
            phone=draw(st.sampled_from(["", *_PHONES, f"{_PHONES[0]}/{_PHONES[1]}"])),
            desa=draw(st.sampled_from(["Gunung Alam", "Purwodadi"])),
            mother=draw(st.sampled_from(["SITI", "AMINAH"])),
            status=draw(st.sampled_from(["", "proses", "Siap diambil"])),
            collected=draw(st.sampled_from(["", "01-09-2026"])),
        )
        for serial in range(1, count + 1)
    ]


def bring(db: Database, source: Source) -> Any:
    return service.apply(db, service.check(db, source, today=TODAY), by="sari", now=NOW).report


_LAW = settings(
    max_examples=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip


@_LAW
@given(rows=office_rows())
def test_importing_the_same_rows_again_changes_nothing(fresh: Fresh, rows: list[list[Any]]) -> None:
    db = fresh()
    bring(db, files.csv_file(rows))
    before, counted = picture.households(db), row_counts(db)
    again = bring(db, files.csv_file(rows, delimiter=","))
    assert (again.new, again.changed) == (0, 0)
    assert again.conflicts == ()
    assert picture.households(db) == before
    after = row_counts(db)
    assert {name for name in counted if counted[name] != after[name]} <= {"import_batch", "import_row", "audit_entry"}
    db.close()


@_LAW
@given(rows=office_rows(), data=st.data())
def test_the_order_of_the_rows_does_not_matter(fresh: Fresh, rows: list[list[Any]], data: st.DataObject) -> None:
    one, other = fresh(), fresh()
    bring(one, files.csv_file(rows))
    bring(other, files.csv_file(data.draw(st.permutations(rows))))
    assert picture.households(one) == picture.households(other)
    one.close()
    other.close()


@_LAW
@given(first=office_rows(), second=office_rows())
def test_households_are_never_split_and_none_is_deleted(
    fresh: Fresh, first: Sequence[list[Any]], second: Sequence[list[Any]]
) -> None:
    db = fresh()
    bring(db, files.csv_file(first))
    together = picture.niks_together(db)
    keys = household_keys(db)
    bring(db, files.csv_file([*second, *first], delimiter=","))
    later = picture.niks_together(db)
    assert all(any(group <= after for after in later) for group in together)
    assert keys <= household_keys(db)
    assert no_rows_hang_on_an_alias(db)
    db.close()


def row_counts(db: Database) -> dict[str, int]:
    with db.read() as session:
        return {
            name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in SQLModel.metadata.tables.items()
        }


def household_keys(db: Database) -> set[str]:
    with db.read() as session:
        return set(session.exec(select(tables.Household.key)))


def no_rows_hang_on_an_alias(db: Database) -> bool:
    with db.read() as session:
        aliases = set(session.exec(select(tables.Household.id).where(tables.Household.alias_of != None)))  # noqa: E711 - SQL
        targets = set(session.exec(select(tables.Household.alias_of))) - {None}
        used = {
            home
            for table in (tables.Child, tables.Guardian, tables.HouseholdKk)
            for home in session.exec(select(table.household_id))
        }
    return not aliases & used and not aliases & targets


def guardian_names(db: Database) -> list[str]:
    with db.read() as session:
        return [db.sealer.open("name", name) for name in session.exec(select(tables.Guardian.sealed_name))]
