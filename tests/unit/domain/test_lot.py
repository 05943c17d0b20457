from __future__ import annotations

import hashlib
import hmac
from collections import Counter, defaultdict
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broadcaster.domain.lot import Drawn, Unit, draw, draw_delayed, list_sha256, u_of

SALT = b"a salt of sixteen"


def unit(key: str, tier: int = 1, place: str = "kantor", stratum: str = "17.03.01") -> Unit:
    return Unit(key, tier, place, stratum)


def many(count: int, **where: object) -> list[Unit]:
    return [unit(f"household-{number}", **where) for number in range(count)]  # type: ignore[arg-type]


lists = st.lists(
    st.builds(
        Unit,
        key=st.text("abcdef0123", min_size=1, max_size=6),
        tier=st.integers(1, 3),
        place=st.sampled_from(["kantor", "enggano"]),
        stratum=st.sampled_from(["17.03.01", "17.03.02", "17.03.03"]),
    ),
    max_size=60,
    unique_by=lambda one: one.key,
)
salts = st.binary(min_size=1, max_size=16)


def test_u_is_the_first_eight_bytes_of_the_keyed_hash() -> None:
    # RFC 4231, test case 2: HMAC-SHA256("Jefe", "what do ya want for nothing?") = 5bdcc146bf60754e6a042426...
    assert u_of(b"Jefe", "what do ya want for nothing?") == 0x5BDCC146BF60754E / 2**64


def test_a_small_lot_by_hand() -> None:
    """One cell, two strata: positions run on from stratum to stratum, the start comes from the salt."""
    units = [
        unit(key, stratum=stratum) for key, stratum in (("a", "1"), ("b", "1"), ("c", "1"), ("d", "2"), ("e", "2"))
    ]

    def u(key: str) -> float:
        return int.from_bytes(hmac.new(SALT, key.encode(), hashlib.sha256).digest()[:8], "big") / 2**64

    order = sorted("abc", key=u) + sorted("de", key=u)
    start = int(u("") * 3)
    expected = {key: 1 + (position + start) % 3 for position, key in enumerate(order)}

    drawn = draw(units, SALT, 3)

    assert {one.unit.key: one.wave for one in drawn} == expected
    assert [one.unit.key for one in drawn] == sorted("abcde", key=lambda key: (expected[key], u(key)))
    assert [one.rank for one in drawn] == [0, 1, 2, 3, 4]


@settings(max_examples=60)
@given(lists, salts, st.integers(1, 8), st.randoms(use_true_random=False))
def test_the_order_of_the_list_changes_nothing(units: list[Unit], salt: bytes, waves: int, chance: object) -> None:
    shuffled = list(units)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert draw(units, salt, waves) == draw(shuffled, salt, waves)
    assert draw_delayed(units, salt, 0.2) == draw_delayed(shuffled, salt, 0.2)
    assert list_sha256(units) == list_sha256(shuffled)


@settings(max_examples=60)
@given(lists, salts, st.integers(1, 8))
def test_waves_differ_by_one_household_at_most_overall_and_in_every_cell_and_stratum(
    units: list[Unit], salt: bytes, waves: int
) -> None:
    drawn = draw(units, salt, waves)
    assert sorted(one.unit.key for one in drawn) == sorted(one.key for one in units)
    groups: defaultdict[object, list[Drawn]] = defaultdict(list)
    for one in drawn:
        groups["all"].append(one)
        groups[one.unit.tier, one.unit.place].append(one)
        groups[one.unit.tier, one.unit.place, one.unit.stratum].append(one)
    for members in groups.values():
        sizes = Counter(one.wave for one in members)
        counts = [sizes[wave] for wave in range(1, waves + 1)]
        assert sum(counts) == len(members)
        assert max(counts) - min(counts) <= 1


@settings(max_examples=60)
@given(lists, salts, st.floats(0.01, 0.99))
def test_the_delayed_share_is_exact_to_one_household_overall_and_in_every_cell_and_stratum(
    units: list[Unit], salt: bytes, share: float
) -> None:
    groups: defaultdict[object, list[int]] = defaultdict(list)
    for one in draw_delayed(units, salt, share):
        groups["all"].append(one.wave)
        groups[one.unit.tier, one.unit.place].append(one.wave)
        groups[one.unit.tier, one.unit.place, one.unit.stratum].append(one.wave)
    for members in groups.values():
        assert set(members) <= {1, 2}
        assert abs(members.count(2) - share * len(members)) < 1 + 1e-9


@settings(max_examples=40)
@given(lists, salts, st.integers(1, 8))
def test_the_stored_order_of_a_cell_is_by_wave_and_then_by_the_keyed_hash(
    units: list[Unit], salt: bytes, waves: int
) -> None:
    cells: defaultdict[object, list[Drawn]] = defaultdict(list)
    for one in draw(units, salt, waves):
        cells[one.unit.tier, one.unit.place].append(one)
    for members in cells.values():
        assert [one.rank for one in members] == list(range(len(members)))
        assert members == sorted(members, key=lambda one: (one.wave, one.u))


def test_a_household_alone_is_delayed_as_often_as_the_share_says() -> None:
    """The first position, too: with shares of 20 %, 20 % of salts delay it."""
    salts_tried = 2000
    delayed = sum(draw_delayed([unit("a")], b"salt %d" % number, 0.2)[0].wave == 2 for number in range(salts_tried))
    assert abs(delayed / salts_tried - 0.2) < 4 * sqrt(0.2 * 0.8 / salts_tried)


def test_another_salt_draws_another_lot() -> None:
    units = many(40)
    assert [one.unit.key for one in draw(units, b"one", 4)] != [one.unit.key for one in draw(units, b"two", 4)]


def test_an_empty_list_gives_an_empty_lot() -> None:
    assert draw([], SALT, 4) == []
    assert draw_delayed([], SALT, 0.1) == []


def test_the_fingerprint_tells_lists_apart_that_only_look_alike() -> None:
    one, two = [unit("a", place="b", stratum="c")], [unit("a", place="b\tc", stratum="")]
    assert list_sha256(one) != list_sha256(two)
    assert list_sha256(one) != list_sha256([unit("a", tier=2, place="b", stratum="c")])


@pytest.mark.parametrize(
    ("attempt", "complaint"),
    [
        (lambda: draw([unit("a"), unit("b"), unit("a", stratum="other")], SALT, 2), "twice"),
        (lambda: draw_delayed([unit("a"), unit("a")], SALT, 0.2), "twice"),
        (lambda: list_sha256([unit("a"), unit("a")]), "twice"),
        (lambda: draw([unit("")], SALT, 2), "without a key"),
        (lambda: draw([unit("a")], SALT, 0), "at least one wave"),
        (lambda: draw([unit("a")], b"", 2), "salt"),
        (lambda: draw_delayed([unit("a")], SALT, 0.0), "between 0 and 1"),
        (lambda: draw_delayed([unit("a")], SALT, 1.0), "between 0 and 1"),
    ],
)
def test_a_lot_that_could_not_be_trusted_is_refused(attempt: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        attempt()  # type: ignore[operator]
