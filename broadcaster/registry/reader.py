"""A file as it comes from the office -> rows of cells, with the row numbers the office sees. Nothing is interpreted.

Reads xlsx, xls, ods (by content, whatever the name says) and delimited text. Every refusal is a `BadInput` whose sentence
names the file and the fix. Nothing is opened before `extents` has looked how much memory it would take.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from broadcaster.errors import BadInput
from broadcaster.registry.books import old_book, zipped_book
from broadcaster.registry.formats import HEAD, format_of
from broadcaster.registry.source import CHUNK, Cell, Deadline, Limits, Row, Sheet, Source, too_large
from broadcaster.registry.text_files import encoding_of, text_sheet

__all__ = ["Cell", "Limits", "Row", "Sheet", "Source", "fingerprint", "sheets"]


def fingerprint(source: Source, limits: Limits) -> str:
    """SHA-256 of the file as hex. Raises `BadInput` when it is missing, empty or larger than the limit."""
    digest, size = hashlib.sha256(), 0
    with source.open() as handle:
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
            if size > limits.bytes:
                raise too_large(source, limits)
    if size == 0:
        raise BadInput(f"{source.name}: berkas kosong (0 byte); simpan ulang dari aplikasinya.", code="empty_file")
    return digest.hexdigest()


@contextmanager
def sheets(source: Source, limits: Limits) -> Iterator[Iterator[Sheet]]:
    """The file's visible tables, in order. Raises `BadInput`, also while rows are walked."""
    deadline = Deadline(source, limits)
    with source.open() as handle:
        head = handle.read(HEAD)
        handle.seek(0)
        match format_of(source, head):
            case "zip":
                yield zipped_book(source, handle, limits, deadline)
            case "xls":
                yield old_book(source, handle, limits, deadline)
            case "text":
                yield iter([text_sheet(source, handle, encoding_of(source, handle), deadline)])
