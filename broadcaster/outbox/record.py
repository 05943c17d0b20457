"""Record: an answer closes its attempt by id, from whatever state it finds; evidence raises an attempt, never lowers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from broadcaster.channels.protocol import Accepted, Answer, Deferred, Rejected
from broadcaster.domain.message import NOT_SENT, WAITING, AttemptState, ChannelKind, Status, of_attempts, rises
from broadcaster.outbox.rules import RETRY_AFTER_RECEIPT, retry
from broadcaster.storage.database import Plain
from broadcaster.storage.rows import Rows, gather
from broadcaster.storage.types import to_micros


@dataclass(frozen=True)
class CodeClass:
    """What the code table says of a provider's code: its class, and how often it may be tried (None = until its time is over)."""

    kind: str  # permanent | suppress | temporary | rate | ours | stop | unknown
    max_tries: int | None = None


#: (channel, code, came in a receipt) -> class; made from content/codes by the caller
Classify = Callable[[ChannelKind, str, bool], CodeClass]


class Answered(NamedTuple):
    """One call's answer, to be recorded."""

    attempt_id: int
    answer: Answer
    at: datetime


@dataclass(frozen=True)
class Consequence:
    """What a code means beyond its own row. The caller acts on it in the same transaction."""

    kind: str  # the class: permanent, suppress, temporary, rate, ours, stop
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
    taken = _record_accepted(sql, [item for item in answered if isinstance(item.answer, Accepted)])
    consequences: list[Consequence] = []
    for item in answered:
        if item.attempt_id in taken:
            continue
        found = _find(sql, item.attempt_id)
        if found is None:
            continue  # an attempt of a database that was restored over: nothing here to close
        consequences += _record_one(sql, found, item, classify)
    return consequences


def _record_accepted(sql: Plain, answered: Sequence[Answered]) -> set[int]:
    """What nearly every answer is, in two statements: the first try of a message, still open. Returns these attempts' ids.

    Every other answer (a late one, a second try, one that a receipt has overtaken) is looked at alone.
    """
    rows = [
        (item.attempt_id, item.answer.provider_id, item.answer.segments, to_micros(item.at))
        for item in answered
        if isinstance(item.answer, Accepted)
    ]
    if not rows:
        return set()
    given = _accepted(sql, rows)
    closed = gather(
        sql,
        # locked like every attempt that is closed, the message with it
        "SELECT a.id FROM w JOIN attempt a ON a.id = w.attempt JOIN message m ON m.id = a.message_id"
        # `|| ''`: by the attempt's id, not through the index of all that are open
        " WHERE a.state || '' = 'open' AND a.number = 1 AND m.status || '' = 'sending' AND m.attempts = 1"
        + (" FOR UPDATE OF a, m" if sql.kind == "postgresql" else ""),
        "id",
        given,
    )
    if not closed:
        return set()
    taken = {row[0] for row in closed}
    if len(taken) < len(rows):
        given = _accepted(sql, [row for row in rows if row[0] in taken])
    sql.run(
        f"{given.with_w} UPDATE attempt AS a SET state = 'accepted', closed_at = w.moment, answer = 'accepted', detail = '',"
        " provider_id = COALESCE(w.provider, a.provider_id),"
        " segments = CASE WHEN w.parts > 0 THEN w.parts ELSE a.segments END FROM w WHERE a.id = w.attempt",
        **given.parameters,
    )
    sql.run(
        f"{given.with_w} UPDATE message AS m SET status = 'accepted', reason = '', claim_token = NULL, lease_until = NULL,"
        " updated_at = w.moment FROM w JOIN attempt a ON a.id = w.attempt WHERE m.id = a.message_id",
        **given.parameters,
    )
    return taken


def _accepted(sql: Plain, rows: Sequence[tuple[int, str, int, int]]) -> Rows:
    return Rows(sql, {"attempt": "bigint", "provider": "text", "parts": "integer", "moment": "bigint"}, rows)


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
    reason: str
    expires_at: int
    followed: bool  # the next channel has been looked for


def _find(sql: Plain, attempt_id: int) -> _Found | None:
    row = sql.one(
        "SELECT a.id, a.state, a.number, m.id, m.status, m.attempts, m.channel, m.sender_id, m.campaign_id, m.household_id,"
        " m.address_blind, m.reason, m.expires_at, m.followed_at"
        " FROM attempt a JOIN message m ON m.id = a.message_id WHERE a.id = :id"
        + (" FOR UPDATE" if sql.kind == "postgresql" else ""),
        id=attempt_id,
    )
    if row is None:
        return None
    return _Found(
        row[0], AttemptState(row[1]), row[2], row[3], Status(row[4]), row[5], ChannelKind(row[6]), row[7], row[8], row[9],
        bytes(row[10]), row[11], row[12], row[13] is not None,
    )  # fmt: skip


def _record_one(sql: Plain, found: _Found, item: Answered, classify: Classify) -> list[Consequence]:
    now = to_micros(item.at)
    answer = item.answer
    if isinstance(answer, Accepted):
        state = AttemptState.ACCEPTED if _rises(sql, found, AttemptState.ACCEPTED) else found.state
        _close(sql, found, state, "accepted", "", "", now, provider_id=answer.provider_id, segments=answer.segments)
        if state is not found.state:  # else a receipt was here first, and what it made of the message stands
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
        if not _plan_again(sql, found, item.at + after, f"deferred:{answer.code}", now):
            _follow(sql, found, AttemptState.DEFERRED, now)
        return pause
    if isinstance(answer, Rejected):
        code = classify(found.channel, answer.code, False)
        consequences = [_consequence(found, code.kind, answer.code, None)]
        if not _rises(sql, found, AttemptState.FAILED):
            _close(sql, found, found.state, "rejected", answer.code, answer.detail, now)
            return consequences
        _close(sql, found, AttemptState.FAILED, "rejected", answer.code, answer.detail, now)
        again = retry(code.kind, found.number, message_id=found.message_id, max_tries=code.max_tries)
        # nothing was sent; our own mistakes and stopped senders wait for the pause that the caller sets
        reason = f"rejected:{answer.code}"
        if not again.again or not _plan_again(sql, found, item.at + again.after, reason, now):
            _follow(sql, found, AttemptState.FAILED, now, reason=reason)
        return consequences
    state = AttemptState.UNKNOWN if rises(found.state, AttemptState.UNKNOWN) else found.state
    _close(sql, found, state, "unknown", "", answer.detail[:200], now)
    if state is not found.state:
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


#: A message whose newest attempt has just turned out unsent comes back from these, and from no other state.
_UNDER_WAY = frozenset({Status.SENDING, Status.UNKNOWN})
_BELIEVED_SENT = frozenset({*_UNDER_WAY, Status.ACCEPTED, Status.SENT})


def _plan_again(
    sql: Plain, found: _Found, due: datetime, reason: str, now: int, *, states: frozenset[Status] = _UNDER_WAY
) -> bool:
    """Back to planned; False when the row has become something else, a newer attempt stands, an older one may be with the
    family after all, or a person wrote it again."""
    if found.status not in states:
        return False
    changed = sql.run(
        "UPDATE message SET status = 'planned', reason = :reason, due_at = :due, claim_token = NULL, claim_epoch = NULL,"
        " lease_until = NULL, updated_at = :now WHERE id = :id AND attempts = :number"
        " AND NOT EXISTS (SELECT 1 FROM message r WHERE r.replaces_id = message.id)"
        " AND NOT EXISTS (SELECT 1 FROM attempt o WHERE o.message_id = message.id AND o.id <> :attempt"
        " AND o.state IN ('unknown', 'accepted', 'sent', 'delivered', 'read'))",
        id=found.message_id, reason=reason, due=to_micros(due), now=now, number=found.number, attempt=found.attempt_id,
    )  # fmt: skip
    return changed > 0


def _follow(sql: Plain, found: _Found, state: AttemptState, now: int, *, reason: str = "") -> None:
    """Set the message from its attempts. One attempt decides alone, which is nearly always."""
    states = [state]
    if found.attempts > 1:
        states = [
            AttemptState(row[0])
            for row in sql.all("SELECT state FROM attempt WHERE message_id = :id ORDER BY number", id=found.message_id)
        ]
    status = of_attempts(states)
    if status is Status.PLANNED or (status is Status.FAILED and found.status in WAITING | NOT_SENT):
        return  # what waits, or was called off, is changed only by evidence that a try may be with the family
    if status in (Status.FAILED, Status.UNKNOWN):
        why = (
            reason or found.reason or "no_answer"
        )  # evidence of an older try does not take the newest one's reason away
    else:
        why = ""
    sql.run(
        "UPDATE message SET status = :status, reason = :reason, claim_token = NULL, lease_until = NULL, updated_at = :now"
        " WHERE id = :id",
        id=found.message_id, status=str(status), reason=why, now=now,
    )  # fmt: skip
    if status in (Status.DELIVERED, Status.READ) and found.followed:
        _call_off_next_channel(sql, found, now)


def _call_off_next_channel(sql: Plain, found: _Found, now: int) -> None:
    """The text has arrived after all: the same step waits in vain on the next channel."""
    sql.run(
        "UPDATE message SET status = 'cancelled', reason = 'arrived_before', claim_token = NULL, lease_until = NULL,"
        " updated_at = :now WHERE status IN ('planned', 'claimed') AND attempts = 0 AND replaces_id IS NULL"
        " AND id IN (SELECT o.id FROM message m JOIN message_child mc ON mc.message_id = m.id"
        " JOIN message_child oc ON oc.card_id = mc.card_id JOIN message o ON o.id = oc.message_id"
        " WHERE m.id = :id AND o.cohort_id = m.cohort_id AND o.step = m.step AND o.hop > m.hop)",
        id=found.message_id, now=now,
    )  # fmt: skip


def _rises(sql: Plain, found: _Found, then: AttemptState) -> bool:
    """Whether the attempt's evidence rises. A failure that nobody understands is shown as unknown, and ranks as a failure."""
    if found.state is AttemptState.UNKNOWN and sql.one(
        "SELECT 1 FROM receipt WHERE attempt_id = :id AND state = 'failed' LIMIT 1", id=found.attempt_id
    ):
        return rises(AttemptState.FAILED, then)
    return rises(found.state, then)


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
    higher = _rises(sql, found, evidence.state)
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
    if new is None or not higher:
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
    consequences = [_consequence(found, code.kind, evidence.code, None)]
    again = retry(code.kind, found.number, message_id=found.message_id, max_tries=code.max_tries)
    reason = f"receipt:{evidence.code}"
    due = now + max(again.after, RETRY_AFTER_RECEIPT)
    in_time = found.expires_at > to_micros(due)
    if not (again.again and in_time and _plan_again(sql, found, due, reason, micros, states=_BELIEVED_SENT)):
        _follow(sql, found, AttemptState.FAILED, micros, reason=reason)
    return "applied", consequences
