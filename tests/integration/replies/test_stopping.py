"""A wish to stop is honoured on every path, at once, and confirmed once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, delete, select

from broadcaster.outbox.queries import unapplied_events
from broadcaster.storage import tables
from tests import make

from .conftest import CHAT, PHONE, Post, send

STOPPED = "tidak akan mengirim pesan pemberitahuan lagi"


def test_a_stop_word_suppresses_the_address_on_every_channel_and_is_confirmed_once(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
        make.contact(session, post.db.sealer, sent.family.guardian, "telegram", CHAT)
    post.whatsapp("Berhenti dong pak")
    assert [post.is_suppressed(PHONE, channel) for channel in ("whatsapp", "sms")] == ["opt_out", "opt_out"]
    assert post.is_suppressed(CHAT, "telegram") == "opt_out", "the same person's other address"
    assert [STOPPED in text for text in post.answers("stop_confirmation")] == [True]
    post.whatsapp("STOP!!!")
    assert len(post.answers()) == 1, "one confirmation is enough"
    with post.db.read() as session:
        entries = session.exec(select(tables.ConsentEntry)).all()
    assert [(entry.decision, entry.source, entry.wording) for entry in entries] == [
        ("out", "reply", "kalimat"),
        ("out", "reply", "stop"),
    ]


def test_the_confirmation_passes_the_suppression_its_own_event_made(post: Post) -> None:
    event = post.whatsapp("STOP")
    with post.db.read() as session:
        message = session.exec(select(tables.Message)).one()
        suppression = session.exec(select(tables.Suppression)).one()
    assert message.purpose == "stop_confirmation"
    assert message.event_id == suppression.event_id == event


def test_a_stop_button_stops_without_any_word(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db, phone=CHAT, channel="telegram", channels=("telegram",))
    post.press("opt_out", sent.reference)
    assert post.is_suppressed(CHAT, "telegram") == "opt_out"
    assert post.reply().message_id == sent.message.id
    assert len(post.answers("stop_confirmation")) == 1


@pytest.mark.parametrize("text", ["terima kasih", "MULAI", "jangan lupa kirim lagi"])
def test_the_providers_stop_mark_beats_the_text(post: Post, text: str) -> None:
    post.whatsapp(text, OptOutType="STOP")
    assert post.is_suppressed(PHONE) == "opt_out"
    assert post.reply().opt_out


def test_the_providers_start_mark_beats_a_stop_word(post: Post) -> None:
    post.whatsapp("STOP")
    post.whatsapp("stop", OptOutType="START")
    assert post.is_suppressed(PHONE) is None


def test_mulai_lifts_a_stop_and_is_confirmed(post: Post) -> None:
    post.whatsapp("STOP")
    post.whatsapp("MULAI")
    assert post.is_suppressed(PHONE) is None
    assert "akan kami kirim lagi" in post.answers("answer")[0]
    post.whatsapp("STOP")
    assert post.is_suppressed(PHONE) == "opt_out"
    assert len(post.answers("stop_confirmation")) == 2, "a new stop after a new start is confirmed again"


def test_an_old_start_that_arrives_late_never_lifts_a_newer_stop(post: Post) -> None:
    written = post.now
    post.telegram("STOP", at=written + timedelta(minutes=2))
    post.telegram("/start", at=written)
    post.telegram("MULAI", at=written + timedelta(minutes=1))
    assert post.is_suppressed(CHAT, "telegram") == "opt_out"
    assert post.answers("answer") == [], "nobody is greeted who asked us to stop"
    post.telegram("MULAI", at=written + timedelta(minutes=3))
    assert post.is_suppressed(CHAT, "telegram") is None


def test_a_moment_in_the_future_counts_as_now(post: Post) -> None:
    post.telegram("STOP", at=post.now + timedelta(days=900))
    post.telegram("MULAI")
    assert post.is_suppressed(CHAT, "telegram") is None


def test_an_unsure_wish_pauses_and_waits_for_staff(post: Post) -> None:
    post.whatsapp("pesannya terlalu sering")
    assert post.is_suppressed(PHONE) == "opt_out"
    assert post.state() == "open"
    assert not post.reply().opt_out
    assert "cukup balas satu kata: STOP" in post.answers("stop_confirmation")[0]
    with post.db.read() as session:
        assert session.exec(select(tables.ConsentEntry)).all() == [], "nothing was decided yet"


def test_after_an_unsure_wish_stop_is_confirmed_and_mulai_resumes(post: Post) -> None:
    post.whatsapp("pesannya terlalu sering")
    post.whatsapp("STOP")
    assert STOPPED in post.answers("stop_confirmation")[1]
    post.whatsapp("pesannya terlalu sering", sender="+6281299990000")
    post.whatsapp("MULAI", sender="+6281299990000")
    assert post.is_suppressed("+6281299990000") is None


def test_a_stop_is_kept_even_when_no_answer_can_leave(post: Post) -> None:
    with post.db.write() as session:
        session.exec(delete(tables.Sender))
        session.exec(delete(tables.OfficeFact))
    event = post.whatsapp("STOP")
    assert post.problem(event) == ""
    assert post.is_suppressed(PHONE) == "opt_out"
    assert post.answers() == []
    assert post.state() == "open", "a person sees that the confirmation did not leave"


def test_a_stop_with_a_reason_for_staff_reaches_them_too(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.whatsapp("STOP, salah nomor")
    assert post.suppressions() == {("any", "opt_out"), ("any", "wrong_number")}
    assert post.state() == "open"


def test_blocking_on_telegram_suppresses_and_coming_back_lifts_the_block_alone(post: Post) -> None:
    post.member("kicked")
    assert post.is_suppressed(CHAT, "telegram") == "blocked"
    post.member("member")
    assert post.is_suppressed(CHAT, "telegram") is None
    post.telegram("STOP")
    post.member("kicked")
    post.member("member")
    assert post.is_suppressed(CHAT, "telegram") == "opt_out", "coming back is no START"


def test_someone_who_asked_us_to_stop_is_answered_by_a_person_only(post: Post) -> None:
    post.whatsapp("STOP")
    post.whatsapp("syaratnya apa?")
    assert post.answers("answer") == []
    assert post.state() == "open"


def test_a_stop_by_sms_stops_whatsapp(post: Post) -> None:
    post.sms("STOP")
    assert post.is_suppressed(PHONE, "whatsapp") == "opt_out"


def test_consent_entries_are_only_appended(post: Post) -> None:
    for text in ("STOP", "MULAI", "STOP"):
        post.whatsapp(text)
    with post.db.read() as session:
        decisions = session.exec(select(tables.ConsentEntry.decision).order_by(col(tables.ConsentEntry.id))).all()
    assert decisions == ["out", "in", "out"]


def test_a_stop_word_does_not_wait_behind_receipts(post: Post) -> None:
    """However many receipts came before it, it is in the next batch."""
    with post.db.write() as session:
        for number, kind in enumerate(["status"] * 30 + ["inbound"]):
            session.add(
                tables.ProviderEvent(
                    account="twilio", event_key=f"e{number}", kind=kind, sealed_raw=b"-", received_at=post.now
                )
            )
    with post.db.read() as session:
        batch = unapplied_events(session, 10)
    assert [event.kind for event in batch] == ["inbound", *["status"] * 9]
    assert [event.key for event in batch[1:]] == [f"e{number}" for number in range(9)]
