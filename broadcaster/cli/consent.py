"""consent show, stop, allow: what a person has said about our messages, and what they told the office by telephone or at the
counter."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, get_args
from zoneinfo import ZoneInfo

import typer

from broadcaster.cli.common import Json, Now, console, opened, put
from broadcaster.consent import staff
from broadcaster.consent.queries import ConsentStory, story
from broadcaster.consent.rules import Purpose, read_address
from broadcaster.errors import BadInput

consent = typer.Typer(help="Persetujuan menerima pesan: lihat, hentikan, izinkan lagi.", no_args_is_help=True)

Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="Nomor telepon (ejaan apa saja) atau telegram:<nomor percakapan>.")
]
Source = Annotated[str, typer.Option("--source", help="Bagaimana hal ini disampaikan, misalnya telepon atau loket.")]
By = Annotated[str, typer.Option("--by", help="Nama akun petugas yang mencatat.")]

_PURPOSES = get_args(Purpose)
_CHANNELS = {"whatsapp": "WhatsApp", "sms": "SMS", "telegram": "Telegram", "any": "semua saluran"}
_PURPOSE_NAMES = {"reminders": "pesan dari kantor", "answers": "jawaban atas pertanyaannya", "all": "semua"}
_DECISIONS = {"in": "mau menerima", "out": "berhenti"}
_SOURCES = {"reply": "balasan", "start": "tombol Mulai", "provider": "penyedia", "block": "blokir", "staff": "petugas"}


def add_to(app: typer.Typer) -> None:
    app.add_typer(consent, name="consent")


@consent.command("show")
def show(address: Address, as_json: Json = False, now: Now = "") -> None:
    """Boleh tidaknya alamat ini dikirimi, dan seluruh riwayatnya."""
    read = read_address(address)
    with opened(now) as app:
        with app.db.read() as session:
            found = story(session, app.db.sealer, read, app.now())
        _print(found, as_json, app.settings.zone)


@consent.command("stop")
def stop(
    address: Address,
    source: Source,
    by: By,
    purpose: Annotated[
        str, typer.Option("--purpose", help="reminders: pesan dari kantor; all: jawaban petugas pun tidak.")
    ] = "reminders",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Catat permintaan berhenti yang disampaikan lewat telepon atau di loket."""
    wanted: Purpose | None = next((one for one in _PURPOSES if one == purpose), None)
    if wanted is None:
        raise BadInput(f"--purpose {purpose} tidak dikenal; pilihan: {', '.join(_PURPOSES)}.", code="bad_purpose")
    read = read_address(address)
    with opened(now) as app:
        found = staff.stop(app.db, read, source=source, by=by, now=app.now(), purpose=wanted)
        _print(found, as_json, app.settings.zone)


@consent.command("allow")
def allow(address: Address, source: Source, by: By, as_json: Json = False, now: Now = "") -> None:
    """Catat bahwa orangnya mau menerima pesan lagi."""
    read = read_address(address)
    with opened(now) as app:
        found = staff.allow(app.db, read, source=source, by=by, now=app.now())
        _print(found, as_json, app.settings.zone)


def _print(found: ConsentStory, as_json: bool, zone: ZoneInfo) -> None:
    def day(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%d-%m-%Y %H.%M")

    if as_json:
        put(found)
        return
    console.print(f"[bold]{found.address}[/bold]" + ("" if found.known else ": belum dikenal, tidak ada catatan"))
    if found.others:
        console.print(f"Alamat lain orang yang sama: {', '.join(found.others)}")
    for one in found.state:
        allowed = "tidak" if not one.may_write else "ya" if one.after is None else f"hanya sesudah {day(one.after)}"
        home = f", keluarga {one.household}" if one.household else ""
        why = f"  ({one.sentence})" if one.sentence else ""
        _line(f"{_CHANNELS.get(one.channel, one.channel)}{home}, {_PURPOSE_NAMES[one.purpose]}: {allowed}{why}")
    if found.history:
        console.print("[bold]Riwayat[/bold]")
    for entry in found.history:
        by = f", dicatat {entry.staff}: {entry.note}" if entry.staff else ""
        _line(
            f"{day(entry.at)}  {_DECISIONS[entry.decision]}, {_CHANNELS.get(entry.channel, entry.channel)}"
            f" {entry.address} ({_SOURCES[entry.source]}: {entry.wording}){by}"
        )
    if found.suppressions:
        console.print("[bold]Daftar jangan kirim[/bold]")
    for line in found.suppressions:
        until = f"sampai {day(line.until)}" if line.until else "masih berlaku"
        home = f", keluarga {line.household}" if line.household else ""
        _line(
            f"{day(line.since)}  {_CHANNELS.get(line.channel, line.channel)} {line.address}{home}: {line.sentence} ({until})"
        )


def _line(text: str) -> None:
    console.print(f"  {text}", markup=False)
