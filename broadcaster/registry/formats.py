"""What kind of file it is, told by its first bytes and never by its name."""

from __future__ import annotations

import re
from typing import Literal

from broadcaster.errors import BadInput
from broadcaster.registry.source import Source

Format = Literal["zip", "xls", "text"]

HEAD = 4096  # bytes that tell

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # .xls, and any workbook with a password
_ZIP = b"PK\x03\x04"
_OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF", "berkas PDF"),
    (b"\x89PNG", "gambar"),
    (b"\xff\xd8\xff", "gambar"),
    (b"GIF8", "gambar"),
    (b"{\\rtf", "naskah"),
    (b"Rar!", "arsip RAR"),
    (b"7z\xbc\xaf", "arsip 7z"),
    (b"\x1f\x8b", "arsip gzip"),
)
_PAGE = re.compile(rb"\s*<(?:!doctype|html|head|body|table|meta|\?xml|!--)", re.IGNORECASE)


def format_of(source: Source, head: bytes) -> Format:
    """Raises `BadInput` for what is certainly no table: pictures, PDF, archives, web pages with an Excel name."""
    if head.startswith(_ZIP):
        return "zip"
    if head.startswith(_OLE):
        return "xls"
    for mark, what in _OTHERS:
        if head.startswith(mark):
            raise BadInput(
                f"{source.name}: ini {what}, bukan tabel; kirim datanya sebagai .xlsx, .xls, .ods atau CSV.",
                code="unknown_format",
            )
    if _PAGE.match(head.removeprefix(b"\xef\xbb\xbf")):
        raise BadInput(
            f"{source.name}: ini halaman web atau XML, bukan berkas Excel; buka di Excel, simpan sebagai .xlsx, lalu"
            " impor lagi.",
            code="unknown_format",
        )
    return "text"
