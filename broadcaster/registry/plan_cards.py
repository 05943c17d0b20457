"""The part of a plan that is about children and their cards. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from broadcaster.domain.card import CardKind, CardStatus
from broadcaster.registry.card_rules import CardState, Clash, Event, advance, kind_due_on, kind_of
from broadcaster.registry.changes import Keyed, Known, KnownChild, NewCard, NewChild, Plan
from broadcaster.registry.columns import LABELS
from broadcaster.registry.keyed import kk_shown, nik_text
from broadcaster.registry.problems import Problem, Severity, conflict, mask_number, problem

_PLACE = {status: place for place, status in enumerate(CardStatus)}


def plan_children(
    plan: Plan,
    rows: Sequence[Keyed],
    home_of: Mapping[int, int],
    known: Known,
    *,
    today: date,
    data_until: date,
    confirmed: bool,
) -> None:
    """New and changed children with the cards of their age, and what their rows say about these.

    `home_of`: the household of each row (by position) of the block.
    """
    for nik, positions in _by_child(rows, sorted(home_of)).items():
        told = [rows[position] for position in positions]
        lead = told[0] if len(told) == 1 else min(told, key=_weight)
        excluded = _first_excluded(told)
        child = known.children.get(nik)
        if child is None:
            plan.children.append(NewChild(home_of[positions[0]], lead, excluded))
            plan.rise(positions[0], "new")
            child = KnownChild(-len(plan.children), 0, lead.name, _birth(lead), lead.sex, excluded, {}, {})
        else:
            _update(plan, child, lead, excluded, positions[0])
        for row in told[1:]:
            others = ", ".join(str(other.number) for other in told if other is not row)
            plan.problems.append(problem("same_child", row.number, rows=others))
        needed = _BOTH if kind_due_on(child.birth, today) is CardKind.NO_PHOTO else _WITH_PHOTO
        cards = _Cards(plan, rows, child, positions, today, data_until)
        for kind in needed:
            cards.card(kind)
        cards.take_in(strict=False, confirmed=confirmed)


def plan_collections(
    plan: Plan,
    rows: Sequence[Keyed],
    positions: Iterable[int],
    known: Known,
    *,
    today: date,
    data_until: date,
    confirmed: bool,
) -> None:
    """What happened to the cards of registered children."""
    for nik, some in _by_child(rows, positions).items():
        child = known.children[nik]
        excluded = _first_excluded([rows[position] for position in some])
        if excluded and excluded != child.excluded:
            plan.changed_children[child.id] = {"excluded": excluded}
            plan.touched.add(child.household)
            plan.rise(some[0], "changed")
        _Cards(plan, rows, child, some, today, data_until).take_in(strict=True, confirmed=confirmed)


def unknown(code: str, row: Keyed) -> Problem:
    """A row about nobody the register knows."""
    shown = mask_number(nik_text(row)) if row.nik else kk_shown(row)
    return problem(code, row.number, LABELS["nik" if row.nik else "kk"], shown)


_BOTH, _WITH_PHOTO = (CardKind.NO_PHOTO, CardKind.PHOTO), (CardKind.PHOTO,)


def _by_child(rows: Sequence[Keyed], positions: Iterable[int]) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = {}
    for position in positions:
        nik = rows[position].nik
        if nik is not None:
            found.setdefault(nik, []).append(position)
    return found


def _weight(row: Keyed) -> tuple[object, ...]:
    """Of several rows about one child the first by this is believed, wherever it stands: the one that says most."""
    return (-len(row.events), row.name, row.birth, row.sex)


def _first_excluded(rows: Sequence[Keyed]) -> str:
    return min((row.excluded for row in rows if row.excluded), default="")


def _birth(row: Keyed) -> date:
    assert row.birth is not None, "a row without a birth date was rejected"
    return row.birth


def _update(plan: Plan, child: KnownChild, lead: Keyed, excluded: str, position: int) -> None:
    """The newest file is right about a child's name, birth date and sex. Excluded stays excluded."""
    columns: dict[str, object] = {}
    if lead.name != child.name:
        columns["name"] = lead.name
    if lead.birth != child.birth:
        columns["birth_date"] = child.birth = _birth(lead)
    plan.renamed += bool(columns)
    if lead.sex and lead.sex != child.sex:
        columns["sex"] = lead.sex
    if excluded and excluded != child.excluded:
        columns["excluded"] = excluded
    if columns:
        plan.changed_children[child.id] = columns
        plan.touched.add(child.household)
        plan.rise(position, "changed")


class _Cards:
    """The cards of one child, and the rows about it."""

    def __init__(
        self, plan: Plan, rows: Sequence[Keyed], child: KnownChild, positions: Sequence[int], today: date, until: date
    ) -> None:
        self._plan, self._rows, self._child, self._positions = plan, rows, child, positions
        self._today, self._until = today, until
        self._made: dict[CardKind, NewCard] = {}

    def card(self, kind: CardKind) -> CardState:
        """The card of that kind; a new one when the child has none."""
        state = self._child.cards.get(kind)
        if state is None:
            state = self._child.cards[kind] = CardState(CardStatus.NOT_REGISTERED, self._until, {})
            self._made[kind] = NewCard(self._child.id, kind, state, [])
            self._plan.cards.append(self._made[kind])
            self._plan.rise(self._positions[0], "changed")
        return state

    def take_in(self, *, strict: bool, confirmed: bool) -> None:
        """`strict`: a row whose events fit no card is rejected; else it only loses them."""
        told = [position for position in self._positions if self._rows[position].events]
        # rows that say different things about one child cannot all be right: they turn nothing back
        confirmed = confirmed and len({self._rows[position].events for position in told}) == 1
        for position in sorted(told, key=self._step) if len(told) > 1 else told:
            row = self._rows[position]
            if found := _impossible(row, self._child.birth, self._today, "error" if strict else "warning"):
                if strict:
                    self._plan.reject(position, found)
                else:
                    self._plan.problems.append(found)
                continue
            about = kind_of(self._child.birth, row.events, self._child.cards, self._today)
            assert about is not None, "an event outside a card's ages was found impossible"
            card = self.card(about)
            before = (card.status, card.since)
            new, clashes = advance(card, row.events, confirmed=confirmed)
            self._clashed(position, about, clashes)
            # a card that started anew may come through a step of its first life on the same day: that event stands already
            fresh = [event for event in new if (event.status, event.on) not in card.recorded]
            if fresh or before != (card.status, card.since):
                card.recorded.update((event.status, event.on) for event in fresh)
                self._plan.rise(position, "changed")
                self._keep(about, fresh)

    def _step(self, position: int) -> tuple[object, ...]:
        """Rows about one child are taken day by day, whatever their order in the sheet."""
        return tuple((event.on, _PLACE[event.status], event.dated) for event in self._rows[position].events)

    def _clashed(self, position: int, about: CardKind, clashes: Sequence[Clash]) -> None:
        number = self._rows[position].number
        for clash in clashes:
            if clash.code != "turned_back":
                self._plan.conflicts.append(conflict(clash.code, number, **clash.parts))
                continue
            self._plan.problems.append(_turned_back(number, clash))
            made, card_id = self._made.get(about), self._child.card_ids.get(about)
            if made is not None:
                made.events[:] = [event for event in made.events if event.status not in clash.denied]
            elif card_id is not None:
                mine = self._plan.events
                mine[:] = [(id_, e) for id_, e in mine if id_ != card_id or e.status not in clash.denied]
                self._plan.denied += [(card_id, status) for status in sorted(clash.denied)]
                recorded = self._child.cards[about].recorded
                recorded -= {one for one in recorded if one[0] in clash.denied}

    def _keep(self, about: CardKind, new: Sequence[Event]) -> None:
        made, card_id = self._made.get(about), self._child.card_ids.get(about)
        if made is not None:
            made.events.extend(new)
        elif card_id is not None:
            self._plan.moved_cards[card_id] = self._child.cards[about]
            self._plan.events += [(card_id, event) for event in new]
            self._plan.touched.add(self._child.household)


def _turned_back(number: int, clash: Clash) -> Problem:
    return problem("status_turned_back", number, known=clash.parts["known"], told=clash.parts["told"])


def _impossible(row: Keyed, birth: date, today: date, severity: Severity) -> Problem | None:
    """An event before the child was born, or one that is about no card because the child was 17."""
    if any(event.dated and event.on < birth for event in row.events):
        return problem("event_before_birth", row.number, severity=severity)
    if kind_of(birth, row.events, {}, today) is None:
        return problem("event_after_seventeen", row.number, severity=severity)
    return None
