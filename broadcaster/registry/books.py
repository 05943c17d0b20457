"""Workbooks -> tables: xlsx, ods and xls, by python-calamine, after `extents` and `biff` have looked at their size.

A cell that is merged over several rows says the same in each of them. Hidden rows are read like the others: a filter that
was left on must not lose children. Hidden sheets are not read.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import BinaryIO

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from broadcaster.errors import BadInput
from broadcaster.registry import biff
from broadcaster.registry.extents import Extent, ods_extents, refuse_locked, sheet_extent, sheet_parts
from broadcaster.registry.source import (
    MOST_CELLS,
    MOST_MERGED,
    Deadline,
    Limits,
    Row,
    Sheet,
    Source,
    damaged,
    password,
    too_large,
    too_many_parts,
    too_wide,
)

_MOST_PARTS = 2_000  # files inside a workbook; an office's has a dozen
_LARGEST_OLD_BOOK = 100_000_000  # bytes; the format ends at 65,536 rows for each sheet


def zipped_book(source: Source, handle: BinaryIO, limits: Limits, deadline: Deadline) -> Iterator[Sheet]:
    """xlsx or ods. Raises `BadInput`."""
    try:
        with zipfile.ZipFile(handle) as archive:
            extents = _inspected(source, archive, limits, deadline)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        LookupError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise damaged(source) from error
    handle.seek(0)
    yield from _tables(source, handle, deadline, extents)


def _inspected(source: Source, archive: zipfile.ZipFile, limits: Limits, deadline: Deadline) -> Mapping[str, Extent]:
    parts = archive.infolist()
    names = set(archive.namelist())
    if sum(part.file_size for part in parts) > limits.bytes or len(parts) > _MOST_PARTS:
        raise too_large(source, limits)
    if "xl/workbook.xml" in names:
        sheet_of = sheet_parts(archive)
        extents: dict[str, Extent] = {}
        for part in parts:
            with archive.open(part) as opened:
                extents[sheet_of.get(part.filename, "")] = sheet_extent(source, opened, deadline)
        return extents
    if "content.xml" in names:
        if "META-INF/manifest.xml" in names:
            with archive.open("META-INF/manifest.xml") as opened:
                refuse_locked(source, opened)
        with archive.open("content.xml") as opened:
            return ods_extents(source, opened, deadline)
    raise BadInput(
        f"{source.name}: bukan berkas Excel, ODS atau CSV; simpan sebagai .xlsx lalu impor lagi.", code="unknown_format"
    )


def old_book(source: Source, handle: BinaryIO, limits: Limits, deadline: Deadline) -> Iterator[Sheet]:
    """xls. Raises `BadInput`."""
    content = handle.read(min(limits.bytes, _LARGEST_OLD_BOOK) + 1)
    if len(content) > min(limits.bytes, _LARGEST_OLD_BOOK):
        raise too_large(source, Limits(bytes=min(limits.bytes, _LARGEST_OLD_BOOK)))
    try:
        found = biff.reaches(content)
    except biff.Locked as error:
        raise password(source) from error
    except biff.Damaged as error:
        # Excel wraps a workbook with a password in the container of the old format; the part's name is UTF-16
        locked = "EncryptedPackage".encode("utf-16-le") in content
        raise (password if locked else damaged)(source) from error
    deadline.check()
    if sum(one.rows * one.columns for one in found.values()) > MOST_CELLS:  # the library opens all sheets at once
        widest = max(found.values(), key=lambda one: one.rows * one.columns)
        raise too_wide(source, widest.rows, widest.columns)
    if any(one.merged > MOST_MERGED for one in found.values()):
        raise too_many_parts(source, "sel gabungan", MOST_MERGED)
    extents = {name: Extent(one.hidden) for name, one in found.items()}
    handle.seek(0)
    yield from _tables(source, handle, deadline, extents)


def _tables(source: Source, handle: BinaryIO, deadline: Deadline, extents: Mapping[str, Extent]) -> Iterator[Sheet]:
    try:
        with CalamineWorkbook.from_filelike(handle) as book:
            for meta in book.sheets_metadata:
                if meta.visible is SheetVisibleEnum.Visible and meta.typ is SheetTypeEnum.WorkSheet:
                    table = book.get_sheet_by_name(meta.name)
                    extent = extents.get(meta.name, Extent())
                    merged = extent.merged or _merged(table)
                    rows = enumerate(table.iter_rows(), start=1)
                    yield Sheet(meta.name, deadline.watch(_filled(rows, merged) if merged else rows), extent.hidden)
                    deadline.check()
    except PasswordError as error:
        raise password(source) from error
    except CalamineError as error:
        raise damaged(source) from error


def _merged(table: CalamineSheet) -> list[tuple[int, int, int]]:
    """(row from 1, column from 0, rows) of what is merged over several rows."""
    ranges = table.merged_cell_ranges or ()
    return [(top + 1, left, bottom - top + 1) for (top, left), (bottom, _) in ranges if bottom > top]


def _filled(
    rows: Iterable[tuple[int, Sequence[object]]], merged: Sequence[tuple[int, int, int]]
) -> Iterator[tuple[int, Row]]:
    """The rows with what is merged over several of them repeated in each."""
    begins: dict[int, list[tuple[int, int]]] = {}
    for first, column, count in merged:
        begins.setdefault(first, []).append((column, first + count))
    running: dict[int, tuple[int, object]] = {}  # column -> row after its last, value
    for number, row in rows:
        if number not in begins and not running:
            yield number, row
            continue
        cells = list(row)
        for column, (end, value) in list(running.items()):
            if number >= end:
                del running[column]
            elif column < len(cells) and cells[column] == "":
                cells[column] = value
        for column, end in begins.get(number, ()):
            if column < len(cells) and cells[column] != "":
                running[column] = (end, cells[column])
        yield number, cells
