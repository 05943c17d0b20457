"""The office's texts as they ship: every rule holds, for families as they occur."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broadcaster.domain.message import ChannelKind
from broadcaster.rendering.catalogue import examples, longest, neutral, variables
from broadcaster.rendering.lint import NAMES, check
from broadcaster.rendering.rules import BUTTON_INTENTS, fill, segments
from broadcaster.rendering.source import ANSWERS as CHECKED_ANSWERS
from broadcaster.rendering.source import Source, read
from broadcaster.replies.answer_rules import ANSWERS, MOMENTS, OF_OCCASION
from broadcaster.replies.reading import shipped_words
from broadcaster.shipped import content_dir

USUAL = examples(variables())
#: One child, two, a long name, an island, a telephone that several families share.
FAMILIES = tuple(
    {**USUAL, **family}
    for family in (
        {},
        {"ortu": "Bapak/Ibu Eko Purnomo", "anak": "Siti dan Budi", "desa": "Desa Air Ba'us I"},
        {"ortu": "Bapak/Ibu Muhammad Taufik Hidayat", "anak": "Muhammad", "desa": "Kelurahan Lubuk Durian"},
        {"ortu": "Bapak/Ibu Marlina", "anak": "Yohana", "desa": "Desa Malakoni", "tempat": "kantor Camat Enggano"},
        {"ortu": "Bapak/Ibu", "anak": "anak Bapak/Ibu", "desa": "Desa Tanjung Harapan"},
    )
)
MESSAGES = sorted((content_dir() / "messages").glob("*.toml"))
#: WhatsApp alone has an end of the conversation, so only WhatsApp needs this text.
WHATSAPP_ONLY = {"sapa-kembali-1"}
EVERYWHERE = [path for path in MESSAGES if path.stem not in WHATSAPP_ONLY]
ANSWER_FILES = sorted((content_dir() / "answers").glob("*.toml"))


def _source(path: Path, prefix: str = "") -> Source:
    source, problems = read(f"{prefix}{path.stem}", path.read_text(encoding="utf-8"))
    assert source is not None, problems
    return source


def test_nothing_shipped_has_a_finding() -> None:
    assert check(content_dir()) == []


def test_the_promised_messages_are_there_with_every_channel() -> None:
    keys = {path.stem for path in MESSAGES}
    assert keys == {
        "ambil-kartu-1", "ambil-kartu-1-b", "ambil-kartu-2", "ambil-kartu-2-b", "ambil-kartu-3",
        "belum-punya-balita-1", "belum-punya-balita-1-b", "belum-punya-kartu-1", "belum-punya-usia-sekolah-1",
        "belum-punya-usia-sekolah-1-b", "habis-masa-berlaku-1", "jemput-bola-1", "lahir-baru-1", "layanan-whatsapp-1",
        "maaf-1", "masuk-sekolah-1", "menjelang-lima-1", "menjelang-lima-1-b", "menjelang-tujuh-belas-1",
        "sapa-kembali-1", "terima-kasih-1",
    }  # fmt: skip
    for path in EVERYWHERE:
        assert set(_source(path).texts) == set(ChannelKind)


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda path: path.stem)
@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family["anak"])
def test_an_sms_fits_one_segment_for_usual_families(path: Path, family: dict[str, str]) -> None:
    found = segments(fill(_source(path).texts["sms"], family))
    assert (found.encoding, found.segments) == ("gsm7", 1), found


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_whatsapp_has_room_for_long_values(path: Path) -> None:
    assert len(fill(_source(path).texts["whatsapp"], longest(variables()))) <= 1024


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda path: path.stem)
@pytest.mark.parametrize("channel", sorted(ChannelKind))
def test_a_family_on_the_island_is_never_sent_to_the_mainland(path: Path, channel: str) -> None:
    island = {**USUAL, "tempat": "kantor Camat Enggano", "desa": "Desa Malakoni"}
    assert "Arga Makmur" not in fill(_source(path).texts[channel], island)


@pytest.mark.parametrize("path", EVERYWHERE, ids=lambda path: path.stem)
@pytest.mark.parametrize("channel", sorted(ChannelKind))
def test_a_shared_telephone_reads_well_and_names_nobody(path: Path, channel: str) -> None:
    text = fill(_source(path).texts[channel], neutral(variables()))
    assert "Rizki" not in text
    assert "Sri" not in text
    assert "Bapak/Ibu Bapak/Ibu" not in text


def test_every_automatic_answer_has_its_text() -> None:
    have = {path.stem for path in ANSWER_FILES}
    cases = {name for name, _ in shipped_words().cases}
    need = set(ANSWERS.values()) | MOMENTS | cases | set(OF_OCCASION.values())
    assert have == need == CHECKED_ANSWERS


@pytest.mark.parametrize("path", ANSWER_FILES, ids=lambda path: path.stem)
def test_an_answer_needs_office_facts_alone(path: Path) -> None:
    source = _source(path, "answer:")
    assert all(variables()[name].source == "office" for name in source.variables)
    assert len(fill(source.texts["whatsapp"], USUAL)) <= 1024


@pytest.mark.parametrize("name", ["stop", "how_to_stop"])
def test_a_stop_is_confirmed_even_while_office_facts_are_empty(name: str) -> None:
    source = _source(content_dir() / "answers" / f"{name}.toml", "answer:")
    assert source.variables == ()
    assert "MULAI" in source.texts["telegram"]


def test_the_page_for_the_office_lists_every_placeholder_and_every_rule() -> None:
    page = (Path(__file__).parents[3] / "docs" / "texts.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `\{(\w+)\}` \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE))
    assert rows == {name: variable.meaning for name, variable in variables().items()}
    assert [name for name in NAMES if f"`{name}`" not in page] == []
    assert all(f"`{intent}`" in page for intent in BUTTON_INTENTS)
