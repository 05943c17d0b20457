"""Facts, prices, closed days, alerts and the audit chain, on both databases."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from broadcaster.errors import BadInput, NotAllowed, NotFound
from broadcaster.office import queries, service
from broadcaster.office.rules import FACTS, SYSTEM
from broadcaster.storage.database import Database
from broadcaster.storage.tables import AuditEntry, CalendarDay, TestRecipient, Village
from tests import make

ZONE = ZoneInfo("Asia/Jakarta")


def test_facts_show_defaults_until_the_office_says_otherwise(db: Database, now: datetime) -> None:
    with db.read() as session:
        before = queries.facts(session)
    assert list(before) == [fact.key for fact in FACTS]
    assert before["nama_kantor"] == "Dukcapil Kab. Bengkulu Utara"
    assert before["tempat_ambil"] == ""
    service.set_fact(db, "tempat_ambil", "loket 2", by=SYSTEM, now=now)
    service.set_fact(db, "nama_kantor", "Dukcapil BU", by=SYSTEM, now=now)
    service.set_fact(db, "nama_kantor", "", by=SYSTEM, now=now)  # empty again: the default is back
    with db.read() as session:
        after = queries.facts(session)
    assert (after["tempat_ambil"], after["nama_kantor"]) == ("loket 2", "Dukcapil Kab. Bengkulu Utara")


def test_only_required_facts_without_a_value_are_missing(db: Database, now: datetime) -> None:
    with db.write() as session:
        assert {fact.key for fact in queries.missing_facts(session)} == {
            f.key for f in FACTS if f.required and not f.default
        }
        make.facts(session)
    with db.read() as session:
        assert queries.missing_facts(session) == []
    service.set_fact(db, "jam_layanan", " ", by=SYSTEM, now=now)
    with db.read() as session:
        assert [fact.key for fact in queries.missing_facts(session)] == ["jam_layanan"]


def test_setting_a_fact_says_who_did_it(db: Database, now: datetime) -> None:
    with db.write() as session:
        make.staff(session, "sari", "operator")
    service.set_fact(db, "KAPASITAS_HARIAN", "60", by="Sari", now=now)
    with db.read() as session:
        line = queries.audit_log(session)[0]
    assert (line.staff, line.action, line.entity, line.data) == (
        "sari", "fact.set", "fact:kapasitas_harian", {"value": "60"},
    )  # fmt: skip


@pytest.mark.parametrize(("role", "allowed"), [("operator", True), ("head", True), ("admin", True), ("replier", False)])
def test_only_some_roles_may_change_facts(db: Database, now: datetime, role: str, allowed: bool) -> None:
    with db.write() as session:
        make.staff(session, "sari", role)
    if allowed:
        assert service.set_fact(db, "lama_selesai", "3 hari", by="sari", now=now) == "3 hari"
        return
    with pytest.raises(NotAllowed, match="penjawab"):
        service.set_fact(db, "lama_selesai", "3 hari", by="sari", now=now)
    with db.read() as session:
        assert queries.facts(session)["lama_selesai"] == ""
        assert queries.audit_log(session) == []


def test_prices_are_zero_until_set_and_cover_every_channel(db: Database, now: datetime) -> None:
    service.set_price(db, "sms", 350, by=SYSTEM, now=now)
    service.set_price(db, "sms", 400, by=SYSTEM, now=now)
    with db.read() as session:
        assert queries.prices(session) == {"telegram": 0, "whatsapp": 0, "sms": 400, "village_list": 0}


def test_a_closed_day_closes_the_timetable(db: Database, now: datetime) -> None:
    with db.read() as session:
        assert queries.timetable(session, ZONE).is_open(now)
    service.add_closed_day(db, date(2026, 10, 5), "  Pemilihan   kepala desa ", by=SYSTEM, now=now)
    with db.read() as session:
        timetable = queries.timetable(session, ZONE)
        assert queries.closed_days(session, date(2026, 10, 1)) == [(date(2026, 10, 5), "Pemilihan kepala desa")]
    assert not timetable.is_open(now)
    assert timetable.next_open(now) == datetime(2026, 10, 6, 1, 0, tzinfo=UTC)
    with pytest.raises(BadInput):
        service.add_closed_day(db, date(2026, 10, 6), " ", by=SYSTEM, now=now)


def test_defaults_load_every_place_once(db: Database, now: datetime) -> None:
    for _ in range(2):
        with db.write() as session:
            service.load_defaults(session, now)
    with db.read() as session:
        places = queries.places(session)
        assert len(places) == 220
        assert {place.capacity_place for place in places if place.kecamatan == "Enggano"} == {"enggano"}
        assert queries.timetable(session, ZONE).closed >= {date(2026, 12, 25)}
        assert [line.action for line in queries.audit_log(session)] == ["defaults.loaded"]


def test_defaults_never_overwrite_what_staff_changed(db: Database, now: datetime) -> None:
    with db.write() as session:
        service.load_defaults(session, now)
    with db.write() as session:
        village = session.exec(select(Village).where(Village.code == "17.03.07.1015")).first()
        village = village or session.exec(select(Village)).first()
        village.weak_signal, village.capacity_place = True, "kecamatan"
        code = village.code
    service.set_price(db, "sms", 350, by=SYSTEM, now=now)
    service.add_closed_day(db, date(2026, 12, 25), "Natal, kantor tutup", by=SYSTEM, now=now)
    service.remove_closed_day(db, date(2026, 12, 24), by=SYSTEM, now=now)
    with db.write() as session:
        service.load_defaults(session, now)
    with db.read() as session:
        village = session.exec(select(Village).where(Village.code == code)).one()
        assert (village.weak_signal, village.capacity_place) == (True, "kecamatan")
        assert queries.prices(session)["sms"] == 350
        days = {row.on_date: row.name for row in session.exec(select(CalendarDay))}
    assert days[date(2026, 12, 25)] == "Natal, kantor tutup"
    assert date(2026, 12, 24) not in days  # the office works that day, and keeps working


def test_opening_a_day_that_is_not_closed_is_refused(db: Database, now: datetime) -> None:
    with pytest.raises(NotFound, match="06-10-2026"):
        service.remove_closed_day(db, date(2026, 10, 6), by=SYSTEM, now=now)


def test_an_alert_opens_once_keeps_its_first_moment_and_opens_anew_after_it_was_cleared(
    db: Database, now: datetime
) -> None:
    later, last = now + timedelta(hours=1), now + timedelta(hours=2)
    with db.write() as session:
        service.raise_alert(session, "sender_paused", "sms", {"code": "a"}, now)
        service.raise_alert(session, "sender_paused", "sms", {"code": "b"}, later)
        service.raise_alert(session, "sender_paused", "telegram", {}, later)
    with db.read() as session:
        assert queries.open_alerts(session) == [
            queries.AlertLine("sender_paused", "sms", now, {"code": "b"}),
            queries.AlertLine("sender_paused", "telegram", later, {}),
        ]
    with db.write() as session:
        assert service.clear_alert(session, "sender_paused", "sms", later)
        assert not service.clear_alert(session, "sender_paused", "sms", later)
        assert [alert.subject for alert in queries.open_alerts(session)] == ["telegram"]
        service.raise_alert(session, "sender_paused", "sms", {}, last)
    with db.read() as session:
        assert queries.open_alerts(session)[-1] == queries.AlertLine("sender_paused", "sms", last, {})


def test_a_trial_recipient_is_sealed_and_added_once(db: Database, now: datetime) -> None:
    assert service.add_test_recipient(db, "whatsapp", "0812-3400-7890", "Sari", by=SYSTEM, now=now) == "+6281234007890"
    service.add_test_recipient(db, "whatsapp", "+6281234007890", "Sari Amin", by=SYSTEM, now=now)
    service.add_test_recipient(db, "telegram", "123456789", "Sari", by=SYSTEM, now=now)
    with db.read() as session:
        recipients = queries.test_recipients(session, db.sealer)
        sealed = [row.sealed_address for row in session.exec(select(TestRecipient))]
        entries = " ".join(line.entity for line in queries.audit_log(session))
    assert [(r.channel, r.address, r.label) for r in recipients] == [
        ("telegram", "123456789", "Sari"),
        ("whatsapp", "+6281234007890", "Sari Amin"),
    ]
    assert all(b"6281234007890" not in value for value in sealed)
    assert "81234007890" not in entries


@pytest.mark.parametrize(
    ("channel", "address"), [("whatsapp", "loket"), ("telegram", "@sari"), ("village_list", "x"), ("sms", "0812")]
)
def test_a_trial_recipient_needs_an_address_of_its_channel(
    sqlite_db: Database, now: datetime, channel: str, address: str
) -> None:
    with pytest.raises(BadInput):
        service.add_test_recipient(sqlite_db, channel, address, "Sari", by=SYSTEM, now=now)


def test_a_trial_recipient_without_a_label_is_listed_under_its_masked_address(
    sqlite_db: Database, now: datetime
) -> None:
    service.add_test_recipient(sqlite_db, "sms", "081234007890", " ", by=SYSTEM, now=now)
    with sqlite_db.read() as session:
        assert queries.test_recipients(session, sqlite_db.sealer)[0].label == "+62812•••••90"


# --- the audit chain --------------------------------------------------------------------------------


def _entries(db: Database, now: datetime, count: int) -> None:
    for number in range(count):
        with db.write() as session:
            service.audit(session, at=now, staff="sari", action="test", entity=f"thing:{number}", data={"n": number})


def test_an_untouched_chain_is_sound(db: Database, now: datetime) -> None:
    with db.read() as session:
        assert queries.verify_chain(session)  # an empty one too
    _entries(db, now, 4)
    with db.read() as session:
        assert queries.verify_chain(session)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE audit_entry SET staff = 'budi' WHERE entity = 'thing:1'",
        "UPDATE audit_entry SET data = '{}' WHERE entity = 'thing:3'",
        "UPDATE audit_entry SET at = at + 1 WHERE entity = 'thing:0'",
        "DELETE FROM audit_entry WHERE entity = 'thing:2'",
        "DELETE FROM audit_entry WHERE entity = 'thing:0'",
    ],
)
def test_an_entry_changed_or_taken_out_breaks_the_chain(db: Database, now: datetime, change: str) -> None:
    _entries(db, now, 4)
    with db.plain() as sql:
        assert sql.run(change) == 1
    with db.read() as session:
        assert not queries.verify_chain(session)


def test_entries_of_several_writers_at_once_stay_one_chain(db: Database, now: datetime) -> None:
    threads = [threading.Thread(target=_entries, args=(db, now, 8)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.read() as session:
        assert len(session.exec(select(AuditEntry.id)).all()) == 32
        assert queries.verify_chain(session)
