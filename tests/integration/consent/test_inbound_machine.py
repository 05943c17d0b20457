"""What people write, brought by webhooks and by polling in any order: repeated, reordered, lost, with processes that die in the
middle and an office that goes from one way to the other and back. Each word is acted on once, and the newest one counts.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from sqlalchemy import event
from sqlalchemy.exc import OperationalError
from sqlmodel import select

from broadcaster.channels.protocol import ChannelEvent, RawEvent
from broadcaster.channels.telegram import TelegramPoller
from broadcaster.channels.twilio import TwilioPoller
from broadcaster.channels.twilio_client import TwilioAccount
from broadcaster.clock import FixedClock
from broadcaster.consent.queries import is_suppressed
from broadcaster.delivery.polling import poll
from broadcaster.outbox.service import keep_event
from broadcaster.rendering.service import load_content
from broadcaster.replies.service import apply_events
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from tests import make
from tests.conftest import KEY
from tests.integration.consent.providers import OURS, Account, Providers, Words, chat, phone
from tests.integration.replies.conftest import READERS, Reader, classify

PEOPLE = 2
LOST_AFTER = timedelta(minutes=2)
WISHES = {"STOP": False, "berhenti": False, "MULAI": True, "/start": True}
TEXTS = (*WISHES, "syaratnya apa?", "terima kasih")
ACCOUNTS: tuple[Account, ...] = ("twilio", "telegram")
WISH = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(tuple(WISHES)))
GAP = st.sampled_from((0, 0.3, 1, 2, 20, 130, 700))
LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"


class Dying(Reader):
    """Reads `left` more events, and then the process is gone with what it had not committed."""

    def __init__(self, reader: Reader, left: Iterator[int]) -> None:
        super().__init__(reader.account, lambda event: _read_or_die(reader, event, left))


def _read_or_die(reader: Reader, event: RawEvent, left: Iterator[int]) -> Sequence[ChannelEvent]:
    if next(left) <= 0:
        raise OperationalError("killed", None, Exception())
    return reader.parse(event)


class InboundMachine(RuleBasedStateMachine):
    def __init__(self, db: Database) -> None:
        super().__init__()
        self.db = db
        self.now = make.NOW
        self.providers = Providers(self.now)
        self.written: list[Words] = []
        self.to_call: list[Words] = []  # a webhook is on its way with them, or was, and may come again
        self.brought: set[Words] = set()
        self.by_webhook = dict.fromkeys(ACCOUNTS, False)
        self._restart()

    # --- what may happen ---------------------------------------------------------------------------------

    @rule(account=st.sampled_from(ACCOUNTS), person=st.integers(0, PEOPLE - 1), text=st.sampled_from(TEXTS))
    def write(self, account: Account, person: int, text: str) -> None:
        words = self.providers.write(account, person, text)
        self.written.append(words)
        if self.by_webhook[account]:
            self.to_call.append(words)

    @rule(person=st.integers(0, PEOPLE - 1), words=st.lists(st.tuples(WISH, GAP), min_size=2, max_size=4))
    def change_their_mind(self, person: int, words: list[tuple[tuple[Account, str], float]]) -> None:
        for (account, text), gap in words:
            self.write(account, person, text)
            self.wait(gap)

    @precondition(lambda self: self.to_call)
    @rule(order=st.randoms(use_true_random=False), gap=GAP)
    def call_all(self, order: random.Random, gap: float) -> None:
        """All webhooks on their way arrive, in any order; each is acted on before the next, or all together."""
        calls = list(self.to_call)
        order.shuffle(calls)
        for words in calls:
            self.call(self.to_call.index(words), 1)
            self.wait(gap)
            if order.random() < 0.5:
                self.read()

    @precondition(lambda self: self.to_call)
    @rule(which=st.integers(0, 10**6), times=st.integers(1, 3))
    def call(self, which: int, times: int) -> None:
        """A webhook arrives, whichever comes first, and perhaps again."""
        words = self.to_call[which % len(self.to_call)]
        for _ in range(times):
            with self.db.write() as session:
                kept = keep_event(session, self.db.sealer, words.call(), self.now)
            assert kept is None or words not in self.brought
            self.brought.add(words)
        if words in self.providers.waiting:
            self.providers.waiting.remove(words)

    @precondition(lambda self: self.to_call)
    @rule(which=st.integers(0, 10**6))
    def lose(self, which: int) -> None:
        """A webhook never arrives. Telegram keeps what it could not bring; Twilio lists it for whoever asks."""
        self.to_call.pop(which % len(self.to_call))

    @rule(account=st.sampled_from(ACCOUNTS), dies=st.booleans())
    def fetch(self, account: Account, dies: bool) -> None:
        """The poll of the one way, or the look after the webhooks of the other."""
        if account == "telegram" and self.by_webhook[account]:
            return  # Telegram refuses to be asked then
        self.read()
        if dies:
            asyncio.run(self.pollers[account].poll(self._cursor(account)))
            self._restart()
            return
        asyncio.run(poll(self.db, FixedClock(self.now), self.pollers[account]))
        self._note_brought()

    @rule(number=st.integers(1, 5))
    def read(self, number: int = 200) -> None:
        apply_events(self.db, READERS, self.now, number, classify=classify)
        self.check()

    @rule(after=st.integers(0, 4))
    def read_and_die(self, after: int) -> None:
        left = iter(range(after, -(10**6), -1))
        dying: dict[str, Any] = {account: Dying(reader, left) for account, reader in READERS.items()}
        try:
            apply_events(self.db, dying, self.now, classify=classify)
        except OperationalError:
            self._restart()
        self.check()

    @rule(seconds=GAP)
    def wait(self, seconds: float) -> None:
        self._at(self.now + timedelta(seconds=seconds))

    @rule(account=st.sampled_from(ACCOUNTS))
    def switch(self, account: Account) -> None:
        """The office sets or removes its public address, and starts anew."""
        self.by_webhook[account] = not self.by_webhook[account]
        if self.by_webhook[account]:
            self.to_call += [words for words in self.providers.waiting if words.account == account]
        else:
            self.to_call = [words for words in self.to_call if words.account != account]
        self._restart()

    @rule()
    def restart(self) -> None:
        self._restart()

    @precondition(lambda self: set(self.providers.waiting) <= self.brought)
    @rule(number=st.integers(480, 505), off=st.booleans())
    def a_silent_week(self, number: int, off: bool) -> None:
        """Telegram begins its numbers anew, perhaps at old ones. `off`: our computer is switched off all week."""
        self.to_call = [words for words in self.to_call if words.account == "twilio"]
        self.fetch("twilio", dies=False)
        for _ in range(0 if off else 2):
            self.fetch("telegram", dies=False)
        self._at(self.now + timedelta(days=8))
        self.providers.waiting = []  # kept for a day
        self.providers.next_update = number
        self._restart()

    # --- what must hold ----------------------------------------------------------------------------------

    def check(self) -> None:
        """Whatever has been read so far was acted on once."""
        with self.db.read() as session:
            kept = session.exec(select(tables.ProviderEvent)).all()
            replies = Counter(session.exec(select(tables.Reply.event_id)))
            entries = session.exec(select(tables.ConsentEntry)).all()
        assert len(kept) == len(self.brought), "each once, whoever brought it"
        read = {event.id for event in kept if event.applied_at is not None}
        assert [event.problem for event in kept if event.problem] == []
        assert set(replies) == read
        assert set(replies.values()) <= {1}
        # the second entry of an event is the same one with its true moment
        for (_, exact), number in Counter((entry.event_id, entry.exact) for entry in entries).items():
            assert number == 1, f"entered {number} times, exact: {exact}"

    def teardown(self) -> None:
        """In the end everything has been brought by somebody, and for each person the newest word counts."""
        self.to_call = [words for words in self.to_call if words in self.brought]
        for account in ACCOUNTS:
            self.by_webhook[account] = False
        self._restart()
        self._at(self.now + timedelta(minutes=3))
        for _ in range(3):
            for account in ACCOUNTS:
                self.fetch(account, dies=False)
            while apply_events(self.db, READERS, self.now, classify=classify):
                pass
        for account in ACCOUNTS:
            self.fetch(account, dies=False)
        self.check()
        assert self.brought == set(self.written), "nothing is lost"
        for person in range(PEOPLE):
            said = [
                (words.at, WISHES[words.text])
                for words in self.written
                if words.person == person
                if words.text in WISHES
            ]
            stops = [at for at, wants in said if not wants]
            wishes = [at for at, wants in said if wants]
            stopped = bool(stops) and (not wishes or max(stops) >= max(wishes))
            with self.db.read() as session:
                found = {
                    channel: is_suppressed(session, channel, self.db.sealer.blind("address", address), None, self.now)
                    for channel, address in (
                        ("whatsapp", phone(person)),
                        ("sms", phone(person)),
                        ("telegram", chat(person)),
                    )
                }
            assert set(found.values()) == {"opt_out" if stopped else None}, (said, found)

    # --- helpers -----------------------------------------------------------------------------------------

    def _restart(self) -> None:
        account = TwilioAccount(self.providers, account_sid="AC1", auth_token="x", base_url="http://127.0.0.1:1")
        after = LOST_AFTER if self.by_webhook["twilio"] else timedelta(0)
        self.pollers: dict[Account, Any] = {
            "twilio": TwilioPoller(account, whatsapp_from=OURS, after=after),
            "telegram": TelegramPoller(self.providers, token="1:AA", base_url="http://127.0.0.1:1"),
        }

    def _at(self, moment: datetime) -> None:
        self.now = self.providers.now = moment

    def _cursor(self, account: str) -> str:
        with self.db.read() as session:
            query = select(tables.PollCursor.position).where(tables.PollCursor.account == account)
            return session.exec(query).first() or ""

    def _note_brought(self) -> None:
        """A poll keeps what it has found: all of it is known from now on."""
        with self.db.read() as session:
            keys = set(session.exec(select(tables.ProviderEvent.event_key)))
        self.brought |= {words for words in self.written if words.call().key in keys}


@pytest.fixture
def copies(_sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[], Database]]:
    """A fresh installation with two families, each with a telephone and a chat, as often as it is asked for."""
    first = tmp_path / "first.sqlite3"
    shutil.copyfile(_sqlite_template, first)
    db = Database(f"sqlite:///{first}", Sealer(KEY))
    with db.write() as session:
        make.installation(session)
        make.facts(session)
        load_content(session, content_dir(), make.NOW)
        for channel in ("whatsapp", "telegram"):
            make.sender(session, channel)
        for person in range(PEOPLE):
            family = make.family(session, db.sealer, phone=phone(person))
            make.contact(session, db.sealer, family.guardian, "telegram", chat(person))
    db.close()
    numbers, opened = count(1), list[Database]()

    def copy() -> Database:
        while opened:
            opened.pop().close()
        path = tmp_path / f"run-{next(numbers)}.sqlite3"
        shutil.copyfile(first, path)
        opened.append(Database(f"sqlite:///{path}", Sealer(KEY)))
        event.listen(opened[0].engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous=OFF"))
        return opened[0]

    yield copy
    for one in opened:
        one.close()


def test_each_word_counts_once_and_the_newest_wins_whatever_the_way(copies: Callable[[], Database]) -> None:
    run_state_machine_as_test(
        lambda: InboundMachine(copies()),
        settings=settings(
            max_examples=3000 if LONG else 50, stateful_step_count=25, deadline=None, derandomize=not LONG,
            suppress_health_check=list(HealthCheck),
            # making a failing run shorter takes minutes
            phases=[Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if LONG else [])],
        ),
    )  # fmt: skip


def test_a_stop_that_is_brought_late_does_not_outlive_the_newer_wish(copies: Callable[[], Database]) -> None:
    machine = InboundMachine(copies())
    machine.switch("twilio")
    machine.write("twilio", 0, "berhenti")
    machine.wait(700)
    for text, gap in (("STOP", 2), ("MULAI", 1)):
        machine.write("telegram", 0, text)
        machine.wait(gap)
    machine.call(0, 1)
    machine.teardown()


def test_two_stops_and_a_wish_heard_in_one_moment_are_put_in_order(copies: Callable[[], Database]) -> None:
    machine = InboundMachine(copies())
    machine.switch("twilio")
    for text, gap in (("STOP", 0), ("STOP", 130), ("MULAI", 20)):
        machine.write("twilio", 0, text)
        machine.wait(gap)
    for which in (2, 1, 0):
        machine.call(which, 1)
        machine.read()
    machine.teardown()
