"""The text files: read, refused with a place and a fix, written back."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.rendering.source import CHANNELS, Source, of_content, read, read_message, to_toml

GOOD = """\
title = "KIA sudah jadi"
purpose = "campaign"
category = "utility"
occasions = ["printed_uncollected"]
variables = ["anak"]

[[buttons]]
title = "Berhenti"
intent = "opt_out"

[texts]
telegram = "KIA {anak} sudah jadi."
"""


def test_a_good_file_is_read() -> None:
    source, problems = read_message("ambil-kartu-1", GOOD)
    assert problems == []
    assert source is not None
    assert (source.title, source.buttons, source.texts) == (
        "KIA sudah jadi", (("Berhenti", "opt_out"),), {"telegram": "KIA {anak} sudah jadi."},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "line", "rule", "says"),
    [
        ("title =", "tittle =", 1, "unknown_key", 'maksudnya "title"'),
        ("telegram =", "telegrm =", 12, "channel", 'maksudnya "telegram"'),
        ('"printed_uncollected"', '"printed_uncolected"', 4, "value", 'maksudnya "printed_uncollected"'),
        ('"utility"', '"penting"', 3, "value", "utility, marketing"),
        ('"opt_out"', '"opt_uot"', 9, "value", 'maksudnya "opt_out"'),
        ("intent =", "maksud =", 9, "unknown_key", '"maksud"'),
        ('variables = ["anak"]', "variables = []", 12, "variables", '"anak"'),
        ('variables = ["anak"]', 'variables = ["anak", "desa"]', 5, "variables", "tidak dipakai"),
        ('variables = ["anak"]', 'variables = "anak"', 5, "value", "daftar"),
        ('"KIA {anak} sudah jadi."', '""', 12, "value", "tulisan"),
        ('title = "KIA', 'title = KIA', 1, "toml", "tanda kutip"),
        ('["printed_uncollected"]', "[]", 4, "value", "paling sedikit satu keperluan"),
        ('purpose = "campaign"', 'purpose = "kampanye"', 2, "value", "campaign, thanks, correction"),
        ('purpose = "campaign"', 'notes = ""', 2, "missing_key", '"notes"'),
        ('purpose = "campaign"', 'purpose = "campaign"\nvariant_of = "ambil-kartu-2"', 3, "variant", "ambil-kartu-2-b.toml"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_its_fix(old: str, new: str, line: int, rule: str, says: str) -> None:
    source, problems = read_message("ambil-kartu-1", GOOD.replace(old, new, 1))
    assert source is None
    assert any((found.line, found.rule) == (line, rule) and says in found.message for found in problems), problems


@pytest.mark.parametrize("purpose", ["thanks", "correction"])
def test_only_a_campaign_message_needs_an_occasion(purpose: str) -> None:
    toml = GOOD.replace('"campaign"', f'"{purpose}"').replace('["printed_uncollected"]', "[]")
    source, problems = read_message("terima-kasih-1", toml)
    assert problems == []
    assert source is not None
    assert (source.purpose, source.occasions) == (purpose, ())


def test_an_editor_that_marks_the_beginning_of_a_file_does_no_harm() -> None:
    source, problems = read_message("a-1", "\ufeff" + GOOD.replace("\n", "\r\n"))
    assert (problems, source is not None) == ([], True)


def test_an_announcement_is_read_and_written_back() -> None:
    toml = 'title = "Pesan resmi"\nnotes = "Dibacakan."\n\n[texts]\nradio = "Dari {kantor}."\ndesa = "{kantor}"\n'
    source, problems = read("announcement:nomor-resmi", toml)
    assert problems == []
    assert source is not None
    assert (source.purpose, source.variables, source.notes) == ("announcement", ("kantor",), "Dibacakan.")
    assert read("announcement:nomor-resmi", to_toml(source)) == (source, [])
    assert of_content(source.key, "announcement", source.content()) == source
    _, problems = read("announcement:nomor-resmi", toml.replace("radio", "tv"))
    assert [(found.line, found.rule) for found in problems] == [(5, "channel")]


@pytest.mark.parametrize("key", ["Ambil Kartu", "", "../x", "-x"])
def test_a_key_that_could_not_be_a_file_name_is_refused(key: str) -> None:
    source, problems = read_message(key, GOOD)
    assert source is None
    assert problems[0].rule == "key"


# what an editor can put between quotation marks; TOML files hold no carriage return alone
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r"), min_size=1, max_size=80).filter(
    lambda text: text.strip() and text == text.strip()
)


@given(st.dictionaries(st.sampled_from(CHANNELS), TEXTS, min_size=1), TEXTS, st.just("") | TEXTS, st.booleans())
@settings(max_examples=100, deadline=None)
def test_a_message_written_and_read_again_is_the_same(
    texts: dict[str, str], title: str, notes: str, variant: bool
) -> None:
    texts = {channel: text.replace("{", "(") for channel, text in texts.items()}
    key, base = ("a-1-b", "a-1") if variant else ("a-1", "")
    buttons = (("Berhenti", "opt_out"),)
    source = Source(key, title, "campaign", "utility", ("newborn",), (), buttons, texts, notes=notes, variant_of=base)
    again, problems = read(key, to_toml(source))
    assert problems == []
    assert again == source
    assert of_content(key, "campaign", source.content()) == source


@given(TEXTS)
@settings(max_examples=60, deadline=None)
def test_an_answer_written_and_read_again_is_the_same(text: str) -> None:
    text = text.replace("{", "(")
    source, _ = read("answer:where_when", to_toml(Source(
        "answer:where_when", "Tempat", "answer", "utility", (), (), (), {"telegram": text, "whatsapp": text},
    )))  # fmt: skip
    assert source is not None
    assert source.texts == {"telegram": text, "whatsapp": text}


def test_the_same_wording_has_the_same_hash_and_another_wording_another() -> None:
    first, _ = read_message("a-1", GOOD)
    again, _ = read_message("a-1", GOOD.replace("title = ", "title   =  "))
    other, _ = read_message("a-1", GOOD.replace("sudah jadi.", "siap."))
    assert first is not None
    assert again is not None
    assert other is not None
    assert first.sha256() == again.sha256() != other.sha256()
