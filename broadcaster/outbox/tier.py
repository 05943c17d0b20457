"""WhatsApp's daily tier: how many people a portfolio may write to in a moving 24 hours, counted over all its senders.

Whatever may have arrived counts, `unknown` too; only a synchronous Deferred or Rejected gives a place back. The portfolio's row
keeps an upper bound: what was counted once and every new person since. People only leave the window as time passes, so while
the bound has room nothing need be counted; when it has none, the truth is, and the bound begins anew there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.lease import Lane
from broadcaster.storage.database import Plain
from broadcaster.storage.types import to_micros

#: Campaigns use at most this share of a daily tier; answers keep the rest.
CAMPAIGN_SHARE = 0.8
_WINDOW = timedelta(hours=24)
#: CROSS JOIN keeps SQLite to this order: the day's attempts, not every message there is.
_RECENT = (
    "SELECT DISTINCT m.address_blind FROM attempt a CROSS JOIN message m CROSS JOIN sender s"
    " WHERE m.id = a.message_id AND s.id = m.sender_id"
    " AND s.portfolio_id = :portfolio AND a.opened_at > :since AND a.state <> 'deferred' AND a.answer <> 'rejected'"
)


class Addressed(Protocol):
    @property
    def address_blind(self) -> bytes: ...


@dataclass
class Tier:
    """The places left while one transaction holds the portfolio's row. Lanes without a tier have room for everybody."""

    room: int
    portfolio: int | None = None
    used: int = 0
    known: set[bytes] = field(default_factory=set)  # who needs no new place; complete only after a count

    @classmethod
    def of(cls, sql: Plain, lane: Lane, wanted: Sequence[Addressed], now: datetime) -> Tier:
        """Locks the portfolio's row; counts when its bound has not room for all of `wanted`."""
        if lane.channel is not ChannelKind.WHATSAPP:
            return cls(room=len(wanted))
        row = sql.one(
            "SELECT p.id, p.daily_tier, p.people FROM portfolio p JOIN sender s ON s.portfolio_id = p.id WHERE s.id = :id"
            + (" FOR UPDATE OF p" if sql.kind == "postgresql" else ""),
            id=lane.sender_id,
        )
        if row is None:
            return cls(room=len(wanted))
        portfolio, places, used = row[0], int(row[1] * CAMPAIGN_SHARE), row[2]
        if used is not None and places - used >= len(wanted):
            return cls(places - used, portfolio, used)
        people = {bytes(one) for (one,) in sql.all(_RECENT, portfolio=portfolio, since=to_micros(now - _WINDOW))}
        return cls(places - len(people), portfolio, len(people), people)

    def allows(self, row: Addressed) -> bool:
        """Whether a campaign's text to this person fits."""
        return self.room > 0 or row.address_blind in self.known

    def count(self, rows: Iterable[Addressed]) -> None:
        """These have been begun."""
        for row in rows:
            if self.portfolio is not None and row.address_blind not in self.known:
                self.known.add(row.address_blind)
                self.room -= 1
                self.used += 1

    def keep(self, sql: Plain) -> None:
        """Write the bound back, in the same transaction."""
        if self.portfolio is not None:
            sql.run("UPDATE portfolio SET people = :used WHERE id = :id", used=self.used, id=self.portfolio)
