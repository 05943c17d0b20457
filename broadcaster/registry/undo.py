"""An import taken back: the register is again as it was before, as long as nothing newer rests on it.

What a batch did stands in `import_change`, written with it. Rows it added go, rows it changed get their old values, rows it
removed come back, in the reverse order. Refused, with a sentence that says why, when a later import touched the same rows,
when anything outside the batch points at a row it added (a campaign, a message, a conversation, a suppression, a chat that a
parent linked), or when a family it touched was drawn into a campaign or written to since.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, SQLModel, col, delete, select

from broadcaster.errors import Blocked, NotFound
from broadcaster.office.service import audit
from broadcaster.registry.bulk import from_snapshot, snapshots
from broadcaster.registry.known import chunks
from broadcaster.registry.service import lock
from broadcaster.storage.database import Database, Plain, plain
from broadcaster.storage.tables import ImportBatch, ImportChange, ImportRow
from broadcaster.storage.types import to_micros

Runs = dict[str, list[tuple[int, int]]]  # table -> unbroken runs of ids

#: Where a household is found from a row of each table of the register.
_HOUSEHOLD = {
    "household": "SELECT id FROM household WHERE id BETWEEN :first AND :last",
    "household_kk": "SELECT household_id FROM household_kk WHERE id BETWEEN :first AND :last",
    "guardian": "SELECT household_id FROM guardian WHERE id BETWEEN :first AND :last",
    "child": "SELECT household_id FROM child WHERE id BETWEEN :first AND :last",
    "child_identity": "SELECT c.household_id FROM child_identity i JOIN child c ON c.id = i.child_id"
    " WHERE i.id BETWEEN :first AND :last",
    "card": "SELECT c.household_id FROM card k JOIN child c ON c.id = k.child_id WHERE k.id BETWEEN :first AND :last",
    "card_event": "SELECT c.household_id FROM card_event e JOIN card k ON k.id = e.card_id JOIN child c ON c.id = k.child_id"
    " WHERE e.id BETWEEN :first AND :last",
    "contact_point": "SELECT g.household_id FROM contact_point p JOIN guardian g ON g.id = p.guardian_id"
    " WHERE p.id BETWEEN :first AND :last",
}  # fmt: skip

#: Tables that point at the register, and what staff call a row of them. Outcomes are copies and follow by themselves.
_DEPENDENT = {
    "assignment": "sudah ikut undian kampanye",
    "enrolment": "sudah masuk kampanye",
    "message": "sudah dibuatkan pesan",
    "message_child": "sudah dibuatkan pesan",
    "conversation": "sudah ada percakapan dengan keluarganya",
    "tick": "sudah dicatat oleh petugas desa",
    "suppression": "sudah ada permintaan berhenti dari keluarganya",
    "contact_point": "orang tuanya sudah menghubungkan Telegram",
    "link_token": "keluarganya sudah dibuatkan tautan Telegram",
}
_COPIES = frozenset({"outcome"})
#: Columns that name a household without a foreign key.
_LOOSE = (("suppression", "household_id", "household"),)


@dataclass(frozen=True)
class Undone:
    """What taking an import back did: rows removed, rows given their old values, by table."""

    batch: int
    file: str
    kind: str
    removed: dict[str, int]
    restored: dict[str, int]


def undo(db: Database, batch: int, *, by: str, now: datetime) -> Undone:
    """Take a batch back, in one transaction; afterwards the same file can be applied again.

    Raises `NotFound` for an unknown batch, `Blocked` when it was taken back already or something newer rests on it.
    """
    with db.write() as session:
        lock(session, db)
        row = session.get(ImportBatch, batch)
        if row is None:
            raise NotFound(f"Tidak ada impor nomor {batch}.", code="unknown_batch")
        if row.status != "applied":
            raise Blocked(f"Impor nomor {batch} ({row.file_name}) sudah pernah dibatalkan.", code="already_undone")
        sql = plain(session)
        added, changed = _touched(sql, batch)
        what = f"Impor nomor {batch} ({row.file_name}) tidak dapat dibatalkan"
        if (newer := _newer_import(sql, batch, added, changed)) is not None:
            raise Blocked(
                f"{what}: impor nomor {newer} sesudahnya mengubah data yang sama; batalkan impor nomor {newer} dahulu.",
                code="newer_import",
            )
        if (reason := _dependent(sql, added) or _since(sql, [added, changed], to_micros(row.applied_at))) is not None:
            raise Blocked(f"{what}: data yang dibawanya {reason}.", code="depended_on")
        removed, restored = _take_back(db, sql, batch, what)
        for table in (ImportRow, ImportChange):
            session.execute(delete(table).where(col(table.batch_id) == batch))
        row.status = "undone"
        session.add(row)
        audit(
            session, at=now, staff=by, action="import_undo", entity=f"import_batch:{batch}",
            data={"kind": row.kind, "sha256": row.sha256, "removed": removed, "restored": restored},
        )  # fmt: skip
        return Undone(batch, row.file_name, row.kind, removed, restored)


def last_applied(session: Session) -> int | None:
    """The newest batch that stands."""
    return session.exec(
        select(ImportBatch.id).where(ImportBatch.status == "applied").order_by(col(ImportBatch.id).desc()).limit(1)
    ).first()


def _touched(sql: Plain, batch: int) -> tuple[Runs, Runs]:
    """The rows a batch added, and those it changed or removed, as runs of ids."""
    added: dict[str, list[tuple[int, int]]] = defaultdict(list)
    changed: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for entity, first, last, is_new in sql.all(
        "SELECT entity, first_id, last_id, before IS NULL FROM import_change WHERE batch_id = :batch", batch=batch
    ):
        (added if is_new else changed)[entity].append((first, last))
    return {name: _merged(some) for name, some in added.items()}, {
        name: _merged(some) for name, some in changed.items()
    }


def _merged(some: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for first, last in sorted(some):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def _newer_import(sql: Plain, batch: int, added: Runs, changed: Runs) -> int | None:
    """The newest later import that touched a row this one added or changed, or anything of a household it added or merged."""
    mine = {name: _merged([*added.get(name, ()), *changed.get(name, ())]) for name in {*added, *changed}}
    homes = _merged([*added.get("household", ()), *((home, home) for home in _merged_homes(sql, batch))])
    newest: int | None = None
    for other, entity, first, last in sql.all(
        "SELECT batch_id, entity, first_id, last_id FROM import_change WHERE batch_id > :batch ORDER BY batch_id DESC",
        batch=batch,
    ):
        if newest is not None and other < newest:
            break
        if _overlaps(mine.get(entity, ()), first, last) or (
            homes and any(_overlaps(homes, home, home) for home in _homes_of(sql, entity, first, last))
        ):
            newest = other
    return newest


def _overlaps(some: Sequence[tuple[int, int]], first: int, last: int) -> bool:
    low, high = 0, len(some)
    while low < high:
        middle = (low + high) // 2
        if some[middle][1] < first:
            low = middle + 1
        else:
            high = middle
    return low < len(some) and some[low][0] <= last


def _merged_homes(sql: Plain, batch: int) -> Iterator[int]:
    """Households that the batch changed and that are an alias, or have one: whoever joined them since belongs to both."""
    rows = sql.all(
        "SELECT h.id, h.alias_of FROM household h JOIN import_change c ON c.first_id = h.id"
        " WHERE c.batch_id = :batch AND c.entity = 'household' AND c.before IS NOT NULL AND h.alias_of IS NOT NULL",
        batch=batch,
    )
    for gone, kept in rows:
        yield gone
        yield kept


def _homes_of(sql: Plain, entity: str, first: int, last: int) -> list[int]:
    return [row[0] for row in sql.all(_HOUSEHOLD[entity], first=first, last=last)]


def _dependent(sql: Plain, added: Runs) -> str | None:
    """What, outside the batch, points at a row that it added; None when nothing does."""
    references = [
        (table.name, column.name, key.column.table.name)
        for table in SQLModel.metadata.sorted_tables
        for column in table.columns
        for key in column.foreign_keys
    ]
    for name, column, target in (*references, *_LOOSE):
        if target not in _HOUSEHOLD or name in _COPIES:
            continue
        own = "".join(f" AND NOT id BETWEEN {first} AND {last}" for first, last in added.get(name, ())[:500])
        for first, last in added.get(target, ()):
            query = f"SELECT id FROM {name} WHERE {column} BETWEEN :first AND :last{own} LIMIT 1"  # noqa: S608 - our names
            if sql.one(query, first=first, last=last) is not None:
                return _DEPENDENT.get(name, "sudah dipakai data lain")
    return None


def _since(sql: Plain, touched: Iterable[Runs], applied: int) -> str | None:
    """Whether a family the batch touched was drawn or written to after it."""
    enrolled = {
        row[0]
        for row in sql.all(
            "SELECT e.household_id FROM enrolment e JOIN cohort c ON c.id = e.cohort_id WHERE c.drawn_at >= :applied",
            applied=applied,
        )
    }
    written = {
        row[0]
        for row in sql.all(
            "SELECT household_id FROM message WHERE created_at >= :applied AND household_id IS NOT NULL",
            applied=applied,
        )
    }
    if not (enrolled or written):
        return None
    for some in touched:
        for entity, spans in some.items():
            for first, last in spans:
                homes = set(_homes_of(sql, entity, first, last)) if entity in _HOUSEHOLD else set()
                if homes & enrolled:
                    return _DEPENDENT["enrolment"]
                if homes & written:
                    return _DEPENDENT["message"]
    return None


def _take_back(db: Database, sql: Plain, batch: int, what: str) -> tuple[dict[str, int], dict[str, int]]:
    removed: dict[str, int] = defaultdict(int)
    restored: dict[str, int] = defaultdict(int)
    steps = [
        row[0] for row in sql.all("SELECT id FROM import_change WHERE batch_id = :batch ORDER BY id DESC", batch=batch)
    ]
    for some in chunks(steps):
        changes = sql.all(
            "SELECT entity, first_id, last_id, before, after FROM import_change WHERE batch_id = :batch"
            " AND id BETWEEN :low AND :high ORDER BY id DESC",
            batch=batch, low=some[-1], high=some[0],
        )  # fmt: skip
        for entity, first, last, before, after in changes:
            if before is None:
                query = f"DELETE FROM {entity} WHERE id BETWEEN :first AND :last"  # noqa: S608 - our own table's name
                removed[entity] += sql.run(query, first=first, last=last)
                continue
            old = from_snapshot(db.sealer.open("change", bytes(before)))
            if after is None:
                columns = ", ".join(old)
                query = f"INSERT INTO {entity} ({columns}) VALUES ({', '.join(f':{name}' for name in old)})"  # noqa: S608
            else:
                there = snapshots(sql, entity, tuple(old), [first]).get(first)
                if there is None:
                    continue  # erased at a person's request since: nothing comes back
                if there != db.sealer.open("change", bytes(after)):
                    raise Blocked(f"{what}: datanya sudah diubah sesudah impor itu.", code="changed_since")
                query = f"UPDATE {entity} SET {', '.join(f'{name} = :{name}' for name in old)} WHERE id = :id"  # noqa: S608
            restored[entity] += sql.run(query, **{**old, "id": first})
    return dict(removed), dict(restored)
