"""Who belongs together: the connected components of No KK and personal phone (docs/import.md). Pure.

A number that more than three families use is nobody's personal phone: it joins nobody. What was joined stays joined.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

#: A phone of more families than this is a kadus's, an officer's or a shop's, not personal.
SHARED_ABOVE = 3
_NONE: frozenset[int] = frozenset()


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
        if self.child_home is None and self.kk_home is None:
            return _NONE
        return frozenset(home for home in (self.child_home, self.kk_home) if home is not None)


@dataclass(frozen=True, slots=True)
class Held:
    """What the register knows about the numbers in the file."""

    phone_homes: Mapping[bytes, Collection[int]] = field(default_factory=dict)
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
    numbers: dict[Hashable, int] = {}
    family_of = array("q", (numbers.setdefault(one.family, len(numbers)) for one in evidence))
    doubtful = {index for index, one in enumerate(evidence) if len(one.homes) > 1}
    while True:
        joined = _Joined(evidence, family_of, len(numbers), doubtful, held)
        settled = {index for index in doubtful if joined.meet(evidence[index].homes)}
        if not settled:
            return Grouping(joined.groups(), joined.shared, frozenset(doubtful), joined.users)
        doubtful -= settled


class _Joined:
    """The components over all rows but the doubtful ones. Nodes are numbers: the families first, then the homes."""

    def __init__(
        self, evidence: Sequence[Evidence], family_of: array[int], families: int, doubtful: set[int], held: Held
    ) -> None:
        self._family_of, self._doubtful = family_of, doubtful
        self._union = _Union(families)
        self._homes: dict[int, int] = {}  # registered household -> node
        homes_of: dict[int, set[int]] = {}  # family -> the registered households it is in
        child_in: dict[bytes, int] = {}
        users_of: dict[bytes, set[int] | int] = {}  # phone -> the families that use it; mostly one
        for index, one in enumerate(evidence):
            if index in doubtful:
                continue
            family = family_of[index]
            if one.child is not None and (first := child_in.setdefault(one.child, family)) != family:
                self._union.join(first, family)
            for home in one.homes:
                self._union.join(family, self._home(home))
                homes_of.setdefault(family, set()).add(home)
            for phone in one.phones:
                seen = users_of.setdefault(phone, family)
                if isinstance(seen, set):
                    seen.add(family)
                elif seen != family:
                    users_of[phone] = {seen, family}
        self.users = {phone: _count(_each(users), homes_of, phone, held) for phone, users in users_of.items()}
        self.shared = frozenset(
            phone for phone, count in self.users.items() if count > SHARED_ABOVE or phone in held.shared
        )
        for phone, users in users_of.items():
            if phone not in self.shared:
                nodes = [*_each(users), *(self._home(home) for home in held.phone_homes.get(phone, ()))]
                for node in nodes[1:]:
                    self._union.join(nodes[0], node)

    def _home(self, home: int) -> int:
        node = self._homes.get(home)
        if node is None:
            node = self._homes[home] = self._union.another()
        return node

    def meet(self, homes: Iterable[int]) -> bool:
        return len({self._union.find(self._home(home)) for home in homes}) == 1

    def groups(self) -> tuple[Group, ...]:
        homes: dict[int, list[int]] = {}
        for home, node in self._homes.items():
            homes.setdefault(self._union.find(node), []).append(home)
        rows: dict[int, list[int]] = {}
        for index, family in enumerate(self._family_of):
            if index not in self._doubtful:
                rows.setdefault(self._union.find(family), []).append(index)
        return tuple(Group(tuple(some), tuple(sorted(homes.get(root, ())))) for root, some in rows.items())


def _each(users: set[int] | int) -> Collection[int]:
    return users if isinstance(users, set) else (users,)


def _count(users: Collection[int], homes_of: Mapping[int, set[int]], phone: bytes, held: Held) -> int:
    """How many families use a phone; `homes_of`: each family's registered households. Exact within the file.

    The register knows which household has the number, not which of its No KK: when a new family comes to it, all of
    them are counted, so that a number cannot gather family after family by small files.
    """
    homes = held.phone_homes.get(phone)
    if not homes:
        return len(users)
    inside = Counter(home for user in users for home in homes_of.get(user, ()) if home in homes)
    if all(any(home in homes for home in homes_of.get(user, ())) for user in users):
        return max(len(users), len(homes))
    return len(users) + sum(max(0, max(1, held.kks.get(home, 1)) - inside[home]) for home in homes)


class _Union:
    """Disjoint sets of numbers, with path halving and union by size."""

    def __init__(self, count: int) -> None:
        self._parent = array("q", range(count))
        self._size = array("q", [1]) * count

    def another(self) -> int:
        self._parent.append(len(self._parent))
        self._size.append(1)
        return len(self._parent) - 1

    def find(self, number: int) -> int:
        parent = self._parent
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    def join(self, one: int, other: int) -> None:
        a, b = self.find(one), self.find(other)
        if a == b:
            return
        if self._size[a] < self._size[b]:
            a, b = b, a
        self._parent[b] = a
        self._size[a] += self._size[b]


def household_key_of(kks: Iterable[bytes], children: Iterable[bytes]) -> bytes:
    """What a new household is named after: its smallest No KK index, else its smallest child's."""
    return min(kks, default=None) or min(children)
