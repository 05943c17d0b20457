"""rendering: message templates, their versions, and the providers' copies of them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from broadcaster.storage.types import Id, Moment


class MessageTemplate(SQLModel, table=True):
    __tablename__ = "message_template"
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    key: str = Field(unique=True)
    title: str  # this and the next two as the newest version says
    purpose: str  # campaign | thanks | correction | reopening | answer
    category: str  # utility | marketing


class TemplateVersion(SQLModel, table=True):
    """One wording. Never updated: a change is a new number."""

    __tablename__ = "template_version"
    __table_args__ = (UniqueConstraint("template_id", "number"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    template_id: int = Field(foreign_key="message_template.id", sa_type=Id)
    number: int
    content: str  # JSON: all that the file says
    sha256: str
    created_at: datetime = Field(sa_type=Moment)
    created_by: str


class ProviderTemplate(SQLModel, table=True):
    """A version as registered at Twilio for WhatsApp. Two versions with the same WhatsApp wording share one `sid`."""

    __tablename__ = "provider_template"
    __table_args__ = (UniqueConstraint("template_version_id", "account"),)
    id: int | None = Field(default=None, primary_key=True, sa_type=Id)
    template_version_id: int = Field(foreign_key="template_version.id", sa_type=Id)
    account: str
    sid: str  # empty until we know it was created
    name: str = ""  # under which it was created there
    approval: str  # rendering.approval: the provider's states, and our own `unknown` and `missing`
    category: str  # as it stands there; empty before approval was asked for
    rejection_reason: str = ""  # in the provider's words
    accepted_category: str = ""  # a category other than the one asked for that a person said yes to
    changed_at: datetime = Field(sa_type=Moment)  # when approval, category or reason last changed
    checked_at: datetime = Field(sa_type=Moment)  # when the provider last told us
    held_until: datetime | None = Field(
        default=None, sa_type=Moment
    )  # told by a receipt: `approved` counts from then on
