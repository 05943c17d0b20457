"""twilio's own synchronous client, sent to the sink instead of Twilio; nothing of this product. celery's worker uses it too."""

from __future__ import annotations

import logging
from typing import Any

from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client


class _ToTheSink(TwilioHttpClient):
    def __init__(self, sink: str) -> None:
        super().__init__()
        self._sink = sink

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> Any:
        return super().request(method, url.replace("https://api.twilio.com", self._sink), *arguments, **options)


def client_for(sink: str) -> Client:
    """One client for all texts; its log lines are off, as whoever measured them would have them."""
    logging.getLogger("twilio.http_client").setLevel(logging.WARNING)
    return Client("AC" + "0" * 32, "simulated", http_client=_ToTheSink(sink))


def send_one(client: Client, address: str, content_sid: str, variables: str) -> str:
    """Send and return the id."""
    message = client.messages.create(
        to=f"whatsapp:{address}",
        from_="whatsapp:+6285100000001",
        content_sid=content_sid,
        content_variables=variables,
        status_callback="https://broadcaster.example/hooks/twilio/status",
    )
    return str(message.sid)
