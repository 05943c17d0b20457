"""What a channel is: it sends one outgoing text and says what the provider said; it verifies and reads what comes back.

A new channel is one file here, one line in `app.py`, and the contract tests that run on all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

from broadcaster.domain.message import AttemptState, ChannelKind


@dataclass(frozen=True)
class Limits:
    """What a provider allows; the source of each number stands where the channel declares it."""

    characters: int
    buttons: int
    receipts: bool  # whether `delivered` is trustworthy evidence
    template_only: bool  # WhatsApp campaigns: an approved template, never free text
    two_way: bool  # whether people can answer there
    same_chat_gap_s: float = 0.0  # at least this many seconds between two texts to one address


@dataclass(frozen=True)
class Button:
    """A quick reply: what the person sees, and the intent it stands for."""

    title: str
    intent: str


#: The intent of a button that asks Telegram for the person's own number instead of answering anything.
SHARE_CONTACT = "share_contact"


class Outgoing(NamedTuple):
    """One text, ready to leave. `reference` comes back in the receipt address or in the buttons' data."""

    reference: str
    address: str  # E.164 for WhatsApp and SMS, a chat id for Telegram, a village code for the list
    text: str
    buttons: tuple[Button, ...] = ()
    content_sid: str = ""  # WhatsApp: the approved template; empty = free text inside the 24 hour window
    content_variables: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Accepted:
    """The provider took it: 2xx that parses and carries an id."""

    provider_id: str
    segments: int = 1


@dataclass(frozen=True)
class Deferred:
    """Nothing was sent: no byte left us, or the provider's own 429. `after`: seconds to wait, None = our usual growth.

    `pause_sender` is true when the provider spoke of the whole sender (429), not of this text.
    """

    code: str
    after: float | None = None
    pause_sender: bool = False


@dataclass(frozen=True)
class Rejected:
    """4xx with the provider's own parsable body. `code` is looked up in content/codes."""

    code: str
    detail: str = ""


@dataclass(frozen=True)
class Unknown:
    """Everything else: it may or may not have been sent."""

    detail: str


Answer = Accepted | Deferred | Rejected | Unknown


@dataclass(frozen=True)
class WebhookRequest:
    """A provider's call, as it came over the wire. `url` is built from PUBLIC_BASE_URL, never from a Host header."""

    url: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


@dataclass(frozen=True)
class RawEvent:
    """One provider event as kept in the database. `key` is unique per account; `raw` is JSON text.

    `sent_at`: when it was written, where a webhook for the same event would not have said.
    """

    account: str
    key: str
    kind: str  # status | inbound | update
    raw: str
    sent_at: datetime | None = None


def readable(text: object) -> str:
    """A text as it can be read and kept: "" for what is no text, and without NUL and half characters."""
    if not isinstance(text, str):
        return ""
    return text.replace("\0", "").encode("utf-8", "ignore").decode()


@dataclass(frozen=True)
class Receipt:
    """Evidence about one text. Found by our `reference` when it is there, else by the provider's id."""

    reference: str
    provider_id: str
    state: AttemptState
    code: str = ""


#: What WhatsApp gives instead of a person's number when it hides that: a name of theirs for us, which no text of ours went to.
HIDDEN_NUMBER = "ID."


@dataclass(frozen=True)
class Reply:
    """Someone wrote or pressed a button. `opt_out_mark`: the provider's own STOP/START mark, which beats the text."""

    channel: ChannelKind
    address: str
    text: str
    intent: str = ""  # of a pressed button
    reference: str = ""  # of the text whose button was pressed
    replied_to: str = ""  # provider's id of the text it was written under
    sent_at: datetime | None = None
    opt_out_mark: str = ""  # "stop" | "start" | ""
    has_media: bool = False
    start_payload: str | None = None  # Telegram: the person pressed Start (perhaps with a link's payload)
    own_phone: str = ""  # Telegram: the person shared their own number, E.164 digits as the provider gave them
    others_card: bool = (
        False  # Telegram: the person shared a contact card that is not their own; its number is not kept
    )
    command: str = ""  # Telegram: "/berhenti@kia_bot" is "berhenti"


@dataclass(frozen=True)
class Blocked:
    """The person blocked us (or came back): Telegram my_chat_member."""

    channel: ChannelKind
    address: str
    blocked: bool
    sent_at: datetime | None = None


@dataclass(frozen=True)
class Unrecognised:
    """Kept, not understood; `why` is for developers."""

    why: str


ChannelEvent = Receipt | Reply | Blocked | Unrecognised


class Reader(Protocol):
    """Reads the kept events of one account; needs no key and no network."""

    account: str

    def parse(self, event: RawEvent) -> Sequence[ChannelEvent]:
        """What a kept event means. Pure; never raises."""
        ...


class Channel(Protocol):
    kind: ChannelKind
    account: str  # whose ids its provider_ids are: "twilio", "telegram"
    limits: Limits

    async def send(self, outgoing: Outgoing) -> Answer:
        """Send once. Never raises for what a provider or network does; never repeats by itself."""
        ...

    def verify(self, request: WebhookRequest) -> None:
        """Raises `BadSignature`."""
        ...

    def read_webhook(self, request: WebhookRequest) -> Sequence[RawEvent]:
        """The events in a verified call, with their unique keys. Strange input gives an event too, never an error."""
        ...

    def parse(self, event: RawEvent) -> Sequence[ChannelEvent]:
        """What a kept event means. Pure; never raises."""
        ...

    async def aclose(self) -> None: ...


class Poller(Protocol):
    """Fetches events where there is no public address. One poller per account."""

    account: str

    async def poll(self, cursor: str) -> tuple[Sequence[RawEvent], str]:
        """New events since `cursor` (empty at first) and the next cursor. Raises `PollFailed`."""
        ...


class TelegramBotAccount(Protocol):
    """The office's bot, outside sending. Every question raises `Blocked` with a sentence when Telegram does not do it."""

    id: str  # the public part of its token

    async def name(self) -> str:
        """Its username, without @."""
        ...

    async def use_webhook(self, url: str, secret: str) -> None:
        """Telegram calls `url` from now on; what waits there comes too."""
        ...

    async def use_polling(self) -> None:
        """Telegram keeps the news until they are fetched."""
        ...

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        """What the menu beside the text field offers: command -> what it does."""
        ...


@runtime_checkable
class AnswersCalls(Protocol):
    """A channel whose provider takes a call of its own API as the answer to a webhook."""

    def answer_call(self, request: WebhookRequest) -> Mapping[str, str] | None:
        """What to answer this verified call with, as JSON; None for nothing."""
        ...


@runtime_checkable
class ReceiptPoller(Protocol):
    """A poller that can also be asked for the state of single texts: receipts without a public address."""

    account: str

    async def fetch_status(self, provider_ids: Sequence[str]) -> Sequence[RawEvent]:
        """One event per text whose state is known, with the same keys as the webhooks'. Raises `PollFailed`."""
        ...


#: How many texts to one address a look-up sees.
LOOK_BACK = 200


@dataclass(frozen=True)
class SentText:
    """A text of ours as the provider has it."""

    provider_id: str
    text: str
    created_at: datetime  # aware, by the provider's clock
    event: RawEvent  # its state, as a receipt


@dataclass(frozen=True)
class SentTexts:
    """What was sent to one address, and the provider's time of the look-up: its difference to ours moves the window."""

    texts: tuple[SentText, ...]  # newest first, at most LOOK_BACK
    server_time: datetime | None


class LookUp(Protocol):
    """A provider that can be asked what we sent to an address: it proves that a text is there, never that it is not."""

    account: str

    async def sent_to(self, channel: ChannelKind, address: str) -> SentTexts:
        """The newest texts we sent to `address`. Raises `PollFailed`."""
        ...

    async def fetch_status(self, provider_ids: Sequence[str]) -> Sequence[RawEvent]:
        """One event per text whose state is known. Raises `PollFailed`."""
        ...


@dataclass(frozen=True)
class TemplateSpec:
    """A wording as a provider wants it. `body` holds {{1}}, {{2}}, ...; `samples` one example per variable."""

    name: str  # a-z, 0-9 and _
    language: str
    body: str
    samples: Mapping[str, str]
    buttons: tuple[Button, ...]
    category: str  # UTILITY | MARKETING


@dataclass(frozen=True)
class Approval:
    """Where a template stands at the provider."""

    status: str  # unsubmitted | received | pending | approved | rejected | paused | disabled
    category: str  # as the provider gives it, in whatever case; empty before it was asked for
    reason: str = ""  # of a rejection, in the provider's words


@dataclass(frozen=True)
class HeldTemplate:
    """A template the provider's account holds."""

    sid: str
    name: str
    approval: Approval


@runtime_checkable
class TemplateRegistrar(Protocol):
    """A channel whose campaign texts need the provider's approval.

    Every method raises `Blocked`; its code says what is known then: `provider_unreachable`, `too_many_calls` and
    `bad_credentials` speak of every call, `template_refused` of this template (nothing was changed), and
    `template_unknown` means that the provider may have done it or not.
    """

    account: str

    async def templates(self) -> Sequence[HeldTemplate]:
        """Every template of the account, to the last page."""
        ...

    async def create_template(self, spec: TemplateSpec) -> str:
        """Create it and return the provider's id."""
        ...

    async def request_approval(self, sid: str, name: str, category: str) -> None:
        """Ask for approval; once per template."""
        ...

    async def approval(self, sid: str) -> Approval:
        """Where it stands."""
        ...
