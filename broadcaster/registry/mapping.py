"""The office's own answer to "which column is what", for headings that the words do not settle.

    [columns]
    "Nomor Induk" = "nik"
    "Nama [C]" = "name"       # the heading of column C, where several columns have the same one
    "Catatan lama" = ""       # not to be read

A field may be given by its key or as staff call it ("No KK"). An answer is remembered for the shape of the file, its headings
in their order, so that next week's file of the same form is read without asking.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from broadcaster.errors import BadInput
from broadcaster.registry.columns import LABELS, fold, title_key

IGNORED = ""


@dataclass(frozen=True)
class ColumnMap:
    """`columns`: heading as `title_key` gives it -> field of `LABELS`, or "" for a column that is not to be read."""

    name: str  # of the file it came from, for sentences
    columns: Mapping[str, str]
    written: Mapping[str, str]  # the same key -> the heading as the office wrote it

    def of(self, titles: Sequence[str]) -> dict[int, str]:
        """Position -> field, for the headings of a sheet that the map names."""
        keys = [title_key(title) for title in titles]
        return {index: self.columns[key] for index, key in enumerate(keys) if key in self.columns}

    def unknown(self, titles: Sequence[str]) -> tuple[str, ...]:
        """Headings of the map that the sheet does not have."""
        there = {title_key(title) for title in titles}
        return tuple(self.written[key] for key in self.columns if key not in there)


def read_map(path: Path) -> ColumnMap:
    """Raises `BadInput` naming the file, the line and the fix."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BadInput(
            f"{path.name}: berkas peta kolom tidak dapat dibuka; periksa namanya.", code="no_file"
        ) from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name}: simpan peta kolom sebagai teks UTF-8.", code="bad_map") from error
    return parse_map(text, path.name)


def parse_map(text: str, name: str) -> ColumnMap:
    """`read_map` of a text."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(
            f'{name}: tidak terbaca ({error}); tulis [columns] lalu baris seperti "No. Induk" = "nik".', code="bad_map"
        ) from error
    columns = told.pop("columns", None)
    if told or not isinstance(columns, dict) or not columns:
        extra = f"; bagian {', '.join(told)} tidak dikenal" if told else ""
        raise BadInput(f'{name}: harus berisi [columns] dan baris seperti "No. Induk" = "nik"{extra}.', code="bad_map")
    fields = {str(heading): _field(name, str(heading), value) for heading, value in columns.items()}
    twice = [field for field in fields.values() if field not in _SEVERAL and list(fields.values()).count(field) > 1]
    if twice:
        raise BadInput(
            f'{name}: dua judul untuk {LABELS[twice[0]]}; pilih satu, yang lain diisi "" supaya tidak dibaca.',
            code="bad_map",
        )
    return ColumnMap(
        name, {title_key(heading): field for heading, field in fields.items()},
        {title_key(heading): heading for heading in fields},
    )  # fmt: skip


_SEVERAL = frozenset({IGNORED, "phone"})
_WORDS_FOR_IGNORED = frozenset({"", "abaikan"})


def _field(name: str, heading: str, value: Any) -> str:
    by_label = {fold(label): field for field, label in LABELS.items()}
    if isinstance(value, str):
        if value.strip().lower() in _WORDS_FOR_IGNORED:
            return IGNORED
        if value in LABELS:
            return value
        if found := by_label.get(fold(value)):
            return found
    near = get_close_matches(str(value).lower(), LABELS, n=1, cutoff=0.5)
    meant = f" Mungkin maksudnya {near[0]}." if near else ""
    raise BadInput(
        f'{name}: "{heading}" = {value!r} bukan nama kolom; pilihan: {", ".join(LABELS)}, atau "" supaya tidak'
        f" dibaca.{meant}",
        code="bad_map",
    )


def to_json(columns: ColumnMap) -> str:
    """As it is kept in the register."""
    return json.dumps({"columns": columns.columns, "written": columns.written}, ensure_ascii=False, sort_keys=True)


def from_json(text: str) -> ColumnMap:
    kept = json.loads(text)
    return ColumnMap("peta kolom tersimpan", kept["columns"], kept["written"])
