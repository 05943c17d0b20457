"""Who belongs together: the connected components of No KK and personal phone (docs/import.md). Pure.

A number that more than three families use is nobody's personal phone: it joins nobody. What was joined stays joined.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: A phone of more families than this is a kadus's, an officer's or a shop's, not personal.
SHARED_ABOVE = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one row says about a household. Numbers are blind indexes; homes are ids of households in the register."""

    family: Hashable  # the No KK's index; without one, what stands for it
    child: bytes | None = None  # None in a file of phones
    child_home: int | None = None
    kk_home: int | None = None
    phones: tuple[bytes, ...] = ()

    @property
    def homes(self) -> frozenset[int]:
        return frozenset(home for home in (self.child_home, self.kk_home) if home is not None)


@dataclass(frozen=True, slots=True)
class Held:
    """What the register knows about the numbers in the file."""

    phone_homes: Mapping[bytes, frozenset[int]] = field(default_factory=dict)
    shared: frozenset[bytes] = frozenset()
    kks: Mapping[int, int] = field(default_factory=dict)  # household -> how many No KK it has


@dataclass(frozen=True, slots=True)
class Group:
    """One household after the file: its rows (positions in the evidence), and the registered households in it."""

    rows: tuple[int, ...]
    homes: tuple[int, ...]  # oldest first; more than one = they are merged into the first


@dataclass(frozen=True, slots=True)
class Grouping:
    groups: tuple[Group, ...]
    shared: frozenset[bytes]  # phones that are nobody's, now or since earlier
    clashes: frozenset[int]  # rows whose child lives in another registered household than their No KK
    users: Mapping[bytes, int]  # phone -> how many families use it


def group(evidence: Sequence[Evidence], held: Held) -> Grouping:
    """Join rows and registered households. The order of the rows does not matter.

    A row that names a registered child under the No KK of another registered household joins them only when something
    else does: one wrong digit must not show one family's children to another.
    """
    doubtful = {index for index, one in enumerate(evidence) if len(one.homes) > 1}
    while True:
        accepted = [index for index in range(len(evidence)) if index not in doubtful]
        union, shared, users = _join(evidence, accepted, held)
        settled = {
            index for index in doubtful if len({union.find(("home", home)) for home in evidence[index].homes}) == 1
        }
        if not settled:
            return Grouping(_groups(accepted, union), shared, frozenset(doubtful), users)
        doubtful -= settled


def _join(
    evidence: Sequence[Evidence], accepted: Iterable[int], held: Held
) -> tuple[_Union, frozenset[bytes], Mapping[bytes, int]]:
    union = _Union()
    homes_of: dict[Hashable, set[int]] = defaultdict(set)  # family -> the registered households it is in
    families: dict[bytes, set[Hashable]] = defaultdict(set)  # phone -> the families that use it
    for index in accepted:
        one = evidence[index]
        row = ("row", index)
        union.join(row, ("family", one.family))
        if one.child is not None:
            union.join(row, ("child", one.child))
        for home in one.homes:
            union.join(row, ("home", home))
            homes_of[one.family].add(home)
        for phone in one.phones:
            families[phone].add(one.family)
    users = {
        phone: _count([homes_of[family] for family in users_of], phone, held) for phone, users_of in families.items()
    }
    shared = frozenset(phone for phone, count in users.items() if count > SHARED_ABOVE or phone in held.shared)
    for phone, users_of in families.items():
        if phone not in shared:
            for family in users_of:
                union.join(("phone", phone), ("family", family))
            for home in held.phone_homes.get(phone, ()):
                union.join(("phone", phone), ("home", home))
    return union, shared, users


def _count(users: Sequence[set[int]], phone: bytes, held: Held) -> int:
    """How many families use a phone; `users`: the registered households of each family in the file. Exact within the file.

    The register knows which household has the number, not which of its No KK: when a new family comes to it, all of
    them are counted, so that a number cannot gather family after family by small files.
    """
    homes = held.phone_homes.get(phone, frozenset())
    if homes and all(homes & user for user in users):
        return max(len(users), len(homes))
    inside = Counter(home for user in users for home in homes & user)
    return len(users) + sum(max(0, max(1, held.kks.get(home, 1)) - inside[home]) for home in homes)


def _groups(accepted: Iterable[int], union: _Union) -> tuple[Group, ...]:
    rows: dict[int, list[int]] = defaultdict(list)
    for index in accepted:
        rows[union.find(("row", index))].append(index)
    homes: dict[int, set[int]] = defaultdict(set)
    for kind, home in union.members():
        if kind == "home" and isinstance(home, int):
            homes[union.find((kind, home))].add(home)
    return tuple(Group(tuple(some), tuple(sorted(homes.get(root, ())))) for root, some in rows.items())


Node = tuple[str, Hashable]


class _Union:
    """Disjoint sets of nodes, with path halving and union by size."""

    def __init__(self) -> None:
        self._number: dict[Node, int] = {}
        self._parent: list[int] = []
        self._size: list[int] = []

    def find(self, node: Node) -> int:
        number = self._number.get(node)
        if number is None:
            number = self._number[node] = len(self._parent)
            self._parent.append(number)
            self._size.append(1)
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def join(self, one: Node, other: Node) -> None:
        a, b = self.find(one), self.find(other)
        if a == b:
            return
        if self._size[a] < self._size[b]:
            a, b = b, a
        self._parent[b] = a
        self._size[a] += self._size[b]

    def members(self) -> Iterable[Node]:
        return self._number.keys()


def household_key_of(kks: Iterable[bytes], children: Iterable[bytes]) -> bytes:
    """What a new household is named after: its smallest No KK index, else its smallest child's."""
    return min(kks, default=None) or min(children)
