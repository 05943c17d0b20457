"""The generated district is plausible, repeatable, and true to the effect that was planted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.domain.card import CardStatus, Occasion, always_send, kind_due
from broadcaster.domain.people import full_years, nik_problem
from broadcaster.domain.phone import read_phone
from broadcaster.domain.place import Place, load_places
from broadcaster.shipped import content_dir
from broadcaster.simulator.district import (
    P0,
    WINDOW,
    District,
    answer_day,
    card_occasions,
    collections_until,
    generate,
    simulated_people,
    telegram_starts,
    weekday_after,
)
from broadcaster.simulator.people import People, Planned

START = date(2026, 10, 5)  # a Monday
END = START + timedelta(days=WINDOW - 1)


@lru_cache(maxsize=1)
def _places() -> tuple[Place, ...]:
    return tuple(load_places(content_dir() / "places" / "bengkulu_utara.csv"))


@lru_cache(maxsize=32)
def _district(households: int = 4000, seed: int = 1, planted: float = 62.0) -> District:
    return generate(households, seed, _places(), START, planted_effect_per_1000=planted)


def _everyone(district: District, on: date = START) -> dict[str, date]:
    return {address: on for device in district.devices for address in device.addresses}


def _rate(district: District, messaged: dict[str, date], until: date = END) -> float:
    """Collected cards per 1,000 measured children."""
    measured = {child.nik for _, child in district.measured}
    return 1000 * sum(record.nik in measured for record in collections_until(district, messaged, until)) / len(measured)


# --- plausible --------------------------------------------------------------------------------------


def test_the_same_arguments_give_the_same_district_and_another_seed_another() -> None:
    assert generate(300, 7, _places(), START) == generate(300, 7, _places(), START)
    assert generate(300, 7, _places(), START).households != generate(300, 8, _places(), START).households


def test_numbers_have_the_real_pattern_and_are_given_once() -> None:
    district = _district()
    niks = [child.nik for child in district.children]
    kks = [home.kk for home in district.households]
    assert len(set(niks)) == len(niks)
    assert len(set(kks)) == len(kks) == 4000
    for home in district.households:
        assert len(home.kk) == 16
        for child in home.children:
            assert nik_problem(child.nik, child.born, child.sex) is None
            assert child.nik.startswith(home.place.code.replace(".", "")[:6])
            assert int(child.nik[12:]) > 9000  # clearly synthetic


def test_phones_are_mobile_numbers_with_a_block_of_zeroes() -> None:
    for device in _district().devices:
        phone = read_phone(device.phone)
        assert (phone.e164, phone.kind, phone.problem) == (device.phone, "mobile", None)
        assert device.phone[6:9] == "000"


def test_families_have_one_to_four_children_below_seventeen() -> None:
    district = _district()
    sizes = Counter(len(home.children) for home in district.households)
    for size, share in {1: 0.62, 2: 0.28, 3: 0.08, 4: 0.02}.items():
        assert sizes[size] / 4000 == pytest.approx(share, abs=0.03)
    assert all(0 <= full_years(child.born, START) < 17 for child in district.children)


def test_every_kecamatan_has_families_and_enggano_few() -> None:
    homes = Counter(home.place.kecamatan for home in _district().households)
    assert len(homes) == 19
    assert homes["Enggano"] / 4000 == pytest.approx(0.013, abs=0.008)
    assert min(homes, key=homes.__getitem__) == "Enggano"


def test_every_occasion_appears_and_most_families_have_a_card_waiting() -> None:
    district = _district()
    found = Counter(occasion for child in district.children for occasion in card_occasions(child, START))
    assert set(found) == set(Occasion)
    waiting = [
        any(Occasion.PRINTED_UNCOLLECTED in card_occasions(child, START) for child in home.children)
        for home in district.households
    ]
    assert sum(waiting) / 4000 == pytest.approx(0.80, abs=0.03)


def test_a_cards_days_are_in_order_and_before_the_start() -> None:
    for child in _district().children:
        days = [day for day in (child.applied_on, child.printed_on, child.collected_on) if day is not None]
        assert [child.born, *days, START] == sorted([child.born, *days, START])
        if child.status is CardStatus.PRINTED:
            assert child.printed_on is not None
            assert child.collected_on is None
            assert kind_due(child.born, child.printed_on) is kind_due(child.born, START)
        if child.status is CardStatus.EXPIRED:
            assert child.collected_on is not None
            assert full_years(child.born, child.collected_on) < 5 <= full_years(child.born, START)


def test_phones_are_used_as_planned() -> None:
    district = _district()
    use = Counter(home.phone_use for home in district.households)
    for kind, share in {"own": 0.78, "shared": 0.07, "kadus": 0.03, "none": 0.12}.items():
        assert use[kind] / 4000 == pytest.approx(share, abs=0.02)
    families = Counter(home.device.phone for home in district.households if home.device)
    for home in district.households:
        users = families[home.device.phone] if home.device else 0
        assert (home.phone_use, users) in {("none", 0), ("own", 1), ("shared", 2)} or (
            home.phone_use == "kadus" and users > 3
        )


def test_devices_behave_in_every_way_a_provider_knows() -> None:
    devices = _district().devices
    count = len(devices)
    assert sum(bool(device.chat_id) for device in devices) / count == pytest.approx(0.25, abs=0.03)
    assert sum(device.whatsapp for device in devices) / count == pytest.approx(0.80, abs=0.03)
    assert sum(device.silent for device in devices) / count == pytest.approx(0.04, abs=0.015)
    assert any(device.blocks_bot for device in devices)
    assert not any(device.blocks_bot and not device.chat_id for device in devices)
    replies = Counter(device.reply.upper().split(" ")[0] for device in devices if device.reply)
    assert {"STOP", "SUDAH", "BANTU"} <= set(replies)
    stops = sum(device.reply.upper().startswith(("STOP", "BERHENTI")) for device in devices)
    assert stops / count == pytest.approx(0.015, abs=0.008)
    for device in devices:  # a reply needs a channel that takes one, and a phone that is on
        able = device.whatsapp or (device.chat_id and not device.blocks_bot)
        assert not device.reply or (able and not device.silent)


def test_everybody_is_described_as_the_simulated_providers_want_it() -> None:
    district = _district()
    people = People()
    replies = 0
    for person in simulated_people(district):
        planned = [Planned(**reply) for reply in person["replies"]]  # type: ignore[attr-defined]
        people.set(str(person["address"]), str(person["behaviour"]), planned)
        replies += len(planned)
    for device in district.devices:
        behaviour = people.of(device.phone).behaviour
        assert (behaviour == "silent") is device.silent
        assert (behaviour == "no_whatsapp") is (not device.whatsapp and not device.silent)
        if device.chat_id:
            assert (people.of(device.chat_id).behaviour == "blocked") is device.blocks_bot
    assert replies == sum(bool(device.reply) for device in district.devices) > 0


def test_owners_of_telegram_press_start_and_then_share_their_own_number() -> None:
    acts = telegram_starts(_district())
    owners = [device for device in _district().devices if device.chat_id]
    assert acts[:2] == [
        {"channel": "telegram", "address": owners[0].chat_id, "start": ""},
        {"channel": "telegram", "address": owners[0].chat_id, "contact": owners[0].phone},
    ]
    assert len(acts) == 2 * len(owners)


def test_a_district_needs_places_and_a_possible_effect() -> None:
    with pytest.raises(ValueError, match="places"):
        generate(10, 1, [], START)
    with pytest.raises(ValueError, match="effect"):
        generate(10, 1, _places(), START, planted_effect_per_1000=1001)


@pytest.mark.parametrize("households", [0, 1, 3])
def test_a_tiny_district_is_possible(households: int) -> None:
    district = generate(households, 1, _places(), START)
    assert len(district.households) == households
    assert collections_until(district, {}, START) == [] or households


# --- true -------------------------------------------------------------------------------------------


def test_the_expectation_is_the_planted_effect_to_the_last_digit() -> None:
    district = _district()
    reached = [home.reached for home, _ in district.measured]
    expected = district.chance * (1 - P0) * sum(reached) / len(reached)
    assert 1000 * expected == pytest.approx(62, abs=1e-9)
    assert district.expected_effect_per_1000 == pytest.approx(62, abs=1e-9)
    assert abs(P0 - 0.1719) < 1e-9


def test_the_lot_can_measure_personal_phones_without_a_deadline_only() -> None:
    district = _district()
    assert district.measured
    for home, child in district.measured:
        assert home.phone_use in ("own", "shared")
        assert not child.defect
        assert not always_send(Occasion.PRINTED_UNCOLLECTED, child.born, START, WINDOW)
    phones = Counter(home.device.phone for home, _ in district.measured if home.device)
    for home in district.households:  # the neighbour's deadline counts, for they are one household to the lot
        urgent = any(
            Occasion.PRINTED_UNCOLLECTED in card_occasions(child, START)
            and always_send(Occasion.PRINTED_UNCOLLECTED, child.born, START, WINDOW)
            for child in home.children
        )
        if home.device and home.phone_use == "shared" and urgent:
            assert home.device.phone not in phones


@pytest.mark.parametrize("planted", [62.0, 150.0])
def test_messages_change_what_was_planted_and_nothing_else(planted: float) -> None:
    """Both worlds of the same families: the mean difference over four districts, about 12,000 children."""
    districts = [_district(4000, seed, planted) for seed in range(1, 5)]
    without = [_rate(district, {}) for district in districts]
    with_message = [_rate(district, _everyone(district)) for district in districts]
    gained = sum(b - a for a, b in zip(without, with_message, strict=True)) / 4
    # a child's difference is 0 or 1; siblings who come together make the standard error some 20 % larger
    share = planted / 1000
    error = 1.2 * 1000 * (share * (1 - share) / sum(len(district.measured) for district in districts)) ** 0.5
    assert gained == pytest.approx(planted, abs=4 * error)
    assert sum(without) / 4 == pytest.approx(1000 * P0, abs=17)


def test_without_a_planted_effect_messages_change_nothing() -> None:
    district = _district(planted=0.0)
    assert collections_until(district, _everyone(district), END) == collections_until(district, {}, END)


def test_a_later_wave_gains_as_much_among_those_still_waiting() -> None:
    """What is true for the first wave is true for the fourth: the chance to come without a message does not wear off."""
    gained, at_risk = 0, 0
    later = START + timedelta(days=21)
    for seed in range(1, 5):
        district = _district(4000, seed, 62.0)
        measured = {child.nik for _, child in district.measured}
        before = {r.nik for r in collections_until(district, {}, later - timedelta(days=1))}
        end = later + timedelta(days=WINDOW - 1)
        without = {r.nik for r in collections_until(district, {}, end)}
        with_message = {r.nik for r in collections_until(district, _everyone(district, later), end)}
        at_risk += len(measured - before)
        gained += len((with_message - without) & measured)
        assert {r.nik for r in collections_until(district, _everyone(district, later), later)} >= before
    assert 1000 * gained / at_risk == pytest.approx(62, abs=14)


def test_a_message_never_makes_a_family_come_later() -> None:
    district = _district()
    until = START + timedelta(days=60)
    without = {r.nik: r.collected_on for r in collections_until(district, {}, until)}
    with_message = {r.nik: r.collected_on for r in collections_until(district, _everyone(district), until)}
    assert without.keys() <= with_message.keys()
    assert all(with_message[nik] <= day for nik, day in without.items())


def test_nobody_collects_at_the_weekend_or_before_the_text() -> None:
    district = _district()
    friday = START + timedelta(days=4)
    records = collections_until(district, _everyone(district, friday), START + timedelta(days=60))
    alone = {r.nik: r.collected_on for r in collections_until(district, {}, START + timedelta(days=60))}
    assert {record.collected_on.weekday() for record in records} == {0, 1, 2, 3, 4}
    changed = [record for record in records if alone.get(record.nik) != record.collected_on]
    assert changed
    assert all(friday < record.collected_on <= friday + timedelta(days=13) for record in changed)


def test_texts_that_do_not_arrive_change_nothing() -> None:
    district = _district()
    until = START + timedelta(days=30)
    alone = collections_until(district, {}, until)
    silent = {a: START for device in district.devices if device.silent for a in device.addresses}
    kadus = {home.device.phone: START for home in district.households if home.device and home.phone_use == "kadus"}
    blocked = {device.chat_id: START for device in district.devices if device.blocks_bot}
    assert silent
    assert kadus
    assert blocked
    assert collections_until(district, silent | kadus | blocked, until) == alone


def test_a_telegram_chat_reaches_the_same_family_as_its_phone() -> None:
    district = _district()
    by_chat = {d.chat_id: START for d in district.devices if d.chat_id and not d.blocks_bot}
    by_phone = {d.phone: START for d in district.devices if d.chat_id and not d.blocks_bot}
    assert collections_until(district, by_chat, END) == collections_until(district, by_phone, END)
    assert collections_until(district, by_chat, END) != collections_until(district, {}, END)


def test_the_first_of_two_texts_counts() -> None:
    district = _district()
    later = {d.phone: START + timedelta(days=20) for d in district.devices}
    both = later | {d.chat_id: START for d in district.devices if d.chat_id}
    first = {d.chat_id: START for d in district.devices if d.chat_id}
    assert collections_until(district, both, END) == collections_until(district, first, END)


def test_siblings_mostly_come_together() -> None:
    together = apart = 0
    for home in _district().households:
        days = [child.spontaneous_on for child in home.children if child.spontaneous_on]
        if len(days) == 2:
            together += days[0] == days[1]
            apart += days[0] != days[1]
    assert together / (together + apart) > 0.75


def test_only_a_waiting_card_is_ever_collected() -> None:
    district = _district()
    waiting = {child.nik for child in district.children if child.status is CardStatus.PRINTED and not child.defect}
    everything = collections_until(district, _everyone(district), date(2036, 1, 1))
    assert {record.nik for record in everything} == waiting
    days = [record.collected_on for record in everything]
    assert days == sorted(days)


def test_an_effect_too_large_to_be_true_is_capped_and_says_so() -> None:
    district = generate(500, 3, _places(), START, planted_effect_per_1000=950)
    assert district.chance == 1.0
    assert district.expected_effect_per_1000 < 830


@settings(max_examples=60)
@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.floats(0, 1, exclude_max=True))
def test_an_answer_comes_on_a_weekday_within_the_window(received: date, position: float) -> None:
    day = answer_day(received, position)
    assert received < day < received + timedelta(days=WINDOW)
    assert day.weekday() < 5


@settings(max_examples=60)
@given(st.dates(date(2026, 1, 1), date(2027, 12, 31)), st.integers(0, 300))
def test_weekdays_are_counted_one_by_one(start: date, count: int) -> None:
    days = [start + timedelta(days=ahead) for ahead in range(450)]
    assert weekday_after(start, count) == [day for day in days if day.weekday() < 5][count]


def test_rows_no_import_can_use_belong_to_nobody_in_the_lot() -> None:
    district = _district()
    spoilt = [child for child in district.children if child.defect]
    assert len(spoilt) / len(district.children) == pytest.approx(0.01, abs=0.005)
    assert all(card_occasions(child, START) == () for child in spoilt)
    child = next(child for child in district.children if Occasion.PRINTED_UNCOLLECTED in card_occasions(child, START))
    assert card_occasions(replace(child, defect="nik_short"), START) == ()
