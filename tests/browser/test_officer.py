"""The officer's page in a real browser at 360 px: with script and without, and with a line that comes and goes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="PAGES NOT TESTED IN A BROWSER: playwright is not installed")

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Route, expect

from broadcaster.clock import FixedClock
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.village import service
from broadcaster.village.service import NewLink
from tests.browser.accessibility import problems
from tests.integration.village.scene import CODE, OTHER, Scene
from tests.integration.web import seed
from tests.integration.web.serving import serve

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
SOON = 5_000  # milliseconds
WAITING = "belum terkirim"
#: Chromium itself notes every 403, 410 and lost line.
_NOTED = "Failed to load resource"


class Field:
    """A served installation, a village with families, and telephones that open its link."""

    def __init__(self, scene: Scene, browser: Browser, folder: Path) -> None:
        self.scene, self.browser = scene, browser
        self.app = seed.app(scene.db, scene.now, folder)
        self.made: NewLink = service.make_link(scene.db, CODE, by="sari", now=scene.now)
        self.contexts: list[BrowserContext] = []
        self.base = ""

    def telephone(self, *, script: bool = True, scheme: str = "light") -> Page:
        context = self.browser.new_context(
            viewport=PHONE, locale="id-ID", java_script_enabled=script, color_scheme=scheme, has_touch=True,  # type: ignore[arg-type]
        )  # fmt: skip
        self.contexts.append(context)
        return context.new_page()

    def open(self, page: Page, made: NewLink | None = None) -> Page:
        made = made or self.made
        page.goto(f"{self.base}/petugas/{made.token}")
        page.get_by_label("PIN", exact=True).fill(made.pin)
        with page.expect_navigation():
            page.get_by_role("button", name="Buka daftar").click()
        page.get_by_role("heading", level=1).get_by_text("Daftar keluarga").wait_for()
        page.wait_for_load_state()
        return page

    def noted(self) -> list[tuple[int, str]]:
        return [(row.household_id, row.kind) for row in self.scene.rows(tables.Tick)]

    def set_time(self, **span: int) -> None:
        self.scene.later(**span)
        assert isinstance(self.app.clock, FixedClock)
        self.app.clock.moment = self.scene.now


@pytest.fixture
def field(sqlite_db: Database, now: datetime, tmp_path: Path, chromium: Browser) -> Iterator[Field]:
    field = Field(Scene(sqlite_db, now).prepare(), chromium, tmp_path)
    with serve(field.app) as port:
        field.base = f"http://127.0.0.1:{port}"
        yield field
        for context in field.contexts:
            context.close()


def _line(page: Page, name: str) -> Locator:
    return page.locator(".list > li").filter(has=page.get_by_role("heading", name=name, exact=True))


def _press(page: Page, name: str, button: str) -> None:
    """Press one of a family's buttons, opening what it lies behind."""
    line = _line(page, name)
    if not line.locator("details").first.evaluate("box => box.open"):
        line.locator("summary").first.click()
    if button not in ("Sudah diberi tahu", "Akan datang", "Belum bertemu"):
        more = line.locator("details details")
        if not more.evaluate("box => box.open"):
            more.locator("summary").click()
    line.get_by_role("button", name=button).click()


def _cut(page: Page) -> None:
    """No line; not even one that the browser still holds."""
    page.route("**/catat", lambda route: route.abort())
    page.context.set_offline(True)


def _mend(page: Page) -> None:
    page.unroute("**/catat")
    page.context.set_offline(False)


def _note(page: Page, name: str) -> str:
    return _line(page, name).locator(".note").inner_text()


# ------------------------------------------------------------------------------------------------------------ for everybody


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_every_state_of_the_page_can_be_read_by_everybody(field: Field, script: bool, scheme: str) -> None:
    scene = field.scene
    scene.without_number("SITI AMINAH BINTI MUHAMMAD YUSUF ABDURRAHMAN", child_name="ABDURRAHMAN")
    for number in range(17):
        scene.without_number(f"IBU {number:02}")
    page = field.telephone(script=script, scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: None if message.text.startswith(_NOTED) else complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda one: None if one.url.startswith(field.base) else complaints.append(f"left: {one.url}"))
    found: dict[str, list[str]] = {}

    def check(name: str) -> None:
        # evaluating works without the page's own script too
        if wrong := problems(page, scripts=1) + complaints:
            found[name] = wrong
        complaints.clear()

    def follow(link: str) -> None:
        with page.expect_navigation():
            page.get_by_role("link", name=link).click()

    page.goto(f"{field.base}/petugas/{field.made.token}")
    check("pin")
    page.get_by_label("PIN", exact=True).fill("x")
    with page.expect_navigation():
        page.get_by_role("button", name="Buka daftar").click()
    page.get_by_role("alert").wait_for()
    check("wrong pin")
    field.open(page)
    check("list")
    page.locator(".how > summary").click()
    page.locator(".list details details > summary").first.click()
    check("everything open")
    _press(page, "Ibu 00", "Sudah diberi tahu")
    expect(_line(page, "Ibu 00").locator(".note")).to_contain_text("Sudah diberi tahu")
    page.wait_for_load_state()
    check("noted")
    if script:
        _cut(page)
        _press(page, "Ibu 01", "Akan datang")
        expect(page.get_by_role("status")).to_contain_text(WAITING)
        check("offline")
        _mend(page)
        expect(page.get_by_role("status")).to_be_empty(timeout=SOON)
    follow("Halaman berikutnya")
    check("second page")
    follow("Tampilkan yang belum selesai")
    check("what is left")
    service.revoke_link(field.scene.db, str(field.made.id), by="sari", now=scene.now)
    page.reload()
    check("over")
    assert found == {}


def test_a_thumb_can_reach_every_button(field: Field) -> None:
    field.scene.without_number()
    page = field.open(field.telephone())
    page.locator(".list details details > summary").click()
    boxes = [button.bounding_box() for button in page.locator(".list button").all()]
    assert len(boxes) == 7
    for box in boxes:
        assert box is not None
        assert box["height"] >= 48
        assert box["width"] >= 140
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 360


def test_everything_together_weighs_less_than_forty_kilobytes_in_the_browser(field: Field) -> None:
    for number in range(40):
        field.scene.without_number(f"SITI AMINAH BINTI MUHAMMAD YUSUF {number}", child_name="MUHAMMAD RIZKI")
    page = field.telephone()
    bodies: dict[str, int] = {}
    page.on("response", lambda answer: bodies.update({answer.url: 0 if answer.status == 303 else len(answer.body())}))
    field.open(page)
    page.wait_for_load_state("networkidle")
    assert len(bodies) >= 3
    assert sum(bodies.values()) < 40_000, bodies
    assert not [url for url in bodies if not url.startswith(field.base)]


# -------------------------------------------------------------------------------------------------------------- without script


def test_without_script_one_button_is_one_note_and_leads_back(field: Field) -> None:
    families = [field.scene.without_number(f"IBU {number:02}") for number in range(20)]
    page = field.open(field.telephone(script=False))
    page.get_by_role("link", name="Halaman berikutnya").click()
    _press(page, "Ibu 17", "Sudah diberi tahu")
    number = families[17].household.id or 0
    assert page.url.endswith(f"?hal=2#k{number}")
    assert _note(page, "Ibu 17").startswith("✓ Sudah diberi tahu")
    top = _line(page, "Ibu 17").bounding_box()
    assert top is not None
    assert 0 <= top["y"] < PHONE["height"], "the page stands where the thumb was"
    _press(page, "Ibu 17", "Sudah pindah")
    assert _note(page, "Ibu 17").startswith("Sudah pindah")
    assert field.noted() == [(number, "told"), (number, "moved")]


def test_without_script_a_tick_after_the_session_is_kept_by_the_pin(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.open(field.telephone(script=False))
    field.set_time(hours=13)
    _press(page, "Siti", "Akan datang")
    page.get_by_text("Catatan Anda belum terkirim.").wait_for()
    page.get_by_label("PIN", exact=True).fill(field.made.pin)
    page.get_by_role("button", name="Buka daftar").click()
    expect(_line(page, "Siti").locator(".note")).to_contain_text("Akan datang")
    assert field.noted() == [(number, "will_come")]


def test_without_script_a_lost_answer_leaves_one_note_that_is_there_when_the_page_is_opened_again(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.open(field.telephone(script=False))
    lost: list[str] = []

    def lose_the_answer(route: Route) -> None:
        """The office gets the tick, its answer does not come back."""
        if not lost and route.request.method == "POST":
            lost.append(route.request.url)
            route.fetch(max_redirects=0)
            route.abort("internetdisconnected")
        else:
            route.continue_()

    page.route("**/catat", lose_the_answer)
    address = page.url
    line = _line(page, "Siti")
    with page.expect_event("requestfailed"):
        line.get_by_role("button", name="Sudah diberi tahu").click(no_wait_after=True)
    assert lost
    page = field.contexts[-1].new_page()
    page.goto(address)
    assert _note(page, "Siti").startswith("✓ Sudah diberi tahu")
    assert field.noted() == [(number, "told")]


# ------------------------------------------------------------------------------------------------------------------ with script


def test_with_script_a_tick_is_sent_at_once_and_the_page_stays(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.open(field.telephone())
    address = page.url
    _press(page, "Siti", "Sudah diberi tahu")
    expect(_line(page, "Siti").locator(".note")).to_have_text("✓ Sudah diberi tahu · tersimpan")
    assert page.url == address
    assert field.noted() == [(number, "told")]
    assert page.locator("#sisa").inner_text() == "0"
    assert page.locator(":focus").inner_text() == "Ubah catatan"
    _press(page, "Siti", "Belum bertemu")
    expect(_line(page, "Siti").locator(".note")).to_have_text("Belum bertemu · tersimpan")
    assert page.locator("#sisa").inner_text() == "1"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_after_a_childs_death_nobody_is_asked_to_say_the_text_again(field: Field, script: bool) -> None:
    field.scene.without_number("SITI")
    page = field.open(field.telephone(script=script))
    say = _line(page, "Siti").locator(".say")
    text = say.inner_text()
    assert text.startswith("KIA Rizki sudah jadi.")
    _press(page, "Siti", "Anak meninggal dunia")
    expect(say).to_have_text("Mohon jangan didatangi lagi. Kantor yang akan menghubungi keluarga ini.")
    assert _note(page, "Siti").startswith("Anak meninggal dunia")
    _press(page, "Siti", "Belum bertemu")
    expect(say).to_have_text(text)


def test_a_line_that_drops_in_the_middle_loses_no_tick_and_doubles_none(field: Field) -> None:
    families = {f"Ibu {number:02}": field.scene.without_number(f"IBU {number:02}") for number in range(6)}
    page = field.open(field.telephone())
    _press(page, "Ibu 00", "Sudah diberi tahu")
    expect(_line(page, "Ibu 00").locator(".note")).to_contain_text("tersimpan")
    _cut(page)
    for name, button in (
        ("Ibu 01", "Akan datang"), ("Ibu 02", "Belum bertemu"), ("Ibu 03", "Sudah pindah"), ("Ibu 03", "Sudah diberi tahu"),
        ("Ibu 04", "Kartu sudah diserahkan"),
    ):  # fmt: skip
        _press(page, name, button)
        assert WAITING in _note(page, name)
    status = page.get_by_role("status")
    assert status.inner_text().startswith("5 catatan belum terkirim; tersimpan di HP ini.")
    assert len(field.noted()) == 1
    _mend(page)
    expect(status).to_be_empty(timeout=SOON)
    ids = {name: family.household.id for name, family in families.items()}
    assert field.noted() == [
        (ids["Ibu 00"], "told"), (ids["Ibu 01"], "will_come"), (ids["Ibu 02"], "not_met"), (ids["Ibu 03"], "moved"),
        (ids["Ibu 03"], "told"), (ids["Ibu 04"], "handed_over"),
    ]  # fmt: skip
    page.reload()
    assert _note(page, "Ibu 03").startswith("✓ Sudah diberi tahu")
    assert not page.get_by_text(WAITING).is_visible()
    assert len(field.noted()) == 6, "nothing is sent again"


def test_an_answer_that_is_lost_is_asked_for_again_and_the_tick_stays_one(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.telephone()
    page.clock.install()
    field.open(page)
    seen: list[str] = []

    def flaky(route: Route) -> None:
        seen.append(route.request.post_data or "")
        if len(seen) == 1:
            route.fetch()  # it arrived, its answer did not
            route.abort("connectionreset")
        elif len(seen) == 2:
            route.fulfill(status=502, body="<html>proxy</html>")
        else:
            route.continue_()

    page.route("**/catat", flaky)
    _press(page, "Siti", "Sudah diberi tahu")
    expect(page.get_by_role("status")).to_contain_text("1 catatan belum terkirim")
    for _ in range(60):  # the page's own seconds: it asks again by itself
        if len(seen) < 3:
            page.clock.run_for(1_000)
    expect(_line(page, "Siti").locator(".note")).to_contain_text("tersimpan", timeout=SOON)
    assert len(seen) == 3
    assert len({body.split("&umur")[0] for body in seen}) == 1, "the same tick each time"
    assert field.noted() == [(number, "told")]


def test_ticks_survive_a_closed_page_and_are_as_old_as_they_are(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.open(field.telephone())
    context = field.contexts[-1]
    _cut(page)
    _press(page, "Siti", "Sudah diberi tahu")
    assert WAITING in _note(page, "Siti")
    page.evaluate("""() => {
        const queue = JSON.parse(localStorage['petugas:17.03.15.2011']);
        queue[0].at -= 7200 * 1000;
        localStorage['petugas:17.03.15.2011'] = JSON.stringify(queue);
    }""")
    page.close()
    field.set_time(hours=4)
    context.set_offline(False)
    page = context.new_page()
    page.goto(f"{field.base}/petugas/{field.made.token}")
    expect(_line(page, "Siti").locator(".note")).to_contain_text("tersimpan", timeout=SOON)
    (row,) = field.scene.rows(tables.Tick)
    assert (row.household_id, row.kind) == (number, "told")
    assert 7190 <= (field.scene.now - row.said_at).total_seconds() <= 7260


def test_ticks_wait_for_the_pin_when_the_session_is_over(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.open(field.telephone())
    field.set_time(hours=13)
    _press(page, "Siti", "Akan datang")
    status = page.get_by_role("status")
    expect(status).to_contain_text("Masukkan PIN lagi")
    assert field.noted() == []
    status.get_by_role("link", name="Masukkan PIN").click()
    page.get_by_label("PIN", exact=True).fill(field.made.pin)
    page.get_by_role("button", name="Buka daftar").click()
    expect(_line(page, "Siti").locator(".note")).to_contain_text("tersimpan", timeout=SOON)
    assert field.noted() == [(number, "will_come")]


def test_ticks_of_a_revoked_link_are_sent_through_the_new_one(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.open(field.telephone())
    service.revoke_link(field.scene.db, str(field.made.id), by="sari", now=field.scene.now)
    _press(page, "Siti", "Sudah diberi tahu")
    expect(page.get_by_role("status")).to_contain_text("mintalah tautan baru kepada kantor")
    assert field.noted() == []
    field.open(page, service.make_link(field.scene.db, CODE, by="sari", now=field.scene.now))
    expect(_line(page, "Siti").locator(".note")).to_contain_text("tersimpan", timeout=SOON)
    assert field.noted() == [(number, "told")]


def test_a_refused_tick_is_said_and_does_not_hold_up_the_next(field: Field) -> None:
    scene = field.scene
    moved, stays = scene.without_number("ANI"), scene.without_number("BUDI")
    page = field.open(field.telephone())
    with scene.db.write() as session:
        row = session.get_one(tables.Household, moved.household.id)
        row.village_id = next(one.id for one in scene.rows(tables.Village) if one.code == OTHER)
        session.add(row)
    _press(page, "Ani", "Sudah diberi tahu")
    expect(page.get_by_role("status")).to_contain_text("tidak disimpan: Keluarga ini bukan dari desa Anda.")
    assert "tidak disimpan" in _note(page, "Ani")
    _press(page, "Budi", "Sudah diberi tahu")
    expect(_line(page, "Budi").locator(".note")).to_contain_text("tersimpan")
    assert field.noted() == [(stays.household.id, "told")]


def test_where_nothing_can_be_kept_the_form_sends_itself(field: Field) -> None:
    number = field.scene.without_number("SITI").household.id
    page = field.telephone()
    page.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('no'); } })")
    field.open(page)
    _press(page, "Siti", "Sudah diberi tahu")
    page.wait_for_url(f"**#k{number}")
    assert _note(page, "Siti").startswith("✓ Sudah diberi tahu")
    assert field.noted() == [(number, "told")]


def test_two_telephones_with_one_link_see_each_others_notes(field: Field) -> None:
    field.scene.without_number("SITI")
    one, other = field.open(field.telephone()), field.open(field.telephone(script=False))
    _press(one, "Siti", "Sudah diberi tahu")
    expect(_line(one, "Siti").locator(".note")).to_contain_text("tersimpan")
    other.reload()
    assert _note(other, "Siti").startswith("✓ Sudah diberi tahu")
