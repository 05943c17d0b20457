"""How well replies are understood: the office's promise, held on labelled replies that no list or example was made from.

`labelled/` holds replies written by hand in rounds, each before the rules were measured on it. A reply's half follows from its
hash: the development half was tuned on (and is among content/words/examples.toml), the held-out half is what counts here.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from broadcaster.errors import BadInput
from broadcaster.replies.lists import load_words
from broadcaster.replies.measure import Labelled, Measured, confusions, measure, parse
from broadcaster.replies.rules import read
from broadcaster.replies.words import INTENTS
from broadcaster.shipped import content_dir

WORDS = load_words(content_dir() / "words")
LABELLED = [
    label
    for file in sorted((Path(__file__).parent / "labelled").glob("*.txt"))
    for label in parse(file.read_text(encoding="utf-8"), file.name)
]
HELD_OUT = [label for label in LABELLED if label.half == "held-out"]


def _measured(labels: list[Labelled]) -> Measured:
    return measure(labels, lambda text: ((found := read(text, WORDS)).intents, found.opt_out))


def test_the_labelled_set_is_large_and_touches_every_intent() -> None:
    primary = Counter(label.intents[0] for label in LABELLED)
    assert len(LABELLED) >= 600
    assert min(primary[intent] for intent in INTENTS) >= 20
    assert primary["opt_out"] >= 100


def test_no_held_out_reply_is_among_the_examples_the_rules_learn_from() -> None:
    sections = tomllib.loads((content_dir() / "words" / "examples.toml").read_text(encoding="utf-8"))
    examples = {text.lower() for section in sections.values() for text in section["examples"]}
    assert not examples & {label.text.lower() for label in HELD_OUT}


def test_nine_of_ten_held_out_replies_are_read_right() -> None:
    found = _measured(HELD_OUT)
    assert found.top1 >= 0.90, confusions(found)[:10]


def test_held_out_wishes_to_stop_are_found_and_seldom_imagined() -> None:
    found = _measured(HELD_OUT)
    wrong = [miss for miss in found.misses if miss.opt_out != (miss.label.intents[0] == "opt_out")]
    assert found.opt_out_recall is not None
    assert found.opt_out_precision is not None
    assert found.opt_out_recall >= 0.99, wrong
    assert found.opt_out_precision >= 0.97, wrong


def test_the_same_reply_is_always_in_the_same_half() -> None:
    assert Labelled("sudah diambil", ("already_collected",)).half == "development"
    assert Labelled("jauh pak", ("cannot_go_distance",)).half == "held-out"


def test_a_labelled_file_is_read_with_sections_further_intents_and_line_breaks() -> None:
    assert parse("# catatan\n[thanks]\nmakasih pak\n[opt_out]\nstop\\nya ## thanks greeting\n") == [
        Labelled("makasih pak", ("thanks",)),
        Labelled("stop\nya", ("opt_out", "thanks", "greeting")),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [("stop\n", "baris 1.*sebelum"), ("[opt_out]\nstop ## berhenti\n", "baris 2.*berhenti")],
)  # fmt: skip
def test_a_bad_labelled_file_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse(text, "x.txt")


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(BadInput, match="berlabel"):
        measure([], lambda text: ((), False))


def test_the_counts_are_what_they_are_called() -> None:
    labels = parse("[opt_out]\na\nb\n[thanks]\nc ## greeting\nd\n")
    readings = {
        "a": (("opt_out",), True),
        "b": (("unclear",), False),
        "c": (("greeting",), False),
        "d": (("opt_out",), True),
    }
    found = measure(labels, lambda text: readings[text])
    assert (found.top1, found.opt_out_recall, found.opt_out_precision) == (0.25, 0.5, 0.5)
    score = {one.intent: one for one in found.scores}
    assert (score["greeting"].replies, score["greeting"].top1, score["greeting"].precision) == (0, None, 1.0)
    assert (score["thanks"].top1, score["thanks"].recall, score["thanks"].precision) == (0.0, 0.0, None)
    assert [miss.label.text for miss in found.misses] == ["b", "c", "d"]
    assert confusions(found)[0] == ("opt_out", "unclear", 1)


def test_examples_hold_no_names_of_more_than_one_line_and_no_numbers() -> None:
    """The examples are shipped: nothing that could be a telephone or identity number stands in them."""
    text = (content_dir() / "words" / "examples.toml").read_text(encoding="utf-8")
    assert not re.search(r"\d{6,}", text)
