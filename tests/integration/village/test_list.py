"""Who stands on a village's list, out of real rows, and what the officer is given to say."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from sqlmodel import select

from broadcaster.errors import NotFound
from broadcaster.storage import tables
from tests import make
from tests.integration.village.scene import CODE, OTHER, Scene


def test_a_family_without_a_number_is_listed_with_its_reason_and_the_offices_own_words(scene: Scene) -> None:
    family = scene.without_number("SITI AMINAH", child_name="RIZKI PRATAMA")
    line = scene.line(family)
    assert line is not None
    assert (line.parent, line.children) == ("Siti Aminah", ("Rizki",))
    assert line.why == ("Tidak punya nomor telepon sendiri yang aktif.",)
    assert line.say.startswith("KIA Rizki sudah jadi. Mohon sampaikan kepada Bapak/Ibu Siti Aminah: ambil gratis di ")
    assert line.note is None


# ------------------------------------------------------------------------------------------ the rule of the lot, by real rows


def test_whoever_waits_for_its_turn_is_on_no_list_before_its_window_is_over(scene: Scene) -> None:
    cohort = scene.campaign(opened={1: 0, 2: None})
    sent, waits = scene.family("ANI"), scene.family("BUDI")
    scene.assign(cohort, sent, wave=1)
    scene.assign(cohort, waits, wave=2)
    scene.message(cohort, sent, "failed")
    with scene.db.write() as session:
        session.delete(session.get_one(tables.ContactPoint, waits.contacts[0].id))
        session.delete(session.get_one(tables.ContactPoint, waits.contacts[1].id))
    assert scene.reasons(sent) == ("failed",)
    assert scene.reasons(waits) == (), "it lost its number after the lot, and is still compared"
    assert scene.list().waiting == 1
    with scene.db.write() as session:
        wave = session.exec(select(tables.Wave).where(tables.Wave.number == 2)).one()
        wave.opened_on = scene.today - timedelta(days=13)
        session.add(wave)
    assert scene.reasons(waits) == ()
    scene.later(days=1)
    assert scene.reasons(waits) == ("no_address",), "day t_w + D"


@pytest.mark.parametrize("arm", ["outside", "always_send"])
def test_a_family_without_an_address_is_outside_the_lot_and_listed_at_once(scene: Scene, arm: str) -> None:
    cohort = scene.campaign(opened={0: None, 1: None})
    family = scene.without_number()
    scene.assign(cohort, family, wave=0, arm=arm)
    assert scene.reasons(family) == ("no_address",)


def test_a_number_that_many_families_share_is_nobodys_own(scene: Scene) -> None:
    family = scene.without_number()
    with scene.db.write() as session:
        parent = session.get_one(tables.Guardian, family.guardian.id)
        make.contact(session, scene.db.sealer, parent, shared=True)
    assert scene.reasons(family) == ("no_address",)


@pytest.mark.parametrize("wish", ["cannot_go_distance", "no_smartphone_help_needed"])
def test_whoever_asks_for_help_is_listed_while_it_waits_and_stays_where_the_lot_put_it(scene: Scene, wish: str) -> None:
    cohort = scene.campaign(opened={1: 0, 2: None})
    family = scene.family()
    scene.assign(cohort, family, wave=2)
    before = [row.model_dump() for row in scene.rows(tables.Assignment)]
    scene.replies(family, "greeting", wish)
    assert scene.reasons(family) == (wish,)
    assert [row.model_dump() for row in scene.rows(tables.Assignment)] == before


def test_a_wish_for_help_is_old_after_half_a_year_and_another_reply_is_none(scene: Scene) -> None:
    old, other = scene.family("ANI"), scene.family("BUDI")
    scene.replies(old, "cannot_go_distance", ago=timedelta(days=181))
    scene.replies(other, "where_when")
    assert scene.list().lines == ()


def test_a_wave_that_opened_late_ends_late(scene: Scene) -> None:
    cohort = scene.campaign(opened={1: 10})
    family = scene.family()
    scene.assign(cohort, family, wave=1)
    with scene.db.write() as session:
        wave = session.exec(select(tables.Wave)).one()
        wave.planned_on = scene.today - timedelta(days=30)
        session.add(wave)
        session.get_one(tables.Village, family.household.village_id).weak_signal = True
    assert scene.reasons(family) == ()
    scene.later(days=4)
    assert scene.reasons(family) == ("weak_signal",)


def test_an_unopened_wave_of_a_stopped_campaign_waits_for_the_windows_of_its_own_cell(scene: Scene) -> None:
    cohort = scene.campaign(status="stopped", opened={1: 13, 2: None})
    family = scene.without_number()
    scene.assign(cohort, family, wave=2)
    assert scene.reasons(family) == ()
    scene.later(days=1)
    assert scene.reasons(family) == ("no_address",)


def test_a_second_campaigns_lot_holds_a_family_that_the_first_has_sent_to(scene: Scene) -> None:
    first, second = scene.campaign("satu"), scene.campaign("dua")
    family = scene.without_number()
    scene.assign(first, family, wave=1)
    scene.message(first, family, "accepted", channel="village_list")
    assert scene.reasons(family) == ("no_address",)
    scene.assign(second, family, wave=2)
    assert scene.reasons(family) == ()


def test_merged_households_count_as_sent_when_one_of_them_was(scene: Scene) -> None:
    cohort = scene.campaign(opened={1: 0, 2: None})
    one, other = scene.family("ANI"), scene.family("BUDI")
    scene.assign(cohort, one, wave=1)
    scene.assign(cohort, other, wave=2)
    scene.message(cohort, one, "failed")
    with scene.db.write() as session:
        merged = session.get_one(tables.Household, one.household.id)
        merged.alias_of = other.household.id
        session.add(merged)
        for row in session.exec(select(tables.Child).where(tables.Child.household_id == one.household.id)):
            row.household_id = other.household.id or 0
            session.add(row)
        for row in session.exec(select(tables.Guardian).where(tables.Guardian.household_id == one.household.id)):
            row.household_id = other.household.id or 0
            session.add(row)
    (line,) = scene.list().lines
    assert line.household_id == other.household.id
    assert line.parent == "Ani / Budi"
    assert "failed" in line.reasons


# ----------------------------------------------------------------------------------------------------- failed, weak, listed


def test_failed_means_that_no_channel_is_left(scene: Scene) -> None:
    cohort = scene.campaign()
    family = scene.family()
    scene.assign(cohort, family)
    scene.message(cohort, family, "failed", followed=False)
    assert scene.reasons(family) == (), "the next channel has not been looked for yet"
    with scene.db.write() as session:
        row = session.exec(select(tables.Message)).one()
        row.followed_at = scene.now
        session.add(row)
    assert scene.reasons(family) == ("failed",)
    scene.message(cohort, family, "planned", channel="sms", hop=1)
    assert scene.reasons(family) == (), "the next channel waits for its turn"


def test_an_older_step_that_failed_is_forgotten_when_a_newer_one_is_on_its_way(scene: Scene) -> None:
    cohort = scene.campaign()
    family = scene.family()
    scene.assign(cohort, family)
    scene.message(cohort, family, "failed")
    scene.message(cohort, family, "delivered", message="ambil-kartu-2")
    assert scene.reasons(family) == ()


@pytest.mark.parametrize(
    ("status", "channel", "listed"),
    [
        ("accepted", "telegram", True),
        ("delivered", "sms", True),
        ("delivered", "whatsapp", False),
        ("read", "whatsapp", False),
        ("unknown", "whatsapp", True),
    ],
)
def test_in_a_weak_village_only_a_receipt_that_can_be_believed_keeps_a_family_off_the_list(
    db, now, status: str, channel: str, listed: bool
) -> None:
    scene = Scene(db, now).prepare(weak_signal=True)
    cohort = scene.campaign()
    family = scene.family()
    scene.assign(cohort, family)
    scene.message(cohort, family, status, channel=channel)
    assert scene.reasons(family) == (("weak_signal",) if listed else ())
    scene.replies(family, "thanks")
    assert scene.reasons(family) == (), "who answers has been reached"


def test_what_a_campaign_puts_on_the_list_says_why_it_came_there(scene: Scene) -> None:
    cohort = scene.campaign()
    family = scene.family()
    scene.assign(cohort, family)
    scene.message(cohort, family, "sent")
    scene.message(cohort, family, "accepted", channel="village_list", hop=1, follows="undelivered:48")
    assert scene.reasons(family) == ("undelivered",)


def test_a_campaign_may_list_a_child_before_the_general_rule_calls_it_due(scene: Scene) -> None:
    """A measured campaign enrols children turning five earlier than others are written to."""
    cohort = scene.campaign()
    family = scene.family(born="2022-02-20", card="collected", phone="")
    scene.assign(cohort, family, wave=0, arm="outside")
    assert scene.line(family) is None
    with scene.db.write() as session:
        child = session.get_one(tables.Child, family.child.id)
        photo = make.card(session, child, kind="photo", status="not_registered")
    listed = scene.message(cohort, family, "accepted", channel="village_list", message="menjelang-lima-1")
    with scene.db.write() as session:
        row = session.exec(select(tables.MessageChild).where(tables.MessageChild.message_id == listed)).one()
        row.card_id, row.occasion = photo.id or 0, "turning_five"
        session.add(row)
    line = scene.line(family)
    assert line is not None
    assert line.say.startswith("Menjelang 5 tahun: Rizki, pada Februari 2027;")


def test_whoever_said_no_is_not_visited_unless_it_asks_for_help(scene: Scene) -> None:
    cohort = scene.campaign()
    family = scene.family()
    scene.assign(cohort, family)
    scene.message(cohort, family, "failed")
    with scene.db.write() as session:
        for contact in family.contacts:
            session.add(
                tables.Suppression(
                    channel="any" if contact.channel == "sms" else contact.channel,
                    address_blind=contact.address_blind, reason="opt_out", since=scene.now, acted_at=scene.now,
                )
            )  # fmt: skip
    assert scene.reasons(family) == ()
    scene.replies(family, "no_smartphone_help_needed")
    assert "no_smartphone_help_needed" in scene.reasons(family)


def test_a_number_that_is_somebody_elses_leaves_the_family_without_one(scene: Scene) -> None:
    family = scene.family()
    with scene.db.write() as session:
        for contact in family.contacts:
            session.add(
                tables.Suppression(
                    channel=contact.channel, address_blind=contact.address_blind, reason="wrong_number",
                    household_id=family.household.id or 0, since=scene.now, acted_at=scene.now,
                )
            )  # fmt: skip
    assert scene.reasons(family) == ("no_address",)


# -------------------------------------------------------------------------------------------------------- due, and what to say


@pytest.mark.parametrize("card", ["collected", "in_process", "void"])
def test_a_family_with_nothing_due_is_not_listed(scene: Scene, card: str) -> None:
    scene.without_number(card=card)
    assert scene.list().lines == ()


def test_an_excluded_child_is_neither_listed_nor_named(scene: Scene) -> None:
    family = scene.without_number()
    with scene.db.write() as session:
        make.child(
            session,
            scene.db.sealer,
            session.get_one(tables.Household, family.household.id),
            name="DEWI",
            excluded="moved",
        )
    line = scene.line(family)
    assert line is not None
    assert line.children == ("Rizki",)
    assert "Dewi" not in line.say


def test_a_family_that_asks_for_help_with_nothing_due_is_still_helped(scene: Scene) -> None:
    family = scene.family(card="collected")
    scene.replies(family, "no_smartphone_help_needed")
    line = scene.line(family)
    assert line is not None
    assert line.children == ("Rizki",)
    assert line.say == "Keluarga ini minta dibantu. Mohon tanyakan apa yang mereka perlukan."


def test_two_children_with_two_needs_are_told_in_two_texts(scene: Scene) -> None:
    family = scene.without_number()
    with scene.db.write() as session:
        home = session.get_one(tables.Household, family.household.id)
        make.child(session, scene.db.sealer, home, name="DEWI LESTARI", born="2016-05-02", card="not_registered")
    line = scene.line(family)
    assert line is not None
    assert set(line.children) == {"Dewi", "Rizki"}
    assert "KIA Rizki sudah jadi." in line.say
    assert "Belum punya KIA: Dewi." in line.say


def test_the_newest_text_of_the_campaign_is_what_is_said(scene: Scene) -> None:
    cohort = scene.campaign()
    family = scene.without_number()
    scene.assign(cohort, family, wave=0, arm="outside")
    scene.message(cohort, family, "accepted", channel="village_list")
    scene.message(cohort, family, "accepted", channel="village_list", message="ambil-kartu-2")
    line = scene.line(family)
    assert line is not None
    assert line.say.startswith("KIA Rizki belum diambil. Mohon tanyakan kepada Bapak/Ibu Siti Aminah")


def test_a_visit_that_is_over_is_not_announced_any_more(scene: Scene) -> None:
    cohort = scene.campaign()
    family = scene.without_number(born="2016-05-02", card="not_registered")
    scene.assign(cohort, family, wave=0, arm="outside")
    listed = scene.message(cohort, family, "accepted", channel="village_list", message="jemput-bola-1")
    with scene.db.write() as session:
        row = session.exec(select(tables.MessageChild).where(tables.MessageChild.message_id == listed)).one()
        row.occasion = "no_card_5_to_16"
        session.add(row)
        session.add(
            tables.ServiceVisit(village_code=CODE, on_date=scene.today, place="balai desa", hours="09.00-12.00")
        )
    line = scene.line(family)
    assert line is not None
    assert line.say.startswith("Pelayanan keliling Senin, 5 Oktober 2026, 09.00-12.00, di balai desa.")
    scene.later(days=1)
    line = scene.line(family)
    assert line is not None
    assert line.say.startswith("Belum punya KIA: Rizki.")


def test_an_empty_office_fact_leaves_the_officer_a_sentence_all_the_same(db, now) -> None:
    scene = Scene(db, now).prepare(facts=False)
    family = scene.without_number()
    line = scene.line(family)
    assert line is not None
    assert line.say == (
        "Mohon tanyakan kepada Bapak/Ibu Siti Aminah apa yang dapat dibantu tentang Kartu Identitas Anak (KIA) Rizki."
    )


def test_no_number_and_no_birthday_is_anywhere_on_the_list(scene: Scene) -> None:
    scene.without_number("SITI AMINAH", born="2021-11-14", card="collected")
    for number, card in enumerate(("printed", "not_registered")):
        scene.without_number(f"IBU {number}", born=date(2016, 3, 7), card=card)
    with scene.db.write() as session:
        child = session.exec(select(tables.Child).where(tables.Child.birth_date == date(2021, 11, 14))).one()
        make.card(session, child, kind="photo", status="not_registered")
    said = repr(scene.list().lines)
    assert "Menjelang 5 tahun: Rizki, pada November 2026;" in said
    assert not re.search(r"\d{16}|\+62|14 November|2021|2016|7 Maret", said)


def test_each_village_has_its_own_families(scene: Scene) -> None:
    here, there = scene.without_number("ANI"), scene.without_number("BUDI", village=OTHER)
    assert [line.household_id for line in scene.list(CODE).lines] == [here.household.id]
    assert [line.household_id for line in scene.list(OTHER).lines] == [there.household.id]


def test_families_stand_in_the_order_of_their_names(scene: Scene) -> None:
    for name in ("dewi", "ANI", "Budi"):
        scene.without_number(name)
    assert [line.parent for line in scene.list().lines] == ["Ani", "Budi", "Dewi"]


def test_an_unknown_village_is_refused_with_the_one_that_may_be_meant(scene: Scene) -> None:
    with pytest.raises(NotFound, match=re.escape("17.03.15.2011 (Talang Pungguk, Kec. Air Besi)")):
        scene.list("17.03.15.201")
    with pytest.raises(NotFound, match=re.escape(CODE)):
        scene.list("Talang Pungguk")
