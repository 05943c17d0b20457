"""What leaves us, byte by byte, as a provider receives it."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from broadcaster.channels.http import Transport
from broadcaster.channels.protocol import SHARE_CONTACT, Accepted, Button, TemplateSpec
from broadcaster.channels.telegram import TelegramChannel
from broadcaster.channels.twilio_client import TwilioAccount
from broadcaster.errors import BadInput
from broadcaster.simulator.store import SIMULATED_KEY, Raw
from tests.integration.channels.world import (
    BUTTONS,
    PUBLIC,
    REFERENCE,
    SMS_FROM,
    TOKEN,
    WHATSAPP_FROM,
    World,
    channels,
    outgoing,
    world,
)

WORDS = "Yth. Ibu Siti & keluarga,\nKIA Ananda 100% siap = silakan diambil 👋"


def form(raw: Raw) -> dict[str, str]:
    pairs = parse_qsl(raw.body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    assert len(pairs) == len(dict(pairs))
    return dict(pairs)


def header(raw: Raw, name: str) -> str:
    (value,) = [value for key, value in raw.headers if key.lower() == name]
    return value


def test_an_sms_is_one_form_with_sender_text_and_callback() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.channels.send("sms", text=WORDS, buttons=BUTTONS)
            (raw,) = it.requests
            assert (raw.method, raw.path) == ("POST", "/2010-04-01/Accounts/AC1/Messages.json")
            assert form(raw) == {
                "To": "+6281234567890",
                "From": SMS_FROM,
                "Body": WORDS,
                "ValidityPeriod": "14400",
                "StatusCallback": f"{PUBLIC}/hooks/twilio/status?d={REFERENCE}",
            }
            assert header(raw, "content-type") == "application/x-www-form-urlencoded"
            assert header(raw, "x-original-host") == "api.twilio.com"
            user, password = base64.b64decode(header(raw, "authorization").removeprefix("Basic ")).decode().split(":")
            assert (user, password) == ("AC1", SIMULATED_KEY)

    asyncio.run(scenario())


def test_an_api_key_signs_in_when_there_is_one() -> None:
    async def scenario() -> None:
        async with world() as it:
            account = TwilioAccount(
                it.channels.transport, account_sid="AC1", auth_token="t", api_key="SK1", api_secret="s",
                base_url=it.sim.base_url,
            )  # fmt: skip
            await account.client.messages.create_async(to="+6281234567890", from_="X", body="x")
            assert base64.b64decode(header(it.requests[-1], "authorization").split()[1]) == b"SK1:s"

    asyncio.run(scenario())


def test_edge_and_region_of_the_machine_change_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    monkeypatch.setenv("TWILIO_REGION", "au1")

    async def scenario() -> None:
        async with world() as it:
            assert isinstance(await it.channels.send("sms"), Accepted)
            assert header(it.requests[0], "x-original-host") == "api.twilio.com"

    asyncio.run(scenario())


def test_a_messaging_service_goes_along_and_no_callback_without_a_public_address() -> None:
    async def scenario() -> None:
        async with world(service="MG1", public="") as it:
            await it.channels.send("whatsapp")
            sent = form(it.requests[0])
            assert sent == {
                "To": "whatsapp:+6281234567890", "From": f"whatsapp:{WHATSAPP_FROM}", "Body": "Halo",
                "MessagingServiceSid": "MG1",
            }  # fmt: skip

    asyncio.run(scenario())


async def make_template(it: World, *, buttons: bool = True) -> str:
    spec = TemplateSpec(
        name="ambil_kartu_1", language="id", body="Yth. {{1}}, KIA {{2}} siap.", samples={"1": "Ibu Siti", "2": "Rizki"},
        buttons=BUTTONS if buttons else (), category="UTILITY",
    )  # fmt: skip
    return await it.channels.whatsapp.create_template(spec)


def test_a_template_travels_with_json_variables_and_the_reference_for_its_buttons() -> None:
    async def scenario() -> None:
        async with world() as it:
            sid = await make_template(it)
            values = {"1": 'Ibu "Siti" & Pak', "2": "Ñoño"}
            await it.channels.send("whatsapp", content_sid=sid, content_variables=values, buttons=BUTTONS)
            sent = form(it.requests[-1])
            assert sent["ContentSid"] == sid
            assert json.loads(sent["ContentVariables"]) == {**values, "3": REFERENCE}
            assert "Body" not in sent
            (text,) = it.sim.store.texts
            assert text.text == 'Yth. Ibu "Siti" & Pak, KIA Ñoño siap.'
            assert text.buttons == (
                ("Sudah diambil", f"already_collected:{REFERENCE}"),
                ("Berhenti", f"opt_out:{REFERENCE}"),
            )

    asyncio.run(scenario())


def test_a_template_without_buttons_gets_its_own_variables_only() -> None:
    async def scenario() -> None:
        async with world() as it:
            sid = await make_template(it, buttons=False)
            await it.channels.send("whatsapp", content_sid=sid, content_variables={"1": "A", "2": "B"})
            assert json.loads(form(it.requests[-1])["ContentVariables"]) == {"1": "A", "2": "B"}

    asyncio.run(scenario())


def test_a_template_is_created_as_json() -> None:
    async def scenario() -> None:
        async with world() as it:
            await make_template(it)
            (raw,) = it.requests
            assert (raw.method, raw.path) == ("POST", "/v1/Content")
            assert header(raw, "x-original-host") == "content.twilio.com"
            assert header(raw, "content-type") == "application/json"
            assert json.loads(raw.body) == {
                "friendly_name": "ambil_kartu_1",
                "language": "id",
                "variables": {"1": "Ibu Siti", "2": "Rizki", "3": "0a1b2c3d-1"},
                "types": {
                    "twilio/quick-reply": {
                        "body": "Yth. {{1}}, KIA {{2}} siap.",
                        "actions": [
                            {"type": "QUICK_REPLY", "title": "Sudah diambil", "id": "already_collected:{{3}}"},
                            {"type": "QUICK_REPLY", "title": "Berhenti", "id": "opt_out:{{3}}"},
                        ],
                    }
                },
            }

    asyncio.run(scenario())


def test_a_telegram_text_is_a_form_with_the_keyboard_as_json() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.channels.send("telegram", text=WORDS, buttons=BUTTONS)
            (raw,) = it.requests
            assert (raw.method, raw.path) == ("POST", f"/bot{TOKEN}/sendMessage")
            sent = form(raw)
            assert (sent["chat_id"], sent["text"]) == ("900100200", WORDS)
            assert "parse_mode" not in sent
            assert json.loads(sent["reply_markup"]) == {
                "inline_keyboard": [
                    [{"text": "Sudah diambil", "callback_data": f"already_collected:{REFERENCE}"}],
                    [{"text": "Berhenti", "callback_data": f"opt_out:{REFERENCE}"}],
                ]
            }
            assert json.loads(sent["link_preview_options"])["is_disabled"] is True

    asyncio.run(scenario())


def test_the_button_that_shares_ones_number_belongs_to_the_persons_keyboard() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.channels.send("telegram", text=WORDS, buttons=(Button("Bagikan nomor HP saya", SHARE_CONTACT),))
            (raw,) = it.requests
            # https://core.telegram.org/bots/api#keyboardbutton
            assert json.loads(form(raw)["reply_markup"]) == {
                "keyboard": [[{"text": "Bagikan nomor HP saya", "request_contact": True}]],
                "one_time_keyboard": True,
                "resize_keyboard": True,
            }
            (text,) = it.sim.store.texts
            assert (text.keyboard, text.buttons) == (("Bagikan nomor HP saya",), ())

    asyncio.run(scenario())


def test_the_longest_button_fits_the_64_bytes_of_telegram() -> None:
    reference = "0a1b2c3d-" + "9" * 18
    longest_intent = "suspicion_of_scam"

    async def scenario() -> None:
        async with world() as it:
            buttons = (type(BUTTONS[0])("Saya ragu", longest_intent),)
            assert isinstance(await it.channels.send("telegram", reference=reference, buttons=buttons), Accepted)
            (button,) = it.sim.store.texts[0].buttons
            assert len(button[1].encode()) <= 64

    asyncio.run(scenario())


def test_a_reference_is_quoted_in_the_callback() -> None:
    async def scenario() -> None:
        async with world() as it:
            await it.channels.send("sms", reference="a b&c=d")
            callback = form(it.requests[0])["StatusCallback"]
            assert parse_qs(urlsplit(callback).query) == {"d": ["a b&c=d"]}

    asyncio.run(scenario())


def test_the_bot_token_is_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with world() as it:
            for kind in ("http_500", "html_page", "cut_before"):
                it.fail(kind=kind, channel="telegram", next=1)
                await it.channels.send("telegram", text="rahasia keluarga")
            await it.channels.telegram_poller.poll("")

    with caplog.at_level(logging.DEBUG):
        asyncio.run(scenario())
    assert TOKEN not in caplog.text
    assert "rahasia keluarga" not in caplog.text


def test_a_certificate_file_of_the_deployer_is_honoured(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", f"{tmp_path}/missing.pem")
    with pytest.raises(BadInput, match="REQUESTS_CA_BUNDLE"):
        Transport()


def test_a_proxy_of_the_machine_takes_no_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async def scenario() -> None:
        async with world() as it:
            assert isinstance(await it.channels.send("sms"), Accepted)

    asyncio.run(scenario())


def test_a_provider_that_hangs_takes_no_connection_from_another() -> None:
    async def scenario() -> None:
        async with world(limit=1, connect_timeout_s=0.5, read_timeout_s=5.0) as slow, world() as other:
            slow.fail(kind="slow_ms", ms=1500, next=1)
            hanging = asyncio.create_task(slow.channels.send("sms", text="lama"))
            await asyncio.sleep(0.1)
            telegram = TelegramChannel(slow.channels.transport, token=TOKEN, base_url=other.sim.base_url)
            assert isinstance(await telegram.send(outgoing("telegram")), Accepted)
            assert not hanging.done()
            assert isinstance(await hanging, Accepted)

    asyncio.run(scenario())


def test_a_base_address_with_a_slash_or_a_path_still_finds_the_methods() -> None:
    async def scenario() -> None:
        async with world() as it:
            channel = TelegramChannel(it.channels.transport, token=TOKEN, base_url=f"{it.sim.base_url}/")
            assert isinstance(await channel.send(outgoing("telegram")), Accepted)
            async with channels(f"{it.sim.base_url}/") as slashed:
                assert isinstance(await slashed.send("sms"), Accepted)

    asyncio.run(scenario())
