"""The word lists as the rules use them: a phrase is a pattern over a line of words in their standard spelling. Pure.

`lists` reads them from content/words; `spelling` makes the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from broadcaster.errors import BadInput
from broadcaster.replies.examples import Likeness

#: Every intent, the most urgent first: of several, the first one is primary.
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

#: Letters a word must have before a typing error in it is mended.
MENDABLE = 5

_BONES = 4  # letters

#: After one of these a phrase says the opposite; a `*` never spans one.
NEGATIONS = frozenset({"tidak", "belum", "jangan", "bukan"})

_GAP = 3  # words a `*` may stand for
_BETWEEN = frozenset(
    {"terlalu", "begitu", "pernah", "akan", "mau", "usah", "ada", "sampai", "bisa", "perlu", "jadi", "lupa", "bosan"}
)


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
    contact: frozenset[str]
    receive: frozenset[str]
    message: frozenset[str]
    softeners: frozenset[str]
    objects: frozenset[str]
    times: frozenset[str]
    start: frozenset[str]
    negators: tuple[tuple[str, ...], ...]
    taken_back: tuple[tuple[str, ...], ...]
    phrases: tuple[Phrase, ...]
    unsure: tuple[Phrase, ...]
    doubt: tuple[Phrase, ...]
    welcome: tuple[Phrase, ...]
    own_way: tuple[Phrase, ...]
    not_ours: tuple[Phrase, ...]
    go_on: tuple[Phrase, ...]
    start_phrases: tuple[Phrase, ...]


@dataclass(frozen=True)
class Words:
    """The word lists of content/words, ready to use."""

    spelling: Mapping[str, str]  # a word or several words -> the standard word or words
    signs: Mapping[str, str]
    known: frozenset[str]  # every word of the lists
    spared: frozenset[str]  # words of the examples: no typing errors either
    repaired: tuple[str, ...]  # what a typing error may have been meant to be
    bones: Mapping[str, tuple[str, ...]]  # `skeleton` -> the words of `repaired` that have it
    intents: tuple[IntentWords, ...]
    stop: StopWords
    cases: tuple[tuple[str, tuple[Phrase, ...]], ...]  # of requirements: (answer, phrases), the first that holds counts
    likeness: Likeness


def matches(phrase: Phrase, line: str, present: frozenset[str], *, negatable: bool) -> bool:
    """Whether the line of words holds the phrase; `negatable`: not where a negation stands before it."""
    if not phrase.first & present:
        return False
    padded = f" {line}"
    for match in phrase.pattern.finditer(padded):
        if not negatable or match.group().split()[0] in NEGATIONS:
            return True
        before = padded[: match.start()].split()[-2:]
        if before and (before[-1] in NEGATIONS or (before[0] in NEGATIONS and before[-1] in _BETWEEN)):
            continue
        return True
    return False


def any_matches(phrases: Iterable[Phrase], line: str, present: frozenset[str], *, negatable: bool = False) -> bool:
    """Whether the line holds one of the phrases."""
    return any(matches(phrase, line, present, negatable=negatable) for phrase in phrases)


def skeleton(word: str) -> str:
    """The first letter and the consonants after it: what is left of a word in a short text ("kmrin", "brhnti")."""
    return word[0] + re.sub("[aeiou]", "", word[1:])


def by_skeleton(found: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """The words of each skeleton that is long enough to tell them apart."""
    made: dict[str, tuple[str, ...]] = {}
    for word in found:
        if len(bones := skeleton(word)) >= _BONES:
            made[bones] = (*made.get(bones, ()), word)
    return made


def standard_words(entries: Iterable[str], spelling: Mapping[str, str]) -> list[str]:
    """The entries of a list, each in its standard spelling."""
    return [_standard(entry, spelling) for entry in entries]


def patterns(
    file: str, phrases: Iterable[str], groups: Mapping[str, Sequence[str]], spelling: Mapping[str, str]
) -> tuple[Phrase, ...]:
    """The phrases as patterns; a word that `spelling` knows under another form stands for its standard form.

    Raises `BadInput` naming the file and the phrase.
    """
    return tuple(_phrase(file, phrase, groups, spelling) for phrase in phrases)


def _phrase(file: str, phrase: str, groups: Mapping[str, Sequence[str]], spelling: Mapping[str, str]) -> Phrase:
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
            choices = [_standard(choice, spelling) for choice in _choices(file, phrase, part, groups)]
            pattern += f" (?:{'|'.join(re.escape(choice) for choice in choices)})(?= |\\Z)"
            if not first:
                first = frozenset(choice.split()[0] for choice in choices)
    if not first:
        raise BadInput(f'{file}: "{phrase}" tidak memuat kata', code="bad_words")
    return Phrase(re.compile(pattern), first)


def _standard(choice: str, spelling: Mapping[str, str]) -> str:
    return spelling.get(choice) or " ".join(spelling.get(word, word) for word in choice.split())


def _choices(file: str, phrase: str, part: str, groups: Mapping[str, Sequence[str]]) -> Sequence[str]:
    """The words one part of a phrase stands for: a group, `a|b`, or both mixed."""
    found: list[str] = []
    for choice in part.split("|"):
        if not (choice.startswith("<") and choice.endswith(">")):
            found.append(choice)
        elif choice[1:-1] in groups:
            found += groups[choice[1:-1]]
        else:
            raise BadInput(f'{file}: kelompok {choice} dalam "{phrase}" tidak ada di [groups]', code="bad_words")
    return found
