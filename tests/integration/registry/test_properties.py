"""Laws of the import, over generated files of all three kinds: doing it twice, taking it back, shuffling it, leaking from it."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from broadcaster.errors import Refused
from broadcaster.registry import service
from broadcaster.registry.reader import Source
from broadcaster.registry.report import FileReport, document
from broadcaster.registry.undo import undo
from broadcaster.storage.database import Database
from tests.integration.registry import dump, files
from tests.integration.registry.conftest import Fresh

NOW = datetime(2026, 10, 5, 1, tzinfo=UTC)
TODAY = date(2026, 10, 5)
_LAW = settings(
    max_examples=30, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)  # fmt: skip

_BORN = (date(2020, 3, 14), date(2022, 7, 1), date(2021, 11, 20))
_PHONES = tuple(f"08123456789{n}" for n in range(5))
_STATUS = ("", "proses", "Siap diambil", "Sudah diambil", "Ditolak", "Habis masa berlaku", "Tidak berlaku")
_DAYS = ("", "01-08-2026", "15-08-2026", "01-09-2026", "20-09-2026")
_NOTES = ("", "", "", "meninggal dunia", "pindah ke Lebong")


def _nik(serial: int) -> str:
    """One of twelve children: the birth date follows from the number, so that two files speak of the same child."""
    return files.nik(_BORN[serial % 3], serial=serial)


@st.composite
def _children(draw: st.DrawFn) -> list[list[Any]]:
    return [
        files.child(
            serial,
            family=draw(st.sampled_from([None, 1, 2, 3, 4, 5, 6])),
            born=_BORN[serial % 3],
            name=draw(st.sampled_from(["RIZKI", "AYU", "DEWI"])),
            phone=draw(st.sampled_from(["", *_PHONES, f"{_PHONES[0]}/{_PHONES[1]}"])),
            desa=draw(st.sampled_from(["Gunung Alam", "Purwodadi"])),
            mother=draw(st.sampled_from(["SITI", "AMINAH", ""])),
            status=draw(st.sampled_from(_STATUS)),
            printed=draw(st.sampled_from(_DAYS)),
            collected=draw(st.sampled_from(_DAYS)),
            note=draw(st.sampled_from(_NOTES)),
        )
        for serial in draw(st.lists(st.integers(1, 12), min_size=1, max_size=10))
    ]


@st.composite
def _phones(draw: st.DrawFn) -> list[list[Any]]:
    people = draw(st.lists(st.tuples(st.integers(1, 12), st.sampled_from(_PHONES)), min_size=1, max_size=8))
    return [[n, _nik(serial), "", phone] for n, (serial, phone) in enumerate(people)]


@st.composite
def _cards(draw: st.DrawFn) -> list[list[Any]]:
    cell = st.sampled_from(_DAYS)
    some = draw(
        st.lists(st.tuples(st.integers(1, 12), st.sampled_from(_STATUS), cell, cell, cell), min_size=1, max_size=8)
    )
    return [[n, _nik(serial), status, *days, ""] for n, (serial, status, *days) in enumerate(some)]


_KINDS = {
    "children": (_children, files.CHILD_HEADINGS),
    "phones": (_phones, files.PHONE_HEADINGS),
    "collections": (_cards, files.COLLECTION_HEADINGS),
}
_FILES = st.one_of([st.tuples(st.just(kind), made()) for kind, (made, _) in _KINDS.items()])
_File = tuple[str, list[list[Any]]]


def as_csv(kind: str, rows: Sequence[Sequence[Any]], delimiter: str = ";") -> Source:
    return files.csv_file(rows, _KINDS[kind][1], name=f"{kind}.csv", delimiter=delimiter)


def bring(db: Database, source: Source, *, confirmed: bool = False) -> FileReport:
    checked = service.check(db, source, today=TODAY)
    return service.apply(db, checked, by="sari", now=NOW, confirmed=confirmed).report


@_LAW
@given(first=_children(), second=_FILES, confirmed=st.booleans())
def test_applying_and_taking_back_is_the_identity(
    fresh: Fresh, first: list[list[Any]], second: _File, confirmed: bool
) -> None:
    db = fresh()
    empty = dump.exact(db)
    one = bring(db, as_csv("children", first))
    held = dump.exact(db)
    other = bring(db, as_csv(*second, delimiter=","), confirmed=confirmed)
    after = dump.canonical(db)
    undo(db, other.batch or 0, by="sari", now=NOW)
    assert dump.exact(db) == held
    again = bring(db, as_csv(*second, delimiter=","), confirmed=confirmed)
    assert (again.new, again.changed) == (other.new, other.changed)
    assert dump.canonical(db) == after
    undo(db, again.batch or 0, by="sari", now=NOW)
    undo(db, one.batch or 0, by="sari", now=NOW)
    assert dump.exact(db) == empty
    db.close()


@_LAW
@given(first=_children(), second=_FILES, confirmed=st.booleans())
def test_the_same_rows_again_change_nothing(
    fresh: Fresh, first: list[list[Any]], second: _File, confirmed: bool
) -> None:
    db = fresh()
    bring(db, as_csv("children", first))
    bring(db, as_csv(*second, delimiter="|"), confirmed=confirmed)
    held = dump.exact(db)
    again = bring(db, as_csv(*second, delimiter=","))
    assert (again.new, again.changed) == (0, 0)
    assert dump.exact(db) == held
    db.close()


@_LAW
@given(first=_children(), second=_FILES, confirmed=st.booleans(), data=st.data())
def test_the_order_of_the_rows_does_not_matter(
    fresh: Fresh, first: list[list[Any]], second: _File, confirmed: bool, data: st.DataObject
) -> None:
    one, other = fresh(), fresh()
    bring(one, as_csv("children", first))
    bring(other, as_csv("children", data.draw(st.permutations(first))))
    assert dump.canonical(one) == dump.canonical(other)
    kind, rows = second
    bring(one, as_csv(kind, rows, "|"), confirmed=confirmed)
    bring(other, as_csv(kind, data.draw(st.permutations(rows)), "|"), confirmed=confirmed)
    assert dump.canonical(one) == dump.canonical(other)
    one.close()
    other.close()


_DIGITS = st.text("0123456789", min_size=12, max_size=12)


@_LAW
@given(
    planted=st.lists(_DIGITS, min_size=2, max_size=6, unique=True),
    spoilt=st.sampled_from(["", "9", "X", " "]),
    status=st.sampled_from(["", "Ditolak", "tidak jelas"]),
)
def test_no_planted_number_leaves_the_import_in_the_clear(
    fresh: Fresh, caplog: pytest.LogCaptureFixture, planted: list[str], spoilt: str, status: str
) -> None:
    """Good rows and spoilt ones, applied, corrected and taken back: no NIK or No KK is in the files, the log or the output."""
    caplog.set_level(logging.DEBUG)
    db = fresh()
    rows = []
    for serial, digits in enumerate(planted, start=1):
        # twelve random digits in each number: nothing else in the database could look like them
        row = files.child(serial, number=f"{digits}{serial:04}{spoilt if serial % 2 else ''}", status=status)
        row[1] = f"{digits[::-1]}{serial + 100:04}{spoilt if serial % 3 == 0 else ''}"
        rows.append(row)
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        try:
            report = bring(db, files.csv_file(rows))
            renamed = [[*row[:3], f"BARU {row[3]}", *row[4:]] for row in rows]
            second = bring(db, files.csv_file(renamed), confirmed=True)
            print(document([report, second]), report, second)
            undo(db, second.batch or 0, by="sari", now=NOW)
        except Refused as refused:
            print(refused, repr(refused))
    stored = b"".join(path.read_bytes() for path in fresh.folder.glob("*.sqlite3*") if path.name in _names_of(db))
    db.close()
    assert b"import_change" in stored  # the right files were read
    shown = (out.getvalue() + caplog.text).encode() + stored
    caplog.clear()
    for row in rows:
        for number in (str(row[1]).strip(), str(row[2]).strip()):
            assert number.encode() not in shown
            assert number[:12].encode() not in shown


def _names_of(db: Database) -> set[str]:
    name = db.url.rsplit("/", 1)[-1]
    return {name, f"{name}-wal", f"{name}-shm"}
