"""No value escapes its place: whatever a name or a fact holds, the wording around it stays as the office wrote it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.channels.protocol import Button
from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.rendering.catalogue import variables
from broadcaster.rendering.queries import Version, render
from broadcaster.rendering.rules import plain_signs, sayable, tidy, to_provider_body
from broadcaster.rendering.source import read_message
from broadcaster.shipped import content_dir
from broadcaster.simulator.twilio import fill as fill_as_provider

#: What Twilio refuses in a content variable (error 21656): line breaks, tabs, more than four spaces, nothing at all.
_REFUSED_BY_TWILIO = re.compile(r"[\n\r\t]| {5,}|^\s*$")
_MARKUP = "*_~`"
_PLACEHOLDER = re.compile(r"\{[a-z][a-z0-9_]*\}")
_HOSTILE = (
    "{anak}", "{{1}}", "{{9}}", "{", "}", "\n", "\r\n", "\t", "     ", "*", "_", "~", "`", "```", "> ", "- ", "<b>", "</b>",
    "&amp;",     "\u202e", "\u200f", "\u200b", "\u2028", "\x00", "\x1b[0m", "\u0301", "😀", "👨\u200d👩\u200d👧",
    "“", "…", "€", "Berhenti",     "opt_out:1", "https://x.id", "%s", "\\n", '"', "'",
)  # fmt: skip

anything = st.lists(st.one_of(st.text(max_size=12), st.sampled_from(_HOSTILE)), min_size=1, max_size=6).map("".join)


def _shipped() -> list[Version]:
    found = []
    for path in sorted((content_dir() / "messages").glob("*.toml")):
        source, problems = read_message(path.stem, path.read_text(encoding="utf-8"))
        assert source is not None, problems
        buttons = tuple(Button(title, intent) for title, intent in source.buttons)
        found.append(
            Version(
                1, source.key, source.title, source.purpose, source.category, source.texts, buttons, source.variables
            )
        )
    return found


#: The shipped wordings, and one that is as hard on its values as a wording can be.
VERSIONS = [
    *_shipped(),
    Version(
        1, "keras", "Keras", "campaign", "utility",
        dict.fromkeys(ChannelKind, "*Salam* {kantor}.\n> {anak}\n- _{ortu}_, {anak} “dan” {tempat}…\n{anak} KIA."),
        (Button("Berhenti", "opt_out"),), ("kantor", "anak", "ortu", "tempat"),
    ),
]  # fmt: skip
CASES = [(version, channel) for version in VERSIONS for channel in ChannelKind if channel in version.texts]
IDS = [f"{version.key}-{channel}" for version, channel in CASES]


@st.composite
def families(draw: st.DrawFn) -> Mapping[str, str]:
    """A value for every placeholder; each has one letter, because a value without any sign is refused.

    A handful is drawn and dealt out from a drawn place on: thirty drawn apart would be most of the time these laws take.
    """
    drawn = [
        f"{before}x{after}" for before, after in draw(st.lists(st.tuples(anything, anything), min_size=5, max_size=5))
    ]
    first = draw(st.integers(0, len(drawn) - 1))
    return {name: drawn[(first + place) % len(drawn)] for place, name in enumerate(variables())}


def _fixed(version: Version, channel: ChannelKind) -> list[str]:
    """The words of the office, cut at the placeholders, as they leave on this channel."""
    pieces = _PLACEHOLDER.split(version.texts[channel])
    return [plain_signs(piece) for piece in pieces] if channel is ChannelKind.SMS else pieces


@pytest.mark.parametrize(("version", "channel"), CASES, ids=IDS)
@given(values=families())
@settings(max_examples=40, deadline=None)
def test_no_value_escapes_its_place(version: Version, channel: ChannelKind, values: Mapping[str, str]) -> None:
    sent = render(version, channel, values)
    fixed = _fixed(version, channel)
    whole = "".join(fixed)
    # the fixed words, in order and unchanged, and one line or less for each value between them
    assert re.fullmatch("([^\n]+)".join(map(re.escape, fixed)), sent.text)
    assert len(sent.text.splitlines()) == len(version.texts[channel].splitlines()), "a line more, or one less"
    for sign in _MARKUP:
        assert sent.text.count(sign) == whole.count(sign), f"a {sign} of a value could make markup"
    strange = {sign for sign in sent.text if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Zl", "Zp")}
    assert strange <= {"\n"}, "control signs, or marks that turn the reading direction"
    assert sent.buttons == (version.buttons if channel in ("telegram", "whatsapp") else ())
    assert render(version, channel, values) == sent


@pytest.mark.parametrize("version", VERSIONS, ids=lambda version: version.key)
@given(values=families())
@settings(max_examples=40, deadline=None)
def test_the_provider_fills_its_template_to_the_same_text(version: Version, values: Mapping[str, str]) -> None:
    sent = render(version, ChannelKind.WHATSAPP, values)
    body, order = to_provider_body(version.texts[ChannelKind.WHATSAPP])
    assert list(sent.content_variables) == [str(number) for number in range(1, len(order) + 1)]
    assert not [value for value in sent.content_variables.values() if _REFUSED_BY_TWILIO.search(value)]
    assert fill_as_provider(body, sent.content_variables) == sent.text


@given(anything)
@settings(max_examples=300, deadline=None)
def test_tidying_twice_changes_nothing(value: str) -> None:
    once = tidy(value)
    assert tidy(once) == once
    assert once == once.strip()
    assert not unicodedata.category(once[:1] or "x").startswith("M"), "an accent would sit on the word before"


@given(anything)
@settings(max_examples=200, deadline=None)
def test_a_value_without_any_sign_is_refused_on_every_channel(value: str) -> None:
    version = VERSIONS[-1]
    values = {**dict.fromkeys(variables(), "x"), "anak": value}
    for channel in ChannelKind:
        if tidy(value):
            assert render(version, channel, values).text
        else:
            with pytest.raises(BadInput, match="anak"):
                render(version, channel, values)


@given(anything)
@settings(max_examples=300, deadline=None)
def test_a_name_is_said_as_it_is_or_not_at_all(name: str) -> None:
    said = sayable(name)
    assert said in ("", name) or said == tidy(said)
    assert len(said) <= 80
    assert "://" not in said
    assert not said or any(map(str.isalpha, said))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Rizki", "Rizki"), ("Sri Wahyuni", "Sri Wahyuni"), ("Nur'aini", "Nur'aini"), ("M. Rizki", "M. Rizki"),
        ("a" * 60, "a" * 60), ("a" * 81, ""), ("{{1}} Budi", "{{1}} Budi"), ("<b>Siti</b>", "<b>Siti</b>"), ("😀", ""),
        ("😀 Budi", "😀 Budi"), ("-", ""), ("12345", ""), ("...", ""), ("1. Rizki", "Rizki"), ("2) Siti", "Siti"),
        ("www.contoh.id", ""), ("https://contoh", ""), ("contoh.com", ""), ("Budi@contoh", ""), ("A.R. Hakim", "A.R. Hakim"),
        ("M.Ali", "M.Ali"), ("Budi *Santoso*", "Budi Santoso"), ("Yusuf\u200b", "Yusuf"), ("", ""), ("\u0301Acil", "Acil"),
    ],
)  # fmt: skip
def test_what_is_no_name_is_not_said(name: str, said: str) -> None:
    assert sayable(name) == said
