"""The staff inbox."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound
from broadcaster.replies import inbox
from broadcaster.replies.queries import conversation, open_conversations
from broadcaster.storage import tables
from tests import make

from .conftest import PHONE, Post, send


@pytest.fixture
def waiting(post: Post) -> int:
    """A conversation that waits for staff."""
    with post.db.write() as session:
        make.staff(session, "rina", "replier")
        make.staff(session, "budi", "approver")
        send(session, post.db, guardian_name="SRI WAHYUNI")
    post.whatsapp("rumah kami jauh pak, 0812-1111-2222")
    with post.db.read() as session:
        return open_conversations(session, post.db.sealer)[0].id


def test_the_inbox_shows_who_waits_with_a_masked_number(post: Post, waiting: int) -> None:
    post.whatsapp("disuruh bayar 50 ribu", sender="+6281377778888")
    post.whatsapp("terima kasih", sender="+6281366665555")
    with post.db.read() as session:
        first, second = open_conversations(session, post.db.sealer)
    assert (first.id, first.guardian, first.village) == (waiting, "Sri Wahyuni", "Gunung Alam")
    assert (first.intents, first.last_text) == (("cannot_go_distance",), "rumah kami jauh pak, 0812-1111-2222")
    assert PHONE not in first.address
    assert first.address.endswith("90")
    assert (second.guardian, second.household_id) == ("", None)


def test_a_conversation_shows_both_sides_in_order(post: Post, waiting: int) -> None:
    with post.db.read() as session:
        found = conversation(session, post.db.sealer, waiting)
    assert [(said.ours, said.purpose) for said in found.said] == [(False, ""), (True, "answer")]
    assert "dicarikan jalan" in found.said[1].text
    with post.db.read() as session, pytest.raises(NotFound):
        conversation(session, post.db.sealer, 999)


def test_an_answer_is_planned_closes_the_conversation_and_is_on_record(post: Post, waiting: int) -> None:
    message_id = inbox.answer(post.db, waiting, "Kamis petugas ke desa Bapak/Ibu.", by="rina", now=post.now)
    with post.db.read() as session:
        row = session.get_one(tables.Message, message_id)
        entry = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "inbox.answered")).one()
        assert open_conversations(session, post.db.sealer) == []
    assert (row.purpose, row.status) == ("answer", "planned")
    assert (entry.staff, entry.entity) == ("rina", f"conversation:{waiting}")
    assert "Kamis" not in entry.data


def test_a_conversation_is_closed_without_an_answer_and_opens_again(post: Post, waiting: int) -> None:
    inbox.close(post.db, waiting, by="rina", now=post.now)
    assert post.state() == "closed"
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
    post.whatsapp("STOP")
    with pytest.raises(Blocked) as stopped:
        inbox.answer(post.db, waiting, "Halo", by="rina", now=post.now)
    assert stopped.value.code == "suppressed"
