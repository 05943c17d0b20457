"""Intent: the commit after which a text counts as begun. The gate decides in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from broadcaster.domain.message import ChannelKind, Status
from broadcaster.outbox.gate import BY_REASON, CARD_DUE, FIRST_FAILING, MINE, PASSES
from broadcaster.outbox.lease import Lane
from broadcaster.outbox.rules import CAP_DAYS
from broadcaster.storage.database import Plain
from broadcaster.storage.types import SECOND, to_micros

#: Campaigns use at most this share of a daily tier; answers keep the rest.
CAMPAIGN_SHARE = 0.8


@dataclass(frozen=True)
class Wanted:
    """A leased row, rendered, that wants to be sent now."""

    message_id: int
    token: str
    address_blind: bytes
    sealed_body: bytes
    text_hash: str
    segments: int


@dataclass(frozen=True)
class Opened:
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
    """Gate every row and open its attempt, in the caller's transaction. One answer per row, in order."""
    micros = to_micros(now)
    fixed: dict[str, object] = {
        "now": micros,
        "epoch": lane.epoch,
        "mode": rules.mode,
        "open": 1 if rules.open_now else 0,
        "cap": rules.cap,
        "cap_since": (rules.today - timedelta(days=CAP_DAYS)).isoformat(),
        "today": rules.today.isoformat(),
    }
    _lock_households(sql, wanted)
    room, known = _tier_room(sql, lane, wanted, micros)
    answers: list[Opened | Stopped] = []
    for row in wanted:
        free = row.address_blind in known
        fixed["tier_room"] = 1 if free else room
        number = sql.one(
            "UPDATE message AS m SET status = 'sending', intent_at = :now, intent_on = :today, attempts = attempts + 1,"
            " sealed_body = :body, reason = '', updated_at = :now"
            f" WHERE m.id = :id AND {MINE} AND {PASSES} RETURNING attempts",
            id=row.message_id, token=row.token, body=row.sealed_body, **fixed,
        )  # fmt: skip
        if number is None:
            answers.append(_stop(sql, row, rules, fixed))
            continue
        attempt = sql.one(
            "INSERT INTO attempt (message_id, number, state, account, opened_at, answer, code, detail, text_hash, segments)"
            " VALUES (:message, :number, 'open', :account, :now, '', '', '', :hash, :segments) RETURNING id",
            message=row.message_id, number=number[0], account=rules.account, now=micros, hash=row.text_hash,
            segments=row.segments,
        )  # fmt: skip
        assert attempt is not None
        answers.append(Opened(row.message_id, attempt[0]))
        if lane.channel is ChannelKind.WHATSAPP and not free:
            known.add(row.address_blind)
            room -= 1
    return answers


def _stop(sql: Plain, row: Wanted, rules: Rules, fixed: dict[str, object]) -> Stopped:
    """Say why the UPDATE changed nothing and put the row where that reason puts it."""
    mine = sql.one(
        f"SELECT {FIRST_FAILING} FROM message m WHERE m.id = :id AND {MINE}",
        id=row.message_id,
        token=row.token,
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
        " due_at = COALESCE(:again, due_at), updated_at = :now WHERE id = :id",
        id=row.message_id, status=str(then), reason=reason, again=again, now=fixed["now"],
    )  # fmt: skip
    return Stopped(row.message_id, then, reason)


def _lock_households(sql: Plain, wanted: Sequence[Wanted]) -> None:
    """Two lanes must not count one household's messages at once. SQLite has one writer, so it needs no lock."""
    if sql.kind == "postgresql":
        sql.all(
            "SELECT r.id FROM household r WHERE r.id IN (SELECT COALESCE(h.alias_of, h.id) FROM message m"
            " JOIN household h ON h.id = m.household_id WHERE m.id = ANY(:ids)) ORDER BY r.id FOR UPDATE",
            ids=[row.message_id for row in wanted],
        )


def _tier_room(sql: Plain, lane: Lane, wanted: Sequence[Wanted], now: int) -> tuple[int, set[bytes]]:
    """How many new people the WhatsApp portfolio may still be written to, and who of these rows was written to already.

    Counted over all senders of the portfolio in the last 24 hours; whatever may have arrived counts, `unknown` too.
    """
    if lane.channel is not ChannelKind.WHATSAPP:
        return 1, set()
    portfolio = sql.one(
        "SELECT p.id, p.daily_tier FROM portfolio p JOIN sender s ON s.portfolio_id = p.id WHERE s.id = :id"
        + (" FOR UPDATE OF p" if sql.kind == "postgresql" else ""),
        id=lane.sender_id,
    )
    if portfolio is None:
        return len(wanted), set()
    recent = (
        "FROM attempt a JOIN message m ON m.id = a.message_id JOIN sender s ON s.id = m.sender_id"
        " WHERE s.portfolio_id = :portfolio AND a.opened_at > :since AND a.state <> 'deferred' AND a.answer <> 'rejected'"
    )
    since = now - 24 * 3600 * SECOND
    seen = {
        bytes(blind)
        for (blind,) in sql.all(f"SELECT DISTINCT m.address_blind {recent}", portfolio=portfolio[0], since=since)
    }
    return int(portfolio[1] * CAMPAIGN_SHARE) - len(seen), seen
