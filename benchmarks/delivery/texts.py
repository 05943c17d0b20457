"""The text every way sends: the office's own, filled once with examples. No database."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.delivery.seed import STEP, address_of
from broadcaster.channels.protocol import Button, Outgoing
from broadcaster.domain.message import ChannelKind
from broadcaster.rendering.catalogue import examples, variables
from broadcaster.rendering.queries import Version, render
from broadcaster.rendering.source import read
from broadcaster.shipped import content_dir


def outgoing(channel: ChannelKind, first: int, count: int) -> Iterator[Outgoing]:
    """`count` texts to addresses of their own, from number `first` on."""
    source, _problems = read(STEP, (content_dir() / "messages" / f"{STEP}.toml").read_text(encoding="utf-8"))
    assert source is not None
    buttons = tuple(Button(title, intent) for title, intent in source.buttons)
    version = Version(
        1, STEP, source.title, "campaign", source.category, source.texts, buttons, source.variables, "HX" + "0" * 32
    )
    filled = render(version, channel, examples(variables()))
    text = Outgoing("", "", filled.text, filled.buttons, filled.content_sid, filled.content_variables)
    for number in range(first, first + count):
        yield text._replace(reference=f"0a1b2c3d-{number}", address=address_of(number, channel))
