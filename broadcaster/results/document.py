"""The shape of a result, as programs rely on it: the JSON of `campaign results --json`."""

from __future__ import annotations

from typing import Literal, TypedDict


class Randomised(TypedDict):
    households: int
    children: int


class WaveLine(TypedDict):
    """One wave: its children still at risk when it opened, and those of its controls.

    The difference and its range are None where there are no controls, and while the comparison is not over.
    """

    cell: str  # cohort/tier/place
    wave: int
    treated: int
    controls: int
    rd_per_1000: float | None
    low_per_1000: float | None
    high_per_1000: float | None


class AdditionalCards(TypedDict):
    """Cards within D days that would not have come without the messages: the effect times the comparable children."""

    best: int
    low: int
    high: int
    within_days: int


class CostRange(TypedDict):
    """Rupiah."""

    best: int
    low: int
    high: int


class AmendmentLine(TypedDict):
    at: str
    by: str
    kind: str
    reason: str


class Equity(TypedDict):
    """Before and after: a description, never an effect."""

    descriptive: Literal[True]
    gap_pp_before: float | None
    gap_pp_now: float | None
    children_left_behind: int | None


class ResultDocument(TypedDict):
    """Effects are per 1,000 children, days ISO dates. The effect and what follows from it are None unless claimed.

    Rates and effect are weighted over waves, and a household may be a control in several of them: counts do not divide
    to them.
    """

    campaign: str
    outcome: str  # collected | applied
    verdict: str  # rules.Verdict
    evidence_ratio: float | None
    estimator: str | None
    unit: Literal["child"]
    confidence: float
    d_days: int
    cutoff: str | None  # the register speaks up to this day
    complete: bool  # every comparison is over
    prereg_sha256: str | None
    amendments: list[AmendmentLine]
    effect_per_1000: float | None
    low: float | None
    high: float | None
    without_message_per_1000: float | None
    randomised: Randomised
    always_send: int  # households
    cells_without_comparison: int
    waves: list[WaveLine]
    additional_cards: AdditionalCards | None
    cost_per_additional_idr: CostRange | None
    trust: str | None
    warnings: list[str]  # codes of sentences.WARNINGS
    sentence: str
    funnel: dict[str, int]
    equity: Equity
