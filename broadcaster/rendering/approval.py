"""What the approval of a WhatsApp template means: whether it may be sent now, and what people do when not. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

APPROVED = "approved"
UNSUBMITTED = "unsubmitted"
#: Ours: we began to create it and nobody told us whether it is there. It is looked for before it is created again.
UNKNOWN = "unknown"
#: Ours: we knew it, and the provider's account does not hold it any more.
MISSING = "missing"
#: Ours: approved, in a dearer category than we asked for, and nobody has said yes to that.
RECATEGORISED = "recategorised"

#: States in which something went wrong: a campaign that needs the template is not released, and people are told.
WRONG = frozenset({"rejected", "paused", "disabled", RECATEGORISED, MISSING})

#: What happened and what to do, one Indonesian sentence per state; `{key}`, `{asked}`, `{given}` and `{reason}` are filled in.
_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        APPROVED: "Templat WhatsApp {key} disetujui dan boleh dikirim.",
        UNSUBMITTED: "Templat WhatsApp {key} belum dimintakan persetujuan; jalankan `broadcaster content push`.",
        UNKNOWN: "Tidak diketahui apakah Twilio sudah membuat templat WhatsApp {key}; jalankan `broadcaster content push`"
        " seperempat jam kemudian, yang mencarinya dahulu.",
        "received": "Permintaan untuk templat WhatsApp {key} sudah diterima Twilio; tunggu, biasanya paling lama dua hari.",
        "pending": "Templat WhatsApp {key} sedang diperiksa Meta; tunggu, biasanya paling lama dua hari.",
        "rejected": "Templat WhatsApp {key} ditolak Meta{reason}; ubah kalimatnya dengan `broadcaster content edit {key}`,"
        " lalu jalankan `broadcaster content push`, yang memakai nama baru.",
        "paused": "Templat WhatsApp {key} dijeda Meta karena banyak keluhan, biasanya 3 sampai 6 jam; pesannya menunggu dan"
        " berangkat lagi sendiri setelah jeda itu.",
        "disabled": "Templat WhatsApp {key} dinonaktifkan Meta karena keluhan berulang; tulis kalimat baru dengan"
        " `broadcaster content edit {key}`, lalu jalankan `broadcaster content push`.",
        RECATEGORISED: "Meta menggeser kategori templat WhatsApp {key} dari {asked} menjadi {given}, sehingga harga dan batas"
        " kirimnya berubah; bila diterima, jalankan `broadcaster content accept-category {key} --by NAMA`, bila tidak,"
        " tulis kalimat baru dengan `broadcaster content edit {key}`.",
        MISSING: "Templat WhatsApp {key} tidak ada lagi di akun Twilio ini; periksa akunnya, lalu jalankan"
        " `broadcaster content push` untuk membuatnya lagi.",
    }
)
_OTHER = (
    "Twilio melaporkan keadaan “{state}” untuk templat WhatsApp {key}, yang belum dikenal; periksa di Twilio sebelum"
    " mengirim."
)


@dataclass(frozen=True)
class Standing:
    """How a wording stands at the provider. Categories are utility or marketing in any case of letters, "" = none."""

    approval: str = UNSUBMITTED  # in the provider's words, or our own `unknown` and `missing`
    asked: str = ""  # the category of the wording
    given: str = ""  # the category it has at the provider
    accepted: str = ""  # a category other than the one asked for that a person said yes to
    reason: str = ""  # of a rejection, in the provider's words

    @property
    def shifted(self) -> bool:
        """Whether Meta gave it a category that nobody agreed to. A cheaper one than asked for needs nobody's yes."""
        return self.given.lower() not in {"", "utility", self.asked.lower(), self.accepted.lower()}

    @property
    def state(self) -> str:
        """`approved` when it may be sent now, else why not."""
        if self.approval == APPROVED and self.shifted:
            return RECATEGORISED
        return self.approval or UNSUBMITTED

    @property
    def may_be_sent(self) -> bool:
        return self.state == APPROVED

    def sentence(self, key: str) -> str:
        """What happened to the template of message `key`, and what to do."""
        return _SENTENCES.get(self.state, _OTHER).format(
            state=self.state, key=key, asked=self.asked.lower(), given=self.given.lower(),
            reason=f" ({self.reason})" if self.reason else "",
        )  # fmt: skip


#: The states that have a sentence of their own.
STATES = tuple(_SENTENCES)
