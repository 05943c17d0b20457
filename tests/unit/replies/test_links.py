"""Tokens, the addresses made of them, and the code in a WhatsApp text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.helpers import create_deep_linked_url

from broadcaster.errors import BadInput
from broadcaster.replies import links
from broadcaster.replies.reading import read_reply
from broadcaster.replies.wording import COMMANDS, read_poster, shipped_bot, shipped_poster
from broadcaster.shipped import content_dir


def test_tokens_are_what_telegram_takes_and_people_can_type() -> None:
    for _ in range(200):
        household, public = links.new_household_token(), links.new_public_token()
        assert (len(household), len(public)) == (20, 6)
        assert set(household + public) <= set(links.ALPHABET)
        assert links.telegram_link("kia_bot", household) == create_deep_linked_url("kia_bot", household)
        assert any(sign.isdigit() for sign in public)
        assert any(sign.isalpha() for sign in public)
    assert not set("01ilo") & set(links.ALPHABET)
    assert len({links.new_household_token() for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "text",
    [
        "KIA-K7M2Q9",
        "kia k7m2q9",
        "Kode : kia - K7M2Q9.",
        "Halo, KIA_k7m2q9 ya pak",
        "KIA–K7M2Q9",
        "KIA\nK7M2Q9",
        "(KIA-K7M2Q9)",
    ],
)
def test_a_code_is_found_however_its_parts_are_joined(text: str) -> None:
    assert links.code_in(text) == "k7m2q9"
    assert "7" not in links.without_code(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "KIA gratis",
        "kartu KIA sudah",
        "KIA 123456",
        "KIA-K7M2Q",
        "KIA-K7M2Q99",
        "SKIA-K7M2Q9",
        "KIA saya 2 anak",
        "KIA 5 tahun",
    ],
)
def test_ordinary_words_are_no_code(text: str) -> None:
    assert links.code_in(text) is None
    assert links.without_code(text) == text.strip()


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading_of_a_code(text: str) -> None:
    links.code_in(text)
    links.without_code(text)


def test_what_stands_ready_in_whatsapp_is_a_wish_and_no_stop() -> None:
    ready = shipped_poster().whatsapp["message"].replace("{kode}", links.code("k7m2q9"))
    reading = read_reply(links.without_code(ready))
    assert not reading.opt_out
    assert "opt_out" not in reading.intents
    assert links.whatsapp_link("+6285100000001", "Kode: KIA-K7M2Q9 & ya?") == (
        "https://wa.me/6285100000001?text=Kode%3A%20KIA-K7M2Q9%20%26%20ya%3F"
    )


def test_the_menu_offers_what_is_understood() -> None:
    commands = shipped_bot().commands
    assert set(commands) == set(COMMANDS)
    assert set(commands) <= {*links.COMMANDS, links.UNLINK}
    # https://core.telegram.org/bots/api#botcommand
    assert all(1 <= len(words) <= 256 for words in commands.values())


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('headline = "Kartu Identitas Anak"', "", "headline"),
        ("letterhead", "letter", "letterhead"),
        ("Kode {kode}", "Kode", "kode"),
        ("[cara.radio]", "[cara.lain]", "cara.radio"),
        ("[poster]", "[poster", "gabung.toml"),
    ],
)
def test_a_poster_file_with_a_hole_names_it(tmp_path, old: str, new: str, named: str) -> None:
    text = (content_dir() / "posters" / "gabung.toml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    file = tmp_path / "gabung.toml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(BadInput, match=named):
        read_poster(file)
