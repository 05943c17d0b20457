from __future__ import annotations

from datetime import timedelta

from sqlmodel import col, select

from broadcaster.campaigns import planning, service
from broadcaster.campaigns.fallback import fall_back
from broadcaster.campaigns.queries import status
from broadcaster.campaigns.stories import household_days
from broadcaster.storage import tables
from tests import make
from tests.integration.campaigns.conftest import FILE, ZONE

WEEK = timedelta(days=7)


def _messages(office):
    with office.db.read() as session:
        return list(session.exec(select(tables.Message).order_by(col(tables.Message.id))))


def _waves(office):
    with office.db.read() as session:
        return list(session.exec(select(tables.Wave).order_by(col(tables.Wave.number))))


def test_only_the_first_wave_is_written_to_on_the_first_day(office, families, today):
    families(9)
    office.start()
    assert office.plan() == 3
    first, second, third = _waves(office)
    assert (first.opened_on, second.opened_on, third.opened_on) == (today, None, None)
    with office.db.read() as session:
        wave_one = session.exec(select(tables.Assignment.household_id).where(tables.Assignment.wave == 1)).all()
    assert {message.household_id for message in _messages(office)} == set(wave_one)


def test_planning_again_and_again_plans_nothing_twice(office, families):
    families(9)
    office.start()
    assert (office.plan(), office.plan(), office.plan(office.now + timedelta(hours=1))) == (3, 0, 0)


def test_nothing_is_planned_outside_the_timetable(office, families):
    families(9)
    office.start()
    sunday = office.now + timedelta(days=6)
    assert office.plan(sunday) == 0
    assert all(wave.opened_on is None for wave in _waves(office))


def test_a_household_gets_one_message_that_names_all_its_due_children(office, families):
    (family,) = families(1)
    with office.db.write() as session:
        make.child(session, office.db.sealer, family.household, born="2019-03-03")
        make.child(session, office.db.sealer, family.household, born="2018-03-03", card="collected")
    office.start(FILE.replace("waves = 3", "waves = 2"))
    office.plan(office.now)
    office.plan(office.now + WEEK)
    (message, *_) = _messages(office)
    with office.db.read() as session:
        lines = session.exec(select(tables.MessageChild).where(tables.MessageChild.message_id == message.id)).all()
    assert len(lines) == 2


def test_the_first_channel_of_the_order_that_reaches_the_family_is_taken(office, families):
    with office.db.write() as session:
        village = make.village(session)
        both = make.family(session, office.db.sealer, village=village)
        make.contact(session, office.db.sealer, both.guardian, "telegram", "700123")
        only_sms = make.family(session, office.db.sealer, village=village, channels=("sms",))
        nobody = make.family(session, office.db.sealer, village=village, phone="")
    office.start(FILE.replace("waves = 3\nevery_days = 7", "none = true"))
    office.plan()
    channels = {message.household_id: (message.channel, message.hop) for message in _messages(office)}
    assert channels == {
        both.household.id: ("telegram", 0),
        only_sms.household.id: ("sms", 2),
        nobody.household.id: ("village_list", 3),
    }


def test_families_that_share_a_number_are_not_left_out_the_next_ones_go_on_the_officers_list(office):
    with office.db.write() as session:
        village = make.village(session)
        for _ in range(4):
            family = make.family(session, office.db.sealer, village=village, phone="")
            for channel in ("whatsapp", "sms"):
                make.contact(session, office.db.sealer, family.guardian, channel, "+6281299999999", shared=True)
    office.start(FILE.replace("waves = 3\nevery_days = 7", "none = true"))
    assert office.plan() == 4
    assert sorted(message.channel for message in _messages(office)) == ["village_list"] * 3 + ["whatsapp"]


def test_the_second_step_follows_after_its_days_and_leaves_out_who_was_served(office, families):
    families(6)
    office.start(FILE.replace("waves = 3", "waves = 2"))
    office.plan()
    first = _messages(office)
    with office.db.write() as session:
        served = session.exec(
            select(tables.MessageChild.card_id).where(tables.MessageChild.message_id == first[0].id)
        ).one()
        card = session.get_one(tables.Card, served)
        card.status = "collected"
        session.add(card)
    office.plan(office.now + WEEK)
    second = [message for message in _messages(office) if message.step == "ambil-kartu-2"]
    assert len(second) == len(first) - 1
    assert first[0].household_id not in {message.household_id for message in second}


def test_a_wave_that_opens_late_makes_the_next_ones_of_its_cell_wait_as_long(office, families, today):
    families(9)
    office.start()
    office.plan()
    service.pause(office.db, "kartu", by="sari", now=office.now)
    three_days_late = office.now + WEEK + timedelta(days=3)
    service.resume(office.db, "kartu", by="sari", now=three_days_late)
    office.plan(three_days_late)
    _, second, third = _waves(office)
    assert second.opened_on == today + timedelta(days=10)
    assert third.planned_on == today + timedelta(days=17)
    with office.db.read() as session:
        (amendment,) = session.exec(select(tables.Amendment)).all()
    assert amendment.kind == "opened_late"


def test_households_merged_after_one_was_written_to_are_not_written_to_again(office, families):
    families(2)
    office.start(FILE.replace("waves = 3", "waves = 2"))
    office.plan()
    (first,) = _messages(office)
    with office.db.write() as session:
        other = session.exec(select(tables.Household).where(tables.Household.id != first.household_id)).one()
        written = session.get_one(tables.Household, first.household_id)
        written.alias_of = other.id
        session.add(written)
    office.plan(office.now + WEEK)
    assert [m.step for m in _messages(office)].count("ambil-kartu-1") == 1


def test_a_family_that_says_it_has_the_card_is_left_alone_and_stays_in_the_analysis(office, families):
    families(2)
    office.start(FILE.replace("waves = 3", "waves = 2"))
    office.plan()
    (first,) = _messages(office)
    with office.db.write() as session:
        service.household_says_collected(session, first.household_id, first.campaign_id, office.now)
    office.plan(office.now + WEEK)
    assert all(m.household_id != first.household_id for m in _messages(office) if m.step == "ambil-kartu-2")
    assert _messages(office)[0].status == "cancelled"
    with office.db.read() as session:
        assert len(session.exec(select(tables.Assignment)).all()) == 2


def test_what_waits_for_a_collected_card_is_cancelled_by_the_register(office, families):
    families(2)
    office.start(FILE.replace("waves = 3", "waves = 2"))
    office.plan()
    (first,) = _messages(office)
    with office.db.write() as session:
        card = session.exec(
            select(tables.Card)
            .join(tables.MessageChild, tables.MessageChild.card_id == tables.Card.id)
            .where(tables.MessageChild.message_id == first.id)
        ).one()
        card.status = "collected"
        session.add(card)
    assert planning.follow_register(office.db, office.now) == 1
    assert _messages(office)[0].reason == "card_not_due"


def _only_63024(channel, code, in_receipt):
    return code == "63024"


def _set(office, message_id, **values):
    with office.db.write() as session:
        row = session.get_one(tables.Message, message_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def test_a_number_that_is_not_on_whatsapp_is_tried_by_sms_once(office, families):
    families(1)
    office.start(FILE.replace("waves = 3\nevery_days = 7", "none = true"))
    office.plan()
    (first,) = _messages(office)
    _set(office, first.id, status="failed", reason="receipt:63024")
    assert fall_back(office.db, office.now, ZONE, follows=_only_63024) == 1
    assert fall_back(office.db, office.now, ZONE, follows=_only_63024) == 0
    assert [(m.channel, m.hop) for m in _messages(office)] == [("whatsapp", 1), ("sms", 2)]


def test_nobody_who_blocked_us_is_followed_and_an_unknown_never_is(office, families):
    families(2)
    office.start(FILE.replace("waves = 3\nevery_days = 7", "none = true"))
    office.plan()
    blocked, unknown = _messages(office)
    _set(office, blocked.id, status="failed", reason="receipt:63014")
    _set(office, unknown.id, status="unknown", reason="no_answer")
    assert fall_back(office.db, office.now, ZONE, follows=_only_63024) == 0


def test_a_campaign_finishes_when_its_rows_say_so(office, families):
    families(2)
    office.start(FILE.replace("waves = 3\nevery_days = 7", "none = true"))
    office.plan()
    office.plan(office.now + WEEK)
    for message in _messages(office):
        _set(office, message.id, status="accepted")
    assert planning.finish(office.db, office.now + WEEK) == 0
    assert planning.finish(office.db, office.now + timedelta(days=30)) == 1
    with office.db.read() as session:
        assert status(session, "kartu").state == "finished"


def test_every_day_of_a_household_is_told_in_sentences(office, families):
    (family,) = families(1)
    office.start(FILE.replace("waves = 3", "waves = 2"))
    office.plan()
    office.plan(office.now + WEEK)
    with office.db.read() as session:
        days = household_days(session, "kartu", family.household.id)
    assert days[0].sentence.startswith("Mendapat gelombang")
    assert days[1].sentence == "Menunggu giliran kirim lewat WhatsApp."
