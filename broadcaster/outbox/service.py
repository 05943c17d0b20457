"""Verbs of the outbox that other rooms use inside their own transactions. The hot path is in lease, intent and record."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

import orjson
from sqlmodel import Session, col, select

from broadcaster.channels.protocol import Button, Outgoing, RawEvent, Receipt, readable
from broadcaster.errors import Blocked
from broadcaster.outbox.gate import CARD_DUE
from broadcaster.outbox.record import Classify, Consequence, Evidence, raise_evidence
from broadcaster.outbox.rules import LATE_ASK, LATE_SKIPPED, attempt_of, event_key
from broadcaster.storage.database import plain
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Installation, PollCursor, ProviderEvent, Sender
from broadcaster.storage.types import to_micros

#: An automatic answer that could not leave within this time is worth nothing any more.
ANSWER_LIFE = timedelta(hours=24)
#: How long evidence may still come before `accepted`, `sent` and `unknown` stand as final.
SETTLE = timedelta(days=3)
_MOST_PROBLEM = 200  # characters
_LONGEST_KEY = 200


@dataclass(frozen=True)
class NewMessage:
    """A planned campaign row. Times are aware UTC."""

    dedupe_key: str
    address_key: str
    sender_id: int
    channel: str
    sealed_address: bytes
    address_blind: bytes
    household_id: int
    campaign_id: int
    cohort_id: int
    step: str
    hop: int
    template_version_id: int
    due_at: datetime
    expires_at: datetime
    children: Sequence[tuple[int, int, str]]  # (child id, card id, occasion)
    late: str = ""  # skip | ask: what happens when its window ends at `late_at` before it has left; "" goes on
    late_at: datetime | None = None
    follows: str = ""  # why this channel: what became of the one before


def enqueue(session: Session, messages: Iterable[NewMessage], now: datetime) -> int:
    """Plan rows; a row whose key is there already is left as it is, so planning twice is harmless. Returns how many are new."""
    sql = plain(session)
    micros = to_micros(now)
    new = 0
    for message in messages:
        row = sql.one(
            "INSERT INTO message (dedupe_key, address_key, purpose, sender_id, channel, sealed_address, address_blind,"
            " household_id, campaign_id, cohort_id, step, hop, template_version_id, status, reason, due_at, expires_at,"
            " settle_by, late, late_at, follows, attempts, created_at, updated_at)"
            " VALUES (:dedupe_key, :address_key, 'campaign', :sender, :channel, :address, :blind, :household, :campaign,"
            " :cohort, :step, :hop, :version, 'planned', '', :due, :expires, :settle, :late, :late_at, :follows, 0, :now, :now)"
            " ON CONFLICT DO NOTHING RETURNING id",
            dedupe_key=message.dedupe_key, address_key=message.address_key, sender=message.sender_id,
            channel=message.channel, address=message.sealed_address, blind=message.address_blind,
            household=message.household_id, campaign=message.campaign_id, cohort=message.cohort_id, step=message.step,
            hop=message.hop, version=message.template_version_id, due=to_micros(message.due_at),
            expires=to_micros(message.expires_at), settle=to_micros(message.expires_at + SETTLE), now=micros,
            late=message.late, late_at=None if message.late_at is None else to_micros(message.late_at),
            follows=message.follows,
        )  # fmt: skip
        if row is None:
            continue
        new += 1
        sql.many(
            "INSERT INTO message_child (message_id, child_id, card_id, occasion)"
            " VALUES (:message, :child, :card, :occasion)",
            [
                {"message": row[0], "child": child, "card": card, "occasion": occasion}
                for child, card, occasion in message.children
            ],
        )
    return new


def enqueue_answer(
    session: Session,
    sealer: Sealer,
    *,
    channel: str,
    address: str,
    text: str,
    event_id: int | None,
    household_id: int | None,
    now: datetime,
    purpose: str = "answer",
    buttons: Sequence[Button] = (),
    key: str = "",
    until: datetime | None = None,
    due_at: datetime | None = None,
    life: timedelta = ANSWER_LIFE,
    version_id: int | None = None,
    content_sid: str = "",
    content_variables: Mapping[str, str] = MappingProxyType({}),
) -> int | None:
    """Plan a text to one address; None when this event was answered already.

    Raises `Blocked` when no sender of the channel exists. `key` names a text that answers no event (a test send); `until`
    (aware) ends its `life` earlier; `due_at` (aware) begins it later than now. Free text, unless `content_sid` names an
    approved WhatsApp template, of the wording `version_id`.
    """
    sender = session.exec(select(Sender).where(Sender.channel == channel).order_by(col(Sender.id))).first()
    if sender is None:
        raise Blocked(f"Belum ada pengirim untuk saluran {channel}; jalankan `broadcaster init`.", code="no_sender")
    outgoing = Outgoing(
        reference="", address="", text=text, buttons=tuple(buttons), content_sid=content_sid,
        content_variables=content_variables,
    )  # fmt: skip
    micros = to_micros(now)
    due = due_at or now
    expires = min(due + life, until or due + life)
    row = plain(session).one(
        "INSERT INTO message (dedupe_key, purpose, sender_id, channel, sealed_address, address_blind, household_id, event_id,"
        " step, hop, template_version_id, status, reason, sealed_body, due_at, expires_at, settle_by, attempts, created_at,"
        " updated_at) VALUES (:key, :purpose, :sender, :channel, :address, :blind, :household, :event, '', 0, :version,"
        " 'planned', '', :body, :due, :expires, :settle, 0, :now, :now) ON CONFLICT DO NOTHING RETURNING id",
        key=key or event_key(purpose, event_id or 0), purpose=purpose, sender=sender.id, channel=channel,
        address=sealer.seal("address", address), blind=sealer.blind("address", address), household=household_id,
        event=event_id, version=version_id, body=sealer.seal("body", freeze(outgoing)), due=to_micros(due), now=micros,
        expires=to_micros(expires), settle=to_micros(expires + SETTLE),
    )  # fmt: skip
    return None if row is None else int(row[0])


def freeze(outgoing: Outgoing) -> str:
    """What a message says, as stored from its intent on: a later attempt sends exactly this."""
    return orjson.dumps(
        {
            "text": outgoing.text,
            "buttons": [[button.title, button.intent] for button in outgoing.buttons],
            "sid": outgoing.content_sid,
            "variables": dict(outgoing.content_variables),
        }
    ).decode()


def thaw(body: str, *, reference: str, address: str) -> Outgoing:
    """The other direction of `freeze`."""
    kept = orjson.loads(body)
    return Outgoing(
        reference=reference,
        address=address,
        text=kept["text"],
        buttons=tuple(Button(title, intent) for title, intent in kept["buttons"]),
        content_sid=kept["sid"],
        content_variables=kept["variables"],
    )


def cancel(
    session: Session,
    now: datetime,
    *,
    reason: str,
    campaign_id: int | None = None,
    household_ids: Sequence[int] | None = None,
) -> int:
    """Cancel what still waits of a campaign (every household, or only these) or of these households everywhere.

    Returns how many rows. Texts whose sending has begun are untouched.
    """
    sql = plain(session)
    where = "status IN ('planned', 'claimed') AND purpose = 'campaign'"
    fixed: dict[str, object] = {"reason": reason, "now": to_micros(now)}
    if campaign_id is not None:
        where += " AND campaign_id = :campaign"
        fixed["campaign"] = campaign_id
    change = (
        "UPDATE message SET status = 'cancelled', reason = :reason, claim_token = NULL, lease_until = NULL,"
        f" updated_at = :now WHERE {where}"
    )
    if household_ids is None:
        if campaign_id is None:
            raise ValueError("cancel needs a campaign or households")
        return sql.run(change, **fixed)
    return sum(sql.run(f"{change} AND household_id = :household", household=one, **fixed) for one in household_ids)


def withdraw(
    session: Session, now: datetime, *, channel: str, address_blind: bytes, household_ids: Sequence[int], reason: str
) -> int:
    """Cancel what still waits for these households at one address; their next channel may follow. Returns how many rows."""
    sql = plain(session)
    return sum(
        sql.run(
            "UPDATE message SET status = 'cancelled', reason = :reason, claim_token = NULL, lease_until = NULL,"
            " updated_at = :now WHERE status IN ('planned', 'claimed') AND purpose = 'campaign' AND channel = :channel"
            " AND address_blind = :blind AND household_id = :household",
            reason=reason, now=to_micros(now), channel=channel, blind=address_blind, household=one,
        )
        for one in household_ids
    )  # fmt: skip


def held_for_a_person(session: Session, campaign_id: int) -> int:
    """How many rows of a campaign wait for the decision of `campaign late`."""
    row = plain(session).one(
        f"SELECT COUNT(*) FROM message WHERE campaign_id = :campaign AND {_HELD}", campaign=campaign_id
    )
    return 0 if row is None else int(row[0])


_HELD = f"status = 'planned' AND late = 'ask' AND reason = '{LATE_ASK}'"


def decide_late(session: Session, campaign_id: int, *, send_at: datetime | None, now: datetime) -> int:
    """A person has decided about the held rows: they leave from `send_at` on (at their life's end they expire), or never.

    Returns how many.
    """
    sql, micros = plain(session), to_micros(now)
    if send_at is None:
        return sql.run(
            "UPDATE message SET status = 'expired', reason = :reason, updated_at = :now"
            f" WHERE campaign_id = :campaign AND {_HELD}",
            campaign=campaign_id, reason=LATE_SKIPPED, now=micros,
        )  # fmt: skip
    return sql.run(
        "UPDATE message SET late = '', late_at = NULL, reason = '', due_at = :due, updated_at = :now"
        f" WHERE campaign_id = :campaign AND {_HELD} AND expires_at > :now",
        campaign=campaign_id, due=to_micros(send_at), now=micros,
    )  # fmt: skip


def cancel_not_due(session: Session, now: datetime) -> int:
    """Cancel waiting campaign rows none of whose cards is due any more. Returns how many."""
    return plain(session).run(
        "UPDATE message SET status = 'cancelled', reason = 'card_not_due', claim_token = NULL, lease_until = NULL,"
        " updated_at = :now WHERE status = 'planned' AND purpose = 'campaign' AND NOT EXISTS"
        " (SELECT 1 FROM message_child mc JOIN card c ON c.id = mc.card_id JOIN child ch ON ch.id = mc.child_id"
        f" WHERE mc.message_id = message.id AND {CARD_DUE})",
        now=to_micros(now),
    )


def keep_event(session: Session, sealer: Sealer, raw: RawEvent, now: datetime) -> int | None:
    """Keep a provider's event once, sealed; None when it is there already. Nothing acts on it yet.

    Half a character (a lone surrogate) and NUL are kept as JSON writes them: no database takes them as they are.
    """
    row = plain(session).one(
        "INSERT INTO provider_event (account, event_key, kind, sealed_raw, received_at, problem)"
        " VALUES (:account, :key, :kind, :raw, :now, '') ON CONFLICT DO NOTHING RETURNING id",
        account=raw.account, key=_kept_key(raw.key), kind=raw.kind, raw=sealer.seal("event", _written_out(raw.raw)),
        now=to_micros(now),
    )  # fmt: skip
    return None if row is None else int(row[0])


def event_ids(session: Session, account: str, keys: Sequence[str]) -> dict[str, int]:
    """The ids of the kept events with these keys."""
    kept = {_kept_key(key): key for key in keys}
    found = session.exec(
        select(ProviderEvent.event_key, ProviderEvent.id).where(
            ProviderEvent.account == account, col(ProviderEvent.event_key).in_(kept)
        )
    )
    return {kept[key]: event_id for key, event_id in found if event_id is not None}


def _kept_key(key: str) -> str:
    """No provider's key is so long, and no index of PostgreSQL takes one that is."""
    written = _written_out(key)
    return written if len(written) <= _LONGEST_KEY else f"sha256:{hashlib.sha256(written.encode()).hexdigest()}"


def _written_out(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\u0000")


def cursor(session: Session, account: str) -> str:
    """Where polling of this account goes on; empty at first."""
    return session.exec(select(PollCursor.position).where(PollCursor.account == account)).first() or ""


def move_cursor(session: Session, account: str, position: str) -> None:
    """In the transaction that keeps the events up to `position`."""
    row = session.exec(select(PollCursor).where(PollCursor.account == account)).first()
    row = row or PollCursor(account=account, position="")
    row.position = position
    session.add(row)
    session.flush()


def mark_applied(session: Session, event_id: int, now: datetime, problem: str = "") -> None:
    """The event has been acted on, or could not be (`problem`, without personal data)."""
    row = session.get_one(ProviderEvent, event_id)
    row.applied_at, row.problem = now, readable(problem)[:_MOST_PROBLEM]
    session.add(row)
    session.flush()


def apply_receipt(
    session: Session, receipt: Receipt, *, account: str, event_id: int | None, now: datetime, classify: Classify
) -> tuple[str, list[Consequence]]:
    """Raise the evidence of the attempt a receipt speaks of, by our reference, else by the provider's id.

    Returns "applied", "known", "unknown_reference", and what the code means beyond the row.
    """
    sql = plain(session)
    attempt_id = attempt_of(receipt.reference, instance_id(session)) if receipt.reference else None
    if attempt_id is None and receipt.provider_id:
        row = sql.one(
            "SELECT id FROM attempt WHERE account = :account AND provider_id = :provider_id",
            account=account, provider_id=receipt.provider_id,
        )  # fmt: skip
        attempt_id = None if row is None else row[0]
    if attempt_id is None:
        return "unknown_reference", []
    outcome, consequences = raise_evidence(
        sql, Evidence(attempt_id, receipt.state, receipt.code, receipt.provider_id, event_id), classify, now
    )
    return ("unknown_reference" if outcome == "no_attempt" else outcome), consequences


def own(session: Session, attempt_id: int, provider_id: str) -> None:
    """A look-up has shown that this text at the provider is the attempt's; its state is applied as a receipt."""
    plain(session).run(
        "UPDATE attempt SET provider_id = :provider_id WHERE id = :id AND provider_id IS NULL AND state = 'unknown'",
        id=attempt_id, provider_id=provider_id,
    )  # fmt: skip


def remember_asked(session: Session, attempt_ids: Sequence[int], now: datetime) -> None:
    """The provider has been asked about these attempts."""
    micros = to_micros(now)
    plain(session).many(
        "UPDATE attempt SET asked_at = :now WHERE id = :id", [{"id": one, "now": micros} for one in attempt_ids]
    )


def remember_asked_ids(session: Session, account: str, provider_ids: Sequence[str], now: datetime) -> None:
    """The same, by the provider's ids."""
    micros = to_micros(now)
    plain(session).many(
        "UPDATE attempt SET asked_at = :now WHERE account = :account AND provider_id = :id",
        [{"id": one, "account": account, "now": micros} for one in provider_ids],
    )


def instance_id(session: Session) -> str:
    """Which installation this database is; raises `Blocked` before `init`."""
    found = session.exec(select(Installation.instance_id)).first()
    if found is None:
        raise Blocked("Basis data belum disiapkan; jalankan `broadcaster init`.", code="not_initialised")
    return found


def pause_sender(session: Session, sender_id: int, until: datetime, reason: str) -> None:
    """Nobody drains this sender before `until`; a longer pause that stands is kept."""
    sender = session.get_one(Sender, sender_id)
    if sender.paused_until is None or sender.paused_until < until:
        sender.paused_until, sender.pause_reason = until, reason
        session.add(sender)
        session.flush()


def resume_sender(session: Session, sender_id: int) -> None:
    sender = session.get_one(Sender, sender_id)
    sender.paused_until, sender.pause_reason = None, ""
    session.add(sender)
    session.flush()
