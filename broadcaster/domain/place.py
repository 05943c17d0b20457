"""Desa and kelurahan, found by what an office file gives. Names repeat between kecamatan, so both are needed."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

from broadcaster.domain.people import APOSTROPHES, tidy
from broadcaster.errors import BadInput

#: Families of Enggano are served on the island, everybody else at the office in Arga Makmur.
_CAPACITY_PLACES = {"17.03.01": "enggano"}
_OFFICE = "kantor"


@dataclass(frozen=True)
class Place:
    """One desa or kelurahan by its Kemendagri code, `17.03.07.2001`.

    `capacity_place`: the counter that serves it, `kantor` or `enggano`. `weak_signal`: paper and SMS come first there.
    """

    code: str
    name: str
    kind: str  # desa | kelurahan
    kecamatan_code: str
    kecamatan: str
    capacity_place: str = _OFFICE
    weak_signal: bool = False

    def __str__(self) -> str:
        """As a suggestion shows it: `Suka Makmur (Kec. Giri Mulya)`."""
        return f"{self.name} (Kec. {self.kecamatan})"


@dataclass(frozen=True)
class Match:
    """The place; or why there is none (a key of `PROBLEMS`), and which ones may be meant: the office chooses."""

    place: Place | None
    problem: str | None = None
    suggestions: tuple[Place, ...] = ()


#: `Match.problem` -> the sentence for staff, without the value.
PROBLEMS: dict[str, str] = {
    "kecamatan_missing": "Kecamatan kosong; isi kecamatannya, karena ada desa yang namanya sama di kecamatan lain.",
    "kecamatan_unknown": "Kecamatan ini tidak ada di Bengkulu Utara; periksa ejaannya.",
    "desa_missing": "Desa/kelurahan kosong; isi nama atau kode desanya.",
    "desa_unknown": "Desa/kelurahan ini tidak ada di kecamatan tersebut; periksa ejaannya.",
    "desa_elsewhere": "Desa/kelurahan ini ada di kecamatan lain, bukan di kecamatan yang tertulis; periksa keduanya.",
    "code_unknown": "Kode desa ini tidak ada di Bengkulu Utara; pakai kode Kemendagri, misalnya 17.03.07.2001.",
}

_COLUMNS = ("code", "name", "kind", "kecamatan_code", "kecamatan", "weak_signal")
_CODE = re.compile(r"\d{2}\.\d{2}\.\d{2}\.\d{4}", re.ASCII)
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}
_SUGGESTIONS, _LIKENESS = 3, 0.7
_TITLES = re.compile(r"(?:kecamatan|kec|desa|ds|kelurahan|kel)\b[\s.:]*", re.IGNORECASE)
_NUMBER_CELL = re.compile(r"(\d+)(?:[.,]0)?", re.ASCII)  # 7, 07 or 7.0
#: Names in daily use beside the official one.
_OTHER_NAMES = {"argamakmur": "kotaargamakmur", "margasaktiseblat": "margasaktisebelat"}


@lru_cache(maxsize=8192)
def fold(name: str) -> str:
    """A name without what clerks vary: case, spaces, punctuation, accents, and Roman or Arabic numbers at its end.

    `Air Ba'us I`, `AIR BAUS  1` and `air ba`us-i` are all `airbaus1`. Only a-z and 0-9 remain; folding twice changes
    nothing.
    """
    joined = "".join(c for c in tidy(name) if c not in APOSTROPHES)
    plain = unicodedata.normalize("NFKD", joined).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    if len(words) > 1:
        words[-1] = _ROMAN.get(words[-1], words[-1])
    return "".join(words)


def match(kecamatan: str, desa: str, places: Sequence[Place]) -> Match:
    """Find a village by kecamatan and name, or by code; never by name across kecamatan. For many rows use `matcher`.

    Names may carry `Kec.`, `Desa`, `Kel.` in front. Codes: the whole one in `desa` (`17.03.07.2001` or `1703072001`;
    the kecamatan may then be empty, and must agree when it is not), or the register's two numbers, NO_KEC `7` and
    NO_KEL `2001`.
    """
    return _look_up(_index(places), tidy(kecamatan), tidy(desa))


def matcher(places: Sequence[Place]) -> Callable[[str, str], Match]:
    """`match` over a fixed list of places; remembers the spellings it has looked up, for a file holds few."""
    index = _index(places)

    @lru_cache(maxsize=8192)
    def look_up(kecamatan: str, desa: str) -> Match:
        return _look_up(index, tidy(kecamatan), tidy(desa))

    return look_up


@dataclass(frozen=True)
class _Index:
    district: str  # 17.03
    by_code: dict[str, Place]
    by_name: dict[tuple[str, str], Place]  # (kecamatan code, folded name): names are unique inside a kecamatan
    kecamatan: dict[str, str]  # folded name -> code


def _index(places: Sequence[Place]) -> _Index:
    return _Index(
        district=places[0].code[:5] if places else "",
        by_code={place.code: place for place in places},
        by_name={(place.kecamatan_code, fold(place.name)): place for place in places},
        kecamatan={fold(place.kecamatan): place.kecamatan_code for place in places},
    )


def _look_up(index: _Index, kecamatan: str, desa: str) -> Match:
    kecamatan_code = _kecamatan_code(index, kecamatan)
    name = _folded(desa)
    if kecamatan and kecamatan_code is None:
        return Match(None, "kecamatan_unknown", _in_similar_kecamatan(index, _folded(kecamatan), name))
    if code := _village_code(kecamatan_code, desa):
        place = index.by_code.get(code)
        if place is None:
            return Match(None, "code_unknown")
        if kecamatan_code not in (None, place.kecamatan_code):
            return Match(None, "desa_elsewhere", (place,))
        return Match(place)
    if not name:
        return Match(None, "desa_missing")
    namesakes = tuple(place for (_, folded), place in index.by_name.items() if folded == name)
    if kecamatan_code is None:
        return Match(None, "kecamatan_missing", namesakes)
    if place := index.by_name.get((kecamatan_code, name)):
        return Match(place)
    similar = _similar(index, kecamatan_code, name)
    return Match(None, "desa_elsewhere" if namesakes else "desa_unknown", similar + namesakes)


def _kecamatan_code(index: _Index, text: str) -> str | None:
    if number := _NUMBER_CELL.fullmatch(text):
        digits = number.group(1)
        code = f"{index.district}.{digits:0>2}" if len(digits) <= 2 else _dotted(digits)
    else:
        folded = _folded(text)
        code = index.kecamatan.get(_OTHER_NAMES.get(folded, folded), text)
    return code if code in index.kecamatan.values() else None


def _village_code(kecamatan_code: str | None, desa: str) -> str | None:
    """The whole code that `desa` gives or completes; None when it is a name."""
    if _CODE.fullmatch(desa):
        return desa
    number = _NUMBER_CELL.fullmatch(desa)
    if number is None:
        return None
    digits = number.group(1)
    if len(digits) == 4 and kecamatan_code is not None:
        return f"{kecamatan_code}.{digits}"
    return _dotted(digits) if len(digits) == 10 else None


def _similar(index: _Index, kecamatan_code: str, name: str) -> tuple[Place, ...]:
    """Villages of one kecamatan whose names look like `name`, best first."""
    known = [folded for code, folded in index.by_name if code == kecamatan_code]
    near = get_close_matches(name, known, n=_SUGGESTIONS, cutoff=_LIKENESS)
    return tuple(index.by_name[kecamatan_code, folded] for folded in near)


def _in_similar_kecamatan(index: _Index, kecamatan: str, name: str) -> tuple[Place, ...]:
    """Villages of exactly that name in kecamatan whose names look like `kecamatan`, best first."""
    near = get_close_matches(kecamatan, index.kecamatan, n=_SUGGESTIONS, cutoff=_LIKENESS)
    keys = [(index.kecamatan[folded], name) for folded in near]
    return tuple(index.by_name[key] for key in keys if key in index.by_name)


def parse_places(text: str) -> list[Place]:
    """Read the text of `content/places/*.csv`; raises `BadInput` with the line and the fix."""
    rows = csv.DictReader(text.removeprefix("\ufeff").splitlines())
    missing = [column for column in _COLUMNS if column not in (rows.fieldnames or ())]
    if missing:
        raise BadInput(f"Daftar desa: kolom {', '.join(missing)} tidak ada di baris judul.", code="bad_places")
    found: dict[str, Place] = {}
    for row in rows:
        where = f"Daftar desa, baris {rows.line_num}"
        # a line that is too short has None, one that is too long has a list under the key None
        values = {column: (row[column] or "").strip() for column in _COLUMNS}
        code, kecamatan_code = values["code"], values["kecamatan_code"]
        if not (_CODE.fullmatch(code) and code.startswith(f"{kecamatan_code}.") and len(kecamatan_code) == 8):
            raise BadInput(f"{where}: code harus seperti 17.03.07.2001, diawali kecamatan_code.", code="bad_places")
        if code in found:
            raise BadInput(f"{where}: kode {code} tertulis dua kali.", code="bad_places")
        if not (values["name"] and values["kecamatan"]):
            raise BadInput(f"{where}: nama desa atau kecamatan kosong.", code="bad_places")
        if values["kind"] not in ("desa", "kelurahan") or values["weak_signal"] not in ("0", "1"):
            raise BadInput(f"{where}: kind harus desa atau kelurahan, weak_signal harus 0 atau 1.", code="bad_places")
        found[code] = Place(
            code=code,
            name=values["name"],
            kind=values["kind"],
            kecamatan_code=kecamatan_code,
            kecamatan=values["kecamatan"],
            capacity_place=_CAPACITY_PLACES.get(kecamatan_code, _OFFICE),
            weak_signal=values["weak_signal"] == "1",
        )
    return list(found.values())


def load_places(path: Path) -> list[Place]:
    """`parse_places` of a file."""
    return parse_places(path.read_text(encoding="utf-8"))


def _folded(text: str) -> str:
    """`fold` without a leading Kec., Desa, Kel.; a name that is nothing but such a word keeps it."""
    return fold(_TITLES.sub("", text, count=1) or text) if _TITLES.match(text) else fold(text)


def _dotted(digits: str) -> str:
    """`170307` -> `17.03.07`, `1703072001` -> `17.03.07.2001`."""
    pairs = [digits[0:2], digits[2:4], digits[4:6], digits[6:]]
    return ".".join(part for part in pairs if part)
