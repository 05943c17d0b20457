from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlmodel import select

from broadcaster.app import App
from broadcaster.office import queries as office_queries
from broadcaster.settings import Mode
from broadcaster.storage.database import Database
from broadcaster.storage.tables import AuditEntry, Campaign
from tests import make
from tests.integration.web import seed
from tests.integration.web.serving import Client, serve

ADDRESS = f"/kampanye/{seed.CAMPAIGN}"


@pytest.fixture
def app(sqlite_db: Database, now: datetime, tmp_path: Path) -> App:
    return seed.app(sqlite_db, now, tmp_path)


@pytest.fixture
def client(app: App, now: datetime) -> Iterator[Client]:
    with serve(app) as port:
        yield Client(port, seed.cookies(app.db, now))


def _words(page: str) -> str:
    """What a reader reads: the tags gone, the spaces folded."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def _state(app: App) -> str:
    with app.db.read() as session:
        return session.exec(select(Campaign.status).where(Campaign.name == seed.CAMPAIGN)).one()


def test_an_empty_office_sees_calm_sentences(app: App, client: Client) -> None:
    with app.db.write() as session:
        make.facts(session)
    home = _words(client.get("/beranda").text)
    assert "Tidak ada yang perlu diperiksa saat ini." in home
    assert "Tidak ada kampanye yang berjalan." in home
    assert "Tidak ada yang menunggu keputusan." in home
    assert "Belum ada kampanye." in _words(client.get("/kampanye").text)
    assert "Belum ada hasil." in _words(client.get("/hasil").text)


def test_the_home_page_shows_alerts_first_then_campaigns_then_what_waits(
    app: App, client: Client, now: datetime
) -> None:
    with app.db.write() as session:
        make.facts(session, lama_selesai="")
        seed.running(session, app.db.sealer)
        for state in ("open", "done", "open"):
            seed.open_conversation(session, app.db.sealer, now, state=state)
        make.campaign(session, seed.DRAFT, status="draft", definition={"title": "Anak belum punya kartu"})
        seed.office.raise_alert(session, "sender_stopped", "whatsapp", {"code": "99999", "channel": "whatsapp"}, now)
    home = _words(client.get("/beranda").text)
    order = [
        "Pengiriman lewat WhatsApp berhenti. Kode dari penyedia: 99999.",
        "Sejak 5 Oktober 2026 pukul 08.00 WIB",
        "Lama pembuatan kartu",
        seed.TITLE,
        "Sampai atau dibaca 16",
        "Kiriman berikutnya 5 Oktober 2026 pukul 10.00 WIB",
        "2 keluarga menunggu jawaban",
        "Anak belum punya kartu",
        "menunggu persetujuan orang kedua",
        "2 pesan tidak diketahui sampai atau tidak",
    ]
    places = [home.find(words) for words in order]
    assert -1 not in places, order[places.index(-1)]
    assert places == sorted(places)


def test_an_alert_nobody_has_words_for_is_shown_all_the_same(app: App, client: Client, now: datetime) -> None:
    with app.db.write() as session:
        seed.office.raise_alert(session, "sesuatu_baru", "lajur <1>", {"x": 1}, now)
    page = client.get("/beranda").text
    assert "sesuatu_baru" in page
    assert "lajur &lt;1&gt;" in page


def test_a_campaign_shows_its_live_numbers_in_words(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    page = _words(client.get(ADDRESS).text)
    for words in (
        f"{seed.TITLE} Berjalan",
        "Antrean Menunggu giliran kirim. 60",
        "Diterima penyedia Penyedia sudah menerima pesan. Belum ada kabar sampai. 7",
        "Terkirim Sudah diteruskan oleh penyedia. Belum ada kabar sampai. 2",
        "Sampai Sampai di ponsel penerima, menurut penyedia. 11",
        "Dibaca Dibuka oleh penerima, menurut penyedia. 5",
        "Semua pesan 96",
        f"{app.code_sentences['whatsapp:63024']} 3".replace("{channel}", "saluran ini"),
        "Kartunya sudah diurus atau sudah diambil 4",
        "Telegram 4 pesan Diterima penyedia 4",
        "Gelombang 2 12 Oktober 2026 Belum 1.200 0 (0 %)",
        "Kiriman berikutnya 5 Oktober 2026 pukul 10.00 WIB",
        "Dibuat oleh sari",
        "Disetujui oleh budi",
    ):
        assert words in page, words
    assert "accepted" not in page
    assert "planned" not in page


def test_the_numbers_are_of_this_moment(app: App, client: Client) -> None:
    with app.db.write() as session:
        campaign = seed.running(session, app.db.sealer)
    assert "Antrean Menunggu giliran kirim. 60" in _words(client.get(ADDRESS).text)
    with app.db.write() as session:
        make.message(session, app.db.sealer, campaign=campaign)
    assert "Antrean Menunggu giliran kirim. 61" in _words(client.get(ADDRESS).text)


def test_the_page_renews_itself_only_for_whoever_asks(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    assert "http-equiv" not in client.get(ADDRESS).text
    page = client.get(f"{ADDRESS}?otomatis=ya").text
    assert '<meta http-equiv="refresh" content="30">' in page
    assert f'<a href="{ADDRESS}">Hentikan pembaruan</a>' in page


def test_staff_pause_resume_and_stop_a_campaign_by_plain_forms(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    for action, status, words in (
        ("jeda", "paused", "Kampanye dijeda."),
        ("lanjut", "running", "Kampanye dilanjutkan."),
        ("henti", "stopped", "Kampanye dihentikan."),
    ):
        assert f'action="{ADDRESS}/{action}"' in client.get(ADDRESS).text
        answer = client.post(f"{ADDRESS}/{action}")
        assert (answer.status, answer.headers["location"]) == (303, f"{ADDRESS}?baru={action}")
        assert words in _words(client.get(answer.headers["location"]).text)
        assert _state(app) == status
    assert "<form" not in client.get(ADDRESS).text.split("<main")[1]
    with app.db.read() as session:
        entries = session.exec(select(AuditEntry).where(AuditEntry.entity == seed.CAMPAIGN)).all()
        assert [(entry.staff, entry.action) for entry in entries] == [
            ("sari", "campaign.pause"),
            ("sari", "campaign.resume"),
            ("sari", "campaign.stop"),
        ]


def test_an_old_address_does_not_claim_what_is_no_longer_so(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    assert "Kampanye dijeda." not in client.get(f"{ADDRESS}?baru=jeda").text


def test_a_refusal_is_said_on_the_campaigns_own_page(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    answer = client.post(f"{ADDRESS}/lanjut")
    assert answer.status == 409
    assert "Tidak dapat dilakukan" in answer.text
    assert seed.TITLE in answer.text
    assert _state(app) == "running"


@pytest.mark.parametrize("role", ["operator", "approver", "head", "replier"])
def test_the_buttons_are_there_for_exactly_those_who_may(app: App, client: Client, now: datetime, role: str) -> None:
    if role != "operator":
        client.cookies = seed.cookies(app.db, now, role)
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    offered = f'action="{ADDRESS}/jeda"' in client.get(ADDRESS).text
    answer = client.post(f"{ADDRESS}/jeda")
    assert (offered, answer.status) == ((False, 403) if role == "replier" else (True, 303))
    assert _state(app) == ("running" if role == "replier" else "paused")


def test_an_unknown_action_or_campaign_is_not_found(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    assert client.post(f"{ADDRESS}/hapus").status == 404
    assert client.post("/kampanye/tidak-ada/jeda").status == 404
    assert _state(app) == "running"


def test_every_message_has_one_sentence_and_pages_lose_none(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    first, second = (client.get(f"{ADDRESS}/pesan?halaman={number}").text for number in (1, 2))
    assert "Pesan 1–50 dari 96" in first
    assert "Pesan 51–96 dari 96" in second
    assert "Halaman 2 dari 2" in _words(second)
    assert first.count('data-label="Penjelasan"') == 50
    assert second.count('data-label="Penjelasan"') == 46
    assert client.get(f"{ADDRESS}/pesan?halaman=7").text == second


def test_messages_are_filtered_by_state_and_the_filter_stays_over_the_pages(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    page = client.get(f"{ADDRESS}/pesan?keadaan=failed").text
    assert page.count('data-label="Penjelasan"') == 3
    assert (
        f'href="{ADDRESS}/pesan?keadaan=planned&amp;halaman=2"' in client.get(f"{ADDRESS}/pesan?keadaan=planned").text
    )
    assert "Pesan 1–50 dari 96" in client.get(f"{ADDRESS}/pesan?keadaan=bukan-keadaan").text
    assert "Tidak ada pesan dengan keadaan ini." in client.get(f"{ADDRESS}/pesan?keadaan=sending").text


def test_a_name_from_a_file_is_shown_as_text(app: App, client: Client) -> None:
    with app.db.write() as session:
        campaign = make.campaign(session, "uji-nama", definition={"title": "<b>Uji</b> & coba"})
        family = make.family(session, app.db.sealer, guardian_name="<img src=x onerror=alert(1)>")
        make.message(session, app.db.sealer, household=family.household, campaign=campaign, card=family.card)
    for path in ("/beranda", "/kampanye", "/kampanye/uji-nama", "/kampanye/uji-nama/pesan", "/hasil/uji-nama"):
        page = client.get(path).text
        assert "<img" not in page
        assert "<b>Uji" not in page
    assert "&lt;img" in client.get("/kampanye/uji-nama/pesan").text


def test_a_proven_gain_is_one_sentence_with_its_range_and_what_is_not_claimed(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.measured(session, app.db.sealer)
    page = client.get(f"/hasil/{seed.MEASURED}").text
    words = _words(page)
    assert "Terbukti menambah" in words
    assert "Karena pesan ini" in words
    assert "karena pesan ini; sekitar" in words
    assert "rentang wajar" in words
    assert "Yang tidak dinyatakan oleh hasil ini" in words
    assert "Apa yang terjadi sesudah 14 hari." in words
    assert "Keluarga yang ikut undian 80" in words
    assert page.count('role="img"') == 2
    assert "Percobaan dua gelombang" in _words(client.get("/hasil").text)
    for wrong in ("signifikan", "p-value", "None", "nan"):
        assert wrong not in words.split()


def test_a_loss_is_a_warning_without_a_picture_of_gains(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.measured(session, app.db.sealer, sent_came=4, waiting_came=28)
    page = client.get(f"/hasil/{seed.MEASURED}").text
    assert "Justru berkurang" in page
    assert "Karena pesan ini" not in page
    assert "Dari 1.000 anak</h2>" not in page


def test_a_campaign_that_is_not_over_shows_no_effect(app: App, client: Client) -> None:
    with app.db.write() as session:
        seed.running(session, app.db.sealer)
    page = _words(client.get(f"/hasil/{seed.CAMPAIGN}").text)
    assert "Masih diamati" in page
    assert "Karena pesan ini" not in page
    assert "Perkiraan terbaik" not in page


@pytest.mark.parametrize(("mode", "words"), [(Mode.TRIAL, "Uji coba."), (Mode.LIVE, "")])
def test_the_mode_is_on_every_page_until_it_is_live(
    sqlite_db: Database, now: datetime, tmp_path: Path, mode: Mode, words: str
) -> None:
    with serve(seed.app(sqlite_db, now, tmp_path, mode=mode)) as port:
        page = Client(port).get("/masuk").text
    assert ('class="mode"' in page) is bool(words)
    assert words in page


def test_the_offices_own_name_is_in_the_heading(app: App, client: Client, now: datetime) -> None:
    seed.office.set_fact(app.db, "nama_kantor", "Dukcapil Uji", by="sistem", now=now)
    assert "Dukcapil Uji" in client.get("/beranda").text
    with app.db.read() as session:
        assert office_queries.facts(session)["nama_kantor"] == "Dukcapil Uji"
