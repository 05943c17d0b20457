"""How a card moves: what a row says about it, which of the two cards it is about, and what may follow what. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache

from broadcaster.domain.card import CardKind, CardStatus, kind_due
from broadcaster.domain.people import birthday

#: A card moves forward through these; an earlier one than the register knows is history or a conflict.
_ORDER = (
    CardStatus.NOT_REGISTERED,
    CardStatus.APPLIED,
    CardStatus.INCOMPLETE,
    CardStatus.IN_PROCESS,
    CardStatus.PRINTED,
    CardStatus.COLLECTED,
)
#: These end a card: a rejection before it was printed, the others at any time.
_ENDS: Mapping[CardStatus, frozenset[CardStatus]] = {
    CardStatus.REJECTED: frozenset(_ORDER[:4]),
    CardStatus.EXPIRED: frozenset(_ORDER),
    CardStatus.VOID: frozenset({*_ORDER, CardStatus.REJECTED, CardStatus.EXPIRED}),
}
#: Status -> those it may follow.
FOLLOWS: Mapping[CardStatus, frozenset[CardStatus]] = {
    **{status: frozenset(_ORDER[:place]) for place, status in enumerate(_ORDER)},
    **_ENDS,
}
#: Statuses whose day is measured or shown: without one, the day the data speak until is taken and reported.
_DAY_MATTERS = frozenset({CardStatus.APPLIED, CardStatus.PRINTED, CardStatus.COLLECTED})

#: From here on an event about a child whose first card is finished is about the next one, with photo.
_RENEWAL = timedelta(days=183)

#: The same few thousand birth dates are asked about a district's file over and over.
kind_due_on = lru_cache(maxsize=65_536)(kind_due)

_WORDS: Mapping[CardStatus, str] = {
    CardStatus.NOT_REGISTERED: "belum terdaftar",
    CardStatus.APPLIED: "diajukan",
    CardStatus.INCOMPLETE: "berkas belum lengkap",
    CardStatus.IN_PROCESS: "diproses",
    CardStatus.PRINTED: "dicetak",
    CardStatus.COLLECTED: "diambil",
    CardStatus.REJECTED: "ditolak",
    CardStatus.EXPIRED: "habis masa berlaku",
    CardStatus.VOID: "tidak berlaku",
}


@dataclass(frozen=True, slots=True)
class Event:
    """A card reached `status` on `on`; not `dated` = the file gave no day, so `on` is the day the data speak until."""

    status: CardStatus
    on: date
    dated: bool
    back: bool = False  # a step backwards that a person confirmed


@dataclass(slots=True)
class CardState:
    """A card as the register knows it, with the first day of each status it went through. Changed by `advance`."""

    status: CardStatus
    since: date
    days: dict[CardStatus, date]
    recorded: set[tuple[CardStatus, date]] = field(default_factory=set)

    def has(self, event: Event) -> bool:
        """Whether this very event is known of the card."""
        return self.days.get(event.status) == event.on or (event.status, event.on) in self.recorded

    def recall(self, status: CardStatus, on: date, *, back: bool) -> None:
        """Take in one recorded event; called in the order of recording. `back`: it was a confirmed step backwards."""
        if back:
            self.days = (
                {} if self.days.keys() & _ENDS.keys() else {s: d for s, d in self.days.items() if _before(s, status)}
            )
        self.recorded.add((status, on))
        self.days[status] = min(on, self.days.get(status, on))


@dataclass(frozen=True, slots=True)
class Clash:
    """An event that the register contradicts: a code of `problems.CONFLICTS` and the parts of its sentence."""

    code: str
    parts: Mapping[str, str]
    back_to: Event | None = None  # of a step back: where the file says that the card is
    denied: frozenset[CardStatus] = frozenset()  # and, when it was taken, the recorded steps that never were


def events_of(
    word: CardStatus | None, dated: Mapping[CardStatus, date], data_until: date
) -> tuple[tuple[Event, ...], bool, bool]:
    """The events of one row in the order of a card's life; whether a day that matters lacks; whether days disagree.

    A status word that a date column already goes beyond says nothing new.
    """
    events = {status: Event(status, day, True) for status, day in dated.items()}
    furthest = max((_ORDER.index(status) for status in dated), default=-1)
    undated = False
    if word is not None and (word in _ENDS or _ORDER.index(word) > furthest):
        events[word] = Event(word, data_until, False)
        undated = word in _DAY_MATTERS
    ordered = sorted(events.values(), key=_rank)
    days = [event.on for event in ordered if event.dated]
    return tuple(ordered), undated, days != sorted(days)


def kind_of(birth: date, events: Sequence[Event], cards: Mapping[CardKind, CardState], today: date) -> CardKind | None:
    """Which card the events of one row are about; None when the child was not of an age for any.

    The kind due on the day it was printed or else collected; without either, the kind due today. In the half year
    before the fifth birthday, when the first card is finished already, the events are about the card with photo.
    """
    days = {event.status: event.on for event in events if event.dated}
    dated = days.get(CardStatus.PRINTED) or days.get(CardStatus.COLLECTED)
    day = dated or today
    kind = kind_due_on(birth, day)
    if kind is CardKind.PHOTO and dated is None and events[-1].status is CardStatus.EXPIRED:
        return CardKind.NO_PHOTO  # what has expired before the 17th birthday is the first card
    first = cards.get(CardKind.NO_PHOTO)
    if kind is not CardKind.NO_PHOTO or first is None or day < birthday(birth, 5) - _RENEWAL:
        return kind
    for known, card in sorted(cards.items()):
        if any(card.has(event) for event in events):
            return known  # told again, it is about the card it was about
    top = events[-1].status
    finished = first.status in (CardStatus.COLLECTED, CardStatus.EXPIRED)
    overtaken = first.status is CardStatus.PRINTED and _rank(events[-1]) < _ORDER.index(CardStatus.PRINTED)
    later = first.since < min(event.on for event in events)
    return CardKind.PHOTO if later and (finished or overtaken) and top is not CardStatus.VOID else kind


def advance(card: CardState, events: Sequence[Event], *, confirmed: bool = False) -> tuple[list[Event], list[Clash]]:
    """Move the card on; returns the events that are new to the register and those it contradicts. `card` is changed.

    Forward only. A dated earlier step that the register did not know yet is added as history; the card stays. With
    `confirmed` a card moves back first, once: what contradicted the file is returned as `turned_back`, with the steps that
    this takes back in `denied`.
    """
    new: list[Event] = []
    clashes: list[Clash] = []
    if confirmed and (turn := _first_back(card, events)) is not None:
        event = turn.back_to
        assert event is not None, "it is a step back"
        days = {} if card.status in _ENDS else {s: d for s, d in card.days.items() if s not in turn.denied}
        _enter(card, event, days)
        new.append(Event(event.status, event.on, event.dated, back=True))
        clashes.append(turn)
    for event in events:
        known = card.days.get(event.status, card.since if event.status is card.status else None)
        if known is not None and not _is_back(event, known, card):
            if event.dated and known != event.on:
                clashes.append(_differs(event, known))
        elif known is None and card.status in FOLLOWS[event.status]:
            _enter(card, event, card.days)
            new.append(event)
        elif known is None and event.dated and _is_history(event, card):
            card.days[event.status] = event.on
            new.append(event)
        elif event.dated or event.on >= card.since:  # else: an old file without dates, which is no contradiction
            clashes.append(Clash("status_back", _parts(card, event), event))
    return new, clashes


def _first_back(card: CardState, events: Sequence[Event]) -> Clash | None:
    """The first step back among the events, looked for on a copy: it is taken before those that stand before it."""
    days = [event.on for event in events]
    if days != sorted(days):
        return None  # a row whose days contradict each other is no proof
    copy = CardState(card.status, card.since, dict(card.days))
    _, clashes = advance(copy, events)
    event = next((clash.back_to for clash in clashes if clash.back_to is not None), None)
    return None if event is None else Clash("turned_back", _parts(card, event), event, _denied(card, event))


def _parts(card: CardState, event: Event) -> dict[str, str]:
    return {"known": _WORDS[card.status], "told": _WORDS[event.status]}


def _denied(card: CardState, event: Event) -> frozenset[CardStatus]:
    """The recorded steps that never were, when `event` is right: those after it. None when a card that ended starts anew."""
    if card.status in _ENDS:
        return frozenset()
    return frozenset(status for status in (card.status, *card.days) if not _before(status, event.status)) - {
        event.status
    }


def _enter(card: CardState, event: Event, days: dict[CardStatus, date]) -> None:
    card.status, card.since = event.status, event.on
    card.days = {**days, event.status: event.on}


def _is_back(event: Event, known: date, card: CardState) -> bool:
    """A status the card has been through, told as where it is now: without a date and later, or after the card ended."""
    if event.status is card.status or event.on == known:
        return False
    if event.dated:
        return card.status in _ENDS and event.status in _ORDER and event.on > card.since
    return event.status in FOLLOWS and event.on >= card.since and card.status not in FOLLOWS[event.status]


def _rank(event: Event) -> int:
    return _ORDER.index(event.status) if event.status in _ORDER else len(_ORDER)


def _is_history(event: Event, card: CardState) -> bool:
    """An earlier step than the card's, on a day before everything that follows it."""
    later = [day for status, day in card.days.items() if _before(event.status, status)]
    return _before(event.status, card.status) and event.on <= min([card.since, *later])


def _before(status: CardStatus, other: CardStatus) -> bool:
    """Whether a card may have gone through `status` on its way to `other`."""
    if status not in _ORDER or status is CardStatus.NOT_REGISTERED:
        return False
    return other not in _ORDER or _ORDER.index(status) < _ORDER.index(other)


def _differs(event: Event, known: date) -> Clash:
    return Clash(
        "date_differs",
        {"known": _WORDS[event.status], "known_day": f"{known:%d-%m-%Y}", "told_day": f"{event.on:%d-%m-%Y}"},
    )
