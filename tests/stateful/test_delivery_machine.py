"""The promise under anything that may happen in any order: plan, lease, intent, call, answer, crash, receipts, stop words,
pauses, edits, merges, clock jumps, a second process. After every step the tables are compared with a model of what really
happened (provider.py).

    pytest tests/stateful                          # a moderate number of runs, the same ones every time
    HYPOTHESIS_PROFILE=long pytest tests/stateful --timeout 0   # thousands of longer ones, other ones every time
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import event

from broadcaster.channels.protocol import Accepted, Receipt
from broadcaster.delivery.evidence import apply
from broadcaster.domain.message import AttemptState as A
from broadcaster.domain.message import ChannelKind
from broadcaster.office.queries import timetable
from broadcaster.outbox.intent import Opened
from broadcaster.outbox.lease import LANE
from broadcaster.outbox.queries import next_due, unexplained, waiting_or_open
from broadcaster.outbox.rules import LEASE, intent_life, reference
from broadcaster.outbox.service import pause_sender, resume_sender
from broadcaster.outbox.sweep import sweep
from broadcaster.storage import migrate
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from tests import make
from tests.conftest import KEY
from tests.postgres import administer
from tests.stateful import acts
from tests.stateful.district import ZONE, settle
from tests.stateful.process import Call, Process
from tests.stateful.promise import Promise
from tests.stateful.provider import Try
from tests.stateful.turns import ANSWERS, OPENING, SCRIPTS, TURN, Turn

LIFE = intent_life(5, 15)
_CODES = acts.codes()

settings.register_profile("moderate", max_examples=70, stateful_step_count=60, derandomize=True)
settings.register_profile("long", max_examples=5000, stateful_step_count=80)
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


class DeliveryMachine(RuleBasedStateMachine):
    def __init__(self, db: Database, now: datetime) -> None:
        super().__init__()
        self.db, self.now = db, now
        with db.read() as session:
            self.table = timetable(session, ZONE)
        self.names = count(1)
        self.whole = False
        self.processes: dict[str, Process] = {}
        self.promise = Promise(db, self.table, _CODES)

    @initialize(cap=st.sampled_from((1, 2, 2)), opening=st.one_of(st.none(), OPENING))
    def set_up(self, cap: int, opening: list[Turn] | None) -> None:
        self.promise.cap = cap
        for holder in "ab":
            self._start(holder)
        self.planning("plan")
        for turn in opening or ():
            self._take(turn)
        self.whole = True

    def _start(self, holder: str) -> None:
        name = f"{holder}{next(self.names)}"
        self.processes[holder] = Process(self.db, name, self.table, acts.classify(_CODES), self.promise.cap)

    @rule(turn=TURN)
    def turn(self, turn: Turn) -> None:
        self.whole = False
        self._take(turn)
        self.whole = True

    def _take(self, turn: Turn) -> None:
        what, how = turn
        getattr(self, what)(**how)
        self.promise.check()

    # --- planning ------------------------------------------------------------------------------------

    def planning(self, what: str) -> None:
        if what == "follow the register":
            acts.follow_register(self.db, self.now)
        elif what == "fall back":
            acts.fall_back(self.db, self.now, _CODES)
        else:
            if what == "plan again from the beginning":
                acts.forget_what_is_planned(self.db)
            acts.plan(self.db, self.now)
        self.promise.planned()

    # --- sending -------------------------------------------------------------------------------------

    def lease_and_intend(self, holder: str, channel: ChannelKind, most: int) -> None:
        sender = self.promise.sender(channel)
        if self.processes[holder].lease(sender, self.now):
            self._intend(self.processes[holder], sender, most)

    def next_round(self, holder: str, channel: ChannelKind, looked_after: bool = False) -> None:
        """Until the next row is due, or the next day, and then at once: how retries and second steps come to be."""
        self._until_something_is_due(looked_after)
        self.lease_and_intend(holder, channel, 8)

    def _until_something_is_due(self, looked_after: bool) -> None:
        if looked_after:  # staff let everything go on that was paused
            self.campaign("resume")
            for channel in (ChannelKind.WHATSAPP, ChannelKind.SMS):
                self.sender(channel, 0)
        self.time_passes(None, swept=True)
        self.planning("plan")

    def stall(
        self, holder: str, channel: ChannelKind, meanwhile: list[Turn], released: bool, looked_after: bool
    ) -> None:
        """A process stops between its lease and the intents, wakes after whatever has happened, and goes on (or gives back)."""
        sender = self.promise.sender(channel)
        process = self.processes[holder]
        self._until_something_is_due(looked_after)
        process.lease(sender, self.now)
        for turn in meanwhile:
            self._take(turn)
        if process.ready.get(sender) and released:
            process.give_back(sender, self.now)
        elif process.ready.get(sender):
            self._intend(process, sender, 8)

    def _intend(self, process: Process, sender: int, most: int) -> None:
        before = self.promise.before_intents(sender, process.lanes[sender], self.now)
        for row, answer in process.intend(sender, most, self.now):
            if isinstance(answer, Opened):
                self.promise.begun(before, row, answer, self.now)

    def _calls(self, *, answered: bool) -> list[tuple[Process, Call]]:
        return [
            (process, call)
            for process in self.processes.values()
            for call in process.calls
            if (call.answer is not None) is answered
        ]

    def call(self, pick: int, several: int, what: str, recorded: bool) -> None:
        """The provider is called and answers; the answer is recorded at once, or some time later."""
        calls = self._calls(answered=False)
        for process, call in calls[pick % len(calls) :][:several] if calls else ():
            if process.fresh(call, self.now):
                answer, took = ANSWERS[what]
                call.answer = answer(call.opened.attempt_id)
                self._try(call).received += took
            if recorded:
                self._record(process, [call])

    def record(self, pick: int, together: bool) -> None:
        if not (calls := self._calls(answered=True)):
            return
        process, call = calls[pick % len(calls)]
        self._record(process, [one for one in process.calls if one.answer is not None] if together else [call])

    def _record(self, process: Process, calls: list[Call]) -> None:
        for call in calls:
            assert call.answer is not None
            self.promise.answered(self._try(call), call.answer)
        process.record(calls, self.now)

    def _try(self, call: Call) -> Try:
        return self.promise.tries[call.opened.attempt_id]

    def crash(self, holder: str, took: bool) -> None:
        """Everything in memory is lost; calls under way may have reached the provider all the same."""
        process = self.processes[holder]
        for call in process.calls:
            if call.answer is None and process.fresh(call, self.now):
                self._try(call).received += took
        self._start(holder)

    # --- what comes back -----------------------------------------------------------------------------

    def receipt(self, pick: int, what: tuple[A, str], twice: bool, by_reference: bool) -> Try | None:
        if not self.promise.tries:
            return None
        attempt = self.promise.tries[sorted(self.promise.tries)[pick % len(self.promise.tries)]]
        self._report(attempt, what, twice=twice, by_reference=by_reference)
        return attempt

    def _report(self, attempt: Try, what: tuple[A, str], *, twice: bool, by_reference: bool) -> None:
        state, code = what
        named = Receipt(reference(make.INSTANCE, attempt.attempt_id), "", state, code)
        receipt = named if by_reference else Receipt("", f"SM{attempt.attempt_id}", state, code)
        for _ in range(1 + twice):
            with self.db.write() as session:
                outcome = apply(
                    session, receipt, account="twilio", event_id=None, now=self.now, classify=acts.classify(_CODES)
                )
            if outcome != "unknown_reference":
                self.promise.reported(attempt, state, code)

    def two_receipts(self, pick: int, first: tuple[A, str], meanwhile: list[Turn], second: tuple[A, str]) -> None:
        """Two for one attempt, and whatever happens between them."""
        attempt = self.receipt(pick, first, twice=False, by_reference=True)
        for turn in meanwhile:
            self._take(turn)
        if attempt is not None:
            self._report(attempt, second, twice=False, by_reference=True)

    def false_failure(self, pick: int, second: tuple[A, str]) -> None:
        """Not on WhatsApp, says the provider; the next channel is planned; and then it has arrived after all."""
        attempt = self.receipt(pick, (A.FAILED, "63024"), twice=False, by_reference=True)
        self.planning("fall back")
        if attempt is not None:
            self._report(attempt, second, twice=False, by_reference=True)
        self.next_round("a", ChannelKind.SMS)

    def word(self, family: int, word: str) -> None:
        if word.startswith("stop"):
            acts.stop_word(self.db, family, self.now)
            self.promise.stopped(family, self.now)
        if word.endswith("start"):
            said = self.now - timedelta(minutes=10 if word.endswith("an older start") else 0)
            acts.start_word(self.db, family, said)
            self.promise.allowed(family, said)

    # --- the office ----------------------------------------------------------------------------------

    def campaign(self, verb: str) -> None:
        acts.move_campaign(self.db, verb, self.now)

    def sender(self, channel: ChannelKind, seconds: int) -> None:
        """Paused so long; 0 = resumed."""
        with self.db.write() as session:
            if seconds:
                pause_sender(session, self.promise.sender(channel), self.now + timedelta(seconds=seconds), "staff")
            else:
                resume_sender(session, self.promise.sender(channel))

    def office(self, what: str, family: int, other: int) -> None:
        number = next(self.names)
        if what == "edit":
            acts.edit(self.db, number, self.now)
        elif what == "merge":
            self.promise.merged(acts.merge(self.db, family, other))
        elif what == "collected":
            acts.collect(self.db, family, other)
        else:
            acts.new_number(self.db, family, number)

    def trouble(self, what: str, channel: ChannelKind, family: int) -> None:
        """What the gate is there for."""
        if what == "campaign paused":
            self.campaign("pause")
        elif what == "sender paused":
            self.sender(channel, 60)
        elif what == "stop":
            self.word(family, "stop")
        elif what == "collected":
            self.office("collected", family, 0)
        elif what == "its lease ends":
            self.now += LEASE
        elif what == "the lane is taken over":
            self.now += LANE
            self._start("b")
            self.processes["b"].lease(self.promise.sender(channel), self.now)
        else:
            self.time_passes(LEASE // timedelta(seconds=1), swept=True)
            self.lease_and_intend("b", channel, 8)

    # --- time ----------------------------------------------------------------------------------------

    def time_passes(self, seconds: int | None, swept: bool) -> None:
        """None: until the next row is due, in office hours."""
        if seconds is None:
            with self.db.read() as session:
                due = next_due(session) or self.now + timedelta(days=1)
            self.now = self.table.next_open(max(due, self.now + LANE))
        else:
            self.now += timedelta(seconds=seconds)
        if swept:
            self._sweep()

    def _sweep(self) -> None:
        sweep(self.db, self.now, intent_life=LIFE)
        self.promise.swept()

    # --- what must hold ------------------------------------------------------------------------------

    def teardown(self) -> None:
        if not self.whole:
            return  # it has failed already
        for holder in "ab":
            self._start(holder)
        self._drain_what_may_leave()
        self.now += timedelta(days=60)
        for _ in range(2):
            self._sweep()
        self.promise.check()
        self.promise.check_ended()
        with self.db.read() as session:
            assert unexplained(session, self.now) == 0
            campaign = self.promise.campaign_id
            assert not waiting_or_open(session, campaign, self.now + timedelta(days=30)), (
                "the campaign can never finish"
            )

    def _drain_what_may_leave(self) -> None:
        """Nothing is stuck: with time, a running campaign and a good provider, whatever is due is begun or says why not."""
        self.now = self.table.next_open(self.now + timedelta(minutes=5))
        self._sweep()
        process = self.processes["a"]
        for channel in (ChannelKind.WHATSAPP, ChannelKind.SMS):
            sender = self.promise.sender(channel)
            with self.db.write() as session:
                resume_sender(session, sender)
            while process.lease(sender, self.now):
                self._intend(process, sender, 99)
                for call in process.calls:
                    call.answer = Accepted(f"SM{call.opened.attempt_id}")
                    self._try(call).received += 1
                self._record(process, process.calls)
        self.promise.check()
        self.promise.check_nothing_due(self.now)


# --- databases -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def district(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("district") / "district.sqlite3"
    db = Database(f"sqlite:///{path}", Sealer(KEY))
    migrate.upgrade(db)
    settle(db, make.NOW)
    db.close()
    return path


@pytest.fixture
def copies(district: Path, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """A new copy of the district at each call; the one before is closed."""
    open_: list[Database] = []
    path = tmp_path / "run.sqlite3"

    def copy() -> Database:
        while open_:
            open_.pop().close()
        for leftover in tmp_path.glob("run.sqlite3*"):
            leftover.unlink()
        shutil.copyfile(district, path)
        db = Database(f"sqlite:///{path}", Sealer(KEY))
        event.listen(db.engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        open_.append(db)
        return db

    yield copy
    for db in open_:
        db.close()


@pytest.fixture
def postgres_copies(postgres_url: str, _postgres_template: str) -> Iterator[Callable[[], Database]]:
    names = [f"machine_{number}" for number in range(2)]
    template, run = names
    administer(postgres_url, f"CREATE DATABASE {template} TEMPLATE {_postgres_template} STRATEGY file_copy")
    first = Database(f"{postgres_url}/{template}", Sealer(KEY))
    settle(first, make.NOW)
    first.close()
    open_: list[Database] = []

    def copy() -> Database:
        while open_:
            open_.pop().close()
        administer(postgres_url, f"DROP DATABASE IF EXISTS {run} WITH (FORCE)")
        administer(postgres_url, f"CREATE DATABASE {run} TEMPLATE {template} STRATEGY file_copy")
        open_.append(Database(f"{postgres_url}/{run}", Sealer(KEY)))
        return open_[0]

    yield copy
    for db in open_:
        db.close()
    for name in names:
        administer(postgres_url, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _profile(**moderate: Any) -> settings:
    base = settings.get_profile("long" if LONG else "moderate")
    # making a failing run shorter takes minutes, which only the long profile has
    phases = [Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if LONG else [])]
    quiet = {"deadline": None, "suppress_health_check": list(HealthCheck), "report_multiple_bugs": False}
    return settings(base, **quiet, phases=phases, **({} if LONG else moderate))


def test_the_promise_holds_whatever_happens_in_whatever_order_on_sqlite(copies: Callable[[], Database]) -> None:
    run_state_machine_as_test(lambda: DeliveryMachine(copies(), make.NOW), settings=_profile())


def test_the_promise_holds_whatever_happens_in_whatever_order_on_postgresql(
    postgres_copies: Callable[[], Database],
) -> None:
    run_state_machine_as_test(lambda: DeliveryMachine(postgres_copies(), make.NOW), settings=_profile(max_examples=12))


@pytest.mark.parametrize("where", ["copies", "postgres_copies"])
def test_the_promise_holds_in_runs_that_chance_makes_too_seldom(where: str, request: pytest.FixtureRequest) -> None:
    copy = request.getfixturevalue(where)
    for name, script in SCRIPTS.items():
        machine = DeliveryMachine(copy(), make.NOW)
        try:
            machine.set_up(2, script)
            machine.teardown()
        except AssertionError as error:
            error.add_note(name)
            raise
