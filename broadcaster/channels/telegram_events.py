"""What Telegram sends us, read. Pure: JSON text in, events out; a partial or old update never raises.

Updates are read as plain JSON: the library's `Update.de_json` refuses an update that lacks any field it expects, and the
person who wrote it would not be heard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from broadcaster.channels import masking
from broadcaster.channels.protocol import Blocked, ChannelEvent, RawEvent, Reply, Unrecognised, readable
from broadcaster.domain.message import ChannelKind

ACCOUNT = "telegram"
#: my_chat_member in a private chat: the person's block is the bot's being `kicked`.
_MEMBER = {"kicked": True, "member": False}


def has_id(update: object) -> bool:
    """Whether this is an update at all: an object with a number."""
    return isinstance(update, dict) and isinstance(update.get("update_id"), int)


def update_id(update: Mapping[str, Any]) -> int:
    return int(update["update_id"])


def of_update(update: Mapping[str, Any]) -> RawEvent:
    """The event as kept: without what must not be kept (`masking`), and without the number and name on somebody else's card.

    Its key is its number with what tells it from another one of that number: after a week of silence, and for another bot,
    Telegram begins its numbers anew at any place.
    """
    raw = json.dumps(masking.telegram_update(_without_strangers(update)), ensure_ascii=False)
    return RawEvent(ACCOUNT, f"{update['update_id']}{_of_its_own(update)}", "update", raw)


def _of_its_own(update: Mapping[str, Any]) -> str:
    """The moment of what happened, or the press's own name; the same however often and on whatever way it is brought."""
    for kind in _READERS:
        inner = update.get(kind)
        if isinstance(inner, dict):
            if kind == "callback_query":
                return f":{hashlib.sha256(str(inner.get('id')).encode('utf-8', 'replace')).hexdigest()[:12]}"
            return f":{inner.get('date')}" if _moment(inner.get("date")) else ""
    return ""


def press_of(update: object) -> str:
    """The id of the press that this update tells of: its phone waits for an answer to it. "" when it is no press."""
    press = update.get("callback_query") if isinstance(update, dict) else None
    return str(press.get("id") or "") if isinstance(press, dict) else ""


def read_body(body: bytes) -> RawEvent:
    """The event in a webhook call. What is not an update is kept under its hash."""
    try:
        update = json.loads(body.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        update = None
    if has_id(update):
        return of_update(update)
    raw = json.dumps({"unreadable": masking.unreadable(body)})
    return RawEvent(ACCOUNT, f"sha256:{hashlib.sha256(body).hexdigest()}", "update", raw)


def parse(event: RawEvent) -> Sequence[ChannelEvent]:
    """What a kept update means; exactly one event."""
    try:
        update = json.loads(event.raw)
        for field, read in _READERS.items():
            if field in update:
                return (read(update[field]),)
        fields = sorted(name for name in update if name != "update_id")
        return (Unrecognised(f"an update of kind {', '.join(fields)[:80]}"),)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        return (Unrecognised(f"an update without what it needs: {type(error).__name__}"),)


def _message(message: dict[str, Any]) -> ChannelEvent:
    chat, sender = message["chat"], message.get("from") or {}
    if chat.get("type") != "private":
        return Unrecognised("a message outside a private chat")
    said = message.get("text") or message.get("caption") or ""
    if not isinstance(said, str):
        return Unrecognised("a message whose text is no text")
    text = readable(said)
    own_phone = _own_phone(message.get("contact"), sender)
    command, payload = _command(text)
    return Reply(
        channel=ChannelKind.TELEGRAM,
        address=_chat(chat["id"]),
        text=text,
        sent_at=_moment(message.get("date")),
        has_media=any(message.get(kind) for kind in masking.TELEGRAM_MEDIA),
        start_payload=payload if command == "start" else None,
        own_phone=own_phone,
        others_card=message.get("contact") is not None and not own_phone,
        command=command,
    )


def _command(text: str) -> tuple[str, str]:
    """`/start@kia_bot abc` -> ("start", "abc"); what is no command -> ("", "")."""
    first, _, rest = text.partition(" ")
    if not first.startswith("/"):
        return "", ""
    return first[1:].split("@")[0].casefold(), rest.strip()


def _without_strangers(update: Mapping[str, Any]) -> Mapping[str, Any]:
    message = update.get("message")
    if not isinstance(message, dict) or "contact" not in message:
        return update
    sender = message.get("from")
    if _own_phone(message["contact"], sender if isinstance(sender, dict) else {}):
        return update
    return {**update, "message": {**message, "contact": {"phone_number": "", "first_name": ""}}}


def _own_phone(contact: Any, sender: dict[str, Any]) -> str:
    """The number a person shared, when the card is their own: a forwarded card belongs to somebody else."""
    if not isinstance(contact, dict) or contact.get("user_id") is None or contact["user_id"] != sender.get("id"):
        return ""
    return readable(contact.get("phone_number"))


def _press(press: dict[str, Any]) -> ChannelEvent:
    message = press.get("message") or {}
    if message.get("chat", {}).get("type", "private") != "private":
        return Unrecognised("a button outside a private chat")
    intent, colon, reference = readable(press.get("data")).partition(":")
    if not colon or not intent:
        return Unrecognised("a button that is not ours")
    return Reply(
        channel=ChannelKind.TELEGRAM,
        address=_chat(press["from"]["id"]),
        text=_title(message, press["data"]),
        intent=intent,
        reference=reference,
    )


def _title(message: dict[str, Any], data: str) -> str:
    rows = (message.get("reply_markup") or {}).get("inline_keyboard") or []
    return next(
        (readable(button.get("text")) for row in rows for button in row if button.get("callback_data") == data), ""
    )


def _chat(number: object) -> str:
    """A chat's id; raises TypeError for anything but a whole number, which would be somebody else's."""
    if isinstance(number, bool) or not isinstance(number, int):
        raise TypeError("a chat without a number")
    return str(number)


def _member(change: dict[str, Any]) -> ChannelEvent:
    status = change["new_chat_member"]["status"]
    if change["chat"].get("type") != "private" or status not in _MEMBER:
        return Unrecognised("a change of membership that is not a block")
    return Blocked(
        ChannelKind.TELEGRAM, _chat(change["chat"]["id"]), _MEMBER[status], sent_at=_moment(change.get("date"))
    )


def _moment(seconds: object) -> datetime | None:
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)


_READERS = {"message": _message, "callback_query": _press, "my_chat_member": _member}
