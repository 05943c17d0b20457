"""Files whose cells are broken: numbers, dates, phones, villages, families, formulas, columns that must be asked about."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from tests.corpus import writers
from tests.corpus.case import BORN, HEADINGS, Case, book, families, text
from tests.integration.registry import files

SIAK = ("NO_KK", "NIK", "NAMA_LGKP", "JENIS_KLMIN", "TMPT_LHR", "TGL_LHR", "NAMA_LGKP_IBU", "NAMA_LGKP_AYAH", "ALAMAT",
        "NO_RT", "NO_RW", "NO_PROP", "NO_KAB", "NO_KEC", "NO_KEL")  # fmt: skip
NIK = files.nik(BORN)


def siak(kec: Any, kel: Any, serial: int = 1) -> list[Any]:
    return [files.kk(serial), files.nik(BORN, serial=serial), "RIZKI", "1", "ARGA MAKMUR", "2020-03-14", "SITI", "BUDI", "JL A",
            "001", "002", 17, 3, kec, kel]  # fmt: skip


def _dates() -> list[list[Any]]:
    """Every form of one day, 14 March 2020."""
    forms: list[Any] = [
        "14-03-2020", "14/03/2020", "14/3/20", "14.03.2020", "2020-03-14", "2020/03/14", "14 Maret 2020", "14 mar 2020",
        "14-MAR-20", "14 Mrt 2020", "Sabtu, 14 Maret 2020", "14-03-2020 00:00:00", "43904", 43904, date(2020, 3, 14),
        "ARGA MAKMUR, 14-03-2020", "PAL 30, 14 Maret 2020", " 14-03-2020 ",
    ]  # fmt: skip
    return [files.child(n, family=n, written=form) for n, form in enumerate(forms, start=1)]


def _bad_dates() -> list[list[Any]]:
    forms: list[Any] = [
        "31-02-2020",
        "03/14/2020",
        "14-13-2020",
        "tahun 2020",
        "14-03",
        "",
        "05-10-2027",
        2020,
        "32/01/2020",
    ]
    return [files.child(n, family=n, written=form) for n, form in enumerate(forms, start=1)]


def _phones() -> list[list[Any]]:
    """The policy P1-P15 of domain.phone, one cell each."""
    cells: list[Any] = [
        "0812-3456-7801", "62812345678 02", "+62(0)81234567803", "0062 812 3456 7804", 81234567805, "81234567806.0",
        "8.12345678070E+11", "'081234567808", "HP. 081234567809", "wa.me/6281234567810", "081234567811/085267890123",
        "081234567812 atau 081234567813",
        "8.12346E+11", "0812345", "08123456789012345", "0842198765432", "0737521234", "110", "+60123456789", "0812345678O1",
        NIK, "#REF!", "626281234567890", "0812****7890", "0000000000", "081111111111", "-", "0", "tidak ada", "TIDAK PUNYA HP",
        date(2020, 1, 1), "0812345678ext2",
    ]  # fmt: skip
    return [files.child(n, family=n, phone=cell) for n, cell in enumerate(cells, start=1)]


def _villages() -> list[list[Any]]:
    pairs = [
        ("Gunung Alm", "Kota Arga Makmur"), ("GUNUNG  ALAM", "ARGA MAKMUR"), ("Desa Air Ba`us 1", "Hulu Palik"),
        ("Suka Makmur", "Giri Mulya"), ("Suka Makmur", "Marga Sakti Sebelat"), ("Suka Makmur", "Lais"),
        ("Air Padang", "Air Padang"), ("Gunung Alam", "Curup"), ("", "Lais"), ("Gunung Alam", ""),
        ("Kel. Gunung Alam", "Kec. Kota Arga Makmur"), ("17.03.07.1027", ""), ("17.03.07.9999", ""),
        ("17.03.07.1027", "Lais"),
    ]  # fmt: skip
    return [files.child(n, family=n, desa=desa, kecamatan=kec) for n, (desa, kec) in enumerate(pairs, start=1)]


def _niks() -> list[list[Any]]:
    cells: list[Any] = [
        "", "170307140320001", "17030714032000011", "1703071403200O01", "1111111111111111", "1703071403200000",
        1703071403200007, "1,70307E+15", "1703 0714 0320 0009", "17.03.07.140320.0010", "'1703071403200011",
        files.nik(BORN, "P", 12), files.nik(BORN + timedelta(days=1), "L", 13), "1703174203200014",
    ]  # fmt: skip
    return [files.child(n, family=n, number=cell) for n, cell in enumerate(cells, start=1)]


def _kks() -> list[list[Any]]:
    cells: list[Any] = ["", "170307010120001", 1703070101200002, "1703 0701 0120 0003", "17030701012000O4", "0000000000000000",
                        "1.70307E+15"]  # fmt: skip
    rows = [files.child(n) for n in range(1, len(cells) + 1)]
    for row, cell in zip(rows, cells, strict=True):
        row[1] = cell
    return rows


def _lost_digits(field: int) -> list[list[Any]]:
    rows = families(25)
    for n, row in enumerate(rows):
        row[field] = f"17030714032{n + 1:04}0"
    return rows


def _statuses() -> list[list[Any]]:
    told: list[dict[str, Any]] = [
        {"status": "Siap diambil", "printed": "01-09-2026"}, {"status": "selesai"}, {"status": "SUDAH DIAMBIL", "collected": "31-02-2026"},
        {"collected": "01-01-2027"}, {"printed": "01-01-2019"}, {"status": "entah"}, {"status": "belum diproses", "applied": "1/9/26"},
        {"printed": "10-09-2026", "collected": "01-09-2026"}, {"status": "Meninggal"}, {"note": "pindah ke Curup"},
        {"note": "ayah meninggal"}, {"status": "proses", "note": "-"},
    ]  # fmt: skip
    return [files.child(n, family=n, **cells) for n, cells in enumerate(told, start=1)]


def _formulas() -> list[list[Any]]:
    return [
        files.child(1, family=1, name='=HYPERLINK("http://x.test","klik")'),
        files.child(2, family=2, mother="@SUM(1+1)*cmd|' /C calc'!A0"),
        files.child(3, family=3, note="+cmd|' /C calc'!A0"),
        files.child(4, family=4, phone='="081234567890"'),
        files.child(5, family=5, desa="=1+1"),
        files.child(6, family=6, name="RIZKI\x07 \x1bPRATAMA"),
    ]


def _everywhere() -> list[list[Any]]:
    rows = families(130, phone="081299990000")
    rows[0][10] = "081234567890"
    rows[1][10] = "081234567891/081299990000"
    return rows


def _families() -> list[list[Any]]:
    shared, pair = "081366778899", "082177665544"
    return [
        *(files.child(n, family=n, phone=shared) for n in range(1, 5)),
        *(files.child(n, family=n, phone=pair) for n in (5, 6)),
        files.child(7, family=7), files.child(8, family=7), files.child(7, family=7, status="proses", applied="01-09-2026"),
        files.child(9, family=None, phone="081255554444"), files.child(10, family=None, phone="081255554444"),
    ]  # fmt: skip


UNKNOWN = ("Nomor Induk", "Nama Murid", "Lahir", "Kampung", "Kecamatan", "No KK")
PUPIL = [NIK, "RIZKI", "14-03-2020", "Gunung Alam", "Kota Arga Makmur", files.kk(1)]
PUPIL_MAP = '[columns]\n"Nomor Induk" = "nik"\n"Nama Murid" = "Nama"\n"Lahir" = "birth_date"\n"Kampung" = "village"\n'
TWICE = ("NIK", "Nama", "Nama", "Tgl Lahir", "Desa", "Kecamatan", "No KK")
TWICE_ROW = [NIK, "BUDI", "RIZKI", "14-03-2020", "Gunung Alam", "Kota Arga Makmur", files.kk(1)]

CASES = (
    Case("tanggal.xlsx", "every form of one day", book(*_dates()), ""),
    Case("tanggal_salah.xlsx", "days that do not exist, American order, none, tomorrow", book(*_bad_dates()),
         "2:birth_unreadable 3:birth_unreadable 4:birth_unreadable 5:birth_unreadable 6:birth_unreadable 7:birth_missing"
         " 8:birth_future 8:nik_birth_date 9:birth_unreadable 10:birth_unreadable"),
    Case("ttl.csv", "place and date of birth in one cell", text([["NIK", "No KK", "Nama", "TTL", "Ibu", "Desa", "Kec", "RT/RW"], [
        NIK, files.kk(1), "RIZKI", "Arga Makmur, 14-03-2020", "SITI", "Gunung Alam", "Kota Arga Makmur", "1/2"], [
        files.nik(BORN, serial=2), files.kk(2), "AYU", "PAL 30 / 14 Mart 2020", "ANI", "Gunung Alam", "Kota Arga Makmur", "1/2"]]),
        "3:birth_unreadable"),
    Case("umur.xlsx", "already seventeen, born today, born tomorrow", book(
        files.child(1, family=1, born=date(2009, 10, 5)), files.child(2, family=2, born=date(2009, 10, 6)),
        files.child(3, family=3, born=date(2026, 10, 5)), files.child(4, family=4, born=date(2026, 10, 6))),
        "2:seventeen 5:birth_future"),
    Case("nik.xlsx", "every way a NIK goes wrong", book(*_niks()),
         "2:nik_missing 3:nik_length 4:nik_length 5:nik_digits 6:nik_filler 7:nik_lost_digit 8:nik_number 9:nik_number"
         " 10:nik_cleaned 11:nik_cleaned 13:nik_sex 14:nik_birth_date 15:nik_birth_date"),
    Case("nik_dibulatkan.xlsx", "a column of NIK that a spreadsheet rounded, then made text", book(*_lost_digits(2)),
         " ".join(f"{row}:nik_zeroes" for row in range(2, 27))),
    Case("kk.xlsx", "every way a No KK goes wrong", book(*_kks()),
         "2:kk_missing 3:kk_length 4:kk_number 5:kk_cleaned 6:kk_digits 7:kk_filler 8:kk_number"),
    Case("kk_dibulatkan.xlsx", "the same with No KK", book(*_lost_digits(1)),
         " ".join(f"{row}:kk_zeroes" for row in range(2, 27))),
    Case("tanpa_kk.csv", "no column for No KK", text([
        ["NIK", "Nama", "Tgl Lahir", "Nama Ibu", "Desa", "Kec"],
        [NIK, "RIZKI", "14-03-2020", "SITI", "Gunung Alam", "Kota Arga Makmur"]]), "-:kk_column_missing"),
    Case("hp.xlsx", "every form of a phone", book(*_phones()),
         "6:phone_zero_added 7:phone_zero_added 8:phone_zero_added 14:phone_digits_lost 15:phone_too_short 16:phone_too_long"
         " 17:phone_unknown_prefix 18:phone_landline 19:phone_special 20:phone_foreign 21:phone_letters 22:phone_id_number"
         " 23:phone_sheet_error 24:phone_country_code_twice 25:phone_cut 26:phone_filler 27:phone_filler 32:phone_date"
         " 33:phone_extension"),
    Case("hp_pengisi.xlsx", "one number in hundreds of rows", book(*_everywhere()),
         " ".join(f"{row}:phone_everywhere" for row in range(3, 132))),
    Case("hp_daftar.csv", "a list of phones", text([
        ["NIK", "No KK", "Nama", "No HP", "No WA"], [NIK, "", "RIZKI", "081234567890", ""],
        ["", "", "AYU", "081234567891", ""], [NIK, "", "RIZKI", "", ""], [NIK, "", "RIZKI", "0812", "081234567892"]]),
        "2:person_unknown 3:person_missing 4:phone_missing 5:phone_too_short 5:person_unknown"),
    Case("desa.xlsx", "villages: spelling, namesakes, codes", book(*_villages()),
         "2:desa_unknown 7:desa_elsewhere 8:desa_elsewhere 9:kecamatan_unknown 10:desa_missing 11:kecamatan_missing"
         " 14:code_unknown 15:desa_elsewhere"),
    Case("siak.csv", "the register's own columns and numbers", text([
        SIAK, siak(7, 1027), siak("07", "1027", 2), siak(7, 9999, 3), siak(5, 2001, 4)]), "4:code_unknown 5:kecamatan_unknown"),
    Case("keluarga.xlsx", "siblings, the same child twice, shared phones, no No KK", book(*_families()),
         "10:same_child 11:kk_missing 12:kk_missing"),
    Case("status.xlsx", "what offices write about cards", book(*_statuses()),
         "3:event_date_missing 4:event_unreadable 5:event_future 6:event_before_birth 7:status_unknown 9:event_order 10:deceased"
         " 11:moved"),
    Case("pengambilan.csv", "a list of collections", text([
        ["NIK", "Nama", "Status", "Tgl Ambil"], [NIK, "RIZKI", "sudah diambil", "01-09-2026"], [NIK, "AYU", "", ""],
        ["17", "UDIN", "sudah", "01-09-2026"], [NIK, "ANI", "", "30-02-2026"]]),
        "2:child_unknown 3:event_missing 4:nik_length 4:status_unknown 5:event_unreadable"),
    Case("nama_kosong.xlsx", "no name, no parents, a sex that is no sex", book(
        files.child(1, family=1, name="-"), files.child(2, family=2, mother="", father="-"), files.child(3, family=3, sex="Z")),
        "2:name_missing 3:guardian_missing 4:sex_unknown"),
    Case("rumus.csv", "formulas and control characters in cells", text([list(HEADINGS), *_formulas()]),
         "2:formula 3:formula 4:formula 6:formula 7:control_characters"),
    Case("judul_asing.csv", "headings nobody knows: asked", text([UNKNOWN, PUPIL]), "-:kind_unknown"),
    Case("judul_asing_dijawab.csv", "the same with the office's answer", text([UNKNOWN, PUPIL]), "2:guardian_missing",
         column_map=PUPIL_MAP),
    Case("judul_kembar.csv", "two columns of one name: asked", text([TWICE, TWICE_ROW]), "-:column_unclear"),
    Case("judul_kembar_dijawab.csv", "the same with the office's answer", text([TWICE, TWICE_ROW]), "2:guardian_missing",
         column_map='[columns]\n"Nama [C]" = "name"\n"Nama [B]" = ""\n'),
    Case("dua_kolom_nik.csv", "two columns for one field, one of them better", text([
        [*HEADINGS, "NIK Anak"], [*files.child(number="17"), NIK]]), "-:column_twice"),
    Case("dua_kolom_hp.xlsx", "two phone columns, a bad number beside a good one", writers.xlsx(("Data", [
        [*HEADINGS, "No WA"], [*files.child(phone="0812"), "081234567890"], [*files.child(2, family=2, phone="081234567891"), "x1"]])),
        "2:phone_too_short 3:phone_letters"),
    Case("kirim_ulang.xlsx", "a corrected list of findings comes back", book(
        [*files.child(), 7, "DITOLAK", "NIK", "NIK kosong.", "Isi 16 angka NIK."],
        headings=[*HEADINGS, "Baris Asal", "Tingkat Temuan", "Kolom Temuan", "Alasan Temuan", "Saran Perbaikan"]), ""),
)  # fmt: skip
