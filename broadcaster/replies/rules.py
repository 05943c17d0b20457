"""What a reply means: pure rules over word lists that the office can extend (content/words).

The wish to stop is looked for first and by rules alone (`stopping`). When it is not sure, sending is paused and a person reads;
a reply never changes a card. `opt_out` is true only when it is sure; unsure is an `opt_out` among the intents with `opt_out`
false.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from broadcaster.replies.spelling import clauses, letters
from broadcaster.replies.stopping import ASKING, Wish, wish_of
from broadcaster.replies.words import INTENTS, IntentWords, StopWords, Words, any_matches

#: A person reads these.
STAFF = frozenset(
    {
        "child_deceased_or_moved",
        "suspicion_of_scam",
        "complaint",
        "wrong_number",
        "cannot_go_distance",
        "no_smartphone_help_needed",
        "no",
        "question_other",
        "unclear",
    }
)

#: What a bare "sudah" may mean; which of the two, only the campaign knows.
ALREADY = ("already_collected", "already_has_card")

#: What is done for these (reminders end, sending begins again) rests on a phrase, never on a resemblance alone.
CONSEQUENCES = frozenset({"already_collected", "already_has_card", "opt_in"})

_POLITE = frozenset({"yes", "thanks", "greeting"})
#: Words around what is said, not part of it.
_LEADING = frozenset(
    {"assalamualaikum", "waalaikumsalam", "wr", "wb", "warahmatullahi", "wabarakatuh", "warohmatullahi", "wabarokatuh"}
    | {
        "selamat",
        "pagi",
        "siang",
        "sore",
        "malam",
        "halo",
        "permisi",
        "maaf",
        "pak",
        "bu",
        "bapak",
        "ibu",
        "kak",
        "kakak",
    }
    | {"min", "admin", "mas", "mbak", "bang", "dari", "dukcapil", "oh", "eh", "lho", "loh", "lah", "nah", "ya", "allah"}
    | {
        "terimakasih",
        "sebelumnya",
        "infonya",
        "atas",
        "info",
        "informasi",
        "yth",
        "baik",
        "oke",
        "siap",
        "wah",
        "waduh",
    }
)
_TRAILING = frozenset(
    {"pak", "bu", "bapak", "ibu", "kak", "kakak", "min", "admin", "mas", "mbak", "bang", "ya", "terimakasih"}
)
_POLITE_WORDS = _LEADING | {
    "boleh",
    "setuju",
    "salam",
    "untuk",
    "dengan",
    "paham",
    "banyak",
    "sangat",
    "sudah",
    "semoga",
}
#: How much better (a logarithm) one intent must fit than the next, where only the examples speak.
_CLEARLY = 2.0
_SURELY = 5.0
_CLEARLY_ALONE = 3.5  # of a single word
_MOST_POLITE = 3  # more other words than this after "assalamualaikum" or "ya" say something that was not understood
#: Assent that is more than "I have read it": with thanks beside it, it is still the answer to a question.
_ASSENT = frozenset({"mau", "boleh", "setuju", "silakan", "bersedia"})


@dataclass(frozen=True)
class Reading:
    """`intents`: the first is primary. `normalised`: the words the rules saw, long numbers masked. `guessed`: no phrase of the
    lists holds, the reply only resembles the examples of its intent: enough for an answer, not for a consequence."""

    intents: tuple[str, ...]
    opt_out: bool
    handled_by: Literal["auto", "staff"]
    normalised: str
    guessed: bool = False

    @property
    def unsure_about_stop(self) -> bool:
        """Perhaps the person wants to stop: sending is paused until someone has read it."""
        return "opt_out" in self.intents and not self.opt_out


def read(text: str, words: Words, *, asked: str = "") -> Reading:
    """Read one reply; never raises for what people write.

    `asked`: the intent a bare "sudah" answers (`already_collected` or `already_has_card`), "" when nobody knows.
    """
    sentences = clauses(text, words)
    tokens = [token for sentence in sentences for token in sentence]
    wish = wish_of(sentences, letters(text, words), words.stop, words.known)
    found = _intents(tokens, words)
    if wish.stop != "no":
        found.add("opt_out")
    elif wish.begin:
        found = (found & _POLITE) | {"opt_in"}
    found |= _bare_already(tokens, words.stop, asked)
    if found & set(ALREADY) and "child_deceased_or_moved" in found:
        found -= set(ALREADY)
    if found - {"yes", "no", "thanks", "greeting"} - ({"opt_out"} if wish.stop == "unsure" else set()):
        found.discard("no")
    if wish.asks:
        found.add("question_other")
    scores = words.likeness.scores(tokens)
    asks = bool({"?", "kenapa"} & set(tokens))
    sure = wish.stop == "yes" or (wish.stop == "unsure" and not asks and _surely_stop(wish, found, scores))
    unsure = wish.stop == "unsure" and not sure
    guess = ""
    if found <= _POLITE and (unread := _unread(tokens, found, words.stop)):
        guess = _resembled(tokens, scores, wish)
        found.add(guess or unread)
        unsure = guess == "opt_out"
    intents = _ordered(found, tokens, scores, sure=sure)
    staff = bool(set(intents) & STAFF) or unsure or wish.card or guess in CONSEQUENCES
    return Reading(
        intents=intents,
        opt_out=sure,
        handled_by="staff" if staff else "auto",
        normalised=" ".join(tokens),
        guessed=bool(guess),
    )


def _surely_stop(wish: Wish, found: set[str], scores: Mapping[str, float]) -> bool:
    """Whether a wish that the rules are not sure of is so much like the examples of stopping that nobody need ask."""
    if wish.asks or wish.go_on or wish.card or found - _POLITE - {"opt_out", "no"} or "opt_out" not in scores:
        return False
    return scores["opt_out"] - max(score for intent, score in scores.items() if intent != "opt_out") >= _SURELY


def _resembled(tokens: Sequence[str], scores: Mapping[str, float], wish: Wish) -> str:
    """The intent whose examples a reply resembles clearly more than any other's; "" when none does."""
    best, second, *_ = sorted(scores, key=lambda intent: scores[intent], reverse=True) or ["", ""]
    clearly = _CLEARLY if len(tokens) > 1 else _CLEARLY_ALONE
    if not best or scores[best] - scores[second] < clearly:
        return ""
    # "do not forget to send" is no wish to stop, nor to begin; "one collected, one not yet" is no "collected"
    if (best in ("opt_out", "opt_in") and wish.go_on) or (best in ALREADY and "belum" in tokens):
        return ""
    return "" if best == "opt_out" and wish.elsewhere else best


def _ordered(found: set[str], tokens: Sequence[str], scores: Mapping[str, float], *, sure: bool) -> tuple[str, ...]:
    """A sure stop first; then what the reply resembles most, the other meanings by urgency, politeness last. A stop that is not
    sure comes after what the reply says besides."""
    order = list(INTENTS)
    if not sure:
        order.remove("opt_out")
        order.insert(order.index("no") + 1, "opt_out")
    if not _ASSENT & set(tokens):
        order.remove("yes")
        order.insert(order.index("thanks") + 1, "yes")
    said = [name for name in order if name in found and name not in _POLITE and name != "opt_out"]
    if len(said) > 1 and scores:
        first = max(said, key=lambda intent: scores.get(intent, -math.inf))
        order.remove(first)
        order.insert(1 if sure else 0, first)
        said = [first, *(name for name in said if name != first)]
    # a question that has a name of its own, or "why do you go on? stop"
    named = said[:1] not in ([], ["question_other"]) or sure
    return tuple(name for name in order if name in found and not (named and name == "question_other"))


# ------------------------------------------------------------------------------------------------------------- intents


def _intents(tokens: Sequence[str], words: Words) -> set[str]:
    """Which intents the words hold; `^` and `$` of a phrase also stand where politeness ends and begins."""
    line = " ".join(tokens)
    core = _core(tokens)
    lines = (line,) if len(core) == len(tokens) else (line, " ".join(core))
    return {intent.name for intent in words.intents if any(_holds(intent, one) for one in lines)}


def _core(tokens: Sequence[str]) -> list[str]:
    begin, end = 0, len(tokens)
    while begin < end and tokens[begin] in _LEADING:
        begin += 1
    while end > begin and tokens[end - 1] in _TRAILING:
        end -= 1
    return list(tokens[begin:end])


def _holds(intent: IntentWords, line: str) -> bool:
    present = frozenset(line.split())
    if not any_matches(intent.phrases, line, present, negatable=intent.negatable):
        return False
    return not any_matches(intent.unless, line, present)


def _bare_already(tokens: Sequence[str], stop: StopWords, asked: str) -> set[str]:
    """`sudah`, `sudah pak terima kasih`: collected, or has one; nothing else is said."""
    rest = set(tokens) - (stop.fillers - {"sudah"}) - {"alhamdulillah", "lama"}
    if rest != {"sudah"}:
        return set()
    return {asked} if asked in ALREADY else set(ALREADY)


def _unread(tokens: Sequence[str], found: set[str], stop: StopWords) -> str:
    """What it is when only politeness was understood: a question, a text a person has to read, or "" for just politeness."""
    if ASKING & set(tokens) and set(tokens) != {"?"}:
        return "question_other"
    others = [word for word in tokens if word not in stop.fillers and word not in _POLITE_WORDS]
    if not found or ("thanks" not in found and len(others) > _MOST_POLITE):
        return "unclear"
    return ""
