"""Checks the office's texts: what makes a message trusted, understood, lawful and cheap enough. One table of rules.

`check` reads a folder of content (or only a folder of messages) and returns everything at once; nothing is written.
Texts for the village officer's list are short lines for staff: only the rules that name that channel apply to them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.rendering import source as sources
from broadcaster.rendering.catalogue import examples, neutral, variables
from broadcaster.rendering.form import Problem, line_of, nearest
from broadcaster.rendering.rules import (
    BUTTON_TITLE,
    PLACEHOLDER,
    TELEGRAM_TEXT,
    WHATSAPP_BODY,
    adjacent_placeholders,
    fill,
    fixed_words,
    placeholders,
    plain_signs,
    segments,
    stray_braces,
)
from broadcaster.rendering.source import ANSWER_PREFIX, MESSAGE_PURPOSES, Source

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    file: str
    line: int
    rule: str
    severity: Severity
    message: str


@dataclass(frozen=True)
class Text:
    """One text of one file, as the rules see it."""

    channel: str
    body: str
    kind: str  # campaign | thanks | correction | answer
    stops: bool  # a button says "stop"


@dataclass(frozen=True)
class Rule:
    """`finds` gives the offending piece of the text (or an empty text) and one sentence, for each offence."""

    name: str
    severity: Severity
    channels: tuple[str, ...]
    kinds: tuple[str, ...]
    finds: Callable[[Text], Iterable[tuple[str, str]]]


_CHAT = ("telegram", "whatsapp")
_PEOPLE = (*_CHAT, "sms")
_EVERY = sources.CHANNELS

#: Words in capital letters that are names or commands, not shouting.
CAPITALS = frozenset(
    {
        "BANTU", "BERHENTI", "GRATIS", "HP", "ID", "KIA", "KK", "KTP", "MULAI", "NIK", "OTP", "PAUD", "PIN", "RT", "RW",
        "SD", "SKPWNI", "SMS", "SPTJM", "STOP", "SUDAH", "TK", "WA", "WIB", "WNI",
    }
)  # fmt: skip
_THREATS = (
    r"\b(?:wajib\w*|denda|didenda|sanksi|blokir|diblokir|hangus|dihapus|dicabut|terancam|peringatan terakhir|kamu)\b"
    r"|\bsegera!"
)
_LINK = r"https?:|www\.|\bt\.me\b|\bwa\.me\b|\bbit\.ly\b|\b[a-z0-9-]+\.(?:com|net|org|id|info|xyz|link|site|apk)\b"
_ATTACHMENT = r"\bterlampir\b|\blampiran\b|\bunduh\b|\bdownload\b|\binstal\w*|\bpasang aplikasi\b|\bAPK\b"
_ASKS = (
    r"\b(?:kirim\w*|mengirim\w*|balas\w*|sebut\w*|tulis\w*|isi|isikan|masukkan|beri(?:kan)?|transfer\w*|bayar\w*|setor\w*)\b"
    r"[^.!?;:]*\b(?:NIK|No\.? ?KK|nomor KK|OTP|PIN|kata sandi|password|foto|KTP|uang|rupiah|Rp|biaya|rekening)\b"
)
_DENIES = r"\b(?:tidak|tdk|jangan|tanpa|bukan)\b"
_IKD = r"\bIKD\b|aktivasi|identitas kependudukan digital"
_PLACE = r"Arga Makmur|Malakoni|Kantor Camat"
_OFFICE = r"\{kantor\}|Dukcapil"
_FIRST_WORDS = 6


def _sentences(body: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+|\n+", body)


def _absent(pattern: str, message: str, *, flags: int = re.IGNORECASE) -> Callable[[Text], Iterable[tuple[str, str]]]:
    """The text must hold `pattern`."""
    return lambda text: [] if re.search(pattern, text.body, flags) else [("", message)]


def _present(pattern: str, message: str, *, flags: int = re.IGNORECASE) -> Callable[[Text], Iterable[tuple[str, str]]]:
    """The text must not hold `pattern`; `message` may name it as `{}`."""
    return lambda text: [
        (match.group(), message.replace("{}", match.group())) for match in re.finditer(pattern, text.body, flags)
    ]


def _office_first(text: Text) -> Iterable[tuple[str, str]]:
    start = " ".join(text.body.split()[:_FIRST_WORDS])
    if not re.search(_OFFICE, start):
        yield "", "Sebut nama kantor pada kata-kata pertama, misalnya: Salam dari {kantor}."


def _asks_for_data(text: Text) -> Iterable[tuple[str, str]]:
    for sentence in _sentences(text.body):
        found = re.search(_ASKS, sentence, re.IGNORECASE)
        if found and not re.search(_DENIES, sentence, re.IGNORECASE):
            yield found.group(), f'Pesan tidak boleh meminta data, foto, kode, atau uang: "{found.group()}"'


def _capitals(text: Text) -> Iterable[tuple[str, str]]:
    for word in re.findall(r"\b[A-Z]{2,}\b", PLACEHOLDER.sub("", text.body)):
        if word not in CAPITALS:
            yield word, f'Jangan menulis "{word}" dengan huruf besar semua'


def _spelled_out(text: Text) -> Iterable[tuple[str, str]]:
    full = "Kartu Identitas Anak"
    short = re.search(r"\bKIA\b", text.body)
    if text.kind == "answer" and not short:
        return  # an answer need not name the card; a campaign message must
    if full not in text.body:
        yield "KIA" if short else "", f"Tulis lengkap sekali: {full} (KIA); KIA juga berarti Kesehatan Ibu dan Anak"
    elif short and short.start() < text.body.index(full):
        yield "KIA", f"Tulis lengkap pada penyebutan pertama: {full} (KIA)"


def _how_to_stop(text: Text) -> Iterable[tuple[str, str]]:
    if not re.search(r"\b(?:STOP|BERHENTI)\b", text.body):
        yield "", "Katakan cara berhenti, misalnya: Untuk berhenti menerima pesan, balas STOP."
    elif text.channel == "sms" and "{nomor_wa}" not in text.body:
        yield "STOP", "SMS tidak dapat dibalas; tulis misalnya: Stop: WA STOP {nomor_wa}"


def _stop_button(text: Text) -> Iterable[tuple[str, str]]:
    if not text.stops:
        yield "", 'Tambahkan tombol "Berhenti" dengan intent = "opt_out"'


def _placeholders_known(text: Text) -> Iterable[tuple[str, str]]:
    for name in placeholders(text.body):
        if name not in variables():
            yield f"{{{name}}}", f"Isian {{{name}}} tidak dikenal{nearest(name, variables())}"
    for piece in stray_braces(text.body):
        yield piece, f"Kurung kurawal hanya untuk isian: {piece}"


def _family_names(text: Text) -> Iterable[tuple[str, str]]:
    # the honorific is part of the value, because a shared telephone is addressed without a name
    for match in re.finditer(r"(?:Bapak/Ibu|Bapak|Ibu|Ananda|anak) \{(?:ortu|anak)\}", text.body):
        yield match.group(), f'Isian sudah memuat sapaan; hapus kata di depannya: "{match.group()}"'


def _sms_length(text: Text) -> Iterable[tuple[str, str]]:
    counts = [segments(plain_signs(filled)) for filled in _filled(text)]
    longest = max(counts, key=lambda count: (count.encoding == "ucs2", count.units), default=None)
    if longest is None:
        return
    if longest.encoding == "ucs2":
        yield "", "SMS memakai tanda di luar huruf biasa, sehingga hanya muat 70 huruf; hapus tanda itu"
    elif longest.segments > 1:
        most = f"paling banyak 160 (dihitung {longest.segments} SMS)"
        yield "", f"SMS menjadi {longest.units} huruf pada contoh terpanjang; {most}"


def _limit(most: int, name: str) -> Callable[[Text], Iterable[tuple[str, str]]]:
    def finds(text: Text) -> Iterable[tuple[str, str]]:
        longest = max(map(len, _filled(text)), default=0)
        if longest > most:
            yield "", f"Pesan {name} menjadi {longest} huruf pada contoh terpanjang; batasnya {most}"

    return finds


def _filled(text: Text) -> list[str]:
    try:
        return [fill(text.body, values) for values in (examples(variables()), neutral(variables()))]
    except BadInput:
        return []  # an unknown placeholder is reported by its own rule


def _whatsapp_placeholders(text: Text) -> Iterable[tuple[str, str]]:
    found = PLACEHOLDER.findall(text.body)
    if not found:
        return
    if re.match(r"\W*\{", text.body):
        yield "{" + found[0] + "}", "Templat WhatsApp tidak boleh diawali isian; tulis kata di depannya"
    if re.search(r"\}\W*$", text.body):
        yield "{" + found[-1] + "}", "Templat WhatsApp tidak boleh diakhiri isian; tulis kata di belakangnya"
    for pair in adjacent_placeholders(text.body):
        yield pair, f"Templat WhatsApp perlu kata di antara dua isian: {pair}"
    need = 2 * len(set(found)) + 1
    if fixed_words(text.body) < need:
        yield "", f"Templat WhatsApp dengan {len(set(found))} isian perlu paling sedikit {need} kata tetap"
    if re.search(r"\n{3,}| {4,}|\t", text.body):
        yield "", "Templat WhatsApp tidak boleh memuat tab, baris kosong beruntun, atau banyak spasi"


_MESSAGES = MESSAGE_PURPOSES
_ALL = (*_MESSAGES, "answer")
_CHECK = r"ragu\b[^.]*[.?,]?[^.]*\b(?:desa|layanan|kantor)\b"
_NEVER = r"tidak (?:pernah )?meminta[^.]*NIK"

#: name, severity, channels, kinds of text, what it finds
RULES: tuple[Rule, ...] = (
    Rule("placeholder", "error", _EVERY, _ALL, _placeholders_known),
    Rule("honorific", "error", _EVERY, _ALL, _family_names),
    Rule("office_first", "error", _PEOPLE, _MESSAGES, _office_first),
    Rule("spelled_out", "error", _PEOPLE, _ALL, _spelled_out),
    Rule("free", "error", _PEOPLE, ("campaign",), _absent(r"\bGRATIS\b", "Katakan bahwa layanan ini GRATIS")),
    Rule(
        "how_to_check", "error", _PEOPLE, _MESSAGES,
        _absent(_CHECK, "Katakan cara memastikan, misalnya: Bila ragu, tanyakan ke kantor desa."),
    ),
    Rule("how_to_stop", "error", _PEOPLE, _MESSAGES, _how_to_stop),
    Rule("stop_button", "error", _CHAT, _MESSAGES, _stop_button),
    Rule(
        "service_number", "error", _CHAT, _MESSAGES,
        _absent(r"\{nomor_layanan\}", "Sebut {nomor_layanan}; nomor pengirim dan nomor layanan dapat berbeda"),
    ),
    Rule(
        "never_asks", "error", _CHAT, _MESSAGES,
        _absent(_NEVER, "Katakan: Kami tidak pernah meminta NIK, kode OTP, foto, atau uang."),
    ),
    Rule("asks_for_data", "error", _EVERY, _ALL, _asks_for_data),
    Rule("link", "error", _EVERY, _ALL, _present(_LINK, "Pesan tidak boleh memuat tautan: {}")),
    Rule(
        "attachment", "error", _EVERY, _ALL,
        _present(_ATTACHMENT, 'Pesan tidak boleh menyuruh mengunduh atau memasang apa pun: "{}"'),
    ),
    Rule(
        "digital_id", "error", _EVERY, _ALL,
        _present(_IKD, 'Jangan menyebut "{}": itu bahan penipuan yang paling sering'),
    ),
    Rule("threat", "error", _EVERY, _ALL, _present(_THREATS, 'Pakai kata yang ramah; "{}" terdengar seperti ancaman')),
    Rule("capitals", "error", _EVERY, _ALL, _capitals),
    Rule("punctuation", "warning", _EVERY, _ALL, _present(r"!{2,}|\?{2,}", 'Cukup satu tanda baca: "{}"')),
    Rule(
        "place", "error", _EVERY, _ALL,
        _present(_PLACE, 'Ganti "{}" dengan isian tempat: warga Enggano tidak datang ke Arga Makmur'),
    ),
    Rule("sms_reply", "error", ("sms",), _MESSAGES, _present(r"\bbalas\w*", 'SMS tidak dapat dibalas; hapus "{}"')),
    Rule("sms_length", "warning", ("sms",), _MESSAGES, _sms_length),
    Rule("whatsapp_placeholders", "error", ("whatsapp",), _MESSAGES, _whatsapp_placeholders),
    Rule("whatsapp_length", "error", ("whatsapp",), _ALL, _limit(WHATSAPP_BODY, "WhatsApp")),
    Rule("telegram_length", "error", ("telegram",), _ALL, _limit(TELEGRAM_TEXT, "Telegram")),
)  # fmt: skip


def check(folder: Path) -> list[Finding]:
    """Every finding in `folder`: a content folder (messages/, answers/) or one with message files only.

    Raises `BadInput` when there is no message file in it.
    """
    messages = folder / "messages" if (folder / "messages").is_dir() else folder
    files = [(path, path.stem) for path in sorted(messages.glob("*.toml"))]
    if not files:
        raise BadInput(f"Tidak ada berkas pesan (*.toml) di {messages}", code="no_messages")
    files += [(path, ANSWER_PREFIX + path.stem) for path in sorted((folder / "answers").glob("*.toml"))]
    findings: list[Finding] = []
    for path, key in files:
        name = path.relative_to(folder).as_posix()
        try:
            toml = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            findings.append(Finding(name, 1, "utf8", "error", "Berkas bukan teks UTF-8; simpan ulang sebagai UTF-8"))
            continue
        findings += [
            Finding(name, problem.line, problem.rule, severity, problem.message)
            for severity, problem in examine(key, toml)
        ]
    return findings


def examine(key: str, toml: str) -> list[tuple[Severity, Problem]]:
    """Every problem of one file, of form and of wording."""
    source, problems = sources.read(key, toml)
    found: list[tuple[Severity, Problem]] = [("error", problem) for problem in problems]
    if source is not None:
        found += _of_source(source, toml)
    return sorted(found, key=lambda item: item[1].line)


def _of_source(source: Source, toml: str) -> list[tuple[Severity, Problem]]:
    found: list[tuple[Severity, Problem]] = []
    for title, _ in source.buttons:
        if not 0 < len(title) <= BUTTON_TITLE:
            message = f'Judul tombol "{title}" {len(title)} huruf; paling banyak {BUTTON_TITLE}'
            found.append(("error", Problem(line_of(toml, title), "button_title", message)))
    stops = any(intent == "opt_out" for _, intent in source.buttons)
    seen: set[tuple[str, str]] = set()
    for channel, body in source.texts.items():
        text = Text(channel, body, source.purpose, stops)
        for rule in RULES:
            if channel not in rule.channels or source.purpose not in rule.kinds:
                continue
            for piece, message in rule.finds(text):
                if source.purpose == "answer" and (rule.name, message) in seen:
                    continue  # an answer has one text for both channels
                seen.add((rule.name, message))
                where = channel if source.purpose in MESSAGE_PURPOSES else "text"
                line = line_of(toml, piece or where, where)
                found.append((rule.severity, Problem(line, rule.name, _named(source, channel, message))))
    return found


def _named(source: Source, channel: str, message: str) -> str:
    return message if source.purpose == "answer" else f"[{ChannelKind(channel)}] {message}"
