"""WhatsApp and SMS through one Twilio account: sending, and asking where no webhook can reach us."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import orjson
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]

from broadcaster.channels import twilio_events
from broadcaster.channels.http import NothingSent, TransportError
from broadcaster.channels.protocol import (
    LOOK_BACK,
    Accepted,
    Answer,
    ChannelEvent,
    Deferred,
    Limits,
    Outgoing,
    RawEvent,
    SentText,
    SentTexts,
    Unknown,
    WebhookRequest,
)
from broadcaster.channels.twilio_client import RefusedCall, TwilioAccount, read_refusal
from broadcaster.channels.twilio_events import WHATSAPP_PREFIX
from broadcaster.channels.twilio_templates import TemplateCalls, reference_variable
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import PollFailed

ACCOUNT = twilio_events.ACCOUNT
#: An SMS still queued at Twilio after this many seconds is dropped rather than sent in the night.
_SMS_VALIDITY_S = 4 * 3600
_PAGE = 1000  # the most Twilio lists at once
_FETCHES = 10  # look-ups of single texts at the same time
_OVERLAP = timedelta(minutes=10)  # polled again, for what was listed late
_FIRST_POLL = timedelta(hours=24)  # older questions can no longer be answered freely


class _TwilioChannel:
    """What WhatsApp and SMS share. `sender` is E.164, or for SMS the registered name."""

    account = ACCOUNT
    kind: ChannelKind

    def __init__(
        self, twilio: TwilioAccount, *, sender: str, messaging_service_sid: str = "", public_base_url: str = ""
    ) -> None:
        self._twilio = twilio
        self._sender = sender
        self._service = messaging_service_sid
        self._public = public_base_url.rstrip("/")

    async def send(self, outgoing: Outgoing) -> Answer:
        """Send once."""
        form: dict[str, Any] = self._form(outgoing)
        if self._service:
            form["messaging_service_sid"] = self._service
        if self._public:
            query = urlencode({"d": outgoing.reference})
            form["status_callback"] = f"{self._public}/hooks/twilio/status?{query}"
        try:
            message = await self._twilio.client.messages.create_async(**form)
        except NothingSent as error:
            return Deferred(error.code)
        except TransportError as error:
            return Unknown(str(error))
        except RefusedCall as refused:
            return read_refusal(refused.answer)
        except Exception as error:  # it was a 2xx, and the SDK could not make a message of it
            return Unknown(f"unreadable 2xx: {type(error).__name__}")
        if not isinstance(message.sid, str) or not message.sid:
            return Unknown("2xx without a message id")
        return Accepted(message.sid, _count(message.num_segments))

    def _form(self, outgoing: Outgoing) -> dict[str, Any]:
        raise NotImplementedError

    def verify(self, request: WebhookRequest) -> None:
        twilio_events.verify(request, self._twilio.auth_token)

    def read_webhook(self, request: WebhookRequest) -> Sequence[RawEvent]:
        return (twilio_events.read_webhook(request),)

    def parse(self, event: RawEvent) -> Sequence[ChannelEvent]:
        return twilio_events.parse(event)

    async def aclose(self) -> None:
        """The transport is shared; its owner closes it."""


class SmsChannel(_TwilioChannel):
    kind = ChannelKind.SMS
    #: 1600 characters, Twilio error 21617; one-way in Indonesia, and its receipts prove little.
    limits = Limits(characters=1600, buttons=0, receipts=False, template_only=False, two_way=False)

    def _form(self, outgoing: Outgoing) -> dict[str, Any]:
        return {
            "to": outgoing.address,
            "from_": self._sender or None,
            "body": outgoing.text,
            "validity_period": _SMS_VALIDITY_S,
        }


class WhatsAppChannel(TemplateCalls, _TwilioChannel):
    """Also registers templates (`TemplateRegistrar`)."""

    kind = ChannelKind.WHATSAPP
    #: A template's body holds 1024 characters and ten quick replies (Meta's template pages).
    limits = Limits(characters=1024, buttons=10, receipts=True, template_only=True, two_way=True)

    def _form(self, outgoing: Outgoing) -> dict[str, Any]:
        form: dict[str, Any] = {
            "to": f"{WHATSAPP_PREFIX}{outgoing.address}",
            "from_": f"{WHATSAPP_PREFIX}{self._sender}" if self._sender else None,
        }
        if not outgoing.content_sid:
            return {**form, "body": outgoing.text}
        variables = dict(outgoing.content_variables)
        if outgoing.buttons:
            variables[reference_variable(variables)] = outgoing.reference
        return {
            **form,
            "content_sid": outgoing.content_sid,
            "content_variables": orjson.dumps(variables).decode() if variables else None,
        }


class TwilioPoller:
    """Lists what people wrote to our numbers, and asks for the state of single texts."""

    account = ACCOUNT

    def __init__(
        self,
        twilio: TwilioAccount,
        *,
        whatsapp_from: str = "",
        sms_from: str = "",
        after: timedelta = timedelta(0),
    ) -> None:
        """`after`: list only what is at least so old, because a webhook brings it first, and brings more."""
        self._twilio = twilio
        self._after = after
        self._whatsapp = f"{WHATSAPP_PREFIX}{whatsapp_from}" if whatsapp_from else ""
        self._sms = sms_from

    async def poll(self, cursor: str) -> tuple[Sequence[RawEvent], str]:
        """New messages to our numbers. `cursor` is the moment of the newest one seen (ISO 8601).

        Twilio filters by the day only; the rest is filtered here, with an overlap that the events' keys absorb.
        """
        since = datetime.fromisoformat(cursor).astimezone(UTC) if cursor else None
        newest = since
        events: list[RawEvent] = []
        for number in (self._whatsapp, self._sms):
            # a name instead of a number cannot be written to
            if not number.removeprefix(WHATSAPP_PREFIX).startswith("+"):
                continue
            for message in await self._inbound(number, since):
                moment = message.date_sent or message.date_created
                if self._too_young(moment):
                    continue
                events.append(twilio_events.inbound_event(message.sid, _as_form(message), sent_at=moment))
                newest = max(newest, moment) if newest and moment else moment or newest
        # nothing yet: the next poll need not list the past again
        newest = newest or self._latest()
        return events, newest.isoformat() if newest else ""

    def _latest(self) -> datetime | None:
        """Up to when messages are listed, by Twilio's clock; None before it has said what that is."""
        now = self._twilio.http.server_time
        return now - self._after if now is not None else None

    def _too_young(self, moment: datetime | None) -> bool:
        latest = self._latest()
        return bool(self._after) and (moment is None or latest is None or moment > latest)

    async def _inbound(self, number: str, since: datetime | None) -> list[Any]:
        oldest = since - _OVERLAP if since else None
        day = oldest.replace(hour=0, minute=0, second=0, microsecond=0) if oldest else None
        messages = await self._list(to=number, date_sent_after=day)
        server_time = self._twilio.http.server_time
        if oldest is None and server_time is not None:
            oldest = server_time - _FIRST_POLL
        return [
            message
            for message in reversed(messages)  # Twilio lists the newest first
            if message.sid and message.direction == "inbound" and not _before(message.date_sent, oldest)
        ]

    async def fetch_status(self, provider_ids: Sequence[str]) -> Sequence[RawEvent]:
        """One event per text Twilio knows. Raises `PollFailed` when it answered for none of them."""
        at_once = asyncio.Semaphore(_FETCHES)

        async def fetch(sid: str) -> RawEvent | str:
            async with at_once:
                try:
                    message = await self._twilio.client.messages(sid).fetch_async()
                    return _state(message) if message.sid == sid and message.status else "unreadable answer"
                except (TransportError, RefusedCall) as error:
                    return str(error)
                except (TwilioException, ValueError, KeyError, TypeError, AttributeError) as error:
                    return type(error).__name__

        found = await asyncio.gather(*(fetch(sid) for sid in provider_ids))
        events = [event for event in found if isinstance(event, RawEvent)]
        if found and not events:
            raise PollFailed(f"Twilio did not answer for any of {len(found)} texts: {found[0]}")
        return events

    async def sent_to(self, channel: ChannelKind, address: str) -> SentTexts:
        """The newest texts we sent to `address`. Not filtered by day: a text still queued has none. Raises `PollFailed`."""
        sms = channel is ChannelKind.SMS
        sender, to = (self._sms, address) if sms else (self._whatsapp, f"{WHATSAPP_PREFIX}{address}")
        messages = await self._list(to=to, from_=sender or None, limit=LOOK_BACK)
        texts = tuple(
            SentText(message.sid, message.body or "", message.date_created, _state(message))
            for message in messages
            if message.sid and message.direction != "inbound" and message.date_created
        )
        return SentTexts(texts, self._twilio.http.server_time)

    async def _list(self, **filters: Any) -> list[Any]:
        wanted = {name: value for name, value in filters.items() if value is not None}
        try:
            return list(await self._twilio.client.messages.list_async(page_size=_PAGE, **wanted))
        except (TransportError, TwilioException) as error:
            raise PollFailed(f"Twilio did not list messages: {error}") from error
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise PollFailed(f"Twilio's list cannot be read: {type(error).__name__}") from error


def _state(message: Any) -> RawEvent:
    code = "" if message.error_code is None else str(message.error_code)
    return twilio_events.status_event(message.sid, str(message.status), code)


def _as_form(message: Any) -> list[tuple[str, str]]:
    """A listed message in the words of the webhook. Which button was pressed is not listed, only its title."""
    return [
        ("MessageSid", message.sid),
        ("From", message.from_ or ""),
        ("To", message.to or ""),
        ("Body", message.body or ""),
        ("NumMedia", message.num_media or "0"),
    ]


def _before(moment: datetime | None, oldest: datetime | None) -> bool:
    return moment is not None and oldest is not None and moment < oldest


def _count(segments: object) -> int:
    """Twilio counts in text, and says "0" until a sender is picked."""
    text = str(segments)
    return int(text) if text.isdecimal() and int(text) > 0 else 1
