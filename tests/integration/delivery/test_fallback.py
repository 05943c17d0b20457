"""The next channel of a step's order: when it is taken, when never, and what is kept about it."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlmodel import col, select

from broadcaster.campaigns.definition import Definition, read_definition
from broadcaster.campaigns.fallback import fall_back, may_arrive_twice
from broadcaster.campaigns.queries import status
from broadcaster.campaigns.stories import household_days, message_story
from broadcaster.channels.codes import load_codes
from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.intent import Opened, Rules, Wanted, commit_intents
from broadcaster.outbox.lease import lease, take_lane
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from tests import make
from tests.integration.campaigns.conftest import ZONE, families, office  # noqa: F401 - fixtures

CODES = load_codes(content_dir() / "codes")
HOURS = 48
FILE = """
name = "kartu"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
none = true
[[steps]]
message = "ambil-kartu-1"
offset_days = 0
channels = [CHANNELS]
fallback_after_hours = 48
valid_days = 10
"""


def follows(channel: ChannelKind, code: str, in_receipt: bool) -> bool:
    return CODES.classify(channel, code, receipt=in_receipt).next


class Step:
    """One family in a one-step campaign."""

    def __init__(self, office, families, channels=("whatsapp", "sms", "village_list"), hours=HOURS):  # type: ignore[no-untyped-def]  # noqa: F811
        self.office, self.db, self.now = office, office.db, office.now
        (self.family,) = families(1)
        if "telegram" in channels:
            with self.db.write() as session:
                make.contact(session, self.db.sealer, self.family.guardian, "telegram", "700123")
        text = FILE.replace("CHANNELS", ", ".join(f'"{channel}"' for channel in channels))
        office.start(text if hours else text.replace("fallback_after_hours = 48\n", ""))
        assert office.plan() == 1

    def messages(self) -> list[tables.Message]:
        with self.db.read() as session:
            return list(session.exec(select(tables.Message).order_by(col(tables.Message.hop))))

    def put(self, state: str, reason: str = "", attempts: tuple[str, ...] = (), hop: int | None = None) -> None:
        """The newest message stands like this, begun at the campaign's first moment."""
        with self.db.write() as session:
            message = session.get_one(tables.Message, self.messages()[-1 if hop is None else hop].id)
            message.status, message.reason, message.intent_at = state, reason, self.now
            session.add(message)
            for one in attempts or (state,):
                make.attempt(session, message, state=one)

    def fall_back(self, hours: int = 0) -> int:
        return fall_back(self.db, self.now + timedelta(hours=hours), ZONE, follows=follows)


@pytest.fixture
def step(office, families):  # type: ignore[no-untyped-def]  # noqa: F811 - fixtures
    def make_step(*channels: str, hours: int = HOURS) -> Step:
        return Step(office, families, channels or ("whatsapp", "sms", "village_list"), hours)

    return make_step


ENDED = {
    "not on WhatsApp": "receipt:63024",
    "a wrong number": "rejected:21211",
    "refused for a reason nobody listed": "rejected:99999",
    "Meta does not pass it on": "receipt:63049",
}


@pytest.mark.parametrize("name", ENDED)
def test_a_text_that_failed_for_good_goes_to_the_next_channel_with_the_reason_kept(name: str, step) -> None:
    one = step(hours=0)
    one.put("failed", ENDED[name])
    assert (one.fall_back(), one.fall_back()) == (1, 0)
    first, second = one.messages()
    assert (second.channel, second.hop, second.follows) == ("sms", 1, ENDED[name])
    with one.db.read() as session:
        story = message_story(session, str(second.id))
        days = household_days(session, "kartu", one.family.household.id)
    assert story["follows_sentence"].startswith("Dikirim lewat SMS karena")
    assert any(day.event == "ambil-kartu-1:follows" for day in days)
    assert first.followed_at is not None


NEVER = {
    "the person blocked us": ("failed", "receipt:63014", ("failed",)),
    "the person opted out": ("failed", "rejected:21610", ("failed",)),
    "our own fault": ("failed", "receipt:63041", ("failed",)),
    "unknown": ("unknown", "no_answer", ("unknown",)),
    "reported by a code nobody understands": ("unknown", "receipt:30008", ("unknown",)),
    "an attempt is open": ("failed", "receipt:63024", ("failed", "open")),
    "an attempt is unknown": ("failed", "receipt:63024", ("unknown", "failed")),
    "a person said it did not arrive": ("failed", "settled_not_received", ("failed",)),
    "the card is collected": ("cancelled", "card_not_due", ("deferred",)),
    "it was not sent in time": ("expired", "expired", ("deferred",)),
    "an attempt is unknown and the newest was taken": ("accepted", "", ("unknown", "accepted")),
    "it arrived": ("delivered", "", ("delivered",)),
    "it was read": ("read", "", ("read",)),
}


@pytest.mark.parametrize("name", NEVER)
def test_no_other_channel_is_tried(name: str, step) -> None:
    one = step()
    one.put(*NEVER[name])
    assert one.fall_back(HOURS + 1) == 0
    assert len(one.messages()) == 1


@pytest.mark.parametrize("state", ["accepted", "sent"])
def test_whatsapp_that_is_not_delivered_in_the_hours_its_step_names_is_followed_once(state: str, step) -> None:
    one = step()
    one.put(state)
    assert one.fall_back(HOURS - 1) == 0
    assert (one.fall_back(HOURS), one.fall_back(HOURS + 1)) == (1, 0)
    second = one.messages()[1]
    assert (second.channel, second.follows) == ("sms", f"undelivered:{HOURS}")


def test_without_hours_in_the_step_a_receipt_that_stays_away_means_nothing(step) -> None:
    one = step(hours=0)
    one.put("sent")
    assert one.fall_back(24 * 9) == 0


@pytest.mark.parametrize("channels", [("telegram", "sms", "village_list"), ("sms", "village_list")])
def test_a_channel_without_trustworthy_receipts_is_never_followed_for_silence(channels: tuple[str, ...], step) -> None:
    one = step(*channels)
    for state in ("accepted", "sent"):
        one.put(state)
        assert one.fall_back(HOURS + 1) == 0


def test_nothing_is_planned_outside_the_timetable_or_after_the_texts_life(step) -> None:
    one = step()
    one.put("failed", "receipt:63024")
    assert one.fall_back(12) == 0  # Monday 20:00
    assert one.fall_back(24 * 11) == 0  # its ten days are over
    assert len(one.messages()) == 1


def test_a_receipt_that_comes_before_the_next_channel_ends_the_question(step) -> None:
    one = step()
    one.put("sent")
    one.put("delivered")
    assert one.fall_back(HOURS + 1) == 0


@pytest.mark.parametrize(("second", "counted"), [("accepted", 1), ("sent", 1), ("planned", 0), ("failed", 0)])
def test_a_first_text_that_arrives_after_all_is_counted(second: str, counted: int, step) -> None:
    one = step()
    one.put("sent")
    one.fall_back(HOURS)
    one.put("delivered", hop=0)
    one.put(second, attempts=("deferred",))
    with one.db.read() as session:
        assert status(session, "kartu").received_on_two_channels == counted


def test_the_officers_list_is_the_last_channel_and_is_not_counted_as_a_second_text(step) -> None:
    one = step("whatsapp", "village_list")
    one.put("sent")
    assert one.fall_back(HOURS) == 1
    assert one.messages()[1].channel == "village_list"
    one.put("delivered", hop=0)
    one.put("accepted")
    assert one.fall_back(HOURS + 1) == 0
    with one.db.read() as session:
        assert status(session, "kartu").received_on_two_channels == 0


def test_a_family_unreachable_on_telegram_goes_on_and_one_that_blocked_us_does_not(step) -> None:
    one = step("telegram", "village_list", hours=0)
    from broadcaster.consent.service import suppress

    blind = one.db.sealer.blind("address", "700123")
    with one.db.write() as session:
        suppress(session, channel="telegram", address_blind=blind, reason="unreachable", now=one.now)
    one.put("failed", "rejected:403:not_started")
    assert one.fall_back() == 1


MAY = {
    ("whatsapp", "sms"): True,
    ("telegram", "whatsapp", "sms"): True,
    ("whatsapp", "village_list"): False,
    ("telegram", "sms"): False,
    ("sms", "whatsapp"): False,
}


@pytest.mark.parametrize("channels", MAY)
@pytest.mark.parametrize("hours", [0, HOURS])
def test_the_dry_run_names_the_steps_that_may_arrive_twice(channels: tuple[str, ...], hours: int) -> None:
    text = FILE.replace("CHANNELS", ", ".join(f'"{channel}"' for channel in channels))
    definition: Definition = read_definition(text if hours else text.replace("fallback_after_hours = 48\n", ""))
    assert may_arrive_twice(definition.steps[0]) is (MAY[channels] and hours > 0)


@pytest.mark.parametrize(("channel", "segments", "idr"), [("whatsapp", 3, 350), ("sms", 3, 1200), ("telegram", 1, 0)])
def test_what_a_text_costs_is_kept_with_its_attempt(channel: str, segments: int, idr: int, db, now: datetime) -> None:
    with db.write() as session:
        sender = make.sender(session, channel).id or 0
        for name, price in (("whatsapp", 350), ("sms", 400), ("telegram", 0)):
            session.add(tables.Price(channel=name, idr=price))
        make.message(session, db.sealer, channel=channel, purpose="answer", due_at=now)
    lane = take_lane(db, sender, "test", now)
    assert lane is not None
    (row,) = lease(db, lane, now, campaigns=True).rows
    rules = Rules("live", 9, True, now, date(2026, 10, 5), now, "x")
    with db.plain() as sql:
        wanted = Wanted(row.id, row.token, row.address_blind, b"body", "hash", segments)
        assert isinstance(commit_intents(sql, lane, [wanted], rules, now)[0], Opened)
    with db.read() as session:
        assert session.exec(select(tables.Attempt.price_idr)).one() == idr
