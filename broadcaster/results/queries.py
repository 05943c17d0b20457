"""The result of a campaign: a number only where the lot and the register allow one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import and_, func
from sqlmodel import Session, col, select

from broadcaster.domain.effect import CONFIDENCE
from broadcaster.domain.message import BEGUN, ChannelKind, Status
from broadcaster.errors import NotFound
from broadcaster.results import rules, sentences
from broadcaster.results.document import AdditionalCards, AmendmentLine, ResultDocument, WaveLine
from broadcaster.results.rules import Cell, CellWave, Comparison, Effect, Evidence, Placed, Verdict
from broadcaster.storage.tables import (
    Amendment,
    Assignment,
    Campaign,
    CampaignVersion,
    CardEvent,
    Cohort,
    Enrolment,
    Household,
    ImportBatch,
    Message,
    Outcome,
    Wave,
)

#: The provider has it; whether it arrived is another matter.
_MESSAGED = frozenset({Status.ACCEPTED, Status.SENT, Status.DELIVERED, Status.READ})
_ARRIVED = frozenset({Status.DELIVERED, Status.READ})
#: Channels whose `delivered` can be believed: Telegram gives none, in Indonesia SMS says it too easily.
_TRUSTWORTHY = frozenset({ChannelKind.WHATSAPP})
#: The kind of file that is there to report an outcome.
_REPORTED_BY = {"collected": "collections", "applied": "children"}
_ENDED = frozenset({"finished", "stopped"})


def result(session: Session, name: str, today: date) -> ResultDocument:
    """What campaign `name` changed, as far as the register spoke by `today` (office zone). Raises `NotFound`.

    Reads `outcome`: call `service.refresh_outcomes` first where the newest import must count.
    """
    campaign = session.exec(select(Campaign).where(Campaign.name == name)).first()
    if campaign is None or campaign.id is None:
        raise NotFound(f"Kampanye {name} tidak ada; lihat nama yang benar di daftar kampanye.", code="no_campaign")
    definition = _definition(session, campaign)
    outcome = str(definition["outcome"])
    cohorts = session.exec(select(Cohort).where(Cohort.campaign_id == campaign.id).order_by(col(Cohort.number))).all()
    lot = _read_lot(session, cohorts, outcome)
    cutoff = _cutoff(session, outcome, today)
    evidence = rules.gather(lot.cells, cutoff, ended=campaign.status in _ENDED)
    verdict = _verdict(evidence, lot, drawn=bool(cohorts), planned=not definition["lot"].get("none"))
    effect = None
    if verdict is None:
        effect = rules.estimate(
            [comparison.trial for comparison in evidence.complete],
            one_delayed_group=definition["lot"].get("delayed_share") is not None,
        )
        verdict = rules.judge(effect.low, effect.high)
    d_days = max((cohort.d_days for cohort in cohorts), default=int(definition["d_days"]))
    amendments = _amendments(session, cohorts)
    reach = _read_reach(session, campaign.id, lot)
    return ResultDocument(
        campaign=name,
        outcome=outcome,
        verdict=verdict.value,
        evidence_ratio=None,
        estimator=effect.estimator if effect else None,
        unit="child",
        confidence=CONFIDENCE,
        d_days=d_days,
        cutoff=cutoff.isoformat() if cutoff else None,
        complete=bool(cohorts) and not evidence.pending,
        prereg_sha256=cohorts[0].prereg_sha256 if cohorts else None,
        amendments=amendments,
        effect_per_1000=_per_1000(effect.rd) if effect else None,
        low=_per_1000(effect.low) if effect else None,
        high=_per_1000(effect.high) if effect else None,
        without_message_per_1000=_per_1000(effect.without) if effect else None,
        randomised={"households": len(lot.households), "children": _children(lot.cells)},
        always_send=lot.always_send,
        cells_without_comparison=len({cell.name for cell in lot.cells} - evidence.cells),
        waves=_wave_lines(evidence, effect),
        additional_cards=_additional(effect, lot, evidence, d_days) if effect else None,
        cost_per_additional_idr=None,
        trust=None,
        warnings=_warnings(campaign, verdict, effect, lot, reach, amended=bool(amendments)),
        sentence=_sentence(verdict, effect, evidence, cutoff, d_days, outcome),
        funnel={
            "randomised_households": len(lot.households),
            "randomised_children": _children(lot.cells),
            "messaged_households": reach.messaged,
            "delivered_households": reach.delivered,
            f"{outcome}_children": sum(
                came_on is not None
                for cell in lot.cells
                for wave in cell.waves
                for household in wave.households
                for came_on in household.came_on
            ),
        },
        equity={"descriptive": True, "gap_pp_before": None, "gap_pp_now": None, "children_left_behind": None},
    )


def _definition(session: Session, campaign: Campaign) -> dict[str, Any]:
    version = session.exec(
        select(CampaignVersion).where(
            CampaignVersion.campaign_id == campaign.id, CampaignVersion.number == campaign.version
        )
    ).one()
    found: dict[str, Any] = json.loads(version.definition)
    return found


@dataclass(frozen=True)
class _Lot:
    cells: tuple[Cell, ...]
    households: dict[int, CellWave]  # household id -> its wave
    first_waves: frozenset[int]  # household ids in the earliest wave of their cell: nobody's controls
    always_send: int
    outside: int


def _read_lot(session: Session, cohorts: Sequence[Cohort], outcome: str) -> _Lot:
    """Everyone assigned, as assigned, with the dates of their enrolled cards. Only the arm `lot` is in the cells."""
    numbers = {cohort.id: cohort for cohort in cohorts}
    came_on: defaultdict[tuple[int, int], list[date | None]] = defaultdict(list)
    enrolled = (
        select(Enrolment.cohort_id, Enrolment.household_id, col(Outcome.on_date))
        .join(Outcome, and_(col(Outcome.card_id) == Enrolment.card_id, col(Outcome.kind) == outcome), isouter=True)
        .where(col(Enrolment.cohort_id).in_(list(numbers)))
        .order_by(col(Enrolment.id))
    )
    for cohort_id, household_id, on_date in session.exec(enrolled):
        came_on[cohort_id, household_id].append(on_date)

    members: defaultdict[tuple[int, int, str, int], list[tuple[int, Placed]]] = defaultdict(list)
    arms: defaultdict[str, int] = defaultdict(int)
    assigned = select(Assignment).where(col(Assignment.cohort_id).in_(list(numbers))).order_by(col(Assignment.id))
    for row in session.exec(assigned):
        arms[row.arm] += 1
        if row.arm == "lot":
            placed = Placed(row.household_key, tuple(came_on[row.cohort_id, row.household_id]))
            members[row.cohort_id, row.tier, row.place, row.wave].append((row.household_id, placed))

    waves: defaultdict[tuple[int, int, str], list[CellWave]] = defaultdict(list)
    of_household: dict[int, CellWave] = {}
    first: set[int] = set()
    planned = select(Wave).where(col(Wave.cohort_id).in_(list(numbers))).order_by(col(Wave.number))
    for plan in session.exec(planned):
        inside = members[plan.cohort_id, plan.tier, plan.place, plan.number]
        if not inside:
            continue  # wave 0: outside the lot
        wave = CellWave(plan.number, plan.planned_on, plan.opened_on, tuple(placed for _, placed in inside))
        cell = waves[plan.cohort_id, plan.tier, plan.place]
        if not cell:
            first.update(household_id for household_id, _ in inside)
        cell.append(wave)
        of_household.update((household_id, wave) for household_id, _ in inside)
    cells = tuple(
        Cell(f"{numbers[cohort_id].number}/{tier}/{place}", numbers[cohort_id].d_days, tuple(found))
        for (cohort_id, tier, place), found in sorted(waves.items())
    )
    return _Lot(cells, of_household, frozenset(first), arms["always_send"], arms["outside"])


def _cutoff(session: Session, outcome: str, today: date) -> date | None:
    """The day up to which the register speaks of this outcome; None before the first file that does.

    A file that is not there to report the outcome counts only when such files have reported it before: a newer list of
    children that says nothing of collected cards must not make a window look over and empty.
    """
    speaks = {_REPORTED_BY[outcome]}
    speaks.update(
        session.exec(
            select(ImportBatch.kind)
            .join(CardEvent, col(CardEvent.batch_id) == ImportBatch.id)
            .where(CardEvent.status == outcome)
            .distinct()
        )
    )
    until = session.exec(
        select(func.max(col(ImportBatch.data_until))).where(
            col(ImportBatch.kind).in_(speaks), ImportBatch.status == "applied"
        )
    ).one()
    return min(until, today) if until else None


def _verdict(evidence: Evidence, lot: _Lot, *, drawn: bool, planned: bool) -> Verdict | None:
    """The verdict that needs no number; None when there is one to judge."""
    if not planned or (drawn and not lot.cells):
        return Verdict.NO_LOT
    if not drawn or evidence.pending:
        return Verdict.INTERIM
    return None if evidence.complete else Verdict.NO_COMPARISON


def _sentence(
    verdict: Verdict, effect: Effect | None, evidence: Evidence, cutoff: date | None, d_days: int, outcome: str
) -> str:
    if effect is not None:
        return sentences.effect_sentence(verdict, effect, d_days, outcome)
    if verdict is Verdict.NO_LOT:
        return sentences.no_lot_sentence()
    if verdict is Verdict.NO_COMPARISON:
        return sentences.no_comparison_sentence(d_days)
    return sentences.interim_sentence(cutoff, evidence.over_on, started=any(one.opened for one in evidence.all))


def _wave_lines(evidence: Evidence, effect: Effect | None) -> list[WaveLine]:
    estimated = {(wave.cell, wave.wave): wave for wave in effect.waves} if effect else {}

    def line(comparison: Comparison) -> WaveLine:
        trial = comparison.trial
        wave = estimated.get((trial.cell, trial.wave))
        return WaveLine(
            cell=trial.cell,
            wave=trial.wave,
            treated=sum(household.children for household in trial.treated),
            controls=sum(household.children for household in trial.controls),
            rd_per_1000=_per_1000(wave.rd) if wave else None,
            low_per_1000=_per_1000(wave.low) if wave else None,
            high_per_1000=_per_1000(wave.high) if wave else None,
        )

    return [line(comparison) for comparison in evidence.all]


def _additional(effect: Effect, lot: _Lot, evidence: Evidence, d_days: int) -> AdditionalCards:
    children = _children(cell for cell in lot.cells if cell.name in evidence.cells)
    return AdditionalCards(
        best=round(effect.rd * children),
        low=round(effect.low * children),
        high=round(effect.high * children),
        within_days=d_days,
    )


def _amendments(session: Session, cohorts: Iterable[Cohort]) -> list[AmendmentLine]:
    rows = session.exec(
        select(Amendment)
        .where(col(Amendment.cohort_id).in_([cohort.id for cohort in cohorts]))
        .order_by(col(Amendment.id))
    )
    return [AmendmentLine(at=row.at.isoformat(), by=row.by, kind=row.kind, reason=row.reason) for row in rows]


@dataclass(frozen=True)
class _Reach:
    messaged: int  # households of the lot
    delivered: int
    early: int  # written to before their wave opened
    waiting: int  # those who are not in the first wave of their cell


def _read_reach(session: Session, campaign_id: int, lot: _Lot) -> _Reach:
    """What was sent to households of the lot; one that was merged into another is written to there."""
    written = (
        select(Message.household_id, Message.channel, Message.status, func.min(col(Message.intent_on)))
        .where(Message.campaign_id == campaign_id, Message.purpose == "campaign", col(Message.status).in_(BEGUN))
        .group_by(col(Message.household_id), col(Message.channel), col(Message.status))
    )
    messaged: set[int] = set()
    delivered: set[int] = set()
    first: dict[int, date] = {}
    for household_id, channel, status, on in session.exec(written):
        if household_id is None:
            continue
        if status in _MESSAGED and channel != ChannelKind.VILLAGE_LIST:
            messaged.add(household_id)
        if status in _ARRIVED and channel in _TRUSTWORTHY:
            delivered.add(household_id)
        if on is not None:
            first[household_id] = min(on, first.get(household_id, on))
    merged = {
        row.id: row.alias_of for row in session.exec(select(Household).where(col(Household.alias_of).is_not(None)))
    }

    def written_to(household_id: int) -> set[int]:
        known, last = {household_id}, merged.get(household_id)
        while last is not None:
            known.add(last)
            last = merged.get(last)
        return known

    names = {household_id: written_to(household_id) for household_id in lot.households}
    return _Reach(
        messaged=sum(1 for known in names.values() if known & messaged),
        delivered=sum(1 for known in names.values() if known & delivered),
        early=sum(
            1
            for household_id, wave in lot.households.items()
            if any(first[one] < wave.day for one in names[household_id] if one in first)
        ),
        waiting=len(lot.households) - len(lot.first_waves),
    )


def _warnings(
    campaign: Campaign, verdict: Verdict, effect: Effect | None, lot: _Lot, reach: _Reach, *, amended: bool
) -> list[str]:
    found = {
        "interim": verdict is Verdict.INTERIM,
        "few_events": effect is not None and effect.fewest_events < rules.FEW_EVENTS,
        "contamination": reach.early > rules.CONTAMINATED * reach.waiting,
        "amended": amended,
        "stopped_early": campaign.status == "stopped",
        "only_reachable": lot.outside > 0,
    }
    return [code for code, applies in found.items() if applies]


def _children(cells: Iterable[Cell]) -> int:
    return sum(len(household.came_on) for cell in cells for wave in cell.waves for household in wave.households)


def _per_1000(share: float) -> float:
    return round(share * 1000, 1)
