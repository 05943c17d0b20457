"""Every code of content/codes, from the provider's word to what became of the message, the address, campaign and sender."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import select

from broadcaster.campaigns.stories import explain, household_days
from broadcaster.channels.codes import PROVIDERS, load_codes
from broadcaster.channels.protocol import Accepted, Deferred, Receipt, Rejected
from broadcaster.consent.queries import is_suppressed
from broadcaster.consent.service import allow
from broadcaster.delivery.consequences import FAILED_DAYS, act
from broadcaster.delivery.evidence import apply
from broadcaster.domain.message import AttemptState, ChannelKind
from broadcaster.office.queries import open_alerts
from broadcaster.outbox.intent import Opened, Rules, Wanted, commit_intents
from broadcaster.outbox.lease import lease, take_lane
from broadcaster.outbox.record import Answered, CodeClass, record
from broadcaster.outbox.rules import RETRY_AFTER_RECEIPT
from broadcaster.outbox.sweep import sweep
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make

CODES = load_codes(content_dir() / "codes")
SENTENCES = CODES.sentences()
DAY = timedelta(days=1)


def classify(channel: ChannelKind, code: str, in_receipt: bool) -> CodeClass:
    found = CODES.classify(channel, code, receipt=in_receipt)
    return CodeClass(found.kind, found.max_tries)


@dataclass
class Begun:
    """One message of a running campaign, about to get its answer."""

    db: Database
    channel: ChannelKind
    address: str
    family: make.Family
    message_id: int
    attempt_id: int

    def refuse(self, code: str, at: datetime) -> None:
        """The call itself was answered with a refusal."""
        self._record(Rejected(code), at)

    def accept_and_report(self, code: str, at: datetime) -> None:
        """The call was accepted, and a receipt tells of a failure later."""
        self._record(Accepted(f"SM{self.attempt_id}"), at)
        receipt = Receipt(f"{make.INSTANCE}-{self.attempt_id}", "", AttemptState.FAILED, code)
        with self.db.write() as session:
            assert apply(session, receipt, account="twilio", event_id=None, now=at, classify=classify) == "applied"

    def _record(self, answer: object, at: datetime) -> None:
        with self.db.plain() as sql:
            consequences = record(sql, [Answered(self.attempt_id, answer, at)], classify)  # type: ignore[arg-type]
            with sql.session() as session:
                act(session, consequences, at)

    def seen(self, now: datetime) -> dict[str, object]:
        """What became of everything a code can act on."""
        with self.db.read() as session:
            message = session.get_one(tables.Message, self.message_id)
            contact = session.exec(select(tables.ContactPoint)).one()
            campaign = session.exec(select(tables.Campaign)).one()
            sender = session.get_one(tables.Sender, message.sender_id)
            blind = self.db.sealer.blind("address", self.address)
            return {
                "message": message.status,
                "address": "dead" if contact.invalid_since else "alive",
                "person": is_suppressed(session, self.channel, blind, None, now) or "",
                "campaign": campaign.status,
                "sender": "paused" if sender.paused_until and sender.paused_until > now else "free",
                "alerts": [alert.kind for alert in open_alerts(session)],
            }

    def message(self) -> tables.Message:
        with self.db.read() as session:
            return session.get_one(tables.Message, self.message_id)


def begin(db: Database, channel: ChannelKind, now: datetime) -> Begun:
    address = "700123" if channel is ChannelKind.TELEGRAM else "+6281234567890"
    with db.write() as session:
        make.installation(session)
        sender = make.sender(session, channel)
        family = make.family(session, db.sealer, phone="")
        make.contact(session, db.sealer, family.guardian, channel, address)
        campaign = make.campaign(session)
        message = make.message(
            session, db.sealer, household=family.household, campaign=campaign, card=family.card, channel=channel,
            address=address, due_at=now,
        )  # fmt: skip
        message_id, sender_id = message.id or 0, sender.id or 0
    return Begun(db, channel, address, family, message_id, open_attempt(db, sender_id, now))


def open_attempt(db: Database, sender_id: int, now: datetime) -> int:
    lane = take_lane(db, sender_id, "test", now)
    assert lane is not None
    (row,) = lease(db, lane, now, campaigns=True).rows
    rules = Rules("live", 99, True, now, date(2026, 10, 5), now + DAY, "twilio")
    with db.plain() as sql:
        (opened,) = commit_intents(
            sql, lane, [Wanted(row.id, row.token, row.address_blind, b"body", "hash", 1)], rules, now
        )
    assert isinstance(opened, Opened), opened
    return opened.attempt_id


CALM = {"address": "alive", "person": "", "campaign": "running", "sender": "free", "alerts": []}
#: class -> what a refusal of the call does beyond its row
BEYOND = {
    "permanent": {"address": "dead"},
    "suppress": {"person": "blocked"},
    "temporary": {},
    "unknown": {},
    "rate": {"sender": "paused"},
    "ours": {"campaign": "paused", "alerts": ["campaign_paused"]},
    "stop": {"sender": "paused", "alerts": ["sender_stopped"]},
}
#: Rate codes whose pause is long enough to be told, and refusals that only say "not here".
TOLD = {"63018", "63038"}
NOT_HERE = {"403:deactivated", "403:not_started"}
ALL = [(channel, code) for channel, provider in PROVIDERS.items() for code in sorted(CODES.by_provider[provider])]


def beyond(kind: str, code: str) -> dict[str, object]:
    expected = {**CALM, **BEYOND[kind]}
    if kind == "rate" and code in TOLD:
        expected["alerts"] = ["sender_paused"]
    if code in NOT_HERE:
        expected["person"] = "unreachable"
    return expected


@pytest.mark.parametrize(("channel", "code"), ALL)
def test_a_refused_call_does_what_its_class_says(
    channel: ChannelKind, code: str, sqlite_db: Database, now: datetime
) -> None:
    _refused(sqlite_db, channel, code, now)


def _refused(db: Database, channel: ChannelKind, code: str, now: datetime) -> None:
    found = CODES.classify(channel, code, receipt=False)
    begun = begin(db, channel, now)
    begun.refuse(code, now)
    ends = found.kind in ("permanent", "suppress") or found.max_tries == 1
    assert begun.seen(now) == {"message": "failed" if ends else "planned", **beyond(found.kind, code)}
    message = begun.message()
    assert message.reason == f"rejected:{code}"
    assert explain(message, SENTENCES).endswith(".")
    if not ends:
        assert now < message.due_at < now + timedelta(minutes=2)


REPORTED = [(channel, code) for channel, code in ALL if channel is not ChannelKind.TELEGRAM]


@pytest.mark.parametrize(("channel", "code"), REPORTED)
def test_a_failure_told_by_receipt_does_what_its_class_says(
    channel: ChannelKind, code: str, sqlite_db: Database, now: datetime
) -> None:
    _reported(sqlite_db, channel, code, now)


def _reported(db: Database, channel: ChannelKind, code: str, now: datetime) -> None:
    found = CODES.classify(channel, code, receipt=True)
    begun = begin(db, channel, now)
    begun.accept_and_report(code, now)
    if found.kind == "unknown":
        state = "unknown"
    else:
        ends = found.kind in ("permanent", "suppress") or found.max_tries == 1
        # no receipt of an SMS brings a text back
        assert ends or channel is ChannelKind.WHATSAPP
        state = "failed" if ends else "planned"
    assert begun.seen(now) == {"message": state, **beyond(found.kind, code)}
    message = begun.message()
    assert message.reason == f"receipt:{code}"
    assert explain(message, SENTENCES).endswith(".")
    if state == "planned":
        assert message.due_at >= now + RETRY_AFTER_RECEIPT


#: One code of every class, in an answer and in a receipt, on both databases.
ONE_OF_EACH = ["63024", "63014", "63009", "63018", "63041", "63051", "63010"]


@pytest.mark.parametrize("code", ONE_OF_EACH)
def test_every_class_does_the_same_on_both_databases(code: str, db: Database, now: datetime) -> None:
    _reported(db, ChannelKind.WHATSAPP, code, now)
    assert {CODES.by_provider["twilio"][one].kind for one in ONE_OF_EACH} == set(BEYOND)


@pytest.mark.parametrize("code", ["99999", "http:400"])
def test_a_code_nobody_listed_is_tried_twice_when_refused_and_unknown_when_reported(
    code: str, sqlite_db: Database, now: datetime
) -> None:
    begun = begin(sqlite_db, ChannelKind.WHATSAPP, now)
    begun.refuse(code, now)
    assert begun.seen(now) == {"message": "planned", **CALM}
    later = now + timedelta(hours=1)
    begun.attempt_id = open_attempt(sqlite_db, begun.message().sender_id, later)
    begun.refuse(code, later)
    assert begun.seen(later) == {"message": "failed", **CALM}
    assert CODES.classify(ChannelKind.WHATSAPP, code, receipt=True).kind == "unknown"


def test_a_429_with_a_long_wait_pauses_the_sender_and_tells_people_until_it_is_over(
    db: Database, now: datetime
) -> None:
    begun = begin(db, ChannelKind.WHATSAPP, now)
    begun._record(Deferred("63038", after=7 * 24 * 3600, pause_sender=True), now)
    assert begun.seen(now) == {"message": "planned", **beyond("rate", "63038")}
    assert begun.seen(now + DAY)["sender"] == "free"  # a provider cannot stop us for longer than a day
    sweep(db, now + DAY, intent_life=timedelta(seconds=30))
    assert begun.seen(now + DAY)["alerts"] == []


def fail_on_days(begun: Begun, days: int, first: datetime) -> datetime:
    """One failure a day; the last day's moment."""
    at = first
    for day in range(days):
        at = first + day * DAY
        with begun.db.read() as session:
            over = session.get_one(tables.Attempt, begun.attempt_id).state != "open"
        if over:
            with begun.db.write() as session:
                message = session.get_one(tables.Message, begun.message_id)
                message.due_at, message.expires_at, message.status = at, at + 30 * DAY, "planned"
                session.add(message)
            begun.attempt_id = open_attempt(begun.db, begun.message().sender_id, at)
        begun.accept_and_report("63009", at)
    return at


def test_five_failed_days_pause_a_person_until_staff_let_them_in(db: Database, now: datetime) -> None:
    begun = begin(db, ChannelKind.WHATSAPP, now)
    at = fail_on_days(begun, FAILED_DAYS - 1, now)
    assert begun.seen(at)["person"] == ""
    at = fail_on_days(begun, 1, at + DAY)
    assert begun.seen(at)["person"] == "five_failed_days"
    assert begun.seen(at)["alerts"] == ["people_paused"]
    blind = db.sealer.blind("address", begun.address)
    with db.write() as session:
        allow(session, channel="whatsapp", address_blind=blind, source="staff", wording="staff", now=at)
    sweep(db, at, intent_life=timedelta(seconds=30))
    assert (begun.seen(at)["person"], begun.seen(at)["alerts"]) == ("", [])
    # they begin anew: the old days do not count against them
    assert begun.seen(fail_on_days(begun, 2, at + DAY))["person"] == ""


def test_many_failures_on_one_day_pause_nobody(db: Database, now: datetime) -> None:
    begun = begin(db, ChannelKind.WHATSAPP, now)
    for hours in range(1, 8):
        fail_on_days(begun, 2, now - DAY + timedelta(hours=hours))
    assert begun.seen(now)["person"] == ""


def test_a_text_that_arrived_ends_the_count(db: Database, now: datetime) -> None:
    begun = begin(db, ChannelKind.WHATSAPP, now)
    at = fail_on_days(begun, FAILED_DAYS - 1, now)
    with db.write() as session:
        message = session.get_one(tables.Message, begun.message_id)
        make.attempt(session, message, state="delivered", opened_at=at + timedelta(hours=1))
        message.attempts += 1
    assert begun.seen(fail_on_days(begun, 2, at + DAY))["person"] == ""


def test_the_household_page_tells_the_codes_sentence(db: Database, now: datetime) -> None:
    begun = begin(db, ChannelKind.WHATSAPP, now)
    begun.accept_and_report("63024", now)
    with db.read() as session:
        (line,) = household_days(session, "kartu-belum-diambil", begun.family.household.id or 0, SENTENCES)
    assert line.sentence == "Nomor ini tidak memakai WhatsApp; sistem mencoba saluran berikutnya."
