"""What an import can find wrong, and the sentence staff read about it. docs/import.md lists every code.

A value is shown masked: no NIK, No KK or phone number leaves the import whole, not even in a rejected row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from broadcaster.domain.people import NIK_PROBLEMS
from broadcaster.domain.phone import PROBLEMS as PHONE_PROBLEMS
from broadcaster.domain.place import PROBLEMS as PLACE_PROBLEMS

Severity = Literal["error", "warning", "fixed"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `row` is the sheet's own row number, or None when it is about the whole file."""

    row: int | None
    column: str  # the heading as written in the file; "" when it is about the row or the file
    code: str
    severity: Severity
    value_masked: str
    message: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """What the file says and the register contradicts: not applied, the row is otherwise good."""

    row: int
    code: str
    message: str


#: The whole file: nothing of it can be applied.
FILE_ERRORS: dict[str, str] = {
    "no_headings": "Baris judul kolom tidak ditemukan; tulis judul seperti NIK, Nama, Tanggal Lahir di atas datanya."
    " Yang terbaca: {found}.",
    "columns_missing": "Kolom {missing} tidak ditemukan; judul yang terbaca: {found}. Perbaiki judulnya, lalu"
    " impor lagi.",
    "kind_unknown": "Jenis berkas tidak dikenali dari judul kolomnya ({found}); pilih jenisnya: data anak, nomor HP,"
    " atau pengambilan kartu.",
    "column_unclear": "Ada beberapa kolom yang sama-sama berjudul {field}: {titles}; pilih salah satu di peta kolom"
    " (--map), atau ganti judul yang lain.",
    "no_rows": "Tidak ada baris data di bawah judul kolom; periksa lembar yang dipakai, lalu impor lagi.",
}

#: About the whole file, and it goes on.
FILE_WARNINGS: dict[str, str] = {
    "already_applied": "Berkas yang sama sudah diimpor (impor nomor {batch}); tidak ada yang diubah lagi.",
    "column_twice": "Ada beberapa kolom untuk {field}; yang dipakai kolom {used}, kolom {left} diabaikan.",
    "kk_column_missing": "Kolom No KK tidak ada, jadi saudara sekandung hanya dapat digabung lewat nomor HP; lebih baik"
    " sertakan kolom No KK.",
    "hidden_rows": "Ada {count} baris tersembunyi (disaring atau disembunyikan di Excel); baris itu ikut dibaca. Hapus"
    " barisnya jika tidak dimaksud.",
    "other_sheets": "Lembar lain ({sheets}) tidak dibaca; simpan tiap lembar sebagai berkas sendiri, lalu impor juga.",
}

#: The row is rejected.
ERRORS: dict[str, str] = {
    "nik_missing": "NIK kosong; isi 16 angka NIK anak dari Kartu Keluarga.",
    "nik_number": "NIK tersimpan sebagai angka sehingga angka akhirnya bisa berubah; simpan kolom NIK sebagai teks, lalu"
    " isi ulang.",
    "nik_zeroes": "Hampir semua NIK di berkas ini berakhir dengan 0, tanda angka akhirnya hilang di Excel; simpan kolom"
    " NIK sebagai teks, lalu isi ulang.",
    **{f"nik_{code}": NIK_PROBLEMS[code] for code in ("digits", "length", "filler", "lost_digit")},
    "kk_number": "No KK tersimpan sebagai angka sehingga angka akhirnya bisa berubah; simpan kolom No KK sebagai teks,"
    " lalu isi ulang.",
    "kk_digits": "No KK memuat tanda selain angka; tulis 16 angka saja.",
    "kk_length": "No KK tidak berisi 16 angka; periksa kembali di Kartu Keluarga.",
    "kk_filler": "No KK ini angka pengisi; isi nomor yang sebenarnya atau kosongkan.",
    "kk_zeroes": "Hampir semua No KK di berkas ini berakhir dengan 0, tanda angka akhirnya hilang di Excel; simpan kolom"
    " No KK sebagai teks, lalu isi ulang.",
    "name_missing": "Nama anak kosong; isi nama seperti di akta kelahiran.",
    "birth_missing": "Tanggal lahir kosong; isi hari, bulan, tahun, misalnya 24-11-2020.",
    "birth_unreadable": "{detail}",
    "birth_future": "Tanggal lahir lebih baru dari hari ini; periksa tahunnya.",
    "seventeen": "Anak ini sudah berumur 17 tahun atau lebih, jadi mengurus KTP-el, bukan KIA; baris tidak dipakai.",
    "phone_missing": "Nomor HP kosong; isi nomor HP orang tua atau hapus baris ini.",
    "person_missing": "NIK dan No KK kosong; isi salah satunya supaya nomor HP ini jelas milik keluarga siapa.",
    "person_unknown": "NIK dan No KK ini belum ada di data anak; impor dahulu data anaknya atau periksa nomornya.",
    "child_unknown": "NIK ini belum ada di data anak; impor dahulu data anaknya atau periksa NIK-nya.",
    "formula": "Sel ini berisi rumus lembar kerja, bukan isian; ketik nilainya sebagai teks.",
    "event_missing": "Status dan tanggal kartu kosong; isi status atau tanggalnya.",
}

#: About a card's status or dates: an error where the row is about nothing else, a warning in a file of children.
EVENTS: dict[str, str] = {
    "status_unknown": "Status kartu tidak dikenal; pakai misalnya: proses, siap diambil, sudah diambil, ditolak.",
    "event_unreadable": "{detail}",
    "event_future": "Tanggal ini lebih baru dari hari ini; periksa tahunnya.",
    "event_before_birth": "Tanggal ini lebih lama dari tanggal lahir anak; periksa tahunnya.",
    "event_after_seventeen": "Pada tanggal ini anak sudah berumur 17 tahun, jadi bukan urusan KIA; periksa tanggalnya.",
}

#: A cell of a phone column: an error in a file of phones, where the number is what the row is for; else a warning.
PHONES: dict[str, str] = {f"phone_{code}": sentence for code, sentence in PHONE_PROBLEMS.items()} | {
    "phone_landline": "Ini nomor telepon rumah atau kantor, tidak dapat menerima WA atau SMS; isi nomor HP orang tua.",
    "phone_foreign": "Ini nomor luar negeri, tidak dikirimi pesan; isi nomor HP Indonesia.",
    "phone_id_number": "Ini 16 angka seperti NIK atau nomor KK, bukan nomor HP; isi nomor HP orang tua.",
    "phone_date": "Sel ini berisi tanggal, bukan nomor telepon; isi nomor HP orang tua.",
    "phone_everywhere": "Nomor ini tertulis di {count} baris, jadi bukan nomor keluarga ini; tidak dipakai. Isi nomor HP orang"
    " tua atau kosongkan.",
}

#: Desa and kecamatan: the sentences of the place list, with what may be meant.
PLACES: dict[str, str] = {code: sentence + "{suggestions}" for code, sentence in PLACE_PROBLEMS.items()}

#: The row is used; somebody should look.
WARNINGS: dict[str, str] = {
    "nik_birth_date": NIK_PROBLEMS["birth_date"],
    "nik_sex": NIK_PROBLEMS["sex"],
    "sex_unknown": "Jenis kelamin tidak terbaca; tulis L atau P.",
    "kk_missing": "No KK kosong; keluarga ini hanya dapat digabung lewat nomor HP.",
    "guardian_missing": "Nama ibu, ayah dan wali kosong; pesan akan menyebut nama anaknya.",
    "deceased": "Keterangan menyebut anak ini meninggal; keluarganya tidak akan dikirimi pesan tentang anak ini.",
    "moved": "Keterangan menyebut anak ini pindah; keluarganya tidak akan dikirimi pesan tentang anak ini.",
    "event_date_missing": "Status ini tanpa tanggal; dipakai tanggal data, {day}. Lebih baik isi tanggalnya.",
    "event_order": "Urutan tanggal kartu tidak wajar (diambil sebelum dicetak, atau dicetak sebelum diajukan).",
    "status_turned_back": "Di data sebelumnya kartu ini berstatus {known}; atas konfirmasi petugas dikembalikan menjadi {told}.",
    "same_child": "NIK ini juga ada di baris {rows}; baris-baris itu digabung menjadi satu anak.",
}

#: Put right by the import.
FIXED: dict[str, str] = {
    "nik_cleaned": "NIK memuat spasi atau tanda baca; dibersihkan menjadi 16 angka.",
    "kk_cleaned": "No KK memuat spasi atau tanda baca; dibersihkan menjadi 16 angka.",
    "control_characters": "Sel ini memuat tanda kendali yang tidak terlihat; tanda itu dihapus.",
    "phone_zero_added": "Angka 0 di depan nomor HP hilang (biasanya karena Excel); ditambahkan kembali.",
}

CONFLICTS: dict[str, str] = {
    "status_back": "Di data sekarang kartu ini sudah berstatus {known}, berkas menyebut {told}; status tidak"
    " dimundurkan. Periksa mana yang benar.",
    "date_differs": "Di data sekarang kartu ini {known} tanggal {known_day}, berkas menyebut {told_day}; tanggal lama"
    " dipertahankan. Periksa mana yang benar.",
    "kk_moved": "Anak ini tercatat di keluarga lain daripada pemilik No KK di baris ini; ia tetap di keluarga semula."
    " Periksa No KK-nya.",
}

_SEVERITY: dict[str, Severity] = {
    **dict.fromkeys(FILE_ERRORS, "error"),
    **dict.fromkeys(FILE_WARNINGS, "warning"),
    **dict.fromkeys(ERRORS, "error"),
    **dict.fromkeys(EVENTS, "warning"),
    **dict.fromkeys(PHONES, "warning"),
    **dict.fromkeys(PLACES, "error"),
    **dict.fromkeys(WARNINGS, "warning"),
    **dict.fromkeys(FIXED, "fixed"),
}
_SENTENCES = FILE_ERRORS | FILE_WARNINGS | ERRORS | EVENTS | PHONES | PLACES | WARNINGS | FIXED

#: Every code a problem or a conflict may carry.
CODES = frozenset(_SENTENCES) | frozenset(CONFLICTS)


def problem(
    code: str,
    row: int | None = None,
    column: str = "",
    value: str = "",
    *,
    severity: Severity | None = None,
    **parts: object,
) -> Problem:
    """A finding with its sentence filled in; `value` must be masked already."""
    return Problem(row, column, code, severity or _SEVERITY[code], value, _SENTENCES[code].format(**parts))


def conflict(code: str, row: int, **parts: object) -> Conflict:
    return Conflict(row, code, CONFLICTS[code].format(**parts))


_DIGITS = re.compile(r"\d")
_LONG_NUMBER = re.compile(r"\d(?:[ .\-/]?\d){8,}")
_SHOWN = 40  # characters of a cell that a report repeats


def mask_number(text: str) -> str:
    """A NIK, No KK or phone number with all but its last two digits hidden: `••••••••••••••01`."""
    left = len(_DIGITS.findall(text)) - 2

    def hide(match: re.Match[str]) -> str:
        nonlocal left
        left -= 1
        return "•" if left >= 0 else match[0]

    return _DIGITS.sub(hide, text[:_SHOWN])


def mask_heading(text: str) -> str:
    """A heading in full, for it must be found again; long numbers in it are hidden."""
    return _LONG_NUMBER.sub(lambda match: mask_number(match[0]), text)


def mask_text(text: str) -> str:
    """Any other cell, cut to 40 characters; numbers of nine and more digits in it are hidden like a NIK."""
    return mask_heading(text)[:_SHOWN]
