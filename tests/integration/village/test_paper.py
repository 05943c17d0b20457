"""The list as a workbook and as a sheet to print: nothing computes, nobody's number is in it, every page says whose it is."""

from __future__ import annotations

import contextlib
import re
import stat
import zipfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pypdfium2
import pytest
from python_calamine import CalamineWorkbook

from broadcaster.errors import BadInput
from broadcaster.storage.database import Database
from broadcaster.village import paper
from broadcaster.village.queries import Line, VillageList
from broadcaster.village.rules import Reason, offered
from tests.integration.village.scene import ZONE, Scene

FORMULAS = ['=HYPERLINK("http://jahat.example";"klik")', "+62+1", "-1+1", "@SUM(A1)", "\t=1", "=cmd|' /C calc'!A0"]


def made_up(*parents: str, say: str = "KIA Rizki sudah jadi. Mohon sampaikan: ambil gratis di loket.") -> VillageList:
    lines = tuple(
        Line(number, parent, ("Rizki", "Dewi"), (Reason.NO_ADDRESS, Reason.WEAK_SIGNAL), say, None, offered([]))
        for number, parent in enumerate(parents, start=1)
    )
    return VillageList(
        "17.03.15.2011", "Desa Talang Pungguk", "Air Besi", "Dukcapil Kab. Bengkulu Utara",
        date(2026, 10, 5), lines, 0,
    )  # fmt: skip


def _rows(path: Path) -> list[list[str]]:
    return CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()


def _text(data: bytes) -> list[str]:
    with contextlib.closing(pypdfium2.PdfDocument(data)) as opened:
        return [re.sub(r"\s+", " ", page.get_textpage().get_text_bounded()) for page in opened]


def test_the_workbook_holds_every_family_with_room_for_the_result(tmp_path: Path) -> None:
    path = tmp_path / "daftar.xlsx"
    paper.write(made_up("Siti Aminah", "Budi"), path, ZONE)
    rows = _rows(path)
    assert rows[0][0] == "Daftar keluarga untuk petugas registrasi Desa Talang Pungguk, Kecamatan Air Besi"
    assert rows[1][0] == "Dukcapil Kab. Bengkulu Utara · 5 Oktober 2026"
    heading = next(at for at, row in enumerate(rows) if row[0] == "No.")
    assert rows[heading] == [column.title for column in paper.COLUMNS]
    assert [row[1] for row in rows[heading + 1 :]] == ["Siti Aminah", "Budi"]
    assert rows[heading + 1][2:6] == [
        "Rizki, Dewi",
        "Tidak punya nomor telepon sendiri yang aktif."
        " Sinyal di desa ini lemah; belum ada kabar bahwa pesannya sampai.",
        "KIA Rizki sudah jadi. Mohon sampaikan: ambil gratis di loket.",
        "",
    ]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_nothing_in_the_workbook_is_a_formula_or_a_link(tmp_path: Path) -> None:
    path = tmp_path / "daftar.xlsx"
    paper.write(made_up(*FORMULAS, say="=1+1"), path, ZONE)
    with zipfile.ZipFile(path) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        styles = book.read("xl/styles.xml").decode()
        assert not [name for name in book.namelist() if "externalLink" in name]
    assert "<f>" not in sheet
    assert "<hyperlink" not in sheet
    quoted = [
        at for at, one in enumerate(re.findall(r"<xf [^>]*>", styles.split("<cellXfs")[1])) if 'quotePrefix="1"' in one
    ]
    cells = dict(re.findall(r'<c r="([A-Z]+\d+)" s="(\d+)" t="s">', sheet))
    for row in range(len(FORMULAS)):
        assert int(cells[f"B{row + 7}"]) in quoted
        assert int(cells[f"E{row + 7}"]) in quoted
    assert [row[1] for row in _rows(path)[6:]] == FORMULAS


def test_control_signs_do_not_break_the_file(tmp_path: Path) -> None:
    path = tmp_path / "daftar.xlsx"
    paper.write(made_up("Siti\x00\x0b\x1f Aminah"), path, ZONE)
    assert _rows(path)[6][1] == "Siti Aminah"


def test_the_sheet_is_a4_and_says_on_every_page_whose_it_is() -> None:
    data = paper.pdf(made_up(*[f"Keluarga {number}" for number in range(40)]), ZONE)
    texts = _text(data)
    with contextlib.closing(pypdfium2.PdfDocument(data)) as opened:
        sizes = [tuple(round(side) for side in page.get_size()) for page in opened]
        title = opened.get_metadata_value("Title")
    assert len(texts) >= 4
    assert set(sizes) == {(842, 595)}
    for number, text in enumerate(texts, start=1):
        assert "Dukcapil Kab. Bengkulu Utara" in text
        assert "Daftar keluarga untuk petugas registrasi Desa Talang Pungguk, Kecamatan Air Besi" in text
        assert "5 Oktober 2026" in text
        assert f"Halaman {number} dari {len(texts)}" in text
        assert "Tanda tangan" in text, "the head of the table is on every page"
        assert "Rahasia" in text
    whole = " ".join(texts)
    assert all(f"Keluarga {number}" in whole for number in range(40))
    assert "Diterima oleh petugas registrasi" in texts[-1]
    assert title == "Daftar keluarga untuk petugas registrasi Desa Talang Pungguk, Kecamatan Air Besi"


@pytest.mark.parametrize(
    "name", ["#pagebreak()", "*tebal* _miring_ $x$", "<label> @ref", "\\u{41} #sys.inputs", 'Nur\'aini "M." José']
)
def test_a_name_is_never_read_as_the_pages_own_language(name: str) -> None:
    texts = _text(paper.pdf(made_up(name, say=name), ZONE))
    assert len(texts) == 1
    assert re.sub(r"[\s'’]+", "", name) in re.sub(r"[\s'’]+", "", texts[0])


def test_an_empty_list_is_a_page_that_says_so() -> None:
    (text,) = _text(paper.pdf(made_up(), ZONE))
    assert "Tidak ada keluarga yang perlu didatangi saat ini." in text


def test_the_same_list_makes_the_same_page_on_every_machine() -> None:
    assert paper.pdf(made_up("Siti"), ZONE) == paper.pdf(made_up("Siti"), ZONE)


def test_a_real_list_with_a_note_is_written_both_ways(sqlite_db: Database, now: datetime, tmp_path: Path) -> None:
    scene = Scene(sqlite_db, now).prepare()
    family = scene.without_number("SITI AMINAH", born="2022-03-14")
    scene.tick(scene.link(), family, "told")
    scene.now += timedelta(hours=1)
    for name in ("daftar.xlsx", "daftar.pdf"):
        paper.write(scene.list(), tmp_path / name, ZONE)
    (row,) = _rows(tmp_path / "daftar.xlsx")[6:]
    assert row[5:7] == ["Sudah diberi tahu", "05-10-2026"]
    (text,) = _text((tmp_path / "daftar.pdf").read_bytes())
    assert "Siti Aminah" in text
    assert "05-10-2026" in text
    assert stat.S_IMODE((tmp_path / "daftar.pdf").stat().st_mode) == 0o600
    for shown in (repr(row), text):
        assert not re.search(r"\d{16}|14 Maret|2022|\+62", shown)


@pytest.mark.parametrize("name", ["daftar.docx", "daftar", "daftar.csv"])
def test_another_kind_of_file_is_refused_with_the_two_there_are(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=r"\.xlsx atau \.pdf"):
        paper.write(made_up(), tmp_path / name, ZONE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"daftar\.pdf"):
        paper.write(made_up(), tmp_path / "tidak" / "daftar.pdf", ZONE)
