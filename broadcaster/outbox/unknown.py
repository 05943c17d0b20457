"""A person's decision about a text nobody knows the end of. Each decision is audited, and says what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from sqlmodel import Session, col, select

from broadcaster.domain.message import AttemptState, Status
from broadcaster.errors import BadInput, Blocked, NotFound
from broadcaster.office.queries import require
from broadcaster.office.service import audit
from broadcaster.outbox.rules import WRITE_AGAIN_AFTER, address_key, dedupe_key, replacing_key
from broadcaster.storage.database import Database
from broadcaster.storage.tables import Attempt, Campaign, Cohort, Message, MessageChild

Decision = Literal["received", "not-received", "write-again"]
DECISIONS: tuple[Decision, ...] = get_args(Decision)
MAY_SETTLE = ("operator", "approver", "head", "admin")

#: What each decision means, said before and after it is taken.
CONSEQUENCES: dict[Decision, str] = {
    "received": "Pesan dicatat sampai menurut petugas; keluarga ini tidak dikirimi lagi dalam langkah ini.",
    "not-received": "Pesan dicatat tidak sampai menurut petugas; tidak ada pesan baru dan tidak ada saluran lain yang dicoba.",
    "write-again": "Satu pesan baru dikirim menggantikan yang ini;"
    " bila yang lama ternyata sampai juga, keluarga menerimanya dua kali.",
}
#: Reasons kept with the row.
RECEIVED, NOT_RECEIVED, REPLACED = "settled_received", "settled_not_received", "replaced"


@dataclass(frozen=True)
class UnknownLine:
    """A text that waits for a person. `replaceable_at`: from when on it may be written again (aware UTC)."""

    message: Message
    campaign: str
    since: datetime
    replaceable_at: datetime


@dataclass(frozen=True)
class Settled:
    """What a decision did. `new_message_id` is set when the text is written again."""

    message_id: int
    decision: Decision
    status: str
    new_message_id: int | None
    consequence: str


def waiting_for_a_person(session: Session, *, limit: int = 500) -> list[UnknownLine]:
    """Every unknown text that nobody has decided about or written again, oldest first."""
    rows = session.exec(
        select(Message, Campaign.name)
        .join(Campaign, col(Campaign.id) == col(Message.campaign_id), isouter=True)
        .where(Message.status == Status.UNKNOWN, Message.reason != REPLACED)
        .order_by(col(Message.updated_at), col(Message.id))
        .limit(limit)
    ).all()
    return [
        UnknownLine(message, campaign or "", message.updated_at, message.updated_at + WRITE_AGAIN_AFTER)
        for message, campaign in rows
    ]


def decide(db: Database, message_id: int, decision: str, *, by: str, now: datetime) -> Settled:
    """Settle one unknown text. Raises `BadInput`, `NotFound`, `NotAllowed`, `Blocked`."""
    chosen = next((one for one in DECISIONS if one == decision), None)
    if chosen is None:
        raise BadInput(f"--as {decision} tidak dikenal; pilihan: {', '.join(DECISIONS)}.", code="bad_decision")
    with db.write() as session:
        member = require(session, by, MAY_SETTLE)
        message = session.get(Message, message_id, with_for_update=True)
        if message is None:
            raise NotFound(
                f"Tidak ada pesan bernomor {message_id}; lihat `broadcaster unknown list`.", code="no_message"
            )
        if message.status != Status.UNKNOWN:
            raise Blocked(
                f"Pesan {message_id} tidak berkeadaan tidak diketahui, jadi tidak ada yang perlu diputuskan;"
                f" lihat `broadcaster message show {message_id}`.",
                code="not_unknown",
            )
        new = None
        if chosen == "write-again":
            new = _write_again(session, message, now)
        else:
            _close(session, message, chosen, now)
        audit(
            session, at=now, staff=member.username, action="unknown.settle", entity=f"message:{message_id}",
            data={"as": chosen, "new_message": new},
        )  # fmt: skip
        return Settled(message_id, chosen, message.status, new, CONSEQUENCES[chosen])


def _close(session: Session, message: Message, decision: Decision, now: datetime) -> None:
    """Evidence may still rise: a receipt that comes later and says more than the person stands."""
    arrived = decision == "received"
    for attempt in session.exec(
        select(Attempt).where(Attempt.message_id == message.id, Attempt.state == AttemptState.UNKNOWN)
    ):
        attempt.state = AttemptState.DELIVERED if arrived else AttemptState.FAILED
        attempt.detail = "a person's decision"
        session.add(attempt)
    message.status = Status.DELIVERED if arrived else Status.FAILED
    message.reason = RECEIVED if arrived else NOT_RECEIVED
    message.followed_at = message.followed_at or now  # a next channel is never looked for after an unknown
    message.updated_at = now
    session.add(message)
    session.flush()


def _write_again(session: Session, old: Message, now: datetime) -> int:
    if session.exec(select(Message.id).where(Message.replaces_id == old.id)).first() is not None:
        raise Blocked(
            f"Pesan {old.id} sudah ditulis ulang satu kali; lihat pesan penggantinya.", code="already_replaced"
        )
    if now < old.updated_at + WRITE_AGAIN_AFTER:
        minutes = int(WRITE_AGAIN_AFTER.total_seconds() // 60)
        raise Blocked(
            f"Pesan {old.id} baru boleh ditulis ulang {minutes} menit setelah menjadi tidak diketahui;"
            " mungkin kabarnya masih datang.",
            code="too_early",
        )
    if old.expires_at <= now:
        raise Blocked(f"Masa berlaku pesan {old.id} sudah lewat; isinya tidak dikirim lagi.", code="life_over")
    dedupe, address = _keys(session, old)
    new = Message(
        **old.model_dump(exclude=_OWN),
        dedupe_key=dedupe,
        address_key=address,
        replaces_id=old.id,
        status=Status.PLANNED,
        # a campaign's text is filled anew, for the children who are still due; an answer says what it said
        sealed_body=None if old.purpose == "campaign" else old.sealed_body,
        due_at=now,
        created_at=now,
        updated_at=now,
    )
    session.add(new)
    old.reason = REPLACED
    session.add(old)
    session.flush()
    assert new.id is not None
    for child in session.exec(select(MessageChild).where(MessageChild.message_id == old.id)).all():
        session.add(
            MessageChild(message_id=new.id, child_id=child.child_id, card_id=child.card_id, occasion=child.occasion)
        )
    session.flush()
    return new.id


#: What a new message does not take over from the one it replaces.
_OWN = {
    "id", "dedupe_key", "address_key", "replaces_id", "status", "reason", "sealed_body", "due_at", "late", "late_at",
    "claim_token", "claim_epoch", "lease_until", "intent_at", "intent_on", "attempts", "followed_at", "created_at",
    "updated_at",
}  # fmt: skip


def _keys(session: Session, old: Message) -> tuple[str, str | None]:
    """Keys with the replaced message in them: one text is written again once, whoever asks for it."""
    replaced = old.id or 0
    if old.campaign_id is None or old.cohort_id is None:
        return replacing_key(old.dedupe_key, replaced), None
    campaign = session.get_one(Campaign, old.campaign_id)
    if campaign.status not in ("running", "paused"):
        raise Blocked(f"Kampanye {campaign.name} sudah berakhir; pesannya tidak dikirim lagi.", code="campaign_over")
    number = session.get_one(Cohort, old.cohort_id).number
    return (
        dedupe_key(campaign.lineage, number, old.step, old.household_id or 0, old.hop, replaced),
        address_key(campaign.lineage, number, old.step, old.channel, old.address_blind, replaced),
    )
