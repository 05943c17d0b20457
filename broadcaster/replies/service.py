"""What comes in: each kept provider event is read and acted on once, in one transaction.

Receipts become evidence; what people write or press is `acts`' matter. An event that fails is marked with its problem and
never holds up the others. A database that does not answer ends the run; the next one reads the same events again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session, col, select

from broadcaster.channels.protocol import Blocked, ChannelEvent, RawEvent, Reader, Receipt, Reply
from broadcaster.delivery import evidence
from broadcaster.outbox.queries import KeptEvent, unapplied_events
from broadcaster.outbox.record import Classify
from broadcaster.outbox.service import mark_applied
from broadcaster.replies.acts import blocked, heard
from broadcaster.replies.reading import read_reply
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import ProviderEvent

_IN_ONE_COMMIT = 50

log = structlog.get_logger()


def apply_events(
    db: Database, readers: Mapping[str, Reader], now: datetime, limit: int = 200, *, classify: Classify
) -> int:
    """Act on the oldest events nothing has acted on yet; returns how many were taken from the pile.

    Some dozens share one commit. When one of them fails, its group is acted on again one by one, so that it fails alone.
    """
    with db.read() as session:
        events = unapplied_events(session, limit)
    for start in range(0, len(events), _IN_ONE_COMMIT):
        group = events[start : start + _IN_ONE_COMMIT]
        try:
            with db.write() as session:
                for event in group:
                    _apply(session, db.sealer, readers, event, now, classify)
        except (OperationalError, InterfaceError):
            raise  # the database is away or locked: the events wait as they are
        except Exception as error:
            log.warning("a group of provider events is applied one by one", error=type(error).__name__)
            for event in group:
                _apply_alone(db, readers, event, now, classify)
    return len(events)


def _apply_alone(
    db: Database, readers: Mapping[str, Reader], event: KeptEvent, now: datetime, classify: Classify
) -> None:
    try:
        with db.write() as session:
            _apply(session, db.sealer, readers, event, now, classify)
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        # whatever was in this one, the others are heard; the text of the error may quote a person, its type does not
        log.error("a provider event could not be applied", event_id=event.id, error=type(error).__name__)
        with db.write() as session:
            if not _taken(session, event.id):
                mark_applied(session, event.id, now, f"error:{type(error).__name__}")


def _apply(
    session: Session,
    sealer: Sealer,
    readers: Mapping[str, Reader],
    event: KeptEvent,
    now: datetime,
    classify: Classify,
) -> None:
    if _taken(session, event.id):
        return
    problem = _act(session, sealer, readers.get(event.account), event, now, classify)
    mark_applied(session, event.id, now, problem)


def _taken(session: Session, event_id: int) -> bool:
    """Whether another process has applied it meanwhile; the row is locked until this transaction ends."""
    query = select(ProviderEvent.applied_at).where(col(ProviderEvent.id) == event_id).with_for_update()
    return session.exec(query).one() is not None


def _act(
    session: Session, sealer: Sealer, reader: Reader | None, event: KeptEvent, now: datetime, classify: Classify
) -> str:
    """Act on everything in one kept event; returns the problem, "" for none."""
    if reader is None:
        return "no_channel"
    raw = RawEvent(event.account, event.key, event.kind, sealer.open("event", event.sealed_raw))
    problems = [_act_on(session, sealer, part, event, now, classify) for part in reader.parse(raw)]
    return "; ".join(problem for problem in problems if problem)


def _act_on(
    session: Session, sealer: Sealer, part: ChannelEvent, event: KeptEvent, now: datetime, classify: Classify
) -> str:
    if isinstance(part, Receipt):
        outcome = evidence.apply(session, part, account=event.account, event_id=event.id, now=now, classify=classify)
        return "" if outcome in ("applied", "known") else outcome
    if isinstance(part, Reply):
        heard(
            session, sealer, part, event_id=event.id, received_at=event.received_at, now=now, account=event.account
        )  # fmt: skip
        return ""
    if isinstance(part, Blocked):
        blocked(session, sealer, part, event_id=event.id, received_at=event.received_at, now=now)
        return ""
    return f"unrecognised: {part.why}"


__all__ = ["apply_events", "read_reply"]
