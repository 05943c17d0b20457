"""What replies mean: a table of labelled ones, and laws that hold for anything people can type."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.domain.longnumber import mask_long_numbers
from broadcaster.errors import BadInput
from broadcaster.rendering.rules import BUTTON_INTENTS
from broadcaster.replies.lists import load_words
from broadcaster.replies.rules import INTENTS, STAFF, read
from broadcaster.replies.spelling import standard
from broadcaster.shipped import content_dir

WORDS = load_words(content_dir() / "words")


def _cases() -> list[tuple[str, str, bool, str]]:
    sections = tomllib.loads((Path(__file__).parent / "cases.toml").read_text(encoding="utf-8"))
    return [(text, intents, out, by) for section in sections.values() for text, intents, out, by in section["cases"]]


CASES = _cases()


@pytest.mark.parametrize(("text", "intents", "out", "by"), CASES, ids=[case[0] or "empty" for case in CASES])
def test_a_labelled_reply_is_read_as_labelled(text: str, intents: str, out: bool, by: str) -> None:
    reading = read(text, WORDS)
    assert (" ".join(reading.intents), reading.opt_out, reading.handled_by) == (intents, out, by)


def test_there_are_enough_labelled_replies() -> None:
    assert len(CASES) >= 150
    primary = {intents.split()[0] for _, intents, _, _ in CASES}
    assert primary == set(INTENTS), "every intent is primary somewhere"


# a stop word as a telephone may deliver it: any case, decorated letters, signs and spaces between the letters
_SIGNS = st.text(alphabet=" .,-_*!?'\u200b\u00a0\n\t~()\"…", max_size=3)


@given(st.sampled_from(["stop", "berhenti", "unsubscribe"]), st.data())
@settings(max_examples=150, deadline=None)
def test_a_stop_word_in_any_case_punctuation_and_spacing_is_an_opt_out(word: str, data: st.DataObject) -> None:
    letters = [data.draw(st.sampled_from([letter, letter.upper(), chr(ord(letter) + 0xFEE0)])) for letter in word]
    text = data.draw(_SIGNS) + "".join(letter + data.draw(_SIGNS) for letter in letters)
    assert read(text, WORDS).opt_out, repr(text)


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_nothing_people_type_breaks_the_reader(text: str) -> None:
    reading = read(text, WORDS)
    assert reading.intents
    assert set(reading.intents) <= set(INTENTS)
    assert not reading.opt_out or reading.intents[0] == "opt_out"
    if not reading.opt_out and set(reading.intents) & (STAFF | {"opt_out"}):
        assert reading.handled_by == "staff"


@pytest.mark.parametrize(
    "text",
    ["a" * 65_536, "sudah " * 11_000, "1 " * 32_768, "\ud800", "jangan " * 9_000, "\u202estop", "🙏" * 16_384],
    ids=["one word", "many words", "digits", "surrogate", "negations", "bidi", "signs"],
)  # fmt: skip
def test_64_kilobytes_and_control_signs_are_read_quickly(text: str) -> None:
    assert read(text, WORDS).intents


def test_control_signs_do_not_hide_a_stop_word() -> None:
    assert read("\x00\x01STOP\x07", WORDS).opt_out


def test_a_stop_word_at_the_end_of_a_very_long_text_is_found() -> None:
    assert read("lorem ipsum " * 5_000 + "STOP", WORDS).opt_out


@given(st.text(max_size=60), st.sampled_from(["STOP kirim pesan", "jangan wa saya lagi", "hapus nomor saya"]))
@settings(max_examples=60, deadline=None)
def test_reading_twice_gives_the_same(text: str, wish: str) -> None:
    assert read(f"{text} {wish}", WORDS) == read(f"{text} {wish}", WORDS)


@pytest.mark.parametrize(
    ("asked", "intents"),
    [
        ("", ("already_collected", "already_has_card")),
        ("already_collected", ("already_collected",)),
        ("already_has_card", ("already_has_card",)),
        ("opt_out", ("already_collected", "already_has_card")),
    ],
)
def test_only_the_campaign_tells_what_a_bare_sudah_means(asked: str, intents: tuple[str, ...]) -> None:
    assert read("sudah pak", WORDS, asked=asked).intents == intents


NIK = "1703071501120001"


@pytest.mark.parametrize(
    "text",
    [NIK, "1703 0715 0112 0001", "1703.0715.0112.0001", "17-03-07-150112-0001", "1703071501\n120001", "170307150112000",
     "1703071 501 12 000 1", "１７０３０７１５０１１２０００１", "1703\u200b071501120001", "1703 071501 120001"],
)  # fmt: skip
def test_a_number_like_a_nik_is_masked_before_anything_is_kept(text: str) -> None:
    masked = mask_long_numbers(f"NIK anak saya {text} tolong dicek")
    assert masked == "NIK anak saya [nomor disamarkan] tolong dicek"
    assert not any(sign.isdigit() for sign in read(f"cek {text}", WORDS).normalised)


@pytest.mark.parametrize("text", ["0812-3456-7890", "+62 812 3456 7890", "15 Mei 2022", "Rp 50.000", "RT 01 RW 02"])
def test_telephone_numbers_dates_and_amounts_stay_readable(text: str) -> None:
    assert mask_long_numbers(text) == text


def test_every_button_has_an_intent_the_rules_know() -> None:
    assert set(BUTTON_INTENTS) <= set(INTENTS)


def _edited(folder: Path, name: str, old: str, new: str) -> Path:
    """The shipped lists in `folder`, with one change in one file."""
    for one in ("spellings", "opt_out", "intents", "requirements", "examples"):
        text = (content_dir() / "words" / f"{one}.toml").read_text(encoding="utf-8")
        assert one != name or old in text
        (folder / f"{one}.toml").write_text(text.replace(old, new, 1) if one == name else text, encoding="utf-8")
    return folder


def test_a_phrase_with_an_unknown_group_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="<ambill>"):
        load_words(_edited(tmp_path, "intents", '"sudah * <ambil>"', '"sudah * <ambill>"'))


def test_an_example_of_an_unknown_intent_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"examples\.toml.*terimakasih"):
        load_words(_edited(tmp_path, "examples", "[thanks]", "[terimakasih]"))


def test_a_word_added_by_the_office_is_understood_at_once(tmp_path: Path) -> None:
    assert read("mantul pak udah jimbeng", WORDS).intents == ("unclear",)
    words = load_words(_edited(tmp_path, "spellings", "diambil = [", 'diambil = ["jimbeng", '))
    assert read("mantul pak udah jimbeng", words).intents == ("already_collected",)


def test_an_example_added_by_the_office_decides_what_the_phrases_leave_open(tmp_path: Path) -> None:
    said = "rakit bambu kami hanyut"
    assert read(said, WORDS).intents == ("unclear",)
    words = load_words(
        _edited(
            tmp_path, "examples", "[cannot_go_distance]\nexamples = [", f'[cannot_go_distance]\nexamples = ["{said}",'
        )
    )
    found = read(said, words)
    assert (found.intents, found.guessed) == (("cannot_go_distance",), True)


def test_a_standard_word_is_never_a_variant_of_another() -> None:
    spellings = tomllib.loads((content_dir() / "words" / "spellings.toml").read_text(encoding="utf-8"))["words"]
    variants = [variant for shapes in spellings.values() for variant in shapes]
    assert len(variants) == len(set(variants)), "a variant stands in two lists"
    assert not set(variants) & set(spellings)


@pytest.mark.parametrize(
    ("typed", "meant"), [("diamnil", "diambil"), ("syarta", "syarat"), ("terimaksih", "terimakasih")]
)
def test_a_typing_error_is_mended(typed: str, meant: str) -> None:
    assert standard(typed, WORDS) == meant


@pytest.mark.parametrize("word", ["harus", "salam", "tangan", "kapal", "belok", "memastikan", "bakal"])
def test_an_ordinary_word_is_not_taken_for_a_typing_error(word: str) -> None:
    assert standard(word, WORDS) == word


def test_a_phrase_may_be_written_with_any_spelling_the_lists_know(tmp_path: Path) -> None:
    words = load_words(_edited(tmp_path, "intents", '"pungli", ', '"pungli", "gembok knapa", '))
    assert "complaint" in read("gembok mengapa", words).intents


def test_what_only_resembles_an_example_has_no_consequence_without_staff() -> None:
    found = read("kartunya sudah mendarat di rumah", WORDS)
    assert not found.guessed or found.handled_by == "staff"


@pytest.mark.parametrize(
    "text", ["jangankirimlagi", "stopwa", "st0p", "gausahkirim pak", "jgn krmkn lg", "brhntikn smsny"]
)
def test_a_stop_without_spaces_or_vowels_is_one(text: str) -> None:
    assert read(text, WORDS).opt_out


def test_a_question_about_stopping_stops_nothing_by_itself() -> None:
    found = read("kalau saya stop, kartunya masih bisa diambil?", WORDS)
    assert found.unsure_about_stop
    assert "where_when" in found.intents
