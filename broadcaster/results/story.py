"""One child along the road: every row about them, from the register to the outcome, sealed values masked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from broadcaster.errors import NotFound
from broadcaster.registry.queries import child_story
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import (
    Assignment,
    Attempt,
    Child,
    Cohort,
    Enrolment,
    Message,
    MessageChild,
    Outcome,
    Receipt,
    Reply,
    Wave,
)

#: Sealed or hidden columns are shown as what they are, never as bytes.
_HIDDEN = ("sealed_", "_blind", "salt", "address_key")
_LEFT_OUT = ("preregistration",)


def road(session: Session, sealer: Sealer, child_id: int) -> dict[str, Any]:
    """`{"child": id, "steps": [{"table", "rows"}]}` in the order of the road. Raises `NotFound`."""
    if session.get(Child, child_id) is None:
        raise NotFound(f"Tidak ada anak dengan nomor {child_id}.", code="no_child")
    enrolments = session.exec(select(Enrolment).where(Enrolment.child_id == child_id).order_by(col(Enrolment.id))).all()
    cohorts = [session.get_one(Cohort, enrolment.cohort_id) for enrolment in enrolments]
    assignments = [
        row
        for enrolment in enrolments
        for row in session.exec(
            select(Assignment).where(
                Assignment.cohort_id == enrolment.cohort_id, Assignment.household_id == enrolment.household_id
            )
        )
    ]
    waves = [
        row
        for assignment in assignments
        for row in session.exec(
            select(Wave).where(
                Wave.cohort_id == assignment.cohort_id,
                Wave.tier == assignment.tier,
                Wave.place == assignment.place,
                Wave.number == assignment.wave,
            )
        )
    ]
    messages = session.exec(
        select(Message)
        .join(MessageChild, col(MessageChild.message_id) == col(Message.id))
        .where(MessageChild.child_id == child_id)
        .order_by(col(Message.id))
    ).all()
    ids = [message.id for message in messages]
    attempts = session.exec(select(Attempt).where(col(Attempt.message_id).in_(ids)).order_by(col(Attempt.id))).all()
    receipts = session.exec(
        select(Receipt)
        .where(col(Receipt.attempt_id).in_([attempt.id for attempt in attempts]))
        .order_by(col(Receipt.id))
    ).all()
    replies = session.exec(select(Reply).where(col(Reply.message_id).in_(ids)).order_by(col(Reply.id))).all()
    cards = [enrolment.card_id for enrolment in enrolments]
    outcomes = session.exec(select(Outcome).where(col(Outcome.card_id).in_(cards)).order_by(col(Outcome.id))).all()
    later: list[tuple[str, Iterable[SQLModel]]] = [
        ("cohort", cohorts),
        ("assignment", assignments),
        ("enrolment", enrolments),
        ("wave", waves),
        ("message", messages),
        ("attempt", attempts),
        ("receipt", receipts),
        ("reply", replies),
        ("outcome", outcomes),
    ]
    registered = child_story(session, sealer, child_id)
    steps = [{"table": table, "rows": rows if isinstance(rows, list) else [rows]} for table, rows in registered.items()]
    steps += [{"table": table, "rows": [_shown(row) for row in rows]} for table, rows in later]
    return {"child": child_id, "steps": [step for step in steps if step["rows"]]}


def _shown(row: SQLModel) -> dict[str, Any]:
    """The row's values in the order of its table; long texts that say nothing about a child are left out."""
    values = {name: getattr(row, name) for name in type(row).model_fields if name not in _LEFT_OUT}
    return {
        name: "(tersegel)" if any(part in name for part in _HIDDEN) and value is not None else value
        for name, value in values.items()
    }
