"""What village officers see of their village, and what staff see of their links and reports. Read only."""

from __future__ import annotations

import hmac
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from rapidfuzz import process
from sqlmodel import Session, col, select

from broadcaster.domain.people import display_name, first_name
from broadcaster.errors import NotFound
from broadcaster.office.queries import facts, token_hash
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Child, Guardian, Household, OfficerLink, Tick, Village
from broadcaster.village.households import Home, homes_of, ids_of, noted
from broadcaster.village.rules import LEAVE, REASONS, TICKS, Reason, TickKind, is_held, newest, offered, reasons
from broadcaster.village.sayings import sayings

#: How a family is named whose guardian the register does not know.
NOBODY = "Nama orang tua belum tercatat"
_MOST_PARENTS = 2


@dataclass(frozen=True)
class Note:
    """A tick as it is shown."""

    kind: TickKind
    label: str
    at: datetime  # aware UTC


@dataclass(frozen=True)
class Line:
    """One family. No number, no birth date: its parents' names, its children's first names, and what to say."""

    household_id: int
    parent: str
    children: tuple[str, ...]
    reasons: tuple[Reason, ...]
    say: str
    note: Note | None
    offered: tuple[TickKind, ...]

    @property
    def why(self) -> tuple[str, ...]:
        """The reasons in sentences."""
        return tuple(REASONS[reason] for reason in self.reasons)

    @property
    def open(self) -> bool:
        """Whether the officer still has to go there."""
        return self.note is None or self.note.kind is TickKind.NOT_MET

    @property
    def done(self) -> bool:
        """Whether the visit went well: a grief or a refusal is noted, not ticked off."""
        return self.note is not None and not self.open and not TICKS[self.note.kind].staff


@dataclass(frozen=True)
class VillageList:
    """One village's families, by their parents' names. `waiting`: how many the lot still holds back; officers never see it."""

    code: str
    name: str  # "Desa Lubuk Mumpo"
    kecamatan: str
    office: str
    on: date
    lines: tuple[Line, ...]
    waiting: int


@dataclass(frozen=True)
class Opened:
    """A link whose token is known and which is neither over nor revoked."""

    id: int
    village_id: int
    village: str
    made_at: datetime
    session_key: str  # what a signed-in telephone proves to know


@dataclass(frozen=True)
class LinkLine:
    id: int
    code: str
    village: str
    state: str  # valid | expired | revoked | locked
    created_by: str
    created_at: datetime
    expires_at: datetime
    opened_at: datetime | None


@dataclass(frozen=True)
class Report:
    """Something an officer noted that staff must look at: the newest note of its household, and nobody decided yet."""

    tick_id: int
    household_id: int
    code: str
    village: str
    parent: str
    children: tuple[str, ...]
    kind: TickKind
    label: str
    said_at: datetime


def village_of(session: Session, code: str) -> Village:
    """The village of that Kemendagri code; raises `NotFound` naming the nearest."""
    row = session.exec(select(Village).where(Village.code == code.strip())).first()
    if row is None:
        known = {one.code: f"{one.name}, Kec. {one.kecamatan}" for one in session.exec(select(Village))}
        by_name = [key for key, name in known.items() if code.strip().casefold() == name.split(",")[0].casefold()]
        near = by_name or [found[0] for found in process.extract(code, list(known), limit=1)]
        hint = "; ".join(f"{one} ({known[one]})" for one in sorted(near))
        raise NotFound(
            f"Tidak ada desa dengan kode {code}; mungkin maksudnya {hint or 'belum ada desa, jalankan init'}.",
            code="unknown_village",
        )
    return row


def village_list(session: Session, sealer: Sealer, code: str, now: datetime, today: date) -> VillageList:
    """Everybody the officer of a village should speak with today. Raises `NotFound`."""
    village = village_of(session, code)
    homes = homes_of(session, village, now, today)
    shown = [(home, why) for home in homes if (why := reasons(home.known, today)) and not _settled(home)]
    names = _names(session, sealer, [home for home, _ in shown])
    say = sayings(session, sealer, [home for home, _ in shown], today)
    lines = [
        Line(
            household_id=home.root,
            parent=names.parent(home),
            children=names.children_of(home),
            reasons=why,
            say=LEAVE if home.tick is not None and TICKS[home.tick.kind].staff else say[home.root],
            note=_note(home),
            offered=offered(occasion for child in home.due for _, occasion in child.cards),
        )
        for home, why in shown
    ]
    return VillageList(
        code=village.code,
        name=f"{village.kind.capitalize()} {village.name}",
        kecamatan=village.kecamatan,
        office=facts(session)["nama_kantor"],
        on=today,
        lines=tuple(sorted(lines, key=lambda line: (line.parent.casefold(), line.household_id))),
        waiting=sum(1 for home in homes if is_held(home.known, today) and not home.known.asked),
    )


def _settled(home: Home) -> bool:
    """Staff have agreed with the officer: nobody needs to go there any more."""
    return home.tick is not None and home.tick.settled_as == "confirmed"


def _note(home: Home) -> Note | None:
    if home.tick is None:
        return None
    return Note(home.tick.kind, TICKS[home.tick.kind].label, home.tick.said_at)


@dataclass(frozen=True)
class _Names:
    parents: Mapping[int, list[str]]  # household id -> names
    children: Mapping[int, str]  # child id -> first name
    by_household: Mapping[int, list[int]]  # household id -> children not excluded

    def parent(self, home: Home) -> str:
        known = dict.fromkeys(name for one in home.ids for name in self.parents.get(one, ()) if name)
        return " / ".join(list(known)[:_MOST_PARENTS]) or NOBODY

    def children_of(self, home: Home) -> tuple[str, ...]:
        """Those who are due; of a family that asks for help with nothing due, all of them."""
        due = [child.child_id for child in home.due]
        ids = due or [child for one in home.ids for child in self.by_household.get(one, ())]
        return tuple(self.children[child] for child in ids if self.children.get(child))


def _names(session: Session, sealer: Sealer, homes: Collection[Home]) -> _Names:
    ids = sorted(one for home in homes for one in home.ids)
    parents: dict[int, list[str]] = defaultdict(list)
    for household_id, sealed in session.exec(
        select(Guardian.household_id, Guardian.sealed_name)
        .where(col(Guardian.household_id).in_(ids))
        .order_by(col(Guardian.id))
    ):
        parents[household_id].append(display_name(sealer.open("name", sealed)))
    children: dict[int, str] = {}
    by_household: dict[int, list[int]] = defaultdict(list)
    for child_id, household_id, sealed in session.exec(
        select(Child.id, Child.household_id, Child.sealed_name)
        .where(col(Child.household_id).in_(ids), Child.excluded == "")
        .order_by(col(Child.birth_date), col(Child.id))
    ):
        children[child_id or 0] = first_name(sealer.open("name", sealed))
        by_household[household_id].append(child_id or 0)
    return _Names(parents, children, by_household)


def find_link(session: Session, token: str, now: datetime) -> Opened:
    """The link of that token. Raises `NotFound`: with the code `link_over` when it has ended or was revoked."""
    row = session.exec(
        select(OfficerLink, Village)
        .join(Village, col(Village.id) == col(OfficerLink.village_id))
        .where(OfficerLink.token_hash == token_hash(token))
    ).first()
    if row is None:
        raise NotFound("Tautan ini tidak dikenal.", code="no_link")
    link, village = row
    if link.revoked_at is not None or link.expires_at <= now:
        raise NotFound("Tautan ini sudah tidak berlaku; mintalah tautan baru kepada kantor.", code="link_over")
    return Opened(
        id=link.id or 0,
        village_id=link.village_id,
        village=f"{village.kind.capitalize()} {village.name}",
        made_at=link.created_at,
        session_key=f"{link.id}|{link.token_hash.hex()}|{link.pin_hash.hex()}",
    )


def list_of(session: Session, sealer: Sealer, link: Opened, now: datetime, today: date) -> VillageList:
    """The list behind a link: its own village's and no other."""
    return village_list(session, sealer, session.get_one(Village, link.village_id).code, now, today)


def proves(sealer: Sealer, link: Opened, cookie: str, now: datetime) -> bool:
    """Whether a cookie was given for the right PIN of this very link, and is not over."""
    until, _, mark = cookie.partition(".")
    if not (until.isascii() and until.isdigit() and len(until) <= 12 and int(until) > now.timestamp()):
        return False
    return hmac.compare_digest(mark.encode(), session_mark(sealer, link.session_key, int(until)).encode())


def session_mark(sealer: Sealer, session_key: str, until: int) -> str:
    """What ties a cookie to its link and its end (whole seconds since 1970)."""
    return sealer.blind("officer_session", f"{session_key}|{until}").hex()


def links(session: Session, now: datetime, code: str = "") -> list[LinkLine]:
    """Every link, or those of one village, newest first."""
    query = select(OfficerLink, Village).join(Village, col(Village.id) == col(OfficerLink.village_id))
    if code:
        query = query.where(Village.id == village_of(session, code).id)
    return [
        LinkLine(
            id=link.id or 0, code=village.code, village=village.name, state=_state(link, now),
            created_by=link.created_by, created_at=link.created_at, expires_at=link.expires_at,
            opened_at=link.opened_at,
        )
        for link, village in session.exec(query.order_by(col(OfficerLink.id).desc()))
    ]  # fmt: skip


def _state(link: OfficerLink, now: datetime) -> str:
    if link.revoked_at is not None:
        return "revoked"
    if link.expires_at <= now:
        return "expired"
    return "locked" if link.locked_until is not None and link.locked_until > now else "valid"


def reports(session: Session, sealer: Sealer) -> list[Report]:
    """What officers reported and nobody has decided about, the longest waiting first."""
    found = []
    for tick, household in open_reports(session):
        village = session.get(Village, household.village_id) if household.village_id is not None else None
        home = Home(household.id or 0, ids_of(session, household.id or 0))
        names = _names(session, sealer, [home])
        kind = TickKind(tick.kind)
        found.append(
            Report(
                tick_id=tick.id or 0, household_id=home.root, code=village.code if village else "",
                village=village.name if village else "", parent=names.parent(home),
                children=names.children_of(home), kind=kind, label=TICKS[kind].label, said_at=tick.said_at,
            )
        )  # fmt: skip
    return found


def open_reports(session: Session) -> list[tuple[Tick, Household]]:
    """Undecided ticks for staff that are still the newest of their household, with the household as it is now."""
    kinds = sorted(kind for kind, rule in TICKS.items() if rule.staff)
    waiting = session.exec(
        select(Tick).where(col(Tick.kind).in_(kinds), Tick.settled_as == "").order_by(col(Tick.said_at), col(Tick.id))
    ).all()
    found = []
    for tick in waiting:
        ids = ids_of(session, tick.household_id)
        rows = session.exec(select(Tick).where(col(Tick.household_id).in_(ids))).all()
        last = newest(noted(row) for row in rows)
        if last is not None and last.id == tick.id:
            found.append((tick, session.get_one(Household, ids[0])))
    return found


def report_counts(session: Session) -> Counter[int]:
    """Open reports by village id."""
    return Counter(household.village_id or 0 for _, household in open_reports(session))
