"""Rows whose window was slept through: what their step says, and what a person decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pytest
from sqlmodel import col, select

from broadcaster.campaigns import late
from broadcaster.campaigns.queries import status
from broadcaster.campaigns.stories import explain
from broadcaster.errors import Blocked, NotAllowed
from broadcaster.office.queries import open_alerts, timetable
from broadcaster.outbox.intent import Rules, Stopped, Wanted, commit_intents
from broadcaster.outbox.lease import lease, take_lane
from broadcaster.outbox.sweep import sweep
from broadcaster.storage import tables
from tests import make
from tests.integration.campaigns.conftest import ZONE, Office, families, office  # noqa: F401 - fixtures

LIFE = timedelta(seconds=30)
FILE = """
name = "kartu"
audience.occasions = ["printed_uncollected"]
d_days = 14
[lot]
none = true
[[steps]]
message = "ambil-kartu-1"
offset_days = 0
channels = ["whatsapp", "village_list"]
late = "{policy}"
valid_days = 5
[[steps]]
message = "ambil-kartu-2"
offset_days = 7
channels = ["whatsapp", "village_list"]
late = "{policy}"
valid_days = {valid}
"""


@dataclass
class Late:
    """One family's first message, planned for Monday morning and not sent by noon."""

    office: Office

    def messages(self) -> list[tables.Message]:
        with self.office.db.read() as session:
            return list(session.exec(select(tables.Message).order_by(col(tables.Message.id))))

    def sweep(self, at: datetime) -> int:
        return sweep(self.office.db, at, intent_life=LIFE).late

    def alerts(self) -> dict[str, object]:
        with self.office.db.read() as session:
            return {alert.subject: alert.data["messages"] for alert in open_alerts(session) if alert.kind == "late_ask"}

    def begin(self, at: datetime) -> Stopped | object | None:
        """What the hot path makes of the lane's first due row; None when no row is due."""
        db = self.office.db
        with db.read() as session:
            sender_id = session.exec(select(tables.Sender.id).where(tables.Sender.name == "whatsapp")).one()
            table = timetable(session, ZONE)
        lane = take_lane(db, sender_id or 0, "test", at)
        assert lane is not None
        rows = lease(db, lane, at, campaigns=True).rows
        if not rows:
            return None
        rules = Rules("live", 9, table.is_open(at), table.next_open(at), date(2026, 10, 5), at, "twilio")
        row = rows[0]
        with db.plain() as sql:
            wanted = Wanted(row.id, row.token, row.address_blind, b"body", "hash", 1)
            return commit_intents(sql, lane, [wanted], rules, at)[0]


@pytest.fixture
def planned(office, families):  # type: ignore[no-untyped-def]  # noqa: F811 - fixtures
    def plan(policy: str, valid: int = 5, channels: tuple[str, ...] = ("whatsapp",)) -> Late:
        families(1, channels=channels, **({} if channels else {"phone": ""}))
        office.start(FILE.replace("{policy}", policy).replace("{valid}", str(valid)))
        assert office.plan() == 1
        return Late(office)

    return plan


@pytest.fixture
def noon(now: datetime) -> datetime:
    """The end of Monday's first window."""
    from broadcaster.domain.timetable import Timetable

    return Timetable(ZONE).window_end(now)


@pytest.fixture
def afternoon(noon: datetime) -> datetime:
    """A moment in Monday's second window."""
    from broadcaster.domain.timetable import Timetable

    return Timetable(ZONE).next_open(noon) + timedelta(minutes=5)


@pytest.mark.parametrize("policy", ["skip", "ask"])
def test_nothing_is_late_while_its_window_is_open(policy: str, planned, noon: datetime) -> None:
    late_row = planned(policy)
    assert late_row.sweep(noon - timedelta(seconds=1)) == 0
    assert not isinstance(late_row.begin(noon - timedelta(seconds=1)), Stopped)


def test_skip_ends_a_row_whose_window_is_over(planned, noon: datetime, afternoon: datetime) -> None:
    late_row = planned("skip")
    assert late_row.sweep(noon) == 1
    (message,) = late_row.messages()
    assert (message.status, message.reason) == ("expired", "late_skip")
    assert explain(message, {}) == "Tidak dikirim karena jadwal kirimnya terlewat."
    assert late_row.begin(afternoon) is None


def test_next_window_sends_in_the_next_window_while_the_text_is_valid(
    planned, noon: datetime, afternoon: datetime
) -> None:
    late_row = planned("next_window")
    assert late_row.sweep(noon) == 0
    stopped = late_row.begin(noon + timedelta(minutes=1))
    assert isinstance(stopped, Stopped)
    assert stopped.reason == "outside_hours"
    assert not isinstance(late_row.begin(afternoon), Stopped)


def test_next_window_never_outlives_the_text(planned, now: datetime) -> None:
    late_row = planned("next_window")
    late_row.sweep(now + timedelta(days=6))
    assert late_row.messages()[0].status == "expired"


def test_ask_holds_the_row_and_tells_people(planned, noon: datetime, afternoon: datetime) -> None:
    late_row = planned("ask")
    assert late_row.sweep(noon) == 1
    (message,) = late_row.messages()
    assert (message.status, message.reason, message.due_at) == ("planned", "late_ask", message.expires_at)
    assert late_row.alerts() == {"kartu": 1}
    assert "operator memutuskan" in explain(message, {})
    assert late_row.begin(afternoon) is None
    assert late_row.sweep(afternoon) == 0


def test_a_held_row_nobody_decides_about_ends_with_its_life_and_its_reason(planned, noon: datetime) -> None:
    late_row = planned("ask")
    late_row.sweep(noon)
    (message,) = late_row.messages()
    late_row.sweep(message.expires_at)
    (message,) = late_row.messages()
    assert (message.status, message.reason, late_row.alerts()) == ("expired", "late_ask", {})
    assert explain(message, {}).startswith("Tidak dikirim")


@pytest.mark.parametrize("policy", ["skip", "ask"])
def test_a_lease_that_is_faster_than_the_sweep_sends_nothing_late(policy: str, planned, afternoon: datetime) -> None:
    late_row = planned(policy)
    stopped = late_row.begin(afternoon)
    assert isinstance(stopped, Stopped)
    assert stopped.reason == f"late_{policy}"
    assert late_row.begin(afternoon) is None
    late_row.sweep(afternoon)
    assert late_row.alerts() == ({"kartu": 1} if policy == "ask" else {})


def test_a_person_sends_what_was_held_at_the_next_opening(planned, noon: datetime, afternoon: datetime) -> None:
    late_row = planned("ask")
    late_row.sweep(noon)
    db = late_row.office.db
    assert late.decide(db, "kartu", send=True, by="sari", now=noon, zone=ZONE) == 1
    (message,) = late_row.messages()
    assert (message.status, message.reason, late_row.alerts()) == ("planned", "", {})
    assert noon < message.due_at <= afternoon
    assert late_row.sweep(afternoon) == 0  # decided once: not asked again
    assert not isinstance(late_row.begin(afternoon), Stopped)


def test_a_person_lets_what_was_held_go(planned, noon: datetime) -> None:
    late_row = planned("ask")
    late_row.sweep(noon)
    db = late_row.office.db
    assert late.decide(db, "kartu", send=False, by="sari", now=noon, zone=ZONE) == 1
    (message,) = late_row.messages()
    assert (message.status, message.reason, late_row.alerts()) == ("expired", "late_skipped", {})
    with db.read() as session:
        entry = session.exec(select(tables.AuditEntry).order_by(col(tables.AuditEntry.id).desc())).first()
        assert entry is not None
        assert (entry.staff, entry.action) == ("sari", "campaign.late")
        assert status(session, "kartu").reasons == {"late_skipped": 1}


def test_only_someone_who_may_decides_and_only_about_what_is_held(planned, noon: datetime) -> None:
    late_row = planned("ask")
    with pytest.raises(Blocked, match="menunggu keputusan"):
        late.decide(late_row.office.db, "kartu", send=True, by="sari", now=noon, zone=ZONE)
    late_row.sweep(noon)
    with late_row.office.db.write() as session:
        make.staff(session, "tono", "replier")
    with pytest.raises(NotAllowed):
        late.decide(late_row.office.db, "kartu", send=True, by="tono", now=noon, zone=ZONE)
    assert late_row.alerts() == {"kartu": 1}


#: policy -> what became of the second step, planned three days after its day
SLEPT_THROUGH = {"skip": ("expired", "late_skip"), "ask": ("planned", "late_ask"), "next_window": ("planned", "")}


@pytest.mark.parametrize("policy", SLEPT_THROUGH)
def test_a_step_whose_whole_day_was_slept_through_follows_its_policy(policy: str, planned, now: datetime) -> None:
    late_row = planned(policy)
    back = now + timedelta(days=10)
    assert late_row.office.plan(back) == 1
    late_row.sweep(back)
    second = late_row.messages()[1]
    assert (second.status, second.reason) == SLEPT_THROUGH[policy]
    assert second.expires_at == now + timedelta(days=12)  # its life is counted from its own day


def test_a_step_slept_through_until_its_life_was_over_is_never_sent(planned, now: datetime) -> None:
    late_row = planned("next_window", valid=2)
    back = now + timedelta(days=10)
    late_row.office.plan(back)
    late_row.sweep(back)
    assert late_row.messages()[1].status == "expired"


def test_the_officers_list_is_never_late(planned, now: datetime) -> None:
    late_row = planned("skip", channels=())
    late_row.sweep(now + timedelta(days=1))
    (message,) = late_row.messages()
    assert (message.channel, message.status) == ("village_list", "planned")
