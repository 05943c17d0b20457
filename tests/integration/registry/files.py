"""Office files for the tests of the registry: rows of people with sensible defaults, written as xlsx or csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date
from typing import Any

import xlsxwriter

from broadcaster.registry.reader import Source

CHILD_HEADINGS = (
    "No", "No. KK", "NIK", "Nama Lengkap", "JK", "Tgl. Lahir", "Desa/Kel", "Kecamatan", "Nama Ibu", "Nama Ayah", "No HP",
    "Status", "Tgl Pengajuan", "Tgl Cetak", "Tgl Ambil", "Ket",
)  # fmt: skip
PHONE_HEADINGS = ("No", "NIK", "No KK", "No HP")
COLLECTION_HEADINGS = ("No", "NIK", "Status", "Tgl Pengajuan", "Tgl Cetak", "Tgl Ambil", "Keterangan")


def nik(born: date, sex: str = "L", serial: int = 1) -> str:
    day = born.day + (40 if sex == "P" else 0)
    return f"170307{day:02}{born:%m%y}{serial:04}"


def kk(family: int) -> str:
    return f"17030701012{family:05}"


def child(
    serial: int = 1,
    *,
    family: int | None = 1,
    born: date = date(2020, 3, 14),
    written: Any = None,
    sex: str = "L",
    name: str = "RIZKI PRATAMA",
    desa: str = "Gunung Alam",
    kecamatan: str = "Kota Arga Makmur",
    mother: str = "SITI AMINAH",
    father: str = "BUDI SANTOSO",
    phone: Any = "",
    status: str = "",
    applied: Any = "",
    printed: Any = "",
    collected: Any = "",
    note: str = "",
    number: Any = None,
) -> list[Any]:
    """One row under `CHILD_HEADINGS`. `written`: how the birth date stands in the cell; `number`: the cell of the NIK."""
    return [
        serial, "" if family is None else kk(family), nik(born, sex, serial) if number is None else number, name, sex,
        f"{born:%d-%m-%Y}" if written is None else written, desa, kecamatan, mother, father, phone, status, applied, printed,
        collected, note,
    ]  # fmt: skip


def xlsx(
    rows: Sequence[Sequence[Any]],
    headings: Sequence[str] = CHILD_HEADINGS,
    *,
    titles: Sequence[str] = (),
    name: str = "data.xlsx",
    sheet: str = "Data",
) -> Source:
    """A workbook: titles, headings, rows. Numbers become numeric cells, dates real date cells, "" nothing at all."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True, "default_date_format": "dd/mm/yyyy"})
    page = book.add_worksheet(sheet)
    for number, row in enumerate([[title] for title in titles] + [list(headings)] + [list(row) for row in rows]):
        for column, value in enumerate(row):
            if isinstance(value, date):
                page.write_datetime(number, column, value)
            elif isinstance(value, str):
                page.write_string(number, column, value) if value else None
            else:
                page.write(number, column, value)
    book.close()
    return Source(name, buffer.getvalue())


def csv_text(rows: Sequence[Sequence[Any]], headings: Sequence[str] = CHILD_HEADINGS, delimiter: str = ";") -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter).writerows([headings, *rows])
    return buffer.getvalue()


def csv_file(
    rows: Sequence[Sequence[Any]],
    headings: Sequence[str] = CHILD_HEADINGS,
    *,
    name: str = "data.csv",
    delimiter: str = ";",
) -> Source:
    return Source(name, csv_text(rows, headings, delimiter).encode())
