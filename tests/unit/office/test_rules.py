"""What the office may write into its facts, names, passwords and prices."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broadcaster.domain.message import ChannelKind
from broadcaster.errors import BadInput
from broadcaster.office import rules
from tests.make import NOW


@pytest.mark.parametrize("fact", rules.FACTS, ids=lambda fact: fact.key)
def test_each_fact_accepts_its_own_example_and_its_default(fact: rules.Fact) -> None:
    assert rules.check_fact(fact.key, fact.example)
    assert rules.check_fact(fact.key, fact.default) == fact.default


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("jam_layann", "jam_layanan"),
        ("kapasitas", "kapasitas_harian"),
        ("tempat ambil enggano", "tempat_ambil.enggano"),
    ],
)
def test_an_unknown_fact_is_refused_with_the_nearest_known_one(typed: str, meant: str) -> None:
    with pytest.raises(BadInput, match=f"'{meant}'") as refused:
        rules.fact_of(typed)
    assert refused.value.code == "unknown_fact"


def test_a_fact_is_kept_on_one_line_because_a_template_variable_may_hold_none() -> None:
    assert rules.check_fact("jam_layanan", "  Senin-Kamis\n08.00-15.00,\t Jumat   08.00-15.30 ") == (
        "Senin-Kamis 08.00-15.00, Jumat 08.00-15.30"
    )


@pytest.mark.parametrize("value", ["0", "-3", "50 orang", "1.000", "5.5", "٥٠", "100001", "lima puluh"])
def test_the_daily_capacity_is_a_whole_number_above_zero(value: str) -> None:
    with pytest.raises(BadInput, match="kapasitas_harian"):
        rules.check_fact("kapasitas_harian", value)


def test_the_daily_capacity_is_stored_as_plain_digits() -> None:
    assert rules.check_fact("kapasitas_harian", " 050 ") == "50"


@pytest.mark.parametrize(
    "value", ["https://dukcapil.go.id", "dukcapil.go.id/kia", "dukcapil.com", "go.id", "dukcapil.go.id.xyz"]
)
def test_the_site_of_the_office_is_a_plain_government_name(value: str) -> None:
    with pytest.raises(BadInput, match="situs_kantor"):
        rules.check_fact("situs_kantor", value)
    assert rules.check_fact("situs_kantor", " Dukcapil.BengkuluUtaraKab.go.id ") == "dukcapil.bengkuluutarakab.go.id"


@pytest.mark.parametrize("value", ["loket 2, lihat wa.me/62811", "dukcapil-bu.com", "t.me/dukcapil"])
def test_no_other_fact_brings_a_link_into_a_text(value: str) -> None:
    with pytest.raises(BadInput) as refused:
        rules.check_fact("tempat_ambil", value)
    assert refused.value.code == "fact_has_link"


@pytest.mark.parametrize("key", ["nomor_wa_layanan", "nomor_wa_pengirim"])
def test_phone_facts_are_read_like_any_phone_and_stored_as_people_write_them(key: str) -> None:
    assert rules.check_fact(key, "+62 812-3400 7890") == "0812-3400-7890"
    for wrong in ("loket", "0812", "081234567890/081298765432", "1500537"):
        with pytest.raises(BadInput, match=key):
            rules.check_fact(key, wrong)


@pytest.mark.parametrize("value", ["lihat https://dukcapil.example", "buka www.dukcapil.go.id"])
def test_a_fact_with_a_link_is_refused_because_scams_carry_links(value: str) -> None:
    with pytest.raises(BadInput, match="tautan"):
        rules.check_fact("tempat_ambil", value)


def test_a_fact_too_long_for_a_text_is_refused() -> None:
    with pytest.raises(BadInput, match="200"):
        rules.check_fact("syarat_ambil", "x" * 201)


@pytest.mark.parametrize("fact", rules.FACTS, ids=lambda fact: fact.key)
def test_an_empty_value_empties_a_fact(fact: rules.Fact) -> None:
    assert rules.check_fact(fact.key, " \n ") == ""


@pytest.mark.parametrize("channel", list(ChannelKind))
@pytest.mark.parametrize("idr", [0, 350, 1_000_000])
def test_a_price_is_whole_rupiah(channel: str, idr: int) -> None:
    rules.check_price(channel, idr)


@pytest.mark.parametrize("idr", [-1, 1_000_001, 3.5, True, "350"])
def test_a_price_that_is_none_is_refused(idr: object) -> None:
    with pytest.raises(BadInput, match="rupiah"):
        rules.check_price("sms", idr)  # type: ignore[arg-type]


def test_a_price_of_an_unknown_channel_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="'whatsapp'"):
        rules.check_price("whatsap", 300)


@pytest.mark.parametrize(("typed", "stored"), [("Sari", "sari"), (" budi.s ", "budi.s"), ("ops-2", "ops-2")])
def test_usernames_are_small_letters(typed: str, stored: str) -> None:
    assert rules.check_username(typed) == stored


@pytest.mark.parametrize("name", ["", "a", "2sari", "sari amin", "sari@kantor", "sári", "x" * 33, "sistem", "Sistem"])
def test_names_that_cannot_be_typed_everywhere_are_refused(name: str) -> None:
    with pytest.raises(BadInput):
        rules.check_username(name)


def test_an_unknown_role_is_refused_with_the_nearest() -> None:
    with pytest.raises(BadInput, match="'approver'"):
        rules.check_role("aprover")


@pytest.mark.parametrize("password", ["", "pendek", "sembilan9", "sari12345678", "x" * 201])
def test_weak_passwords_are_refused(password: str) -> None:
    with pytest.raises(BadInput):
        rules.check_password("sari", password)


def test_a_password_of_several_words_is_enough() -> None:
    rules.check_password("sari", "hujan pagi di ketahun")


@given(st.lists(st.integers(0, 3600), max_size=12))
def test_five_tries_in_fifteen_minutes_are_too_many(seconds_ago: list[int]) -> None:
    tries = [NOW - timedelta(seconds=seconds) for seconds in seconds_ago]
    recent = sum(seconds < 15 * 60 for seconds in seconds_ago)
    assert rules.too_many_tries(tries, NOW) == (recent >= 5)


@given(st.dictionaries(st.text(), st.one_of(st.text(), st.integers(), st.booleans(), st.none())))
def test_canonical_json_does_not_depend_on_the_order_of_keys(data: dict[str, object]) -> None:
    backwards = dict(reversed(list(data.items())))
    assert rules.canonical(data) == rules.canonical(backwards)


@given(st.tuples(*[st.text(max_size=8)] * 5), st.tuples(*[st.text(max_size=8)] * 5))
def test_entries_that_differ_anywhere_have_different_chains(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    def chain(previous: str, staff: str, action: str, entity: str, data: str) -> str:
        # the chain before is a hash of fixed length, so that it cannot run into the entry
        before = rules.chain_of("", at_micros=0, staff=previous, action="", entity="", data="")
        return rules.chain_of(before, at_micros=1, staff=staff, action=action, entity=entity, data=data)

    assert (chain(*one) == chain(*other)) == (one == other)
