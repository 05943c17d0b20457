"""Wordings as they are sent, and the filled text: the same functions for preview and for sending."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sqlmodel import Session, col, select

from broadcaster.channels.protocol import Button
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput, NotFound
from broadcaster.rendering import source as sources
from broadcaster.rendering.approval import Standing
from broadcaster.rendering.catalogue import cannot_fill, examples, variables
from broadcaster.rendering.form import nearest
from broadcaster.rendering.rules import (
    EmptyValue,
    Segments,
    fill,
    length_warnings,
    placeholders,
    plain_signs,
    provider_values,
    segments,
    tidy,
    to_provider_body,
)
from broadcaster.rendering.source import ANSWER_PREFIX, MESSAGE_PURPOSES, Source
from broadcaster.rendering.values import Family, Values, family_of, office_values, values_for, values_of
from broadcaster.storage.tables import Message, MessageTemplate, ProviderTemplate, TemplateVersion


@dataclass(frozen=True)
class Version:
    """One wording. `content_sid` is empty while WhatsApp may not send it; `standing` says why not."""

    id: int
    key: str
    title: str
    purpose: str
    category: str
    texts: Mapping[str, str]  # channel -> text
    buttons: tuple[Button, ...]
    variables: tuple[str, ...]
    content_sid: str = ""
    number: int = 1
    occasions: tuple[str, ...] = ()
    approval: str = ""
    standing: Standing = field(default_factory=Standing)
    notes: str = ""
    variant_of: str = ""


class Rendered(NamedTuple):
    """A filled text. `warnings` are sentences for staff; `content_*` are for WhatsApp only.

    Segments and warnings are counted when they are asked for: sending a hundred thousand texts does not.
    """

    channel: ChannelKind
    text: str
    buttons: tuple[Button, ...] = ()
    content_sid: str = ""
    content_variables: Mapping[str, str] = MappingProxyType({})

    @property
    def segments(self) -> Segments:
        return segments(self.text)

    @property
    def warnings(self) -> tuple[str, ...]:
        return length_warnings(self.channel, self.text)


@dataclass(frozen=True)
class HistoryLine:
    """One version. `used`: a message has been planned with it. `approval`: WhatsApp's, "" = never asked."""

    number: int
    created_at: datetime
    created_by: str
    sha256: str
    used: bool
    approval: str


def versions(session: Session, ids: Iterable[int], account: str = "twilio") -> dict[int, Version]:
    """Versions by id; ids that do not exist are left out."""
    wanted = sorted(set(ids))
    if not wanted:
        return {}
    rows = session.exec(
        select(TemplateVersion, MessageTemplate, ProviderTemplate)
        .join(MessageTemplate, col(MessageTemplate.id) == col(TemplateVersion.template_id))
        .join(
            ProviderTemplate,
            (col(ProviderTemplate.template_version_id) == col(TemplateVersion.id))
            & (col(ProviderTemplate.account) == account),
            isouter=True,
        )
        .where(col(TemplateVersion.id).in_(wanted))
    )
    return {version.id or 0: _version(version, template, provider) for version, template, provider in rows}


def latest(session: Session, key: str) -> Version:
    """The newest wording of a message or an answer; raises `NotFound` naming the nearest known key."""
    newest = session.exec(
        select(TemplateVersion.id)
        .join(MessageTemplate, col(MessageTemplate.id) == col(TemplateVersion.template_id))
        .where(MessageTemplate.key == key)
        .order_by(col(TemplateVersion.number).desc())
        .limit(1)
    ).first()
    if newest is None:
        known = list(session.exec(select(MessageTemplate.key)))
        raise NotFound(f'Pesan "{key}" tidak ada{nearest(key, known)}.', code="no_template")
    return versions(session, [newest])[newest]


def templates(session: Session, purposes: Iterable[str] = MESSAGE_PURPOSES) -> list[Version]:
    """The newest wording of every message (or of what else has one of `purposes`), by key."""
    keys = session.exec(select(MessageTemplate.key).where(col(MessageTemplate.purpose).in_(purposes))).all()
    return [latest(session, key) for key in sorted(keys)]


def answer(session: Session, intent: str, household_id: int | None = None) -> Rendered:
    """The office's answer to an intent, filled. Raises `NotFound` without one, `BadInput` while a fact is empty."""
    version = latest(session, ANSWER_PREFIX + intent)
    return render(version, ChannelKind.TELEGRAM, office_values(session, household_id))


def render(version: Version, channel: ChannelKind | str, values: Values) -> Rendered:
    """Fill a version for one channel. Raises `BadInput` when it has no text for it or a value is missing: then it says
    which command fills it.
    """
    channel = ChannelKind(channel)
    text = version.texts.get(channel)
    if text is None:
        raise BadInput(f"Pesan {version.key} tidak punya teks untuk saluran {channel}", code="no_text_for_channel")
    # whatever a value holds, it stays in its place
    safe = {name: tidy(values.get(name, "")) for name in placeholders(text)}
    content_variables: dict[str, str] = {}
    try:
        filled = fill(text, safe)
        if channel is ChannelKind.WHATSAPP and version.purpose in MESSAGE_PURPOSES:
            content_variables = provider_values(to_provider_body(text)[1], safe)
    except EmptyValue as empty:
        raise cannot_fill(empty.name, values) from empty
    if channel is ChannelKind.SMS:
        filled = plain_signs(filled)
    buttons = version.buttons if channel in (ChannelKind.TELEGRAM, ChannelKind.WHATSAPP) else ()
    return Rendered(
        channel=channel,
        text=filled,
        buttons=buttons,
        content_sid=version.content_sid if channel is ChannelKind.WHATSAPP else "",
        content_variables=content_variables,
    )


def preview(session: Session, key: str, channel: ChannelKind | str, values: Values | None = None) -> Rendered:
    """The newest wording of `key`, filled with `values`, else with what the office said, else with examples."""
    known = {name: value for name, value in office_values(session).items() if value}
    return render(latest(session, key), channel, {**examples(variables()), **known, **(values or {})})


def source_of(session: Session, key: str, number: int | None = None) -> Source:
    """A wording as the office writes it (`source.to_toml` makes the file); the newest without `number`."""
    query = (
        select(TemplateVersion, MessageTemplate)
        .join(MessageTemplate, col(MessageTemplate.id) == col(TemplateVersion.template_id))
        .where(MessageTemplate.key == key)
        .order_by(col(TemplateVersion.number).desc())
    )
    if number is not None:
        query = query.where(TemplateVersion.number == number)
    found = session.exec(query.limit(1)).first()
    if found is None:
        latest(session, key)  # says which key was meant, when the key is the mistake
        raise NotFound(f"Pesan {key} tidak punya versi {number}.", code="no_version")
    version, template = found
    return sources.of_content(key, template.purpose, version.content)


def history(session: Session, key: str, account: str = "twilio") -> list[HistoryLine]:
    """Every version of a message, newest first; raises `NotFound`."""
    latest(session, key)
    used = select(Message.id).where(col(Message.template_version_id) == col(TemplateVersion.id)).exists()
    rows = session.exec(
        select(TemplateVersion, ProviderTemplate.approval, used)
        .join(MessageTemplate, col(MessageTemplate.id) == col(TemplateVersion.template_id))
        .join(
            ProviderTemplate,
            (col(ProviderTemplate.template_version_id) == col(TemplateVersion.id))
            & (col(ProviderTemplate.account) == account),
            isouter=True,
        )
        .where(MessageTemplate.key == key)
        .order_by(col(TemplateVersion.number).desc())
    )
    return [
        HistoryLine(version.number, version.created_at, version.created_by, version.sha256, is_used, approval or "")
        for version, approval, is_used in rows
    ]


def _version(row: TemplateVersion, template: MessageTemplate, provider: ProviderTemplate | None) -> Version:
    source = sources.of_content(template.key, template.purpose, row.content)
    standing = Standing(asked=source.category)
    if provider is not None:
        standing = Standing(
            provider.approval, source.category, provider.category, provider.accepted_category, provider.rejection_reason
        )
    return Version(
        id=row.id or 0,
        key=template.key,
        title=source.title,
        purpose=source.purpose,
        category=source.category,
        texts=source.texts,
        buttons=tuple(Button(title, intent) for title, intent in source.buttons),
        variables=source.variables,
        content_sid=provider.sid if provider is not None and standing.may_be_sent else "",
        number=row.number,
        occasions=source.occasions,
        approval=provider.approval if provider is not None else "",
        standing=standing,
        notes=source.notes,
        variant_of=source.variant_of,
    )


__all__ = [
    "Family", "HistoryLine", "Rendered", "Values", "Version", "answer", "family_of", "history", "latest", "office_values",
    "preview", "render", "source_of", "templates", "values_for", "values_of", "versions",
]  # fmt: skip
