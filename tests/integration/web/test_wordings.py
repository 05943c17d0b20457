"""/pesan: every message as it looks on a phone, filled for a sample or for a household."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from broadcaster.app import App
from broadcaster.office.service import set_fact, set_price
from broadcaster.rendering import comparing
from broadcaster.rendering.previews import overview, sample_preview
from broadcaster.rendering.queries import latest, source_of, templates
from broadcaster.rendering.samples import SAMPLES
from broadcaster.rendering.service import load_content, record_provider_template, save
from broadcaster.rendering.source import MESSAGE_PURPOSES, read_message, to_toml
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from tests import make
from tests.integration.web import seed
from tests.integration.web.serving import Client, serve

KEY = "ambil-kartu-1"


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    with sqlite_db.write() as session:
        make.facts(session)
        load_content(session, content_dir(), now)
    for channel, idr in (("whatsapp", 700), ("sms", 350)):
        set_price(sqlite_db, channel, idr, by="sistem", now=now)
    return seed.app(sqlite_db, now, tmp_path)


@pytest.fixture
def client(app: App, now: datetime) -> Iterator[Client]:
    with serve(app) as port:
        yield Client(port, seed.cookies(app.db, now))


def _words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def _bubbles(page: str) -> list[str]:
    """The texts in the phones, as a browser would show them."""
    return [html.unescape(text) for text in re.findall(r'<p class="bubble__text">(.*?)</p>', page, re.DOTALL)]


def test_the_list_has_every_message_with_its_state_and_cost(app: App, client: Client, now: datetime) -> None:
    with app.db.write() as session:
        version = latest(session, KEY)
        record_provider_template(session, version.id, "twilio", "HX1", "approved", "UTILITY", now)
        record_provider_template(session, latest(session, "ambil-kartu-2").id, "twilio", "HX2", "new_word", "X", now)
        titles = [version.title for version in templates(session, (*MESSAGE_PURPOSES, "answer"))]
        ease = overview(session, ("campaign",), app.today())[0].reading_ease
    page = client.get("/pesan").text
    words = _words(page)
    assert all(title in words for title in titles)
    assert f"{KEY} Disetujui Meta Pemberitahuan (utility) {ease:.0f} 1–2 Rp350–Rp700" in words
    assert 'href="/pesan/answer%3Awhere_when"' in page
    assert "Menunggu Meta" in words, "a state nobody has a word for still needs waiting"


def test_what_is_in_the_phones_is_the_preview(app: App, client: Client) -> None:
    for sample in SAMPLES:
        page = client.get(f"/pesan/{KEY}?contoh={sample.key}").text
        with app.db.read() as session:
            found = sample_preview(session, KEY, sample.key, app.today())
        texts = {shown.channel: shown.text for shown in found.channels}
        assert _bubbles(page) == [texts[channel] for channel in ("whatsapp", "telegram", "sms")]
        assert texts["village_list"] in _words(page)
        assert page.count('<li class="tap">') == 2 * 3
        assert f'aria-current="true">{sample.label}<' in page


def test_a_phone_says_what_the_text_costs_and_loses(app: App, client: Client) -> None:
    words = _words(client.get(f"/pesan/{KEY}?contoh=tiga-anak").text)
    with app.db.read() as session:
        found = sample_preview(session, KEY, "tiga-anak", app.today())
    sms = next(shown for shown in found.channels if shown.channel == "sms")
    assert f"{len(sms.text)} huruf, 2 SMS" in words
    assert "Rp700 (2 × Rp350)" in words
    assert 'Tanpa tombol: "Sudah diambil", "Bantu saya", "Berhenti" hanya ada di Telegram dan WhatsApp.' in words
    assert "Tanpa biaya" in words
    assert "Belum diajukan" in words
    shared = _words(client.get(f"/pesan/{KEY}?contoh=nomor-bersama").text)
    assert "tidak ada nama yang disebut" in shared


def test_a_household_is_looked_at_by_its_number(app: App, client: Client) -> None:
    with app.db.write() as session:
        family = make.family(
            session,
            app.db.sealer,
            channels=("whatsapp",),
            child_name="BUDI <b>{{1}}</b>\n& 😀",
            guardian_name="<i>SRI</i>",
        )
        served = make.family(session, app.db.sealer, card="collected")
    page = client.get(f"/pesan/{KEY}?keluarga={family.household.id}").text
    assert "<b>" not in page.split("<main")[1]
    assert "<i>" not in page
    assert "Yth. Bapak/Ibu <i>SRI</i>, warga Kelurahan Gunung Alam." in _bubbles(page)[0]
    assert _words(page).count("Keluarga ini tidak punya alamat di saluran ini.") == 2
    assert "bukan sasaran" not in page
    assert "bukan sasaran" in client.get(f"/pesan/{KEY}?keluarga={served.household.id}").text


def test_an_empty_fact_is_told_once_for_all_channels(app: App, client: Client, now: datetime) -> None:
    set_fact(app.db, "tempat_ambil", "", by="sistem", now=now)
    words = _words(client.get(f"/pesan/{KEY}").text)
    assert "Keterangan kantor belum lengkap" in words
    assert words.count("office set tempat_ambil") == 1


def test_a_newer_shipped_wording_is_told_where_staff_wrote_their_own(
    app: App, client: Client, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with app.db.write() as session:
        own = to_toml(source_of(session, KEY)).replace("Tempatnya jauh?", "Jauh dari rumah?")
        save(session, KEY, own, by="sari", now=now)
    page = client.get(f"/pesan/{KEY}").text
    assert "Ada teks bawaan baru" not in page
    assert "Jauh dari rumah?" in _bubbles(page)[0]
    assert "Versi 2 5 Oktober 2026 pukul 08.00 WIB sari Belum" in _words(page)
    newer, _ = read_message(KEY, own.replace("Jauh dari rumah?", "Terlalu jauh?"))
    monkeypatch.setattr(comparing, "shipped", lambda key: newer)
    words = _words(client.get(f"/pesan/{KEY}").text)
    assert "Ada teks bawaan baru" in words
    assert f"content diff {KEY}" in words


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/pesan/ambil-kartu-11", 404, "ambil-kartu-1"),
        ("/pesan/ambil-kartu-1?contoh=empat-anak", 404, "tiga-anak"),
        ("/pesan/ambil-kartu-1?keluarga=999", 404, "999"),
        ("/pesan/ambil-kartu-1?keluarga=x", 400, "tidak dapat dibaca"),
        ("/pesan/%3Cscript%3E", 404, "tidak ada"),
    ],
)
def test_what_is_not_there_is_said(client: Client, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert answer.status == status
    assert words in _words(answer.text)
    assert "<script" not in answer.text


def test_the_page_needs_an_account_and_stays_light(client: Client) -> None:
    assert Client(client.port).get(f"/pesan/{KEY}").headers["location"] == f"/masuk?lanjut=/pesan/{KEY}"
    compressed = {"accept-encoding": "gzip"}
    page = client.get(f"/pesan/{KEY}")
    styles = re.findall(r"/static/\w+\.css\?v=\w+", page.text)
    assert len(styles) == 2
    sizes = [len(client.get(path, compressed).body) for path in (f"/pesan/{KEY}", *styles)]
    assert sum(sizes) < 16_000
    assert "<script" not in page.text
    assert " style=" not in page.text
