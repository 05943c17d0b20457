"""What the office asks Telegram about its own bot: its name, and how news reaches us. Rare calls, outside sending."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from broadcaster.channels.http import Transport, TransportError, form
from broadcaster.channels.telegram import ALLOWED_UPDATES
from broadcaster.errors import Blocked

_FORM = {"content-type": "application/x-www-form-urlencoded"}


class TelegramAccount:
    """One bot. `id` is the public part of its token."""

    def __init__(self, transport: Transport, *, token: str, base_url: str) -> None:
        self._transport = transport
        self._url = f"{base_url.rstrip('/')}/bot{token}"
        self.id = token.partition(":")[0]

    async def name(self) -> str:
        """The bot's username, without @. Raises `Blocked` when Telegram does not say it."""
        bot = await self._call("getMe")
        username = bot.get("username") if isinstance(bot, dict) else None
        if not isinstance(username, str) or not username:
            raise Blocked("Telegram tidak menyebut nama bot; periksa bot itu di @BotFather.", code="no_bot_name")
        return username

    async def use_webhook(self, url: str, secret: str) -> None:
        """Telegram calls `url` from now on; what waits there comes too. Raises `Blocked`."""
        await self._call("setWebhook", url=url, secret_token=secret, allowed_updates=json.dumps(ALLOWED_UPDATES))

    async def use_polling(self) -> None:
        """Telegram keeps the news until they are fetched. Raises `Blocked`."""
        await self._call("deleteWebhook")

    async def set_commands(self, commands: Mapping[str, str]) -> None:
        """What the menu of the bot offers. Raises `Blocked`."""
        listed = [{"command": command, "description": words} for command, words in commands.items()]
        await self._call("setMyCommands", commands=json.dumps(listed, ensure_ascii=False))

    async def _call(self, method: str, **parameters: str) -> Any:
        try:
            answer = await self._transport.request("POST", f"{self._url}/{method}", _FORM, form(parameters))
        except TransportError as error:
            raise Blocked(
                f"Telegram tidak menjawab ({error}); periksa jaringan dan BROADCASTER_TELEGRAM_BASE_URL, lalu ulangi.",
                code="no_telegram",
            ) from error
        try:
            body = json.loads(answer.body)
            if answer.status == 200 and body["ok"] is True:
                return body["result"]
        except (ValueError, KeyError, TypeError):
            body = None
        if answer.status in (401, 404):
            raise Blocked("Telegram menolak kunci bot; periksa BROADCASTER_TELEGRAM_TOKEN.", code="bad_telegram_token")
        said = body.get("description", "") if isinstance(body, dict) else ""
        raise Blocked(f"Telegram menjawab {answer.status} untuk {method} {said}".strip() + ".", code="telegram_refused")
