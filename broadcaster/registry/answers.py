"""What the office has answered about columns, kept by the shape of the file."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from broadcaster.errors import BadInput
from broadcaster.office.service import audit
from broadcaster.registry import mapping
from broadcaster.registry.columns import shape_of
from broadcaster.registry.mapping import ColumnMap
from broadcaster.registry.parse import Parsed
from broadcaster.storage.database import Database
from broadcaster.storage.tables import ColumnMap as Kept


def remembered(session: Session) -> dict[str, ColumnMap]:
    """Every answer, by `columns.shape_of` the headings."""
    kept = session.exec(select(col(Kept.shape), col(Kept.columns))).all()
    return {shape: mapping.from_json(columns) for shape, columns in kept}


def must_fit(answer: ColumnMap, files: Sequence[Parsed]) -> None:
    """Raises `BadInput` for a heading that none of the files has: a slip of the pen must not look like an answer."""
    titles = [one.columns.titles for one in files if one.columns is not None]
    lost = [heading for heading in answer.written.values() if all(heading in answer.unknown(some) for some in titles)]
    if lost:
        there = ", ".join(dict.fromkeys(title for some in titles for title in some if title)) or "tidak ada"
        raise BadInput(
            f'{answer.name}: judul "{lost[0]}" tidak ada di berkas; judul yang ada: {there}.', code="unknown_heading"
        )


def remember_for(db: Database, answer: ColumnMap, files: Sequence[Parsed], *, by: str, now: datetime) -> None:
    """Keep the answer for every file that has the headings it names and can be used with it."""
    with db.write() as session:
        for one in files:
            if one.refusal is None and one.columns is not None and not answer.unknown(one.columns.titles):
                remember(session, one.columns.titles, answer, by=by, now=now)


def remember(session: Session, titles: tuple[str, ...], answer: ColumnMap, *, by: str, now: datetime) -> None:
    """Keep the answer for files with these headings; a newer one replaces it."""
    shape = shape_of(titles)
    kept = session.exec(select(Kept).where(Kept.shape == shape)).first()
    told = mapping.to_json(answer)
    if kept is not None and kept.columns == told:
        return
    kept = kept or Kept(shape=shape, columns=told, staff=by, answered_at=now)
    kept.columns, kept.staff, kept.answered_at = told, by, now
    session.add(kept)
    session.flush()
    audit(
        session, at=now, staff=by, action="column_map", entity=f"column_map:{kept.id}", data={"columns": told}
    )  # fmt: skip
