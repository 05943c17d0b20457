"""content preview, edit, diff, history, revert, export: one message and its versions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import Session

from broadcaster.audience.previews import household_preview
from broadcaster.cli.common import Json, Now, console, opened, put, table
from broadcaster.errors import BadInput, NotFound
from broadcaster.rendering import comparing, lint, samples, service
from broadcaster.rendering.previews import Preview, sample_preview
from broadcaster.rendering.queries import history as versions_of
from broadcaster.rendering.queries import latest, source_of
from broadcaster.rendering.source import to_toml

Editor = Annotated[str, typer.Option("--by", help="Nama akun petugas yang mengubah.")]


def add_to(content: typer.Typer) -> None:
    content.command("preview")(preview)
    content.command("edit")(edit)
    content.command("diff")(diff)
    content.command("history")(history)
    content.command("revert")(revert)
    content.command("export")(export)


def preview(
    key: str,
    household: Annotated[int, typer.Option("--household", help="Nomor keluarga; tanpa ini contoh keluarga.")] = 0,
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Pesan yang sudah terisi, untuk setiap saluran, dengan biayanya."""
    with opened(now) as app, app.db.read() as session:
        if household:
            found = household_preview(session, app.db.sealer, key, household, app.today(), app.now())
        else:
            found = sample_preview(session, key, samples.USUAL, app.today())
    if as_json:
        put(_document(found))
    else:
        _show(found)


def _document(found: Preview) -> dict[str, Any]:
    channels = [{**vars(shown), "content_variables": dict(shown.content_variables)} for shown in found.channels]
    return {**vars(found), "channels": channels}


def _show(found: Preview) -> None:
    whom = f"keluarga {found.household}" if found.household else "contoh keluarga"
    console.print(f"{found.title} (versi {found.version}, {whom})", markup=False)
    if found.due is False:
        console.print("Keluarga ini sekarang bukan sasaran pesan ini; contoh ini menyebut semua anaknya.")
    for shown in found.channels:
        size = f"{shown.characters} huruf"
        if shown.encoding:
            size = f"{shown.segments} bagian, {shown.units} satuan {shown.encoding}"
        cost = f", Rp{shown.cost_idr}" if shown.price_idr else ""
        absent = ", tidak ada alamat" if shown.reached is False else ""
        console.print(f"\n== {shown.channel} ({size}{cost}{absent})", markup=False)
        console.print(shown.text, markup=False)
        if shown.buttons:
            console.print(" ".join(f"[{button.title}]" for button in shown.buttons), markup=False)
        for note in (*shown.changes, *shown.warnings):
            console.print(f"  - {note.message}", markup=False)
    if found.without_text:
        console.print(f"\nTanpa teks untuk: {', '.join(found.without_text)}.")


def edit(key: str, file: Path, by: Editor, as_json: Json = False, now: Now = "") -> None:
    """Jadikan isi berkas versi terbaru sebuah pesan."""
    try:
        toml = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"Berkas {file} tidak dapat dibaca sebagai teks UTF-8.", code="unreadable_file") from error
    with opened(now) as app, app.db.write() as session:
        before = _number(session, key)
        number = service.save(session, key, toml, by=by, now=app.now())
    warnings = [problem for severity, problem in lint.examine(key, toml) if severity == "warning"]
    if as_json:
        put({"key": key, "version": number, "created": before == 0, "changed": number != before, "warnings": warnings})
        return
    if before == 0:
        console.print(f"Pesan baru {key} dibuat.")
    elif number == before:
        console.print(f"Tidak ada yang berubah; versi terbaru {key} tetap versi {number}.")
    else:
        console.print(f"{key} sekarang versi {number}. Kampanye yang sudah disetujui tetap memakai versinya sendiri.")
    for problem in warnings:
        console.print(f"  baris {problem.line}: {problem.message}", markup=False)


def _number(session: Session, key: str) -> int:
    """The newest version's number; 0 for a message that is not there yet."""
    try:
        return latest(session, key).number
    except NotFound:
        return 0


def diff(
    key: str,
    old: Annotated[int, typer.Option("--from", help="Nomor versi lama; tanpa ini teks bawaan.")] = 0,
    new: Annotated[int, typer.Option("--to", help="Nomor versi baru; tanpa ini versi terbaru.")] = 0,
    as_json: Json = False,
) -> None:
    """Apa yang berbeda antara dua versi, atau antara teks bawaan dan versi terbaru."""
    with opened() as app, app.db.read() as session:
        found = comparing.difference(session, key, old or None, new or None)
        state = comparing.standing(session, key)
    sentence = comparing.SENTENCES[state].format(key=key)
    if as_json:
        changed = {name: {"from": before, "to": after} for name, (before, after) in found.fields.items()}
        document = {"key": key, "from": found.old, "to": found.new, "fields": changed, "texts": found.texts}
        put({**document, "shipped": state, "sentence": sentence})
        return
    for name, (before, after) in found.fields.items():
        console.print(f"{name}: {before} -> {after}", markup=False)
    for channel, lines in found.texts.items():
        console.print(f"\n== {channel}", markup=False)
        for line in lines:
            console.print(line, markup=False)
    if found.empty:
        console.print(f"Tidak ada perbedaan antara {found.old} dan {found.new}.")
    console.print(sentence)


def history(key: str, as_json: Json = False) -> None:
    """Semua versi sebuah pesan."""
    with opened() as app, app.db.read() as session:
        lines = versions_of(session, key)
        state = comparing.standing(session, key)
    sentence = comparing.SENTENCES[state].format(key=key)
    if as_json:
        put({"key": key, "versions": lines, "shipped": state, "sentence": sentence})
        return
    table(
        key,
        ["versi", "dibuat", "oleh", "dipakai", "WhatsApp"],
        [
            [
                line.number,
                line.created_at.isoformat(),
                line.created_by,
                "ya" if line.used else "belum",
                line.approval or "-",
            ]
            for line in lines
        ],
    )
    console.print(sentence)


def revert(key: str, number: int, by: Editor, as_json: Json = False, now: Now = "") -> None:
    """Jadikan isi sebuah versi lama versi terbaru."""
    with opened(now) as app, app.db.write() as session:
        version = service.revert(session, key, number, by=by, now=app.now())
    if as_json:
        put({"key": key, "version": version, "same_as": number})
    else:
        console.print(f"{key} sekarang versi {version}, isinya sama dengan versi {number}.")


def export(
    key: str, out: Annotated[Path, typer.Option("--out", help="Berkas TOML yang ditulis.")], as_json: Json = False
) -> None:
    """Tulis versi terbaru sebuah pesan ke berkas, untuk diubah atau dibawa ke kantor lain."""
    with opened() as app, app.db.read() as session:
        number, toml = latest(session, key).number, to_toml(source_of(session, key))
    try:
        out.write_text(toml, encoding="utf-8", newline="\n")
    except OSError as error:
        raise BadInput(f"Berkas {out} tidak dapat ditulis ({error.strerror}).", code="unwritable_file") from error
    if as_json:
        put({"key": key, "version": number, "file": out})
    else:
        console.print(f"Versi {number} dari {key} ditulis ke {out}.")
