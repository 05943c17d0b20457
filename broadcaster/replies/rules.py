"""What a reply means: pure rules over word lists that the office can extend (content/words).

The wish to stop is looked for first and by rules alone. When it is not sure, sending is paused and a person reads; a reply
never changes a card. `opt_out` is true only when it is sure; unsure is an `opt_out` among the intents with `opt_out` false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from broadcaster.replies.words import (
    INTENTS,
    IntentWords,
    StopWords,
    Words,
    load_words,
    mask_digits,
    matches,
    normalise,
    standard,
    written,
)

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

#: What an answer to each intent is taken from (content/answers); an intent without one gets none.
ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "opt_in": "opt_in",
        "suspicion_of_scam": "suspicion_of_scam",
        "wrong_number": "wrong_number",
        "already_collected": "already_collected",
        "already_has_card": "already_has_card",
        "cannot_go_distance": "cannot_go_distance",
        "no_smartphone_help_needed": "cannot_go_distance",
        "wants_info_requirements": "wants_info_requirements",
        "where_when": "where_when",
        "greeting": "greeting",
    }
)
#: A person speaks first: an apology, or an ear for what went wrong.
PERSON_FIRST = frozenset({"child_deceased_or_moved", "complaint"})
#: Asked again within hours, the automatic answer was not the one that helped: staff read.
ASKED_AGAIN = frozenset({"wants_info_requirements", "where_when", "suspicion_of_scam"})

_POLITE = frozenset({"yes", "thanks", "greeting"})
_POLITE_WORDS = frozenset(
    {"assalamualaikum", "waalaikumsalam", "wr", "wb", "selamat", "pagi", "siang", "sore", "malam", "halo", "permisi"}
    | {"ya", "oke", "baik", "siap", "boleh", "setuju", "salam", "untuk", "atas", "info", "informasi", "dengan"}
)
_MOST_POLITE = 3  # more other words than this after "assalamualaikum" or "ya" say something that was not understood
_WANTING = frozenset({"mau", "jadi", "ingin", "usah", "perlu"})
_ASKING = frozenset({"?", "apa", "apakah", "berapa", "bagaimana", "kapan", "dimana", "kemana", "siapa", "kenapa"})
_ABOUT_STOPPING = frozenset({"cara", "bagaimana", "apa", "maksud", "maksudnya", "arti", "artinya", "kenapa"})


@dataclass(frozen=True)
class Reading:
    """`intents`: the first is primary. `normalised`: the words the rules saw, long numbers masked."""

    intents: tuple[str, ...]
    opt_out: bool
    handled_by: Literal["auto", "staff"]
    normalised: str

    @property
    def unsure_about_stop(self) -> bool:
        """Perhaps the person wants to stop: sending is paused until someone has read it."""
        return "opt_out" in self.intents and not self.opt_out


def read(text: str, words: Words, *, asked: str = "") -> Reading:
    """Read one reply; never raises for what people write.

    `asked`: the intent a bare "sudah" answers (`already_collected` or `already_has_card`), "" when nobody knows.
    """
    tokens = normalise(text, words)
    normalised = " ".join(tokens)
    # "S.T-O P": the letters alone are a stop word, whatever stands between them
    letters = standard("".join(_without_marks(written(text, words))), words)
    stop = _Wish("yes") if letters in words.stop.alone else _wish_to_stop(tokens, words.stop)
    found = {intent.name for intent in words.intents if _holds(intent, normalised, tokens)}
    if stop.wish != "no":
        found.add("opt_out")
    elif _starts_again(tokens, words.stop):
        found = {"opt_in"}
    found |= _bare_already(tokens, words.stop, asked)
    if found & set(ALREADY) and "child_deceased_or_moved" in found:
        found -= set(ALREADY)
    if found - {"yes", "no", "thanks", "greeting"}:
        found.discard("no")
    if found <= _POLITE:
        found |= _unread(tokens, found, words.stop)
    staff = bool(found & STAFF) or stop.wish == "unsure" or stop.card
    return Reading(
        intents=tuple(name for name in INTENTS if name in found),
        opt_out=stop.wish == "yes",
        handled_by="staff" if staff else "auto",
        normalised=normalised,
    )


# ------------------------------------------------------------------------------------------------------------ stopping


@dataclass(frozen=True)
class _Wish:
    wish: Literal["yes", "unsure", "no"]
    card: bool = False  # "do not send the card": not about messages, but a person reads it


def _wish_to_stop(tokens: Sequence[str], stop: StopWords) -> _Wish:
    said = _without_marks(tokens)
    rest = [token for token in said if token not in stop.fillers]
    if " ".join(said) in stop.alone or " ".join(rest) in stop.alone:
        return _Wish("yes")
    line = " ".join(tokens)
    present = frozenset(tokens)
    verdicts = [_around_stop_word(tokens, place, stop) for place in range(len(tokens))]
    refusals = [_refusal(tokens, place, stop) for place in range(len(tokens))]
    if any(matches(phrase, line, present, negatable=True) for phrase in stop.phrases):
        verdicts.append("yes")
    if any(matches(phrase, line, present, negatable=False) for phrase in stop.unsure):
        verdicts.append("unsure")
    found = {*verdicts, *refusals}
    return _Wish("yes" if "yes" in found else "unsure" if "unsure" in found else "no", card="card" in found)


def _around_stop_word(tokens: Sequence[str], place: int, stop: StopWords) -> str:
    """What the stop word at `place` means, from its neighbours."""
    word = tokens[place]
    if word not in stop.strong and word not in stop.ordinary:
        return "no"
    before, after = tokens[max(0, place - 3) : place], tokens[place + 1 : place + 4]
    if before[-1:] == ["jangan"] or before[-2:-1] == ["jangan"]:
        return "no"  # "jangan berhenti kirim": go on
    if before[-2:-1] == ["tidak"] and before[-1] in _WANTING:
        return "unsure" if _ASKING & set(tokens) else "no"  # "tidak jadi stop"; "kenapa tidak mau berhenti?"
    near = {*before[-2:], *after[:2]}
    elsewhere = near & stop.innocent or set(after[:1]) & stop.places
    if elsewhere and not set(after) & stop.about_us:
        return "no"
    if near & _ABOUT_STOPPING:
        return "unsure"
    if before[-1:] in (["tidak"], ["belum"]):
        return "unsure"
    if {*before, *after} & stop.about_us or word in stop.strong:
        return "yes"
    ends = place == 0 or place == len(tokens) - 1
    return "yes" if ends else "unsure"


def _refusal(tokens: Sequence[str], place: int, stop: StopWords) -> str:
    """What `jangan | tidak usah | tidak mau ... kirim | wa | sms | hubungi` beginning at `place` means."""
    length = next((len(words) for words in stop.negators if tuple(tokens[place : place + len(words)]) == words), 0)
    if not length:
        return "no"
    asks = "?" in tokens or bool(_ASKING & set(tokens[:place]))
    for verb_at in range(place + length, min(place + length + 4, len(tokens))):
        verb, after = tokens[verb_at], tokens[verb_at + 1 : verb_at + 4]
        if verb in stop.softeners or verb in stop.strong or verb in stop.ordinary:
            return "no"  # "jangan lupa kirim", "jangan berhenti kirim"
        wanted = length > 1 and verb in stop.receive
        if length > 1 and verb in stop.message:
            return "unsure" if asks else "yes"  # "tidak butuh info ini"
        if verb not in stop.contact and not wanted:
            continue
        if set(after) & stop.message:
            return "unsure" if asks else "yes"
        if set(after[:2]) & stop.objects:
            return "card"
        if {*tokens[place + length : verb_at], *after[:1]} & stop.times or asks:
            return "unsure"
        if verb not in stop.contact:
            return "unsure"  # "tidak mau terima": what, he does not say
        if verb == "dikirim" and "lagi" not in after:
            return "unsure"  # the card or the message
        if {"ambil", "diambil", "mengambil"} & set(tokens[verb_at + 1 :]):
            return "unsure"
        return "yes"
    return "no"


def _starts_again(tokens: Sequence[str], stop: StopWords) -> bool:
    said = _without_marks(tokens)
    rest = [token for token in said if token not in stop.fillers]
    return " ".join(said) in stop.start or " ".join(rest) in stop.start


# ------------------------------------------------------------------------------------------------------------- intents


def _holds(intent: IntentWords, line: str, tokens: Sequence[str]) -> bool:
    present = frozenset(tokens)
    if not any(matches(phrase, line, present, negatable=intent.negatable) for phrase in intent.phrases):
        return False
    return not any(matches(phrase, line, present, negatable=False) for phrase in intent.unless)


def _bare_already(tokens: Sequence[str], stop: StopWords, asked: str) -> set[str]:
    """`sudah`, `sudah pak terima kasih`: collected, or has one; nothing else is said."""
    rest = [token for token in tokens if token not in stop.fillers and token not in ("kok", "alhamdulillah", "lama")]
    if not rest or set(rest) != {"sudah"}:
        return set()
    return {asked} if asked in ALREADY else set(ALREADY)


def _unread(tokens: Sequence[str], found: set[str], stop: StopWords) -> set[str]:
    """What must be added when only politeness was understood: a question, or a text a person has to read."""
    if _ASKING & set(tokens):
        return {"question_other"}
    others = [word for word in tokens if word not in stop.fillers and word not in _POLITE_WORDS]
    if not found or ("thanks" not in found and len(others) > _MOST_POLITE):
        return {"unclear"}
    return set()


def answer_to(reading: Reading) -> str:
    """Which answer of content/answers a reply gets by itself; "" for none. A sure or unsure stop has its own."""
    if "opt_out" in reading.intents or PERSON_FIRST & set(reading.intents):
        return ""
    return next((ANSWERS[intent] for intent in reading.intents if intent in ANSWERS), "")


def _without_marks(tokens: Sequence[str]) -> list[str]:
    return [word for word in tokens if word != "?"]


__all__ = [
    "ALREADY", "ANSWERS", "ASKED_AGAIN", "INTENTS", "STAFF", "Reading", "Words", "answer_to", "load_words",
    "mask_digits", "read",
]  # fmt: skip
