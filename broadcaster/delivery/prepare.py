"""Makes leased rows ready to leave: the frozen body when there is one, else the template filled for its household."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

import structlog

from broadcaster.channels.protocol import Outgoing
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BroadcasterError
from broadcaster.outbox.intent import Wanted
from broadcaster.outbox.lease import Leased
from broadcaster.outbox.rules import text_hash
from broadcaster.outbox.service import freeze, thaw
from broadcaster.rendering.queries import Values, render, values_for, versions
from broadcaster.rendering.rules import segments
from broadcaster.storage.database import Database

log = structlog.get_logger()


class Ready(NamedTuple):
    """A row and what it will say. `outgoing` has no reference yet: the attempt's id comes with the intent."""

    row: Leased
    outgoing: Outgoing
    sealed_body: bytes
    text_hash: str
    segments: int

    @property
    def wanted(self) -> Wanted:
        """What the gate is asked."""
        row = self.row
        return Wanted(row.id, row.token, row.address_blind, self.sealed_body, self.text_hash, self.segments)

    def under(self, reference: str) -> Outgoing:
        """The text with the reference of its attempt."""
        text = self.outgoing
        return Outgoing(reference, text.address, text.text, text.buttons, text.content_sid, text.content_variables)


@dataclass(frozen=True)
class NotReady:
    """A row that cannot be made ready, and why (a code)."""

    row: Leased
    reason: str


@dataclass(frozen=True)
class Held:
    """A row whose WhatsApp template may not be used now, and how that stands: it waits."""

    row: Leased
    state: str


def prepare(db: Database, channel: ChannelKind, rows: Sequence[Leased], today: date) -> list[Ready | NotReady | Held]:
    """One answer per row, in order. Reads in bulk; a row that fails, fails alone."""
    fresh = [row for row in rows if row.sealed_body is None]
    values = _values(
        db,
        {
            row.id: (row.household_id, b"" if channel is ChannelKind.VILLAGE_LIST else row.address_blind)
            for row in fresh
            if row.household_id is not None
        },
        today,
    )
    whatsapp = channel is ChannelKind.WHATSAPP
    with db.read() as session:
        # a frozen text is not filled again, but its template may have been stopped since
        ids = {row.template_version_id for row in (rows if whatsapp else fresh) if row.template_version_id is not None}
        templates = versions(session, ids) if ids else {}
    held = {id: one.standing.state for id, one in templates.items() if whatsapp and not one.standing.may_be_sent}
    ready: list[Ready | NotReady | Held] = []
    for row in rows:
        if row.template_version_id in held and row.campaign_id is not None:
            ready.append(Held(row, held[row.template_version_id]))
            continue
        try:
            address = db.sealer.open("address", row.sealed_address)
            if row.sealed_body is not None:
                outgoing = thaw(db.sealer.open("body", row.sealed_body), reference="", address=address)
                if outgoing.content_sid and row.template_version_id in templates:
                    # the same wording, should the provider hold it under another id by now
                    sid = templates[row.template_version_id].content_sid
                    outgoing = outgoing._replace(content_sid=sid or outgoing.content_sid)
                sealed = row.sealed_body
            else:
                version = templates[row.template_version_id or 0]
                filled = render(version, channel, values[row.id])
                if whatsapp and not filled.content_sid:
                    # never as free text: outside a conversation WhatsApp takes approved templates only
                    ready.append(NotReady(row, "cannot_render:template_not_approved"))
                    continue
                outgoing = Outgoing(
                    reference="",
                    address=address,
                    text=filled.text,
                    buttons=tuple(filled.buttons),
                    content_sid=filled.content_sid,
                    content_variables=filled.content_variables,
                )
                sealed = db.sealer.seal("body", freeze(outgoing))
        except BroadcasterError as error:
            ready.append(NotReady(row, f"cannot_render:{error.code}"))
            continue
        except KeyError:
            # the template or the household's values are gone: nothing sensible can be said
            ready.append(NotReady(row, "cannot_render:missing"))
            continue
        except Exception as error:  # whatever is wrong with one row must not hold up its lane for ever
            log.error("a row could not be made ready", message=row.id, error=type(error).__name__)
            ready.append(NotReady(row, f"error:{type(error).__name__}"))
            continue
        count = segments(outgoing.text).segments if channel is ChannelKind.SMS else 1
        ready.append(Ready(row, outgoing, sealed, text_hash(outgoing.text), count))
    return ready


def _values(db: Database, written_to: Mapping[int, tuple[int, bytes]], today: date) -> dict[int, Values]:
    """What the texts are filled with; families of which something does not open are left out, and fail as rows do."""
    if not written_to:
        return {}
    try:
        with db.read() as session:
            return values_for(session, db.sealer, written_to, today)
    except BroadcasterError as error:
        if len(written_to) == 1:
            log.error("a family's values do not open", message=next(iter(written_to)), code=error.code)
            return {}
    return {key: value for one, to in written_to.items() for key, value in _values(db, {one: to}, today).items()}
