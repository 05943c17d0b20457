"""The dry run: everything that would happen, and nothing that does."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from broadcaster.audience.queries import DueHousehold
from broadcaster.campaigns.cohorts import Placed, place, sends_on
from broadcaster.campaigns.definition import Definition, Step
from broadcaster.campaigns.fallback import may_arrive_twice
from broadcaster.campaigns.rules import cell, wave_days, with_controls
from broadcaster.campaigns.service import blocking, due, get
from broadcaster.domain.message import ChannelKind
from broadcaster.domain.power import smallest_effect, smallest_effect_waves
from broadcaster.office.queries import facts, prices, timetable
from broadcaster.rendering.queries import preview

#: Share that would come anyway within D days, until a campaign has measured its own: weekly 10 %, as facts of practice suggest.
USUAL_IN_A_WEEK = 0.10
#: The dry run draws with this salt. The real lot draws its own, so only the sizes are the same.
_PREVIEW_SALT = "pratinjau"


def dry_run(
    session: Session, name: str, today: date, now: datetime, zone: ZoneInfo, configured: Collection[ChannelKind]
) -> dict[str, Any]:
    """The `dry-run` document of the public surface. Reads only; raises `NotFound`, `BadInput` for places that do not exist."""
    _, version = get(session, name)
    definition = Definition.from_json(version.definition)
    audience = due(session, definition, today, now)
    table = timetable(session, zone)
    days = wave_days(definition, today, lambda day: sends_on(table, day, zone))
    placed = place(audience, definition, _PREVIEW_SALT)
    smallest, reason = _smallest(definition, placed, days)
    low, high = _cost(session, definition, [one.household for one in placed])
    capacity = facts(session).get("kapasitas_harian", "")
    return {
        "households": len(audience.households),
        "children": audience.children,
        "skipped": dict(audience.skipped),
        "always_send": sum(one.arm == "always_send" for one in placed),
        "outside_lot": dict(Counter(one.reason for one in placed if one.arm == "outside")),
        "cells": _cells(placed),
        "waves": _waves(placed, days, definition.d_days),
        "d_days": definition.d_days,
        "smallest_effect_per_1000": smallest,
        "smallest_effect_reason": reason,
        "cost_idr": {"low": low, "high": high},
        "days": math.ceil(audience.children / int(capacity)) if capacity.isdigit() and int(capacity) else None,
        "samples": [sample for step in definition.steps for sample in _samples(session, step)],
        "may_arrive_twice_steps": [step.message for step in definition.steps if may_arrive_twice(step)],
        "blocking": [
            {"code": block.code, "message": block.message}
            for block in blocking(session, definition, configured, json.loads(version.templates))
        ],
    }


def _cells(placed: Sequence[Placed]) -> list[dict[str, Any]]:
    sizes = Counter((one.drawn.unit.tier, one.drawn.unit.place) for one in placed if one.drawn is not None)
    return [
        {"cohort": 1, "tier": tier, "place": where, "households": number}
        for (tier, where), number in sorted(sizes.items())
    ]


def _waves(placed: Sequence[Placed], days: Sequence[date], d_days: int) -> list[dict[str, Any]]:
    sizes = Counter(one.drawn.wave if one.drawn is not None else 0 for one in placed)
    controls = with_controls(days, d_days)
    lines = [
        {
            "wave": number,
            "send_on": day.isoformat(),
            "households": sizes.get(number, 0),
            "has_controls": controls[number - 1] and sizes.get(number, 0) > 0,
        }
        for number, day in enumerate(days, start=1)
        if sizes.get(number, 0)
    ]
    if sizes.get(0):
        lines.insert(0, {"wave": 0, "send_on": days[0].isoformat(), "households": sizes[0], "has_controls": False})
    return lines


def _smallest(definition: Definition, placed: Sequence[Placed], days: Sequence[date]) -> tuple[int | None, str | None]:
    """The smallest effect per 1,000 children the lot can see, or why it can see none, in words."""
    children: dict[str, Counter[int]] = defaultdict(Counter)
    for one in placed:
        if one.drawn is not None:
            name = cell(1, one.drawn.unit.tier, one.drawn.unit.place)
            children[name][one.drawn.wave] += len(one.household.children)
    if definition.lot.none or not children:
        return None, "no_lot: kampanye ini tanpa undian, jadi pengaruhnya tidak dapat dinyatakan."
    if not any(with_controls(days, definition.d_days)):
        return None, (
            "no_comparison: tidak ada dua gelombang yang berjarak "
            f"{definition.d_days} hari; perpendek d_days, tambah gelombang, atau pakai delayed_share."
        )
    p0 = 1 - (1 - USUAL_IN_A_WEEK) ** (definition.d_days / 7)
    if definition.lot.delayed_share is not None:
        sent, delayed = (sum(sizes[wave] for sizes in children.values()) for wave in (1, 2))
        found = smallest_effect(sent, delayed, p0) if sent and delayed else None
    else:
        start = days[0]
        offsets = [(day - start).days for day in days]
        found = smallest_effect_waves(
            [[sizes[wave] for wave in range(1, len(days) + 1)] for sizes in children.values()],
            [offsets for _ in children],
            definition.d_days,
            p0,
        )
    if found is None:
        return None, "too_few: jumlah anak terlalu sedikit untuk melihat pengaruh apa pun."
    return math.ceil(found * 1000), None


def _cost(session: Session, definition: Definition, households: Sequence[DueHousehold]) -> tuple[int, int]:
    """Rupiah: if the first channel reaches everyone, and if every household needs its dearest channel on every step."""
    price = prices(session)
    low = high = 0
    for household in households:
        for step in definition.steps:
            costs = [
                price.get(channel, 0)
                for channel in step.channels
                if channel in household.addresses or channel is ChannelKind.VILLAGE_LIST
            ]
            if costs:
                low += costs[0]
                high += sum(costs) if step.fallback_after_hours else max(costs)
    return low, high


def _samples(session: Session, step: Step) -> list[dict[str, Any]]:
    lines = []
    for channel in step.channels:
        shown = preview(session, step.message, channel)
        lines.append(
            {
                "message": step.message,
                "channel": channel,
                "text": shown.text,
                "segments": shown.segments.segments,
                "warnings": list(shown.warnings),
            }
        )
    return lines
