"""What the office must say itself, who may do what, and what a password and a price must look like. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from rapidfuzz import process

from broadcaster.domain.message import ChannelKind
from broadcaster.domain.phone import local_form, read_phone
from broadcaster.errors import BadInput

#: Who acts when no person did: the command line on the server, a job.
SYSTEM = "sistem"

#: Roles and what people call them.
ROLES: dict[str, str] = {
    "operator": "operator",  #: imports files, prepares campaigns
    "approver": "penyetuju",  #: the second person who releases a campaign
    "replier": "penjawab",  #: answers what parents write
    "head": "kepala dinas",  #: reads everything, releases, decides
    "admin": "admin",  #: accounts and office facts
}
MAY_SET_FACTS = ("operator", "head", "admin")
MAY_EDIT_TEXTS = ("operator", "head", "admin")
MAY_MANAGE_STAFF = ("admin",)
MAY_MANAGE_RECIPIENTS = ("operator", "admin")

MIN_PASSWORD = 10  # characters; NIST SP 800-63B asks for at least 8 and for no composition rules
MAX_PASSWORD = 200
SESSION = timedelta(hours=12)  # a working day
MAX_TRIES = 5
TRY_WINDOW = timedelta(minutes=15)

_MAX_FACT = 200  # characters; a fact is part of a text
_USERNAME = re.compile(r"[a-z][a-z0-9._-]{1,31}")
_LINK = re.compile(r"://|\bwww\.|\b(?:wa|t)\.me\b|\.(?:com|net|org|id)\b", re.IGNORECASE)
_GOVERNMENT_SITE = re.compile(r"(?:[a-z0-9-]+\.)+go\.id")
_MAX_VISIT_TEXT = 80  # characters; place and hours of a visit are part of an SMS too


@dataclass(frozen=True)
class Fact:
    """One thing only the office knows. `label` and `example` are for staff; an empty required fact blocks sending."""

    key: str
    label: str
    example: str
    required: bool = True
    default: str = ""


_OFFICE = "Dukcapil Kab. Bengkulu Utara"
_BIRTH, _PARENTS, _PHOTO = "surat keterangan lahir, buku nikah", "KTP-el orang tua", "pas foto berwarna"
_PAPERS = "akta kelahiran asli dan fotokopi, KK asli"


def _rule(key: str, label: str, papers: str) -> Fact:
    """What to bring: the national rule (Permendagri 2/2016) until the office says that it asks for less."""
    return Fact(key, label, papers, required=False, default=papers)


FACTS: tuple[Fact, ...] = (
    Fact("nama_kantor", "Nama kantor di awal setiap pesan", _OFFICE, default=_OFFICE),
    Fact("tempat_ambil", "Tempat pengambilan kartu", "loket Dukcapil di Arga Makmur"),
    Fact("tempat_ambil.enggano", "Tempat pengambilan kartu untuk Kecamatan Enggano", "kantor Camat Enggano"),
    Fact("jam_layanan", "Hari dan jam layanan", "Senin-Kamis 08.00-15.00, Jumat 08.00-15.30"),
    Fact("syarat_ambil", "Yang harus dibawa saat mengambil kartu", "KTP-el orang tua dan KK asli"),
    Fact("nomor_wa_layanan", "Nomor WhatsApp layanan, tempat orang tua bertanya", "0812-3456-7890"),
    Fact("nomor_wa_pengirim", "Nomor WhatsApp pengirim pesan ini", "0812-3456-7891"),
    Fact("lama_selesai", "Lama pembuatan kartu", "3 hari kerja"),
    Fact("ukuran_foto", "Ukuran dan jumlah pas foto", "2x3 cm, 2 lembar", default="2x3 cm, 2 lembar"),
    _rule("syarat_lahir", "Syarat bayi baru lahir (akta, KK dan KIA sekaligus)", f"{_BIRTH}, KK dan {_PARENTS}"),
    _rule("syarat_baru", "Syarat anak di bawah 5 tahun yang sudah punya akta", f"{_PAPERS}, {_PARENTS}"),
    _rule(
        "syarat_foto", "Syarat anak 5 sampai 16 tahun (ukuran fotonya di ukuran_foto)", f"{_PAPERS}, {_PARENTS}, {_PHOTO}"
    ),
    _rule(
        "syarat_ganti", "Syarat penggantian pada usia 5 tahun (ukuran fotonya di ukuran_foto)",
        f"KIA lama bila ada, {_PAPERS}, {_PARENTS}, {_PHOTO}",
    ),
    _rule(
        "syarat_hilang", "Syarat mengganti kartu yang hilang atau rusak",
        "surat kehilangan dari kepolisian atau kartu yang rusak, KK asli",
    ),
    _rule("syarat_ktp", "Syarat perekaman KTP-el pada usia 17 tahun", "KK asli dan fotokopinya"),
    Fact("situs_kantor", "Situs resmi kantor, nama *.go.id saja", "bengkuluutarakab.go.id", required=False),
    Fact("kapasitas_harian", "Berapa orang dapat dilayani loket dalam satu hari", "50"),
)  # fmt: skip
_FACT: dict[str, Fact] = {fact.key: fact for fact in FACTS}
_VISIT = (
    Fact("place", "Tempat pelayanan keliling", "balai desa Karang Pulau"),
    Fact("hours", "Jam pelayanan keliling", "08.30-12.00 WIB"),
)


def fact_of(key: str) -> Fact:
    """The fact of that key; raises `BadInput` naming the nearest known key."""
    found = _FACT.get(key.strip().lower())
    if found is None:
        nearest = nearest_to(key, _FACT)
        raise BadInput(
            f"Isian kantor '{key}' tidak dikenal; mungkin maksudnya '{nearest}'. "
            "Lihat semuanya dengan `broadcaster office show`.",
            code="unknown_fact",
        )
    return found


def check_fact(key: str, value: str) -> str:
    """`value` as it is stored: one line, numbers in one form. The empty text empties the fact. Raises `BadInput`."""
    fact = fact_of(key)
    text = _one_line(fact, value, _MAX_FACT)
    return _CHECKS.get(fact.key, _no_link)(fact, text) if text else ""


def check_visit(on: date, place: str, hours: str, today: date) -> tuple[str, str]:
    """Place and hours of a visit on the day `on` as they are stored. Raises `BadInput`; `today` in the office's zone."""
    if on < today:
        raise BadInput(
            f"{on:%d-%m-%Y} sudah lewat; jadwal pelayanan keliling paling awal hari ini.", code="visit_in_the_past"
        )
    stored = []
    for fact, value in zip(_VISIT, (place, hours), strict=True):
        text = _no_link(fact, _one_line(fact, value, _MAX_VISIT_TEXT))
        if not text:
            raise BadInput(f"{fact.label} ({fact.key}) belum diisi; misalnya {fact.example}.", code="no_visit_text")
        stored.append(text)
    return stored[0], stored[1]


def check_price(channel: str, idr: int) -> None:
    """Raises `BadInput` for an unknown channel or a price that is no whole rupiah from 0 to a million."""
    if channel not in [kind.value for kind in ChannelKind]:
        raise BadInput(
            f"Saluran '{channel}' tidak dikenal; mungkin maksudnya '{nearest_to(channel, ChannelKind)}'.",
            code="unknown_channel",
        )
    if isinstance(idr, bool) or not isinstance(idr, int) or not 0 <= idr <= 1_000_000:
        raise BadInput(
            f"Harga {channel} harus bilangan bulat rupiah dari 0 sampai 1.000.000, bukan {idr}.", code="bad_price"
        )


def check_username(username: str) -> str:
    """The name in lower case; raises `BadInput`."""
    name = username.strip().lower()
    if not _USERNAME.fullmatch(name):
        raise BadInput(
            f"Nama pengguna '{username.strip()}' tidak dapat dipakai; "
            "pakai 2 sampai 32 huruf kecil, angka, titik atau garis, diawali huruf.",
            code="bad_username",
        )
    if name == SYSTEM:
        raise BadInput(f"Nama pengguna '{SYSTEM}' dipakai oleh program; pilih nama lain.", code="bad_username")
    return name


def check_role(role: str) -> str:
    """The role; raises `BadInput` naming the nearest."""
    if role not in ROLES:
        raise BadInput(
            f"Peran '{role}' tidak dikenal; mungkin maksudnya '{nearest_to(role, ROLES)}'. "
            f"Pilihan: {', '.join(ROLES)}.",
            code="unknown_role",
        )
    return role


def check_password(username: str, password: str) -> None:
    """Raises `BadInput` for a password that is too short, too long or the username."""
    if len(password) < MIN_PASSWORD:
        raise BadInput(
            f"Kata sandi terlalu pendek; pakai sedikitnya {MIN_PASSWORD} huruf, misalnya beberapa kata yang mudah Anda "
            "ingat.",
            code="short_password",
        )
    if len(password) > MAX_PASSWORD:
        raise BadInput(f"Kata sandi terlalu panjang; paling banyak {MAX_PASSWORD} huruf.", code="long_password")
    if password.strip().lower().startswith(username):
        raise BadInput("Kata sandi tidak boleh diawali nama pengguna; pilih yang lain.", code="weak_password")


def nearest_to(text: str, known: Iterable[str]) -> str:
    """The known word most like `text`."""
    choices = [str(word) for word in known]
    best = process.extractOne(text.strip().lower(), choices)
    return choices[0] if best is None else str(best[0])


def canonical(data: Mapping[str, object]) -> str:
    """JSON with one possible form: sorted keys, no spaces. Raises TypeError for what JSON cannot hold."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def chain_of(previous: str, *, at_micros: int, staff: str, action: str, entity: str, data: str) -> str:
    """The hash that ties an audit entry to the one before (`previous`, empty for the first). 64 hex digits."""
    entry = canonical({"at": at_micros, "staff": staff, "action": action, "entity": entity, "data": data})
    return hashlib.sha256((previous + entry).encode()).hexdigest()


def too_many_tries(tries: Iterable[datetime], now: datetime) -> bool:
    """Whether this name must wait: `tries` are the moments of its unsuccessful tries since it last came in."""
    return sum(1 for at in tries if now - at < TRY_WINDOW) >= MAX_TRIES


def _one_line(fact: Fact, value: str, most: int) -> str:
    # a template variable with a line break or a row of spaces is refused by WhatsApp
    text = " ".join(value.split())
    if len(text) > most:
        raise BadInput(
            f"{fact.label} ({fact.key}) terlalu panjang: {len(text)} huruf, paling banyak {most}; persingkat.",
            code="fact_too_long",
        )
    return text


def _no_link(fact: Fact, text: str) -> str:
    if _LINK.search(text):
        raise BadInput(
            f"{fact.label} ({fact.key}) tidak boleh berisi tautan, karena pesan bertautan mirip penipuan; hapus itu.",
            code="fact_has_link",
        )
    return text


def _site(fact: Fact, text: str) -> str:
    if not _GOVERNMENT_SITE.fullmatch(text.lower()):
        raise BadInput(
            f"{fact.label} ({fact.key}) hanya boleh nama situs pemerintah seperti {fact.example}, tanpa https:// dan tanpa "
            f"garis miring; bukan '{text}'.",
            code="bad_fact",
        )
    return text.lower()


def _whole_number(fact: Fact, text: str) -> str:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100_000):
        raise BadInput(
            f"{fact.label} ({fact.key}) harus bilangan bulat lebih dari 0, misalnya {fact.example}, bukan '{text}'.",
            code="bad_fact",
        )
    return str(int(text))


def _phone(fact: Fact, text: str) -> str:
    phone = read_phone(text)
    if phone.e164 is None or phone.kind not in ("mobile", "landline", "foreign"):
        raise BadInput(
            f"{fact.label} ({fact.key}) bukan nomor telepon: '{text}'; tulis misalnya {fact.example}.", code="bad_fact"
        )
    return local_form(phone.e164)


_CHECKS: dict[str, Callable[[Fact, str], str]] = {
    "kapasitas_harian": _whole_number,
    "nomor_wa_layanan": _phone,
    "nomor_wa_pengirim": _phone,
    "situs_kantor": _site,
}
