"""A stop on any channel holds on every channel, for addresses that come later too; and what lifts it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from broadcaster.campaigns.planning import plan
from broadcaster.channels.protocol import Receipt
from broadcaster.consent import service as consent
from broadcaster.delivery.consequences import act
from broadcaster.domain.message import AttemptState, ChannelKind
from broadcaster.outbox.intent import Opened
from broadcaster.outbox.record import Consequence
from broadcaster.registry.chats import link_by_phone
from broadcaster.replies import inbox
from broadcaster.storage import tables
from tests import make
from tests.integration.replies.conftest import CHAT, PHONE, Post, send

OTHER = "+6281234567899"


def linked(post: Post) -> make.Family:
    """A family with a telephone, a second one and a chat, all the mother's."""
    with post.db.write() as session:
        sent = send(session, post.db)
        guardian = sent.family.guardian
        for channel, address in (("telegram", CHAT), ("whatsapp", OTHER), ("sms", OTHER)):
            make.contact(session, post.db.sealer, guardian, channel, address)
    return sent.family


def standing(post: Post) -> dict[str, str | None]:
    """Why nothing is begun, by channel and address."""
    everything = [("whatsapp", PHONE), ("sms", PHONE), ("whatsapp", OTHER), ("sms", OTHER), ("telegram", CHAT)]
    return {f"{channel} {address[-2:]}": post.is_suppressed(address, channel) for channel, address in everything}


def refuse(post: Post, channel: str, code: str, address: str = PHONE) -> None:
    """The provider refused a text to this address with a code of the class `suppress`."""
    post.now += timedelta(minutes=1)
    with post.db.write() as session:
        sender = make.sender(session, channel)
        blind = post.db.sealer.blind("address", address)
        act(
            session,
            [Consequence("suppress", code, 0, ChannelKind(channel), sender.id or 0, None, None, blind)],
            post.now,
        )


#: how somebody stops; each is one thing a person does on one channel
STOPS = {
    "a word on WhatsApp": lambda post: post.whatsapp("STOP"),
    "a word by SMS": lambda post: post.sms("berhenti"),
    "a word on Telegram": lambda post: post.telegram("stop dulu ya"),
    "the provider's mark": lambda post: post.whatsapp("x", OptOutType="STOP"),
    "a block on Telegram": lambda post: post.member("kicked"),
    "a refusal by Telegram": lambda post: refuse(post, "telegram", "403:blocked", CHAT),
    "a refusal by SMS": lambda post: refuse(post, "sms", "21610"),
    "a refusal by WhatsApp": lambda post: refuse(post, "whatsapp", "63014"),
}


@pytest.mark.parametrize("name", STOPS)
def test_a_stop_on_one_channel_holds_on_every_channel_and_is_in_the_ledger(name: str, post: Post) -> None:
    linked(post)
    STOPS[name](post)
    assert None not in standing(post).values()
    with post.db.read() as session:
        (entry,) = session.exec(select(tables.ConsentEntry)).all()
    assert entry.decision == "out"
    assert entry.recorded_at == post.now


@pytest.mark.parametrize("name", STOPS)
def test_a_start_anywhere_lifts_what_a_stop_elsewhere_made(name: str, post: Post) -> None:
    linked(post)
    STOPS[name](post)
    post.whatsapp("MULAI", sender=OTHER)
    left = {where: reason for where, reason in standing(post).items() if reason}
    shut = {"Telegram": "telegram 00", "SMS": "sms 90", "WhatsApp": "whatsapp 90"}
    closed = {shut[name.split()[-1]]: "blocked"} if "block" in name or "refusal" in name else {}
    assert left == closed, "a channel that is shut is opened from that channel alone"


def test_the_end_of_a_block_lifts_all_that_the_block_made_and_no_stop(post: Post) -> None:
    linked(post)
    post.member("kicked")
    assert standing(post)["telegram 00"] == "blocked"
    assert standing(post)["whatsapp 90"] == "blocked_elsewhere"
    post.member("member")
    assert set(standing(post).values()) == {None}
    post.whatsapp("STOP")
    post.member("kicked")
    post.member("member")
    assert set(standing(post).values()) == {"opt_out"}


def test_a_block_and_its_end_that_arrive_in_the_wrong_order_end_as_they_happened(post: Post) -> None:
    moment = int(post.now.timestamp())
    for status, seconds in (("member", 10), ("kicked", 5)):
        post.member(status, date=moment + seconds)
    assert post.is_suppressed(CHAT, "telegram") is None
    post.member("kicked", date=moment + 20)
    post.member("member", date=moment + 20)
    assert post.is_suppressed(CHAT, "telegram") == "blocked", "within one second nobody can tell"


def test_whoever_writes_to_the_bot_does_not_block_it_any_more(post: Post) -> None:
    """The news of the end of a block got lost."""
    linked(post)
    post.member("kicked")
    post.telegram("buka jam berapa?", at=post.now - timedelta(minutes=5))
    assert post.is_suppressed(CHAT, "telegram") == "blocked", "written before it"
    post.telegram("syaratnya apa saja?")
    assert set(standing(post).values()) == {None}
    assert len(post.answers("answer")) == 1


def test_a_refusal_that_repeats_what_is_known_does_not_undo_a_newer_wish(post: Post) -> None:
    """Staff wrote down that she wants messages again; the number is still shut at the provider."""
    linked(post)
    refuse(post, "whatsapp", "63014")
    with post.db.write() as session:
        blind = post.db.sealer.blind("address", PHONE)
        consent.allow(
            session, channel="any", address_blind=blind, source="staff", wording="petugas", now=post.now + timedelta(1)
        )
    post.now += timedelta(2)
    assert set(standing(post).values()) == {None}
    refuse(post, "whatsapp", "63014")
    assert {where: reason for where, reason in standing(post).items() if reason} == {"whatsapp 90": "blocked"}


def test_an_old_stop_that_arrives_after_a_newer_start_changes_nothing(post: Post) -> None:
    written = post.now
    post.telegram("MULAI", at=written + timedelta(minutes=2))
    post.telegram("STOP", at=written + timedelta(minutes=1))
    assert post.is_suppressed(CHAT, "telegram") is None
    assert post.answers("stop_confirmation") == []
    with post.db.read() as session:
        entries = session.exec(select(tables.ConsentEntry).order_by(col(tables.ConsentEntry.id))).all()
    assert [entry.decision for entry in entries] == ["in", "out"], "both are on record"


def test_a_start_of_the_same_second_lifts_nothing(post: Post) -> None:
    moment = post.now + timedelta(minutes=1)
    post.telegram("STOP", at=moment)
    post.telegram("MULAI", at=moment)
    assert post.is_suppressed(CHAT, "telegram") == "opt_out"


def test_a_start_without_a_moment_that_came_with_the_stop_lifts_nothing(post: Post) -> None:
    """Two calls of Twilio, which carry no time: which was written first, nobody can tell."""
    from broadcaster.channels import twilio_events
    from broadcaster.outbox.service import keep_event

    with post.db.write() as session:
        for sid, text in (("SM1", "STOP"), ("SM2", "MULAI")):
            event = twilio_events.inbound_event(sid, [("From", f"whatsapp:{PHONE}"), ("Body", text)])
            keep_event(session, post.db.sealer, event, post.now)
    post.apply()
    assert post.is_suppressed(PHONE) == "opt_out"


def test_a_telephone_that_an_import_brings_later_takes_part_in_the_stop(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
    post.whatsapp("STOP")
    with post.db.write() as session:
        last = max(point.id or 0 for point in session.exec(select(tables.ContactPoint)))
        make.contact(session, post.db.sealer, sent.family.guardian, "sms", OTHER)
        stranger = make.family(session, post.db.sealer)
        from broadcaster.consent.joining import joined_since

        joined_since(session, last, post.now)
        theirs = post.db.sealer.open("address", stranger.contacts[0].sealed_address)
    assert post.is_suppressed(OTHER, "sms") == "opt_out"
    assert post.is_suppressed(theirs, "sms") is None
    post.sms("MULAI", sender=OTHER)
    assert post.is_suppressed(PHONE) is None


def test_a_pause_after_a_death_holds_for_a_telephone_that_comes_later(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
        home = sent.family.household.id or 0
    post.whatsapp("anak saya sudah meninggal pak")
    with post.db.write() as session:
        last = max(point.id or 0 for point in session.exec(select(tables.ContactPoint)))
        make.contact(session, post.db.sealer, sent.family.guardian, "whatsapp", OTHER)
        from broadcaster.consent.joining import joined_since

        joined_since(session, last, post.now)
    assert post.is_suppressed(OTHER, household=home) == "staff"
    assert post.is_suppressed(OTHER, household=home + 1) is None


def link(post: Post) -> None:
    with post.db.write() as session:
        link_by_phone(
            session, post.db.sealer, phone_blind=post.db.sealer.blind("address", PHONE), chat_id=CHAT, now=post.now
        )


def test_a_chat_that_is_linked_later_takes_part_in_the_stop(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.whatsapp("STOP")
    link(post)
    assert post.is_suppressed(CHAT, "telegram") == "opt_out"


def test_a_chat_whose_start_is_newer_than_the_stop_takes_the_stop_back_when_it_is_linked(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.whatsapp("STOP")
    post.telegram("/start")
    assert post.is_suppressed(PHONE) == "opt_out", "nobody knows yet whose chat that is"
    link(post)
    assert [post.is_suppressed(PHONE), post.is_suppressed(CHAT, "telegram")] == [None, None]


def test_a_chat_whose_start_is_older_than_the_stop_is_stopped_when_it_is_linked(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.telegram("/start")
    post.whatsapp("STOP")
    link(post)
    assert post.is_suppressed(CHAT, "telegram") == "opt_out"


def test_a_stop_from_a_hidden_number_reaches_the_number_by_the_text_it_answers(post: Post) -> None:
    """WhatsApp gives no number; the pressed button, or the text it was written under, says whom we wrote to."""
    hidden = "ID.4566546130240823"
    with post.db.write() as session:
        sent = send(session, post.db)
        provider_id = session.exec(select(tables.Attempt.provider_id)).one()
    post.whatsapp("Berhenti", sender=hidden, ButtonPayload=f"opt_out:{sent.reference}")
    assert post.is_suppressed(PHONE) == "opt_out"
    assert post.state() == "done"
    post.whatsapp("MULAI", sender=hidden, OriginalRepliedMessageSid=str(provider_id))
    assert post.is_suppressed(PHONE) is None
    post.whatsapp("stop", sender=hidden, OriginalRepliedMessageSid=str(provider_id))
    assert post.is_suppressed(PHONE) == "opt_out"


def test_a_stop_from_a_hidden_number_that_answers_nothing_waits_for_a_person(post: Post) -> None:
    post.whatsapp("STOP", sender="ID.4566546130240823")
    assert post.state() == "open", "whose number that is, only a person can find out"


def test_a_button_somebody_else_pressed_stops_and_never_starts_for_the_family(post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
    post.whatsapp("STOP")
    post.whatsapp("Mulai", sender=OTHER, ButtonPayload=f"opt_in:{sent.reference}")
    assert post.is_suppressed(PHONE) == "opt_out"


def test_nobody_of_a_family_that_asked_us_to_stop_is_put_on_the_officers_list(outbox, post: Post) -> None:
    with post.db.write() as session:
        sent = send(session, post.db)
        make.message(
            session, post.db.sealer, household=sent.family.household, campaign=sent.campaign, card=sent.family.card,
            channel="village_list", address=f"household:{sent.family.household.id}",
        )  # fmt: skip
    post.whatsapp("STOP")
    lane = outbox.lane_of("village_list")
    (stopped,) = outbox.intend(lane, outbox.lease(lane))
    assert stopped.reason == "suppressed"


# ------------------------------------------------------------------------------------------------------------- answers


def answer(post: Post, text: str = "Buka sampai jam tiga, Bu.") -> int:
    """What a person of the office writes in the newest conversation."""
    with post.db.write() as session:
        if session.exec(select(tables.Staff)).first() is None:
            make.staff(session, "rina", "replier")
        newest = session.exec(select(tables.Conversation).order_by(col(tables.Conversation.last_at).desc())).first()
    assert newest is not None
    post.now += timedelta(minutes=1)
    return inbox.answer(post.db, newest.id or 0, text, by="rina", now=post.now)


def leaves(outbox, post: Post, message_id: int, channel: str = "whatsapp") -> bool:
    lane = outbox.lane_of(channel, post.now)
    rows = outbox.lease(lane, post.now)
    answers = dict(zip([row.id for row in rows], outbox.intend(lane, rows, post.now), strict=True))
    return isinstance(answers[message_id], Opened)


def test_what_is_asked_after_a_stop_is_answered_by_a_person(outbox, post: Post) -> None:
    post.whatsapp("STOP")
    post.whatsapp("eh, buka sampai jam berapa?")
    assert post.answers("answer") == [], "nothing automatic"
    assert leaves(outbox, post, answer(post))


def test_an_answer_that_waits_when_the_stop_comes_does_not_leave(outbox, post: Post) -> None:
    post.whatsapp("kelamaan, kecewa saya")
    waiting = answer(post)
    post.whatsapp("STOP")
    assert not leaves(outbox, post, waiting)


def test_whoever_wants_no_contact_at_all_is_not_answered_either(post: Post) -> None:
    from broadcaster.errors import Blocked

    with post.db.write() as session:
        blind = post.db.sealer.blind("address", PHONE)
        consent.stop(
            session, channel="any", address_blind=blind, source="staff", wording="petugas", now=post.now, event_id=None,
            purpose="all",
        )  # fmt: skip
    post.whatsapp("buka sampai jam berapa?")
    with pytest.raises(Blocked):
        answer(post)


def test_after_a_death_and_a_wrong_number_a_persons_answer_leaves(outbox, post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.whatsapp("anak saya sudah meninggal pak")
    post.whatsapp("maaf salah nomor", sender=OTHER)
    post.whatsapp("syaratnya apa?", sender=OTHER)
    assert len(post.answers("answer")) == 1, "one by itself to whoever asks"
    post.whatsapp("kapan saya ditelepon?")
    assert leaves(outbox, post, answer(post, "Kami turut berdukacita, Bu."))


def test_a_stop_confirmation_passes_nothing_but_the_stop_of_its_own_event(outbox, post: Post, now: datetime) -> None:
    post.whatsapp("STOP")
    refuse(post, "whatsapp", "63014")
    with post.db.read() as session:
        confirmation = session.exec(select(tables.Message).where(tables.Message.purpose == "stop_confirmation")).one()
    assert not leaves(outbox, post, confirmation.id or 0)


def test_a_receipt_that_tells_of_a_block_stops_the_other_channels_in_the_same_commit(post: Post) -> None:
    from broadcaster.delivery.evidence import apply
    from broadcaster.outbox.record import CodeClass

    linked(post)
    with post.db.write() as session:
        attempt = session.exec(select(tables.Attempt)).one()
        receipt = Receipt(make.reference(attempt), "", AttemptState.FAILED, "63014")
        apply(
            session, receipt, account="twilio", event_id=None, now=post.now,
            classify=lambda _channel, _code, _receipt: CodeClass("suppress"),
        )  # fmt: skip
    assert None not in standing(post).values()


def test_nothing_is_planned_any_more_for_somebody_who_stopped(post: Post) -> None:
    with post.db.write() as session:
        send(session, post.db)
    post.whatsapp("STOP")
    from zoneinfo import ZoneInfo

    assert plan(post.db, post.now, ZoneInfo("Asia/Jakarta")) == 0
