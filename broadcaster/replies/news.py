"""Public news to those who follow the bot and belong to no family we know: one text, once each, in office hours.

Families we know get nothing by this way: they have their own messages and their cap, and those who wait in a lot would be told.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from broadcaster.campaigns.service import APPROVERS
from broadcaster.domain.longnumber import mask_long_numbers
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput, Blocked
from broadcaster.office.queries import facts, require, timetable
from broadcaster.office.service import audit
from broadcaster.outbox.service import enqueue_answer
from broadcaster.replies.places import news_readers
from broadcaster.replies.wording import shipped_bot
from broadcaster.storage.database import Database
from broadcaster.storage.tables import Sender

#: As in `message.purpose`; the gate lets it leave in office hours only.
NEWS = "news"
LIFE = timedelta(days=3)
_MOST = 1_000  # characters
#: Of the lane's pace: answers and campaigns leave beside it.
_SHARE_OF_PACE = 0.5


def send_news(db: Database, text: str, *, by: str, now: datetime, zone: ZoneInfo) -> int:
    """Plan one text for every unlinked subscriber on Telegram; returns how many are new. The same text goes to nobody twice.

    Raises `NotAllowed`, `BadInput` for a text that will not do, `Blocked` without a Telegram sender.
    """
    said = text.strip()
    if not said:
        raise BadInput("Kabar masih kosong; tulis dahulu isinya.", code="empty_news")
    if len(said) > _MOST:
        raise BadInput(f"Kabar {len(said)} huruf; paling banyak {_MOST}, persingkat.", code="news_too_long")
    if mask_long_numbers(said) != said:
        raise BadInput("Kabar memuat nomor seperti NIK atau nomor KK; hapus nomor itu.", code="news_has_nik")
    telegram = str(ChannelKind.TELEGRAM)
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    with db.write() as session:
        member = require(session, by, APPROVERS)
        sender = session.exec(select(Sender).where(Sender.channel == telegram).order_by(col(Sender.id))).first()
        if sender is None:
            raise Blocked("Belum ada pengirim Telegram; jalankan `broadcaster init`.", code="no_sender")
        whole = f"{said}\n\n{facts(session)['nama_kantor']}. {shipped_bot().news_footer}"
        readers = [one for one in news_readers(session, now) if one.channel == telegram and not one.linked]
        first_at = timetable(session, zone).next_open(now)
        new = 0
        for place, reader in enumerate(readers):
            planned = enqueue_answer(
                session, db.sealer, channel=telegram, address=db.sealer.open("address", reader.sealed_address),
                text=whole, event_id=None, household_id=None, now=now, purpose=NEWS, key=f"n|{digest}|{reader.id}",
                due_at=first_at + timedelta(seconds=place / (sender.pace * _SHARE_OF_PACE)), life=LIFE,
            )  # fmt: skip
            new += planned is not None
        audit(
            session, at=now, staff=member.username, action="news.planned", entity=f"news:{digest}", data={"texts": new}
        )
    return new
