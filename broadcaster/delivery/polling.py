"""Polling writes the same rows as the webhooks do: for an office without a public address, and for receipts that stay away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from broadcaster.channels.protocol import LookUp, Poller, RawEvent, ReceiptPoller
from broadcaster.clock import Clock
from broadcaster.consent.service import learned
from broadcaster.outbox.queries import unfinished_ids
from broadcaster.outbox.service import cursor, event_ids, keep_event, move_cursor, remember_asked_ids
from broadcaster.storage.database import Database

#: Receipts are asked for this long after the sending began; later ones no longer change what anyone does.
ASK_FOR = timedelta(days=4)
#: Where webhooks bring the receipts, a text is asked about only when none came for so long.
SILENT = timedelta(minutes=15)


async def poll(db: Database, clock: Clock, poller: Poller) -> int:
    """Fetch new events of one account and keep them; the cursor moves in the same transaction. Returns how many are new."""
    position = await asyncio.to_thread(_cursor, db, poller.account)
    events, following = await poller.poll(position)
    return await asyncio.to_thread(_keep, db, clock, poller.account, events, following, ())


async def poll_receipts(
    db: Database, clock: Clock, poller: ReceiptPoller | LookUp, silent_for: timedelta = timedelta(0)
) -> int:
    """Ask for the state of texts whose evidence may still rise, each ever more rarely. Returns how many events are new."""
    ids = await asyncio.to_thread(_unfinished, db, clock, poller.account, silent_for)
    if not ids:
        return 0
    events = await poller.fetch_status(ids)
    return await asyncio.to_thread(_keep, db, clock, poller.account, events, None, ids)


def _cursor(db: Database, account: str) -> str:
    with db.read() as session:
        return cursor(session, account)


def _unfinished(db: Database, clock: Clock, account: str, silent_for: timedelta) -> list[str]:
    now = clock.now()
    with db.read() as session:
        return unfinished_ids(session, account, now, since=now - ASK_FOR, silent_for=silent_for)


def _keep(
    db: Database, clock: Clock, account: str, events: Sequence[RawEvent], following: str | None, asked: Sequence[str]
) -> int:
    if not events and following is None and not asked:
        return 0
    now = clock.now()
    with db.write() as session:
        known = [event for event in events if keep_event(session, db.sealer, event, now) is None]
        said = {event.key: event.sent_at for event in known if event.sent_at is not None}
        if said:
            ids = event_ids(session, account, list(said))
            learned(session, {ids[key]: moment for key, moment in said.items() if key in ids}, now)
        remember_asked_ids(session, account, asked, now)
        if following is not None:
            move_cursor(session, account, following)
    return len(events) - len(known)
