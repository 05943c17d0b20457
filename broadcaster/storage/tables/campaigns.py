"""campaigns: what was decided, who was drawn into which wave, and when each wave opened."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class Campaign(SQLModel, table=True):
    """draft > approved > running <> paused > finished | stopped."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    name: str = Field(unique=True)
    lineage: str = Field(index=True)  # part of every outbox key: what is one campaign to the people who get it
    status: str
    version: int  # number of the version in force
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    pause_reason: str = ""


class CampaignVersion(SQLModel, table=True):
    __tablename__ = "campaign_version"
    __table_args__ = (UniqueConstraint("campaign_id", "number"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    campaign_id: int = Field(foreign_key="campaign.id", sa_type=Id)
    number: int
    definition: str  # JSON of the checked campaign file
    templates: str  # JSON: message key -> template_version id, fixed at the release
    created_by: str
    created_at: datetime = Field(sa_type=Moment)
    released_by: str | None = None
    released_at: datetime | None = Field(default=None, sa_type=Moment)


class Cohort(SQLModel, table=True):
    """One intake with its own lot. Salt, list hash and pre-registration are stored before the first send."""

    __table_args__ = (UniqueConstraint("campaign_id", "number"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    campaign_id: int = Field(foreign_key="campaign.id", sa_type=Id)
    number: int
    salt: str  # hex
    list_sha256: str
    preregistration: str  # JSON
    prereg_sha256: str
    d_days: int
    drawn_on: date
    drawn_at: datetime = Field(sa_type=Moment)


class Assignment(SQLModel, table=True):
    """Where the lot put a household: given once, kept for ever."""

    __table_args__ = (UniqueConstraint("cohort_id", "household_id"), Index("ix_assignment_wave", "cohort_id", "wave"))
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    cohort_id: int = Field(foreign_key="cohort.id", sa_type=Id)
    household_id: int = Field(foreign_key="household.id", index=True, sa_type=Id)
    household_key: str
    tier: int
    place: str
    stratum: str
    u: float  # the keyed hash as a number in [0, 1)
    rank: int  # position in the cell's order, from 0
    arm: str  # lot | always_send | outside
    wave: int  # from 1; 0 for those outside the lot
    reason: str = ""  # why outside the lot


class Enrolment(SQLModel, table=True):
    """A card enters a lineage once: a later cohort writes only about another card."""

    __table_args__ = (UniqueConstraint("lineage", "card_id"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    lineage: str
    card_id: int = Field(foreign_key="card.id", sa_type=Id)
    child_id: int = Field(foreign_key="child.id", sa_type=Id)
    cohort_id: int = Field(foreign_key="cohort.id", sa_type=Id)
    household_id: int = Field(foreign_key="household.id", index=True, sa_type=Id)
    occasion: str
    stopped: str = (
        ""  # why nothing more is sent about this card (the family says it is collected); the analysis ignores it
    )


class Wave(SQLModel, table=True):
    """One wave of a cell. Number 0 holds those outside the lot: always-send and families without an address."""

    __table_args__ = (UniqueConstraint("cohort_id", "tier", "place", "number"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    cohort_id: int = Field(foreign_key="cohort.id", sa_type=Id)
    tier: int
    place: str
    number: int
    planned_on: date
    opened_on: date | None = None  # t_w: the day it really opened
    households: int
    steps_planned: int = 0  # how many steps of the sequence are in the outbox


class Amendment(SQLModel, table=True):
    """A change to the unopened part of a lot; appended, never edited."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    cohort_id: int = Field(foreign_key="cohort.id", sa_type=Id)
    at: datetime = Field(sa_type=Moment)
    by: str
    kind: str
    reason: str
    data: str  # JSON
