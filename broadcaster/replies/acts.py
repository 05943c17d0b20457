"""What one reply does: it is kept, it may end or begin consent, it may get one answer, or it waits for staff.

Everything here takes part in the caller's transaction. `said_at` is when the person wrote, as the provider says, never later
than now: an old START that arrives late does not lift a newer STOP.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from broadcaster.campaigns.service import household_says_collected
from broadcaster.channels.protocol import HIDDEN_NUMBER, SHARE_CONTACT, Blocked, Button, Reply
from broadcaster.consent import service as consent
from broadcaster.consent.queries import is_suppressed
from broadcaster.domain.longnumber import mask_long_numbers
from broadcaster.domain.message import ChannelKind
from broadcaster.outbox.queries import SentRef, last_message_to, message_of_provider_id, message_of_reference
from broadcaster.replies import subscribers
from broadcaster.replies.answer_rules import ASKED_AGAIN, answer_to
from broadcaster.replies.answering import plan_answer
from broadcaster.replies.inbox_rules import DONE, OPEN, TAKES_UP, is_urgent, reopening_key, state_after
from broadcaster.replies.links import UNLINK
from broadcaster.replies.reading import brings_papers, occasions_of, reading_of, shipped_words
from broadcaster.replies.rules import ALREADY, CONSEQUENCES, Reading
from broadcaster.replies.subscribers import Person
from broadcaster.replies.wording import shipped_bot
from broadcaster.storage import tables
from broadcaster.storage.sealed import Sealer

#: The same wish again within this time gets no second automatic answer: neither a person who presses a button twice
#: nor a shop's own automatic reply is answered in a circle.
QUIET = timedelta(hours=12)
_MOST_KEPT = 4_000  # characters of a reply
_MEDIA = "[foto atau berkas, tidak dibuka]"
_DECISIONS = {"opt_in", "opt_out"}
_CARD = "[kartu kontak orang lain, tidak disimpan]"


@dataclass(frozen=True)
class Heard:
    """One reply and what is known about it."""

    reply: Reply
    event_id: int
    blind: bytes
    ref: SentRef | None  # the text it answers, as far as anybody can tell
    household_id: int | None
    reading: Reading
    said_at: datetime
    now: datetime

    @property
    def channel(self) -> str:
        return str(self.reply.channel)

    @property
    def person(self) -> Person:
        return Person(self.channel, self.reply.address, self.said_at, self.now)

    @property
    def exact(self) -> bool:
        """Whether `said_at` is the provider's time, and not only when we heard of it."""
        return self.reply.sent_at == self.said_at

    @property
    def hidden(self) -> bool:
        """Whether WhatsApp hides the person's number: no text of ours ever went to the address they write from."""
        return self.reply.address.startswith(HIDDEN_NUMBER)

    @property
    def written_to(self) -> tuple[bytes, ...]:
        """Where the text they speak of went, when that is not the address they write from."""
        return (self.ref.address_blind,) if self.ref and self.ref.address_blind != self.blind else ()


def heard(
    session: Session,
    sealer: Sealer,
    reply: Reply,
    *,
    event_id: int,
    received_at: datetime,
    now: datetime,
    account: str = "",
) -> None:
    """Keep what a person wrote or pressed, and act on it. `account`: whose ids the provider's are."""
    blind = sealer.blind("address", reply.address)
    ref = message_of_reference(session, reply.reference) if reply.reference else None
    if ref is None and reply.replied_to:
        ref = message_of_provider_id(session, account, reply.replied_to)
    # by our own clock: the provider's may differ from the one that stamped our messages
    ref = ref or last_message_to(session, blind, received_at)
    household_id = ref.household_id if ref and ref.household_id else _household_of(session, blind)
    what = Heard(
        reply=reply,
        event_id=event_id,
        blind=blind,
        ref=ref,
        household_id=household_id,
        reading=reading_of(session, reply, ref),
        said_at=min(reply.sent_at or received_at, now),
        now=now,
    )
    if reply.channel is ChannelKind.TELEGRAM and not reply.intent:
        # nobody can write to a bot they block: the news of its end got lost
        consent.wrote(
            session, channel=what.channel, address_blind=blind, now=what.said_at, heard_at=now, exact=what.exact,
            event_id=event_id,
        )  # fmt: skip
    conversation = _conversation(session, sealer, what)
    again = _said_before(session, conversation, what)
    served = _act(session, sealer, what, again=again)
    staff = what.reading.handled_by == "staff" or not served or _takes_up(session, conversation, what)
    conversation.state = state_after(conversation.state, what.reading.intents, staff=staff)
    if conversation.state == OPEN:
        conversation.opened_at = conversation.opened_at or what.said_at
        conversation.urgent = conversation.urgent or is_urgent(what.reading.intents)
    conversation.last_at = max(conversation.last_at, what.said_at)
    session.add(conversation)
    session.add(
        tables.Reply(
            event_id=event_id, conversation_id=_id(conversation), message_id=ref.message_id if ref else None,
            sealed_text=sealer.seal("reply", _kept_text(reply)), intents=json.dumps(list(what.reading.intents)),
            opt_out=what.reading.opt_out, handled_by="staff" if staff else "auto", at=what.said_at,
        )
    )  # fmt: skip
    session.flush()


def blocked(
    session: Session, sealer: Sealer, event: Blocked, *, event_id: int, received_at: datetime, now: datetime
) -> None:
    """The person blocked us or came back. Coming back lifts the block alone, never a stop."""
    said_at = min(event.sent_at or received_at, now)
    change = consent.close if event.blocked else consent.reopen
    change(
        session, channel=str(event.channel), address_blind=sealer.blind("address", event.address),
        wording="blokir" if event.blocked else "buka blokir", now=said_at, heard_at=now,
        exact=event.sent_at == said_at, event_id=event_id,
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------------------- keeping


def _kept_text(reply: Reply) -> str:
    text = mask_long_numbers(reply.text)[:_MOST_KEPT]
    if reply.others_card:
        return f"{_CARD} {text}".strip()
    if reply.has_media:
        return f"{_MEDIA} {text}".strip()
    return text


def _household_of(session: Session, blind: bytes) -> int | None:
    """The household whose telephone this is; None when it is nobody's or several families'."""
    found = session.exec(
        select(tables.Guardian.household_id)
        .join(tables.ContactPoint, col(tables.ContactPoint.guardian_id) == col(tables.Guardian.id))
        .where(tables.ContactPoint.address_blind == blind)
        .distinct()
    ).all()
    return found[0] if len(found) == 1 else None


def _conversation(session: Session, sealer: Sealer, what: Heard) -> tables.Conversation:
    row = session.exec(
        select(tables.Conversation).where(
            tables.Conversation.channel == what.channel, tables.Conversation.address_blind == what.blind
        )
    ).first()
    if row is None:
        row = tables.Conversation(
            channel=what.channel, address_blind=what.blind,
            sealed_address=sealer.seal("address", what.reply.address), state=DONE, last_at=what.said_at,
        )  # fmt: skip
    row.household_id = what.household_id or row.household_id
    session.add(row)
    session.flush()
    return row


def _takes_up(session: Session, conversation: tables.Conversation, what: Heard) -> bool:
    """Whether they only say yes to the offer of staff to go on talking: then a person goes on."""
    if not TAKES_UP.issuperset(what.reading.intents):
        return False
    offer = reopening_key(_id(conversation), conversation.last_at)
    return session.exec(select(tables.Message.id).where(tables.Message.dedupe_key == offer)).first() is not None


def _said_before(session: Session, conversation: tables.Conversation, what: Heard) -> bool:
    """Whether the same wish came from this person a short while ago, and they did not change their mind since."""
    recent = session.exec(
        select(tables.Reply.intents)
        .where(tables.Reply.conversation_id == conversation.id, col(tables.Reply.at) > what.said_at - QUIET)
        .order_by(col(tables.Reply.at).desc(), col(tables.Reply.id).desc())
    )
    primary = what.reading.intents[0]
    for intents in recent:
        said = json.loads(intents)[0]
        if said == primary or {said, primary} == _DECISIONS:
            return bool(said == primary)
    return False


# -------------------------------------------------------------------------------------------------------------- acting


def _act(session: Session, sealer: Sealer, what: Heard, *, again: bool) -> bool:
    """Do what the reply asks; whether nothing is left for a person."""
    reading = what.reading
    if "opt_out" in reading.intents:
        return _stop(session, sealer, what)
    if what.reply.channel is ChannelKind.TELEGRAM and _is_about_the_chat(what.reply):
        return _telegram(session, sealer, what, again=again)
    came = subscribers.opened(session, sealer, what.person, what.reply.text)
    if came and reading.intents == ("opt_in",) and not reading.guessed:
        if not _allow(session, what, source="start", wording="kode poster") or again:
            return True
        return _answer(session, sealer, what, "whatsapp_start")
    if (
        reading.intents == ("opt_in",)
        and not reading.guessed
        and not _allow(session, what, source=_source(what.reply), wording="mulai")
    ):
        return True
    if "wrong_number" in reading.intents:
        consent.suppress(
            session, channel=consent.ANY_CHANNEL, address_blind=what.blind, reason="wrong_number", now=what.now,
            household_id=what.household_id or 0, event_id=what.event_id,
        )  # fmt: skip
    if "child_deceased_or_moved" in reading.intents:
        _pause_family(session, what)
    collected = set(ALREADY) & set(reading.intents) and not reading.guessed
    if collected and what.household_id and what.ref and what.ref.campaign_id:
        household_says_collected(session, what.household_id, what.ref.campaign_id, what.now)
    papers = brings_papers(what.reply) and reading.intents == ("unclear",)
    name = "media" if papers else answer_to(reading, shipped_words(), occasions_of(session, what.ref))
    if not name or (name in ALREADY and not (what.ref and what.ref.campaign_id)):
        return True  # nothing to say, or nothing that could be stopped
    if reading.guessed and reading.intents[0] in CONSEQUENCES:
        return False  # an answer would promise what has not been done
    if again:
        return reading.intents[0] not in ASKED_AGAIN
    # the apology to a wrong number passes the suppression that the same reply has just made
    return _answer(session, sealer, what, name, purpose="stop_confirmation" if name == "wrong_number" else "answer")


def _stop(session: Session, sealer: Sealer, what: Heard) -> bool:
    """A sure stop is kept as one; an unsure one pauses the address until somebody has read it."""
    sure = what.reading.opt_out
    told = _has_stopped(session, what) if sure else is_suppressed(session, what.channel, what.blind, 0, what.now)
    stands = True
    for blind in (*what.written_to, what.blind):
        if sure:
            stands = consent.stop(
                session, channel=what.channel, address_blind=blind, source=_source(what.reply),
                wording=_wording(what), now=what.said_at, heard_at=what.now, exact=what.exact, event_id=what.event_id,
            )  # fmt: skip
        else:
            # the reason of a stop, so that MULAI, or staff after reading, lifts it the same way
            consent.suppress(
                session, channel=consent.ANY_CHANNEL, address_blind=blind, reason="opt_out", now=what.said_at,
                heard_at=what.now, event_id=what.event_id,
            )  # fmt: skip
    if "wrong_number" in what.reading.intents and what.household_id:
        consent.suppress(
            session, channel=consent.ANY_CHANNEL, address_blind=what.blind, reason="wrong_number", now=what.now,
            household_id=what.household_id, event_id=what.event_id,
        )  # fmt: skip
    if "child_deceased_or_moved" in what.reading.intents:
        _pause_family(session, what)
    if told or not stands:
        return True  # one confirmation is enough, and none for a stop that a newer START had taken back before it came
    confirmed = _answer(session, sealer, what, "stop" if sure else "how_to_stop", purpose="stop_confirmation")
    # whose number that is, only a person can find out
    return confirmed and not (what.hidden and not what.written_to)


def _has_stopped(session: Session, what: Heard) -> bool:
    """Whether the newest thing this person decided was to stop."""
    newest = session.exec(
        select(tables.ConsentEntry.decision)
        .where(tables.ConsentEntry.address_blind == what.blind, tables.ConsentEntry.source != "block")
        .order_by(col(tables.ConsentEntry.at).desc(), col(tables.ConsentEntry.id).desc())
    ).first()
    return newest == "out"


def _allow(session: Session, what: Heard, *, source: str, wording: str) -> bool:
    """Begin again, unless a newer stop stands; whether we may write now."""
    for blind in (*(what.written_to if what.hidden else ()), what.blind):
        consent.allow(
            session, channel=what.channel, address_blind=blind, source=source, wording=wording, now=what.said_at,
            heard_at=what.now, exact=what.exact, event_id=what.event_id,
        )  # fmt: skip
    return is_suppressed(session, what.channel, what.blind, 0, what.now) is None


def _pause_family(session: Session, what: Heard) -> None:
    """Write to no telephone of this family until a person has spoken with them."""
    blinds = {what.blind}
    if what.household_id is not None:
        blinds |= set(
            session.exec(
                select(tables.ContactPoint.address_blind)
                .join(tables.Guardian, col(tables.Guardian.id) == col(tables.ContactPoint.guardian_id))
                .where(tables.Guardian.household_id == what.household_id)
            )
        )
    for blind in sorted(blinds):
        consent.suppress(
            session, channel=consent.ANY_CHANNEL, address_blind=blind, reason="staff", now=what.now,
            household_id=what.household_id or 0, event_id=what.event_id,
        )  # fmt: skip


def _is_about_the_chat(reply: Reply) -> bool:
    return reply.start_payload is not None or bool(reply.own_phone) or reply.others_card or reply.command == UNLINK


def _telegram(session: Session, sealer: Sealer, what: Heard, *, again: bool) -> bool:
    """Start, a shared number, or the wish to be unlinked from a family."""
    reply = what.reply
    if reply.command == UNLINK:
        name = subscribers.unlink(session, sealer, what.person)
    elif reply.own_phone:
        name = subscribers.share(session, sealer, what.person, reply.own_phone)
    elif reply.start_payload is not None:
        may_write = _allow(session, what, source="start", wording="/start")
        name = subscribers.start(session, sealer, what.person, reply.start_payload)
        if not may_write or (again and name == "telegram_start"):
            return True
    else:
        name = "telegram_other_card"
    return _answer(session, sealer, what, name)


def _answer(session: Session, sealer: Sealer, what: Heard, name: str, *, purpose: str = "answer") -> bool:
    asks_for_number = name in subscribers.ASKS_FOR_NUMBER
    return plan_answer(
        session, sealer, what.reply, name, event_id=what.event_id, household_id=what.household_id, said_at=what.said_at,
        now=what.now, purpose=purpose,
        buttons=(Button(shipped_bot().share_button, SHARE_CONTACT),) if asks_for_number else (),
    )  # fmt: skip


def _source(reply: Reply) -> str:
    return "provider" if reply.opt_out_mark else "reply"


def _wording(what: Heard) -> str:
    """The word or act of a stop, for the record; never a free text."""
    if what.reply.opt_out_mark:
        return "tanda penyedia"
    if what.reply.intent:
        return "tombol"
    if what.reply.command:
        return f"/{what.reply.command}"
    said = what.reading.normalised
    return said if said in shipped_words().stop.alone else "kalimat"


def _id(row: tables.Conversation) -> int:
    assert row.id is not None, "the row has been flushed"
    return row.id


__all__ = ["Heard", "blocked", "heard"]
