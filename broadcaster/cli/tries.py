"""`try`: one rule on your own input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from broadcaster.cli.common import Json, console, line, put
from broadcaster.domain.effect import crude
from broadcaster.domain.phone import read_phone
from broadcaster.domain.power import DEFF, POWER, smallest_effect
from broadcaster.errors import BadInput
from broadcaster.rendering.rules import segments
from broadcaster.replies.measure import measure
from broadcaster.replies.measure import parse as parse_labels
from broadcaster.replies.service import read_reply

tries = typer.Typer(help="Coba satu aturan dengan masukan sendiri.", no_args_is_help=True)

File = Annotated[Path | None, typer.Option("--file", help="Satu masukan per baris; .jsonl: satu teks JSON per baris.")]


def add_to(app: typer.Typer) -> None:
    app.add_typer(tries, name="try")


def _each(text: str | None, file: Path | None, as_json: bool, answer: Callable[[str], dict[str, Any]]) -> None:
    """One input gives one document; a file gives one a line, in order."""
    if file is None:
        if text is None:
            raise BadInput("Beri satu masukan, atau --file.", code="no_input")
        if as_json:
            put(answer(text))
        else:
            for key, value in answer(text).items():
                console.print(f"{key}: {value}")
        return
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"Berkas {file} tidak dapat dibaca sebagai teks UTF-8.", code="unreadable_file") from error
    if lines and lines[-1] == "":
        lines.pop()
    for number, raw in enumerate(lines, start=1):
        text_of_line = raw.removesuffix("\r")
        if file.suffix == ".jsonl":
            try:
                text_of_line = json.loads(raw)
            except json.JSONDecodeError as error:
                raise BadInput(f"{file.name} baris {number}: bukan JSON yang sah.", code="bad_json") from error
            if not isinstance(text_of_line, str):
                raise BadInput(f"{file.name} baris {number}: harus berupa teks JSON.", code="bad_json")
        line(answer(text_of_line))


@tries.command("phone")
def phone(raw: Annotated[str | None, typer.Argument()] = None, file: File = None, as_json: Json = False) -> None:
    """Bagaimana sebuah nomor telepon dibaca."""

    def answer(text: str) -> dict[str, Any]:
        found = read_phone(text)
        return {"raw": text, "e164": found.e164, "kind": found.kind, "problem": found.problem}

    _each(raw, file, as_json, answer)


@tries.command("segments")
def segment(text: Annotated[str | None, typer.Argument()] = None, file: File = None, as_json: Json = False) -> None:
    """Berapa bagian SMS sebuah teks."""

    def answer(given: str) -> dict[str, Any]:
        found = segments(given)
        return {"encoding": found.encoding, "units": found.units, "segments": found.segments}

    _each(text, file, as_json, answer)


@tries.command("reply")
def reply(
    text: Annotated[str | None, typer.Argument()] = None,
    file: File = None,
    labelled: Annotated[
        list[Path] | None, typer.Option("--labelled", help="Berkas balasan berlabel (atau folder): ukur aturannya.")
    ] = None,
    half: Annotated[str, typer.Option("--half", help="development | held-out | all")] = "all",
    misses: Annotated[bool, typer.Option("--misses", help="Tampilkan juga yang keliru dibaca.")] = False,
    as_json: Json = False,
) -> None:
    """Bagaimana sebuah balasan dibaca; dengan --labelled, seberapa sering benar."""
    if labelled:
        _measure(labelled, half, misses, as_json)
        return

    def answer(given: str) -> dict[str, Any]:
        found = read_reply(given)
        return {
            "intents": list(found.intents),
            "opt_out": found.opt_out,
            "handled_by": found.handled_by,
            "normalised": found.normalised,
        }

    _each(text, file, as_json, answer)


def _measure(paths: list[Path], half: str, misses: bool, as_json: bool) -> None:
    if half not in ("development", "held-out", "all"):
        raise BadInput("--half: pilih development, held-out, atau all.", code="bad_half")
    labels = []
    for path in paths:
        for one in sorted(path.glob("*.txt")) if path.is_dir() else [path]:
            try:
                labels += parse_labels(one.read_text(encoding="utf-8"), one.name)
            except (OSError, UnicodeDecodeError) as error:
                raise BadInput(
                    f"Berkas {one} tidak dapat dibaca sebagai teks UTF-8.", code="unreadable_file"
                ) from error
    found = measure(
        (label for label in labels if half in ("all", label.half)),
        lambda said: ((reading := read_reply(said)).intents, reading.opt_out),
    )
    if as_json:
        document = asdict(found)
        document["misses"] = document["misses"] if misses else len(found.misses)
        put(document)
        return
    table = Table("maksud", "balasan", "utama tepat %", "ditemukan %", "tepat bila disebut %")
    for score in found.scores:
        table.add_row(score.intent, str(score.replies), *map(_percent, (score.top1, score.recall, score.precision)))
    console.print(table)
    console.print(
        f"{found.replies} balasan; maksud utama tepat {_percent(found.top1)} %; minta berhenti ditemukan"
        f" {_percent(found.opt_out_recall)} %, tepat {_percent(found.opt_out_precision)} %"
    )
    if misses:
        for miss in found.misses:
            sure = "!" if miss.opt_out else ""
            console.print(
                f"{miss.label.intents[0]} <- {' '.join(miss.intents)}{sure}: {miss.label.text!r}", markup=False
            )


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}".replace(".", ",")


def _pair(text: str, name: str) -> tuple[int, int]:
    try:
        n, x = (int(part) for part in text.split(":"))
    except ValueError as error:
        raise BadInput(f"{name}: tulis JUMLAH:DIAMBIL, misalnya 900:60.", code="bad_pair") from error
    if not (n > 0 and 0 <= x <= n):
        raise BadInput(f"{name}: {x} dari {n} tidak mungkin.", code="bad_pair")
    return n, x


@tries.command("effect")
def effect(
    sent: Annotated[str, typer.Option("--sent")],
    delayed: Annotated[str, typer.Option("--delayed")],
    deff: Annotated[float, typer.Option("--deff")] = 1.0,
    as_json: Json = False,
) -> None:
    """Beda dua kelompok dengan rentangnya."""
    n1, x1 = _pair(sent, "--sent")
    n0, x0 = _pair(delayed, "--delayed")
    if deff < 1:
        raise BadInput("--deff paling kecil 1.", code="bad_deff")
    found = crude(n1, x1, n0, x0, deff=deff)
    document = {
        "difference_pp": round(found.rd * 100, 4),
        "low_pp": round(found.low * 100, 4),
        "high_pp": round(found.high * 100, 4),
        "method": found.method,
        "assumes": found.assumes,
    }
    put(document) if as_json else console.print(
        f"{document['difference_pp']} poin persen ({document['low_pp']} sampai {document['high_pp']})"
    )


@tries.command("power")
def power(
    n: Annotated[int, typer.Option("--n")],
    delayed: Annotated[float, typer.Option("--delayed")],
    base: Annotated[float, typer.Option("--base")],
    deff: Annotated[float, typer.Option("--deff")] = DEFF,
    as_json: Json = False,
) -> None:
    """Perbedaan terkecil yang dapat dilihat."""
    if n < 2 or not 0 < delayed < 1 or not 0 <= base <= 1 or deff < 1:
        raise BadInput(
            "Perlu --n paling kecil 2, --delayed antara 0 dan 1, --base 0 sampai 1, --deff paling kecil 1.",
            code="bad_power",
        )
    found = smallest_effect(n * (1 - delayed), n * delayed, base, deff)
    document = {
        "smallest_effect_pp": None if found is None else round(found * 100, 4),
        "power": POWER,
        "assumes": f"two-sided 5 %, design effect {deff:g}, one delayed group of {delayed:g}",
    }
    put(document) if as_json else console.print(f"{document['smallest_effect_pp']} poin persen")
