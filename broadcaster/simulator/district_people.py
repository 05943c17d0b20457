"""The people of a generated district: who lives where, with which cards, and which phone they use."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from broadcaster.domain.card import CardStatus
from broadcaster.domain.people import birthday
from broadcaster.domain.place import Place
from broadcaster.simulator import district_names as names

_FAMILY_SIZES = (0.62, 0.28, 0.08, 0.02)
_WITH_PRINTED = 0.82  # some of these rows no import can use
_SIBLING_PRINTED = 0.35
_NO_PHONE, _KADUS, _SHARE_PAIRS = 0.12, 0.03, 0.04
_TELEGRAM, _WHATSAPP, _READS, _SILENT, _BLOCKS_BOT = 0.25, 0.80, 0.65, 0.04, 0.03
_REPLIES = ((0.015, names.STOPS), (0.03, names.ALREADY), (0.02, names.HELP), (0.04, names.QUESTIONS))
_ENGGANO, _ENGGANO_SHARE = "17.03.01", 0.013  # about 4,000 of 310,000 people
_KIA_SINCE = date(2019, 1, 2)  # the first cards of the district
_PREFIXES = (811, 812, 813, 821, 822, 823, 851, 852, 853, 856, 857, 858, 878, 895)
#: Chances of a card that is not printed and waiting, below five years and from five on.
_UNDER_FIVE = (
    (CardStatus.NOT_REGISTERED, 0.35), (CardStatus.COLLECTED, 0.45), (CardStatus.APPLIED, 0.08),
    (CardStatus.IN_PROCESS, 0.07), (CardStatus.INCOMPLETE, 0.03), (CardStatus.REJECTED, 0.02),
)  # fmt: skip
_FROM_FIVE = (
    (CardStatus.COLLECTED, 0.40), (CardStatus.EXPIRED, 0.22), (CardStatus.NOT_REGISTERED, 0.22),
    (CardStatus.APPLIED, 0.06), (CardStatus.IN_PROCESS, 0.07), (CardStatus.REJECTED, 0.03),
)  # fmt: skip
#: One row in a hundred is written in a way no import can use.
DEFECTS = ("nik_short", "birth_missing", "village_unknown")
_DEFECT_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Device:
    """One phone and how it behaves, for every family that uses it. Addresses: `phone` (E.164) and `chat_id`."""

    phone: str
    whatsapp: bool
    reads: bool  # WhatsApp shows `read`, not only `delivered`
    silent: bool  # switched off, lost, no signal: texts are accepted and never arrive
    chat_id: str  # "" = no Telegram; else its owner pressed Start and shared the number
    blocks_bot: bool  # ... and blocked the bot since
    reply: str  # what its owner writes back to the first text, once; "" = nothing
    reply_after: timedelta

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.phone, self.chat_id) if self.chat_id else (self.phone,)


@dataclass(frozen=True, slots=True)
class SimChild:
    """A child and the newest card the office knows of. Dates are days in the office's calendar, all before the start."""

    nik: str
    name: str  # in capitals, as the register writes
    sex: str  # L | P
    born: date
    status: CardStatus  # EXPIRED: the card without photo was collected and the child is five by now
    applied_on: date | None
    printed_on: date | None
    collected_on: date | None
    defect: str  # one of DEFECTS: the office's row about this child cannot be used; "" = it can
    spontaneous_on: date | None = None  # a waiting card: when it is collected without any message
    answers: float | None = None  # position in [0, 1) of the day on which a message is followed; None = it is not


@dataclass(frozen=True, slots=True)
class SimHousehold:
    """One No KK. `phone_use`: own | shared (with one neighbour) | kadus (of more than three) | none."""

    kk: str
    place: Place
    hamlet: str
    mother: str
    father: str
    children: tuple[SimChild, ...]
    device: Device | None = None
    phone_use: str = "none"

    @property
    def reached(self) -> bool:
        """Whether a personal text arrives, on one channel or another."""
        return self.device is not None and self.phone_use in ("own", "shared") and not self.device.silent


class Numbers:
    """Numbers that are given once: NIK, No KK, phones, chats."""

    def __init__(self, rng: Random, households: int) -> None:
        self._rng = rng
        self._serials: defaultdict[str, int] = defaultdict(lambda: 9000)
        block = 100_000 * len(_PREFIXES)
        self._phones = iter(rng.sample(range(1, block), min(block - 1, households + 1)))
        self._chats = iter(rng.sample(range(1, 10**9), households + 1))

    def sixteen(self, prefix: str) -> str:
        """`prefix` (region and date, 12 digits) and the next serial."""
        self._serials[prefix] += 1
        return f"{prefix}{self._serials[prefix]:04}"

    def phone(self) -> str:
        # an operator's prefix, a block of zeroes, five digits: valid in form, given to nobody we know of
        prefix, rest = divmod(next(self._phones), 100_000)
        return f"+62{_PREFIXES[prefix]}000{rest:05}"

    def chat_id(self) -> str:
        return str(7_000_000_000 + next(self._chats))


def villages_of(rng: Random, households: int, places: Sequence[Place]) -> list[Place]:
    """One village per household. Kecamatan and villages differ in size as they do in life; Enggano is small."""
    by_kecamatan: dict[str, list[Place]] = defaultdict(list)
    for place in places:
        by_kecamatan[place.kecamatan_code].append(place)
    weight: dict[str, float] = {
        code: rng.gammavariate(6, 1) * math.sqrt(len(villages)) for code, villages in by_kecamatan.items()
    }
    if _ENGGANO in weight and len(weight) > 1:
        others = sum(value for code, value in weight.items() if code != _ENGGANO)
        weight[_ENGGANO] = others * _ENGGANO_SHARE / (1 - _ENGGANO_SHARE)
    weights = []
    for place in places:
        village = rng.gammavariate(3, 1)
        weights.append((place, weight[place.kecamatan_code], village))
    inside: dict[str, float] = defaultdict(float)
    for place, _, village in weights:
        inside[place.kecamatan_code] += village
    return rng.choices(
        [place for place, _, _ in weights],
        [kecamatan * village / inside[place.kecamatan_code] for place, kecamatan, village in weights],
        k=households,
    )


def household(rng: Random, numbers: Numbers, place: Place, start: date) -> SimHousehold:
    births = _births(rng, start)
    waits = _waiting(rng, births, start)
    wed = min(births) - timedelta(days=rng.randrange(30, 900))
    region = place.code.replace(".", "")[:6]
    return SimHousehold(
        kk=numbers.sixteen(f"{region}{wed:%d%m%y}"),
        place=place,
        hamlet=rng.choice(names.HAMLETS),
        mother=_name(rng, names.MOTHERS, names.MOTHERS_SECOND),
        father=_name(rng, names.FATHERS, names.FATHERS_SECOND),
        children=tuple(
            _child(rng, numbers, region, birth, index in waits, start) for index, birth in enumerate(births)
        ),
    )


def _births(rng: Random, start: date) -> list[date]:
    """Birth dates of one to four siblings, youngest first, all below seventeen on the start."""
    size = rng.choices((1, 2, 3, 4), _FAMILY_SIZES)[0]
    gaps = [rng.uniform(1.3, 4.5) for _ in range(size - 1)]
    room = 16.95 - sum(gaps)
    youngest = rng.uniform(0, room)
    turn = rng.random()  # some more of those who are about to cross an age that matters
    if size == 1 and turn < 0.12:
        youngest = rng.uniform(*((0.0, 0.15), (4.84, 4.99), (16.5, 16.95))[int(turn / 0.04)])
    ages = [youngest]
    for gap in gaps:
        ages.append(ages[-1] + gap)
    return [start - timedelta(days=max(2, int(age * 365.25))) for age in ages]


def _waiting(rng: Random, births: Sequence[date], start: date) -> frozenset[int]:
    """Which children's cards are printed and wait. A card is printed for somebody who was of its age a while ago."""
    able = [index for index, birth in enumerate(births) if _earliest_print(birth, start) < start - timedelta(days=10)]
    if not able or rng.random() >= _WITH_PRINTED:
        return frozenset()
    first = rng.choice(able)
    return frozenset(index for index in able if index == first or rng.random() < _SIBLING_PRINTED)


def _earliest_print(birth: date, start: date) -> date:
    """The first day on which the kind of card due at the start could be printed."""
    fifth = birthday(birth, 5)
    begins = fifth if fifth <= start else birth
    return max(begins, _KIA_SINCE) + timedelta(days=7)


def _child(rng: Random, numbers: Numbers, region: str, birth: date, waits: bool, start: date) -> SimChild:
    sex = "L" if rng.random() < 0.51 else "P"
    first, second = (names.BOYS, names.BOYS_SECOND) if sex == "L" else (names.GIRLS, names.GIRLS_SECOND)
    status = CardStatus.PRINTED if waits else _other_status(rng, birth, start)
    applied, printed, collected = _dates(rng, status, birth, start)
    return SimChild(
        nik=numbers.sixteen(f"{region}{birth.day + (40 if sex == 'P' else 0):02}{birth:%m%y}"),
        name=_name(rng, first, second),
        sex=sex,
        born=birth,
        status=status,
        applied_on=applied,
        printed_on=printed,
        collected_on=collected,
        defect=rng.choice(DEFECTS) if rng.random() < _DEFECT_SHARE else "",
    )


def _other_status(rng: Random, birth: date, start: date) -> CardStatus:
    table = _UNDER_FIVE if birthday(birth, 5) > start else _FROM_FIVE
    status = rng.choices([status for status, _ in table], [chance for _, chance in table])[0]
    began = _earliest_print(birth, start) if status is not CardStatus.EXPIRED else max(birth, _KIA_SINCE)
    ends = start if status is not CardStatus.EXPIRED else birthday(birth, 5)
    # too young for it, or five before there were cards
    return status if began < ends - timedelta(days=30) else CardStatus.NOT_REGISTERED


def _dates(rng: Random, status: CardStatus, birth: date, start: date) -> tuple[date | None, date | None, date | None]:
    """When the card was applied for, printed and collected, as far as it has come."""
    if status is CardStatus.NOT_REGISTERED:
        return None, None, None
    earliest, latest = _earliest_print(birth, start), start - timedelta(days=3)
    if status is CardStatus.EXPIRED:
        earliest, latest = max(birth, _KIA_SINCE) + timedelta(days=7), birthday(birth, 5) - timedelta(days=3)
    if status not in (CardStatus.PRINTED, CardStatus.COLLECTED, CardStatus.EXPIRED):
        return max(earliest - timedelta(days=6), latest - timedelta(days=rng.randrange(60))), None, None
    span = (latest - earliest).days
    printed = latest - timedelta(days=min(span, int(rng.expovariate(1 / 150))))
    applied = printed - timedelta(days=rng.randrange(1, 7))
    if status is CardStatus.PRINTED:
        return applied, printed, None
    return applied, printed, min(latest, printed + timedelta(days=rng.randrange(60)))


def _name(rng: Random, first: Sequence[str], second: Sequence[str]) -> str:
    """In capitals; mostly two words, sometimes three or, as in older records, one."""
    words = [rng.choice(first), *rng.sample(second, rng.choices((0, 1, 2), (0.04, 0.86, 0.10))[0])]
    return " ".join(words).upper()


# ------------------------------------------------------------------------------------------------------------------ phones


def with_phones(rng: Random, numbers: Numbers, homes: Sequence[SimHousehold]) -> list[SimHousehold]:
    """78 % have a phone of their own, 7 % share one with a neighbour, 3 % have only their kadus's, 12 % none."""
    found = list(homes)
    by_village: dict[str, list[int]] = defaultdict(list)
    for index, home in enumerate(found):
        by_village[home.place.code].append(index)
    kadus = _kadus_groups(rng, list(by_village.values()), round(_KADUS * len(found)))
    for group in kadus:
        device = _device(rng, numbers)
        for index in group:
            found[index] = replace(found[index], device=device, phone_use="kadus")
    left = 1 - _KADUS
    for members in by_village.values():
        lenders: list[int] = []  # whose phone a neighbour may use as well
        for index in members:
            if found[index].phone_use == "kadus":
                continue
            turn = rng.random() * left
            if turn < _NO_PHONE:
                continue
            if turn < _NO_PHONE + _SHARE_PAIRS and lenders:
                lender = lenders.pop(rng.randrange(len(lenders)))
                found[lender] = replace(found[lender], phone_use="shared")
                found[index] = replace(found[index], device=found[lender].device, phone_use="shared")
            else:
                found[index] = replace(found[index], device=_device(rng, numbers), phone_use="own")
                lenders.append(index)
    return found


def _kadus_groups(rng: Random, villages: Sequence[Sequence[int]], wanted: int) -> list[list[int]]:
    """Groups of four to seven families of one village, together `wanted` or a few more; none in a tiny district."""
    groups: list[list[int]] = []
    taken = 0
    for village in rng.sample(villages, len(villages)):
        size = rng.randint(4, 7)
        if taken >= wanted or wanted < 4:
            break
        if len(village) > size:
            groups.append(rng.sample(village, size))
            taken += size
    return groups


def _device(rng: Random, numbers: Numbers) -> Device:
    telegram, whatsapp, silent = rng.random() < _TELEGRAM, rng.random() < _WHATSAPP, rng.random() < _SILENT
    blocks_bot = telegram and rng.random() < _BLOCKS_BOT
    reply = ""
    if (whatsapp or (telegram and not blocks_bot)) and not silent:  # an SMS cannot be answered
        turn = rng.random()
        for chance, texts in _REPLIES:
            if turn < chance:
                reply = rng.choice(texts)
                break
            turn -= chance
    return Device(
        phone=numbers.phone(),
        whatsapp=whatsapp,
        reads=rng.random() < _READS,
        silent=silent,
        chat_id=numbers.chat_id() if telegram else "",
        blocks_bot=blocks_bot,
        reply=reply,
        reply_after=timedelta(minutes=round(rng.uniform(2, 600))),
    )
