"""The generated district as the office's own files: what a clerk exports, flaws included.

`children.xlsx` from the register (title rows, the register's column names), `phones.csv` from the forms (semicolons, a byte order
mark), `collections-<day>.xlsx` from the counter's book. The same district gives the same cells.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import xlsxwriter

from broadcaster.domain.card import CardStatus
from broadcaster.domain.dates import indonesian_date
from broadcaster.simulator.district import CollectionRecord, District
from broadcaster.simulator.district_names import BIRTH_PLACES
from broadcaster.simulator.district_people import SimChild, SimHousehold

_CHILD_HEADINGS = (
    "NO", "NO_KK", "NIK", "NAMA_LGKP", "JENIS_KLMIN", "TMPT_LHR", "TGL_LHR", "NAMA_LGKP_IBU", "NAMA_LGKP_AYAH", "ALAMAT",
    "KEL_NAME", "KEC_NAME", "STATUS KIA", "TGL PENGAJUAN", "TGL CETAK", "TGL AMBIL", "KET",
)  # fmt: skip
_COLLECTION_HEADINGS = ("No", "NIK", "Nama Anak", "Tgl Ambil", "Nama Pengambil")
_PHONE_HEADINGS = ("No", "No KK", "Nama Kepala Keluarga", "No HP", "Hub. dengan Anak")
_STATUS_WORDS: dict[CardStatus, tuple[str, ...]] = {
    CardStatus.NOT_REGISTERED: ("BELUM MEMILIKI KIA", "BELUM ADA", ""),
    CardStatus.APPLIED: ("PENGAJUAN BARU",),
    CardStatus.INCOMPLETE: ("BERKAS BELUM LENGKAP",),
    CardStatus.IN_PROCESS: ("PROSES", "DALAM PROSES"),
    CardStatus.PRINTED: ("SIAP DIAMBIL", "SUDAH DICETAK"),
    CardStatus.COLLECTED: ("SUDAH DIAMBIL",),
    CardStatus.EXPIRED: ("SUDAH DIAMBIL",),  # the card without photo: that it is over follows from the age
    CardStatus.REJECTED: ("DITOLAK",),
}
_UNTIDY = 0.05  # of the rows: written so that an import puts it right
_NO_PHONE_LISTED = 0.1  # of the families without a phone: in the list all the same, with a filler
_FILLERS = ("-", "0", "tidak ada", "(0737) 521234")


def write_office_files(district: District, folder: Path) -> tuple[Path, Path]:
    """`children.xlsx` and `phones.csv` in `folder` (made when missing)."""
    folder.mkdir(parents=True, exist_ok=True)
    children, phones = folder / "children.xlsx", folder / "phones.csv"
    write_children(district, children)
    write_phones(district, phones)
    return children, phones


def write_children(district: District, path: Path) -> None:
    """One row per child: the register on the eve of the district's start."""
    rng = Random(f"{district.seed} children")  # noqa: S311  (a simulation, no secret)
    until = district.start - timedelta(days=1)
    titles = (
        "PEMERINTAH KABUPATEN BENGKULU UTARA",
        "DINAS KEPENDUDUKAN DAN PENCATATAN SIPIL",
        f"DATA ANAK DAN KARTU IDENTITAS ANAK (KIA) PER {indonesian_date(until).upper()}",
    )
    pairs = [(home, child) for home in district.households for child in home.children]
    rows = [_child_row(rng, number, home, child) for number, (home, child) in enumerate(pairs, start=1)]
    _write_sheet(path, "DATA KIA", titles, _CHILD_HEADINGS, rows)


def write_phones(district: District, path: Path) -> None:
    """One row per family with a phone, and a few fillers."""
    rng = Random(f"{district.seed} phones")  # noqa: S311  (a simulation, no secret)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(_PHONE_HEADINGS)
        number = 0
        for home in district.households:
            filler = home.device is None and rng.random() < _NO_PHONE_LISTED
            written = rng.choice(_PHONE_FORMS)(home.device.phone) if home.device else rng.choice(_FILLERS)
            if home.device is not None or filler:
                number += 1
                writer.writerow((number, home.kk, home.father, written, rng.choice(("Ibu", "Ibu", "Ayah"))))


def write_collections(records: Iterable[CollectionRecord], path: Path, on: date) -> None:
    """The counter's book up to `on`: one row per card that was fetched."""
    rows = [
        (number, record.nik, record.name, record.collected_on, record.collector)
        for number, record in enumerate(records, start=1)
    ]
    titles = (f"BUKU PENGAMBILAN KIA SAMPAI {indonesian_date(on).upper()}",)
    _write_sheet(path, "PENGAMBILAN", titles, _COLLECTION_HEADINGS, rows)


def _child_row(rng: Random, number: int, home: SimHousehold, child: SimChild) -> Sequence[object]:
    untidy = _UNTIDY_FORMS[rng.randrange(len(_UNTIDY_FORMS))] if rng.random() < _UNTIDY else ""
    nik, kk = child.nik, home.kk
    village, kecamatan = home.place.name.upper(), home.place.kecamatan.upper()
    name, sex = child.name, child.sex
    born: object = child.born
    match untidy:
        case "nik":
            nik = f"{nik[:6]} {nik[6:12]} {nik[12:]}"
        case "kk":
            kk = f"'{kk}"
        case "village":
            village = f"DESA  {home.place.name.title()} " if home.place.kind == "desa" else f"Kel. {village.lower()}"
        case "name":
            name = f" {name.lower()}  "
        case "sex":
            sex = {"L": "LAKI-LAKI", "P": "PEREMPUAN"}[sex]
        case "born":
            born = rng.choice((f"{child.born:%d-%m-%Y}", f"{child.born:%d/%m/%Y}", indonesian_date(child.born)))
    match child.defect:
        case "nik_short":
            nik = nik.replace(" ", "")[:-1]
        case "birth_missing":
            born = ""
        case "village_unknown":
            village = "DUSUN BARU SEBERANG"
    return (
        number, kk, nik, name, sex, rng.choice(BIRTH_PLACES), born, home.mother, home.father, home.hamlet, village, kecamatan,
        rng.choice(_STATUS_WORDS[child.status]), child.applied_on or "", child.printed_on or "", child.collected_on or "", "",
    )  # fmt: skip


_UNTIDY_FORMS = ("nik", "kk", "village", "name", "sex", "born")

#: How people write one number: as it is, with dashes, with the country code, without the zero a spreadsheet ate.
_PHONE_FORMS: tuple[Callable[[str], str], ...] = (
    lambda e164: f"0{e164[3:]}",
    lambda e164: f"0{e164[3:]}",
    lambda e164: f"0{e164[3:6]}-{e164[6:10]}-{e164[10:]}",
    lambda e164: e164,
    lambda e164: e164[1:],
    lambda e164: f"+62 {e164[3:6]} {e164[6:10]} {e164[10:]}",
    lambda e164: e164[3:],
)


def _write_sheet(
    path: Path, name: str, titles: Sequence[str], headings: Sequence[str], rows: Iterable[Sequence[object]]
) -> None:
    """Title rows, an empty row, headings, data. Numbers of sixteen digits are text, days are real dates."""
    book: Any = xlsxwriter.Workbook(path, {"constant_memory": True, "default_date_format": "dd-mm-yyyy"})
    with book:
        sheet = book.add_worksheet(name)
        sheet.set_column(1, len(headings) - 1, 20)
        for number, title in enumerate(titles):
            sheet.write_string(number, 0, title)
        top = len(titles) + 1
        for column, heading in enumerate(headings):
            sheet.write_string(top, column, heading)
        for number, row in enumerate(rows, start=top + 1):
            for column, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(number, column, value)
                elif isinstance(value, int):
                    sheet.write_number(number, column, value)
                elif value:
                    sheet.write_string(number, column, str(value))
