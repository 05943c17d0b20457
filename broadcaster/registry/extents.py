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
    Deadline,
    Source,
    cell_too_long,
    damaged,
    password,
    too_wide,
)


@dataclass
class Extent:
    """One table. `merged`: (row, column, rows) of cells that span rows, counted from 1 and 0 as in `Sheet.rows`."""

    hidden: int = 0
    merged: list[tuple[int, int, int]] = field(default_factory=list)


# ----------------------------------------------------------------------------------------------------------------- xlsx

_ROW = re.compile(rb"""row [^>]*?\br=["'](\d{1,9})["']""")
#: A cell beyond column Z or row 99,999; the mark before > is "/" when it holds only a format, which costs nothing.
_FAR_CELL = re.compile(rb"""\br=["']([A-Z]{2,9})(\d{1,9})["'][^>]*?(/?)>|\br=["']([A-Z])(\d{6,9})["'][^>]*?(/?)>""")
_HIDDEN = re.compile(rb"""^[^>]*\shidden=["'](?:1|true)["']""")
_LONG_ROW = 4 * CHUNK
_MOST_BYTES_OF_A_CELL = LONGEST_CELL * 6  # each character may be written as &quot;


def sheet_extent(source: Source, part: IO[bytes], deadline: Deadline) -> Extent:
    """Look through one part of an xlsx (any: a sheet may lie under any name). Raises `BadInput`."""
    last_row = far_row = rows = hidden = 0
    last_column = 26
    tail = row_rest = b""
    run = 0  # bytes since the last tag began
    while chunk := part.read(CHUNK):
        deadline.check()
        text = tail + chunk
        for match in _ROW.finditer(text):
            last_row = max(last_row, int(match[1]))
        for match in _FAR_CELL.finditer(text):
            if not (match[3] or match[6]):
                last_column = max(last_column, _column_number(match[1] or match[4]))
                far_row = max(far_row, int(match[2] or match[5]))
        tail = text[-200:]  # a tag may lie across two chunks; seeing one twice changes nothing

        pieces = chunk.split(b"<")
        if max(run + len(pieces[0]), *map(len, pieces)) > _MOST_BYTES_OF_A_CELL:
            raise cell_too_long(source)
        run = len(pieces[-1]) + (run if len(pieces) == 1 else 0)

        # cells may leave out where they stand: then they are counted
        *whole, row_rest = (row_rest + chunk.replace(b"<row>", b"<row >")).split(b"row ")
        for row in whole:
            cells = row.count(b"</c>") + row.count(b":c>")
            rows += 1
            last_column = max(last_column, cells)
            hidden += cells > 0 and _HIDDEN.match(row) is not None
        if len(row_rest) > _LONG_ROW:
            cells = row_rest.count(b"</c>") + row_rest.count(b":c>")
            if cells > MOST_COLUMNS or len(row_rest) > 16 * _LONG_ROW:
                raise too_wide(source, max(last_row, rows), cells)
            row_rest = row_rest if cells else row_rest[-200:]  # texts and pictures have no rows
    cells = row_rest.count(b"</c>") + row_rest.count(b":c>")
    hidden += cells > 0 and _HIDDEN.match(row_rest) is not None
    last_column = max(last_column, cells)
    height = far_row if far_row > 99_999 else min(max(last_row, rows), 99_999)
    if height * last_column > MOST_CELLS or last_column > MOST_COLUMNS:
        raise too_wide(source, height, last_column)
    return Extent(hidden)


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
_MOST_MERGED = 100_000


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
        self.column = self.filled_to = self.letters = 0
        self.repeat = self.cell_repeat = 1
        self.invisible = self.has_value = False

    def start(self, name: str, told: dict[str, str]) -> None:
        if name in _CELLS:
            self.cell_repeat = int(told.get(f"{_TABLE}number-columns-repeated", 1))
            self.has_value = f"{_OFFICE}value-type" in told
            self.letters = 0
            spans = int(told.get(f"{_TABLE}number-rows-spanned", 1))
            if spans > 1 and len(self.table.merged) < _MOST_MERGED:
                self.table.merged.append((self.row + 1, self.column, spans))
        elif name == f"{_TABLE}table-row":
            self.repeat = int(told.get(f"{_TABLE}number-rows-repeated", 1))
            self.column = self.filled_to = 0
            self.invisible = told.get(f"{_TABLE}visibility", "visible") != "visible"
        elif name == f"{_TABLE}table":
            self.table = self.tables.setdefault(told.get(f"{_TABLE}name", ""), Extent())
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
                if self.rows * self.columns > MOST_CELLS or self.columns > MOST_COLUMNS:
                    raise too_wide(self.source, self.rows, self.columns)

    def doctype(self, *_told: object) -> None:
        raise damaged(self.source)  # a sheet has none; entities are how XML bombs are made


def refuse_locked(source: Source, manifest: IO[bytes]) -> None:
    """META-INF/manifest.xml of an OpenDocument file names the parts that a password hides."""
    if b"encryption-data" in manifest.read(CHUNK):
        raise password(source)
