"""The promise of docs/delivery.md as checks: what may be begun, and what the tables must say after every step."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import col, select

from broadcaster.channels.codes import Codes
from broadcaster.channels.protocol import Answer, Rejected
from broadcaster.clock import today
from broadcaster.consent.queries import is_suppressed
from broadcaster.delivery.prepare import Ready
from broadcaster.domain.message import MAY_HAVE_ARRIVED, NOT_SENT, RANK, WAITING, ChannelKind, Status, of_attempts
from broadcaster.domain.message import AttemptState as A
from broadcaster.domain.timetable import Timetable
from broadcaster.outbox.intent import Opened
from broadcaster.outbox.lease import Lane
from broadcaster.outbox.rules import CAP_DAYS
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.stateful import acts
from tests.stateful.district import FAMILIES, NAME, ZONE
from tests.stateful.provider import MAY_COME_AGAIN, MAY_GO_ON, Fate, Try

#: An attempt that may still be with the family, as far as the tables know.
_MAYBE = frozenset({A.UNKNOWN, A.ACCEPTED, A.SENT})


@dataclass
class Rows:
    """The outbox at one moment."""

    messages: dict[int, tables.Message]
    attempts: dict[int, list[tables.Attempt]]  # by message, oldest first
    cards: dict[int, set[int]]  # by message


@dataclass
class Before:
    """What stood in the tables just before a group of intents."""

    rows: Rows
    campaign: str
    sender: tables.Sender
    lane: Lane
    due_cards: set[int]
    suppressed: set[int]  # messages


@dataclass
class Promise:
    db: Database
    table: Timetable
    codes: Codes
    cap: int = 2
    tries: dict[int, Try] = field(default_factory=dict)
    _roots: dict[int, int] = field(default_factory=dict)
    _silent: set[bytes] = field(default_factory=set)  # addresses that must not be written to
    _stops: dict[int, datetime] = field(default_factory=dict)  # family -> its newest stop word
    _known: set[int] = field(default_factory=set)
    _in_the_way: dict[int, set[int]] = field(default_factory=dict)  # message -> older ones of its group and step
    _ranks: dict[int, int] = field(default_factory=dict)
    _bodies: dict[int, bytes] = field(default_factory=dict)
    _fixed: dict[int, tuple[Any, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with self.db.read() as session:
            self._senders = {row.channel: row.id or 0 for row in session.exec(select(tables.Sender))}
            self.campaign_id = session.exec(select(tables.Campaign.id).where(tables.Campaign.name == NAME)).one() or 0
            self._first = {family: acts.address(session, family) for family in range(FAMILIES)}

    def sender(self, channel: ChannelKind) -> int:
        return self._senders[channel]

    # --- what happened ---------------------------------------------------------------------------------

    def planned(self) -> None:
        """New rows: nobody of their group may have a row of that step already, unless the next channel is tried."""
        rows = self._rows()
        for message in rows.messages.values():
            if message.id in self._known or message.id is None:
                continue
            older = {
                other.id or 0
                for other in rows.messages.values()
                if other.id in self._known and (other.cohort_id, other.step) == (message.cohort_id, message.step)
                and self._root(other.household_id) == self._root(message.household_id)
                # the next channel goes on with its own message's cards, beside what a family merged into it has
                and (not message.follows or rows.cards[other.id or 0] & rows.cards[message.id])
            }  # fmt: skip
            self._in_the_way[message.id] = older
            for other_id in older:
                other = rows.messages[other_id]
                assert other.status in NOT_SENT | {Status.FAILED} or other.followed_at is not None, (
                    f"step {message.step} was planned again for household {message.household_id}: {other_id} is {other.status}"
                )
        self._known |= set(rows.messages)

    def merged(self, pair: tuple[int, int] | None) -> None:
        if pair is not None:
            gone, kept = pair
            self._roots[gone] = kept

    def _root(self, household: int | None) -> int:
        found = household or 0
        while found in self._roots:
            found = self._roots[found]
        return found

    def stopped(self, family: int, said: datetime) -> None:
        """A stop word silences the guardian's other addresses with the one it came from."""
        self._stops[family] = max(said, self._stops.get(family, said))
        with self.db.read() as session:
            self._silent |= acts.addresses(session, family)

    def allowed(self, family: int, said: datetime) -> None:
        if family in self._stops and self._stops[family] >= said:
            return  # an older START never lifts a newer STOP
        with self.db.read() as session:
            self._silent -= acts.addresses(session, family)

    def before_intents(self, sender_id: int, lane: Lane, now: datetime) -> Before:
        rows = self._rows()
        with self.db.read() as session:
            due = set(
                session.exec(
                    select(tables.Card.id)
                    .join(tables.Child, col(tables.Child.id) == col(tables.Card.child_id))
                    .where(tables.Card.status == "printed", tables.Child.excluded == "")
                )
            )
            silent = {
                message.id or 0
                for message in rows.messages.values()
                if is_suppressed(session, message.channel, message.address_blind, message.household_id, now)
            }
            campaign = session.get_one(tables.Campaign, self.campaign_id).status
            sender = session.get_one(tables.Sender, sender_id)
        return Before(rows, campaign, sender, lane, {card for card in due if card is not None}, silent)

    def begun(self, before: Before, row: Ready, opened: Opened, now: datetime) -> None:
        """The moment that counts: our software has begun a text, which it may do only when all of this holds."""
        message = before.rows.messages[opened.message_id]
        cards = before.rows.cards[opened.message_id]
        say = f"message {message.id} ({message.step}, hop {message.hop}) was begun although"
        for earlier in self._tries_of(opened.message_id):
            assert earlier.fate in MAY_COME_AGAIN, f"{say} attempt {earlier.attempt_id} of it is {earlier.fate}"
        for other in before.rows.messages.values():
            if other.id == message.id or (other.cohort_id, other.step) != (message.cohort_id, message.step):
                continue
            same = bool(cards & before.rows.cards[other.id or 0]) or other.household_id == message.household_id
            if same or other.id in self._in_the_way.get(opened.message_id, ()):
                for one in self._tries_of(other.id or 0):
                    assert one.fate in MAY_GO_ON, f"{say} attempt {one.attempt_id} of message {other.id} is {one.fate}"
        assert before.campaign == "running", f"{say} the campaign is {before.campaign}"
        assert not before.sender.paused_until or before.sender.paused_until <= now, f"{say} its sender is paused"
        assert before.sender.epoch == before.lane.epoch, f"{say} the lane is another holder's"
        assert message.status == Status.CLAIMED, f"{say} it was {message.status}"
        assert message.claim_token == row.row.token, f"{say} it was leased to somebody else"
        assert message.lease_until is not None, say
        assert message.lease_until > now, f"{say} its lease was over"
        assert message.expires_at > now, f"{say} its life was over"
        assert message.address_blind not in self._silent, f"{say} the family asked us to stop"
        assert message.id not in before.suppressed, f"{say} its address is suppressed"
        assert cards, f"{say} it speaks about no card"
        assert cards <= before.due_cards, f"{say} a card of it is not due"
        assert self.table.is_open(now), f"{say} it is closed now"
        self._check_cap(before, message, now, say)
        before.rows.messages[opened.message_id] = self._message(opened.message_id)
        self.tries[opened.attempt_id] = Try(opened.attempt_id, opened.message_id)

    def _check_cap(self, before: Before, message: tables.Message, now: datetime, say: str) -> None:
        since = today(now, ZONE) - timedelta(days=CAP_DAYS)
        group = [
            other
            for other in before.rows.messages.values()
            if other.id != message.id
            and self._root(other.household_id) == self._root(message.household_id)
            and other.intent_on is not None and other.intent_on > since
            and other.status in MAY_HAVE_ARRIVED
        ]  # fmt: skip
        assert len(group) < self.cap, f"{say} its household had {len(group)} texts within {CAP_DAYS} days"

    def answered(self, attempt: Try, answer: Answer) -> None:
        again = False
        if isinstance(answer, Rejected):
            again = self._again(attempt, answer.code, receipt=False)
        attempt.answered(answer, again=again)

    def reported(self, attempt: Try, state: A, code: str) -> None:
        message = self._message(attempt.message_id)
        kind = self.codes.classify(ChannelKind(message.channel), code, receipt=True).kind
        attempt.reported(state, code, kind, again=self._again(attempt, code, receipt=True))

    def _again(self, attempt: Try, code: str, *, receipt: bool) -> bool:
        message = self._message(attempt.message_id)
        found = self.codes.classify(ChannelKind(message.channel), code, receipt=receipt)
        number = 1 + sorted(one.attempt_id for one in self._tries_of(attempt.message_id)).index(attempt.attempt_id)
        over = found.max_tries is not None and number >= found.max_tries
        return found.kind not in ("permanent", "suppress", "unknown") and not over

    def swept(self) -> None:
        """Whatever the sweep closed without an answer may have arrived."""
        with self.db.read() as session:
            for attempt in session.exec(select(tables.Attempt).where(tables.Attempt.state == A.UNKNOWN)):
                self.tries[attempt.id or 0].out_of_time()

    def _tries_of(self, message_id: int) -> list[Try]:
        return [one for one in self.tries.values() if one.message_id == message_id]

    # --- what must hold --------------------------------------------------------------------------------

    def check(self) -> None:
        rows = self._rows()
        assert self._known <= set(rows.messages), "a planned row is gone"
        self._check_keys(rows)
        with self.db.read() as session:
            failed = set(session.exec(select(tables.Receipt.attempt_id).where(tables.Receipt.state == A.FAILED)))
        for message_id, message in rows.messages.items():
            attempts = rows.attempts[message_id]
            states = [A(attempt.state) for attempt in attempts]
            assert states.count(A.OPEN) <= 1, f"message {message_id} has {states}"
            assert [one.number for one in attempts] == list(range(1, message.attempts + 1)), f"numbers of {message_id}"
            for attempt in attempts:
                self._check_rank(attempt, failed)
            self._check_status(message, states)
            self._check_text(message, attempts)

    def _check_keys(self, rows: Rows) -> None:
        homes = Counter((one.cohort_id, one.step, one.household_id, one.hop) for one in rows.messages.values())
        telephones = Counter(
            (one.cohort_id, one.step, one.channel, one.address_blind) for one in rows.messages.values()
        )
        assert max(homes.values(), default=1) == 1, f"a household has a step twice: {homes.most_common(1)}"
        assert max(telephones.values(), default=1) == 1, "an address has a step twice"

    def _check_rank(self, attempt: tables.Attempt, failed: set[int]) -> None:
        state = A(attempt.state)
        # a failure that nobody understands is shown as unknown and ranks as the failure it is
        puzzled = state is A.UNKNOWN and attempt.id in failed
        rank = RANK[A.FAILED] if puzzled else RANK[state]
        before = self._ranks.get(attempt.id or 0, 0)
        assert rank >= before, f"attempt {attempt.id} fell from rank {before} to {state}"
        self._ranks[attempt.id or 0] = rank

    def _check_status(self, message: tables.Message, states: list[A]) -> None:
        status = Status(message.status)
        say = f"message {message.id} is {status} ({message.reason!r}) with attempts {states}"
        if status in NOT_SENT | {Status.FAILED, Status.UNKNOWN}:
            assert message.reason, f"{say}, without a reason"
        if states and status is Status.PLANNED:
            assert message.reason, f"{say}, without a reason"
        if status is Status.CLAIMED:
            assert message.claim_token, say
            assert message.lease_until, say
        else:
            assert message.claim_token is None or status not in WAITING | NOT_SENT, say
        if not states:
            assert status in WAITING | NOT_SENT | {Status.FAILED}, say
            return
        if status in WAITING | NOT_SENT:
            assert not set(states) & {A.OPEN, *_MAYBE, A.DELIVERED, A.READ}, say
        elif status is not of_attempts(states):
            # evidence for an earlier attempt came after a later one had turned out unsent; or it could not be made ready
            late = of_attempts(states) in (Status.PLANNED, Status.FAILED) and status in set(map(str, states)) & _MAYBE
            unready = status is Status.FAILED and not set(states) & {A.OPEN, *_MAYBE, A.DELIVERED, A.READ}
            assert late or unready, say

    def _check_text(self, message: tables.Message, attempts: list[tables.Attempt]) -> None:
        if attempts:
            assert message.sealed_body is not None
            body = self._bodies.setdefault(message.id or 0, message.sealed_body)
            assert message.sealed_body == body, f"the text of {message.id} changed after it was begun"
        whose = (
            message.household_id,
            message.address_blind,
            message.channel,
            message.step,
            message.template_version_id,
        )
        assert self._fixed.setdefault(message.id or 0, whose) == whose, f"message {message.id} changed its address"

    def check_ended(self) -> None:
        """Long after everything: every row is final or explained, and what the provider took is not called unsent."""
        rows = self._rows()
        for message_id, message in rows.messages.items():
            assert message.status not in WAITING | {Status.SENDING}, f"message {message_id} is still {message.status}"
            took = sum(one.received for one in self._tries_of(message_id) if one.fate in (Fate.MAYBE, Fate.ARRIVED))
            if took:
                assert message.status not in NOT_SENT | {Status.FAILED}, f"{message_id} arrived and is {message.status}"

    def check_nothing_due(self, now: datetime) -> None:
        rows = self._rows()
        with self.db.read() as session:
            running = session.get_one(tables.Campaign, self.campaign_id).status == "running"
        for message in rows.messages.values():
            stuck = message.status == Status.PLANNED and message.due_at <= now < message.expires_at
            assert not (running and stuck), f"message {message.id} is due and nobody begins it: {message.reason!r}"

    # --- reading ---------------------------------------------------------------------------------------

    def _rows(self) -> Rows:
        with self.db.read() as session:
            messages = {
                row.id or 0: row for row in session.exec(select(tables.Message).order_by(col(tables.Message.id)))
            }
            attempts: dict[int, list[tables.Attempt]] = defaultdict(list)
            for attempt in session.exec(select(tables.Attempt).order_by(col(tables.Attempt.number))):
                attempts[attempt.message_id].append(attempt)
            cards: dict[int, set[int]] = defaultdict(set)
            for message_id, card in session.exec(select(tables.MessageChild.message_id, tables.MessageChild.card_id)):
                cards[message_id].add(card)
        return Rows(messages, attempts, cards)

    def _message(self, message_id: int) -> tables.Message:
        with self.db.read() as session:
            return session.get_one(tables.Message, message_id)
