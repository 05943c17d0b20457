"""Texts beside each other: what one channel says and another leaves out, and wordings that are to be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from broadcaster.rendering.catalogue import Catalogue
from broadcaster.rendering.lint.base import CHAT, MESSAGES, PUBLIC, Hit, SourceRule
from broadcaster.rendering.rules import placeholders
from broadcaster.rendering.source import CHANNELS, MEDIA, Source

#: As staff write them in `notes`.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "telegram": ("telegram",),
    "whatsapp": ("whatsapp", "wa"),
    "sms": ("sms",),
    "village_list": ("village_list", "daftar petugas", "daftar desa"),
    "desa": ("desa",),
    "radio": ("radio",),
    "billboard": ("billboard", "baliho", "papan"),
    "social": ("social", "media sosial"),
}
#: How a family is addressed differs between channels, and only an SMS needs the number that reads its STOP.
_FREE = frozenset({"ortu", "desa", "kantor", "nomor_wa", "nomor_layanan"})
#: Variables that say nothing for another occasion.
_OCCASIONS: Mapping[str, frozenset[str]] = {
    "tanggal": frozenset({"turning_five", "expired_at_five", "turning_seventeen"}),
    "syarat_lahir": frozenset({"newborn"}),
    "syarat_ganti": frozenset({"turning_five", "expired_at_five"}),
    "syarat_ktp": frozenset({"turning_seventeen"}),
}
_WITH_PHOTO = ("syarat_foto", "syarat_ganti")


def _channel_missing(source: Source, _: Catalogue) -> Iterable[Hit]:
    for channel in MEDIA if source.purpose == "announcement" else CHANNELS:
        explained = re.search(rf"\btanpa (?:{'|'.join(_NAMES[channel])})\b", source.notes, re.IGNORECASE)
        if channel not in source.texts and not explained:
            reason = f'"Tanpa {_NAMES[channel][0]}, karena ..."'
            message = f"Belum ada teks {channel}; tambahkan, atau jelaskan di notes, misalnya: {reason}"
            yield Hit("[texts]", message)


def _notes(source: Source, _: Catalogue) -> Iterable[Hit]:
    if not source.notes:
        yield Hit("title", 'Tambahkan notes = "..." untuk petugas: kapan pesan ini dipakai')


def _drift(source: Source, catalogue: Catalogue) -> Iterable[Hit]:
    said = {channel: set(placeholders(body)) - _FREE for channel, body in source.texts.items()}
    chats = [channel for channel in CHAT if channel in said]
    for here, there in ((one, other) for one in chats for other in chats if one != other):
        for name in _in_order(said[here] - said[there], catalogue):
            yield _only(here, name, f"tetapi tidak di {there}; samakan keduanya")
    if not chats:
        return
    for channel in [channel for channel in ("sms", "village_list") if channel in said]:
        for name in _in_order(said[channel].difference(*(said[chat] for chat in chats)), catalogue):
            yield _only(channel, name, f"tetapi tidak di {chats[0]}; samakan keduanya")
        # a visit without its day and place is no news
        for name in _in_order(_visit(set.union(*(said[chat] for chat in chats))) - said[channel], catalogue):
            message = (
                f"{{{name}}} disebut di {chats[0]}, tetapi tidak di {channel}; keluarga tidak tahu kapan dan di mana"
            )
            yield Hit("", message, channel)


def _only(channel: str, name: str, where: str) -> Hit:
    return Hit(f"{{{name}}}", f"{{{name}}} disebut di {channel}, {where}", channel)


def _visit(names: set[str]) -> set[str]:
    return names & {"keliling_tanggal", "keliling_tempat"}


def _in_order(names: set[str], catalogue: Catalogue) -> list[str]:
    return [name for name in catalogue if name in names]


def _photo_size(source: Source, _: Catalogue) -> Iterable[Hit]:
    for channel in CHAT:
        names = placeholders(source.texts.get(channel, ""))
        for name in _WITH_PHOTO:
            if name in names and "ukuran_foto" not in names:
                yield Hit(f"{{{name}}}", f"{{{name}}} meminta pas foto; sebut juga {{ukuran_foto}}", channel)


def _occasion(source: Source, _: Catalogue) -> Iterable[Hit]:
    for name in source.variables:
        allowed = _OCCASIONS.get(name)
        strangers = [occasion for occasion in source.occasions if allowed is not None and occasion not in allowed]
        # a text may say several things to several occasions, but a birthday means only one
        if strangers and (name == "tanggal" or len(strangers) == len(source.occasions)):
            yield Hit("occasions", f"Isian {{{name}}} tidak berarti untuk {', '.join(strangers)}; hapus salah satunya")


def across(sources: Mapping[str, Source]) -> Iterable[tuple[str, str, Hit]]:
    """Findings over all messages of a folder: (key, rule, where)."""
    bodies: dict[str, str] = {}
    for key, source in sources.items():
        body = source.texts.get("whatsapp", "")
        if body and body in bodies:
            message = (
                f"Teks WhatsApp sama persis dengan {bodies[body]}; Meta menolak templat yang sama, ubah salah satunya"
            )
            yield key, "duplicate", Hit("", message, "whatsapp")
        bodies.setdefault(body, key)
        if source.variant_of:
            yield from ((key, rule, hit) for rule, hit in _of_variant(source, sources.get(source.variant_of)))


def _of_variant(source: Source, base: Source | None) -> Iterable[tuple[str, Hit]]:
    if base is None:
        yield (
            "variant",
            Hit("variant_of", f'Tidak ada pesan "{source.variant_of}"; betulkan namanya, atau buat pesannya'),
        )
        return
    if base.variant_of:
        message = f'"{base.key}" sendiri kalimat lain dari "{base.variant_of}"; tulis variant_of = "{base.variant_of}"'
        yield "variant", Hit("variant_of", message)
    if (source.purpose, set(source.occasions)) != (base.purpose, set(base.occasions)):
        key = "purpose" if source.purpose != base.purpose else "occasions"
        yield "variant", Hit(key, f'"{key}" harus sama dengan {base.key}, karena keduanya untuk keluarga yang sama')
    if source.category != base.category:
        yield (
            "variant_drift",
            Hit("category", f"category berbeda dari {base.key}: harga dan batas kirimnya tidak sebanding"),
        )
    if {intent for _, intent in source.buttons} != {intent for _, intent in base.buttons}:
        yield (
            "variant_drift",
            Hit("[[buttons]]", f"Maksud tombol berbeda dari {base.key}; cukup kalimatnya yang dibandingkan"),
        )


RULES: tuple[SourceRule, ...] = (
    SourceRule("notes", "warning", (*MESSAGES, *PUBLIC), _notes),
    SourceRule("channel_missing", "warning", (*MESSAGES, *PUBLIC), _channel_missing),
    SourceRule("drift", "warning", MESSAGES, _drift),
    SourceRule("photo_size", "warning", MESSAGES, _photo_size),
    SourceRule("occasion", "warning", ("campaign",), _occasion),
)
