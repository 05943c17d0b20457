"""Who came to us by themselves: by Start in Telegram, by their own number, by a letter's link, by a poster's code.

Everything here takes part in the caller's transaction. Verbs that answer somebody return the name of the answer in
content/answers. An older wish to link changes nothing after a newer unlinking.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, or_, select

from broadcaster.consent.queries import is_suppressed
from broadcaster.consent.rules import UNREACHABLE
from broadcaster.domain.message import ChannelKind
from broadcaster.domain.phone import read_phone
from broadcaster.errors import NotFound
from broadcaster.office.queries import require
from broadcaster.office.rules import SYSTEM
from broadcaster.office.service import audit
from broadcaster.outbox.service import withdraw
from broadcaster.registry.chats import household_ids, link_by_phone, link_household
from broadcaster.registry.chats import unlink as take_from_register
from broadcaster.replies.links import as_typed, code_in
from broadcaster.replies.places import place_of
from broadcaster.replies.posters import MAY_MAKE, revoke_household_links
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import ContactPoint, LinkToken, Subscriber

_TELEGRAM, _WHATSAPP = str(ChannelKind.TELEGRAM), str(ChannelKind.WHATSAPP)
_PHONES = (str(ChannelKind.WHATSAPP), str(ChannelKind.SMS))
#: Answers below which stands the button that shares the person's own number.
ASKS_FOR_NUMBER = frozenset({"telegram_start", "telegram_link_over", "telegram_other_card", "telegram_unlinked"})


@dataclass(frozen=True)
class Person:
    """Who acts, on which channel; `said_at`: when they did, as the provider says, never later than `now`."""

    channel: str
    address: str
    said_at: datetime
    now: datetime


def start(session: Session, sealer: Sealer, who: Person, payload: str) -> str:
    """Pressed Start, perhaps behind a link: subscribes, comes from a place, or is linked to the household of a letter."""
    row = _subscriber(session, sealer, who)
    token = _token(session, sealer, payload)
    if token is None:
        return "telegram_start"
    if token.household_id is None:
        _arrive(session, token, row, who.said_at)
        return "telegram_start"
    again = token.used_by == row.address_blind
    over = token.revoked_at is not None or (token.expires_at is not None and token.expires_at <= who.said_at)
    if over or (token.used_by is not None and not again):
        return "telegram_link_over"
    if again or _overtaken(row, who.said_at):
        # a link that was opened once more is no new wish: /putus stays as it is
        return "telegram_family" if _is_linked(session, row) else "telegram_start"
    if link_household(session, sealer, household_id=token.household_id, chat_id=who.address, now=who.now) is None:
        return "telegram_link_over"
    token.used_at, token.used_by = who.now, row.address_blind
    session.add(token)
    session.flush()
    return "telegram_family"


def share(session: Session, sealer: Sealer, who: Person, phone: str) -> str:
    """Shared their own number: the chat becomes an address of the families who have it, now or after a later import.

    The answer is the same whether the number is known or not: nobody learns from us whose number is registered.
    """
    row = _subscriber(session, sealer, who)
    number = read_phone(phone if phone.startswith(("+", "0")) else f"+{phone}").e164
    if number is not None and not _overtaken(row, who.said_at):
        row.phone_blind = sealer.blind("address", number)
        session.add(row)
        session.flush()
        link_by_phone(session, sealer, phone_blind=row.phone_blind, chat_id=who.address, now=who.now)
    return "telegram_linked"


def unlink(session: Session, sealer: Sealer, who: Person) -> str:
    """Said that this chat is not for that family. Public news goes on; what waits for the family takes another way."""
    row = _subscriber(session, sealer, who)
    _forget(row, max(who.said_at, row.unlinked_at or who.said_at))
    session.add(row)
    _withdraw(session, by=SYSTEM, now=who.now, chat_blind=row.address_blind)
    return "telegram_unlinked"


@dataclass(frozen=True)
class FamilyUnlinked:
    """How many chats were taken from a family, and how many unused links of its letters end."""

    chats: int
    links: int


def unlink_family(db: Database, household_id: int, *, by: str, now: datetime) -> FamilyUnlinked:
    """Staff take every chat from a household; its letters' links are worth nothing any more. Raises `NotFound`, `NotAllowed`."""
    with db.write() as session:
        by = by if by == SYSTEM else require(session, by, MAY_MAKE).username
        if not household_ids(session, household_id):
            raise NotFound(f"Tidak ada keluarga nomor {household_id}.", code="no_household")
        links = revoke_household_links(session, household_id, now)
        chats = _withdraw(session, by=by, now=now, household_id=household_id)
        for row in session.exec(
            select(Subscriber).where(Subscriber.channel == _TELEGRAM, col(Subscriber.address_blind).in_(sorted(chats)))
        ):
            _forget(row, now)
            session.add(row)
        if links:
            data = {"links": links}
            audit(session, at=now, staff=by, action="links.revoked", entity=f"household:{household_id}", data=data)
    return FamilyUnlinked(len(chats), links)


def opened(session: Session, sealer: Sealer, who: Person, text: str) -> bool:
    """Whether a text brought the code of one of our places; who sent it subscribes. WhatsApp only: SMS has no way back."""
    word = code_in(text) if who.channel == _WHATSAPP else None
    token = _token(session, sealer, word) if word else None
    if token is None or token.household_id is not None:
        return False
    _arrive(session, token, _subscriber(session, sealer, who), who.said_at)
    return True


def link_waiting(db: Database, now: datetime) -> int:
    """Link chats whose own number an import has brought since, or has made a number of several families; how many chats.

    What the person has said on either counts for both from then on (consent.joining). A number of several families joins nothing:
    whoever said no on it is not followed to a chat.
    """
    with db.read() as session:
        waiting = _waiting(session)
    done = 0
    if waiting:
        with db.write() as session:
            for subscriber_id in waiting:
                row = session.get_one(Subscriber, subscriber_id)
                if row.phone_blind is None or _said_no_for_several(session, row.phone_blind, now):
                    continue  # `None`: unlinked meanwhile
                chat = db.sealer.open("address", row.sealed_address)
                linked = link_by_phone(
                    session, db.sealer, phone_blind=row.phone_blind, chat_id=chat, now=now, wrote=False
                )
                done += bool(linked)
    return done


# ------------------------------------------------------------------------------------------------------------- helpers


def _subscriber(session: Session, sealer: Sealer, who: Person) -> Subscriber:
    blind = sealer.blind("address", who.address)
    row = session.exec(
        select(Subscriber).where(Subscriber.channel == who.channel, Subscriber.address_blind == blind)
    ).first()
    if row is None:
        row = Subscriber(
            channel=who.channel, address_blind=blind, sealed_address=sealer.seal("address", who.address),
            since=who.said_at,
        )  # fmt: skip
        session.add(row)
        session.flush()
    return row


def _token(session: Session, sealer: Sealer, payload: str) -> LinkToken | None:
    if not payload:
        return None
    blind = sealer.blind("token", as_typed(payload))
    return session.exec(select(LinkToken).where(LinkToken.token_blind == blind).with_for_update()).first()


def _arrive(session: Session, token: LinkToken, row: Subscriber, at: datetime) -> None:
    """Count the person once for this token; the first place that brought them stays theirs."""
    assert token.id is not None, "the token is stored"
    known = select(tables.Arrival.id).where(
        tables.Arrival.token_id == token.id,
        tables.Arrival.channel == row.channel,
        tables.Arrival.address_blind == row.address_blind,
    )
    if session.exec(known).first() is None:
        session.add(tables.Arrival(token_id=token.id, channel=row.channel, address_blind=row.address_blind, at=at))
    row.place = row.place or place_of(session, token)
    session.add(row)
    session.flush()


def _overtaken(row: Subscriber, said_at: datetime) -> bool:
    return row.unlinked_at is not None and said_at <= row.unlinked_at


def _is_linked(session: Session, row: Subscriber) -> bool:
    return (
        session.exec(
            select(ContactPoint.id).where(
                ContactPoint.channel == _TELEGRAM, ContactPoint.address_blind == row.address_blind
            )
        ).first()
        is not None
    )


def _said_no_for_several(session: Session, phone_blind: bytes, now: datetime) -> bool:
    shared = select(ContactPoint.id).where(
        ContactPoint.address_blind == phone_blind, col(ContactPoint.shared).is_(True)
    )
    if session.exec(shared).first() is None:
        return False
    reason = is_suppressed(session, _WHATSAPP, phone_blind, None, now)
    return reason is not None and reason not in UNREACHABLE


def _forget(row: Subscriber, at: datetime) -> None:
    """A later import must not link again what was unlinked."""
    row.phone_blind, row.unlinked_at = None, at


def _withdraw(
    session: Session, *, by: str, now: datetime, chat_blind: bytes | None = None, household_id: int | None = None
) -> set[bytes]:
    gone = take_from_register(session, by=by, now=now, chat_blind=chat_blind, household_id=household_id)
    for one in gone:
        withdraw(
            session, now, channel=_TELEGRAM, address_blind=one.address_blind, household_ids=one.household_ids,
            reason="unlinked",
        )  # fmt: skip
    return {one.address_blind for one in gone}


def _waiting(session: Session) -> list[int]:
    """Subscribers whose number belongs to a guardian without their chat, or is shared by now while their chat is not."""
    phone, chat = ContactPoint.__table__.alias("phone"), ContactPoint.__table__.alias("chat")  # type: ignore[attr-defined]
    found = session.exec(
        select(Subscriber.id)
        .join(phone, phone.c.address_blind == Subscriber.phone_blind)
        .outerjoin(
            chat,
            (chat.c.guardian_id == phone.c.guardian_id)
            & (chat.c.channel == _TELEGRAM)
            & (chat.c.address_blind == Subscriber.address_blind),
        )
        .where(
            Subscriber.channel == _TELEGRAM,
            phone.c.channel.in_(_PHONES),
            or_(chat.c.id.is_(None), phone.c.shared & ~chat.c.shared),
        )
        .order_by(col(Subscriber.id))
        .distinct()
    )
    return [one for one in found if one is not None]
