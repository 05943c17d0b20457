"""Simulated Telegram Bot API: one bot, private chats. Message numbers begin anew in every chat, as the API allows."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from broadcaster.simulator.people import TELEGRAM_REFUSALS, People
from broadcaster.simulator.store import Step, Store, Text
from broadcaster.simulator.webhooks import Webhooks

_TOKEN = re.compile(r"^\d{1,20}:[\w-]{1,100}$")
_TEXT_MOST, _DATA_MOST = 4096, 64
_UPDATES_MOST = 100
BOT = {
    "id": 1, "is_bot": True, "first_name": "Simulasi", "username": "simulasi_bot", "can_join_groups": False,
    "can_read_all_group_messages": False, "supports_inline_queries": False,
}  # fmt: skip


class Telegram:
    """The handlers and the queue of updates."""

    def __init__(self, store: Store, people: People, webhooks: Webhooks) -> None:
        self._store, self._people, self._webhooks = store, people, webhooks
        self.clear()

    def clear(self) -> None:
        self._updates: deque[dict[str, Any]] = deque()
        self._next_update = 1
        self._in_chat: Counter[str] = Counter()
        self._news = asyncio.Event()
        self.webhook = ""
        self._secret = ""
        self.answered_presses: list[str] = []
        self.commands: dict[str, str] = {}

    async def call(self, request: web.Request) -> web.Response:
        """Every method but sendMessage."""
        method = request.match_info["method"].lower()
        handler = {
            "getme": self._get_me,
            "getupdates": self._get_updates,
            "answercallbackquery": self._answer_press,
            "setwebhook": self._set_webhook,
            "deletewebhook": self._delete_webhook,
            "setmycommands": self._set_commands,
        }.get(method)
        refused = self._wrong_token(request)
        if refused is not None or handler is None:
            return refused or error(404, "Not Found")
        return await handler(_parameters(request, await request.read()))

    async def answered(self, call: Mapping[str, Any]) -> None:
        """A webhook was answered with a call of the Bot API; nobody hears what it came to."""
        if str(call.get("method", "")).lower() == "answercallbackquery":
            await self._answer_press(call)

    def accept(self, request: web.Request, body: bytes) -> tuple[Text | None, web.Response]:
        """Take or refuse one text; the caller applies faults around it."""
        refused = self._wrong_token(request)
        if refused is not None:
            return None, refused
        form = _parameters(request, body)
        chat, text = str(form.get("chat_id", "")), str(form.get("text", ""))
        rows, keyboard = _rows(form.get("reply_markup"), "inline_keyboard"), _rows(form.get("reply_markup"), "keyboard")
        problem = self._problem(chat, text, rows)
        if problem is not None:
            status, words = problem
            self._store.refused[f"telegram:{status}"] += 1
            return None, error(status, words)
        self._in_chat[chat] += 1
        now, number = self._store.now(), self._store.next_number()
        buttons = tuple((str(one.get("text", "")), str(one.get("callback_data", ""))) for row in rows for one in row)
        kept = Text(
            number=number,
            channel="telegram",
            sid=f"telegram:{chat}:{self._in_chat[chat]}",
            sender=str(BOT["id"]),
            to=chat,
            text=text,
            at=now,
            steps=[Step(now, "accepted")],
            reference=next((data.partition(":")[2] for _, data in buttons if ":" in data), ""),
            buttons=buttons,
            keyboard=tuple(str(one.get("text", "")) for row in keyboard for one in row if one.get("request_contact")),
        )
        self._store.accept(kept)
        return kept, result(message_json(kept))

    def _problem(self, chat: str, text: str, rows: list[list[dict[str, Any]]]) -> tuple[int, str] | None:
        behaviour = self._people.of(chat).behaviour
        if not re.fullmatch(r"-?\d{1,16}", chat):
            return 400, "Bad Request: chat not found"
        if behaviour in TELEGRAM_REFUSALS:
            return TELEGRAM_REFUSALS[behaviour]
        if not text.strip():
            return 400, "Bad Request: message text is empty"
        if len(text) > _TEXT_MOST:
            return 400, "Bad Request: message is too long"
        if any(not 1 <= len(str(one.get("callback_data", "")).encode()) <= _DATA_MOST for row in rows for one in row):
            return 400, "Bad Request: BUTTON_DATA_INVALID"
        return None

    async def push(self, kind: str, content: dict[str, Any]) -> None:
        """Something happened: to the webhook when one is set, else into the queue."""
        update = {"update_id": self._next_update, kind: content}
        self._next_update += 1
        await self.bring(update)

    async def bring(self, update: dict[str, Any]) -> None:
        """An update, perhaps once more, as Telegram does when the answer to it got lost."""
        if self.webhook:
            await self._webhooks.telegram(self.webhook, self._secret, update, self.answered)
            return
        self._updates.append(update)
        self._news.set()

    async def _get_me(self, _form: Mapping[str, Any]) -> web.Response:
        return result(BOT)

    async def _get_updates(self, form: Mapping[str, Any]) -> web.Response:
        """An offset confirms and forgets everything before it; `timeout` seconds are waited for news."""
        if self.webhook:
            return error(409, "Conflict: can't use getUpdates method while webhook is active")
        offset = int(form.get("offset") or 0)
        while self._updates and self._updates[0]["update_id"] < offset:
            self._updates.popleft()
        wait = min(float(form.get("timeout") or 0), 50)
        if not self._updates and wait:
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), wait)
            except TimeoutError:
                return result([])
        limit = min(int(form.get("limit") or _UPDATES_MOST), _UPDATES_MOST)
        return result(list(self._updates)[:limit])

    async def _answer_press(self, form: Mapping[str, Any]) -> web.Response:
        self.answered_presses.append(str(form.get("callback_query_id", "")))
        return result(True)

    async def _set_webhook(self, form: Mapping[str, Any]) -> web.Response:
        self.webhook = str(form.get("url", ""))
        self._secret = str(form.get("secret_token", ""))
        while self.webhook and self._updates:
            await self._webhooks.telegram(self.webhook, self._secret, self._updates.popleft(), self.answered)
        return result(True)

    async def _delete_webhook(self, _form: Mapping[str, Any]) -> web.Response:
        self.webhook = self._secret = ""
        return result(True)

    async def _set_commands(self, form: Mapping[str, Any]) -> web.Response:
        try:
            listed = json.loads(str(form.get("commands", "")))
            self.commands = {str(one["command"]): str(one["description"]) for one in listed}
        except (ValueError, KeyError, TypeError):
            return error(400, "Bad Request: can't parse commands")
        return result(True)

    def _wrong_token(self, request: web.Request) -> web.Response | None:
        token = request.match_info["token"]
        if not _TOKEN.match(token):
            return error(404, "Not Found")
        if self._store.options.telegram_token not in ("", token):
            return error(401, "Unauthorized")
        return None


def message_json(text: Text) -> dict[str, Any]:
    """A sent text as Telegram gives it back."""
    found: dict[str, Any] = {
        "message_id": int(text.sid.rpartition(":")[2]),
        "from": BOT,
        "chat": {"id": int(text.to), "type": "private", "first_name": "Warga"},
        "date": int(text.at.timestamp()),
        "text": text.text,
    }
    if text.buttons:
        keyboard = [[{"text": title, "callback_data": data}] for title, data in text.buttons]
        found["reply_markup"] = {"inline_keyboard": keyboard}
    return found


def member(status: str) -> dict[str, Any]:
    """The bot's own place in a chat; one who was thrown out has an end to it (0: for ever)."""
    return {"user": BOT, "status": status} | ({"until_date": 0} if status == "kicked" else {})


def result(data: Any) -> web.Response:
    return web.json_response({"ok": True, "result": data})


def error(status: int, description: str, **parameters: Any) -> web.Response:
    """Telegram's error body."""
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=status)


def _parameters(request: web.Request, body: bytes) -> dict[str, Any]:
    """From a form or from JSON."""
    if request.content_type == "application/json":
        try:
            found = json.loads(body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))


def _rows(markup: Any, kind: str) -> list[list[dict[str, Any]]]:
    try:
        found = json.loads(markup) if isinstance(markup, str) else markup
        return [[dict(one) for one in row] for row in found[kind]]
    except (ValueError, KeyError, TypeError):
        return []
