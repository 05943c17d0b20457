"""A file of the office before anything is read: where it is, what it may ask of the machine, and its tables of cells."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from broadcaster.errors import BadInput

#: A cell as read: text, number, truth value, day or moment; "" when empty.
Cell = object
Row = Sequence[Cell]

CHUNK = 1 << 20
#: A spreadsheet library needs 32 bytes for each cell of the rectangle around the filled ones: 320 MB.
MOST_CELLS = 10_000_000
MOST_COLUMNS = 16_384  # what a sheet of Excel has
MOST_MERGED = 300_000  # merged cells of a sheet
MOST_TEXTS = 5_000_000  # different texts in a workbook
LONGEST_CELL = 32_767  # characters; what a cell of Excel holds
_CHECK_TIME_EVERY = 500  # rows


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
    """One table of a file: its name ("" for text) and its rows with numbers from 1. `rows` can be walked once.

    `hidden`: how many of the rows with cells are hidden in the sheet; they are among the rows.
    """

    name: str
    rows: Iterator[tuple[int, Row]]
    hidden: int = 0


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


# ------------------------------------------------------------------------------------------------------------- refusals


def too_large(source: Source, limits: Limits) -> BadInput:
    return BadInput(
        f"{source.name}: isi berkas melebihi batas {limits.bytes / 1e6:g} MB;"
        " hapus gambar dan lembar lain, atau bagi berkas menjadi beberapa bagian.",
        code="too_large",
    )


def damaged(source: Source) -> BadInput:
    return BadInput(
        f"{source.name}: berkas rusak atau tidak lengkap; buka di Excel, simpan ulang sebagai .xlsx, lalu impor lagi.",
        code="unreadable",
    )


def password(source: Source) -> BadInput:
    return BadInput(
        f"{source.name}: berkas dilindungi kata sandi; simpan tanpa kata sandi, lalu impor lagi.", code="password"
    )


def too_wide(source: Source, rows: int, columns: int) -> BadInput:
    return BadInput(
        f"{source.name}: ada isian jauh di luar tabel (sampai baris {rows}, kolom ke-{columns}); hapus baris dan"
        " kolom di luar tabel, simpan, lalu impor lagi.",
        code="too_wide",
    )


def cell_too_long(source: Source, row: int | None = None, perhaps: str = "") -> BadInput:
    where = f" di baris {row}" if row else ""
    return BadInput(
        f"{source.name}: ada sel{where} yang berisi lebih dari {LONGEST_CELL} huruf{perhaps}; kosongkan atau persingkat sel itu,"
        " lalu impor lagi.",
        code="cell_too_long",
    )


def too_many_parts(source: Source, what: str, most: int) -> BadInput:
    return BadInput(
        f"{source.name}: ada lebih dari {most} {what}; salin isinya ke lembar baru tanpa format, lalu impor lagi.",
        code="too_large",
    )
