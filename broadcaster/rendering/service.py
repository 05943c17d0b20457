"""Loads the office's texts into the database, where every wording is a numbered version that is never changed.

What staff wrote stands: a newer shipped wording does not replace it, it only becomes a version when nobody has touched
the message. Sending uses the version that was fixed at the campaign's release, whatever is newest.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, select

from broadcaster.errors import NotFound
from broadcaster.rendering import source as sources
from broadcaster.rendering.approval import APPROVED
from broadcaster.rendering.form import Problem, raise_first
from broadcaster.rendering.lint import examine
from broadcaster.rendering.source import ANSWER_PREFIX, Source
from broadcaster.storage.tables import MessageTemplate, ProviderTemplate, TemplateVersion

#: Who the shipped wordings are by.
SYSTEM = "sistem"


def load_content(session: Session, directory: Path, now: datetime, by: str = SYSTEM) -> list[str]:
    """Load messages/ and answers/ of a content folder; returns the keys that got a new version.

    Loading the same folder twice changes nothing. A message whose newest version is someone else's keeps it.
    Raises `BadInput` at the first file that cannot be used, naming its line.
    """
    found = [(path.stem, path) for path in sorted((directory / "messages").glob("*.toml"))]
    found += [(ANSWER_PREFIX + path.stem, path) for path in sorted((directory / "answers").glob("*.toml"))]
    loaded: list[str] = []
    for key, path in found:
        source = _checked(key, path.read_text(encoding="utf-8"))
        versions = _versions(session, key)
        if any(version.sha256 == source.sha256() for version in versions):
            continue
        if versions and versions[-1].created_by != by:
            continue
        _add_version(session, source, now, by)
        loaded.append(key)
    return loaded


def save(session: Session, key: str, toml: str, *, by: str, now: datetime) -> int:
    """Make `toml` the newest version of a message or an answer; returns its number. The same wording is no new version.

    Raises `BadInput` for the first problem that would harm a family or break a provider's rule; warnings pass.
    """
    source = _checked(key, toml)
    versions = _versions(session, key)
    if versions and versions[-1].sha256 == source.sha256():
        return versions[-1].number
    return _add_version(session, source, now, by).number


def revert(session: Session, key: str, number: int, *, by: str, now: datetime) -> int:
    """Make the wording of version `number` the newest again, as a new version; returns its number."""
    template = session.exec(select(MessageTemplate).where(MessageTemplate.key == key)).first()
    version = next((version for version in _versions(session, key) if version.number == number), None)
    if template is None or version is None:
        raise NotFound(f"Pesan {key} tidak punya versi {number}; lihat `broadcaster content history {key}`.")
    source = sources.of_content(key, template.purpose, version.content)
    return save(session, key, sources.to_toml(source), by=by, now=now)


def record_provider_template(
    session: Session, version_id: int, account: str, sid: str, approval: str, category: str, now: datetime,
    *, reason: str = "", name: str = "",
) -> bool:  # fmt: skip
    """Keep what the provider says of a version it holds; whether anything changed.

    The newest word stands, except that `approved` is not believed for a while after a receipt has told of the contrary.
    """
    row = provider_row(session, version_id, account)
    if row is None:
        row = ProviderTemplate(
            template_version_id=version_id, account=account, sid=sid, name=name, approval=approval, category=category,
            rejection_reason=reason, changed_at=now, checked_at=now,
        )  # fmt: skip
        session.add(row)
        session.flush()
        return True
    row.checked_at = now
    row.name = name or row.name
    changed = False
    if not (approval == APPROVED and row.held_until is not None and now < row.held_until):
        changed = (row.sid, row.approval, row.category, row.rejection_reason) != (sid, approval, category, reason)
        row.sid, row.approval, row.category, row.rejection_reason = sid, approval, category, reason
        row.held_until = None
    if changed:
        row.changed_at = now
    session.add(row)
    session.flush()
    return changed


def provider_row(session: Session, version_id: int, account: str) -> ProviderTemplate | None:
    """The provider's copy of a version, as we know it."""
    return session.exec(
        select(ProviderTemplate).where(
            ProviderTemplate.template_version_id == version_id, ProviderTemplate.account == account
        )
    ).first()


def _checked(key: str, toml: str) -> Source:
    raise_first(_errors(key, toml), key)
    source, _ = sources.read(key, toml)
    assert source is not None, "a file without problems of form can be read"
    return source


def _errors(key: str, toml: str) -> Sequence[Problem]:
    return [problem for severity, problem in examine(key, toml) if severity == "error"]


def _versions(session: Session, key: str) -> list[TemplateVersion]:
    """Oldest first."""
    return list(
        session.exec(
            select(TemplateVersion)
            .join(MessageTemplate, col(MessageTemplate.id) == col(TemplateVersion.template_id))
            .where(MessageTemplate.key == key)
            .order_by(col(TemplateVersion.number))
        )
    )


def _add_version(session: Session, source: Source, now: datetime, by: str) -> TemplateVersion:
    template = session.exec(select(MessageTemplate).where(MessageTemplate.key == source.key)).first()
    if template is None:
        template = MessageTemplate(key=source.key, title=source.title, purpose=source.purpose, category=source.category)
    template.title, template.purpose, template.category = source.title, source.purpose, source.category
    session.add(template)
    session.flush()
    assert template.id is not None
    versions = _versions(session, source.key)
    version = TemplateVersion(
        template_id=template.id, number=versions[-1].number + 1 if versions else 1, content=source.content(),
        sha256=source.sha256(), created_at=now, created_by=by,
    )  # fmt: skip
    session.add(version)
    session.flush()
    return version
