from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import select

from broadcaster.consent.service import stop, suppress
from broadcaster.outbox.gate import GATE
from broadcaster.outbox.intent import Opened, Stopped
from broadcaster.outbox.service import enqueue_answer
from broadcaster.storage import tables
from tests import make


def _leased(outbox):
    lane = outbox.lane()
    return lane, outbox.lease(lane)


def _change(db, table, row_id, **values):
    with db.write() as session:
        row = session.get_one(table, row_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def test_a_row_that_passes_has_one_open_attempt_and_its_body_frozen(outbox, plan_one, today):
    planned = plan_one()
    opened = outbox.begin()
    message = outbox.message(planned.message_id)
    assert (message.status, message.sealed_body, message.intent_on) == ("sending", b"sealed", today)
    assert [(a.id, a.number, a.state) for a in outbox.attempts(planned.message_id)] == [(opened.attempt_id, 1, "open")]


def _opt_out(db, planned, now):
    with db.write() as session:
        blind = session.get_one(tables.Message, planned.message_id).address_blind
        stop(session, channel="whatsapp", address_blind=blind, source="reply", wording="STOP", now=now, event_id=None)


def _mark_invalid(db, planned, now):
    with db.write() as session:
        blind = session.get_one(tables.Message, planned.message_id).address_blind
        contact = session.get_one(tables.ContactPoint, planned.family.contacts[0].id)
        contact.address_blind, contact.invalid_since = blind, now
        session.add(contact)


def _heard(db, at, kind="inbound"):
    with db.write() as session:
        make.event(session, db.sealer, kind=kind).received_at = at


#: what happens between lease and intent -> (reason, state of the row)
BETWEEN = {
    "the person opts out": (_opt_out, "suppressed", "suppressed"),
    "the campaign is paused": (
        lambda db, p, now: _change(db, tables.Campaign, p.campaign.id, status="paused"),
        "campaign_paused",
        "planned",
    ),
    "the campaign is stopped": (
        lambda db, p, now: _change(db, tables.Campaign, p.campaign.id, status="stopped"),
        "campaign_stopped",
        "cancelled",
    ),
    "the sender is paused": (
        lambda db, p, now: _change(db, tables.Sender, 1, paused_until=now + timedelta(hours=1)),
        "sender_paused",
        "planned",
    ),
    "the card is collected": (
        lambda db, p, now: _change(db, tables.Card, p.family.card.id, status="collected"),
        "card_not_due",
        "cancelled",
    ),
    "the child is reported dead": (
        lambda db, p, now: _change(db, tables.Child, p.family.child.id, excluded="deceased"),
        "card_not_due",
        "cancelled",
    ),
    "somebody wrote and nobody has read it": (
        lambda db, p, now: _heard(db, now - timedelta(seconds=2)),
        "unread",
        "planned",
    ),
    "the address turns out to be dead": (_mark_invalid, "address_invalid", "cancelled"),
    "its life ends": (
        lambda db, p, now: _change(db, tables.Message, p.message_id, expires_at=now),
        "expired",
        "expired",
    ),
}


@pytest.mark.parametrize("what", BETWEEN)
def test_the_gate_stops_a_leased_row_when(what, outbox, plan_one, db, now):
    act, reason, state = BETWEEN[what]
    planned = plan_one()
    lane, rows = _leased(outbox)
    act(db, planned, now)
    stopped = outbox.intend(lane, rows)[0]
    assert isinstance(stopped, Stopped)
    assert stopped.reason == reason
    message = outbox.message(planned.message_id)
    assert (message.status, message.reason) == (state, reason)
    assert outbox.attempts(planned.message_id) == []


def test_every_check_of_the_gate_has_a_test_here():
    tested = {reason for _, reason, _ in BETWEEN.values()}
    elsewhere = {
        "late_skip",
        "late_ask",
        "mode_trial",
        "outside_hours",
        "household_cap",
        "daily_tier",
        "children_changed",
    }
    assert tested | elsewhere == {check.reason for check in GATE}


def test_what_people_wrote_is_read_before_anything_more_is_leased(outbox, plan_one, db, now):
    plan_one()
    lane = outbox.lane()
    _heard(db, now - timedelta(hours=1), kind="status")
    assert len(outbox.lease(lane, room=1)) == 1, "receipts may wait"
    plan_one()
    _heard(db, now - timedelta(seconds=1))
    assert len(outbox.lease(lane, room=1)) == 1, "the reader is at it"
    plan_one()
    assert outbox.lease(lane, now + timedelta(seconds=1)) == []
    with db.write() as session:
        for event in session.exec(select(tables.ProviderEvent)):
            event.applied_at = now
            session.add(event)
    assert len(outbox.lease(lane, now + timedelta(seconds=1))) == 1


def test_in_trial_only_test_recipients_are_written_to(outbox, plan_one, db):
    stranger, colleague = plan_one(), plan_one()
    with db.write() as session:
        address = f"+62812{colleague.family.household.id:07}"
        make.trial_recipient(session, db.sealer, "whatsapp", address)
    lane, rows = _leased(outbox)
    answers = outbox.intend(lane, rows, mode="trial")
    assert isinstance(answers[1], Opened)
    assert outbox.message(stranger.message_id).reason == "mode_trial"
    assert outbox.message(stranger.message_id).status == "suppressed"


def test_outside_the_timetable_a_campaign_row_waits_for_the_next_opening(outbox, plan_one, now):
    planned = plan_one()
    lane, rows = _leased(outbox)
    outbox.intend(lane, rows, open_now=False)
    message = outbox.message(planned.message_id)
    assert (message.status, message.due_at) == ("planned", now + timedelta(hours=3))


def test_an_answer_ignores_timetable_campaign_card_and_cap(outbox, db):
    with db.write() as session:
        answer = make.message(session, db.sealer, purpose="answer", body="Baik.").id
    lane, rows = _leased(outbox)
    assert [row.id for row in rows] == [answer]
    assert isinstance(outbox.intend(lane, rows, open_now=False, cap=0)[0], Opened)


def test_one_confirmation_passes_the_suppression_its_own_event_made(outbox, db, now):
    with db.write() as session:
        event = make.event(session, db.sealer)
        blind = db.sealer.blind("address", "+6281234567890")
        suppress(session, channel="any", address_blind=blind, reason="opt_out", now=now, event_id=event.id)
        make.message(session, db.sealer, purpose="stop_confirmation", body="Baik.", event_id=event.id)
        make.message(session, db.sealer, purpose="answer", body="Baik.", event_id=event.id)
    lane, rows = _leased(outbox)
    confirmation, answer = outbox.intend(lane, rows)
    assert isinstance(confirmation, Opened)
    assert answer.reason == "suppressed"


def test_a_household_gets_no_more_than_its_cap_in_seven_days(outbox, plan_one, now):
    first = plan_one()
    second = plan_one(household=first.family.household)
    lane, rows = _leased(outbox)
    answers = outbox.intend(lane, rows, cap=1)
    assert isinstance(answers[0], Opened)
    assert answers[1].reason == "household_cap"
    waiting = outbox.message(second.message_id)
    assert (waiting.status, waiting.due_at) == ("planned", now + timedelta(days=1))


def test_the_cap_counts_merged_households_as_one(outbox, plan_one, db, now):
    first, second = plan_one(), plan_one()
    _change(db, tables.Household, second.family.household.id, alias_of=first.family.household.id)
    lane, rows = _leased(outbox)
    answers = outbox.intend(lane, rows, cap=1)
    assert isinstance(answers[0], Opened)
    assert answers[1].reason == "household_cap"


def test_a_failed_message_does_not_count_against_the_cap(outbox, plan_one):
    first = plan_one(status="failed")
    plan_one(household=first.family.household)
    lane, rows = _leased(outbox)
    assert isinstance(outbox.intend(lane, rows, cap=1)[0], Opened)


def test_campaigns_use_four_fifths_of_the_daily_tier(outbox, plan_one, db):
    with db.write() as session:
        portfolio = session.get_one(tables.Portfolio, 1)
        portfolio.daily_tier = 5
        session.add(portfolio)
    for _ in range(6):
        plan_one()
    lane, rows = _leased(outbox)
    answers = outbox.intend(lane, rows)
    assert [isinstance(answer, Opened) for answer in answers] == [True] * 4 + [False] * 2
    assert answers[-1].reason == "daily_tier"


def test_a_message_for_three_children_is_made_again_when_one_of_them_is_served(outbox, plan_one, db):
    planned = plan_one()
    with db.write() as session:
        sister = make.child(session, db.sealer, planned.family.household, born="2020-02-02", sex="P")
        card = make.card_of(session, sister)
        session.add(
            tables.MessageChild(
                message_id=planned.message_id, child_id=sister.id, card_id=card.id, occasion="printed_uncollected"
            )
        )
    lane, rows = _leased(outbox)
    _change(db, tables.Card, card.id, status="collected")
    assert outbox.intend(lane, rows)[0].reason == "children_changed"
    again = outbox.lease(lane)
    assert isinstance(outbox.intend(lane, again)[0], Opened)


def test_public_news_wait_for_office_hours_and_an_answer_does_not(outbox, db, now):
    with db.write() as session:
        for purpose in ("news", "answer"):
            enqueue_answer(
                session, db.sealer, channel="whatsapp", address="+6281234500001", text="Halo", event_id=None,
                household_id=None, now=now, purpose=purpose, key=purpose,
            )  # fmt: skip
    lane = outbox.lane()
    leased = {one.purpose: one for one in outbox.lease(lane)}
    (closed,) = outbox.intend(lane, [leased["news"]], open_now=False)
    assert closed.reason == "outside_hours"
    (opened,) = outbox.intend(lane, [leased["answer"]], open_now=False)
    assert isinstance(opened, Opened)
