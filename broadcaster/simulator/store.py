"""What the simulated providers know: accepted texts, inbound messages, templates, counts. All bookkeeping is O(1) a text.

Moments come from the simulator's own clock, which a rehearsal can set.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broadcaster.clock import Clock, SteppedClock, SystemClock

_RAW_KEPT = 20_000  # newest requests
_WINDOW = timedelta(hours=24)
_EXAMPLES = 20
#: Signs the calls to us; give the product the same one as its Twilio auth token.
SIMULATED_KEY = "simulated-auth-token"


@dataclass(frozen=True, slots=True)
class Raw:
    """One request as it came over the wire."""

    number: int
    method: str
    path: str  # with the query, still encoded
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """A status a text takes at a moment."""

    at: datetime
    status: str
    code: str = ""


@dataclass(slots=True)
class Text:
    """One text, accepted from us or written by a person."""

    number: int  # from 1, in the order of acceptance
    channel: str
    sid: str
    sender: str
    to: str
    text: str
    at: datetime
    steps: Sequence[Step]  # oldest first; the first is the status at acceptance
    inbound: bool = False
    reference: str = ""
    buttons: tuple[tuple[str, str], ...] = ()  # title, data
    keyboard: tuple[str, ...] = ()  # Telegram: titles of buttons that share the person's own number
    content_sid: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    callback: str = ""
    account: str = ""
    service: str = ""
    media: int = 0

    def step(self, now: datetime) -> Step:
        """Where it stands at `now`."""
        current = self.steps[0]
        for step in self.steps[1:]:
            if step.at <= now:
                current = step
        return current


@dataclass(slots=True)
class Template:
    """A Content API template: body and buttons with {{1}}, {{2}}, ..., and the samples."""

    sid: str
    name: str
    language: str
    body: str
    buttons: tuple[tuple[str, str], ...]
    samples: dict[str, str]
    types: dict[str, object]
    status: str = "unsubmitted"
    category: str = ""
    reason: str = ""
    asked_name: str = ""  # under which approval was asked for
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass
class Options:
    """What may be set through /_sim/options. The three shares are between 0 and 1 and are about receipts."""

    auth_token: str = SIMULATED_KEY
    telegram_token: str = ""  # empty: any well-formed token
    inbound_url: str = ""  # where inbound Twilio messages are posted; empty: only listed
    whatsapp_from: str = "+6285100000001"  # whom people write to when we have not written yet
    sms_from: str = "+6285100000002"
    auto_approve: bool = True
    shuffle: float = 0.0
    double: float = 0.0
    drop: float = 0.0
    latency_ms: float = 0.0


class Store:
    """The simulated providers' memory."""

    def __init__(self) -> None:
        self.options = Options()
        self.clock: Clock = SystemClock()
        self._numbers = itertools.count(1)
        self.clear()

    def clear(self) -> None:
        """Forget everything but the options and the clock."""
        self.texts: list[Text] = []
        self.by_sid: dict[str, Text] = {}
        self.to: dict[tuple[str, str], list[Text]] = {}  # (channel, address) -> texts of both directions
        self.inbound_to: dict[tuple[str, str], list[Text]] = {}  # (channel, our number) -> what people wrote
        self.templates: dict[str, Template] = {}
        self.requests: deque[Raw] = deque(maxlen=_RAW_KEPT)
        self.request_count = 0
        self.accepted: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.inbound: Counter[str] = Counter()
        self.receipts: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.duplicates = 0
        self.same_text = 0
        self.duplicate_examples: list[int] = []
        self.worst_second: Counter[str] = Counter()
        self._last_inbound: dict[tuple[str, str], datetime] = {}
        self._wrote: Counter[tuple[str, str]] = Counter()
        self._seen: set[tuple[str, ...]] = set()
        self._seen_texts: set[tuple[str, str, str]] = set()
        self._second: dict[str, deque[float]] = {}
        self.last_sender: dict[str, str] = {}

    def now(self) -> datetime:
        """The simulator's idea of now, aware UTC."""
        return self.clock.now()

    def set_now(self, moment: datetime) -> None:
        """Set it; it runs on from there."""
        self.clock = SteppedClock(moment)

    def next_number(self) -> int:
        return next(self._numbers)

    def keep_request(self, method: str, path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
        self.request_count += 1
        self.requests.append(Raw(self.request_count, method, path, headers, body))

    def accept(self, text: Text) -> None:
        """Take a text of ours, and count it.

        A duplicate is a second text with the same reference; without one, with the same recipient and words, unless the
        person wrote in between: the same answer to a second question is no duplicate.
        """
        self.texts.append(text)
        self._index(text)
        self.accepted[text.channel] += 1
        self.last_sender[text.channel] = text.sender
        key: tuple[str, ...]
        if text.reference:
            key = ("reference", text.reference)
        else:
            key = ("text", text.channel, text.to, text.text, str(self._wrote[text.channel, text.to]))
        if key in self._seen:
            self.duplicates += 1
            if len(self.duplicate_examples) < _EXAMPLES:
                self.duplicate_examples.append(text.number)
        self._seen.add(key)
        words = (text.channel, text.to, text.text)
        self.same_text += words in self._seen_texts
        self._seen_texts.add(words)
        self._pace(text.channel)

    def receive(self, text: Text) -> None:
        """Take what a person wrote; on WhatsApp it opens the 24 hour window."""
        self._index(text)
        self.inbound_to.setdefault((text.channel, text.to), []).append(text)
        self.heard_from(text.channel, text.sender)

    def heard_from(self, channel: str, address: str) -> None:
        self.inbound[channel] += 1
        self._wrote[channel, address] += 1
        self._last_inbound[channel, address] = self.now()

    def window_open(self, address: str) -> bool:
        """Whether free text may be sent on WhatsApp: the person wrote in the last 24 hours."""
        last = self._last_inbound.get(("whatsapp", address))
        return last is not None and self.now() - last <= _WINDOW

    def last_to(self, channel: str, address: str) -> Text | None:
        """The newest text of ours to this address."""
        return next((text for text in reversed(self.to.get((channel, address), ())) if not text.inbound), None)

    def _index(self, text: Text) -> None:
        self.by_sid[text.sid] = text
        person = text.sender if text.inbound else text.to
        self.to.setdefault((text.channel, person), []).append(text)

    def _pace(self, channel: str) -> None:
        moments = self._second.setdefault(channel, deque())
        at = time.monotonic()
        moments.append(at)
        while moments[0] <= at - 1:
            moments.popleft()
        self.worst_second[channel] = max(self.worst_second[channel], len(moments))
