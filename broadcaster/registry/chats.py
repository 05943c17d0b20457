"""A Telegram chat as an address of a family: linked by the person's own telephone number or by a letter to the household,
and unlinked. Takes part in the caller's transaction; each change is an audit entry without the address."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from broadcaster.consent.joining import joined
from broadcaster.domain.message import ChannelKind
from broadcaster.office.rules import SYSTEM
from broadcaster.office.service import audit
from broadcaster.registry.changes import PHONE_CHANNELS
from broadcaster.registry.writer import id_of
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import ContactPoint, Guardian, Household, Suppression

_TELEGRAM = str(ChannelKind.TELEGRAM)


@dataclass(frozen=True)
class Unlinked:
    """A chat that is no family's address any more. `household_ids`: the household and all it was merged with."""

    household_ids: tuple[int, ...]
    address_blind: bytes


def link_by_phone(
    session: Session, sealer: Sealer, *, phone_blind: bytes, chat_id: str, now: datetime, wrote: bool = True
) -> list[int]:
    """Make a chat an address of everybody who has this telephone; their households, [] when the number is nobody's.

    `phone_blind`: `blind("address", e164)`. Left out: families that this number said are not theirs, and those staff must speak
    with first. A number of several families makes the chat shared, as the number is: no text to it names anybody.
    `wrote`: its owner has just written, so a chat that was marked as dead works again.
    """
    owners: dict[int, Guardian] = {}
    shared = False
    for guardian, is_shared in session.exec(
        select(Guardian, ContactPoint.shared)
        .join(ContactPoint, col(ContactPoint.guardian_id) == col(Guardian.id))
        .where(ContactPoint.address_blind == phone_blind, col(ContactPoint.channel).in_(PHONE_CHANNELS))
        .order_by(col(Guardian.id))
    ):
        owners[id_of(guardian)] = guardian
        shared = shared or is_shared
    homes = {key: _root(session, guardian.household_id) for key, guardian in owners.items()}
    shared = shared or len(set(homes.values())) > 1
    closed = _closed(session, {*homes.values(), *(one.household_id for one in owners.values())}, now, phone_blind)
    linked: list[int] = []
    for key, guardian in owners.items():
        if closed & {homes[key], guardian.household_id}:
            continue
        _link(session, sealer, guardian, chat_id, shared=shared, now=now, wrote=wrote)
        linked.append(homes[key])
    return list(dict.fromkeys(linked))


def link_household(session: Session, sealer: Sealer, *, household_id: int, chat_id: str, now: datetime) -> int | None:
    """Make a chat an address of this household (or of the one it was merged into).

    None when nobody is known there, or while staff must speak with the family first.
    """
    members = household_ids(session, household_id)
    if _closed(session, members, now):
        return None
    guardian = session.exec(
        select(Guardian).where(col(Guardian.household_id).in_(members)).order_by(col(Guardian.id))
    ).first()
    if guardian is None:
        return None
    _link(session, sealer, guardian, chat_id, shared=False, now=now, wrote=True)
    return members[0]


def unlink(
    session: Session,
    *,
    by: str,
    now: datetime,
    chat_blind: bytes | None = None,
    household_id: int | None = None,
) -> list[Unlinked]:
    """Take a chat from every family, or every chat from one household. `by`: a username, or the system for the chat's owner.

    The rows go: a chat that leaves one family may be linked to another.
    """
    found = select(ContactPoint, Guardian.household_id).join(
        Guardian, col(Guardian.id) == col(ContactPoint.guardian_id)
    )
    found = found.where(ContactPoint.channel == _TELEGRAM)
    if chat_blind is not None:
        found = found.where(ContactPoint.address_blind == chat_blind)
    if household_id is not None:
        found = found.where(col(Guardian.household_id).in_(household_ids(session, household_id)))
    if chat_blind is None and household_id is None:
        raise ValueError("unlink needs a chat or a household")
    gone: list[Unlinked] = []
    for point, home in session.exec(found.order_by(col(ContactPoint.id))).all():
        gone.append(Unlinked(household_ids(session, home), point.address_blind))
        session.delete(point)
        session.flush()
        audit(
            session, at=now, staff=by, action="unlink_telegram", entity=f"household:{home}",
            data={"contact_point": point.id},
        )  # fmt: skip
    return gone


def household_ids(session: Session, household_id: int) -> tuple[int, ...]:
    """The household that stands for this one, first, and all that were merged into it; () when there is none of that id."""
    row = session.get(Household, household_id)
    if row is None:
        return ()
    root = row.alias_of or household_id
    members = session.exec(
        select(Household.id).where(or_(col(Household.id) == root, col(Household.alias_of) == root))
    ).all()
    return (root, *sorted(one for one in members if one is not None and one != root))


def _closed(
    session: Session, homes: Collection[int], now: datetime, phone_blind: bytes | None = None
) -> frozenset[int]:
    """Households that get no new address: staff must speak with them first, or this number said that they are not its own."""
    return frozenset(
        session.exec(
            select(Suppression.household_id).where(
                col(Suppression.household_id).in_(sorted(homes)),
                or_(col(Suppression.until).is_(None), col(Suppression.until) > now),
                (col(Suppression.reason) == "staff")
                | ((col(Suppression.reason) == "wrong_number") & (Suppression.address_blind == phone_blind)),
            )
        )
    )


def _root(session: Session, household_id: int) -> int:
    return session.get_one(Household, household_id).alias_of or household_id


def _link(
    session: Session, sealer: Sealer, guardian: Guardian, chat_id: str, *, shared: bool, now: datetime, wrote: bool
) -> None:
    blind = sealer.blind("address", chat_id)
    point = session.exec(
        select(ContactPoint).where(
            ContactPoint.guardian_id == guardian.id, ContactPoint.channel == _TELEGRAM,
            ContactPoint.address_blind == blind,
        )
    ).first()  # fmt: skip
    revived = wrote and point is not None and point.invalid_since is not None
    if point is not None and not revived and point.shared == shared:
        return
    if point is None:
        point = ContactPoint(
            guardian_id=id_of(guardian), channel=_TELEGRAM, address_blind=blind,
            sealed_address=sealer.seal("address", chat_id),
        )  # fmt: skip
    point.shared = shared
    if revived:
        point.invalid_since, point.invalid_reason = None, ""
    session.add(point)
    session.flush()
    if not shared:
        joined(session, [id_of(guardian)], now)
    audit(
        session, at=now, staff=SYSTEM, action="link_telegram", entity=f"household:{guardian.household_id}",
        data={"contact_point": point.id, "shared": shared},
    )  # fmt: skip
