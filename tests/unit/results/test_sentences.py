from __future__ import annotations

import re
from datetime import date

import pytest

from broadcaster.results import sentences
from broadcaster.results.rules import Effect, Verdict


def effect(best: int, low: int, high: int, without: int = 185, children: int = 4000) -> Effect:
    """Per 1,000."""
    return Effect(
        "F6 waves by cells", best / 1000, low / 1000, high / 1000, without / 1000, (), children, fewest_events=50
    )


def test_a_success_in_the_words_of_the_rule_book() -> None:
    text = sentences.effect_sentence(Verdict.SUCCESS, effect(62, 45, 79), 14, "collected")
    assert text == (
        "Dari 1.000 anak yang keluarganya mendapat giliran kirim, sekitar 62 (rentang wajar 45–79) kartunya diambil "
        "dalam 14 hari karena pesan ini; sekitar 185 lainnya akan diambil juga tanpa pesan. "
        "Ini hitungan dalam 14 hari; bisa jadi sebagian hanya datang lebih cepat."
    )


def test_an_application_is_said_to_be_filed() -> None:
    text = sentences.effect_sentence(Verdict.SUCCESS, effect(62, 45, 79), 28, "applied")
    assert "kartunya diajukan dalam 28 hari karena pesan ini; sekitar 185 lainnya akan diajukan juga" in text


def test_an_unproven_effect_gives_its_best_guess_and_both_ends() -> None:
    # se = (32 + 8)/(2 * 1.959964) = 10.204; (2.801564 * 10.204 / 12)^2 = 5.6755; 4,000 * 4.6755 = 18,702, rounded up
    text = sentences.effect_sentence(Verdict.UNPROVEN, effect(12, -8, 32), 14, "collected")
    assert text == (
        "Belum terbukti. Perkiraan terbaik 12 per 1.000 anak dalam 14 hari, tetapi bisa jadi dari −8 sampai +32. "
        "Perlu sekitar 18.800 anak lagi pada gelombang berikutnya agar jelas."
    )


@pytest.mark.parametrize("found", [effect(-3, -28, 22), effect(1, -50, 52)])
def test_an_unproven_effect_asks_for_no_children_that_do_not_exist(found: Effect) -> None:
    assert "Perlu" not in sentences.effect_sentence(Verdict.UNPROVEN, found, 14, "collected")


def test_a_precise_null_says_how_little_it_can_be() -> None:
    text = sentences.effect_sentence(Verdict.PRECISE_NULL, effect(1, -7, 9), 14, "collected")
    assert text == (
        "Pesan ini hampir pasti tidak menambah lebih dari 9 per 1.000 anak dalam 14 hari "
        "(perkiraan terbaik 1, rentang wajar −7 sampai +9)."
    )


def test_a_harm_is_a_warning() -> None:
    text = sentences.effect_sentence(Verdict.HARM, effect(-47, -68, -26), 14, "collected")
    assert text.startswith("Peringatan:")
    assert "lebih sedikit" in text
    assert "−47 per 1.000 anak (rentang wajar −68 sampai −26)" in text


def test_an_interim_result_says_from_when_there_will_be_a_number() -> None:
    text = sentences.interim_sentence(date(2026, 10, 18), date(2026, 11, 2), started=True)
    assert text == (
        "Sementara: belum ada angka pengaruh. Perbandingan lengkap bila data kantor sudah sampai 2 November 2026; "
        "sekarang sampai 18 Oktober 2026."
    )
    assert "belum ada data kantor" in sentences.interim_sentence(None, date(2026, 11, 2), started=True)
    assert "belum ada gelombang" in sentences.interim_sentence(None, None, started=False)


def test_sentences_without_a_number_claim_none() -> None:
    for text in (
        sentences.no_lot_sentence(),
        sentences.no_comparison_sentence(14),
        sentences.interim_sentence(None, date(2026, 11, 2), started=True),
    ):
        assert "per 1.000" not in text
        assert "rentang" not in text
    assert sentences.no_lot_sentence().startswith("Tidak dapat menyatakan sebab")


@pytest.mark.parametrize("verdict", [Verdict.SUCCESS, Verdict.HARM, Verdict.PRECISE_NULL, Verdict.UNPROVEN])
def test_every_sentence_with_a_number_has_its_range_and_days_and_no_jargon(verdict: Verdict) -> None:
    text = sentences.effect_sentence(verdict, effect(1234, -1500, 2345), 14, "collected")
    assert re.search(r"−1\.500 sampai \+2\.345", text)
    assert "14 hari" in text
    assert not re.search(r"signifikan|p-value|interval|\d,\d", text)


@pytest.mark.parametrize(
    ("low", "high", "signed", "text"),
    [
        (45, 79, False, "45–79"),
        (0, 9, False, "0–9"),
        (-8, 32, False, "−8 sampai +32"),
        (-68, -26, False, "−68 sampai −26"),
        (0, 32, True, "0 sampai +32"),
        (1200, 1400, False, "1.200–1.400"),
    ],
)
def test_a_range_is_read_without_mistaking_a_minus_for_a_dash(low: int, high: int, signed: bool, text: str) -> None:
    assert sentences.between(low, high, signed=signed) == text


def test_every_warning_has_one_sentence() -> None:
    for code, text in sentences.WARNINGS.items():
        assert re.fullmatch(r"[a-z_]+", code)
        assert text.endswith(".")
