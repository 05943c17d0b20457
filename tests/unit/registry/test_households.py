"""Connected components of No KK and personal phone, as a rule on values."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from broadcaster.registry.households import SHARED_ABOVE, Evidence, Grouping, Held, group, household_key_of


def row(
    family: int,
    child: int = 0,
    *,
    phones: Sequence[int] = (),
    child_home: int | None = None,
    kk_home: int | None = None,
) -> Evidence:
    return Evidence(
        family=family, child=b"c%d" % (child or family), child_home=child_home, kk_home=kk_home,
        phones=tuple(b"p%d" % phone for phone in phones),
    )  # fmt: skip


def together(found: Grouping) -> set[frozenset[int]]:
    return {frozenset(one.rows) for one in found.groups}


def test_a_chain_of_phones_and_families_is_one_household() -> None:
    rows = [row(1, phones=[1]), row(2, phones=[1, 2]), row(3, phones=[2]), row(4)]
    assert together(group(rows, Held())) == {frozenset({0, 1, 2}), frozenset({3})}


def test_a_phone_of_more_than_three_families_joins_nobody() -> None:
    rows = [row(n, phones=[1]) for n in range(1, SHARED_ABOVE + 2)]
    found = group(rows, Held())
    assert together(found) == {frozenset({n}) for n in range(4)}
    assert found.shared == {b"p1"}
    assert found.users == {b"p1": 4}
    assert together(group(rows[:3], Held())) == {frozenset({0, 1, 2})}


def test_many_children_of_one_family_do_not_make_its_phone_shared() -> None:
    rows = [row(1, child, phones=[1]) for child in range(1, 9)]
    assert group(rows, Held()).users == {b"p1": 1}


def test_the_same_child_in_two_families_joins_them() -> None:
    assert together(group([row(1, 5), row(2, 5)], Held())) == {frozenset({0, 1})}


def test_registered_households_meet_over_a_new_row() -> None:
    held = Held(phone_homes={b"p1": frozenset({7})}, kks={7: 1, 9: 1})
    found = group([row(1, kk_home=9, phones=[1])], held)
    assert [one.homes for one in found.groups] == [(7, 9)]


def test_a_number_that_was_shared_stays_shared() -> None:
    held = Held(phone_homes={b"p1": frozenset({7})}, shared=frozenset({b"p1"}))
    found = group([row(1, phones=[1])], held)
    assert [one.homes for one in found.groups] == [()]


def test_a_growing_number_counts_every_family_of_its_household() -> None:
    held = Held(phone_homes={b"p1": frozenset({7})}, kks={7: 3})
    assert group([row(1, kk_home=7, phones=[1])], held).shared == frozenset()  # nobody new
    assert group([row(1, kk_home=7, phones=[1]), row(4, phones=[1])], held).users == {b"p1": 4}
    assert group([row(4, phones=[1])], held).users == {b"p1": 4}


def test_a_doubtful_row_joins_nothing_unless_something_else_does() -> None:
    doubtful = row(2, child=1, child_home=7, kk_home=9, phones=[1])
    found = group([doubtful, row(2, child=2, kk_home=9)], Held(kks={7: 1, 9: 1}))
    assert found.clashes == {0}
    assert together(found) == {frozenset({1})}
    linked = [row(1, child=3, kk_home=7, phones=[2]), row(2, child=2, kk_home=9, phones=[2])]
    found = group([doubtful, *linked], Held(kks={7: 1, 9: 1}))
    assert found.clashes == frozenset()
    assert [one.homes for one in found.groups] == [(7, 9)]


def test_a_household_is_named_after_its_smallest_number() -> None:
    assert household_key_of([b"b", b"a"], [b"0"]) == b"a"
    assert household_key_of([], [b"d", b"c"]) == b"c"


_rows = st.lists(
    st.builds(
        row,
        st.integers(1, 6),
        st.integers(1, 8),
        phones=st.lists(st.integers(1, 3), max_size=2),
        child_home=st.sampled_from([None, None, 11, 12]),
        kk_home=st.sampled_from([None, None, 11, 12, 13]),
    ),
    max_size=10,
)


@given(_rows, st.data())
def test_order_does_not_matter(rows: list[Evidence], data: st.DataObject) -> None:
    held = Held(phone_homes={b"p1": frozenset({11})}, kks={11: 2, 12: 1, 13: 1})
    order = data.draw(st.permutations(range(len(rows))))
    one, other = group(rows, held), group([rows[index] for index in order], held)
    assert together(one) == {frozenset(order[index] for index in some) for some in together(other)}
    assert (one.shared, one.users) == (other.shared, other.users)
    assert one.clashes == {order[index] for index in other.clashes}
    assert sorted(g.homes for g in one.groups) == sorted(g.homes for g in other.groups)


@given(_rows)
def test_every_row_is_in_one_household_or_a_conflict(rows: list[Evidence]) -> None:
    found = group(rows, Held())
    placed = [index for one in found.groups for index in one.rows]
    assert sorted([*placed, *found.clashes]) == list(range(len(rows)))
    homes = [home for one in found.groups for home in one.homes]
    assert len(homes) == len(set(homes))
