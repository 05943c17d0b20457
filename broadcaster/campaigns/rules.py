"""Pure decisions of a campaign: which day a wave is planned for, which waves have a comparison, what a campaign may become."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from broadcaster.campaigns.definition import Definition

#: state -> verb -> next state. What is not here is refused.
MOVES: dict[str, dict[str, str]] = {
    "draft": {"approve": "approved", "edit": "draft"},
    "approved": {"start": "running", "edit": "draft"},
    "running": {"pause": "paused", "stop": "stopped", "finish": "finished"},
    "paused": {"resume": "running", "stop": "stopped"},
    "finished": {},
    "stopped": {},
}

#: Only tier 1 exists until a campaign names priority tiers.
ONLY_TIER = 1


def next_day(day: date, sends_on: Callable[[date], bool]) -> date:
    """The first day from `day` on which anything may be sent. Raises ValueError when there is none within 90 days."""
    for step in range(90):
        candidate = day + timedelta(days=step)
        if sends_on(candidate):
            return candidate
    raise ValueError(f"no sending day within 90 days of {day}")


def wave_days(definition: Definition, start: date, sends_on: Callable[[date], bool]) -> list[date]:
    """The planned day of each wave, first to last. A delayed group is wave 2 and waits D days."""
    lot = definition.lot
    if lot.none:
        gaps = [0]
    elif lot.delayed_share is not None:
        gaps = [0, definition.d_days]
    else:
        gaps = [number * lot.every_days for number in range(lot.waves or 1)]
    return [next_day(start + timedelta(days=gap), sends_on) for gap in gaps]


def with_controls(days: Sequence[date], d_days: int) -> list[bool]:
    """Whether each wave has a wave of its cell that opens at least D days later."""
    return [any(later >= day + timedelta(days=d_days) for later in days) for day in days]


def preregistration(
    definition: Definition, *, cohort: int, list_sha256: str, salt: str, days: Sequence[date], cells: Mapping[str, int]
) -> tuple[str, str]:
    """What is promised before the first send, as canonical JSON, and its SHA-256."""
    content: dict[str, Any] = {
        "campaign": definition.name,
        "cohort": cohort,
        "unit": "household",
        "outcome": definition.outcome,
        "outcome_counted_per": "child",
        "d_days": definition.d_days,
        "window": "[t_w, t_w + D), t_w = the day the household's wave opens",
        "controls": "waves of the same cell that open at t_w + D or later",
        "estimator": _estimator(definition, len(cells)),
        "confidence": 0.95,
        "list_sha256": list_sha256,
        "salt_sha256": hashlib.sha256(salt.encode()).hexdigest(),
        "wave_days": [day.isoformat() for day in days],
        "cells": dict(sorted(cells.items())),
        "lot": definition.lot.model_dump(mode="json"),
        "steps": [step.model_dump(mode="json") for step in definition.steps],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text, hashlib.sha256(text.encode()).hexdigest()


def _estimator(definition: Definition, cells: int) -> str:
    """A single delayed group is one comparison; several cells of them are summed as waves are."""
    return "F4 one delayed group" if definition.lot.delayed_share is not None and cells == 1 else "F6 waves by cells"


def cell(cohort: int, tier: int, place: str) -> str:
    """The name of a cell, as reports print it."""
    return f"{cohort}/{tier}/{place}"
