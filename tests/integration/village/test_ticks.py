"""What a note does: kept once, evidence for the list's own line, a stop where it means one, and never a card or an outcome."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from broadcaster.campaigns.families import families_of
from broadcaster.consent.queries import is_suppressed
from broadcaster.consent.service import suppress
from broadcaster.errors import BadInput, NotAllowed, NotFound
from broadcaster.office.queries import open_alerts, verify_chain
from broadcaster.storage import tables
from broadcaster.village import queries, service
from broadcaster.village.queries import Opened
from tests import make
from tests.integration.village.scene import OTHER, ZONE, Scene
from tests.make import Family

STAFF = ("moved", "deceased", "refused")


@pytest.fixture
def link(scene: Scene) -> Opened:
    return scene.link()


@pytest.fixture
def listed(scene: Scene) -> Family:
    """A family that its campaign has put on the list, with the next step already waiting."""
    cohort = scene.campaign()
    family = scene.family()
    scene.assign(cohort, family)
    scene.message(cohort, family, "failed")
    scene.message(cohort, family, "accepted", channel="village_list", hop=1, follows="rejected:63024")
    scene.message(cohort, family, "planned", channel="sms", message="ambil-kartu-2")
    return family


def _messages(scene: Scene) -> list[tuple[str, str, str]]:
    return [(row.channel, row.status, row.reason) for row in scene.rows(tables.Message)]


def _planned_again(scene: Scene, family: Family) -> bool:
    """Whether the next step would be planned for this family."""
    with scene.db.read() as session:
        cohort = session.exec(select(tables.Cohort)).one()
        return bool(families_of(session, cohort, [family.household.id or 0], scene.now, scene.today))


def _paused(session: Session, scene: Scene, family: Family) -> str | None:
    return is_suppressed(session, "whatsapp", family.contacts[0].address_blind, family.household.id, scene.now)


#: kind -> (state of the line, its reason, state of the waiting step)
DOES = {
    "told": ("delivered", "", "planned"),
    "will_come": ("delivered", "", "planned"),
    "not_met": ("accepted", "", "planned"),
    "handed_over": ("delivered", "", "cancelled"),
    "moved": ("failed", "receipt:moved", "cancelled"),
    "deceased": ("failed", "receipt:deceased", "cancelled"),
    "refused": ("delivered", "", "cancelled"),
}


@pytest.mark.parametrize("kind", DOES)
def test_what_a_note_does_to_the_line_and_to_what_waits(scene: Scene, link: Opened, listed: Family, kind: str) -> None:
    state, reason, waiting = DOES[kind]
    assert scene.tick(link, listed, kind)
    assert _messages(scene) == [
        ("whatsapp", "failed", ""),
        ("village_list", state, reason),
        ("sms", waiting, f"officer_{kind}" if waiting == "cancelled" else ""),
    ]
    assert _planned_again(scene, listed) is (waiting == "planned")


@pytest.mark.parametrize("kind", DOES)
def test_a_note_changes_no_card_no_outcome_and_no_assignment(
    scene: Scene, link: Opened, listed: Family, kind: str
) -> None:
    untouched: tuple[Any, ...] = (
        tables.Card, tables.CardEvent, tables.Child, tables.Outcome, tables.Assignment, tables.Wave, tables.Cohort,
        tables.Household, tables.ContactPoint,
    )  # fmt: skip
    before = {table: [row.model_dump() for row in scene.rows(table)] for table in untouched}
    scene.tick(link, listed, kind)
    assert {table: [row.model_dump() for row in scene.rows(table)] for table in untouched} == before


@pytest.mark.parametrize("kind", DOES)
def test_a_family_without_any_message_can_be_noted_about(scene: Scene, link: Opened, kind: str) -> None:
    family = scene.without_number()
    scene.tick(link, family, kind)
    line = scene.line(family)
    assert line is not None
    assert line.note is not None
    assert line.note.kind == kind
    assert line.open is (kind == "not_met")


def test_the_same_note_sent_again_is_one_note(scene: Scene, link: Opened, listed: Family) -> None:
    assert scene.tick(link, listed, "told", client_id="a-tick-of-mine")
    assert not scene.tick(link, listed, "told", client_id="a-tick-of-mine")
    assert len(scene.rows(tables.Tick)) == 1
    assert len(scene.rows(tables.Receipt)) == 1
    assert [row.action for row in scene.rows(tables.AuditEntry)].count("officer.tick") == 1


def test_notes_sent_at_the_same_moment_by_two_telephones_are_each_kept_once(
    scene: Scene, link: Opened, listed: Family
) -> None:
    def send(number: int) -> bool:
        told = service.Told(listed.household.id or 0, ["moved", "told"][number % 2], f"tick-{number // 4:06}")
        return service.note(scene.db, link, told, scene.now + timedelta(seconds=number), ZONE)

    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(send, range(16)))
    kept = [(row.kind, row.client_id) for row in scene.rows(tables.Tick)]
    assert sorted(kept) == sorted({(kind, f"tick-{number:06}") for kind in ("moved", "told") for number in range(4)})
    assert sum(new) == 8
    last = max(scene.rows(tables.Tick), key=lambda row: (row.said_at, row.id))
    scene.later(minutes=1)
    assert _planned_again(scene, listed) is (last.kind == "told")
    with scene.db.read() as session:
        assert verify_chain(session)


def test_the_newest_pressed_stands_whatever_order_they_arrive_in(scene: Scene, link: Opened, listed: Family) -> None:
    scene.later(hours=5)
    scene.tick(link, listed, "moved", age_s=60)
    scene.tick(link, listed, "told", age_s=3 * 3600)
    line = scene.line(listed)
    assert line is not None
    assert line.note is not None
    assert (line.note.kind, line.note.at) == ("moved", scene.now - timedelta(minutes=1))
    assert not _planned_again(scene, listed)
    assert [row.kind for row in scene.rows(tables.Tick)] == ["moved", "told"], "the history is kept"


@pytest.mark.parametrize("kind", [*STAFF, "handed_over"])
def test_a_correction_lets_what_comes_later_go_on(scene: Scene, link: Opened, listed: Family, kind: str) -> None:
    scene.tick(link, listed, kind)
    scene.later(minutes=1)
    scene.tick(link, listed, "told")
    assert _planned_again(scene, listed)
    with scene.db.read() as session:
        assert _paused(session, scene, listed) is None
        assert open_alerts(session) == []
    channel, status, _ = _messages(scene)[1]
    assert (channel, status) == ("village_list", "delivered"), "evidence rises: the family was told after all"
    assert _messages(scene)[2][1] == "cancelled", "what was cancelled stays cancelled"


@pytest.mark.parametrize("kind", STAFF)
def test_what_staff_must_hear_pauses_every_telephone_of_the_family(
    scene: Scene, link: Opened, listed: Family, kind: str
) -> None:
    scene.tick(link, listed, kind)
    with scene.db.read() as session:
        assert _paused(session, scene, listed) == "staff"
        (alert,) = open_alerts(session)
        (report,) = queries.reports(session, scene.db.sealer)
    assert (alert.kind, alert.subject) == ("officer_report", "Talang Pungguk (17.03.15.2011)")
    assert alert.data["messages"] == 1
    assert (report.kind, report.parent, report.children) == (kind, "Siti Aminah", ("Rizki",))
    line = scene.line(listed)
    assert line is not None, "the officer still sees it, and can put it right"
    assert line.note is not None


def test_a_pause_that_somebody_else_has_set_is_not_ended_by_a_correction(
    scene: Scene, link: Opened, listed: Family
) -> None:
    blind = listed.contacts[0].address_blind
    with scene.db.write() as session:
        suppress(
            session, channel="any", address_blind=blind, reason="staff", now=scene.now - timedelta(days=1),
            household_id=listed.household.id or 0,
        )  # fmt: skip
    scene.tick(link, listed, "moved")
    scene.later(minutes=1)
    scene.tick(link, listed, "told")
    with scene.db.read() as session:
        assert _paused(session, scene, listed) == "staff"


def test_the_pause_of_another_family_with_the_same_number_stays(scene: Scene, link: Opened) -> None:
    one, other = scene.family("ANI", phone="+6281234567890"), scene.family("BUDI", phone="+6281234567890")
    scene.replies(one, "cannot_go_distance")
    scene.replies(other, "cannot_go_distance")
    scene.tick(link, one, "moved")
    scene.tick(link, other, "moved")
    scene.later(minutes=1)
    scene.tick(link, one, "told")
    with scene.db.read() as session:
        assert _paused(session, scene, one) is None
        assert _paused(session, scene, other) == "staff"


def test_one_note_changed_for_another_that_stops_keeps_the_stop(scene: Scene, link: Opened, listed: Family) -> None:
    scene.tick(link, listed, "moved")
    scene.later(minutes=1)
    scene.tick(link, listed, "deceased")
    assert not _planned_again(scene, listed)
    with scene.db.read() as session:
        assert _paused(session, scene, listed) == "staff"
        assert [report.kind for report in queries.reports(session, scene.db.sealer)] == ["deceased"]
    assert [row.stopped for row in scene.rows(tables.Enrolment)] == ["officer_deceased"]


@pytest.mark.parametrize("kind", ["moved", "deceased", "refused"])
def test_what_staff_must_hear_takes_the_text_off_the_list(
    scene: Scene, link: Opened, listed: Family, kind: str
) -> None:
    scene.tick(link, listed, kind)
    line = scene.line(listed)
    assert line is not None
    assert line.say == "Mohon jangan didatangi lagi. Kantor yang akan menghubungi keluarga ini."
    assert not line.done
    scene.tick(link, listed, "told")
    line = scene.line(listed)
    assert line is not None
    assert line.say.startswith("KIA Rizki")
    assert line.done


def test_staff_agree_and_nobody_goes_there_any_more(scene: Scene, link: Opened, listed: Family) -> None:
    scene.tick(link, listed, "deceased")
    (tick,) = scene.rows(tables.Tick)
    assert "impor" in service.settle(scene.db, tick.id, "confirmed", by="sari", now=scene.now)
    assert scene.line(listed) is None
    assert not _planned_again(scene, listed)
    with scene.db.read() as session:
        assert _paused(session, scene, listed) == "staff"
        assert open_alerts(session) == []
        assert queries.reports(session, scene.db.sealer) == []


def test_staff_say_it_was_a_mistake_and_everything_goes_on(scene: Scene, link: Opened, listed: Family) -> None:
    scene.tick(link, listed, "refused")
    (tick,) = scene.rows(tables.Tick)
    scene.later(hours=1)
    service.settle(scene.db, tick.id, "wrong", by="sari", now=scene.now)
    assert _planned_again(scene, listed)
    line = scene.line(listed)
    assert line is not None
    assert line.note is None
    with scene.db.read() as session:
        assert _paused(session, scene, listed) is None
    entry = scene.rows(tables.AuditEntry)[-1]
    assert (entry.staff, entry.action, json.loads(entry.data)) == (
        "sari",
        "officer.settle",
        {"as": "wrong", "tick": tick.id},
    )


def test_who_may_settle_what(scene: Scene, link: Opened, listed: Family) -> None:
    scene.tick(link, listed, "moved")
    scene.tick(link, listed, "told", age_s=0)
    with scene.db.write() as session:
        make.staff(session, "budi", "approver")
    with pytest.raises(NotFound, match="reports"):
        service.settle(scene.db, 1, "confirmed", by="sari", now=scene.now)  # corrected by the officer meanwhile
    with pytest.raises(NotAllowed):
        service.settle(scene.db, 1, "confirmed", by="budi", now=scene.now)
    with pytest.raises(BadInput, match="confirmed"):
        service.settle(scene.db, 1, "done", by="sari", now=scene.now)


def test_a_newer_text_opens_the_line_again_and_the_note_becomes_history(
    scene: Scene, link: Opened, listed: Family
) -> None:
    scene.tick(link, listed, "told")
    line = scene.line(listed)
    assert line is not None
    assert not line.open
    scene.later(days=7)
    cohort = scene.rows(tables.Cohort)[0].id
    scene.message(cohort, listed, "accepted", channel="village_list", message="ambil-kartu-2", hop=1)
    line = scene.line(listed)
    assert line is not None
    assert line.note is None
    assert line.open
    scene.tick(link, listed, "will_come")
    assert [row.status for row in scene.rows(tables.Message) if row.channel == "village_list"] == [
        "delivered",
        "delivered",
    ]


def test_a_line_that_left_the_list_meanwhile_is_noted_all_the_same(scene: Scene, link: Opened, listed: Family) -> None:
    """The telephone was away for a day, and the card was collected meanwhile: nothing that was pressed is lost."""
    with scene.db.write() as session:
        card = session.get_one(tables.Card, listed.card.id)
        card.status = "collected"
        session.add(card)
    assert scene.line(listed) is None
    assert scene.tick(link, listed, "told", age_s=86_400)
    assert [row.kind for row in scene.rows(tables.Tick)] == ["told"]


def test_a_note_about_a_household_that_was_merged_is_kept_with_the_one_that_stays(
    scene: Scene, link: Opened, listed: Family
) -> None:
    into = scene.without_number("BUDI")
    with scene.db.write() as session:
        row = session.get_one(tables.Household, listed.household.id)
        row.alias_of = into.household.id
        session.add(row)
    assert scene.tick(link, listed, "moved")
    assert [row.household_id for row in scene.rows(tables.Tick)] == [into.household.id]
    assert not _planned_again(scene, listed)


def test_handed_over_stops_what_is_about_printed_cards_only(scene: Scene, link: Opened, listed: Family) -> None:
    other = scene.campaign("belum-punya")
    scene.assign(other, listed)
    with scene.db.write() as session:
        for row in session.exec(select(tables.Enrolment).where(tables.Enrolment.cohort_id == other)):
            row.occasion = "no_card_5_to_16"
            session.add(row)
    waiting = scene.message(other, listed, "planned", channel="whatsapp", message="belum-punya-kartu-1")
    scene.tick(link, listed, "handed_over")
    assert scene.status(waiting) == ("planned", "")
    scene.later(minutes=1)
    scene.tick(link, listed, "moved")
    assert scene.status(waiting) == ("cancelled", "officer_moved")


@pytest.mark.parametrize("kind", ["collected", "", "TOLD", "told ", "x" * 50])
def test_an_unknown_note_is_refused(scene: Scene, link: Opened, listed: Family, kind: str) -> None:
    with pytest.raises(BadInput):
        scene.tick(link, listed, kind)
    assert scene.rows(tables.Tick) == []


def test_a_family_of_another_village_is_refused_and_so_is_one_that_does_not_exist(scene: Scene, link: Opened) -> None:
    there = scene.without_number(village=OTHER)
    with pytest.raises(NotAllowed, match="desa Anda"):
        scene.tick(link, there, "told")
    with pytest.raises(NotAllowed, match="desa Anda"):
        service.note(scene.db, link, service.Told(999_999, "told", "tick-00000001"), scene.now, ZONE)
    assert scene.rows(tables.Tick) == []


def test_every_note_leaves_a_trace_without_a_name(scene: Scene, link: Opened, listed: Family) -> None:
    scene.tick(link, listed, "deceased")
    entry = scene.rows(tables.AuditEntry)[-1]
    assert (entry.staff, entry.action) == (f"petugas:17.03.15.2011/{link.id}", "officer.tick")
    assert entry.entity == f"household:{listed.household.id}"
    assert json.loads(entry.data) == {"kind": "deceased", "stands": True, "tick": 1}


@pytest.fixture(autouse=True)
def _the_chain_is_whole(scene: Scene) -> Iterator[None]:
    yield
    with scene.db.read() as session:
        assert verify_chain(session)
