"""What the register holds about the people in a file, and what an import would write: values for the planning. Pure.

Households and children that do not exist yet are numbered -1, -2, ... within their block until they are written.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from broadcaster.domain.card import CardKind
from broadcaster.domain.phone import mask
from broadcaster.registry.card_rules import CardState, Event
from broadcaster.registry.households import Held
from broadcaster.registry.problems import Conflict, Problem

Fate = Literal["unchanged", "changed", "new", "rejected"]
PHONE_CHANNELS = ("whatsapp", "sms")  # a number is an address on both
RISING: tuple[Fate, ...] = ("unchanged", "changed", "new", "rejected")


@dataclass(slots=True, repr=False)
class Keyed:
    """A good row with the blind indexes of its numbers. As small as can be: a district's file makes 300,000 of them.

    A NIK and a phone stand here as whole numbers (they are stored, sealed, when they are new); a No KK only as its index.
    """

    number: int  # as the office sees the row
    nik: bytes | None
    kk: bytes | None
    phones: tuple[bytes, ...]
    addresses: tuple[int, ...]  # E.164 without the plus, beside `phones`
    nik_digits: int  # 0 = none
    kk_end: int  # the last two digits of the No KK, to point at it
    name: str
    sex: str
    birth: date | None
    village: str  # Kemendagri code
    guardian: str
    guardian_rank: int  # lower = better, see rules.Row
    parents: str  # both parents, folded; only where there is no No KK
    excluded: str
    events: tuple[Event, ...]

    def shown(self, position: int) -> str:
        """A phone, masked."""
        return mask(f"+{self.addresses[position]}")

    def without(self, phones: frozenset[Hashable]) -> Keyed:
        """The same row without those phones."""
        left = [position for position, phone in enumerate(self.phones) if phone not in phones]
        self.addresses = tuple(self.addresses[position] for position in left)
        self.phones = tuple(self.phones[position] for position in left)
        return self


@dataclass(slots=True, repr=False)
class KnownChild:
    id: int
    household: int
    name: str
    birth: date
    sex: str
    excluded: str
    cards: dict[CardKind, CardState]
    card_ids: dict[CardKind, int]


@dataclass(frozen=True, slots=True, repr=False)
class KnownGuardian:
    id: int
    name: str
    addresses: frozenset[tuple[str, bytes]]  # channel, index


@dataclass(frozen=True, repr=False)
class Homes:
    """Which registered household the children, families and numbers of a whole file are in."""

    of_child: Mapping[bytes, int] = field(default_factory=dict)
    of_kk: Mapping[bytes, int] = field(default_factory=dict)
    held: Held = field(default_factory=Held)


@dataclass(frozen=True, repr=False)
class Known:
    """What the register holds about the people of one block."""

    children: dict[bytes, KnownChild] = field(default_factory=dict)
    guardians: Mapping[int, tuple[KnownGuardian, ...]] = field(default_factory=dict)  # by household, oldest first
    village_of: Mapping[int, str] = field(default_factory=dict)  # household -> code, "" unknown


@dataclass(frozen=True, slots=True, repr=False)
class NewHousehold:
    key: bytes  # what it is named after, see household_key_of
    village: str  # code
    guardian: str


@dataclass(frozen=True, slots=True, repr=False)
class NewChild:
    household: int
    row: Keyed
    excluded: str


@dataclass(frozen=True, slots=True)
class NewCard:
    child: int
    kind: CardKind
    state: CardState
    events: list[Event]


@dataclass(frozen=True, slots=True, repr=False)
class NewContact:
    household: int
    channel: str
    address: int  # E.164 without the plus
    blind: bytes
    shared: bool


@dataclass(repr=False)
class Plan:
    """What one block of a file writes, table by table. Blocks share no household and no child."""

    fates: bytearray  # of the whole file, by position: indexes of `RISING`
    households: list[NewHousehold] = field(default_factory=list)  # -1 is the first
    merges: list[tuple[int, int]] = field(default_factory=list)  # gone, kept
    kks: dict[bytes, int] = field(default_factory=dict)  # new No KK -> household
    villages: dict[int, str] = field(default_factory=dict)  # registered household -> new village
    guardians: dict[int, str] = field(default_factory=dict)  # guardian -> the name it lacked
    children: list[NewChild] = field(default_factory=list)  # -1 is the first
    changed_children: dict[int, dict[str, object]] = field(
        default_factory=dict
    )  # id -> values by column; name in the clear
    cards: list[NewCard] = field(default_factory=list)
    moved_cards: dict[int, CardState] = field(default_factory=dict)
    events: list[tuple[int, Event]] = field(default_factory=list)  # of cards that are there already
    denied: list[tuple[int, str]] = field(default_factory=list)  # card, status: recorded steps that never were
    contacts: list[NewContact] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    renamed: int = 0  # registered children whose name or birth date would change
    touched: set[int] = field(default_factory=set)  # registered households something known changes in

    def rise(self, position: int, fate: Fate) -> None:
        """A row comes to the most that happens to it."""
        height = RISING.index(fate)
        if height > self.fates[position]:
            self.fates[position] = height

    def reject(self, position: int, found: Problem) -> None:
        self.problems.append(found)
        self.fates[position] = RISING.index("rejected")
