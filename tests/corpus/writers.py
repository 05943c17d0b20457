"""Files as bytes: workbooks of three formats, written without the programs that read them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import xlsxwriter

Rows = Sequence[Sequence[Any]]

# ----------------------------------------------------------------------------------------------------------------- xlsx


def xlsx(*sheets: tuple[str, Rows], touch: Callable[[Any, Any], object] | None = None) -> bytes:
    """`touch` gets the book and its first page before it is closed. Dates become real date cells, "" nothing at all."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
    first = None
    for name, rows in sheets:
        page = book.add_worksheet(name)
        first = first or page
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    page.write_datetime(at, column, value)
                elif isinstance(value, str):
                    page.write_string(at, column, value) if value else None
                else:
                    page.write(at, column, value)
    if touch is not None:
        touch(book, first)
    book.close()
    return buffer.getvalue()


def archive(parts: dict[str, str | bytes], *, squeeze: bool = True) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED if squeeze else zipfile.ZIP_STORED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return buffer.getvalue()


def raw_xlsx(sheet_data: str | bytes, shared: bytes | None = None) -> bytes:
    """A workbook whose one sheet holds this XML between <sheetData> and its end."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    packages = "http://schemas.openxmlformats.org/package/2006"
    rows = sheet_data.encode() if isinstance(sheet_data, str) else sheet_data
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": f'<Types xmlns="{packages}/content-types"><Default Extension="xml" '
        'ContentType="application/xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{packages}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="Data" sheetId="1" r:id="rId1"/>'
        "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{packages}/relationships"><Relationship Id="rId1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>'.encode()
        + rows
        + b"</sheetData></worksheet>",
    }
    if shared is not None:
        parts["xl/sharedStrings.xml"] = f'<sst xmlns="{main}">'.encode() + shared + b"</sst>"
    return archive(parts)


# ------------------------------------------------------------------------------------------------------------------ ods

_ODS = "application/vnd.oasis.opendocument.spreadsheet"
_NAMES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "table", "text")
)


def ods(rows: Rows, name: str = "Data") -> bytes:
    return raw_ods("".join(f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows), name)


def _ods_cell(value: Any) -> str:
    if value == "":
        return "<table:table-cell/>"
    if isinstance(value, date):
        told = f'office:value-type="date" office:date-value="{value.isoformat()}"'
    elif isinstance(value, (int, float)):
        told = f'office:value-type="float" office:value="{value}"'
    else:
        told = 'office:value-type="string"'
    return f"<table:table-cell {told}><text:p>{escape(str(value))}</text:p></table:table-cell>"


def raw_ods(rows: str, name: str = "Data", *, before: str = "", more: dict[str, str | bytes] | None = None) -> bytes:
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>{before}<office:document-content {_NAMES} office:version="1.2">'
        f"<office:body><office:spreadsheet><table:table table:name={quoteattr(name)}>{rows}</table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    manifest = (
        '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"><manifest:file-entry '
        f'manifest:full-path="/" manifest:media-type="{_ODS}"/></manifest:manifest>'
    )
    return archive({"mimetype": _ODS, "META-INF/manifest.xml": manifest, "content.xml": content} | (more or {}))


# ------------------------------------------------------------------------------------------------------------------ xls


def xls(rows: Rows, name: str = "Data", *, hidden: Sequence[int] = (), locked: bool = False) -> bytes:
    """BIFF8 in a compound file. Texts and numbers only; `hidden`: rows from 0."""
    sheet = _bof(0x10)
    for at in hidden:
        sheet += _record(0x208, struct.pack("<HHHHHHHH", at, 0, 20, 255, 0, 0, 0x20, 0x0F))
    for at, row in enumerate(rows):
        for column, value in enumerate(row):
            if isinstance(value, (int, float)):
                sheet += _record(0x203, struct.pack("<HHHd", at, column, 0, value))
            elif value != "":
                text = str(value).encode("utf-16-le")
                sheet += _record(0x204, struct.pack("<HHHHB", at, column, 0, len(text) // 2, 1) + text)
    sheet += _record(0x0A, b"")
    title = name.encode("utf-16-le")
    head = _bof(0x05) + (_record(0x2F, b"\1\0" + bytes(52)) if locked else b"") + _record(0x42, struct.pack("<H", 1200))
    start = len(head) + 4 + 8 + len(title) + 4
    book = head + _record(0x85, struct.pack("<IBBBB", start, 0, 0, len(name), 1) + title) + _record(0x0A, b"") + sheet
    return compound({"Workbook": book})


def _bof(kind: int) -> bytes:
    return _record(0x809, struct.pack("<HHHHII", 0x600, kind, 0x0DBB, 0x07CC, 0, 6))


def _record(number: int, body: bytes) -> bytes:
    return struct.pack("<HH", number, len(body)) + body


def compound(streams: dict[str, bytes]) -> bytes:
    """Microsoft's compound file with streams in its root; each is made large enough to need no mini stream."""
    end, fat_mark, free = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
    entries = [_entry("Root Entry", 5, end, 0, child=1)]
    data, starts = b"", []
    for content in streams.values():
        padded = content.ljust(4096, b"\0")
        starts.append((len(data) // 512, len(padded)))
        data += padded + b"\0" * (-len(padded) % 512)
    for at, (name, (start, size)) in enumerate(zip(streams, starts, strict=True), start=1):
        entries.append(_entry(name, 2, start, size, right=at + 1 if at < len(streams) else None))
    directory = b"".join(entries).ljust(512, b"\0")
    sectors = len(data) // 512
    table: list[int] = []
    for start, size in starts:
        count = -(-size // 512)
        table += [*range(start + 1, start + count), end]
    table += [*range(sectors + 1, sectors + len(directory) // 512), end]
    fat_count = 1
    while len(table) + fat_count > fat_count * 128:
        fat_count += 1
    fat_start = len(table)
    table += [fat_mark] * fat_count
    table += [free] * (fat_count * 128 - len(table))
    assert fat_count <= 109, "the header names no more"
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    header += struct.pack("<IIIIIIIII", 0, fat_count, sectors, 0, 4096, end, 0, end, 0)
    where = [*range(fat_start, fat_start + fat_count)]
    header += struct.pack("<109I", *where, *[free] * (109 - len(where)))
    return header + data + directory + struct.pack(f"<{len(table)}I", *table)


def _entry(name: str, kind: int, start: int, size: int, child: int | None = None, right: int | None = None) -> bytes:
    none = 0xFFFFFFFF
    told = name.encode("utf-16-le") + b"\0\0"
    return (
        told.ljust(64, b"\0")
        + struct.pack(
            "<HBBIII", len(told), kind, 1, none, none if right is None else right, none if child is None else child
        )
        + bytes(36)
        + struct.pack("<III", start, size, 0)
    )
