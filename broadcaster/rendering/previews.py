"""A wording as it would leave, channel by channel: the text that sending makes, its cost, and what the channel changes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from broadcaster.channels.protocol import Button
from broadcaster.domain.message import ChannelKind
from broadcaster.office.queries import prices
from broadcaster.rendering.catalogue import cannot_fill, examples, variables
from broadcaster.rendering.queries import Rendered, Version, latest, render, templates
from broadcaster.rendering.readability import reading_ease
from broadcaster.rendering.rules import Encoding, fill, placeholders, segments, tidy
from broadcaster.rendering.samples import SAMPLES, Sample, sample_of, sample_values
from broadcaster.rendering.values import Values

#: The code of the warning about an empty office fact.
EMPTY = "missing_value"
WITH_BUTTONS = (ChannelKind.TELEGRAM, ChannelKind.WHATSAPP)
#: WhatsApp shows so many quick replies under a text; more are behind one button that lists them.
BUTTONS_SHOWN = 3
#: Channels whose texts are paid, so that a price of 0 means that nobody entered it.
_PAID = (ChannelKind.WHATSAPP, ChannelKind.SMS)
_FORMATTED = re.compile(r"(?<!\w)([*_~])(?=\S)[^\n]*?(?<=\S)\1(?!\w)|```")
_NAMES = ("ortu", "anak")


@dataclass(frozen=True)
class Note:
    """One thing to know about a text. `code` for programs, `message` for staff."""

    code: str
    message: str


@dataclass(frozen=True)
class To:
    """Whom a text is written to on one channel. `reached`: there is an address; None when nobody real is meant."""

    values: Values
    shared: bool = False
    reached: bool | None = None


@dataclass(frozen=True)
class Shown:
    """One channel. Money in rupiah; `encoding` and `units` are of an SMS, as in `rules.Segments`."""

    channel: ChannelKind
    text: str
    buttons: tuple[Button, ...]
    characters: int
    reading_ease: float  # 0 to 100, higher is easier
    segments: int
    encoding: Encoding | None
    units: int | None
    price_idr: int  # of a message, or of one part of an SMS; 0 = none entered
    cost_idr: int
    content_variables: Mapping[str, str]  # WhatsApp: what the approved template is filled with
    reached: bool | None
    changes: tuple[Note, ...]  # what the channel drops or changes
    warnings: tuple[Note, ...]  # what makes it dear, or holds it back


@dataclass(frozen=True)
class Preview:
    """The newest wording of one message, filled. `due`: whether this household would get it today."""

    key: str
    version: int
    title: str
    notes: str
    purpose: str
    category: str
    variant_of: str
    approval: str  # WhatsApp: "" = never asked
    household: int | None
    sample: str | None
    due: bool | None
    channels: tuple[Shown, ...]
    without_text: tuple[ChannelKind, ...]


@dataclass(frozen=True)
class Overview:
    """One message among others. Parts and rupiah of its SMS over all samples, (0, 0) without an SMS.

    `reading_ease`: of the hardest chat text; an SMS and a line of a list are not prose.
    """

    key: str
    title: str
    notes: str
    purpose: str
    category: str
    approval: str
    variant_of: str
    reading_ease: float
    sms_parts: tuple[int, int]
    sms_cost_idr: tuple[int, int]


def overview(session: Session, purposes: Iterable[str], today: date) -> list[Overview]:
    """Every message of these purposes in its newest wording, by key."""
    lines = []
    for version in templates(session, purposes):
        texts = [shown for sample in SAMPLES for shown in _for_sample(session, version, sample, today).channels]
        sms = [shown for shown in texts if shown.channel is ChannelKind.SMS]
        prose = [shown for shown in texts if shown.channel in WITH_BUTTONS] or texts
        parts, costs = [shown.segments for shown in sms] or [0], [shown.cost_idr for shown in sms] or [0]
        lines.append(
            Overview(
                key=version.key,
                title=version.title,
                notes=version.notes,
                purpose=version.purpose,
                category=version.category,
                approval=version.approval,
                variant_of=version.variant_of,
                reading_ease=min(shown.reading_ease for shown in prose),
                sms_parts=(min(parts), max(parts)),
                sms_cost_idr=(min(costs), max(costs)),
            )
        )
    return lines


def sample_preview(session: Session, key: str, sample: str, today: date) -> Preview:
    """A message or an answer as a family of `samples.SAMPLES` would get it. Raises `NotFound`."""
    return _for_sample(session, latest(session, key), sample_of(sample), today)


def _for_sample(session: Session, version: Version, sample: Sample, today: date) -> Preview:
    values = sample_values(session, sample, version.occasions[0] if version.occasions else "", today)
    return previewed(session, version, dict.fromkeys(ChannelKind, To(values, shared=sample.shared)), sample=sample.key)


def previewed(
    session: Session,
    version: Version,
    to: Mapping[ChannelKind, To],
    *,
    household: int | None = None,
    sample: str | None = None,
    due: bool | None = None,
) -> Preview:
    """A version for every channel it has a text for."""
    price = prices(session)
    return Preview(
        key=version.key,
        version=version.number,
        title=version.title,
        notes=version.notes,
        purpose=version.purpose,
        category=version.category,
        variant_of=version.variant_of,
        approval=version.approval,
        household=household,
        sample=sample,
        due=due,
        channels=tuple(
            shown(version, channel, to[channel], price.get(channel, 0))
            for channel in ChannelKind
            if channel in version.texts
        ),
        without_text=tuple(channel for channel in _channels_of(version) if channel not in version.texts),
    )


def shown(version: Version, channel: ChannelKind, to: To, price_idr: int) -> Shown:
    """What would leave on this channel. An empty value is shown as its example, with a warning that holds the text back."""
    empty = [name for name in placeholders(version.texts[channel]) if not tidy(to.values.get(name, ""))]
    rendered = render(version, channel, _with_examples(to.values))
    count = segments(rendered.text) if channel is ChannelKind.SMS else None
    parts = count.segments if count else 1
    return Shown(
        channel=channel,
        text=rendered.text,
        buttons=rendered.buttons,
        characters=len(rendered.text),
        reading_ease=reading_ease(rendered.text),
        segments=parts,
        encoding=count.encoding if count else None,
        units=count.units if count else None,
        price_idr=price_idr,
        cost_idr=price_idr * parts,
        content_variables=rendered.content_variables,
        reached=to.reached,
        changes=tuple(_changes(version, rendered, to)),
        warnings=(
            *(Note("length", sentence) for sentence in rendered.warnings),
            *(Note(EMPTY, str(cannot_fill(name, to.values))) for name in empty),
            *_unready(version, channel, price_idr),
        ),
    )


def _channels_of(version: Version) -> Iterable[ChannelKind]:
    """The channels one expects a text for: answers leave where people can write to."""
    return WITH_BUTTONS if version.purpose == "answer" else ChannelKind


def _unready(version: Version, channel: ChannelKind, price_idr: int) -> Iterable[Note]:
    if channel is ChannelKind.WHATSAPP and version.purpose != "answer" and version.approval != "approved":
        yield Note(
            "template_not_approved", "Templat WhatsApp versi ini belum disetujui Meta, jadi belum dapat dikirim."
        )
    if channel in _PAID and not price_idr:
        yield Note("no_price", f"Harganya belum diisi; isi dengan `broadcaster office set harga.{channel} ...`.")


def _changes(version: Version, rendered: Rendered, to: To) -> Iterable[Note]:
    channel, text = rendered.channel, version.texts[rendered.channel]
    used = placeholders(text)
    if version.buttons and channel not in WITH_BUTTONS:
        titles = ", ".join(f'"{button.title}"' for button in version.buttons)
        yield Note("buttons_dropped", f"Tanpa tombol: {titles} hanya ada di Telegram dan WhatsApp.")
    if channel is ChannelKind.WHATSAPP and len(version.buttons) > BUTTONS_SHOWN:
        yield Note("buttons_folded", f"WhatsApp hanya memperlihatkan {BUTTONS_SHOWN - 1} tombol dan sebuah daftar.")
    if channel is ChannelKind.SMS and (replaced := _replaced(text, rendered.text, to.values)):
        yield Note("signs_replaced", f"Tanda {' '.join(replaced)} diganti tanda biasa supaya SMS tetap murah.")
    if to.shared and any(name in used for name in _NAMES):
        yield Note("names_neutral", "Nomor ini dipakai beberapa keluarga, jadi tidak ada nama yang disebut.")
    elif "anak" in used and to.values.get("anak") == variables()["anak"].fallback:
        yield Note("name_unknown", "Nama seorang anak tidak dapat dipakai, jadi tidak ada nama anak yang disebut.")
    if marked := _FORMATTED.search(text):
        if channel is ChannelKind.WHATSAPP:
            yield Note("formatted", f"WhatsApp mengubah bentuk huruf pada {marked.group()}.")
        else:
            yield Note("formatting_literal", f"Tanda pada {marked.group()} tampil apa adanya.")


def _replaced(text: str, sent: str, values: Values) -> list[str]:
    """Signs of the text and its values that the SMS does not have any more, each once."""
    before = fill(text, _with_examples(values))
    return [sign for sign in dict.fromkeys(before) if sign not in sent and not sign.isspace()]


def _with_examples(values: Values) -> Values:
    """`values` tidied, and the catalogue's example for every one that is empty."""
    known = {name: tidied for name, value in values.items() if (tidied := tidy(value))}
    return {**examples(variables()), **known}
