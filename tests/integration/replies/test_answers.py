"""The one answer a reply may get by itself: which, how many, until when; otherwise a person reads."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from broadcaster.channels import twilio_events
from broadcaster.replies.answering import hand_over_unanswered
from broadcaster.storage import tables
from tests import make

from .conftest import PHONE, Post, send

FIVE = ["dimana ambilnya?", "ini siapa?", "rumah kami jauh pak", "syaratnya apa?", "assalamualaikum"]


def written(post: Post, text: str, number: int = 1) -> int:
    """What somebody writes on WhatsApp is kept; nothing has acted on it yet."""
    return post.keep(twilio_events.inbound_event(f"SM9{number:031d}", [("From", f"whatsapp:{PHONE}"), ("Body", text)]))


def newest(post: Post) -> tables.Message:
    with post.db.read() as session:
        return session.exec(select(tables.Message).where(tables.Message.purpose == "answer")).all()[-1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kia anak saya hilang, gimana pak?", "surat kehilangan dari kepolisian"),
        ("syarat untuk bayi baru lahir apa?", "dibuat sekaligus dengan akta"),
        ("anak saya umur 7 tahun syaratnya apa", "memakai foto"),
        ("anak umur 3 tahun perlu bawa apa", "tanpa foto. Tempatnya"),
        ("mau perpanjang kia syaratnya apa", "Untuk menggantinya"),
        ("anak saya 17 tahun mau buat ktp syaratnya apa", "merekam KTP-el"),
        ("kalau mau ambil bawa apa saja", "yang sudah jadi, silakan bawa"),
        ("bisa diwakilkan?", "cara mewakilkannya"),
        ("bisa daftar online gak pak", "tulis ke nomor layanan resmi kami"),
        ("syaratnya apa", "semuanya GRATIS:"),
    ],
)
def test_requirements_are_answered_for_the_case_that_is_asked_about(post: Post, text: str, said: str) -> None:
    post.whatsapp(text)
    [answer] = post.answers("answer")
    assert said in answer
    assert "{" not in answer


def test_a_bare_question_is_about_what_the_campaign_wrote(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db, key="ambil-kartu-1")
    post.whatsapp("syaratnya apa")
    assert "yang sudah jadi, silakan bawa" in post.answers("answer")[0]


def test_who_will_come_for_a_waiting_card_hears_where_and_what_to_bring(post: Post) -> None:
    post.whatsapp("besok saya ambil", sender="+6281299990000")
    assert post.answers() == [], "nobody knows of a card that waits"
    with post.db.write() as session:
        send(session, post.db, key="ambil-kartu-1")
    post.whatsapp("insyaallah besok saya ambil pak")
    assert "kami tunggu di" in post.answers("answer")[0]


def test_a_reply_with_many_meanings_gets_one_answer(post: Post) -> None:
    post.whatsapp("assalamualaikum, dimana ambilnya, syaratnya apa, rumah kami jauh, ini benar dari dukcapil?")
    assert len(post.answers()) == 1


def test_after_the_days_answers_a_person_reads(post: Post) -> None:
    for text in FIVE:
        post.whatsapp(text)
    assert len(post.answers("answer")) == 5
    with post.db.write() as session:
        conversation = session.exec(select(tables.Conversation)).one()
        conversation.state = "done"
        session.add(conversation)
    post.whatsapp("foto saya kirim ya", NumMedia="1")
    assert len(post.answers("answer")) == 5
    assert post.state() == "open"
    post.whatsapp("dimana ambilnya?", sender="+6281299990000")
    assert len(post.answers("answer")) == 6, "somebody else is answered"
    post.now += timedelta(hours=24)
    post.whatsapp("dimana ambilnya?")
    assert len(post.answers("answer")) == 7


def test_stops_and_starts_are_confirmed_a_few_times_a_day_and_acted_on_always(post: Post) -> None:
    for _ in range(7):
        post.whatsapp("STOP")
        post.whatsapp("MULAI")
    assert len(post.answers("answer")) <= 5
    for _ in range(7):
        post.whatsapp("STOP")
        post.whatsapp("MULAI")
    assert len(post.answers("stop_confirmation")) == 10
    post.whatsapp("STOP")
    assert post.is_suppressed(PHONE) == "opt_out"


def test_inside_whatsapps_window_the_answer_is_free_text_and_ends_with_the_window(post: Post) -> None:
    written(post, "dimana ambilnya?")
    said_at = post.now
    post.now += timedelta(hours=23)
    post.apply()
    assert said_at < newest(post).expires_at < said_at + timedelta(hours=24)


def test_outside_whatsapps_window_nothing_leaves_and_a_person_reads(post: Post) -> None:
    written(post, "dimana ambilnya?")
    post.now += timedelta(hours=23, minutes=55)
    post.apply()
    assert post.answers() == []
    assert post.state() == "open"
    assert post.reply().handled_by == "staff"


def test_a_stop_outside_the_window_is_kept_though_nothing_confirms_it(post: Post) -> None:
    written(post, "STOP")
    post.now += timedelta(hours=30)
    post.apply()
    assert post.is_suppressed(PHONE) == "opt_out"
    assert post.answers() == []


def test_telegram_has_no_window(post: Post) -> None:
    post.telegram("dimana ambilnya?", at=post.now - timedelta(hours=40))
    assert len(post.answers("answer")) == 1


@pytest.mark.parametrize("status", ["expired", "failed", "suppressed"])
def test_an_answer_that_never_left_is_handed_to_staff_once(post: Post, status: str) -> None:
    post.whatsapp("dimana ambilnya?")
    assert hand_over_unanswered(post.db, post.now) == 0
    assert post.state() == "done"
    with post.db.write() as session:
        row = session.exec(select(tables.Message)).one()
        row.status = status
        session.add(row)
    assert hand_over_unanswered(post.db, post.now) == 1
    assert (post.state(), post.reply().handled_by) == ("open", "staff")
    assert hand_over_unanswered(post.db, post.now) == 0


def test_what_only_resembles_an_answer_has_no_consequence(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
        make.message(
            session, post.db.sealer, household=sent.family.household, campaign=sent.campaign, card=sent.family.card,
            address=PHONE, due_at=post.now + timedelta(days=2), step="2",
        )  # fmt: skip
    post.whatsapp("kartune wis tak simpen neng omah")
    assert post.reply().handled_by == "staff"
    assert post.state() == "open"
    with post.db.read() as session:
        assert session.exec(select(tables.Message.status).where(tables.Message.step == "2")).one() == "planned"


@pytest.mark.parametrize("text", ["sudah diambil", "sudah punya", "belum", "tidak", "ya", "anak saya sudah meninggal"])
def test_a_reply_never_changes_a_card(post: Post, text: str) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
    post.whatsapp(text)
    with post.db.read() as session:
        assert session.get_one(tables.Card, sent.family.card.id).status == sent.family.card.status
        assert session.exec(select(tables.CardEvent)).all() == []


@pytest.mark.parametrize("text", ["1703071501120001", "nik anak saya 1703 0715 0112 0001"])
def test_whoever_writes_a_nik_hears_where_papers_belong(post: Post, text: str) -> None:
    post.whatsapp(text)
    [answer] = post.answers()
    assert "081200000001" in answer
    assert "1703" not in answer
    assert post.state() == "done"


@pytest.mark.parametrize(
    "text",
    [
        "anak kami sudah meninggal pak",
        "petugas minta uang 50 ribu",
        "ini penipuan ya",
        "ada pungli di desa",
        "almarhum",
    ],
)
def test_death_money_asked_and_suspicion_reach_staff_the_same_day(post: Post, text: str) -> None:
    post.whatsapp(text)
    with post.db.read() as session:
        conversation = session.exec(select(tables.Conversation)).one()
    assert (conversation.state, conversation.urgent) == ("open", True)
