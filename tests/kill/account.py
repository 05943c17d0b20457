"""The account of a kill run: what died with a sender, and what the providers have beside what our tables say."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlmodel import Session, select

from broadcaster.domain.message import AttemptState
from broadcaster.outbox.queries import unexplained, waiting_or_open
from broadcaster.outbox.rules import attempt_of
from broadcaster.outbox.service import instance_id
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.kill.world import World, get

#: Faults after which nobody can say whether the text was accepted.
AMBIGUOUS = ("cut_before", "cut_after", "http_500", "http_500_after", "redirect", "html_page")
#: Evidence that our own answer or a receipt gave: whoever has one of these, a provider must know the text.
_SEEN = ("accepted", "sent", "delivered", "read")

#: Causes of an unknown that neither a death nor a fault of the provider explains.
WITH_AN_ANSWER = ("a code that says so", "deferred after its time")

_WATCH = {
    "sqlite": (
        "CREATE TABLE kill_lane (sender_id INTEGER, epoch INTEGER, holder TEXT)",
        "CREATE TRIGGER kill_lane_taken AFTER UPDATE OF epoch ON sender WHEN NEW.epoch <> OLD.epoch BEGIN"
        " INSERT INTO kill_lane VALUES (NEW.id, NEW.epoch, NEW.drained_by); END",
    ),
    "postgresql": (
        "CREATE TABLE kill_lane (sender_id BIGINT, epoch BIGINT, holder TEXT)",
        "CREATE FUNCTION kill_lane_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " INSERT INTO kill_lane VALUES (NEW.id, NEW.epoch, NEW.drained_by); RETURN NULL; END $$",
        "CREATE TRIGGER kill_lane_taken AFTER UPDATE OF epoch ON sender FOR EACH ROW"
        " WHEN (NEW.epoch <> OLD.epoch) EXECUTE FUNCTION kill_lane_note()",
    ),
}


def watch_lanes(db: Database) -> None:
    """Let the database note who took which lane: so that an open attempt can be laid at the door of the process that died."""
    with db.plain() as sql:
        for statement in _WATCH[db.kind]:
            sql.run(statement)


class Deaths:
    """The attempts that were open when their process died, by id. Nothing else may end as unknown for want of an answer."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.in_flight: set[int] = set()

    def note(self, holder: str) -> int:
        """A process is dead; returns how many attempts it left without an answer.

        The clock may have called some of them unknown before it died: their answers died with it all the same.
        """
        self._wait_for_its_commits(holder)
        with self._db.plain() as sql:
            found = sql.all(
                "SELECT DISTINCT a.id FROM attempt a JOIN message m ON m.id = a.message_id JOIN kill_lane l"
                " ON l.sender_id = m.sender_id AND l.epoch = m.claim_epoch WHERE a.answer = '' AND a.state IN ('open', 'unknown')"
                " AND l.holder = :holder",
                holder=holder,
            )
        self.in_flight |= {row[0] for row in found}
        return len(found)

    def _wait_for_its_commits(self, holder: str) -> None:
        """A PostgreSQL server finishes what a client sent before it died: only when its connections are gone is all said."""
        ends = time.monotonic() + 10
        while self._db.kind == "postgresql":
            with self._db.plain() as sql:
                if not sql.all("SELECT 1 FROM pg_stat_activity WHERE application_name = :name", name=holder[:63]):
                    return
            assert time.monotonic() < ends, "a dead sender's connections are still there"
            time.sleep(0.002)


@dataclass
class Account:
    """Everything counted in one round. The four that must be nought are in `faults_of_ours`."""

    messages: Counter[str] = field(default_factory=Counter)  # by state
    reasons: Counter[str] = field(default_factory=Counter)  # of those that were not sent or failed
    attempts: Counter[str] = field(default_factory=Counter)  # by state
    provider: Counter[str] = field(default_factory=Counter)  # accepted texts by channel
    unknown: Counter[str] = field(default_factory=Counter)  # attempts, by what made them so
    ours: Counter[str] = field(default_factory=Counter)  # each must be nought
    examples: list[str] = field(default_factory=list)
    again: int = 0  # texts written again after a provider had reported a failure: the rule, not a fault
    in_flight: int = 0
    ambiguous: int = 0

    def blame(self, fault: str, example: str) -> None:
        self.ours[fault] += 1
        if len(self.examples) < 20:
            self.examples.append(f"{fault}: {example}")


FAULTS_OF_OURS = (
    "same_attempt_accepted_twice",
    "message_accepted_under_two_attempts",
    "text_accepted_that_we_do_not_know",
    "accepted_but_we_say_it_was_not_sent",
    "we_say_accepted_but_the_provider_never_saw_it",
    "row_without_final_state",
    "row_without_reason",
    "unknown_without_cause",
)


def judge(world: World, deaths: Deaths) -> Account:
    """Lay the providers' list beside the tables. Everything has come to rest."""
    account = Account(in_flight=len(deaths.in_flight))
    texts = texts_of(world.simulator)
    stats = get(world.simulator, "stats")
    account.ambiguous = sum(number for kind, number in stats["faults"].items() if kind.rpartition(":")[2] in AMBIGUOUS)
    with world.db.read() as session:
        _states(session, account, world)
        messages = {row.id or 0: row for row in session.exec(select(tables.Message))}
        attempts = {row.id or 0: row for row in session.exec(select(tables.Attempt))}
        failed_later = set(
            session.exec(select(tables.Receipt.attempt_id).where(tables.Receipt.state == "failed")).all()
        )
        instance = instance_id(session)
    account.provider = Counter(text["channel"] for text in texts)
    _twice(world, account, texts, messages, attempts, instance, failed_later)
    _never_seen(account, texts, attempts)
    _causes(account, attempts, messages, deaths)
    return account


def texts_of(simulator: str) -> list[dict[str, Any]]:
    """Every text the simulated providers accepted."""
    found: list[dict[str, Any]] = []
    following: int | None = 0
    while following is not None:
        page = get(simulator, f"messages?since={following}")
        found += page["messages"]
        following = page["next"]
    return found


def _states(session: Session, account: Account, world: World) -> None:
    rows = session.exec(select(tables.Message.id, tables.Message.status, tables.Message.reason)).all()
    for message_id, status, reason in rows:
        account.messages[status] += 1
        if status in ("planned", "claimed", "sending"):
            account.blame("row_without_final_state", f"message {message_id} is {status} ({reason})")
        elif status in ("failed", "suppressed", "expired", "cancelled", "unknown"):
            account.reasons[f"{status}: {reason}"] += 1
            if not reason:
                account.blame("row_without_reason", f"message {message_id} is {status}")
    later = world.clock.now() + timedelta(days=12)
    if unexplained(session, later) or waiting_or_open(session, world.campaign_id, later):
        account.blame("row_without_final_state", "the campaign could not finish")
    account.attempts = Counter(session.exec(select(tables.Attempt.state)))


def _twice(
    world: World, account: Account, texts: list[dict[str, Any]], messages: dict[int, Any], attempts: dict[int, Any],
    instance: str, failed_later: set[int],
) -> None:  # fmt: skip
    """Nothing was accepted twice, nothing that we do not know, nothing that we say never left."""
    by_attempt: dict[int, int] = Counter()
    without: dict[tuple[str, str, str], int] = Counter()
    for text in texts:
        attempt_id = attempt_of(text["reference"], instance) if text["reference"] else None
        if attempt_id is not None and attempt_id in attempts:
            by_attempt[attempt_id] += 1
        else:
            without[text["channel"], text["to"], text["text"]] += 1
    accepted_of: dict[int, list[int]] = defaultdict(list)
    for attempt_id, times in by_attempt.items():
        attempt = attempts[attempt_id]
        if times > 1:
            account.blame("same_attempt_accepted_twice", f"attempt {attempt_id}")
        accepted_of[attempt.message_id].append(attempt_id)
        if attempt.state in (AttemptState.DEFERRED, AttemptState.OPEN) or (
            attempt.state == AttemptState.FAILED and attempt.answer == "rejected"
        ):
            account.blame("accepted_but_we_say_it_was_not_sent", f"attempt {attempt_id} is {attempt.state}")
    for message_id, ids in accepted_of.items():
        ids.sort()
        if len(ids) > 1:
            # allowed only after a provider had reported that the one before failed
            if all(one in failed_later for one in ids[:-1]):
                account.again += len(ids) - 1
            else:
                account.blame("message_accepted_under_two_attempts", f"message {message_id}, attempts {ids}")
    _without_reference(world, account, without, messages, attempts, by_attempt)


def _without_reference(
    world: World, account: Account, without: dict[tuple[str, str, str], int], messages: dict[int, Any],
    attempts: dict[int, Any], by_attempt: dict[int, int],
) -> None:  # fmt: skip
    """Texts that carry no reference of ours (an SMS when nobody calls us back, an answer on Telegram) are told by their words."""
    sealer = world.db.sealer
    might: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    begun = defaultdict(list)
    for attempt in attempts.values():
        begun[attempt.message_id].append(attempt)
    for message_id, tries in begun.items():
        message = messages[message_id]
        body = json.loads(sealer.open("body", message.sealed_body))
        key = (message.channel, sealer.open("address", message.sealed_address), body["text"])
        left = [
            one for one in tries if one.state != AttemptState.DEFERRED and one.answer not in ("rejected", "deferred")
        ]
        if left and not any(one.id in by_attempt for one in left):
            might[key].append(message_id)
    for key, times in without.items():
        known = len(might.get(key, ()))
        if not known:
            account.blame("text_accepted_that_we_do_not_know", f"{key[0]} to {key[1]}")
        elif times > known:
            account.blame("message_accepted_under_two_attempts", f"{key[0]} to {key[1]}: {times} texts, {known} rows")


def _never_seen(account: Account, texts: list[dict[str, Any]], attempts: dict[int, Any]) -> None:
    """Whatever we call accepted, a provider has."""
    twilio = {text["sid"] for text in texts if text["channel"] != "telegram"}
    telegram = Counter(int(text["sid"].rpartition(":")[2]) for text in texts if text["channel"] == "telegram")
    ours: Counter[int] = Counter()
    for attempt in attempts.values():
        if not attempt.provider_id or (attempt.state not in _SEEN and attempt.state != AttemptState.FAILED):
            continue
        if attempt.account == "twilio" and attempt.provider_id not in twilio:
            account.blame("we_say_accepted_but_the_provider_never_saw_it", f"attempt {attempt.id}")
        if attempt.account == "telegram":
            ours[int(attempt.provider_id.rpartition(":")[2])] += 1  # Telegram numbers per chat: compared by number
    for number, times in (ours - telegram).items():
        account.blame("we_say_accepted_but_the_provider_never_saw_it", f"{times} on Telegram numbered {number}")


def _causes(account: Account, attempts: dict[int, Any], messages: dict[int, Any], deaths: Deaths) -> None:
    """Every unknown has a cause we can name, each its own."""
    for attempt in attempts.values():
        if attempt.state != AttemptState.UNKNOWN:
            continue
        if attempt.answer == "unknown":
            account.unknown["ambiguous answer"] += 1
        elif attempt.code and attempt.answer == "accepted":
            account.unknown[WITH_AN_ANSWER[0]] += 1
        elif attempt.id in deaths.in_flight:
            account.unknown["in flight at a kill"] += 1
        elif attempt.answer == "deferred":
            account.unknown[WITH_AN_ANSWER[1]] += 1
        else:
            account.blame("unknown_without_cause", f"attempt {attempt.id} of message {attempt.message_id}")


__all__ = ["AMBIGUOUS", "FAULTS_OF_OURS", "WITH_AN_ANSWER", "Account", "Deaths", "judge", "texts_of", "watch_lanes"]
