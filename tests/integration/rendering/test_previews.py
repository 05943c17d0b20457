"""What a preview says of each channel: cost, size, what it drops or changes, and what holds the text back."""

from __future__ import annotations

from datetime import date, datetime

import pytest
from sqlmodel import Session

from broadcaster.audience.previews import household_preview
from broadcaster.channels.protocol import Button
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import NotFound
from broadcaster.office.service import set_price
from broadcaster.rendering.catalogue import examples, variables
from broadcaster.rendering.previews import Preview, Shown, To, previewed, sample_preview
from broadcaster.rendering.queries import Version, templates
from broadcaster.rendering.samples import SAMPLES
from broadcaster.rendering.service import load_content
from broadcaster.rendering.source import MESSAGE_PURPOSES
from broadcaster.shipped import content_dir
from broadcaster.storage.database import Database
from tests import make

KEY = "ambil-kartu-1"


@pytest.fixture
def office(db: Database, now: datetime) -> Database:
    with db.write() as session:
        make.facts(session)
        load_content(session, content_dir(), now)
    for channel, idr in (("whatsapp", 700), ("sms", 350)):
        set_price(db, channel, idr, by="sistem", now=now)
    return db


def _on(preview: Preview, channel: str) -> Shown:
    return next(shown for shown in preview.channels if shown.channel == channel)


def _codes(shown: Shown) -> list[str]:
    return [change.code for change in shown.changes]


def _of(session: Session, texts: dict[str, str], *, buttons: int = 0, **values: str) -> Preview:
    version = Version(
        1, "x", "X", "campaign", "utility", texts, tuple(Button(f"Tombol {n}", "opt_out") for n in range(buttons)), ()
    )
    return previewed(session, version, dict.fromkeys(ChannelKind, To({**examples(variables()), **values})))


def test_an_sms_costs_by_the_part_and_a_chat_by_the_message(office: Database, today: date) -> None:
    with office.read() as session:
        one = sample_preview(session, KEY, "satu-anak", today)
        long = _of(session, {"sms": "a" * 161, "whatsapp": "a" * 900, "telegram": "a"})
    sms, whatsapp, telegram = _on(long, "sms"), _on(long, "whatsapp"), _on(long, "telegram")
    assert (sms.segments, sms.units, sms.encoding, sms.price_idr, sms.cost_idr) == (2, 161, "gsm7", 350, 700)
    assert (whatsapp.segments, whatsapp.encoding, whatsapp.cost_idr) == (1, None, 700)
    assert (telegram.segments, telegram.cost_idr) == (1, 0)
    assert "dihitung 2 SMS" in sms.warnings[0].message
    assert one.channels[0].channel is ChannelKind.TELEGRAM
    assert one.without_text == ()


def test_an_odd_sign_makes_an_sms_dear_and_is_named(office: Database) -> None:
    with office.read() as session:
        sms = _on(_of(session, {"sms": "Kartu 李 " + "a" * 70}), "sms")
    assert (sms.encoding, sms.units, sms.segments) == ("ucs2", 78, 2)
    assert "李" in sms.warnings[0].message


def test_what_a_channel_drops_or_changes_is_said(office: Database) -> None:
    text = "*Salam* “{anak}” – {ortu}…"
    with office.read() as session:
        found = _of(session, dict.fromkeys(ChannelKind, text), buttons=4)
    assert _codes(_on(found, "telegram")) == ["formatting_literal"]
    assert _codes(_on(found, "whatsapp")) == ["buttons_folded", "formatted"]
    assert _codes(_on(found, "sms")) == ["buttons_dropped", "signs_replaced", "formatting_literal"]
    assert _codes(_on(found, "village_list")) == ["buttons_dropped", "formatting_literal"]
    sms = _on(found, "sms")
    assert sms.text == '*Salam* "Rizki" - Bapak/Ibu Sri Wahyuni...'
    assert "“ ” – …" in sms.changes[1].message
    assert (sms.buttons, len(_on(found, "telegram").buttons)) == ((), 4)


def test_an_ordinary_text_has_nothing_to_say(office: Database) -> None:
    with office.read() as session:
        found = _of(session, {"telegram": "Salam dari {kantor}. Kartu {anak} sudah jadi."})
    assert (found.channels[0].changes, found.channels[0].warnings) == ((), ())


def test_an_empty_fact_is_shown_as_its_example_and_holds_the_text_back(
    db: Database, now: datetime, today: date
) -> None:
    with db.write() as session:
        make.facts(session, tempat_ambil="")
        load_content(session, content_dir(), now)
        sms = _on(sample_preview(session, KEY, "satu-anak", today), "sms")
        island = _on(sample_preview(session, KEY, "enggano", today), "sms")
    assert variables()["tempat"].example in sms.text
    assert any("office set tempat_ambil" in warning.message for warning in sms.warnings)
    assert any("harga.sms" in warning.message for warning in sms.warnings)
    assert "kantor Camat Enggano" in island.text
    assert not any("tempat_ambil" in warning.message for warning in island.warnings)


def test_a_template_that_meta_has_not_approved_is_said_to_wait(office: Database, today: date) -> None:
    with office.read() as session:
        found = sample_preview(session, KEY, "satu-anak", today)
        answer = sample_preview(session, "answer:where_when", "satu-anak", today)
    assert [warning.code for warning in _on(found, "whatsapp").warnings] == ["template_not_approved"]
    assert _on(answer, "whatsapp").warnings == ()
    assert [shown.channel for shown in answer.channels] == ["telegram", "whatsapp"]
    assert answer.without_text == ()


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.key)
def test_every_message_can_be_looked_at_for_every_sample(office: Database, today: date, sample) -> None:
    with office.read() as session:
        found = [
            sample_preview(session, version.key, sample.key, today)
            for version in templates(session, (*MESSAGE_PURPOSES, "answer"))
        ]
        with pytest.raises(NotFound, match="maksudnya"):
            sample_preview(session, KEY, sample.key[:-1], today)
    texts = [shown.text for preview in found for shown in preview.channels]
    assert all(preview.channels and preview.sample == sample.key for preview in found)
    assert not any(f"{{{name}}}" in text for name in variables() for text in texts)
    named = [text for text in texts if sample.parent.title() in text]
    assert bool(named) is not sample.shared


def test_samples_speak_of_the_age_the_message_is_about(office: Database, today: date) -> None:
    with office.read() as session:
        soon = _on(sample_preview(session, "menjelang-lima-1", "tiga-anak", today), "telegram").text
        over = _on(sample_preview(session, "habis-masa-berlaku-1", "satu-anak", today), "telegram").text
    assert "Siti, Budi dan M. Arif" in soon
    assert "10 November 2026" in soon
    assert "1 September 2026" in over


def test_a_household_gets_its_due_children_and_its_own_addresses(office: Database, today: date, now: datetime) -> None:
    with office.write() as session:
        family = make.family(session, office.sealer, channels=("whatsapp",))
        make.child(session, office.sealer, family.household, name="PUTRI", card="collected")
        other = make.household(session, office.sealer, alias_of=family.household)
        found = household_preview(session, office.sealer, KEY, family.household.id or 0, today, now)
        merged = household_preview(session, office.sealer, KEY, other.id or 0, today, now)
        later = household_preview(session, office.sealer, "menjelang-lima-1", family.household.id or 0, today, now)
        answer = household_preview(session, office.sealer, "answer:where_when", family.household.id or 0, today, now)
        with pytest.raises(NotFound, match="999"):
            household_preview(session, office.sealer, KEY, 999, today, now)
    assert "atas nama Rizki sudah" in _on(found, "telegram").text
    assert [(shown.channel, shown.reached) for shown in found.channels] == [
        ("telegram", False), ("whatsapp", True), ("sms", False), ("village_list", True),
    ]  # fmt: skip
    assert (found.due, later.due, answer.due) == (True, False, None)
    assert (merged.household, merged.channels) == (family.household.id, found.channels)
    assert "Rizki dan Putri" in _on(later, "telegram").text


def test_a_shared_number_is_neutral_on_its_own_channel_only(office: Database, today: date, now: datetime) -> None:
    with office.write() as session:
        family = make.family(session, office.sealer, channels=())
        make.contact(session, office.sealer, family.guardian, "whatsapp", "+6281100001111", shared=True)
        make.contact(session, office.sealer, family.guardian, "telegram", "900100")
        unnamed = make.family(session, office.sealer, child_name="12345")
        found = household_preview(session, office.sealer, KEY, family.household.id or 0, today, now)
        odd = household_preview(session, office.sealer, KEY, unnamed.household.id or 0, today, now)
    assert _codes(_on(found, "whatsapp")) == ["names_neutral"]
    assert "Rizki" not in _on(found, "whatsapp").text
    assert _codes(_on(found, "telegram")) == []
    assert "Rizki" in _on(found, "telegram").text
    assert _codes(_on(odd, "telegram")) == ["name_unknown"]
    assert "anak Bapak/Ibu" in _on(odd, "telegram").text
