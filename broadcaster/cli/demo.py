"""demo: the main job on simulated providers, then the console."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from broadcaster.cli import rehearsal
from broadcaster.cli.common import Json, console, err, number, put, table
from broadcaster.errors import BadInput


def add_to(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    households: Annotated[int, typer.Option("--households", help="Banyaknya keluarga.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Bibit acak: bibit yang sama memberi kabupaten yang sama.")] = 7,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Selesai setelah hasil; konsol tidak dibuka.")] = False,
    as_json: Json = False,
) -> None:
    """Seluruh jalan pada penyedia tiruan: impor, undian, kirim, balasan, hasil."""
    if not 10 <= households <= 100_000:
        raise BadInput("--households antara 10 dan 100.000.", code="bad_households")
    folder = Path(tempfile.mkdtemp(prefix="broadcaster-demo-"))
    try:
        asyncio.run(_demo(households, seed, folder, serve=not no_serve, as_json=as_json))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _demo(households: int, seed: int, folder: Path, *, serve: bool, as_json: bool) -> None:
    async with rehearsal.rehearsal(households, seed, folder, lambda text: err.print(text)) as stage:
        document = await rehearsal.run(stage)
        if as_json:
            put(document)
        else:
            show(document)
        if serve:
            err.print(f"\nKonsol: {stage.console}  akun: operator  kata sandi: {stage.password}")
            err.print(f"Data: {stage.app.settings.data_dir}  (dihapus saat berhenti; berhenti: Ctrl-C)")
            stop = asyncio.Event()
            loop = asyncio.get_running_loop()
            for name in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(name, stop.set)
            await stop.wait()


#: status -> what staff call it, in the order of the funnel
_WORDS = {
    "accepted": "diterima penyedia",
    "sent": "diteruskan penyedia",
    "delivered": "sampai",
    "read": "dibaca",
    "failed": "gagal",
    "unknown": "tidak diketahui",
    "suppressed": "tidak dikirim: diminta berhenti",
    "expired": "tidak dikirim: waktunya lewat",
    "cancelled": "tidak dikirim: tidak perlu lagi",
}


def show(document: dict[str, Any]) -> None:
    """The funnel, the waves and the effect, for people."""
    results = document["results"]
    funnel = results["funnel"]
    table(
        "Corong",
        ["", "jumlah"],
        [
            ["keluarga di kabupaten tiruan", document["households"]],
            ["keluarga diundi", funnel["randomised_households"]],
            ["anak diundi", funnel["randomised_children"]],
            ["keluarga dikirimi", funnel["messaged_households"]],
            ["keluarga yang pesannya sampai (menurut WhatsApp)", funnel["delivered_households"]],
            *[[f"pesan {_WORDS[state]}", count] for state, count in document["messages"].items() if state in _WORDS],
        ],
    )
    table(
        "Gelombang",
        ["sel", "gelombang", "dibuka", "keluarga", "dikirimi"],
        [[w.cell, str(w.number), str(w.opened_on), w.households, w.sent] for w in document["waves"]],
    )
    console.print(f"\n[bold]{results['sentence']}[/bold]")
    console.print(
        f"Ditanam dalam tiruan: {document['planted_effect_per_1000']:g} per 1.000. "
        f"Ganda: {document['duplicates']}. Hilang: {document['lost']}. "
        f"Tidak diketahui: {document['unknown']}. Diterima penyedia tiruan: {number(document['received'])} pesan."
    )
