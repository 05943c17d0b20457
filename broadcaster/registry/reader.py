"""A file as it comes from the office -> rows of cells, with the row numbers the office sees. Nothing is interpreted.

Reads xlsx (by content, whatever the name says) and delimited text: comma, semicolon, tab or bar; UTF-8 with or without
a byte order mark, UTF-16, Windows-1252. Every refusal is a `BadInput` whose sentence names the file and the fix.

A workbook is looked at before it is opened: the sizes in its zip directory, and how far its furthest filled cell lies.
The spreadsheet library reserves the whole rectangle up to that cell, so one stray cell in XFD1048576 would end the
process.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
import io
import re
import time
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from broadcaster.errors import BadInput

#: A cell as read: text, number, truth value, day or moment; "" when empty.
Cell = object
Row = Sequence[Cell]

_CHUNK = 1 << 20
_CHECK_TIME_EVERY = 500  # rows
_MAX_CELLS = 25_000_000  # the library needs 32 bytes for each: 800 MB
_MAX_PARTS = 2_000  # files inside a workbook; an office's has a dozen
_DELIMITERS = ";,\t|"
_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # old .xls, and any workbook with a password
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True)
class Limits:
    """How much one file may ask of the machine: rows with data, bytes once unpacked, seconds until the last row."""

    rows: int = 300_000
    bytes: int = 400_000_000
    seconds: float = 600


@dataclass(frozen=True)
class Source:
    """A file by path, or its bytes as uploaded. `name` is what reports call it."""

    name: str
    content: bytes | Path

    @classmethod
    def at(cls, path: Path) -> Source:
        return cls(path.name, path)

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        if isinstance(self.content, bytes):
            yield io.BytesIO(self.content)
            return
        try:
            with self.content.open("rb") as handle:
                yield handle
        except FileNotFoundError as error:
            raise BadInput(
                f"{self.name}: berkas tidak ditemukan; periksa nama dan foldernya.", code="no_file"
            ) from error
        except (IsADirectoryError, PermissionError) as error:
            message = f"{self.name}: berkas tidak dapat dibuka; periksa nama dan izin aksesnya."
            raise BadInput(message, code="unreadable") from error


@dataclass(frozen=True)
class Sheet:
    """One table of a file: its name ("" for text) and its rows with numbers from 1. `rows` can be walked once."""

    name: str
    rows: Iterator[tuple[int, Row]]


class Deadline:
    """The seconds one file may take, counted from its opening."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._name = source.name
        self._seconds = limits.seconds
        self._ends = time.monotonic() + limits.seconds

    def check(self) -> None:
        if time.monotonic() > self._ends:
            raise BadInput(
                f"{self._name}: pemeriksaan melewati batas {self._seconds:g} detik; bagi berkas menjadi beberapa"
                " bagian.",
                code="too_slow",
            )

    def watch(self, rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
        for count, row in enumerate(rows):
            if count % _CHECK_TIME_EVERY == 0:
                self.check()
            yield row


def fingerprint(source: Source, limits: Limits) -> str:
    """SHA-256 of the file as hex. Raises `BadInput` when it is missing, empty or larger than the limit."""
    digest, size = hashlib.sha256(), 0
    with source.open() as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if size > limits.bytes:
                raise BadInput(_too_large(source, limits), code="too_large")
    if size == 0:
        raise BadInput(f"{source.name}: berkas kosong (0 byte); simpan ulang dari aplikasinya.", code="empty_file")
    return digest.hexdigest()


@contextmanager
def sheets(source: Source, limits: Limits) -> Iterator[Iterator[Sheet]]:
    """The file's visible tables, in order. Raises `BadInput`, also while rows are walked."""
    deadline = Deadline(source, limits)
    with source.open() as handle:
        head = handle.read(8)
        handle.seek(0)
        if head.startswith(_ZIP):
            yield _workbook(source, handle, limits, deadline)
        elif head == _OLE:
            yield _refused_ole(source, handle)
        else:
            encoding = _encoding(source, handle)
            yield iter([_text_sheet(source, handle, encoding, deadline)])


# ------------------------------------------------------------------------------------------------------------ workbooks


def _workbook(source: Source, handle: BinaryIO, limits: Limits, deadline: Deadline) -> Iterator[Sheet]:
    _inspect_zip(source, handle, limits)
    handle.seek(0)
    try:
        with CalamineWorkbook.from_filelike(handle) as book:
            for meta in book.sheets_metadata:
                if meta.visible is SheetVisibleEnum.Visible and meta.typ is SheetTypeEnum.WorkSheet:
                    table = book.get_sheet_by_name(meta.name)
                    yield Sheet(meta.name, deadline.watch(enumerate(table.iter_rows(), start=1)))
                    deadline.check()
    except PasswordError as error:
        raise BadInput(_password(source), code="password") from error
    except CalamineError as error:
        raise BadInput(_damaged(source), code="unreadable") from error


def _inspect_zip(source: Source, handle: BinaryIO, limits: Limits) -> None:
    try:
        with zipfile.ZipFile(handle) as archive:
            parts = archive.infolist()
            if sum(part.file_size for part in parts) > limits.bytes or len(parts) > _MAX_PARTS:
                raise BadInput(_too_large(source, limits), code="too_large")
            if "xl/workbook.xml" not in archive.namelist():
                raise BadInput(
                    f"{source.name}: bukan berkas Excel .xlsx atau CSV; simpan sebagai .xlsx lalu impor lagi.",
                    code="unknown_format",
                )
            for part in parts:  # all of them: a sheet may lie under any name
                with archive.open(part) as opened:
                    _inspect_extent(source, opened)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise BadInput(_damaged(source), code="unreadable") from error


_ROW = re.compile(rb"""row [^>]*?\br=["'](\d{1,9})["']""")
#: A cell beyond column Z or row 99,999; group 3 is "/" when it holds only a format, which costs nothing.
_FAR_CELL = re.compile(rb"""\br=["']([A-Z]{2,3})(\d{1,9})["'][^>]*?(/?)>|\br=["']([A-Z])(\d{6,9})["'][^>]*?(/?)>""")


def _inspect_extent(source: Source, part: IO[bytes]) -> None:
    last_row = far_row = 0
    last_column = 26
    tail = b""
    while chunk := part.read(_CHUNK):
        text = tail + chunk
        for match in _ROW.finditer(text):
            last_row = max(last_row, int(match[1]))
        for match in _FAR_CELL.finditer(text):
            if not (match[3] or match[6]):
                last_column = max(last_column, _column_number(match[1] or match[4]))
                far_row = max(far_row, int(match[2] or match[5]))
        tail = text[-200:]  # a tag may lie across two chunks; seeing one twice changes nothing
    rows = far_row if far_row > 99_999 else min(last_row, 99_999)
    if rows * last_column > _MAX_CELLS:
        raise BadInput(
            f"{source.name}: ada isian jauh di luar tabel (sampai baris {rows}, kolom ke-{last_column}); hapus baris dan"
            " kolom di luar tabel, simpan, lalu impor lagi.",
            code="too_wide",
        )


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _refused_ole(source: Source, handle: BinaryIO) -> Iterator[Sheet]:
    # Excel wraps a workbook with a password in the container of the old format; the part's name is UTF-16
    if "EncryptedPackage".encode("utf-16-le") in handle.read(_CHUNK):
        raise BadInput(_password(source), code="password")
    raise BadInput(
        f"{source.name}: format .xls lama belum dapat dibaca; buka di Excel, simpan sebagai .xlsx, lalu impor lagi.",
        code="unknown_format",
    )


# ----------------------------------------------------------------------------------------------------------------- text


def _encoding(source: Source, handle: BinaryIO) -> str:
    """How the text is written; the file is at its beginning again afterwards. Raises `BadInput` for what is no text."""
    head = handle.read(_CHUNK)
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
        raise BadInput(_nul(source), code="unreadable")
    return _decodable(source, handle, "utf-8", "cp1252")


def _decodable(source: Source, handle: BinaryIO, *encodings: str) -> str:
    for encoding in encodings:
        decoder = codecs.getincrementaldecoder(encoding)()
        try:
            while chunk := handle.read(_CHUNK):
                if "\0" in decoder.decode(chunk):
                    raise BadInput(_nul(source), code="unreadable")
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


def _text_sheet(source: Source, handle: BinaryIO, encoding: str, deadline: Deadline) -> Sheet:
    text = io.TextIOWrapper(handle, encoding=encoding, newline="")
    # Excel's own hint for the separator, a first line `sep=;`, is no row of the table but is counted as line 1
    lines = [line for _, line in zip(range(60), text, strict=False)]
    told = re.fullmatch(r'"?sep=(.)"?', lines[0].strip("\r\n")) if lines else None
    delimiter = told[1] if told else _delimiter(lines)
    text.seek(0)
    if told:
        text.readline()
    return Sheet("", deadline.watch(_csv_rows(source, text, delimiter, 2 if told else 1)))


def _delimiter(lines: Sequence[str]) -> str:
    """The sign that cuts the first lines into most cells: the heading row is the widest one."""

    def widest(sign: str) -> int:
        try:
            return max((len(row) for row in csv.reader(lines, delimiter=sign)), default=0)
        except csv.Error:
            return 0

    return max(_DELIMITERS, key=widest)


def _csv_rows(source: Source, text: io.TextIOWrapper, delimiter: str, first: int) -> Iterator[tuple[int, Row]]:
    """Rows numbered as a spreadsheet shows them: a cell with a line break inside does not start a new row."""
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    number = first - 1
    try:
        for row in reader:
            number += 1
            yield number, row
    except csv.Error as error:
        raise BadInput(
            f"{source.name}: baris {number + 1} tidak terbaca (tanda kutip tidak ditutup atau sel terlalu panjang);"
            " perbaiki baris itu atau simpan sebagai .xlsx.",
            code="unreadable",
        ) from error


# ------------------------------------------------------------------------------------------------------------ sentences


def _too_large(source: Source, limits: Limits) -> str:
    return (
        f"{source.name}: isi berkas melebihi batas {limits.bytes / 1e6:g} MB;"
        " hapus gambar dan lembar lain, atau bagi berkas menjadi beberapa bagian."
    )


def _damaged(source: Source) -> str:
    return f"{source.name}: berkas Excel rusak atau tidak lengkap; buka, simpan ulang sebagai .xlsx, lalu impor lagi."


def _password(source: Source) -> str:
    return f"{source.name}: berkas dilindungi kata sandi; simpan tanpa kata sandi, lalu impor lagi."


def _nul(source: Source) -> str:
    return f"{source.name}: berisi tanda yang bukan teks (NUL); simpan ulang sebagai .xlsx, lalu impor lagi."
