"""One row of the sheet -> what it says, and what is wrong with it. Pure: no database, no clock."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import date

from broadcaster.domain.card import CardStatus
from broadcaster.domain.people import display_name, full_years, nik_problem
from broadcaster.domain.phone import mask
from broadcaster.domain.place import Match, fold
from broadcaster.registry import cells
from broadcaster.registry.card_rules import Event, events_of
from broadcaster.registry.columns import Columns, Kind, Words
from broadcaster.registry.columns import fold as fold_word
from broadcaster.registry.problems import PHONES, Problem, Severity, mask_number, mask_text, problem

_NUMBERS = frozenset({"nik", "kk", "phone"})
_NEEDED = frozenset({"name", "village", "kecamatan"})  # a child's row is nothing without them
_ADULT = 17
_NO_NUMBER = 99_999  # a numeric cell up to here counts something, it numbers nobody

#: Whose name a family is written under, best first; the owner of the phone, where the file tells, comes before all.
_PARENTS = ("mother", "father", "parent", "head")


@dataclass(frozen=True, slots=True, repr=False)
class Row:
    """What one good row says. Holds numbers in the clear, so it has no repr: it must not reach a log."""

    number: int  # as the office sees it
    nik: str = ""
    kk: str = ""
    name: str = ""
    sex: str = ""
    birth: date | None = None
    village: str = ""  # Kemendagri code
    guardian: str = ""
    guardian_rank: int = len(_PARENTS)  # lower = better; -1 = the owner of the phone
    parents: str = ""  # folded names of both parents; "" when one is missing, and where the No KK says more
    phones: tuple[str, ...] = ()  # E.164, mobile only
    excluded: str = ""  # deceased | moved
    events: tuple[Event, ...] = ()

    def shown(self, position: int) -> str:
        """A phone, masked."""
        return mask(self.phones[position])

    def without(self, phones: frozenset[Hashable]) -> Row:
        """The row without those phones."""
        return replace(self, phones=tuple(phone for phone in self.phones if phone not in phones))


@dataclass(frozen=True)
class Checks:
    """What every row of one file is read with."""

    kind: Kind
    columns: Columns
    words: Words
    place_of: Callable[[str, str], Match]  # kecamatan, desa
    today: date
    data_until: date


class _Reading:
    """The row being read: its cells by field, and what was found wrong."""

    def __init__(self, checks: Checks, number: int, row: Sequence[object]) -> None:
        self.checks = checks
        self.number = number
        self.row = row
        self.problems: list[Problem] = []

    def cell(self, field: str) -> object:
        index = self.checks.columns.index.get(field)
        return self.row[index] if index is not None and index < len(self.row) else ""

    def text(self, field: str) -> str:
        """The cell as one tidy line, "" when it says nothing; a formula says nothing and is a finding."""
        cell = self.cell(field)
        if cell == "" or cells.is_blank(cell):
            return ""
        text = cells.text_of(cell)
        if text[:1] in cells.FORMULA_SIGNS and cells.is_formula(text):
            if not any(found.code == "formula" and found.column == self.heading(field) for found in self.problems):
                self.say("formula", field, text, severity="error" if field in _NEEDED else "warning")
            return ""
        if isinstance(cell, str) and not cell.isprintable() and cells.has_control(cell):
            told = any(
                found.code == "control_characters" and found.column == self.heading(field) for found in self.problems
            )
            if not told:
                self.say("control_characters", field, text)
        return text.lstrip("+- ")  # a dash before a name is a list's, and would make a formula of it elsewhere

    def heading(self, field: str) -> str:
        return self.checks.columns.written.get(field, "")

    def say(
        self,
        code: str,
        field: str = "",
        cell: object = "",
        *,
        at: int | None = None,
        severity: Severity | None = None,
        **parts: object,
    ) -> None:
        """`at`: the column, for a field that has several."""
        shown = cells.text_of(cell)
        masked = mask_number(shown) if field in _NUMBERS else mask_text(shown)
        column = self.heading(field) if at is None else self.checks.columns.titles[at]
        self.problems.append(problem(code, self.number, column, masked, severity=severity, **parts))


def holds_data(row: Sequence[object], columns: Columns, kind: Kind) -> bool:
    """A row of the table: it has a NIK or No KK (in a list of phones: a phone), or two known fields. Totals have not."""
    if _has_number(row, columns):
        return True
    phone = any(_filled(row, index) for index in columns.phones)
    return (phone and kind == "phones") or sum(_filled(row, index) for index in columns.index.values()) + phone >= 2


def is_footer(row: Sequence[object], columns: Columns, words: Words, below: bool) -> bool:
    """A total, a signature, a note: it has no NIK, No KK or birth date, and a cell begins as such lines do.

    `below`: a footer stands above this row; then the missing numbers are enough.
    """
    index = columns.index.get("nik")
    nik = row[index] if index is not None and index < len(row) else ""
    if isinstance(nik, str) and len(nik) == 16 and nik.isdecimal():
        return False  # nearly every row, and the rest costs much
    begins = [cell for cell in row if isinstance(cell, str) and cells.begins_with(cell, words.footers)]
    if not (begins or below) or _has_number(row, columns, begins):
        return False
    index = columns.index.get("birth_date", columns.index.get("birth"))
    if not _filled(row, index) or index is None:
        return True
    try:
        cells.read_birth(row[index])
    except ValueError:
        return True
    return False


def _filled(row: Sequence[object], index: int | None) -> bool:
    return index is not None and index < len(row) and not cells.is_blank(row[index])


def _has_number(row: Sequence[object], columns: Columns, but: Sequence[str] = ()) -> bool:
    """Whether a NIK or No KK stands there, right or wrong: a NIP in a signature (`but`) is none."""
    for field in ("nik", "kk"):
        index = columns.index.get(field)
        if index is None or index >= len(row):
            continue
        cell = row[index]
        if isinstance(cell, (int, float)):
            if cell > _NO_NUMBER:
                return True
        elif isinstance(cell, str) and cell not in but and sum(map(str.isdigit, cell)) > 5:
            return True
    return False


def read_row(checks: Checks, number: int, row: Sequence[object]) -> tuple[Row | None, Sequence[Problem]]:
    """The row, or None when it is rejected, and its problems. `number`: as the office sees it in the sheet."""
    reading = _Reading(checks, number, row)
    found = _READERS[checks.kind](reading)
    rejected = any(found.severity == "error" for found in reading.problems)
    return (None if rejected else found), reading.problems


# ---------------------------------------------------------------------------------------------------- a row of each kind


def _child(reading: _Reading) -> Row:
    today = reading.checks.today
    birth = _birth(reading)
    sex = _sex(reading)
    nik = _number16(reading, "nik")
    if not nik and not any(p.code.startswith("nik_") for p in reading.problems):
        reading.say("nik_missing", "nik")
    if nik and (reason := nik_problem(nik, birth, sex)):
        reading.say(f"nik_{reason}", "nik", nik)
    kk = _number16(reading, "kk")
    if not kk and "kk" in reading.checks.columns.index and not any(p.code.startswith("kk_") for p in reading.problems):
        reading.say("kk_missing", "kk")
    name = display_name(reading.text("name"))
    if not name and not cells.is_formula(cells.text_of(reading.cell("name"))):
        reading.say("name_missing", "name")
    if birth is not None and full_years(birth, today) >= _ADULT:
        reading.say("seventeen", "birth_date", birth.isoformat())
    village = _village(reading)
    guardian, rank = _guardian(reading)
    mother, father = reading.text("mother"), reading.text("father")
    return Row(
        number=reading.number,
        nik=nik,
        kk=kk,
        name=name,
        sex=sex,
        birth=birth,
        village=village,
        guardian=guardian,
        guardian_rank=rank,
        parents="" if kk else _parents(mother, father),
        phones=_phones(reading, "warning"),
        excluded=_excluded(reading),
        events=_events(reading, "warning", birth),
    )


def _parents(mother: str, father: str) -> str:
    one, other = fold(mother), fold(father)
    return f"{one}|{other}" if one and other else ""


def _phone_of(reading: _Reading) -> Row:
    nik, kk = _number16(reading, "nik"), _number16(reading, "kk")
    if not (nik or kk or reading.problems):
        reading.say("person_missing", "nik" if "nik" in reading.checks.columns.index else "kk")
    phones = _phones(reading, "error")
    if not phones and not any(found.code in PHONES for found in reading.problems):
        reading.say("phone_missing", "phone")
    return Row(reading.number, nik=nik, kk=kk, phones=phones)


def _collection(reading: _Reading) -> Row:
    nik = _number16(reading, "nik")
    if not nik and not reading.problems:
        reading.say("nik_missing", "nik")
    excluded = _excluded(reading)
    events = _events(reading, "error", None)
    if not events and not excluded and not any(found.severity == "error" for found in reading.problems):
        reading.say("event_missing", "status")
    return Row(reading.number, nik=nik, excluded=excluded, events=events)


_READERS: dict[Kind, Callable[[_Reading], Row]] = {"children": _child, "phones": _phone_of, "collections": _collection}


# ------------------------------------------------------------------------------------------------------------ its fields


def _number16(reading: _Reading, field: str) -> str:
    """Sixteen digits or ""; says what is wrong, but not that the cell is empty: that depends on the kind of file."""
    cell = reading.cell(field)
    number, reason = cells.read_number16(cell)
    if reason == "cleaned":
        reading.say(f"{field}_cleaned", field, cell)
    elif reason and reason != "missing":
        reading.say(f"{field}_{reason}", field, cell)
    return number


def _birth(reading: _Reading) -> date | None:
    field = "birth_date" if reading.text("birth_date") else "birth"
    cell = reading.cell(field)
    if cells.is_blank(cell):
        reading.say("birth_missing", "birth_date" if "birth_date" in reading.checks.columns.index else "birth")
        return None
    try:
        birth = cells.read_birth(cell)
    except ValueError as error:
        reading.say("birth_unreadable", field, cell, detail=error)
        return None
    if birth > reading.checks.today:
        reading.say("birth_future", field, cell)
    return birth


def _sex(reading: _Reading) -> str:
    text = reading.text("sex")
    sex = reading.checks.words.sex.get(fold_word(text), "")
    if text and not sex:
        reading.say("sex_unknown", "sex", text)
    return sex


def _village(reading: _Reading) -> str:
    kecamatan, desa = reading.text("kecamatan"), reading.text("village")
    if any(cells.is_formula(cells.text_of(reading.cell(field))) for field in ("kecamatan", "village")):
        return ""  # said already
    match = reading.checks.place_of(kecamatan, desa)
    if match.place is not None:
        return match.place.code
    field, value = ("kecamatan", kecamatan) if (match.problem or "").startswith("kecamatan") else ("village", desa)
    reading.say(match.problem or "desa_unknown", field, value, suggestions=_meant(match, desa))
    return ""


def _meant(match: Match, desa: str) -> str:
    """What may be meant: similar names of that kecamatan; a village of another kecamatan is named as being there."""
    elsewhere = match.problem == "desa_elsewhere"
    there = [
        str(place)
        for place in match.suggestions
        if elsewhere and (fold(place.name) in fold(desa) or desa[:1].isdigit())
    ]
    near = [str(place) for place in match.suggestions if str(place) not in there]
    told = f" Mungkin maksudnya: {'; '.join(near)}." if near else ""
    return told + (f" Desa itu terdaftar di: {'; '.join(there)}." if there else "")


def _guardian(reading: _Reading) -> tuple[str, int]:
    owner = reading.checks.words.relation.get(fold_word(reading.text("relation")), "")
    ranked = [(-1, owner)] if owner else []
    for rank, field in ranked + list(enumerate(_PARENTS)):
        if name := display_name(reading.text(field)):
            return name, rank
    reading.say("guardian_missing")
    return "", len(_PARENTS)


def _phones(reading: _Reading, severity: Severity) -> tuple[str, ...]:
    """Mobile numbers of all phone columns, each once. A bad number beside a good one never rejects the row."""
    found: dict[str, None] = {}
    bad: list[tuple[str, object, int]] = []
    for index in reading.checks.columns.phones:
        cell = reading.row[index] if index < len(reading.row) else ""
        if cell == "":
            continue
        for phone in cells.read_numbers(cell):
            written = phone.raw if isinstance(cell, str) else cell
            if phone.kind == "mobile" and phone.e164:
                if cells.lost_its_zero(written):
                    reading.say("phone_zero_added", "phone", written, at=index)
                found[phone.e164] = None
            if phone.problem:
                bad.append((phone.problem, written, index))
    for reason, written, index in bad:
        reading.say(f"phone_{reason}", "phone", written, at=index, severity="warning" if found else severity)
    return tuple(found)


def _excluded(reading: _Reading) -> str:
    words = reading.checks.words
    for field in ("note", "status"):
        text = reading.text(field)
        if not text or cells.names_in(text, words.stays):
            continue
        for reason, phrases in words.excluded.items():
            if cells.names_in(text, phrases):
                reading.say(reason, field)  # not what it says: remarks name people
                return reason
    return ""


def _events(reading: _Reading, severity: Severity, birth: date | None) -> tuple[Event, ...]:
    """What the card columns say, oldest status first; with anything unreadable among them, nothing."""
    before = len(reading.problems)
    dated: dict[CardStatus, date] = {}
    for field, status in _DATES.items():
        cell = reading.cell(field)
        if cells.is_blank(cell):
            continue
        try:
            day = cells.read_day(cell)
        except ValueError as error:
            reading.say("event_unreadable", field, cell, severity=severity, detail=error)
            continue
        if day > reading.checks.today:
            reading.say("event_future", field, cell, severity=severity)
        elif birth is not None and day < birth:
            reading.say("event_before_birth", field, cell, severity=severity)
        dated[status] = day
    word: CardStatus | None = None
    if text := reading.text("status"):
        word = reading.checks.words.status.get(fold_word(text))
        if word is None and not _excludes(reading, text):
            reading.say("status_unknown", "status", text, severity=severity)
    if len(reading.problems) > before:
        return ()
    events, undated, disordered = events_of(word, dated, reading.checks.data_until)
    if undated:
        reading.say("event_date_missing", "status", text, day=f"{reading.checks.data_until:%d-%m-%Y}")
    if disordered:
        reading.say("event_order", next(field for field in reversed(_DATES) if not cells.is_blank(reading.cell(field))))
    return events


def _excludes(reading: _Reading, text: str) -> bool:
    words = reading.checks.words
    return not cells.names_in(text, words.stays) and any(cells.names_in(text, some) for some in words.excluded.values())


#: Columns of dates and what they are the dates of, in the order a card moves.
_DATES = {
    "applied_on": CardStatus.APPLIED,
    "printed_on": CardStatus.PRINTED,
    "collected_on": CardStatus.COLLECTED,
}
