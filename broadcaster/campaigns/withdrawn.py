"""Households for which nothing more is sent, because somebody who was at the door said so. The analysis does not change."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, select

from broadcaster.domain.card import Occasion
from broadcaster.outbox.service import cancel
from broadcaster.storage.tables import Cohort, Enrolment


def withdraw(
    session: Session,
    household_ids: Collection[int],
    reason: str,
    now: datetime,
    *,
    occasions: Collection[Occasion] | None = None,
) -> int:
    """Cancel what waits for a household (all the ids it has had), and plan nothing new; returns how many messages.

    With `occasions` only in the campaigns that write to it about one of them. A card that was withdrawn before keeps its reason.
    """
    wanted = select(Enrolment).where(col(Enrolment.household_id).in_(sorted(household_ids)))
    if occasions is not None:
        wanted = wanted.where(col(Enrolment.occasion).in_(sorted(occasions)))
    cohorts = set()
    for enrolment in session.exec(wanted).all():
        cohorts.add(enrolment.cohort_id)
        if not enrolment.stopped:
            enrolment.stopped = reason
            session.add(enrolment)
    session.flush()
    households = sorted(household_ids)
    if occasions is None:
        return cancel(session, now, reason=reason, household_ids=households)
    campaigns = session.exec(select(Cohort.campaign_id).where(col(Cohort.id).in_(sorted(cohorts))).distinct()).all()
    return sum(cancel(session, now, reason=reason, campaign_id=one, household_ids=households) for one in campaigns)


def take_back(session: Session, household_ids: Collection[int], reasons: Collection[str]) -> None:
    """It was a mistake: later steps are planned again. What was cancelled stays cancelled."""
    for enrolment in session.exec(
        select(Enrolment).where(
            col(Enrolment.household_id).in_(sorted(household_ids)), col(Enrolment.stopped).in_(sorted(reasons))
        )
    ).all():
        enrolment.stopped = ""
        session.add(enrolment)
    session.flush()
