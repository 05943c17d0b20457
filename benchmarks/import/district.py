"""A generated office file of children: the same rows for the same number and seed."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path
from random import Random

from broadcaster.domain.place import parse_places
from broadcaster.shipped import content_dir

TODAY = date(2026, 10, 5)
HEADINGS = (
    "No", "No. KK", "NIK", "Nama Lengkap", "JK", "Tgl. Lahir", "Desa/Kel", "Kecamatan", "Nama Ibu", "Nama Ayah", "No HP",
    "Status", "Tgl Pengajuan", "Tgl Cetak", "Tgl Ambil", "Ket",
)  # fmt: skip
_NAMES = (
    "Rizki", "Ayu", "Budi", "Siti", "Dewi", "Putra", "Agus", "Rina", "Yoga", "Nina", "Fajar", "Intan", "Arif", "Lestari",
    "Maya", "Hendra", "Wahyu", "Putri", "Eka",
)  # fmt: skip
_PREFIXES = ("0812", "0813", "0852", "0821", "0857")
_CHILDREN = (1, 1, 2, 2, 3)  # of one family
_OLDEST = timedelta(days=16 * 365)


def write(path: Path, rows: int, seed: int = 1) -> None:
    """A csv of `rows` children in families of one to three: a phone for nine families in ten, in several spellings; a card
    status for three children in four; no mistakes, since a mistake is cheaper than a child."""
    random = Random(seed)
    places = parse_places((content_dir() / "places" / "bengkulu_utara.csv").read_text(encoding="utf-8"))
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle, delimiter=";")
        writer.writerow(HEADINGS)
        count = family = 0
        while count < rows:
            family += 1
            place = random.choice(places)
            phone = _phone(random)
            mother, father = (f"{random.choice(_NAMES)} {random.choice(_NAMES)}" for _ in range(2))
            for _ in range(min(random.choice(_CHILDREN), rows - count)):
                count += 1
                sex = random.choice("LP")
                born = TODAY - timedelta(days=random.randrange(1, _OLDEST.days))
                writer.writerow(
                    (
                        count, f"1703070101{family:06}", _nik(random, born, sex, count),
                        f"{random.choice(_NAMES)} {random.choice(_NAMES)}", sex, f"{born:%d-%m-%Y}", place.name,
                        place.kecamatan, mother, father, phone, *_card(random, born), "",
                    )
                )  # fmt: skip


def _nik(random: Random, born: date, sex: str, count: int) -> str:
    # the region numbers the child, so that every NIK is another one
    day = born.day + (40 if sex == "P" else 0)
    region = f"{10 + count // 9_999 % 90:02}{random.randrange(1, 99):02}{count // 900_000:02}"
    return f"{region}{day:02}{born:%m%y}{count % 9_999 + 1:04}"


def _phone(random: Random) -> str:
    if random.random() < 0.1:
        return ""
    prefix, rest = random.choice(_PREFIXES), f"{random.randrange(10**7, 10**8)}"
    return random.choice(
        (f"{prefix}{rest}", f"{prefix}-{rest[:4]}-{rest[4:]}", f"62{prefix[1:]}{rest}", f"{prefix[1:]}{rest}")
    )


def _card(random: Random, born: date) -> tuple[str, str, str, str]:
    status = random.choice(("", "proses", "Siap diambil", "Sudah diambil"))
    day = f"{max(born, date(2026, 9, 1)):%d-%m-%Y}"
    return (
        status,
        "",
        day if status == "Siap diambil" else "",
        day if status == "Sudah diambil" else "",
    )
