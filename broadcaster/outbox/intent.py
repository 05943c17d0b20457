"""Intent: the commit after which a text counts as begun. The gate decides in the same transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from broadcaster.domain.message import Status
from broadcaster.outbox.gate import BY_REASON, CARD_DUE, FIRST_FAILING, MINE, PASSES
from broadcaster.outbox.lease import Lane
from broadcaster.outbox.rules import CAP_DAYS, LATE_ASK
from broadcaster.outbox.tier import Tier
from broadcaster.storage.database import Plain
from broadcaster.storage.rows import Rows, gather
from broadcaster.storage.types import SECOND, to_micros


class Wanted(NamedTuple):
    """A leased row, rendered, that wants to be sent now."""

    message_id: int
    token: str
    address_blind: bytes
    sealed_body: bytes
    text_hash: str
    segments: int


class Opened(NamedTuple):
    """The intent is part of this transaction: once it commits, the attempt may be sent."""

    message_id: int
    attempt_id: int


@dataclass(frozen=True)
class Stopped:
    """Not sent. `status` is what became of the row, `reason` why; `lost` rows were no longer ours and are untouched."""

    message_id: int
    status: Status | None
    reason: str


@dataclass(frozen=True)
class Rules:
    """What the gate needs besides the rows. `open_now`: the timetable; `next_open`: where rows outside it go."""

    mode: str
    cap: int
    open_now: bool
    next_open: datetime
    today: date
    next_day: datetime
    account: str  # whose provider ids the attempts will carry


def commit_intents(
    sql: Plain, lane: Lane, wanted: Sequence[Wanted], rules: Rules, now: datetime
) -> list[Opened | Stopped]:
    """Gate every row and open its attempt, in the caller's transaction. One answer per row, in order.

    Rows that cannot bear on each other are gated by one statement. Two texts to one household, or more new people than the
    daily tier has room for, are gated one after the other, because each must see the one before it.
    """
    fixed: dict[str, object] = {
        "now": to_micros(now),
        "epoch": lane.epoch,
        "mode": rules.mode,
        "open": 1 if rules.open_now else 0,
        "cap": rules.cap,
        "cap_since": (rules.today - timedelta(days=CAP_DAYS)).isoformat(),
        "today": rules.today.isoformat(),
    }
    apart = _lock_households(sql, wanted)
    tier = Tier.of(sql, lane, wanted, now)
    # a row may be here twice, under a lease that is over and under the one that holds: only the latter gets an attempt
    answers: dict[tuple[int, str], Opened | Stopped] = {}
    apart = apart and len({row.message_id for row in wanted}) == len(wanted)
    together = apart and tier.room >= len(wanted)
    for batch in [wanted] if together else [[row] for row in wanted]:
        fixed["tier_room"] = 1 if together or tier.allows(batch[0]) else 0
        opened = _open(sql, lane, batch, rules, fixed)
        tier.count(row for row in batch if row.message_id in opened)
        for row in batch:
            answers[row.message_id, row.token] = opened.get(row.message_id) or _stop(sql, row, rules, fixed)
    tier.keep(sql)
    return [answers[row.message_id, row.token] for row in wanted]


def _open(sql: Plain, lane: Lane, batch: Sequence[Wanted], rules: Rules, fixed: dict[str, object]) -> dict[int, Opened]:
    """The rows that pass the gate become `sending`, each with its open attempt."""
    numbers = _pass(sql, batch, fixed)
    if not numbers:
        return {}
    attempts = Rows(
        sql,
        {"message": "bigint", "number": "integer", "hash": "text", "segments": "integer"},
        [
            (row.message_id, numbers[row.message_id], row.text_hash, row.segments)
            for row in batch
            if row.message_id in numbers
        ],
    )
    sql.run(
        f"{attempts.with_w} INSERT INTO attempt"
        " (message_id, number, state, account, opened_at, answer, code, detail, text_hash, segments, price_idr)"
        " SELECT message, number, 'open', :account, :now, '', '', '', hash, segments,"
        # an SMS is paid by the segment
        " (SELECT p.idr FROM price p WHERE p.channel = :channel) * CASE WHEN :channel = 'sms' THEN segments ELSE 1 END"
        " FROM w",
        account=rules.account,
        channel=str(lane.channel),
        now=fixed["now"],
        **attempts.parameters,
    )
    opened = gather(
        sql,
        "SELECT a.message_id, a.id FROM w JOIN attempt a ON a.message_id = w.message AND a.number = w.number",
        "message_id id",
        attempts,
    )
    return {message: Opened(message, attempt) for message, attempt in opened}


def _pass(sql: Plain, batch: Sequence[Wanted], fixed: dict[str, object]) -> dict[int, int]:
    """Which of `batch` the gate lets through, and the number of the try each begins: these are `sending` from here on.

    On PostgreSQL the condition and the change are one statement. On SQLite nothing can come between two, because this
    transaction is the only one that writes.
    """
    change = (
        "UPDATE message AS m SET status = 'sending', intent_at = :now, intent_on = :today, attempts = attempts + 1,"
        " sealed_body = w.body, reason = '', updated_at = :now FROM w WHERE m.id = w.leased"
    )
    rows = Rows(
        sql,
        {"leased": "bigint", "token": "text", "body": "bytea"},
        [(row.message_id, row.token, row.sealed_body) for row in batch],
    )
    if sql.kind == "postgresql":
        return dict(
            sql.all(
                f"{rows.with_w} {change} AND {MINE} AND {PASSES} RETURNING id, attempts", **rows.parameters, **fixed
            )
        )
    asked = Rows(sql, {"leased": "bigint", "token": "text"}, [(row.message_id, row.token) for row in batch])
    passing = f"SELECT m.id AS id, m.attempts + 1 AS number FROM w JOIN message m ON m.id = w.leased WHERE {MINE} AND {PASSES}"
    numbers: dict[int, int] = dict(gather(sql, passing, "id number", asked, fixed))
    if numbers:
        sql.run(
            f"{rows.with_w} {change} AND {MINE} AND m.id IN (SELECT value FROM json_each(:passing))",
            passing=json.dumps(list(numbers)),
            now=fixed["now"],
            today=fixed["today"],
            epoch=fixed["epoch"],
            **rows.parameters,
        )
    return numbers


def _stop(sql: Plain, row: Wanted, rules: Rules, fixed: dict[str, object]) -> Stopped:
    """Say why the UPDATE changed nothing and put the row where that reason puts it."""
    leased = Rows(sql, {"leased": "bigint", "token": "text"}, [(row.message_id, row.token)])
    mine = sql.one(
        f"{leased.with_w} SELECT {FIRST_FAILING} FROM message m JOIN w ON m.id = w.leased WHERE {MINE}",
        **leased.parameters,
        **fixed,
    )
    if mine is None:
        return Stopped(row.message_id, None, "lease_lost")
    reason = mine[0]
    if reason is None:
        # only possible between two statements of one READ COMMITTED transaction: the row waits for its next turn
        reason = "changed_meanwhile"
    check = BY_REASON.get(reason)
    then = check.then if check is not None else Status.PLANNED
    if reason == "children_changed":
        sql.run(
            "DELETE FROM message_child WHERE message_id = :id AND id IN (SELECT mc.id FROM message_child mc"
            " JOIN card c ON c.id = mc.card_id JOIN child ch ON ch.id = mc.child_id"
            f" WHERE mc.message_id = :id AND NOT {CARD_DUE})",
            id=row.message_id,
        )
    again = {
        "outside_hours": to_micros(rules.next_open),
        "household_cap": to_micros(rules.next_day),
        "daily_tier": int(str(fixed["now"])) + 3600 * SECOND,
        "campaign_paused": None,  # the lease passes over paused campaigns: the row keeps its place
    }.get(reason)
    sql.run(
        "UPDATE message SET status = :status, reason = :reason, claim_token = NULL, claim_epoch = NULL, lease_until = NULL,"
        # a row that waits for a person's word is not due before its life is over
        " due_at = CASE WHEN :ask = 1 THEN expires_at ELSE COALESCE(:again, due_at) END, updated_at = :now"
        # another process may have taken the row over since the statement before
        " WHERE id = :id AND status = 'claimed' AND claim_token = :token",
        id=row.message_id, token=row.token, status=str(then), reason=reason, again=again, ask=1 if reason == LATE_ASK else 0,
        now=fixed["now"],
    )  # fmt: skip
    return Stopped(row.message_id, then, reason)


def _lock_households(sql: Plain, wanted: Sequence[Wanted]) -> bool:
    """Whether every row is about another household, merged ones counted as one.

    Two lanes must not count one household's messages at once, so they are locked; SQLite has one writer and needs no lock.
    """
    rows = Rows(sql, {"leased": "bigint"}, [(row.message_id,) for row in wanted])
    head = (
        f"{rows.with_w} SELECT COALESCE(h.alias_of, h.id) AS root FROM w JOIN message m ON m.id = w.leased"
        " JOIN household h ON h.id = m.household_id"
    )
    if sql.kind == "postgresql":
        roots = [
            row[0]
            for row in sql.all(
                f"SELECT r.id FROM ({head}) AS f JOIN household r ON r.id = f.root ORDER BY r.id FOR UPDATE OF r",
                **rows.parameters,
            )
        ]
        return len(roots) == len(set(roots))
    found = sql.one(f"SELECT COUNT(*), COUNT(DISTINCT root) FROM ({head})", **rows.parameters)
    return found is not None and found[0] == found[1]
