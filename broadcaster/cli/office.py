"""init, office, staff, recipients, doctor."""

from __future__ import annotations

import getpass
import secrets
import sys
from datetime import date
from typing import Annotated

import typer

from broadcaster import app as wiring
from broadcaster.cli.common import By, Json, Now, console, opened, put, read_settings, table
from broadcaster.clock import SystemClock
from broadcaster.errors import BadInput, Refused
from broadcaster.office import queries, service, visits
from broadcaster.office.rules import SYSTEM
from broadcaster.operations import doctor as doctoring
from broadcaster.operations import service as operations

office = typer.Typer(help="Data kantor: isian pesan, harga, kapasitas, hari libur.", no_args_is_help=True)
visit = typer.Typer(help="Jadwal pelayanan keliling (jemput bola) di desa.", no_args_is_help=True)
staff = typer.Typer(help="Akun petugas.", no_args_is_help=True)
recipients = typer.Typer(help="Siapa yang boleh dikirimi pesan dalam masa uji coba.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("doctor")(doctor)
    app.add_typer(office, name="office")
    office.add_typer(visit, name="visit")
    app.add_typer(staff, name="staff")
    app.add_typer(recipients, name="recipients")


def init(as_json: Json = False) -> None:
    """Siapkan folder data, kunci, basis data, wilayah, dan pesan bawaan."""
    settings = read_settings()
    report = operations.init(settings, wiring.clock_for(settings).now())
    if as_json:
        put(report)
        return
    console.print(f"Siap di {report.data_dir} ({report.places} desa/kelurahan, {report.messages} pesan).")
    if report.key_created:
        console.print(f"Kunci rahasia baru: {settings.key_file}. Simpan salinannya di tempat aman.")
    if report.missing:
        console.print("Belum diisi, jadi belum bisa mengirim:")
        for fact in report.missing:
            console.print(f'  broadcaster office set {fact.key} "{fact.example}"   ({fact.label})')


def doctor(as_json: Json = False, now: Now = "") -> None:
    """Periksa setelan, basis data, tugas berkala, dan isian yang kosong."""
    settings = read_settings(now)
    try:
        with opened(now) as app:
            findings = doctoring.findings(settings, app.db, app.now())
    except Refused:
        # it does not even open: why is a finding like any other
        findings = doctoring.findings(settings, None, wiring.clock_for(settings).now())
    if as_json:
        put({"findings": findings})
    elif not findings:
        console.print("Semua baik.")
    for finding in [] if as_json else findings:
        console.print(f"{finding.severity}: {finding.message} {finding.fix}")


@office.command("set")
def set_fact(key: str, value: str, by: By = "") -> None:
    """Isi satu data kantor."""
    with opened() as app:
        if key.startswith("harga."):
            service.set_price(app.db, key.removeprefix("harga."), int(value), by=by or SYSTEM, now=app.now())
        else:
            service.set_fact(app.db, key, value, by=by or SYSTEM, now=app.now())
    console.print(f"{key} disimpan.")


@office.command("show")
def show_facts(as_json: Json = False) -> None:
    """Semua data kantor, dan yang masih kosong."""
    with opened() as app, app.db.read() as session:
        facts, missing, prices = queries.facts(session), queries.missing_facts(session), queries.prices(session)
    empty = [fact.key for fact in missing]
    if as_json:
        put({"facts": facts, "prices": prices, "empty": empty})
        return
    table("Data kantor", ["kunci", "isi"], [[key, value] for key, value in sorted(facts.items())])
    if empty:
        console.print("Masih kosong: " + ", ".join(empty))


@visit.command("add")
def add_visit(
    desa: Annotated[str, typer.Option("--desa", help="Kode desa, misalnya 17.03.07.2001.")],
    on: Annotated[str, typer.Option("--date", help="Tanggal, TTTT-BB-HH.")],
    place: Annotated[str, typer.Option("--place", help="Tempatnya, misalnya balai desa.")],
    hours: Annotated[str, typer.Option("--hours", help="Jamnya, misalnya 08.30-12.00 WIB.")],
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Catat satu kunjungan; desa dan tanggal yang sama: dibetulkan."""
    try:
        day = date.fromisoformat(on)
    except ValueError as error:
        raise BadInput(f"--date: '{on}' bukan tanggal; tulis misalnya 2026-11-26.", code="bad_date") from error
    with opened(now) as app:
        added = visits.add_visit(
            app.db, desa, day, place, hours, by=by or SYSTEM, now=app.now(), today=app.today()
        )  # fmt: skip
    if as_json:
        put({"visit": added})
    else:
        console.print(f"Kunjungan ke {added.village} pada {added.on_date:%d-%m-%Y} dicatat (nomor {added.id}).")


@visit.command("list")
def list_visits(as_json: Json = False, now: Now = "") -> None:
    """Kunjungan mulai hari ini."""
    with opened(now) as app, app.db.read() as session:
        found = queries.visits(session, app.today())
    if as_json:
        put({"visits": found})
        return
    rows = [[str(one.id), f"{one.on_date:%d-%m-%Y}", one.village, one.place, one.hours] for one in found]
    table("Pelayanan keliling", ["nomor", "tanggal", "desa", "tempat", "jam"], rows)


@visit.command("remove")
def remove_visit(number: Annotated[int, typer.Argument(metavar="NOMOR")], by: By = "") -> None:
    """Hapus satu kunjungan."""
    with opened() as app:
        visits.remove_visit(app.db, number, by=by or SYSTEM, now=app.now())
    console.print(f"Kunjungan nomor {number} dihapus.")


@staff.command("add")
def add_staff(
    username: str,
    role: Annotated[str, typer.Option("--role", help="operator, approver, replier, head, atau admin")],
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Baca kata sandi dari stdin.")] = False,
    by: By = "",
) -> None:
    """Tambah akun petugas."""
    if password_stdin:
        password = sys.stdin.readline().rstrip("\n")
    elif sys.stdin.isatty():
        password = getpass.getpass("Kata sandi: ")
    else:
        password = secrets.token_urlsafe(12)
        console.print(f"Kata sandi sementara: {password}")
    with opened() as app:
        service.add_staff(app.db, username, role, password, by=by or SYSTEM, now=app.now())
    console.print(f"Akun {username} ({role}) dibuat.")


@staff.command("list")
def list_staff(as_json: Json = False) -> None:
    """Semua akun."""
    with opened() as app, app.db.read() as session:
        members = queries.staff_list(session)
    if as_json:
        put({"staff": members})
    else:
        table("Akun", ["nama", "peran"], [[member.username, member.role] for member in members])


@staff.command("disable")
def disable(username: str, by: By = "") -> None:
    """Tutup akun."""
    with opened() as app:
        service.disable_staff(app.db, username, by=by or SYSTEM, now=app.now())
    console.print(f"Akun {username} ditutup.")


@recipients.command("add")
def add_recipient(channel: str, address: str, label: str = "", by: By = "") -> None:
    """Tambah penerima uji: saluran (telegram, whatsapp, sms), alamat, dan nama singkat."""
    with opened() as app:
        service.add_test_recipient(app.db, channel, address, label, by=by or SYSTEM, now=SystemClock().now())
    console.print("Penerima uji disimpan.")
