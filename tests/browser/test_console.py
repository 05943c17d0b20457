"""Every page in a real browser, on a phone and on a desk, in light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="PAGES NOT TESTED IN A BROWSER: playwright is not installed")

from playwright.sync_api import Browser, Page, Request

from broadcaster.app import App
from broadcaster.rendering.previews import sample_preview
from broadcaster.storage.database import Database
from tests.browser.accessibility import problems
from tests.integration.web import seed
from tests.integration.web.serving import PASSWORD, serve

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}
CAMPAIGN = f"/kampanye/{seed.CAMPAIGN}"
PAGES = (
    "/beranda",
    "/kampanye",
    CAMPAIGN,
    f"{CAMPAIGN}?baru=lanjut",
    f"{CAMPAIGN}?otomatis=ya",
    f"/kampanye/{seed.DRAFT}",
    f"{CAMPAIGN}/pesan",
    f"{CAMPAIGN}/pesan?keadaan=unknown",
    "/kotak-masuk",
    "/kotak-masuk?keadaan=selesai",
    "/kotak-masuk/1",
    "/kotak-masuk/1?pakai=where_when",
    "/pesan",
    "/pesan/ambil-kartu-1",
    "/pesan/ambil-kartu-1?contoh=tiga-anak",
    "/pesan/menjelang-lima-1?contoh=nama-panjang",
    "/pesan/belum-punya-kartu-1?contoh=nomor-bersama",
    "/pesan/habis-masa-berlaku-1?contoh=enggano",
    "/pesan/ambil-kartu-2?keluarga=1",
    "/pesan/answer%3Asuspicion_of_scam",
    "/hasil",
    f"/hasil/{seed.MEASURED}",
    f"/hasil/{seed.CAMPAIGN}",
)


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    seed.everything(sqlite_db, now)
    return seed.app(sqlite_db, now, tmp_path)


@pytest.fixture
def base(app: App) -> Iterator[str]:
    with serve(app) as port:
        yield f"http://127.0.0.1:{port}"


class Watched:
    """A page that remembers what a good page never does: complain, or call another host."""

    def __init__(self, browser: Browser, base: str, viewport: dict[str, int], scheme: str) -> None:
        self.base = base
        self.context = browser.new_context(viewport=viewport, color_scheme=scheme, locale="id-ID")  # type: ignore[arg-type]
        self.page: Page = self.context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.on(
            "request",
            lambda request: None if request.url.startswith(base) else self.complaints.append(f"left: {request.url}"),
        )

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # the next page was opened before the icon had come
            self.complaints.append(f"failed: {request.url}, {request.failure}")

    def open(self, path: str) -> int:
        response = self.page.goto(self.base + path)
        assert response is not None
        return response.status

    def sign_in(self, username: str = "sari") -> None:
        self.open("/masuk")
        self.page.get_by_label("Nama pengguna").fill(username)
        self.page.get_by_label("Kata sandi").fill(PASSWORD)
        self.page.get_by_role("button", name="Masuk").click()
        self.page.wait_for_url("**/beranda")


@pytest.fixture(params=[(PHONE, "light"), (DESK, "light"), (PHONE, "dark"), (DESK, "dark")], ids=str)
def watched(request: pytest.FixtureRequest, chromium: Browser, base: str) -> Iterator[Watched]:
    viewport, scheme = request.param
    watched = Watched(chromium, base, viewport, scheme)
    yield watched
    watched.context.close()


@pytest.fixture
def on_phone(chromium: Browser, base: str) -> Iterator[Watched]:
    watched = Watched(chromium, base, PHONE, "light")
    yield watched
    watched.context.close()


def test_every_page_can_be_read_by_everybody(watched: Watched) -> None:
    found: dict[str, list[str]] = {}

    def check(name: str) -> None:
        if wrong := problems(watched.page) + watched.complaints:
            found[name] = wrong
        watched.complaints.clear()

    watched.open("/masuk")
    check("/masuk")
    watched.page.get_by_label("Nama pengguna").fill("sari")
    watched.page.get_by_label("Kata sandi").fill("salah-sekali-lagi")
    watched.page.get_by_role("button", name="Masuk").click()
    assert watched.page.get_by_role("alert").inner_text() == "Nama pengguna atau kata sandi salah."
    watched.complaints.clear()  # Chromium itself notes the 403
    check("/masuk, refused")
    watched.sign_in()
    for path in PAGES:
        assert watched.open(path) == 200, path
        check(path)
    assert watched.open("/tidak-ada") == 404
    watched.complaints.clear()  # and the 404
    check("/tidak-ada")
    assert found == {}


def test_the_checker_sees_what_is_wrong(on_phone: Watched) -> None:
    """A checker that never complains proves nothing."""
    on_phone.open("/masuk")
    assert problems(on_phone.page) == []
    for damage, complaint in (
        ("document.documentElement.lang = 'en'", "language"),
        ("document.querySelector('label').remove()", "no label"),
        ("document.querySelector('.lead').style.color = '#999'", "contrast"),
        ("document.querySelector('main button').style.minHeight = '30px'", "only"),
        ("document.querySelector('h1').outerHTML = '<h3>Masuk</h3>'", "h3 after h0"),
        ("document.querySelector('.lead').id = 'nama'", "used twice"),
        ("document.querySelector('.lead').style.width = '500px'", "over the edge"),
        ("document.querySelector('main').innerHTML += '<svg></svg>'", "picture without words"),
        ("document.querySelector('main').innerHTML += '<table><tr><td>x</td></tr></table>'", "caption"),
    ):
        on_phone.open("/masuk")
        on_phone.page.evaluate(damage)
        assert any(complaint in problem for problem in problems(on_phone.page)), damage


def test_everything_works_from_the_keyboard_and_shows_where_it_is(on_phone: Watched) -> None:
    on_phone.sign_in()
    on_phone.open(CAMPAIGN)
    page = on_phone.page
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    assert skip.inner_text() == "Langsung ke isi halaman"
    assert (skip.bounding_box() or {"y": -1})["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "isi"
    reached = []
    for _ in range(12):
        page.keyboard.press("Tab")
        style = page.evaluate(
            "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, s.outlineWidth] })()"
        )
        assert style == ["solid", "3px"]
        reached.append(page.evaluate("document.activeElement.textContent.trim()"))
    assert {"Jeda", "Hentikan…", "Perbarui angka"} <= set(reached)


def test_staff_pause_a_campaign_and_stop_it_only_after_a_second_look(on_phone: Watched) -> None:
    on_phone.sign_in()
    on_phone.open(CAMPAIGN)
    page = on_phone.page
    page.get_by_role("button", name="Jeda").click()
    assert "Kampanye dijeda." in page.get_by_role("status").inner_text()
    assert page.get_by_role("button", name="Lanjutkan").is_visible()
    stop = page.get_by_role("button", name="Ya, hentikan kampanye ini")
    assert not stop.is_visible()
    page.get_by_text("Hentikan…").click()
    assert problems(page) == []
    stop.click()
    assert "Kampanye dihentikan." in page.get_by_role("status").inner_text()
    assert page.locator("main form").count() == 0
    assert on_phone.complaints == []


def test_the_way_from_the_list_to_one_message_and_back_is_a_tap_each(on_phone: Watched) -> None:
    on_phone.sign_in()
    page = on_phone.page
    page.get_by_role("navigation", name="Menu utama").get_by_role("link", name="Kampanye").click()
    page.get_by_role("link", name=seed.TITLE).click()
    page.get_by_role("link", name="Tidak diketahui", exact=True).click()
    assert page.locator("tbody tr").count() == 2
    page.get_by_role("navigation", name="Jejak halaman").get_by_role("link", name=seed.TITLE).click()
    assert page.url.endswith(CAMPAIGN)
    page.get_by_role("button", name="Keluar").click()
    assert page.url.endswith("/masuk")
    # not page.go_back(): Chromium's protocol sometimes asks the page that was just replaced for its history
    with page.expect_navigation():
        page.evaluate("history.back()")
    assert page.get_by_role("heading", name="Masuk").is_visible()  # nothing of it was kept


def test_a_message_is_seen_as_the_family_sees_it(on_phone: Watched, app: App) -> None:
    on_phone.sign_in()
    page = on_phone.page
    page.get_by_role("navigation", name="Menu utama").get_by_role("link", name="Pesan").click()
    page.get_by_role("link", name="KIA sudah jadi, silakan diambil").click()
    page.get_by_role("link", name="Tiga anak").click()
    with app.db.read() as session:
        found = sample_preview(session, "ambil-kartu-1", "tiga-anak", app.today())
    bubbles = page.locator(".bubble__text")
    for shown, number in zip(found.channels, (1, 0, 2), strict=False):  # WhatsApp is the first phone
        assert bubbles.nth(number).inner_text() == shown.text
        assert bubbles.nth(number).evaluate("e => e.scrollWidth <= e.clientWidth")
    page.get_by_label("Keluarga di data, menurut nomornya").fill("1")
    page.get_by_role("button", name="Tampilkan").click()
    assert "Bapak/Ibu Siti Aminah" in bubbles.first.inner_text()
    assert on_phone.complaints == []


def test_a_result_is_printed_on_few_pages_without_the_menu(chromium: Browser, base: str) -> None:
    watched = Watched(chromium, base, DESK, "light")
    watched.sign_in()
    watched.open(f"/hasil/{seed.MEASURED}")
    watched.page.emulate_media(media="print")
    assert not watched.page.get_by_role("navigation", name="Menu utama").is_visible()
    assert watched.page.locator(".answer__sentence").is_visible()
    pages = watched.page.pdf(format="A4").count(b"/Type /Page\n")
    watched.context.close()
    assert 1 <= pages <= 3
