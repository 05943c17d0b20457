"""What a village officer sees and may note, as tables and pure decisions. Every Indonesian sentence here is read aloud first.

The first rule is the lot's (docs/measurement.md): a household that has not been sent to enters no list before its window is
over. An officer at the door of a family that only waits for its turn would be a message, and the comparison would be gone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

from broadcaster.domain.card import Occasion

# ------------------------------------------------------------------------------------------------------- who is on the list


class Reason(StrEnum):
    """Why a household is on its officer's list."""

    CANNOT_COME = "cannot_go_distance"  #: wrote that the way is too far: an intent of a reply
    NO_PHONE = "no_smartphone_help_needed"  #: wrote that they need help: an intent of a reply
    NO_ADDRESS = "no_address"  #: no number of its own that works
    FAILED = "failed"  #: the newest step ended without arriving on any channel
    UNDELIVERED = "undelivered"  #: not arrived after the hours its step names, so the list took over
    WEAK_SIGNAL = (
        "weak_signal"  #: has a number in a village without a steady signal, and nothing shows that a text arrived
    )
    CAMPAIGN = "campaign"  #: a campaign that goes through the officers first


REASONS: dict[Reason, str] = {
    Reason.CANNOT_COME: "Minta dibantu karena tempatnya jauh.",
    Reason.NO_PHONE: "Minta dibantu mengurus.",
    Reason.NO_ADDRESS: "Tidak punya nomor telepon sendiri yang aktif.",
    Reason.FAILED: "Pesan tidak sampai lewat saluran mana pun.",
    Reason.UNDELIVERED: "Pesan yang dikirim belum sampai.",
    Reason.WEAK_SIGNAL: "Sinyal di desa ini lemah; belum ada kabar bahwa pesannya sampai.",
    Reason.CAMPAIGN: "Mendapat giliran lewat petugas desa.",
}
#: The family's own wish, which the lot does not hold back.
ASKING = frozenset({Reason.CANNOT_COME, Reason.NO_PHONE})
#: A wish for help is looked after for so long.
ASKING_LASTS = timedelta(days=180)

#: How a message came to the list (the first word of its `follows`) -> the reason officers read.
FOLLOWS: dict[str, Reason] = {
    "undelivered": Reason.UNDELIVERED,
    "address_invalid": Reason.FAILED,
    "rejected": Reason.FAILED,
    "receipt": Reason.FAILED,
}


@dataclass(frozen=True)
class Place:
    """Where one cohort has put a household. `window_ends`: the first day after its window; None while that is not known."""

    arm: str  # lot | always_send | outside
    sent: bool  # a text of this cohort has been begun, on whatever channel
    window_ends: date | None


@dataclass(frozen=True)
class Known:
    """What is known about one household that has something due, or has asked for help."""

    own_address: bool  # a number or account of its own that may be used
    places: tuple[Place, ...] = ()
    asked: tuple[Reason, ...] = ()
    listed: tuple[Reason, ...] = ()  # why campaigns have put it on the list
    failed: bool = False
    weak_signal: bool = False
    reached: bool = False  # a receipt that can be believed, or an answer
    said_no: bool = False  # somebody there asked us not to write, or staff must speak with them first
    ticked: bool = False  # an officer's note stands


def window_ends(opened_on: date | None, d_days: int, *, over: bool, others: Iterable[date]) -> date | None:
    """The first day after a household's window: t_w + D. None while its wave has not opened.

    `over`: the campaign was stopped, so an unopened wave never opens; it stays a comparison until the windows of the waves of its
    cell that did open (`others`, their days) are over.
    """
    if opened_on is None:
        if not over:
            return None
        opened_on = max(others, default=date.min)
    return opened_on + timedelta(days=d_days)


def is_held(known: Known, today: date) -> bool:
    """Whether the lot holds the household back: it has not been sent to, and its window is not over.

    Families without an address are outside the lot. One that lost its number after the lot is still in it. A family that no
    campaign knows yet waits for its lot, unless it has no number to be drawn by.
    """
    if not known.places:
        return known.own_address
    return any(_holds(place, own_address=known.own_address, today=today) for place in known.places)


def _holds(place: Place, *, own_address: bool, today: date) -> bool:
    if place.sent or (place.window_ends is not None and today >= place.window_ends):
        return False
    return place.arm == "lot" or own_address


def reasons(known: Known, today: date) -> tuple[Reason, ...]:
    """Why the household is on the list today, the most telling first; () when it is not on it."""
    if is_held(known, today):
        return known.asked
    silent = (
        known.said_no and not known.ticked
    )  # after an officer's own note it stays, so that the note can be corrected
    if silent and not known.asked:
        return ()
    found = list(known.asked)
    if not known.own_address and not silent:
        found.append(Reason.NO_ADDRESS)
    found += known.listed
    if known.failed:
        found.append(Reason.FAILED)
    if known.weak_signal and known.own_address and not known.reached:
        found.append(Reason.WEAK_SIGNAL)
    if len(found) > 1 and Reason.CAMPAIGN in found:
        found.remove(Reason.CAMPAIGN)
    return tuple(dict.fromkeys(found))


# ---------------------------------------------------------------------------------------------------- what officers note down


class TickKind(StrEnum):
    TOLD = "told"
    WILL_COME = "will_come"
    HANDED_OVER = "handed_over"
    MOVED = "moved"
    DECEASED = "deceased"
    REFUSED = "refused"
    NOT_MET = "not_met"


@dataclass(frozen=True)
class TickRule:
    """What a tick means. It never changes a card and is no outcome: those come from the register alone.

    `reached`: whether the family has heard the message; None: the tick does not say. `stops`: the reason with which waiting
    messages are cancelled, "" = none are. `only`: stops only what is written about these occasions. `staff`: a person of the
    office must look at it; until then no telephone of the family is written to.
    """

    label: str
    reached: bool | None
    stops: str = ""
    only: frozenset[Occasion] | None = None
    staff: bool = False


TICKS: dict[TickKind, TickRule] = {
    TickKind.TOLD: TickRule("Sudah diberi tahu", reached=True),
    TickKind.WILL_COME: TickRule("Akan datang", reached=True),
    TickKind.NOT_MET: TickRule("Belum bertemu", reached=None),
    TickKind.HANDED_OVER: TickRule(
        "Kartu sudah diserahkan", reached=True, stops="officer_handed_over",
        only=frozenset({Occasion.PRINTED_UNCOLLECTED}),
    ),
    TickKind.MOVED: TickRule("Sudah pindah", reached=False, stops="officer_moved", staff=True),
    TickKind.DECEASED: TickRule("Anak meninggal dunia", reached=False, stops="officer_deceased", staff=True),
    TickKind.REFUSED: TickRule("Tidak bersedia", reached=True, stops="officer_refused", staff=True),
}  # fmt: skip
#: What an officer reads instead of the text once such a note stands: nobody should say it at that door again.
LEAVE = "Mohon jangan didatangi lagi. Kantor yang akan menghubungi keluarga ini."
#: The three of every visit, one tap away; the others lie one tap deeper, where no thumb hits them by accident.
FIRST: tuple[TickKind, ...] = (TickKind.TOLD, TickKind.WILL_COME, TickKind.NOT_MET)
#: What an officer's note can cancel with.
STOPS: frozenset[str] = frozenset(rule.stops for rule in TICKS.values() if rule.stops)
#: A tick that was kept on a telephone without a signal is believed to be this old at most.
OLDEST_TICK = timedelta(days=30)


def offered(occasions: Iterable[str]) -> tuple[TickKind, ...]:
    """What may be noted about a family: a card can be handed over only where one is printed."""
    printed = Occasion.PRINTED_UNCOLLECTED in set(occasions)
    return tuple(kind for kind in TICKS if printed or kind is not TickKind.HANDED_OVER)


def said_at(now: datetime, age_s: float, link_made_at: datetime) -> datetime:
    """When a tick was pressed: `age_s` seconds ago by the telephone's own clock, never before its link was made."""
    age = timedelta(seconds=min(max(0.0, age_s), OLDEST_TICK.total_seconds()))
    return min(now, max(link_made_at, now - age))


@dataclass(frozen=True)
class Noted:
    """One tick as it is kept. `about`: "<card id>:<occasion>" of what was due then."""

    id: int
    kind: TickKind
    said_at: datetime
    about: frozenset[str]
    settled_as: str = ""  # confirmed | wrong, by staff


def newest(ticks: Iterable[Noted]) -> Noted | None:
    """The tick that stands against the others: the last one pressed, whatever the order in which they arrived."""
    return max(ticks, key=lambda tick: (tick.said_at, tick.id), default=None)


def standing(ticks: Sequence[Noted], due: Iterable[str], listed_at: datetime | None) -> Noted | None:
    """The note that still answers the line, or None: the line is open.

    A line opens again with a newer text or a newer wish (`listed_at`), or when something else has become due. Moved away,
    deceased and refused stand until staff say that it was a mistake.
    """
    tick = newest(ticks)
    if tick is None or tick.settled_as == "wrong":
        return None
    if TICKS[tick.kind].staff:
        return tick
    answered = set(due) <= tick.about and (listed_at is None or listed_at <= tick.said_at)
    return tick if answered else None


# -------------------------------------------------------------------------------------------------------------- link and PIN

LINK_LASTS = timedelta(days=30)
SESSION = timedelta(hours=12)  # a working day
PIN_DIGITS = 6
MAX_TRIES = 5
_FIRST_LOCK = timedelta(minutes=15)
_LONGEST_LOCK = timedelta(hours=24)

#: Who may make and revoke links, and take the list out as a file.
MAY_LINK = ("operator", "replier", "head", "admin")
#: Who decides about what officers report.
MAY_SETTLE = ("operator", "replier", "head", "admin")


def lock_after(wrong: int) -> timedelta | None:
    """How long a link is locked after its `wrong`-th wrong PIN in a row; None: not at all.

    Every fifth locks it, each time twice as long, up to a day: in the thirty days of a link less than two hundred of a million
    PINs can be tried.
    """
    rounds, rest = divmod(wrong, MAX_TRIES)
    if rest or not rounds:
        return None
    doubled: int = 2 ** min(rounds - 1, 10)
    return min(_LONGEST_LOCK, _FIRST_LOCK * doubled)


def tries_left(wrong: int) -> int:
    """How many wrong PINs are left before the next lock."""
    return MAX_TRIES - wrong % MAX_TRIES
