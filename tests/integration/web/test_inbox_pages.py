"""The inbox in the console."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from broadcaster.app import App
from broadcaster.rendering.service import load_content
from broadcaster.shipped import content_dir
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.web import seed
from tests.integration.web.serving import Client, serve


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    with sqlite_db.write() as session:
        make.facts(session)
        make.sender(session, "whatsapp")
        load_content(session, content_dir(), now)
    return seed.app(sqlite_db, now, tmp_path)


@pytest.fixture
def number(app: App, now: datetime) -> int:
    with app.db.write() as session:
        return seed.open_conversation(session, app.db.sealer, now)


@pytest.fixture
def client(app: App, now: datetime) -> Iterator[Client]:
    with serve(app) as port:
        yield Client(port, seed.cookies(app.db, now, "replier"))


def _words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_list_shows_what_must_be_done_today_first(app: App, client: Client, number: int, now: datetime) -> None:
    with app.db.write() as session:
        seed.open_conversation(session, app.db.sealer, now, text="disuruh bayar", intents=("complaint",), urgent=True)
        seed.open_conversation(session, app.db.sealer, now, state="done", text="terima kasih", intents=("thanks",))
    page = _words(client.get("/kotak-masuk").text)
    assert page.index("disuruh bayar") < page.index("Rumah kami jauh")
    assert "terima kasih" not in page
    assert "paling lambat 5 Oktober 2026 pukul 16.30 WIB" in page
    assert "terima kasih" in _words(client.get("/kotak-masuk?keadaan=selesai").text)
    assert "2 keluarga menunggu jawaban" in _words(client.get("/beranda").text)


def test_a_conversation_shows_the_words_the_cards_and_how_long_whatsapp_listens(client: Client, number: int) -> None:
    page = _words(client.get(f"/kotak-masuk/{number}").text)
    assert "Rumah kami jauh, apakah kartunya bisa dititip di kantor desa?" in page
    assert "dibaca sebagai: jauh dari kantor, bertanya tempat atau waktu" in page
    assert "Rizki: sudah dicetak, belum diambil" in page
    assert "WhatsApp menerima jawaban 21 jam lagi" in page
    assert client.get("/kotak-masuk/999").status == 404


def test_an_answer_is_planned_and_said(app: App, client: Client, number: int) -> None:
    answer = client.post(f"/kotak-masuk/{number}/jawab", {"teks": "Boleh, Kamis kami titipkan di kantor desa."})
    assert (answer.status, answer.headers["location"]) == (303, f"/kotak-masuk/{number}?baru=jawab")
    page = _words(client.get(answer.headers["location"]).text)
    assert "Jawaban sedang dikirim." in page
    assert "Boleh, Kamis kami titipkan di kantor desa." in page
    with app.db.read() as session:
        assert session.exec(select(tables.Message.purpose)).all() == ["answer"]


def test_a_refused_answer_keeps_what_was_written(app: App, client: Client, number: int, now: datetime) -> None:
    page = client.post(f"/kotak-masuk/{number}/jawab", {"teks": "NIK anak 1703071501120001 ya"})
    assert page.status == 409
    assert "hapus nomor itu" in page.text
    assert "NIK anak 1703071501120001 ya" in page.text
    with app.db.write() as session:
        session.get_one(tables.Conversation, number).last_at = now - timedelta(hours=25)
    assert "WhatsApp tidak menerima jawaban bebas lagi" in _words(client.get(f"/kotak-masuk/{number}").text)
    offered = client.post(f"/kotak-masuk/{number}/sapa", {})
    assert (offered.status, "content push" in offered.text) == (409, True), "no template is approved"


def test_a_ready_answer_is_put_into_the_form_and_not_sent(app: App, client: Client, number: int) -> None:
    page = client.get(f"/kotak-masuk/{number}?pakai=where_when")
    assert "diurus dan diambil di" in page.text
    with app.db.read() as session:
        assert session.exec(select(tables.Message.id)).all() == []


def test_a_conversation_is_taken_and_closed(app: App, client: Client, number: int) -> None:
    assert client.post(f"/kotak-masuk/{number}/ambil").status == 303
    assert "Ditangani dewi." in _words(client.get(f"/kotak-masuk/{number}").text)
    assert client.post(f"/kotak-masuk/{number}/selesai").status == 303
    with app.db.read() as session:
        assert session.get_one(tables.Conversation, number).state == "done"


def test_who_may_not_answer_sees_no_form_and_is_refused(app: App, number: int, now: datetime) -> None:
    with serve(app) as port:
        reader = Client(port, seed.cookies(app.db, now, "approver"))
        assert "<textarea" not in reader.get(f"/kotak-masuk/{number}").text
        assert reader.post(f"/kotak-masuk/{number}/jawab", {"teks": "Halo"}).status == 403
