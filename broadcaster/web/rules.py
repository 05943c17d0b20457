"""Pure decisions of the console: where a sign-in leads, which forms are ours, how a campaign's counts become a bar."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from broadcaster.domain.message import Status

HOME = "/beranda"
PAGE_SIZE = 50

# A letter after the first slash: neither `//host`, nor `/\host`, nor a scheme can match.
_OUR_ADDRESS = re.compile(r"/[a-z][A-Za-z0-9_./-]*(\?[A-Za-z0-9_.=&%+-]*)?")


def where_next(asked: str) -> str:
    """The page to show after the sign-in: an address of this console, never one of another site."""
    return asked if len(asked) <= 500 and _OUR_ADDRESS.fullmatch(asked) else HOME


def is_forged(method: str, headers: Mapping[str, str], trusted_origin: str) -> bool:
    """Whether a request that changes something was sent by another site's page. Header names in lower case.

    Browsers say where a form came from: in Sec-Fetch-Site over https and on this machine, in Origin otherwise. A
    request with neither comes from a program, which has no session cookie by accident. `trusted_origin` ("" = none) is
    the public address, for a proxy that changes the Host header.
    """
    if method in ("GET", "HEAD", "OPTIONS"):
        return False
    origin = headers.get("origin", "")
    if origin and origin == trusted_origin:
        return False
    site = headers.get("sec-fetch-site", "")
    if site:
        return site not in ("same-origin", "none")
    if not origin:
        return False
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower() or origin == "null"


@dataclass(frozen=True)
class Part:
    """One piece of the bar: `start` and `width` in per cent of the whole."""

    key: str
    count: int
    start: float
    width: float


#: From what is certain to what never left; each status is in exactly one.
FLOW: tuple[tuple[str, frozenset[Status]], ...] = (
    ("arrived", frozenset({Status.DELIVERED, Status.READ})),
    ("gone", frozenset({Status.ACCEPTED, Status.SENT})),
    ("waiting", frozenset({Status.PLANNED, Status.CLAIMED, Status.SENDING})),
    ("look", frozenset({Status.UNKNOWN, Status.FAILED})),
    ("unsent", frozenset({Status.SUPPRESSED, Status.EXPIRED, Status.CANCELLED})),
)


def flow(messages: Mapping[str, int]) -> list[Part]:
    """The counts by status as the five pieces of one bar, empty pieces left out."""
    total = sum(messages.values())
    parts, start = [], 0.0
    for key, statuses in FLOW:
        count = sum(messages.get(status, 0) for status in statuses)
        if count:
            width = 100 * count / total
            parts.append(Part(key, count, round(start, 3), round(width, 3)))
            start += width
    return parts


def count_of(messages: Mapping[str, int], key: str) -> int:
    """How many messages are in one piece of the flow."""
    return next(sum(messages.get(status, 0) for status in statuses) for name, statuses in FLOW if name == key)


@dataclass(frozen=True)
class Pages:
    """Where one page of a list lies: `first` and `last` count from 1; 0 and 0 when the list is empty."""

    number: int
    total: int
    count: int
    first: int
    last: int

    @property
    def offset(self) -> int:
        return max(0, self.first - 1)


def pages(number: int, count: int, size: int = PAGE_SIZE) -> Pages:
    """Page `number` (from 1) of a list of `count`, `size` to a page; a number past the end is the last page."""
    total = max(1, -(-count // size))
    number = min(max(1, number), total)
    first = (number - 1) * size + 1 if count else 0
    return Pages(number, total, count, first, min(number * size, count))
