"""What can come between two steps of one text, by name. Every one of them on both databases, through the product's functions.

The same in any order and number: tests/stateful.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from broadcaster.channels.protocol import Accepted, Deferred, Limits, Receipt, Rejected, Unknown
from broadcaster.consent.service import stop
from broadcaster.delivery import drain as drain_room
from broadcaster.delivery.evidence import apply
from broadcaster.domain.message import AttemptState as A
from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.intent import Opened, Stopped
from broadcaster.outbox.lease import LANE, lease, take_lane
from broadcaster.outbox.rules import INTENT_FRESH, LEASE, RETRY_AFTER_RECEIPT, reference
from broadcaster.outbox.sweep import sweep
from broadcaster.outbox.unknown import decide
from broadcaster.storage import tables
from tests import make
from tests.integration.outbox.conftest import Outbox, classify
from tests.integration.outbox.wire import BODY, wire
from tests.stateful import acts
from tests.stateful.district import settle

LIFE = timedelta(seconds=30)


def _change(db, table, row_id, **values):
    with db.write() as session:
        row = session.get_one(table, row_id)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)


def _states(outbox, message_id):
    return [attempt.state for attempt in outbox.attempts(message_id)]


def _stop_word(db, message_id, now):
    with db.write() as session:
        blind = session.get_one(tables.Message, message_id).address_blind
        stop(session, channel="whatsapp", address_blind=blind, source="reply", wording="STOP", now=now, event_id=None)


def _merge(db, gone, kept):
    """What an import does when it finds that two families are one."""
    with db.write() as session:
        for table in (tables.Child, tables.Guardian, tables.HouseholdKk):
            for row in session.exec(select(table).where(table.household_id == gone.id)).all():
                row.household_id = kept.id
                session.add(row)
        session.get_one(tables.Household, gone.id).alias_of = kept.id


# --- a sender that stalls ----------------------------------------------------------------------------


def test_a_stalled_sender_that_wakes_after_its_lease_begins_nothing(outbox, plan_one, now):
    planned = plan_one()
    lane = outbox.lane()
    rows = outbox.lease(lane)
    woken = outbox.intend(lane, rows, now + LEASE)
    assert (woken[0].status, woken[0].reason) == (None, "lease_lost")
    assert outbox.attempts(planned.message_id) == []
    sweep(outbox.db, now + LEASE, intent_life=LIFE)
    assert outbox.message(planned.message_id).status == "planned"


def test_a_stalled_sender_leaves_alone_what_the_next_holder_has_begun(outbox, plan_one, now):
    """Its row may even be refused by the gate meanwhile: what is not ours any more is not touched for that either."""
    planned = plan_one()
    stalled = outbox.lane("stalled")
    rows = outbox.lease(stalled)
    later = now + LEASE
    sweep(outbox.db, later, intent_life=LIFE)
    fresh = outbox.lane("fresh", later)
    begun = outbox.intend(fresh, outbox.lease(fresh, later), later)
    assert isinstance(begun[0], Opened)
    _stop_word(outbox.db, planned.message_id, later)
    assert outbox.intend(stalled, rows, later)[0].reason == "lease_lost"
    assert outbox.message(planned.message_id).status == "sending"
    assert _states(outbox, planned.message_id) == ["open"]


def test_a_holder_whose_lane_was_taken_over_begins_nothing_even_within_its_lease(outbox, plan_one, now):
    planned = plan_one()
    stalled = outbox.lane("stalled")
    rows = outbox.lease(stalled)
    later = now + LANE
    assert later < now + LEASE
    outbox.lane("fresh", later)
    assert outbox.intend(stalled, rows, later)[0].reason == "lease_lost"
    assert outbox.attempts(planned.message_id) == []


def test_a_row_leased_twice_by_one_process_is_begun_once(outbox, plan_one, now):
    """It stalled with the row in memory, the lease went over, and it leased the row again: both want to be begun now."""
    planned = plan_one()
    lane = outbox.lane()
    old = outbox.lease(lane)
    later = now + LEASE
    sweep(outbox.db, later, intent_life=LIFE)
    lane = outbox.lane("test", later)
    answers = outbox.intend(lane, old + outbox.lease(lane, later), later)
    assert [type(answer).__name__ for answer in answers] == ["Stopped", "Opened"]
    assert _states(outbox, planned.message_id) == ["open"]


ANSWERS = {
    "accepted": (Accepted("SM1"), "accepted", "accepted"),
    "deferred changes nothing": (Deferred("connect_refused"), "unknown", "unknown"),
    "refused for good": (Rejected("63024"), "failed", "failed"),
    "refused for now": (Rejected("99999"), "failed", "planned"),
    "refused by our own fault": (Rejected("63041"), "failed", "planned"),
    "unknown": (Unknown("cut"), "unknown", "unknown"),
}


def test_a_sender_whose_intent_went_over_time_and_then_answers(outbox, plan_one, now):
    planned = {name: plan_one() for name in ANSWERS}
    lane = outbox.lane()
    opened = outbox.intend(lane, outbox.lease(lane))
    sweep(outbox.db, now + LIFE, intent_life=LIFE)
    for (name, (answer, attempt, status)), one in zip(ANSWERS.items(), opened, strict=True):
        message_id = planned[name].message_id
        assert outbox.message(message_id).status == "unknown"
        outbox.answer(one.attempt_id, answer, now + LIFE)
        message = outbox.message(message_id)
        assert (_states(outbox, message_id), message.status) == ([attempt], status), name
        assert message.reason or status == "accepted", name


def test_a_late_refusal_of_a_text_that_a_person_has_written_again_does_not_send_it_a_third_time(outbox, plan_one, now):
    """The office's own decision stands: the old text is closed, its replacement is the only one that leaves."""
    planned = plan_one(cohort=_cohort(outbox))
    opened = outbox.begin()
    sweep(outbox.db, now + LIFE, intent_life=LIFE)
    later = now + timedelta(hours=1)
    new = _write_again(outbox, planned.message_id, later)
    outbox.answer(opened.attempt_id, Rejected("99999"), later)
    assert outbox.message(planned.message_id).status == "failed"
    lane = outbox.lane("test", later)
    assert [row.id for row in outbox.lease(lane, later + timedelta(hours=3))] == [new]


def test_a_late_failure_receipt_of_a_text_written_again_does_not_send_it_a_third_time(outbox, plan_one, now):
    planned = plan_one(cohort=_cohort(outbox))
    opened = outbox.begin()
    sweep(outbox.db, now + LIFE, intent_life=LIFE)
    later = now + timedelta(hours=1)
    _write_again(outbox, planned.message_id, later)
    outbox.receipt(opened.attempt_id, A.FAILED, "63049", later)
    message = outbox.message(planned.message_id)
    assert (message.status, message.reason) == ("failed", "receipt:63049")


def _cohort(outbox):
    with outbox.db.write() as session:
        return make.cohort(session, make.campaign(session, "lain"))


def _write_again(outbox, message_id, now):
    with outbox.db.write() as session:
        make.staff(session)
    return decide(outbox.db, message_id, "write-again", by="sari", now=now).new_message_id


# --- late answers and receipts, from each state ------------------------------------------------------

#: what is known when our own answer is recorded -> answer -> (attempt, message)
LATE = {
    "sent": {"accepted": ("sent", "sent"), "refused for good": ("failed", "failed"), "unknown": ("sent", "sent"),
             "deferred": ("sent", "sent"), "refused for now": ("failed", "failed")},
    "delivered": dict.fromkeys(
        ("accepted", "refused for good", "unknown", "deferred", "refused for now"), ("delivered", "delivered")
    ),
    "failed for good": dict.fromkeys(
        ("accepted", "refused for good", "unknown", "deferred", "refused for now"), ("failed", "failed")
    ),
    "failed for now": dict.fromkeys(
        ("accepted", "refused for good", "unknown", "deferred", "refused for now"), ("failed", "planned")
    ),
    "failed, and nobody understands why": dict.fromkeys(
        ("accepted", "refused for good", "unknown", "deferred", "refused for now"), ("unknown", "unknown")
    ),
}  # fmt: skip
OVERTAKING = {
    "sent": (A.SENT, ""),
    "delivered": (A.DELIVERED, ""),
    "failed for good": (A.FAILED, "63024"),
    "failed for now": (A.FAILED, "63049"),
    "failed, and nobody understands why": (A.FAILED, "30008"),
}
OWN = {
    "accepted": Accepted("SM1"),
    "refused for good": Rejected("63024"),
    "refused for now": Rejected("63049"),
    "unknown": Unknown("cut"),
    "deferred": Deferred("connect_refused"),
}


@pytest.mark.parametrize("known", OVERTAKING)
def test_our_own_answer_after_a_receipt_that_was_faster(known, outbox, plan_one):
    planned = {name: plan_one() for name in OWN}
    lane = outbox.lane()
    opened = outbox.intend(lane, outbox.lease(lane))
    for (name, answer), one in zip(OWN.items(), opened, strict=True):
        message_id = planned[name].message_id
        outbox.receipt(one.attempt_id, *OVERTAKING[known])
        reason = outbox.message(message_id).reason
        outbox.answer(one.attempt_id, answer)
        attempt, status = LATE[known][name]
        message = outbox.message(message_id)
        assert (_states(outbox, message_id), message.status) == ([attempt], status), name
        if status in ("failed", "planned", "unknown"):
            assert message.reason == (reason or f"rejected:{answer.code}"), "why it ended is not forgotten"
        recorded = outbox.attempt(one.attempt_id)
        assert recorded.answer, "a late answer is always recorded"
        assert recorded.closed_at is not None


def test_receipts_end_at_the_same_state_in_whatever_order_they_come(outbox, plan_one):
    """Also the failure that nobody understands: it ranks as the failure it is, though it is shown as unknown."""
    first, second = plan_one(), plan_one()
    lane = outbox.lane()
    for opened in outbox.intend(lane, outbox.lease(lane)):
        receipts = [(A.SENT, ""), (A.FAILED, "30008")]
        for receipt in receipts if opened.message_id == first.message_id else reversed(receipts):
            outbox.receipt(opened.attempt_id, *receipt)
    ends = [(outbox.message(one.message_id).status, _states(outbox, one.message_id)) for one in (first, second)]
    assert ends == [("unknown", ["unknown"])] * 2


def test_a_second_failure_does_not_bring_back_what_the_first_left_unknown(outbox, plan_one):
    planned = plan_one()
    opened = outbox.begin()
    outbox.receipt(opened.attempt_id, A.FAILED, "30008")
    outbox.receipt(opened.attempt_id, A.FAILED, "63049")
    assert outbox.message(planned.message_id).status == "unknown"


def test_a_false_failure_followed_by_delivered_ends_the_waiting_retry(outbox, plan_one, now):
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, Accepted("SM1"))
    outbox.receipt(opened.attempt_id, A.FAILED, "63049")
    assert outbox.message(planned.message_id).status == "planned"
    outbox.receipt(opened.attempt_id, A.DELIVERED)
    assert outbox.message(planned.message_id).status == "delivered"
    assert outbox.lease(outbox.lane(), now + timedelta(hours=2)) == []


def test_a_false_failure_followed_by_delivered_stops_a_retry_that_is_leased_already(outbox, plan_one, now):
    planned = plan_one()
    first = outbox.begin()
    outbox.receipt(first.attempt_id, A.FAILED, "63049")
    later = now + RETRY_AFTER_RECEIPT
    lane = outbox.lane("test", later)
    rows = outbox.lease(lane, later)
    outbox.receipt(first.attempt_id, A.DELIVERED, now=later)
    assert outbox.intend(lane, rows, later)[0].reason == "lease_lost"
    assert _states(outbox, planned.message_id) == ["delivered"]


def _two_in_flight(outbox, plan_one, now):
    """A text whose first attempt was reported failed, and whose second is on its way."""
    planned = plan_one()
    first = outbox.begin()
    outbox.answer(first.attempt_id, Accepted("SM1"))
    outbox.receipt(first.attempt_id, A.FAILED, "63049")
    later = now + RETRY_AFTER_RECEIPT
    lane = outbox.lane("test", later)
    second = outbox.intend(lane, outbox.lease(lane, later), later)[0]
    assert isinstance(second, Opened)
    return planned.message_id, first.attempt_id, second.attempt_id, later


#: what becomes of the second attempt after the first was delivered after all -> (attempt, message)
SECOND = {
    "accepted": (Accepted("SM2"), "accepted"),
    "deferred": (Deferred("connect_refused"), "deferred"),
    "refused for now": (Rejected("99999"), "failed"),
    "unknown": (Unknown("cut"), "unknown"),
}


@pytest.mark.parametrize("name", SECOND)
def test_with_two_attempts_in_flight_the_first_arrives_and_there_is_no_third(name, outbox, plan_one, now):
    answer, state = SECOND[name]
    message_id, first, second, later = _two_in_flight(outbox, plan_one, now)
    outbox.receipt(first, A.DELIVERED, now=later)
    outbox.answer(second, answer, later)
    assert (_states(outbox, message_id), outbox.message(message_id).status) == (["delivered", state], "delivered")
    sweep(outbox.db, later + LIFE, intent_life=LIFE)
    assert outbox.message(message_id).status == "delivered"


def test_with_two_attempts_in_flight_a_failure_of_the_second_makes_no_third_after_the_first_arrived(
    outbox, plan_one, now
):
    message_id, first, second, later = _two_in_flight(outbox, plan_one, now)
    outbox.answer(second, Accepted("SM2"), later)
    outbox.receipt(first, A.DELIVERED, now=later)
    outbox.receipt(second, A.FAILED, "63049", later)
    assert (_states(outbox, message_id), outbox.message(message_id).status) == (["delivered", "failed"], "delivered")
    assert outbox.lease(outbox.lane("test", later), later + timedelta(days=1)) == []


def test_a_receipt_that_contradicts_a_deferred_attempt_ends_the_waiting(outbox, plan_one, now):
    """We were told that nothing left us, and then that it is on its way: it is not sent again."""
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, Deferred("429"))
    outbox.receipt(opened.attempt_id, A.SENT)
    assert outbox.message(planned.message_id).status == "sent"
    assert outbox.lease(outbox.lane(), now + timedelta(days=1)) == []


def test_evidence_for_a_deferred_attempt_stops_a_retry_of_the_one_after_it(outbox, plan_one, now):
    planned = plan_one()
    first = outbox.begin()
    outbox.answer(first.attempt_id, Deferred("429", after=30))
    later = now + timedelta(seconds=30)
    lane = outbox.lane("test", later)
    second = outbox.intend(lane, outbox.lease(lane, later), later)[0]
    outbox.receipt(first.attempt_id, A.SENT, now=later)
    outbox.answer(second.attempt_id, Deferred("connect_refused"), later)
    assert outbox.message(planned.message_id).status == "sent"


def test_a_failure_receipt_does_not_bring_back_what_was_called_off(outbox, plan_one, db, now):
    """The campaign is stopped while a deferred text waits; a strange receipt for its try changes nothing about that."""
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, Deferred("429"))
    _change(db, tables.Message, planned.message_id, status="cancelled", reason="campaign_stopped")
    outbox.receipt(opened.attempt_id, A.FAILED, "63049")
    message = outbox.message(planned.message_id)
    assert (message.status, message.reason) == ("cancelled", "campaign_stopped")


def test_what_arrives_after_all_calls_off_the_next_channel(outbox, plan_one, db, now):
    first = plan_one(cohort=_cohort(outbox))
    opened = outbox.begin()
    outbox.receipt(opened.attempt_id, A.FAILED, "63024")
    with db.write() as session:
        row = session.get_one(tables.Message, first.message_id)
        row.followed_at = now
        cohort = session.get_one(tables.Cohort, row.cohort_id)
        second = make.message(
            session, db.sealer, household=first.family.household, campaign=first.campaign, cohort=cohort,
            card=first.family.card, channel="sms", hop=1,
        ).id  # fmt: skip
    outbox.receipt(opened.attempt_id, A.DELIVERED)
    assert outbox.message(first.message_id).status == "delivered"
    assert (outbox.message(second).status, outbox.message(second).reason) == ("cancelled", "arrived_before")


def test_a_receipt_before_our_own_record_is_enough_to_know_the_text_later_by_the_providers_id(
    outbox, plan_one, db, now
):
    planned = plan_one()
    opened = outbox.begin()
    ours = Receipt(reference(make.INSTANCE, opened.attempt_id), "SM1", A.SENT)
    theirs = Receipt("", "SM1", A.DELIVERED)
    for receipt in (ours, theirs):
        with db.write() as session:
            assert apply(session, receipt, account="twilio", event_id=None, now=now, classify=classify) == "applied"
    assert outbox.message(planned.message_id).status == "delivered"


def test_a_webhook_for_an_attempt_of_another_installation_changes_nothing(outbox, plan_one, db, now):
    planned = plan_one()
    opened = outbox.begin()
    for receipt in (
        Receipt(reference("ffffffff", opened.attempt_id), "SM9", A.DELIVERED),
        Receipt(reference(make.INSTANCE, opened.attempt_id + 1), "SM9", A.DELIVERED),
        Receipt(reference(make.INSTANCE, opened.attempt_id) + "x", "", A.DELIVERED),
    ):
        with db.write() as session:
            outcome = apply(session, receipt, account="twilio", event_id=None, now=now, classify=classify)
        assert outcome == "unknown_reference"
    assert outbox.message(planned.message_id).status == "sending"


# --- the office changes something in between ---------------------------------------------------------


@pytest.mark.parametrize("moment", ["before the lease", "between lease and intent", "between intent and record"])
def test_a_household_merge_in_between_neither_loses_nor_doubles_a_text(moment, outbox, plan_one, db):
    kept, gone = plan_one(), plan_one()
    lane = outbox.lane()
    if moment == "before the lease":
        _merge(db, gone.family.household, kept.family.household)
    rows = outbox.lease(lane)
    if moment == "between lease and intent":
        _merge(db, gone.family.household, kept.family.household)
    opened = outbox.intend(lane, rows)
    if moment == "between intent and record":
        _merge(db, gone.family.household, kept.family.household)
    assert all(isinstance(one, Opened) for one in opened)
    for number, one in enumerate(opened):
        outbox.answer(one.attempt_id, Accepted(f"SM{number}"))
    for planned in (kept, gone):
        assert (_states(outbox, planned.message_id), outbox.message(planned.message_id).status) == (
            ["accepted"],
            "accepted",
        )


def test_a_wording_that_is_edited_between_two_attempts_does_not_change_the_text(outbox, plan_one, db, now):
    with db.write() as session:
        old, new = make.template(session), make.template(session, "ambil-kartu-2")
    planned = plan_one(template_version_id=old.id)
    outbox.answer(outbox.begin().attempt_id, Deferred("connect_refused", after=30))
    _change(db, tables.Message, planned.message_id, template_version_id=new.id)
    rows = outbox.lease(outbox.lane(), now + timedelta(seconds=30))
    assert [row.sealed_body for row in rows] == [b"sealed"]


# --- opt-out and pause -------------------------------------------------------------------------------


def test_after_a_stop_word_only_what_was_in_flight_may_still_leave(outbox, plan_one, now):
    """One is begun, one is leased, one waits; the word comes; the first is out of our hands and the only one."""
    first = plan_one()
    blind = {"address": f"+62812{first.family.household.id:07}"}
    lane = outbox.lane()
    begun = outbox.intend(lane, outbox.lease(lane))
    second = _for(outbox, first, "ambil-kartu-2", **blind)
    rows = outbox.lease(lane)
    third = _for(outbox, first, "ambil-kartu-3", **blind)
    _stop_word(outbox.db, first.message_id, now)
    refused = outbox.intend(lane, rows) + outbox.intend(lane, outbox.lease(lane))
    assert [one.reason for one in refused] == ["suppressed"] * 2
    outbox.answer(begun[0].attempt_id, Accepted("SM1"))
    statuses = [outbox.message(one).status for one in (first.message_id, second, third)]
    assert statuses == ["accepted", "suppressed", "suppressed"]


def test_after_a_stop_word_a_deferred_text_does_not_come_again(outbox, plan_one, now):
    planned = plan_one()
    opened = outbox.begin()
    _stop_word(outbox.db, planned.message_id, now)
    outbox.answer(opened.attempt_id, Deferred("connect_refused", after=30))
    later = now + timedelta(seconds=30)
    lane = outbox.lane("test", later)
    assert outbox.intend(lane, outbox.lease(lane, later), later)[0].reason == "suppressed"


@pytest.mark.parametrize(("state", "ends"), [("paused", "planned"), ("stopped", "cancelled")])
def test_a_campaign_paused_or_stopped_in_between_lets_only_what_was_in_flight_leave(
    state, ends, outbox, plan_one, db, now
):
    begun_one = plan_one()
    lane = outbox.lane()
    begun = outbox.intend(lane, outbox.lease(lane))
    leased_one = plan_one()
    rows = outbox.lease(lane)
    _change(db, tables.Campaign, begun_one.campaign.id, status=state)
    assert outbox.intend(lane, rows)[0].status == ends
    outbox.answer(begun[0].attempt_id, Accepted("SM1"))
    assert outbox.message(begun_one.message_id).status == "accepted"
    assert outbox.message(leased_one.message_id).status == ends
    assert outbox.lease(lane) == []


def _for(outbox, planned, step, **columns):
    with outbox.db.write() as session:
        return make.message(
            session, outbox.db.sealer, household=planned.family.household, campaign=planned.campaign,
            card=planned.family.card, step=step, **columns,
        ).id  # fmt: skip


# --- two at once -------------------------------------------------------------------------------------


def test_two_holders_that_want_one_lane_at_the_same_moment(outbox, plan_one, db, now):
    for _ in range(20):
        plan_one()
    sender = outbox.sender_id()
    start = threading.Barrier(4)

    def run(holder):
        start.wait()
        lane = take_lane(db, sender, holder, now)
        return [] if lane is None else [row.id for row in lease(db, lane, now, campaigns=True).rows]

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(run, ["one", "two", "three", "four"]))
    assert sorted(map(len, found)) == [0, 0, 0, 20]


def test_two_threads_of_one_holder_lease_no_row_twice(outbox, plan_one, db, now):
    for _ in range(30):
        plan_one()
    lane = outbox.lane()
    start = threading.Barrier(3)

    def run(_):
        start.wait()
        return [row.id for row in lease(db, lane, now, campaigns=True, room=10).rows]

    with ThreadPoolExecutor(3) as threads:
        found = [row for rows in threads.map(run, range(3)) for row in rows]
    assert len(found) == len(set(found)) == 30


@pytest.mark.parametrize("turn", range(5))
def test_two_lanes_that_race_for_one_households_cap_begin_one_text(turn, outbox, plan_one, db, now, today):
    """Two channels, two connections, one moment; a merged household counts as one."""
    first = plan_one()
    other = plan_one(channel="sms")
    if turn % 2:
        _merge(db, other.family.household, first.family.household)
    else:
        _change(db, tables.Message, other.message_id, household_id=first.family.household.id)
    ready = []
    for channel in ("whatsapp", "sms"):
        lane = take_lane(db, outbox.sender_id(channel), channel, now)
        ready.append((lane, lease(db, lane, now, campaigns=True).rows))
    start = threading.Barrier(2)

    def run(leased):
        start.wait()
        return outbox.intend(*leased, cap=1)[0]

    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(run, ready))
    assert sorted(type(answer).__name__ for answer in answers) == ["Opened", "Stopped"]
    assert [answer.reason for answer in answers if isinstance(answer, Stopped)] == ["household_cap"]


def test_the_answer_and_a_receipt_of_one_attempt_at_the_same_moment(outbox, plan_one):
    planned = plan_one()
    opened = outbox.begin()
    start = threading.Barrier(2)

    def answer():
        start.wait()
        outbox.answer(opened.attempt_id, Accepted("SM1"))

    def receipt():
        start.wait()
        outbox.receipt(opened.attempt_id, A.DELIVERED)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(answer), threads.submit(receipt)]:
            done.result()
    assert (_states(outbox, planned.message_id), outbox.message(planned.message_id).status) == (
        ["delivered"],
        "delivered",
    )


def test_the_sweep_and_the_answer_of_one_attempt_at_the_same_moment(outbox, plan_one, now):
    planned = plan_one()
    opened = outbox.begin()
    start = threading.Barrier(2)

    def answer():
        start.wait()
        outbox.answer(opened.attempt_id, Accepted("SM1"), now + LIFE)

    def swept():
        start.wait()
        sweep(outbox.db, now + LIFE, intent_life=LIFE)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(answer), threads.submit(swept)]:
            done.result()
    assert (_states(outbox, planned.message_id), outbox.message(planned.message_id).status) == (
        ["accepted"],
        "accepted",
    )


# --- a row that raises -------------------------------------------------------------------------------


def _due(db, sealer, number, **columns):
    with db.write() as session:
        make.sender(session, "sms", pace=100)
        return [
            make.message(
                session, sealer, channel="sms", purpose="answer", address=f"+6281311{one:06}",
                **{"body": BODY, **columns},
            ).id
            for one in range(number)
        ]  # fmt: skip


@pytest.fixture
def sms(db, outbox):
    with db.write() as session:
        make.sender(session, "sms", pace=100)
    return outbox.sender_id("sms")


#: what is wrong with one row of five -> its reason
DAMAGE = {
    "its address does not open": ({"sealed_address": b"\x01damaged"}, "cannot_render:unsealable"),
    "its text does not open": ({"sealed_body": b"\x01damaged"}, "cannot_render:unsealable"),
    "its text is no text": ("not JSON", "error:JSONDecodeError"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_row_that_cannot_be_made_ready_fails_alone(name, db, outbox, sms, now):
    change, reason = DAMAGE[name]
    rows = _due(db, db.sealer, 5)
    if isinstance(change, str):
        change = {"sealed_body": db.sealer.seal("body", change)}
    _change(db, tables.Message, rows[2], **change)

    async def run():
        async with wire(db, now) as found:
            await found.drain(sms)
            return len(found.texts)

    assert asyncio.run(run()) == 4
    ended = [(outbox.message(row).status, outbox.message(row).reason) for row in rows]
    assert ended == [("accepted", "")] * 2 + [("failed", reason)] + [("accepted", "")] * 2


def test_a_family_whose_name_does_not_open_fails_alone(db, outbox, plan_one, now):
    """Texts are filled for many families at once; one damaged name must not hold up the lane."""
    with db.write() as session:
        version = make.template(session)
        make.facts(session)
        make.sender(session, "sms", pace=100)
    rows = [plan_one(channel="sms", template_version_id=version.id) for _ in range(3)]
    with db.write() as session:
        for table in (tables.Guardian, tables.Child):
            for damaged in session.exec(select(table).where(table.household_id == rows[1].family.household.id)):
                damaged.sealed_name = b"\x01damaged"
                session.add(damaged)

    async def run():
        async with wire(db, now) as found:
            await found.drain(outbox.sender_id("sms"))
            return len(found.texts)

    assert asyncio.run(run()) == 2
    assert [outbox.message(one.message_id).status for one in rows] == ["accepted", "failed", "accepted"]


def _refuse_changes_of(db, table, row_id, code="P0001"):
    """The database itself refuses any change of one row: damage that no code of ours foresees. `code` is PostgreSQL's."""
    if db.kind == "sqlite":
        statements = [
            f"CREATE TRIGGER broken BEFORE UPDATE ON {table} WHEN OLD.id = {row_id} AND NEW.status <> 'claimed'"
            " BEGIN SELECT RAISE(ABORT, 'damaged'); END"
        ]
    else:
        statements = [
            "CREATE FUNCTION damaged() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE EXCEPTION 'damaged' USING ERRCODE = '{code}'; END $$",
            f"CREATE TRIGGER broken BEFORE UPDATE ON {table} FOR EACH ROW"
            f" WHEN (OLD.id = {row_id} AND NEW.status <> 'claimed') EXECUTE FUNCTION damaged()",
        ]
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_an_intent_that_raises_fails_alone_and_its_batch_goes_on(db, outbox, sms, now):
    """Even when its failure cannot be written down: it stays leased, and the lease ends by itself."""
    rows = _due(db, db.sealer, 5)
    _refuse_changes_of(db, "message", rows[1])

    async def run():
        async with wire(db, now) as found:
            done = await found.drain(sms)
            return len(found.texts), done

    received, done = asyncio.run(run())
    assert received == 4
    assert [outbox.message(row).status for row in rows] == ["accepted", "claimed", *["accepted"] * 3]
    assert outbox.attempts(rows[1]) == []
    assert done.stopped == 1


def test_an_intent_that_meets_a_deadlock_is_not_failed_for_it(postgres_db, now, today):
    """Two processes may lock each other out for a moment. Nothing is wrong with the row: it comes again."""
    db = postgres_db
    outbox = Outbox(db, now, today)
    with db.write() as session:
        make.installation(session)
    rows = _due(db, db.sealer, 3)
    _refuse_changes_of(db, "message", rows[1], code="40P01")

    async def run():
        async with wire(db, now) as found:
            await found.drain(outbox.sender_id("sms"))

    asyncio.run(run())
    assert [outbox.message(row).status for row in rows] == ["accepted", "claimed", "accepted"]
    with db.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER broken ON message"))
    sweep(db, now + LEASE, intent_life=LIFE)
    assert outbox.message(rows[1]).status == "planned"


def test_answers_wait_for_a_database_that_is_away_for_a_moment(db, outbox, sms, now, monkeypatch):
    """What the provider said is kept until it can be written down, and nothing is sent again."""
    rows = _due(db, db.sealer, 3)
    away = iter([True] * 4)

    async def run():
        async with wire(db, now) as found:
            commit = drain_room._Run._commit

            def gone_when_answers_come(self, answered, wanted):
                if answered and next(away, False):
                    raise OperationalError("COMMIT", {}, Exception("server closed the connection unexpectedly"))
                return commit(self, answered, wanted)

            monkeypatch.setattr(drain_room._Run, "_commit", gone_when_answers_come)
            await found.drain(sms)
            return len(found.texts)

    assert asyncio.run(run()) == 3
    assert next(away, None) is None, "the database was never away"
    assert [outbox.message(row).status for row in rows] == ["accepted"] * 3


def test_an_answer_that_cannot_be_recorded_leaves_the_others_recorded(db, outbox, sms, now):
    rows = _due(db, db.sealer, 4)
    with db.write() as session:
        taken = make.message(session, db.sealer, channel="sms", status="accepted", purpose="answer")
        make.attempt(session, taken, provider_id="SM-taken")

    class Same:
        """Gives the second text an id that another attempt owns."""

        kind, account, limits = ChannelKind.SMS, "twilio", Limits(1000, 0, True, False, True)

        def __init__(self):
            self.calls = 0

        async def send(self, outgoing):
            self.calls += 1
            return Accepted("SM-taken" if self.calls == 2 else f"SM-{self.calls}")

        async def aclose(self):
            """Nothing is open."""

    async def run():
        async with wire(db, now, channel=Same()) as found:
            await found.drain(sms)

    asyncio.run(run())
    assert sorted(outbox.message(row).status for row in rows) == ["accepted"] * 3 + ["sending"]
    sweep(db, now + LIFE, intent_life=LIFE)
    assert sorted(outbox.message(row).status for row in rows) == ["accepted"] * 3 + ["unknown"]


def test_a_channel_that_raises_leaves_its_text_unknown_and_the_others_go_on(db, outbox, sms, now):
    rows = _due(db, db.sealer, 4)

    class Raising:
        kind, account, limits = ChannelKind.SMS, "twilio", Limits(1000, 0, True, False, True)

        async def send(self, outgoing):
            if outgoing.address.endswith("2"):
                raise RuntimeError("a mistake in a channel")
            return Accepted(outgoing.reference)

        async def aclose(self):
            """Nothing is open."""

    async def run():
        async with wire(db, now, channel=Raising()) as found:
            await found.drain(sms)

    asyncio.run(run())
    assert [outbox.message(row).status for row in rows] == ["accepted", "accepted", "unknown", "accepted"]
    assert outbox.attempts(rows[2])[0].detail == "channel raised RuntimeError"


# --- time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "leaves"), [(5, True), (6, False), (3600, False)])
def test_a_clock_that_jumps_between_intent_and_call(seconds, leaves, db, outbox, sms, now):
    """An intent older than five seconds is not sent; it is planned again, and nothing reached the provider."""
    (row,) = _due(db, db.sealer, 1)

    async def run():
        async with wire(db, now) as found:

            def probe(step):
                if step == "intent":
                    found.clock.moment += timedelta(seconds=seconds)

            await found.drain(sms, probe=probe)
            return len(found.texts)

    assert (timedelta(seconds=seconds) <= INTENT_FRESH) == leaves
    assert asyncio.run(run()) == leaves
    ended = (outbox.message(row).status, outbox.message(row).reason, _states(outbox, row))
    assert ended == (("accepted", "", ["accepted"]) if leaves else ("planned", "deferred:stale_intent", ["deferred"]))


def test_a_machine_that_slept_between_intent_and_call_sends_nothing_late(db, outbox, sms, now, monkeypatch):
    """The wall clock stood still (or was set back); the clock that counts suspend tells."""
    (row,) = _due(db, db.sealer, 1)
    slept = [0.0]
    monkeypatch.setattr("broadcaster.delivery.drain.since_boot", lambda: 1000.0 + slept[0])

    def probe(step):
        if step == "intent":
            slept[0] = 6.0

    async def run():
        async with wire(db, now, probe=probe) as found:
            await found.drain(sms)
            return len(found.texts)

    assert asyncio.run(run()) == 0
    assert outbox.message(row).reason == "deferred:stale_intent"


def test_a_stale_intent_that_the_sweep_has_called_unknown_stays_unknown(outbox, plan_one, now):
    planned = plan_one()
    opened = outbox.begin()
    sweep(outbox.db, now + timedelta(hours=1), intent_life=LIFE)
    outbox.answer(opened.attempt_id, Deferred("stale_intent"), now + timedelta(hours=1))
    assert outbox.message(planned.message_id).status == "unknown"
    assert outbox.attempt(opened.attempt_id).answer == "deferred"


# --- between the steps of a campaign -----------------------------------------------------------------


def _per_group(db):
    """How many messages each family and step has, families that were merged counted as one."""
    with db.read() as session:
        roots = {row.id: row.alias_of or row.id for row in session.exec(select(tables.Household))}
        return Counter(
            (roots[row.household_id], row.step) for row in session.exec(select(tables.Message).order_by(text("id")))
        )


def _send_everything(db, now):
    with db.write() as session:
        for row in session.exec(select(tables.Message).where(tables.Message.status == "planned")).all():
            row.status, row.intent_at, row.intent_on, row.attempts = "accepted", now, now.date(), 1
            session.add(row)


BETWEEN_STEPS = {
    "nothing": lambda db, now: None,
    "the wordings and the campaign are edited": lambda db, now: acts.edit(db, 1, now),
    "a later file brings every family a new number": lambda db, now: [
        acts.new_number(db, one, one) for one in range(5)
    ],
    "two families turn out to be one": lambda db, now: acts.merge(db, 0, 4),
    "all of them turn out to be one": lambda db, now: [acts.merge(db, 0, one) for one in range(1, 5)],
    "planning forgets what it has done": lambda db, now: acts.forget_what_is_planned(db),
}


@pytest.mark.parametrize("name", BETWEEN_STEPS)
def test_between_two_steps_no_family_gets_a_step_again_when(name, db, now):
    settle(db, now)
    day = timedelta(days=1)
    acts.plan(db, now)
    _send_everything(db, now)
    first = _per_group(db)
    assert set(first.values()) == {1}
    BETWEEN_STEPS[name](db, now + day)
    acts.new_number(db, 3, 77)  # the family that had SMS only has WhatsApp now, which comes first
    for later in (day, day, 3 * day, 4 * day):
        acts.plan(db, now + later)
        _send_everything(db, now + later)
        acts.forget_what_is_planned(db)
    merged = 5 - len({root for root, _ in _per_group(db)})
    assert merged == {"two families turn out to be one": 1, "all of them turn out to be one": 4}.get(name, 0)
    again = _per_group(db)
    for (root, step), number in again.items():
        # texts that were planned before the merge stay what they were: one to each family that there was
        before = sum(first[key] for key in first if key[1] == step and _root(db, key[0]) == root)
        assert number == max(1, before), f"{step} was planned again"


def test_after_a_merge_the_next_channel_speaks_only_of_its_own_messages_cards(db, now):
    """One family's number is not on WhatsApp; what the family it was merged with got is unknown, and is not written again."""
    settle(db, now)
    acts.plan(db, now)
    with db.write() as session:
        on_whatsapp = select(tables.Message).where(tables.Message.channel == "whatsapp").order_by(text("household_id"))
        gone, kept = session.exec(on_whatsapp).all()[:2]
        gone.status, gone.reason = "failed", "rejected:63024"
        kept.status, kept.reason = "unknown", "no_answer"
        cards = set(_cards_of(session, gone.id))
        homes = [session.get_one(tables.Household, one.household_id) for one in (kept, gone)]
    _merge(db, *reversed(homes))
    assert acts.fall_back(db, now, acts.codes()) == 1
    with db.read() as session:
        following = session.exec(select(tables.Message).where(tables.Message.follows != "")).one()
        assert set(_cards_of(session, following.id)) == cards


def _cards_of(session, message_id):
    return session.exec(select(tables.MessageChild.card_id).where(tables.MessageChild.message_id == message_id)).all()


def _root(db, household_id):
    with db.read() as session:
        row = session.get_one(tables.Household, household_id)
        return row.alias_of or row.id
