"""What a reply means where it was said: a provider's own mark, a pressed button, a command, a poster's code, the text that is
answered, and the words. Writes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from sqlmodel import Session

from broadcaster.channels.protocol import Button, Reply
from broadcaster.domain.longnumber import MASK
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import NotFound
from broadcaster.outbox.queries import SentRef
from broadcaster.rendering.queries import latest
from broadcaster.replies import rules
from broadcaster.replies.links import COMMANDS, UNLINK, code_in, without_code
from broadcaster.replies.lists import load_words
from broadcaster.replies.places import is_place
from broadcaster.replies.rules import ALREADY, STAFF, Reading
from broadcaster.replies.words import INTENTS, Words
from broadcaster.shipped import content_dir

#: What a text with a poster's code says beside it, when it says nothing that asks for another answer.
_JUST_CAME = frozenset({"opt_in", "yes", "thanks", "greeting", "unclear", "question_other"})


@lru_cache(maxsize=1)
def shipped_words() -> Words:
    """The word lists of content/words, read once a process."""
    return load_words(content_dir() / "words")


def read_reply(text: str, asked: str = "") -> Reading:
    """Read one text with the office's word lists; see `rules.read`."""
    return rules.read(text, shipped_words(), asked=asked)


def reading_of(session: Session, reply: Reply, ref: SentRef | None) -> Reading:
    """What the reply means: a provider's own mark beats a button, a button beats the text."""
    if reply.opt_out_mark == "stop":
        return Reading(("opt_out",), opt_out=True, handled_by="auto", normalised="")
    if reply.opt_out_mark == "start" or reply.start_payload is not None:
        return Reading(("opt_in",), opt_out=False, handled_by="auto", normalised="")
    if reply.own_phone or reply.others_card or reply.command == UNLINK:
        return Reading(("thanks",), opt_out=False, handled_by="auto", normalised="")
    if reply.command in COMMANDS:
        intent = COMMANDS[reply.command]
        return Reading((intent,), opt_out=intent == "opt_out", handled_by="auto", normalised="")
    pressed = reply.intent or _button_of(session, reply, ref)
    if pressed in INTENTS:
        staff = pressed in STAFF
        return Reading((pressed,), pressed == "opt_out", "staff" if staff else "auto", normalised="")
    reading = read_reply(without_code(reply.text), _asked(session, ref))
    by_code = reply.channel is ChannelKind.WHATSAPP and is_place(session, code_in(reply.text))
    if by_code and set(reading.intents) <= _JUST_CAME:
        return Reading(("opt_in",), opt_out=False, handled_by="auto", normalised=reading.normalised)
    if brings_papers(reply) and (reading.guessed or reading.intents in (("unclear",), ("question_other",))):
        # nothing is opened and nothing waits: the answer says where documents belong
        return Reading(("unclear",), opt_out=False, handled_by="auto", normalised=reading.normalised)
    return reading


def brings_papers(reply: Reply) -> bool:
    """Whether somebody sends a picture, a file, or the number on one."""
    return reply.has_media or MASK in reply.text


def _button_of(session: Session, reply: Reply, ref: SentRef | None) -> str:
    """The intent of the button whose title somebody wrote, or pressed: Twilio's list of messages brings the title alone."""
    title = reply.text.strip().casefold()
    return next((button.intent for button in _buttons(session, ref) if button.title.casefold() == title), "")


def _asked(session: Session, ref: SentRef | None) -> str:
    """What a bare "sudah" answers: the message's own button says it."""
    return next((button.intent for button in _buttons(session, ref) if button.intent in ALREADY), "")


def occasions_of(session: Session, ref: SentRef | None) -> Sequence[str]:
    """What the text they answer was about."""
    if ref is None or not ref.template_key:
        return ()
    try:
        return latest(session, ref.template_key).occasions
    except NotFound:
        return ()


def _buttons(session: Session, ref: SentRef | None) -> Sequence[Button]:
    if ref is None or not ref.template_key:
        return ()
    try:
        return latest(session, ref.template_key).buttons
    except NotFound:
        return ()
