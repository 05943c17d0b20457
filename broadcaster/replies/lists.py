"""Reading the office's word lists (content/words). Pure; the caller says where they are."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from broadcaster.errors import BadInput
from broadcaster.replies.examples import learn
from broadcaster.replies.spelling import clauses
from broadcaster.replies.words import (
    INTENTS,
    MENDABLE,
    IntentWords,
    StopWords,
    Words,
    by_skeleton,
    patterns,
    standard_words,
)

_SEQUENCES = ("negators", "taken_back")
_PATTERNS = ("phrases", "unsure", "doubt", "welcome", "own_way", "not_ours", "go_on", "start_phrases")


def load_words(folder: Path) -> Words:
    """Read spellings, opt_out, intents, requirements and examples (.toml); raises `BadInput` naming the file and the entry."""
    try:
        words = _compiled(*(_toml(folder / f"{name}.toml") for name in ("spellings", "opt_out", "intents")))
        words = _with_cases(words, _toml(folder / "requirements.toml"))
        return _with_examples(words, _toml(folder / "examples.toml"))
    except KeyError as error:
        raise BadInput(f"Daftar kata di {folder.name}: bagian {error} belum ada", code="bad_words") from error


def _compiled(spellings: Mapping[str, Any], stop: Mapping[str, Any], intents: Mapping[str, Any]) -> Words:
    spelling = {variant: word for word, variants in spellings["words"].items() for variant in variants}
    groups: Mapping[str, Sequence[str]] = intents["groups"]
    _all_known("intents.toml", intents["intents"])
    standard = set(spellings["words"])
    for phrase in _all_phrases(stop, intents):
        standard.update(re.findall(r"\w+", phrase))
    repaired = tuple(sorted({word for word in standard | set(spelling) if len(word) >= MENDABLE and " " not in word}))
    return Words(
        spelling=spelling,
        signs={sign: word for word, shapes in spellings["signs"].items() for sign in shapes},
        known=frozenset(standard | set(spelling) | set(spellings["ordinary"]["words"])),
        spared=frozenset(),
        repaired=repaired,
        bones=by_skeleton(repaired),
        intents=tuple(
            IntentWords(
                name=name,
                negatable=intents["intents"][name].get("negatable", True),
                phrases=patterns("intents.toml", intents["intents"][name]["phrases"], groups, spelling),
                unless=patterns("intents.toml", intents["intents"][name].get("unless", ()), groups, spelling),
            )
            for name in INTENTS
            if name in intents["intents"]
        ),
        stop=StopWords(**_stop_words(stop["lists"], stop["groups"], spelling)),
        cases=(),
        likeness=learn({}),
    )


def _stop_words(
    lists: Mapping[str, Sequence[str]], groups: Mapping[str, Sequence[str]], spelling: Mapping[str, str]
) -> dict[str, Any]:
    """Each list of opt_out.toml as `StopWords` holds it; raises `KeyError` for one that is missing."""
    made: dict[str, Any] = {}
    for name in StopWords.__dataclass_fields__:
        if name in _PATTERNS:
            made[name] = patterns("opt_out.toml", lists[name], groups, spelling)
        else:
            words = standard_words(lists[name], spelling)
            made[name] = tuple(tuple(entry.split()) for entry in words) if name in _SEQUENCES else frozenset(words)
    return made


def _with_cases(words: Words, cases: Mapping[str, Any]) -> Words:
    groups: Mapping[str, Sequence[str]] = {}
    made = (
        (name, patterns("requirements.toml", section["phrases"], groups, words.spelling))
        for name, section in cases.items()
    )
    return replace(words, cases=tuple(made))


def _with_examples(words: Words, examples: Mapping[str, Any]) -> Words:
    _all_known("examples.toml", examples)
    # the examples are spelled as people write, but not mended: what stands in them is no typing error
    plain = replace(words, repaired=(), bones={})
    sentences = {
        intent: [[token for sentence in clauses(text, plain) for token in sentence] for text in section["examples"]]
        for intent, section in examples.items()
    }
    said = Counter(token for texts in sentences.values() for text in texts for token in text)
    # a word that occurs once may itself be a typing error
    spared = frozenset(token for token, times in said.items() if times > 1)
    return replace(words, spared=spared - words.known, likeness=learn(sentences))


def _all_known(file: str, intents: Iterable[str]) -> None:
    unknown = sorted(set(intents) - set(INTENTS))
    if unknown:
        raise BadInput(f"{file}: maksud {unknown[0]} tidak dikenal", code="bad_words")


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"{path.name} tidak terbaca: {error}", code="bad_words") from error


def _all_phrases(stop: Mapping[str, Any], intents: Mapping[str, Any]) -> Iterable[str]:
    for words in (*stop["lists"].values(), *stop["groups"].values(), *intents["groups"].values()):
        yield from words
    for intent in intents["intents"].values():
        yield from intent["phrases"]
        yield from intent.get("unless", ())
