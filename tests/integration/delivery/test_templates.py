"""WhatsApp templates through the real client in front of a simulated Content API: registered once, followed, held, refused."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from broadcaster.campaigns import service
from broadcaster.campaigns.dry_run import dry_run
from broadcaster.campaigns.stories import household_days
from broadcaster.delivery import templates
from broadcaster.delivery.templates import FOLLOW_EVERY
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import Blocked, NotAllowed, NotFound
from broadcaster.office.queries import audit_log
from broadcaster.outbox.sweep import sweep
from broadcaster.rendering.provider import BELIEVED_FOR, CREATE_AGAIN_AFTER, template_request
from broadcaster.rendering.queries import latest
from broadcaster.simulator.store import Template
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.integration.delivery.desk import KEY, NAME, ZONE, Desk, at_the_desk

MOMENT = timedelta(seconds=30)


def test_a_push_creates_each_template_once_and_asks_for_its_approval(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        first = await here.push()
        assert first.problems == []
        assert sorted(first.created) == sorted(first.states)
        assert KEY in first.states
        assert set(first.states.values()) == {"received"}
        assert len(here.held) == len(first.states)
        assert {one.asked_name for one in here.held} == {one.name for one in here.held}
        posts = here.posts()
        for minutes in (0, 1, 60):
            here.later(minutes=minutes)
            again = await here.push()
            assert (again.created, again.problems, again.states) == ([], [], first.states)
        assert here.posts() == posts, "what is there already is not touched"

    at_the_desk(db, now, scenario)


def test_the_life_of_a_template_from_pending_to_approved_again(db: Database, now: datetime) -> None:
    """created, pending, approved, re-categorised, accepted, paused, approved again, rejected, disabled, approved again."""

    async def scenario(here: Desk) -> None:
        assert here.state() == "unsubmitted"
        await here.push()
        life = [
            ("pending", "", "pending", []),
            ("approved", "", "approved", []),
            ("approved", "MARKETING", "recategorised", ["template_recategorised"]),
            ("paused", "MARKETING", "paused", ["template_paused"]),
            ("approved", "UTILITY", "approved", []),
            ("rejected", "UTILITY", "rejected", ["template_rejected"]),
            ("disabled", "UTILITY", "disabled", ["template_disabled"]),
            ("approved", "UTILITY", "approved", []),
            ("in_appeal", "UTILITY", "in_appeal", []),
        ]
        for status, category, state, alerts in life:
            here.decide(status, category, reason="INVALID_FORMAT. Salah." if status == "rejected" else "")
            assert await here.follow() == 1, status
            line = here.line().line
            assert line.standing.state == state
            assert line.changed_at == line.checked_at
            assert line.changed_at is not None
            assert here.clock.now() - line.changed_at < MOMENT
            assert [kind for kind, subject in here.alerts() if subject == KEY] == alerts
            assert line.standing.may_be_sent is (state == "approved")
            assert await here.follow() == 0, "nothing changed"
            assert here.line().line.changed_at == line.changed_at
            assert here.clock.now() - (here.line().line.checked_at or now) < MOMENT

    at_the_desk(db, now, scenario)


def test_templates_are_asked_about_every_ten_minutes_in_one_call(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await here.push()
        asked = len(here.it.requests)
        for _ in range(9):
            assert await here.follow(minutes=1) == 0
        assert len(here.it.requests) == asked
        await here.follow(minutes=2)
        assert len(here.it.requests) == asked + 1
        assert timedelta(minutes=10) == FOLLOW_EVERY

    at_the_desk(db, now, scenario)


def test_a_provider_that_does_not_answer_changes_nothing(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await here.push()
        here.approve_all()
        await here.follow()
        before = here.line().line
        here.it.fail(kind="http_500", channel="template_list")
        with pytest.raises(Blocked, match="tidak dapat dihubungi"):
            await here.follow()
        with pytest.raises(Blocked, match="tidak dapat dihubungi"):
            await here.push()
        assert here.line().line == before

    at_the_desk(db, now, scenario)


# --- never created twice --------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["cut_after", "http_500_after"])
def test_a_template_whose_creation_was_not_answered_is_found_again(fault: str, db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        here.it.fail(kind=fault, channel="template_create", next=3)
        pushed = await here.push()
        assert pushed.problems == []
        assert sorted(pushed.created) == sorted(pushed.states)
        assert len(here.held) == len({one.name for one in here.held}) == len(pushed.states)
        assert set(pushed.states.values()) == {"received"}

    at_the_desk(db, now, scenario)


def test_one_that_appears_only_later_is_unknown_until_then_and_is_never_created_twice(
    db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        here.it.fail(kind="slow_ms", channel="template_create", next=1, ms=900)
        pushed = await here.push()
        (problem,) = pushed.problems
        assert (problem.code, pushed.states[problem.key]) == ("template_unknown", "unknown")
        assert "seperempat jam" in problem.message
        assert len(here.held) == len(pushed.states) - 1
        # before it is listed, and before a quarter of an hour is over, nobody creates it
        assert [one.code for one in (await here.push()).problems] == ["template_unknown"]
        while len(here.held) < len(pushed.states):
            await asyncio.sleep(0.05)
        again = await here.push()
        assert (again.created, again.problems) == ([], [])
        assert set(again.states.values()) == {"received"}
        assert len(here.held) == len({one.name for one in here.held}) == len(pushed.states)

    at_the_desk(db, now, scenario, read_timeout_s=0.3, connect_timeout_s=0.3)


def test_one_that_never_came_through_is_created_after_a_quarter_of_an_hour(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        here.it.fail(kind="cut_before", channel="template_create", next=1)
        (problem,) = (await here.push()).problems
        here.later(minutes=14)
        assert [one.key for one in (await here.push()).problems] == [problem.key]
        here.later(minutes=1)
        assert (await here.push()).created == [problem.key]
        assert here.state(problem.key) == "received"
        assert timedelta(minutes=15) == CREATE_AGAIN_AFTER

    at_the_desk(db, now, scenario)


class Killed(BaseException):
    """What a kill does to a push: nothing after it happens."""


@pytest.mark.parametrize("step", ["create_template", "request_approval", "approval"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_push_that_dies_at_any_step_is_finished_by_the_next(
    when: str, step: str, db: Database, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scenario(here: Desk) -> None:
        call = getattr(here.registrar, step)
        calls = 0

        async def dies(*arguments: object) -> object:
            nonlocal calls
            calls += 1
            if calls == 3 and when == "before":
                raise Killed
            answer = await call(*arguments)
            if calls == 3:
                raise Killed
            return answer

        monkeypatch.setattr(here.registrar, step, dies)
        with pytest.raises(Killed):
            await here.push()
        monkeypatch.undo()
        here.later(minutes=15)
        pushed = await here.push()
        assert pushed.problems == []
        assert set(pushed.states.values()) == {"received"}
        assert len(here.held) == len({one.name for one in here.held}) == len(pushed.states)

    at_the_desk(db, now, scenario)


def test_two_pushes_at_once_create_each_template_once(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        here.it.fail(kind="slow_ms", channel="template_create", ms=20)
        one, other = await asyncio.gather(here.push(), here.push())
        assert len(here.held) == len({template.name for template in here.held}) == len(one.states)
        assert sorted(one.created + other.created) == sorted(one.states)
        assert {problem.code for problem in one.problems + other.problems} <= {"template_unknown"}
        here.it.sim.faults.clear()
        assert set((await here.push()).states.values()) == {"received"}

    at_the_desk(db, now, scenario)


@pytest.mark.parametrize("fault", ["cut_after", "http_500_after"])
def test_an_approval_whose_answer_was_lost_is_not_asked_for_again(fault: str, db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        here.it.fail(kind=fault, channel="template_approval", next=2)
        pushed = await here.push()
        assert pushed.problems == []
        assert set(pushed.states.values()) == {"received"}

    at_the_desk(db, now, scenario)


def test_a_refused_template_holds_up_no_other_and_too_many_calls_end_the_push(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        here.it.fail(kind="429", channel="template_create", next=1)
        pushed = await here.push()
        (problem,) = pushed.problems
        assert (problem.code, pushed.created) == ("too_many_calls", [])
        assert set(pushed.states.values()) == {"unsubmitted"}
        # somebody has used one of the names by hand
        key = sorted(pushed.states)[0]
        with db.read() as session:
            request = template_request(latest(session, key))
        assert request is not None
        by_hand = Template("HX1", "buatan_tangan", "id", "Halo", (), {}, {"twilio/text": {"body": "Halo"}}, "rejected")
        by_hand.asked_name = request.name
        here.it.sim.store.templates["HX1"] = by_hand
        refused = await here.push()
        assert [(one.key, one.code) for one in refused.problems] == [(key, "template_refused")]
        assert "rejected" in refused.problems[0].message
        assert refused.states.pop(key) == "unsubmitted"
        assert set(refused.states.values()) == {"received"}

    at_the_desk(db, now, scenario)


# --- names ----------------------------------------------------------------------------------------


def test_a_new_wording_has_a_new_name_and_one_that_whatsapp_does_not_see_keeps_its_template(
    db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await here.push()
        here.decide("rejected", reason="INVALID_FORMAT")
        await here.follow()
        number, first = len(here.held), here.template().name
        assert here.edit("telegram") == 2
        pushed = await here.push()
        assert (pushed.created, pushed.states[KEY]) == ([], "rejected"), "Meta rejects the same wording twice"
        assert (len(here.held), here.line().line.sid) == (number, here.template().sid)
        assert ("template_rejected", KEY) in here.alerts()
        assert here.line().line.number == 2
        assert here.edit("whatsapp") == 3
        assert here.state() == "unsubmitted"
        assert (await here.push()).created == [KEY]
        assert (here.template().name != first, here.state()) == (True, "received")
        assert ("template_rejected", KEY) not in here.alerts(), "the newest wording is what counts"

    at_the_desk(db, now, scenario)


# --- release --------------------------------------------------------------------------------------

WRONG = [
    ("rejected", "", "template_rejected", "content edit"),
    ("paused", "", "template_paused", "3 sampai 6 jam"),
    ("disabled", "", "template_disabled", "kalimat baru"),
    ("approved", "MARKETING", "template_recategorised", "accept-category"),
]


@pytest.mark.parametrize(("status", "category", "code", "words"), WRONG)
def test_a_template_in_trouble_is_refused_at_release_and_at_the_start(
    status: str, category: str, code: str, words: str, sqlite_db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await here.push()
        here.decide(status, category)
        await here.follow()
        with pytest.raises(Blocked, match=words) as refused:
            here.release()
        assert refused.value.code == code
        with here.db.read() as session:
            document = dry_run(session, NAME, now.date(), here.clock.now(), ZONE, set(ChannelKind))
        assert [(one["code"], words in one["message"]) for one in document["blocking"]] == [(code, True)]
        here.decide("approved", "UTILITY")
        await here.follow()
        service.approve(here.db, NAME, by="budi", now=here.clock.now())
        here.decide(status, category)
        await here.follow()
        # what was released is asked about, not what somebody has written since
        here.edit("whatsapp")
        with pytest.raises(Blocked, match=words) as refused:
            service.start(
                here.db, NAME, by="sari", now=here.clock.now(), zone=ZONE, configured=set(ChannelKind), salt="salt"
            )
        assert refused.value.code == code

    at_the_desk(sqlite_db, now, scenario)


def test_a_template_that_meta_still_looks_at_may_be_released_and_not_started(
    sqlite_db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await here.push()
        with pytest.raises(Blocked, match="sudah diterima Twilio") as refused:
            here.start()
        assert refused.value.code == "template_not_approved"
        assert here.campaign_state() == "approved"

    at_the_desk(sqlite_db, now, scenario)


# --- sending --------------------------------------------------------------------------------------


async def ready(here: Desk) -> None:
    """Everything approved and one message planned per family."""
    await here.push()
    here.approve_all()
    await here.follow()
    assert here.start() > 0


LATER = [
    ("rejected", "", "rejected"),
    ("paused", "", "paused"),
    ("disabled", "", "disabled"),
    ("approved", "MARKETING", "recategorised"),
]


@pytest.mark.parametrize(("status", "category", "state"), LATER)
def test_a_state_that_changes_after_the_release_holds_whatsapp_and_nothing_else(
    status: str, category: str, state: str, db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        here.decide(status, category)
        await here.follow()
        await here.send()
        held = ("planned", f"template:{state}")
        assert here.messages() == {
            "telegram": [("accepted", "")] * 3, "whatsapp": [held] * 3, "sms": [("accepted", "")] * 3,
        }  # fmt: skip
        assert (here.received("whatsapp"), here.campaign_state()) == (0, "running")
        assert here.alerts() == [(f"template_{state}", KEY)]
        message = here.rows("whatsapp")[0]
        assert message.due_at == message.expires_at, "it does not come past the lane again"
        with here.db.read() as session:
            days = household_days(session, NAME, message.household_id or 0, {})
        assert days[-1].sentence.startswith("Menunggu karena templat WhatsApp")
        here.decide("approved", "UTILITY")
        assert await here.follow() == 1 + 3
        await here.send()
        assert here.messages()["whatsapp"] == [("accepted", "")] * 3
        assert here.alerts() == []

    at_the_desk(db, now, scenario, families=3)


def test_a_dearer_category_needs_the_yes_of_somebody_who_may_approve(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        with pytest.raises(Blocked, match="tidak menggeser"):
            templates.accept_category(db, KEY, "twilio", by="budi", now=here.clock.now())
        here.decide("approved", "MARKETING")
        await here.follow()
        await here.send()
        assert here.messages()["whatsapp"] == [("planned", "template:recategorised")]
        with pytest.raises(NotAllowed):
            templates.accept_category(db, KEY, "twilio", by="sari", now=here.clock.now())
        with pytest.raises(NotFound, match="maksudnya"):
            templates.accept_category(db, "ambil-kartu", "twilio", by="budi", now=here.clock.now())
        assert templates.accept_category(db, KEY, "twilio", by="budi", now=here.clock.now()) == [(1, "marketing")]
        assert (here.state(), here.alerts()) == ("approved", [])
        await here.send()
        assert here.messages()["whatsapp"] == [("accepted", "")]
        with db.read() as session:
            entry = audit_log(session)[0]
        assert (entry.staff, entry.action, entry.entity) == ("budi", "content.accept_category", KEY)
        # a yes is for one category
        here.decide("approved", "AUTHENTICATION")
        await here.follow()
        assert here.state() == "recategorised"

    at_the_desk(db, now, scenario)


def test_a_cheaper_category_needs_nobodys_yes(sqlite_db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await here.push()
        marketing = next(one for one in here.held if one.category == "MARKETING")
        marketing.status, marketing.category = "approved", "UTILITY"
        await here.follow()
        (line,) = [
            one for one in (here.line(key) for key in (await here.push()).states) if one.line.sid == marketing.sid
        ]
        assert (line.line.standing.state, line.line.standing.given) == ("approved", "UTILITY")

    at_the_desk(sqlite_db, now, scenario)


@pytest.mark.parametrize(("code", "state"), [("63040", "rejected"), ("63041", "paused"), ("63042", "disabled")])
def test_a_receipt_that_speaks_of_the_template_holds_it_at_once_and_a_stale_look_up_does_not_free_it(
    code: str, state: str, db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        here.it.sim.people.set_default(f"fail:{code}")
        await here.send("whatsapp")
        here.it.sim.people.set_default("delivered")
        await here.receipts()
        assert here.messages()["whatsapp"] == [("planned", f"receipt:{code}")]
        assert (here.state(), here.campaign_state()) == (state, "running")
        assert here.alerts() == [(f"template_{state}", KEY)]
        told = here.clock.now()
        here.later(minutes=61)
        await here.send()
        assert here.messages()["whatsapp"] == [("planned", f"template:{state}")], "not again, though its hour is over"
        assert here.messages()["sms"] == [("accepted", "")]
        await here.follow()  # Twilio still says approved
        assert here.state() == state
        while here.clock.now() <= told + BELIEVED_FOR:
            await here.follow()
        assert here.state() == "approved"
        await here.send("whatsapp")
        await here.receipts()
        assert here.messages()["whatsapp"][0][0] == "delivered"
        assert here.received("whatsapp") == 2

    at_the_desk(db, now, scenario)


def test_a_pause_that_twilio_knows_too_ends_when_twilio_says_so(sqlite_db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        here.decide("paused")
        await here.send("whatsapp")  # nobody has asked since: the text leaves, and comes back as 63041
        await here.receipts()
        assert here.state() == "paused"
        await here.follow()
        here.decide("approved")
        await here.follow()
        assert (here.state(), here.alerts()) == ("approved", [])

    at_the_desk(sqlite_db, now, scenario)


def test_what_waited_until_its_life_was_over_says_why(sqlite_db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        here.decide("disabled")
        await here.follow()
        await here.send()
        here.later(days=6)
        sweep(here.db, here.clock.now(), intent_life=timedelta(seconds=30))
        assert here.messages()["whatsapp"] == [("expired", "template:disabled")]
        here.decide("approved")
        assert await here.follow() == 1, "what has ended does not come back"
        assert here.messages()["whatsapp"] == [("expired", "template:disabled")]

    at_the_desk(sqlite_db, now, scenario)


def test_a_row_whose_life_is_over_ends_instead_of_coming_past_the_lane_for_ever(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        here.decide("paused")
        await here.follow()
        here.later(days=7)  # no sweep has run
        done = await here.send("whatsapp")
        assert here.messages()["whatsapp"] == [("expired", "template:paused")]
        assert done.stopped == 1

    at_the_desk(db, now, scenario)


def test_hundreds_of_rows_are_put_aside_at_once_and_hold_up_no_other_campaign(db: Database, now: datetime) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        (row,) = here.rows("whatsapp")
        columns = [
            column.name
            for column in tables.Message.__table__.columns  # type: ignore[attr-defined]
            if column.name not in ("id", "dedupe_key", "address_key")
        ]
        with db.plain() as sql:
            for number in range(300):
                sql.run(
                    f"INSERT INTO message (dedupe_key, address_key, {', '.join(columns)})"
                    f" SELECT :key, :key, {', '.join(columns)} FROM message WHERE id = :id",
                    key=f"copy-{number}", id=row.id,
                )  # fmt: skip
        here.decide("paused")
        await here.follow()
        done = await here.send("whatsapp")
        assert done.sent == 0
        assert set(here.messages()["whatsapp"]) == {("planned", "template:paused")}
        assert done.stopped < 301, "most of them never came to the lane"

    at_the_desk(db, now, scenario)


def test_a_template_that_is_gone_is_held_made_again_and_its_frozen_texts_find_the_new_one(
    db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        here.it.fail(kind="429", channel="whatsapp", next=1)
        await here.send("whatsapp")  # the intent froze the text
        gone = here.template().sid
        del here.it.sim.store.templates[gone]
        await here.follow()
        assert (here.state(), here.alerts()) == ("missing", [("template_missing", KEY)])
        here.later(minutes=5)
        await here.send("whatsapp")
        assert here.messages()["whatsapp"] == [("planned", "template:missing")]
        assert (await here.push()).created == [KEY]
        assert here.template().sid != gone
        here.decide("approved")
        await here.follow()
        await here.send("whatsapp")
        assert here.messages()["whatsapp"] == [("accepted", "")]
        assert [text.content_sid for text in here.it.sim.store.texts] == [here.template().sid]

    at_the_desk(db, now, scenario)


@pytest.mark.parametrize("status", ["pending", "unsubmitted"])
def test_a_running_campaign_whose_template_is_looked_at_again_waits_and_people_are_told(
    status: str, sqlite_db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        here.decide(status)
        await here.follow()
        await here.send()
        assert here.messages()["whatsapp"] == [("planned", f"template:{status}")]
        assert here.alerts() == [("template_waiting", KEY)]

    at_the_desk(sqlite_db, now, scenario)


def test_the_wording_of_a_running_campaign_is_followed_after_a_newer_one_was_written(
    sqlite_db: Database, now: datetime
) -> None:
    async def scenario(here: Desk) -> None:
        await ready(here)
        old = here.template()
        here.edit("whatsapp")
        await here.push()
        here.approve_all()
        old.status = "paused"
        await here.follow()
        assert [one.line.standing.state for one in (here.line(number=1), here.line(number=2))] == ["paused", "approved"]
        assert (here.line(number=1).campaigns, here.line(number=2).campaigns) == ((NAME,), ())
        assert here.alerts() == [("template_paused", KEY)]
        await here.send()
        assert here.messages()["whatsapp"] == [("planned", "template:paused")]

    at_the_desk(sqlite_db, now, scenario)
