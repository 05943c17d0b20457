"""The staff inbox."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from broadcaster.domain.timetable import Timetable
from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound
from broadcaster.outbox.service import thaw
from broadcaster.rendering.queries import latest
from broadcaster.rendering.service import record_provider_template
from broadcaster.replies import inbox
from broadcaster.replies.inbox_rules import REOPENING
from broadcaster.replies.queries import conversation, conversations, count_open
from broadcaster.storage import tables
from tests import make

from .conftest import PHONE, Post, send

TABLE = Timetable(ZoneInfo("Asia/Jakarta"))


@pytest.fixture
def waiting(post: Post) -> int:
    """A conversation that waits for staff."""
    with post.db.write() as session:
        make.staff(session, "rina", "replier")
        make.staff(session, "budi", "approver")
        send(session, post.db, guardian_name="SRI WAHYUNI")
    post.whatsapp("rumah kami jauh pak, 0812-1111-2222")
    with post.db.read() as session:
        return conversations(session, post.db.sealer, TABLE)[0].id


def test_the_inbox_shows_who_waits_with_a_masked_number(post: Post, waiting: int) -> None:
    post.whatsapp("disuruh bayar 50 ribu", sender="+6281377778888")
    post.whatsapp("terima kasih", sender="+6281366665555")
    with post.db.read() as session:
        second, first = conversations(session, post.db.sealer, TABLE)
    assert (second.urgent, first.urgent) == (True, False), "money that was asked for is looked into the same day"
    assert (first.id, first.guardian, first.village) == (waiting, "Sri Wahyuni", "Gunung Alam")
    assert (first.intents, first.last_text) == (("cannot_go_distance",), "rumah kami jauh pak, 0812-1111-2222")
    assert PHONE not in first.address
    assert first.address.endswith("90")
    assert (second.guardian, second.household_id) == ("", None)


def test_a_conversation_shows_both_sides_in_order(post: Post, waiting: int) -> None:
    with post.db.read() as session:
        found = conversation(session, post.db.sealer, waiting, TABLE)
    assert [(said.ours, said.purpose) for said in found.said] == [(False, ""), (True, "answer")]
    assert "dicarikan jalan" in found.said[1].text
    with post.db.read() as session, pytest.raises(NotFound):
        conversation(session, post.db.sealer, 999, TABLE)


def test_an_answer_is_planned_and_the_conversation_waits_for_the_family(post: Post, waiting: int) -> None:
    message_id = inbox.answer(post.db, waiting, "Kamis petugas ke desa Bapak/Ibu.", by="rina", now=post.now)
    with post.db.read() as session:
        row = session.get_one(tables.Message, message_id)
        entry = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "inbox.answered")).one()
        assert conversations(session, post.db.sealer, TABLE) == []
    assert (row.purpose, row.status) == ("answer", "planned")
    assert post.state() == "waiting"
    assert (entry.staff, entry.entity) == ("rina", f"conversation:{waiting}")
    assert "Kamis" not in entry.data


def test_a_conversation_is_closed_without_an_answer_and_opens_again(post: Post, waiting: int) -> None:
    inbox.close(post.db, waiting, by="rina", now=post.now)
    assert post.state() == "done"
    post.whatsapp("kok belum ada kabar, kecewa saya")
    assert post.state() == "open"


@pytest.mark.parametrize(
    ("text", "code"),
    [("  ", "empty_answer"), ("a" * 1001, "answer_too_long"), ("NIK 1703071501120001", "answer_has_nik")],
)
def test_an_answer_that_will_not_do_is_refused(post: Post, waiting: int, text: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        inbox.answer(post.db, waiting, text, by="rina", now=post.now)
    assert refused.value.code == code
    assert post.state() == "open"


def test_only_those_who_may_answer_answer(post: Post, waiting: int) -> None:
    for name in ("budi", "siapa"):
        with pytest.raises(NotAllowed):
            inbox.answer(post.db, waiting, "Halo", by=name, now=post.now)
    with pytest.raises(NotFound):
        inbox.close(post.db, 999, by="rina", now=post.now)


def test_whatsapps_window_and_a_stop_are_respected(post: Post, waiting: int) -> None:
    with pytest.raises(Blocked) as late:
        inbox.answer(post.db, waiting, "Halo", by="rina", now=post.now + timedelta(hours=25))
    assert late.value.code == "window_over"
    with pytest.raises(Blocked) as almost:
        inbox.answer(post.db, waiting, "Halo", by="rina", now=post.now + timedelta(hours=23, minutes=55))
    assert almost.value.code == "window_over", "it might arrive after the window"
    with pytest.raises(Blocked) as early:
        inbox.reopen(post.db, waiting, by="rina", now=post.now)
    assert early.value.code == "window_open"
    post.whatsapp("STOP")
    with pytest.raises(Blocked) as stopped:
        inbox.answer(post.db, waiting, "Halo", by="rina", now=post.now)
    assert stopped.value.code == "suppressed"


@pytest.fixture
def too_late(post: Post, waiting: int) -> int:
    """A conversation whose WhatsApp window is over; the template that asks the family to write again is approved."""
    with post.db.write() as session:
        record_provider_template(
            session, latest(session, REOPENING).id, "twilio", "HX7", "approved", "UTILITY", post.now
        )
    post.now += timedelta(hours=25)
    return waiting


def test_after_the_window_the_family_is_asked_with_an_approved_template(post: Post, too_late: int) -> None:
    message_id = inbox.reopen(post.db, too_late, by="rina", now=post.now)
    with post.db.read() as session:
        row = session.get_one(tables.Message, message_id)
        frozen = thaw(post.db.sealer.open("body", row.sealed_body or b""), reference="", address="")
        shown = conversation(session, post.db.sealer, too_late, TABLE)
        action = session.exec(select(tables.AuditEntry.action).order_by(col(tables.AuditEntry.id).desc())).first()
    assert (row.purpose, row.status, frozen.content_sid) == ("answer", "planned", "HX7")
    assert frozen.content_variables
    assert all(value in frozen.text for value in frozen.content_variables.values())
    assert "terlambat" in shown.said[-1].text
    assert (post.state(), action) == ("waiting", "inbox.reopened")
    with pytest.raises(Blocked) as twice:
        inbox.reopen(post.db, too_late, by="rina", now=post.now)
    assert twice.value.code == "reopened_already"


@pytest.mark.parametrize("text", ["Lanjutkan", "iya pak", "assalamualaikum", "kapan bisa diambil?"])
def test_who_takes_up_the_offer_waits_for_a_person_and_may_be_answered(post: Post, too_late: int, text: str) -> None:
    message_id = inbox.reopen(post.db, too_late, by="rina", now=post.now)
    with post.db.write() as session:
        session.get_one(tables.Message, message_id).status = "delivered"
        make.attempt(session, session.get_one(tables.Message, message_id))
    post.whatsapp(text)
    assert post.state() == "open"
    inbox.answer(post.db, too_late, "Kamis petugas ke desa Bapak/Ibu.", by="rina", now=post.now)


def test_without_an_approved_template_staff_are_told_what_to_do(post: Post, waiting: int) -> None:
    with pytest.raises(Blocked) as missing:
        inbox.reopen(post.db, waiting, by="rina", now=post.now + timedelta(hours=25))
    assert missing.value.code == "template_not_approved"
    post.whatsapp("STOP")
    with pytest.raises(Blocked) as stopped:
        inbox.reopen(post.db, waiting, by="rina", now=post.now + timedelta(hours=25))
    assert stopped.value.code == "suppressed"


def test_what_a_family_writes_after_an_answer_comes_back_unless_it_only_thanks(post: Post, waiting: int) -> None:
    inbox.answer(post.db, waiting, "Kamis petugas ke desa Bapak/Ibu.", by="rina", now=post.now)
    post.whatsapp("terima kasih")
    assert post.state() == "done"
    inbox.answer(post.db, waiting, "Sama-sama.", by="rina", now=post.now)
    post.whatsapp("bawa apa saja?")
    assert post.state() == "open"


def test_a_conversation_is_taken_and_given_back(post: Post, waiting: int) -> None:
    inbox.assign(post.db, waiting, "rina", by="rina", now=post.now)
    with post.db.read() as session:
        assert conversations(session, post.db.sealer, TABLE)[0].assigned_to == "rina"
    inbox.assign(post.db, waiting, "", by="rina", now=post.now)
    with post.db.read() as session:
        assert conversations(session, post.db.sealer, TABLE)[0].assigned_to == ""
        entries = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "inbox.assigned")).all()
    assert [entry.staff for entry in entries] == ["rina", "rina"]
    with pytest.raises(NotAllowed):
        inbox.assign(post.db, waiting, "siapa", by="rina", now=post.now)


def test_a_conversation_shows_the_family_s_cards_and_campaigns_without_numbers(post: Post, waiting: int) -> None:
    with post.db.read() as session:
        found = conversation(session, post.db.sealer, waiting, TABLE)
        count = count_open(session)
    assert count == 1
    assert [(card.status, card.child) for card in found.cards] == [("printed", "Rizki")]
    assert [(one.channel, one.status) for one in found.campaigns] == [("whatsapp", "accepted")]
    assert found.line.window_ends_at == found.line.last_at + timedelta(hours=23, minutes=50)
    assert found.line.act_by is not None
    assert found.line.act_by > post.now


def test_an_sms_is_not_answered_by_sms(post: Post) -> None:
    with post.db.write() as session:
        make.staff(session, "rina", "replier")
    post.sms("kok dapat sms begini? penipuan ya")
    with post.db.read() as session:
        number = conversations(session, post.db.sealer, TABLE)[0].id
    with pytest.raises(Blocked, match="satu arah"):
        inbox.answer(post.db, number, "Halo", by="rina", now=post.now)
