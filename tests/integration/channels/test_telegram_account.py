"""What the office asks Telegram about its bot, and every way in which Telegram may not say it."""

from __future__ import annotations

import asyncio

import pytest

from broadcaster.channels.http import Transport
from broadcaster.channels.telegram_account import TelegramAccount
from broadcaster.errors import Blocked
from tests.integration.channels.world import TOKEN, always, http_answer, raw_server, world


def test_the_bot_says_its_name_and_how_its_news_come() -> None:
    async def scenario() -> None:
        async with world() as it:
            account = TelegramAccount(it.channels.transport, token=TOKEN, base_url=it.sim.base_url)
            assert account.id == "123456"
            assert await account.name() == "simulasi_bot"
            await account.use_webhook("https://kia.example.go.id/hooks/telegram", "rahasia")
            assert it.sim.telegram.webhook == "https://kia.example.go.id/hooks/telegram"
            await account.use_polling()
            assert it.sim.telegram.webhook == ""
            await account.set_commands({"berhenti": "Berhenti menerima kabar"})
            assert it.sim.telegram.commands == {"berhenti": "Berhenti menerima kabar"}

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (http_answer(b'{"ok":false,"error_code":401,"description":"Unauthorized"}', "401 Unauthorized"), "bad_telegram_token"),
        (http_answer(b'{"ok":false,"error_code":404,"description":"Not Found"}', "404 Not Found"), "bad_telegram_token"),
        (http_answer(b'{"ok":false,"error_code":429,"description":"Too Many Requests"}', "429 Too Many"), "telegram_refused"),
        (http_answer(b"<html>", "502 Bad Gateway"), "telegram_refused"),
        (http_answer(b"<html>"), "telegram_refused"),
        (http_answer(b'{"ok":true}'), "telegram_refused"),
        (http_answer(b'{"ok":true,"result":{}}'), "no_bot_name"),
        (http_answer(b'{"ok":true,"result":{"username":7}}'), "no_bot_name"),
        (http_answer(b'{"ok":true,"result":[]}'), "no_bot_name"),
        (b"", "no_telegram"),
    ],
)  # fmt: skip
def test_a_name_that_is_not_said_is_a_sentence(answer: bytes, code: str) -> None:
    async def scenario() -> None:
        async with raw_server(always(answer)) as base:
            transport = Transport(connect_timeout_s=2.0, read_timeout_s=2.0)
            try:
                with pytest.raises(Blocked) as refused:
                    await TelegramAccount(transport, token=TOKEN, base_url=base).name()
            finally:
                await transport.aclose()
            assert refused.value.code == code
            assert TOKEN not in str(refused.value)

    asyncio.run(scenario())
