from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import col, select
from twilio.request_validator import RequestValidator

from broadcaster.app import App
from broadcaster.channels.http import Transport
from broadcaster.channels.protocol import Channel
from broadcaster.channels.telegram import TelegramChannel
from broadcaster.channels.twilio import SmsChannel, WhatsAppChannel
from broadcaster.channels.twilio_client import TwilioAccount
from broadcaster.domain.message import ChannelKind
from broadcaster.storage.database import Database
from broadcaster.storage.tables import ProviderEvent
from broadcaster.web.security import MAX_BODY
from tests.integration.web import seed
from tests.integration.web.serving import Answer, Client, serve

PUBLIC = "https://kia.example.go.id"
TOKEN = "rahasia-akun-twilio"
SECRET = "rahasia-telegram"
FORM = {"content-type": "application/x-www-form-urlencoded"}
STATUS = "/hooks/twilio/status?d=0a1b2c3d-7"
INBOUND = "/hooks/twilio/inbound"
TELEGRAM = "/hooks/telegram"


def _channels(*kinds: ChannelKind) -> dict[ChannelKind, Channel]:
    transport = Transport()
    account = TwilioAccount(transport, account_sid="AC" + "0" * 32, auth_token=TOKEN)
    made: dict[ChannelKind, Channel] = {
        ChannelKind.WHATSAPP: WhatsAppChannel(account, sender="+6281200000002"),
        ChannelKind.SMS: SmsChannel(account, sender="DUKCAPIL"),
        ChannelKind.TELEGRAM: TelegramChannel(
            transport, token="1:abc", base_url="http://127.0.0.1:1", webhook_secret=SECRET
        ),
    }
    return {kind: made[kind] for kind in kinds or made}


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    return seed.app(sqlite_db, now, tmp_path, public=PUBLIC, channels=_channels())


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    with serve(app) as port:
        yield Client(port)


def _signed(path: str, fields: dict[str, str]) -> str:
    return str(RequestValidator(TOKEN).compute_signature(PUBLIC + path, fields))


def twilio(client: Client, path: str, fields: dict[str, str]) -> Answer:
    return client.post(path, fields, {"x-twilio-signature": _signed(path, fields)})


def telegram(client: Client, body: bytes, secret: str = SECRET) -> Answer:
    headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": secret}
    return client.call("POST", TELEGRAM, body, headers)


def _events(app: App) -> list[tuple[str, str, str]]:
    """account, kind, and what was kept, oldest first."""
    with app.db.read() as session:
        rows = session.exec(select(ProviderEvent).order_by(col(ProviderEvent.id))).all()
        return [(row.account, row.kind, app.db.sealer.open("event", row.sealed_raw)) for row in rows]


DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "ErrorCode": ""}
WRITTEN = {
    "MessageSid": "SM2",
    "From": "whatsapp:+6281234567890",
    "Body": "sudah diambil, terima kasih",
    "ButtonPayload": "",
}
UPDATE = {"update_id": 9, "message": {"chat": {"id": 5, "type": "private"}, "text": "berhenti", "date": 1}}


def test_a_receipt_is_kept_with_its_reference_before_it_is_answered(app: App, client: Client) -> None:
    answer = twilio(client, STATUS, DELIVERED)
    assert (answer.status, answer.body) == (204, b"")
    [(account, kind, raw)] = _events(app)
    assert (account, kind) == ("twilio", "status")
    assert "0a1b2c3d-7" in raw
    assert "delivered" in raw


def test_what_a_family_writes_is_kept_and_answered_with_silence(app: App, client: Client) -> None:
    answer = twilio(client, INBOUND, WRITTEN)
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert answer.text.endswith("<Response/>")
    [(_, kind, raw)] = _events(app)
    assert kind == "inbound"
    assert "sudah diambil, terima kasih" in raw


def test_a_telegram_update_is_kept(app: App, client: Client) -> None:
    assert telegram(client, json.dumps(UPDATE).encode()).status == 204
    [(account, kind, raw)] = _events(app)
    assert (account, kind) == ("telegram", "update")
    assert "berhenti" in raw


def test_a_press_is_answered_in_the_answer_to_the_call(app: App, client: Client) -> None:
    press = {"id": "4711", "from": {"id": 9, "is_bot": False, "first_name": "Sri"}, "data": "opt_out:0a1b2c3d-1"}
    answer = telegram(client, json.dumps({"update_id": 9, "callback_query": press}).encode())
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    # https://core.telegram.org/bots/api#making-requests-when-getting-updates
    assert json.loads(answer.text) == {"method": "answerCallbackQuery", "callback_query_id": "4711"}
    assert len(_events(app)) == 1


def test_repeats_change_nothing_even_at_the_same_moment(app: App, client: Client) -> None:
    with ThreadPoolExecutor(8) as together:
        answers = list(together.map(lambda _: twilio(client, STATUS, DELIVERED).status, range(16)))
    assert answers == [204] * 16
    assert len(_events(app)) == 1


def test_an_unknown_reference_is_taken_all_the_same(app: App, client: Client) -> None:
    assert twilio(client, "/hooks/twilio/status?d=ffffffff-999999", DELIVERED).status == 204
    assert twilio(client, "/hooks/twilio/status", DELIVERED | {"MessageSid": "SM9"}).status == 204
    assert len(_events(app)) == 2


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/hooks/twilio/status?d=0a1b2c3d-8", DELIVERED),  # another reference
        ("/hooks/twilio/status", DELIVERED),  # the reference taken away
        (STATUS + "&x=1", DELIVERED),
        (STATUS, DELIVERED | {"MessageStatus": "read"}),
        (STATUS, DELIVERED | {"Extra": ""}),
        (INBOUND, DELIVERED),
    ],
)
def test_a_call_that_was_changed_on_the_way_is_refused(
    app: App, client: Client, path: str, fields: dict[str, str]
) -> None:
    answer = client.post(path, fields, {"x-twilio-signature": _signed(STATUS, DELIVERED)})
    assert answer.status == 403
    assert "html" not in answer.text
    assert _events(app) == []


@pytest.mark.parametrize("signature", [{}, {"x-twilio-signature": ""}, {"x-twilio-signature": "AAAA"}])
def test_a_call_without_a_good_signature_is_refused(app: App, client: Client, signature: dict[str, str]) -> None:
    assert client.post(STATUS, DELIVERED, signature).status == 403
    assert client.call("POST", STATUS, b'{"a":1}', signature | {"content-type": "application/json"}).status == 403
    assert _events(app) == []


@pytest.mark.parametrize("secret", ["", "salah", SECRET + "x", "rahasia-telegra\xf1"])
def test_telegram_without_the_secret_is_refused(app: App, client: Client, secret: str) -> None:
    assert telegram(client, json.dumps(UPDATE).encode(), secret).status == 403
    assert _events(app) == []


def test_the_signature_is_checked_against_our_own_address_and_not_the_host_header(app: App, client: Client) -> None:
    forged = RequestValidator(TOKEN).compute_signature("https://jahat.example" + STATUS, DELIVERED)
    hosts = {"host": "jahat.example", "x-forwarded-host": "jahat.example", "x-forwarded-proto": "https"}
    assert client.post(STATUS, DELIVERED, hosts | {"x-twilio-signature": str(forged)}).status == 403
    assert client.post(STATUS, DELIVERED, hosts | {"x-twilio-signature": _signed(STATUS, DELIVERED)}).status == 204


def test_sms_alone_verifies_twilio_and_nothing_configured_refuses(
    sqlite_db: Database, now: datetime, tmp_path: Path
) -> None:
    only_sms = seed.app(sqlite_db, now, tmp_path, public=PUBLIC, channels=_channels(ChannelKind.SMS))
    with serve(only_sms) as port:
        assert twilio(Client(port), STATUS, DELIVERED).status == 204
        assert telegram(Client(port), json.dumps(UPDATE).encode()).status == 403
    with serve(seed.app(sqlite_db, now, tmp_path, public=PUBLIC)) as port:
        assert twilio(Client(port), STATUS, DELIVERED).status == 403


def test_a_body_over_the_limit_is_refused_before_anything_else(app: App, client: Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 512 + 1):
            yield b"a" * 512

    for path in (STATUS, INBOUND, TELEGRAM):
        assert client.call("POST", path, b"a" * (MAX_BODY + 1), FORM).status == 413
        assert client.call("POST", path, chunks(), FORM).status == 413
        assert client.call("POST", path, b"a" * MAX_BODY, FORM).status == 403
    assert _events(app) == []


def test_a_large_call_within_the_limit_is_kept(app: App, client: Client) -> None:
    fields = WRITTEN | {"Body": "a" * (MAX_BODY - 200)}
    assert len(urlencode(fields)) <= MAX_BODY
    assert twilio(client, INBOUND, fields).status == 200


def test_providers_need_no_browser_headers_and_browsers_no_way_in(client: Client) -> None:
    fields = {"x-twilio-signature": _signed(STATUS, DELIVERED), "origin": "https://twilio.com"}
    assert client.post(STATUS, DELIVERED, fields | {"sec-fetch-site": "cross-site"}).status == 204
    assert client.get("/hooks/telegram").status == 405


def test_5xx_only_when_nothing_could_be_stored(app: App, client: Client) -> None:
    with app.db.engine.connect() as connection, connection.begin():
        connection.execute(text("ALTER TABLE provider_event RENAME TO gone"))
    answer = twilio(client, STATUS, DELIVERED)
    assert (answer.status, answer.text) == (500, "Internal Server Error\n")
    with app.db.engine.connect() as connection, connection.begin():
        connection.execute(text("ALTER TABLE gone RENAME TO provider_event"))
    assert twilio(client, STATUS, DELIVERED).status == 204  # and the provider's next call is taken


STRANGE_UPDATES = [
    b"", b"null", b"[]", b"{}", b"\xff\xfe", b"{", b'"x"', b"1e999", b'{"update_id": "nine"}', b'{"update_id": true}',
    b'{"update_id": 1}', b'{"update_id": -1, "message": null}', b'{"update_id": 2, "message": {"chat": []}}',
    b'{"update_id": 3, "message": {"text": "\\ud83d"}}', b'{"update_id": 4, "message": {"text": "a\\u0000b"}}',
    b'{"update_id": 123456789012345678901234567890}', b'{"update_id": NaN}', b"[" * 30_000, b'{"a":' * 10_000,
    b'{"update_id": 5, "message": ' + b"[" * 900 + b"]" * 900 + b"}", b'{"update_id": 6, "callback_query": "x"}',
    b'{"update_id": 7, "callback_query": {"id": null}}', b'{"update_id": 8, "message": {"contact": 1, "from": 2}}',
]  # fmt: skip


@pytest.mark.parametrize("body", STRANGE_UPDATES, ids=lambda body: repr(body[:40]))
def test_a_strange_update_is_kept_and_taken(app: App, client: Client, body: bytes) -> None:
    assert telegram(client, body).status == 204
    assert len(_events(app)) == 1


@pytest.mark.parametrize(
    "body", [b"[]", b'{"update_id": 3, "message": {"text": "\\ud83d"}}', b'{"update_id": 4, "x": "a\\u0000b"}']
)
def test_a_strange_update_is_kept_on_every_database(db: Database, now: datetime, tmp_path: Path, body: bytes) -> None:
    app = seed.app(db, now, tmp_path, public=PUBLIC, channels=_channels())
    with serve(app) as port:
        assert telegram(Client(port), body).status == 204
        assert twilio(Client(port), STATUS, {"MessageSid": "SM\x00", "MessageStatus": "a\x00"}).status == 204
    assert len(_events(app)) == 2


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from([STATUS, INBOUND]),
    fields=st.dictionaries(
        st.sampled_from(["MessageSid", "MessageStatus", "SmsSid", "Body", "From", "ErrorCode", "Anything", ""]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    ),
)
def test_a_strange_call_that_is_signed_is_taken(client: Client, path: str, fields: dict[str, str]) -> None:
    assert twilio(client, path, fields).status in (200, 204)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=200), kind=st.sampled_from(["", "application/json", "multipart/form-data", "text/plain"])
)
def test_bytes_nobody_signed_are_refused_and_never_a_failure(client: Client, body: bytes, kind: str) -> None:
    headers = {"content-type": kind, "x-twilio-signature": "AAAA"}
    for path in (STATUS, INBOUND, TELEGRAM, "/hooks/twilio/status?d=%ff%00&bodySHA256=zz", "/hooks/twilio/status?%"):
        assert client.call("POST", path, body, headers).status == 403
