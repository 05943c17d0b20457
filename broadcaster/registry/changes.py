"""What the register holds about the people in a file, and what an import would write: values for the planning. Pure.

Households and children that do not exist yet are numbered -1, -2, ... until they are written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from broadcaster.domain.card import CardKind
from broadcaster.registry.card_rules import CardState, Event
from broadcaster.registry.households import Held
from broadcaster.registry.problems import Conflict, Problem
from broadcaster.registry.rules import Row

Fate = Literal["unchanged", "changed", "new", "rejected"]
PHONE_CHANNELS = ("whatsapp", "sms")  # a number is an address on both
_RISING: tuple[Fate, ...] = ("unchanged", "changed", "new", "rejected")


@dataclass(frozen=True, slots=True, repr=False)
class Keyed:
    """A row with the blind indexes of its numbers."""

    row: Row
    nik: bytes | None
    kk: bytes | None
    phones: tuple[bytes, ...]


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
class Known:
    """The part of the register that a file touches, by blind index."""

    children: dict[bytes, KnownChild] = field(default_factory=dict)
    home_of_kk: dict[bytes, int] = field(default_factory=dict)
    held: Held = field(default_factory=Held)
    guardians: dict[int, tuple[KnownGuardian, ...]] = field(default_factory=dict)  # by household, oldest first
    village_of: dict[int, str] = field(default_factory=dict)  # household -> code, "" unknown


@dataclass(frozen=True, slots=True, repr=False)
class NewHousehold:
    key: bytes  # what it is named after, see household_key_of
    village: str  # code
    guardian: str


@dataclass(frozen=True, slots=True, repr=False)
class NewChild:
    household: int
    nik: bytes
    row: Row
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
    address: str
    blind: bytes
    shared: bool


@dataclass(repr=False)
class Plan:
    """What to write, table by table, and the fate of every row (by its position among the rows)."""

    fates: list[Fate]
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
    contacts: list[NewContact] = field(default_factory=list)
    no_longer_personal: list[bytes] = field(default_factory=list)  # phones
    problems: list[Problem] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    phone_users: Mapping[bytes, int] = field(default_factory=dict)  # phone -> families
    shared: frozenset[bytes] = frozenset()
    renamed: int = 0  # registered children whose name or birth date would change

    def rise(self, position: int, fate: Fate) -> None:
        """A row comes to the most that happens to it."""
        if _RISING.index(fate) > _RISING.index(self.fates[position]):
            self.fates[position] = fate

    def reject(self, position: int, found: Problem) -> None:
        self.problems.append(found)
        self.fates[position] = "rejected"
