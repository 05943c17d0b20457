"""Polling writes the same rows as the webhooks do, for an office without a public address."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from broadcaster.channels.protocol import Poller, RawEvent, ReceiptPoller
from broadcaster.clock import Clock
from broadcaster.outbox.queries import unfinished_ids
from broadcaster.outbox.service import cursor, keep_event, move_cursor
from broadcaster.storage.database import Database

#: Receipts are asked for this long after the sending began; later ones no longer change what anyone does.
ASK_FOR = timedelta(days=4)


async def poll(db: Database, clock: Clock, poller: Poller) -> int:
    """Fetch new events of one account and keep them; the cursor moves in the same transaction. Returns how many are new."""
    position = await asyncio.to_thread(_cursor, db, poller.account)
    events, following = await poller.poll(position)
    return await asyncio.to_thread(_keep, db, clock, poller.account, events, following)


async def poll_receipts(db: Database, clock: Clock, poller: ReceiptPoller) -> int:
    """Ask for the state of every text whose evidence may still rise. Returns how many events are new."""
    ids = await asyncio.to_thread(_unfinished, db, clock, poller.account)
    if not ids:
        return 0
    events = await poller.fetch_status(ids)
    return await asyncio.to_thread(_keep, db, clock, poller.account, events, None)


def _cursor(db: Database, account: str) -> str:
    with db.read() as session:
        return cursor(session, account)


def _unfinished(db: Database, clock: Clock, account: str) -> list[str]:
    with db.read() as session:
        return unfinished_ids(session, account, since=clock.now() - ASK_FOR)


def _keep(db: Database, clock: Clock, account: str, events: Sequence[RawEvent], following: str | None) -> int:
    if not events and following is None:
        return 0
    now = clock.now()
    with db.write() as session:
        new = sum(keep_event(session, db.sealer, event, now) is not None for event in events)
        if following is not None:
            move_cursor(session, account, following)
    return new
