"""A person's decision about rows whose window was missed and whose step says `ask`."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from broadcaster.campaigns.service import APPROVERS, CREATORS, get
from broadcaster.errors import Blocked
from broadcaster.office.queries import require, timetable
from broadcaster.office.service import audit, clear_alert
from broadcaster.outbox.service import decide_late, held_for_a_person
from broadcaster.outbox.sweep import LATE_ALERT
from broadcaster.storage.database import Database


def decide(db: Database, name: str, *, send: bool, by: str, now: datetime, zone: ZoneInfo) -> int:
    """Send what is held from the next opening on, or never. Returns how many. Raises `NotFound`, `NotAllowed`, `Blocked`."""
    with db.write() as session:
        member = require(session, by, CREATORS + APPROVERS)
        campaign, _ = get(session, name)
        if not held_for_a_person(session, campaign.id or 0):
            raise Blocked(
                f"Tidak ada pesan terlambat dari kampanye {name} yang menunggu keputusan.", code="nothing_late"
            )
        if send and campaign.status not in ("running", "paused"):
            raise Blocked(f"Kampanye {name} sudah berakhir; pesannya tidak dikirim lagi.", code="campaign_over")
        send_at = timetable(session, zone).next_open(now) if send else None
        number = decide_late(session, campaign.id or 0, send_at=send_at, now=now)
        clear_alert(session, LATE_ALERT, name, now)
        audit(
            session, at=now, staff=member.username, action="campaign.late", entity=name,
            data={"send": send, "messages": number},
        )  # fmt: skip
    return number
