"""What a text is filled with: the family's names and village, and what the office said. On the hot path of sending."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from babel.dates import format_date
from sqlmodel import Session, col, select

from broadcaster.domain.card import Occasion, photo_background
from broadcaster.domain.dates import indonesian_date
from broadcaster.domain.people import birthday, display_name, first_name
from broadcaster.errors import NotFound
from broadcaster.office.queries import facts
from broadcaster.rendering.catalogue import Catalogue, variables
from broadcaster.rendering.rules import join_names, sayable, tidy
from broadcaster.storage.database import plain
from broadcaster.storage.rows import Rows, gather
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Child

#: Variable -> text; every variable of the catalogue is there, an unknown value is the empty text.
Values = Mapping[str, str]

#: The birthday an occasion is about, in years.
_BIRTHDAY: Mapping[str, int] = {
    Occasion.TURNING_FIVE: 5,
    Occasion.EXPIRED_AT_FIVE: 5,
    Occasion.TURNING_SEVENTEEN: 17,
}


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

    Seven queries whatever the number of messages; each sealed name is opened once.
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
    catalogue, said = variables(), facts(session)
    homes = _homes(session, {family.household_id for family in families}, catalogue["desa"].fallback)
    people = _People.load(session, sealer, families, homes)
    places = {"", *(home.capacity_place for home in homes.values())}
    office = {place: _of_office(catalogue, said, place) for place in places}
    visits = _visits(session, today)
    return [
        _values(catalogue, family, homes.get(family.household_id), people, office, visits, today) for family in families
    ]


@dataclass(frozen=True)
class Imagined:
    """A family that is in no register, for samples. `children`: name as a register writes it, birth, occasion."""

    village: str  # as a text says it, "Desa Malakoni"
    capacity_place: str
    parent: str
    children: tuple[tuple[str, date, str], ...]
    shared: bool = False


def values_of_imagined(session: Session, family: Imagined, today: date) -> Values:
    """What a text to this family would be filled with, by the same rules and with what the office said.

    An imagined village is visited as the catalogue's examples say.
    """
    catalogue = variables()
    household, telephone, village_code = 0, b"sample", ""
    numbered = list(enumerate(family.children))
    people = _People(
        parents={household: [(0, _parent_name(family.parent))]},
        children={number: _Young(_child_name(name), birth) for number, (name, birth, _) in numbered},
        owners={},
        shared={telephone} if family.shared else set(),
    )
    home = _Home((household,), family.village, family.capacity_place, village_code)
    written_to = Family(household, tuple((number, occasion) for number, (_, _, occasion) in numbered), telephone)
    office = {family.capacity_place: _of_office(catalogue, facts(session), family.capacity_place)}
    visit = {name: variable.example for name, variable in catalogue.items() if variable.source == "visit"}
    return _values(catalogue, written_to, home, people, office, {village_code: visit}, today)


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
    catalogue = variables()
    homes = {} if household_id is None else _homes(session, [household_id], catalogue["desa"].fallback)
    home = homes.get(household_id or 0)
    return _of_office(catalogue, facts(session), home.capacity_place if home else "")


@dataclass(frozen=True)
class _Home:
    ids: tuple[int, ...]  # the household, and the one it was merged into
    village: str
    capacity_place: str
    village_code: str


def _homes(session: Session, household_ids: Collection[int], no_village: str) -> dict[int, _Home]:
    homes: dict[int, _Home] = {}
    rows = _rows(
        session,
        "SELECT h.id, h.alias_of, v.kind, v.name, v.capacity_place, v.code FROM w JOIN household h ON h.id = w.asked"
        " LEFT JOIN village v ON v.id = h.village_id",
        "id alias_of kind name capacity_place code",
        sorted(household_ids),
    )
    for own, alias_of, kind, name, capacity_place, code in rows:
        ids = (own,) if alias_of is None else (own, alias_of)
        if kind is None:
            homes[own] = _Home(ids, no_village, "", "")
        else:
            homes[own] = _Home(ids, f"{kind.capitalize()} {name}", capacity_place, code)
    return homes


def _visits(session: Session, today: date) -> dict[str, Values]:
    """The next visit to each village that has one, from `today` on, by the village's code."""
    rows = gather(
        plain(session),
        "SELECT village_code, on_date, place, hours FROM service_visit WHERE on_date >= :today",
        "village_code on_date place hours",
        parameters={"today": today.isoformat()},
    )
    return {
        code: {"keliling_tanggal": _weekday(_day(on)), "keliling_tempat": place, "keliling_jam": hours}
        for code, on, place, hours in sorted(rows, key=lambda row: row[1], reverse=True)
    }


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
            parents[household_id].append((guardian_id, _parent_name(sealer.open("name", sealed))))
        young = _rows(
            session,
            "SELECT c.id, c.sealed_name, c.birth_date FROM w JOIN child c ON c.id = w.asked WHERE c.excluded = ''",
            "id sealed_name* birth_date",
            sorted({child_id for family in families for child_id, _ in family.children}),
        )
        children = {
            child_id: _Young(_child_name(sealer.open("name", sealed)), _day(birth)) for child_id, sealed, birth in young
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


def _parent_name(raw: str) -> str:
    return sayable(display_name(raw))


def _child_name(raw: str) -> str:
    return sayable(first_name(raw))


def _day(stored: date | str) -> date:
    """A day as the driver gives it: PostgreSQL's is a day, SQLite's a text."""
    return stored if isinstance(stored, date) else date.fromisoformat(stored)


def _values(
    catalogue: Catalogue,
    family: Family,
    home: _Home | None,
    people: _People,
    office: Mapping[str, Values],
    visits: Mapping[str, Values],
    today: date,
) -> dict[str, str]:
    values = dict(office[home.capacity_place if home else ""])
    shared = family.address_blind in people.shared
    lines = [
        (people.children[child_id], occasion)
        for child_id, occasion in dict(family.children).items()
        if child_id in people.children
    ]
    if len(lines) > 1:
        lines.sort(key=lambda line: line[0].birth)
    parent = "" if shared else people.parent(family, home)
    names = [] if shared else [child.name for child, _ in lines if child.name]
    named = len(names) == len(lines)
    values["ortu"] = tidy(f"Bapak/Ibu {parent}") if parent else catalogue["ortu"].fallback
    if lines:
        # a child without a name in the register is spoken of as on a shared telephone
        values["anak"] = tidy(join_names(names)) if named else catalogue["anak"].fallback
    values["desa"] = tidy(home.village) if home else catalogue["desa"].fallback
    values["tanggal"] = _birthday_spoken_of(lines, today)
    values["latar"] = tidy(_backgrounds(lines, catalogue["latar"].fallback, named=named))
    if home and visits:
        values.update(visits.get(home.village_code, {}))
    return values


def _of_office(catalogue: Catalogue, said: Mapping[str, str], capacity_place: str) -> dict[str, str]:
    values = {name: tidy(said.get(variable.fact, "")) for name, variable in catalogue.items()}
    own = f"{catalogue['tempat'].fact}.{capacity_place}"
    if own in said:
        # where a counter has its own fact, an empty one stays empty: nobody is sent to the wrong island
        values["tempat"] = tidy(said[own])
    values["nomor_wa"] = values["nomor_wa"].replace("-", "")  # two signs less in an SMS
    return values


def _birthday_spoken_of(lines: Sequence[tuple[_Young, str]], today: date) -> str:
    """Of the child the text is about: the next such birthday; when all are over, the last."""
    if len(lines) == 1:
        child, occasion = lines[0]
        return _birthday_in_words(child.birth, occasion)
    concerned = [line for line in lines if line[1] in _BIRTHDAY] or lines
    days = sorted(_birthday_of(child.birth, occasion) for child, occasion in concerned)
    return indonesian_date(next((day for day in days if day >= today), days[-1])) if days else ""


def _birthday_of(birth: date, occasion: str) -> date:
    return birthday(birth, _BIRTHDAY.get(occasion, 5))


@lru_cache(maxsize=4096)
def _birthday_in_words(birth: date, occasion: str) -> str:
    return indonesian_date(_birthday_of(birth, occasion))


@lru_cache(maxsize=512)
def _weekday(day: date) -> str:
    """`Kamis, 26 November 2026`: a family plans a visit by the day of the week."""
    return format_date(day, "EEEE, d MMMM y", locale="id")


def _backgrounds(lines: Sequence[tuple[_Young, str]], unnamed: str, *, named: bool) -> str:
    """`merah`, or for children who differ `merah untuk Rizki, biru untuk Siti`; `unnamed` where no name may be said."""
    if len(lines) == 1:
        return photo_background(lines[0][0].birth)
    colours: dict[str, list[str]] = {}
    for child, _ in lines:
        colours.setdefault(photo_background(child.birth), []).append(child.name)
    if len(colours) < 2:
        return "".join(colours)
    if not named:
        return unnamed
    return ", ".join(f"{colour} untuk {join_names(names)}" for colour, names in colours.items())
