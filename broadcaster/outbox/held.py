"""Texts whose WhatsApp template may not be used now: they stay planned and wait, until it may be used again or their life ends.

A row that waits is not due before its life is over, so that a hundred thousand of them do not come past the lane again and
again; whoever learns that the template is fine again releases them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session

from broadcaster.outbox.lease import Leased
from broadcaster.storage.database import Database, plain
from broadcaster.storage.tables.outbox import HELD
from broadcaster.storage.types import to_micros

#: Asked every minute, however many rows wait their turn: it walks `ix_message_held` and nothing else.
HELD_VERSIONS = f"SELECT DISTINCT template_version_id FROM message WHERE status = 'planned' AND {HELD}"
#: Rows that were not leased and are put aside with those that were, at once and at most.
_MOST = 2000
#: A life that is over ends here: the row would come back at once, and no gate looks at it.
_ASIDE = (
    "status = CASE WHEN expires_at > :now THEN 'planned' ELSE 'expired' END, reason = :reason, due_at = expires_at,"
    " updated_at = :now"
)


def hold(db: Database, sender_id: int, rows: Sequence[Leased], reason: str, now: datetime) -> int:
    """Leased campaign rows go back and wait, and with them what else is due of the same campaigns and wordings.

    `reason` says why (`held_reason`). A row that is no longer ours is untouched. Returns how many wait now.
    """
    fixed: dict[str, object] = {"reason": reason, "now": to_micros(now)}
    with db.plain() as sql:
        sql.by_ids()
        sql.many(
            f"UPDATE message SET {_ASIDE}, claim_token = NULL, claim_epoch = NULL, lease_until = NULL"
            " WHERE id = :id AND status = 'claimed' AND claim_token = :token",
            [{"id": row.id, "token": row.token, **fixed} for row in rows],
        )
        skip = " FOR UPDATE SKIP LOCKED" if sql.kind == "postgresql" else ""
        others = 0
        for campaign, version in sorted({(row.campaign_id or 0, row.template_version_id or 0) for row in rows}):
            others += sql.run(
                f"UPDATE message SET {_ASIDE} WHERE id IN"
                " (SELECT id FROM message WHERE sender_id = :sender AND campaign_id = :campaign AND status = 'planned'"
                " AND due_at <= :now AND template_version_id = :version ORDER BY campaign_id, due_at, id"
                f" LIMIT {_MOST}{skip})",
                sender=sender_id, campaign=campaign, version=version, **fixed,
            )  # fmt: skip
    return len(rows) + others


def held_reason(state: str) -> str:
    """The reason of a row that waits because its template is in this state."""
    return f"template:{state}"


def held_versions(session: Session) -> list[int]:
    """Wordings under which rows wait."""
    return [int(row[0]) for row in plain(session).all(HELD_VERSIONS)]


def release(session: Session, version_ids: Iterable[int], now: datetime) -> int:
    """The templates of these wordings may be used again: what waits is due now. Returns how many rows."""
    sql = plain(session)
    return sum(
        sql.run(
            "UPDATE message SET reason = '', due_at = :now, updated_at = :now"
            f" WHERE status = 'planned' AND {HELD} AND template_version_id = :version AND expires_at > :now",
            version=version, now=to_micros(now),
        )
        for version in version_ids
    )  # fmt: skip
