"""Twilio and Telegram as far as a person's words go, without a socket: what they have, what they still want to bring, and on
which way. The pollers in front of them are the product's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from broadcaster.channels import telegram_events, twilio_events
from broadcaster.channels.http import HttpAnswer, Transport
from broadcaster.channels.protocol import RawEvent, WebhookRequest

OURS = "+6285100000001"
Account = Literal["twilio", "telegram"]


@dataclass(frozen=True)
class Words:
    """What a person wrote, as its provider has it."""

    account: Account
    name: str  # sid, or the number of the update at the time
    person: int
    text: str
    at: datetime  # whole seconds, by the provider's clock
    update: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)

    def call(self) -> RawEvent:
        """What a webhook brings of it."""
        if self.account == "telegram":
            return telegram_events.read_body(json.dumps(self.update).encode())
        fields = [("MessageSid", self.name), ("From", f"whatsapp:{phone(self.person)}"), ("Body", self.text)]
        url = "https://kia.example.go.id/hooks/twilio/inbound"
        return twilio_events.read_webhook(WebhookRequest(url, {}, urlencode(fields).encode()))


def phone(person: int) -> str:
    return f"+62812000000{person:02}"


def chat(person: int) -> str:
    return f"7001000{person:02}"


class Providers(Transport):
    """Both, behind the HTTP client that the pollers use."""

    def __init__(self, now: datetime) -> None:
        super().__init__()
        self.now = now
        self.twilio: list[Words] = []
        self.waiting: list[Words] = []  # updates that nobody has confirmed
        self.next_update = 500
        self._sids = 0

    def write(self, account: Account, person: int, text: str) -> Words:
        """A person writes now."""
        at = self.now.replace(microsecond=0)
        if account == "twilio":
            self._sids += 1
            words = Words("twilio", f"SM{self._sids:032x}", person, text, at)
            self.twilio.append(words)
            return words
        message = {
            "message_id": 1, "date": int(at.timestamp()), "text": text, "from": {"id": int(chat(person))},
            "chat": {"id": int(chat(person)), "type": "private"},
        }  # fmt: skip
        update = {"update_id": self.next_update, "message": message}
        words = Words("telegram", str(self.next_update), person, text, at, update)
        self.next_update += 1
        self.waiting.append(words)
        return words

    async def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout: float | None = None,
    ) -> HttpAnswer:
        if url.endswith("/getUpdates"):
            return _json(self._updates(dict(parse_qsl((body or b"").decode()))), self.now)
        return _json(self._listed(parse_qs(urlsplit(url).query)), self.now)

    def _updates(self, asked: Mapping[str, str]) -> dict[str, Any]:
        offset = int(asked.get("offset") or 0)
        # asking from a number on confirms, and throws away, whatever is below it
        self.waiting = [words for words in self.waiting if int(words.name) >= offset]
        return {"ok": True, "result": [words.update for words in self.waiting[:100]]}

    def _listed(self, query: Mapping[str, list[str]]) -> dict[str, Any]:
        day = query.get("DateSent>", [""])[0][:10]
        found = [words for words in reversed(self.twilio) if words.at.date().isoformat() >= day]
        return {"messages": [_message(words) for words in found], "next_page_uri": None, "page_size": 1000}


def _message(words: Words) -> dict[str, Any]:
    moment = format_datetime(words.at)
    return {
        "sid": words.name, "from": f"whatsapp:{phone(words.person)}", "to": f"whatsapp:{OURS}", "body": words.text,
        "direction": "inbound", "status": "received", "num_media": "0", "num_segments": "1", "error_code": None,
        "date_created": moment, "date_updated": moment, "date_sent": moment, "uri": "", "account_sid": "AC1",
    }  # fmt: skip


def _json(found: Any, now: datetime) -> HttpAnswer:
    return HttpAnswer(200, {"date": format_datetime(now.astimezone(UTC), usegmt=True)}, json.dumps(found).encode())
