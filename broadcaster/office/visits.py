"""When the office comes to a village (jemput bola): staff enter it, the texts about it are filled from it."""

from __future__ import annotations

from datetime import date, datetime

from sqlmodel import Session

from broadcaster.domain.place import PROBLEMS, Place, match
from broadcaster.errors import BadInput, NotFound
from broadcaster.office import queries, rules
from broadcaster.office.service import allowed, audit, upsert
from broadcaster.storage.database import Database
from broadcaster.storage.tables import ServiceVisit


def add_visit(
    db: Database, desa: str, on: date, place: str, hours: str, *, by: str, now: datetime, today: date
) -> queries.Visit:
    """Enter a visit on the day `on`; a second call for the same village and day corrects place and hours.

    `desa` is a Kemendagri code, `17.03.07.2001` or `1703072001`; `today` in the office's zone. Raises `BadInput`,
    `NotFound` for an unknown village, `NotAllowed`.
    """
    place, hours = rules.check_visit(on, place, hours, today)
    with db.write() as session:
        by = allowed(session, by, rules.MAY_SET_FACTS)
        village = _village(session, desa)
        row = {"village_code": village.code, "on_date": on, "place": place, "hours": hours}
        upsert(session, ServiceVisit, ["village_code", "on_date"], row)
        entity = f"visit:{village.code}:{on.isoformat()}"
        audit(session, at=now, staff=by, action="visit.set", entity=entity, data={"place": place, "hours": hours})
        return next(
            visit for visit in queries.visits(session, on) if (visit.village_code, visit.on_date) == (village.code, on)
        )


def remove_visit(db: Database, visit_id: int, *, by: str, now: datetime) -> None:
    """The office does not come after all. Raises `NotFound`, `NotAllowed`."""
    with db.write() as session:
        by = allowed(session, by, rules.MAY_SET_FACTS)
        row = session.get(ServiceVisit, visit_id)
        if row is None:
            raise NotFound(
                f"Tidak ada jadwal keliling nomor {visit_id}; lihat `broadcaster office visit list`.", code="no_visit"
            )
        session.delete(row)
        session.flush()
        entity = f"visit:{row.village_code}:{row.on_date.isoformat()}"
        audit(session, at=now, staff=by, action="visit.removed", entity=entity, data={"place": row.place})


def _village(session: Session, desa: str) -> Place:
    found = match("", desa, queries.places(session))
    if found.place is None:
        meant = ", ".join(f"{place} {place.code}" for place in found.suggestions)
        if found.problem == "code_unknown" or not meant:
            raise NotFound(PROBLEMS["code_unknown"], code="unknown_village")
        raise BadInput(f"Tulis kode desanya, bukan namanya; mungkin maksudnya {meant}.", code="village_by_name")
    return found.place
