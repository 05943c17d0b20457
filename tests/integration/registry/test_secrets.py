"""No number of anybody stands in the clear in the database's files."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from broadcaster.storage.database import Database
from tests.integration.registry import files
from tests.integration.registry.conftest import Bring


def test_no_planted_number_is_in_the_bytes_of_the_database(
    sqlite_office: Database, bring_in: Bring, tmp_path: Path
) -> None:
    phones = [f"08123456{n:04}" for n in range(40)]
    rows: list[list[Any]] = [
        files.child(
            n, family=n, phone=phones[n % 30], name=f"NAMARAHASIA {n}", mother=f"IBURAHASIA {n}", status="proses"
        )
        for n in range(1, 40)
    ]
    rows += [
        files.child(41, family=41, number="170307140320"),
        files.child(42, family=42, desa="Tidak Ada Ini", phone="0812x"),
    ]
    rows += [files.child(43, family=43, phone="0812345678901234"), files.child(44, number="1703071403209999X")]
    bring_in(sqlite_office, files.xlsx(rows))
    bring_in(
        sqlite_office,
        files.csv_file([[1, files.nik(date(2020, 3, 14), serial=77), "", "081299998888"]], files.PHONE_HEADINGS),
    )
    secrets = [number for row in rows for number in (str(row[1]), str(row[2]))]
    secrets += [phone[1:] for phone in phones] + [
        files.nik(date(2020, 3, 14), serial=77),
        "81299998888",
        "12345678901234",
    ]
    secrets += ["namarahasia", "iburahasia"]
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("broadcaster.sqlite3*"))
    assert b"household" in stored  # the right files were read
    assert (tmp_path / "broadcaster.sqlite3-wal").stat().st_size > 0
    lowered = stored.lower()
    assert [secret for secret in secrets if secret.lower().encode() in lowered] == []
