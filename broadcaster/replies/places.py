"""Which place brought whom, who reads public news, and what is known of the bot. Read only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from rapidfuzz import process
from sqlmodel import Session, col, select

from broadcaster.consent.queries import suppressed
from broadcaster.consent.rules import ANY_CHANNEL
from broadcaster.domain.message import ChannelKind
from broadcaster.domain.place import Place
from broadcaster.errors import BadInput
from broadcaster.office.queries import places
from broadcaster.storage.tables import (
    Arrival,
    Campaign,
    ContactPoint,
    Guardian,
    Household,
    LinkToken,
    Poster,
    Subscriber,
    TelegramBot,
    Village,
)


@dataclass(frozen=True)
class PlaceLine:
    """One public token and whom it brought. Each person counts once for a token, however often they come.

    `telegram_starts`: chats that pressed Start behind it. `whatsapp_openings`: numbers that sent its code. `families`: households
    of the register that such a chat or number belongs to today.
    """

    place: str
    kind: str  # poster | campaign
    village_code: str
    code: str
    made_at: datetime
    telegram_starts: int
    whatsapp_openings: int
    families: int


@dataclass(frozen=True)
class PlaceReport:
    """All places, the newest first. The totals count a person once, whatever the number of places that brought them."""

    lines: tuple[PlaceLine, ...]
    telegram_starts: int
    whatsapp_openings: int
    families: int


@dataclass(frozen=True)
class Reader:
    """Someone who may get public news. `linked`: the chat is a family's address too, which gets its own messages."""

    id: int
    channel: str
    sealed_address: bytes
    address_blind: bytes
    place: str
    since: datetime
    linked: bool


@dataclass(frozen=True)
class TelegramStatus:
    subscribers: int
    linked: int  # of them, addresses of a family
    stopped: int  # of them, not to be written to
    households: int  # with a chat


def place_report(session: Session) -> PlaceReport:
    """Every poster and every campaign's link, with whom it brought."""
    tokens = session.exec(
        select(LinkToken, Poster, Village, Campaign)
        .join(Poster, col(Poster.id) == col(LinkToken.poster_id), isouter=True)
        .join(Village, col(Village.id) == col(Poster.village_id), isouter=True)
        .join(Campaign, col(Campaign.id) == col(LinkToken.campaign_id), isouter=True)
        .where(LinkToken.public != "")
        .order_by(col(LinkToken.id).desc())
    ).all()
    came: dict[int, set[tuple[str, bytes]]] = defaultdict(set)
    for token_id, channel, blind in session.exec(select(Arrival.token_id, Arrival.channel, Arrival.address_blind)):
        came[token_id].add((channel, blind))
    homes = _homes_by_address(session)
    lines = tuple(
        PlaceLine(
            place=named(poster, village) if poster is not None else f"kampanye {campaign.name}",
            kind="poster" if poster is not None else "campaign",
            village_code=village.code if village is not None else "",
            code=token.public,
            made_at=token.made_at,
            **_counted(came[token.id or 0], homes),
        )
        for token, poster, village, campaign in tokens
    )
    return PlaceReport(lines, **_counted({one for people in came.values() for one in people}, homes))


def place_of(session: Session, token: LinkToken) -> str:
    """What staff call the place of a public token."""
    if token.campaign_id is not None:
        return f"kampanye {session.get_one(Campaign, token.campaign_id).name}"
    poster = session.get_one(Poster, token.poster_id)
    village = None if poster.village_id is None else session.get_one(Village, poster.village_id)
    return named(poster, village)


def is_place(session: Session, word: str | None) -> bool:
    """Whether this is the public token of one of our places."""
    return bool(word) and session.exec(select(LinkToken.id).where(LinkToken.public == word)).first() is not None


def named(poster: Poster, village: Village | None) -> str:
    """A poster as lists show it: `SDN 03 Lais, Desa Air Padang (Kec. Lais), poster 2`."""
    desa = "" if village is None else f"{kind_of(village.kind)} {village.name} (Kec. {village.kecamatan})"
    where = ", ".join(part for part in (poster.place, desa) if part)
    return f"{where}, poster {poster.number}" if poster.number > 1 else where


def kind_of(kind: str) -> str:
    """`Desa` or `Kelurahan`."""
    return "Kelurahan" if kind == "kelurahan" else "Desa"


def village_of(session: Session, code: str) -> Place:
    """The desa or kelurahan of that code; raises `BadInput` naming the nearest."""
    known = {place.code: place for place in places(session)}
    found = known.get(code.strip())
    if found is None:
        near = process.extractOne(code, list(known)) if known else None
        hint = f" Mungkin maksudnya {near[0]} ({known[near[0]]})." if near else ""
        raise BadInput(f"Tidak ada desa atau kelurahan dengan kode {code}.{hint}", code="unknown_place")
    return found


def news_readers(session: Session, now: datetime) -> list[Reader]:
    """Subscribers who may be written to, in the order they came. Family messages never go by this list."""
    chats = set(
        session.exec(select(ContactPoint.address_blind).where(ContactPoint.channel == str(ChannelKind.TELEGRAM)))
    )
    phones = set(
        session.exec(select(ContactPoint.address_blind).where(ContactPoint.channel == str(ChannelKind.WHATSAPP)))
    )
    closed = suppressed(session, now).keys()
    linked = {str(ChannelKind.TELEGRAM): chats, str(ChannelKind.WHATSAPP): phones}
    return [
        Reader(
            row.id or 0, row.channel, row.sealed_address, row.address_blind, row.place, row.since,
            row.address_blind in linked.get(row.channel, ()),
        )
        for row in session.exec(select(Subscriber).order_by(col(Subscriber.id)))
        if not {(channel, row.address_blind, 0) for channel in (ANY_CHANNEL, row.channel)} & closed
    ]  # fmt: skip


def telegram_status(session: Session, now: datetime) -> TelegramStatus:
    """How many people the bot reaches."""
    telegram = str(ChannelKind.TELEGRAM)
    everybody = session.exec(select(Subscriber.address_blind).where(Subscriber.channel == telegram)).all()
    homes = _homes_by_address(session)
    readers = sum(reader.channel == telegram for reader in news_readers(session, now))
    return TelegramStatus(
        subscribers=len(everybody),
        linked=sum((telegram, blind) in homes for blind in everybody),
        stopped=len(everybody) - readers,
        households=len({home for (channel, _), found in homes.items() if channel == telegram for home in found}),
    )


def known_bot(session: Session, bot_id: str) -> str | None:
    """The bot's username, when it has been asked for."""
    return session.exec(select(TelegramBot.username).where(TelegramBot.bot_id == bot_id)).first()


def known_webhook(session: Session, bot_id: str) -> str:
    """What this bot was told to call; "" when nothing: its news wait until they are fetched."""
    return session.exec(select(TelegramBot.webhook).where(TelegramBot.bot_id == bot_id)).first() or ""


def _homes_by_address(session: Session) -> dict[tuple[str, bytes], set[int]]:
    """(channel, address index) -> the households it belongs to, merged ones as the one that stands."""
    homes: dict[tuple[str, bytes], set[int]] = defaultdict(set)
    for channel, blind, household_id, alias_of in session.exec(
        select(ContactPoint.channel, ContactPoint.address_blind, Household.id, Household.alias_of)
        .join(Guardian, col(Guardian.id) == col(ContactPoint.guardian_id))
        .join(Household, col(Household.id) == col(Guardian.household_id))
        .where(
            col(ContactPoint.invalid_since).is_(None),
            col(ContactPoint.address_blind).in_(select(Subscriber.address_blind)),
        )
    ):
        homes[channel, blind].add(alias_of or household_id or 0)
    return homes


def _counted(came: Iterable[tuple[str, bytes]], homes: dict[tuple[str, bytes], set[int]]) -> dict[str, int]:
    people = set(came)
    channels = Counter(channel for channel, _ in people)
    return {
        "telegram_starts": channels[str(ChannelKind.TELEGRAM)],
        "whatsapp_openings": channels[str(ChannelKind.WHATSAPP)],
        "families": len({home for one in people for home in homes.get(one, ())}),
    }
