from __future__ import annotations

import json

import pytest
from sqlmodel import select

from broadcaster.campaigns import service
from broadcaster.campaigns.dry_run import dry_run
from broadcaster.campaigns.queries import campaigns, status
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound
from broadcaster.storage import tables
from tests import make
from tests.integration.campaigns.conftest import ALL, FILE, ZONE


def test_a_campaign_is_released_by_a_second_account(office, families):
    families(3)
    office.create()
    with pytest.raises(NotAllowed, match="sari"):
        service.approve(office.db, "kartu", by="sari", now=office.now)
    service.approve(office.db, "kartu", by="budi", now=office.now)
    with office.db.read() as session:
        _, version = service.get(session, "kartu")
    assert version.released_by == "budi"
    assert set(json.loads(version.templates)) == {"ambil-kartu-1", "ambil-kartu-2"}


def test_an_approver_cannot_release_what_they_made_themselves(office):
    from broadcaster.campaigns.definition import read_definition

    service.create(office.db, read_definition(FILE), by="budi", now=office.now)
    with pytest.raises(NotAllowed, match="orang lain"):
        service.approve(office.db, "kartu", by="budi", now=office.now)


def test_an_unreleased_campaign_does_not_start(office, families):
    families(3)
    office.create()
    with pytest.raises(Blocked, match="belum disetujui") as caught:
        service.start(office.db, "kartu", by="sari", now=office.now, zone=ZONE, configured=ALL)
    assert caught.value.code == "not_released"


def test_an_empty_office_fact_stops_the_start_and_nothing_changes(office, families):
    families(3)
    with office.db.write() as session:
        fact = session.exec(select(tables.OfficeFact).where(tables.OfficeFact.key == "tempat_ambil")).one()
        session.delete(fact)
    with pytest.raises(Blocked, match="office set tempat_ambil"):
        office.start()
    with office.db.read() as session:
        assert session.exec(select(tables.Cohort)).all() == []
        assert status(session, "kartu").state == "approved"


def test_a_missing_token_stops_the_start(office, families):
    families(3)
    with pytest.raises(Blocked, match="telegram"):
        office.start(configured=ALL - {ChannelKind.TELEGRAM})


def test_a_name_is_used_once_and_an_unknown_one_is_said(office):
    office.create()
    with pytest.raises(BadInput, match="sudah ada"):
        office.create()
    with office.db.read() as session, pytest.raises(NotFound, match="kartu"):
        status(session, "kartuu")


def test_a_message_that_does_not_exist_is_refused_at_once(office):
    with pytest.raises(NotFound, match=r"ambil-kartu-9.*maksudnya"):
        office.create(FILE.replace("ambil-kartu-2", "ambil-kartu-9"))


def test_an_apology_or_an_answer_is_no_step_of_a_campaign(office):
    for key in ("maaf-1", "terima-kasih-1", "answer:where_when"):
        with pytest.raises(BadInput, match="bukan pesan kampanye"):
            office.create(FILE.replace("ambil-kartu-2", key))


def test_nobody_due_is_said_instead_of_a_campaign_without_people(office):
    with pytest.raises(Blocked) as caught:
        office.start()
    assert caught.value.code == "nobody_due"


def test_the_lot_gives_every_household_one_place_and_stores_what_it_promised(office, families):
    families(30)
    office.start()
    with office.db.read() as session:
        cohort = session.exec(select(tables.Cohort)).one()
        places = session.exec(select(tables.Assignment)).all()
        waves = session.exec(select(tables.Wave)).all()
    assert sorted(a.wave for a in places) == [1] * 10 + [2] * 10 + [3] * 10
    assert {a.arm for a in places} == {"lot"}
    assert [(w.number, w.households, w.opened_on) for w in waves] == [(1, 10, None), (2, 10, None), (3, 10, None)]
    assert json.loads(cohort.preregistration)["list_sha256"] == cohort.list_sha256


def test_the_same_list_and_salt_draw_the_same_lot(office, families):
    families(20)
    office.start(salt="eins")
    office.start(FILE.replace('"kartu"', '"kartu-lagi"'), salt="eins")
    with office.db.read() as session:
        both = session.exec(select(tables.Assignment)).all()
    drawn = [{a.household_id: (a.u, a.rank, a.wave) for a in both if a.cohort_id == cohort} for cohort in (1, 2)]
    assert drawn[0] == drawn[1]


def test_families_without_a_number_of_their_own_are_outside_the_lot(office, families):
    families(6)
    families(2, phone="")
    with office.db.write() as session:
        village = make.village(session)
        family = make.family(session, office.db.sealer, phone="", village=village)
        make.contact(session, office.db.sealer, family.guardian, "whatsapp", "+6281299999999", shared=True)
    office.start()
    with office.db.read() as session:
        places = session.exec(select(tables.Assignment)).all()
    assert [a.reason for a in places if a.arm == "outside"] == ["no_address", "no_address", "shared_number"]
    assert sum(a.arm == "lot" for a in places) == 6


def test_one_child_with_a_deadline_takes_the_household_out_of_the_lot(office, families):
    families(5)
    with office.db.write() as session:
        village = make.village(session)
        # five in three weeks: the printed card without photo is worth nothing soon
        family = make.family(session, office.db.sealer, village=village, born="2021-10-25")
        make.child(session, office.db.sealer, family.household, born="2024-05-05")
    office.start()
    with office.db.read() as session:
        arms = session.exec(
            select(tables.Assignment.arm).where(tables.Assignment.household_id == family.household.id)
        ).all()
    assert arms == ["always_send"]


def test_a_household_that_asked_us_to_stop_is_skipped_and_counted(office, families):
    from broadcaster.consent.service import stop

    kept = families(3)
    with office.db.write() as session:
        stop(
            session, channel="whatsapp", address_blind=kept[0].contacts[0].address_blind, source="reply", wording="STOP",
            now=office.now, event_id=None,
        )  # fmt: skip
    office.create()
    with office.db.read() as session:
        document = dry_run(session, "kartu", office.now.date(), office.now, ZONE, ALL)
    assert (document["households"], document["skipped"]) == (2, {"opted_out": 1})


def test_the_dry_run_says_everything_and_changes_nothing(office, families):
    families(30)
    office.create()
    with office.db.read() as session:
        document = dry_run(session, "kartu", office.now.date(), office.now, ZONE, ALL)
    assert set(document) >= {
        "households", "children", "skipped", "always_send", "cells", "waves", "d_days", "smallest_effect_per_1000",
        "smallest_effect_reason", "cost_idr", "days", "samples", "may_arrive_twice_steps", "blocking",
    }  # fmt: skip
    assert [(w["wave"], w["households"], w["has_controls"]) for w in document["waves"]] == [
        (1, 10, True),
        (2, 10, False),
        (3, 10, False),
    ]
    assert document["smallest_effect_per_1000"] > 100
    assert document["blocking"] == []
    assert all(
        "Bengkulu Utara" in sample["text"] for sample in document["samples"] if sample["channel"] != "village_list"
    )
    with office.db.read() as session:
        assert session.exec(select(tables.Assignment)).all() == []


def test_the_dry_run_says_when_no_comparison_is_possible(office, families):
    families(9)
    office.create(FILE.replace("d_days = 14", "d_days = 30"))
    with office.db.read() as session:
        document = dry_run(session, "kartu", office.now.date(), office.now, ZONE, ALL)
    assert document["smallest_effect_per_1000"] is None
    assert document["smallest_effect_reason"].startswith("no_comparison")


def test_a_campaign_can_be_paused_resumed_and_stopped_and_what_waits_is_cancelled(office, families):
    families(6)
    office.start()
    office.plan()
    service.pause(office.db, "kartu", by="sari", now=office.now)
    service.resume(office.db, "kartu", by="sari", now=office.now)
    service.stop(office.db, "kartu", by="budi", now=office.now)
    with office.db.read() as session:
        (line,) = campaigns(session)
        reasons = status(session, "kartu").reasons
    assert (line.state, line.messages) == ("stopped", {"cancelled": 2})
    assert reasons == {"campaign_stopped": 2}
    with pytest.raises(Blocked, match="dihentikan"):
        service.resume(office.db, "kartu", by="sari", now=office.now)
