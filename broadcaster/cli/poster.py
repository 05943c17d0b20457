"""poster: a printable page that brings people to Telegram and WhatsApp, which place brought whom, and announcements."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from broadcaster.app import App, configured
from broadcaster.cli.common import By, Json, Now, console, opened, put, table
from broadcaster.cli.telegram import bot_name, write
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.office.rules import SYSTEM
from broadcaster.rendering.announcements import announcement, announcement_keys
from broadcaster.replies import places, posters
from broadcaster.replies.wording import shipped_poster

SIZES = ("a4", "a3")
_MEDIA_TITLES = {
    "desa": "Dibacakan atau ditempel di desa",
    "radio": "Radio",
    "billboard": "Spanduk dan papan",
    "social": "Media sosial",
}

poster = typer.Typer(
    help="Poster dengan kode QR untuk desa, sekolah, atau acara.",
    invoke_without_command=True,
    no_args_is_help=True,
)


def add_to(app: typer.Typer) -> None:
    app.add_typer(poster, name="poster")


@poster.callback()
def make(
    context: typer.Context,
    desa: Annotated[str, typer.Option("--desa", help="Kode desa atau kelurahan.")] = "",
    place: Annotated[
        str, typer.Option("--place", help="Nama tempat, misalnya sekolah atau acara; boleh dengan --desa.")
    ] = "",
    size: Annotated[str, typer.Option("--size", help="a4 atau a3.")] = "a4",
    out: Annotated[Path | None, typer.Option("--out", help="Berkas PDF yang ditulis.")] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Tampilkan naskah untuk media sosial, radio, dan pengumuman.")
    ] = False,
    another: Annotated[
        bool, typer.Option("--new", help="Poster lain untuk tempat yang sama, dihitung sendiri.")
    ] = False,
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Buat poster untuk satu desa atau satu tempat. Tempat yang sama memakai kode yang sama."""
    if context.invoked_subcommand is not None:
        return
    if size not in SIZES:
        raise BadInput(f"Ukuran {size} tidak dikenal; pilihan: {', '.join(SIZES)}.", code="unknown_size")
    if out is None and not text:
        raise BadInput("Tulis --out BERKAS.pdf untuk poster, atau --text untuk naskahnya.", code="no_output")
    with opened(now) as app:
        ways = _ways(app)
        with app.db.read() as session:
            posters.ready(session, ways, places.village_of(session, desa) if desa else None)
        made = posters.make_poster(app.db, desa=desa, place=place, by=by or SYSTEM, now=app.now(), another=another)
        with app.db.read() as session:
            sheet = posters.sheet(session, made, ways, shipped_poster())
    if out is not None:
        from broadcaster.replies.poster_pdf import pdf

        write(out, pdf(sheet, "a3" if size == "a3" else "a4"))
    if as_json:
        links = {way.channel: way.url for way in sheet.ways}
        put(
            {
                "place": made.place,
                "code": sheet.code,
                "new": made.new,
                "links": links,
                "file": out,
                "texts": sheet.texts,
            }
        )
        return
    if out is not None:
        console.print(
            f"Poster {made.place}: {out}, kode {sheet.code}" + ("." if made.new else ", sama seperti dahulu.")
        )
    if text:
        for name, title in (("social", "Media sosial"), ("radio", "Radio"), ("announcement", "Pengumuman")):
            console.print(f"\n[bold]{title}[/bold]\n")
            console.print(sheet.texts[name], markup=False, soft_wrap=True)


@poster.command("announcement")
def announce(
    key: Annotated[str, typer.Argument(help="Nama berkas di content/announcements; tanpa nama: semuanya.")] = "",
    medium: Annotated[str, typer.Option("--medium", help=f"Satu saja: {', '.join(_MEDIA_TITLES)}.")] = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Tampilkan pengumuman untuk umum, terisi data kantor, siap dibacakan atau ditempel. Program tidak mengirimnya."""
    if medium and medium not in _MEDIA_TITLES:
        raise BadInput(f"Media {medium} tidak dikenal; pilihan: {', '.join(_MEDIA_TITLES)}.", code="unknown_medium")
    with opened(now) as app, app.db.read() as session:
        posters.same_number(session, _whatsapp(app))
        found = [announcement(session, one) for one in ([key] if key else announcement_keys())]
    chosen = [
        replace(one, texts={name: text for name, text in one.texts.items() if medium in ("", name)}) for one in found
    ]
    if as_json:
        put({"announcements": chosen})
        return
    for one in chosen:
        console.print(f"[bold]{escape(one.title)}[/bold]")
        if one.notes and not medium:
            console.print(one.notes, markup=False)
        for name, text in one.texts.items():
            console.print(f"\n[bold]{_MEDIA_TITLES[name]}[/bold]\n")
            console.print(text.strip(), markup=False, soft_wrap=True)


@poster.command("list")
def show(as_json: Json = False, now: Now = "") -> None:
    """Tempat mana yang membawa siapa. Satu orang dihitung satu kali untuk setiap kode."""
    with opened(now) as app, app.db.read() as session:
        report = places.place_report(session)
        zone = app.settings.zone
    if as_json:
        put({
            "posters": report.lines,
            "total": {
                "telegram_starts": report.telegram_starts,
                "whatsapp_openings": report.whatsapp_openings,
                "families": report.families,
            },
        })  # fmt: skip
        return
    if not report.lines:
        console.print("Belum ada poster; buat dengan broadcaster poster --desa KODE --out BERKAS.pdf.")
        return
    table(
        "Poster dan tautan umum",
        ["tempat", "kode", "dibuat", "mulai di Telegram", "lewat WhatsApp", "keluarga"],
        [
            [
                line.place, line.code.upper(), f"{line.made_at.astimezone(zone):%d-%m-%Y}", line.telegram_starts,
                line.whatsapp_openings, line.families,
            ]
            for line in report.lines
        ],
    )  # fmt: skip
    console.print(
        f"Seluruhnya, setiap orang sekali: {report.telegram_starts} lewat Telegram, {report.whatsapp_openings} lewat WhatsApp, "
        f"{report.families} keluarga terdata."
    )


def _ways(app: App) -> posters.Ways:
    """The channels that are set up; the bot's name is asked for where it is not known yet. Raises `Blocked`."""
    ready = configured(app.settings)
    return posters.Ways(
        bot=bot_name(app) if ChannelKind.TELEGRAM in ready else "",
        whatsapp=_whatsapp(app),
    )


def _whatsapp(app: App) -> str:
    return app.settings.twilio_whatsapp_from if ChannelKind.WHATSAPP in configured(app.settings) else ""
