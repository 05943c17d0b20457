"""How easily an Indonesian text is read: Flesch's Reading Ease with Indonesian syllables weighed as English ones. Pure.

    ease = 206.835 - 1.015 * words per sentence - 84.6 * 0.6 * syllables per word

Flesch (1948), "A new readability yardstick", Journal of Applied Psychology 32(3), fitted the formula to English. Indonesian
words have more syllables for the same difficulty (affixes, hardly a word of one syllable), so schools here multiply the
count by 0.6 before they use an English measure: the correction that Harjasujana and Mulyati (1996), "Membaca 2", give for
Fry's graph, and teachers use since. Ten Indonesian syllables count as six. No formula fitted to Indonesian readers is in
common use; the number compares texts with each other, and says which sentence to shorten.
"""

from __future__ import annotations

import re

#: Indonesian syllables per English syllable of the same difficulty (Harjasujana and Mulyati 1996, for Fry's graph).
SYLLABLE_WEIGHT = 0.6

_ABBREVIATIONS = r"(?<!\byth)(?<!\bkab)(?<!\bkec)(?<!\bjl)(?<!\bno)(?<!\bdll)(?<!\b[a-z])"
_SENTENCE = re.compile(rf"(?:{_ABBREVIATIONS}\.|[!?;])(?=\s|$)|\n+", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# ai, au, oi and ei end a word as one syllable: mulai, pulau, amboi, survei; inside a word each vowel is its own: ba-ik, ma-in
_SYLLABLE = re.compile(r"[ao]i\b|au\b|ei\b|[aeiouéè]", re.IGNORECASE)


def reading_ease(text: str) -> float:
    """0 to 100, higher is easier: above 60 plain, below 30 for specialists, as on Flesch's scale. A text without words: 100.

    Numbers do not count; a line break ends a sentence, as does a semicolon.
    """
    found = [_words(sentence) for sentence in sentences(text)]
    words = [word for sentence in found for word in sentence]
    if not words:
        return 100.0
    ease = (
        206.835
        - 1.015 * len(words) / sum(1 for sentence in found if sentence)
        - 84.6 * SYLLABLE_WEIGHT * sum(map(syllables, words)) / len(words)
    )
    return round(min(100.0, max(0.0, ease)), 1)


def sentences(text: str) -> list[str]:
    """The sentences of a text that hold a word, without what ends them."""
    return [piece.strip() for piece in _SENTENCE.split(text) if _WORD.search(piece)]


def syllables(word: str) -> int:
    """`kependudukan` 5, `mulai` 2, `baik` 2; letters that are named one by one count each: `KTP` 3."""
    return len(_SYLLABLE.findall(word)) or len(word)


def longest_sentence(text: str) -> tuple[str, int]:
    """The sentence with the most words, and how many; an empty text and 0 when there is none."""
    counted = [(sentence, len(_words(sentence))) for sentence in sentences(text)]
    return max(counted, key=lambda one: one[1], default=("", 0))


def _words(sentence: str) -> list[str]:
    return _WORD.findall(sentence)
