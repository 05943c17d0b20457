"""Which lanes this process may take now. The lanes are rows, so any number of processes share them without talking."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, select

from broadcaster.domain.message import ChannelKind
from broadcaster.storage.database import plain
from broadcaster.storage.tables import Installation
from broadcaster.storage.types import from_micros, to_micros

#: Rows are asked for per campaign, by the index that starts with sender and campaign: a million rows of a paused campaign, or
#: of one that is not due yet, cost nothing. A moved installation has no lanes.
_TO_TAKE = (
    "SELECT s.id FROM sender s WHERE s.channel IN ({channels})"
    " AND (s.paused_until IS NULL OR s.paused_until <= :now)"
    " AND (s.drained_by = :holder OR s.lane_until IS NULL OR s.lane_until <= :now)"
    " AND NOT EXISTS (SELECT 1 FROM installation i WHERE i.moved_at IS NOT NULL)"
    " AND (EXISTS (SELECT 1 FROM message m WHERE m.sender_id = s.id AND m.campaign_id IS NULL AND m.status = 'planned'"
    " AND m.due_at <= :now)"
    " OR ((:open = 1 OR s.channel = 'village_list') AND EXISTS (SELECT 1 FROM campaign c WHERE c.status = 'running'"
    " AND EXISTS (SELECT 1 FROM message m WHERE m.sender_id = s.id AND m.campaign_id = c.id AND m.status = 'planned'"
    " AND m.due_at <= :now))))"
    " ORDER BY s.id"
)


def lanes_to_take(
    session: Session, holder: str, channels: Collection[ChannelKind], now: datetime, *, open_now: bool
) -> list[int]:
    """Senders with rows that may leave now and that no other process holds, by id.

    `channels`: those this process can speak to. `open_now`: whether campaigns may send at this hour.
    """
    if not channels:
        return []
    named = ", ".join(f"'{channel.value}'" for channel in sorted(channels))
    rows = plain(session).all(
        _TO_TAKE.format(channels=named), holder=holder, now=to_micros(now), open=1 if open_now else 0
    )
    return [int(row[0]) for row in rows]


def waiting_lanes(session: Session, now: datetime) -> list[tuple[str, datetime]]:
    """Senders that nobody drains and nobody paused, with an answer or test that is due: name, and since when. Campaigns are left
    out: they wait for their hours."""
    rows = plain(session).all(
        "SELECT s.name, MIN(m.due_at) FROM sender s JOIN message m ON m.sender_id = s.id AND m.campaign_id IS NULL"
        " AND m.status = 'planned' AND m.due_at <= :now WHERE (s.paused_until IS NULL OR s.paused_until <= :now)"
        " AND (s.lane_until IS NULL OR s.lane_until <= :now) GROUP BY s.name ORDER BY s.name",
        now=to_micros(now),
    )
    return [(str(name), from_micros(since)) for name, since in rows]


def when_moved(session: Session) -> datetime | None:
    """When this database was moved elsewhere; None while it is the one that sends."""
    return session.exec(select(Installation.moved_at)).first()
