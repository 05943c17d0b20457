from __future__ import annotations

from datetime import timedelta

import pytest

from broadcaster.channels.protocol import Accepted, Deferred, Rejected, Unknown
from broadcaster.domain.message import AttemptState as A
from broadcaster.outbox.rules import RETRY_AFTER_RECEIPT
from broadcaster.outbox.sweep import sweep
from tests import make

LIFE = timedelta(seconds=30)

#: answer -> (attempt's state, message's status)
ANSWERS = {
    "accepted": (Accepted("SM1"), "accepted", "accepted"),
    "deferred": (Deferred("connect_refused"), "deferred", "planned"),
    "rejected for good": (Rejected("63024"), "failed", "failed"),
    "rejected because the person blocked us": (Rejected("63014"), "failed", "failed"),
    "rejected for now": (Rejected("99999"), "failed", "planned"),
    "rejected by our own fault": (Rejected("63041"), "failed", "planned"),
    "unknown": (Unknown("read timeout"), "unknown", "unknown"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_an_answer_closes_its_attempt_and_moves_its_message(name, outbox, plan_one):
    answer, attempt_state, status = ANSWERS[name]
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, answer)
    attempt = outbox.attempt(opened.attempt_id)
    assert (attempt.state, attempt.closed_at is not None) == (attempt_state, True)
    assert outbox.message(planned.message_id).status == status


def test_a_deferred_message_is_sent_again_as_a_second_attempt_with_the_same_body(outbox, plan_one, now):
    planned = plan_one()
    outbox.answer(outbox.begin().attempt_id, Deferred("connect_refused", after=30))
    lane = outbox.lane()
    assert outbox.lease(lane, now + timedelta(seconds=29)) == []
    rows = outbox.lease(lane, now + timedelta(seconds=30))
    assert rows[0].sealed_body == b"sealed"
    outbox.intend(lane, rows, now + timedelta(seconds=30))
    assert [(a.number, a.state) for a in outbox.attempts(planned.message_id)] == [(1, "deferred"), (2, "open")]


def test_an_unmapped_code_is_tried_twice_at_most(outbox, plan_one, now):
    planned = plan_one()
    outbox.answer(outbox.begin().attempt_id, Rejected("99999"))
    later = now + timedelta(hours=1)
    lane = outbox.lane("test", later)
    second = outbox.intend(lane, outbox.lease(lane, later), later)[0]
    outbox.answer(second.attempt_id, Rejected("99999"), later)
    assert outbox.message(planned.message_id).status == "failed"


def test_an_intent_without_an_answer_becomes_unknown_and_is_never_sent_again(outbox, plan_one, now):
    planned = plan_one()
    opened = outbox.begin()
    sweep(outbox.db, now + LIFE - timedelta(seconds=1), intent_life=LIFE)
    assert outbox.message(planned.message_id).status == "sending"
    sweep(outbox.db, now + LIFE, intent_life=LIFE)
    assert outbox.message(planned.message_id).status == "unknown"
    assert outbox.attempt(opened.attempt_id).state == "unknown"
    assert outbox.lease(outbox.lane(), now + timedelta(days=1)) == []


LATE = {
    "accepted after all": (Accepted("SM1"), "accepted", "accepted"),
    "refused after all": (Rejected("63024"), "failed", "failed"),
    "a late deferred changes nothing": (Deferred("connect_refused"), "unknown", "unknown"),
    "still unknown": (Unknown("cut"), "unknown", "unknown"),
}


@pytest.mark.parametrize("name", LATE)
def test_a_late_answer_to_an_unknown_attempt_is_recorded(name, outbox, plan_one, now):
    answer, attempt_state, status = LATE[name]
    planned = plan_one()
    opened = outbox.begin()
    sweep(outbox.db, now + LIFE, intent_life=LIFE)
    outbox.answer(opened.attempt_id, answer, now + LIFE)
    assert outbox.attempt(opened.attempt_id).state == attempt_state
    assert outbox.message(planned.message_id).status == status


def test_a_receipt_that_overtakes_our_own_record_stands(outbox, plan_one):
    planned = plan_one()
    opened = outbox.begin()
    outbox.receipt(opened.attempt_id, A.DELIVERED)
    outbox.answer(opened.attempt_id, Accepted("SM1"))
    attempt = outbox.attempt(opened.attempt_id)
    assert (attempt.state, attempt.provider_id) == ("delivered", "SM1")
    assert outbox.message(planned.message_id).status == "delivered"


def test_receipts_in_any_order_end_at_the_highest(outbox, plan_one):
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, Accepted("SM1"))
    for state in (A.READ, A.SENT, A.DELIVERED, A.SENT):
        outbox.receipt(opened.attempt_id, state)
    assert outbox.message(planned.message_id).status == "read"


def test_a_receipt_is_kept_once(outbox, plan_one):
    plan_one()
    opened = outbox.begin()
    assert outbox.receipt(opened.attempt_id, A.SENT) == "applied"
    assert outbox.receipt(opened.attempt_id, A.SENT) == "known"


def test_a_failure_that_is_followed_by_delivered_ends_delivered(outbox, plan_one):
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, Accepted("SM1"))
    outbox.receipt(opened.attempt_id, A.FAILED, "63024")
    assert outbox.message(planned.message_id).status == "failed"
    outbox.receipt(opened.attempt_id, A.DELIVERED)
    assert outbox.message(planned.message_id).status == "delivered"


def test_a_retryable_failure_by_receipt_comes_again_after_an_hour(outbox, plan_one, now):
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, Accepted("SM1"))
    outbox.receipt(opened.attempt_id, A.FAILED, "63049")
    message = outbox.message(planned.message_id)
    assert (message.status, message.due_at) == ("planned", now + RETRY_AFTER_RECEIPT)


def test_a_failure_code_that_even_the_provider_does_not_understand_is_unknown(outbox, plan_one):
    planned = plan_one()
    opened = outbox.begin()
    outbox.answer(opened.attempt_id, Accepted("SM1"))
    outbox.receipt(opened.attempt_id, A.FAILED, "30008")
    assert outbox.message(planned.message_id).status == "unknown"


def test_with_two_attempts_the_newest_decides_unless_one_arrived(outbox, plan_one, now):
    planned = plan_one()
    first = outbox.begin()
    outbox.answer(first.attempt_id, Accepted("SM1"))
    outbox.receipt(first.attempt_id, A.FAILED, "63049")
    later = now + RETRY_AFTER_RECEIPT
    lane = outbox.lane("test", later)
    second = outbox.intend(lane, outbox.lease(lane, later), later)[0]
    outbox.answer(second.attempt_id, Accepted("SM2"), later)
    assert outbox.message(planned.message_id).status == "accepted"
    outbox.receipt(first.attempt_id, A.DELIVERED, now=later)
    assert outbox.message(planned.message_id).status == "delivered"


def test_a_first_attempt_delivered_while_the_retry_waits_ends_the_waiting(outbox, plan_one, now):
    planned = plan_one()
    first = outbox.begin()
    outbox.answer(first.attempt_id, Accepted("SM1"))
    outbox.receipt(first.attempt_id, A.FAILED, "63049")
    outbox.receipt(first.attempt_id, A.DELIVERED)
    assert outbox.message(planned.message_id).status == "delivered"
    assert outbox.lease(outbox.lane(), now + timedelta(hours=2)) == []


CONSEQUENCES = {"63014": "suppress", "63024": "permanent", "63041": "ours", "20003": "stop", "21611": "rate"}


@pytest.mark.parametrize("code", CONSEQUENCES)
def test_a_code_says_what_it_means_beyond_its_row(code, outbox, plan_one):
    plan_one()
    opened = outbox.begin()
    assert [c.kind for c in outbox.answer(opened.attempt_id, Rejected(code))] == [CONSEQUENCES[code]]


def test_a_429_pauses_the_sender_as_long_as_the_provider_asks(outbox, plan_one):
    plan_one()
    opened = outbox.begin()
    (pause,) = outbox.answer(opened.attempt_id, Deferred("429", after=17, pause_sender=True))
    assert (pause.kind, pause.after) == ("rate", 17)


def test_an_expired_row_is_never_sent(outbox, plan_one, now):
    planned = plan_one()
    sweep(outbox.db, now + timedelta(days=6), intent_life=LIFE)
    assert outbox.message(planned.message_id).status == "expired"


def test_sweeping_twice_changes_nothing(outbox, plan_one, now):
    plan_one()
    outbox.begin()
    first = sweep(outbox.db, now + LIFE, intent_life=LIFE)
    second = sweep(outbox.db, now + LIFE, intent_life=LIFE)
    assert first.unanswered == 1
    assert (second.unanswered, second.leases_over, second.expired) == (0, 0, 0)


def test_planning_twice_makes_one_row(db, outbox, now):
    from broadcaster.outbox.service import NewMessage, enqueue

    with db.write() as session:
        family = make.family(session, db.sealer)
        campaign = make.campaign(session)
        cohort = make.cohort(session, campaign)
        version = make.template(session)
        row = NewMessage(
            dedupe_key="k", address_key="a", sender_id=make.sender(session).id,
            channel="whatsapp", sealed_address=b"x", address_blind=b"y", household_id=family.household.id,
            campaign_id=campaign.id, cohort_id=cohort.id, step="ambil-kartu-1", hop=0,
            template_version_id=version.id, due_at=now, expires_at=now + timedelta(days=1),
            children=((family.child.id, family.card.id, "printed_uncollected"),),
        )  # fmt: skip
        assert enqueue(session, [row, row], now) == 1
        assert enqueue(session, [row], now) == 0
