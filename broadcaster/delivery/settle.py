"""Settling `unknown` by asking the provider what we sent to that address.

A look-up proves presence only. One text at the provider that fits exactly one of our attempts settles it; anything else, an
empty list included, changes nothing: the attempt stays `unknown`, and never is sent again because of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from broadcaster.channels.protocol import LOOK_BACK, Channel, LookUp, Receipt, SentText, SentTexts
from broadcaster.clock import Clock
from broadcaster.delivery.evidence import apply
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import PollFailed
from broadcaster.outbox.queries import Unsettled, owned_ids, unsettled, unsettled_to
from broadcaster.outbox.record import Classify
from broadcaster.outbox.rules import text_hash
from broadcaster.outbox.service import keep_event, mark_applied, own, remember_asked
from broadcaster.storage.database import Database

#: A text is listed by its provider at once, but a receipt usually settles it first.
FIRST_AFTER = timedelta(minutes=5)
#: Where a text of an attempt can have been created, seen from the attempt's opening, in the provider's whole seconds.
BEFORE = timedelta(seconds=3)
AFTER = timedelta(minutes=2)
_ADDRESSES = 50  # asked about in one run

log = structlog.get_logger()


@dataclass(frozen=True)
class Match:
    """This text at the provider is this attempt's."""

    attempt: Unsettled
    text: SentText


async def settle(
    db: Database, clock: Clock, lookup: LookUp, channels: Mapping[str, Channel], classify: Classify
) -> int:
    """Look up unknown attempts of one account that are old enough. Returns how many are settled now.

    `channels`: by account, for reading the state that a listed text carries. Raises `PollFailed` when the provider answered
    for none of them.
    """
    due = await asyncio.to_thread(_due, db, clock.now(), lookup.account)
    settled, failed = 0, 0
    for channel, address in due:
        try:
            sent = await lookup.sent_to(channel, address)
        except PollFailed as error:
            log.warning("a look-up failed", account=lookup.account, error=str(error))
            failed += 1
            continue
        settled += await asyncio.to_thread(
            _apply, db, clock.now(), lookup.account, channel, address, sent, channels, classify
        )
    if failed and failed == len(due):
        raise PollFailed(f"{lookup.account} answered none of {failed} look-ups")
    return settled


def matches(attempts: Sequence[Unsettled], sent: SentTexts, owned: frozenset[str], now: datetime) -> list[Match]:
    """Attempts and listed texts that fit each other and nothing else.

    `attempts`: every attempt to that address without an answer, the open ones too, so that a text two of them could have
    left belongs to neither. `owned`: ids that some attempt has. `now` is our time of the look-up: what the provider's clock is
    ahead of ours moves the window. The address and the sender are the look-up's own filter.
    """
    ahead = sent.server_time - now if sent.server_time is not None else timedelta(0)
    free = [text for text in sent.texts if text.provider_id not in owned]
    reach = sent.texts[-1].created_at if len(sent.texts) >= LOOK_BACK else None
    fits = {
        attempt.attempt_id: [text for text in free if _fits(attempt, text, ahead)]
        for attempt in attempts
        # a list that is cut off inside the window may hide a second text
        if reach is None or reach - ahead < attempt.opened_at - BEFORE
    }
    found = []
    for attempt in attempts:
        texts = fits.get(attempt.attempt_id, [])
        if attempt.open or len(texts) != 1:
            continue
        (text,) = texts
        if sum(text in others for others in fits.values()) == 1:
            found.append(Match(attempt, text))
    return found


def _fits(attempt: Unsettled, text: SentText, ahead: timedelta) -> bool:
    created = text.created_at - ahead
    return (
        attempt.text_hash == text_hash(text.text) and attempt.opened_at - BEFORE <= created <= attempt.opened_at + AFTER
    )


def _due(db: Database, now: datetime, account: str) -> list[tuple[ChannelKind, str]]:
    with db.read() as session:
        rows = unsettled(session, account, now, first_after=FIRST_AFTER, limit=_ADDRESSES)
    addresses = {(row.channel, row.address_blind): row.sealed_address for row in rows}
    return [(channel, db.sealer.open("address", sealed)) for (channel, _), sealed in addresses.items()]


def _apply(
    db: Database,
    now: datetime,
    account: str,
    channel: ChannelKind,
    address: str,
    sent: SentTexts,
    channels: Mapping[str, Channel],
    classify: Classify,
) -> int:
    settled = 0
    with db.write() as session:
        attempts = unsettled_to(session, account, channel, db.sealer.blind("address", address), lock=True)
        remember_asked(session, [attempt.attempt_id for attempt in attempts if not attempt.open], now)
        owned = owned_ids(session, account, [text.provider_id for text in sent.texts])
        for match in matches(attempts, sent, owned, now):
            own(session, match.attempt.attempt_id, match.text.provider_id)
            event_id = keep_event(session, db.sealer, match.text.event, now)
            for part in channels[account].parse(match.text.event):
                if isinstance(part, Receipt):
                    apply(session, part, account=account, event_id=event_id, now=now, classify=classify)
                    settled += 1
            if event_id is not None:
                mark_applied(session, event_id, now)
    return settled
