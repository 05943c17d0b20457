"""The officer's page over HTTP: who gets in, what the forms do, and what is told to whom."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from broadcaster.app import App
from broadcaster.clock import FixedClock
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.village import service
from broadcaster.village.service import NewLink
from tests.integration.village.scene import CODE, OTHER, Scene
from tests.integration.web import seed
from tests.integration.web.serving import Answer, Client, serve

SCRIPT = {"accept": "application/json", "sec-fetch-site": "same-origin"}


@pytest.fixture
def scene(sqlite_db: Database, now) -> Scene:
    return Scene(sqlite_db, now).prepare()


@pytest.fixture
def app(scene: Scene, tmp_path: Path) -> App:
    return seed.app(scene.db, scene.now, tmp_path)


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    with serve(app) as port:
        yield Client(port)


@pytest.fixture
def made(scene: Scene) -> NewLink:
    return service.make_link(scene.db, CODE, by="sari", now=scene.now)


@pytest.fixture
def officer(client: Client, made: NewLink) -> Client:
    """A telephone that has entered the PIN."""
    assert client.post(_at(made), {"pin": made.pin}).status == 303
    return client


def _at(made: NewLink, rest: str = "") -> str:
    return f"/petugas/{made.token}{rest}"


def _words(answer: Answer) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", answer.text)))


def _set_time(app: App, scene: Scene, **span: int) -> None:
    scene.later(**span)
    assert isinstance(app.clock, FixedClock)
    app.clock.moment = scene.now


def _tick(client: Client, made: NewLink, household: int | None, kind: str, **more: str) -> Answer:
    headers = {key: more.pop(key) for key in list(more) if key == "accept"}
    return client.post(_at(made, "/catat"), {"c": f"{household}.{kind}", "id": "0123456789abcdef"} | more, headers)


# ---------------------------------------------------------------------------------------------------------------- getting in


def test_before_the_pin_nobody_sees_a_name(scene: Scene, client: Client, made: NewLink) -> None:
    scene.without_number("SITI AMINAH")
    answer = client.get(_at(made))
    assert answer.status == 200
    assert "Masukkan PIN" in answer.text
    assert "Siti" not in answer.text
    assert "Talang Pungguk" not in answer.text
    assert made.token not in client.last_cookie


def test_the_pin_opens_the_list_for_this_address_alone(scene: Scene, client: Client, made: NewLink) -> None:
    scene.without_number("SITI AMINAH")
    answer = client.post(_at(made), {"pin": made.pin})
    assert (answer.status, answer.headers["location"]) == (303, _at(made))
    cookie = client.last_cookie.lower()
    assert f"path=/petugas/{made.token}".lower() in cookie
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "secure" not in cookie
    page = client.get(_at(made))
    assert page.status == 200
    assert "Daftar keluarga Desa Talang Pungguk" in page.text
    assert "Siti Aminah" in page.text
    assert client.get("/beranda").headers["location"].startswith("/masuk"), "an officer is no staff"


def test_with_https_the_cookie_is_secure(scene: Scene, made: NewLink, tmp_path: Path) -> None:
    with serve(seed.app(scene.db, scene.now, tmp_path, public="https://kia.example.go.id")) as port:
        client = Client(port)
        client.post(_at(made), {"pin": made.pin})
    assert client.last_cookie.startswith("__Secure-petugas=")
    assert "secure" in client.last_cookie.lower()


def test_a_guessed_link_is_the_same_plain_404_as_any_wrong_address(client: Client, made: NewLink) -> None:
    elsewhere = client.get("/tidak-ada")
    guesses = [
        "/petugas/",
        "/petugas/x",
        f"/petugas/{'A' * 32}",
        f"/petugas/{made.token[:-1]}",
        f"/petugas/{made.token}x",
    ]
    guesses += [f"/petugas/{made.token}/x", f"/petugas/{made.token}/catat/x", "/petugas/%00", "/petugas/" + "a" * 3000]
    for path in guesses:
        answer = client.get(path)
        assert (answer.status, answer.body) == (404, elsewhere.body), path
    for path in ("/petugas/x", f"/petugas/{'A' * 32}"):
        for answer in (
            client.post(path, {"pin": "000000"}),
            client.post(f"{path}/catat", {"c": "1.told", "id": "12345678"}),
        ):
            assert (answer.status, answer.body) == (404, elsewhere.body)
            assert "set-cookie" not in answer.headers
    assert client.post(f"/petugas/{'A' * 32}/catat", {"c": "1.told"}, SCRIPT).status == 404


def test_five_wrong_pins_lock_the_link_and_say_until_when(
    app: App, scene: Scene, client: Client, made: NewLink
) -> None:
    wrong = f"{(int(made.pin) + 1) % 1_000_000:06}"
    for left in (4, 3, 2, 1):
        answer = client.post(_at(made), {"pin": wrong})
        assert answer.status == 403
        assert f"sisa percobaan: {left}" in _words(answer)
    answer = client.post(_at(made), {"pin": wrong})
    assert (answer.status, answer.headers["retry-after"]) == (429, "900")
    assert "dikunci sampai 5 Oktober 2026 pukul 08.15 WIB" in _words(answer)
    answer = client.post(_at(made), {"pin": made.pin})
    assert answer.status == 429
    assert "set-cookie" not in answer.headers
    _set_time(app, scene, minutes=15)
    assert client.post(_at(made), {"pin": made.pin}).status == 303


@pytest.mark.parametrize("pin", ["", "x", "12345678901234567890123456789012345678901", "\x00", "１２３４５６"])
def test_a_strange_pin_is_a_wrong_one(client: Client, made: NewLink, pin: str) -> None:
    answer = client.post(_at(made), {"pin": pin})
    assert answer.status in (400, 403)
    assert "set-cookie" not in answer.headers


def test_an_ended_and_a_revoked_link_say_so_politely(app: App, scene: Scene, officer: Client, made: NewLink) -> None:
    service.revoke_link(scene.db, made.token, by="sari", now=scene.now)
    for answer in (
        officer.get(_at(made)),
        officer.post(_at(made), {"pin": made.pin}),
        _tick(officer, made, 1, "told"),
    ):
        assert answer.status == 410
        assert "Tautan ini sudah tidak berlaku" in answer.text
        assert "Terima kasih" in answer.text
    assert officer.post(_at(made, "/catat"), {"c": "1.told", "id": "12345678"}, SCRIPT).status == 410
    other = service.make_link(scene.db, CODE, by="sari", now=scene.now)
    _set_time(app, scene, days=30)
    assert officer.get(_at(other)).status == 410


def test_a_session_is_over_after_a_working_day(app: App, scene: Scene, officer: Client, made: NewLink) -> None:
    assert "Daftar keluarga" in officer.get(_at(made)).text
    _set_time(app, scene, hours=12, seconds=1)
    assert "Masukkan PIN" in officer.get(_at(made)).text


# -------------------------------------------------------------------------------------------------------------------- ticks


def test_one_button_is_one_note_and_leads_back_to_its_place(scene: Scene, officer: Client, made: NewLink) -> None:
    family = scene.without_number("SITI AMINAH")
    number = family.household.id
    answer = _tick(officer, made, number, "told")
    assert (answer.status, answer.headers["location"]) == (303, f"{_at(made)}#k{number}")
    page = officer.get(_at(made)).text
    assert re.search(rf'id="k{number}">.*?<b>✓ Sudah diberi tahu</b> · 5 Oktober 2026', page, re.DOTALL)
    assert '<b id="sisa">0</b> dari 1 keluarga belum selesai' in page
    _tick(officer, made, number, "told")
    assert len(scene.rows(tables.Tick)) == 1, "the same form sent twice"
    _tick(officer, made, number, "moved")
    assert [row.kind for row in scene.rows(tables.Tick)] == ["told", "moved"]


def test_the_place_on_a_later_page_and_in_the_short_list_is_found_again(
    scene: Scene, officer: Client, made: NewLink
) -> None:
    families = [scene.without_number(f"IBU {number:02}") for number in range(40)]
    number = families[20].household.id
    answer = _tick(officer, made, number, "told", hal="2")
    assert answer.headers["location"] == f"{_at(made)}?hal=2#k{number}"
    assert f'id="k{number}"' in officer.get(f"{_at(made)}?hal=2").text
    assert f'id="k{number}"' not in officer.get(f"{_at(made)}?hal=2&sisa=1").text
    other = families[0].household.id
    answer = _tick(officer, made, other, "will_come", sisa="1")
    assert answer.headers["location"] == f"{_at(made)}?sisa=1&baru={other}#k{other}"
    assert f'id="k{other}"' in officer.get(f"{_at(made)}?sisa=1&baru={other}").text
    assert "Halaman 3 dari 3" in _words(officer.get(f"{_at(made)}?hal=99"))


def test_the_script_is_told_what_became_of_a_tick(scene: Scene, client: Client, made: NewLink) -> None:
    family, there = scene.without_number(), scene.without_number(village=OTHER)
    address, fields = _at(made, "/catat"), {"c": f"{family.household.id}.told", "id": "a" * 32, "umur": "60"}
    assert client.post(address, fields, SCRIPT).status == 401
    client.post(_at(made), {"pin": made.pin})
    for _ in range(3):
        assert client.post(address, fields, SCRIPT).status == 204
    (row,) = scene.rows(tables.Tick)
    assert row.said_at == scene.now, "never before the link was made"
    refused = client.post(address, fields | {"c": f"{there.household.id}.told"}, SCRIPT)
    assert refused.status == 403
    assert json.loads(refused.text) == {"refused": "other_village", "message": "Keluarga ini bukan dari desa Anda."}
    assert client.post(address, fields | {"c": "1.collected"}, SCRIPT).status == 400
    assert len(scene.rows(tables.Tick)) == 1


def test_a_row_of_another_village_is_refused_in_words(scene: Scene, officer: Client, made: NewLink) -> None:
    there = scene.without_number("BUDI", village=OTHER)
    answer = _tick(officer, made, there.household.id, "told")
    assert answer.status == 403
    assert "Keluarga ini bukan dari desa Anda." in answer.text
    assert f'href="{_at(made)}"' in answer.text
    assert "Budi" not in answer.text + officer.get(_at(made)).text
    assert scene.rows(tables.Tick) == []


def test_another_links_cookie_opens_nothing(scene: Scene, officer: Client) -> None:
    there = service.make_link(scene.db, OTHER, by="sari", now=scene.now)
    scene.without_number("BUDI", village=OTHER)
    assert "Masukkan PIN" in officer.get(_at(there)).text
    assert _tick(officer, there, 1, "told", accept="application/json").status == 401


def test_a_tick_without_a_session_waits_for_the_pin_and_is_not_lost(
    scene: Scene, client: Client, made: NewLink
) -> None:
    number = scene.without_number().household.id
    answer = _tick(client, made, number, "told")
    assert answer.status == 200
    assert "Catatan Anda belum terkirim." in answer.text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text))
    assert fields == {"c": f"{number}.told", "id": "0123456789abcdef"}
    wrong = f"{(int(made.pin) + 1) % 1_000_000:06}"
    answer = client.post(_at(made), fields | {"pin": wrong})
    assert answer.status == 403
    assert dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', answer.text)) == fields
    assert scene.rows(tables.Tick) == []
    answer = client.post(_at(made), fields | {"pin": made.pin})
    assert answer.headers["location"] == f"{_at(made)}#k{number}"
    assert [row.kind for row in scene.rows(tables.Tick)] == ["told"]
    assert "Sudah diberi tahu" in client.get(_at(made)).text


@pytest.mark.parametrize(
    "choice", ["", "1", "1.", ".told", "x.told", "-1.told", "1.TOLD", "9" * 15 + ".told", "1.told.x", "<b>.told"]
)
@pytest.mark.parametrize("client_id", ["0123456789abcdef", "short", "x" * 65, "a b c d e f g h"])
def test_strange_forms_change_nothing(
    scene: Scene, officer: Client, made: NewLink, choice: str, client_id: str
) -> None:
    scene.without_number()
    answer = officer.post(_at(made, "/catat"), {"c": choice, "id": client_id})
    assert answer.status in (400, 403)
    assert scene.rows(tables.Tick) == []


@pytest.mark.parametrize("field", ["umur", "hal", "sisa"])
@pytest.mark.parametrize("value", ["x", "-1", "1e9", "9" * 30])
def test_strange_numbers_are_refused_without_a_trace(
    scene: Scene, officer: Client, made: NewLink, field: str, value: str
) -> None:
    number = scene.without_number().household.id
    answer = _tick(officer, made, number, "told", **{field: value})
    assert answer.status == 400 or (field, value) == ("sisa", "x")


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://jahat.example"}, {"origin": "null"}]
)
def test_a_form_of_another_site_notes_nothing(
    scene: Scene, officer: Client, made: NewLink, headers: dict[str, str]
) -> None:
    number = scene.without_number().household.id
    answer = officer.post(_at(made, "/catat"), {"c": f"{number}.told", "id": "0123456789abcdef"}, headers)
    assert answer.status == 403
    assert officer.post(_at(made), {"pin": made.pin}, headers).status == 403
    assert scene.rows(tables.Tick) == []


# ------------------------------------------------------------------------------------------------------- headers, and weight


def test_the_page_allows_its_own_script_and_nothing_else(scene: Scene, officer: Client, made: NewLink) -> None:
    scene.without_number()
    for answer in (officer.get(_at(made)), officer.get("/petugas/x"), _tick(officer, made, 1, "nothing")):
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none';"
            " base-uri 'none'; script-src 'self'; connect-src 'self'"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
    page = officer.get(_at(made)).text
    assert re.findall(r"<script[^>]*>", page) == [
        re.search(r'<script src="/static/petugas\.js\?v=\w+" defer>', page).group()
    ]
    assert " style=" not in page
    assert " on" not in re.sub(r">[^<]*<", "><", page), "no handler in the markup"
    assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)
    assert 'content="noindex"' in page


def _everything(client: Client, path: str, headers: dict[str, str]) -> int:
    """Bytes of a page with all it loads."""
    page = client.get(path).text
    loaded = {path, *re.findall(r'(?:src|href)="(/static/[^"]+)"', page)}
    assert len(loaded) == 4
    return sum(len(client.get(one, headers).body) for one in loaded)


def test_a_full_page_weighs_less_than_forty_kilobytes_unpacked_and_a_quarter_of_it_on_the_wire(
    scene: Scene, officer: Client, made: NewLink
) -> None:
    for number in range(60):
        scene.without_number(f"SITI AMINAH BINTI MUHAMMAD YUSUF {number}", child_name="MUHAMMAD RIZKI PRATAMA")
    assert _everything(officer, _at(made), {}) < 40_000
    assert _everything(officer, _at(made), {"accept-encoding": "gzip"}) < 10_000


def test_the_pin_page_is_light_too(client: Client, made: NewLink) -> None:
    page = client.get(_at(made))
    assert len(page.body) < 2_500
    assert "<script" not in page.text


def test_names_are_text_wherever_they_come_from(scene: Scene, officer: Client, made: NewLink) -> None:
    scene.without_number("<img src=x onerror=alert(1)>", child_name="<b>RIZKI</b>")
    page = officer.get(_at(made)).text
    assert "<img" not in page
    assert "&lt;Img" in page or "&lt;img" in page


def test_the_address_is_in_no_log(
    scene: Scene, officer: Client, made: NewLink, capfd: pytest.CaptureFixture[str]
) -> None:
    scene.without_number()
    officer.get(_at(made))
    officer.get(f"/petugas/{made.token}x")
    _tick(officer, made, 999, "told")
    shown = capfd.readouterr()
    assert made.token not in shown.out + shown.err


def test_nobody_listed_is_said_kindly(officer: Client, made: NewLink) -> None:
    assert "Saat ini tidak ada keluarga yang perlu didatangi. Terima kasih." in officer.get(_at(made)).text


def test_what_was_noted_elsewhere_is_seen_at_once(scene: Scene, officer: Client, made: NewLink) -> None:
    family = scene.without_number()
    scene.tick(scene.link(), family, "not_met")
    page = officer.get(_at(made)).text
    assert "<b>Belum bertemu</b>" in page
    assert '<b id="sisa">1</b>' in page, "not met is still to do"
    assert timedelta(0) <= scene.now - scene.rows(tables.Tick)[0].said_at
