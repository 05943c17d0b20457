"""What a person's decisions add up to, and what a suppression covers. Pure; the table of events is in docs/consent.md.

Two purposes. *Reminders* are everything the office begins: campaigns, thanks, corrections, news. *Answers* are what somebody
gets because of what they wrote or pressed themselves. A stop is about reminders; whoever asks something afterwards is
answered by a person.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from broadcaster.domain.phone import PROBLEMS, read_phone
from broadcaster.errors import BadInput

Purpose = Literal["reminders", "all"]
ANY_CHANNEL = "any"
IN, OUT = "in", "out"
#: Where a decision comes from. A block shuts one channel, and its end takes back nothing but the block.
SOURCES = ("reply", "start", "provider", "block", "staff")
BLOCK, STAFF = "block", "staff"

#: Moments that are only known as "when we heard of it" say nothing about an order within this time: calls of a provider
#: overtake one another.
SAME_MOMENT = timedelta(seconds=1)

_MOST_NOTE = 200  # characters
_LONG_NUMBER = re.compile(r"\d(?:[\s._-]{0,3}\d){14,}")


@dataclass(frozen=True)
class Reason:
    """Why an address is not written to. `answers`: whether what its holder asks may be answered; "later" = what they ask
    after they said it, and by a person. `sentence` is for staff."""

    answers: Literal["yes", "later", "no"]
    sentence: str


REASONS: dict[str, Reason] = {
    "opt_out": Reason("later", "Meminta tidak dikirimi pesan."),
    "no_contact": Reason("no", "Meminta tidak dihubungi sama sekali."),
    "blocked": Reason("no", "Menutup saluran ini: memblokir kita atau berhenti lewat penyedia."),
    "blocked_elsewhere": Reason("later", "Memblokir kita di saluran lain, jadi tidak dikirimi pesan."),
    "wrong_number": Reason("yes", "Bukan nomor keluarga ini."),
    "staff": Reason("yes", "Ditahan sampai petugas berbicara dengan keluarga ini."),
    "unreachable": Reason("yes", "Tidak terjangkau di saluran ini."),
    "five_failed_days": Reason("yes", "Pengiriman gagal pada lima hari berbeda."),
}
#: Reasons that say "we do not reach this person here", not "this person does not want it": another channel may be tried.
UNREACHABLE = frozenset({"unreachable", "five_failed_days"})
#: What the person's own decisions put on every channel, and take away again.
OF_THE_PERSON = frozenset({"opt_out", "no_contact", "blocked_elsewhere"})
_STRENGTH = {"unreachable": 0, "five_failed_days": 0, "blocked_elsewhere": 1, "opt_out": 3, "no_contact": 4}
ANSWERED = frozenset(code for code, reason in REASONS.items() if reason.answers == "yes")
ANSWERED_LATER = frozenset(code for code, reason in REASONS.items() if reason.answers == "later")


@dataclass(frozen=True)
class Decision:
    """One entry of the ledger, as far as it counts. `exact`: `at` is when it was said, not only when we heard of it."""

    address: bytes
    channel: str
    wants: bool
    purpose: str
    source: str
    at: datetime
    exact: bool


@dataclass(frozen=True)
class Standing:
    """A stop that stands: the reason it is kept under on every channel, and since when."""

    reason: str
    since: datetime


def strength(reason: str) -> int:
    """Which of two reasons for one address is kept: the one that says more, and of equals the earlier one."""
    return _STRENGTH.get(reason, 2)


def standing(decisions: Sequence[Decision]) -> Standing | None:
    """What all decisions of one person add up to; None when nothing keeps us from writing to them.

    The newest counts, by when it was said; of two that cannot be told apart, the stop. A block counts like a stop from the
    moment it came until it is over on its own channel, or until the person asks for messages anywhere.
    """
    words = [one for one in decisions if one.source != BLOCK]
    wishes = [one for one in words if one.wants]
    stops = [one for one in words if not one.wants and not any(_after(wish, one) for wish in wishes)]
    if stops:
        reason = "no_contact" if any(one.purpose == "all" and one.source == STAFF for one in stops) else "opt_out"
        return Standing(reason, max(one.at for one in stops))
    blocks = [one for one in shut(decisions) if not any(_after(wish, one) for wish in wishes)]
    return Standing("blocked_elsewhere", max(one.at for one in blocks)) if blocks else None


def shut(decisions: Sequence[Decision]) -> list[Decision]:
    """The blocks that are not over: nothing on the same channel of the same address took them back."""
    opened = [one for one in decisions if one.wants and one.source != STAFF]
    return [
        one
        for one in decisions
        if one.source == BLOCK
        and not one.wants
        and not any((two.address, two.channel) == (one.address, one.channel) and _after(two, one) for two in opened)
    ]


def _after(wish: Decision, stop: Decision) -> bool:
    """Whether `wish` was surely said after `stop`; when nobody can tell, it was not."""
    if wish.exact and stop.exact:
        return wish.at > stop.at
    return wish.at >= stop.at + SAME_MOMENT


@dataclass(frozen=True, repr=False)
class Address:
    """An address as staff name it. `text`: E.164, a chat id, or WhatsApp's name for a hidden number."""

    text: str
    channels: tuple[str, ...]


def read_address(raw: str) -> Address:
    """A telephone number in any spelling, `telegram:<chat id>`, or `whatsapp:ID.<...>`. Raises `BadInput`."""
    kind, colon, rest = raw.strip().partition(":")
    name = kind.lower()
    if colon and name == "telegram":
        if not re.fullmatch(r"-?\d{1,20}", rest.strip(), re.ASCII):
            raise BadInput(
                "Alamat Telegram ditulis telegram: diikuti nomor percakapannya, misalnya telegram:700100200.",
                code="bad_address",
            )
        return Address(str(int(rest)), ("telegram",))
    if colon and name == "whatsapp" and rest.strip().startswith("ID."):
        return Address(rest.strip(), ("whatsapp",))
    phone = read_phone(raw)
    if phone.e164 is None:
        why = PROBLEMS[phone.problem] if phone.problem else "Nomor masih kosong."
        raise BadInput(f"{why} Akun Telegram ditulis telegram:<nomor percakapan>.", code="bad_address")
    return Address(phone.e164, ("whatsapp", "sms"))


def checked_note(text: str) -> str:
    """How a decision was told to the office, as staff write it. Raises `BadInput`."""
    note = " ".join(text.split())
    if not note:
        raise BadInput(
            "--source masih kosong; tulis bagaimana hal ini disampaikan, misalnya 'telepon' atau 'loket'.",
            code="no_source",
        )
    if len(note) > _MOST_NOTE:
        raise BadInput(f"--source {len(note)} huruf; paling banyak {_MOST_NOTE}, persingkat.", code="source_too_long")
    if _LONG_NUMBER.search(note):
        raise BadInput("--source memuat nomor seperti NIK atau nomor KK; hapus nomor itu.", code="source_has_nik")
    return note
