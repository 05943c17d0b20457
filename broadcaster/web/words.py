"""The words staff read for what the program calls by code, one table per thing.

A code without a word shows as itself: a new code is seen and named, never hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broadcaster.campaigns import alerts
from broadcaster.domain.message import ChannelKind, Status
from broadcaster.results.document import ResultDocument
from broadcaster.settings import Mode
from broadcaster.web import formats


@dataclass(frozen=True)
class Word:
    """What staff see: the word, the shape drawn beside it (never colour alone), and what it means in one sentence."""

    word: str
    shape: str
    meaning: str = ""


STATUS: dict[str, Word] = {
    Status.READ: Word("Dibaca", "read", "Dibuka oleh penerima, menurut penyedia."),
    Status.DELIVERED: Word("Sampai", "delivered", "Sampai di ponsel penerima, menurut penyedia."),
    Status.SENT: Word("Terkirim", "sent", "Sudah diteruskan oleh penyedia. Belum ada kabar sampai."),
    Status.ACCEPTED: Word("Diterima penyedia", "accepted", "Penyedia sudah menerima pesan. Belum ada kabar sampai."),
    Status.SENDING: Word("Sedang dikirim", "sending", "Sedang diserahkan kepada penyedia."),
    Status.CLAIMED: Word("Segera dikirim", "claimed", "Sudah diambil dari antrean, belum diserahkan."),
    Status.PLANNED: Word("Antrean", "planned", "Menunggu giliran kirim."),
    Status.UNKNOWN: Word(
        "Tidak diketahui", "unknown", "Mungkin sampai, mungkin tidak. Tidak dikirim ulang sebelum petugas memutuskan."
    ),
    Status.FAILED: Word("Gagal", "failed", "Ditolak dan tidak dicoba lagi."),
    Status.SUPPRESSED: Word("Tidak boleh dikirim", "suppressed", "Keluarga minta berhenti, atau aturan melarang."),
    Status.EXPIRED: Word("Lewat waktu", "expired", "Tidak dikirim karena waktunya sudah lewat."),
    Status.CANCELLED: Word("Dibatalkan", "cancelled", "Tidak dikirim karena tidak perlu lagi."),
}

FLOW: dict[str, Word] = {
    "arrived": Word("Sampai atau dibaca", "delivered"),
    "gone": Word("Diserahkan, belum ada kabar sampai", "sent"),
    "waiting": Word("Menunggu dikirim", "planned"),
    "look": Word("Gagal atau tidak diketahui", "failed"),
    "unsent": Word("Tidak dikirim", "cancelled"),
}

CHANNEL: dict[str, str] = {
    ChannelKind.TELEGRAM: "Telegram",
    ChannelKind.WHATSAPP: "WhatsApp",
    ChannelKind.SMS: "SMS",
    ChannelKind.VILLAGE_LIST: "Daftar petugas desa",
}

#: What a channel's receipts are worth; shown under the table by channel.
CHANNEL_NOTE: dict[str, str] = {
    ChannelKind.TELEGRAM: "Telegram tidak memberi kabar sampai; “diterima penyedia” adalah kabar terakhirnya.",
    ChannelKind.SMS: "Kabar sampai dari SMS di Indonesia kurang dapat dipegang.",
    ChannelKind.VILLAGE_LIST: "Keluarga yang tidak terjangkau pesan dikabari oleh petugas registrasi desa.",
}

#: Nobody accepts a line of the officer's list, it stands there; and what officers note is no provider's word.
_ON_THE_LIST: dict[str, Word] = {
    Status.ACCEPTED: Word("Tercantum", "accepted", "Keluarga ada pada daftar petugas desa."),
    Status.DELIVERED: Word("Dikabari", "delivered", "Keluarga sudah dikabari, menurut petugas desa."),
    Status.FAILED: Word("Tidak dikabari", "failed", "Keluarga tidak dapat dikabari lewat petugas desa."),
}


def on_channel(channel: str, state: str) -> Word:
    """A status in the words of its channel."""
    return _ON_THE_LIST.get(state, STATUS[state]) if channel == ChannelKind.VILLAGE_LIST else STATUS[state]


CAMPAIGN: dict[str, Word] = {
    "draft": Word("Draf", "planned", "Belum disetujui. Belum ada yang dikirim."),
    "approved": Word("Disetujui", "claimed", "Sudah disetujui, belum dimulai."),
    "running": Word("Berjalan", "sending", "Pesan dikirim menurut jadwal."),
    "paused": Word("Dijeda", "paused", "Tidak ada pesan baru yang dikirim sampai dilanjutkan."),
    "finished": Word("Selesai", "delivered", "Semua pesan sudah mendapat keadaan akhir."),
    "stopped": Word("Dihentikan", "suppressed", "Dihentikan petugas. Tidak dapat dilanjutkan."),
}

MODE: dict[str, str] = {
    Mode.REHEARSAL: "Latihan. Semua pesan hanya ke penyedia tiruan di komputer ini.",
    Mode.TRIAL: "Uji coba. Hanya petugas dan penerima uji yang dapat dikirimi pesan.",
}

#: How far a WhatsApp template is at Meta; "" was never sent there.
APPROVAL: dict[str, Word] = {
    "": Word("Belum diajukan", "planned", "WhatsApp belum mengirimnya; ajukan dahulu ke Meta."),
    "unsubmitted": Word("Belum diajukan", "planned", "WhatsApp belum mengirimnya; ajukan dahulu ke Meta."),
    "received": Word("Menunggu Meta", "expired", "Sudah diajukan. Meta sedang memeriksanya."),
    "pending": Word("Menunggu Meta", "expired", "Sudah diajukan. Meta sedang memeriksanya."),
    "approved": Word("Disetujui Meta", "delivered", "WhatsApp boleh mengirimnya."),
    "rejected": Word("Ditolak Meta", "failed", "Perbaiki teksnya, lalu ajukan lagi."),
    "paused": Word("Dijeda Meta", "paused", "Banyak penerima mengeluh. Pakai teks lain."),
    "disabled": Word("Dimatikan Meta", "suppressed", "Tidak dapat dipakai lagi. Pakai teks lain."),
}

CATEGORY: dict[str, str] = {"utility": "Pemberitahuan (utility)", "marketing": "Ajakan (marketing)"}

#: What a message is for, apart from campaigns.
PURPOSE: dict[str, str] = {
    "thanks": "sesudah kartu diambil",
    "correction": "ralat, bila ada teks yang salah terkirim",
    "reopening": "dari kotak masuk, setelah lewat 24 jam",
}

#: Why a family is written to.
OCCASION: dict[str, str] = {
    "newborn": "bayi baru lahir",
    "no_card_under_5": "di bawah 5 tahun, belum punya kartu",
    "turning_five": "menjelang umur 5 tahun",
    "expired_at_five": "sudah 5 tahun, kartunya habis masa berlaku",
    "no_card_5_to_16": "5 sampai 16 tahun, belum punya kartu",
    "printed_uncollected": "kartu sudah dicetak, belum diambil",
    "turning_seventeen": "menjelang umur 17 tahun",
}

VERDICT: dict[str, Word] = {
    "success": Word("Terbukti menambah", "delivered", "Kartu yang diambil bertambah karena pesan ini."),
    "harm": Word("Justru berkurang", "failed", "Kartu yang diambil berkurang. Periksa sebelum mengirim lagi."),
    "unproven": Word("Hasil belum jelas", "unknown", "Datanya belum cukup untuk memastikan."),
    "precise_null": Word("Hampir tidak menambah", "cancelled", "Kalaupun ada tambahan, jumlahnya kecil."),
    "interim": Word("Masih diamati", "expired", "Waktu pengamatan belum selesai."),
    "no_lot": Word("Tanpa undian", "unknown", "Urutan kirim kampanye ini tidak diundi."),
    "no_comparison": Word("Tanpa pembanding", "unknown", "Belum ada keluarga yang dapat dibandingkan."),
}

TRUST: dict[str, Word] = {
    "green": Word("Dapat dipercaya", "delivered", "Semua pemeriksaan data lulus."),
    "yellow": Word("Percaya dengan catatan", "unknown", "Ada catatan yang perlu dibaca bersama hasil ini."),
    "red": Word("Jangan dipakai", "failed", "Pemeriksaan data gagal, maka angkanya tidak ditampilkan."),
}

#: What was done to a campaign, told once on the page that follows.
DONE: dict[str, str] = {
    "jeda": "Kampanye dijeda. Tidak ada pesan baru yang dikirim; yang sedang diserahkan tetap selesai.",
    "lanjut": "Kampanye dilanjutkan. Pesan dikirim lagi menurut jadwal.",
    "henti": "Kampanye dihentikan. Pesan yang masih dalam antrean tidak akan dikirim.",
}

#: Sentences for answers that are not a page; by HTTP status.
PROBLEM: dict[int, tuple[str, str]] = {
    400: ("Permintaan tidak dapat dibaca", "Kembali ke halaman sebelumnya, lalu coba lagi."),
    403: ("Tidak diizinkan", "Akun Anda tidak boleh melakukan ini. Mintalah bantuan admin."),
    404: ("Halaman tidak ditemukan", "Alamatnya mungkin salah tulis, atau halamannya sudah tidak ada."),
    405: ("Halaman tidak ditemukan", "Alamat ini tidak dapat dibuka secara langsung."),
    413: ("Kiriman terlalu besar", "Isi formulir melebihi batas. Pendekkan isinya, lalu coba lagi."),
    500: ("Ada gangguan pada sistem", "Coba lagi sebentar lagi. Bila tetap terjadi, beri tahu admin."),
}
FORGED = (
    "Formulir ditolak",
    "Formulir ini tidak berasal dari halaman kami. Buka kembali alamat ini, lalu coba lagi.",
)


#: A message's reason code -> why it was not sent, or what went wrong.
REASON: dict[str, str] = {
    "expired": "Waktunya lewat sebelum dapat dikirim",
    "campaign_stopped": "Kampanye dihentikan",
    "campaign_paused": "Kampanye sedang dijeda",
    "sender_paused": "Pengirim sedang berhenti sementara",
    "suppressed": "Keluarga ada di daftar jangan kirim",
    "address_invalid": "Nomor atau alamatnya tidak dapat dipakai",
    "unlinked": "Telegram ini diputus dari keluarga",
    "mode_trial": "Masa uji coba: hanya petugas dan penerima uji yang dikirimi",
    "card_not_due": "Kartunya sudah diurus atau sudah diambil",
    "children_changed": "Sebagian kartu sudah diambil, pesannya disusun ulang",
    "outside_hours": "Menunggu jam kirim",
    "household_cap": "Keluarga sudah cukup menerima pesan minggu ini",
    "daily_tier": "Jatah harian WhatsApp sudah habis",
    "cannot_render": "Isian pesannya belum lengkap",
    "error": "Ada kesalahan pada sistem",
    "deferred": "Belum dapat diserahkan, dicoba lagi otomatis",
    "no_answer": "Penyedia tidak memberi jawaban yang pasti",
    "says_collected": "Keluarga mengabari bahwa kartunya sudah diambil",
    "officer_handed_over": "Petugas desa mencatat kartunya sudah diserahkan",
    "officer_moved": "Petugas desa mencatat keluarganya pindah",
    "officer_deceased": "Petugas desa mencatat anaknya meninggal dunia",
    "officer_refused": "Petugas desa mencatat keluarganya tidak bersedia",
    "late_skip": "Jadwal kirimnya terlewat",
    "late_ask": "Jadwal kirimnya terlewat, menunggu keputusan operator",
    "late_skipped": "Jadwal kirimnya terlewat, dilewati oleh operator",
    "settled_received": "Dicatat sampai oleh petugas",
    "settled_not_received": "Dicatat tidak sampai oleh petugas",
    "replaced": "Ditulis ulang oleh petugas",
    "restored": "Jatuh tempo sebelum data dipulihkan dari cadangan",
}
_REASON_WITH_CODE: dict[str, str] = {
    "rejected": "Ditolak penyedia (kode {code}).",
    "receipt": "Penyedia mengabarkan gagal (kode {code}).",
}


def reason(code: str, code_sentences: Mapping[str, str]) -> str:
    """Why, for a reason code of a message; an unknown one shows itself. `code_sentences`: "<channel>:<code>" -> sentence."""
    kind, _, detail = code.partition(":")
    if kind not in _REASON_WITH_CODE or not detail:
        return REASON.get(kind, code)
    # the counts are over all channels, and one code means the same on each channel of its provider
    known = (code_sentences.get(f"{channel}:{detail}") for channel in CHANNEL)
    sentence = next((text for text in known if text), _REASON_WITH_CODE[kind])
    return sentence.format(code=detail, channel="saluran ini")


#: What an open alert asks people to look at, and who acts; `doctor` says the same.
alert = alerts.alert


def cell(name: str) -> str:
    """`1/1/kantor` (cohort, tier, place of a lot's cell) as people say it."""
    cohort, tier, place = [*name.split("/", 2), "", ""][:3]
    counter = place if place == "kantor" else place.title()
    return f"Angkatan {cohort}, pelayanan {counter}" + ("" if tier in ("", "1") else f", prioritas {tier}")


FUNNEL: dict[str, str] = {
    "randomised_households": "Keluarga yang ikut undian",
    "randomised_children": "Anak yang ikut undian",
    "messaged_households": "Keluarga yang pesannya sudah diterima penyedia",
    "delivered_households": "Keluarga yang pesannya sampai, menurut WhatsApp",
    "collected_children": "Anak yang kartunya sudah diambil",
    "applied_children": "Anak yang kartunya sudah diajukan",
}


def not_claimed(result: ResultDocument) -> list[str]:
    """What this result does not say; the first lines are the ones its reader most likely assumes."""
    lines = []
    if result["verdict"] in ("no_lot", "no_comparison"):
        lines.append("Bahwa pesan menjadi sebab kartu diambil: untuk itu perlu undian dan pembanding.")
    lines += [
        f"Apa yang terjadi sesudah {result['d_days']} hari.",
        "Bahwa jumlah kartu bertambah untuk seterusnya: pada akhirnya semua keluarga dikirimi pesan, jadi sebagian "
        "mungkin hanya datang lebih cepat.",
        "Pengaruh satu pesan atau satu saluran saja: yang diukur adalah seluruh rangkaian pesan.",
        "Pengaruh bagi keluarga yang tidak punya nomor telepon sendiri.",
    ]
    if result["always_send"]:
        count = formats.number(result["always_send"])
        lines.append(
            f"Pengaruh bagi {count} keluarga yang langsung dikirimi tanpa undian karena tenggatnya sudah dekat."
        )
    if result["cells_without_comparison"]:
        count = formats.number(result["cells_without_comparison"])
        lines.append(f"Pengaruh di {count} kelompok yang tidak punya pembanding.")
    return lines


def wave(number: int) -> str:
    """A wave's name; number 0 holds the families outside the lot, who are written to at once."""
    return f"Gelombang {number}" if number else "Di luar undian"


#: States of a conversation; `URGENT` stands beside it.
CONVERSATION: dict[str, Word] = {
    "open": Word("Menunggu petugas", "alert"),
    "waiting": Word("Sudah dijawab", "sent"),
    "done": Word("Selesai", "delivered"),
}
URGENT = Word("Hari ini juga", "expired")

#: the word in the address -> the word on the page
INBOX_FILTER = {"menunggu": "Menunggu petugas", "dijawab": "Sudah dijawab", "selesai": "Selesai", "semua": "Semua"}
INBOX_DONE = {
    "jawab": "Jawaban sedang dikirim. Bila keluarga membalas lagi, percakapan ini kembali menunggu petugas.",
    "sapa": "Sapaan sedang dikirim. Setelah keluarga membalas, Anda dapat menjawab lagi.",
    "ambil": "Percakapan ini sekarang Anda tangani.",
    "selesai": "Percakapan ini ditandai selesai.",
}
#: Answers of content/answers that staff may begin with.
QUICK_ANSWERS = {
    "where_when": "Tempat dan jam",
    "wants_info_requirements": "Syarat",
    "cannot_go_distance": "Rumah jauh",
    "already_collected": "Sudah diambil",
    "suspicion_of_scam": "Siapa yang mengirim ini?",
}

#: What a reply was read as.
INTENT: dict[str, str] = {
    "already_collected": "sudah diambil",
    "will_collect": "akan diambil",
    "already_has_card": "sudah punya kartu",
    "wants_info_requirements": "bertanya syarat",
    "where_when": "bertanya tempat atau waktu",
    "opt_out": "minta berhenti",
    "opt_in": "minta dikirimi lagi",
    "wrong_number": "salah nomor",
    "child_deceased_or_moved": "anak meninggal atau pindah",
    "cannot_go_distance": "jauh dari kantor",
    "no_smartphone_help_needed": "perlu dibantu petugas",
    "complaint": "pengaduan",
    "thanks": "terima kasih",
    "yes": "ya",
    "no": "tidak",
    "greeting": "salam",
    "unclear": "belum jelas",
    "question_other": "pertanyaan lain",
    "suspicion_of_scam": "curiga penipuan",
}

CARD_STATUS: dict[str, str] = {
    "not_registered": "belum punya kartu",
    "applied": "sudah diajukan",
    "incomplete": "berkas belum lengkap",
    "in_process": "sedang diproses",
    "printed": "sudah dicetak, belum diambil",
    "collected": "sudah diambil",
    "rejected": "ditolak",
    "expired": "habis masa berlaku",
    "void": "tidak berlaku",
}
