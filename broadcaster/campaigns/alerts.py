"""What an open alert asks for: what happened, what the provider's code means, and who acts how. Read aloud before changing."""

from __future__ import annotations

from collections.abc import Mapping

from broadcaster.campaigns.sentences import CHANNELS

#: kind -> what happened; `{subject}`, `{channel}` and the alert's own data are filled in
TITLES: dict[str, str] = {
    "campaign_paused": "Kampanye {subject} dijeda otomatis.",
    "campaign_cannot_plan": "Kampanye {subject} tidak dapat menyiapkan kiriman berikutnya.",
    "answer_refused": "Jawaban otomatis lewat {channel} tidak terkirim.",
    "sender_stopped": "Pengiriman lewat {channel} berhenti.",
    "sender_paused": "Pengiriman lewat {channel} menunggu karena penyedia meminta kita berhenti sebentar.",
    "people_paused": "Ada nomor yang gagal dikirimi lewat {channel} pada lima hari yang berbeda.",
    "late_ask": "{messages} pesan kampanye {subject} terlewat waktunya dan ditahan.",
    "template_rejected": "Templat WhatsApp {subject} ditolak Meta.",
    "template_paused": "Templat WhatsApp {subject} dijeda Meta karena banyak keluhan.",
    "template_disabled": "Templat WhatsApp {subject} dinonaktifkan Meta karena keluhan berulang.",
    "template_recategorised": "Meta menggeser kategori templat WhatsApp {subject} dari {asked} menjadi {given}.",
    "template_missing": "Templat WhatsApp {subject} tidak ada lagi di akun Twilio ini.",
    "template_waiting": "Templat WhatsApp {subject} belum boleh dikirim, padahal ada kampanye yang memerlukannya.",
    "officer_report": "Petugas desa {subject} melaporkan {messages} keluarga yang pindah, berduka, atau tidak bersedia.",
}
#: kind -> who acts, and how it goes on
ACTS: dict[str, str] = {
    "campaign_paused": "Setelah sebabnya diperbaiki admin, operator melanjutkan: broadcaster campaign resume {subject}.",
    "campaign_cannot_plan": "Admin perlu memeriksa saluran dan templat kampanye ini.",
    "answer_refused": "Petugas perlu menjawab keluarga lewat nomor layanan.",
    "sender_stopped": "Setelah diperbaiki, admin melanjutkan: broadcaster sender resume {subject} --by NAMA.",
    "sender_paused": "Sistem melanjutkan sendiri; petugas tidak perlu berbuat apa-apa.",
    "people_paused": "Nomor itu tidak dikirimi lagi; petugas perlu menanyakan nomor yang benar kepada keluarga.",
    "late_ask": "Operator memutuskan: broadcaster campaign late {subject} --send atau --skip, dengan --by NAMA.",
    "template_rejected": "Operator mengubah kalimatnya (broadcaster content edit {subject}), lalu admin menjalankan broadcaster"
    " content push. Pesan WhatsApp yang memakainya menunggu, saluran lain tetap berjalan.",
    "template_paused": "Sistem mengirim lagi sendiri setelah jeda itu, biasanya 3 sampai 6 jam; saluran lain tetap berjalan."
    " Petugas perlu mencari sebab keluhan sebelum gelombang berikutnya.",
    "template_disabled": "Operator menulis kalimat baru (broadcaster content edit {subject}), lalu admin menjalankan broadcaster"
    " content push. Pesan WhatsApp yang memakai kalimat lama menunggu sampai waktunya habis, saluran lain tetap berjalan.",
    "template_recategorised": "Harga dan batas kirimnya berubah. Petugas yang berhak menyetujui memutuskan: broadcaster content"
    " accept-category {subject} --by NAMA; sampai itu pesan WhatsApp-nya menunggu, saluran lain tetap berjalan.",
    "template_missing": "Admin memeriksa apakah akun Twilio-nya benar, lalu menjalankan broadcaster content push. Pesan"
    " WhatsApp-nya menunggu, saluran lain tetap berjalan.",
    "template_waiting": "Pesannya menunggu dan sistem melanjutkan sendiri setelah templatnya disetujui; admin melihat keadaannya"
    " dengan broadcaster content status.",
    "officer_report": "Petugas kantor membaca `broadcaster officer reports`, menghubungi keluarga, lalu memutuskan dengan"
    " `broadcaster officer settle NOMOR --as confirmed` atau `--as wrong`, dengan --by NAMA.",
}
#: Alerts that stand as long as the template stands so.
TEMPLATE_ALERTS = frozenset(kind for kind in TITLES if kind.startswith("template_"))


def alert(kind: str, subject: str, data: Mapping[str, object], codes: Mapping[str, str]) -> tuple[str, str]:
    """What happened, and then the cause with who acts. `codes`: "<channel>:<code>" -> the code table's sentence.

    An unknown kind shows itself: a new alert is seen and named, never hidden.
    """
    channel, code = str(data.get("channel", "")), str(data.get("code", ""))
    name = CHANNELS.get(channel, channel)
    if kind not in TITLES:
        return f"Periksa: {kind} ({subject}).", f"Sebab: {code}." if code else ""
    filled = {"subject": subject, "channel": name} | {
        name: str(data.get(name, "")) for name in ("messages", "asked", "given")
    }
    cause = ""
    if code:
        unknown = "Kode dari penyedia: {code}." if channel else "Sebab: {code}."
        cause = codes.get(f"{channel}:{code}", unknown).format(code=code, channel=name) + " "
    return TITLES[kind].format(**filled), cause + ACTS[kind].format(**filled)
