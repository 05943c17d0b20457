"""What posters and the bot's menu say: content/posters and content/telegram, read and checked. All of it is the office's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from broadcaster.errors import BadInput
from broadcaster.shipped import content_dir

_POSTER = ("headline", "free", "what", "invite", "never", "check", "stamp", "foot")
_WAY = ("name", "caption", "written")
TEXTS = ("social", "radio", "announcement")
COMMANDS = ("mulai", "berhenti", "putus", "bantuan")


@dataclass(frozen=True)
class PosterWords:
    """One file of content/posters. Texts hold placeholders such as `{kode}`; the file's head lists them."""

    letterhead: tuple[str, ...]
    poster: Mapping[str, str]
    telegram: Mapping[str, str]
    whatsapp: Mapping[str, str]  # with `message`, the text that stands ready in WhatsApp
    texts: Mapping[str, str]  # social, radio, announcement
    ways: Mapping[str, Mapping[str, str]]  # text -> channel -> how to come to us


@dataclass(frozen=True)
class BotWords:
    share_button: str
    news_footer: str
    commands: Mapping[str, str]


@lru_cache(maxsize=1)
def shipped_poster() -> PosterWords:
    """content/posters/gabung.toml, read once a process; raises `BadInput` naming what is missing."""
    return read_poster(content_dir() / "posters" / "gabung.toml")


@lru_cache(maxsize=1)
def shipped_bot() -> BotWords:
    """content/telegram/bot.toml, read once a process; raises `BadInput` naming what is missing."""
    path = content_dir() / "telegram" / "bot.toml"
    data = _toml(path)
    words = _texts(path, data, ("share_button", "news_footer"), "")
    return BotWords(
        words["share_button"], words["news_footer"], _texts(path, data.get("commands"), COMMANDS, "commands")
    )


def read_poster(path: Path) -> PosterWords:
    """Read one file; raises `BadInput` naming the file and what is missing."""
    data = _toml(path)
    section = data.get("poster")
    letterhead = section.get("letterhead") if isinstance(section, dict) else None
    if not isinstance(letterhead, list) or not letterhead or not all(isinstance(line, str) for line in letterhead):
        raise BadInput(f"{path.name}: [poster] letterhead harus berupa daftar baris kop.", code="bad_poster")
    ways = data.get("cara")
    whatsapp = _texts(path, data.get("whatsapp"), (*_WAY, "message"), "whatsapp")
    if "{kode}" not in whatsapp["message"]:
        raise BadInput(f"{path.name}: [whatsapp] message harus memuat {{kode}}.", code="bad_poster")
    return PosterWords(
        letterhead=tuple(letterhead),
        poster=_texts(path, section, _POSTER, "poster"),
        telegram=_texts(path, data.get("telegram"), _WAY, "telegram"),
        whatsapp=whatsapp,
        texts=_texts(path, data.get("texts"), TEXTS, "texts"),
        ways={
            name: _texts(
                path, ways.get(name) if isinstance(ways, dict) else None, ("telegram", "whatsapp"), f"cara.{name}"
            )
            for name in TEXTS
        },
    )


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(f"{path.name} tidak terbaca: {error}", code="bad_poster") from error


def _texts(path: Path, section: object, names: tuple[str, ...], heading: str) -> dict[str, str]:
    found = section if isinstance(section, dict) else {}
    for name in names:
        text = found.get(name)
        if not isinstance(text, str) or not text.strip():
            where = f"[{heading}] {name}" if heading else name
            raise BadInput(f"{path.name}: {where} belum diisi.", code="bad_poster")
    return {name: found[name].strip() for name in names}
