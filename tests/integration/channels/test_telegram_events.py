"""Telegram's calls to us: the secret header, and what each update means."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.channels import telegram_events
from broadcaster.channels.http import Transport
from broadcaster.channels.protocol import Blocked, ChannelEvent, RawEvent, Reply, Unrecognised, WebhookRequest
from broadcaster.channels.telegram import TelegramChannel
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadSignature

CHAT = {"id": 900100200, "type": "private"}
PERSON = {"id": 900100200, "is_bot": False, "first_name": "Siti"}


def channel(secret: str = "rahasia") -> TelegramChannel:
    return TelegramChannel(Transport(), token="1:AA", base_url="http://127.0.0.1:1", webhook_secret=secret)


def call(headers: dict[str, str], body: bytes = b"{}") -> WebhookRequest:
    return WebhookRequest("https://kia.example.go.id/hooks/telegram", headers, body)


HEADER = "x-telegram-bot-api-secret-token"


def test_the_secret_header_is_believed() -> None:
    channel().verify(call({HEADER: "rahasia"}))


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "rahasiA"}, {HEADER: "rahasia "}, {HEADER: "ä"}])
def test_any_other_header_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        channel().verify(call(headers))


def test_without_a_secret_every_call_is_refused() -> None:
    with pytest.raises(BadSignature):
        channel("").verify(call({HEADER: ""}))


def parse(**update: Any) -> ChannelEvent:
    event = telegram_events.read_body(json.dumps({"update_id": 7, **update}).encode())
    assert (event.account, event.key.partition(":")[0], event.kind) == ("telegram", "7", "update")
    (found,) = telegram_events.parse(event)
    return found


def message(**fields: Any) -> ChannelEvent:
    return parse(message={"message_id": 1, "date": 1_791_162_000, "chat": CHAT, "from": PERSON, **fields})


def test_a_text_is_read_with_its_moment() -> None:
    assert message(text="kapan buka?") == Reply(
        ChannelKind.TELEGRAM, "900100200", "kapan buka?", sent_at=datetime(2026, 10, 5, 1, 0, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("text", "payload"),
    [
        ("/start", ""),
        ("/start poster7", "poster7"),
        ("/start@kia_bot poster7", "poster7"),
        ("/started", None),
        ("a", None),
    ],
)
def test_start_brings_its_payload(text: str, payload: str | None) -> None:
    found = message(text=text)
    assert isinstance(found, Reply)
    assert found.start_payload == payload


@pytest.mark.parametrize(
    ("contact", "phone"),
    [
        ({"phone_number": "6281234567890", "user_id": 900100200}, "6281234567890"),
        ({"phone_number": "6281234567890", "user_id": 5}, ""),  # somebody else's card
        ({"phone_number": "6281234567890"}, ""),
        ({"user_id": 900100200}, ""),
        ("card", ""),
    ],
)
def test_only_a_persons_own_number_counts(contact: object, phone: str) -> None:
    found = message(contact=contact)
    assert isinstance(found, Reply)
    assert found.own_phone == phone

    assert found.others_card == (phone == "")


@pytest.mark.parametrize("owner", [{"user_id": 5}, {}])
def test_nothing_of_somebody_elses_card_is_kept(owner: dict[str, int]) -> None:
    card = {"phone_number": "6281234567890", "first_name": "Sri", "vcard": "BEGIN:VCARD", **owner}
    update = {"update_id": 7, "message": {"chat": CHAT, "from": PERSON, "contact": card}}
    for event in (telegram_events.of_update(update), telegram_events.read_body(json.dumps(update).encode())):
        assert not any(word in event.raw for word in ("6281234567890", "Sri", "VCARD"))
        (found,) = telegram_events.parse(event)
        assert isinstance(found, Reply)
        assert found.others_card


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("/berhenti", "berhenti"), ("/BERHENTI@kia_bot", "berhenti"), ("/putus sekarang", "putus"), ("berhenti", ""),
        ("a /putus", ""), ("/", ""),
    ],
)  # fmt: skip
def test_a_command_is_read_whoever_it_names(text: str, command: str) -> None:
    found = message(text=text)
    assert isinstance(found, Reply)
    assert found.command == command


def test_a_photo_with_words_is_both() -> None:
    found = message(photo=[{"file_id": "1"}], caption="ini fotonya")
    assert isinstance(found, Reply)
    assert (found.has_media, found.text) == (True, "ini fotonya")


def test_a_press_brings_intent_reference_and_title() -> None:
    keyboard = [[{"text": "Berhenti", "callback_data": "opt_out:0a1b2c3d-41"}]]
    found = parse(
        callback_query={
            "id": "1", "from": PERSON, "data": "opt_out:0a1b2c3d-41",
            "message": {"chat": CHAT, "reply_markup": {"inline_keyboard": keyboard}},
        }
    )  # fmt: skip
    assert found == Reply(ChannelKind.TELEGRAM, "900100200", "Berhenti", intent="opt_out", reference="0a1b2c3d-41")


def test_a_press_on_a_text_telegram_no_longer_shows_still_counts() -> None:
    found = parse(callback_query={"id": "1", "from": PERSON, "data": "opt_out:0a1b2c3d-41"})
    assert isinstance(found, Reply)
    assert (found.intent, found.text) == ("opt_out", "")


@pytest.mark.parametrize(("status", "blocked"), [("kicked", True), ("member", False)])
def test_a_block_and_its_end_are_noticed(status: str, blocked: bool) -> None:
    found = parse(my_chat_member={"chat": CHAT, "from": PERSON, "new_chat_member": {"status": status}})
    assert found == Blocked(ChannelKind.TELEGRAM, "900100200", blocked)


STRANGE: list[dict[str, Any]] = [
    {},
    {"edited_message": {"text": "x"}},
    {"message": {}},
    {"message": None},
    {"message": {"text": "x", "from": PERSON}},
    {"message": {"text": "x", "chat": {"id": -100, "type": "group"}}},
    {"message": {"text": 5, "chat": CHAT}},
    {"message": {"text": "x", "chat": {"id": "many", "type": "private"}}},
    {"callback_query": {"from": PERSON}},
    {"callback_query": {"from": PERSON, "data": "no colon"}},
    {"callback_query": {"from": PERSON, "data": "a:b", "message": {"chat": {"id": -1, "type": "group"}}}},
    {"my_chat_member": {"chat": CHAT, "new_chat_member": {"status": "left"}}},
    {"my_chat_member": {"chat": {"id": -1, "type": "group"}, "new_chat_member": {"status": "kicked"}}},
]


@pytest.mark.parametrize("update", STRANGE, ids=json.dumps)
def test_what_is_partial_old_or_not_for_us_is_kept_and_not_understood(update: dict[str, Any]) -> None:
    assert isinstance(parse(**update), Unrecognised)


@pytest.mark.parametrize("date", [None, "x", -1, True, 10**20, 1.5])
def test_an_odd_moment_does_not_lose_the_text(date: object) -> None:
    found = message(text="x", date=date)
    assert isinstance(found, Reply)
    assert found.sent_at is None


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"update_id":"7"}', b"\xff", b"[" * 100_000])
def test_what_is_no_update_is_kept_under_its_hash(body: bytes) -> None:
    (event,) = channel().read_webhook(call({}, body))
    assert event.key.startswith("sha256:")
    assert isinstance(channel().parse(event)[0], Unrecognised)


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(
        st.sampled_from(["message", "callback_query", "my_chat_member", "chat", "from", "id", "type", "text", "data",
                         "new_chat_member", "status", "contact", "user_id", "date", "reply_markup", "inline_keyboard"])
        | st.text(max_size=10),
        inner,
        max_size=5,
    ),
    max_leaves=20,
)  # fmt: skip


@given(raw=st.text(max_size=60) | junk.map(json.dumps))
@settings(max_examples=200, deadline=None)
def test_parsing_never_raises(raw: str) -> None:
    assert len(telegram_events.parse(RawEvent("telegram", "1", "update", raw))) == 1


@given(inner=junk, field=st.sampled_from(["message", "callback_query", "my_chat_member"]))
@settings(max_examples=200, deadline=None)
def test_parsing_a_known_kind_with_junk_never_raises(inner: Any, field: str) -> None:
    raw = json.dumps({"update_id": 1, field: inner})
    assert len(telegram_events.parse(RawEvent("telegram", "1", "update", raw))) == 1
