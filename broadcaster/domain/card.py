"""Child identity cards: kinds, states, and the occasions on which a family is written to (Permendagri 2/2016)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from broadcaster.domain.people import birthday, full_years, months_after


class CardKind(StrEnum):
    NO_PHOTO = "no_photo"  #: from birth to the day before the 5th birthday
    PHOTO = "photo"  #: from the 5th birthday to the day before the 17th


class CardStatus(StrEnum):
    """In the order a card moves forward; `rejected`, `expired` and `void` end it."""

    NOT_REGISTERED = "not_registered"
    APPLIED = "applied"
    INCOMPLETE = "incomplete"
    IN_PROCESS = "in_process"
    PRINTED = "printed"
    COLLECTED = "collected"
    REJECTED = "rejected"
    EXPIRED = "expired"
    VOID = "void"


class Occasion(StrEnum):
    """Why a family is written to today."""

    NEWBORN = "newborn"
    NO_CARD_UNDER_5 = "no_card_under_5"
    TURNING_FIVE = "turning_five"
    EXPIRED_AT_FIVE = "expired_at_five"
    NO_CARD_5_TO_16 = "no_card_5_to_16"
    PRINTED_UNCOLLECTED = "printed_uncollected"
    TURNING_SEVENTEEN = "turning_seventeen"


@dataclass(frozen=True, slots=True)
class CardFact:
    """What the register says about one kind of card of one child; `since` that day, None when it does not say."""

    kind: CardKind
    status: CardStatus
    since: date | None = None


#: Nothing stands in the way of an application.
NO_CARD = frozenset({CardStatus.NOT_REGISTERED, CardStatus.REJECTED})

#: Occasion -> the statuses of its card in which the family still needs the message. A message planned earlier is
#: cancelled once the card has left them. Turning seventeen is news about the next document, the KTP-el, which no
#: status of this card settles; only a void card (moved or deceased) ends it.
DUE: dict[Occasion, frozenset[CardStatus]] = {
    Occasion.PRINTED_UNCOLLECTED: frozenset({CardStatus.PRINTED}),
    Occasion.TURNING_FIVE: NO_CARD,
    Occasion.EXPIRED_AT_FIVE: NO_CARD,
    Occasion.TURNING_SEVENTEEN: frozenset(CardStatus) - {CardStatus.VOID},
    Occasion.NEWBORN: NO_CARD,
    Occasion.NO_CARD_5_TO_16: NO_CARD,
    Occasion.NO_CARD_UNDER_5: NO_CARD,
}

#: Most urgent first: a card that only waits to be fetched, then what has or had a deadline, then the rest.
URGENCY: tuple[Occasion, ...] = tuple(DUE)

_HELD_NO_PHOTO = frozenset({CardStatus.PRINTED, CardStatus.COLLECTED, CardStatus.EXPIRED})
_NEWBORN_DAYS = 60
_TURNING_FIVE_MONTHS = 4 * 12 + 10
_TURNING_SEVENTEEN_MONTHS = 16 * 12 + 6
_DEADLINE_DAYS = 60


def kind_due(birth: date, today: date) -> CardKind | None:
    """The one kind of card a child of that birth date may hold today; None before birth and from the 17th birthday."""
    age = full_years(birth, today)
    if not 0 <= age < 17:
        return None
    return CardKind.NO_PHOTO if age < 5 else CardKind.PHOTO


def valid_until(kind: CardKind, birth: date) -> date:
    """The last valid day: the day before the 5th birthday (no photo) or before the 17th (photo)."""
    return birthday(birth, 5 if kind is CardKind.NO_PHOTO else 17) - timedelta(days=1)


def photo_background(birth: date) -> str:
    """`merah` for odd birth years, `biru` for even: the custom of the KTP-el, which some offices follow here too."""
    return "merah" if birth.year % 2 else "biru"


def occasions(
    birth: date, cards: Mapping[CardKind, CardFact], today: date, *, turning_five_days: int | None = None
) -> tuple[tuple[Occasion, CardKind], ...]:
    """Why this child's family is written to today and about which card, most urgent first; () when there is no reason.

    A kind missing in `cards` is not registered. Nobody is written to about a card that is on its way (applied,
    incomplete, in process) or held, nobody aged 17 or more, and no family of a child with a void card (moved or
    deceased). Each card is the subject of one occasion, save that TURNING_SEVENTEEN may join another.

    TURNING_FIVE begins at 4 years 10 months, or `turning_five_days` before the fifth birthday: a campaign that
    measures it must enrol earlier, see `always_send`.
    """
    due = kind_due(birth, today)
    status = {kind: cards[kind].status if kind in cards else CardStatus.NOT_REGISTERED for kind in CardKind}
    if due is None or CardStatus.VOID in status.values():
        return ()
    found: dict[Occasion, CardKind] = {}
    if status[due] is CardStatus.PRINTED:
        found[Occasion.PRINTED_UNCOLLECTED] = due
    if due is CardKind.NO_PHOTO:
        if status[CardKind.NO_PHOTO] in NO_CARD:
            newborn = (today - birth).days < _NEWBORN_DAYS
            found[Occasion.NEWBORN if newborn else Occasion.NO_CARD_UNDER_5] = CardKind.NO_PHOTO
        if today >= _turning_five_from(birth, turning_five_days) and status[CardKind.PHOTO] in NO_CARD:
            found[Occasion.TURNING_FIVE] = CardKind.PHOTO
    else:
        if status[CardKind.PHOTO] in NO_CARD:
            held = status[CardKind.NO_PHOTO] in _HELD_NO_PHOTO
            found[Occasion.EXPIRED_AT_FIVE if held else Occasion.NO_CARD_5_TO_16] = CardKind.PHOTO
        if today >= months_after(birth, _TURNING_SEVENTEEN_MONTHS):
            found[Occasion.TURNING_SEVENTEEN] = CardKind.PHOTO
    return tuple((occasion, found[occasion]) for occasion in URGENCY if occasion in found)


def always_send(occasion: Occasion, birth: date, today: date, d_days: int) -> bool:
    """Whether the family must not wait for its turn in a lot: it is written to at once and belongs to no estimate.

    True when the kind of card due today is valid for 60 days more at most. TURNING_FIVE is a deadline itself, so a
    measured family must have at least 61 + `d_days` days left (`d_days`: length of the outcome window).
    TURNING_SEVENTEEN always: its outcome is a KTP-el, which this register does not record; nothing could be measured.
    """
    if occasion is Occasion.TURNING_SEVENTEEN:
        return True
    if occasion is Occasion.TURNING_FIVE:
        return _days_left(CardKind.NO_PHOTO, birth, today) <= _DEADLINE_DAYS + d_days
    due = kind_due(birth, today)
    return due is not None and _days_left(due, birth, today) <= _DEADLINE_DAYS


def _days_left(kind: CardKind, birth: date, today: date) -> int:
    """Days until the last valid day; 0 on that day, negative after it."""
    return (valid_until(kind, birth) - today).days


def _turning_five_from(birth: date, days: int | None) -> date:
    if days is None:
        return months_after(birth, _TURNING_FIVE_MONTHS)
    return birthday(birth, 5) - timedelta(days=days)
