"""Delimited text -> rows: comma, semicolon, tab or bar; UTF-8 with or without a byte order mark, UTF-16, Windows-1252."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator, Sequence
from typing import BinaryIO

from broadcaster.errors import BadInput
from broadcaster.registry.source import (
    CHUNK,
    MOST_COLUMNS,
    Deadline,
    Row,
    Sheet,
    Source,
    cell_too_long,
    too_wide,
)

_DELIMITERS = ";,\t|"
_LONGEST_LINE = 4_000_000  # characters; a line without end must not be read at once
_SNIFFED = 60  # lines: titles and the first rows
_SNIFFED_LENGTH = 20_000  # characters of each


def encoding_of(source: Source, handle: BinaryIO) -> str:
    """How the text is written; the file is at its beginning again afterwards. Raises `BadInput` for what is no text."""
    head = handle.read(CHUNK)
    handle.seek(0)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decodable(source, handle, "utf-16")
    if head.startswith(codecs.BOM_UTF8):
        return _decodable(source, handle, "utf-8-sig")
    if b"\0" in head:
        # ASCII text as UTF-16 has a NUL in every second byte; which one tells the byte order
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            if head[offset::2].count(0) > 0.4 * (len(head) // 2) and head[1 - offset :: 2].count(0) == 0:
                return _decodable(source, handle, encoding)
        raise _nul(source)
    return _decodable(source, handle, "utf-8", "cp1252")


def _decodable(source: Source, handle: BinaryIO, *encodings: str) -> str:
    for encoding in encodings:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while chunk := handle.read(CHUNK):
                if "\0" in decoder.decode(chunk):
                    raise _nul(source)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            continue
        finally:
            handle.seek(0)
        return encoding
    raise BadInput(
        f"{source.name}: huruf di berkas ini tidak terbaca; simpan ulang sebagai .xlsx atau CSV UTF-8.",
        code="bad_encoding",
    )


def text_sheet(source: Source, handle: BinaryIO, encoding: str, deadline: Deadline) -> Sheet:
    text = io.TextIOWrapper(handle, encoding=encoding, newline="")
    lines = [line for _, line in zip(range(_SNIFFED), iter(lambda: text.readline(_SNIFFED_LENGTH), ""), strict=False)]
    # Excel's own hint for the separator, a first line `sep=;`, is no row of the table but is counted as line 1
    told = re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r\n")) if lines else None
    delimiter = told[1] if told else _delimiter(lines)
    quote = _quote(lines, delimiter)
    text.seek(0)
    if told:
        text.readline()
    return Sheet("", deadline.watch(_rows(source, text, delimiter, quote, 2 if told else 1)))


def _delimiter(lines: Sequence[str]) -> str:
    """The sign that cuts the first lines into most cells: the heading row is the widest one."""

    def widest(sign: str) -> int:
        try:
            return max((len(row) for row in csv.reader(lines, delimiter=sign)), default=0)
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=widest)


def _quote(lines: Sequence[str], delimiter: str) -> str:
    """`'` when the widest line has every cell between two of them; the apostrophe alone before a number is no quote."""
    cells = max((line.strip().split(delimiter) for line in lines), key=len, default=[])
    filled = [cell.strip() for cell in cells if cell.strip()]
    quoted = all(len(cell) > 1 and cell[0] == cell[-1] == "'" for cell in filled)
    return "'" if len(filled) > 1 and quoted else '"'


def _lines(source: Source, text: io.TextIOWrapper) -> Iterator[str]:
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
            raise cell_too_long(source)
        yield line


def _rows(source: Source, text: io.TextIOWrapper, delimiter: str, quote: str, first: int) -> Iterator[tuple[int, Row]]:
    """Rows numbered as a spreadsheet shows them: a cell with a line break inside does not start a new row."""
    reader = csv.reader(_lines(source, text), delimiter=delimiter, quotechar=quote, strict=True)
    number = first - 1
    try:
        for row in reader:
            number += 1
            if len(row) > MOST_COLUMNS:
                row = _narrowed(source, number, row)
            yield number, row
    except csv.Error as error:
        if "field limit" in str(error):  # 131,072 characters
            raise cell_too_long(source, number + 1, " (mungkin tanda kutipnya tidak ditutup)") from error
        raise BadInput(
            f"{source.name}: baris {number + 1} tidak terbaca (tanda kutip tidak ditutup atau tidak pada tempatnya);"
            " perbaiki baris itu atau simpan sebagai .xlsx.",
            code="unreadable",
        ) from error


def _narrowed(source: Source, number: int, row: list[str]) -> list[str]:
    last = next((index for index in range(len(row), 0, -1) if row[index - 1]), 0)
    if last > MOST_COLUMNS:
        raise too_wide(source, number, last)
    return row[:last]


def _nul(source: Source) -> BadInput:
    return BadInput(
        f"{source.name}: berisi tanda yang bukan teks (NUL); simpan ulang sebagai .xlsx, lalu impor lagi.",
        code="unreadable",
    )
