"""The library as a whole: every occasion has its message, alternatives are fair, and everything fits and reads well."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broadcaster.domain.card import Occasion
from broadcaster.rendering.catalogue import examples, longest, neutral, variables
from broadcaster.rendering.rules import BUTTON_TITLE, TELEGRAM_TEXT, WHATSAPP_BODY, fill, placeholders, segments
from broadcaster.rendering.source import ANNOUNCEMENT_PREFIX, MEDIA, Source, read
from broadcaster.shipped import content_dir


def _source(path: Path, prefix: str = "") -> Source:
    source, problems = read(prefix + path.stem, path.read_text(encoding="utf-8"))
    assert source is not None, problems
    return source


MESSAGES = {path.stem: _source(path) for path in sorted((content_dir() / "messages").glob("*.toml"))}
VARIANTS = {key: source for key, source in MESSAGES.items() if source.variant_of}
STEPS = ("ambil-kartu-1", "ambil-kartu-2", "ambil-kartu-3")
ANNOUNCEMENTS = sorted((content_dir() / "announcements").glob("*.toml"))

#: An SMS that must name a place beside the child or the day is one part for two children and a usual place; else two.
WITH_PLACE = frozenset({"ambil-kartu-1", "ambil-kartu-1-b", "ambil-kartu-2", "ambil-kartu-2-b", "jemput-bola-1"})
#: A newsreader says about 150 words a minute; a telephone number is said sign by sign.
RADIO_WORDS = 75

each = pytest.mark.parametrize("key", MESSAGES)
by_sms = pytest.mark.parametrize("key", [key for key, source in MESSAGES.items() if "sms" in source.texts])


@pytest.mark.parametrize("occasion", Occasion)
def test_every_occasion_has_a_message_of_its_own(occasion: Occasion) -> None:
    campaigns = [source for source in MESSAGES.values() if source.purpose == "campaign"]
    assert any(source.occasions == (occasion,) for source in campaigns)


def test_thanks_an_apology_and_the_invitations_are_there() -> None:
    assert MESSAGES["terima-kasih-1"].purpose == "thanks"
    assert MESSAGES["maaf-1"].purpose == "correction"
    assert {"layanan-whatsapp-1", "jemput-bola-1", "masuk-sekolah-1"} <= MESSAGES.keys()


@pytest.mark.parametrize("channel", ["telegram", "whatsapp", "sms"])
def test_three_steps_for_a_waiting_card_say_three_things(channel: str) -> None:
    texts = [MESSAGES[key].texts[channel] for key in STEPS]
    assert len(set(texts)) == len(STEPS)
    assert ["pengingat terakhir" in text for text in texts] == [False, False, True]


def test_the_last_step_promises_silence_and_offers_the_village_registrar() -> None:
    text = MESSAGES[STEPS[-1]].texts["whatsapp"]
    assert "tidak akan mengingatkan lagi" in text
    assert "petugas registrasi" in text


def test_an_apology_names_no_child() -> None:
    assert "anak" not in MESSAGES["maaf-1"].variables


@pytest.mark.parametrize("key", VARIANTS)
def test_an_alternative_differs_in_its_words_alone(key: str) -> None:
    variant, base = VARIANTS[key], MESSAGES[VARIANTS[key].variant_of]
    assert key == f"{base.key}-b"
    assert (variant.purpose, variant.category, variant.occasions, variant.buttons) == (
        base.purpose, base.category, base.occasions, base.buttons,
    )  # fmt: skip
    assert set(variant.variables) == set(base.variables)
    assert all(variant.texts[channel] != base.texts[channel] for channel in base.texts)


def test_the_messages_that_are_compared_have_an_alternative() -> None:
    assert {source.variant_of for source in VARIANTS.values()} == {
        "ambil-kartu-1", "ambil-kartu-2", "belum-punya-balita-1", "belum-punya-usia-sekolah-1", "menjelang-lima-1",
    }  # fmt: skip


@by_sms
def test_an_sms_is_one_part_at_the_longest_values(key: str) -> None:
    values = longest(variables())
    if key in WITH_PLACE:
        values = {**examples(variables()), "anak": "Muhammad dan Siti"}
    found = segments(fill(MESSAGES[key].texts["sms"], values))
    assert (found.encoding, found.segments) == ("gsm7", 1), found


@by_sms
def test_no_sms_is_more_than_two_parts(key: str) -> None:
    assert segments(fill(MESSAGES[key].texts["sms"], longest(variables()))).segments <= 2


@each
def test_whatsapp_and_telegram_hold_the_longest_values(key: str) -> None:
    texts = MESSAGES[key].texts
    assert len(fill(texts["whatsapp"], longest(variables()))) <= WHATSAPP_BODY
    assert len(fill(texts.get("telegram", ""), longest(variables()))) <= TELEGRAM_TEXT
    assert all(0 < len(title) <= BUTTON_TITLE for title, _ in MESSAGES[key].buttons)


@each
def test_no_sentence_begins_with_a_value_that_may_be_in_small_letters(key: str) -> None:
    small = {
        name for name, variable in variables().items()
        if any(value[:1].islower() for value in (variable.shortest, variable.longest, variable.example, variable.fallback))
    }  # fmt: skip
    assert {"anak", "tempat"} <= small
    for text in MESSAGES[key].texts.values():
        assert not small & set(re.findall(r"(?:^|[.!?]\s+|\n)\{(\w+)\}", text))


@each
def test_a_shared_telephone_is_never_read_twice_as_a_child(key: str) -> None:
    for text in MESSAGES[key].texts.values():
        assert not re.search(r"\banak anak\b", fill(text, neutral(variables())), re.IGNORECASE)


@each
def test_staff_are_told_when_to_use_it(key: str) -> None:
    assert len(MESSAGES[key].notes.split()) >= 8


def test_the_page_that_helps_to_choose_lists_every_message_and_its_category() -> None:
    page = (content_dir() / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| [^|]+ \| `([\w-]+)` \| (?:`([\w-]+)`)? ?\| (\w+) \|$", page, re.MULTILINE)
    listed = {key: category for key, _, category in rows} | {
        variant: category for _, variant, category in rows if variant
    }
    assert listed == {key: source.category for key, source in MESSAGES.items()}


@pytest.mark.parametrize("path", ANNOUNCEMENTS, ids=lambda path: path.stem)
def test_an_announcement_says_who_writes_what_is_never_asked_and_where_to_check(path: Path) -> None:
    texts = _source(path, ANNOUNCEMENT_PREFIX).texts
    assert set(texts) == set(MEDIA)
    for text in texts.values():
        assert set(placeholders(text)) <= {"kantor", "nomor_wa", "nomor_layanan", "jam"}, "it is read everywhere"
        filled = fill(text, examples(variables()))
        assert variables()["kantor"].example in filled.split("\n")[0]
        assert variables()["nomor_wa"].example in filled
        assert re.search(r"tidak pernah meminta NIK, kode OTP, foto, atau uang", filled, re.IGNORECASE)
        assert "kantor desa" in filled
        assert "Kartu Identitas Anak (KIA)" in filled
    assert len(fill(texts["radio"], examples(variables())).split()) + len("081173001234") <= RADIO_WORDS
