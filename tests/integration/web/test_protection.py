from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from broadcaster.app import App
from broadcaster.storage.database import Database
from broadcaster.web.security import MAX_BODY
from tests.integration.web import seed
from tests.integration.web.serving import Client, serve


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    seed.account(sqlite_db, now)
    return seed.app(sqlite_db, now, tmp_path)


@pytest.fixture
def client(app: App) -> Iterator[Client]:
    with serve(app) as port:
        yield Client(port)


def _break_the_database(app: App) -> None:
    with app.db.engine.connect() as connection, connection.begin():
        connection.execute(text("ALTER TABLE staff_session RENAME TO gone"))
        connection.execute(text("ALTER TABLE alert RENAME TO gone_too"))


def test_every_kind_of_answer_carries_the_protecting_headers(app: App, client: Client) -> None:
    client.sign_in()
    style = re.search(r"/static/style\.css\?v=\w+", client.get("/masuk").text)
    assert style is not None
    answers = {
        200: client.get("/beranda"),
        303: client.get("/"),
        400: client.get("/kampanye/x/pesan?halaman=dua"),
        403: client.post("/masuk", headers={"sec-fetch-site": "cross-site"}),
        404: client.get("/tidak-ada"),
        405: client.get("/keluar"),
        413: client.post("/masuk", {"nama": "a" * (MAX_BODY + 1)}),
    }
    _break_the_database(app)
    answers[500] = client.get("/beranda")
    for status, answer in answers.items():
        assert answer.status == status
        assert answer.headers["cache-control"] == "no-store"
    for answer in (*answers.values(), client.get(style.group())):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"


def test_only_the_style_and_the_logo_may_be_kept(client: Client) -> None:
    page = client.get("/masuk").text
    for address in re.findall(r"/static/[\w.]+\?v=\w+", page):
        answer = client.get(address)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/tidak-ada.css").headers["cache-control"] == "no-store"
    assert client.get("/static/../security.py").status == 404
    assert client.get("/static/%2e%2e/security.py").status == 404


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://jahat.example"},
        {"origin": "null"},
    ],
)
def test_a_form_of_another_site_changes_nothing(client: Client, headers: dict[str, str]) -> None:
    client.sign_in()
    answer = client.post("/keluar", headers=headers)
    assert answer.status == 403
    assert "Formulir ditolak" in answer.text
    assert client.get("/beranda").status == 200


def test_a_form_of_ours_is_taken(client: Client) -> None:
    own = {"sec-fetch-site": "same-origin", "origin": f"http://127.0.0.1:{client.port}"}
    assert client.post("/masuk", {"nama": "x", "sandi": "y"}, own).status == 403  # a wrong password, not a wrong form
    assert client.post("/masuk", {"nama": "x", "sandi": "y"}, {"origin": own["origin"]}).status == 403
    client.sign_in()
    assert client.post("/keluar", headers=own).status == 303


def test_an_endless_body_is_cut_off_whatever_its_length_says(client: Client) -> None:
    def chunks() -> Iterator[bytes]:
        for _ in range(MAX_BODY // 1024 + 1):
            yield b"a" * 1024

    kind = {"content-type": "application/x-www-form-urlencoded"}
    answer = client.call("POST", "/masuk", chunks(), kind)
    assert answer.status == 413
    assert "Kiriman terlalu besar" in answer.text


def test_a_body_of_exactly_the_limit_is_read(client: Client) -> None:
    form = {"nama": "a", "sandi": "b", "lanjut": ""}
    form["lanjut"] = "a" * (MAX_BODY - len("nama=a&sandi=b&lanjut="))
    assert client.post("/masuk", form).status == 403


def test_a_defect_shows_a_calm_page_and_no_trace(app: App, client: Client) -> None:
    client.sign_in()
    _break_the_database(app)
    answer = client.get("/beranda")
    assert answer.status == 500
    assert "Ada gangguan pada sistem" in answer.text
    assert "Traceback" not in answer.text
    assert "staff_session" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/tidak-ada", 404, "Halaman tidak ditemukan"),
        ("/kampanye/tidak-ada", 404, "tidak-ada"),
        ("/hasil/tidak-ada", 404, "tidak-ada"),
        ("/kampanye/tidak-ada/pesan", 404, "tidak-ada"),
        ("/kampanye/a/pesan?halaman=0", 400, "Permintaan tidak dapat dibaca"),
        ("/kampanye/a/pesan?halaman=99999999999999999999", 400, "Permintaan tidak dapat dibaca"),
        ("/beranda/", 404, "Halaman tidak ditemukan"),
        ("/docs", 404, "Halaman tidak ditemukan"),
        ("/openapi.json", 404, "Halaman tidak ditemukan"),
    ],
)
def test_a_wrong_address_is_answered_in_indonesian(client: Client, path: str, status: int, words: str) -> None:
    client.sign_in()
    answer = client.get(path)
    assert answer.status == status
    assert words in answer.text
    assert '<html lang="id">' in answer.text


def test_no_page_loads_a_script_or_anything_from_outside(client: Client) -> None:
    client.sign_in()
    for path in ("/masuk", "/beranda", "/kampanye", "/hasil", "/tidak-ada"):
        page = client.get(path).text
        assert "<script" not in page
        assert "javascript:" not in page
        assert " style=" not in page
        assert not re.findall(r'(?:src|href|action)="(?:https?:)?//', page)


def test_pages_are_light(client: Client) -> None:
    client.sign_in()
    compressed = {"accept-encoding": "gzip"}
    page = client.get("/beranda", compressed)
    assert page.headers["content-encoding"] == "gzip"
    style = re.search(r"/static/style\.css\?v=\w+", client.get("/beranda").text)
    assert style is not None
    assert len(page.body) + len(client.get(style.group(), compressed).body) < 14_000


def test_alive_and_ready_are_answered_without_a_sign_in(app: App, client: Client) -> None:
    assert client.get("/healthz").status == 200
    assert client.get("/readyz").status == 200
    assert client.call("HEAD", "/healthz").status == 200
    _break_the_database(app)
    assert client.get("/healthz").status == 200
    answer = client.get("/readyz")
    assert (answer.status, answer.text) == (503, "database\n")
