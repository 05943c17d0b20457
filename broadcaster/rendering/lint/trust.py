"""What makes a message trusted and lawful: who speaks, how to check it, how to stop it, and nothing that a fraud would say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from broadcaster.rendering.lint.base import (
    ALL,
    ANSWER,
    CAMPAIGN,
    CHAT,
    EVERY,
    MEDIA,
    MESSAGES,
    PEOPLE,
    PUBLIC,
    SPOKEN,
    Hit,
    Text,
    TextRule,
    absent,
    denied,
    present,
)
from broadcaster.rendering.rules import placeholders

_OFFICE = r"\{kantor\}|Dukcapil"
_FIRST_WORDS = 6
_CHECK = r"ragu\b[^.]*[.?,]?[^.]*\b(?:desa|layanan|kantor)\b"
_NEVER = r"tidak (?:pernah )?meminta[^.]*NIK"
_SECRETS = (
    r"NIK|No\.? ?KK|nomor KK|OTP|PIN|kode verifikasi|kata sandi|password|foto|swafoto|selfie|KTP(?:-el)?|nama ibu kandung|"
    r"tanggal lahir|uang|rupiah|Rp|biaya|rekening"
)
_SEND = r"kirim\w*|mengirim\w*|lampirkan|unggah|sertakan"
_SAY = r"balas\w*|sebut\w*|tulis\w*|ketik\w*|isi|isikan|masukkan|beri(?:kan)?|transfer\w*|bayar\w*|setor\w*"
_ASKS = re.compile(
    rf"\b(?:{_SEND}|{_SAY})\b[^.!?;:]*?\b(?:{_SECRETS})\b|\b(?:{_SEND})\b[^.!?;:]*?\b(?:KK|akta|dokumen)\b",
    re.IGNORECASE,
)
_WE_SEND = re.compile(r"\bkami(?: akan| juga)? $", re.IGNORECASE)
_LINK = (
    r"https?:\S+|\bwww\.\S+|\b(?:[a-z0-9-]+\.)+(?:com|net|org|id|info|me|ly|gl|co|cc|xyz|link|site|online|app|top|apk)\b(?:/\S*)?"
    r"|(?<!\w)@\w{4,}"
)
_ATTACHMENT = (
    r"\bterlampir\b|\blampiran\b|\bunduh\w*|\bmengunduh\b|\bdownload\b|\b(?:meng)?instal\w*|\b(?:me)?pasang aplikasi\b|"
    r"\bmemasang aplikasi\b|\bAPK\b|\bklik\b|\bbuka (?:tautan|link|file|berkas)\b"
)
_IKD = r"\bIKD\b|aktivasi|identitas kependudukan digital"
_THREATS = (
    r"\b(?:wajib\w*|denda|didenda|sanksi|blokir|diblokir|hangus|dihapus|dicabut|terancam|peringatan terakhir|kamu)\b"
    r"|\bsegera!"
)
_LURES = (
    r"\b(?:hadiah|undian|voucher|bonus|promo|promosi|diskon|cashback|potongan harga|pemenang|memenangkan|bansos|"
    r"uang tunai|saldo)\b"
)


def _office_first(text: Text) -> Iterable[Hit]:
    start = " ".join(text.body.split()[:_FIRST_WORDS])
    if not re.search(_OFFICE, start):
        yield Hit("", "Sebut nama kantor pada kata-kata pertama, misalnya: Salam dari {kantor}.")


def _spelled_out(text: Text) -> Iterable[Hit]:
    full = "Kartu Identitas Anak"
    short = re.search(r"\bKIA\b", text.body)
    if text.kind != "campaign" and not short:
        return  # only a campaign message must name the card
    if full not in text.body:
        message = f"Tulis lengkap sekali: {full} (KIA); KIA juga berarti Kesehatan Ibu dan Anak"
        yield Hit("KIA" if short else "", message)
    elif short and short.start() < text.body.index(full):
        yield Hit("KIA", f"Tulis lengkap pada penyebutan pertama: {full} (KIA)")


def _how_to_stop(text: Text) -> Iterable[Hit]:
    if not re.search(r"\b(?:STOP|BERHENTI)\b", text.body):
        yield Hit("", "Katakan cara berhenti, misalnya: Untuk berhenti menerima pesan, balas STOP.")
    elif text.channel == "sms" and "{nomor_wa}" not in text.body:
        yield Hit("STOP", "SMS tidak dapat dibalas; tulis misalnya: Stop: WA STOP {nomor_wa}")


def _asks_for_data(text: Text) -> Iterable[Hit]:
    for match in _ASKS.finditer(text.body):
        before = text.body[: match.start()]
        if not denied(text.body, match.start()) and not _WE_SEND.search(before):
            yield Hit(match.group(), f'Pesan tidak boleh meminta data, foto, kode, atau uang: "{match.group()}"')


def _office_only(text: Text) -> Iterable[Hit]:
    for name in placeholders(text.body):
        known = text.catalogue.get(name)
        if known is not None and known.source != "office":
            yield Hit(f"{{{name}}}", f"Teks ini tidak ditujukan kepada satu keluarga; hapus isian {{{name}}}")


def _always_sendable(text: Text) -> Iterable[Hit]:
    if text.key in ("answer:stop", "answer:how_to_stop"):
        for name in placeholders(text.body):
            message = f"Jawaban atas permintaan berhenti harus selalu dapat dikirim; tulis tanpa isian {{{name}}}"
            yield Hit(f"{{{name}}}", message)


_CHECK_HINT = "Katakan cara memastikan, misalnya: Bila ragu, tanyakan ke kantor desa."
_NEVER_HINT = "Katakan: Kami tidak pernah meminta NIK, kode OTP, foto, atau uang."

RULES: tuple[TextRule, ...] = (
    TextRule("office_first", "error", PEOPLE, MESSAGES, _office_first),
    TextRule(
        "office_named", "error", MEDIA, PUBLIC, absent(_OFFICE, "Sebut nama kantor, misalnya: Pengumuman dari {kantor}.")
    ),
    TextRule("spelled_out", "error", (*PEOPLE, *MEDIA), ALL, _spelled_out),
    TextRule(
        "free", "error", (*PEOPLE, *MEDIA), (*CAMPAIGN, *PUBLIC),
        absent(r"\bGRATIS\b", "Katakan bahwa layanan ini GRATIS"),
    ),
    TextRule("how_to_check", "error", (*PEOPLE, *SPOKEN), (*MESSAGES, *PUBLIC), absent(_CHECK, _CHECK_HINT)),
    TextRule("how_to_stop", "error", PEOPLE, MESSAGES, _how_to_stop),
    TextRule(
        "service_number", "error", CHAT, MESSAGES,
        absent(r"\{nomor_layanan\}", "Sebut {nomor_layanan}; nomor pengirim dan nomor layanan dapat berbeda"),
    ),
    TextRule(
        "announces_number", "warning", MEDIA, PUBLIC,
        absent(r"\{nomor_wa\}", "Umumkan nomor pengirim {nomor_wa}, supaya pesan dari nomor itu dikenali"),
    ),
    TextRule("never_asks", "error", (*CHAT, *SPOKEN), (*MESSAGES, *PUBLIC), absent(_NEVER, _NEVER_HINT)),
    TextRule("asks_for_data", "error", EVERY, ALL, _asks_for_data),
    TextRule(
        "personal_data", "error", EVERY, ALL,
        present(r"(?<!\d)\d{16}(?!\d)", 'Jangan menulis NIK atau nomor KK di dalam teks: "{}"'),
    ),
    TextRule(
        "link", "error", EVERY, ALL,
        present(_LINK, 'Pesan tidak boleh memuat tautan: "{}"; situs resmi kantor ditulis sebagai isian {situs}'),
    ),
    TextRule(
        "attachment", "error", EVERY, ALL,
        present(_ATTACHMENT, 'Pesan tidak boleh menyuruh membuka, mengunduh, atau memasang apa pun: "{}"',
                unless_denied=True),
    ),
    TextRule(
        "digital_id", "error", EVERY, ALL,
        present(_IKD, 'Jangan menyebut "{}": itu bahan penipuan yang paling sering'),
    ),
    TextRule(
        "threat", "error", EVERY, ALL, present(_THREATS, 'Pakai kata yang ramah; "{}" terdengar seperti ancaman'),
    ),
    TextRule(
        "lure", "error", EVERY, ALL,
        present(_LURES, 'Hapus "{}": terdengar seperti penipuan berhadiah, dan tidak dapat kita janjikan'),
    ),
    TextRule("office_only", "error", EVERY, (*ANSWER, *PUBLIC), _office_only),
    TextRule("always_sendable", "error", CHAT, ANSWER, _always_sendable),
)  # fmt: skip
