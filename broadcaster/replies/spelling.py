"""From what people type to words in their standard spelling. Pure; the lists are the office's (`words`)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

from broadcaster.domain.longnumber import MASK, mask_long_numbers
from broadcaster.replies.words import MENDABLE, Words, skeleton

_MASKED_WORD = "angka"  # what a masked number is for the rules
_MOST_WORDS = 400  # of a very long text the beginning and the end are read
_MOST_LETTERS = 20  # longer words are not looked at for typing errors
_LONG_WORD = 9  # letters from which two typing errors are mended
_CLITICS = ("nya", "ny", "nyo", "lah", "kah", "ku", "mu", "ne", "in", "kan", "2", "an", "e")
#: Where a sentence without spaces may begin: "jangankirimlagi", "stopwa".
_GLUED = ("jangan", "jgn", "stop", "berhenti", "gausah", "tolong")
_I = "ku"  # "kuambil": I take
_STEM = 5  # letters
_SHORTEST = {"nya": 2, "ny": 3}  # letters before these endings; four before the others
#: Two words written apart that are one: "di ambil", "d ambil", "ke mana".
_APART = {"di": "di", "d": "di", "ke": "ke", "k": "ke"}
#: A sentence that ends in one of these asks: "buka gak", "sudah jadi belum", "gratis kan".
_TAGS = frozenset({"tidak", "belum", "kan"})
_ADDRESS = frozenset({"ya", "pak", "bu", "kak", "min", "mas", "mbak", "bang", "sih", "yah"})
_ENDS = ("sudah", "bisa", "boleh", "jadi", "apa", "apakah")

_WORD = re.compile(r"\w+|\?")
# a sentence ends at one of these, not at the dots inside "S.T.O.P" or "1.000"
_CLAUSE = re.compile(r"[!;\n]+|(?<=\?)|[.,](?=\s|\Z)|,(?!\d)")


def clauses(text: str, words: Words) -> list[list[str]]:
    """The sentences of `text`, each as its words in standard spelling and small letters; `?` is a word of its own.

    A sentence that asks without a question mark gets one.
    """
    shown = _plain(text, words)
    found: list[list[str]] = []
    for part in _CLAUSE.split(shown):
        tokens = normalise(_WORD.findall(part), words)
        if tokens == ["?"] and found:
            found[-1].append("?")
        elif tokens:
            found.append(tokens)
    return [list(_with_mark(tokens)) for tokens in _shortened(found)]


def normalise(tokens: Sequence[str], words: Words) -> list[str]:
    """The same words in their standard spelling."""
    # pairs first as they are written ("tak jupuk" is not "tak" and "jupuk"), then word by word, then the pairs that result
    joined = _standard_pairs(_join_letters(tokens), words)
    return _standard_pairs([standard(token, words) for token in joined], words)


def letters(text: str, words: Words) -> str:
    """The letters alone, as one word in its standard spelling: "S.T-O P" is "stop"."""
    return standard("".join(word for word in _WORD.findall(_plain(text, words)) if word != "?"), words)


def standard(token: str, words: Words) -> str:
    """`token` as the lists spell it: variants, drawn-out letters (`stooop`), endings (`kartunya`) and typing errors are
    undone."""
    for shape in (token, re.sub(r"(.)\1{2,}", r"\1", token), re.sub(r"(.)\1+", r"\1", token)):
        if shape in words.known:
            return words.spelling.get(shape, shape)
        for clitic in _CLITICS:
            stem = shape.removesuffix(clitic)
            # "hpnya" is "hp", but "buku" is not "bu"
            if stem != shape and len(stem) >= _SHORTEST.get(clitic, 4) and stem in words.known:
                return words.spelling.get(stem, stem)
        stem = shape.removeprefix(_I)
        if stem != shape and len(stem) >= _STEM and stem in words.known:
            return words.spelling.get(stem, stem)
    return _mended(token, words)


def _mended(token: str, words: Words) -> str:
    """The one known word that differs by a letter typed wrongly, left out, doubled or swapped, or by vowels left out; else
    `token` as it is."""
    if len(token) > _MOST_LETTERS or not token.isalpha():
        return token
    short = {words.spelling.get(word, word) for word in words.bones.get(skeleton(token), ()) if _shortens(token, word)}
    if len(short) == 1:
        return short.pop()
    if token in words.spared or len(token) < MENDABLE:
        return token
    for begin in _GLUED:
        if token.startswith(begin) and (rest := _apart(token.removeprefix(begin), words)):
            return " ".join(words.spelling.get(word, word) for word in (begin, *rest))
    most = 2 if len(token) >= _LONG_WORD else 1
    found = process.extract(token, words.repaired, scorer=OSA.distance, score_cutoff=most, limit=4)
    # people seldom miss the first letter, and "tangan" is not "jangan"
    near = [(word, distance) for word, distance, _ in found if word[0] == token[0]]
    best = min((distance for _, distance in near), default=0)
    meant = {words.spelling.get(word, word) for word, distance in near if distance == best}
    return meant.pop() if len(meant) == 1 else token


def _apart(glued: str, words: Words) -> list[str]:
    """Known words that `glued` is written from without spaces, the longest first; [] when it is not."""
    for length in range(len(glued), 1, -1):
        word = glued[:length]
        if word not in words.known or (length == 2 and word != "wa"):
            continue
        rest = _apart(glued[length:], words)
        if rest or length == len(glued):
            return [word, *rest]
    return []


def _shortens(token: str, word: str) -> bool:
    """Whether `word` without some of its vowels is `token`."""
    letters_left = iter(word)
    return len(token) < len(word) and all(letter in letters_left for letter in token)


def _plain(text: str, words: Words) -> str:
    """Small letters without accents; pictures that mean a word are that word, masked numbers one word."""
    shown = unicodedata.normalize("NFKC", mask_long_numbers(text, f" {_MASKED_WORD} ").replace(MASK, _MASKED_WORD))
    for sign, word in words.signs.items():
        shown = shown.replace(sign, f" {word} ")
    shown = unicodedata.normalize("NFKD", shown.casefold())
    # accents, joiners and apostrophes vanish inside a word
    shown = "".join(sign for sign in shown if unicodedata.category(sign) not in ("Mn", "Cf") and sign not in "'’‘`´")
    shown = re.sub(r"(\d)\s?x\b", r"\1 kali", shown)
    return re.sub(r"(\d)(rb|ribu|jt|juta|k)\b", r"\1 \2", shown).replace("_", " ")


def _shortened(found: list[list[str]]) -> list[list[str]]:
    if sum(map(len, found)) <= _MOST_WORDS:
        return found
    first = [*_first_words(found, _MOST_WORDS - 100)]
    last = [sentence[::-1] for sentence in _first_words([sentence[::-1] for sentence in found[::-1]], 100)]
    return first + last[::-1]


def _first_words(found: Sequence[Sequence[str]], most: int) -> Iterator[list[str]]:
    left = most
    for sentence in found:
        if left <= 0:
            return
        yield list(sentence[:left])
        left -= len(sentence)


def _with_mark(tokens: Sequence[str]) -> Iterator[str]:
    yield from tokens
    said = [token for token in tokens if token not in _ADDRESS]
    if len(said) < 2 or said[-1] not in _TAGS or "?" in tokens:
        return
    # "saya belum" and "yang kedua belum" tell; "sudah jadi belum" asks
    if said[-1] != "belum" or any(word in said[:-1] for word in _ENDS):
        yield "?"


def _join_letters(tokens: Sequence[str]) -> list[str]:
    """`s t o p` -> `stop`: three or more single letters in a row are one word."""
    joined: list[str] = []
    run: list[str] = []
    for token in [*tokens, ""]:
        if len(token) == 1 and token.isalpha():
            run.append(token)
            continue
        joined += ["".join(run)] if len(run) > 2 else run
        run = []
        if token:
            joined.append(token)
    return joined


def _standard_pairs(tokens: Sequence[str], words: Words) -> list[str]:
    """Words that are one together (`terima kasih`, `di ambil`), and spellings that stand for two."""
    found: list[str] = []
    place = 0
    while place < len(tokens):
        here = tokens[place]
        for length in (3, 2):
            several = " ".join(tokens[place : place + length])
            if place + length <= len(tokens) and several in words.spelling:
                found += words.spelling[several].split()
                place += length
                break
        else:
            after = tokens[place + 1] if place + 1 < len(tokens) else ""
            joined = _APART.get(here, "?") + after
            if after and joined in words.known and len(after) > 1:
                found += words.spelling.get(joined, joined).split()
                place += 2
            else:
                found += here.split()
                place += 1
    return found
