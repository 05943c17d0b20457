"""Calls to us, as Twilio and Telegram make them: signed, unordered, doubled or lost as the options say."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.request_validator import RequestValidator  # type: ignore[import-untyped]

from broadcaster.simulator.agenda import Agenda
from broadcaster.simulator.faults import Faults
from broadcaster.simulator.store import Store, Text

_TIMEOUT = aiohttp.ClientTimeout(total=15, connect=5)  # as Twilio's: facts in docs/channels.md
_MOST_SHUFFLED_S = 1.0
_TRIES = 3
_RETRY_S = 2.0
#: Told of a call of the provider's own API that stood in the answer to its webhook.
Answered = Callable[[dict[str, Any]], Awaitable[None]]


class Webhooks:
    """One HTTP client for every call to us."""

    def __init__(self, store: Store, agenda: Agenda, faults: Faults) -> None:
        self._store, self._agenda, self._faults = store, agenda, faults
        self._session = aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False)
        self._last: dict[str, asyncio.Task[Any]] = {}  # one text's receipts leave in order unless they are shuffled

    async def aclose(self) -> None:
        await self._session.close()

    def plan_receipts(self, text: Text) -> None:
        """Post every later status of a text to its callback address."""
        if not text.callback:
            return
        # no callback for the initial status; with a messaging service `queued` follows it
        planned = [(text.steps[0].at, "queued", "")] if text.service else []
        planned += [(step.at, step.status, step.code) for step in text.steps[1:]]
        for at, status, code in planned:
            if self._faults.chance(self._store.options.drop):
                self._store.receipts["dropped"] += 1
                continue
            times = 2 if self._faults.chance(self._store.options.double) else 1
            shuffled = self._faults.chance(self._store.options.shuffle)
            due = at + timedelta(seconds=self._faults.seconds(_MOST_SHUFFLED_S)) if shuffled else at
            for _ in range(times):
                self._agenda.at(due, self._receipt(text, status, code, in_order=not shuffled))

    def _receipt(self, text: Text, status: str, code: str, *, in_order: bool) -> Any:
        async def post() -> None:
            before = self._last.get(text.sid) if in_order else None
            self._last[text.sid] = asyncio.current_task()  # type: ignore[assignment]
            if before is not None and not before.done():
                await asyncio.wait({before})
            answer = await self.twilio(text.callback, receipt_form(text, status, code))
            self._store.receipts["posted" if answer and answer < 300 else "refused"] += 1
            if self._last.get(text.sid) is asyncio.current_task():
                del self._last[text.sid]

        return post

    async def twilio(self, url: str, form: dict[str, str]) -> int:
        """Post a signed form; returns the status, 0 when nobody answered."""
        signature = RequestValidator(self._store.options.auth_token).compute_signature(url, form)
        headers = {
            "X-Twilio-Signature": signature,
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "TwilioProxy/1.1",
        }
        status, _ = await self._post(url, urlencode(form).encode(), headers)
        return status

    async def telegram(
        self, url: str, secret: str, update: dict[str, Any], answered: Answered, tries: int = _TRIES
    ) -> None:
        """Post an update; not taken with 2xx it is tried again later. `answered`: gets the call in the answer, if any."""
        headers = {"Content-Type": "application/json"}
        if secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = secret
        status, body = await self._post(url, json.dumps(update, ensure_ascii=False).encode(), headers)
        if not 200 <= status < 300:
            if tries > 1:
                later = self._store.now() + timedelta(seconds=_RETRY_S)
                self._agenda.at(later, lambda: self.telegram(url, secret, update, answered, tries - 1))
            return
        try:
            call = json.loads(body or b"null")
        except ValueError:
            return
        if isinstance(call, dict):
            await answered(call)

    async def _post(self, url: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        try:
            async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
                return response.status, await response.read()
        except (aiohttp.ClientError, TimeoutError):
            return 0, b""


def receipt_form(text: Text, status: str, code: str) -> dict[str, str]:
    """The fields of a status callback."""
    prefix = "whatsapp:" if text.channel == "whatsapp" else ""
    form = {
        "AccountSid": text.account,
        "ApiVersion": "2010-04-01",
        "From": f"{prefix}{text.sender}",
        "MessageSid": text.sid,
        "MessageStatus": status,
        "SmsSid": text.sid,
        "SmsStatus": status,
        "To": f"{prefix}{text.to}",
    }
    if text.service:
        form["MessagingServiceSid"] = text.service
    if code:
        form["ErrorCode"] = code
    return form
