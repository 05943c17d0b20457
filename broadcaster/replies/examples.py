"""What a reply resembles: each word is weighed by how often the office's example sentences use it for each intent. Pure.

Naive Bayes over words and neighbouring pairs. It only ever says which of several meanings comes first, or proposes one where
the phrases found none; the wish to stop is never decided here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

#: What a pair counts for that no example of an intent has: small, so that one telling word decides.
_SMOOTHING = 0.2
#: Said around every meaning alike.
_EMPTY = frozenset({"pak", "bu", "kak", "min", "mas", "mbak", "ya", "bapak", "ibu", "admin", "sih", "dong", "kok"})


@dataclass(frozen=True)
class Likeness:
    """For each intent, the weight (a logarithm) of every feature the examples have, and of one they do not have."""

    weights: Mapping[str, Mapping[str, float]]
    unseen: Mapping[str, float]
    features: frozenset[str]

    def scores(self, tokens: Sequence[str]) -> dict[str, float]:
        """How well each intent fits, the higher the better; only differences mean anything. Empty when no word is known."""
        known = _features(tokens) & self.features
        if not known:
            return {}
        return {
            intent: sum(weights.get(feature, self.unseen[intent]) for feature in known)
            for intent, weights in self.weights.items()
        }


def learn(examples: Mapping[str, Sequence[Sequence[str]]]) -> Likeness:
    """Weigh the words of the examples (each a sentence in standard spelling) of every intent."""
    counts = {intent: Counter(f for one in sentences for f in _features(one)) for intent, sentences in examples.items()}
    features = frozenset().union(*counts.values()) if counts else frozenset()
    weights, unseen = {}, {}
    for intent, found in counts.items():
        whole = sum(found.values()) + _SMOOTHING * len(features)
        weights[intent] = {feature: math.log((times + _SMOOTHING) / whole) for feature, times in found.items()}
        unseen[intent] = math.log(_SMOOTHING / whole)
    return Likeness(weights, unseen, features)


def _features(tokens: Sequence[str]) -> frozenset[str]:
    said = [token for token in tokens if token not in _EMPTY] or list(tokens)
    return frozenset([*said, *(f"{one} {two}" for one, two in zip(["^", *said], [*said, "$"], strict=True))])
