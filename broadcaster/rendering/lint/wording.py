"""How a text is worded: kindly, plainly, in Indonesian, with everything that may change left to variables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from itertools import islice

from broadcaster.rendering.form import nearest
from broadcaster.rendering.lint.base import (
    ALL,
    ANSWER,
    CHAT,
    EVERY,
    MEDIA,
    MESSAGES,
    PUBLIC,
    SPOKEN,
    Hit,
    Text,
    TextRule,
    present,
    usual,
)
from broadcaster.rendering.readability import longest_sentence, reading_ease
from broadcaster.rendering.rules import PLACEHOLDER, placeholders, stray_braces

#: Words in capital letters that are names or commands, not shouting.
CAPITALS = frozenset(
    {
        "APK", "BANTU", "BERHENTI", "GRATIS", "HP", "ID", "IKD", "KIA", "KK", "KTP", "MULAI", "NIK", "OTP", "PAUD", "PIN",
        "RT", "RW", "SD", "SKPWNI", "SMS", "SPTJM", "STOP", "SUDAH", "TK", "WA", "WIB", "WNI",
    }
)  # fmt: skip

#: Below this a text is harder than plain: the shipped texts lie at about 70 and above, official prose below 30.
EASY = 60.0
#: Words in one sentence; the longest in a shipped text for a telephone has 25.
LONG_SENTENCE = 30
#: Words: a minute on the radio; what can be read in passing.
_MOST_WORDS = {"radio": 150, "billboard": 40}

_MONTHS = "Januari|Februari|Maret|April|Mei|Juni|Juli|Agustus|September|Oktober|November|Desember"
#: What the office may change one day, or what differs between families -> the variable that says it.
_FIXED = (
    (r"\b\d{1,2}[.:]\d{2}\b(?!\.)", "{jam}"),
    (rf"\b\d{{1,2}} (?:{_MONTHS})\b(?: \d{{4}})?", "{tanggal} atau {keliling_tanggal}"),
    (r"\b20\d\d\b", "{tanggal}, atau hapus tahunnya"),
    (r"(?<!\d)(?:\+62|0)8\d[\d -]{6,}\d|(?<!\d)0\d{2,3}[- ]\d{5,}|\b1500\d{3}\b", "{nomor_layanan}"),
    (r"\b\d ?[x×] ?\d\b(?: ?cm)?|\b\d+ lembar\b", "{ukuran_foto}"),
    (r"\b\d+ (?:hari|jam|minggu)\b(?: kerja)?", "{lama}"),
    (r"\bRp ?\d[\d.]*", "kata GRATIS"),
)
_DOCUMENTS = (
    r"\bakta\b",
    r"\bKK\b|Kartu Keluarga",
    r"\bKTP\b",
    r"\bpas ?foto\b",
    r"\bbuku nikah\b",
    r"\bsurat keterangan\b",
)
_BRING = re.compile(
    r"\b(?:bawa|bawalah|membawa|dibawa|siapkan|menyiapkan|disiapkan|syaratnya|syarat|persyaratan)\b[^.;!?]*"
)
_PLACE = (
    r"Arga Makmur|Malakoni|Enggano|\b[Kk]antor [Cc]amat\b|\b(?:Desa|Kelurahan|Kel\.|Kecamatan|Kec\.) [A-Z][a-z]\w*"
    r"|\bJl\.|\bJalan [A-Z]\w*"
)
_ABBREVIATIONS = (
    r"\b(?:yg|dgn|utk|sdh|udh|tdk|blm|jgn|krn|kpd|dlm|dr|tgl|thn|bpk|sdr|mhn|hrs|bs|sy|trims|trm|ksh|dll|dsb|dst)\b\.?|\bs/d\b"
    r"|\ba\.n\."
)
_RELATIVE = r"\b(?:(?:hari|pagi|siang|sore|malam|minggu|bulan) ini|(?:minggu|pekan|bulan) depan|besok|lusa|kemarin)\b"
#: Words of other languages that no Indonesian text needs: English, and the polite Javanese of the trans villages.
_FOREIGN = re.compile(
    r"\b(?:the|and|your|you|please|with|from|will|have|has|this|that|are|is|for|of|child|children|card|free|office|ready|"
    r"panjenengan|njenengan|sampun|dereng|mboten|kagem|wonten|lare|nggih|badhe|saged|sumangga)\b",
    re.IGNORECASE,
)
_DAMAGED = re.compile(r"\ufffd|â€.?|Ã[\u0080-\u00bf]|Â[\u00a0-\u00bf]")
#: What a value already begins with, so that a text must not say it again.
_SAID_TWICE = (
    r"(?:Bapak/Ibu|Bapak|Ibu|Ananda|(?<!Identitas )[Aa]nak) \{(?:ortu|anak)\}"
    r"|(?:Desa|desa|Kelurahan|kelurahan) \{desa\}|Dukcapil \{kantor\}"
)


def _placeholders_known(text: Text) -> Iterable[Hit]:
    for name in placeholders(text.body):
        if name not in text.catalogue:
            yield Hit(f"{{{name}}}", f"Isian {{{name}}} tidak dikenal{nearest(name, text.catalogue)}")
    for piece in stray_braces(text.body):
        yield Hit(piece, f"Kurung kurawal hanya untuk isian: {piece}")


def _capitals(text: Text) -> Iterable[Hit]:
    for word in re.findall(r"\b[A-Z]{2,}\b", PLACEHOLDER.sub("", text.body)):
        if word not in CAPITALS:
            yield Hit(word, f'Jangan menulis "{word}" dengan huruf besar semua')


def _hardcoded(text: Text) -> Iterable[Hit]:
    taken: list[tuple[int, int]] = []
    # an announcement says from which day on; staff write it in before it is made
    fixed = _FIXED if text.kind != "announcement" else [line for line in _FIXED if "{tanggal}" not in line[1]]
    for pattern, instead in fixed:
        for match in re.finditer(pattern, text.body):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue  # the year of a date was reported with it
            taken.append(match.span())
            yield Hit(match.group(), f'"{match.group()}" dapat berubah; ganti dengan {instead}')


def _requirements(text: Text) -> Iterable[Hit]:
    for match in _BRING.finditer(text.body):
        clause = match.group()
        if sum(bool(re.search(document, clause)) for document in _DOCUMENTS) > 1 and "{syarat" not in clause:
            message = "Persyaratan dapat berubah; ganti daftarnya dengan isian {syarat...}, misalnya {syarat_baru}"
            yield Hit(clause, message)


def _language(text: Text) -> Iterable[Hit]:
    found = list(dict.fromkeys(match.group() for match in _FOREIGN.finditer(PLACEHOLDER.sub("", text.body))))
    if len(found) > 1:
        shown = ", ".join(found[:4])
        yield Hit(found[0], f"Pesan didaftarkan dan dikirim dalam bahasa Indonesia; tulis ulang kata seperti: {shown}")


def _invisible(text: Text) -> Iterable[Hit]:
    for match in islice(_DAMAGED.finditer(text.body), 1):
        yield Hit(match.group(), f'Huruf rusak ("{match.group()}"); tulis ulang kata itu dan simpan sebagai UTF-8')
    for sign in dict.fromkeys(text.body):
        if sign not in "\n\t" and unicodedata.category(sign) in ("Cc", "Cf", "Co", "Cs"):
            before = re.search(r"\S*$", text.body[: text.body.index(sign)])
            near = f' sesudah "{before.group()}"' if before and before.group() else ""
            yield Hit(
                sign, f"Ada tanda yang tidak terlihat (U+{ord(sign):04X}){near}; hapus, lalu ketik ulang bagian itu"
            )


def _reading_ease(text: Text) -> Iterable[Hit]:
    for filled in usual(text)[:1]:
        ease = reading_ease(filled)
        if ease < EASY:
            sentence, words = longest_sentence(filled)
            message = (
                f"Teks sulit dibaca (kemudahan {ease:.0f}, sebaiknya {EASY:.0f} ke atas); pakai kata dan kalimat yang pendek, "
                f'mulai dari kalimat {words} kata ini: "{_beginning(sentence)} ..."'
            )
            yield Hit(_own_words(sentence, text.body), message)


def _long_sentence(text: Text) -> Iterable[Hit]:
    for filled in usual(text)[:1]:
        sentence, words = longest_sentence(filled)
        if words > LONG_SENTENCE:
            message = f'Kalimat ini {words} kata; bagi menjadi dua: "{_beginning(sentence)} ..."'
            yield Hit(_own_words(sentence, text.body), message)


def _too_many_words(text: Text) -> Iterable[Hit]:
    most = _MOST_WORDS[text.channel]
    for filled in usual(text)[:1]:
        words = len(filled.split())
        if words > most:
            yield Hit("", f"Teks {words} kata; untuk {text.channel} paling banyak {most}")


def _beginning(sentence: str) -> str:
    return " ".join(sentence.split()[:5])


def _own_words(sentence: str, body: str) -> str:
    """The longest beginning of a filled sentence that stands in the text itself, to find its line by."""
    words = sentence.split()
    return next((piece for n in range(len(words), 1, -1) if (piece := " ".join(words[:n])) in body), "")


RULES: tuple[TextRule, ...] = (
    TextRule("placeholder", "error", EVERY, ALL, _placeholders_known),
    TextRule(
        "honorific", "error", EVERY, ALL,
        # the honorific is part of the value, because a shared telephone is addressed without a name
        present(_SAID_TWICE, 'Isian sudah memuat kata itu; hapus kata di depannya: "{}"', flags=re.NOFLAG),
    ),
    TextRule("capitals", "error", EVERY, ALL, _capitals),
    TextRule("punctuation", "warning", EVERY, ALL, present(r"!{2,}|\?{2,}|\.{4,}", 'Cukup satu tanda baca: "{}"')),
    TextRule(
        "place", "error", EVERY, (*MESSAGES, *ANSWER),  # an announcement is made for a place
        present(_PLACE, 'Ganti "{}" dengan isian {tempat} atau {desa}: warga Enggano tidak datang ke Arga Makmur',
                flags=re.NOFLAG),
    ),
    TextRule("hardcoded", "error", EVERY, ALL, _hardcoded),
    TextRule("requirements", "error", EVERY, ALL, _requirements),
    TextRule(
        "abbreviation", "warning", tuple(channel for channel in EVERY if channel != "sms"), ALL,
        present(_ABBREVIATIONS, 'Tulis lengkap: "{}"; singkatan hanya untuk SMS'),
    ),
    TextRule(
        "relative_day", "warning", EVERY, ALL,
        present(_RELATIVE, 'Pesan dapat dibaca pada hari lain; ganti "{}" dengan tanggalnya'),
    ),
    TextRule("language", "error", EVERY, ALL, _language),
    TextRule("invisible", "error", EVERY, ALL, _invisible),
    TextRule("reading_ease", "warning", (*CHAT, *SPOKEN), ALL, _reading_ease),
    TextRule("long_sentence", "warning", (*CHAT, *MEDIA), ALL, _long_sentence),
    TextRule("too_many_words", "warning", tuple(_MOST_WORDS), PUBLIC, _too_many_words),
)  # fmt: skip
