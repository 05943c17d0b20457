"""Does a reply ask us to stop, or to begin again? Decided first and by rules alone (content/words/opt_out.toml). Pure.

Three verdicts: sure, unsure (sending is paused, a person reads) and no. A stop word counts by its neighbours, because people
also stop working and rain stops; "jangan ... kirim" counts unless it is about the card, or only about the hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz.distance import OSA

from broadcaster.replies.words import StopWords, any_matches

Verdict = Literal["yes", "unsure", "no", "card", "go_on", "elsewhere"]

ASKING = frozenset(
    {"?", "apa", "apakah", "berapa", "bagaimana", "kapan", "dimana", "kemana", "siapa", "kenapa", "apa saja"}
)
_WANTING = frozenset({"mau", "jadi", "ingin", "usah", "perlu", "akan", "pernah", "bisa"})
_ABOUT_STOPPING = frozenset({"cara", "bagaimana", "apa", "maksud", "maksudnya", "arti", "artinya", "kenapa", "itu"})
_SUPPOSING = frozenset({"kalau", "apakah"})
_SUPPOSED = frozenset(
    {"?", "bisa", "boleh", "tetap", "batal", "hilang", "bagaimana", "apa", "apakah", "masih", "nanti"}
)
_PAST = frozenset({"kemarin", "tadi", "dulu", "pernah", "terlanjur", "telanjur"})
_WHEN = frozenset({"jam", "kapan"})
_WHY = frozenset({"kok", "kenapa"})
_REQUESTING = frozenset({"bisa", "boleh", "tolong", "minta"})
_WISHING = frozenset({"tolong", "agar", "untuk", "supaya", "minta", "selanjutnya", "biar"})
_POLITE_BEFORE = frozenset({"tolong", "mau", "minta", "ingin", "ya", "sudah", "oke", "saya", "pak", "bu"})
_SENT_AGAIN = frozenset({"syarat", "persyaratan", "alamat", "lokasi", "jadwal"})  # wanted once more, not every message
_REACH = 4  # words after "jangan" among which the verb may stand


@dataclass(frozen=True)
class Wish:
    """`stop`: whether to stop. `card`: not about messages ("do not send the card"), but a person reads it. `begin`: to begin
    again. `asks`: a question about stopping. `go_on`: "do not stop". `elsewhere`: something else stops ("stock has stopped"), or
    another way is wanted ("no SMS, use WA")."""

    stop: Literal["yes", "unsure", "no"]
    card: bool = False
    begin: bool = False
    asks: bool = False
    go_on: bool = False
    elsewhere: bool = False


def wish_of(sentences: Sequence[Sequence[str]], letters: str, stop: StopWords, known: frozenset[str]) -> Wish:
    """What the sentences (words in standard spelling) and the bare letters of a reply ask for."""
    tokens = [token for sentence in sentences for token in sentence]
    said = _without_marks(tokens)
    line = " ".join(tokens)
    present = frozenset(tokens)
    if _taken_back(said, stop):
        return Wish("no", begin=True)
    if len(said) == 1 and _nearly_stop(said[0], known):
        return Wish("yes")
    if _is_one_of(said, stop.alone, stop) or letters in stop.alone:
        doubtful = "?" in tokens and not {*said, letters} & (stop.strong | stop.ordinary)
        doubtful = doubtful or any_matches(stop.doubt, line, present)
        return Wish("unsure" if doubtful else "yes", asks=doubtful)
    verdicts: set[Verdict] = set()
    # a bank card blocked, a name struck off a paper; not when messages are spoken of besides
    not_ours = any_matches(stop.not_ours, line, present) and not present & stop.about_us
    for sentence in _supposed_with_what_follows(sentences):
        plain = set(sentence) & (stop.strong | stop.ordinary | {"jangan", "tidak"})
        if plain and _is_one_of(sentence, stop.alone, stop):
            verdicts.add("yes")
        verdicts |= {_around_stop_word(sentence, place, stop) for place in range(len(sentence))}
        refusals = {_refusal(sentence, place, stop) for place in range(len(sentence))}
        # "tidak usah dikirim, biar saya ambil": the card
        own_way = "yes" in refusals and "lagi" not in sentence and any_matches(stop.own_way, line, present)
        verdicts |= refusals - {"yes"} | {"card", "elsewhere"} if own_way else refusals
    if not not_ours and any_matches(stop.phrases, line, present, negatable=True):
        verdicts.add("unsure" if any_matches(stop.doubt, line, present) else "yes")
    if not not_ours and any_matches(stop.unsure, line, present) and not any_matches(stop.welcome, line, present):
        verdicts.add("unsure")
    if "yes" in verdicts:
        return Wish("yes", card="card" in verdicts)
    begins = _is_one_of(said, stop.start, stop) or any_matches(stop.start_phrases, line, present, negatable=True)
    begins = begins and not present & _SENT_AGAIN and "blokir" not in present
    unsure = "unsure" in verdicts and not (begins and present & _PAST)
    go_on = "go_on" in verdicts or any_matches(stop.go_on, line, present)
    return Wish(
        "unsure" if unsure else "no",
        card="card" in verdicts,
        begin=begins and not unsure and "card" not in verdicts,
        asks=unsure and bool(ASKING & present) and bool(present & (stop.strong | stop.ordinary)),
        go_on=go_on,
        elsewhere=not_ours or "elsewhere" in verdicts,
    )


def _supposed_with_what_follows(sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    """ "kalau saya stop, kartunya masih bisa diambil?" as one sentence."""
    joined: list[list[str]] = []
    for sentence in sentences:
        if joined and joined[-1][0] in _SUPPOSING and "?" not in joined[-1]:
            joined[-1] += sentence
        else:
            joined.append(list(sentence))
    return joined


def _nearly_stop(word: str, known: frozenset[str]) -> bool:
    """A reply of one word that is "stop" but for a letter typed wrongly: "syop", "stip", "st0p"."""
    return word not in known and not word.isdecimal() and OSA.distance(word, "stop") <= 1


def _around_stop_word(tokens: Sequence[str], place: int, stop: StopWords) -> Verdict:
    """What the stop word at `place` means, from its neighbours."""
    word = tokens[place]
    if word not in stop.strong and word not in stop.ordinary:
        return "no"
    before, after = tokens[max(0, place - 3) : place], tokens[place + 1 : place + 5]
    asks = bool(ASKING & set(tokens))
    received = {one for one, what in zip(after, tokens[place + 2 :], strict=False) if what in stop.objects}
    ours = {*before, *after} & stop.about_us - (received & stop.receive)  # "berhenti terima berkas"
    if "jangan" in before[-2:]:
        return "go_on"  # "jangan berhenti kirim", "jangan sampai berhenti"
    if _WHY & set(tokens[:place]) and tokens[-1] == "?" and word in stop.ordinary:
        return "elsewhere"  # "kok berhenti kirim kabarnya?" misses them
    if before[-2:-1] == ["tidak"] and before[-1] in _WANTING:
        return "unsure" if asks else "no"  # "tidak jadi stop"; "kenapa tidak mau berhenti?"
    near = {*before[-2:], *after[:2]}
    if (near & stop.innocent or set(after[: 1 + (after[:1] == ["dulu"])]) & stop.places) and not set(after[:3]) & ours:
        return "elsewhere"
    refused = before[-2:].count("tidak") + before[-2:].count("belum")
    if word in stop.strong and set(tokens[:place]) == {"tidak"}:
        return "yes"  # "gak, stop", "❌ stop"
    # "bisa tidak pesannya dihentikan" asks for it
    if refused and not (before[:1] == ["bisa"] or before[-3:-1] == ["bisa", "tidak"]):
        return "unsure" if ours or word in stop.strong else "no"
    if set(before) & _PAST:
        return "unsure"  # "kemarin saya stop, kirim lagi ya"
    if before[-1:] in (["minta"], ["tolong"]):
        return "yes"  # "kan sudah minta berhenti dari kemarin"
    if _SUPPOSING & set(tokens[:place]) and _SUPPOSED & set(tokens[place + 1 :]):
        return "unsure"
    if _WHEN & set(tokens[max(0, place - 4) : place + 3]) and not ours:
        return "no"  # "jam berapa stop pengambilannya"
    if near & _ABOUT_STOPPING and (asks or near & {"maksud", "maksudnya", "arti", "artinya"}):
        return "unsure"
    said_before = set(tokens[:place]) - stop.fillers - _POLITE_BEFORE
    if ours or (word in stop.strong and not (said_before and set(after) - stop.fillers - {"?"})):
        return "yes"
    if word in stop.strong:
        return "unsure"  # "hp saya stop charging"
    if not said_before and not set(after) - stop.fillers - {"?"}:
        return "yes"
    # "hp berhenti", "berhenti minum": somebody else, something else
    return "unsure" if place == 0 or not set(after) - stop.fillers else "no"


def _refusal(tokens: Sequence[str], place: int, stop: StopWords) -> Verdict:
    """What `jangan | tidak usah | tidak mau ... kirim | wa | sms | hubungi` beginning at `place` means."""
    negator = next((words for words in stop.negators if tuple(tokens[place : place + len(words)]) == words), ())
    if not negator:
        return _plain_refusal(tokens, place, stop)
    begin = place + len(negator)
    # "bisa minta tolong jangan dikirimi lagi?" is a request, not a question
    asks = bool(ASKING & {*tokens[:place], *tokens[-1:]}) and not _REQUESTING & set(tokens[:place])
    wish = negator != ("jangan",)
    for verb_at in range(begin, min(begin + _REACH, len(tokens))):
        verb, after = tokens[verb_at], tokens[verb_at + 1 : verb_at + 5]
        if verb in stop.softeners or verb in stop.strong or verb in stop.ordinary:
            return "go_on"  # "jangan lupa kirim", "jangan berhenti kirim"
        if verb in stop.contact or (wish and verb in stop.receive):
            return _refused(verb, tokens[begin:verb_at], after, wish, asks, stop)
        if verb in stop.message:
            # "tidak mau pesan", "jangan kasih info lagi"; "jangan beri info palsu" is advice
            return "unsure" if asks or not (wish or "lagi" in after) else "yes"
    # "jangan japri-japri lagi": a verb that is not in the lists
    return "unsure" if negator == ("jangan",) and "lagi" in tokens[begin : begin + _REACH] else "no"


def _plain_refusal(tokens: Sequence[str], place: int, stop: StopWords) -> Verdict:
    """`tidak ... dikirim ... lagi`: a wish where it is asked for, or says "lagi" about messages."""
    if tokens[place] != "tidak" or "?" in tokens:
        return "no"
    reach = tokens[place + 1 : place + 6]
    verb_at = next((at for at, word in enumerate(reach[:_REACH]) if word in stop.contact or word in stop.receive), None)
    if verb_at is None or set(reach[:verb_at]) & stop.softeners:
        return "no"
    after = set(reach[verb_at + 1 :])
    wanted = _WISHING & set(tokens[max(0, place - 4) : place])
    about_messages = reach[verb_at] in stop.message or after & stop.message
    return "yes" if about_messages and ("lagi" in after or wanted) else "no"


def _refused(
    verb: str, between: Sequence[str], after: Sequence[str], wish: bool, asks: bool, stop: StopWords
) -> Verdict:
    """What is refused, by the words around the verb."""
    if {"ambil", "diambil", "mengambil"} & set(after):
        return "unsure" if set(after) & stop.message else "card"
    if set(after[:2]) & stop.objects and not set(after[:3]) & stop.message:
        return "card"
    if ({*between, *after[:2]} & stop.times and not {"lagi", "kapanpun"} & set(after)) or asks:
        return "unsure"
    if set(after) & stop.message or verb in stop.message:
        return "yes"
    if wish and verb in stop.receive:
        return "yes" if {"lagi", "nomor"} & set(after) else "unsure"  # "tidak mau terima": what, he does not say
    if verb == "dikirim" and not {"lagi", "terus", "saya"} & {*between, *after}:
        return "unsure"  # the card or the message
    return "yes"


def _taken_back(said: Sequence[str], stop: StopWords) -> bool:
    """`tidak jadi stop`, `salah pencet berhenti`: the wish is withdrawn."""
    ends = stop.strong | stop.ordinary
    for place in range(len(said)):
        for words in stop.taken_back:
            reach = said[place + len(words) : place + len(words) + 4]
            if tuple(said[place : place + len(words)]) == words and ends & set(reach):
                return True
    return False


def _is_one_of(said: Sequence[str], alone: frozenset[str], stop: StopWords) -> bool:
    """Whether nothing is said but one of these, with or without words that change nothing."""
    words = _without_marks(said)
    rest = [word for word in words if word not in stop.fillers]
    # "stop ya stop", "sudah cukup ya pak": once each
    once = list(dict.fromkeys(rest))
    kept = [word for word in words if word not in stop.fillers or word in ("sudah", "cukup", "lagi")]
    meant = [word for word in kept if word != "sudah"]  # "sudah, jangan lagi"
    return any(" ".join(shape) in alone for shape in (words, rest, once, kept, meant))


def _without_marks(tokens: Sequence[str]) -> list[str]:
    return [word for word in tokens if word != "?"]
