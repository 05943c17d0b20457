"""telegram: links for families, unlinking, how the bot's news reach us."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from broadcaster.app import App, connect
from broadcaster.channels.protocol import TelegramBotAccount
from broadcaster.cli.common import By, Json, Now, console, opened, put
from broadcaster.domain.dates import indonesian_date
from broadcaster.errors import BadInput, Blocked
from broadcaster.office.rules import SYSTEM
from broadcaster.replies import news, places, posters, subscribers
from broadcaster.replies.links import telegram_link, webhook_address
from broadcaster.replies.wording import shipped_bot

T = TypeVar("T")

telegram = typer.Typer(help="Telegram: tautan untuk keluarga, memutus, dan keadaan bot.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(telegram, name="telegram")


@telegram.command("news")
def send_news(text: str, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Kabar umum kepada pengikut bot yang belum tersambung ke keluarga mana pun; satu kali, pada jam kerja."""
    with opened(now) as app:
        new = news.send_news(app.db, text, by=by, now=app.now(), zone=app.settings.zone)
    if as_json:
        put({"new": new})
    else:
        console.print(f"Kabar direncanakan untuk {new} pengikut.")


@telegram.command("link")
def link(
    household: Annotated[
        int, typer.Option("--household", help="Nomor keluarga: tautan sekali pakai, untuk surat.")
    ] = 0,
    campaign: Annotated[
        str, typer.Option("--campaign", help="Nama kampanye: tautan yang boleh dipakai siapa saja.")
    ] = "",
    qr: Annotated[Path | None, typer.Option("--qr", help="Tulis kode QR ke berkas .svg ini.")] = None,
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Buat tautan Telegram untuk satu keluarga (sekali pakai) atau satu kampanye."""
    if bool(household) == bool(campaign):
        raise BadInput("Tulis --household NOMOR atau --campaign NAMA, salah satu.", code="no_target")
    with opened(now) as app:
        bot = bot_name(app)
        expires = None
        if household:
            made = posters.make_household_link(app.db, household, by=by or SYSTEM, now=app.now())
            token, expires = made.token, made.expires_at
        else:
            token = posters.make_campaign_link(app.db, campaign, by=by or SYSTEM, now=app.now())
        zone = app.settings.zone
    url = telegram_link(bot, token)
    if qr is not None:
        from broadcaster.replies.poster_pdf import qr_svg

        write(qr, qr_svg(url).encode())
    if as_json:
        put({"url": url, "token": token, "expires_at": expires})
        return
    console.print(url)
    if expires is not None:
        console.print(
            f"Sekali pakai, sampai {indonesian_date(expires.astimezone(zone).date())}. Siapa yang membukanya lebih dahulu "
            "menerima kabar keluarga itu: cetak di surat tertutup, jangan dikirim ke grup. Tautan ini tidak disimpan."
        )


@telegram.command("unlink")
def unlink(
    household: Annotated[int, typer.Option("--household", help="Nomor keluarga.")],
    by: By = "",
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Putuskan semua Telegram dari satu keluarga, dan batalkan tautan suratnya."""
    with opened(now) as app:
        done = subscribers.unlink_family(app.db, household, by=by or SYSTEM, now=app.now())
    if as_json:
        put(done)
        return
    console.print(f"{done.chats} Telegram diputus, {done.links} tautan dibatalkan.")


@telegram.command("connect")
def connect_bot(as_json: Json = False, now: Now = "") -> None:
    """Tanyakan nama bot, pasang menunya, dan tentukan cara kabar masuk: webhook bila ada alamat umum, selain itu diambil."""
    with opened(now) as app:
        secret = app.settings.telegram_webhook_secret.get_secret_value()
        url = webhook_address(app.settings.public_base_url, secret)

        async def set_up(account: TelegramBotAccount) -> str:
            name = await account.name()
            await account.set_commands(dict(shipped_bot().commands))
            await (account.use_webhook(url, secret) if url else account.use_polling())
            return name

        name = ask(app, set_up)
        posters.remember_bot(app.db, account_of(app).id, name, app.now(), webhook=url)
    if as_json:
        put({"bot": name, "news": "webhook" if url else "polling", "url": url})
        return
    console.print(f"Bot @{name} tersambung; " + (f"Telegram memanggil {url}." if url else "kabarnya diambil berkala."))


@telegram.command("status")
def status(as_json: Json = False, now: Now = "") -> None:
    """Berapa orang yang bergabung, dan berapa keluarga yang tersambung."""
    with opened(now) as app, app.db.read() as session:
        found = places.telegram_status(session, app.now())
    if as_json:
        put(found)
        return
    console.print(
        f"{found.subscribers} orang bergabung: {found.linked} tersambung dengan keluarga, "
        f"{found.subscribers - found.linked} hanya menerima kabar umum, {found.stopped} tidak boleh dikirimi. "
        f"Keluarga yang punya Telegram: {found.households}."
    )


def bot_name(app: App) -> str:
    """The bot's username: from the database, else asked of Telegram once and kept. Raises `Blocked`."""
    account = account_of(app)
    with app.db.read() as session:
        known = places.known_bot(session, account.id)
    if known is not None:
        return known
    name = ask(app, lambda asked: asked.name())
    posters.remember_bot(app.db, account.id, name, app.now())
    return name


def account_of(app: App) -> TelegramBotAccount:
    """The office's bot; raises `Blocked` when its token is not set."""
    if app.telegram is None:
        connect(app)
    if app.telegram is None:
        raise Blocked("Telegram belum dipakai; isi BROADCASTER_TELEGRAM_TOKEN.", code="no_telegram")
    return app.telegram


def ask(app: App, question: Callable[[TelegramBotAccount], Awaitable[T]]) -> T:
    """One exchange with Telegram, and the connection closed after it."""
    account = account_of(app)

    async def talk() -> T:
        try:
            return await question(account)
        finally:
            if app.transport is not None:
                await app.transport.aclose()

    return asyncio.run(talk())


def write(path: Path, data: bytes) -> None:
    """Raises `BadInput` when the file cannot be written."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise BadInput(f"Berkas {path} tidak dapat ditulis: {error.strerror}.", code="unwritable_file") from error
