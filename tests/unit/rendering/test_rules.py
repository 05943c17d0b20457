"""Filling, counting and numbering texts."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.rendering.catalogue import examples, variables
from broadcaster.rendering.rules import (
    EmptyValue,
    adjacent_placeholders,
    fill,
    fixed_words,
    join_names,
    length_warnings,
    placeholders,
    plain_signs,
    provider_values,
    segments,
    stray_braces,
    tidy,
    to_provider_body,
)

SAMPLE_VALUES = examples(variables())

# text, encoding, units, parts: the borders of 3GPP TS 23.038 and 23.040
SEGMENTS = [
    ("", "gsm7", 0, 1),
    ("a" * 160, "gsm7", 160, 1),
    ("a" * 161, "gsm7", 161, 2),
    ("a" * 306, "gsm7", 306, 2),
    ("a" * 307, "gsm7", 307, 3),
    ("€" * 80, "gsm7", 160, 1),
    ("€" * 81, "gsm7", 162, 2),
    # an extension sign is never split: 152 letters leave one septet free in the first part
    ("a" * 152 + "€" + "a" * 152, "gsm7", 306, 3),
    ("a" * 151 + "€" + "a" * 153, "gsm7", 306, 2),
    ("^{}\\[~]|€", "gsm7", 18, 1),
    ("\n\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ", "gsm7", 19, 1),
    ("@£$¥èéùìòÇØø¤§¿¡ÄÖÑÜäöñüà", "gsm7", 25, 1),
    ("é" * 160, "gsm7", 160, 1),
    ("’", "ucs2", 1, 1),
    ("ç", "ucs2", 1, 1),
    ("`", "ucs2", 1, 1),
    ("…" * 70, "ucs2", 70, 1),
    ("…" * 71, "ucs2", 71, 2),
    ("…" * 134, "ucs2", 134, 2),
    ("…" * 135, "ucs2", 135, 3),
    ("🙏" * 35, "ucs2", 70, 1),
    ("🙏" * 36, "ucs2", 72, 2),
    # a surrogate pair is never split: 66 units leave one free
    ("…" * 66 + "🙏" + "…" * 66, "ucs2", 134, 3),
    ("…" * 65 + "🙏" + "…" * 67, "ucs2", 134, 2),
    ("a\u00a0b", "ucs2", 3, 1),
]


@pytest.mark.parametrize(("text", "encoding", "units", "parts"), SEGMENTS)
def test_segments_are_counted_as_the_standard_says(text: str, encoding: str, units: int, parts: int) -> None:
    found = segments(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, parts)


@given(st.text(max_size=400))
@settings(max_examples=100, deadline=None)
def test_parts_hold_all_units_and_no_more_than_needed(text: str) -> None:
    found = segments(text)
    single, part = (160, 153) if found.encoding == "gsm7" else (70, 67)
    if found.segments == 1:
        assert found.units <= single
    else:
        # at most one unit of each part stays empty, before a sign that would be split
        assert (found.segments - 1) * (part - 1) < found.units <= found.segments * part


@given(st.text(max_size=100), st.text(max_size=100))
@settings(max_examples=60, deadline=None)
def test_more_text_never_costs_fewer_segments(first: str, more: str) -> None:
    assert segments(first + more).segments >= segments(first).segments


def test_a_text_is_filled_once_and_braces_in_a_value_are_ordinary_signs() -> None:
    assert fill("Yth. {ortu}, {anak}.", {"ortu": "{anak} {0} {{x}} %s", "anak": "{ortu!r}"}) == (
        "Yth. {anak} {0} {{x}} %s, {ortu!r}."
    )


@given(st.fixed_dictionaries({name: st.text(min_size=1).filter(str.strip) for name in ("ortu", "anak", "desa")}))
@settings(max_examples=80, deadline=None)
def test_whatever_a_value_holds_it_appears_unchanged(values: dict[str, str]) -> None:
    assert fill("A {ortu} B {anak} C {desa}", values) == f"A {values['ortu']} B {values['anak']} C {values['desa']}"


@pytest.mark.parametrize("values", [{}, {"tempat": ""}, {"tempat": "  \n"}])
def test_an_empty_value_is_refused_by_name(values: dict[str, str]) -> None:
    with pytest.raises(EmptyValue, match=r"\{tempat\}") as caught:
        fill("Ambil di {tempat}.", values)
    assert (caught.value.code, caught.value.name) == ("missing_value", "tempat")


@pytest.mark.parametrize("text", ["{Ortu}", "{ortu", "ortu}", "{ortu!r}", "{0}", "{}", "{{ortu}}", "{ortu.name}"])
def test_a_brace_that_is_no_placeholder_is_refused(text: str) -> None:
    assert stray_braces(text)
    with pytest.raises(BadInput, match="kurung kurawal"):
        fill(text, SAMPLE_VALUES)


@pytest.mark.parametrize(
    ("names", "joined"),
    [
        ([], ""),
        (["Ani"], "Ani"),
        (["Ani", "Budi"], "Ani dan Budi"),
        (["Ani", "Budi", "Citra"], "Ani, Budi dan Citra"),
        (["Ani", "Budi", "Citra", "M. Arif"], "Ani, Budi, Citra dan M. Arif"),
    ],
)
def test_names_are_joined_in_indonesian(names: list[str], joined: str) -> None:
    assert join_names(names) == joined


def test_whatsapp_numbers_placeholders_by_first_appearance() -> None:
    body, order = to_provider_body("Salam {kantor}. {ortu}, {anak}, lagi {ortu}.")
    assert body == "Salam {{1}}. {{2}}, {{3}}, lagi {{2}}."
    assert order == ("kantor", "ortu", "anak")
    assert provider_values(order, {"kantor": "K", "ortu": "O", "anak": "A"}) == {"1": "K", "2": "O", "3": "A"}


@given(st.lists(st.sampled_from(sorted(variables())), max_size=12))
@settings(max_examples=60, deadline=None)
def test_the_numbered_body_filled_by_number_is_the_named_body_filled_by_name(names: list[str]) -> None:
    text = " kata ".join(f"{{{name}}}" for name in names)
    body, order = to_provider_body(text)
    for number, value in provider_values(order, SAMPLE_VALUES).items():
        body = body.replace(f"{{{{{number}}}}}", value)
    assert body == fill(text, SAMPLE_VALUES)
    assert order == placeholders(text)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("Sri\nWahyuni", "Sri Wahyuni"),
        ("  a \t b\u00a0 c  ", "a b c"),
        ("a      b", "a b"),
        ("a\u200bb\x00c\u202e", "abc"),
        ("", ""),
        ("\n\t", ""),
    ],
)
def test_a_value_for_whatsapp_is_one_line_without_control_signs(raw: str, clean: str) -> None:
    assert tidy(raw) == clean


def test_an_empty_whatsapp_value_is_refused() -> None:
    with pytest.raises(EmptyValue, match=r"\{anak\}"):
        provider_values(("anak",), {"anak": "\u200b \n"})


def test_adjacent_placeholders_are_those_without_a_word_between() -> None:
    assert adjacent_placeholders("{a}{b} {c}, {d} dan {e}") == ["{a}{b}", "{b} {c}", "{c}, {d}"]
    assert fixed_words("Yth. {ortu}, warga {desa}") == 2


@pytest.mark.parametrize(
    ("channel", "text", "warned"),
    [
        (ChannelKind.SMS, "a" * 160, ""),
        (ChannelKind.SMS, "a" * 161, "dihitung 2 SMS"),
        (ChannelKind.SMS, "Ibu Aminah…", "tanda yang mahal (…)"),
        (ChannelKind.WHATSAPP, "a" * 1024, ""),
        (ChannelKind.WHATSAPP, "a" * 1025, "batasnya 1024"),
        (ChannelKind.TELEGRAM, "a" * 4097, "batasnya 4096"),
        (ChannelKind.VILLAGE_LIST, "a" * 5000, ""),
    ],
)
def test_staff_are_warned_about_length(channel: ChannelKind, text: str, warned: str) -> None:
    warnings = length_warnings(channel, text)
    assert (warned in warnings[0]) if warned else warnings == ()


def test_typographic_signs_do_not_make_an_sms_expensive() -> None:
    assert segments(plain_signs("“Nur‘aini” – Ba’us…\u00a0ok")).encoding == "gsm7"
