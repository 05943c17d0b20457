"""Who must act on a conversation, and by when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from broadcaster.domain.timetable import Timetable

#: open: staff must act · waiting: staff have answered and the person may write again · done
OPEN, WAITING, DONE = "open", "waiting", "done"
STATES = (OPEN, WAITING, DONE)

#: These cannot wait for tomorrow: a family in mourning, an official who asks for money, a message that looks like a fraud.
SAME_DAY = frozenset({"child_deceased_or_moved", "complaint", "suspicion_of_scam"})
#: What ends a talk with staff by itself.
_CLOSING = frozenset({"thanks", "yes", "will_collect", "already_collected"})

#: WhatsApp lets us write freely for this long after the person's last text (Meta's customer service window).
WINDOW = timedelta(hours=24)
#: The approved template that asks a family to write again once that time is over (content/messages).
REOPENING = "sapa-kembali-1"
#: What takes up that offer without saying what is wanted: a person of ours goes on.
TAKES_UP = frozenset({"yes", "greeting"})


def reopening_key(conversation_id: int, last_at: datetime) -> str:
    """The outbox's key of that offer: one after each last text (aware) of the family."""
    return f"w|{conversation_id}|{last_at.astimezone(UTC).isoformat()}"


def is_urgent(intents: Iterable[str]) -> bool:
    """Whether one of these must be acted on the same day."""
    return bool(SAME_DAY & set(intents))


def act_by(opened_at: datetime, table: Timetable, *, urgent: bool) -> datetime:
    """The moment (aware, UTC) by which somebody should have acted on what waits since `opened_at`.

    An urgent matter: the end of the office day that is on, or of the next one when the office is closed. Anything else: the end
    of the office day after that. Raises ValueError when the office never opens.
    """
    first = _end_of_day(opened_at, table)
    return first if urgent else _end_of_day(first, table)


def _end_of_day(at: datetime, table: Timetable) -> datetime:
    """The end of the last opening of the first office day that is not over at `at`."""
    end = table.window_end(at)
    day = end.astimezone(table.zone).date()
    while (later := table.window_end(end)).astimezone(table.zone).date() == day:
        end = later
    return end


def state_after(before: str, intents: Iterable[str], *, staff: bool) -> str:
    """The state of a conversation after a reply. `staff`: the machine leaves it to a person."""
    if staff or before == OPEN:
        return OPEN
    if before == WAITING and not set(intents) <= _CLOSING:
        return OPEN  # it answers what a person of ours wrote, so a person reads it
    return DONE
