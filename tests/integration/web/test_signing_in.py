from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi import Response

from broadcaster.app import App
from broadcaster.clock import FixedClock
from broadcaster.office import service as office
from broadcaster.office.rules import SYSTEM
from broadcaster.storage.database import Database
from broadcaster.web import security
from broadcaster.web.console import create_app
from tests.integration.web import seed
from tests.integration.web.serving import PASSWORD, Client, serve


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    seed.account(sqlite_db, now)
    return seed.app(sqlite_db, now, tmp_path)


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    with serve(app) as port:
        yield Client(port)


def test_every_address_but_the_public_ones_needs_a_sign_in(app: App, client: Client) -> None:
    paths = create_app(app).openapi()["paths"]
    assert {"/beranda", "/kampanye/{name}/pesan", "/hasil/{name}", "/keluar"} <= set(paths)
    for path, methods in paths.items():
        for method in methods:
            answer = client.call(method.upper(), path.replace("{name}", "a").replace("{action}", "jeda"))
            if path in security.PUBLIC:
                assert "/masuk" not in answer.headers.get("location", ""), path
            elif path.startswith(security.OFFICER):
                assert answer.status == 404, (method, path)  # its own secret lets in, see test_officer.py
            else:
                assert answer.status == 303, (method, path)
                assert answer.headers["location"].startswith("/masuk"), (method, path)
                assert "sesi" not in answer.headers.get("set-cookie", "")


def test_a_new_address_is_closed_until_somebody_opens_it(app: App) -> None:
    web = create_app(app)

    @web.get("/baru")
    def new() -> Response:
        return Response("rahasia")

    closed = [route for route in web.routes if getattr(route, "path", "") == "/baru"]
    assert [dependency.dependency for dependency in closed[0].dependencies] == [security.gate]  # type: ignore[attr-defined]


def test_the_public_addresses_exist(app: App) -> None:
    assert set(create_app(app).openapi()["paths"]) >= security.PUBLIC


def test_the_right_password_leads_to_the_page_that_was_asked_for(client: Client) -> None:
    asked = client.get("/kampanye?halaman=2")
    assert asked.headers["location"] == "/masuk?lanjut=/kampanye%3Fhalaman%3D2"
    assert 'name="lanjut" value="/kampanye?halaman=2"' in client.get(asked.headers["location"]).text
    answer = client.sign_in(after="/kampanye?halaman=2")
    assert (answer.status, answer.headers["location"]) == (303, "/kampanye?halaman=2")
    assert client.get("/kampanye").status == 200


def test_the_first_page_is_the_home_page(client: Client) -> None:
    client.sign_in()
    answer = client.get("/")
    assert (answer.status, answer.headers["location"]) == (303, "/beranda")
    assert "sari" in client.get("/beranda").text


@pytest.mark.parametrize(
    "after", ["https://jahat.example", "//jahat.example", "/\\jahat.example", "javascript:alert(1)"]
)
def test_a_sign_in_never_leads_to_another_site(client: Client, after: str) -> None:
    assert "jahat" not in client.call("GET", f"/masuk?lanjut={after.replace(chr(92), '%5C')}").text
    assert client.sign_in(after=after).headers["location"] == "/beranda"


def test_a_wrong_password_is_said_in_a_sentence_and_not_kept(client: Client) -> None:
    answer = client.sign_in(password="bukan-kata-sandi")
    assert answer.status == 403
    assert "Nama pengguna atau kata sandi salah." in answer.text
    assert 'value="sari"' in answer.text
    assert "bukan-kata-sandi" not in answer.text
    assert client.cookies == {}


def test_an_empty_form_says_what_to_fill_in(client: Client) -> None:
    answer = client.post("/masuk", {})
    assert answer.status == 400
    assert "Isi nama pengguna dan kata sandi." in answer.text


def test_what_was_typed_is_shown_as_text(client: Client) -> None:
    text = client.sign_in(username='"><script>alert(1)</script>').text
    assert "<script>" not in text
    assert "&lt;script&gt;" in text


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(client: Client) -> None:
    client.sign_in()
    flags = [part.strip().lower() for part in client.last_cookie.split(";")]
    assert {"httponly", "samesite=lax", "path=/"} <= set(flags)
    assert "secure" not in flags
    assert not any(flag.startswith(("expires", "max-age", "domain")) for flag in flags)


def test_with_a_public_https_address_the_cookie_never_leaves_https(
    sqlite_db: Database, now: datetime, tmp_path: Path
) -> None:
    seed.account(sqlite_db, now)
    with serve(seed.app(sqlite_db, now, tmp_path, public="https://kia.example.go.id")) as port:
        client = Client(port)
        client.sign_in()
        assert client.last_cookie.startswith("__Host-sesi=")
        assert "secure" in client.last_cookie.lower()
        assert client.get("/beranda").status == 200


def test_signing_out_ends_the_session_itself_and_not_only_the_cookie(client: Client) -> None:
    client.sign_in()
    before = dict(client.cookies)
    answer = client.post("/keluar")
    assert (answer.status, answer.headers["location"]) == (303, "/masuk")
    assert client.cookies == {}
    client.cookies = before
    assert client.get("/beranda").status == 303


def test_signing_in_again_ends_the_session_before(app: App, client: Client, now: datetime) -> None:
    seed.account(app.db, now, "admin")
    client.sign_in()
    before = dict(client.cookies)
    client.sign_in("agus")
    assert "agus" in client.get("/beranda").text
    client.cookies = before
    assert client.get("/beranda").status == 303


def test_a_session_ends_after_a_working_day(app: App, client: Client, now: datetime) -> None:
    client.sign_in()
    assert isinstance(app.clock, FixedClock)
    app.clock.moment = now + timedelta(hours=11, minutes=59)
    assert client.get("/beranda").status == 200
    app.clock.moment = now + timedelta(hours=12, minutes=1)
    assert client.get("/beranda").status == 303


def test_a_closed_account_is_out_at_once(app: App, client: Client, now: datetime) -> None:
    client.sign_in()
    office.disable_staff(app.db, "sari", by=SYSTEM, now=now)
    assert client.get("/beranda").status == 303
    assert client.sign_in().status == 403


def test_a_made_up_token_opens_nothing(client: Client) -> None:
    for token in ("x", "x" * 4000, "%00", '";,'):
        client.cookies = {"sesi": token}
        assert client.get("/beranda").status == 303


def test_guessing_is_stopped_and_the_sentence_says_so(client: Client) -> None:
    answers = [client.sign_in(password=f"tebakan-{number}") for number in range(6)]
    assert [answer.status for answer in answers] == [403] * 6
    assert "Nama pengguna atau kata sandi salah." not in answers[-1].text
    assert client.sign_in(password=PASSWORD).status == 403
