"""Receipts with everything they mean: evidence for the attempt, and what its code says of the address, campaign or sender."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from broadcaster.channels.protocol import Receipt
from broadcaster.delivery.consequences import act
from broadcaster.outbox.record import Classify
from broadcaster.outbox.service import apply_receipt


def apply(
    session: Session, receipt: Receipt, *, account: str, event_id: int | None, now: datetime, classify: Classify
) -> str:
    """Apply one receipt in the caller's transaction; returns "applied", "known" or "unknown_reference"."""
    outcome, consequences = apply_receipt(
        session, receipt, account=account, event_id=event_id, now=now, classify=classify
    )
    act(session, consequences, now)
    return outcome
