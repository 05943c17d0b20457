"""The sweep: finds what time has decided, without any wake-up. Running it twice changes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcaster.domain.message import AttemptState, of_attempts
from broadcaster.office.queries import open_alerts
from broadcaster.office.service import clear_alert, raise_alert
from broadcaster.outbox.rules import LATE_ASK, LATE_SKIP
from broadcaster.storage.database import Database, plain
from broadcaster.storage.tables import Sender, Suppression
from broadcaster.storage.types import to_micros

_BATCH = 1000
#: Kinds of alerts that end with what they are about.
LATE_ALERT, PAUSE_ALERT, PEOPLE_ALERT = "late_ask", "sender_paused", "people_paused"


@dataclass(frozen=True)
class Swept:
    """How many rows changed, by what happened to them."""

    leases_over: int
    unanswered: int
    expired: int
    late: int = 0


def sweep(db: Database, now: datetime, *, intent_life: timedelta) -> Swept:
    """Leases over their time go back to planned, intents over theirs become `unknown`, rows past their life `expired`.

    Rows whose planned window is over follow their step: `skip` ends them, `ask` holds them for a person, with an alert.
    """
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
        # the condition is written as the index of late rows is, so that only they are looked at
        skipped = sql.run(
            f"UPDATE message SET status = 'expired', reason = '{LATE_SKIP}', updated_at = :now"
            " WHERE status = 'planned' AND late <> '' AND late = 'skip' AND late_at <= :now",
            now=micros,
        )
        held = sql.run(
            f"UPDATE message SET reason = '{LATE_ASK}', due_at = expires_at, updated_at = :now"
            f" WHERE status = 'planned' AND late <> '' AND late = 'ask' AND late_at <= :now AND reason <> '{LATE_ASK}'",
            now=micros,
        )
    if _alerts_differ(db, now):
        with db.write() as session:
            for name, number in _held(session).items():
                raise_alert(session, LATE_ALERT, name, {"messages": number}, now)
            for kind, subject in _over(session, now):
                clear_alert(session, kind, subject, now)
    return Swept(leases_over, len(silent), expired, skipped + held)


def _alerts_differ(db: Database, now: datetime) -> bool:
    with db.read() as session:
        told = {alert.subject: alert.data.get("messages") for alert in open_alerts(session) if alert.kind == LATE_ALERT}
        return told != _held(session) or bool(_over(session, now))


def _held(session: Session) -> dict[str, int]:
    """How many rows of each campaign wait for a person, by the campaign's name."""
    rows = plain(session).all(
        "SELECT c.name, COUNT(*) FROM message m JOIN campaign c ON c.id = m.campaign_id"
        f" WHERE m.status = 'planned' AND m.late <> '' AND m.reason = '{LATE_ASK}' GROUP BY c.name"
    )
    return {str(name): int(number) for name, number in rows}


def _over(session: Session, now: datetime) -> list[tuple[str, str]]:
    """Open alerts whose matter is over: nothing is held any more, the sender goes on, everybody is let in again."""
    alerts = [alert for alert in open_alerts(session) if alert.kind in (LATE_ALERT, PAUSE_ALERT, PEOPLE_ALERT)]
    if not alerts:
        return []
    held = _held(session)
    paused = set(session.exec(select(Sender.name).where(col(Sender.paused_until) > now)))
    out = set(
        session.exec(
            select(Suppression.channel).where(
                Suppression.reason == "five_failed_days",
                col(Suppression.until).is_(None) | (col(Suppression.until) > now),
            )
        )
    )
    going_on = {LATE_ALERT: held.keys(), PAUSE_ALERT: paused, PEOPLE_ALERT: out}
    return [(alert.kind, alert.subject) for alert in alerts if alert.subject not in going_on[alert.kind]]
