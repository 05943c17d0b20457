"""Files that were made to hurt: refused or made harmless with a sentence, in little memory and time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import select

from broadcaster.errors import BadInput, Refused
from broadcaster.registry import service
from broadcaster.registry.reader import Limits, Source, sheets
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests.corpus import writers
from tests.integration.registry import files, picture

HEADINGS = list(files.CHILD_HEADINGS)
_CELL = '<table:table-cell office:value-type="string"{}><text:p>x</text:p></table:table-cell>'
_ROW = "<table:table-row{}>{}</table:table-row>"

_NO_PLACE = "<c><v>1</v></c>"

#: name -> how to make it, the code of its refusal ("" = it is read). Each is a few megabytes at most on disk.
HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "zip_bomb.xlsx": (lambda: writers.archive(
        {"xl/workbook.xml": "<x/>", **{f"xl/worksheets/sheet{n}.xml": b" " * 50_000_000 for n in range(9)}}), "too_large"),
    "under_the_limit.xlsx": (lambda: writers.raw_xlsx(b" " * 300_000_000), "cell_too_long"),
    "texts.xlsx": (lambda: writers.raw_xlsx("", b"<si><t>a</t></si>" * 6_000_000), "too_large"),
    "merged.xlsx": (lambda: writers.raw_xlsx('</sheetData><mergeCells>' + '<mergeCell ref="A1:A2"/>' * 400_000
        + "</mergeCells><sheetData>"), "too_large"),
    "column.xlsx": (lambda: writers.raw_xlsx('<row r="1"><c r="ZZZZZZ1"><v>1</v></c></row>'), "too_wide"),
    "lower_case.xlsx": (lambda: writers.raw_xlsx('<row r="1"><c r="a1"><v>1</v></c><c r = "xfd1048576"><v>1</v></c></row>'),
        "too_wide"),
    "padded.xlsx": (lambda: writers.raw_xlsx(
        f'<row r="1"><c r="A1"><v>1</v></c><c r="XFD1048576"{" " * 900}><v>1</v></c></row>'), "too_wide"),
    "without_places.xlsx": (lambda: writers.raw_xlsx(
        '<row r="1048576">' + _NO_PLACE * 26 + "</row><row>" + _NO_PLACE + "</row>"), "too_wide"),
    "one_row.xlsx": (lambda: writers.raw_xlsx("<row>" + _NO_PLACE * 1_000_000 + "</row>"), "too_wide"),
    "cell.xlsx": (lambda: writers.raw_xlsx(
        '<row r="1"><c r="A1" t="inlineStr"><is><t>' + "A" * 10_000_000 + "</t></is></c></row>"), "cell_too_long"),
    "cut_tags.xlsx": (lambda: writers.raw_xlsx('<row r="1">' + '<c r="AA1" ' * 300_000 + "</row>"), "unreadable"),
    "repeated_cell.ods": (lambda: writers.raw_ods(_ROW.format("", _CELL.format(' table:number-columns-repeated="2000000000"'))),
        "too_wide"),
    "repeated_row.ods": (lambda: writers.raw_ods(_ROW.format(' table:number-rows-repeated="2000000000"', _CELL.format(""))),
        "too_wide"),
    "blank_rows.ods": (lambda: writers.raw_ods(_ROW.format(' table:number-rows-repeated="2000000000"', "<table:table-cell/>")
        + _ROW.format("", _CELL.format(""))), "too_wide"),
    "negative.ods": (lambda: writers.raw_ods(_ROW.format(' table:number-rows-repeated="-5"', _CELL.format(""))), "unreadable"),
    "many_tables.ods": (lambda: writers.raw_ods("".join(
        _ROW.format(' table:number-rows-repeated="90000"', _CELL.format(' table:number-columns-repeated="100"'))
        + f'</table:table><table:table table:name="T{n}">' for n in range(9))), "too_wide"),
    "laughs.ods": (lambda: writers.raw_ods("<table:table-row/>", before='<!DOCTYPE x [<!ENTITY a "aaaa">]>'), "unreadable"),
    "cell.ods": (lambda: writers.ods([["A" * 10_000_000]]), "cell_too_long"),
    "far.xls": (lambda: writers.xls([["NIK"], *[[]] * 65_000, [""] * 255 + ["x"]]), "too_wide"),
    "columns.csv": (lambda: b"x;" * 1_000_000 + b"\n", "too_wide"),
    "no_line_end.csv": (lambda: b"NIK;Nama\n" + b"x;" * 20_000_000, "cell_too_long"),
    "cell.csv": (lambda: b"NIK;Nama\n1;" + b"A" * 10_000_000, "cell_too_long"),
    "quoted.csv": (lambda: b'NIK;Nama\n1;"' + b"A\n" * 5_000_000, "cell_too_long"),
    "brackets.csv": (lambda: files.csv_text([["(" * 100_000] * 16] * 20).encode(), ""),
    "digits.csv": (lambda: files.csv_text([["9 " * 60_000] * 16] * 20).encode(), ""),
}  # fmt: skip

_READ_ALL = """
import json, re, sys, time
from datetime import date
from pathlib import Path
from broadcaster.domain.place import load_places, matcher
from broadcaster.errors import BadInput
from broadcaster.registry.parse import parse
from broadcaster.registry.reader import Limits, Source, fingerprint
from broadcaster.shipped import content_dir

place_of = matcher(load_places(content_dir() / "places" / "bengkulu_utara.csv"))
for name in sys.argv[1:]:
    source, started, code = Source.at(Path(name)), time.monotonic(), ""
    try:
        fingerprint(source, Limits())
        parse(source, kind=None, limits=Limits(), place_of=place_of, today=date(2026, 10, 5), data_until=date(2026, 10, 5))
    except BadInput as error:
        code = error.code
    # getrusage would count what the test's own process had before this one began
    peak = int(re.search(r"VmHWM:\\s*(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
    print(json.dumps([Path(name).name, code, time.monotonic() - started, peak]), flush=True)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux' /proc")
def test_hostile_files_take_little_memory_and_time(tmp_path: Path) -> None:
    paths = []
    for name, (make, _) in HOSTILE.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(make())
        assert paths[-1].stat().st_size < 50_000_000
    done = subprocess.run(
        [sys.executable, "-c", _READ_ALL, *map(str, paths)], capture_output=True, text=True, check=False, timeout=200
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert {name: code for name, code, _, _ in found} == {name: code for name, (_, code) in HOSTILE.items()}
    assert max(seconds for _, _, seconds, _ in found) < 20, found
    assert max(peak for *_, peak in found) < 200, found  # MB


def _changed(content: bytes, changes: list[tuple[int, int]]) -> bytes:
    broken = bytearray(content)
    for where, value in changes:
        broken[where % len(broken)] = value
    return bytes(broken)


_ROWS = [HEADINGS, *(files.child(n) for n in range(1, 5))]
_GOOD = {"a.xlsx": writers.xlsx(("Data", _ROWS)), "a.xls": writers.xls(_ROWS), "a.ods": writers.ods(_ROWS),
         "a.csv": files.csv_text(_ROWS[1:]).encode("utf-16")}  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(_GOOD)), st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 255)), max_size=12))
def test_a_damaged_file_is_read_or_refused_and_never_breaks_the_program(
    name: str, changes: list[tuple[int, int]]
) -> None:
    try:
        with sheets(Source(name, _changed(_GOOD[name], changes)), Limits()) as found:
            for sheet in found:
                for _ in sheet.rows:
                    pass
    except BadInput as error:
        refusal = str(error)
    else:
        refusal = f"{name}: "
    assert refusal.startswith(f"{name}: ")


def test_formulas_and_control_characters_never_reach_the_register(
    sqlite_office: Database, today: date, now: datetime
) -> None:
    rows = [
        files.child(1, family=1, name="RIZKI\x1b[31m\x07", mother="=1+1", father="@SUM(A1)"),
        files.child(2, family=2, name="=cmd|' /C calc'!A0"),
        files.child(3, family=3, mother="-SITI", note='+HYPERLINK("x")'),
    ]
    checked = service.check(sqlite_office, files.csv_file(rows), today=today)
    assert {(found.row, found.code) for found in checked.report.problems} == {
        (2, "control_characters"), (2, "formula"), (2, "guardian_missing"), (3, "formula"), (4, "formula"),
    }  # fmt: skip
    service.apply(sqlite_office, checked, by="sari", now=now)
    names = [name for *_, children, _ in picture.households(sqlite_office) for _, name, *_ in children]
    assert sorted(names) == ["RIZKI[31m", "Rizki Pratama"]
    with sqlite_office.read() as session:
        guardians = [
            sqlite_office.sealer.open("name", sealed) for sealed in session.exec(select(tables.Guardian.sealed_name))
        ]
    assert not any(name[:1] in "=+-@" for name in [*names, *guardians] if name), guardians


@pytest.mark.parametrize(
    ("limits", "code", "words"),
    [
        (Limits(rows=3), "too_many_rows", "lebih dari 3 baris data; bagi berkas"),
        (Limits(bytes=500), "too_large", "melebihi batas 0.0005 MB; hapus gambar"),
        (Limits(seconds=-1), "too_slow", "melewati batas -1 detik; bagi berkas"),
    ],
)
@pytest.mark.parametrize("name", ["csv", "xlsx", "xls", "ods"])
def test_the_settings_are_kept_in_every_format(
    sqlite_office: Database, today: date, name: str, limits: Limits, code: str, words: str
) -> None:
    contents: dict[str, Any] = {
        "csv": files.csv_text(_ROWS[1:]).encode(), "xlsx": _GOOD["a.xlsx"], "xls": _GOOD["a.xls"], "ods": _GOOD["a.ods"],
    }  # fmt: skip
    with pytest.raises(Refused, match=rf"^anak\.{name}: .*{words}") as caught:
        service.check(sqlite_office, Source(f"anak.{name}", contents[name]), today=today, limits=limits)
    assert caught.value.code == code
