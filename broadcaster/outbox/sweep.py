"""The sweep: finds what time has decided, without any wake-up. Running it twice changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from broadcaster.domain.message import AttemptState, of_attempts
from broadcaster.storage.database import Database
from broadcaster.storage.types import to_micros

_BATCH = 1000


@dataclass(frozen=True)
class Swept:
    """How many rows changed, by what happened to them."""

    leases_over: int
    unanswered: int
    expired: int


def sweep(db: Database, now: datetime, *, intent_life: timedelta) -> Swept:
    """Leases over their time go back to planned, intents over theirs become `unknown`, rows past their life `expired`."""
    micros = to_micros(now)
    with db.plain() as sql:
        leases_over = sql.run(
            "UPDATE message SET status = 'planned', claim_token = NULL, claim_epoch = NULL, lease_until = NULL,"
            " updated_at = :now WHERE status = 'claimed' AND lease_until <= :now",
            now=micros,
        )
    with db.plain() as sql:
        skip = " FOR UPDATE SKIP LOCKED" if sql.kind == "postgresql" else ""
        silent = sql.all(
            f"SELECT id, message_id FROM attempt WHERE state = 'open' AND opened_at <= :over ORDER BY id LIMIT :most{skip}",
            over=to_micros(now - intent_life), most=_BATCH,
        )  # fmt: skip
        for attempt_id, message_id in silent:
            sql.run(
                "UPDATE attempt SET state = 'unknown', closed_at = :now, detail = 'no answer in time' WHERE id = :id",
                id=attempt_id, now=micros,
            )  # fmt: skip
            states = [
                AttemptState(row[0])
                for row in sql.all("SELECT state FROM attempt WHERE message_id = :id ORDER BY number", id=message_id)
            ]
            sql.run(
                "UPDATE message SET status = :status, reason = 'no_answer', updated_at = :now"
                " WHERE id = :id AND status = 'sending'",
                id=message_id, status=str(of_attempts(states)), now=micros,
            )  # fmt: skip
    with db.plain() as sql:
        expired = sql.run(
            "UPDATE message SET status = 'expired', reason = CASE WHEN reason = '' THEN 'expired' ELSE reason END,"
            " updated_at = :now WHERE status = 'planned' AND expires_at <= :now",
            now=micros,
        )
    return Swept(leases_over, len(silent), expired)
