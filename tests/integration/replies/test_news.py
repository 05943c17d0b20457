"""Public news: to subscribers without a family, once each, in office hours, and to nobody who stopped."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from broadcaster.errors import BadInput, Blocked, NotAllowed
from broadcaster.outbox.service import thaw
from broadcaster.replies.news import send_news
from broadcaster.storage import tables
from tests import make

from .conftest import CHAT, PHONE, Post

ZONE = ZoneInfo("Asia/Jakarta")
TEXT = "Senin pelayanan KIA di Balai Desa Lais."


@pytest.fixture
def office(post: Post) -> Post:
    """Three chats have started the bot: a family's, a stranger's, and one that has stopped since."""
    with post.db.write() as session:
        make.staff(session, "budi", "approver")
        make.staff(session, "rina", "replier")
        make.family(session, post.db.sealer, phone=PHONE)
    for chat in (CHAT, "700100300", "700100400"):
        post.telegram("/start", chat=chat)
    post.telegram(contact={"phone_number": PHONE, "user_id": int(CHAT)}, chat=CHAT)
    post.telegram("/berhenti", chat="700100400")
    return post


def _planned(post: Post) -> list[tables.Message]:
    with post.db.read() as session:
        query = select(tables.Message).where(tables.Message.purpose == "news").order_by(col(tables.Message.id))
        return list(session.exec(query))


def test_news_go_once_to_those_who_belong_to_no_family_and_have_not_stopped(office: Post) -> None:
    assert send_news(office.db, TEXT, by="budi", now=office.now, zone=ZONE) == 1
    assert send_news(office.db, f" {TEXT}\n", by="budi", now=office.now, zone=ZONE) == 0, "the same text again"
    (row,) = _planned(office)
    assert office.db.sealer.open("address", row.sealed_address) == "700100300"
    text = thaw(office.db.sealer.open("body", row.sealed_body or b""), reference="", address="").text
    assert text.startswith(TEXT)
    assert "/berhenti" in text
    with office.db.read() as session:
        entry = session.exec(select(tables.AuditEntry).where(tables.AuditEntry.action == "news.planned")).first()
    assert entry is not None
    assert "Balai" not in entry.data


def test_news_wait_for_office_hours_and_outlive_a_weekend(office: Post) -> None:
    saturday = datetime(2026, 10, 10, 3, 0, tzinfo=office.now.tzinfo)
    send_news(office.db, TEXT, by="budi", now=saturday, zone=ZONE)
    (row,) = _planned(office)
    assert row.due_at >= saturday + timedelta(days=1)
    assert row.due_at.astimezone(ZONE).weekday() == 0
    assert row.expires_at == row.due_at + timedelta(days=3)


@pytest.mark.parametrize(
    ("text", "code"), [(" ", "empty_news"), ("a" * 1001, "news_too_long"), ("NIK 1703071501120001", "news_has_nik")]
)
def test_news_that_will_not_do_are_refused(office: Post, text: str, code: str) -> None:
    with pytest.raises(BadInput) as refused:
        send_news(office.db, text, by="budi", now=office.now, zone=ZONE)
    assert refused.value.code == code
    with pytest.raises(NotAllowed):
        send_news(office.db, TEXT, by="rina", now=office.now, zone=ZONE)
    assert _planned(office) == []


def test_without_a_telegram_sender_it_is_said(office: Post) -> None:
    with office.db.write() as session:
        for row in session.exec(select(tables.Message)):
            session.delete(row)
        for sender in session.exec(select(tables.Sender).where(tables.Sender.channel == "telegram")):
            session.delete(sender)
    with pytest.raises(Blocked, match="pengirim Telegram"):
        send_news(office.db, TEXT, by="budi", now=office.now, zone=ZONE)
