"""Events are acted on once; what people ask is answered or waits for staff."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlmodel import col, select
from structlog.testing import capture_logs

from broadcaster.channels import twilio_events
from broadcaster.storage import tables
from broadcaster.storage.sealed import Sealer
from tests import make

from .conftest import CHAT, PHONE, Post, send

NIK = "1703071501120001"


def test_a_receipt_raises_the_evidence_of_its_attempt(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
    event = post.receipt(sent.reference, "delivered")
    with post.db.read() as session:
        assert session.get_one(tables.Message, sent.message.id).status == "delivered"
    assert post.problem(event) == ""
    assert "unknown_reference" in post.problem(post.receipt("0a1b2c3d-999", "delivered", "SM88"))


def test_events_are_acted_on_once_however_often_the_job_runs(post: Post) -> None:
    post.whatsapp("syaratnya apa?")
    assert post.apply() == 0
    with post.db.read() as session:
        assert len(session.exec(select(tables.Reply)).all()) == 1
    assert len(post.answers()) == 1


def test_a_failing_event_never_holds_up_the_others_and_its_problem_names_no_person(post: Post) -> None:
    with post.db.write() as session:
        broken = make.event(session, Sealer(bytes(32)), raw=f"nama {PHONE}")
        stranger = make.event(session, post.db.sealer, account="other")
        broken_id, stranger_id = broken.id or 0, stranger.id or 0
    with capture_logs() as logs:
        post.whatsapp("STOP")
    assert post.problem(broken_id) == "error:Unsealable"
    assert post.problem(stranger_id) == "no_channel"
    assert post.is_suppressed(PHONE) == "opt_out"
    assert PHONE not in str(logs)
    assert any(entry["log_level"] == "error" for entry in logs)


def test_strange_input_is_kept_as_a_problem(post: Post) -> None:
    event = post.keep(twilio_events.inbound_event("SM1", [("Body", "tanpa pengirim")]))
    post.apply()
    assert post.problem(event).startswith("unrecognised:")


def test_a_question_is_answered_once_with_the_offices_facts(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.whatsapp("dimana ambilnya?")
    text = post.answers("answer")[0]
    assert "loket Dukcapil, Jl. Jenderal Sudirman" in text
    assert "081200000001" in text
    assert post.state() == "done"


def test_a_question_asked_again_goes_to_staff_instead_of_the_same_answer(post: Post) -> None:
    post.whatsapp("dimana?")
    post.whatsapp("dimana pak??")
    assert len(post.answers()) == 1
    assert post.state() == "open"
    post.now += timedelta(hours=13)
    post.whatsapp("dimana?")
    assert len(post.answers()) == 2, "half a day later it is a new question"


def test_a_shops_automatic_reply_is_not_answered_in_a_circle(post: Post) -> None:
    for _ in range(5):
        post.whatsapp("Terima kasih sudah menghubungi Toko Sri, kami buka jam 8")
    assert len(post.answers()) <= 1


def test_an_empty_fact_sends_the_question_to_staff(post: Post) -> None:
    with post.db.write() as session:
        fact = session.exec(select(tables.OfficeFact).where(tables.OfficeFact.key == "tempat_ambil")).one()
        fact.value = ""
        session.add(fact)
    event = post.whatsapp("dimana?")
    assert post.answers() == []
    assert post.state() == "open"
    assert post.problem(event) == ""


def test_sudah_diambil_cancels_what_is_planned_for_that_family_in_that_campaign(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db, phone=CHAT, channel="telegram", channels=("telegram",))
        other = send(session, post.db, phone=PHONE)
        plan = {"campaign": sent.campaign, "step": "ambil-kartu-2"}
        next_step = make.message(session, post.db.sealer, household=sent.family.household, **plan)
        neighbour = make.message(session, post.db.sealer, household=other.family.household, **plan)
    post.press("already_collected", sent.reference)
    with post.db.read() as session:
        assert session.get_one(tables.Message, next_step.id).status == "cancelled"
        assert session.get_one(tables.Message, neighbour.id).status == "planned"
        card = session.get_one(tables.Card, sent.family.card.id)
    assert card.status == "printed", "a reply never changes a card"
    assert "tidak akan mengingatkan lagi" in post.answers()[0]
    post.press("already_collected", sent.reference)
    assert len(post.answers()) == 1, "a button can be pressed again and again"


@pytest.mark.parametrize(
    ("key", "intents"),
    [("ambil-kartu-1", ["already_collected"]), ("belum-punya-kartu-1", ["already_has_card"])],
)
def test_a_bare_sudah_means_what_the_campaign_asked(post: Post, key: str, intents: list[str]) -> None:
    with post.db.write() as session:
        sent = send(session, post.db, key=key)
        planned = make.message(session, post.db.sealer, household=sent.family.household, campaign=sent.campaign)
    post.whatsapp("sudah pak")
    assert json.loads(post.reply().intents) == intents
    with post.db.read() as session:
        assert session.get_one(tables.Message, planned.id).status == "cancelled"


def test_a_sudah_to_nothing_we_sent_is_kept_and_nothing_is_promised(post: Post) -> None:
    post.whatsapp("sudah")
    assert post.answers() == []
    assert json.loads(post.reply().intents) == ["already_collected", "already_has_card"]


def test_a_photo_is_not_opened_and_gets_the_service_number(post: Post) -> None:
    post.whatsapp(f"ini KTP saya {NIK}", NumMedia="2", MediaUrl0="https://api.twilio.example/media/1")
    kept = post.db.sealer.open("reply", post.reply().sealed_text)
    assert kept == "[foto atau berkas, tidak dibuka] ini KTP saya [nomor disamarkan]"
    assert "081200000001" in post.answers()[0]
    assert post.state() == "done"


def test_a_stop_on_a_photo_still_stops(post: Post) -> None:
    post.whatsapp("STOP", NumMedia="1")
    assert post.is_suppressed(PHONE) == "opt_out"


def test_a_nik_is_masked_before_the_reply_is_kept(post: Post) -> None:
    post.whatsapp("NIK anak saya 1703 0715 0112 0001 tolong dicek")
    assert post.db.sealer.open("reply", post.reply().sealed_text) == "NIK anak saya [nomor disamarkan] tolong dicek"
    assert "081200000001" in post.answers()[0], "the service number is where such numbers belong"


def test_a_wrong_number_is_suppressed_for_that_family_only_and_gets_an_apology(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
        mine = sent.family.household.id or 0
    post.whatsapp("maaf salah nomor")
    assert post.is_suppressed(PHONE, household=mine) == "wrong_number"
    assert post.is_suppressed(PHONE, household=mine + 1000) is None
    assert "Mohon maaf atas kekeliruan kami" in post.answers("stop_confirmation")[0]
    assert post.state() == "open"


def test_after_a_death_the_family_is_left_in_peace_and_a_person_answers(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
        make.contact(session, post.db.sealer, sent.family.guardian, "telegram", CHAT)
        home = sent.family.household.id or 0
    post.whatsapp("anak saya sudah meninggal pak")
    assert post.answers() == [], "no machine answers this"
    assert post.state() == "open"
    assert post.is_suppressed(PHONE, household=home) == "staff"
    assert post.is_suppressed(CHAT, "telegram", home) == "staff"


@pytest.mark.parametrize("text", ["disuruh bayar 50 ribu di desa", "pelayanannya lama sekali"])
def test_a_complaint_waits_for_a_person(post: Post, text: str) -> None:
    post.whatsapp(text)
    assert post.answers() == []
    assert post.state() == "open"


def test_a_suspicion_is_answered_at_once_and_seen_by_staff(post: Post) -> None:
    post.whatsapp("ini penipuan ya?")
    assert "tanyakan ke kantor desa" in post.answers()[0]
    assert post.state() == "open"


def test_thanks_cost_nothing_and_open_nothing(post: Post) -> None:
    post.whatsapp("terima kasih pak")
    assert post.answers() == []
    assert post.state() == "done"


def test_an_open_conversation_stays_open_after_a_friendly_word(post: Post) -> None:
    post.whatsapp("disuruh bayar 50 ribu di desa")
    post.whatsapp("terima kasih")
    assert post.state() == "open"


def test_start_on_telegram_subscribes_and_asks_for_nothing(post: Post) -> None:
    post.telegram("/start desa-17_03_07_1015")
    with post.db.read() as session:
        row = session.exec(select(tables.Subscriber)).one()
        entry = session.exec(select(tables.ConsentEntry)).one()
    assert (row.place, row.phone_blind) == ("", None), "a payload that is none of our links says nothing"
    assert (entry.decision, entry.source, entry.wording) == ("in", "start", "/start")
    text = post.answers()[0]
    assert "Tidak dibagikan pun tidak apa-apa" in text
    assert "tidak pernah meminta NIK" in text
    post.telegram("/start")
    assert len(post.answers()) == 1


@pytest.mark.parametrize("number", ["6281234567890", "+6281234567890"])
def test_an_own_number_links_the_chat_to_the_family(post: Post, number: str) -> None:
    with post.db.write() as session:
        family = make.family(session, post.db.sealer, phone=PHONE)
    post.telegram(contact={"phone_number": number, "user_id": int(CHAT)})
    with post.db.read() as session:
        point = session.exec(select(tables.ContactPoint).where(tables.ContactPoint.channel == "telegram")).one()
        row = session.exec(select(tables.Subscriber)).one()
    assert point.guardian_id == family.guardian.id
    assert row.phone_blind == post.db.sealer.blind("address", PHONE)
    assert "kami kirim lewat Telegram ini" in post.answers()[0]


def test_a_strangers_contact_card_links_nobody(post: Post) -> None:
    with post.db.write() as session:
        make.family(session, post.db.sealer, phone=PHONE)
    post.telegram(contact={"phone_number": "6281234567890", "user_id": 1})
    with post.db.read() as session:
        assert session.exec(select(tables.ContactPoint).where(tables.ContactPoint.channel == "telegram")).all() == []
    assert "kontak orang lain" in post.answers()[0]
    assert post.db.sealer.open("reply", post.reply().sealed_text) == "[kartu kontak orang lain, tidak disimpan]"


def test_an_unknown_own_number_gets_the_same_answer_as_a_known_one(post: Post) -> None:
    with post.db.write() as session:
        make.family(session, post.db.sealer, phone=PHONE)
    post.telegram(contact={"phone_number": "6281234567890", "user_id": int(CHAT)})
    post.telegram(contact={"phone_number": "6281399998888", "user_id": 55}, chat="55")
    first, second = post.answers()
    assert first == second, "nobody learns from us whose number is registered"


def test_replies_are_kept_with_the_newest_text_they_may_answer(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
        newer = send(session, post.db, key="ambil-kartu-2")
        newer.message.intent_at = post.now + timedelta(seconds=30)
        session.add(newer.message)
    post.whatsapp("baik")
    assert post.reply().message_id == newer.message.id


def test_a_whatsapp_id_without_a_number_is_a_conversation_like_any_other(post: Post) -> None:
    post.whatsapp("dimana?", sender="ID.4566546130240823")
    with post.db.read() as session:
        row = session.exec(select(tables.Message).order_by(col(tables.Message.id))).one()
    assert post.db.sealer.open("address", row.sealed_address) == "ID.4566546130240823"
