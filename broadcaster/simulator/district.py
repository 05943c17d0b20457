"""A generated district: families, their children and cards, phones that behave, and the truth about messages.

    district = generate(3000, seed=7, places=places, start=date(2026, 10, 5))
    collections_until(district, {"+6281200012345": date(2026, 10, 5)}, date(2026, 10, 19))

Everything follows from the arguments, so a run can be repeated. Nobody in it exists: NIK and No KK have the real pattern
with serial numbers from 9001, which a register does not reach on one day in one kecamatan, and phones have a block of
zeroes.

What is true in it, for a card that is printed and waits (weekdays only; public holidays are working days here):

- Without any message a family makes a trip on a weekday with a fixed chance, and takes each waiting card along with
  chance .9: each card is collected with chance 9 % a week, whatever happened before.
- With a message: a family that is reached by its first text collects a card 1 to 13 days later with chance c, or earlier
  when it would have come anyway. c = e / mean(reached * (1 - p0)) over the children a lot can measure, p0 = 1 - .91**2,
  so that the difference between being in a wave and not, reached or not, is exactly the planted e within `WINDOW` days
  of the first text, in expectation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cached_property
from random import Random

from broadcaster.domain.card import CardFact, CardStatus, Occasion, always_send, kind_due, occasions
from broadcaster.domain.place import Place
from broadcaster.simulator.district_people import (
    Device,
    Numbers,
    SimChild,
    SimHousehold,
    household,
    villages_of,
    with_phones,
)

WINDOW = 14  # days in which the planted effect happens; holds ten weekdays wherever it begins
WEEKLY_HAZARD = 0.09
TOGETHER = 0.9  # chance that a card goes along on the family's trip, and that siblings answer a message alike
_DAY_HAZARD = 1 - (1 - WEEKLY_HAZARD) ** (1 / 5)
P0 = 1 - (1 - WEEKLY_HAZARD) ** 2  # collected within WINDOW without a message
_LAST_ANSWER = WINDOW - 1
_SOONER = 0.8  # each weekday after the message is this much less likely than the one before


@dataclass(frozen=True, slots=True)
class CollectionRecord:
    """A line of the counter's book."""

    nik: str
    name: str
    collected_on: date
    collector: str


@dataclass(frozen=True)
class District:
    """`chance`: c of the module's docstring. `expected_effect_per_1000` is the planted one unless c would be above 1."""

    seed: int
    start: date
    households: tuple[SimHousehold, ...]
    planted_effect_per_1000: float
    expected_effect_per_1000: float
    chance: float

    @cached_property
    def devices(self) -> tuple[Device, ...]:
        """Every phone once."""
        return tuple({home.device.phone: home.device for home in self.households if home.device}.values())

    @cached_property
    def children(self) -> tuple[SimChild, ...]:
        return tuple(child for home in self.households for child in home.children)

    @cached_property
    def measured(self) -> tuple[tuple[SimHousehold, SimChild], ...]:
        """The children whose cards wait and whose families a lot can draw on the first day, see `measurable`."""
        return tuple(measurable(self.households, self.start))


def generate(
    households: int, seed: int, places: Sequence[Place], start: date, *, planted_effect_per_1000: float = 62.0
) -> District:
    """A district of that many No KK as the office's books show it on the eve of `start`.

    Raises ValueError without places or for an effect outside 0 to 1000.
    """
    if not places or not 0 <= planted_effect_per_1000 <= 1000:
        raise ValueError("a district needs places, and an effect from 0 to 1000 per 1,000")
    rng = Random(seed)  # noqa: S311  (a simulation, no secret)
    numbers = Numbers(rng, households)
    homes = [household(rng, numbers, place, start) for place in villages_of(rng, households, places)]
    homes = with_phones(rng, numbers, homes)
    found = [home.reached for home, _ in measurable(homes, start)]
    most = (1 - P0) * sum(found) / len(found) if found else 0.0
    planted = planted_effect_per_1000 / 1000
    chance = min(1.0, planted / most) if most else 0.0
    return District(
        seed=seed,
        start=start,
        households=tuple(_with_truth(rng, home, start, chance) for home in homes),
        planted_effect_per_1000=planted_effect_per_1000,
        expected_effect_per_1000=1000 * chance * most,
        chance=chance,
    )


def card_occasions(child: SimChild, today: date) -> tuple[Occasion, ...]:
    """Why this child's family is written to, most urgent first; () also when the office's row cannot be used."""
    if child.defect:
        return ()
    day = child.printed_on or child.collected_on or today
    kind = kind_due(child.born, day)
    status = CardStatus.COLLECTED if child.status is CardStatus.EXPIRED else child.status
    cards = {} if kind is None else {kind: CardFact(kind, status, day)}
    return tuple(occasion for occasion, _ in occasions(child.born, cards, today))


def measurable(households: Sequence[SimHousehold], today: date) -> Iterator[tuple[SimHousehold, SimChild]]:
    """The waiting cards of families with a personal phone, none of whose waiting cards has a deadline within 60 days.

    Families of one phone are one household to a lot, so a deadline of one takes them all out.
    """
    urgent: set[str] = set()
    waiting: list[tuple[SimHousehold, SimChild]] = []
    for home in households:
        if home.device is None or home.phone_use not in ("own", "shared"):
            continue
        for child in home.children:
            if Occasion.PRINTED_UNCOLLECTED in card_occasions(child, today):
                waiting.append((home, child))
                if always_send(Occasion.PRINTED_UNCOLLECTED, child.born, today, WINDOW):
                    urgent.add(home.device.phone)
    return ((home, child) for home, child in waiting if home.device and home.device.phone not in urgent)


def collections_until(district: District, messaged: Mapping[str, date], until: date) -> list[CollectionRecord]:
    """Who has collected a card from the start up to and including `until`, by day and NIK.

    `messaged`: address (E.164 or Telegram chat id) -> the day on which it first received a text. A text to a silent phone,
    to a chat that blocked the bot or to a kadus's number changes nothing.
    """
    records = []
    for home in district.households:
        received = _first_text(home, messaged)
        for child in home.children:
            day = _collected_on(child, received)
            if day is not None and day <= until and not child.defect:
                records.append(CollectionRecord(child.nik, child.name, day, home.mother))
    return sorted(records, key=lambda record: (record.collected_on, record.nik))


def _first_text(home: SimHousehold, messaged: Mapping[str, date]) -> date | None:
    device = home.device
    if device is None or not home.reached:
        return None
    addresses = (device.phone,) if device.blocks_bot else device.addresses
    return min((messaged[address] for address in addresses if address in messaged), default=None)


def _collected_on(child: SimChild, received: date | None) -> date | None:
    if child.spontaneous_on is None or received is None or child.answers is None:
        return child.spontaneous_on
    return min(child.spontaneous_on, answer_day(received, child.answers))


def answer_day(received: date, position: float) -> date:
    """The weekday, 1 to 13 days after the text, on which its reader comes; sooner ones are likelier."""
    days = [received + timedelta(days=after) for after in range(1, _LAST_ANSWER + 1)]
    open_days = [day for day in days if day.weekday() < 5]
    weights = [_SOONER**place for place in range(len(open_days))]
    mark = position * sum(weights)
    for day, weight in zip(open_days, weights, strict=True):
        mark -= weight
        if mark < 0:
            return day
    return open_days[-1]


def telegram_starts(district: District) -> list[dict[str, str]]:
    """What the owners of Telegram do before the first campaign, for `POST /_sim/inbound`: press Start, share the number."""
    return [
        {"channel": "telegram", "address": device.chat_id} | act
        for device in district.devices
        if device.chat_id
        for act in ({"start": ""}, {"contact": device.phone})
    ]


def simulated_people(district: District) -> list[dict[str, object]]:
    """How everybody behaves, the `people` of `POST /_sim/people`. Send it after `telegram_starts`: a Start unblocks a chat.

    A reply comes once, where the first text arrives: in Telegram when there is a chat, else by WhatsApp.
    """
    people: list[dict[str, object]] = []
    for device in district.devices:
        replies: list[dict[str, object]] = []
        if device.reply:
            replies = [{"after_s": device.reply_after.total_seconds(), "text": device.reply}]
        phone = "silent" if device.silent else "no_whatsapp" if not device.whatsapp else "delivered"
        if phone == "delivered" and device.reads:
            phone = "read"
        by_chat = bool(device.chat_id) and not device.blocks_bot
        people.append(
            {"address": device.phone, "behaviour": phone, "replies": replies if device.whatsapp and not by_chat else []}
        )  # an SMS from a name cannot be answered
        if device.chat_id:
            chat = "blocked" if device.blocks_bot else "silent" if device.silent else "delivered"
            people.append({"address": device.chat_id, "behaviour": chat, "replies": replies if by_chat else []})
    return people


def _with_truth(rng: Random, home: SimHousehold, start: date, chance: float) -> SimHousehold:
    """Give every waiting card the day on which it is collected without a message, and whether one is followed."""
    waiting = {index for index, child in enumerate(home.children) if child.status is CardStatus.PRINTED}
    days: dict[int, date] = {}
    trip = -1  # in weekdays from the start, the start itself being 0
    while len(days) < len(waiting):
        trip += 1 + int(math.log(1 - rng.random()) / math.log(1 - _DAY_HAZARD / TOGETHER))
        for index in sorted(waiting - days.keys()):
            if rng.random() < TOGETHER:
                days[index] = weekday_after(start, trip)
    family = (rng.random(), rng.random())
    children = list(home.children)
    for index in sorted(waiting):
        follows, position = family if rng.random() < TOGETHER else (rng.random(), rng.random())
        children[index] = replace(
            children[index], spontaneous_on=days[index], answers=position if follows < chance else None
        )
    return replace(home, children=tuple(children))


def weekday_after(start: date, count: int) -> date:
    """The weekday number `count` from `start`; number 0 is `start` itself or the Monday after it."""
    first = start + timedelta(days=(7 - start.weekday()) % 7 if start.weekday() >= 5 else 0)
    weeks, rest = divmod(first.weekday() + count, 5)
    return first - timedelta(days=first.weekday()) + timedelta(days=7 * weeks + rest)
