"""How far the cells of an old workbook (.xls) reach, read from its records before the spreadsheet library opens it.

The container is Microsoft's Compound File, the records are BIFF; only what the question needs is read ([MS-CFB], [MS-XLS]).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

_FREE = 0xFFFFFFFA  # sector numbers from here on are marks
_BOF, _BOUNDSHEET, _FILEPASS, _ROW, _MULRK, _MERGED, _TEXTS = 0x809, 0x85, 0x2F, 0x208, 0xBD, 0xE5, 0xFC
#: Records of one filled cell: number, rk, label (three sorts), formula, truth value.
_CELLS = frozenset({0x203, 0x27E, 0x204, 0xFD, 0xD6, 0x06, 0x205})
_ROW_IS_HIDDEN = 0x20


class Damaged(Exception):
    """The container or the records make no sense."""


class Locked(Exception):
    """The workbook has a password."""


@dataclass
class Reach:
    """One sheet: last filled row and column (counted from 1), and the rows with cells that are hidden."""

    rows: int = 0
    columns: int = 0
    merged: int = 0
    filled: set[int] = field(default_factory=set)
    invisible: set[int] = field(default_factory=set)

    @property
    def hidden(self) -> int:
        return len(self.filled & self.invisible)


def reaches(content: bytes) -> dict[str, Reach]:
    """Sheet name -> how far it reaches. Raises `Damaged`, `Locked`."""
    try:
        return _sheets(_workbook(content))
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Damaged(str(error)) from error


# -------------------------------------------------------------------------------------------------------- the container


def _workbook(content: bytes) -> bytes:
    size = 1 << struct.unpack_from("<H", content, 0x1E)[0]
    if size not in (512, 4096):
        raise Damaged("sector size")
    fat_sectors, directory = struct.unpack_from("<II", content, 0x2C)
    mini_from, mini_fat, _, more, more_count = struct.unpack_from("<IIIII", content, 0x38)

    def sector(number: int) -> bytes:
        start = (number + 1) * size
        if start >= len(content):
            raise Damaged("sector outside the file")
        return content[start : start + size]

    def chain(number: int, table: tuple[int, ...]) -> Iterator[int]:
        for _ in range(len(table) + 1):
            if number >= _FREE:
                return
            yield number
            number = table[number]
        raise Damaged("endless chain")

    where = list(struct.unpack_from("<109I", content, 0x4C))
    for _ in range(min(more_count, len(content) // size)):
        if more >= _FREE:
            break
        *some, more = struct.unpack(f"<{size // 4}I", sector(more))
        where += some
    fat = b"".join(sector(number) for number in where[:fat_sectors] if number < _FREE)
    table = struct.unpack(f"<{len(fat) // 4}I", fat)

    def stream(first: int) -> bytes:
        return b"".join(sector(number) for number in chain(first, table))

    entries = stream(directory)
    root = found = None
    for start in range(0, len(entries) - 127, 128):
        length, kind = struct.unpack_from("<HB", entries, start + 64)
        name = entries[start : start + max(0, min(length, 64) - 2)].decode("utf-16-le")
        place = struct.unpack_from("<II", entries, start + 116)
        if name == "EncryptedPackage":
            raise Locked
        if kind == 5:
            root = place
        elif kind == 2 and (name == "Workbook" or (name == "Book" and found is None)):
            found = place
    if root is None or found is None:
        raise Damaged("no workbook inside")
    first, length = found
    if length >= mini_from:
        return stream(first)[:length]
    small = struct.unpack(f"<{len(stream(mini_fat)) // 4}I", stream(mini_fat))
    pieces = stream(root[0])
    return b"".join(pieces[number * 64 : number * 64 + 64] for number in chain(first, small))[:length]


# ---------------------------------------------------------------------------------------------------------- the records


def _sheets(book: bytes) -> dict[str, Reach]:
    names: dict[int, str] = {}
    found: dict[str, Reach] = {}
    reach = Reach()  # of the part before the first sheet: its cells are none
    position, end = 0, len(book)
    unpack = struct.Struct("<HH").unpack_from
    while position + 4 <= end:
        record, length = unpack(book, position)
        body = position + 4
        if record in _CELLS or record == _MULRK:
            row, column = unpack(book, body)
            if record == _MULRK:
                column = struct.unpack_from("<H", book, body + length - 2)[0]
            reach.rows, reach.columns = max(reach.rows, row + 1), max(reach.columns, column + 1)
            reach.filled.add(row)
        elif record == _ROW:
            if struct.unpack_from("<H", book, body + 12)[0] & _ROW_IS_HIDDEN:
                reach.invisible.add(struct.unpack_from("<H", book, body)[0])
        elif record == _TEXTS:
            # the library makes room for as many texts as are announced; each takes three bytes at least
            if struct.unpack_from("<I", book, body + 4)[0] > end // 3:
                raise Damaged("more texts than fit")
        elif record == _MERGED:
            reach.merged += struct.unpack_from("<H", book, body)[0]
        elif record == _BOF and position in names:
            reach = found.setdefault(names[position], Reach())
        elif record == _BOUNDSHEET:
            names[struct.unpack_from("<I", book, body)[0]] = _name(book[body + 6 : body + length])
        elif record == _FILEPASS:
            raise Locked
        position = body + length
    return found


def _name(told: bytes) -> str:
    count, wide = told[0], told[1] & 1
    return told[2 : 2 + count * (1 + wide)].decode("utf-16-le" if wide else "latin-1")
