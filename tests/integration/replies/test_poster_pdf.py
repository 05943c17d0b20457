"""The printed page: rendered to an image, its codes read back by a decoder that knows nothing of us."""

from __future__ import annotations

import contextlib
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pypdfium2
import pytest
import zxingcpp

from broadcaster.office.service import load_defaults
from broadcaster.replies import links, posters
from broadcaster.replies.poster_pdf import SIZES, Size, pdf
from broadcaster.replies.posters import Made, Sheet, Ways
from broadcaster.replies.wording import shipped_poster
from broadcaster.storage.database import Database
from tests import make

BOTH = Ways(bot="kia_bengkuluutara_bot", whatsapp="+6281200000002")
#: Of a photograph of the page, taken from some distance.
DPI = 120
MILLIMETRES = {"a4": (210, 297), "a3": (297, 420)}
LONGEST = "Posyandu Melati dan PAUD Tunas Harapan Bangsa, RT 03 RW 02"


LONG_FACTS = {
    "tempat_ambil": "loket pelayanan Dukcapil, Jalan Jenderal Sudirman Nomor 123, Arga Makmur, lantai satu",
    "tempat_ambil__enggano": "kantor Camat Enggano, Desa Apoho, ruang pelayanan terpadu di sebelah Puskesmas",
    "jam_layanan": "Senin-Kamis pukul 08.00-15.00 WIB, Jumat pukul 08.00-15.30 WIB, istirahat 12.00-13.00",
}


@pytest.fixture
def office(request: pytest.FixtureRequest, sqlite_db: Database, now: datetime) -> Database:
    with sqlite_db.write() as session:
        load_defaults(session, now)
        make.facts(session, **getattr(request, "param", {}))
    return sqlite_db


def draw(
    db: Database, now: datetime, ways: Ways, *, desa: str = "17.03.07.1027", place: str = ""
) -> tuple[Made, Sheet]:
    made = posters.make_poster(db, desa=desa, place=place, by="sistem", now=now)
    with db.read() as session:
        return made, posters.sheet(session, made, ways, shipped_poster())


def page(document: bytes) -> tuple[tuple[int, int], str, dict[str, zxingcpp.Barcode], int]:
    """(width and height in millimetres, text, codes by what they say, pixels across) of a document of one page."""
    with contextlib.closing(pypdfium2.PdfDocument(document)) as opened:
        assert len(opened) == 1
        sheet = opened[0]
        width, height = sheet.get_size()
        text = sheet.get_textpage().get_text_bounded()
        image = sheet.render(scale=DPI / 72, grayscale=True)
        grey = bytes(image.buffer)
        rows = b"".join(grey[at : at + image.width] for at in range(0, image.stride * image.height, image.stride))
        pixels = memoryview(rows).cast("B", shape=[image.height, image.width])
        found = {code.text: code for code in zxingcpp.read_barcodes(pixels)}
        return (round(width / 72 * 25.4), round(height / 72 * 25.4)), " ".join(text.split()), found, image.width


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("ways", "channels"),
    [
        (BOTH, ["telegram", "whatsapp"]),
        (Ways(bot=BOTH.bot), ["telegram"]),
        (Ways(whatsapp=BOTH.whatsapp), ["whatsapp"]),
    ],
    ids=["both", "telegram", "whatsapp"],
)
def test_the_codes_of_the_printed_page_are_read_back(
    office: Database, now: datetime, size: Size, ways: Ways, channels: list[str]
) -> None:
    made, sheet = draw(office, now, ways)
    assert [way.channel for way in sheet.ways] == channels
    measure, text, codes, across = page(pdf(sheet, size))
    assert measure == MILLIMETRES[size]
    assert set(codes) == {way.url for way in sheet.ways}
    for code in codes.values():
        edge = (code.position.top_right.x - code.position.top_left.x) / across
        assert edge > 0.27, "a code is at least a quarter of the page wide: 6 cm on A4, read from an arm's length"
    for must in (
        "DINAS KEPENDUDUKAN DAN PENCATATAN SIPIL", "Kartu Identitas Anak", "GRATIS", "NIK, kode OTP, foto, atau uang",
        "kantor lurah", "loket Dukcapil, Jl. Jenderal Sudirman", "0812-0000-0001", "Kelurahan Gunung Alam",
    ):  # fmt: skip
        assert must in text, must
    assert (f"t.me/{BOTH.bot}?start={made.token}" in text) == ("telegram" in channels)
    assert (f"{links.code(made.token)} ke 0812-0000-0002" in text) == ("whatsapp" in channels)


def test_what_stands_ready_in_whatsapp_brings_the_place_and_the_wish(office: Database, now: datetime) -> None:
    made, sheet = draw(office, now, BOTH)
    address = urlsplit(sheet.ways[1].url)
    assert (address.hostname, address.path) == ("wa.me", "/6281200000002")
    (ready,) = parse_qs(address.query)["text"]
    assert links.code_in(ready) == made.token
    assert "ingin menerima kabar" in ready


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("office", [LONG_FACTS], indirect=True, ids=["long"])
def test_the_longest_names_stay_on_one_page_and_are_read(office: Database, now: datetime, size: Size) -> None:
    _, sheet = draw(office, now, Ways(bot="b" * 32, whatsapp=BOTH.whatsapp), desa="17.03.01.2001", place=LONGEST)
    _, text, codes, _ = page(pdf(sheet, size))
    assert set(codes) == {way.url for way in sheet.ways}
    assert LONGEST in text
    assert "kantor Camat Enggano" in text, "the island has its own counter"
    assert "Arga Makmur" not in text


def test_ready_texts_name_the_channels_that_are_there(office: Database, now: datetime) -> None:
    made, both = draw(office, now, BOTH)
    code = links.code(made.token)
    assert f"t.me/{BOTH.bot}?start={made.token}" in both.texts["social"]
    assert "https://wa.me/6281200000002?text=" in both.texts["social"]
    assert f"kirim kode {code} ke nomor 0812-0000-0002" in both.texts["announcement"]
    assert f"kirim kode {links.spelled(made.token)} ke nomor" in both.texts["radio"]
    _, alone = draw(office, now, Ways(whatsapp=BOTH.whatsapp))
    for text in alone.texts.values():
        assert "Telegram" not in text
        assert "GRATIS" in text
        assert "NIK, kode OTP, foto, atau uang" in text
