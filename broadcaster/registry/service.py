"""The verbs of the registry: check a file, apply it, mark an address as dead. Taking an import back is in `undo`, Telegram chats
are in `chats`.

`check` reads only. `apply` is one transaction: it plans again on what the register holds then, writes, and leaves one
batch, or changes nothing. The same file (by its bytes) is applied once; the same rows in another file change nothing either.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import text
from sqlmodel import Session, func, select

from broadcaster.consent.joining import joined_since
from broadcaster.domain.place import matcher
from broadcaster.errors import BadInput, Blocked, NotFound
from broadcaster.office import queries as office
from broadcaster.office.service import audit
from broadcaster.registry import answers as columns
from broadcaster.registry import known, plan
from broadcaster.registry.columns import KINDS, Kind
from broadcaster.registry.keyed import keeper
from broadcaster.registry.mapping import ColumnMap
from broadcaster.registry.parse import Parsed, parse
from broadcaster.registry.pause import no_cycle_search
from broadcaster.registry.reader import Limits, Source, fingerprint
from broadcaster.registry.report import FileReport
from broadcaster.registry.table import Answers
from broadcaster.registry.tally import Tally, registered_households, report_of
from broadcaster.registry.writer import Writer, id_of
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import ContactPoint, ImportBatch

_IMPORT_LOCK = 0x1A7E  # PostgreSQL: one import at a time; SQLite has one writer anyway

#: Told now and then how far an import is: what is being done, how much of it, of how much (0 = not known yet).
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, repr=False)
class CheckedFile:
    """A file, read; its rows hold numbers of people, so it has no repr. `report` is what may be shown."""

    name: str
    sha256: str
    today: date
    data_until: date
    parsed: Parsed
    report: FileReport


@dataclass(frozen=True)
class AppliedBatch:
    """`already`: the very same file was applied before, as `batch`; this call changed nothing."""

    batch: int
    already: bool
    report: FileReport


@no_cycle_search()
def check(
    db: Database,
    source: Source,
    *,
    kind: Kind | None = None,
    today: date,
    limits: Limits | None = None,
    data_until: date | None = None,
    beside: Sequence[CheckedFile] = (),
    column_map: ColumnMap | None = None,
    progress: Progress | None = None,
    plans: bool = True,
) -> CheckedFile:
    """Read a file and say what applying it would do. Writes nothing.

    `kind` None: guessed from the headings. `data_until`: the day the file speaks until (default `today`), used for a
    status without a date. `beside`: files of the same run whose children the register will know by then. `column_map`: what the
    office says about columns, before what it said earlier about files of this shape.
    `plans` False: only read, for one that is applied at once; the report then counts no rows.
    Raises `BadInput` when the file cannot be read or is over `limits`; missing headings and the like are in the report.
    """
    limits, tell = limits or Limits(), progress or _nobody
    until = data_until or today
    if until > today:
        raise BadInput(
            f"{source.name}: tanggal data {until:%d-%m-%Y} lebih baru dari hari ini; periksa.", code="bad_data_until"
        )
    sha256 = fingerprint(source, limits)
    with db.read() as session:
        places = office.places(session)
        remembered = columns.remembered(session)
    if not places:
        raise Blocked("Daftar desa masih kosong; jalankan `broadcaster init` lebih dahulu.", code="no_places")
    parsed = parse(
        source, kind=kind, limits=limits, place_of=matcher(places), today=today, data_until=until,
        answers=Answers(column_map, remembered), keep=keeper(db.sealer),
        progress=lambda rows: tell(f"membaca {source.name}", rows, 0),
    )  # fmt: skip
    blank = CheckedFile(source.name, sha256, today, until, parsed, FileReport(source.name, parsed.kind))
    with db.read() as session:
        earlier = _applied(session, sha256, parsed.kind)
        planned = plans and parsed.refusal is None and earlier is None
        tally = _planned(session, db.sealer, blank, expected=_numbers(beside), tell=tell) if planned else None
    return replace(blank, report=report_of(blank.name, parsed, tally, earlier))


@no_cycle_search()
def apply(
    db: Database,
    checked: CheckedFile,
    *,
    by: str,
    now: datetime,
    confirmed: bool = False,
    progress: Progress | None = None,
) -> AppliedBatch:
    """Write a checked file, in one transaction. `by`: who imports, for the audit. `confirmed`: also where it changes much
    of the register, and with the statuses that go back.

    Raises `BadInput` when the file has no usable table, `Blocked` when it needs a confirmation that is not given.
    """
    refusal = checked.parsed.refusal
    kind = checked.parsed.kind
    if refusal is not None or kind is None:
        reason = refusal.message if refusal else ""
        raise BadInput(f"{checked.name}: {reason}", code=refusal.code if refusal else "kind_unknown")
    with db.write() as session:
        lock(session, db)
        if (earlier := _applied(session, checked.sha256, kind)) is not None:
            return AppliedBatch(id_of(earlier), True, report_of(checked.name, checked.parsed, None, earlier))
        row = ImportBatch(
            sha256=checked.sha256, kind=kind, file_name=checked.name, status="applied", applied_at=now,
            data_until=checked.data_until, row_count=checked.parsed.count, good=0, rejected=0,
        )  # fmt: skip
        session.add(row)
        session.flush()
        batch = id_of(row)
        before = session.exec(select(func.max(ContactPoint.id))).one() or 0
        writer = Writer(session, db.sealer, batch=batch, now=now)
        tell = progress or _nobody
        tally = _planned(session, db.sealer, checked, confirmed=confirmed, writer=writer, tell=tell)
        report = report_of(checked.name, checked.parsed, tally, None)
        if not confirmed and (question := tally.asks_first(report.good)) is not None:
            raise Blocked(f"{checked.name}: {question}", code="needs_confirmation")  # and nothing has been written
        row.good, row.rejected = report.good, report.rejected
        writer.problems(report.problems, report.conflicts)
        joined_since(session, before, now)
        audit(
            session, at=now, staff=by, action="import", entity=f"import_batch:{batch}",
            data={"kind": kind, "sha256": checked.sha256, "rows": report.rows, "good": report.good, "rejected": report.rejected},
        )  # fmt: skip
        return AppliedBatch(batch, False, replace(report, applied=True, batch=batch))


def import_files(
    db: Database,
    sources: Sequence[Source],
    *,
    kind: Kind | None = None,
    today: date,
    by: str,
    now: datetime,
    write: bool,
    confirmed: bool = False,
    limits: Limits | None = None,
    data_until: date | None = None,
    column_map: ColumnMap | None = None,
    progress: Progress | None = None,
) -> list[FileReport]:
    """Check, and with `write` apply, several files: children first, then phones, then card dates. Reports in the given order.

    A file that is not applied (no usable table, no confirmation) stops the ones after it: they would lack its children.
    `column_map` is remembered for files of their shape, with `write`.
    Raises `BadInput` like `check`, before anything is written.
    """
    limits = limits or Limits()
    first = [
        check(
            db, one, kind=kind, today=today, limits=limits, data_until=data_until, column_map=column_map,
            progress=progress, plans=not write,
        )
        for one in sources
    ]  # fmt: skip
    if column_map is not None:
        columns.must_fit(column_map, [one.parsed for one in first])
    if column_map is not None and write:
        columns.remember_for(db, column_map, [one.parsed for one in first], by=by, now=now)
    order = sorted(range(len(first)), key=lambda index: KINDS.index(first[index].parsed.kind or KINDS[-1]))
    reports: dict[int, FileReport] = {}
    beside: list[CheckedFile] = []
    for index in order:
        checked = first[index]
        if write and checked.parsed.refusal is None:
            try:
                reports[index] = apply(db, checked, by=by, now=now, confirmed=confirmed, progress=progress).report
                continue
            except Blocked as refused:
                if refused.code != "needs_confirmation":
                    raise
        if write or reports:
            # what came before in this run is in the register now, or stands beside
            checked = _planned_again(db, checked, beside)
        write = False
        reports[index] = checked.report
        beside.append(checked)
    return [reports[index] for index in range(len(first))]


def lock(session: Session, db: Database) -> None:
    """One import, or one that is taken back, at a time."""
    if db.kind == "postgresql":
        session.execute(text(f"SELECT pg_advisory_xact_lock({_IMPORT_LOCK})"))


def mark_invalid(session: Session, contact_point_id: int, reason: str, now: datetime) -> None:
    """An address that a provider says is dead; the first reason stands. Raises `NotFound`."""
    point = session.get(ContactPoint, contact_point_id)
    if point is None:
        raise NotFound(f"Tidak ada kontak nomor {contact_point_id}.", code="unknown_contact")
    if point.invalid_since is None:
        point.invalid_since, point.invalid_reason = now, reason
        session.add(point)
        session.flush()


# -------------------------------------------------------------------------------------------------------------- helpers


def _nobody(_what: str, _done: int, _of: int) -> None:
    pass


def _applied(session: Session, sha256: str, kind: str | None) -> ImportBatch | None:
    return session.exec(
        select(ImportBatch).where(
            ImportBatch.sha256 == sha256, ImportBatch.kind == (kind or ""), ImportBatch.status == "applied"
        )
    ).first()


def _numbers(files: Sequence[CheckedFile]) -> set[bytes]:
    return {number for one in files for row in one.parsed.rows for number in (row.nik, row.kk) if number is not None}


def _planned(
    session: Session,
    sealer: Sealer,
    checked: CheckedFile,
    *,
    expected: Collection[bytes] = (),
    confirmed: bool = False,
    writer: Writer | None = None,
    tell: Progress,
) -> Tally:
    """Plan a file block by block, and write each block when there is a `writer`."""
    kind, rows = checked.parsed.kind, checked.parsed.rows
    assert kind is not None, "a file of no kind is refused"
    homes = known.load_homes(
        session,
        niks=(row.nik for row in rows if row.nik is not None),
        kks={row.kk for row in rows if row.kk is not None},
        phones={phone for row in rows for phone in row.phones},
    )
    whole = plan.begin(
        kind, rows, homes, today=checked.today, data_until=checked.data_until, confirmed=confirmed, expected=expected
    )
    tally = Tally(whole, registered_households(session))
    if writer is not None:
        writer.no_longer_personal(whole.no_longer_personal)
    done = 0
    what = f"{'menulis' if writer else 'memeriksa'} {checked.name}"
    for block in plan.blocks(whole):
        found = plan.plan_block(whole, block, known.load(session, sealer, niks=block.niks, homes=block.homes))
        if writer is not None:
            writer.write(found)
        tally.add(found)
        done += block.rows
        tell(what, done, len(rows))
    return tally


def _planned_again(db: Database, checked: CheckedFile, beside: Sequence[CheckedFile]) -> CheckedFile:
    """The same file against the register as it is now, and the files that come before it in this run."""
    if checked.parsed.refusal is not None or checked.report.applied:
        return checked
    with db.read() as session:
        tally = _planned(session, db.sealer, checked, expected=_numbers(beside), tell=_nobody)
    return replace(checked, report=report_of(checked.name, checked.parsed, tally, None))
