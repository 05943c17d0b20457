"""What a rule is, and what rules are made of. The rules themselves: trust, wording, channels, drift; `findings` runs them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from broadcaster.errors import BadInput
from broadcaster.rendering import source as sources
from broadcaster.rendering.catalogue import Catalogue, examples, longest, neutral
from broadcaster.rendering.rules import fill
from broadcaster.rendering.source import Source

#: An error would harm a family or be refused by a provider: such a text is not saved. A warning may be meant.
Severity = Literal["error", "warning"]

CHAT = ("telegram", "whatsapp")
PEOPLE = (*CHAT, "sms")
MEDIA = sources.MEDIA
#: Media with room for more than a line.
SPOKEN = tuple(medium for medium in MEDIA if medium != "billboard")
EVERY = (*sources.CHANNELS, *MEDIA)

CAMPAIGN = ("campaign",)
MESSAGES = sources.MESSAGE_PURPOSES
ANSWER = ("answer",)
PUBLIC = ("announcement",)
ALL = (*MESSAGES, *ANSWER, *PUBLIC)


@dataclass(frozen=True)
class Text:
    """One text of one file, as the rules see it."""

    channel: str
    body: str
    kind: str  # campaign | thanks | correction | reopening | answer | announcement
    key: str
    catalogue: Catalogue


class Hit(NamedTuple):
    """An offence: one sentence for staff, and where. `piece`: the offending words, "" for the text as a whole.

    A rule over a whole file also gives `after`: the key or table from which on `piece` is looked for; `nth` counts from there.
    """

    piece: str
    message: str
    after: str = ""
    nth: int = 1


@dataclass(frozen=True)
class TextRule:
    """Looks at one text at a time, of these channels and kinds."""

    name: str
    severity: Severity
    channels: tuple[str, ...]
    kinds: tuple[str, ...]
    finds: Callable[[Text], Iterable[Hit]]


@dataclass(frozen=True)
class SourceRule:
    """Looks at a whole file: its buttons, and its texts beside each other."""

    name: str
    severity: Severity
    kinds: tuple[str, ...]
    finds: Callable[[Source, Catalogue], Iterable[Hit]]


def absent(pattern: str, message: str) -> Callable[[Text], Iterable[Hit]]:
    """The text must hold `pattern`."""
    return lambda text: [] if re.search(pattern, text.body, re.IGNORECASE) else [Hit("", message)]


def present(
    pattern: str, message: str, *, flags: re.RegexFlag = re.IGNORECASE, unless_denied: bool = False
) -> Callable[[Text], Iterable[Hit]]:
    """The text must not hold `pattern`; `message` may name it as `{}`. "Jangan ..." may be allowed to hold it."""
    return lambda text: [
        Hit(match.group(), message.replace("{}", match.group()))
        for match in re.finditer(pattern, text.body, flags)
        if not (unless_denied and denied(text.body, match.start()))
    ]


_DENIAL = re.compile(r"\b(?:tidak|tdk|jangan|tanpa|bukan)\b(?:[^\w,;.!?]+\w+){0,5}[^\w,;.!?]*$", re.IGNORECASE)


def denied(body: str, start: int) -> bool:
    """Whether what begins at `start` is said not to be so: a "tidak" or "jangan" shortly before, in the same clause."""
    return _DENIAL.search(body[:start]) is not None


def usual(text: Text) -> list[str]:
    """The text for a usual family and for one without names; nothing when it cannot be filled (another rule says why)."""
    return _filled(text.body, examples(text.catalogue), neutral(text.catalogue))


def at_worst(text: Text) -> list[str]:
    """The text at the longest values."""
    return _filled(text.body, longest(text.catalogue))


def _filled(body: str, *families: dict[str, str]) -> list[str]:
    try:
        return [fill(body, values) for values in families]
    except BadInput:
        return []
