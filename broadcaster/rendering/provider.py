"""The provider's copies of our wordings: what to ask for, how each stands, and a person's yes to another category."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, func, select

from broadcaster.channels.protocol import Approval, Button, HeldTemplate
from broadcaster.domain.message import ChannelKind
from broadcaster.rendering.approval import MISSING, UNKNOWN, Standing
from broadcaster.rendering.catalogue import examples, variables
from broadcaster.rendering.queries import Version, versions
from broadcaster.rendering.rules import provider_values, to_provider_body
from broadcaster.rendering.service import provider_row, record_provider_template
from broadcaster.storage.tables import MessageTemplate, ProviderTemplate, TemplateVersion

_DIGEST = 8  # letters of a template's name that stand for what was asked
#: A template whose creation was never answered is created again this long after, and not before it was looked for.
CREATE_AGAIN_AFTER = timedelta(minutes=15)
#: Meta's shortest pause. A receipt told of the state, and a look-up that says `approved` sooner is behind the times.
BELIEVED_FOR = timedelta(hours=3)


@dataclass(frozen=True)
class TemplateRequest:
    """What the provider needs to know of a version for its approval."""

    version_id: int
    key: str
    name: str  # a-z, 0-9 and _
    language: str
    category: str  # UTILITY | MARKETING
    body: str  # with {{1}}, {{2}}, ...
    samples: Mapping[str, str]
    buttons: tuple[Button, ...]

    def is_named(self, name: str) -> bool:
        """Whether a template of that name was created for this very request, perhaps by an earlier version.

        The number of the version does not count: Meta rejects a second template with the same wording.
        """
        front, _, digest = name.rpartition("_")
        return digest == self.name[-_DIGEST:] and front.rpartition("_v")[0] == self.name.rpartition("_v")[0]


@dataclass(frozen=True)
class ProviderLine:
    """How a version stands at the provider; `sid` is empty when it was never created there, as far as we know."""

    key: str
    version_id: int
    number: int
    sid: str
    name: str  # at the provider
    standing: Standing
    changed_at: datetime | None  # since when it stands so
    checked_at: datetime | None  # when the provider last told us


def template_request(version: Version) -> TemplateRequest | None:
    """What to ask the provider to approve, with the examples it needs; None for a version without a WhatsApp text.

    The name ends in a digest of all that is asked: another wording, category or example never has the name of a rejected one.
    """
    text = version.texts.get(ChannelKind.WHATSAPP)
    if text is None:
        return None
    body, order = to_provider_body(text)
    samples = provider_values(order, examples(variables()))
    asked = ["id", version.category, body, samples, [[button.title, button.intent] for button in version.buttons]]
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:_DIGEST]
    slug = re.sub(r"[^a-z0-9]+", "_", version.key.lower())
    return TemplateRequest(
        version_id=version.id,
        key=version.key,
        name=f"{slug}_v{version.number}_{digest}",
        language="id",
        category=version.category.upper(),
        body=body,
        samples=samples,
        buttons=version.buttons,
    )


def provider_lines(session: Session, account: str = "twilio", *, also: Iterable[int] = ()) -> list[ProviderLine]:
    """How the newest wording of every message stands at the provider, and the versions `also`; by key and number.

    Wordings without a WhatsApp text are left out.
    """
    kept = {
        row.template_version_id: row
        for row in session.exec(select(ProviderTemplate).where(ProviderTemplate.account == account))
    }
    newest = session.exec(
        select(func.max(TemplateVersion.id))
        .join(MessageTemplate, col(MessageTemplate.id) == col(TemplateVersion.template_id))
        .where(MessageTemplate.purpose != "answer")
        .group_by(col(TemplateVersion.template_id))
    )
    found = versions(session, [*(one or 0 for one in newest), *also], account)
    lines: list[ProviderLine] = []
    for version in sorted(found.values(), key=lambda version: (version.key, version.number)):
        if ChannelKind.WHATSAPP not in version.texts:
            continue
        row = kept.get(version.id)
        lines.append(
            ProviderLine(
                key=version.key, version_id=version.id, number=version.number, sid=row.sid if row else "",
                name=row.name if row else "", standing=version.standing, changed_at=row.changed_at if row else None,
                checked_at=row.checked_at if row else None,
            )
        )  # fmt: skip
    return lines


def checked_before(session: Session, account: str, moment: datetime) -> bool:
    """Whether the provider's word about any template it holds is older than `moment`."""
    old = (
        select(ProviderTemplate.id)
        .where(ProviderTemplate.account == account, ProviderTemplate.sid != "", ProviderTemplate.checked_at < moment)
        .limit(1)
    )
    return session.exec(old).first() is not None


def learn(session: Session, account: str, held: Sequence[HeldTemplate], asked_at: datetime, now: datetime) -> int:
    """Keep how every template of ours stands, by the whole list the provider gave. Returns how many changed.

    One that is not in it is `missing`, unless it was created after we asked.
    """
    by_sid = {one.sid: one.approval for one in held}
    changed = 0
    for row in session.exec(
        select(ProviderTemplate)
        .where(ProviderTemplate.account == account, ProviderTemplate.sid != "")
        .order_by(col(ProviderTemplate.id))
    ).all():
        found = by_sid.get(row.sid)
        if found is None:
            if row.checked_at >= asked_at:
                continue
            found = Approval(MISSING, row.category, row.rejection_reason)
        changed += record_provider_template(
            session, row.template_version_id, account, row.sid, found.status, found.category or row.category, now,
            reason=found.reason,
        )  # fmt: skip
    return changed


Begun = Literal["begun", "there", "unknown"]


def begin_template(session: Session, request: TemplateRequest, account: str, now: datetime) -> Begun:
    """Note that the template is about to be created, unless it must not be.

    `there`: another process has created it meanwhile. `unknown`: one creates it now, or tried a moment ago and nobody knows how
    that ended.
    """
    session.exec(select(TemplateVersion.id).where(TemplateVersion.id == request.version_id).with_for_update()).one()
    row = provider_row(session, request.version_id, account)
    if row is not None and row.sid and row.approval != MISSING:
        return "there"
    if row is not None and row.approval == UNKNOWN and now < row.changed_at + CREATE_AGAIN_AFTER:
        return "unknown"
    record_provider_template(session, request.version_id, account, "", UNKNOWN, "", now, name=request.name)
    if row is not None:
        row.changed_at = now  # a second try has its own time
        session.add(row)
        session.flush()
    return "begun"


def told_by_receipt(session: Session, version_id: int, approval: str, now: datetime) -> bool | None:
    """A text was refused because of its template's state, whatever a look-up said before.

    Returns whether that is news, None when we do not know this template.
    """
    sids = select(ProviderTemplate.sid).where(ProviderTemplate.template_version_id == version_id)
    rows = session.exec(
        select(ProviderTemplate).where(col(ProviderTemplate.sid).in_(sids), ProviderTemplate.sid != "")
    ).all()
    news = [row for row in rows if row.approval != approval]
    for row in news:
        row.approval, row.changed_at, row.held_until = approval, now, now + BELIEVED_FOR
        session.add(row)
    session.flush()
    return bool(news) if rows else None


def accept_category(session: Session, key: str, account: str) -> list[tuple[int, str]]:
    """Say yes to the dearer category of every version of a message that Meta has shifted: (version number, category)."""
    accepted: list[tuple[int, str]] = []
    for row, version in session.exec(
        select(ProviderTemplate, TemplateVersion)
        .join(TemplateVersion, col(TemplateVersion.id) == col(ProviderTemplate.template_version_id))
        .join(MessageTemplate, col(MessageTemplate.id) == col(TemplateVersion.template_id))
        .where(MessageTemplate.key == key, ProviderTemplate.account == account)
        .order_by(col(TemplateVersion.number))
    ).all():
        shifted = versions(session, [version.id or 0], account)[version.id or 0].standing.shifted
        if shifted:
            row.accepted_category = row.category
            session.add(row)
            accepted.append((version.number, row.category.lower()))
    session.flush()
    return accepted
