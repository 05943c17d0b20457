"""Faults on purpose: what goes wrong with a call that sends a text or is about a template, how often, and which."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broadcaster.errors import BadInput

#: kind -> whether the text is accepted all the same
KINDS: dict[str, bool] = {
    "cut_before": False,  #: the connection is cut and nothing was accepted
    "cut_after": True,  #: accepted, then the connection is cut
    "http_500": False,  #: 500, nothing accepted
    "http_500_after": True,  #: accepted, then 500
    "429": False,  #: the provider's own body and a number of seconds
    "redirect": False,  #: 307 to another address
    "slow_ms": True,  #: accepted after a while
    "html_page": False,  #: a proxy's page, with the status of your choice
}
#: Calls that send a text; a fault for `*` meets them all.
CHANNELS = ("whatsapp", "sms", "telegram")
#: Calls about templates; only a fault that names one meets it.
TEMPLATE_CALLS = ("template_create", "template_approval", "template_list", "template_fetch")


@dataclass
class Fault:
    """`left`: how many calls it still meets (None = no end); `probability`: of meeting a call."""

    kind: str
    channel: str = "*"
    probability: float = 1.0
    left: int | None = None
    ms: float = 0.0  # slow_ms
    retry_after: int = 1  # 429, seconds
    status: int = 200  # html_page


def read_fault(data: Mapping[str, Any]) -> Fault:
    """From JSON: kind, and optionally channel, probability or next, ms, retry_after, status. Raises `BadInput`."""
    known = {"kind", "channel", "probability", "next", "ms", "retry_after", "status"}
    strange = sorted(set(data) - known)
    if strange:
        raise BadInput(f"unknown fault fields: {', '.join(strange)}", code="bad_fault")
    try:
        fault = Fault(
            kind=str(data.get("kind", "")),
            channel=str(data.get("channel", "*")),
            probability=float(data.get("probability", 1.0)),
            left=None if data.get("next") is None else int(data["next"]),
            ms=float(data.get("ms", 0)),
            retry_after=int(data.get("retry_after", 1)),
            status=int(data.get("status", 200)),
        )
    except (TypeError, ValueError) as error:
        raise BadInput(f"a fault needs numbers: {error}", code="bad_fault") from error
    return _checked(fault)


def parse_fault(text: str) -> Fault:
    """From the command line: KIND[=NUMBER][:CHANNEL]. NUMBER is a probability, for slow_ms milliseconds.

    `cut_after=0.05:whatsapp`. Raises `BadInput`.
    """
    what, _, channel = text.partition(":")
    kind, _, number = what.partition("=")
    try:
        value = float(number) if number else 1.0
    except ValueError as error:
        raise BadInput(f"--fail {text}: write for example cut_after=0.05:whatsapp", code="bad_fault") from error
    slow = kind == "slow_ms"
    fault = Fault(kind, channel or "*", probability=1.0 if slow else value, ms=value if slow else 0.0)
    return _checked(fault)


def _checked(fault: Fault) -> Fault:
    if fault.kind not in KINDS:
        raise BadInput(f"fault {fault.kind!r} is not one of {', '.join(KINDS)}", code="bad_fault")
    known = ("*", *CHANNELS, *TEMPLATE_CALLS)
    if fault.channel not in known:
        raise BadInput(f"channel {fault.channel!r} is not one of {', '.join(known)}", code="bad_fault")
    if not 0 <= fault.probability <= 1:
        raise BadInput("a probability is between 0 and 1", code="bad_fault")
    return fault


class Faults:
    """The faults in force, drawn from a seeded generator so that a run can be repeated."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - faults need repeatable chance, not secrecy
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        self._faults.append(fault)

    def clear(self) -> None:
        self._faults.clear()

    def chance(self, share: float) -> bool:
        return share > 0 and self._random.random() < share

    def seconds(self, most: float) -> float:
        """A random wait up to `most` seconds."""
        return self._random.uniform(0, most)

    def draw(self, channel: str) -> Fault | None:
        """The fault this call meets, the oldest first."""
        names = ("*", channel) if channel in CHANNELS else (channel,)
        for fault in self._faults:
            if fault.channel not in names or not self._random.random() < fault.probability:
                continue
            if fault.left is not None:
                if fault.left <= 0:
                    continue
                fault.left -= 1
            return fault
        return None
