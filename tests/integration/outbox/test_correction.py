"""A correction goes once to everyone whom a wrong text may have reached, and to nobody else."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlmodel import col, select

from broadcaster.outbox.correction import enqueue_corrections, states, stop_corrections
from broadcaster.outbox.intent import Opened
from broadcaster.storage import tables
from tests import make

KEY = "maaf-1"
EVERY = frozenset({"telegram", "whatsapp", "sms", "village_list"})


@pytest.fixture
def campaign(db):
    with db.write() as session:
        make.installation(session)
        return make.campaign(session, "keliru", status="paused")


@pytest.fixture
def version(db, now):
    with db.write() as session:
        return make.template(session, KEY, purpose="correction").id


def reached(session, db, campaign, number, status, channel="whatsapp", step="ambil-kartu-1"):
    """A family with a phone of its own and one text of the campaign in this state."""
    phone = f"+62812000{number:05}"
    family = make.family(session, db.sealer, phone=phone)
    return make.message(
        session, db.sealer, household=family.household, campaign=campaign, card=family.card, address=phone,
        channel=channel, status=status, step=step,
    )  # fmt: skip


def correct(db, campaign, version, now, **changes):
    wanted = {"step": "", "key": KEY, "channels": EVERY, "first_at": now, **changes}
    with db.write() as session:
        return enqueue_corrections(session, campaign_id=campaign.id, version_id=version, now=now, **wanted)


def corrections(db):
    with db.read() as session:
        query = select(tables.Message).where(tables.Message.purpose == "correction").order_by(col(tables.Message.id))
        return list(session.exec(query))


def test_everyone_who_may_have_received_it_is_corrected_once(db, now, campaign, version):
    may = ("accepted", "sent", "delivered", "read", "unknown", "sending")
    not_reached = ("planned", "failed", "cancelled", "expired", "suppressed")
    with db.write() as session:
        for number, status in enumerate((*may, *not_reached)):
            reached(session, db, campaign, number, status)
        other = make.campaign(session, "baik")
        reached(session, db, other, 99, "delivered")
    assert correct(db, campaign, version, now).new == len(may)
    again = correct(db, campaign, version, now)
    assert (again.new, again.states) == (0, {"planned": len(may)})
    rows = corrections(db)
    assert len({row.address_blind for row in rows}) == len(may)
    assert {(row.campaign_id, row.status, row.template_version_id) for row in rows} == {(None, "planned", version)}


def test_two_wrong_texts_to_one_family_are_one_correction_and_a_step_can_be_named(db, now, campaign, version):
    with db.write() as session:
        first = reached(session, db, campaign, 1, "delivered")
        make.message(
            session, db.sealer, household=session.get_one(tables.Household, first.household_id), campaign=campaign,
            address="+6281200000001", status="read", step="ambil-kartu-2",
        )  # fmt: skip
        reached(session, db, campaign, 2, "delivered", step="ambil-kartu-2")
    assert correct(db, campaign, version, now, step="ambil-kartu-1").new == 1
    assert correct(db, campaign, version, now).new == 1, "only the family that has had none"


def test_it_speaks_about_the_same_children_and_leaves_by_the_same_channel(db, now, campaign, version):
    with db.write() as session:
        wrong = reached(session, db, campaign, 1, "delivered", channel="sms")
        reached(session, db, campaign, 2, "delivered", channel="telegram")
    correct(db, campaign, version, now, channels=frozenset({"sms"}))
    (row,) = corrections(db)
    assert (row.channel, row.household_id, db.sealer.open("address", row.sealed_address)) == (
        "sms", wrong.household_id, "+6281200000001",
    )  # fmt: skip
    with db.read() as session:
        lines = session.exec(select(tables.MessageChild.card_id, tables.MessageChild.message_id)).all()
    cards = {message: card for card, message in lines}
    assert cards[row.id] == cards[wrong.id]


def test_they_leave_room_for_replies_and_campaigns(db, now, campaign, version):
    with db.write() as session:
        for number in range(11):
            reached(session, db, campaign, number, "delivered")
        pace = session.exec(select(tables.Sender.pace)).one()
    done = correct(db, campaign, version, now)
    assert corrections(db)[0].due_at == now
    assert done.last_due_at == now + timedelta(seconds=10 / (pace / 2))


def test_the_gate_lets_it_pass_a_paused_campaign_but_not_the_night_nor_a_stop(outbox, db, now, campaign, version):
    with db.write() as session:
        reached(session, db, campaign, 1, "delivered")
    correct(db, campaign, version, now)
    (row,) = corrections(db)
    lane = outbox.lane()
    leased = outbox.lease(lane)
    assert [one.id for one in leased] == [row.id]
    (closed,) = outbox.intend(lane, leased, open_now=False)
    assert closed.reason == "outside_hours"
    with db.write() as session:
        session.get_one(tables.Message, row.id).due_at = now
    (opened,) = outbox.intend(lane, outbox.lease(lane))
    assert isinstance(opened, Opened)


def test_what_has_not_left_can_be_called_off(db, now, campaign, version):
    with db.write() as session:
        for number in range(3):
            reached(session, db, campaign, number, "delivered")
    correct(db, campaign, version, now)
    with db.write() as session:
        session.get_one(tables.Message, corrections(db)[0].id).status = "accepted"
    with db.write() as session:
        assert stop_corrections(session, campaign_id=campaign.id, key=KEY, now=now) == 2
    with db.read() as session:
        assert states(session, campaign_id=campaign.id, key=KEY) == {"accepted": 1, "cancelled": 2}
