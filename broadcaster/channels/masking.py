"""What of a provider's event may be kept: never a number like a NIK or KK number, never a photograph, a file or a place.

Applied where an event is put together, before anybody sees or stores it, so that what is sealed is already masked. That
something was sent stays visible. Pure; never raises for what providers send.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote_plus

from broadcaster.domain.longnumber import MASK, mask_long_numbers

#: Fields of Twilio that identify: kept as they are, though their letters may contain many digits.
_IDENTIFYING = re.compile(r"Sid$|^(From|To|WaId|ExternalUserId|ButtonPayload|OptOutType|ErrorCode|.*Status|Num.*)$")
#: Where the photograph lies, or where the person is.
_TWILIO_MEDIA = re.compile(r"^(MediaUrl\d*|Latitude|Longitude|Address|Label)$")
#: What Telegram delivers beside words. The event keeps that it came.
TELEGRAM_MEDIA = frozenset(
    {"photo", "document", "voice", "video", "video_note", "audio", "sticker", "animation", "location", "venue"}
    | {"paid_media", "story", "passport_data", "new_chat_photo", "vcard"}
)
_DEEPEST = 60  # levels; no provider nests so far
_LONG = 10**14  # a whole number from here on has 15 digits
_TOKEN = re.compile(r"/start(?:@\w+)? (?=\S*[A-Za-z_-])[A-Za-z0-9_-]{1,64}")
_ESCAPED = re.compile(r"\\u00([2-7][0-9a-fA-F])")


def twilio_fields(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The fields of a Twilio call as they may be kept."""
    return [(mask_long_numbers(name), _twilio_value(name, value)) for name, value in pairs]


def telegram_update(update: Any, depth: int = 0) -> Any:
    """A Telegram update as it may be kept: the same shape, media and places replaced by `true`."""
    if depth > _DEEPEST:
        return MASK
    if isinstance(update, dict):
        return {_text(str(key)): _telegram_value(str(key), value, depth) for key, value in update.items()}
    if isinstance(update, list):
        return [telegram_update(one, depth + 1) for one in update]
    if isinstance(update, str):
        return _text(update)
    return MASK if _is_long(update) else update


def unreadable(body: bytes) -> str:
    """A call that is neither a form nor an update, as text that may be kept."""
    text = unquote_plus(body.decode("utf-8", "replace"))
    return mask_long_numbers(_ESCAPED.sub(lambda found: chr(int(found.group(1), 16)), text))


def _twilio_value(name: str, value: str) -> str:
    if _TWILIO_MEDIA.match(name):
        return ""
    return value if _IDENTIFYING.search(name) else mask_long_numbers(value)


def _telegram_value(key: str, value: Any, depth: int) -> Any:
    if key in TELEGRAM_MEDIA and value:
        return True
    if isinstance(value, int) and (key == "id" or key.endswith("_id")):
        return value
    return telegram_update(value, depth + 1)


def _text(text: str) -> str:
    # a link's own token, which may have many digits among its letters
    return text if _TOKEN.fullmatch(text) else mask_long_numbers(text)


def _is_long(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= _LONG
