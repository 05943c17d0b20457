"""Twilio's `Client` on our own transport, and what its refusals mean.

The SDK's own asynchronous client has no time-out, sends JSON as form data and repeats POSTs; this one does none of that.
An answer that is not 2xx is classified from its status and body, never from the SDK's exceptions: those also stand for a
proxy's page.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]
from twilio.http import AsyncHttpClient  # type: ignore[import-untyped]
from twilio.http.response import Response  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from broadcaster.channels.http import HttpAnswer, Transport, form
from broadcaster.channels.protocol import Answer, Deferred, Rejected, Unknown

#: 63038 is the account's cap over a rolling day; asking again sooner only fails again.
_DAILY_CAP = "63038"
_DAILY_CAP_S = 24 * 3600.0


class RefusedCall(TwilioException):  # type: ignore[misc]
    """An answer that is not 2xx, whole."""

    def __init__(self, answer: HttpAnswer) -> None:
        super().__init__(f"HTTP {answer.status}")
        self.answer = answer


class _HttpClient(AsyncHttpClient):  # type: ignore[misc]
    """The SDK's HTTP client on our transport. `base_url` sends every Twilio host to one address (X-Original-Host)."""

    def __init__(self, transport: Transport, base_url: str) -> None:
        super().__init__(logging.getLogger("twilio"), True)
        self._transport = transport
        self._base = base_url.rstrip("/")
        self.server_time: datetime | None = None  # of the latest answer, from its Date header

    async def request(
        self,
        method: str,
        uri: str,
        params: Mapping[str, object] | None = None,
        data: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,
        allow_redirects: bool = False,  # noqa: ARG002 - the SDK passes it; redirects are never followed
    ) -> Any:
        """Make one call. Raises `TransportError`, or `RefusedCall` when the answer is not 2xx."""
        sent = {name.lower(): value for name, value in (headers or {}).items()}
        if auth is not None:
            sent["authorization"] = _basic(*auth)
        url, host = _target(uri, self._base)
        if self._base:
            sent["x-original-host"] = host
        if params:
            url = f"{url}?{urlencode(params, doseq=True)}"
        answer = await self._transport.request(
            method.upper(), url, sent, _body(data, sent.get("content-type", "")), timeout
        )
        self.server_time = _moment(answer.headers.get("date", "")) or self.server_time
        if not 200 <= answer.status < 300:
            raise RefusedCall(answer)
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


class TwilioAccount:
    """One Twilio account: what both channels, the poller and the templates share.

    api_key and api_secret call Twilio; without them the account's own auth token does. The auth token verifies webhooks.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        account_sid: str,
        auth_token: str = "",
        api_key: str = "",
        api_secret: str = "",
        base_url: str = "",
    ) -> None:
        logging.getLogger("twilio").setLevel(logging.WARNING)  # at INFO it formats a dozen lines per text
        self.auth_token = auth_token
        self.http = _HttpClient(transport, base_url)
        user, password = (api_key, api_secret) if api_key else (account_sid, auth_token)
        # a non-empty environment of our own: TWILIO_EDGE and TWILIO_REGION of this machine must not bend the address
        self.client = Client(user, password, account_sid, http_client=self.http, environment={"": ""})


def read_refusal(answer: HttpAnswer) -> Answer:
    """What an answer that is not 2xx means; only Twilio's own JSON can refuse."""
    code = code_of(answer)
    if not code or not 400 <= answer.status < 500 or answer.status == 408:
        return Unknown(f"HTTP {answer.status}" if code else f"HTTP {answer.status} without Twilio's own body")
    if answer.status == 429:
        after = _seconds(answer.headers.get("retry-after", ""))
        if after is None and code == _DAILY_CAP:
            after = _DAILY_CAP_S
        return Deferred(code, after=after, pause_sender=True)
    return Rejected(code)


def code_of(answer: HttpAnswer) -> str:
    """Twilio's code in an error body; `http:<status>` when the body is Twilio's and has none; "" when it is not."""
    try:
        body = json.loads(answer.body)
        code, status = body.get("code"), body.get("status")
    except (ValueError, AttributeError):
        return ""
    if status is not None and status != answer.status:
        return ""
    if isinstance(code, int) and not isinstance(code, bool):
        return str(code)
    if isinstance(code, str) and code.isdecimal():
        return code
    return f"http:{answer.status}" if status == answer.status and isinstance(body.get("message"), str) else ""


def _body(data: Mapping[str, object] | None, content_type: str) -> bytes | None:
    if not data:
        return None
    if content_type == "application/json":
        return json.dumps(data, ensure_ascii=False).encode()
    return form({name: value if isinstance(value, list) else str(value) for name, value in data.items()})


def _seconds(header: str) -> float | None:
    return float(header) if header.isdecimal() else None


@lru_cache(maxsize=64)  # every text goes to the same address
def _target(uri: str, base: str) -> tuple[str, str]:
    """Where a call goes, with `base` in place of Twilio's own host, and that host."""
    url = urlsplit(uri)
    if not base:
        return uri, url.netloc
    there = urlsplit(base)
    return urlunsplit(url._replace(scheme=there.scheme, netloc=there.netloc, path=there.path + url.path)), url.netloc


@lru_cache(maxsize=8)
def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@lru_cache(maxsize=8)  # many answers a second say the same second
def _moment(header: str) -> datetime | None:
    try:
        return parsedate_to_datetime(header).astimezone(UTC)
    except ValueError:
        return None
