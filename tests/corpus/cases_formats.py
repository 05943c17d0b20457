"""Files whose form is broken: encodings, separators, sheets, titles, merged and hidden rows, and what is no table."""

from __future__ import annotations

from typing import Any

from broadcaster.registry.reader import Limits
from tests.corpus import writers
from tests.corpus.case import HEADINGS, Case, book, families, text
from tests.integration.registry import files

ROWS: list[list[Any]] = [
    list(HEADINGS),
    files.child(1, family=1, phone="081234567890"),
    files.child(2, family=2, phone="+62 813-1111-2222", name="ZOË D'ARC"),
    files.child(3, family=3, phone="0852.6666.7777"),
]


def _cover(made: Any, _page: Any) -> None:
    page = made.add_worksheet("Anak")
    for at, row in enumerate(ROWS):
        page.write_row(at, 0, row)


def _hidden_rows(_book: Any, page: Any) -> None:
    page.set_row(2, None, None, {"hidden": True})
    page.set_row(500, None, None, {"hidden": True})  # an empty one counts for nothing


def _hidden_sheet(made: Any, page: Any) -> None:
    page.hide()
    made.add_worksheet("Sampul").activate()


def _merged(made: Any, page: Any) -> None:
    look = made.add_format()
    page.merge_range(0, 0, 0, 15, "DATA KIA KECAMATAN KOTA ARGA MAKMUR", look)
    page.merge_range(2, 1, 4, 1, files.kk(1), look)
    page.merge_range(2, 6, 4, 6, "Gunung Alam", look)
    page.merge_range(2, 7, 4, 7, "Kota Arga Makmur", look)


def _merged_rows() -> list[list[Any]]:
    rows = [files.child(n, phone="") for n in (1, 2, 3)]
    for row in rows:
        row[1] = row[6] = row[7] = ""
    return [[""], list(HEADINGS), *rows]


def _two_lines() -> list[list[Any]]:
    upper = ["No", "No KK", "NIK", "Nama", "JK", "Tgl Lahir", "Wilayah", "", "Orang Tua", ""]
    lower = ["", "", "", "", "", "", "Desa", "Kecamatan", "Ibu", "Ayah"]
    return [["DATA ANAK"], [], upper, lower, list(range(1, 11)), files.child()[:10]]


def _cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


SHEET = book(*ROWS[1:])
GOOD = ""

CASES = (
    Case("titik_koma.csv", "semicolons", text(ROWS), GOOD),
    Case("koma.csv", "commas, and commas inside quotes", text([*ROWS, files.child(4, family=4, father='BUDI, "JR"')],
         delimiter=","), GOOD),
    Case("tab.tsv", "tabs", text(ROWS, delimiter="\t"), GOOD),
    Case("palang.txt", "bars", text(ROWS, delimiter="|"), GOOD),
    Case("bom.csv", "UTF-8 with a byte order mark", text(ROWS, "utf-8-sig"), GOOD),
    Case("utf16.csv", "UTF-16 with a byte order mark", text(ROWS, "utf-16"), GOOD),
    Case("utf16_tanpa_bom.csv", "UTF-16 without one", text(ROWS, "utf-16-le"), GOOD),
    Case("windows1252.csv", "Windows-1252", text(ROWS, "cp1252"), GOOD),
    Case("sep.csv", "Excel's own separator line", b"sep=;\r\n" + text(ROWS), GOOD),
    Case("kutip_tunggal.csv", "apostrophes as quotes", "\n".join(
        ";".join(f"'{cell}'" for cell in row) for row in [list(HEADINGS), *families(2)]).encode(), GOOD),
    Case("apostrof.csv", "an apostrophe in front of numbers, as Excel shows text", text(
        [list(HEADINGS), files.child(number="'" + files.nik(files.date(2020, 3, 14)))]), GOOD),
    Case("baris_dalam_sel.csv", "a line break inside a cell", text(
        [["No\nUrut", *HEADINGS[1:]], files.child(mother="SITI\nAMINAH"), files.child(2, desa="Atlantis")]),
        "3:desa_unknown"),
    Case("kutip_terbuka.csv", "a quote that is never closed", text(ROWS) + b'9;"170307;A\n', "!unreadable"),
    Case("nul.csv", "NUL bytes", text(ROWS).replace(b"RIZKI", b"RIZ\0I"), "!unreadable"),
    Case("rusak_huruf.csv", "bytes of no encoding", text(ROWS) + b"\x81\x8d\x8f\n", "!bad_encoding"),
    Case("kosong.csv", "no byte at all", b"", "!empty_file"),
    Case("hanya_judul.csv", "headings only", text(ROWS[:1]), "-:no_rows"),
    Case("tanpa_judul.csv", "rows without headings", text(ROWS[1:]), "-:no_headings"),
    Case("judul_pendek.csv", "needed columns are not there", text([["NIK", "Nama", "Tgl Lahir"], ["1", "A", "B"]]),
         "-:columns_missing"),
    Case("jenis_apa.csv", "headings of no kind", text([["NIK", "Nama", "Desa"], ["1", "A", "B"]]), "-:kind_unknown"),
    Case("baik.xls", "the old format", writers.xls(ROWS), GOOD),
    Case("baik.ods", "OpenDocument", writers.ods(ROWS), GOOD),
    Case("nama_salah.xls", "xlsx under another name", SHEET, GOOD),
    Case("tersembunyi.xls", "a hidden row in the old format", writers.xls(ROWS, hidden=[2]), "-:hidden_rows"),
    Case("sampul.xlsx", "a cover, then the table", writers.xlsx(
        ("Sampul", [["DINAS DUKCAPIL"], ["No", "Kecamatan", "Jumlah"], [1, "Lais", 30]]), touch=_cover), GOOD),
    Case("formulir_kosong.xlsx", "an empty form, then the table", writers.xlsx(
        ("Formulir", [list(HEADINGS)]), touch=_cover), GOOD),
    Case("dua_lembar.xlsx", "two sheets with children", writers.xlsx(("Lais", ROWS), ("Kerkap", ROWS)), "-:other_sheets"),
    Case("lembar_tersembunyi.xlsx", "the table is on a hidden sheet", writers.xlsx(
        ("Anak", ROWS), touch=_hidden_sheet), "-:no_headings"),
    Case("baris_tersembunyi.xlsx", "a filter was left on", writers.xlsx(("Data", ROWS), touch=_hidden_rows),
         "-:hidden_rows"),
    Case("gabung.xlsx", "a title and the family's cells are merged", writers.xlsx(
        ("Data", _merged_rows()), touch=_merged), GOOD),
    Case("judul_dua_baris.xlsx", "headings in two lines, then column numbers", writers.xlsx(("Data", _two_lines())), GOOD),
    Case("total_tanda_tangan.xlsx", "totals and a signature below", book(
        *families(2), ["", "", "", "JUMLAH", 1, "", 2], [], ["", "", "", "Mengetahui,", "", "", "Arga Makmur, 5 Oktober 2026"],
        ["", "", "", "Kepala Dinas", "", "", "Operator"], [], ["", "", "", "SUWANTO, S.Sos", "", "", "BUDI"],
        ["", "", "NIP. 19700101 200012 1 001", "", "", "", "NIP. 19900101 201512 1 002"]), GOOD),
    Case("judul_berulang.xlsx", "headings again on every page", book(
        *families(2), list(HEADINGS), files.child(3, family=3)), GOOD),
    Case("terpotong.xlsx", "an upload that broke off", _cut(SHEET), "!unreadable"),
    Case("terpotong.xls", "the same in the old format", _cut(writers.xls(ROWS)), "!unreadable"),
    Case("terpotong.ods", "and in OpenDocument", _cut(writers.ods(ROWS)), "!unreadable"),
    Case("sandi.xlsx", "a password", writers.compound({"EncryptionInfo": b"x", "EncryptedPackage": b"x"}), "!password"),
    Case("sandi.xls", "a password in the old format", writers.xls(ROWS, locked=True), "!password"),
    Case("sandi.ods", "a password in OpenDocument", writers.raw_ods("", more={
        "META-INF/manifest.xml": "<manifest:encryption-data/>"}), "!password"),
    Case("halaman_web.xls", "a web page that calls itself Excel", b"<html><table><tr><td>NIK</td></tr></table>",
         "!unknown_format"),
    Case("surat.pdf", "a letter", b"%PDF-1.7\n" + bytes(range(256)), "!unknown_format"),
    Case("foto.xlsx", "a picture", b"\x89PNG\r\n\x1a\n" + bytes(64), "!unknown_format"),
    Case("naskah.docx", "a text document", writers.archive({"word/document.xml": "<x/>"}), "!unknown_format"),
    Case("bom_zip.xlsx", "300 MB of blanks in 300 kB", writers.archive(
        {"xl/workbook.xml": "<workbook/>", "xl/worksheets/sheet1.xml": b" " * 30_000_000}), "!too_large",
        limits=Limits(bytes=20_000_000)),
    Case("bom_ods.ods", "one cell that says it repeats", writers.raw_ods(
        '<table:table-row table:number-rows-repeated="100000000"><table:table-cell table:number-columns-repeated="1000" '
        'office:value-type="string"><text:p>x</text:p></table:table-cell></table:table-row>'), "!too_wide"),
    Case("bom_xml.ods", "entities that multiply", writers.raw_ods("<table:table-row/>", before=(
        '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;">]>')), "!unreadable"),
    Case("sejuta_kolom.csv", "a million columns", b"x;" * 1_000_000 + b"\n", "!too_wide"),
    Case("sejuta_kolom.xlsx", "the same without saying where cells stand", writers.raw_xlsx(
        "<row>" + "<c><v>1</v></c>" * 1_000_000 + "</row>"), "!too_wide"),
    Case("ujung_lembar.xlsx", "one cell at the end of the sheet", writers.raw_xlsx(
        '<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "!too_wide"),
    Case("ujung_lembar.xls", "the same in the old format", writers.xls(
        [*ROWS, *[[]] * 65_000, [""] * 255 + ["x"]]), "!too_wide"),
    Case("sel_besar.csv", "a cell of 10 MB", text(ROWS) + b"9;" + b"A" * 10_000_000 + b"\n", "!cell_too_long"),
    Case("sel_besar.xlsx", "the same in a workbook", writers.raw_xlsx(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>' + "A" * 10_000_000 + "</t></is></c></row>"), "!cell_too_long"),
    Case("sel_besar.ods", "and in OpenDocument", writers.ods([["A" * 10_000_000]]), "!cell_too_long"),
    Case("terlalu_banyak.csv", "more rows than the setting allows", text([list(HEADINGS), *families(6)]), "!too_many_rows",
         limits=Limits(rows=5)),
    Case("terlalu_besar.csv", "more bytes than the setting allows", text(ROWS), "!too_large", limits=Limits(bytes=300)),
    Case("terlalu_lama.csv", "no time at all", text(ROWS), "!too_slow", limits=Limits(seconds=-1)),
)  # fmt: skip
