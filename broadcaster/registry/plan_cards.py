"""The part of a plan that is about children and their cards. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date

from broadcaster.domain.card import CardKind, CardStatus, kind_due
from broadcaster.registry.card_rules import CardState, Event, advance, kind_of
from broadcaster.registry.changes import Keyed, Known, KnownChild, NewCard, NewChild, Plan
from broadcaster.registry.columns import LABELS
from broadcaster.registry.problems import Problem, Severity, conflict, mask_number, problem
from broadcaster.registry.rules import Row


def plan_children(
    plan: Plan, rows: Sequence[Keyed], known: Known, home_of: Mapping[int, int], *, today: date, data_until: date
) -> None:
    """New and changed children with the cards of their age, and what their rows say about these."""
    for nik, positions in _by_child(rows).items():
        told = [rows[position].row for position in positions]
        lead = told[0]
        excluded = _first_excluded(told)
        child = known.children.get(nik)
        if child is None:
            plan.children.append(NewChild(home_of[positions[0]], nik, lead, excluded))
            plan.rise(positions[0], "new")
            child = KnownChild(-len(plan.children), 0, lead.name, _birth(lead), lead.sex, excluded, {}, {})
        else:
            _update(plan, child, lead, excluded, positions[0])
        for row in told[1:]:
            others = ", ".join(str(other.number) for other in told if other is not row)
            plan.problems.append(problem("same_child", row.number, rows=others))
        needed = tuple(CardKind) if kind_due(child.birth, today) is CardKind.NO_PHOTO else (CardKind.PHOTO,)
        _cards(plan, rows, child, positions, needed, today=today, data_until=data_until, strict=False)


def plan_collections(
    plan: Plan, rows: Sequence[Keyed], known: Known, coming: frozenset[bytes], *, today: date, data_until: date
) -> None:
    """What happened to the cards of registered children. A row about nobody we know is rejected."""
    for nik, positions in _by_child(rows).items():
        child = known.children.get(nik)
        if child is None:
            for position in positions:
                if nik in coming:
                    plan.rise(position, "changed")
                else:
                    plan.reject(position, unknown("child_unknown", rows[position].row))
            continue
        excluded = _first_excluded([rows[position].row for position in positions])
        if excluded and excluded != child.excluded:
            plan.changed_children[child.id] = {"excluded": excluded}
            plan.rise(positions[0], "changed")
        _cards(plan, rows, child, positions, (), today=today, data_until=data_until, strict=True)


def unknown(code: str, row: Row) -> Problem:
    """A row about nobody the register knows."""
    return problem(code, row.number, LABELS["nik" if row.nik else "kk"], mask_number(row.nik or row.kk))


def _by_child(rows: Sequence[Keyed]) -> dict[bytes, list[int]]:
    found: dict[bytes, list[int]] = defaultdict(list)
    for position, keyed in enumerate(rows):
        if keyed.nik is not None:
            found[keyed.nik].append(position)
    return found


def _first_excluded(rows: Sequence[Row]) -> str:
    return next((row.excluded for row in rows if row.excluded), "")


def _birth(row: Row) -> date:
    assert row.birth is not None, "a row without a birth date was rejected"
    return row.birth


def _update(plan: Plan, child: KnownChild, lead: Row, excluded: str, position: int) -> None:
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
        plan.rise(position, "changed")


def _cards(
    plan: Plan,
    rows: Sequence[Keyed],
    child: KnownChild,
    positions: Sequence[int],
    needed: Sequence[CardKind],
    *,
    today: date,
    data_until: date,
    strict: bool,
) -> None:
    """`strict`: a row whose events fit no card is rejected; else it only loses them."""
    made: dict[CardKind, NewCard] = {}

    def card(kind: CardKind) -> CardState:
        if kind not in child.cards:
            state = child.cards[kind] = CardState(CardStatus.NOT_REGISTERED, data_until, {})
            made[kind] = NewCard(child.id, kind, state, [])
            plan.cards.append(made[kind])
            plan.rise(positions[0], "changed")
        return child.cards[kind]

    for kind in needed:
        card(kind)
    for position in positions:
        row = rows[position].row
        if not row.events:
            continue
        if found := _impossible(row, child.birth, today, "error" if strict else "warning"):
            if strict:
                plan.reject(position, found)
            else:
                plan.problems.append(found)
            continue
        about = kind_of(child.birth, row.events, child.cards, today)
        assert about is not None, "an event outside a card's ages was found impossible"
        state = card(about)
        new, clashes = advance(state, row.events)
        plan.conflicts += [conflict(clash.code, row.number, **clash.parts) for clash in clashes]
        if new:
            plan.rise(position, "changed")
            _keep(plan, made.get(about), child.card_ids.get(about), state, new)


def _keep(plan: Plan, made: NewCard | None, card_id: int | None, state: CardState, new: Sequence[Event]) -> None:
    if made is not None:
        made.events.extend(new)
    elif card_id is not None:
        plan.moved_cards[card_id] = state
        plan.events += [(card_id, event) for event in new]


def _impossible(row: Row, birth: date, today: date, severity: Severity) -> Problem | None:
    """An event before the child was born, or one that is about no card because the child was 17."""
    if any(event.dated and event.on < birth for event in row.events):
        return problem("event_before_birth", row.number, severity=severity)
    if kind_of(birth, row.events, {}, today) is None:
        return problem("event_after_seventeen", row.number, severity=severity)
    return None
