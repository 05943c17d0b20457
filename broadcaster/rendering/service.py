"""Loads the office's texts into the database, where every wording is a numbered version that is never changed.

What staff wrote stands: a newer shipped wording does not replace it, it only becomes a version when nobody has touched
the message. Sending uses the version that was fixed at the campaign's release, whatever is newest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from sqlmodel import Session, col, select

from broadcaster.errors import BadInput, NotFound
from broadcaster.office.queries import require
from broadcaster.office.rules import MAY_EDIT_TEXTS, SYSTEM
from broadcaster.office.service import audit
from broadcaster.rendering import source as sources
from broadcaster.rendering.approval import APPROVED
from broadcaster.rendering.form import Problem, raise_first
from broadcaster.rendering.lint import examine
from broadcaster.rendering.source import ANSWER_PREFIX, Source
from broadcaster.storage.tables import MessageTemplate, ProviderTemplate, TemplateVersion


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
        if versions and (versions[-1].created_by != by or versions[-1].sha256 == source.sha256()):
            continue
        _add_version(session, source, now, by)
        loaded.append(key)
    return loaded


def save(session: Session, key: str, toml: str, *, by: str, now: datetime) -> int:
    """Make `toml` the newest version of a message or an answer; returns its number. The same wording is no new version.

    Raises `BadInput` for the first problem that would harm a family or break a provider's rule (warnings pass), and
    `NotAllowed` unless `by` is an active account that may edit texts.
    """
    member = require(session, by, MAY_EDIT_TEXTS)
    return _save(session, _checked(key, toml), member.username, now, "content.edit", {})


def revert(session: Session, key: str, number: int, *, by: str, now: datetime) -> int:
    """Make the wording of version `number` the newest again, as a new version; returns its number.

    Raises `NotFound`, `NotAllowed` as `save` does, and `BadInput` when the old wording breaks a rule of today.
    """
    member = require(session, by, MAY_EDIT_TEXTS)
    template = session.exec(select(MessageTemplate).where(MessageTemplate.key == key)).first()
    version = next((version for version in _versions(session, key) if version.number == number), None)
    if template is None or version is None:
        raise NotFound(
            f"Pesan {key} tidak punya versi {number}; lihat `broadcaster content history {key}`.", code="no_version"
        )
    toml = sources.to_toml(sources.of_content(key, template.purpose, version.content))
    return _save(session, _checked(key, toml), member.username, now, "content.revert", {"to": number})


def _save(session: Session, source: Source, by: str, now: datetime, action: str, data: Mapping[str, object]) -> int:
    if source.purpose == "announcement":
        raise BadInput(
            f"{source.key} adalah pengumuman; program tidak mengirimnya, jadi ubah berkasnya saja.", code="announcement"
        )
    versions = _versions(session, source.key)
    if versions and versions[-1].sha256 == source.sha256():
        return versions[-1].number
    number = _add_version(session, source, now, by).number
    audit(
        session, at=now, staff=by, action=action, entity=f"message:{source.key}",
        data={"version": number, "sha256": source.sha256(), **data},
    )  # fmt: skip
    return number


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
    # locked, so that two edits at once get two numbers
    template = session.exec(select(MessageTemplate).where(MessageTemplate.key == source.key).with_for_update()).first()
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
