"""Unknown texts: found again at the simulated provider, polled when receipts stay away, or decided by a person."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from sqlmodel import col, select

from broadcaster import jobs
from broadcaster.app import App, connect
from broadcaster.channels.protocol import Answer, TemplateSpec, Unknown
from broadcaster.clock import SteppedClock
from broadcaster.delivery.polling import SILENT, poll_receipts
from broadcaster.delivery.settle import FIRST_AFTER, settle
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput, Blocked, NotAllowed, NotFound, PollFailed
from broadcaster.outbox.record import Answered, CodeClass, record
from broadcaster.outbox.rules import WRITE_AGAIN_AFTER, text_hash
from broadcaster.outbox.unknown import CONSEQUENCES, decide, waiting_for_a_person
from broadcaster.settings import load
from broadcaster.simulator.store import SIMULATED_KEY
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.channels.world import ADDRESSES, WHATSAPP_FROM, World, world

TEXT = "Kartu KIA sudah selesai."


def classify(channel: ChannelKind, code: str, in_receipt: bool) -> CodeClass:
    return CodeClass("permanent" if code == "63024" else "unknown")


@dataclass
class Office:
    """A database, a simulated provider, and one clock for both."""

    db: Database
    clock: SteppedClock
    it: World

    async def send(self, channel: str = "whatsapp", text: str = TEXT, **changes: object) -> tuple[int, Answer]:
        """Begin one message, send it, record what the provider said. Returns the message's id."""
        with self.db.write() as session:
            make.installation(session)
            message = make.message(
                session, self.db.sealer, channel=channel, address=ADDRESSES[channel], purpose="answer",
                status="sending", due_at=self.clock.now(), updated_at=self.clock.now(),
            )  # fmt: skip
            attempt = make.attempt(
                session, message, state="open", opened_at=self.clock.now(), text_hash=text_hash(text)
            )
            message_id, attempt_id = message.id or 0, attempt.id or 0
        answer = await self.it.channels.send(channel, text=text, reference=f"{make.INSTANCE}-{attempt_id}", **changes)
        with self.db.plain() as sql:
            record(sql, [Answered(attempt_id, answer, self.clock.now())], classify)
        return message_id, answer

    async def settle(self) -> int:
        channels = {"twilio": self.it.channels.whatsapp}
        return await settle(self.db, self.clock, self.it.channels.twilio_poller, channels, classify)

    def later(self, wait: timedelta) -> None:
        self.clock.jump_to(self.clock.now() + wait)

    def status(self, message_id: int) -> str:
        with self.db.read() as session:
            return session.get_one(tables.Message, message_id).status

    def attempts(self) -> Sequence[tables.Attempt]:
        with self.db.read() as session:
            return list(session.exec(select(tables.Attempt).order_by(col(tables.Attempt.id))))


@asynccontextmanager
async def office(db: Database, now: datetime) -> AsyncIterator[Office]:
    async with world(public="") as it:
        clock = SteppedClock(now)
        it.sim.store.clock = clock
        it.sim.store.heard_from("whatsapp", ADDRESSES["whatsapp"])
        yield Office(db, clock, it)


@pytest.mark.parametrize("channel", ["whatsapp", "sms"])
@pytest.mark.parametrize("fault", ["cut_after", "http_500_after"])
def test_a_text_that_was_accepted_before_the_line_broke_is_found_and_never_sent_again(
    fault: str, channel: str, db: Database, now: datetime
) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            it.it.fail(kind=fault, next=1)
            message_id, answer = await it.send(channel)
            assert isinstance(answer, Unknown)
            it.later(FIRST_AFTER - timedelta(seconds=5))
            assert (await it.settle(), it.status(message_id)) == (0, "unknown")  # a receipt may still come by itself
            it.later(timedelta(seconds=10))
            assert await it.settle() == 1
            assert it.status(message_id) in ("accepted", "sent", "delivered")
            assert it.attempts()[0].provider_id == it.it.sim.store.texts[0].sid
            it.later(timedelta(days=1))
            assert await it.settle() == 0
            assert it.it.accepted == 1

    asyncio.run(scenario())


def test_a_templates_filled_text_is_compared_with_what_we_froze(db: Database, now: datetime) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            spec = TemplateSpec("ambil", "id", "Kartu {{1}} selesai.", {"1": "Rizki"}, (), "UTILITY")
            sid = await it.it.channels.whatsapp.create_template(spec)
            await it.it.channels.whatsapp.request_approval(sid, "ambil", "UTILITY")
            it.it.fail(kind="cut_after", next=1)
            message_id, _ = await it.send(
                text="Kartu Rizki selesai.", content_sid=sid, content_variables={"1": "Rizki"}
            )
            it.later(FIRST_AFTER)
            assert await it.settle() == 1
            assert it.status(message_id) != "unknown"

    asyncio.run(scenario())


def test_absence_never_returns_a_text_to_planned_and_is_asked_about_ever_more_rarely(
    db: Database, now: datetime
) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            it.it.fail(kind="cut_before", next=1)
            message_id, _ = await it.send()
            for minutes in range(60 * 12):
                it.later(timedelta(minutes=5))
                assert await it.settle() == 0
                if minutes > 150:
                    break
            assert it.status(message_id) == "unknown"
            asked = [raw for raw in it.it.requests if raw.method == "GET"]
            assert 3 <= len(asked) <= 6  # of 150 runs

    asyncio.run(scenario())


def test_two_texts_to_one_number_are_told_apart_and_two_equal_ones_stay_unknown(db: Database, now: datetime) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            it.it.fail(kind="cut_after")
            first, _ = await it.send(text="Satu.")
            second, _ = await it.send(text="Dua.")
            same = [(await it.send(text="Sama."))[0] for _ in range(2)]
            it.later(FIRST_AFTER)
            assert await it.settle() == 2
            assert "unknown" not in (it.status(first), it.status(second))
            assert [it.status(one) for one in same] == ["unknown", "unknown"]
            sids = {text.text: text.sid for text in it.it.sim.store.texts}
            assert [attempt.provider_id for attempt in it.attempts()[:2]] == [sids["Satu."], sids["Dua."]]

    asyncio.run(scenario())


def test_a_text_that_another_attempt_owns_is_left_to_it(db: Database, now: datetime) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            known, _ = await it.send()
            it.it.fail(kind="cut_before", next=1)
            lost, _ = await it.send()
            it.later(FIRST_AFTER)
            assert await it.settle() == 0
            assert (it.status(known), it.status(lost)) == ("accepted", "unknown")

    asyncio.run(scenario())


def test_a_provider_that_does_not_answer_changes_nothing(db: Database, now: datetime) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            it.it.fail(kind="cut_after", next=1)
            message_id, _ = await it.send()
            it.later(FIRST_AFTER)
            await it.it.sim.stop()
            with pytest.raises(PollFailed):
                await it.settle()
            assert it.status(message_id) == "unknown"

    asyncio.run(scenario())


def test_receipts_that_stay_away_are_asked_for_also_where_webhooks_bring_them(db: Database, now: datetime) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            await it.send()
            poller = it.it.channels.twilio_poller
            it.later(SILENT - timedelta(seconds=5))
            assert await poll_receipts(it.db, it.clock, poller, SILENT) == 0
            it.later(timedelta(seconds=10))
            assert await poll_receipts(it.db, it.clock, poller, SILENT) == 1
            asked = len(it.it.requests)
            assert await poll_receipts(it.db, it.clock, poller, SILENT) == 0
            it.later(timedelta(minutes=2))
            assert await poll_receipts(it.db, it.clock, poller, SILENT) == 0
            assert len(it.it.requests) == asked  # not again until the text is half as old again
            it.later(timedelta(minutes=10))
            await poll_receipts(it.db, it.clock, poller, SILENT)
            assert len(it.it.requests) == asked + 1

    asyncio.run(scenario())


@pytest.mark.parametrize("public", ["", "https://kia.example.go.id"])
def test_the_job_looks_up_with_a_public_address_and_without(public: str, db: Database, now: datetime) -> None:
    async def scenario() -> None:
        async with office(db, now) as it:
            it.it.fail(kind="cut_after", next=1)
            message_id, _ = await it.send()
            it.later(FIRST_AFTER)
            base = it.it.sim.base_url
            settings = load(
                mode="rehearsal", telegram_base_url=base, twilio_base_url=base, twilio_account_sid="AC1",
                twilio_auth_token=SIMULATED_KEY, twilio_whatsapp_from=WHATSAPP_FROM, public_base_url=public,
            )  # fmt: skip
            app = connect(App(settings, it.clock, db))
            running = jobs.Running(app)
            assert [lookup.account for lookup in app.lookups] == ["twilio"]
            assert [poller.account for poller in app.pollers] == ([] if public else ["twilio"])
            (job,) = [one for one in jobs.JOBS if one.name == "settle"]
            assert await jobs.run(job, running) == 1
            assert it.status(message_id) != "unknown"
            running.close()
            for channel in app.channels.values():
                await channel.aclose()
            assert app.transport is not None
            await app.transport.aclose()

    asyncio.run(scenario())


# ------------------------------------------------------------------------------------------------- a person's decision


@dataclass
class Case:
    db: Database
    message_id: int
    campaign: str

    def message(self, message_id: int = 0) -> tables.Message:
        with self.db.read() as session:
            return session.get_one(tables.Message, message_id or self.message_id)


@pytest.fixture
def case(db: Database, now: datetime) -> Case:
    """A campaign's message that became unknown at `now`."""
    with db.write() as session:
        make.installation(session)
        make.staff(session, "sari", "operator")
        make.staff(session, "tono", "replier")
        campaign = make.campaign(session)
        cohort = make.cohort(session, campaign)
        family = make.family(session, db.sealer)
        message = make.message(
            session, db.sealer, household=family.household, campaign=campaign, cohort=cohort, card=family.card,
            status="unknown", reason="no_answer", body="{}", updated_at=now,
        )  # fmt: skip
        make.attempt(session, message, state="unknown")
        return Case(db, message.id or 0, campaign.name)


DECIDED = {"received": ("delivered", "delivered"), "not-received": ("failed", "failed")}


@pytest.mark.parametrize("decision", DECIDED)
def test_a_person_says_what_became_of_a_text_and_it_is_audited(decision: str, case: Case, now: datetime) -> None:
    settled = decide(case.db, case.message_id, decision, by="sari", now=now)
    status, attempt_state = DECIDED[decision]
    assert (settled.status, settled.new_message_id) == (status, None)
    assert settled.consequence == CONSEQUENCES[settled.decision]
    with case.db.read() as session:
        assert session.exec(select(tables.Attempt.state)).one() == attempt_state
        entry = session.exec(select(tables.AuditEntry)).one()
        assert (entry.staff, entry.action, entry.entity) == ("sari", "unknown.settle", f"message:{case.message_id}")
        assert waiting_for_a_person(session) == []


def test_a_text_written_again_is_one_new_message_that_names_the_old_one(case: Case, now: datetime) -> None:
    later = now + WRITE_AGAIN_AFTER
    settled = decide(case.db, case.message_id, "write-again", by="sari", now=later)
    new, old = case.message(settled.new_message_id or 0), case.message()
    assert (new.status, new.replaces_id, new.due_at, new.attempts) == ("planned", old.id, later, 0)
    assert (old.status, old.reason) == ("unknown", "replaced")
    assert new.dedupe_key == f"c|{case.campaign}|1|ambil-kartu-1|{old.household_id}|0|{old.id}"
    assert new.address_key == f"a|{case.campaign}|1|ambil-kartu-1|whatsapp|{old.address_blind.hex()}|{old.id}"
    assert new.sealed_body is None  # filled anew, for the children who are still due
    with case.db.read() as session:
        lines = session.exec(select(tables.MessageChild.card_id, tables.MessageChild.message_id)).all()
        assert {message for _, message in lines} == {old.id, new.id}
        assert waiting_for_a_person(session) == []
    with pytest.raises(Blocked) as refused:
        decide(case.db, case.message_id, "write-again", by="sari", now=later)
    assert refused.value.code == "already_replaced"


def test_an_answer_written_again_says_the_same_words(db: Database, now: datetime) -> None:
    with db.write() as session:
        make.staff(session, "sari", "operator")
        answer = make.message(session, db.sealer, purpose="answer", status="unknown", body="isi", updated_at=now)
        make.attempt(session, answer, state="unknown")
        answer_id, body = answer.id or 0, answer.sealed_body
    settled = decide(db, answer_id, "write-again", by="sari", now=now + WRITE_AGAIN_AFTER)
    with db.read() as session:
        assert session.get_one(tables.Message, settled.new_message_id).sealed_body == body


def test_a_receipt_for_the_old_text_still_counts_after_it_was_written_again(case: Case, now: datetime) -> None:
    from broadcaster.channels.protocol import Receipt
    from broadcaster.delivery.evidence import apply
    from broadcaster.domain.message import AttemptState

    decide(case.db, case.message_id, "write-again", by="sari", now=now + WRITE_AGAIN_AFTER)
    with case.db.write() as session:
        attempt = session.exec(select(tables.Attempt)).one()
        receipt = Receipt(make.reference(attempt), "SM1", AttemptState.DELIVERED)
        apply(session, receipt, account="twilio", event_id=None, now=now, classify=classify)
    assert case.message().status == "delivered"


def _stopped(session, case):  # type: ignore[no-untyped-def]
    campaign = session.exec(select(tables.Campaign)).one()
    campaign.status = "stopped"
    session.add(campaign)


def _settled(session, case):  # type: ignore[no-untyped-def]
    session.get_one(tables.Message, case.message_id).status = "delivered"


def _over(session, case):  # type: ignore[no-untyped-def]
    row = session.get_one(tables.Message, case.message_id)
    row.expires_at = row.updated_at + timedelta(minutes=1)


REFUSED = {
    "too early": (None, "write-again", "sari", timedelta(minutes=14), Blocked, "too_early"),
    "not unknown any more": (_settled, "write-again", "sari", WRITE_AGAIN_AFTER, Blocked, "not_unknown"),
    "not unknown for a decision either": (_settled, "received", "sari", WRITE_AGAIN_AFTER, Blocked, "not_unknown"),
    "its campaign was stopped": (_stopped, "write-again", "sari", WRITE_AGAIN_AFTER, Blocked, "campaign_over"),
    "its life is over": (_over, "write-again", "sari", WRITE_AGAIN_AFTER, Blocked, "life_over"),
    "nobody by that name": (None, "received", "nobody", WRITE_AGAIN_AFTER, NotAllowed, "unknown_account"),
    "someone who only answers": (None, "received", "tono", WRITE_AGAIN_AFTER, NotAllowed, "wrong_role"),
    "a decision that does not exist": (None, "maybe", "sari", WRITE_AGAIN_AFTER, BadInput, "bad_decision"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_decision_that_may_not_be_taken_changes_nothing(name: str, case: Case, now: datetime) -> None:
    change, decision, by, wait, error, code = REFUSED[name]
    with case.db.write() as session:
        if change is not None:
            change(session, case)
    before = case.message()
    with pytest.raises(error) as refused:
        decide(case.db, case.message_id, decision, by=by, now=now + wait)
    assert refused.value.code == code
    assert str(refused.value).endswith(".")
    assert case.message() == before
    with case.db.read() as session:
        assert session.exec(select(tables.AuditEntry)).all() == []


def test_a_message_that_does_not_exist_is_named(case: Case, now: datetime) -> None:
    with pytest.raises(NotFound, match="999"):
        decide(case.db, 999, "received", by="sari", now=now)
