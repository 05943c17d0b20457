"""Families joined by No KK and personal phone, over several files."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from sqlmodel import delete, select

from broadcaster.consent.service import suppress
from broadcaster.registry import chats, service
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.registry import files, picture
from tests.integration.registry.conftest import Bring

PHONE = "081234567890"
E164 = "+6281234567890"


def born(serial: int) -> str:
    return files.nik(date(2020, 3, 14), serial=serial)


def groups(db: Database) -> set[frozenset[int]]:
    """The serial numbers of children that are in one household."""
    return {frozenset(int(nik[-4:]) for nik in one) for one in picture.niks_together(db)}


def points(db: Database) -> set[tuple[str, str, bool]]:
    return {point for one in picture.households(db) for point in one[4]}


def phone_file(*rows: tuple[Any, Any, Any]) -> Any:
    return files.csv_file([[n, *row] for n, row in enumerate(rows, start=1)], files.PHONE_HEADINGS, name="hp.csv")


def test_siblings_of_one_kk_are_one_household(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1), files.child(2, family=1), files.child(3, family=2)]))
    assert groups(office) == {frozenset({1, 2}), frozenset({3})}


def test_two_families_with_one_phone_are_one_household(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(n, family=n, phone=PHONE) for n in (1, 2)]))
    assert groups(office) == {frozenset({1, 2})}
    assert points(office) == {("sms", E164, False), ("whatsapp", E164, False)}


def test_a_phone_of_four_families_joins_nobody(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(n, family=n, phone=PHONE) for n in (1, 2, 3, 4)]))
    assert groups(office) == {frozenset({n}) for n in (1, 2, 3, 4)}
    assert points(office) == {("sms", E164, True), ("whatsapp", E164, True)}


def test_a_phone_that_gathers_families_file_by_file_stops_being_personal(office: Database, bring_in: Bring) -> None:
    for n in (1, 2, 3):
        bring_in(office, files.xlsx([files.child(n, family=n, phone=PHONE)]))
    assert groups(office) == {frozenset({1, 2, 3})}
    assert points(office) == {("sms", E164, False), ("whatsapp", E164, False)}
    report = bring_in(office, files.xlsx([files.child(4, family=4, phone=PHONE)]))
    assert [(one.families, one.shared) for one in report.same_phone] == [(4, True)]
    assert groups(office) == {frozenset({1, 2, 3}), frozenset({4})}  # joined once is joined for ever
    assert points(office) == {("sms", E164, True), ("whatsapp", E164, True)}
    bring_in(office, files.xlsx([files.child(5, family=5, phone=PHONE)]))
    assert frozenset({5}) in groups(office)


def test_a_phone_list_joins_households_and_the_older_one_stays(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1), files.child(2, family=2, mother="AMINAH")]))
    with office.read() as session:
        older, younger = session.exec(select(tables.Household).order_by(tables.Household.id)).all()  # type: ignore[arg-type]
    bring_in(office, phone_file((born(1), "", PHONE), ("", files.kk(2), "0812-3456-7890")))
    assert groups(office) == {frozenset({1, 2})}
    with office.read() as session:
        after = {row.id: row for row in session.exec(select(tables.Household))}
        assert (after[older.id].alias_of, after[younger.id].alias_of) == (None, older.id)
        assert {after[older.id].key, after[younger.id].key} == {older.key, younger.key}
        for table in (tables.Child, tables.Guardian, tables.HouseholdKk):
            assert set(session.exec(select(table.household_id))) == {older.id}
        assert len(session.exec(select(tables.ContactPoint)).all()) == 2
    again = bring_in(office, phone_file((born(1), "", "6281234567890"), ("", files.kk(2), PHONE)))
    assert (again.new, again.changed, again.unchanged) == (0, 0, 2)


def test_a_merge_keeps_assignments_and_follows_earlier_aliases(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(n, family=n) for n in (1, 2, 3)]))
    bring_in(office, phone_file((born(2), "", PHONE), (born(3), "", PHONE)))
    with office.write() as session:
        homes = session.exec(select(tables.Household).order_by(tables.Household.id)).all()  # type: ignore[arg-type]
        cohort = make.cohort(session, make.campaign(session))
        for home in homes:
            make.assignment(session, cohort, home)
        ids = [home.id for home in homes]
    bring_in(office, phone_file((born(1), "", "081311112222"), (born(2), "", "081311112222")))
    assert groups(office) == {frozenset({1, 2, 3})}
    with office.read() as session:
        aliases = dict(session.exec(select(tables.Household.id, tables.Household.alias_of)).all())
        assert len([one for one in aliases.values() if one is None]) == 1
        [root] = [home for home, alias in aliases.items() if alias is None]
        assert {alias for alias in aliases.values() if alias is not None} == {root}
        assigned = set(session.exec(select(tables.Assignment.household_id)))
    assert assigned == set(ids)


def test_a_new_sibling_joins_the_household_that_is_there(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1)]))
    key = picture.households(office)[0][0]
    report = bring_in(office, files.xlsx([files.child(2, family=1)]))
    assert (report.new, report.changed) == (1, 0)
    [one] = picture.households(office)
    assert one[0] == key
    assert groups(office) == {frozenset({1, 2})}


def test_a_new_kk_number_of_a_known_child_joins_its_household(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1)]))
    report = bring_in(office, files.xlsx([files.child(1, family=9), files.child(2, family=9)]))
    assert (report.new, report.changed) == (1, 1)
    assert groups(office) == {frozenset({1, 2})}


def test_a_child_under_another_familys_kk_is_a_conflict_and_stays(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1), files.child(2, family=2, mother="AMINAH")]))
    wrong = files.child(1, family=2, phone=PHONE, status="Sudah diambil", collected="01-10-2026")
    report = bring_in(office, files.xlsx([wrong, files.child(2, family=2)]))
    assert [(one.row, one.code) for one in report.conflicts] == [(2, "kk_moved")]
    assert report.rejected == 0
    assert groups(office) == {frozenset({1}), frozenset({2})}
    assert points(office) == set()  # whose phone it is is as doubtful as the No KK
    assert picture.card_status(office, born(1)) == {"photo": "collected"}  # the rest of the row is good


def test_without_a_kk_number_a_personal_phone_still_joins_siblings(office: Database, bring_in: Bring) -> None:
    rows = [files.child(1, family=None, phone=PHONE), files.child(2, family=None, phone=PHONE)]
    report = bring_in(office, files.xlsx(rows))
    assert {found.code for found in report.problems} == {"kk_missing"}
    assert groups(office) == {frozenset({1, 2})}


def test_without_a_kk_number_five_siblings_are_one_family_for_the_phone(office: Database, bring_in: Bring) -> None:
    rows = [files.child(n, family=None, phone=PHONE) for n in range(1, 6)]
    bring_in(office, files.xlsx(rows))
    assert groups(office) == {frozenset(range(1, 6))}
    assert bring_in(office, files.csv_file(rows)).unchanged == 5
    assert points(office) == {("sms", E164, False), ("whatsapp", E164, False)}


def test_without_kk_number_and_phone_both_parents_names_join(office: Database, bring_in: Bring) -> None:
    rows = [
        files.child(1, family=None),
        files.child(2, family=None),
        files.child(3, family=None, desa="Purwodadi"),
        files.child(4, family=None, father=""),
        files.child(5, family=None, father=""),
    ]
    bring_in(office, files.xlsx(rows))
    assert groups(office) == {frozenset({1, 2}), frozenset({3}), frozenset({4}), frozenset({5})}


def test_a_household_whose_people_were_erased_is_used_again(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1)]))
    key = picture.households(office)[0][0]
    with office.write() as session:  # what an erasure leaves: the household's row alone
        for table in (tables.CardEvent, tables.Card, tables.ChildIdentity, tables.Child, tables.ContactPoint,
                      tables.Guardian, tables.HouseholdKk):  # fmt: skip
            for row in session.exec(select(table)):
                session.delete(row)
            session.flush()
    report = bring_in(office, files.csv_file([files.child(1, family=1, phone=PHONE)]))
    assert report.new == 1
    [one] = picture.households(office)
    assert one[0] == key
    assert len(one[4]) == 2


def test_a_phone_of_nobody_we_know_is_rejected(office: Database, bring_in: Bring) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1)]))
    report = bring_in(
        office, phone_file((born(7), "", PHONE), ("", files.kk(7), PHONE), ("", "", PHONE), (born(1), "", ""))
    )
    assert [(found.row, found.code) for found in report.problems] == [
        (2, "person_unknown"), (3, "person_unknown"), (4, "person_missing"), (5, "phone_missing"),
    ]  # fmt: skip
    assert (report.good, report.rejected) == (0, 4)
    assert points(office) == set()


# ----------------------------------------------------------------------------------------------------- contact points


def test_a_telegram_chat_is_linked_to_the_owner_of_the_phone(office: Database, bring_in: Bring, now: datetime) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1, phone=PHONE)]))
    blind = office.sealer.blind("address", E164)
    with office.write() as session:
        household = chats.link_by_phone(session, office.sealer, phone_blind=blind, chat_id="4711", now=now)
        assert chats.link_by_phone(session, office.sealer, phone_blind=blind, chat_id="4711", now=now) == household
    assert len(household) == 1
    assert ("telegram", "4711", False) in points(office)
    assert len(picture.households(office)[0][4]) == 3
    assert bring_in(office, files.csv_file([files.child(1, family=1, phone=PHONE)])).unchanged == 1


def test_a_phone_of_many_families_makes_a_chat_without_names_and_one_of_nobody_makes_none(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    bring_in(office, files.xlsx([files.child(n, family=n, phone=PHONE) for n in (1, 2, 3, 4)]))
    with office.write() as session:
        blinds = [office.sealer.blind("address", phone) for phone in (E164, "+6281311112222")]
        found = [
            chats.link_by_phone(session, office.sealer, phone_blind=blind, chat_id="4711", now=now) for blind in blinds
        ]
    assert [len(households) for households in found] == [4, 0]
    assert {(address, shared) for channel, address, shared in points(office) if channel == "telegram"} == {
        ("4711", True)
    }


def test_a_chat_is_taken_from_every_family_or_from_one(office: Database, bring_in: Bring, now: datetime) -> None:
    bring_in(office, files.xlsx([files.child(n, family=n, phone=PHONE) for n in (1, 2, 3, 4)]))
    blind, chat = office.sealer.blind("address", E164), office.sealer.blind("address", "4711")
    with office.write() as session:
        homes = chats.link_by_phone(session, office.sealer, phone_blind=blind, chat_id="4711", now=now)
        gone = chats.unlink(session, by="sari", now=now, household_id=homes[0])
        assert [(one.household_ids, one.address_blind) for one in gone] == [((homes[0],), chat)]
        rest = chats.unlink(session, by="sistem", now=now, chat_blind=chat)
        assert sorted(one.household_ids[0] for one in rest) == sorted(homes[1:])
        assert chats.unlink(session, by="sistem", now=now, chat_blind=chat) == []
        with pytest.raises(ValueError, match="a chat or a household"):
            chats.unlink(session, by="sistem", now=now)
    assert all(channel != "telegram" for channel, _, _ in points(office))


def test_a_family_that_staff_must_speak_with_gets_no_chat(office: Database, bring_in: Bring, now: datetime) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1, phone=PHONE)]))
    blind = office.sealer.blind("address", E164)
    for reason, held in (("staff", "+6281377770000"), ("wrong_number", E164)):
        with office.write() as session:
            home = session.exec(select(tables.Household.id)).one() or 0
            suppress(
                session, channel="any", address_blind=office.sealer.blind("address", held), reason=reason, now=now,
                household_id=home,
            )  # fmt: skip
            assert chats.link_by_phone(session, office.sealer, phone_blind=blind, chat_id="4711", now=now) == []
            if reason == "staff":
                linked = chats.link_household(session, office.sealer, household_id=home, chat_id="4711", now=now)
                assert linked is None
            session.exec(delete(tables.Suppression))
    assert all(channel != "telegram" for channel, _, _ in points(office))


def test_a_dead_address_keeps_its_first_reason_and_a_chat_comes_back_to_life(
    office: Database, bring_in: Bring, now: datetime
) -> None:
    bring_in(office, files.xlsx([files.child(1, family=1, phone=PHONE)]))
    blind = office.sealer.blind("address", E164)
    with office.write() as session:
        chats.link_by_phone(session, office.sealer, phone_blind=blind, chat_id="4711", now=now)
        ids = {point.channel: point.id for point in session.exec(select(tables.ContactPoint))}
        for channel in ("sms", "telegram"):
            service.mark_invalid(session, ids[channel] or 0, "address_gone", now)
            service.mark_invalid(session, ids[channel] or 0, "something else", now)
    with office.write() as session:
        sms = session.get_one(tables.ContactPoint, ids["sms"])
        assert (sms.invalid_since, sms.invalid_reason) == (now, "address_gone")
        chats.link_by_phone(session, office.sealer, phone_blind=blind, chat_id="4711", now=now)
        telegram = session.get_one(tables.ContactPoint, ids["telegram"])
        assert (telegram.invalid_since, telegram.invalid_reason) == (None, "")
