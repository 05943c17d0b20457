"""officer list, link, links, revoke, reports, settle: the village registration officers' side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from broadcaster.cli.common import By, Json, Now, console, err, opened, put, table
from broadcaster.office.rules import SYSTEM
from broadcaster.village import paper, queries, service
from broadcaster.village.queries import Line, VillageList

Desa = Annotated[str, typer.Option("--desa", metavar="CODE", help="Kode Kemendagri desa, misalnya 17.03.07.2001.")]

officer = typer.Typer(help="Petugas registrasi desa: daftar, tautan, dan yang mereka laporkan.", no_args_is_help=True)
#: Where the page is when no public address is set: the console's own address, as `broadcaster run` opens it by itself.
_CONSOLE = "http://127.0.0.1:8000"
_NOT_PUBLIC = (
    "BROADCASTER_PUBLIC_BASE_URL masih kosong, jadi alamat ini hanya dapat dibuka di komputer ini."
    " Isi dahulu alamat https yang dapat dibuka dari HP petugas, lalu buat tautan baru."
)
_STATES = {"valid": "berlaku", "locked": "terkunci", "expired": "habis masa berlaku", "revoked": "dicabut"}


def add_to(app: typer.Typer) -> None:
    app.add_typer(officer, name="officer")


@officer.command("list")
def show_list(
    desa: Desa,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Tulis ke berkas .xlsx atau .pdf (siap cetak).")
    ] = None,
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Keluarga yang perlu didatangi petugas desa hari ini: alasannya, dan apa yang disampaikan."""
    with opened(now) as app:
        with app.db.read() as session:
            found = queries.village_list(session, app.db.sealer, desa, app.now(), app.today())
        if out is not None:
            paper.write(found, out, app.settings.zone)
            service.remember_list(app.db, found.code, out.suffix.lower(), by=by or SYSTEM, now=app.now())
    if as_json:
        put(_document(found, out))
        return
    if out is not None:
        console.print(
            f"{out}: {len(found.lines)} keluarga. Berkas ini memuat nama; simpan dan bagikan dengan hati-hati."
        )
        return
    table(
        f"{found.name}, Kecamatan {found.kecamatan}",
        ["keluarga", "orang tua/wali", "anak", "alasan", "yang disampaikan", "catatan"],
        [
            [
                str(line.household_id), line.parent, ", ".join(line.children), " ".join(line.why), line.say,
                line.note.label if line.note else "",
            ]
            for line in found.lines
        ],
    )  # fmt: skip
    if found.waiting:
        console.print(f"{found.waiting} keluarga lain menunggu giliran kirimnya, jadi belum masuk daftar.")


def _document(found: VillageList, out: Path | None) -> dict[str, Any]:
    return {
        "desa": found.code,
        "name": found.name,
        "kecamatan": found.kecamatan,
        "office": found.office,
        "date": found.on,
        "households": [_line(line) for line in found.lines],
        "waiting": found.waiting,
        "out": out,
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        "household": line.household_id,
        "parent": line.parent,
        "children": line.children,
        "reasons": [{"code": reason, "sentence": why} for reason, why in zip(line.reasons, line.why, strict=True)],
        "say": line.say,
        "tick": None if line.note is None else {"kind": line.note.kind, "label": line.note.label, "at": line.note.at},
    }


@officer.command("link")
def make_link(desa: Desa, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Alamat daftar untuk HP petugas, dengan PIN. Keduanya hanya ditampilkan sekali ini."""
    with opened(now) as app:
        made = service.make_link(app.db, desa, by=by or SYSTEM, now=app.now())
        public = app.settings.public_base_url.rstrip("/")
    url = f"{public or _CONSOLE}/petugas/{made.token}"
    if as_json:
        put(
            {
                "url": url, "pin": made.pin, "expires_at": made.expires_at, "link": made.id, "village": made.village,
                "note": "" if public else _NOT_PUBLIC,
            }
        )  # fmt: skip
        return
    console.print(f"Tautan nomor {made.id} untuk petugas {made.village}:")
    console.print(f"  {url}")
    console.print(f"  PIN: {made.pin}")
    console.print(f"Berlaku sampai {made.expires_at.astimezone(app.settings.zone):%d-%m-%Y}.")
    console.print(
        "Kirim tautan dan PIN lewat dua jalan yang berbeda, misalnya tautan lewat pesan dan PIN lewat telepon."
    )
    if not public:
        err.print(f"[bold]Perhatian:[/bold] {_NOT_PUBLIC}")


@officer.command("links")
def list_links(
    desa: Annotated[str, typer.Option("--desa", metavar="CODE", help="Hanya dari desa ini.")] = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Semua tautan petugas, tanpa alamat dan PIN-nya."""
    with opened(now) as app, app.db.read() as session:
        lines = queries.links(session, app.now(), desa)
        zone = app.settings.zone
    if as_json:
        put({"links": lines})
        return
    table(
        "Tautan petugas",
        ["nomor", "desa", "keadaan", "berlaku sampai", "terakhir dibuka"],
        [
            [
                str(line.id), f"{line.village} ({line.code})", _STATES[line.state],
                f"{line.expires_at.astimezone(zone):%d-%m-%Y}",
                f"{line.opened_at.astimezone(zone):%d-%m-%Y}" if line.opened_at else "belum pernah",
            ]
            for line in lines
        ],
    )  # fmt: skip


@officer.command("revoke")
def revoke(
    link: Annotated[str, typer.Argument(metavar="LINK", help="Nomor tautan, atau alamat lengkapnya.")],
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Cabut satu tautan; HP yang sedang membukanya langsung tidak dapat memakainya lagi."""
    with opened(now) as app:
        line = service.revoke_link(app.db, link, by=by or SYSTEM, now=app.now())
    if as_json:
        put(line)
        return
    console.print(f"Tautan nomor {line.id} untuk {line.village} dicabut.")


@officer.command("reports")
def list_reports(as_json: Json = False, now: Now = "") -> None:
    """Yang dilaporkan petugas desa dan menunggu keputusan: pindah, meninggal dunia, tidak bersedia."""
    with opened(now) as app, app.db.read() as session:
        lines = queries.reports(session, app.db.sealer)
        zone = app.settings.zone
    if as_json:
        put({"reports": lines, "decisions": service.CONSEQUENCES})
        return
    if not lines:
        console.print("Tidak ada laporan yang menunggu.")
        return
    table(
        "Laporan petugas desa",
        ["nomor", "desa", "keluarga", "orang tua/wali", "anak", "laporan", "tanggal"],
        [
            [
                str(line.tick_id), line.village, str(line.household_id), line.parent, ", ".join(line.children),
                line.label, f"{line.said_at.astimezone(zone):%d-%m-%Y}",
            ]
            for line in lines
        ],
    )  # fmt: skip
    console.print("Putuskan dengan: broadcaster officer settle NOMOR --as KEPUTUSAN --by NAMA")
    for decision, consequence in service.CONSEQUENCES.items():
        console.print(f"  {decision}: {consequence}")


@officer.command("settle")
def settle(
    report: Annotated[int, typer.Argument(metavar="NOMOR", help="Nomor laporan.")],
    decision: Annotated[str, typer.Option("--as", help="confirmed atau wrong.")],
    by: Annotated[str, typer.Option("--by", help="Nama akun petugas kantor yang memutuskan.")],
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Keputusan kantor tentang satu laporan petugas desa."""
    with opened(now) as app:
        consequence = service.settle(app.db, report, decision, by=by, now=app.now())
    if as_json:
        put({"report": report, "as": decision, "consequence": consequence})
        return
    console.print(consequence)
