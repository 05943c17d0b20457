"""The body of every text: what is written is what a provider reads."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from broadcaster.channels.http import form

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)


@given(
    st.dictionaries(st.text(st.characters(min_codepoint=65, max_codepoint=122), min_size=1), _TEXTS | st.lists(_TEXTS))
)
def test_what_a_form_says_is_read_back_as_it_was(parameters: dict[str, str | list[str]]) -> None:
    read = parse_qsl(form(parameters).decode("ascii"), keep_blank_values=True)
    assert read == [
        (name, one) for name, value in parameters.items() for one in (value if isinstance(value, list) else [value])
    ]
