"""Simulated Twilio: Messages, as far as docs/channels.md knows them (templates: content.py). Reading never fails on odd input."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from aiohttp import web

from broadcaster.simulator.people import People, refusal, steps
from broadcaster.simulator.store import Step, Store, Text
from broadcaster.simulator.webhooks import Webhooks

_ADDRESS = re.compile(r"^(?P<whatsapp>whatsapp:)?(?P<address>\+[1-9]\d{7,14}|ID\.[\w.]{1,128})$")
_VARIABLE = re.compile(r"\{\{(\w{1,16})\}\}")
_BODY_MOST = 1600
_PAGE, _PAGE_MOST = 50, 1000
_MESSAGES = {
    "20003": (401, "Authenticate"),
    "20404": (404, "The requested resource was not found"),
    "20429": (429, "Too Many Requests"),
    "21211": (400, "Invalid 'To' Phone Number"),
    "21602": (400, "Message body is required."),
    "21603": (400, "A 'From' phone number is required."),
    "21610": (400, "Attempt to send to unsubscribed recipient"),
    "21614": (400, "'To' number is not a valid mobile number"),
    "21617": (400, "The concatenated message body exceeds the 1600 character limit"),
    "21654": (400, "ContentSid is required"),
    "21655": (400, "The ContentSid is invalid"),
    "21656": (400, "The Content Variables parameter is invalid"),
    "92009": (400, "The template associated with this SID has already been submitted for approval."),
}


class Refused(Exception):
    """The call is refused with a code of Twilio's, and its usual words or others."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


class Twilio:
    """The handlers; one per simulator."""

    def __init__(self, store: Store, people: People, webhooks: Webhooks) -> None:
        self._store, self._people, self._webhooks = store, people, webhooks

    def routes(self) -> list[web.RouteDef]:
        messages = "/2010-04-01/Accounts/{account}/Messages"
        return [
            web.get(f"{messages}.json", self.list_messages),
            web.get(f"{messages}/{{sid}}.json", self.fetch),
        ]

    def accept(self, request: web.Request, body: bytes) -> tuple[Text | None, web.Response]:
        """Take or refuse one text; the caller applies faults around it."""
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        account = request.match_info["account"]
        channel = "whatsapp" if form.get("To", "").startswith("whatsapp:") else "sms"
        try:
            signed_in(request)
            text = self._text(form, account)
        except Refused as refused:
            self._store.refused[f"{channel}:{refused.code}"] += 1
            return None, error(refused.code)
        self._store.accept(text)
        self._webhooks.plan_receipts(text)
        return text, answer(self._json(text, first=True), status=201)

    def _text(self, form: Mapping[str, str], account: str) -> Text:
        found = _ADDRESS.match(form.get("To", ""))
        if found is None:
            raise Refused("21211")
        channel, address = ("whatsapp" if found["whatsapp"] else "sms"), found["address"]
        service = form.get("MessagingServiceSid", "")
        sender = form.get("From", "").removeprefix("whatsapp:")
        if not sender and not service:
            raise Refused("21603")
        behaviour = self._people.of(address).behaviour
        code = refusal(behaviour, channel)
        if code:
            raise Refused(code)
        body, buttons, variables, failure = self._content(form, channel, address)
        now = self._store.now()
        first = "accepted" if service else "queued"
        number = self._store.next_number()
        callback = form.get("StatusCallback", "")
        return Text(
            number=number,
            channel=channel,
            sid=f"SM{number:032x}",
            sender=sender,
            to=address,
            text=body,
            at=now,
            steps=[Step(now, first), Step(now, "failed", failure)]
            if failure
            else steps(behaviour, channel, first, now),
            reference=_reference(callback, buttons),
            buttons=buttons,
            content_sid=form.get("ContentSid", ""),
            variables=variables,
            callback=callback,
            account=account,
            service=service,
        )

    def _content(
        self, form: Mapping[str, str], channel: str, address: str
    ) -> tuple[str, tuple[tuple[str, str], ...], dict[str, str], str]:
        """Words, buttons, variables, and the code with which the text will fail later."""
        inside = channel != "whatsapp" or self._store.window_open(address)
        if "ContentSid" not in form:
            if "ContentVariables" in form:
                raise Refused("21654")
            body = form.get("Body", "")
            if not body:
                raise Refused("21602")
            if len(body) > _BODY_MOST:
                raise Refused("21617")
            return body, (), {}, "" if inside else "63016"
        template = self._store.templates.get(form["ContentSid"])
        if template is None:
            raise Refused("21655")
        given = _variables(form.get("ContentVariables", ""))
        values = {**template.samples, **given}
        buttons = tuple((fill(title, values), fill(data, values)) for title, data in template.buttons)
        failure = {"rejected": "63040", "paused": "63041", "disabled": "63042"}.get(template.status, "")
        if not failure and not inside and template.status != "approved":
            failure = "63016"
        return fill(template.body, values), buttons, given, failure

    async def fetch(self, request: web.Request) -> web.Response:
        try:
            signed_in(request)
            text = self._store.by_sid.get(request.match_info["sid"])
            if text is None or text.channel == "telegram":
                raise Refused("20404")
        except Refused as refused:
            return error(refused.code)
        return answer(self._json(text))

    async def list_messages(self, request: web.Request) -> web.Response:
        """Newest first; filters To, From, DateSent, DateSent< and DateSent> (by day, as documented), PageSize, Page."""
        try:
            signed_in(request)
        except Refused as refused:
            return error(refused.code)
        query = dict(parse_qsl(urlsplit(request.path_qs).query, keep_blank_values=True))
        size = min(int(query.get("PageSize") or _PAGE), _PAGE_MOST)
        page = int(query.get("Page") or 0)
        found = [text for text in self._candidates(query) if self._matches(text, query)]
        chosen = found[page * size : (page + 1) * size]
        following = None
        if (page + 1) * size < len(found):
            following = f"{request.path}?{urlencode({**query, 'Page': page + 1, 'PageToken': f'PA{page + 1}'})}"
        return answer(
            {
                "messages": [self._json(text) for text in chosen],
                "page": page,
                "page_size": size,
                "first_page_uri": request.path,
                "next_page_uri": following,
                "previous_page_uri": None,
                "start": page * size,
                "end": page * size + len(chosen) - 1,
                "uri": request.path_qs,
            }
        )

    def _candidates(self, query: Mapping[str, str]) -> Sequence[Text]:
        to, sender = query.get("To", ""), query.get("From", "")
        if to:
            key = _key(to)
            return [*self._store.to.get(key, ()), *self._store.inbound_to.get(key, ())][::-1]
        if sender:
            key = _key(sender)
            texts = [text for text in self._store.texts if (text.channel, text.sender) == key]
            return [*texts, *(text for text in self._store.to.get(key, ()) if text.inbound)][::-1]
        return [text for text in self._store.by_sid.values() if text.channel != "telegram"][::-1]

    def _matches(self, text: Text, query: Mapping[str, str]) -> bool:
        if query.get("To") and _key(query["To"]) != (text.channel, text.to):
            return False
        if query.get("From") and _key(query["From"]) != (text.channel, text.sender):
            return False
        day = text.at.date().isoformat()
        return (
            day >= query.get("DateSent>", "")[:10]
            and (not query.get("DateSent<") or day <= query["DateSent<"][:10])
            and (not query.get("DateSent") or day == query["DateSent"][:10])
        )

    def _json(self, text: Text, *, first: bool = False) -> dict[str, Any]:
        step = text.steps[0] if first else text.step(self._store.now())
        prefix = "whatsapp:" if text.channel == "whatsapp" else ""
        sent = text.at if text.inbound or step.status not in ("accepted", "queued") else None
        uri = f"/2010-04-01/Accounts/{text.account}/Messages/{text.sid}"
        return {
            "sid": text.sid,
            "status": step.status,
            "to": f"{prefix}{text.to}",
            "from": f"{prefix}{text.sender}" if text.sender else None,
            "body": text.text,
            "num_segments": "0" if text.service else str(_segments(text)),
            "num_media": str(text.media),
            "direction": "inbound" if text.inbound else "outbound-api",
            "messaging_service_sid": text.service or None,
            "date_created": rfc2822(text.at),
            "date_updated": rfc2822(step.at),
            "date_sent": rfc2822(sent) if sent else None,
            "error_code": int(step.code) if step.code else None,
            "error_message": None,
            "price": None,
            "price_unit": "USD",
            "uri": f"{uri}.json",
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "account_sid": text.account,
            "api_version": "2010-04-01",
        }


def signed_in(request: web.Request) -> None:
    """Raises `Refused` unless the call carries an account and its secret."""
    kind, _, value = request.headers.get("Authorization", "").partition(" ")
    try:
        user, colon, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as wrong:
        raise Refused("20003") from wrong
    if kind != "Basic" or not colon or not user or not password:
        raise Refused("20003")


def rfc2822(moment: datetime) -> str:
    """As Twilio writes moments: seconds, +0000."""
    return format_datetime(moment)


def answer(data: Mapping[str, Any], status: int = 200) -> web.Response:
    return web.json_response(data, status=status)


def error(code: str, *, message: str = "", retry_after: int | None = None) -> web.Response:
    """Twilio's error body for a code."""
    status, usual = _MESSAGES.get(code, (400, "The request was refused"))
    body = {
        "code": int(code), "message": message or usual, "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }  # fmt: skip
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return web.json_response(body, status=status, headers=headers)


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values where {{1}}, {{2}}, ... stand; a name without a value stays."""
    return _VARIABLE.sub(lambda found: values.get(found[1], found[0]), text)


def _variables(text: str) -> dict[str, str]:
    if not text:
        return {}
    try:
        values = json.loads(text)
    except ValueError as wrong:
        raise Refused("21656") from wrong
    if not isinstance(values, dict) or not all(_good(value) for value in values.values()):
        raise Refused("21656")
    return values


def _good(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and not re.search(r"[\n\r\t]| {5,}", value)


def _reference(callback: str, buttons: Sequence[tuple[str, str]]) -> str:
    """Our own reference: from the callback's query, else from a button's data."""
    found = parse_qs(urlsplit(callback).query).get("d")
    if found:
        return found[0]
    return buttons[0][1].partition(":")[2] if buttons else ""


def _key(address: str) -> tuple[str, str]:
    channel = "whatsapp" if address.startswith("whatsapp:") else "sms"
    return channel, address.removeprefix("whatsapp:")


def _segments(text: Text) -> int:
    """Roughly, as the price needs no more here: 153 characters a part."""
    return 1 if text.channel != "sms" or len(text.text) <= 160 else -(-len(text.text) // 153)
