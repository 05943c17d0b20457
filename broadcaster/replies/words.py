"""Word lists and spelling: a reply becomes words in their standard form, and phrases become patterns over them. Pure.

The lists are the office's (content/words); the caller says where they are.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from broadcaster.errors import BadInput

#: Every intent, the most urgent first: the first one found is primary.
INTENTS = (
    "opt_out",
    "opt_in",
    "child_deceased_or_moved",
    "suspicion_of_scam",
    "complaint",
    "wrong_number",
    "already_collected",
    "already_has_card",
    "cannot_go_distance",
    "no_smartphone_help_needed",
    "wants_info_requirements",
    "where_when",
    "will_collect",
    "question_other",
    "no",
    "yes",
    "thanks",
    "greeting",
    "unclear",
)

#: After one of these a phrase says the opposite; a `*` never spans one.
NEGATIONS = frozenset({"tidak", "belum", "jangan", "bukan"})

_MASK = "[nomor disamarkan]"
_MASKED_WORD = "angka"  # what a masked number is for the rules
_MOST_WORDS = 400  # of a very long text the beginning and the end are read
_GAP = 3  # words a `*` may stand for
_BETWEEN = frozenset({"terlalu", "begitu", "pernah", "akan", "mau", "usah", "ada", "sampai"})
_CLITICS = ("nya", "nyo", "lah", "kah", "ku", "mu", "ne", "in", "kan", "2")

# 15 digits or more, whatever stands between them: a NIK, a KK number, also one that lost a digit
_LONG_NUMBER = re.compile(r"\d(?:[\s._\-–—·•\u200b-\u200f\u2060\ufeff]{0,3}\d){14,}")
_WORD = re.compile(r"\w+|\?")


@dataclass(frozen=True)
class Phrase:
    pattern: re.Pattern[str]
    first: frozenset[str]  # one of these words must occur, or the pattern need not be tried


@dataclass(frozen=True)
class IntentWords:
    name: str
    negatable: bool
    phrases: tuple[Phrase, ...]
    unless: tuple[Phrase, ...]


@dataclass(frozen=True)
class StopWords:
    alone: frozenset[str]
    fillers: frozenset[str]
    strong: frozenset[str]
    ordinary: frozenset[str]
    about_us: frozenset[str]
    innocent: frozenset[str]
    places: frozenset[str]
    negators: tuple[tuple[str, ...], ...]
    contact: frozenset[str]
    receive: frozenset[str]
    message: frozenset[str]
    softeners: frozenset[str]
    objects: frozenset[str]
    times: frozenset[str]
    phrases: tuple[Phrase, ...]
    unsure: tuple[Phrase, ...]
    start: frozenset[str]


@dataclass(frozen=True)
class Words:
    """The word lists of content/words, ready to use."""

    spelling: Mapping[str, str]  # a word or two words -> the standard word or words
    signs: Mapping[str, str]
    known: frozenset[str]
    intents: tuple[IntentWords, ...]
    stop: StopWords


def load_words(folder: Path) -> Words:
    """Read opt_out.toml, intents.toml and spellings.toml; raises `BadInput` naming the file and the entry."""
    try:
        return _compiled(*(_toml(folder / f"{name}.toml") for name in ("spellings", "opt_out", "intents")))
    except KeyError as error:
        raise BadInput(f"Daftar kata di {folder.name}: bagian {error} belum ada", code="bad_words") from error


def _compiled(spellings: Mapping[str, Any], stop: Mapping[str, Any], intents: Mapping[str, Any]) -> Words:
    spelling = {variant: word for word, variants in spellings["words"].items() for variant in variants}
    signs = {sign: word for word, shapes in spellings["signs"].items() for sign in shapes}
    groups: Mapping[str, Sequence[str]] = intents["groups"]
    unknown = set(intents["intents"]) - set(INTENTS)
    if unknown:
        raise BadInput(f"intents.toml: maksud {sorted(unknown)[0]} tidak dikenal", code="bad_words")

    def compiled(file: str, phrases: Iterable[str]) -> tuple[Phrase, ...]:
        return tuple(_phrase(file, phrase, groups) for phrase in phrases)

    lists = {
        name: stop[name] for name in StopWords.__dataclass_fields__ if name not in ("negators", "phrases", "unsure")
    }
    known = set(spellings["words"]) | set(spelling)
    for phrase in _all_phrases(stop, intents):
        known.update(re.findall(r"\w+", phrase))
    return Words(
        spelling=spelling,
        signs=signs,
        known=frozenset(known),
        intents=tuple(
            IntentWords(
                name=name,
                negatable=intents["intents"][name].get("negatable", True),
                phrases=compiled("intents.toml", intents["intents"][name]["phrases"]),
                unless=compiled("intents.toml", intents["intents"][name].get("unless", ())),
            )
            for name in INTENTS
            if name in intents["intents"]
        ),
        stop=StopWords(
            **{name: frozenset(words) for name, words in lists.items()},
            negators=tuple(tuple(words.split()) for words in stop["negators"]),
            phrases=compiled("opt_out.toml", stop["phrases"]),
            unsure=compiled("opt_out.toml", stop["unsure"]),
        ),
    )


def mask_digits(text: str, put: str = _MASK) -> str:
    """`text` without numbers of 15 digits or more (NIK, KK), also when spaces, dots or dashes stand between them."""
    return _LONG_NUMBER.sub(put, text)


def normalise(text: str, words: Words) -> list[str]:
    """The words of `text` in their standard spelling, small letters; `?` is a word of its own."""
    # pairs first as they are written ("tak jupuk" is not "tak" and "jupuk"), then word by word, then the pairs that result
    tokens = _standard_pairs(_join_letters(written(text, words)), words)
    return _standard_pairs([standard(token, words) for token in tokens], words)


def written(text: str, words: Words) -> list[str]:
    """The words as they stand there, in small letters without accents; of a very long text the beginning and the end."""
    shown = unicodedata.normalize("NFKC", mask_digits(text, f" {_MASKED_WORD} "))
    for sign, word in words.signs.items():
        shown = shown.replace(sign, f" {word} ")
    shown = unicodedata.normalize("NFKD", shown.casefold())
    # accents, joiners and apostrophes vanish inside a word; every other sign ends it
    shown = "".join(sign for sign in shown if unicodedata.category(sign) not in ("Mn", "Cf") and sign not in "'’‘`´")
    shown = re.sub(r"(\d)(rb|ribu|jt|juta)\b", r"\1 \2", shown)
    tokens = _WORD.findall(shown.replace("_", " "))
    if len(tokens) > _MOST_WORDS:
        tokens = tokens[: _MOST_WORDS - 100] + tokens[-100:]
    return tokens


def matches(phrase: Phrase, line: str, present: frozenset[str], *, negatable: bool) -> bool:
    """Whether the line of words holds the phrase; `negatable`: not where a negation stands before it."""
    if not phrase.first & present:
        return False
    padded = f" {line}"
    for match in phrase.pattern.finditer(padded):
        if not negatable:
            return True
        before = padded[: match.start()].split()[-2:]
        if before and (before[-1] in NEGATIONS or (before[0] in NEGATIONS and before[-1] in _BETWEEN)):
            continue
        return True
    return False


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


def standard(token: str, words: Words) -> str:
    """`token` as the lists spell it: variants, drawn-out letters (`stooop`) and endings (`kartunya`) are undone."""
    for shape in (token, re.sub(r"(.)\1{2,}", r"\1", token), re.sub(r"(.)\1+", r"\1", token)):
        if shape in words.known:
            return words.spelling.get(shape, shape)
        for clitic in _CLITICS:
            stem = shape.removesuffix(clitic)
            # "hpnya" is "hp", but "buku" is not "bu"
            if stem != shape and len(stem) >= (2 if clitic == "nya" else 4) and stem in words.known:
                return words.spelling.get(stem, stem)
    return token


def _standard_pairs(tokens: Sequence[str], words: Words) -> list[str]:
    """Two words that are one (`terima kasih`, `di ambil`), and spellings that stand for two."""
    found: list[str] = []
    place = 0
    while place < len(tokens):
        pair = " ".join(tokens[place : place + 2])
        joined = tokens[place] + (tokens[place + 1] if place + 1 < len(tokens) else "")
        if pair in words.spelling:
            found += words.spelling[pair].split()
            place += 2
        elif tokens[place] in ("di", "ke") and place + 1 < len(tokens) and joined in words.known:
            found += words.spelling.get(joined, joined).split()
            place += 2
        else:
            found += tokens[place].split()
            place += 1
    return found


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name} tidak terbaca: {error}", code="bad_words") from error


def _all_phrases(stop: Mapping[str, Any], intents: Mapping[str, Any]) -> Iterable[str]:
    for words in stop.values():
        yield from words
    for words in intents["groups"].values():
        yield from words
    for intent in intents["intents"].values():
        yield from intent["phrases"]
        yield from intent.get("unless", ())


def _phrase(file: str, phrase: str, groups: Mapping[str, Sequence[str]]) -> Phrase:
    """`sudah * <ambil>` as a pattern over a line of words that each follow a space."""
    pattern = ""
    first: frozenset[str] = frozenset()
    parts = phrase.split()
    for part in parts:
        if part == "^":
            pattern += r"\A"
        elif part == "$":
            pattern += r"\Z"
        elif part == "*":
            negations = "|".join(sorted(NEGATIONS))
            pattern += rf"(?: (?!(?:{negations})(?: |\Z))[^ ]+){{0,{_GAP}}}"
        else:
            choices = _choices(file, phrase, part, groups)
            pattern += f" (?:{'|'.join(re.escape(choice) for choice in choices)})"
            if not first:
                first = frozenset(choice.split()[0] for choice in choices)
    if not first:
        raise BadInput(f'{file}: "{phrase}" tidak memuat kata', code="bad_words")
    end = "" if parts[-1] == "$" else r"(?= |\Z)"
    return Phrase(re.compile(pattern + end), first)


def _choices(file: str, phrase: str, part: str, groups: Mapping[str, Sequence[str]]) -> Sequence[str]:
    if part.startswith("<") and part.endswith(">"):
        if part[1:-1] not in groups:
            raise BadInput(f'{file}: kelompok {part} dalam "{phrase}" tidak ada di [groups]', code="bad_words")
        return groups[part[1:-1]]
    return part.split("|")
