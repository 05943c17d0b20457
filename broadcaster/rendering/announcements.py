"""Announcements for the public, filled with what the office said. The program sends them to nobody."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from broadcaster.domain.phone import local_form, read_phone
from broadcaster.errors import BadInput, NotFound
from broadcaster.rendering.catalogue import cannot_fill, variables
from broadcaster.rendering.form import nearest
from broadcaster.rendering.rules import EmptyValue, fill
from broadcaster.rendering.source import MEDIA, read_announcement
from broadcaster.rendering.values import office_values
from broadcaster.shipped import content_dir


@dataclass(frozen=True)
class Announcement:
    """One file of content/announcements, ready to be read out or put up. `texts`: medium (of `MEDIA`) -> text."""

    key: str
    title: str
    notes: str  # for staff: when, and in which order
    texts: Mapping[str, str]


def announcement_keys(folder: Path | None = None) -> tuple[str, ...]:
    """The names of all announcements, sorted."""
    return tuple(sorted(path.stem for path in _folder(folder).glob("*.toml")))


def announcement(session: Session, key: str, folder: Path | None = None) -> Announcement:
    """One announcement. Raises `NotFound`, and `BadInput` for a file with mistakes or while a fact that it needs is empty.

    The error about an empty fact says which command fills it.
    """
    known = announcement_keys(folder)
    if key not in known:
        raise NotFound(f"Tidak ada pengumuman {key}{nearest(key, known)}.", code="no_announcement")
    path = _folder(folder) / f"{key}.toml"
    source, problems = read_announcement(key, path.read_text(encoding="utf-8"))
    if source is None:
        raise BadInput(f"{path.name} baris {problems[0].line}: {problems[0].message}", code="bad_announcement")
    values = _readable(office_values(session))
    try:
        texts = {medium: fill(source.texts[medium], values) for medium in MEDIA if medium in source.texts}
    except EmptyValue as empty:
        raise cannot_fill(empty.name, values) from empty
    return Announcement(key, source.title, source.notes, texts)


def _readable(values: Mapping[str, str]) -> dict[str, str]:
    """Telephone numbers as they stand on the poster: people compare them, and read them from a distance."""
    phones = {name: read_phone(values[name]).e164 for name, one in variables().items() if one.format == "phone"}
    return {**values, **{name: local_form(e164) for name, e164 in phones.items() if e164 is not None}}


def _folder(folder: Path | None) -> Path:
    return (folder or content_dir()) / "announcements"
