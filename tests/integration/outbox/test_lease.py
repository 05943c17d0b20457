from __future__ import annotations

from datetime import timedelta

from broadcaster.outbox.intent import Opened
from broadcaster.outbox.lease import LANE, USED_OF_PACE, lease, leave_lane, release, take_lane
from broadcaster.outbox.rules import LEASE
from broadcaster.outbox.sweep import sweep
from broadcaster.storage import tables
from tests import make


def test_a_lane_belongs_to_one_holder_until_its_time_is_over(outbox, now):
    first = outbox.lane("one")
    assert take_lane(outbox.db, first.sender_id, "two", now) is None
    assert take_lane(outbox.db, first.sender_id, "one", now).epoch == first.epoch
    second = take_lane(outbox.db, first.sender_id, "two", now + LANE)
    assert second.epoch == first.epoch + 1


def test_a_lane_given_back_is_free_at_once(outbox, now):
    lane = outbox.lane("one")
    leave_lane(outbox.db, lane, "one")
    assert take_lane(outbox.db, lane.sender_id, "two", now) is not None


def test_a_due_row_is_leased_once_and_a_later_one_not_at_all(outbox, plan_one, now):
    due = plan_one()
    plan_one(due_at=now + timedelta(minutes=1))
    lane = outbox.lane()
    assert [row.id for row in outbox.lease(lane)] == [due.message_id]
    assert outbox.lease(lane) == []
    assert outbox.message(due.message_id).status == "claimed"
    assert outbox.attempts(due.message_id) == []


def test_a_lease_takes_at_most_what_two_seconds_of_pace_send(outbox, plan_one):
    for _ in range(45):
        plan_one()
    assert len(outbox.lease(outbox.lane())) == int(2 * 20 * USED_OF_PACE)


def test_the_next_free_slot_moves_with_the_leased_rows_and_survives_a_restart(outbox, plan_one, now):
    for _ in range(10):
        plan_one()
    outbox.lease(outbox.lane())
    restarted = outbox.lane("after the restart", now + LANE)
    ten_slots = timedelta(seconds=10 / (20 * USED_OF_PACE))
    assert abs(restarted.next_slot_at - now - ten_slots) <= timedelta(microseconds=2)


def test_a_lease_that_is_over_goes_back_to_planned(outbox, plan_one, now):
    planned = plan_one()
    outbox.lease(outbox.lane())
    sweep(outbox.db, now + LEASE - timedelta(seconds=1), intent_life=timedelta(seconds=30))
    assert outbox.message(planned.message_id).status == "claimed"
    sweep(outbox.db, now + LEASE, intent_life=timedelta(seconds=30))
    assert outbox.message(planned.message_id).status == "planned"


def test_rows_given_back_are_leased_again(outbox, plan_one, now):
    planned = plan_one()
    lane = outbox.lane()
    release(outbox.db, outbox.lease(lane), now)
    assert [row.id for row in outbox.lease(lane)] == [planned.message_id]


def test_answers_are_leased_before_campaigns(outbox, plan_one, db, now):
    plan_one(due_at=now - timedelta(hours=2))
    with db.write() as session:
        answer = make.message(session, db.sealer, purpose="answer", body="Baik.").id
    assert outbox.lease(outbox.lane(), room=1)[0].id == answer


def test_outside_the_timetable_only_answers_are_leased(outbox, plan_one, db, now):
    plan_one()
    with db.write() as session:
        answer = make.message(session, db.sealer, purpose="answer", body="Baik.").id
    leased = lease(db, outbox.lane(), now, campaigns=False)
    assert [row.id for row in leased.rows] == [answer]


def test_a_paused_sender_leases_nothing(outbox, plan_one, db, now):
    plan_one()
    lane = outbox.lane()
    with db.write() as session:
        row = session.get_one(tables.Sender, lane.sender_id)
        row.paused_until = now + timedelta(minutes=1)
        session.add(row)
    assert outbox.lease(lane) == []
    assert len(outbox.lease(lane, now + timedelta(minutes=1))) == 1


def test_rows_of_a_paused_campaign_are_passed_over(outbox, plan_one, db):
    planned = plan_one()
    with db.write() as session:
        campaign = session.get_one(tables.Campaign, planned.campaign.id)
        campaign.status = "paused"
        session.add(campaign)
    assert outbox.lease(outbox.lane()) == []


def test_every_running_campaign_gets_a_share_of_a_lease(outbox, plan_one, db, now):
    for _ in range(30):
        plan_one(due_at=now - timedelta(hours=1))
    with db.write() as session:
        newer = make.campaign(session, "kampanye-kedua")
        for _ in range(5):
            family = make.family(session, db.sealer)
            make.message(session, db.sealer, household=family.household, campaign=newer, card=family.card)
    rows = outbox.lease(outbox.lane(), room=20)
    assert [row.campaign_id == newer.id for row in rows].count(True) == 5, "what one does not use is for the other"
    assert len(rows) == 20


def test_a_stalled_holder_cannot_begin_what_the_next_holder_took_over(outbox, plan_one, now):
    plan_one()
    stalled = outbox.lane("stalled")
    rows = outbox.lease(stalled)
    later = now + LEASE
    sweep(outbox.db, later, intent_life=timedelta(seconds=30))
    fresh = outbox.lane("fresh", later)
    taken = outbox.intend(fresh, outbox.lease(fresh, later), later)
    assert isinstance(taken[0], Opened)
    woken = outbox.intend(stalled, rows, later)
    assert woken[0].reason == "lease_lost"
    assert len(outbox.attempts(rows[0].id)) == 1
