"""The verbs of the registry: check a file, apply it, link a Telegram chat, mark an address as dead.

`check` reads only. `apply` is one transaction: it plans again on what the register holds then, writes, and leaves one
batch, or changes nothing. The same file (by its bytes) is applied once; the same rows in another file change nothing either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy import text
from sqlmodel import Session, col, select

from broadcaster.domain.phone import mask
from broadcaster.domain.place import matcher
from broadcaster.errors import BadInput, Blocked, NotFound
from broadcaster.office import queries as office
from broadcaster.office.service import audit
from broadcaster.registry import known, writer
from broadcaster.registry.changes import PHONE_CHANNELS, Keyed, Known, Plan
from broadcaster.registry.columns import KINDS, Kind
from broadcaster.registry.parse import Parsed, parse
from broadcaster.registry.plan import make_plan
from broadcaster.registry.problems import mask_number, problem
from broadcaster.registry.reader import Limits, Source, fingerprint
from broadcaster.registry.report import FileReport, SameChild, SamePhone, in_row_order
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import ContactPoint, Guardian, ImportBatch

_IMPORT_LOCK = 0x1A7E  # PostgreSQL: one import at a time; SQLite has one writer anyway
#: Names or birth dates of registered children that one file may change unasked: fewer than that, or that share.
_RENAMED_AT_LEAST, _RENAMED_SHARE = 20, 0.2


@dataclass(frozen=True, repr=False)
class CheckedFile:
    """A file, read; its rows hold numbers in the clear, so it has no repr. `report` is what may be shown."""

    name: str
    sha256: str
    today: date
    data_until: date
    parsed: Parsed
    rows: tuple[Keyed, ...]
    report: FileReport


@dataclass(frozen=True)
class AppliedBatch:
    """`already`: the very same file was applied before, as `batch`; this call changed nothing."""

    batch: int
    already: bool
    report: FileReport


def check(
    db: Database,
    source: Source,
    *,
    kind: Kind | None = None,
    today: date,
    limits: Limits | None = None,
    data_until: date | None = None,
    beside: Sequence[CheckedFile] = (),
) -> CheckedFile:
    """Read a file and say what applying it would do. Writes nothing.

    `kind` None: guessed from the headings. `data_until`: the day the file speaks until (default `today`), used for a
    status without a date. `beside`: files of the same run whose children the register will know by then.
    Raises `BadInput` when the file cannot be read or is over `limits`; missing headings and the like are in the report.
    """
    limits = limits or Limits()
    until = data_until or today
    if until > today:
        raise BadInput(
            f"{source.name}: tanggal data {until:%d-%m-%Y} lebih baru dari hari ini; periksa.", code="bad_data_until"
        )
    sha256 = fingerprint(source, limits)
    with db.read() as session:
        places = office.places(session)
    if not places:
        raise Blocked("Daftar desa masih kosong; jalankan `broadcaster init` lebih dahulu.", code="no_places")
    parsed = parse(source, kind=kind, limits=limits, place_of=matcher(places), today=today, data_until=until)
    rows = _keyed(parsed, db.sealer)
    blank = CheckedFile(source.name, sha256, today, until, parsed, rows, FileReport(source.name, parsed.kind))
    coming = {number for one in beside for keyed in one.rows for number in (keyed.nik, keyed.kk) if number is not None}
    with db.read() as session:
        earlier = _applied(session, sha256, parsed.kind)
        plan = _plan(session, db.sealer, blank, coming) if parsed.refusal is None and earlier is None else None
    return replace(blank, report=_report(blank, plan, earlier))


def apply(db: Database, checked: CheckedFile, *, by: str, now: datetime, confirmed: bool = False) -> AppliedBatch:
    """Write a checked file, in one transaction. `by`: who imports, for the audit.

    Raises `BadInput` when the file has no usable table, `Blocked` when it needs a confirmation that is not given.
    """
    refusal = checked.parsed.refusal
    kind = checked.parsed.kind
    if refusal is not None or kind is None:
        reason = refusal.message if refusal else ""
        raise BadInput(f"{checked.name}: {reason}", code=refusal.code if refusal else "kind_unknown")
    with db.write() as session:
        if db.kind == "postgresql":
            session.execute(text(f"SELECT pg_advisory_xact_lock({_IMPORT_LOCK})"))
        if (earlier := _applied(session, checked.sha256, kind)) is not None:
            return AppliedBatch(writer.id_of(earlier), True, _report(checked, None, earlier))
        found = _known(session, db.sealer, checked)
        plan = make_plan(kind, checked.rows, found, today=checked.today, data_until=checked.data_until)
        report = _report(checked, plan, None)
        if report.needs_confirmation and not confirmed:
            raise Blocked(
                f"{checked.name}: berkas ini akan mengubah nama atau tanggal lahir {plan.renamed} anak yang sudah terdaftar;"
                " periksa apakah kolomnya bergeser, lalu impor lagi dengan konfirmasi.",
                code="needs_confirmation",
            )
        row = ImportBatch(
            sha256=checked.sha256, kind=kind, file_name=checked.name, status="applied", applied_at=now,
            data_until=checked.data_until, row_count=report.rows, good=report.good, rejected=report.rejected,
        )  # fmt: skip
        session.add(row)
        session.flush()
        batch = writer.id_of(row)
        report = replace(report, applied=True, batch=batch)
        writer.write(session, db.sealer, plan, batch=batch, now=now)
        writer.write_problems(session, batch, report.problems, report.conflicts)
        audit(
            session, at=now, staff=by, action="import", entity=f"import_batch:{batch}",
            data={"kind": kind, "sha256": checked.sha256, "rows": report.rows, "good": report.good, "rejected": report.rejected},
        )  # fmt: skip
        return AppliedBatch(batch, False, report)


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
) -> list[FileReport]:
    """Check, and with `write` apply, several files: children first, then phones, then card dates. Reports in the given order.

    A file that is not applied (no usable table, no confirmation) stops the ones after it: they would lack its children.
    Raises `BadInput` like `check`, before anything is written.
    """
    limits = limits or Limits()
    first = [check(db, one, kind=kind, today=today, limits=limits, data_until=data_until) for one in sources]
    order = sorted(range(len(first)), key=lambda index: KINDS.index(first[index].parsed.kind or KINDS[-1]))
    reports: dict[int, FileReport] = {}
    beside: list[CheckedFile] = []
    for index in order:
        # what came before in this run is in the register now, or stands beside
        checked = _planned_again(db, first[index], beside) if reports else first[index]
        reports[index] = checked.report
        if write and checked.parsed.refusal is None and (confirmed or not checked.report.needs_confirmation):
            reports[index] = apply(db, checked, by=by, now=now, confirmed=confirmed).report
        else:
            write = False
            beside.append(checked)
    return [reports[index] for index in range(len(first))]


def link_telegram(session: Session, sealer: Sealer, *, phone_blind: bytes, chat_id: str, now: datetime) -> int | None:
    """Give the family of a phone its Telegram chat; returns its household, None when the number is nobody's own.

    `phone_blind`: `blind("address", e164)`. A chat that was marked as dead works again, for its owner has just written.
    """
    owners = session.exec(
        select(Guardian)
        .join(ContactPoint, col(ContactPoint.guardian_id) == col(Guardian.id))
        .where(
            ContactPoint.address_blind == phone_blind,
            col(ContactPoint.channel).in_(PHONE_CHANNELS),
            col(ContactPoint.shared).is_(False),
        )
        .order_by(col(Guardian.id))
        .distinct()
    ).all()
    chat_blind = sealer.blind("address", chat_id)
    for owner in owners:
        point = session.exec(
            select(ContactPoint).where(
                ContactPoint.guardian_id == owner.id,
                ContactPoint.channel == "telegram",
                ContactPoint.address_blind == chat_blind,
            )
        ).first()
        if point is None:
            point = ContactPoint(
                guardian_id=writer.id_of(owner), channel="telegram", address_blind=chat_blind,
                sealed_address=sealer.seal("address", chat_id),
            )  # fmt: skip
        elif point.invalid_since is None:
            continue
        point.invalid_since, point.invalid_reason = None, ""
        session.add(point)
        session.flush()
        audit(
            session, at=now, staff="sistem", action="link_telegram", entity=f"household:{owner.household_id}",
            data={"contact_point": point.id},
        )  # fmt: skip
    return owners[0].household_id if owners else None


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


def _keyed(parsed: Parsed, sealer: Sealer) -> tuple[Keyed, ...]:
    blinds: dict[tuple[str, str], bytes] = {}

    def blind(purpose: str, number: str) -> bytes:
        found = blinds.get((purpose, number))
        if found is None:
            found = blinds[purpose, number] = sealer.blind(purpose, number)
        return found

    return tuple(
        Keyed(
            row,
            blind("nik", row.nik) if row.nik else None,
            blind("kk", row.kk) if row.kk else None,
            tuple(blind("address", phone) for phone in row.phones),
        )
        for row in parsed.rows
    )


def _applied(session: Session, sha256: str, kind: str | None) -> ImportBatch | None:
    return session.exec(
        select(ImportBatch).where(ImportBatch.sha256 == sha256, ImportBatch.kind == (kind or ""))
    ).first()


def _known(session: Session, sealer: Sealer, checked: CheckedFile) -> Known:
    return known.load(
        session,
        sealer,
        niks={keyed.nik for keyed in checked.rows if keyed.nik is not None},
        kks={keyed.kk for keyed in checked.rows if keyed.kk is not None},
        phones={phone for keyed in checked.rows for phone in keyed.phones},
    )


def _plan(session: Session, sealer: Sealer, checked: CheckedFile, coming: Collection[bytes]) -> Plan | None:
    kind = checked.parsed.kind
    if kind is None:
        return None
    found = _known(session, sealer, checked)
    return make_plan(kind, checked.rows, found, today=checked.today, data_until=checked.data_until, expected=coming)


def _planned_again(db: Database, checked: CheckedFile, beside: Sequence[CheckedFile]) -> CheckedFile:
    """The same file against the register as it is now, and the files that come before it in this run."""
    if checked.parsed.refusal is not None or checked.report.applied:
        return checked
    coming = {number for one in beside for keyed in one.rows for number in (keyed.nik, keyed.kk) if number is not None}
    with db.read() as session:
        plan = _plan(session, db.sealer, checked, coming)
    return replace(checked, report=_report(checked, plan, None))


def _report(checked: CheckedFile, plan: Plan | None, earlier: ImportBatch | None) -> FileReport:
    """`plan` None: nothing would be written, because the file is refused or because `earlier` holds it already."""
    parsed = checked.parsed
    problems = [*parsed.problems, *(plan.problems if plan else ())]
    if earlier is not None:
        problems.append(problem("already_applied", batch=earlier.id))
    fates = plan.fates if plan else []
    good = earlier.good if earlier else sum(fate != "rejected" for fate in fates)
    return FileReport(
        file=checked.name,
        kind=parsed.kind,
        rows=parsed.count,
        good=good,
        rejected=parsed.count - good,
        new=fates.count("new"),
        changed=fates.count("changed"),
        unchanged=good if earlier else fates.count("unchanged"),
        warnings=sum(found.severity == "warning" for found in problems),
        fixed=sum(found.severity == "fixed" for found in problems),
        conflicts=tuple(sorted(plan.conflicts, key=lambda found: found.row)) if plan else (),
        questions=parsed.questions,
        needs_confirmation=plan is not None and _overwrites(plan, good),
        applied=earlier is not None,
        batch=earlier.id if earlier else None,
        problems=in_row_order(problems),
        same_phone=_same_phone(checked.rows, plan) if plan else (),
        same_child=_same_child(checked.rows) if parsed.kind == "children" else (),
    )


def _overwrites(plan: Plan, good: int) -> bool:
    return plan.renamed >= _RENAMED_AT_LEAST and plan.renamed >= _RENAMED_SHARE * good


def _same_phone(rows: Iterable[Keyed], plan: Plan) -> tuple[SamePhone, ...]:
    users: dict[bytes, tuple[str, list[int]]] = {}
    for keyed in rows:
        for address, blind in zip(keyed.row.phones, keyed.phones, strict=True):
            if plan.phone_users.get(blind, 0) > 1 or blind in plan.shared:
                users.setdefault(blind, (mask(address), []))[1].append(keyed.row.number)
    return tuple(
        SamePhone(masked, plan.phone_users[blind], tuple(numbers), blind in plan.shared)
        for blind, (masked, numbers) in users.items()
    )


def _same_child(rows: Iterable[Keyed]) -> tuple[SameChild, ...]:
    numbers: dict[str, list[int]] = defaultdict(list)
    for keyed in rows:
        numbers[keyed.row.nik].append(keyed.row.number)
    return tuple(SameChild(mask_number(nik), tuple(some)) for nik, some in numbers.items() if nik and len(some) > 1)
