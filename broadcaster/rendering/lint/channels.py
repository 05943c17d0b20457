"""What each channel takes: WhatsApp templates and their buttons, SMS parts, Telegram's plain texts, the officer's line."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

from broadcaster.rendering.catalogue import Catalogue
from broadcaster.rendering.lint.base import (
    ALL,
    CHAT,
    EVERY,
    MESSAGES,
    Hit,
    SourceRule,
    Text,
    TextRule,
    at_worst,
    present,
    usual,
)
from broadcaster.rendering.rules import (
    BUTTON_TITLE,
    PLACEHOLDER,
    TELEGRAM_TEXT,
    WHATSAPP_BODY,
    adjacent_placeholders,
    fixed_words,
    odd_signs,
    plain_signs,
    segments,
)
from broadcaster.rendering.source import Source

_MOST_BUTTONS = 10  # Meta: quick replies of an approved template
_SEEN_BUTTONS = 3  # more are hidden behind "see all options" on the phone
_MOST_PARTS = 2  # SMS, when every value is as long as it gets

#: Formatting that WhatsApp does not know either; the other channels show all of it as it is typed.
_TAGS = r"</?[a-zA-Z][^>\n]*>|&(?:[a-z]+|#\d+);|\*\*[^*\n]+\*\*|__[^_\n]+__|\[[^\]\n]+\]\([^)\n]*\)|`[^`\n]+`|^#{1,4} "
_SIGNS = r"(?<![\w*])\*[^\s*][^*\n]*\*(?![\w*])|(?<![\w_])_[^\s_][^_\n]*_(?![\w_])|(?<!\w)~[^\s~][^~\n]*~(?!\w)"
_MARKUP = 'Format seperti "{}" tidak dipakai; pesan dikirim sebagai teks biasa dan tandanya akan terlihat'

#: Words by which Meta takes a message for an invitation: then it is marketing, whatever we call it.
_INVITING = (
    r"\b(?:mari|ayo|yuk|tahukah|ajakan|mengajak|undangan|mengundang|diundang|manfaatkan|kunjungi|jangan lewatkan|"
    r"kesempatan|sosialisasi|perkenalkan|memperkenalkan|kini hadir|layanan baru)\b"
)
#: Occasions that are news about a card the family has. The others invite, and an invitation is marketing.
_OWN_CARD = frozenset({"printed_uncollected", "turning_five", "expired_at_five", "turning_seventeen"})


def _whatsapp_edge(text: Text) -> Iterable[Hit]:
    found = PLACEHOLDER.findall(text.body)
    if re.match(r"\W*\{", text.body):
        yield Hit(f"{{{found[0]}}}", "Templat WhatsApp tidak boleh diawali isian; tulis kata di depannya")
    if re.search(r"\}\W*$", text.body):
        last = f"{{{found[-1]}}}"
        message = "Templat WhatsApp tidak boleh diakhiri isian; tulis kata di belakangnya"
        yield Hit(last, message, nth=text.body.count(last))


def _whatsapp_adjacent(text: Text) -> Iterable[Hit]:
    for pair in adjacent_placeholders(text.body):
        yield Hit(pair, f"Templat WhatsApp perlu kata di antara dua isian: {' '.join(pair.split())}")


def _whatsapp_ratio(text: Text) -> Iterable[Hit]:
    count = len(set(PLACEHOLDER.findall(text.body)))
    need = 2 * count + 1
    if count and fixed_words(text.body) < need:
        yield Hit(
            "",
            f"Templat WhatsApp dengan {count} isian perlu paling sedikit {need} kata tetap; tambah kata atau kurangi isian",
        )


def _whatsapp_space(text: Text) -> Iterable[Hit]:
    for match in re.finditer(r"(\S*)(?:\n[ \t]*\n[ \t]*\n|\t| {4,})", text.body):
        message = "Templat WhatsApp tidak boleh memuat tab, dua baris kosong beruntun, atau banyak spasi; hapus itu"
        yield Hit(match.group(1) or match.group(), message)


Filled = Callable[[Text], list[str]]


def _longer(fill: Filled, most: int, what: str, *, unless: Filled | None = None) -> Callable[[Text], Iterable[Hit]]:
    """The text filled so is too long, unless it is already too long when filled the other way: then that rule says it."""

    def finds(text: Text) -> Iterable[Hit]:
        longest = max(map(len, fill(text)), default=0)
        if longest > most and not (unless is not None and any(len(other) > most for other in unless(text))):
            yield Hit("", f"{what} menjadi {longest} huruf; batasnya {most}; persingkat {longest - most} huruf")

    return finds


def _sms_encoding(text: Text) -> Iterable[Hit]:
    for sign in odd_signs(plain_signs(text.body)):
        name = f'"{sign}" (U+{ord(sign):04X})' if sign.isprintable() else f"U+{ord(sign):04X}"
        message = (
            f"Tanda {name} tidak ada di huruf SMS, sehingga satu SMS hanya memuat 70 huruf; ganti dengan huruf biasa"
        )
        yield Hit(sign, message)


def _sms_length(text: Text) -> Iterable[Hit]:
    units, parts = _most_sms(usual(text))
    if parts > 1 and not odd_signs(plain_signs(text.body)):
        yield Hit("", f"SMS menjadi {units} huruf pada isian yang biasa dan dihitung {parts} SMS; paling banyak 160")


def _sms_longest(text: Text) -> Iterable[Hit]:
    units, parts = _most_sms(at_worst(text))
    if parts > _MOST_PARTS and not odd_signs(plain_signs(text.body)):
        yield Hit("", f"SMS menjadi {units} huruf pada isian terpanjang dan dihitung {parts} SMS; kurangi isiannya")


def _most_sms(filled: list[str]) -> tuple[int, int]:
    counts = [segments(plain_signs(text)) for text in filled]
    return max(((count.units, count.segments) for count in counts), default=(0, 1))


def _officer_line(text: Text) -> Iterable[Hit]:
    if "{anak}" not in text.body and "{ortu}" not in text.body:
        yield Hit("", "Petugas desa perlu tahu keluarga mana; sebut {anak} atau {ortu}")
    if "\n" in text.body:
        yield Hit(text.body.split("\n")[1], "Teks untuk daftar petugas ditulis dalam satu baris")


def _button_titles(source: Source, _: Catalogue) -> Iterable[Hit]:
    for number, (title, _intent) in enumerate(source.buttons, start=1):
        if not title.strip():
            yield Hit("title", "Judul tombol kosong; isi dengan satu atau dua kata", "buttons", number)
        elif len(title) > BUTTON_TITLE:
            message = f'Judul tombol "{title}" {len(title)} huruf; paling banyak {BUTTON_TITLE}'
            yield Hit("title", message, "buttons", number)


def _button_signs(source: Source, _: Catalogue) -> Iterable[Hit]:
    for number, (title, _intent) in enumerate(source.buttons, start=1):
        if re.search(r"[{}*_~`\n]", title) or any(unicodedata.category(sign) in ("So", "Cf", "Cc") for sign in title):
            message = f'Judul tombol "{title}" hanya boleh huruf biasa, tanpa isian, gambar, atau format'
            yield Hit("title", message, "buttons", number)


def _button_many(most: int, why: str) -> Callable[[Source, Catalogue], Iterable[Hit]]:
    def finds(source: Source, _: Catalogue) -> Iterable[Hit]:
        if len(source.buttons) > most:
            yield Hit("[[buttons]]", f"Ada {len(source.buttons)} tombol; {why}", nth=most + 1)

    return finds


def _button_duplicates(source: Source, _: Catalogue) -> Iterable[Hit]:
    titles: set[str] = set()
    intents: set[str] = set()
    for number, (title, intent) in enumerate(source.buttons, start=1):
        if title.strip().casefold() in titles:
            yield Hit("title", f'Dua tombol berjudul "{title}"; beri judul yang berbeda', "buttons", number)
        elif intent in intents:
            yield Hit("intent", f'Dua tombol berarti "{intent}"; hapus salah satunya', "buttons", number)
        titles.add(title.strip().casefold())
        intents.add(intent)


def _stop_button(source: Source, _: Catalogue) -> Iterable[Hit]:
    if not any(intent == "opt_out" for _, intent in source.buttons) and any(
        channel in source.texts for channel in CHAT
    ):
        yield Hit("[[buttons]]", 'Tambahkan tombol "Berhenti" dengan intent = "opt_out"')


def _button_mention(source: Source, _: Catalogue) -> Iterable[Hit]:
    titles = {title for title, _ in source.buttons}
    for channel, body in source.texts.items():
        after = "text" if source.purpose == "answer" else channel
        for match in re.finditer(r"\btekan(?: tombol)? [\"“]([^\"”\n]+)[\"”]", body, re.IGNORECASE):
            if channel not in CHAT or source.purpose not in MESSAGES:
                yield Hit(match.group(), f'Di sini tidak ada tombol; hapus "{match.group()}"', after)
            elif match.group(1) not in titles:
                shown = ", ".join(f'"{title}"' for title, _ in source.buttons)
                yield Hit(
                    match.group(), f'Tidak ada tombol "{match.group(1)}"; yang ada: {shown or "tidak satu pun"}', after
                )
        if source.purpose == "answer":
            return  # one text for both channels


def _category_words(text: Text) -> Iterable[Hit]:
    for match in re.finditer(_INVITING, text.body, re.IGNORECASE):
        message = (
            f'"{match.group()}" terbaca sebagai ajakan; Meta akan menjadikan templat ini marketing. Hapus kata itu, atau tulis '
            'category = "marketing"'
        )
        yield Hit(match.group(), message)


def _category(source: Source, catalogue: Catalogue) -> Iterable[Hit]:
    if source.category != "utility":
        return
    inviting = [occasion for occasion in source.occasions if occasion not in _OWN_CARD]
    if inviting:
        message = f'Pesan untuk {", ".join(inviting)} adalah ajakan; menurut aturan Meta category = "marketing"'
        yield Hit("category", message)
    elif "whatsapp" in source.texts:
        text = Text("whatsapp", source.texts["whatsapp"], source.purpose, source.key, catalogue)
        yield from (hit._replace(after="whatsapp") for hit in _category_words(text))


RULES: tuple[TextRule, ...] = (
    TextRule("whatsapp_edge", "error", ("whatsapp",), MESSAGES, _whatsapp_edge),
    TextRule("whatsapp_adjacent", "error", ("whatsapp",), MESSAGES, _whatsapp_adjacent),
    TextRule("whatsapp_ratio", "error", ("whatsapp",), MESSAGES, _whatsapp_ratio),
    TextRule("whatsapp_space", "error", ("whatsapp",), MESSAGES, _whatsapp_space),
    TextRule(
        "whatsapp_length", "error", ("whatsapp",), ALL,
        _longer(usual, WHATSAPP_BODY, "Pesan WhatsApp pada isian yang biasa"),
    ),
    TextRule(
        "whatsapp_longest", "warning", ("whatsapp",), ALL,
        _longer(at_worst, WHATSAPP_BODY, "Pesan WhatsApp pada isian terpanjang", unless=usual),
    ),
    TextRule(
        "telegram_length", "error", ("telegram",), ALL,
        _longer(at_worst, TELEGRAM_TEXT, "Pesan Telegram pada isian terpanjang"),
    ),
    TextRule(
        "markup", "error", tuple(channel for channel in EVERY if channel != "whatsapp"), ALL,
        present(f"{_TAGS}|{_SIGNS}", _MARKUP, flags=re.MULTILINE),
    ),
    TextRule("markup", "error", ("whatsapp",), MESSAGES, present(_TAGS, _MARKUP, flags=re.MULTILINE)),
    TextRule("sms_reply", "error", ("sms",), MESSAGES, present(r"\bbalas\w*", 'SMS tidak dapat dibalas; hapus "{}"')),
    TextRule("sms_encoding", "error", ("sms",), MESSAGES, _sms_encoding),
    TextRule("sms_length", "warning", ("sms",), MESSAGES, _sms_length),
    TextRule("sms_longest", "warning", ("sms",), MESSAGES, _sms_longest),
    TextRule("officer_line", "error", ("village_list",), MESSAGES, _officer_line),
)  # fmt: skip

SOURCE_RULES: tuple[SourceRule, ...] = (
    SourceRule("button_title", "error", MESSAGES, _button_titles),
    SourceRule("button_signs", "error", MESSAGES, _button_signs),
    SourceRule("button_count", "error", MESSAGES, _button_many(_MOST_BUTTONS, f"paling banyak {_MOST_BUTTONS}")),
    SourceRule(
        "button_hidden", "warning", MESSAGES,
        _button_many(_SEEN_BUTTONS, "yang keempat dan seterusnya tersembunyi di balik tombol lain; cukup tiga"),
    ),
    SourceRule("button_duplicate", "error", MESSAGES, _button_duplicates),
    SourceRule("button_mention", "error", ALL, _button_mention),
    SourceRule("stop_button", "error", MESSAGES, _stop_button),
    SourceRule("category", "warning", MESSAGES, _category),
)  # fmt: skip
