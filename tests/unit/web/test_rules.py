from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.message import Status
from broadcaster.web import rules, words


@pytest.mark.parametrize(
    "asked",
    ["/beranda", "/kampanye/kartu-belum-diambil-2027-01/pesan?keadaan=unknown&halaman=2", "/hasil/a.b_c"],
)
def test_a_page_of_ours_is_shown_after_the_sign_in(asked: str) -> None:
    assert rules.where_next(asked) == asked


@pytest.mark.parametrize(
    "asked",
    [
        "",
        "beranda",
        "//jahat.example",
        "/\\jahat.example",
        "/%09/jahat.example",
        "\t//jahat.example",
        "/\t/jahat.example",
        "https://jahat.example/beranda",
        "javascript:alert(1)",
        "/beranda\r\nset-cookie: sesi=x",
        "/beranda\n",
        "/beranda#//jahat.example",
        "/@jahat.example",
        "/beranda" + "a" * 500,
    ],
)
def test_another_sites_address_leads_home(asked: str) -> None:
    assert rules.where_next(asked) == rules.HOME


@given(st.text(max_size=40))
def test_whatever_is_asked_the_next_page_is_on_this_host(asked: str) -> None:
    answer = rules.where_next(asked)
    assert answer.startswith("/")
    assert answer[1:2].isalpha()
    assert not any(sign in answer for sign in "\\\r\n\t :")


OURS = {"host": "kia.example.go.id"}


@pytest.mark.parametrize(
    ("headers", "forged"),
    [
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": "same-origin", "origin": "null"}, False),
        ({"origin": "https://kia.example.go.id"}, False),
        ({"origin": "http://KIA.example.go.id"}, False),
        ({"origin": "https://jahat.example"}, True),
        ({"origin": "https://kia.example.go.id.jahat.example"}, True),
        ({"origin": "https://kia.example.go.id:8443"}, True),
        ({"origin": "null"}, True),
        ({}, False),
    ],
)
def test_a_form_of_another_site_is_told_by_what_the_browser_says(headers: dict[str, str], forged: bool) -> None:
    assert rules.is_forged("POST", OURS | headers, "") is forged


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_reading_is_never_forged(method: str) -> None:
    assert not rules.is_forged(method, OURS | {"sec-fetch-site": "cross-site"}, "")


def test_a_proxy_that_changes_the_host_is_known_by_the_public_address() -> None:
    headers = {"host": "127.0.0.1:8000", "origin": "https://kia.example.go.id"}
    assert rules.is_forged("POST", headers, "")
    assert not rules.is_forged("POST", headers, "https://kia.example.go.id")


def test_every_status_is_in_exactly_one_piece_of_the_bar() -> None:
    found = [status for _, statuses in rules.FLOW for status in statuses]
    assert sorted(found) == sorted(Status)


@given(st.dictionaries(st.sampled_from(list(Status)), st.integers(0, 100_000)))
def test_the_pieces_of_the_bar_fill_it_and_lose_nobody(messages: dict[Status, int]) -> None:
    parts = rules.flow(messages)
    total = sum(messages.values())
    assert sum(part.count for part in parts) == total
    assert sum(part.width for part in parts) == pytest.approx(100 if total else 0, abs=0.01)
    for before, after in itertools.pairwise(parts):
        assert after.start == pytest.approx(before.start + before.width, abs=0.01)
    assert {key: rules.count_of(messages, key) for key, _ in rules.FLOW if rules.count_of(messages, key)} == {
        part.key: part.count for part in parts
    }


@pytest.mark.parametrize(
    ("number", "count", "expected"),
    [
        (1, 0, (1, 1, 0, 0)),
        (1, 50, (1, 1, 1, 50)),
        (2, 51, (2, 2, 51, 51)),
        (9, 51, (2, 2, 51, 51)),
        (0, 9, (1, 1, 1, 9)),
    ],
)
def test_a_list_is_cut_into_pages_of_fifty(number: int, count: int, expected: tuple[int, ...]) -> None:
    pages = rules.pages(number, count)
    assert (pages.number, pages.total, pages.first, pages.last) == expected
    assert pages.offset == max(0, pages.first - 1)


def test_every_status_and_state_has_a_word_and_its_own_shape() -> None:
    assert set(words.STATUS) == set(Status)
    shapes = [word.shape for word in words.STATUS.values()]
    assert len(set(shapes)) == len(shapes)


def test_what_a_provider_accepted_is_never_called_arrived() -> None:
    for status in (Status.ACCEPTED, Status.SENT):
        assert "sampai" not in words.STATUS[status].word.lower()
        assert "Belum ada kabar sampai" in words.STATUS[status].meaning
