"""How simulated people behave: what becomes of a text to them, and what they write back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from broadcaster.errors import BadInput
from broadcaster.simulator.store import Step


@dataclass(frozen=True)
class Planned:
    """What a person will do `after_s` seconds after a text arrives: write, or press a button (its title or intent)."""

    after_s: float
    text: str = ""
    button: str = ""


@dataclass
class Person:
    """`replies` are used up one text at a time: all of them follow the next text that arrives."""

    behaviour: str = "delivered"
    replies: list[Planned] = field(default_factory=list)


#: (seconds after acceptance, status, code); WhatsApp and SMS. An absent pair means: refused at once, see REFUSALS.
_TIMELINES: dict[str, dict[str, tuple[tuple[float, str, str], ...]]] = {
    "delivered": {"*": ((0.05, "sent", ""), (0.3, "delivered", ""))},
    "read": {
        "*": ((0.05, "sent", ""), (0.3, "delivered", ""), (2.0, "read", "")),
        "sms": ((0.05, "sent", ""), (0.3, "delivered", "")),
    },
    "slow": {"*": ((0.05, "sent", ""), (3 * 3600.0, "delivered", ""))},
    "silent": {"*": ((0.05, "sent", ""),)},
    "blocked": {"*": ((0.05, "sent", ""), (0.3, "failed", "63014"))},
    "no_whatsapp": {
        "*": ((0.3, "failed", "63024"),),
        "sms": ((0.05, "sent", ""), (0.3, "delivered", "")),
    },
    "marketing_limit": {
        "*": ((0.3, "undelivered", "63049"),),
        "sms": ((0.05, "sent", ""), (0.3, "delivered", "")),
    },
    "switched_off": {
        "*": ((0.05, "sent", ""),),
        "sms": ((0.05, "sent", ""), (0.3, "undelivered", "30003")),
    },
    "invalid": {},
    "landline": {"whatsapp": ((0.3, "failed", "63024"),)},
    "deactivated": {"*": ((0.05, "sent", ""),)},
    "not_started": {"*": ((0.05, "sent", ""), (0.3, "delivered", ""))},
}

#: Refused in the answer to the call: (behaviour, channel) -> Twilio's code, or Telegram's status and words.
TWILIO_REFUSALS: dict[tuple[str, str], str] = {
    ("blocked", "sms"): "21610",
    ("invalid", "sms"): "21211",
    ("invalid", "whatsapp"): "21211",
    ("landline", "sms"): "21614",
}
TELEGRAM_REFUSALS: dict[str, tuple[int, str]] = {
    "blocked": (403, "Forbidden: bot was blocked by the user"),
    "deactivated": (403, "Forbidden: user is deactivated"),
    "not_started": (403, "Forbidden: bot can't initiate conversation with a user"),
    "invalid": (400, "Bad Request: chat not found"),
}
BEHAVIOURS = tuple(_TIMELINES)


class People:
    """Everybody's behaviour, by address: E.164 for telephones, the chat id for Telegram."""

    def __init__(self) -> None:
        self.default = Person()
        self._people: dict[str, Person] = {}

    def set(self, address: str, behaviour: str, replies: Iterable[Planned] = ()) -> None:
        """Raises `BadInput` for an unknown behaviour; `fail:<code>` fails later and `refuse:<code>` at once."""
        _check(behaviour)
        self._people[address] = Person(behaviour, list(replies))

    def set_default(self, behaviour: str) -> None:
        _check(behaviour)
        self.default = Person(behaviour)

    def of(self, address: str) -> Person:
        return self._people.get(address, self.default)

    def replies_to(self, address: str) -> list[Planned]:
        """What this person does about the text that has just arrived; given once."""
        person = self._people.get(address)
        if person is None:
            return []
        replies, person.replies = person.replies, []
        return replies

    def clear(self) -> None:
        self.default = Person()
        self._people.clear()


def refusal(behaviour: str, channel: str) -> str:
    """Twilio's code when a text to such a person is refused at once, else ""."""
    if behaviour.startswith("refuse:"):
        return behaviour.partition(":")[2]
    return TWILIO_REFUSALS.get((behaviour, channel), "")


def steps(behaviour: str, channel: str, first: str, at: datetime) -> list[Step]:
    """The statuses a text will take, beginning with `first` at `at`."""
    if behaviour.startswith("fail:"):
        timeline: tuple[tuple[float, str, str], ...] = ((0.3, "failed", behaviour.partition(":")[2]),)
    else:
        table = _TIMELINES.get(behaviour, {})
        timeline = table.get(channel) or table.get("*") or ()
    return [Step(at, first), *(Step(at + timedelta(seconds=after), status, code) for after, status, code in timeline)]


def _check(behaviour: str) -> None:
    kind, colon, code = behaviour.partition(":")
    if behaviour in _TIMELINES or (colon and kind in ("fail", "refuse") and code.isdecimal()):
        return
    raise BadInput(
        f"behaviour {behaviour!r} is not one of {', '.join(BEHAVIOURS)}, fail:<code>, refuse:<code>", code="bad_people"
    )
