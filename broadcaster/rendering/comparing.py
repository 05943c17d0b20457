"""How two wordings of a message differ, and how the newest one stands to the file that came with the program."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from sqlmodel import Session

from broadcaster.errors import NotFound
from broadcaster.office.rules import SYSTEM
from broadcaster.rendering import source as sources
from broadcaster.rendering.form import raise_first
from broadcaster.rendering.queries import history, source_of
from broadcaster.rendering.source import ANSWER_PREFIX, Source
from broadcaster.shipped import content_dir

#: Ends a sentence after which the text begins a new line.
LINE_BREAK = " ↵"
_BETWEEN_SENTENCES = re.compile(r"(?<=[.!?]) (?!↵)")
#: What every version shares, or is compared by channel.
_NOT_COMPARED = ("key", "texts")


class Standing(StrEnum):
    """The newest wording and the shipped file."""

    SAME = "same"  #: the newest wording is the shipped one
    STAFF = "staff"  #: staff wrote the newest one, and the shipped file is an older version
    STAFF_BEHIND = "staff_behind"  #: staff wrote the newest one, and a newer program brought a file they have not seen
    NOT_LOADED = "not_loaded"  #: the file has changed since it was loaded, and staff wrote nothing
    NO_FILE = "no_file"  #: the office's own message


SENTENCES: Mapping[Standing, str] = {
    Standing.SAME: "Pesan ini memakai teks bawaan.",
    Standing.STAFF: "Pesan ini memakai teks petugas; teks bawaannya tidak berubah sejak itu.",
    Standing.STAFF_BEHIND: "Program membawa teks bawaan baru, sedangkan pesan ini memakai teks petugas. Bandingkan dengan "
    "`broadcaster content diff {key}`; teks petugas tetap dipakai sampai ada yang mengubahnya.",
    Standing.NOT_LOADED: "Teks bawaan sudah berubah tetapi belum dimuat; jalankan `broadcaster init`.",
    Standing.NO_FILE: "Pesan ini dibuat oleh kantor; tidak ada teks bawaannya.",
}


@dataclass(frozen=True)
class Difference:
    """`fields`: name -> (old, new) of what differs outside the texts. `texts`: channel -> unified diff, a sentence a line."""

    old: str
    new: str
    fields: Mapping[str, tuple[object, object]]
    texts: Mapping[str, list[str]]

    @property
    def empty(self) -> bool:
        return not self.fields and not self.texts


def shipped(key: str) -> Source | None:
    """The wording that came with the program; None for a message of the office's own."""
    folder, name = ("answers", key.removeprefix(ANSWER_PREFIX)) if key.startswith(ANSWER_PREFIX) else ("messages", key)
    path = content_dir() / folder / f"{name}.toml"
    if not path.is_file():
        return None
    source, problems = sources.read(key, path.read_text(encoding="utf-8"))
    raise_first(problems, path.name)
    return source


def standing(session: Session, key: str) -> Standing:
    """How the newest wording stands to the shipped file; raises `NotFound`."""
    versions, file = history(session, key), shipped(key)
    if file is None:
        return Standing.NO_FILE
    if versions[0].sha256 == file.sha256():
        return Standing.SAME
    if versions[0].created_by == SYSTEM:
        return Standing.NOT_LOADED
    seen = any(version.sha256 == file.sha256() for version in versions)
    return Standing.STAFF if seen else Standing.STAFF_BEHIND


def difference(session: Session, key: str, old: int | None = None, new: int | None = None) -> Difference:
    """Between two versions by number; without `old` from the shipped file, without `new` to the newest. Raises `NotFound`."""
    after = source_of(session, key, new)
    before = shipped(key) if old is None else source_of(session, key, old)
    if before is None:
        raise NotFound(f"{SENTENCES[Standing.NO_FILE]} Sebutkan versi lama dengan --from.", code="no_file")
    number = new or history(session, key)[0].number
    return compare(before, after, "teks bawaan" if old is None else f"versi {old}", f"versi {number}")


def compare(before: Source, after: Source, old: str, new: str) -> Difference:
    """What is different, under the names `old` and `new`."""
    changed = {
        field.name: (getattr(before, field.name), getattr(after, field.name))
        for field in fields(Source)
        if field.name not in _NOT_COMPARED
    }
    channels = dict.fromkeys([*before.texts, *after.texts])
    texts = {
        channel: list(
            difflib.unified_diff(
                _sentences(before.texts.get(channel, "")),
                _sentences(after.texts.get(channel, "")),
                old,
                new,
                lineterm="",
            )
        )
        for channel in channels
    }
    return Difference(
        old,
        new,
        {name: pair for name, pair in changed.items() if pair[0] != pair[1]},
        {channel: lines for channel, lines in texts.items() if lines},
    )


def _sentences(text: str) -> list[str]:
    """One sentence a line: a paragraph of the text is one long line, in which nobody finds the word that changed."""
    return _BETWEEN_SENTENCES.sub("\n", text.replace("\n", f"{LINE_BREAK}\n")).splitlines()
