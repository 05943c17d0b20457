"""The office's text files: TOML in, a checked `Source` out, and TOML again. Pure; the caller reads and writes files.

    title = "KIA sudah jadi, silakan diambil"
    purpose = "campaign"
    category = "utility"
    occasions = ["printed_uncollected"]
    variables = ["ortu", "anak"]

    [[buttons]]
    title = "Berhenti"
    intent = "opt_out"

    [texts]
    telegram = "..."
    sms = "..."

An answer file has `title` and one `text` for Telegram and WhatsApp.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from broadcaster.domain.card import Occasion
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.rendering.rules import BUTTON_INTENTS, placeholders

MESSAGE_KEYS = ("title", "purpose", "category", "occasions", "variables", "buttons", "texts")
ANSWER_KEYS = ("title", "text")
BUTTON_KEYS = ("title", "intent")
CATEGORIES = ("utility", "marketing")
CHANNELS = tuple(str(channel) for channel in ChannelKind)
OCCASIONS = tuple(str(occasion) for occasion in Occasion)
#: Answers leave on the channels people can write to.
ANSWER_CHANNELS = ("telegram", "whatsapp")
#: Key of an answer in the database; its file is answers/<intent>.toml.
ANSWER_PREFIX = "answer:"

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Problem:
    """What is wrong with a file, and the line it is on (from 1)."""

    line: int
    rule: str
    message: str


@dataclass(frozen=True)
class Source:
    """One message or answer as its file says it."""

    key: str
    title: str
    purpose: str  # campaign | answer
    category: str  # utility | marketing
    occasions: tuple[str, ...]
    variables: tuple[str, ...]
    buttons: tuple[tuple[str, str], ...]  # (title, intent)
    texts: Mapping[str, str]  # channel -> text

    def content(self) -> str:
        """What is kept of a version, as JSON; equal wordings give equal texts."""
        return json.dumps(
            {
                "title": self.title,
                "category": self.category,
                "occasions": list(self.occasions),
                "variables": list(self.variables),
                "buttons": [list(button) for button in self.buttons],
                "texts": dict(self.texts),
            },
            ensure_ascii=False,
            sort_keys=True,
        )

    def sha256(self) -> str:
        return hashlib.sha256(self.content().encode()).hexdigest()


def read_message(key: str, toml: str) -> tuple[Source | None, list[Problem]]:
    """A message file; problems of form only (what the texts say is `lint`'s matter). None when it cannot be used."""
    data, problems = _parse(key, toml, MESSAGE_KEYS)
    if data is None:
        return None, problems
    form = _Form(toml, data, problems)
    texts = form.table("texts")
    for channel in texts:
        form.known(channel, CHANNELS, "channel", "Saluran")
    buttons = form.buttons()
    source = Source(
        key=key,
        title=form.text("title"),
        purpose=form.one_of("purpose", ("campaign",)),
        category=form.one_of("category", CATEGORIES),
        occasions=form.words("occasions", OCCASIONS),
        variables=form.words("variables", None),
        buttons=buttons,
        texts={name: _trim(text) for name, text in texts.items() if isinstance(text, str)},
    )
    if not source.texts:
        form.problem("texts", "missing_key", "Tidak ada teks; isi bagian [texts] dengan paling sedikit satu saluran")
    used = dict.fromkeys(name for text in source.texts.values() for name in placeholders(text))
    for name in used:
        if name not in source.variables:
            form.problem(f"{{{name}}}", "variables", f'Isian {{{name}}} dipakai; tambahkan "{name}" pada variables')
    for name in source.variables:
        if name not in used:
            form.problem("variables", "variables", f'"{name}" ada pada variables tetapi tidak dipakai; hapus dari sana')
    return (source if not problems else None), problems


def read_answer(key: str, toml: str) -> tuple[Source | None, list[Problem]]:
    """An answer file; `key` is the file's name without `.toml`."""
    data, problems = _parse(key, toml, ANSWER_KEYS)
    if data is None:
        return None, problems
    form = _Form(toml, data, problems)
    text = _trim(form.text("text"))
    source = Source(
        key=ANSWER_PREFIX + key,
        title=form.text("title"),
        purpose="answer",
        category="utility",
        occasions=(),
        variables=placeholders(text),
        buttons=(),
        texts=dict.fromkeys(ANSWER_CHANNELS, text),
    )
    return (source if not problems else None), problems


def read(key: str, toml: str) -> tuple[Source | None, list[Problem]]:
    """A file of the kind its key names: `answer:<intent>` or a message."""
    if key.startswith(ANSWER_PREFIX):
        return read_answer(key.removeprefix(ANSWER_PREFIX), toml)
    return read_message(key, toml)


def of_content(key: str, purpose: str, content: str) -> Source:
    """The other direction of `Source.content`."""
    kept: dict[str, Any] = json.loads(content)
    return Source(
        key=key,
        title=str(kept.get("title", key)),
        purpose=purpose,
        category=str(kept.get("category", "utility")),
        occasions=tuple(kept.get("occasions", ())),
        variables=tuple(kept.get("variables", ())),
        buttons=tuple((str(title), str(intent)) for title, intent in kept.get("buttons", ())),
        texts=kept["texts"],
    )


def to_toml(source: Source) -> str:
    """A file that reads back as `source`."""
    lines = [f"title = {_quoted(source.title)}"]
    if source.purpose == "answer":
        return "\n".join([*lines, f"text = {_block(source.texts[ANSWER_CHANNELS[0]])}", ""])
    lines += [f'purpose = "{source.purpose}"', f'category = "{source.category}"']
    lines += [f"occasions = {_list(source.occasions)}", f"variables = {_list(source.variables)}", ""]
    for title, intent in source.buttons:
        lines += ["[[buttons]]", f"title = {_quoted(title)}", f'intent = "{intent}"', ""]
    lines += ["[texts]", *(f"{channel} = {_block(text)}" for channel, text in source.texts.items()), ""]
    return "\n".join(lines)


def nearest(word: str, known: Iterable[str]) -> str:
    """` (maksudnya "sms"?)`, or nothing when no known word is near."""
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f' (maksudnya "{found[0]}"?)' if found else ""


def _parse(key: str, toml: str, known: tuple[str, ...]) -> tuple[dict[str, Any] | None, list[Problem]]:
    if not _KEY.fullmatch(key):
        message = f'Nama "{key}" tidak dapat dipakai; pakai huruf kecil, angka, tanda hubung, misalnya ambil-kartu-1'
        return None, [Problem(1, "key", message)]
    try:
        data = tomllib.loads(toml)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"at line (\d+)", str(error))
        # the end of the file is where a quotation mark that was never closed is noticed
        line = int(found.group(1)) if found else toml.count("\n") + 1
        message = f"Berkas tidak terbaca sebagai TOML; periksa tanda kutip dan kurung ({error})"
        return None, [Problem(line, "toml", message)]
    problems = [
        Problem(line_of(toml, name), "unknown_key", f'Kunci "{name}" tidak dikenal{nearest(name, known)}')
        for name in data
        if name not in known
    ]
    return data, problems


class _Form:
    """Reads one value after another and collects what is wrong."""

    def __init__(self, toml: str, data: Mapping[str, Any], problems: list[Problem]) -> None:
        self.toml, self.data, self.problems = toml, data, problems

    def problem(self, near: str, rule: str, message: str) -> None:
        self.problems.append(Problem(line_of(self.toml, near), rule, message))

    def text(self, name: str) -> str:
        value = self.data.get(name)
        if isinstance(value, str) and value.strip():
            return value
        self.problem(name, "missing_key", f'"{name}" belum diisi; isi dengan teks')
        return ""

    def one_of(self, name: str, allowed: tuple[str, ...]) -> str:
        value = self.data.get(name)
        if isinstance(value, str) and value in allowed:
            return value
        self.problem(name, "value", f'"{name}" harus salah satu dari: {", ".join(allowed)}')
        return ""

    def words(self, name: str, allowed: tuple[str, ...] | None) -> tuple[str, ...]:
        value = self.data.get(name)
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.problem(name, "value", f'"{name}" harus berupa daftar, misalnya {name} = ["..."]')
            return ()
        for word in value:
            if allowed is not None:
                self.known(word, allowed, "value", f'Isi "{name}":')
        return tuple(value)

    def known(self, word: str, allowed: tuple[str, ...], rule: str, what: str) -> None:
        if word not in allowed:
            self.problem(word, rule, f'{what} "{word}" tidak dikenal{nearest(word, allowed)}')

    def table(self, name: str) -> dict[str, Any]:
        value = self.data.get(name)
        if isinstance(value, dict):
            for inner, text in value.items():
                if not isinstance(text, str) or not text.strip():
                    self.problem(inner, "value", f'Teks "{inner}" harus berisi tulisan')
            return value
        self.problem(name, "missing_key", f"Bagian [{name}] belum ada")
        return {}

    def buttons(self) -> tuple[tuple[str, str], ...]:
        value = self.data.get("buttons", [])
        if not isinstance(value, list) or not all(isinstance(button, dict) for button in value):
            self.problem("buttons", "value", "Tombol ditulis sebagai [[buttons]] dengan title dan intent")
            return ()
        found: list[tuple[str, str]] = []
        for button in value:
            for name in button:
                self.known(name, BUTTON_KEYS, "unknown_key", "Kunci tombol")
            title, intent = button.get("title"), button.get("intent")
            if not isinstance(title, str) or not isinstance(intent, str):
                self.problem("buttons", "missing_key", "Setiap tombol perlu title dan intent")
                continue
            self.known(intent, BUTTON_INTENTS, "value", "Maksud tombol")
            found.append((title, intent))
        return tuple(found)


def line_of(toml: str, near: str, channel: str = "") -> int:
    """The line (from 1) that first holds `near`, looked for from the text of `channel` on; 1 when it is nowhere."""
    lines = toml.split("\n")
    start = 0
    if channel:
        start = next((number for number, line in enumerate(lines) if re.match(rf"\s*{channel}\s*=", line)), 0)
    first = near.split("\n", 1)[0].strip()
    for number in range(start, len(lines)):
        if first and first in lines[number]:
            return number + 1
    return start + 1


def raise_first(problems: Iterable[Problem], key: str) -> None:
    """Raises `BadInput` for the first problem, if there is one."""
    for problem in problems:
        raise BadInput(f"{key}, baris {problem.line}: {problem.message}", code=problem.rule)


def _trim(text: str) -> str:
    return text.replace("\r\n", "\n").strip()


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\u007f", "\\u007f")


def _block(text: str) -> str:
    if "\n" not in text:
        return _quoted(text)
    escaped = text.replace("\\", "\\\\").replace('"""', '""\\"')
    # TOML refuses control signs in a text, apart from the tab and the line break
    escaped = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", lambda match: f"\\u{ord(match.group()):04x}", escaped)
    return f'"""\n{escaped}\n"""'


def _list(words: Iterable[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"
