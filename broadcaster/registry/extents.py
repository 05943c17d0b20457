"""How much memory a workbook would take, found by looking through its parts before the spreadsheet library opens it.

The library reserves the whole rectangle up to the furthest filled cell, so one stray cell in XFD1048576, or one that says
it repeats a million times, would end the process. Parts are read a megabyte at a time.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import IO
from xml.parsers import expat

from broadcaster.registry.source import (
    CHUNK,
    LONGEST_CELL,
    MOST_CELLS,
    MOST_COLUMNS,
    MOST_MERGED,
    MOST_TEXTS,
    Deadline,
    Source,
    cell_too_long,
    damaged,
    password,
    too_many_parts,
    too_wide,
)


@dataclass
class Extent:
    """One table. `merged`: (row, column, rows) of cells that span rows, counted from 1 and 0 as in `Sheet.rows`."""

    hidden: int = 0
    merged: list[tuple[int, int, int]] = field(default_factory=list)


# ----------------------------------------------------------------------------------------------------------------- xlsx

_ROW_NUMBER = re.compile(rb"""[^>]{0,300}?\br\s*=\s*["'](\d{1,12})["']""")
#: A cell beyond column Z or row 99,999; the mark before > is "/" when it holds only a format, which costs nothing.
_FAR_CELL = re.compile(rb"""r\s*=\s*["'](?:([A-Za-z]{2,9})(\d{1,12})|[A-Za-z](\d{6,12}))["'](?:[^>]{0,300}?(/?)>)?""")
_LONGEST_TAG = 600  # bytes of a cell's tag that are looked at
_HIDDEN = re.compile(rb"""^[^>]*\shidden=["'](?:1|true)["']""")
_LONG_ROW = 4 * CHUNK
_MOST_BYTES_OF_A_CELL = LONGEST_CELL * 6  # each character may be written as &quot;


def sheet_extent(source: Source, part: IO[bytes], deadline: Deadline) -> Extent:
    """Look through one part of an xlsx (any: a sheet may lie under any name). Raises `BadInput`."""
    merged = texts = 0
    shape = _Shape(source)
    run = 0  # bytes since the last tag began
    while chunk := part.read(CHUNK):
        deadline.check()
        merged += chunk.count(b"mergeCell ")
        texts += chunk.count(b"</si>") + chunk.count(b":si>")
        if merged > MOST_MERGED:
            raise too_many_parts(source, "sel gabungan", MOST_MERGED)
        if texts > MOST_TEXTS:
            raise too_many_parts(source, "teks berbeda", MOST_TEXTS)
        first = chunk.find(b"<")
        if run + (first if first >= 0 else len(chunk)) > _MOST_BYTES_OF_A_CELL or _has_long_text(chunk):
            raise cell_too_long(source)
        run = len(chunk) - 1 - chunk.rfind(b"<") if first >= 0 else run + len(chunk)
        shape.see(chunk)
    shape.end()
    return Extent(shape.hidden)


def _has_long_text(chunk: bytes) -> bool:
    """Whether a stretch twice as long as the longest cell has no tag: it holds one of these blocks whole."""
    block = _MOST_BYTES_OF_A_CELL + 1
    return any(chunk.find(b"<", at, at + block) < 0 for at in range(0, len(chunk) - block + 1, block))


class _Shape:
    """The rectangle around the filled cells of one part, chunk by chunk."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.rows, self.columns, self.hidden = 0, 1, 0
        self._row = 0  # the number of the row before; a row may leave out its own
        self._started = False
        self._tail = self._open = b""

    def see(self, chunk: bytes) -> None:
        text = self._tail + chunk
        for match in _FAR_CELL.finditer(text):
            letters, row, far_row, format_only = match.groups()
            if format_only or (format_only is None and match.end() > len(text) - _LONGEST_TAG):
                continue  # a tag that lies across two chunks is seen again
            self.rows = max(self.rows, int(row or far_row))
            self.columns = max(self.columns, _column_number(letters.upper()) if letters else 26)
        self._tail = text[-2 * _LONGEST_TAG :]
        *whole, self._open = (self._open + chunk.replace(b"<row>", b"<row >")).split(b"row ")
        for row in whole:
            self._close(row)
        if len(self._open) > _LONG_ROW:
            cells = _cells_in(self._open)
            if cells > MOST_COLUMNS or len(self._open) > 16 * _LONG_ROW:
                raise too_wide(self.source, max(self._row + 1, 1), cells)
            self._open = self._open if cells else self._open[-_LONGEST_TAG:]  # texts and pictures have no rows

    def _close(self, row: bytes) -> None:
        """What stands between the beginnings of two rows; cells may leave out where they stand, then they are counted."""
        if not self._started:  # nothing before the first row is a row
            self._started = True
            return
        number = _ROW_NUMBER.match(row)
        self._row = int(number[1]) if number else self._row + 1
        if cells := _cells_in(row):
            self.rows, self.columns = max(self.rows, self._row), max(self.columns, cells)
            self.hidden += _HIDDEN.match(row) is not None

    def end(self) -> None:
        self._close(self._open)
        if self.rows * self.columns > MOST_CELLS or self.columns > MOST_COLUMNS:
            raise too_wide(self.source, self.rows, self.columns)


def _cells_in(row: bytes) -> int:
    return row.count(b"</c>") + row.count(b":c>")


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


_SHEET = re.compile(r"<(?:\w+:)?sheet\s[^>]*>")
_RELATION = re.compile(r"<(?:\w+:)?Relationship\s[^>]*>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")


def sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Part of the archive -> name of the sheet it holds, as far as the workbook tells."""
    known = set(archive.namelist())
    if not {"xl/workbook.xml", "xl/_rels/workbook.xml.rels"} <= known:
        return {}
    relations = {}
    for tag in _RELATION.findall(_head_of(archive, "xl/_rels/workbook.xml.rels")):
        told = _attributes(tag)
        target = told.get("Target", "")
        relations[told.get("Id", "")] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    found = {}
    for tag in _SHEET.findall(_head_of(archive, "xl/workbook.xml")):
        told = _attributes(tag)
        key = next((value for name, value in told.items() if name.endswith(":id")), "")
        found[relations.get(key, "")] = _unescaped(told.get("name", ""))
    return found


def _head_of(archive: zipfile.ZipFile, name: str) -> str:
    with archive.open(name) as part:
        return part.read(CHUNK).decode("utf-8", "replace")


def _attributes(tag: str) -> dict[str, str]:
    return {name: double or single for name, double, single in _ATTRIBUTE.findall(tag)}


def _unescaped(text: str) -> str:
    for sign, written in (("<", "&lt;"), (">", "&gt;"), ('"', "&quot;"), ("'", "&apos;"), ("&", "&amp;")):
        text = text.replace(written, sign)
    return text


# ------------------------------------------------------------------------------------------------------------------ ods

_TABLE = "urn:oasis:names:tc:opendocument:xmlns:table:1.0 "
_OFFICE = "urn:oasis:names:tc:opendocument:xmlns:office:1.0 "
_CELLS = frozenset({f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"})


def ods_extents(source: Source, content: IO[bytes], deadline: Deadline) -> dict[str, Extent]:
    """Look through the content.xml of an OpenDocument sheet: table name -> extent. Raises `BadInput`."""
    look = _OdsLook(source)
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = look.start, look.end
    parser.CharacterDataHandler = look.text
    parser.StartDoctypeDeclHandler = look.doctype
    try:
        while chunk := content.read(CHUNK):
            deadline.check()
            parser.Parse(chunk)
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError) as error:
        raise damaged(source) from error
    return look.tables


class _OdsLook:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.tables: dict[str, Extent] = {}
        self.table = Extent()
        self.row = self.rows = self.columns = 0  # of this table: at this row, last filled row, widest
        self.cells = 0  # of the tables before it: the library opens all of them at once
        self.column = self.filled_to = self.letters = 0
        self.repeat = self.cell_repeat = 1
        self.invisible = self.has_value = False

    def start(self, name: str, told: dict[str, str]) -> None:
        if name in _CELLS:
            self.cell_repeat = int(told.get(f"{_TABLE}number-columns-repeated", 1))
            self.has_value = f"{_OFFICE}value-type" in told
            self.letters = 0
            spans = int(told.get(f"{_TABLE}number-rows-spanned", 1))
            if spans > 1:
                if len(self.table.merged) >= MOST_MERGED:
                    raise too_many_parts(self.source, "sel gabungan", MOST_MERGED)
                self.table.merged.append((self.row + 1, self.column, spans))
        elif name == f"{_TABLE}table-row":
            self.repeat = int(told.get(f"{_TABLE}number-rows-repeated", 1))
            self.column = self.filled_to = 0
            self.invisible = told.get(f"{_TABLE}visibility", "visible") != "visible"
        elif name == f"{_TABLE}table":
            self.table = self.tables.setdefault(told.get(f"{_TABLE}name", ""), Extent())
            self.cells += self.rows * self.columns
            self.row = self.rows = self.columns = 0

    def text(self, text: str) -> None:
        if not text.isspace():
            self.has_value = True
        self.letters += len(text)
        if self.letters > LONGEST_CELL:
            raise cell_too_long(self.source, self.row + 1)

    def end(self, name: str) -> None:
        if name in _CELLS:
            self.column += self.cell_repeat
            if self.has_value:
                self.filled_to = self.column
            self.has_value = False
        elif name == f"{_TABLE}table-row":
            self.row += self.repeat
            if self.filled_to:
                self.rows, self.columns = self.row, max(self.columns, self.filled_to)
                self.table.hidden += self.repeat if self.invisible else 0
                if self.cells + self.rows * self.columns > MOST_CELLS or self.columns > MOST_COLUMNS:
                    raise too_wide(self.source, self.rows, self.columns)

    def doctype(self, *_told: object) -> None:
        raise damaged(self.source)  # a sheet has none; entities are how XML bombs are made


def refuse_locked(source: Source, manifest: IO[bytes]) -> None:
    """META-INF/manifest.xml of an OpenDocument file names the parts that a password hides."""
    if b"encryption-data" in manifest.read(CHUNK):
        raise password(source)
