"""Telegram through python-telegram-bot's `Bot`, on our own transport.

The library makes the request; we read the answer. It would hide the HTTP status behind its exceptions, some of which mean both
"refused" and "nobody knows" (a `BadRequest` is a `NetworkError`), and it makes an object of a hundred attributes of a message of
which we need one number. So the request object below keeps what came, and `send` classifies it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from telegram import Bot
from telegram.request import BaseRequest, RequestData

from broadcaster.channels import telegram_events
from broadcaster.channels.http import HttpAnswer, NothingSent, Transport, TransportError, form
from broadcaster.channels.protocol import (
    SHARE_CONTACT,
    Accepted,
    Answer,
    ChannelEvent,
    Deferred,
    Limits,
    Outgoing,
    RawEvent,
    Rejected,
    Unknown,
    WebhookRequest,
)
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadSignature, PollFailed

ACCOUNT = telegram_events.ACCOUNT
ALLOWED_UPDATES = ("message", "callback_query", "my_chat_member")
_UPDATES_PER_POLL = 100  # the most getUpdates gives at once
#: Forbidden comes in one status; which kind it is, only the text says (https://core.telegram.org/bots/api#making-requests).
_FORBIDDEN = (
    ("blocked by the user", "blocked"),
    ("user is deactivated", "deactivated"),
    ("can't initiate conversation", "not_started"),
)
_BAD_REQUEST = (
    ("chat not found", "chat_not_found"),
    ("message is too long", "too_long"),
    ("upgraded to a supergroup", "migrated"),
)


class TelegramChannel:
    """One bot. `base_url` is the server without `/bot`; the token is never logged."""

    kind = ChannelKind.TELEGRAM
    account = ACCOUNT
    #: 4096 characters after entities, https://core.telegram.org/bots/api#sendmessage; a bot gets no receipts;
    #: one text a second per chat, https://core.telegram.org/bots/faq; eight buttons still fit a small screen.
    limits = Limits(characters=4096, buttons=8, receipts=False, template_only=False, two_way=True, same_chat_gap_s=1.0)

    def __init__(self, transport: Transport, *, token: str, base_url: str, webhook_secret: str = "") -> None:
        _quiet()
        request = _Request(transport)
        # never `initialize`d: that would call getMe, and sending does not need to know the bot's name
        self._bot = Bot(token, base_url=f"{base_url.rstrip('/')}/bot", request=request, get_updates_request=request)
        self._token = token
        self._secret = webhook_secret

    async def send(self, outgoing: Outgoing) -> Answer:
        """Send once, as plain text without link previews, with the buttons below each other."""
        await self._bot.send_message(outgoing.address, outgoing.text, api_kwargs=_extras(outgoing))
        return _read(_came_to.get(), self._token, outgoing.address)

    def verify(self, request: WebhookRequest) -> None:
        """Compares the secret header; without a secret in the settings every call is refused."""
        given = request.headers.get("x-telegram-bot-api-secret-token", "")
        if not self._secret or not hmac.compare_digest(given.encode(), self._secret.encode()):
            raise BadSignature("the Telegram secret header is missing or wrong")

    def read_webhook(self, request: WebhookRequest) -> Sequence[RawEvent]:
        return (telegram_events.read_body(request.body),)

    def parse(self, event: RawEvent) -> Sequence[ChannelEvent]:
        return telegram_events.parse(event)

    def answer_call(self, request: WebhookRequest) -> Mapping[str, str] | None:
        """Stops the small clock on a pressed button: Telegram takes a method as the answer to its call.

        https://core.telegram.org/bots/api#making-requests-when-getting-updates
        """
        try:
            press = telegram_events.press_of(json.loads(request.body))
        except (ValueError, RecursionError):
            return None
        return {"method": "answerCallbackQuery", "callback_query_id": press} if press else None

    async def aclose(self) -> None:
        """The transport is shared; its owner closes it."""


class TelegramPoller:
    """getUpdates, without waiting. Exactly one poller per bot, and none while a webhook is set."""

    account = ACCOUNT

    def __init__(self, transport: Transport, *, token: str, base_url: str) -> None:
        _quiet()
        self._transport = transport
        self._url = f"{base_url.rstrip('/')}/bot{token}"
        self._asked = False

    async def poll(self, cursor: str) -> tuple[Sequence[RawEvent], str]:
        """The next updates. `cursor` is the next update id to ask for; asking for it confirms everything before it.

        After an empty answer the cursor is empty again: nothing unconfirmed is left then, and Telegram may begin its
        numbers anew (at a random place, even a lower one) after a week of silence. For the same reason the first question of a
        process is asked without a number: it may be an old one, and what comes a second time is known by its key.
        """
        wanted = {
            "timeout": "0", "limit": str(_UPDATES_PER_POLL), "allowed_updates": json.dumps(ALLOWED_UPDATES),
        }  # fmt: skip
        if cursor and self._asked:
            wanted["offset"] = cursor
        updates = await self._get_updates(wanted)
        self._asked = True
        if not updates:
            return (), ""
        events = [telegram_events.of_update(update) for update in updates]
        await self._stop_spinners(updates)
        return events, str(max(telegram_events.update_id(update) for update in updates) + 1)

    async def _get_updates(self, wanted: dict[str, str]) -> list[dict[str, Any]]:
        try:
            answer = await self._call("getUpdates", wanted)
        except TransportError as error:
            raise PollFailed(f"Telegram did not answer: {error}") from error
        if answer.status == 409:
            raise PollFailed(
                "another program polls this bot, or a webhook is set (`broadcaster telegram connect` removes it)",
                code="poll_conflict",
            )
        try:
            updates = json.loads(answer.body)["result"]
            return [update for update in updates if telegram_events.has_id(update)]
        except (ValueError, KeyError, TypeError) as error:
            raise PollFailed(f"Telegram answered a poll with {answer.status}") from error

    async def _stop_spinners(self, updates: Sequence[dict[str, Any]]) -> None:
        """Tell the phones that their presses arrived. A failure leaves a small clock turning there, nothing more."""
        presses = [press for update in updates if (press := telegram_events.press_of(update))]
        await asyncio.gather(
            *(self._call("answerCallbackQuery", {"callback_query_id": press}) for press in presses),
            return_exceptions=True,
        )

    async def _call(self, method: str, parameters: dict[str, str]) -> HttpAnswer:
        return await self._transport.request("POST", f"{self._url}/{method}", _FORM, form(parameters))


def provider_id(token: str, chat_id: str, message_id: int) -> str:
    """Our id of a sent text. Telegram numbers texts per chat; the chat is hashed, because it is a person's address.

    The part after the colon is Telegram's own message id.
    """
    chat = hmac.digest(token.encode(), chat_id.encode(), hashlib.sha256)[:8]
    return f"{chat.hex()}:{message_id}"


def read_refusal(answer: HttpAnswer) -> Answer:
    """What an answer that is not 2xx means; only Telegram's own JSON can refuse."""
    try:
        body = json.loads(answer.body)
        ours = body["ok"] is False and body.get("error_code", answer.status) == answer.status
        description = str(body.get("description", "")).lower()
        parameters = body.get("parameters") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return Unknown(f"HTTP {answer.status} without Telegram's own body")
    if not ours or not 400 <= answer.status < 500 or answer.status == 408:
        return Unknown(f"HTTP {answer.status}")
    if answer.status == 429:
        return Deferred("429", after=_seconds(parameters), pause_sender=True)
    if answer.status == 403:
        return Rejected(f"403:{_kind(_FORBIDDEN, description)}")
    if answer.status == 400:
        return Rejected(f"400:{_kind(_BAD_REQUEST, description)}")
    return Rejected(str(answer.status))


class _Request(BaseRequest):
    """The library's request object on our transport. What a call came to is left in `_came_to`, for `send` in the same task."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    @property
    def read_timeout(self) -> float | None:
        return self._transport.read_timeout_s

    async def initialize(self) -> None:
        """The transport opens itself."""

    async def shutdown(self) -> None:
        """The transport is shared; its owner closes it."""

    async def do_request(
        self, url: str, method: str, request_data: RequestData | None = None, *_timeouts: Any, **_more: Any
    ) -> tuple[int, bytes]:
        """One call; the timeouts are the transport's own."""
        body = form(request_data.json_parameters) if request_data else b""
        try:
            _came_to.set(await self._transport.request(method, url, _FORM, body))
        except TransportError as error:
            _came_to.set(error)
        return 200, b""

    @staticmethod
    def parse_json_payload(_payload: bytes) -> dict[str, Any]:
        """For the library every call is done and has nothing to show, which it takes a `true` for."""
        return {"result": True}


_came_to: ContextVar[HttpAnswer | TransportError] = ContextVar("came_to")
_FORM = {"content-type": "application/x-www-form-urlencoded"}


_NO_PREVIEW = '{"is_disabled": true}'


def _extras(outgoing: Outgoing) -> dict[str, str]:
    """Parameters as the API takes them: the library's objects for them cost as much as the rest of the call."""
    extras = {"link_preview_options": _NO_PREVIEW}
    sharing = [button for button in outgoing.buttons if button.intent == SHARE_CONTACT]
    if sharing:
        # such a button belongs to the person's keyboard, and a text has either that or buttons below it
        rows = [[{"text": button.title, "request_contact": True}] for button in sharing]
        extras["reply_markup"] = json.dumps({"keyboard": rows, "one_time_keyboard": True, "resize_keyboard": True})
    elif outgoing.buttons:
        rows = [
            [{"text": button.title, "callback_data": f"{button.intent}:{outgoing.reference}"}]
            for button in outgoing.buttons
        ]
        extras["reply_markup"] = json.dumps({"inline_keyboard": rows})
    return extras


def _read(came_to: HttpAnswer | TransportError, token: str, chat: str) -> Answer:
    match came_to:
        case NothingSent():
            return Deferred(came_to.code)
        case TransportError():
            return Unknown(str(came_to))
    if not 200 <= came_to.status < 300:
        return read_refusal(came_to)
    try:
        number = json.loads(came_to.body)["result"]["message_id"]
    except (ValueError, KeyError, TypeError) as error:
        return Unknown(f"unreadable 2xx: {type(error).__name__}")
    if not isinstance(number, int) or isinstance(number, bool):
        return Unknown("2xx without a message id")
    return Accepted(provider_id(token, chat, number))


def _kind(table: Sequence[tuple[str, str]], description: str) -> str:
    return next((kind for words, kind in table if words in description), "other")


def _seconds(parameters: Any) -> float | None:
    after = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if isinstance(after, bool) or not isinstance(after, int | float) or not 0 <= after < 1e9:
        return None
    return float(after)


def _quiet() -> None:
    """These log addresses with the token in them, or whole texts."""
    for name in ("telegram", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
