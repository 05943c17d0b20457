"""One Indonesian sentence for any message: what happened, and who acts. Read aloud before changing."""

from __future__ import annotations

from broadcaster.domain.message import ChannelKind, Status

CHANNELS: dict[str, str] = {
    ChannelKind.TELEGRAM: "Telegram",
    ChannelKind.WHATSAPP: "WhatsApp",
    ChannelKind.SMS: "SMS",
    ChannelKind.VILLAGE_LIST: "daftar petugas desa",
}

#: By state alone; `{channel}` is filled in.
_STATES: dict[str, str] = {
    Status.PLANNED: "Menunggu giliran kirim lewat {channel}.",
    Status.CLAIMED: "Sedang disiapkan untuk dikirim lewat {channel}.",
    Status.SENDING: "Sedang dikirim lewat {channel}; jawaban penyedia belum diterima.",
    Status.UNKNOWN: "Tidak diketahui apakah pesan lewat {channel} terkirim; tidak akan dikirim ulang tanpa keputusan petugas.",
    Status.ACCEPTED: "Diterima oleh penyedia {channel}; belum ada kabar apakah sampai.",
    Status.SENT: "Diteruskan oleh penyedia {channel}; belum ada kabar apakah sampai.",
    Status.DELIVERED: "Sampai di telepon keluarga lewat {channel}, menurut laporan penyedia.",
    Status.READ: "Dibaca oleh keluarga lewat {channel}.",
    Status.FAILED: "Gagal dikirim lewat {channel}.",
    Status.SUPPRESSED: "Tidak dikirim karena keluarga ini meminta agar tidak dikirimi pesan.",
    Status.EXPIRED: "Tidak dikirim karena waktunya sudah lewat.",
    Status.CANCELLED: "Dibatalkan sebelum dikirim.",
}

#: By the reason kept with the row; beats the state's own sentence.
_REASONS: dict[str, str] = {
    "mode_trial": "Tidak dikirim karena masih masa uji coba dan nomor ini bukan penerima uji.",
    "card_not_due": "Tidak dikirim karena kartunya sudah diambil atau tidak diperlukan lagi.",
    "campaign_stopped": "Dibatalkan karena kampanye dihentikan.",
    "campaign_paused": "Menunggu karena kampanye sedang dijeda.",
    "sender_paused": "Menunggu karena pengirim {channel} sedang dijeda.",
    "address_invalid": "Tidak dikirim karena nomor ini tidak dapat dihubungi lewat {channel}.",
    "outside_hours": "Menunggu jam kirim berikutnya.",
    "household_cap": "Menunggu karena keluarga ini sudah menerima cukup banyak pesan minggu ini.",
    "daily_tier": "Menunggu karena jatah harian WhatsApp sudah terpakai.",
    "children_changed": "Disusun ulang karena kartu salah satu anak sudah diurus.",
    "says_collected": "Dibatalkan karena keluarga mengabarkan kartunya sudah diambil.",
    "no_answer": "Tidak diketahui apakah terkirim lewat {channel} karena sambungan terputus sebelum ada jawaban;"
    " tidak akan dikirim ulang tanpa keputusan petugas.",
    "cannot_render": "Gagal karena isian pesan belum lengkap; hubungi admin.",
    "error": "Gagal karena kesalahan pada sistem; hubungi admin.",
    "deferred": "Belum dapat dikirim lewat {channel}; akan dicoba lagi secara otomatis.",
}

_VILLAGE_LIST = "Dicantumkan pada daftar petugas registrasi desa."


def sentence(channel: str, status: str, reason: str, code_sentence: str | None = None) -> str:
    """What happened to one message, in one sentence. `code_sentence`: what the code table says of the provider's code."""
    if channel == ChannelKind.VILLAGE_LIST and status in (Status.ACCEPTED, Status.SENT, Status.DELIVERED):
        return _VILLAGE_LIST
    kind = reason.partition(":")[0]
    if kind in ("rejected", "receipt") and code_sentence:
        text = code_sentence
    else:
        text = _REASONS.get(kind) or _STATES[status]
    return text.replace("{channel}", CHANNELS.get(channel, channel))
