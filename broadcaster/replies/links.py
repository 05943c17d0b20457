"""The words behind links: what a token looks like, the addresses made of it, and the code that a WhatsApp text brings. Pure,
but for the randomness of a new token."""

from __future__ import annotations

import re
import secrets
from datetime import timedelta
from urllib.parse import quote

#: Small letters and digits that nobody mistakes for one another: people type them from a poster.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
#: A household's token must not be guessed: 31^20 is 99 bits. A public one is no secret and is short enough to be typed.
HOUSEHOLD_LENGTH, PUBLIC_LENGTH = 20, 6
#: A letter that was not opened by then is worth nothing any more.
HOUSEHOLD_LIFE = timedelta(days=90)

_PREFIX = "KIA"
_CODE = re.compile(rf"\b{_PREFIX}[\s\-‐‑–—_.:]{{0,3}}([a-z0-9]{{{PUBLIC_LENGTH}}})\b", re.IGNORECASE)

#: What the menu of the bot offers, and the intent it stands for. `start`, `putus` and shared numbers are `subscribers`' matter.
COMMANDS: dict[str, str] = {
    "mulai": "opt_in",
    "berhenti": "opt_out",
    "stop": "opt_out",
    "bantuan": "greeting",
    "help": "greeting",
}
UNLINK = "putus"


def new_household_token() -> str:
    """A token for one household, from the system's randomness."""
    return "".join(secrets.choice(ALPHABET) for _ in range(HOUSEHOLD_LENGTH))


def new_public_token() -> str:
    """A token for a poster or a campaign; it holds a letter and a digit, so that no word of a sentence is one."""
    while True:
        token = "".join(secrets.choice(ALPHABET) for _ in range(PUBLIC_LENGTH))
        if _is_mixed(token):
            return token


def as_typed(payload: str) -> str:
    """A token as it is stored, from how people type it."""
    return payload.strip().casefold()


def telegram_link(bot: str, token: str) -> str:
    """https://core.telegram.org/bots/features#deep-linking: 1 to 64 letters, digits, - and _."""
    return f"https://t.me/{bot}?start={token}"


def webhook_address(public_base_url: str, secret: str) -> str:
    """What Telegram is to call; "" while its news are fetched, because there is no public address or no secret."""
    return f"{public_base_url.rstrip('/')}/hooks/telegram" if public_base_url and secret else ""


def whatsapp_link(number: str, text: str) -> str:
    """`number`: E.164. The text stands ready in the person's WhatsApp; they may change it before it is sent."""
    return f"https://wa.me/{number.lstrip('+')}?text={quote(text)}"


def without_scheme(url: str) -> str:
    """As it is printed and typed."""
    return url.removeprefix("https://")


def code(token: str) -> str:
    """A public token as it stands in a WhatsApp text: KIA-K7M2Q9."""
    return f"{_PREFIX}-{token.upper()}"


def spelled(token: str) -> str:
    """The code as it is read out on the radio: KIA, K, 7, M, 2, Q, 9."""
    return ", ".join((_PREFIX, *token.upper()))


def code_in(text: str) -> str | None:
    """The token whose code a text holds, however its parts are joined; None when it holds none."""
    for match in _CODE.finditer(text):
        token = as_typed(match.group(1))
        if _is_mixed(token):
            return token
    return None


def without_code(text: str) -> str:
    """What a person wrote beside the code."""
    return _CODE.sub(lambda match: "" if _is_mixed(as_typed(match.group(1))) else match.group(), text).strip()


def _is_mixed(token: str) -> bool:
    return any(sign.isdigit() for sign in token) and any(sign.isalpha() for sign in token)
