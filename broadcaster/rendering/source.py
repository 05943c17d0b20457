"""The office's text files: TOML in, a checked `Source` out, and TOML again. Pure; the caller reads and writes files.

    title = "KIA sudah jadi, silakan diambil"
    notes = "Tiga hari setelah kartu dicetak."
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

`variant_of = "ambil-kartu-1"` makes `ambil-kartu-1-b` another wording of it, for a comparison. An answer file has `title` and
one `text` for Telegram and WhatsApp; an announcement has a text per medium and is sent to nobody by the program.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from broadcaster.domain.card import Occasion
from broadcaster.domain.message import ChannelKind
from broadcaster.rendering.form import Form, Problem, parse, unknown_keys
from broadcaster.rendering.rules import BUTTON_INTENTS, placeholders

MESSAGE_KEYS = (
    "title", "notes", "purpose", "category", "occasions", "variables", "variant_of", "buttons", "texts",
)  # fmt: skip
ANSWER_KEYS = ("title", "text")
ANNOUNCEMENT_KEYS = ("title", "notes", "texts")
BUTTON_KEYS = ("title", "intent")
#: What the office writes of its own accord; on WhatsApp each is an approved template. An answer is the other purpose.
MESSAGE_PURPOSES = ("campaign", "thanks", "correction", "reopening")
CATEGORIES = ("utility", "marketing")
CHANNELS = tuple(str(channel) for channel in ChannelKind)
OCCASIONS = tuple(str(occasion) for occasion in Occasion)
#: Answers leave on the channels people can write to.
ANSWER_CHANNELS = ("telegram", "whatsapp")
#: Key of an answer in the database; its file is answers/<intent>.toml.
ANSWER_PREFIX = "answer:"
#: The answers the program sends: to an intent, after a stop, to a photo, on Telegram's Start.
ANSWERS = frozenset(
    {
        "already_collected", "already_has_card", "cannot_go_distance", "greeting", "how_to_stop", "how_whatsapp_works",
        "media", "opt_in", "requirements_collect", "requirements_ktp", "requirements_lost", "requirements_newborn",
        "requirements_photo", "requirements_renewal", "requirements_under_five", "stop", "suspicion_of_scam",
        "telegram_family", "telegram_link_over", "telegram_linked", "telegram_other_card", "telegram_start",
        "telegram_unlinked", "wants_info_requirements", "whatsapp_start", "where_when", "will_collect", "wrong_number",
    }
)  # fmt: skip
#: Where an announcement is heard or read before the first messages leave; its file is announcements/<key>.toml.
MEDIA = ("desa", "radio", "billboard", "social")
ANNOUNCEMENT_PREFIX = "announcement:"
#: The file of another wording is called after the first one, with this behind.
VARIANT_SUFFIX = "-b"

_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Source:
    """One message, answer or announcement as its file says it."""

    key: str
    title: str
    purpose: str  # one of MESSAGE_PURPOSES | answer | announcement
    category: str  # utility | marketing; "" for an announcement
    occasions: tuple[str, ...]
    variables: tuple[str, ...]
    buttons: tuple[tuple[str, str], ...]  # (title, intent)
    texts: Mapping[str, str]  # channel (announcement: medium) -> text
    notes: str = ""  # for staff: when to use it, what to mind
    variant_of: str = ""  # key of the message this is another wording of

    def content(self) -> str:
        """What is kept of a version, as JSON; equal wordings give equal texts."""
        return json.dumps(
            {
                "title": self.title,
                "notes": self.notes,
                "purpose": self.purpose,
                "category": self.category,
                "occasions": list(self.occasions),
                "variables": list(self.variables),
                "variant_of": self.variant_of,
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
    form, problems = _open(key, toml, MESSAGE_KEYS)
    if form is None:
        return None, problems
    texts = form.texts("texts")
    for channel in texts:
        form.known(channel, CHANNELS, "channel", "Saluran")
    source = Source(
        key=key,
        title=form.text("title"),
        purpose=form.one_of("purpose", MESSAGE_PURPOSES),
        category=form.one_of("category", CATEGORIES),
        occasions=form.words("occasions", OCCASIONS),
        variables=form.words("variables", None),
        buttons=_buttons(form),
        texts=texts,
        notes=form.optional("notes").strip(),
        variant_of=form.optional("variant_of"),
    )
    if not texts and not problems:
        form.problem("texts", "missing_key", "Tidak ada teks; isi bagian [texts] dengan paling sedikit satu saluran")
    if source.purpose == "campaign" and not source.occasions and "occasions" in form.data:
        form.problem("occasions", "value", '"occasions" kosong; sebut paling sedikit satu keperluan')
    if source.variant_of and key != source.variant_of + VARIANT_SUFFIX:
        name = f"{source.variant_of}{VARIANT_SUFFIX}.toml"
        form.problem("variant_of", "variant", f'Berkas kalimat lain dari "{source.variant_of}" harus bernama {name}')
    used = _used(texts)
    for name in used:
        if name not in source.variables:
            form.problem(f"{{{name}}}", "variables", f'Isian {{{name}}} dipakai; tambahkan "{name}" pada variables')
    for name in source.variables:
        if name not in used:
            form.problem("variables", "variables", f'"{name}" ada pada variables tetapi tidak dipakai; hapus dari sana')
    return (source if not problems else None), problems


def read_answer(key: str, toml: str) -> tuple[Source | None, list[Problem]]:
    """An answer file; `key` is the file's name without `.toml`."""
    form, problems = _open(key, toml, ANSWER_KEYS)
    if form is None:
        return None, problems
    text = form.text("text").strip()
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


def read_announcement(key: str, toml: str) -> tuple[Source | None, list[Problem]]:
    """An announcement file; `key` is the file's name without `.toml`."""
    form, problems = _open(key, toml, ANNOUNCEMENT_KEYS)
    if form is None:
        return None, problems
    texts = form.texts("texts")
    for medium in texts:
        form.known(medium, MEDIA, "channel", "Media")
    source = Source(
        key=ANNOUNCEMENT_PREFIX + key,
        title=form.text("title"),
        purpose="announcement",
        category="",
        occasions=(),
        variables=_used(texts),
        buttons=(),
        texts=texts,
        notes=form.optional("notes").strip(),
    )
    return (source if not problems else None), problems


def read(key: str, toml: str) -> tuple[Source | None, list[Problem]]:
    """A file of the kind its key names: `answer:<intent>`, `announcement:<key>` or a message."""
    if key.startswith(ANSWER_PREFIX):
        return read_answer(key.removeprefix(ANSWER_PREFIX), toml)
    if key.startswith(ANNOUNCEMENT_PREFIX):
        return read_announcement(key.removeprefix(ANNOUNCEMENT_PREFIX), toml)
    return read_message(key, toml)


def of_content(key: str, purpose: str, content: str) -> Source:
    """The other direction of `Source.content`; `purpose` is for a version that does not say its own."""
    kept: dict[str, Any] = json.loads(content)
    return Source(
        key=key,
        title=str(kept.get("title", key)),
        purpose=str(kept.get("purpose", purpose)),
        category=str(kept.get("category", "utility")),
        occasions=tuple(kept.get("occasions", ())),
        variables=tuple(kept.get("variables", ())),
        buttons=tuple((str(title), str(intent)) for title, intent in kept.get("buttons", ())),
        texts=kept["texts"],
        notes=str(kept.get("notes", "")),
        variant_of=str(kept.get("variant_of", "")),
    )


def to_toml(source: Source) -> str:
    """A file that reads back as `source`."""
    lines = [f"title = {_quoted(source.title)}"]
    if source.purpose == "answer":
        return "\n".join([*lines, f"text = {_block(source.texts[ANSWER_CHANNELS[0]])}", ""])
    if source.notes:
        lines.append(f"notes = {_block(source.notes)}")
    if source.purpose != "announcement":
        lines += [f'purpose = "{source.purpose}"', f'category = "{source.category}"']
        lines += [f"occasions = {_list(source.occasions)}", f"variables = {_list(source.variables)}"]
    if source.variant_of:
        lines.append(f'variant_of = "{source.variant_of}"')
    for title, intent in source.buttons:
        lines += ["", "[[buttons]]", f"title = {_quoted(title)}", f'intent = "{intent}"']
    lines += ["", "[texts]", *(f"{channel} = {_block(text)}" for channel, text in source.texts.items()), ""]
    return "\n".join(lines)


def _open(key: str, toml: str, known: Sequence[str]) -> tuple[Form | None, list[Problem]]:
    if not _KEY.fullmatch(key):
        message = f'Nama "{key}" tidak dapat dipakai; pakai huruf kecil, angka, tanda hubung, misalnya ambil-kartu-1'
        return None, [Problem(1, "key", message)]
    data, problems = parse(toml, known)
    return (None if data is None else Form(toml, data, problems)), problems


def _buttons(form: Form) -> tuple[tuple[str, str], ...]:
    value = form.data.get("buttons", [])
    if not isinstance(value, list) or not all(isinstance(button, dict) for button in value):
        form.problem("buttons", "value", "Tombol ditulis sebagai [[buttons]] dengan title dan intent")
        return ()
    found: list[tuple[str, str]] = []
    for button in value:
        form.problems += unknown_keys(form.toml, button, BUTTON_KEYS, "buttons")
        title, intent = button.get("title"), button.get("intent")
        if not isinstance(title, str) or not isinstance(intent, str):
            form.problem("buttons", "missing_key", "Setiap tombol perlu title dan intent")
            continue
        form.known(intent, BUTTON_INTENTS, "value", "Maksud tombol")
        found.append((title, intent))
    return tuple(found)


def _used(texts: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for text in texts.values() for name in placeholders(text)))


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
