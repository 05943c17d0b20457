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
    Status.SUPPRESSED: "Tidak dikirim karena nomor ini ada di daftar jangan kirim.",
    Status.EXPIRED: "Tidak dikirim karena waktunya sudah lewat.",
    Status.CANCELLED: "Dibatalkan sebelum dikirim.",
}
#: States that say everything by themselves: what once held the message up is over.
_PLAIN = frozenset({Status.CLAIMED, Status.SENDING, Status.ACCEPTED, Status.SENT, Status.READ})

#: By state and reason; beats the state's own sentence.
_REASONS: dict[str, dict[str, str]] = {
    Status.PLANNED: {
        "campaign_paused": "Menunggu karena kampanye sedang dijeda.",
        "sender_paused": "Menunggu karena pengirim {channel} sedang dijeda.",
        "unread": "Menunggu sampai balasan yang masuk selesai dibaca.",
        "outside_hours": "Menunggu jam kirim berikutnya.",
        "household_cap": "Menunggu karena keluarga ini sudah menerima cukup banyak pesan minggu ini.",
        "daily_tier": "Menunggu karena jatah harian WhatsApp sudah terpakai.",
        "children_changed": "Disusun ulang karena kartu salah satu anak sudah diurus.",
        "deferred": "Belum dapat dikirim lewat {channel}; akan dicoba lagi secara otomatis.",
        "rejected": "Ditolak oleh penyedia {channel}; akan dicoba lagi secara otomatis.",
        "receipt": "Belum sampai lewat {channel}; akan dicoba lagi secara otomatis.",
        "late_ask": "Ditahan karena jadwal kirimnya terlewat; operator memutuskan apakah masih dikirim.",
        "template": "Menunggu karena templat {channel} pesan ini sedang tidak boleh dikirim; admin melihat keadaan templatnya.",
    },
    Status.UNKNOWN: {
        "no_answer": "Tidak diketahui apakah terkirim lewat {channel} karena sambungan terputus sebelum ada jawaban;"
        " tidak akan dikirim ulang tanpa keputusan petugas.",
        "restored": "Tidak diketahui apakah terkirim lewat {channel} karena data dipulihkan dari cadangan;"
        " tidak akan dikirim ulang tanpa keputusan petugas.",
        "replaced": "Tidak diketahui apakah terkirim lewat {channel}; petugas sudah menulis ulang pesan ini.",
    },
    Status.DELIVERED: {"settled_received": "Sampai pada keluarga lewat {channel}, menurut keputusan petugas."},
    Status.FAILED: {
        "settled_not_received": "Tidak sampai pada keluarga lewat {channel}, menurut keputusan petugas.",
        "rejected": "Gagal karena ditolak oleh penyedia {channel}; petugas dapat memeriksa nomornya.",
        "receipt": "Tidak sampai lewat {channel}, menurut laporan penyedia; petugas dapat memeriksa nomornya.",
        "cannot_render": "Gagal karena isian pesan belum lengkap; hubungi admin.",
        "error": "Gagal karena kesalahan pada sistem; hubungi admin.",
    },
    Status.SUPPRESSED: {
        "mode_trial": "Tidak dikirim karena masih masa uji coba dan nomor ini bukan penerima uji.",
        "suppressed": "Tidak dikirim karena nomor ini ada di daftar jangan kirim: keluarga meminta berhenti, memblokir kita,"
        " atau nomornya terus gagal.",
    },
    Status.EXPIRED: {
        "late_skip": "Tidak dikirim karena jadwal kirimnya terlewat.",
        "late_ask": "Tidak dikirim karena jadwal kirimnya terlewat dan tidak ada keputusan sampai waktunya habis.",
        "late_skipped": "Tidak dikirim karena jadwal kirimnya terlewat dan operator memutuskan melewatinya.",
        "campaign_paused": "Tidak dikirim karena kampanye dijeda sampai waktunya lewat.",
        "sender_paused": "Tidak dikirim karena pengirim {channel} dijeda sampai waktunya lewat.",
        "unread": "Tidak dikirim karena balasan yang masuk belum terbaca sampai waktunya lewat; hubungi admin.",
        "outside_hours": "Tidak dikirim karena tidak ada jam kirim sampai waktunya lewat.",
        "household_cap": "Tidak dikirim karena keluarga ini sudah menerima cukup banyak pesan sampai waktunya lewat.",
        "daily_tier": "Tidak dikirim karena jatah harian WhatsApp terpakai sampai waktunya lewat.",
        "deferred": "Tidak dikirim karena penyedia {channel} tidak dapat dihubungi sampai waktunya lewat.",
        "rejected": "Tidak dikirim karena penyedia {channel} terus menolak sampai waktunya lewat.",
        "receipt": "Tidak sampai lewat {channel}, dan waktunya lewat sebelum dicoba lagi.",
        "template": "Tidak dikirim karena templat {channel} pesan ini tidak boleh dikirim sampai waktunya lewat.",
    },
    Status.CANCELLED: {
        "card_not_due": "Tidak dikirim karena kartunya sudah diambil atau tidak diperlukan lagi.",
        "campaign_stopped": "Dibatalkan karena kampanye dihentikan.",
        "address_invalid": "Tidak dikirim karena nomor ini tidak dapat dihubungi lewat {channel}.",
        "unlinked": "Tidak dikirim karena {channel} ini sudah diputus dari keluarga.",
        "arrived_before": "Dibatalkan karena pesan lewat saluran sebelumnya ternyata sampai.",
        "says_collected": "Dibatalkan karena keluarga mengabarkan kartunya sudah diambil.",
        "officer_handed_over": "Dibatalkan karena petugas desa mencatat kartunya sudah diserahkan.",
        "officer_moved": "Dibatalkan karena petugas desa mencatat keluarga ini sudah pindah.",
        "officer_deceased": "Dibatalkan karena petugas desa mencatat anaknya meninggal dunia.",
        "officer_refused": "Dibatalkan karena petugas desa mencatat keluarga ini tidak bersedia.",
    },
}
#: States in which the code table's own sentence says best what happened and who acts.
_BY_CODE = frozenset({Status.PLANNED, Status.FAILED, Status.UNKNOWN})

#: The officer's list has no provider: what officers note about a line is its receipt.
_VILLAGE_LIST: dict[str, str] = {
    Status.ACCEPTED: "Dicantumkan pada daftar petugas registrasi desa.",
    Status.SENT: "Dicantumkan pada daftar petugas registrasi desa.",
    Status.DELIVERED: "Keluarga sudah dikabari oleh petugas registrasi desa.",
    Status.READ: "Keluarga sudah dikabari oleh petugas registrasi desa.",
    Status.FAILED: "Tidak sampai: menurut petugas registrasi desa, keluarga ini pindah atau anaknya meninggal dunia.",
}

#: Why this channel and not the one before: by what became of that one.
_FOLLOWS: dict[str, str] = {
    "undelivered": "Dikirim lewat {channel} karena lewat saluran sebelumnya belum sampai setelah {detail} jam.",
    "address_invalid": "Dikirim lewat {channel} karena nomor pada saluran sebelumnya tidak dapat dihubungi.",
    "unlinked": "Dikirim lewat {channel} karena saluran sebelumnya sudah diputus dari keluarga.",
    "rejected": "Dikirim lewat {channel} karena saluran sebelumnya menolak pesan ini.",
    "receipt": "Dikirim lewat {channel} karena lewat saluran sebelumnya tidak sampai.",
}


def sentence(channel: str, status: str, reason: str, code_sentence: str | None = None) -> str:
    """What happened to one message, in one sentence. `code_sentence`: what the code table says of the provider's code."""
    kind = reason.partition(":")[0]
    if (
        channel == ChannelKind.VILLAGE_LIST
        and status in _VILLAGE_LIST
        and (status != Status.FAILED or kind == "receipt")
    ):
        return _VILLAGE_LIST[status]
    if status in _PLAIN:
        text = _STATES[status]
    elif kind in ("rejected", "receipt") and code_sentence and status in _BY_CODE:
        text = code_sentence
    else:
        text = _REASONS.get(status, {}).get(kind) or _STATES[status]
    return text.replace("{channel}", CHANNELS.get(channel, channel))


def follows_sentence(channel: str, follows: str) -> str:
    """Why a message went to this channel, in one sentence; "" for one that began the step."""
    kind, _, detail = follows.partition(":")
    text = _FOLLOWS.get(kind, "Dikirim lewat {channel} karena saluran sebelumnya tidak berhasil.") if follows else ""
    return text.replace("{channel}", CHANNELS.get(channel, channel)).replace("{detail}", detail)


#: Every reason a message may stand with, by state, for the test that each has its sentence.
REASONS: dict[str, tuple[str, ...]] = {status: tuple(_REASONS.get(status, ())) for status in Status}
