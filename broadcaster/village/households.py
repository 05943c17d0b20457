"""Reads what is known about the households of one village, in some fifteen queries whatever their number."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from sqlalchemy import or_
from sqlmodel import Session, col, select

from broadcaster.audience.queries import usable_addresses
from broadcaster.consent.service import ANY_CHANNEL, UNREACHABLE
from broadcaster.domain.card import DUE, CardFact, CardKind, CardStatus, Occasion, occasions, valid_until
from broadcaster.domain.message import BEGUN, ChannelKind, Status
from broadcaster.storage.tables import (
    Assignment,
    Campaign,
    Card,
    Child,
    Cohort,
    ContactPoint,
    Conversation,
    Guardian,
    Household,
    Message,
    MessageChild,
    Reply,
    Suppression,
    Tick,
    Village,
    Wave,
)
from broadcaster.village.rules import (
    ASKING,
    ASKING_LASTS,
    FOLLOWS,
    Known,
    Noted,
    Place,
    Reason,
    TickKind,
    standing,
    window_ends,
)

#: Suppressions that say "not here", not "not at all": the number is somebody else's, or does not answer.
_ONLY_UNREACHABLE = UNREACHABLE | {"wrong_number"}
#: Receipts that can be believed come from WhatsApp alone (docs/delivery.md).
_ARRIVED = frozenset({Status.DELIVERED, Status.READ})
_ENDED = frozenset({Status.FAILED, Status.CANCELLED, Status.EXPIRED})
_ALIVE = ("draft", "approved", "running", "paused")


@dataclass(frozen=True)
class Due:
    """One child and what it is due for: (card id, occasion), most urgent first."""

    child_id: int
    cards: tuple[tuple[int, Occasion], ...]


@dataclass(frozen=True)
class Sent:
    """A campaign message of a household, as far as the list asks."""

    id: int
    cohort_id: int | None
    step: str
    hop: int
    channel: str
    status: Status
    reason: str
    follows: str
    followed: bool
    version_id: int | None
    intent_at: datetime | None
    running: bool  # its campaign may still try the next channel
    cards: frozenset[int]

    @property
    def begun(self) -> bool:
        return self.status in BEGUN

    @property
    def on_list(self) -> bool:
        return self.begun and self.channel == ChannelKind.VILLAGE_LIST


@dataclass
class Home:
    """One household with everybody who was merged into it. Newest message first."""

    root: int
    ids: tuple[int, ...]
    due: list[Due] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    known: Known = field(default_factory=lambda: Known(own_address=False))
    tick: Noted | None = None

    @property
    def about(self) -> tuple[str, ...]:
        """`<card id>:<occasion>` of everything due, as a tick keeps it."""
        return tuple(sorted(f"{card}:{occasion}" for child in self.due for card, occasion in child.cards))


def ids_of(session: Session, household_id: int) -> tuple[int, ...]:
    """A household with all it was merged with, the surviving one first; () when there is none of that id."""
    row = session.get(Household, household_id)
    if row is None:
        return ()
    root = row.alias_of or household_id
    merged = session.exec(select(Household.id).where(Household.alias_of == root).order_by(col(Household.id))).all()
    return (root, *(one or 0 for one in merged))


def homes_of(session: Session, village: Village, now: datetime, today: date, only: int | None = None) -> list[Home]:
    """The households of a village (or the one with the id `only`) that have something due or have asked for help."""
    homes = _households(session, village, only)
    owner = {one: home for home in homes for one in home.ids}
    if not owner:
        return []
    _add_messages(session, owner)
    _add_due(session, owner, today)
    asked, answered_at = _replies(session, owner, now)
    own, said_no = _addresses(session, owner, now)
    places = _places(session, owner)
    ticks = _ticks(session, owner)
    found = []
    for home in homes:
        wishes = asked.get(home.root, {})
        if not home.due and not wishes:
            continue
        cards = {card for child in home.due for card, _ in child.cards}
        about = [message for message in home.sent if message.cards & cards]
        listed = [message for message in about if message.on_list and message.intent_at is not None]
        moments = [*wishes.values(), *(message.intent_at for message in listed if message.intent_at is not None)]
        home.tick = standing(ticks.get(home.root, ()), home.about, max(moments, default=None))
        home.known = Known(
            own_address=home.root in own,
            places=tuple(places.get(home.root, ())),
            asked=tuple(wishes),
            listed=tuple(dict.fromkeys(_why_listed(message) for message in listed)),
            failed=_failed(about),
            weak_signal=village.weak_signal,
            reached=_reached(about, answered_at.get(home.root)),
            said_no=home.root in said_no,
            ticked=home.tick is not None,
        )
        found.append(home)
    return found


def _households(session: Session, village: Village, only: int | None) -> list[Home]:
    wanted = select(Household.id).where(Household.village_id == village.id, col(Household.alias_of).is_(None))
    if only is not None:
        wanted = wanted.where(Household.id == only)
    roots = [one for one in session.exec(wanted.order_by(col(Household.id))) if one is not None]
    merged: dict[int, list[int]] = defaultdict(list)
    for one, root in session.exec(
        select(Household.id, Household.alias_of).where(col(Household.alias_of).in_(roots)).order_by(col(Household.id))
    ):
        if one is not None and root is not None:
            merged[root].append(one)
    return [Home(root, (root, *merged[root])) for root in roots]


def _add_due(session: Session, owner: Mapping[int, Home], today: date) -> None:
    """What each child is due for: by its age and cards, or because a campaign has put it on the list for that."""
    children = {
        child.id or 0: child
        for child in session.exec(
            select(Child)
            .where(col(Child.household_id).in_(sorted(owner)), Child.excluded == "")
            .order_by(col(Child.birth_date), col(Child.id))
        )
    }
    cards: dict[int, list[Card]] = defaultdict(list)
    for card in session.exec(select(Card).where(col(Card.child_id).in_(sorted(children))).order_by(col(Card.id))).all():
        cards[card.child_id].append(card)
    listed = _listed_occasions(session, owner)
    for child_id, child in children.items():
        facts = {
            CardKind(card.kind): CardFact(CardKind(card.kind), CardStatus(card.status), card.since)
            for card in cards[child_id]
        }
        ids = {CardKind(card.kind): card.id or 0 for card in cards[child_id]}
        found = [(ids[kind], occasion) for occasion, kind in occasions(child.birth_date, facts, today) if kind in ids]
        found += [
            (card.id or 0, occasion)
            for card in cards[child_id]
            for occasion in sorted(listed.get(card.id or 0, ()))
            if _still_due(card, occasion, child.birth_date, today)
        ]
        if found:
            owner[child.household_id].due.append(Due(child_id, tuple(dict.fromkeys(found))))


def _listed_occasions(session: Session, owner: Mapping[int, Home]) -> dict[int, set[Occasion]]:
    """What campaigns have put on the list: card -> occasions."""
    messages = [message.id for home in set_of(owner) for message in home.sent if message.on_list]
    found: dict[int, set[Occasion]] = defaultdict(set)
    for card_id, occasion in session.exec(
        select(MessageChild.card_id, MessageChild.occasion).where(col(MessageChild.message_id).in_(messages))
    ):
        found[card_id].add(Occasion(occasion))
    return found


def _still_due(card: Card, occasion: Occasion, birth: date, today: date) -> bool:
    kind = CardKind.NO_PHOTO if occasion is Occasion.TURNING_FIVE else CardKind(card.kind)
    return CardStatus(card.status) in DUE[occasion] and today <= valid_until(kind, birth)


def set_of(owner: Mapping[int, Home]) -> list[Home]:
    """Each household once."""
    return [home for one, home in owner.items() if one == home.root]


def _add_messages(session: Session, owner: Mapping[int, Home]) -> None:
    rows = session.exec(
        select(Message, Campaign.status)
        .join(Campaign, col(Campaign.id) == col(Message.campaign_id))
        .where(col(Message.household_id).in_(sorted(owner)), Message.purpose == "campaign")
        .order_by(col(Message.id).desc())
    ).all()
    cards: dict[int, set[int]] = defaultdict(set)
    for message_id, card_id in session.exec(
        select(MessageChild.message_id, MessageChild.card_id).where(
            col(MessageChild.message_id).in_([message.id for message, _ in rows])
        )
    ):
        cards[message_id].add(card_id)
    for message, state in rows:
        owner[message.household_id or 0].sent.append(
            Sent(
                id=message.id or 0, cohort_id=message.cohort_id, step=message.step, hop=message.hop,
                channel=message.channel, status=Status(message.status), reason=message.reason, follows=message.follows,
                followed=message.followed_at is not None, version_id=message.template_version_id,
                intent_at=message.intent_at, running=state in ("running", "paused"),
                cards=frozenset(cards[message.id or 0]),
            )
        )  # fmt: skip


def _why_listed(message: Sent) -> Reason:
    return FOLLOWS.get(message.follows.partition(":")[0], Reason.CAMPAIGN)


def _failed(messages: Sequence[Sent]) -> bool:
    """Whether the newest step of some campaign ended on every channel and no next one will be tried."""
    newest: dict[int | None, list[Sent]] = {}
    for message in messages:
        step = newest.setdefault(message.cohort_id, [message])
        if step[0] is not message and step[0].step == message.step:
            step.append(message)
    return any(_ended_everywhere(step) for step in newest.values())


def _ended_everywhere(step: Sequence[Sent]) -> bool:
    dead = [message for message in step if message.status is Status.FAILED or message.reason == "address_invalid"]
    return (
        bool(dead)
        and all(message.status in _ENDED for message in step)
        and all(message.followed or not message.running for message in dead)
    )


def _reached(messages: Iterable[Sent], answered_at: datetime | None) -> bool:
    for message in messages:
        if message.channel == ChannelKind.WHATSAPP and message.status in _ARRIVED:
            return True
        if answered_at is not None and message.intent_at is not None and answered_at >= message.intent_at:
            return True
    return False


def _replies(
    session: Session, owner: Mapping[int, Home], now: datetime
) -> tuple[dict[int, dict[Reason, datetime]], dict[int, datetime]]:
    """Who asked for help and when they last did, and when each household last wrote at all."""
    asked: dict[int, dict[Reason, datetime]] = defaultdict(dict)
    answered: dict[int, datetime] = {}
    for household_id, intents, at in session.exec(
        select(Conversation.household_id, Reply.intents, Reply.at)
        .join(Conversation, col(Conversation.id) == col(Reply.conversation_id))
        .where(col(Conversation.household_id).in_(sorted(owner)), Reply.at > now - ASKING_LASTS)
        .order_by(col(Reply.at))
    ):
        root = owner[household_id or 0].root
        answered[root] = at
        for wish in sorted(ASKING.intersection(json.loads(intents))):
            asked[root][Reason(wish)] = at
    return asked, answered


def _addresses(session: Session, owner: Mapping[int, Home], now: datetime) -> tuple[set[int], set[int]]:
    """Households with a usable address of their own; and those where somebody asked us not to write."""
    usable, _ = usable_addresses(session, now, list(owner))
    own = {
        owner[household].root
        for household, by_channel in usable.items()
        if any(not address.shared for address in by_channel.values())
    }
    refused = session.exec(
        select(Guardian.household_id)
        .join(ContactPoint, col(ContactPoint.guardian_id) == col(Guardian.id))
        .join(Suppression, col(Suppression.address_blind) == col(ContactPoint.address_blind))
        .where(
            col(Guardian.household_id).in_(sorted(owner)),
            or_(col(Suppression.until).is_(None), col(Suppression.until) > now),
            or_(col(Suppression.household_id) == 0, col(Suppression.household_id) == col(Guardian.household_id)),
            or_(col(Suppression.channel) == ANY_CHANNEL, col(Suppression.channel) == col(ContactPoint.channel)),
            col(Suppression.reason).not_in(sorted(_ONLY_UNREACHABLE)),
        )
        .distinct()
    )
    # whoever may still be written to on another number is no refusal
    return own, {owner[household].root for household in refused} - own


def _places(session: Session, owner: Mapping[int, Home]) -> dict[int, list[Place]]:
    """Where each cohort has put each household; merged ones count as sent as soon as one of them was."""
    rows = session.exec(
        select(Assignment, Cohort.d_days, Campaign.status)
        .join(Cohort, col(Cohort.id) == col(Assignment.cohort_id))
        .join(Campaign, col(Campaign.id) == col(Cohort.campaign_id))
        .where(col(Assignment.household_id).in_(sorted(owner)))
    ).all()
    cohorts = sorted({assignment.cohort_id for assignment, _, _ in rows})
    opened: dict[tuple[int, int, str], dict[int, date | None]] = defaultdict(dict)
    for wave in session.exec(select(Wave).where(col(Wave.cohort_id).in_(cohorts))):
        opened[wave.cohort_id, wave.tier, wave.place][wave.number] = wave.opened_on
    places: dict[int, list[Place]] = defaultdict(list)
    for assignment, d_days, state in rows:
        home = owner[assignment.household_id]
        cell = opened[assignment.cohort_id, assignment.tier, assignment.place]
        ends = window_ends(
            cell.get(assignment.wave),
            d_days,
            over=state not in _ALIVE,
            others=[day for day in cell.values() if day is not None],
        )
        sent = any(message.begun and message.cohort_id == assignment.cohort_id for message in home.sent)
        places[home.root].append(Place(assignment.arm, sent, ends))
    return places


def _ticks(session: Session, owner: Mapping[int, Home]) -> dict[int, list[Noted]]:
    found: dict[int, list[Noted]] = defaultdict(list)
    for row in session.exec(select(Tick).where(col(Tick.household_id).in_(sorted(owner))).order_by(col(Tick.id))):
        found[owner[row.household_id].root].append(noted(row))
    return found


def noted(row: Tick) -> Noted:
    return Noted(row.id or 0, TickKind(row.kind), row.said_at, frozenset(json.loads(row.about)), row.settled_as)
