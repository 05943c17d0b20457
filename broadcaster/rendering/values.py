"""What a text is filled with: the family's names and village, and what the office said. On the hot path of sending."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from sqlmodel import Session, col, select

from broadcaster.domain.card import photo_background
from broadcaster.domain.dates import indonesian_date
from broadcaster.domain.people import birthday, display_name, first_name
from broadcaster.errors import NotFound
from broadcaster.office.queries import facts
from broadcaster.rendering.rules import FACT_OF, PLACEHOLDERS, join_names, tidy
from broadcaster.storage.database import plain
from broadcaster.storage.rows import Rows, gather
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Child

#: Placeholder -> text; every known placeholder is there, an unknown value is the empty text.
Values = Mapping[str, str]

#: How a family is addressed when its telephone is shared with others: no names.
SHARED_PARENT = "Bapak/Ibu"
SHARED_CHILD = "anak Bapak/Ibu"
#: Where a family lives when the register does not say.
NO_VILLAGE = "Kabupaten Bengkulu Utara"

_TURNS_FIVE = ("turning_five", "expired_at_five")


class Family(NamedTuple):
    """Whom a text is written to: a household at one address, about some of its children.

    `children`: (child id, occasion). `address_blind` empty = no telephone (the village officer's list).
    """

    household_id: int
    children: tuple[tuple[int, str], ...]
    address_blind: bytes = b""


def values_for(
    session: Session, sealer: Sealer, written_to: Mapping[int, tuple[int, bytes]], today: date
) -> dict[int, Values]:
    """What each message of the outbox is filled with, by message id. `written_to`: id -> household and address (blind index),
    the address empty on the village officer's list.

    Six queries whatever the number of messages; each sealed name is opened once.
    """
    plain(session).by_ids()
    children: dict[int, list[tuple[int, str]]] = defaultdict(list)
    lines = _rows(
        session,
        "SELECT l.id, l.message_id, l.child_id, l.occasion FROM w JOIN message_child l ON l.message_id = w.asked",
        "id message_id child_id occasion",
        list(written_to),
    )
    for _, message_id, child_id, occasion in sorted(lines):
        children[message_id].append((child_id, occasion))
    families = [
        Family(household_id, tuple(children[message_id]), address_blind)
        for message_id, (household_id, address_blind) in written_to.items()
    ]
    return dict(zip(written_to, values_of(session, sealer, families, today), strict=True))


def values_of(session: Session, sealer: Sealer, families: Sequence[Family], today: date) -> list[Values]:
    """What a text to each of `families` is filled with, in order: for sending, for samples and for previews alike."""
    said = facts(session)
    homes = _homes(session, {family.household_id for family in families})
    people = _People.load(session, sealer, families, homes)
    office = {place: _of_office(said, place) for place in {"", *(home.capacity_place for home in homes.values())}}
    return [_values(family, homes.get(family.household_id), people, office, today) for family in families]


def family_of(session: Session, household_id: int, occasion: str = "") -> Family:
    """A household with all its children, for a preview; raises `NotFound`."""
    children = session.exec(
        select(Child.id).where(Child.household_id == household_id, Child.excluded == "").order_by(col(Child.id))
    ).all()
    if not children:
        raise NotFound(f"Tidak ada keluarga nomor {household_id} dengan anak.", code="no_household")
    return Family(household_id, tuple((child or 0, occasion) for child in children))


def office_values(session: Session, household_id: int | None = None) -> dict[str, str]:
    """Office facts by placeholder, for an answer; with a household, the place is the one that serves it."""
    home = None if household_id is None else _homes(session, [household_id]).get(household_id)
    return _of_office(facts(session), home.capacity_place if home else "")


@dataclass(frozen=True)
class _Home:
    ids: tuple[int, ...]  # the household, and the one it was merged into
    village: str
    capacity_place: str


def _homes(session: Session, household_ids: Collection[int]) -> dict[int, _Home]:
    homes: dict[int, _Home] = {}
    rows = _rows(
        session,
        "SELECT h.id, h.alias_of, v.kind, v.name, v.capacity_place FROM w JOIN household h ON h.id = w.asked"
        " LEFT JOIN village v ON v.id = h.village_id",
        "id alias_of kind name capacity_place",
        sorted(household_ids),
    )
    for own, alias_of, kind, name, capacity_place in rows:
        ids = (own,) if alias_of is None else (own, alias_of)
        if kind is None:
            homes[own] = _Home(ids, NO_VILLAGE, "")
        else:
            homes[own] = _Home(ids, f"{kind.capitalize()} {name}", capacity_place)
    return homes


def _rows(
    session: Session, query: str, columns: str, asked: Sequence[int | bytes], kind: str = "bigint"
) -> list[list[Any]]:
    """The rows of a query over a table `w` with these values as `asked`. Plain rows: objects cost too much here."""
    if not asked:
        return []
    sql = plain(session)
    return gather(sql, query, columns, Rows(sql, {"asked": kind}, [(value,) for value in asked]))


class _Young(NamedTuple):
    name: str
    birth: date


@dataclass
class _People:
    """Parents and children of a batch, each name opened once."""

    parents: dict[int, list[tuple[int, str]]]  # household -> (guardian id, name), oldest row first
    children: dict[int, _Young]
    owners: dict[bytes, set[int]]  # address -> guardians
    shared: set[bytes]

    @classmethod
    def load(cls, session: Session, sealer: Sealer, families: Sequence[Family], homes: Mapping[int, _Home]) -> _People:
        households = {household_id for home in homes.values() for household_id in home.ids}
        parents: dict[int, list[tuple[int, str]]] = defaultdict(list)
        guardians = _rows(
            session,
            "SELECT g.id, g.household_id, g.sealed_name FROM w JOIN guardian g ON g.household_id = w.asked",
            "id household_id sealed_name*",
            sorted(households),
        )
        for guardian_id, household_id, sealed in sorted(guardians):
            parents[household_id].append((guardian_id, display_name(sealer.open("name", sealed))))
        young = _rows(
            session,
            "SELECT c.id, c.sealed_name, c.birth_date FROM w JOIN child c ON c.id = w.asked WHERE c.excluded = ''",
            "id sealed_name* birth_date",
            sorted({child_id for family in families for child_id, _ in family.children}),
        )
        children = {
            child_id: _Young(first_name(sealer.open("name", sealed)), _day(birth)) for child_id, sealed, birth in young
        }
        owners: dict[bytes, set[int]] = defaultdict(set)
        shared: set[bytes] = set()
        contacts = _rows(
            session,
            "SELECT k.address_blind, k.guardian_id, k.shared FROM w JOIN contact_point k ON k.address_blind = w.asked",
            "address_blind* guardian_id shared",
            sorted({family.address_blind for family in families if family.address_blind}),
            "bytea",
        )
        for blind, guardian_id, is_shared in contacts:
            owners[blind].add(guardian_id)
            if is_shared:
                shared.add(blind)
        return cls(parents, children, owners, shared)

    def parent(self, family: Family, home: _Home | None) -> str:
        """The name of whoever has this telephone, else of the household's first guardian; "" when nobody is known."""
        ids = home.ids if home is not None else (family.household_id,)
        known = [guardian for household_id in ids for guardian in self.parents.get(household_id, [])]
        owners = self.owners.get(family.address_blind, set())
        named = [name for guardian_id, name in known if guardian_id in owners] or [name for _, name in known]
        return next((name for name in named if name), "")


def _day(stored: date | str) -> date:
    """A day as the driver gives it: PostgreSQL's is a day, SQLite's a text."""
    return stored if isinstance(stored, date) else date.fromisoformat(stored)


def _values(
    family: Family, home: _Home | None, people: _People, office: Mapping[str, Values], today: date
) -> dict[str, str]:
    values = dict(office[home.capacity_place if home else ""])
    shared = family.address_blind in people.shared
    lines = list(
        {
            child_id: (people.children[child_id], occasion)
            for child_id, occasion in family.children
            if child_id in people.children
        }.values()
    )
    lines.sort(key=lambda line: line[0].birth)
    parent = "" if shared else people.parent(family, home)
    names = [] if shared else [child.name for child, _ in lines if child.name]
    values["ortu"] = tidy(f"Bapak/Ibu {parent}")
    # a child without a name in the register is spoken of as on a shared telephone
    values["anak"] = tidy(join_names(names)) if lines and len(names) == len(lines) else SHARED_CHILD if lines else ""
    values["desa"] = tidy(home.village) if home else NO_VILLAGE
    values["tanggal"] = _fifth_birthday(lines, today)
    values["latar"] = _backgrounds(lines, named=bool(names))
    return values


def _of_office(said: Mapping[str, str], capacity_place: str) -> dict[str, str]:
    values = {name: tidy(said.get(fact, "")) for name, fact in FACT_OF.items()}
    own = f"{FACT_OF['tempat']}.{capacity_place}"
    if own in said:
        # where a counter has its own fact, an empty one stays empty: nobody is sent to the wrong island
        values["tempat"] = tidy(said[own])
    values["nomor_wa"] = values["nomor_wa"].replace("-", "")  # two signs less in an SMS
    return dict.fromkeys(PLACEHOLDERS, "") | values


@lru_cache(maxsize=4096)
def _turns_five(birth: date) -> date:
    return birthday(birth, 5)


@lru_cache(maxsize=4096)
def _in_words(day: date) -> str:
    return indonesian_date(day)


def _fifth_birthday(lines: Sequence[tuple[_Young, str]], today: date) -> str:
    """Of the child the text is about: the next to turn five; when all have, the last who did."""
    if len(lines) == 1:
        return _in_words(_turns_five(lines[0][0].birth))
    concerned = [child for child, occasion in lines if occasion in _TURNS_FIVE] or [child for child, _ in lines]
    days = sorted(_turns_five(child.birth) for child in concerned)
    if not days:
        return ""
    return _in_words(next((day for day in days if day >= today), days[-1]))


def _backgrounds(lines: Sequence[tuple[_Young, str]], *, named: bool) -> str:
    """`merah`, or for children who differ `merah untuk Rizki, biru untuk Siti`."""
    if len(lines) == 1:
        return photo_background(lines[0][0].birth)
    colours: dict[str, list[str]] = {}
    for child, _ in lines:
        colours.setdefault(photo_background(child.birth), []).append(child.name)
    if len(colours) < 2:
        return "".join(colours)
    if not named:
        return "merah untuk tahun lahir ganjil, biru untuk tahun lahir genap"
    return ", ".join(f"{colour} untuk {join_names(names)}" for colour, names in colours.items())
