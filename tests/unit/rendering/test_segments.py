"""SMS parts against 3GPP TS 23.038 and 23.040: the alphabet sign by sign, and an independent packer by brute force."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from broadcaster.rendering.rules import odd_signs, segments

#: TS 23.038, 6.2.1: the default alphabet in the order of its codes, 0x00 to 0x7F; 0x1B is the escape to the extension table.
ALPHABET = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
#: TS 23.038, 6.2.1.1: the extension table, by the code after the escape.
EXTENSION = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
ESCAPE = "\x1b"
BASIC = ALPHABET.replace(ESCAPE, "")

LIMITS = {"gsm7": (160, 153), "ucs2": (70, 67)}


def test_the_table_has_the_128_places_of_the_standard() -> None:
    assert len(ALPHABET) == 128
    assert (ALPHABET[0x00], ALPHABET[0x0A], ALPHABET[0x24], ALPHABET[0x40], ALPHABET[0x5F], ALPHABET[0x7F]) == (
        "@", "\n", "¤", "¡", "§", "à",
    )  # fmt: skip
    assert len(set(ALPHABET)) == 128


@pytest.mark.parametrize("sign", BASIC)
def test_every_sign_of_the_default_alphabet_is_one_septet(sign: str) -> None:
    assert (segments(sign).encoding, segments(sign).units) == ("gsm7", 1)
    assert (segments(sign * 160).segments, segments(sign * 161).segments) == (1, 2)
    assert (segments(sign * 306).segments, segments(sign * 307).segments) == (2, 3)


@pytest.mark.parametrize("sign", EXTENSION.values())
def test_every_sign_of_the_extension_table_is_two_septets_and_never_split(sign: str) -> None:
    assert (segments(sign).encoding, segments(sign).units) == ("gsm7", 2)
    assert (segments(sign * 80).segments, segments(sign * 81).segments) == (1, 2)
    # 153 is odd: a part holds 76 of them, and one septet stays empty
    assert (segments(sign * 152).segments, segments(sign * 153).segments) == (2, 3)
    assert segments("a" * 152 + sign + "a" * 151).segments == 2
    assert segments("a" * 152 + sign + "a" * 152).segments == 3


@pytest.mark.parametrize(
    "sign",
    # the escape itself is no sign; small c cedilla, back quote and hard space are the usual mistakes
    [ESCAPE, "ç", "`", "\t", "\u00a0", "’", "–", "…", "ā", "ω", "Α", "中", "\u200b", "\ufeff", "\x00"],
)
def test_any_other_sign_makes_the_whole_text_ucs2(sign: str) -> None:
    found = segments("a" * 69 + sign)
    assert (found.encoding, found.units, found.segments) == ("ucs2", 70, 1)
    assert segments("a" * 70 + sign).segments == 2
    assert odd_signs(f"a{sign}b{sign}") == [sign]


@pytest.mark.parametrize("sign", ["🙏", "\U00010000", "\U0010ffff", "👨"])
def test_a_surrogate_pair_is_two_units_and_never_split(sign: str) -> None:
    assert (segments(sign).encoding, segments(sign).units) == ("ucs2", 2)
    assert (segments(sign * 35).segments, segments(sign * 36).segments) == (1, 2)
    # 67 is odd: a part holds 33 of them
    assert (segments(sign * 66).segments, segments(sign * 67).segments) == (2, 3)
    assert segments("中" * 66 + sign + "中" * 65).segments == 2
    assert segments("中" * 66 + sign + "中" * 66).segments == 3


def test_a_lone_surrogate_is_one_unit() -> None:
    assert (segments("\ud83d").encoding, segments("\ud83d" * 70).segments) == ("ucs2", 1)


def test_an_extension_sign_in_a_ucs2_text_is_one_unit() -> None:
    assert (segments("€" * 69 + "中").units, segments("€" * 69 + "中").segments) == (70, 1)


def _packed(text: str) -> tuple[str, int, int]:
    """Encoding, units, and the fewest parts into which the text can be cut between its signs: every cut is tried.

    Knows only the tables above, and UTF-16 as Python writes it.
    """
    double = set(EXTENSION.values())
    gsm7 = all(sign in BASIC or sign in double for sign in text)
    encoding = "gsm7" if gsm7 else "ucs2"
    if gsm7:
        widths = [len("xx" if sign in double else "x") for sign in text]
    else:
        widths = [len(sign.encode("utf-16-be", "surrogatepass")) // 2 for sign in text]
    single, part = LIMITS[encoding]
    units = sum(widths)
    if units <= single:
        return encoding, units, 1
    fewest = [0] + [len(text) + 1] * len(text)  # parts for the first n signs
    for end in range(1, len(text) + 1):
        filled = 0
        for begin in range(end - 1, -1, -1):
            filled += widths[begin]
            if filled > part:
                break
            fewest[end] = min(fewest[end], fewest[begin] + 1)
    return encoding, units, fewest[-1]


def _around(border: int, spread: int = 4) -> st.SearchStrategy[int]:
    return st.integers(border - spread, border + spread)


def _near_a_border(filler: str, others: str, borders: list[int]) -> st.SearchStrategy[str]:
    """Runs of a plain sign up to about a border, with a few wide signs wherever they fall."""
    run = st.sampled_from(borders).flatmap(_around).map(lambda length: filler * length)
    few = st.text(st.sampled_from(others), max_size=6)
    return st.tuples(few, run, few, st.text(st.sampled_from(filler + others), max_size=160)).map("".join)


TEXTS = st.one_of(
    st.text(max_size=320),
    st.text(st.sampled_from(BASIC + "".join(EXTENSION.values())), max_size=480),
    st.text(st.sampled_from("中a🙏€"), max_size=220),
    _near_a_border("a", "".join(EXTENSION.values()), [80, 152, 153, 160, 305, 306]),
    _near_a_border("中", "🙏🕌", [33, 66, 67, 70, 133, 134]),
)


@given(TEXTS)
@example("a" * 152 + "€" + "a" * 151)
@example("a" * 152 + "€" + "a" * 152)
@example("中" * 66 + "🙏" + "中" * 65)
@example("中" * 66 + "🙏" + "中" * 66)
@example("")
@settings(max_examples=400, deadline=None)
def test_the_count_is_that_of_a_packer_that_tries_every_cut(text: str) -> None:
    found = segments(text)
    assert (found.encoding, found.units, found.segments) == _packed(text)


@given(TEXTS)
@settings(max_examples=100, deadline=None)
def test_the_signs_named_as_dear_are_exactly_those_without_which_the_text_is_cheap(text: str) -> None:
    odd = odd_signs(text)
    assert bool(odd) == (segments(text).encoding == "ucs2")
    cheap = "".join(sign for sign in text if sign not in odd)
    assert segments(cheap).encoding == "gsm7"
    assert all(segments(cheap + sign).encoding == "ucs2" for sign in odd)
