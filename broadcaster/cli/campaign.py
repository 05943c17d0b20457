"""The life of a campaign, and who is due."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from broadcaster.app import configured
from broadcaster.audience.queries import Filter, select_audience
from broadcaster.campaigns import dry_run as dry
from broadcaster.campaigns import late as lateness
from broadcaster.campaigns import queries, service, stories
from broadcaster.campaigns.definition import read_definition
from broadcaster.cli.common import By, Json, Now, console, opened, put, table
from broadcaster.domain.card import Occasion
from broadcaster.errors import BadInput
from broadcaster.office.rules import SYSTEM
from broadcaster.results.queries import result
from broadcaster.results.service import refresh_outcomes

campaign = typer.Typer(help="Kampanye: buat, periksa, setujui, mulai, jeda, hasil.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    app.add_typer(campaign, name="campaign")
    app.command("audience")(audience)


def audience(
    occasion: Annotated[list[str] | None, typer.Option("--occasion", help="Keperluan; boleh diulang.")] = None,
    kecamatan: Annotated[list[str] | None, typer.Option("--kecamatan")] = None,
    desa: Annotated[list[str] | None, typer.Option("--desa")] = None,
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Keluarga yang perlu dikirimi pesan hari ini, dan yang dilewati beserta alasannya."""
    chosen = tuple(_occasion(text) for text in occasion or list(Occasion))
    with opened(now) as app, app.db.read() as session:
        found = select_audience(
            session, Filter(chosen, tuple(kecamatan or ()), tuple(desa or ())), app.today(), app.now(), d_days=14
        )
    by_place: dict[str, int] = {}
    for household in found.households:
        by_place[household.kecamatan] = by_place.get(household.kecamatan, 0) + 1
    document = {
        "households": len(found.households),
        "children": found.children,
        "skipped": dict(found.skipped),
        "always_send": sum(household.always_send for household in found.households),
        "by_kecamatan": dict(sorted(by_place.items())),
    }
    if as_json:
        put(document)
        return
    console.print(f"{len(found.households)} keluarga, {found.children} anak.")
    table("Per kecamatan", ["kecamatan", "keluarga"], [[name, n] for name, n in sorted(by_place.items())])
    for reason, households in found.skipped.items():
        console.print(f"Dilewati ({reason}): {households}")


def _occasion(text: str) -> Occasion:
    try:
        return Occasion(text)
    except ValueError as error:
        known = ", ".join(Occasion)
        raise BadInput(f"Keperluan {text} tidak dikenal; pilihan: {known}.", code="unknown_occasion") from error


@campaign.command("create")
def create(file: Path, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Buat kampanye dari berkas TOML."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"Berkas {file} tidak dapat dibaca sebagai teks UTF-8.", code="unreadable_file") from error
    definition = read_definition(text, place=file.name)
    with opened(now) as app:
        service.create(app.db, definition, by=by or None, now=app.now())
    if as_json:
        put({"campaign": definition.name, "state": "draft"})
    else:
        console.print(
            f"Kampanye {definition.name} dibuat sebagai draf. Periksa: broadcaster campaign dry-run {definition.name}"
        )


@campaign.command("list")
def list_campaigns(as_json: Json = False) -> None:
    """Semua kampanye."""
    with opened() as app, app.db.read() as session:
        lines = queries.campaigns(session)
    if as_json:
        put({"campaigns": lines})
    else:
        table(
            "Kampanye",
            ["nama", "keadaan", "keluarga", "anak", "gelombang"],
            [
                [c.name, service.STATES[c.state], c.households, c.children, f"{c.waves_opened}/{c.waves_total}"]
                for c in lines
            ],
        )


@campaign.command("dry-run")
def dry_run(name: str, as_json: Json = False, now: Now = "") -> None:
    """Apa yang akan terjadi, tanpa mengubah apa pun."""
    with opened(now) as app, app.db.read() as session:
        document = dry.dry_run(session, name, app.today(), app.now(), app.settings.zone, configured(app.settings))
    if as_json:
        put(document)
    else:
        show_dry_run(document)


def show_dry_run(document: dict[str, Any]) -> None:
    """The dry run for people."""
    console.print(f"{document['households']} keluarga, {document['children']} anak.")
    for reason, households in document["skipped"].items():
        console.print(f"Dilewati ({reason}): {households} keluarga")
    table(
        "Gelombang",
        ["gelombang", "tanggal", "keluarga", "ada pembanding"],
        [
            [wave["wave"], wave["send_on"], wave["households"], "ya" if wave["has_controls"] else "tidak"]
            for wave in document["waves"]
        ],
    )
    smallest = document["smallest_effect_per_1000"]
    if smallest is None:
        console.print(f"Pengaruh tidak dapat diukur: {document['smallest_effect_reason']}")
    else:
        console.print(f"Kampanye ini dapat melihat perbedaan mulai dari {smallest} per 1.000 anak.")
    for sample in document["samples"]:
        console.print(f"\n[bold]{sample['channel']}[/bold] ({sample['segments']} bagian)\n{sample['text']}")
    for block in document["blocking"]:
        console.print(f"[bold]Menghalangi:[/bold] {block['message']}")


@campaign.command("approve")
def approve(name: str, by: Annotated[str, typer.Option("--by")], as_json: Json = False, now: Now = "") -> None:
    """Setujui; harus orang lain dari pembuatnya."""
    with opened(now) as app:
        service.approve(app.db, name, by=by, now=app.now())
    _moved(name, "approved", as_json)


@campaign.command("start")
def start(name: str, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Undi urutan dan mulai."""
    with opened(now) as app:
        service.start(
            app.db, name, by=by or None, now=app.now(), zone=app.settings.zone, configured=configured(app.settings)
        )
    _moved(name, "running", as_json)


@campaign.command("pause")
def pause(name: str, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Jeda: tidak ada pesan baru yang berangkat."""
    with opened(now) as app:
        service.pause(app.db, name, by=by or SYSTEM, now=app.now())
    _moved(name, "paused", as_json)


@campaign.command("resume")
def resume(name: str, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Lanjutkan."""
    with opened(now) as app:
        service.resume(app.db, name, by=by or SYSTEM, now=app.now())
    _moved(name, "running", as_json)


@campaign.command("stop")
def stop(name: str, by: By = "", as_json: Json = False, now: Now = "") -> None:
    """Hentikan untuk selamanya; yang menunggu dibatalkan."""
    with opened(now) as app:
        service.stop(app.db, name, by=by or SYSTEM, now=app.now())
    _moved(name, "stopped", as_json)


@campaign.command("late")
def late(
    name: str,
    by: Annotated[str, typer.Option("--by")],
    send: Annotated[bool, typer.Option("--send", help="Kirim pada jam kirim berikutnya.")] = False,
    skip: Annotated[bool, typer.Option("--skip", help="Jangan kirim lagi.")] = False,
    as_json: Json = False,
    now: Now = "",
) -> None:
    """Putuskan pesan yang jadwalnya terlewat dan ditahan."""
    if send == skip:
        raise BadInput("Pilih tepat satu: --send atau --skip.", code="send_or_skip")
    with opened(now) as app:
        number = lateness.decide(app.db, name, send=send, by=by, now=app.now(), zone=app.settings.zone)
    if as_json:
        put({"campaign": name, "messages": number, "decision": "send" if send else "skip"})
    else:
        console.print(
            f"{number} pesan kampanye {name} {'dikirim pada jam kirim berikutnya' if send else 'tidak dikirim lagi'}."
        )


def _moved(name: str, state: str, as_json: bool) -> None:
    if as_json:
        put({"campaign": name, "state": state})
    else:
        console.print(f"Kampanye {name}: {service.STATES[state]}.")


@campaign.command("status")
def status(
    name: str, household: Annotated[int, typer.Option("--household")] = 0, as_json: Json = False, now: Now = ""
) -> None:
    """Angka terkini; dengan --household, satu kalimat untuk setiap kejadian satu keluarga."""
    with opened(now) as app, app.db.read() as session:
        found = queries.status(session, name)
        days = stories.household_days(session, name, household, app.code_sentences) if household else None
    document = status_document(found)
    if days is not None:
        document["days"] = days
    if as_json:
        put(document)
        return
    console.print(f"{name}: {service.STATES[found.state]}")
    if days is not None:
        table("Keluarga", ["tanggal", "kejadian", "penjelasan"], [[d.date, d.event, d.sentence] for d in days])
        return
    table("Pesan", ["keadaan", "jumlah"], [[state, n] for state, n in found.messages.items() if n])
    table(
        "Gelombang",
        ["sel", "gelombang", "rencana", "dibuka", "keluarga", "terkirim"],
        [[w.cell, w.number, w.planned_on, w.opened_on or "-", w.households, w.sent] for w in found.waves],
    )


def status_document(found: queries.CampaignStatus) -> dict[str, Any]:
    """The `status` document of the public surface."""
    return {
        "campaign": found.name,
        "version": found.version,
        "state": found.state,
        "messages": found.messages,
        "reasons": found.reasons,
        "by_channel": found.by_channel,
        "received_on_two_channels": found.received_on_two_channels,
        "waves": found.waves,
        "next_send_at": found.next_send_at,
    }


@campaign.command("results")
def results(name: str, as_json: Json = False, now: Now = "") -> None:
    """Berapa kartu karena pesan ini, dengan rentangnya."""
    with opened(now) as app:
        refresh_outcomes(app.db, app.now())  # the newest import counts, whether or not a process is running
        with app.db.read() as session:
            document = result(session, name, app.today())
    if as_json:
        put(document)
    else:
        console.print(document["sentence"])
