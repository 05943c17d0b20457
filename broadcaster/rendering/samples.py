"""Families as they really occur, for looking at a wording: they go through the same rules as families of the register."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType

from sqlmodel import Session

from broadcaster.errors import NotFound
from broadcaster.rendering.form import nearest
from broadcaster.rendering.values import Imagined, Values, values_of_imagined


@dataclass(frozen=True)
class Sample:
    """`key` stands in addresses, `label` is for staff; names as a register writes them."""

    key: str
    label: str
    village: str
    parent: str
    children: tuple[str, ...]
    place: str = "kantor"
    shared: bool = False


SAMPLES: tuple[Sample, ...] = (
    Sample("satu-anak", "Satu anak", "Desa Karang Pulau", "SRI WAHYUNI", ("RIZKI PRATAMA",)),
    Sample(
        "tiga-anak", "Tiga anak", "Kelurahan Gunung Alam", "EKO PURNOMO", ("SITI AISYAH", "BUDI SANTOSO", "M. ARIF")
    ),
    Sample("nomor-bersama", "Nomor dipakai bersama", "Desa Air Ba'us I", "MARLINA", ("YUSUF",), shared=True),
    Sample(
        "nama-panjang", "Nama panjang", "Desa Tanjung Kemenyan Hulu", "MUHAMMAD TAUFIK HIDAYATULLAH PRAWIRANEGARA",
        ("MUH. ABDURRAHMANSYAH AL GHIFARI",),
    ),
    Sample("enggano", "Enggano", "Desa Malakoni", "YOHANA KAARUBI", ("MARKUS",), place="enggano"),
)  # fmt: skip
USUAL = SAMPLES[0].key

#: Occasion -> ages in days that up to three children have while it holds.
_AGES: Mapping[str, tuple[int, int, int]] = MappingProxyType(
    {
        "newborn": (20, 20, 20),
        "no_card_under_5": (1500, 800, 300),
        "turning_five": (1790, 1790, 1790),
        "expired_at_five": (1860, 1860, 1860),
        "no_card_5_to_16": (4000, 3000, 2200),
        "printed_uncollected": (2900, 1700, 400),
        "turning_seventeen": (6150, 6150, 6150),
    }
)
_ANY = "printed_uncollected"


def sample_of(key: str) -> Sample:
    """The sample of that key; raises `NotFound` naming the nearest."""
    found = next((sample for sample in SAMPLES if sample.key == key), None)
    if found is None:
        known = [sample.key for sample in SAMPLES]
        raise NotFound(f'Tidak ada contoh keluarga "{key}"{nearest(key, known)}; pilihan: {", ".join(known)}.')
    return found


def sample_values(session: Session, sample: Sample, occasion: str, today: date) -> Values:
    """What a text to this family would be filled with, while `occasion` holds ("" = any)."""
    ages = _AGES.get(occasion, _AGES[_ANY])
    family = Imagined(
        village=sample.village,
        capacity_place=sample.place,
        parent=sample.parent,
        children=tuple(
            (name, today - timedelta(days=age), occasion) for name, age in zip(sample.children, ages, strict=False)
        ),
        shared=sample.shared,
    )
    return values_of_imagined(session, family, today)
