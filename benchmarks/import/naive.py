"""The way one would write an import first: a SQLModel object for each row of each table, `phonenumbers` on every cell,
`add_all`. It stores the same sealed rows of the same tables, and checks far less: no joining by phone, no report.
"""

from __future__ import annotations

import csv
from datetime import date, datetime
from pathlib import Path

import phonenumbers
from sqlmodel import select

from broadcaster.domain.card import CardKind, CardStatus, kind_due
from broadcaster.domain.dates import read_date
from broadcaster.domain.place import fold
from broadcaster.storage import tables
from broadcaster.storage.database import Database

_STATUS = {
    "": CardStatus.NOT_REGISTERED,
    "proses": CardStatus.IN_PROCESS,
    "Siap diambil": CardStatus.PRINTED,
    "Sudah diambil": CardStatus.COLLECTED,
}


def bring_in(db: Database, path: Path, today: date, now: datetime) -> int:
    """Import a file into an empty register; returns the rows."""
    seal, blind = db.sealer.seal, db.sealer.blind
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle, delimiter=";"))
    with db.write() as session:
        villages = {(fold(v.kecamatan), fold(v.name)): v.id for v in session.exec(select(tables.Village))}
        batch = tables.ImportBatch(
            sha256="0" * 64, kind="children", file_name=path.name, status="applied", applied_at=now, data_until=today,
            row_count=len(rows), good=len(rows), rejected=0,
        )  # fmt: skip
        session.add(batch)
        session.flush()
        households: dict[str, tables.Household] = {}
        guardian_names: dict[str, str] = {}
        for row in rows:
            if row["No. KK"] not in households:
                village = villages[fold(row["Kecamatan"]), fold(row["Desa/Kel"])]
                key = blind("household", row["No. KK"]).hex()
                households[row["No. KK"]] = tables.Household(key=key, village_id=village, created_at=now)
                guardian_names[row["No. KK"]] = row["Nama Ibu"]
        session.add_all(households.values())
        session.flush()
        kks = [tables.HouseholdKk(kk_blind=blind("kk", kk), household_id=home.id) for kk, home in households.items()]
        guardians = {
            kk: tables.Guardian(household_id=home.id, sealed_name=seal("name", guardian_names[kk].title()))
            for kk, home in households.items()
        }
        session.add_all([*kks, *guardians.values()])
        children = []
        for row in rows:
            born = read_date(row["Tgl. Lahir"])
            children.append(
                tables.Child(
                    household_id=households[row["No. KK"]].id, sealed_name=seal("name", row["Nama Lengkap"].title()),
                    birth_date=born, sex=row["JK"],
                )
            )  # fmt: skip
        session.add_all(children)
        session.flush()
        identities = []
        cards = []
        events: list[tuple[tables.Card, date]] = []
        points: dict[tuple[int | None, str, bytes], tables.ContactPoint] = {}
        for row, child in zip(rows, children, strict=True):
            identities.append(
                tables.ChildIdentity(
                    nik_blind=blind("nik", row["NIK"]), sealed_nik=seal("nik", row["NIK"]), child_id=child.id
                )
            )
            day = next((read_date(row[name]) for name in ("Tgl Ambil", "Tgl Cetak") if row[name]), today)
            due = kind_due(child.birth_date, today)
            for kind in (CardKind.NO_PHOTO, CardKind.PHOTO) if due is CardKind.NO_PHOTO else (CardKind.PHOTO,):
                status = _STATUS[row["Status"]] if kind is due else CardStatus.NOT_REGISTERED
                cards.append(tables.Card(child_id=child.id, kind=kind.value, status=status.value, since=day))
                if status is not CardStatus.NOT_REGISTERED:
                    events.append((cards[-1], day))
            for cell in (row["No HP"],):
                if not cell:
                    continue
                number = phonenumbers.parse(cell, "ID")
                if not phonenumbers.is_valid_number(number):
                    continue
                e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
                guardian = guardians[row["No. KK"]]
                for channel in ("whatsapp", "sms"):
                    address = blind("address", e164)
                    points[guardian.id, channel, address] = tables.ContactPoint(
                        guardian_id=guardian.id,
                        channel=channel,
                        address_blind=address,
                        sealed_address=seal("address", e164),
                    )
        session.add_all([*identities, *cards, *points.values()])
        session.flush()
        session.add_all(
            [
                tables.CardEvent(card_id=card.id, status=card.status, on_date=day, recorded_at=now, batch_id=batch.id)
                for card, day in events
            ]
        )
    return len(rows)
