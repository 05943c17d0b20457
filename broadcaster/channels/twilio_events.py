"""What Twilio sends us: signatures, the kept events and what they mean. No network; reading an event never raises."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import parse_qsl, urlsplit

from multidict import MultiDict
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from broadcaster.channels import masking
from broadcaster.channels.protocol import ChannelEvent, RawEvent, Receipt, Reply, Unrecognised, WebhookRequest, readable
from broadcaster.domain.message import AttemptState, ChannelKind
from broadcaster.errors import BadSignature

ACCOUNT = "twilio"
WHATSAPP_PREFIX = "whatsapp:"
_MOST_FIELDS = 1000
_LONGEST_ID, _LONGEST_CODE = 100, 40  # Twilio's have 34 and 5 characters
Pairs = list[tuple[str, str]]

#: Twilio's words for the state of a text we sent (docs/channels.md). What is missing here says nothing about it.
STATES: dict[str, AttemptState] = {
    "accepted": AttemptState.ACCEPTED,
    "scheduled": AttemptState.ACCEPTED,
    "queued": AttemptState.ACCEPTED,
    "sending": AttemptState.ACCEPTED,
    "sent": AttemptState.SENT,
    "partially_delivered": AttemptState.SENT,
    "delivered": AttemptState.DELIVERED,
    "read": AttemptState.READ,
    "undelivered": AttemptState.FAILED,
    "failed": AttemptState.FAILED,
    "canceled": AttemptState.FAILED,
}
_MARKS = {"STOP": "stop", "START": "start"}


def verify(request: WebhookRequest, auth_token: str) -> None:
    """Raises `BadSignature` unless Twilio signed this call: address, query and every field."""
    signature = request.headers.get("x-twilio-signature", "")
    if not auth_token or not signature:
        raise BadSignature("the Twilio signature or the auth token is missing")
    try:
        signed: MultiDict[str] | str
        if _is_json(request):
            if "bodySHA256" not in dict(parse_qsl(urlsplit(request.url).query, keep_blank_values=True)):
                raise BadSignature("a JSON body without a signed hash")
            signed = request.body.decode()
        else:
            signed = MultiDict(_form(request.body))
        good = bool(RequestValidator(auth_token).validate(request.url, signed, signature))
    except ValueError as error:  # not UTF-8, not a form, or not an address
        raise BadSignature(f"a call that cannot be signed: {type(error).__name__}") from error
    if not good:
        raise BadSignature("the Twilio signature does not fit the call")


def read_webhook(request: WebhookRequest) -> RawEvent:
    """The event in a verified call; `/status` addresses carry receipts, every other one what people write."""
    parts = urlsplit(request.url)
    reference = dict(parse_qsl(parts.query, keep_blank_values=True)).get("d", "")
    kind = "status" if parts.path.rstrip("/").endswith("/status") else "inbound"
    try:
        pairs = [] if _is_json(request) else _form(request.body)
    except ValueError:
        pairs = []
    fields = dict(pairs)
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    if not sid:
        digest = hashlib.sha256(request.body + b"\0" + reference.encode()).hexdigest()
        form, text = masking.twilio_fields(pairs), masking.unreadable(request.body)
        raw = json.dumps({"kind": kind, "d": reference, "form": form, "unreadable": text}, ensure_ascii=False)
        return RawEvent(ACCOUNT, f"sha256:{digest}", kind, raw)
    if kind == "status":
        status = fields.get("MessageStatus") or fields.get("SmsStatus") or ""
        return status_event(sid, status, fields.get("ErrorCode", ""), reference=reference, pairs=pairs)
    return inbound_event(sid, pairs)


def status_event(sid: str, status: str, code: str, *, reference: str = "", pairs: Pairs | None = None) -> RawEvent:
    """A receipt as kept. The same key whether it was brought by a webhook or fetched."""
    form = masking.twilio_fields(pairs or [("MessageSid", sid), ("MessageStatus", status), ("ErrorCode", code)])
    raw = json.dumps({"kind": "status", "d": reference, "form": form}, ensure_ascii=False)
    return RawEvent(ACCOUNT, f"{sid}:{status}:{code}", "status", raw)


def inbound_event(sid: str, pairs: Pairs, *, sent_at: datetime | None = None) -> RawEvent:
    """What a person wrote, as kept. `sent_at` (aware) is known only where it was fetched."""
    moment = sent_at.isoformat() if sent_at else ""
    form = masking.twilio_fields(pairs)
    raw = json.dumps({"kind": "inbound", "d": "", "sent_at": moment, "form": form}, ensure_ascii=False)
    return RawEvent(ACCOUNT, sid, "inbound", raw, sent_at)


def parse(event: RawEvent) -> Sequence[ChannelEvent]:
    """What a kept event means; exactly one event."""
    try:
        kept = json.loads(event.raw)
        fields = {readable(name): readable(value) for name, value in kept["form"]}
        if event.kind == "status":
            return (_receipt(fields, str(kept.get("d", ""))),)
        return (_reply(fields, str(kept.get("sent_at") or "")),)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return (Unrecognised(f"an event without what it needs: {type(error).__name__}"),)


def _receipt(fields: dict[str, str], reference: str) -> ChannelEvent:
    status = (fields.get("MessageStatus") or fields.get("SmsStatus") or "").lower()
    sid = fields.get("MessageSid") or fields.get("SmsSid") or ""
    state = STATES.get(status)
    if state is None or not (sid or reference):
        return Unrecognised(f"a receipt with the status {status[:40]!r}")
    code = fields.get("ErrorCode", "")[:_LONGEST_CODE] if state is AttemptState.FAILED else ""
    return Receipt(reference=reference, provider_id=sid if len(sid) <= _LONGEST_ID else "", state=state, code=code)


def _reply(fields: dict[str, str], sent_at: str) -> ChannelEvent:
    sender = fields.get("From", "")
    channel = ChannelKind.WHATSAPP if sender.startswith(WHATSAPP_PREFIX) else ChannelKind.SMS
    address = sender.removeprefix(WHATSAPP_PREFIX)  # a number, or ID.… where WhatsApp hides it: never parsed here
    if not address:
        return Unrecognised("a message without a sender")
    intent, colon, reference = fields.get("ButtonPayload", "").partition(":")
    media = fields.get("NumMedia", "")
    return Reply(
        channel=channel,
        address=address,
        text=fields.get("Body") or fields.get("ButtonText") or "",
        intent=intent if colon else "",
        reference=reference,
        replied_to=fields.get("OriginalRepliedMessageSid", ""),
        sent_at=datetime.fromisoformat(sent_at) if sent_at else None,
        opt_out_mark=_MARKS.get(fields.get("OptOutType", "").upper(), ""),
        has_media=media.isdecimal() and int(media) > 0,
    )


def _is_json(request: WebhookRequest) -> bool:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == "application/json"


def _form(body: bytes) -> Pairs:
    """Every pair, blanks and repeats included: all of them are signed. Raises ValueError."""
    return parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
