"""A rehearsal of the whole road: an installation of its own, simulated providers, a generated district, weeks in minutes.

Nothing in here is a short cut: files are read from disk, texts leave over HTTP, receipts come back as signed webhooks, Telegram
is polled, and the result is computed from the register alone. Only the clock is moved.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from broadcaster import settings as setting
from broadcaster.app import App, configured, connect, open_app
from broadcaster.campaigns import queries as campaign_queries
from broadcaster.campaigns import service as campaigns
from broadcaster.campaigns.definition import Definition
from broadcaster.campaigns.dry_run import dry_run
from broadcaster.cli.sending import quiet_server
from broadcaster.clock import SteppedClock, today
from broadcaster.delivery import templates
from broadcaster.engines import manual
from broadcaster.errors import Blocked, BroadcasterError
from broadcaster.jobs import Running
from broadcaster.office import queries as office_queries
from broadcaster.office import service as office
from broadcaster.office.rules import SYSTEM
from broadcaster.operations.service import init
from broadcaster.outbox.queries import accepted_references, unexplained
from broadcaster.registry import service as registry
from broadcaster.registry.reader import Source
from broadcaster.results.queries import result
from broadcaster.settings import Mode, Settings
from broadcaster.simulator.district import (
    District,
    collections_until,
    generate,
    simulated_people,
    telegram_starts,
)
from broadcaster.simulator.district_files import write_collections, write_office_files

#: A Monday with five ordinary weeks after it: no holiday, no Ramadan.
START = date(2026, 10, 5)
#: When each rehearsed day begins, in the office's zone: after the first sending hour has opened.
MORNING = timedelta(hours=8, minutes=5)
D_DAYS = 14
WAVES = 5
_PLANTED = 62.0
_SIM_START_S = 20.0
_QUIET_S = 30.0

FACTS = {
    "tempat_ambil": "loket Dukcapil, Jl. Jenderal Sudirman, Arga Makmur",
    "tempat_ambil.enggano": "kantor Camat Enggano",
    "jam_layanan": "Senin-Jumat 08.00-15.00",
    "syarat_ambil": "KTP-el orang tua dan KK asli",
    "nomor_wa_layanan": "081100000001",
    "nomor_wa_pengirim": "081100000002",
    "lama_selesai": "3 hari kerja",
    "kapasitas_harian": "150",
}
PRICES = {"whatsapp": 450, "sms": 350, "telegram": 0, "village_list": 0}


class SimulatorFailed(BroadcasterError):
    """The simulated providers did not start or did not come to rest."""

    code = "simulator_failed"


@dataclass
class Rehearsal:
    """One running rehearsal."""

    app: App
    running: Running
    clock: SteppedClock
    district: District
    simulator: Simulator
    folder: Path
    console: str
    password: str
    say: Callable[[str], None]
    campaign: str = "kartu-belum-diambil"


class Simulator:
    """The simulated providers' own interface."""

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self._session = session

    async def get(self, path: str) -> Any:
        async with self._session.get(f"{self.url}/_sim/{path}") as response:
            response.raise_for_status()
            return await response.json()

    async def post(self, path: str, data: Any) -> Any:
        async with self._session.post(f"{self.url}/_sim/{path}", json=data) as response:
            response.raise_for_status()
            return await response.json()

    async def texts(self) -> list[dict[str, Any]]:
        """Every text the simulated providers accepted, oldest first."""
        found: list[dict[str, Any]] = []
        following: int | None = 0
        while following is not None:
            page = await self.get(f"messages?since={following}")
            found += page["messages"]
            following = page["next"]
        return found


@contextlib.asynccontextmanager
async def rehearsal(households: int, seed: int, folder: Path, say: Callable[[str], None]) -> AsyncIterator[Rehearsal]:
    """Set everything up: providers, installation, console, district, files imported, subscribers, released campaign."""
    port, sim_port = _free_port(), _free_port()
    console = f"http://127.0.0.1:{port}"
    settings = _settings(folder, console, f"http://127.0.0.1:{sim_port}")
    clock = SteppedClock(_moment(START, timedelta(hours=7, minutes=30), settings))
    process = subprocess.Popen(  # noqa: S603  (our own program)
        [sys.executable, "-m", "broadcaster", "simulate", "--port", str(sim_port)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:
            simulator = Simulator(f"http://127.0.0.1:{sim_port}", session)
            await _until_up(simulator, process)
            _write_key(settings, seed)
            init(settings, clock.now())
            app = connect(open_app(settings, clock))
            running = Running(app)
            server = quiet_server(app, "127.0.0.1", port)
            serving = asyncio.create_task(server.serve())
            try:
                with app.db.read() as read:
                    places = office_queries.places(read)
                district = generate(households, seed, places, START, planted_effect_per_1000=_PLANTED)
                password = secrets.token_urlsafe(9)
                yield Rehearsal(app, running, clock, district, simulator, folder, console, password, say)
            finally:
                server.should_exit = True
                await serving
                running.writer.shutdown()
                await app.aclose()
    finally:
        process.terminate()
        process.wait(10)


async def run(stage: Rehearsal) -> dict[str, Any]:
    """The whole road, day by day; the `demo` document of the public surface."""
    await _prepare(stage)
    settings = stage.app.settings
    last = START + timedelta(days=7 * (WAVES - 1) + D_DAYS)
    day = START
    while day <= last:
        if day.weekday() == 0 and day > START:
            # the clerk brings the week's book before the first text of the day leaves
            stage.clock.jump_to(_moment(day, timedelta(hours=7, minutes=45), settings))
            await _weekly_file(stage, day)
        if day.weekday() < 5:
            await _day(stage, _moment(day, MORNING, settings))
        day += timedelta(days=1)
    return await _document(stage)


async def _prepare(stage: Rehearsal) -> None:
    app, now = stage.app, stage.clock.now()
    for key, value in FACTS.items():
        office.set_fact(app.db, key, value, by=SYSTEM, now=now)
    for channel, idr in PRICES.items():
        office.set_price(app.db, channel, idr, by=SYSTEM, now=now)
    for username, role in (("operator", "operator"), ("penyetuju", "approver")):
        office.add_staff(app.db, username, role, stage.password, by=SYSTEM, now=now)
    await stage.simulator.post("options", {"auth_token": _AUTH, "inbound_url": f"{stage.console}/hooks/twilio/inbound"})
    await _set_clock(stage, now)
    stage.say("Berkas kantor dibaca ...")
    children, phones = write_office_files(stage.district, stage.folder / "berkas")
    for report in registry.import_files(
        app.db, [Source.at(children), Source.at(phones)], today=app.today(), by=SYSTEM, now=now, write=True
    ):
        stage.say(f"  {report.file}: {report.rows} baris, {report.good} baik, {report.rejected} ditolak")
    pushed = await templates.push(app.db, app.clock, templates.registrar_of(app.channels))
    for problem in pushed.problems:
        raise Blocked(problem.message, code=problem.code)
    await _subscribe(stage)
    await stage.simulator.post("people", {"people": simulated_people(stage.district)})
    now = stage.clock.now()
    definition = _definition(stage.campaign)
    campaigns.create(app.db, definition, by="operator", now=now)
    with app.db.read() as session:
        document = dry_run(session, stage.campaign, app.today(), now, app.settings.zone, configured(app.settings))
    stage.say(
        f"Uji coba: {document['households']} keluarga, {document['children']} anak; terlihat mulai dari"
        f" {document['smallest_effect_per_1000']} per 1.000."
    )
    campaigns.approve(app.db, stage.campaign, by="penyetuju", now=now)
    salt = hashlib.sha256(f"rehearsal {stage.district.seed}".encode()).hexdigest()[:32]
    campaigns.start(
        app.db,
        stage.campaign,
        by="operator",
        now=now,
        zone=app.settings.zone,
        configured=configured(app.settings),
        salt=salt,
    )


async def _subscribe(stage: Rehearsal) -> None:
    """Parents with Telegram press Start and share their own number; polling brings it in and links it."""
    for act in telegram_starts(stage.district):
        await stage.simulator.post("inbound", act)
    await manual.tick(stage.running)
    await _until_quiet(stage)


async def _day(stage: Rehearsal, morning: datetime) -> None:
    """One day: what is due in the morning, what comes back, and what that changes in the afternoon."""
    for moment in (morning, morning + timedelta(hours=6)):
        stage.clock.jump_to(moment)
        await _set_clock(stage, stage.clock.now())
        await manual.tick(stage.running)
        await _until_quiet(stage)
        await manual.tick(stage.running)


async def _weekly_file(stage: Rehearsal, day: date) -> None:
    """The counter's book of the week, as the office's next spreadsheet: who collected a card up to yesterday."""
    app = stage.app
    messaged: dict[str, date] = {}
    for text in await stage.simulator.texts():
        address, at = str(text["to"]), datetime.fromisoformat(str(text["at"]))
        messaged.setdefault(address, today(at, app.settings.zone))
    until = day - timedelta(days=1)
    records = collections_until(stage.district, messaged, until)
    path = stage.folder / "berkas" / f"pengambilan-{day.isoformat()}.xlsx"
    write_collections(records, path, until)
    for report in registry.import_files(
        app.db, [Source.at(path)], today=app.today(), by=SYSTEM, now=app.now(), write=True, data_until=until
    ):
        stage.say(f"{day.isoformat()}: {report.file}, {report.changed} kartu tercatat diambil")
    await manual.tick(stage.running)


async def _document(stage: Rehearsal) -> dict[str, Any]:
    app = stage.app
    stats = await stage.simulator.get("stats")
    texts = await stage.simulator.texts()
    with app.db.read() as session:
        status = campaign_queries.status(session, stage.campaign)
        results = result(session, stage.campaign, app.today())
        ours = accepted_references(session)
        open_rows = unexplained(session, app.now())
    never_seen = set(ours) - {text["reference"] for text in texts}
    # an answer without buttons carries no reference over Telegram; there are as many of them on both sides
    never_seen_but_counted = min(len(never_seen), sum(not text["reference"] for text in texts))
    return {
        "households": len(stage.district.households),
        "children": len(stage.district.children),
        "planted_effect_per_1000": stage.district.planted_effect_per_1000,
        "messages": {state: number for state, number in status.messages.items() if number},
        "duplicates": stats["duplicates"],
        "lost": len(never_seen) - never_seen_but_counted + open_rows,
        "unknown": status.messages["unknown"],
        "received": len(texts),
        "waves": status.waves,
        "results": results,
    }


async def _set_clock(stage: Rehearsal, now: datetime) -> None:
    await stage.simulator.post("clock", {"now": now.isoformat()})


async def _until_quiet(stage: Rehearsal) -> None:
    """Wait until nobody in the simulated world has anything left to do within the next hour."""
    horizon = stage.clock.now() + timedelta(hours=1)
    stage.clock.jump_to(horizon)
    await _set_clock(stage, horizon)
    ends = time.monotonic() + _QUIET_S
    while (await stage.simulator.get("stats"))["due"] > 0:
        if time.monotonic() > ends:
            raise SimulatorFailed("the simulated providers did not come to rest")
        await asyncio.sleep(0.02)


async def _until_up(simulator: Simulator, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + _SIM_START_S
    while True:
        try:
            await simulator.get("stats")
            return
        except aiohttp.ClientError as error:
            if process.poll() is not None or time.monotonic() > ends:
                raise SimulatorFailed("the simulated providers did not start") from error
            await asyncio.sleep(0.05)


def _definition(name: str) -> Definition:
    return Definition.model_validate(
        {
            "name": name,
            "title": "Kartu yang belum diambil",
            "audience": {"occasions": ["printed_uncollected"]},
            "outcome": "collected",
            "d_days": D_DAYS,
            "lot": {"waves": WAVES, "every_days": 7},
            "steps": [
                {
                    "message": "ambil-kartu-1",
                    "offset_days": 0,
                    "channels": ["telegram", "whatsapp", "sms", "village_list"],
                },
                {"message": "ambil-kartu-2", "offset_days": 7, "channels": ["telegram", "whatsapp", "village_list"]},
            ],
        }
    )


# for simulated providers on this machine; they open nothing
_TOKEN, _AUTH = "100:rehearsal", "rehearsal-auth-token"


def _settings(folder: Path, console: str, simulator: str) -> Settings:
    """A rehearsal's settings: everything on loopback, paces no real provider would allow."""
    return setting.load(
        _env_file=None,
        data_dir=folder / "data",
        database_url="",
        mode=Mode.REHEARSAL,
        public_base_url=console,
        telegram_token=_TOKEN,
        telegram_base_url=simulator,
        telegram_webhook_secret="",
        twilio_account_sid="AC" + "0" * 32,
        twilio_auth_token=_AUTH,
        twilio_base_url=simulator,
        twilio_whatsapp_from="+6285100000001",
        twilio_sms_from="DUKCAPIL",
        pace_telegram=400,
        pace_whatsapp=400,
        pace_sms=400,
        whatsapp_daily_tier=10_000,
    )


def _write_key(settings: Settings, seed: int) -> None:
    """A key made from the seed, so that the same seed draws the same lot. Nobody in a rehearsal exists."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.key_file.touch(mode=0o600)
    settings.key_file.write_text(hashlib.sha256(f"rehearsal key {seed}".encode()).hexdigest() + "\n")


def _moment(day: date, after: timedelta, settings: Settings) -> datetime:
    return datetime.combine(day, datetime.min.time(), settings.zone) + after


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
