"""Reading ease of Indonesian: syllables, sentences, and what the number says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.rendering.readability import longest_sentence, reading_ease, sentences, syllables


@pytest.mark.parametrize(
    ("word", "count"),
    [
        ("anak", 2), ("kartu", 2), ("kependudukan", 5), ("penyelenggaraan", 6), ("persyaratan", 4), ("mulai", 2),
        ("pulau", 2), ("amboi", 2), ("survei", 2), ("baik", 2), ("main", 2), ("kuat", 2), ("desa", 2), ("Ba'us", 2),
        ("KIA", 2), ("NIK", 1), ("KTP", 3), ("kk", 2),
    ],
)  # fmt: skip
def test_syllables_are_those_of_indonesian(word: str, count: int) -> None:
    assert syllables(word) == count


def test_sentences_end_with_a_stop_a_line_or_a_semicolon_but_not_with_an_abbreviation_or_inside_a_time() -> None:
    text = "Yth. Ibu M. Sri, warga Kab. Bengkulu Utara.\nBuka 08.00-15.00; tutup Jumat? Ya! 1. 2."
    assert sentences(text) == ["Yth. Ibu M. Sri, warga Kab. Bengkulu Utara", "Buka 08.00-15.00", "tutup Jumat", "Ya"]
    assert longest_sentence(text) == ("Yth. Ibu M. Sri, warga Kab. Bengkulu Utara", 8)
    assert longest_sentence("123 456") == ("", 0)


def test_the_formula_is_flesch_with_six_tenths_of_the_syllables() -> None:
    # 8 words, 2 sentences, 19 syllables: 206.835 - 1.015 * 4 - 84.6 * 0.6 * 19 / 8
    assert reading_ease("Kartu anak sudah jadi. Mohon membawa kartu keluarga.") == pytest.approx(82.2, abs=0.05)


def test_plain_words_are_easier_than_the_language_of_offices() -> None:
    plain = "Kartu anak Ibu sudah jadi. Silakan ambil di kantor kami."
    office = (
        "Sehubungan dengan telah diselesaikannya penerbitan dokumen kependudukan dimaksud, pengambilan dapat dilaksanakan "
        "berdasarkan ketentuan pelayanan administrasi kependudukan."
    )
    assert reading_ease(plain) > 80
    assert reading_ease(office) < 30


@given(st.text(max_size=300))
@settings(max_examples=150, deadline=None)
def test_any_text_has_a_number_from_0_to_100(text: str) -> None:
    assert 0.0 <= reading_ease(text) <= 100.0


@given(st.lists(st.sampled_from(["kartu", "anak", "sudah", "jadi", "kependudukan"]), min_size=2, max_size=30))
@settings(max_examples=80, deadline=None)
def test_a_text_cut_into_two_sentences_is_never_harder(words: list[str]) -> None:
    middle = len(words) // 2
    whole = " ".join(words) + "."
    cut = " ".join(words[:middle]) + ". " + " ".join(words[middle:]) + "."
    assert reading_ease(cut) >= reading_ease(whole)
