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
}


def alert(kind: str, subject: str, data: Mapping[str, object], codes: Mapping[str, str]) -> tuple[str, str]:
    """What happened, and then the cause with who acts. `codes`: "<channel>:<code>" -> the code table's sentence.

    An unknown kind shows itself: a new alert is seen and named, never hidden.
    """
    channel, code = str(data.get("channel", "")), str(data.get("code", ""))
    name = CHANNELS.get(channel, channel)
    if kind not in TITLES:
        return f"Periksa: {kind} ({subject}).", f"Sebab: {code}." if code else ""
    filled = {"subject": subject, "channel": name, "messages": str(data.get("messages", ""))}
    cause = ""
    if code:
        unknown = "Kode dari penyedia: {code}." if channel else "Sebab: {code}."
        cause = codes.get(f"{channel}:{code}", unknown).format(code=code, channel=name) + " "
    return TITLES[kind].format(**filled), cause + ACTS[kind].format(**filled)
