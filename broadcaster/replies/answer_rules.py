"""Which answer a reply gets by itself, how many a day, and until when it may leave. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType

from broadcaster.domain.message import ChannelKind
from broadcaster.replies.inbox_rules import WINDOW
from broadcaster.replies.rules import Reading
from broadcaster.replies.words import Words, any_matches

#: What an answer to each intent is taken from (content/answers); an intent without one gets none.
ANSWERS: Mapping[str, str] = MappingProxyType(
    {
        "opt_in": "opt_in",
        "suspicion_of_scam": "suspicion_of_scam",
        "wrong_number": "wrong_number",
        "already_collected": "already_collected",
        "already_has_card": "already_has_card",
        "cannot_go_distance": "cannot_go_distance",
        "no_smartphone_help_needed": "cannot_go_distance",
        "wants_info_requirements": "wants_info_requirements",
        "where_when": "where_when",
        "will_collect": "will_collect",
        "greeting": "greeting",
    }
)
#: The answers of other moments: a stop, a picture, the first steps on Telegram and by a poster's code.
MOMENTS = frozenset(
    {
        "stop", "how_to_stop", "media", "telegram_start", "telegram_linked", "telegram_family", "telegram_link_over",
        "telegram_other_card", "telegram_unlinked", "whatsapp_start",
    }
)  # fmt: skip
#: A person speaks first: an apology, or an ear for what went wrong.
PERSON_FIRST = frozenset({"child_deceased_or_moved", "complaint"})
#: Asked again within hours, the automatic answer was not the one that helped: staff read.
ASKED_AGAIN = frozenset({"wants_info_requirements", "where_when", "suspicion_of_scam"})

#: What somebody who asks for requirements without a further word asks about, by the occasion of the text they answer.
OF_OCCASION: Mapping[str, str] = MappingProxyType(
    {
        "printed_uncollected": "requirements_collect",
        "newborn": "requirements_newborn",
        "no_card_under_5": "requirements_under_five",
        "turning_five": "requirements_renewal",
        "expired_at_five": "requirements_renewal",
        "no_card_5_to_16": "requirements_photo",
        "turning_seventeen": "requirements_ktp",
    }
)

#: Automatic answers to one address within a day; beyond it a person reads. A stop is confirmed more often, but not for ever.
MOST_A_DAY: Mapping[str, int] = MappingProxyType({"answer": 5, "stop_confirmation": 10})
DAY = timedelta(hours=24)
#: An answer that would leave in the last minutes of WhatsApp's window might arrive after it.
_MARGIN = timedelta(minutes=10)


def answer_to(reading: Reading, words: Words, occasions: Collection[str] = ()) -> str:
    """Which answer of content/answers a reply gets by itself; "" for none. A sure or unsure stop has its own.

    `occasions`: of the text it answers.
    """
    if "opt_out" in reading.intents or PERSON_FIRST & set(reading.intents):
        return ""
    name = next((ANSWERS[intent] for intent in reading.intents if intent in ANSWERS), "")
    if name == "will_collect" and "printed_uncollected" not in occasions:
        return ""  # what to bring is known for a card that waits
    return _case(reading, words, occasions) if name == "wants_info_requirements" else name


def _case(reading: Reading, words: Words, occasions: Collection[str]) -> str:
    """The answer for the case somebody asks about: from their words, else from the text they answer, else all cases."""
    present = frozenset(reading.normalised.split())
    said = (name for name, phrases in words.cases if any_matches(phrases, reading.normalised, present))
    asked = {OF_OCCASION[occasion] for occasion in occasions if occasion in OF_OCCASION}
    return next(said, "") or (asked.pop() if len(asked) == 1 else "wants_info_requirements")


def answer_until(channel: ChannelKind, said_at: datetime) -> datetime | None:
    """Until when (aware) an answer to what was written at `said_at` may leave as free text; None = no such end.

    Outside WhatsApp's window only an approved template could be sent: then nothing leaves by itself, and staff read.
    """
    return said_at + WINDOW - _MARGIN if channel is ChannelKind.WHATSAPP else None
