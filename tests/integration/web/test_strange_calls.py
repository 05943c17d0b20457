"""A hundred and more calls that no honest provider makes: each is taken or refused, never a failure; what is taken is kept whole
and read without a mistake, and the next person is heard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from multidict import MultiDict
from sqlmodel import col, select
from twilio.request_validator import RequestValidator

from broadcaster.app import App
from broadcaster.channels.protocol import RawEvent
from broadcaster.consent.queries import is_suppressed
from broadcaster.outbox.service import keep_event
from broadcaster.rendering.service import load_content
from broadcaster.replies.service import apply_events
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.channels.test_telegram_events import junk
from tests.integration.channels.test_twilio_events import forms
from tests.integration.replies.conftest import classify
from tests.integration.web import seed
from tests.integration.web.serving import Client, serve
from tests.integration.web.test_hooks import FORM, INBOUND, PUBLIC, SECRET, STATUS, TELEGRAM, TOKEN, _channels

Pairs = list[tuple[str, str]]
FROM = ("From", "whatsapp:+6281234567890")
PERSON = {"id": 700100200, "is_bot": False, "first_name": "Sri"}
CHAT = {"id": 700100200, "type": "private"}
HUGE = "9" * 4000
LONG = "".join(hashlib.sha512(str(number).encode()).hexdigest() for number in range(60))


def wrote(*pairs: tuple[str, str]) -> Pairs:
    return [("MessageSid", "SM1"), FROM, ("Body", "halo"), *pairs]


#: fields of an inbound message
TWILIO_INBOUND: dict[str, Pairs] = {
    "nothing at all": [],
    "no sender": [("MessageSid", "SM1"), ("Body", "STOP")],
    "an empty sender": [("MessageSid", "SM1"), ("From", ""), ("Body", "STOP")],
    "a channel without an address": [("MessageSid", "SM1"), ("From", "whatsapp:"), ("Body", "x")],
    "another channel": [("MessageSid", "SM1"), ("From", "messenger:123"), ("Body", "x")],
    "a sender of half a thousand letters": [("MessageSid", "SM1"), ("From", "whatsapp:+62" + "x" * 500)],
    "a sender with NUL": [("MessageSid", "SM1"), ("From", "whatsapp:+62\0812"), ("Body", "x")],
    "a sender that is a link": [("MessageSid", "SM1"), ("From", "https://contoh.example"), ("Body", "x")],
    "a hidden number": [("MessageSid", "SM1"), ("From", "whatsapp:ID.4566546130240823"), ("Body", "STOP")],
    "a hidden number with dots": [("MessageSid", "SM1"), ("From", "whatsapp:ID.1.2.3"), ("Body", "x")],
    "an empty hidden number": [("MessageSid", "SM1"), ("From", "whatsapp:ID."), ("Body", "STOP")],
    "no id": [FROM, ("Body", "halo")],
    "an id of ten thousand signs": [("MessageSid", "S" * 10_000), FROM, ("Body", "x")],
    "an id that nothing makes shorter": [("MessageSid", LONG), FROM, ("Body", "x")],
    "an id with quotes and lines": [("MessageSid", "SM'; --\r\n"), FROM, ("Body", "x")],
    "an id with NUL": [("MessageSid", "SM\0"), FROM, ("Body", "x")],
    "the old id alone": [("SmsSid", "SM1"), FROM, ("Body", "x")],
    "no text": [("MessageSid", "SM1"), FROM],
    "an empty text": wrote(("Body", "")),
    "sixty thousand letters": [("MessageSid", "SM1"), FROM, ("Body", "a" * 60_000)],
    "sixty thousand words": [("MessageSid", "SM1"), FROM, ("Body", "a " * 20_000)],
    "NUL in a stop word": [("MessageSid", "SM1"), FROM, ("Body", "ST\0OP")],
    "nested JSON": wrote(("Body", json.dumps({"a": [{"b": {"c": [1, None, "STOP"]}}]}))),
    "a thousand brackets": wrote(("Body", "[" * 1000 + "{" * 1000)),
    "signs on signs": wrote(("Body", "S" + "\u0301" * 500 + "TOP")),
    "right to left and joined": wrote(("Body", "\u202eSTOP\u200d\U0001f468\u200d\U0001f469\u200d\U0001f467")),
    "a private character": wrote(("Body", "\ue000\uffff\U0010ffff")),
    "every control character": wrote(("Body", "".join(map(chr, range(32))))),
    "two texts": wrote(("Body", "STOP")),
    "two senders": wrote(("From", "whatsapp:+6281299999999")),
    "two ids": wrote(("MessageSid", "SM2")),
    "forty times the same field": wrote(*[("Body", str(number)) for number in range(40)]),
    "media that is no number": wrote(("NumMedia", "banyak")),
    "less than no media": wrote(("NumMedia", "-1")),
    "more media than there are": wrote(("NumMedia", HUGE)),
    "media in Arabic digits": wrote(("NumMedia", "٣")),
    "media without an address": wrote(("NumMedia", "2"), ("MediaUrl0", ""), ("MediaContentType0", "x/\0")),
    "a button of nothing": wrote(("ButtonPayload", ":")),
    "a button without a text": wrote(("ButtonPayload", "opt_out:")),
    "a button of an intent nobody knows": wrote(("ButtonPayload", "menari:0a1b2c3d-1")),
    "a button of a text that never was": wrote(("ButtonPayload", "where_when:0a1b2c3d-999999999999999999")),
    "a button of more texts than there are": wrote(("ButtonPayload", f"where_when:0a1b2c3d-{HUGE}")),
    "a button of another installation": wrote(("ButtonPayload", "where_when:ffffffff-1")),
    "a button with NUL": wrote(("ButtonPayload", "opt_in\0:0a1b2c3d-1")),
    "an answer to a text that never was": wrote(("OriginalRepliedMessageSid", "SM\0" + "x" * 3000)),
    "a mark nobody knows": wrote(("OptOutType", "MAYBE")),
    "a mark in small letters": wrote(("OptOutType", "help")),
    "a place that is none": wrote(("Latitude", "NaN"), ("Longitude", "Infinity"), ("Address", "\0")),
    "metadata": wrote(("ChannelMetadata", json.dumps({"type": "whatsapp", "data": {"context": {"Referral": []}}}))),
    "a field without a name": wrote(("", "x")),
    "a field named with NUL": wrote(("\0", "x")),
    "nine hundred fields": wrote(*[(f"Field{number}", "x") for number in range(900)]),
    "a receipt at the wrong address": [("MessageSid", "SM1"), ("MessageStatus", "delivered")],
}  # fmt: skip

#: fields of a receipt
TWILIO_STATUS: dict[str, Pairs] = {
    "nothing at all": [],
    "no status": [("MessageSid", "SM1")],
    "no id": [("MessageStatus", "delivered")],
    "a status nobody knows": [("MessageSid", "SM1"), ("MessageStatus", "teleported")],
    "a status of three thousand letters": [("MessageSid", "SM1"), ("MessageStatus", "x" * 3000)],
    "a status that nothing makes shorter": [("MessageSid", "SM1"), ("MessageStatus", LONG)],
    "a code that nothing makes shorter": [("MessageSid", "SM1"), ("MessageStatus", "failed"), ("ErrorCode", LONG)],
    "a status in capitals": [("MessageSid", "SM1"), ("MessageStatus", "DELIVERED")],
    "a status with NUL": [("MessageSid", "SM1"), ("MessageStatus", "sent\0")],
    "two statuses": [("MessageSid", "SM1"), ("MessageStatus", "sent"), ("MessageStatus", "failed")],
    "a code that is no number": [("MessageSid", "SM1"), ("MessageStatus", "failed"), ("ErrorCode", "dua")],
    "a code of four thousand digits": [("MessageSid", "SM1"), ("MessageStatus", "failed"), ("ErrorCode", HUGE)],
    "a code with NUL": [("MessageSid", "SM1"), ("MessageStatus", "failed"), ("ErrorCode", "63\0014")],
    "what a person wrote at the wrong address": wrote(),
}

_FORM, _PARTS = FORM["content-type"], "multipart/form-data; boundary=x"
_SENT = b"MessageSid=SM1&MessageStatus=sent"
#: whole calls to an address of Twilio's: (address, body, content type)
TWILIO_RAW: dict[str, tuple[str, bytes, str]] = {
    "bytes that are no text": (INBOUND, b"MessageSid=SM1&Body=\xff\xfe", _FORM),
    "bytes that are no text, escaped": (INBOUND, b"MessageSid=SM3&From=%2B62812&Body=%ff%fe%00", _FORM),
    "half a sign, escaped": (INBOUND, b"MessageSid=SM4&From=%2B62812&Body=%f0%9f%98", _FORM),
    "an escape that is none": (INBOUND, b"MessageSid=SM5&From=%2B62812&Body=%zz%", _FORM),
    "separators alone": (INBOUND, b"&&&===&&&", _FORM),
    "more fields than are read": (INBOUND, b"&".join(b"a=1" for _ in range(2000)), _FORM),
    "parts": (INBOUND, b"--x\r\nContent-Disposition: form-data; name=Body\r\n\r\nSTOP\r\n--x--", _PARTS),
    "plain words": (INBOUND, b"STOP", "text/plain"),
    "no kind": (INBOUND, b"MessageSid=SM6&Body=x&From=x", ""),
    "a reference twice": ("/hooks/twilio/status?d=0a1b2c3d-1&d=0a1b2c3d-2", _SENT, _FORM),
    "a reference that is none": ("/hooks/twilio/status?d=%00%ff", b"MessageSid=SM7&MessageStatus=sent", _FORM),
    "a reference in other digits": ("/hooks/twilio/status?d=0a1b2c3d-%D9%A3", b"MessageSid=SM8&MessageStatus=sent", _FORM),
    "an escape in the address that is none": ("/hooks/twilio/status?%", b"MessageSid=SM9&MessageStatus=sent", _FORM),
}  # fmt: skip


def message(**fields: Any) -> dict[str, Any]:
    return {"message": {"message_id": 1, "date": 1_791_162_000, "chat": CHAT, "from": PERSON, "text": "halo", **fields}}


def press(**fields: Any) -> dict[str, Any]:
    return {"callback_query": {"id": "1", "from": PERSON, "data": "where_when:0a1b2c3d-1", **fields}}


def member(**fields: Any) -> dict[str, Any]:
    change = {"chat": CHAT, "from": PERSON, "date": 1_791_162_000, "new_chat_member": {"status": "kicked"}}
    return {"my_chat_member": {**change, **fields}}


def nested(depth: int) -> Any:
    inner: Any = "STOP"
    for _ in range(depth):
        inner = {"a": [inner]}
    return inner


GROUP = {"id": -100123, "type": "supergroup", "title": "RT 03"}
#: updates, without their number
TELEGRAM_UPDATES: dict[str, dict[str, Any]] = {
    "nothing but a number": {},
    "an edited message": {"edited_message": message()["message"]},
    "a channel post": {"channel_post": {"chat": {"id": -1, "type": "channel"}, "text": "STOP"}},
    "an edited channel post": {"edited_channel_post": {"chat": {"id": -1, "type": "channel"}, "text": "STOP"}},
    "a reaction": {"message_reaction": {"chat": CHAT, "user": PERSON, "new_reaction": [{"type": "emoji", "emoji": "👎"}]}},
    "a poll": {"poll": {"id": "1", "options": []}},
    "an inline question": {"inline_query": {"id": "1", "from": PERSON, "query": "STOP"}},
    "a business message": {"business_message": message()["message"]},
    "a request to join": {"chat_join_request": {"chat": GROUP, "from": PERSON}},
    "a kind nobody knows yet": {"teleported": {"chat": CHAT}},
    "a kind with NUL in its name": {"tele\0ported\ud83d": 1},
    "two kinds at once": {**message(), **press()},
    "a message that is none": {"message": None},
    "a message that is a list": {"message": [1, 2]},
    "a message that is a text": {"message": "STOP"},
    "a message in a group": message(chat=GROUP),
    "a stop word in a group": message(chat=GROUP, text="STOP"),
    "a message without a chat": {"message": {"text": "STOP", "from": PERSON}},
    "a chat that is a list": message(chat=[]),
    "a chat whose number is a text": message(chat={"id": "700100200", "type": "private"}),
    "a chat whose number is true": message(chat={"id": True, "type": "private"}),
    "a chat whose number has a fraction": message(chat={"id": 700100200.9, "type": "private"}),
    "a chat whose number is larger than any": message(chat={"id": 10**40, "type": "private"}),
    "a chat below zero": message(chat={"id": -5, "type": "private"}),
    "a message from nobody": message(**{"from": None}),
    "a text that is a number": message(text=5),
    "a text that is a list": message(text=["STOP"]),
    "a text that is deep": message(text=nested(50)),
    "a message that is deeper": message(reply_to_message=nested(300)),
    "an empty text": message(text=""),
    "sixty thousand letters": message(text="a" * 60_000),
    "NUL in a stop word": message(text="ST\0OP"),
    "half a sign in a stop word": message(text="ST\ud83dOP"),
    "half signs alone": message(text="\ud83d\udc00\ud83d"),
    "a moment that is a text": message(date="kemarin"),
    "a moment before time": message(date=-1),
    "a moment after time": message(date=10**30),
    "a moment with a fraction": message(date=1.5),
    "no moment": message(date=None),
    "start with NUL": message(text="/start poster\0\ud83d7"),
    "start with five thousand letters": message(text="/start " + "x" * 5000),
    "start in a group": message(chat=GROUP, text="/start x"),
    "a card that is a text": message(contact="0812"),
    "a card without an owner": message(contact={"phone_number": "0812"}),
    "a card whose number is a number": message(contact={"phone_number": 6281234567890, "user_id": 700100200}),
    "a card whose number is none": message(contact={"phone_number": "\0\ud83d", "user_id": 700100200}),
    "a card of nobody from nobody": message(contact={"phone_number": "0812", "user_id": None}, **{"from": None}),
    "a photo that is none": message(photo="x", caption=7),
    "a caption that is deep": message(photo=[{}], text=None, caption=nested(20)),
    "a press of nothing": press(data=None),
    "a press that is a list": press(data=["opt_out:1"]),
    "a press without a person": press(**{"from": None}),
    "a press whose person has no number": press(**{"from": {"id": "x"}}),
    "a press on a text that is gone": press(message={"chat": CHAT, "message_id": 1, "date": 0}),
    "a press on a text that is none": press(message="x"),
    "a press in a group": press(message={"chat": GROUP}),
    "a press with rows that are none": press(message={"chat": CHAT, "reply_markup": {"inline_keyboard": 5}}),
    "a press with NUL": press(data="where\0_when:0a1b2c3d-1\ud83d"),
    "a press of an intent nobody knows": press(data="menari:0a1b2c3d-1"),
    "a block in a group": member(chat=GROUP),
    "a block of a kind nobody knows": member(new_chat_member={"status": "vanished"}),
    "a block without a state": member(new_chat_member={}),
    "a block whose state is a list": member(new_chat_member=["kicked"]),
    "a block whose state cannot be looked up": member(new_chat_member={"status": {"a": 1}}),
    "a block without a moment": member(date=None),
}  # fmt: skip

#: whole bodies of a call of Telegram's
TELEGRAM_RAW: dict[str, bytes] = {
    "nothing": b"", "a word": b"STOP", "a list": b"[]", "null": b"null", "a number": b"1e999", "bytes": b"\xff\xfe\x00",
    "half an update": b'{"update_id": 1, "message": {"text": "ST',
    "a mark before it": b'\xef\xbb\xbf{"update_id": 1}',
    "words behind it": b'{"update_id": 1} STOP',
    "bytes that are no text inside": b'{"update_id": 1, "message": {"text": "\xff\xfe"}}',
    "a name twice": b'{"update_id": 1, "update_id": 2, "message": null, "message": {"text": "x"}}',
    "a number that is none": b'{"update_id": NaN, "message": {}}',
    "a number as a text": b'{"update_id": "9", "message": {}}',
    "a number below zero": b'{"update_id": -9, "message": {}}',
    "a number larger than any": b'{"update_id": ' + b"9" * 400 + b"}",
    "a number that nothing makes shorter": b'{"update_id": ' + str(7**4900).encode() + b', "message": {}}',
    "a number longer than is read": b'{"update_id": ' + b"9" * 5000 + b"}",
    "sixty thousand brackets": b"[" * 60_000,
    "ten thousand names": b'{"a":' * 10_000,
}  # fmt: skip


def twilio(client: Client, path: str, body: bytes, kind: str = FORM["content-type"]) -> int:
    """Post a body as Twilio would sign it: over the fields that it reads there."""
    from broadcaster.channels.twilio_events import _form

    try:
        signed = RequestValidator(TOKEN).compute_signature(PUBLIC + path, MultiDict(_form(body)))
    except ValueError:
        signed = "none"
    return client.call("POST", path, body, {"content-type": kind, "x-twilio-signature": str(signed)}).status


def telegram(client: Client, body: bytes) -> int:
    headers = {"content-type": "application/json", "x-telegram-bot-api-secret-token": SECRET}
    return client.call("POST", TELEGRAM, body, headers).status


def calls(client: Client) -> Iterator[tuple[str, int]]:
    """Make every strange call; what each was and how it was answered."""
    for number, (name, pairs) in enumerate(TWILIO_INBOUND.items(), 1000):
        yield f"inbound: {name}", twilio(client, INBOUND, urlencode(_numbered(pairs, number)).encode())
    for number, (name, pairs) in enumerate(TWILIO_STATUS.items(), 2000):
        yield f"status: {name}", twilio(client, STATUS, urlencode(_numbered(pairs, number)).encode())
    for name, (path, body, kind) in TWILIO_RAW.items():
        yield f"twilio: {name}", twilio(client, path, body, kind)
    for number, (name, update) in enumerate(TELEGRAM_UPDATES.items(), 1000):
        yield f"telegram: {name}", telegram(client, json.dumps({"update_id": number, **update}).encode())
    for name, body in TELEGRAM_RAW.items():
        yield f"telegram: {name}", telegram(client, body)
    hashed = b'{"Body": "STOP"}'
    path = f"{INBOUND}?bodySHA256={hashlib.sha256(hashed).hexdigest()}"
    signed = str(RequestValidator(TOKEN).compute_signature(PUBLIC + path, {}))
    headers = {"content-type": "application/json", "x-twilio-signature": signed}
    yield "twilio: JSON that is signed", client.call("POST", path, hashed, headers).status


def _numbered(pairs: Pairs, number: int) -> Pairs:
    """Each under an id of its own, for what comes under a known one is a repeat."""
    return [(name, f"SM{number}" if (name, value) == ("MessageSid", "SM1") else value) for name, value in pairs]


@contextmanager
def office(db: Database, now: datetime, folder: Path) -> Iterator[tuple[App, Client]]:
    with db.write() as session:
        make.installation(session)
        make.facts(session)
        load_content(session, content_dir(), now)
        for channel in ("whatsapp", "telegram"):
            make.sender(session, channel)
    app = seed.app(db, now, folder, public=PUBLIC, channels=_channels())
    with serve(app) as port:
        yield app, Client(port)


def test_more_than_a_hundred_strange_calls_are_taken_or_refused_and_kept_and_read(
    db: Database, now: datetime, tmp_path: Path
) -> None:
    with office(db, now, tmp_path) as (app, client):
        answers = dict(calls(client))
        assert len(answers) >= 150
        wrong = {name: status for name, status in answers.items() if not (200 <= status < 300 or 400 <= status < 500)}
        assert wrong == {}
        assert {name for name, status in answers.items() if status >= 400} <= {
            "twilio: bytes that are no text", "twilio: more fields than are read",
        }, "what is signed is taken"  # fmt: skip
        with db.read() as session:
            kept = session.exec(select(tables.ProviderEvent).order_by(col(tables.ProviderEvent.id))).all()
            raw = [db.sealer.open("event", event.sealed_raw) for event in kept]
        assert len(kept) > 140
        assert any("a" * 60_000 in one for one in raw)
        assert any("ST\\u0000OP" in one for one in raw)
        while apply_events(db, app.readers(), now, classify=classify):
            pass
        with db.read() as session:
            read = session.exec(select(tables.ProviderEvent).order_by(col(tables.ProviderEvent.id))).all()
        assert all(event.applied_at == now for event in read)
        mistakes = [event.problem for event in read if event.problem.startswith("error")]
        assert mistakes == []
        assert all(db.sealer.open("event", event.sealed_raw) == one for event, one in zip(read, raw, strict=True))
        # and a person is heard as ever
        fields = [("MessageSid", "SMlast"), ("From", "whatsapp:+6281311112222"), ("Body", "STOP")]
        assert twilio(client, INBOUND, urlencode(fields).encode()) == 200
        apply_events(db, app.readers(), now, classify=classify)
        with db.read() as session:
            blind = db.sealer.blind("address", "+6281311112222")
            assert is_suppressed(session, "sms", blind, None, now) == "opt_out"


#: what was sent -> the address that has stopped by it
HEARD = {
    "NUL inside": (message(text="ST\0OP"), "700100200"),
    "half a sign inside": (message(text="ST\ud83dOP \udc00"), "700100200"),
    "no moment": (message(text="STOP", date=None), "700100200"),
    "no sender": (message(text="STOP", **{"from": None}), "700100200"),
}


@pytest.mark.parametrize("name", HEARD)
def test_a_stop_word_in_a_damaged_message_is_heard(name: str, db: Database, now: datetime, tmp_path: Path) -> None:
    update, address = HEARD[name]
    with office(db, now, tmp_path) as (app, client):
        assert telegram(client, json.dumps({"update_id": 1, **update}).encode()) == 204
        apply_events(db, app.readers(), now, classify=classify)
        with db.read() as session:
            blind = db.sealer.blind("address", address)
            assert is_suppressed(session, "telegram", blind, None, now) == "opt_out"
            assert session.exec(select(tables.ProviderEvent.problem)).one() == ""


twilio_events_st = st.tuples(st.sampled_from(["inbound", "status"]), forms).map(
    lambda found: RawEvent("twilio", "", found[0], json.dumps({"kind": found[0], "d": "0a1b2c3d-1", "form": found[1]}))
)
telegram_events_st = st.tuples(st.sampled_from(["message", "callback_query", "my_chat_member", "poll"]), junk).map(
    lambda found: RawEvent("telegram", "", "update", json.dumps({"update_id": 1, found[0]: found[1]}))
)
near_st = st.sampled_from(list(TELEGRAM_UPDATES.values())).map(
    lambda update: RawEvent("telegram", "", "update", json.dumps({"update_id": 1, **update}))
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=st.lists(twilio_events_st | telegram_events_st | near_st, min_size=1, max_size=30))
def test_whatever_is_kept_is_read_without_a_mistake(events: list[RawEvent], db: Database, now: datetime) -> None:
    with db.write() as session:
        if session.exec(select(tables.Installation)).first() is None:
            make.installation(session)
            make.facts(session)
            load_content(session, content_dir(), now)
            for channel in ("whatsapp", "telegram"):
                make.sender(session, channel)
        for event in events:
            row = keep_event(session, db.sealer, RawEvent(event.account, _key(session), event.kind, event.raw), now)
            assert row is not None
    from tests.integration.replies.conftest import READERS

    while apply_events(db, READERS, now, classify=classify):
        pass
    with db.read() as session:
        problems = session.exec(
            select(tables.ProviderEvent.problem).where(col(tables.ProviderEvent.problem) != "")
        ).all()
    assert [problem for problem in problems if problem.startswith("error")] == []


def _key(session: Any) -> str:
    newest = session.exec(select(tables.ProviderEvent.id).order_by(col(tables.ProviderEvent.id).desc())).first()
    return f"key-{newest or 0}"
