"""Twilio's calls to us: whose signature is believed, and what each call means."""

from __future__ import annotations

import hashlib
import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from broadcaster.channels import twilio_events
from broadcaster.channels.protocol import RawEvent, Receipt, Reply, Unrecognised, WebhookRequest
from broadcaster.domain.message import AttemptState, ChannelKind
from broadcaster.errors import BadSignature

KEY = "auth-token"
STATUS = "https://kia.example.go.id/hooks/twilio/status?d=0a1b2c3d-41"
INBOUND = "https://kia.example.go.id/hooks/twilio/inbound"
FORM = {"MessageSid": "SM1", "MessageStatus": "delivered", "From": "whatsapp:+628", "To": "whatsapp:+629", "Blank": ""}
Pairs = list[tuple[str, str]]


def call(url: str, form: dict[str, str] | Pairs, *, signature: str | None = None, key: str = KEY) -> WebhookRequest:
    pairs = list(form.items()) if isinstance(form, dict) else form
    if signature is None:
        signed: dict[str, str] = dict(pairs)
        signature = RequestValidator(key).compute_signature(url, signed)
    headers = {"x-twilio-signature": signature, "content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    return WebhookRequest(url, headers, urlencode(pairs).encode())


def test_a_signed_call_is_believed_blank_fields_included() -> None:
    twilio_events.verify(call(STATUS, FORM), KEY)


def test_repeated_fields_are_signed_together() -> None:
    url, pairs = INBOUND, [("MessageSid", "SM1"), ("Media", "b"), ("Media", "a")]
    mac = RequestValidator(KEY).compute_signature(url, MultiDictLike(pairs))
    twilio_events.verify(call(url, pairs, signature=mac), KEY)


class MultiDictLike(dict[str, str]):
    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def getlist(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]


GOOD = call(STATUS, FORM)
TAMPERED = {
    "another query": WebhookRequest(STATUS.replace("41", "42"), GOOD.headers, GOOD.body),
    "http instead of https": WebhookRequest(STATUS.replace("https", "http"), GOOD.headers, GOOD.body),
    "another field": WebhookRequest(STATUS, GOOD.headers, GOOD.body.replace(b"delivered", b"read")),
    "a blank field dropped": WebhookRequest(STATUS, GOOD.headers, GOOD.body.replace(b"&Blank=", b"")),
    "another key": call(STATUS, FORM, key="other"),
    "no signature": WebhookRequest(STATUS, {"content-type": "application/x-www-form-urlencoded"}, GOOD.body),
    "an empty signature": call(STATUS, FORM, signature=""),
    "a strange signature": call(STATUS, FORM, signature="ä" * 28),
    "not UTF-8": WebhookRequest(STATUS, GOOD.headers, b"\xff\xfe=1"),
    "thousands of fields": WebhookRequest(STATUS, GOOD.headers, b"&".join(b"a=1" for _ in range(2000))),
    "not an address": WebhookRequest("https://[bad/", GOOD.headers, GOOD.body),
    "a port that is none": WebhookRequest("https://host:port/", GOOD.headers, GOOD.body),
    "json without a signed hash": WebhookRequest(INBOUND, {**GOOD.headers, "content-type": "application/json"}, b"{}"),
    "json that is not text": WebhookRequest(
        f"{INBOUND}?bodySHA256=0", {**GOOD.headers, "content-type": "application/json"}, b"\xff"
    ),
}


@pytest.mark.parametrize("request_", TAMPERED.values(), ids=TAMPERED.keys())
def test_any_other_call_is_refused(request_: WebhookRequest) -> None:
    with pytest.raises(BadSignature):
        twilio_events.verify(request_, KEY)


def test_without_an_auth_token_nothing_is_believed() -> None:
    with pytest.raises(BadSignature):
        twilio_events.verify(call(STATUS, FORM, key=""), "")


def test_a_json_body_is_believed_by_its_signed_hash() -> None:
    body = b'{"a":"\xc3\xa9"}'
    url = f"{INBOUND}?bodySHA256={hashlib.sha256(body).hexdigest()}"
    headers = {
        "x-twilio-signature": RequestValidator(KEY).compute_signature(url, {}),
        "content-type": "application/json",
    }
    twilio_events.verify(WebhookRequest(url, headers, body), KEY)
    with pytest.raises(BadSignature):
        twilio_events.verify(WebhookRequest(url, headers, body + b" "), KEY)


def read(url: str, form: dict[str, str] | Pairs) -> RawEvent:
    return twilio_events.read_webhook(call(url, form))


def test_a_receipt_is_keyed_by_text_status_and_code_and_carries_our_reference() -> None:
    event = read(STATUS, {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003", "New": "x"})
    assert (event.account, event.kind, event.key) == ("twilio", "status", "SM1:undelivered:30003")
    assert twilio_events.parse(event) == (Receipt("0a1b2c3d-41", "SM1", AttemptState.FAILED, "30003"),)
    raw = json.loads(event.raw)
    assert raw["d"] == "0a1b2c3d-41"
    assert ["New", "x"] in raw["form"]


STATES = [
    ("accepted", AttemptState.ACCEPTED), ("queued", AttemptState.ACCEPTED), ("scheduled", AttemptState.ACCEPTED),
    ("sending", AttemptState.ACCEPTED), ("sent", AttemptState.SENT), ("delivered", AttemptState.DELIVERED),
    ("read", AttemptState.READ), ("failed", AttemptState.FAILED), ("undelivered", AttemptState.FAILED),
]  # fmt: skip


@pytest.mark.parametrize(("status", "state"), STATES)
def test_every_status_has_its_state(status: str, state: AttemptState) -> None:
    (receipt,) = twilio_events.parse(read(STATUS, {"MessageSid": "SM1", "MessageStatus": status}))
    assert receipt == Receipt("0a1b2c3d-41", "SM1", state, "")


@pytest.mark.parametrize("status", ["", "received", "receiving", "something-new"])
def test_a_status_that_says_nothing_about_a_text_is_kept_and_not_understood(status: str) -> None:
    (found,) = twilio_events.parse(read(STATUS, {"MessageSid": "SM1", "MessageStatus": status}))
    assert isinstance(found, Unrecognised)


def inbound(**fields: str) -> Reply:
    form = {"MessageSid": "SM9", "From": "whatsapp:+6281234567890", "To": "whatsapp:+629", "Body": "", "NumMedia": "0"}
    event = read(INBOUND, {**form, **fields})
    assert (event.key, event.kind) == ("SM9", "inbound")
    (reply,) = twilio_events.parse(event)
    assert isinstance(reply, Reply)
    return reply


def test_a_whatsapp_text_is_read_as_written() -> None:
    assert inbound(Body="kapan buka? 😀") == Reply(ChannelKind.WHATSAPP, "+6281234567890", "kapan buka? 😀")


def test_an_sms_has_no_prefix() -> None:
    assert inbound(From="+6281234567890", Body="STOP").channel is ChannelKind.SMS


def test_a_pressed_button_brings_its_intent_and_the_text_it_answers() -> None:
    reply = inbound(ButtonPayload="opt_out:0a1b2c3d-41", ButtonText="Berhenti")
    assert (reply.intent, reply.reference, reply.text) == ("opt_out", "0a1b2c3d-41", "Berhenti")


def test_a_button_of_somebody_elses_template_is_its_words() -> None:
    reply = inbound(ButtonPayload="whatever", ButtonText="Berhenti", Body="Berhenti")
    assert (reply.intent, reply.reference, reply.text) == ("", "", "Berhenti")


@pytest.mark.parametrize(("mark", "meaning"), [("STOP", "stop"), ("START", "start"), ("HELP", ""), ("", "")])
def test_the_providers_own_mark_is_kept(mark: str, meaning: str) -> None:
    assert inbound(Body="x", OptOutType=mark).opt_out_mark == meaning


def test_a_person_whose_number_whatsapp_hides_keeps_their_id() -> None:
    reply = inbound(From="whatsapp:ID.4566546130240823", ExternalUserId="whatsapp:ID.4566546130240823", Body="x")
    assert reply.address == "ID.4566546130240823"


@pytest.mark.parametrize(("count", "media"), [("0", False), ("2", True), ("", False), ("x", False)])
def test_media_are_noticed(count: str, media: bool) -> None:
    assert inbound(NumMedia=count).has_media is media


def test_a_message_without_a_sender_is_kept_and_not_understood() -> None:
    (found,) = twilio_events.parse(read(INBOUND, {"MessageSid": "SM9", "Body": "x"}))
    assert isinstance(found, Unrecognised)


def test_a_call_without_an_id_is_kept_under_its_hash() -> None:
    first, again = read(STATUS, {"x": "1"}), read(STATUS, {"x": "1"})
    assert first == again
    assert first.key.startswith("sha256:")
    assert isinstance(twilio_events.parse(first)[0], Unrecognised)


junk_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
forms = st.lists(
    st.tuples(
        st.sampled_from(["MessageSid", "SmsSid", "MessageStatus", "ErrorCode", "From", "Body", "NumMedia", "OptOutType",
                         "ButtonPayload"]) | st.text(max_size=10),
        st.sampled_from(["", "SM1", "sent", "failed", "whatsapp:", "whatsapp:+62", "STOP", ":", "a:b"])
        | st.text(max_size=20),
    ),
    max_size=8,
)  # fmt: skip


@given(body=st.binary(max_size=200) | forms.map(lambda pairs: urlencode(pairs, errors="replace").encode()),
       url=st.sampled_from([STATUS, INBOUND, f"{INBOUND}?d=", "https://kia.example.go.id/hooks/twilio/status"]),
       kind=st.sampled_from(["application/x-www-form-urlencoded", "application/json", ""]))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_reading_and_parsing_never_raise(body: bytes, url: str, kind: str) -> None:
    event = twilio_events.read_webhook(WebhookRequest(url, {"content-type": kind}, body))
    assert event.key
    json.loads(event.raw)
    assert len(twilio_events.parse(event)) == 1


@given(raw=st.text(max_size=60) | junk_json.map(json.dumps) | junk_json.map(lambda form: json.dumps({"form": form})),
       kind=st.sampled_from(["status", "inbound", "update", ""]))  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_a_damaged_kept_event_never_raises(raw: str, kind: str) -> None:
    assert len(twilio_events.parse(RawEvent("twilio", "k", kind, raw))) == 1
