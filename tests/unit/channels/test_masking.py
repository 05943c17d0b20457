"""Nothing like a NIK stays in a kept event, and nothing that only looks like one to a machine is lost."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.channels import telegram_events, twilio_events
from broadcaster.channels.masking import telegram_update, twilio_fields, unreadable
from broadcaster.channels.protocol import Reply, WebhookRequest
from broadcaster.domain.longnumber import MASK, mask_long_numbers

NIK = "1703071501120001"
SIGNS = ["", " ", ".", "-", " - ", "/", "\n", ",", ":", "\u200b", "·", "_", " .", "*"]


def digits(text: str) -> str:
    return re.sub(r"\D", "", text)


@given(st.lists(st.sampled_from(SIGNS), min_size=15, max_size=15), st.text("abc xyz!?", max_size=20))
@settings(max_examples=200, deadline=None)
def test_a_nik_is_struck_out_whatever_stands_between_its_digits(signs: list[str], around: str) -> None:
    written = "".join(digit + sign for digit, sign in zip(NIK, [*signs, ""], strict=True))
    masked = mask_long_numbers(f"{around} {written} {around}")
    assert MASK in masked
    assert not digits(masked)


@pytest.mark.parametrize(
    "text",
    [
        "1️⃣7️⃣0️⃣3️⃣0️⃣7️⃣1️⃣5️⃣0️⃣1️⃣1️⃣2️⃣0️⃣0️⃣0️⃣1️⃣",
        "satu tujuh nol tiga nol tujuh satu lima nol satu satu dua nol nol nol satu",
        "Satu, tujuh, nol, tiga, nol, tujuh, satu, lima, nol, satu, satu, dua, nol, nol, nol, satu.",
    ],
)
def test_a_nik_in_pictures_or_dictated_is_struck_out_too(text: str) -> None:
    masked = mask_long_numbers(f"nik {text}")
    assert masked.startswith(f"nik {MASK}")
    assert not digits(masked)


@pytest.mark.parametrize(
    "text",
    ["0812-3456-7890", "+62 812 3456 7890", "081234567890/081298765432", "0812 3456 7890, 0813 4567 8901", "15 Mei 2022",
     "Rp 50.000", "RT 01 RW 02", "satu dua tiga", "jam 08.00 sampai 15.00"],
)  # fmt: skip
def test_telephone_numbers_dates_and_amounts_stay(text: str) -> None:
    assert mask_long_numbers(text) == text


def test_ids_of_providers_are_kept_though_they_have_many_digits() -> None:
    sid = "SM12345678901234567890123456789012"
    pairs = [("MessageSid", sid), ("AccountSid", "AC" + "1" * 32), ("From", "whatsapp:ID.4566546130240823"),
             ("To", "whatsapp:+6281200000002"), ("ButtonPayload", "opt_out:12345678-123456789012345")]  # fmt: skip
    assert twilio_fields(pairs) == pairs


def test_where_a_photograph_lies_and_where_a_person_is_are_not_kept() -> None:
    pairs = [("NumMedia", "1"), ("MediaUrl0", "https://api.example/Media/ME1"), ("MediaContentType0", "image/jpeg"),
             ("Latitude", "-3.4"), ("Longitude", "102.1"), ("Body", f"KK saya {NIK}")]  # fmt: skip
    kept = dict(twilio_fields(pairs))
    assert kept["NumMedia"] == "1"
    assert [kept[name] for name in ("MediaUrl0", "Latitude", "Longitude")] == ["", "", ""]
    assert kept["Body"] == f"KK saya {MASK}"


UPDATE: dict[str, Any] = {
    "update_id": 1234567890123456,
    "message": {
        "message_id": 1,
        "date": 1790000000,
        "chat": {"id": 5, "type": "private"},
        "from": {"id": 5, "first_name": NIK},
        "caption": f"NIK {NIK[:4]} {NIK[4:8]} {NIK[8:12]} {NIK[12:]}",
        "photo": [{"file_id": "AgACAgUAAx" + NIK, "file_unique_id": "x"}],
        "reply_to_message": {"document": {"file_name": f"kk {NIK}.pdf", "file_id": "B"}},
        "contact": {"phone_number": "6281234567890", "user_id": 5, "vcard": f"NOTE:{NIK}"},
        NIK: int(NIK),
        "entities": [{"custom": float(NIK)}],
    },
}


def test_a_telegram_update_keeps_its_shape_and_neither_media_nor_a_nik() -> None:
    kept = json.loads(telegram_events.of_update(UPDATE).raw)
    assert kept["update_id"] == UPDATE["update_id"], "an id of Telegram's own is no NIK"
    del kept["update_id"]
    assert NIK not in digits(json.dumps(kept))
    assert kept["message"]["photo"] is True
    assert kept["message"]["reply_to_message"]["document"] is True
    assert kept["message"]["contact"] == {"phone_number": "6281234567890", "user_id": 5, "vcard": True}
    [reply] = telegram_events.parse(telegram_events.of_update(UPDATE))
    assert isinstance(reply, Reply)
    assert (reply.has_media, reply.text, reply.own_phone) == (True, f"NIK {MASK}", "6281234567890")


@pytest.mark.parametrize(
    ("text", "kept"),
    [("/start desa_123456789012345678", True), ("/start a1234567890123456", True), (f"/start {NIK}", False),
     (f"/start x {NIK}", False)],
)  # fmt: skip
def test_the_token_of_a_link_is_kept_and_a_nik_typed_after_start_is_not(text: str, kept: bool) -> None:
    assert (telegram_update({"text": text})["text"] == text) is kept


@pytest.mark.parametrize(
    "body",
    [NIK.encode(), f"x={'%2E'.join(NIK)}".encode(), f"x={'+'.join(NIK)}".encode(),
     "".join(f"\\u00{ord(one):02x}" for one in NIK).encode(), f'{{"text": "{NIK}"'.encode()],
)  # fmt: skip
def test_a_call_that_nobody_can_read_is_kept_without_a_nik(body: bytes) -> None:
    assert NIK not in digits(unreadable(body))
    for event in (
        telegram_events.read_body(body),
        twilio_events.read_webhook(WebhookRequest("https://x.example/hooks/twilio/inbound", {}, body)),
    ):
        assert NIK not in digits(event.raw)


_VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
_JSON = st.recursive(
    _VALUES, lambda one: st.lists(one, max_size=4) | st.dictionaries(st.text(max_size=8), one, max_size=4)
)


@given(_JSON)
@settings(max_examples=100, deadline=None)
def test_nothing_a_provider_sends_breaks_the_masking(update: Any) -> None:
    telegram_update(update)


def test_an_update_nested_without_end_is_cut_off() -> None:
    deep: Any = NIK
    for _ in range(900):
        deep = [deep]
    assert NIK not in json.dumps(telegram_update(deep))
