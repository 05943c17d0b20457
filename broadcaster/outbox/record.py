"""Record: an answer closes its attempt by id, from whatever state it finds; evidence raises an attempt, never lowers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcaster.channels.protocol import Accepted, Answer, Deferred, Rejected
from broadcaster.domain.message import AttemptState, ChannelKind, Status, of_attempts, rises
from broadcaster.outbox.rules import RETRY_AFTER_RECEIPT, retry
from broadcaster.storage.database import Plain
from broadcaster.storage.types import to_micros


@dataclass(frozen=True)
class CodeClass:
    """What the code table says of a provider's code: its class, and how often it may be tried (None = until its time is over)."""

    kind: str  # permanent | suppress | temporary | rate | ours | stop | unknown
    max_tries: int | None = None


#: (channel, code, came in a receipt) -> class; made from content/codes by the caller
Classify = Callable[[ChannelKind, str, bool], CodeClass]


@dataclass(frozen=True)
class Answered:
    """One call's answer, to be recorded."""

    attempt_id: int
    answer: Answer
    at: datetime


@dataclass(frozen=True)
class Consequence:
    """What a code means beyond its own row. The caller acts on it in the same transaction."""

    kind: str  # the class: permanent, suppress, rate, ours, stop
    code: str
    message_id: int
    channel: ChannelKind
    sender_id: int
    campaign_id: int | None
    household_id: int | None
    address_blind: bytes
    after: float | None = None  # seconds, for a pause the provider asked for


def record(sql: Plain, answered: Sequence[Answered], classify: Classify) -> list[Consequence]:
    """Close the attempts, in the caller's transaction."""
    consequences: list[Consequence] = []
    for item in answered:
        found = _find(sql, item.attempt_id)
        if found is None:
            continue  # an attempt of a database that was restored over: nothing here to close
        consequences += _record_one(sql, found, item, classify)
    return consequences


@dataclass(frozen=True)
class _Found:
    attempt_id: int
    state: AttemptState
    number: int
    message_id: int
    status: Status
    attempts: int
    channel: ChannelKind
    sender_id: int
    campaign_id: int | None
    household_id: int | None
    address_blind: bytes


def _find(sql: Plain, attempt_id: int) -> _Found | None:
    row = sql.one(
        "SELECT a.id, a.state, a.number, m.id, m.status, m.attempts, m.channel, m.sender_id, m.campaign_id, m.household_id,"
        " m.address_blind FROM attempt a JOIN message m ON m.id = a.message_id WHERE a.id = :id"
        + (" FOR UPDATE" if sql.kind == "postgresql" else ""),
        id=attempt_id,
    )
    if row is None:
        return None
    return _Found(
        row[0], AttemptState(row[1]), row[2], row[3], Status(row[4]), row[5], ChannelKind(row[6]), row[7], row[8], row[9],
        bytes(row[10]),
    )  # fmt: skip


def _record_one(sql: Plain, found: _Found, item: Answered, classify: Classify) -> list[Consequence]:
    now = to_micros(item.at)
    answer = item.answer
    if isinstance(answer, Accepted):
        state = AttemptState.ACCEPTED if rises(found.state, AttemptState.ACCEPTED) else found.state
        _close(sql, found, state, "accepted", "", "", now, provider_id=answer.provider_id, segments=answer.segments)
        _follow(sql, found, state, now)
        return []
    if isinstance(answer, Deferred):
        pause = [_consequence(found, "rate", answer.code, answer.after)] if answer.pause_sender else []
        if found.state is not AttemptState.OPEN:
            # it counts as unknown by now, or a receipt has shown that it left after all: a late Deferred changes nothing
            _close(sql, found, found.state, "deferred", answer.code, "", now)
            return pause
        _close(sql, found, AttemptState.DEFERRED, "deferred", answer.code, "", now)
        again = retry("temporary", found.number, message_id=found.message_id)
        after = timedelta(seconds=answer.after) if answer.after is not None else again.after
        _plan_again(sql, found, item.at + after, f"deferred:{answer.code}", now)
        return pause
    if isinstance(answer, Rejected):
        code = classify(found.channel, answer.code, False)
        consequences = [] if code.kind == "temporary" else [_consequence(found, code.kind, answer.code, None)]
        if not rises(found.state, AttemptState.FAILED):
            _close(sql, found, found.state, "rejected", answer.code, answer.detail, now)
            return consequences
        _close(sql, found, AttemptState.FAILED, "rejected", answer.code, answer.detail, now)
        again = retry(code.kind, found.number, message_id=found.message_id, max_tries=code.max_tries)
        if again.again:
            # nothing was sent; our own mistakes and stopped senders wait for the pause that the caller sets
            _plan_again(sql, found, item.at + again.after, f"rejected:{answer.code}", now)
        else:
            _follow(sql, found, AttemptState.FAILED, now, reason=f"rejected:{answer.code}")
        return consequences
    state = AttemptState.UNKNOWN if rises(found.state, AttemptState.UNKNOWN) else found.state
    _close(sql, found, state, "unknown", "", answer.detail[:200], now)
    _follow(sql, found, state, now, reason="no_answer")
    return []


def _close(
    sql: Plain,
    found: _Found,
    state: AttemptState,
    answer: str,
    code: str,
    detail: str,
    now: int,
    *,
    provider_id: str | None = None,
    segments: int = 0,
) -> None:
    sql.run(
        "UPDATE attempt SET state = :state, closed_at = :now, answer = :answer, detail = :detail,"
        " code = CASE WHEN :code = '' THEN code ELSE :code END, provider_id = COALESCE(:provider_id, provider_id),"
        " segments = CASE WHEN :segments > 0 THEN :segments ELSE segments END WHERE id = :id",
        id=found.attempt_id, state=str(state), now=now, answer=answer, code=code, detail=detail, provider_id=provider_id,
        segments=segments,
    )  # fmt: skip


def _plan_again(sql: Plain, found: _Found, due: datetime, reason: str, now: int) -> None:
    """Back to planned, unless the row has meanwhile become something else or a newer attempt stands."""
    sql.run(
        "UPDATE message SET status = 'planned', reason = :reason, due_at = :due, claim_token = NULL, claim_epoch = NULL,"
        " lease_until = NULL, updated_at = :now WHERE id = :id AND status = 'sending' AND attempts = :number",
        id=found.message_id, reason=reason, due=to_micros(due), now=now, number=found.number,
    )  # fmt: skip


def _follow(sql: Plain, found: _Found, state: AttemptState, now: int, *, reason: str = "") -> None:
    """Set the message from its attempts. One attempt decides alone, which is nearly always."""
    if found.attempts == 1:
        status = Status(state)
    else:
        states = [
            AttemptState(row[0])
            for row in sql.all("SELECT state FROM attempt WHERE message_id = :id ORDER BY number", id=found.message_id)
        ]
        status = of_attempts(states)
        if status is Status.PLANNED or (found.status in (Status.PLANNED, Status.CLAIMED) and not _final(status)):
            return  # a newer try waits: evidence of an older one that is not final does not take it away
    sql.run(
        "UPDATE message SET status = :status, reason = :reason, claim_token = NULL, lease_until = NULL, updated_at = :now"
        " WHERE id = :id",
        id=found.message_id, status=str(status), reason=reason if status in (Status.FAILED, Status.UNKNOWN) else "", now=now,
    )  # fmt: skip


def _final(status: Status) -> bool:
    return status in (Status.DELIVERED, Status.READ)


def _consequence(found: _Found, kind: str, code: str, after: float | None) -> Consequence:
    return Consequence(
        kind=kind, code=code, message_id=found.message_id, channel=found.channel, sender_id=found.sender_id,
        campaign_id=found.campaign_id, household_id=found.household_id, address_blind=found.address_blind, after=after,
    )  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """One receipt for one attempt."""

    attempt_id: int
    state: AttemptState
    code: str
    provider_id: str
    event_id: int | None


def raise_evidence(sql: Plain, evidence: Evidence, classify: Classify, now: datetime) -> tuple[str, list[Consequence]]:
    """Apply a receipt: kept once, the attempt only rises, the message follows.

    Returns "applied", "known" (seen before or not higher) or "no_attempt", and what the code means beyond the row.
    """
    found = _find(sql, evidence.attempt_id)
    if found is None:
        return "no_attempt", []
    micros = to_micros(now)
    new = sql.one(
        "INSERT INTO receipt (attempt_id, state, code, at, event_id) VALUES (:attempt, :state, :code, :now, :event)"
        " ON CONFLICT (attempt_id, state, code) DO NOTHING RETURNING id",
        attempt=found.attempt_id, state=str(evidence.state), code=evidence.code, now=micros, event=evidence.event_id,
    )  # fmt: skip
    if evidence.provider_id:
        sql.run(
            "UPDATE attempt SET provider_id = :provider_id WHERE id = :id AND provider_id IS NULL",
            id=found.attempt_id, provider_id=evidence.provider_id,
        )  # fmt: skip
    if new is None or not rises(found.state, evidence.state):
        return "known", []
    sql.run(
        "UPDATE attempt SET state = :state, code = CASE WHEN :code = '' THEN code ELSE :code END WHERE id = :id",
        id=found.attempt_id, state=str(evidence.state), code=evidence.code,
    )  # fmt: skip
    if evidence.state is not AttemptState.FAILED:
        _follow(sql, found, evidence.state, micros)
        return "applied", []
    code = classify(found.channel, evidence.code, True)
    if code.kind == "unknown":
        # the code says that even the provider cannot know; nothing is sent again and nothing is claimed
        sql.run("UPDATE attempt SET state = 'unknown' WHERE id = :id", id=found.attempt_id)
        _follow(sql, found, AttemptState.UNKNOWN, micros, reason=f"receipt:{evidence.code}")
        return "applied", []
    consequences = [] if code.kind == "temporary" else [_consequence(found, code.kind, evidence.code, None)]
    again = retry(code.kind, found.number, message_id=found.message_id, max_tries=code.max_tries)
    newest = found.number == found.attempts
    waiting = found.status in (Status.PLANNED, Status.CLAIMED)
    if again.again and newest and not waiting:
        due = now + max(again.after, RETRY_AFTER_RECEIPT)
        sql.run(
            "UPDATE message SET status = 'planned', reason = :reason, due_at = :due, claim_token = NULL, claim_epoch = NULL,"
            " lease_until = NULL, updated_at = :now WHERE id = :id AND expires_at > :due",
            id=found.message_id, reason=f"receipt:{evidence.code}", due=to_micros(due), now=micros,
        )  # fmt: skip
        sql.run(
            "UPDATE message SET status = 'failed', reason = :reason, updated_at = :now WHERE id = :id AND expires_at <= :due",
            id=found.message_id, reason=f"receipt:{evidence.code}", due=to_micros(due), now=micros,
        )  # fmt: skip
    else:
        _follow(sql, found, AttemptState.FAILED, micros, reason=f"receipt:{evidence.code}")
    return "applied", consequences
