"""What a preview shows is what the providers received, byte for byte, whatever the register holds.

A tenth of the families by default; FULL_RENDERING=1 takes all ten thousand. Households in the database go through the outbox and
the real drain, over HTTP, to the simulated Telegram and Twilio; their WhatsApp templates are registered there by the real client.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import cycle, islice
from random import Random

import pytest
from sqlmodel import Session, col, select

from broadcaster.audience.previews import household_preview
from broadcaster.channels.protocol import TemplateSpec
from broadcaster.channels.village_list import VillageListChannel
from broadcaster.clock import FixedClock
from broadcaster.delivery.drain import Sending, drain
from broadcaster.domain.card import CardKind, CardStatus, Occasion
from broadcaster.domain.message import ChannelKind, Status
from broadcaster.outbox.record import CodeClass
from broadcaster.outbox.service import NewMessage, enqueue, thaw
from broadcaster.rendering.previews import Shown
from broadcaster.rendering.provider import template_request
from broadcaster.rendering.queries import Version, latest, templates
from broadcaster.rendering.service import load_content, record_provider_template
from broadcaster.settings import Mode, Settings
from broadcaster.shipped import content_dir
from broadcaster.simulator.store import Text
from broadcaster.storage import tables
from broadcaster.storage.database import Database
from tests import make
from tests.integration.channels.world import World, world

FULL = os.environ.get("FULL_RENDERING") == "1"
HOUSEHOLDS = 10_000 if FULL else 1_000
#: Monday 09:00 in the office.
NOW = datetime.fromisoformat("2026-10-05T09:00:00+07:00")
TODAY = date(2026, 10, 5)

#: Names as spreadsheets, jokers and attackers write them.
NAMES = (
    "RIZKI", "SRI WAHYUNI", "A" * 60, "Muhammad-" + "abcdefghij " * 5, "NUR'AINI", "NUR’AINI", "O`Brien \"Bud\" “Budi”",
    "{{1}}", "BUDI {{1}} {{2}}", "{anak}", "{ortu} {tempat}", "${HOME} %s {0} {}", "<b>SITI</b>", "<script>alert(1)</script>",
    "&lt;br&gt; &amp;", "😀 BUDI 👨‍👩‍👧", "😀", "❤️", "BARIS\nDUA", "BARIS\r\n\r\nDUA", "TAB\tTAB\x0b\x0c",
    "\x00\x07\x1b[31mMERAH",
    "\u202eKIDUB\u202c", "\u200f\u200eALI\u200b", "محمد", "משה", "李小龙", "Ðorđe Żółć", "é", "e\u0301", "\u0301\u0302ACIL",
    "Z\u0351\u036b\u0343A\u0321L\u0321G\u0321O", "*TEBAL* _miring_ ~coret~ `kode` ```blok```", "> KUTIP", "- daftar", "1. RIZKI",
    "https://contoh.id/klik", "www.contoh.com", "akun@contoh.id", "-", "...", "12345", " ",
    "\u00a0\u2003 SPASI     LEBAR \u2028BARIS",
    "M. RIZKI", "AL FATIH AKBAR", "€URO [KURUNG] ^ { } \\ ~ |", "Yth. Bapak/Ibu", "Tekan \"Berhenti\" opt_out:1", "STOP",
    "RIZKI dan BUDI", "BUDI, S.Pd., M.M.", "\ufeffBOM", "𝓡𝓲𝔃𝓴𝓲", "x" * 200, "\U000e0041\U000e0042TAG", "CR\rLF", "¿ÑÄÖÜàèìòùçßΔ?",
)  # fmt: skip
VILLAGES = (
    {"code": "17.03.07.1015", "name": "Gunung Alam", "kind": "kelurahan"},
    {"code": "17.03.01.2002", "name": "Malakoni", "kind": "desa", "kecamatan": "Enggano", "capacity_place": "enggano"},
    {"code": "17.03.05.2009", "name": "Air Ba'us *I*", "kind": "desa", "kecamatan": "Kerkap"},
)
#: Occasion -> age in days of its child, kind and status of the card it is about.
CARDS: Mapping[str, tuple[int, CardKind, CardStatus]] = {
    Occasion.NEWBORN: (20, CardKind.NO_PHOTO, CardStatus.NOT_REGISTERED),
    Occasion.NO_CARD_UNDER_5: (800, CardKind.NO_PHOTO, CardStatus.NOT_REGISTERED),
    Occasion.TURNING_FIVE: (1790, CardKind.PHOTO, CardStatus.NOT_REGISTERED),
    Occasion.NO_CARD_5_TO_16: (3000, CardKind.PHOTO, CardStatus.NOT_REGISTERED),
    Occasion.PRINTED_UNCOLLECTED: (900, CardKind.NO_PHOTO, CardStatus.PRINTED),
    Occasion.EXPIRED_AT_FIVE: (1860, CardKind.PHOTO, CardStatus.NOT_REGISTERED),
    Occasion.TURNING_SEVENTEEN: (6150, CardKind.PHOTO, CardStatus.COLLECTED),
}
_BESIDE = {  # a second card that the occasion needs
    Occasion.TURNING_FIVE: (CardKind.NO_PHOTO, CardStatus.COLLECTED),
    Occasion.EXPIRED_AT_FIVE: (CardKind.NO_PHOTO, CardStatus.COLLECTED),
}


@dataclass(frozen=True)
class Household:
    """`addresses`: channel -> address."""

    id: int
    key: str
    addresses: Mapping[ChannelKind, str]


@pytest.mark.slow
@pytest.mark.timeout(3600 if FULL else 300)
def test_what_a_preview_shows_is_what_the_providers_received(sqlite_db: Database) -> None:
    _compare(sqlite_db, HOUSEHOLDS)


def test_it_is_the_same_on_either_database(db: Database) -> None:
    _compare(db, 2 * len(NAMES))


def _compare(db: Database, number: int) -> None:
    received, households = asyncio.run(_send(db, number))
    wrong = []
    seen = set()
    for household in households:
        with db.read() as session:
            found = household_preview(session, db.sealer, household.key, household.id, TODAY, NOW)
        assert found.due, household
        for shown in found.channels:
            assert {warning.code for warning in shown.warnings} <= {"length"}
            text = received[shown.channel, household.addresses[shown.channel]]
            seen.add((shown.channel, household.key))
            if (_bytes(shown), _buttons(shown)) != (text.text.encode(), _received_buttons(text)):
                wrong.append((household, shown.text, text.text))
    assert wrong == []
    assert len(received) == number * len(ChannelKind)
    assert len(seen) >= len(ChannelKind), "every channel was compared"


def _bytes(shown: Shown) -> bytes:
    return shown.text.encode()


def _buttons(shown: Shown) -> list[tuple[str, str]]:
    return [(button.title, button.intent) for button in shown.buttons]


def _received_buttons(text: Text) -> list[tuple[str, str]]:
    return [(title, data.partition(":")[0]) for title, data in text.buttons]


async def _send(db: Database, number: int) -> tuple[dict[tuple[ChannelKind, str], Text], list[Household]]:
    """Everything through the outbox and out; what arrived, by channel and address, and who was written to."""
    async with world() as here:
        with db.write() as session:
            make.installation(session)
            make.facts(session)
            load_content(session, content_dir(), NOW)
            for channel, idr in (("whatsapp", 700), ("sms", 350)):
                session.add(tables.Price(channel=channel, idr=idr))
        versions = await _approved(db, here)
        with db.write() as session:
            households = _office(session, db, versions, number)
        with ThreadPoolExecutor(1) as writer:
            sending = Sending(
                db=db, settings=Settings(mode=Mode.LIVE, household_cap=50), clock=FixedClock(NOW),
                channels={ChannelKind(name): channel for name, channel in here.channels.by_name.items()}
                | {ChannelKind.VILLAGE_LIST: VillageListChannel()},
                classify=lambda channel, code, receipt: CodeClass("permanent", 1), writer=writer, holder="rendering",
            )  # fmt: skip
            with db.read() as session:
                senders = [row.id or 0 for row in session.exec(select(tables.Sender))]
            for sender in senders:
                await drain(sending, sender, asyncio.Event())
        texts = {(ChannelKind(text.channel), text.to): text for text in here.sim.store.texts}
        assert len(texts) == len(here.sim.store.texts), "nobody got a text twice"
    return texts | _listed(db), households


async def _approved(db: Database, here: World) -> list[Version]:
    """The shipped campaign messages, each registered with the provider by the real client and approved there."""
    with db.read() as session:
        wanted = [version for version in templates(session) if version.occasions]
    for version in wanted:
        request = template_request(version)
        assert request is not None
        spec = TemplateSpec(
            request.name, request.language, request.body, request.samples, request.buttons, request.category
        )
        sid = await here.channels.whatsapp.create_template(spec)
        await here.channels.whatsapp.request_approval(sid, request.name, request.category)
        state = await here.channels.whatsapp.approval(sid)
        with db.write() as session:
            record_provider_template(session, version.id, "twilio", sid, state.status, state.category, NOW)
    with db.read() as session:
        return [latest(session, version.key) for version in wanted]


def _office(session: Session, db: Database, versions: Sequence[Version], number: int) -> list[Household]:
    """Households with hostile names, each with a message on every channel; the messages take turns."""
    campaign = make.campaign(session)
    cohort = make.cohort(session, campaign)
    for channel in ChannelKind:
        make.sender(session, channel, pace=2000, daily_tier=10**6)
    homes = [make.village(session, **village) for village in VILLAGES]
    for home in homes:
        make.visit(session, home.code, NOW.date())
    turns = [(version, occasion) for version in versions for occasion in version.occasions]
    chance = Random(number)
    made = []
    for index, (version, occasion) in enumerate(islice(cycle(turns), number)):
        home = make.household(session, db.sealer, village=homes[index % len(homes)])
        parent = make.guardian(session, db.sealer, home, name=_name(chance))
        lines = [_child(session, db, home, Occasion(occasion), _name(chance), place) for place in range(1 + index % 3)]
        addresses = {
            channel: f"{81_200_000_000 + index}" if channel is ChannelKind.TELEGRAM else f"+62{81_300_000_000 + index}"
            for channel in (ChannelKind.TELEGRAM, ChannelKind.WHATSAPP, ChannelKind.SMS)
        }
        for channel, address in addresses.items():
            make.contact(session, db.sealer, parent, channel, address, shared=index % 10 == 9)
        addresses[ChannelKind.VILLAGE_LIST] = f"{home.village_id}/{home.id}"
        enqueue(
            session,
            [
                _message(session, db, channel, address, home, campaign, cohort, version, occasion, lines)
                for channel, address in addresses.items()
            ],
            NOW,
        )
        made.append(Household(home.id or 0, version.key, addresses))
    return made


def _name(chance: Random) -> str:
    """One of the names, or several in one cell, or one with its letters in another order."""
    name = chance.choice(NAMES)
    turn = chance.randrange(4)
    if turn == 0:
        return f"{name}{chance.choice(' -/')}{chance.choice(NAMES)}"
    return "".join(chance.sample(name, len(name))) if turn == 1 else name


def _child(
    session: Session, db: Database, home: tables.Household, occasion: Occasion, name: str, place: int
) -> tuple[int, int, str]:
    """A child for whom the occasion holds, as the line of a message. Siblings are days apart, so the order is theirs."""
    age, kind, status = CARDS[occasion]
    child = make.child(
        session, db.sealer, home, born=TODAY - timedelta(days=age + place), name=name, card=status, kind=kind
    )
    card = make.card_of(session, child)
    if occasion in _BESIDE:
        beside_kind, beside_status = _BESIDE[occasion]
        make.card(session, child, kind=beside_kind, status=beside_status)
    return child.id or 0, card.id or 0, str(occasion)


def _message(
    session: Session,
    db: Database,
    channel: ChannelKind,
    address: str,
    home: tables.Household,
    campaign: tables.Campaign,
    cohort: tables.Cohort,
    version: Version,
    occasion: str,
    children: Sequence[tuple[int, int, str]],
) -> NewMessage:
    return NewMessage(
        dedupe_key=f"{home.id}/{channel}", address_key=f"{channel}/{address}",
        sender_id=make.sender(session, channel).id or 0, channel=channel,
        sealed_address=db.sealer.seal("address", address), address_blind=db.sealer.blind("address", address),
        household_id=home.id or 0, campaign_id=campaign.id or 0, cohort_id=cohort.id or 0, step=version.key, hop=0,
        template_version_id=version.id, due_at=NOW, expires_at=NOW + timedelta(days=1), children=children,
    )  # fmt: skip


def _listed(db: Database) -> dict[tuple[ChannelKind, str], Text]:
    """The officer's lines: no network takes part, so what counts is the body frozen at the intent."""
    lines = {}
    with db.read() as session:
        rows = session.exec(
            select(tables.Message)
            .where(tables.Message.channel == "village_list", tables.Message.status == Status.ACCEPTED)
            .order_by(col(tables.Message.id))
        )
        for row in rows:
            address = db.sealer.open("address", row.sealed_address)
            assert row.sealed_body is not None
            body = thaw(db.sealer.open("body", row.sealed_body), reference="", address=address)
            lines[ChannelKind.VILLAGE_LIST, address] = Text(0, "village_list", "", "", address, body.text, NOW, ())
    return lines
