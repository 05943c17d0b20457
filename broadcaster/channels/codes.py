"""What a provider's codes mean: loaded from content/codes/<provider>.toml, one table per code.

The files say what a code means in general; three rules of docs/delivery.md stand above them:
an SMS receipt never brings a text back (Indonesian receipts are weak evidence), a code nobody listed is `unknown` in a
receipt, and in a synchronous refusal it is `temporary`, tried twice at most.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput

#: Whose codes a channel's answers and receipts carry.
PROVIDERS: dict[ChannelKind, str] = {
    ChannelKind.TELEGRAM: "telegram",
    ChannelKind.WHATSAPP: "twilio",
    ChannelKind.SMS: "twilio",
}
CLASSES = frozenset({"permanent", "suppress", "temporary", "rate", "ours", "stop", "unknown"})
ACTORS = frozenset({"sistem", "petugas", "admin"})
_KEYS = frozenset({"class", "sentence", "acts", "next", "tries"})
#: Classes that end the text whatever the number of tries.
_FINAL = frozenset({"permanent", "suppress", "unknown"})
_UNLISTED_TRIES = 2


@dataclass(frozen=True)
class Code:
    """One code. `sentence` is Indonesian: what happened and who acts; `{channel}` stands for the channel's name."""

    code: str
    kind: str  # one of CLASSES
    sentence: str
    acts: str  # sistem | petugas | admin: who has to do something
    next: bool = False  # whether the next channel may be tried
    max_tries: int | None = None  # None: until the text's time is over


@dataclass(frozen=True)
class Codes:
    """All codes: provider -> code -> meaning."""

    by_provider: Mapping[str, Mapping[str, Code]] = field(default_factory=dict)

    def classify(self, channel: ChannelKind, code: str, *, receipt: bool) -> Code:
        """What `code` means when it came in a receipt, or (receipt=False) in the answer to the call itself."""
        found = self.by_provider.get(PROVIDERS.get(channel, ""), {}).get(code)
        if found is None:
            return _unlisted(code, receipt=receipt)
        if not receipt:
            # the provider refused the call, so nothing was sent, even where a receipt with this code could not tell
            if found.kind != "unknown":
                return found
            return replace(found, kind="temporary", next=True, max_tries=_UNLISTED_TRIES)
        if channel is ChannelKind.SMS and found.kind not in _FINAL:
            return replace(found, max_tries=1)
        return found

    def of_class(self, kind: str) -> frozenset[str]:
        """Every code of a class, over all providers."""
        return frozenset(
            code.code for codes in self.by_provider.values() for code in codes.values() if code.kind == kind
        )

    def next_channel(self) -> frozenset[str]:
        """Codes after which the household may be written to on its next channel."""
        return frozenset(code.code for codes in self.by_provider.values() for code in codes.values() if code.next)

    def sentences(self) -> dict[str, str]:
        """ "<channel>:<code>" -> the sentence staff read."""
        return {
            f"{channel}:{code.code}": code.sentence
            for channel, provider in PROVIDERS.items()
            for code in self.by_provider.get(provider, {}).values()
        }


def load_codes(folder: Path) -> Codes:
    """Read every <provider>.toml in `folder`; raises `BadInput` naming the file, the code and what is wrong."""
    found: dict[str, Mapping[str, Code]] = {}
    for path in sorted(folder.glob("*.toml")):
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadInput(f"{path.name} tidak dapat dibaca: {error}", code="bad_codes") from error
        found[path.stem] = {code: _read(path.name, code, table) for code, table in tables.items()}
    missing = sorted(set(PROVIDERS.values()) - set(found))
    if missing:
        raise BadInput(f"Di {folder} tidak ada berkas kode {', '.join(missing)}.toml.", code="bad_codes")
    return Codes(found)


def _read(file: str, code: str, table: Any) -> Code:
    problem = _problem(table)
    if problem:
        raise BadInput(f"{file}, kode {code}: {problem}", code="bad_codes")
    return Code(
        code=code,
        kind=table["class"],
        sentence=table["sentence"],
        acts=table["acts"],
        next=table.get("next", False),
        max_tries=table.get("tries"),
    )


def _problem(table: Any) -> str:
    if not isinstance(table, dict):
        return "harus berupa tabel"
    strange = sorted(set(table) - _KEYS)
    if strange:
        return f"isian {', '.join(strange)} tidak dikenal; yang ada: {', '.join(sorted(_KEYS))}"
    if table.get("class") not in CLASSES:
        return f"class harus salah satu dari {', '.join(sorted(CLASSES))}"
    if table.get("acts") not in ACTORS:
        return f"acts harus salah satu dari {', '.join(sorted(ACTORS))}"
    if not isinstance(table.get("sentence"), str) or not table["sentence"].strip():
        return "sentence belum diisi"
    if not isinstance(table.get("next", False), bool):
        return "next harus true atau false"
    tries = table.get("tries")
    if tries is not None and (not isinstance(tries, int) or isinstance(tries, bool) or tries < 1):
        return "tries harus bilangan bulat mulai dari 1"
    return ""


def _unlisted(code: str, *, receipt: bool) -> Code:
    if receipt:
        sentence = (
            "Penyedia {channel} melaporkan kegagalan yang belum dikenal; tidak dikirim ulang tanpa keputusan petugas."
        )
        return Code(code, "unknown", sentence, "petugas")
    sentence = "Penyedia {channel} menolak pesan dengan alasan yang belum dikenal; sistem mencoba sekali lagi."
    return Code(code, "temporary", sentence, "sistem", next=True, max_tries=_UNLISTED_TRIES)
