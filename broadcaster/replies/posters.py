"""Making links: for one household, for a campaign, for a place with its poster; and what a poster says. The page itself is drawn
in `poster_pdf`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from broadcaster.domain.phone import local_form, read_phone
from broadcaster.domain.place import Place
from broadcaster.errors import BadInput, Blocked, NotFound
from broadcaster.office.queries import facts, require
from broadcaster.office.rules import SYSTEM, fact_of
from broadcaster.office.service import audit
from broadcaster.registry.chats import household_ids
from broadcaster.rendering.rules import fill
from broadcaster.replies import links
from broadcaster.replies.places import kind_of, named, village_of
from broadcaster.replies.wording import TEXTS, PosterWords
from broadcaster.storage.database import Database
from broadcaster.storage.sealed import Sealer
from broadcaster.storage.tables import Campaign, Guardian, LinkToken, Poster, TelegramBot, Village

MAY_MAKE = ("operator", "head", "admin")
_MOST_PLACE = 60  # characters: it stands on one line at the foot of the poster
_NEEDED = ("nama_kantor", "jam_layanan", "nomor_wa_layanan")


@dataclass(frozen=True)
class Ways:
    """How people can come to us: the bot's username and the WhatsApp number (E.164), "" where that channel is not set up."""

    bot: str = ""
    whatsapp: str = ""


@dataclass(frozen=True)
class HouseholdLink:
    """A link for one letter. The token is shown this once; only its index is kept."""

    token: str
    expires_at: datetime


@dataclass(frozen=True)
class Made:
    """A poster and its token; `new` is false when the place had one already."""

    place: str  # as lists show it
    location: str  # as the poster says it
    ask_at: str  # where people here can ask
    village: Place | None
    token: str
    new: bool


@dataclass(frozen=True)
class WayIn:
    """One channel on a poster. `url` is what the code holds, `written` what stands below it."""

    channel: str
    name: str
    url: str
    caption: str
    written: str


@dataclass(frozen=True)
class Sheet:
    """Everything a poster says."""

    title: str
    office: str
    letterhead: tuple[str, ...]
    words: Mapping[str, str]
    ways: tuple[WayIn, ...]
    code: str
    texts: Mapping[str, str]  # for social media, the radio, an announcement


def make_household_link(db: Database, household_id: int, *, by: str, now: datetime) -> HouseholdLink:
    """A link that links one chat to this household, once, until it expires. Raises `NotFound`, `NotAllowed`."""
    token = links.new_household_token()
    with db.write() as session:
        by = _allowed(session, by)
        members = household_ids(session, household_id)
        guardian = select(Guardian.id).where(col(Guardian.household_id).in_(members))
        if not members or session.exec(guardian).first() is None:
            raise NotFound(f"Tidak ada keluarga nomor {household_id} dengan orang tua.", code="no_household")
        row = _add(session, db.sealer, token, by, now, household_id=members[0], expires_at=now + links.HOUSEHOLD_LIFE)
        audit(session, at=now, staff=by, action="link.made", entity=f"household:{members[0]}", data={"link": row.id})
    return HouseholdLink(token, now + links.HOUSEHOLD_LIFE)


def revoke_household_links(session: Session, household_id: int, now: datetime) -> int:
    """Links of a household that nobody has used are worth nothing from now on. Returns how many."""
    open_links = session.exec(
        select(LinkToken).where(
            col(LinkToken.household_id).in_(household_ids(session, household_id)),
            col(LinkToken.used_at).is_(None),
            col(LinkToken.revoked_at).is_(None),
        )
    ).all()
    for row in open_links:
        row.revoked_at = now
        session.add(row)
    session.flush()
    return len(open_links)


def make_campaign_link(db: Database, name: str, *, by: str, now: datetime) -> str:
    """The public token of a campaign, the same each time. Raises `NotFound`, `NotAllowed`."""
    with db.write() as session:
        by = _allowed(session, by)
        campaign = session.exec(select(Campaign).where(Campaign.name == name)).first()
        if campaign is None:
            raise NotFound(f"Tidak ada kampanye bernama {name}; lihat `broadcaster campaign list`.", code="no_campaign")
        known = session.exec(select(LinkToken.public).where(LinkToken.campaign_id == campaign.id)).first()
        if known:
            return known
        row = _add_public(session, db.sealer, by, now, campaign_id=campaign.id)
        audit(session, at=now, staff=by, action="link.made", entity=f"campaign:{campaign.id}", data={"link": row.id})
        return row.public


def make_poster(db: Database, *, desa: str, place: str, by: str, now: datetime, another: bool = False) -> Made:
    """The poster of a desa (its code), of a place, or of a place in a desa. The same place has the same token.

    `another`: one more poster of that place, with a token of its own. Raises `BadInput`, `NotAllowed`.
    """
    name = " ".join(place.split())
    if not name and not desa:
        raise BadInput("Tulis --desa KODE, --place NAMA, atau keduanya.", code="no_place")
    if len(name) > _MOST_PLACE:
        raise BadInput(
            f"Nama tempat {len(name)} huruf; paling banyak {_MOST_PLACE}, persingkat.", code="place_too_long"
        )
    with db.write() as session:
        by = _allowed(session, by)
        village = village_of(session, desa) if desa else None
        key = f"{village.code if village else ''}|{name.casefold()}"
        newest = session.exec(select(Poster).where(Poster.place_key == key).order_by(col(Poster.number).desc())).first()
        new = newest is None or another
        poster = newest
        if poster is None or another:
            poster = _add_poster(session, key, name, village, (newest.number if newest else 0) + 1, by, now)
            row = _add_public(session, db.sealer, by, now, poster_id=poster.id)
            audit(session, at=now, staff=by, action="poster.made", entity=f"poster:{poster.id}", data={"link": row.id})
        token = session.exec(select(LinkToken.public).where(LinkToken.poster_id == poster.id)).one()
        home = None if poster.village_id is None else session.get_one(Village, poster.village_id)
        return Made(
            place=named(poster, home), location=_location(poster.place, village), ask_at=_ask_at(village), village=village,
            token=token, new=new,
        )  # fmt: skip


def remember_bot(db: Database, bot_id: str, username: str, now: datetime, *, webhook: str | None = None) -> None:
    """Keep what Telegram said: the name is part of every link that is printed. `webhook`: what it has just been told to call."""
    with db.write() as session:
        row = session.exec(select(TelegramBot).where(TelegramBot.bot_id == bot_id)).first()
        row = row or TelegramBot(bot_id=bot_id, username=username, asked_at=now)
        row.username, row.asked_at = username, now
        row.webhook = row.webhook if webhook is None else webhook
        session.add(row)


def ready(session: Session, ways: Ways, village: Place | None) -> None:
    """Raises `Blocked` while an office fact is empty or no channel is set up: asked before a poster is made."""
    said = facts(session)
    empty = [key for key in (*_NEEDED, _counter(said, village)) if not said[key]]
    if empty:
        fixes = "; ".join(f'broadcaster office set {key} "{fact_of(key).example}"' for key in empty)
        raise Blocked(f"Poster belum dapat dibuat, isian kantor masih kosong. Jalankan: {fixes}", code="empty_fact")
    same_number(session, ways.whatsapp)
    if not ways.bot and not ways.whatsapp:
        raise Blocked(
            "Belum ada saluran untuk poster; isi BROADCASTER_TELEGRAM_TOKEN, atau kunci Twilio dengan "
            "BROADCASTER_TWILIO_WHATSAPP_FROM.",
            code="no_channel",
        )


def same_number(session: Session, whatsapp: str) -> None:
    """Raises `Blocked` when the number that the office announces is not the one that its messages come from (E.164, "" = none):
    people are told to compare them."""
    announced = facts(session)["nomor_wa_pengirim"]
    if announced and whatsapp and read_phone(announced).e164 != whatsapp:
        raise Blocked(
            f"Nomor WhatsApp pengirim di data kantor ({announced}) bukan nomor yang dipakai mengirim ({local_form(whatsapp)}). "
            f'Samakan: broadcaster office set nomor_wa_pengirim "{local_form(whatsapp)}", atau '
            "BROADCASTER_TWILIO_WHATSAPP_FROM.",
            code="number_differs",
        )


def sheet(session: Session, made: Made, ways: Ways, words: PosterWords) -> Sheet:
    """What the poster of a place says. Raises `Blocked` while an office fact is empty or no channel is set up."""
    ready(session, ways, made.village)
    said = facts(session)
    values = {
        "kantor": said["nama_kantor"],
        "tempat": said[_counter(said, made.village)],
        "jam": said["jam_layanan"],
        "nomor_layanan": _as_written(said["nomor_wa_layanan"]),
        "lokasi": made.location,
        "tempat_bertanya": made.ask_at,
        "kode": links.code(made.token),
        "kode_dieja": links.spelled(made.token),
    }
    found: list[WayIn] = []
    if ways.bot:
        url = links.telegram_link(ways.bot, made.token)
        values |= {"bot": ways.bot, "tautan_telegram": links.without_scheme(url)}
        found.append(_way("telegram", words.telegram, url, values))
    if ways.whatsapp:
        values["nomor_wa"] = local_form(ways.whatsapp)
        url = links.whatsapp_link(ways.whatsapp, fill(words.whatsapp["message"], values))
        values["tautan_wa"] = url
        found.append(_way("whatsapp", words.whatsapp, url, values))
    texts = {}
    for name in TEXTS:
        how = " ".join if name == "radio" else "\n".join
        came_by = how(fill(words.ways[name][way.channel], values) for way in found)
        texts[name] = fill(words.texts[name], {**values, "cara": came_by})
    return Sheet(
        title=f"{words.poster['headline']}: {made.place}",
        office=said["nama_kantor"],
        letterhead=words.letterhead,
        words={name: fill(text, values) for name, text in words.poster.items()},
        ways=tuple(found),
        code=links.code(made.token),
        texts=texts,
    )


def _way(channel: str, words: Mapping[str, str], url: str, values: Mapping[str, str]) -> WayIn:
    return WayIn(channel, words["name"], url, fill(words["caption"], values), fill(words["written"], values))


def _as_written(number: str) -> str:
    e164 = read_phone(number).e164
    return number if e164 is None else local_form(e164)


def _counter(said: Mapping[str, str], village: Place | None) -> str:
    """The fact that says where cards are served for this place: some counters have their own."""
    own = f"tempat_ambil.{village.capacity_place}" if village else ""
    return own if own in said else "tempat_ambil"


def _location(place: str, village: Place | None) -> str:
    desa = f"{kind_of(village.kind)} {village.name}, Kec. {village.kecamatan}" if village else ""
    return ", ".join(part for part in (place, desa) if part)


def _ask_at(village: Place | None) -> str:
    if village is None:
        return "kantor desa atau kelurahan"
    return "kantor lurah" if village.kind == "kelurahan" else "kantor desa"


def _add_poster(
    session: Session, key: str, name: str, village: Place | None, number: int, by: str, now: datetime
) -> Poster:
    village_id = None
    if village is not None:
        village_id = session.exec(select(Village.id).where(Village.code == village.code)).one()
    poster = Poster(place_key=key, number=number, place=name, village_id=village_id, made_at=now, made_by=by)
    session.add(poster)
    session.flush()
    return poster


def _add_public(
    session: Session,
    sealer: Sealer,
    by: str,
    now: datetime,
    *,
    poster_id: int | None = None,
    campaign_id: int | None = None,
) -> LinkToken:
    token = links.new_public_token()
    while session.exec(select(LinkToken.id).where(LinkToken.public == token)).first() is not None:
        token = links.new_public_token()
    return _add(session, sealer, token, by, now, public=token, poster_id=poster_id, campaign_id=campaign_id)


def _add(
    session: Session,
    sealer: Sealer,
    token: str,
    by: str,
    now: datetime,
    *,
    public: str = "",
    household_id: int | None = None,
    poster_id: int | None = None,
    campaign_id: int | None = None,
    expires_at: datetime | None = None,
) -> LinkToken:
    row = LinkToken(
        token_blind=sealer.blind("token", token), public=public, household_id=household_id, poster_id=poster_id,
        campaign_id=campaign_id, made_at=now, made_by=by, expires_at=expires_at,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def _allowed(session: Session, by: str) -> str:
    """The acting account's name; the command line on the server acts for the system."""
    return by if by == SYSTEM else require(session, by, MAY_MAKE).username
