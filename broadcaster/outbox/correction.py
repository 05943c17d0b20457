"""A correction: one more text to everyone who may have received a wrong one, by the channel that brought it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from broadcaster.domain.message import MAY_HAVE_ARRIVED, WAITING
from broadcaster.outbox.service import SETTLE
from broadcaster.storage.database import plain
from broadcaster.storage.types import to_micros

#: As in `message.purpose`. The gate lets it pass whether the campaign runs or not, but never outside office hours.
CORRECTION = "correction"
#: A correction is said soon or not at all.
LIFE = timedelta(days=3)
#: Of a lane's pace: replies and running campaigns leave beside it.
_SHARE_OF_PACE = 0.5

_ARRIVED = ", ".join(f"'{status}'" for status in sorted(MAY_HAVE_ARRIVED))
_STILL_WAITS = ", ".join(f"'{status}'" for status in sorted(WAITING))


@dataclass(frozen=True)
class Corrected:
    """`new` texts planned by this call; `states`: all corrections of this campaign with this message, by status."""

    new: int
    states: Mapping[str, int]
    last_due_at: datetime | None  # of those planned now


def enqueue_corrections(
    session: Session,
    *,
    campaign_id: int,
    step: str,
    key: str,
    version_id: int,
    channels: frozenset[str],
    first_at: datetime,
    now: datetime,
) -> Corrected:
    """Plan the message `key` once per address that a text of the campaign (of `step`; "" = any) may have reached.

    Doing it again adds only whom a text has reached meanwhile. They leave from `first_at` on at half the pace of their lane.
    """
    sql = plain(session)
    wrong = sql.all(
        "SELECT MIN(m.id), m.sender_id, s.pace, m.channel FROM message m JOIN sender s ON s.id = m.sender_id"
        f" WHERE m.campaign_id = :campaign AND m.purpose = 'campaign' AND m.status IN ({_ARRIVED})"
        " AND (:step = '' OR m.step = :step)"
        # a row without an address is a line of the village officer's list: one for each household
        " GROUP BY m.channel, m.address_blind, CASE WHEN m.channel = 'village_list' THEN m.household_id ELSE 0 END,"
        " m.sender_id, s.pace ORDER BY MIN(m.id)",
        campaign=campaign_id, step=step,
    )  # fmt: skip
    planned: dict[int, int] = defaultdict(int)
    new, last = 0, None
    for message_id, sender_id, pace, channel in wrong:
        if channel not in channels:
            continue
        due = first_at + timedelta(seconds=planned[sender_id] / (pace * _SHARE_OF_PACE))
        expires = due + LIFE
        row = sql.one(
            "INSERT INTO message (dedupe_key, purpose, sender_id, channel, sealed_address, address_blind, household_id, step,"
            " hop, template_version_id, status, reason, due_at, expires_at, settle_by, attempts, created_at, updated_at)"
            " SELECT :head || m.channel || '|' || CASE WHEN m.channel = 'village_list' THEN CAST(m.household_id AS TEXT)"
            f" ELSE {_hex(sql.kind)} END, '{CORRECTION}', m.sender_id, m.channel, m.sealed_address, m.address_blind,"
            " m.household_id, :key, 0, :version, 'planned', '', :due, :expires, :settle, 0, :now, :now"
            " FROM message m WHERE m.id = :wrong ON CONFLICT DO NOTHING RETURNING id",
            head=_head(campaign_id, key), key=key, version=version_id, due=to_micros(due), expires=to_micros(expires),
            settle=to_micros(expires + SETTLE), now=to_micros(now), wrong=message_id,
        )  # fmt: skip
        if row is None:
            continue
        sql.run(
            "INSERT INTO message_child (message_id, child_id, card_id, occasion)"
            " SELECT :new, child_id, card_id, occasion FROM message_child WHERE message_id = :wrong",
            new=row[0], wrong=message_id,
        )  # fmt: skip
        planned[sender_id] += 1
        new, last = new + 1, max(due, last or due)
    return Corrected(new, states(session, campaign_id=campaign_id, key=key), last)


def states(session: Session, *, campaign_id: int, key: str) -> dict[str, int]:
    """How the corrections of a campaign stand, by status."""
    found = plain(session).all(
        # a range instead of LIKE: the index of the keys serves it on both databases
        "SELECT status FROM message WHERE dedupe_key >= :head AND dedupe_key < :end",
        head=_head(campaign_id, key), end=_head(campaign_id, key) + "~",
    )  # fmt: skip
    return dict(Counter(str(row[0]) for row in found))


def stop_corrections(session: Session, *, campaign_id: int, key: str, now: datetime) -> int:
    """Call off those that still wait. Returns how many."""
    return plain(session).run(
        "UPDATE message SET status = 'cancelled', reason = 'correction_stopped', claim_token = NULL, lease_until = NULL,"
        f" updated_at = :now WHERE dedupe_key >= :head AND dedupe_key < :end AND status IN ({_STILL_WAITS})",
        head=_head(campaign_id, key), end=_head(campaign_id, key) + "~", now=to_micros(now),
    )  # fmt: skip


def _head(campaign_id: int, key: str) -> str:
    return f"k|{campaign_id}|{key}|"


def _hex(kind: str) -> str:
    return "hex(m.address_blind)" if kind == "sqlite" else "upper(encode(m.address_blind, 'hex'))"
