"""Taking a lane and leasing its due rows. Nothing is sent here, and a crash here changes nothing that lasts."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.gate import ALL_READ
from broadcaster.outbox.rules import LEASE
from broadcaster.storage.database import Database, Plain
from broadcaster.storage.rows import gather
from broadcaster.storage.types import SECOND, from_micros, to_micros

#: The share of the configured pace that is used: calls reach the provider a little earlier or later than their slots, and in
#: no second may there be more of them than allowed.
USED_OF_PACE = 0.97
#: A lane belongs to its drain this long without a sign of life.
LANE = timedelta(seconds=10)
_MOST = 500  # rows leased at once, however fast the lane
#: What a drain reads of a row, and which of it are bytes.
_PACKED = "id purpose sealed_address* address_blind* household_id campaign_id template_version_id sealed_body* attempts due_at"
_COLUMNS = _PACKED.replace("*", "").replace(" ", ", ")
_CLAIM = (
    "UPDATE message SET status = 'claimed', claim_token = :token, claim_epoch = :epoch, lease_until = :until,"
    " updated_at = :now WHERE id IN"
)


@dataclass(frozen=True)
class Lane:
    """A lane this process holds. `epoch` fences it: a later holder's number is higher."""

    sender_id: int
    sender: str
    channel: ChannelKind
    pace: float  # messages a second that are really sent, see USED_OF_PACE
    epoch: int
    paused_until: datetime | None
    next_slot_at: datetime


class Leased(NamedTuple):
    """A row leased to this drain, a tuple like all that is made for every text: a frozen dataclass costs four times as much.

    `sealed_body` is set when an earlier attempt froze it, or when it was given.
    """

    id: int
    token: str
    purpose: str
    sealed_address: bytes
    address_blind: bytes
    household_id: int | None
    campaign_id: int | None
    template_version_id: int | None
    sealed_body: bytes | None
    attempts: int
    due_at: datetime


@dataclass(frozen=True)
class Lease:
    """Leased rows in sending order, and the moment of the first row's slot; one slot follows another after 1/pace."""

    rows: list[Leased]
    first_slot: datetime


def take_lane(db: Database, sender_id: int, holder: str, now: datetime) -> Lane | None:
    """Hold the lane for `LANE`; None when another holder's time is not over. Taking it over raises its epoch."""
    with db.plain() as sql:
        row = sql.one(
            "UPDATE sender SET"
            " epoch = CASE WHEN drained_by = :holder AND lane_until > :now THEN epoch ELSE epoch + 1 END,"
            " drained_by = :holder, lane_until = :until"
            " WHERE id = :id AND (drained_by = :holder OR lane_until IS NULL OR lane_until <= :now)"
            " RETURNING name, channel, pace, epoch, paused_until, next_slot_at",
            id=sender_id, holder=holder, now=to_micros(now), until=to_micros(now + LANE),
        )  # fmt: skip
    if row is None:
        return None
    name, channel, pace, epoch, paused_until, next_slot = row
    return Lane(
        sender_id=sender_id,
        sender=name,
        channel=ChannelKind(channel),
        pace=float(pace) * USED_OF_PACE,
        epoch=epoch,
        paused_until=None if paused_until is None else from_micros(paused_until),
        next_slot_at=from_micros(next_slot),
    )


def leave_lane(db: Database, lane: Lane, holder: str, next_slot: datetime | None = None) -> None:
    """Give the lane back at once. `next_slot`: from when the next holder may send; slots given back are free again."""
    slot = None if next_slot is None else to_micros(next_slot)
    with db.plain() as sql:
        sql.run(
            "UPDATE sender SET lane_until = NULL, drained_by = '', next_slot_at = COALESCE(:slot, next_slot_at)"
            " WHERE id = :id AND drained_by = :holder AND epoch = :epoch",
            id=lane.sender_id, holder=holder, epoch=lane.epoch, slot=slot,
        )  # fmt: skip


def lease(db: Database, lane: Lane, now: datetime, *, campaigns: bool, room: int | None = None) -> Lease:
    """Lease due rows: answers first, then a fair share of each running campaign; at most what the pace sends in two seconds.

    `campaigns` false leases answers only (outside the timetable). `room` lowers the number. The lane's next free slot moves by
    as many slots as rows, so the pace holds over restarts: what is not sent was never ahead of its time.
    """
    most = max(1, min(_MOST, int(lane.pace * 2)))
    if room is not None:
        most = min(most, room)
    micros = to_micros(now)
    with db.plain() as sql:
        sql.by_ids()
        held = sql.one(
            "SELECT next_slot_at FROM sender WHERE id = :id AND epoch = :epoch AND (paused_until IS NULL OR paused_until <= :now)"
            f" AND {ALL_READ}" + _for_update(sql),
            id=lane.sender_id, epoch=lane.epoch, now=micros,
        )  # fmt: skip
        if held is None:
            return Lease([], now)
        token = secrets.token_hex(8)
        rows = _claim(sql, lane, None, micros, token, most)
        if campaigns:
            rows += _claim_shares(sql, lane, micros, token, most - len(rows))
        first = max(micros, int(held[0]))
        if rows:
            sql.run(
                "UPDATE sender SET next_slot_at = :slot WHERE id = :id",
                id=lane.sender_id, slot=first + int(len(rows) * SECOND / lane.pace),
            )  # fmt: skip
    return Lease(rows, from_micros(first))


def release(db: Database, rows: list[Leased], now: datetime) -> None:
    """Give leased rows back untouched: a shutdown or a pause came before their intent."""
    with db.plain() as sql:
        sql.many(
            "UPDATE message SET status = 'planned', claim_token = NULL, claim_epoch = NULL, lease_until = NULL,"
            " updated_at = :now WHERE id = :id AND status = 'claimed' AND claim_token = :token",
            [{"id": row.id, "token": row.token, "now": to_micros(now)} for row in rows],
        )


def fail(db: Database, row: Leased, reason: str, now: datetime) -> None:
    """A leased row that cannot be made ready ends alone, with its reason; its batch goes on."""
    fail_by_token(db, row.id, row.token, reason, now)


def fail_by_token(db: Database, message_id: int, token: str, reason: str, now: datetime) -> None:
    """The same for a row known by its id and the token it was leased under; a row that is no longer ours is untouched."""
    with db.plain() as sql:
        sql.run(
            "UPDATE message SET status = 'failed', reason = :reason, claim_token = NULL, claim_epoch = NULL,"
            " lease_until = NULL, updated_at = :now WHERE id = :id AND status = 'claimed' AND claim_token = :token",
            id=message_id, token=token, reason=reason, now=to_micros(now),
        )  # fmt: skip


def _claim_shares(sql: Plain, lane: Lane, now: int, token: str, room: int) -> list[Leased]:
    """Rows of the running campaigns: a share for each, and what one does not use for the others."""
    rows: list[Leased] = []
    more = _running(sql, lane)
    while more and len(rows) < room:
        full: list[int] = []
        for place, campaign in enumerate(more):
            share = -(-(room - len(rows)) // (len(more) - place))
            found = _claim(sql, lane, campaign, now, token, share) if share else []
            rows += found
            if found and len(found) == share:
                full.append(campaign)
        more = full
    return rows


def _running(sql: Plain, lane: Lane) -> list[int]:
    """The running campaigns with rows on this lane, those with the oldest first.

    Asking per campaign keeps a million rows of a paused campaign out of the way of a running one.
    """
    running = [row[0] for row in sql.all("SELECT id FROM campaign WHERE status = 'running'")]
    oldest: list[tuple[int, int]] = []
    for campaign in running:
        row = sql.one(
            "SELECT due_at FROM message WHERE sender_id = :sender AND campaign_id = :campaign AND status = 'planned'"
            " ORDER BY due_at, id LIMIT 1",
            sender=lane.sender_id, campaign=campaign,
        )  # fmt: skip
        if row is not None:
            oldest.append((row[0], campaign))
    return [campaign for _, campaign in sorted(oldest)]


def due_rows(columns: str, *, answers: bool) -> str:
    """The SELECT of what a lane leases next: of its answers, or of one campaign. It walks `ix_message_due` and nothing else.

    The order names every column of that index, else PostgreSQL sorts all due rows for the first few of them (or walks another
    index past every row that is claimed already, and a lease gets slower the more has been sent).
    """
    which = "campaign_id IS NULL" if answers else "campaign_id = :campaign"
    return (
        f"SELECT {columns} FROM message WHERE sender_id = :sender AND {which} AND status = 'planned' AND due_at <= :now"
        " ORDER BY campaign_id, due_at, id LIMIT :most"
    )


def _claim(sql: Plain, lane: Lane, campaign: int | None, now: int, token: str, most: int) -> list[Leased]:
    found: dict[str, object] = {"sender": lane.sender_id, "now": now, "most": most}
    if campaign is not None:
        found["campaign"] = campaign
    claimed: dict[str, object] = {
        "now": now, "token": token, "epoch": lane.epoch, "until": now + LEASE // timedelta(microseconds=1),
    }  # fmt: skip
    answers = campaign is None
    rows: Sequence[Sequence[Any]]
    if sql.kind == "postgresql":
        due = due_rows("id", answers=answers)
        rows = sql.all(f"{_CLAIM} ({due} FOR UPDATE SKIP LOCKED) RETURNING {_COLUMNS}", **{**found, **claimed})
    else:  # the only transaction that writes: what is read here is what is claimed
        rows = gather(sql, due_rows(_COLUMNS, answers=answers), _PACKED, parameters=found)
        if rows:
            ids = json.dumps([row[0] for row in rows])
            sql.run(f"{_CLAIM} (SELECT value FROM json_each(:ids))", ids=ids, **claimed)
    leased = [
        Leased(
            id=row[0], token=token, purpose=row[1], sealed_address=row[2], address_blind=row[3], household_id=row[4],
            campaign_id=row[5], template_version_id=row[6], sealed_body=row[7], attempts=row[8],
            due_at=from_micros(row[9]),
        )
        for row in rows
    ]  # fmt: skip
    return sorted(leased, key=lambda row: (row.due_at, row.id))  # RETURNING promises no order


def _for_update(sql: Plain) -> str:
    return " FOR UPDATE" if sql.kind == "postgresql" else ""
