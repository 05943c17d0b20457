"""operations and results: this installation, its jobs, and outcomes copied from the register."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class Installation(SQLModel, table=True):
    """One row: which installation this database is."""

    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    instance_id: str
    created_at: datetime = Field(sa_type=Moment)
    restored_at: datetime | None = Field(default=None, sa_type=Moment)
    moved_at: datetime | None = Field(default=None, sa_type=Moment)


class JobRun(SQLModel, table=True):
    """When each recurring job last ended well, and its last error."""

    __tablename__ = "job_run"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    job: str = Field(unique=True)
    last_ok_at: datetime | None = Field(default=None, sa_type=Moment)
    last_error_at: datetime | None = Field(default=None, sa_type=Moment)
    last_error: str = ""


class Outcome(SQLModel, table=True):
    """An office record of what happened to a card: the only thing an effect is measured on."""

    __table_args__ = (UniqueConstraint("card_id", "kind"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    card_id: int = Field(foreign_key="card.id", ondelete="CASCADE", sa_type=Id)  # an import taken back takes it along
    kind: str  # applied | collected
    on_date: date
    recorded_at: datetime = Field(sa_type=Moment)
