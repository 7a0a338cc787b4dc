"""How many lanes a stack has is measured; no test here takes a time."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from hpsearch.engine.stack_size import GAIN, StackSize


def sizes(lanes: int, seconds: Callable[[int], float], epochs: int = 40, tries: bool = True) -> list[int]:
    """Those of the epochs, where a lane of an epoch takes `seconds(size)`."""
    asked, found = StackSize(tries), []
    for _ in range(epochs):
        found.append(asked.next(lanes))
        asked.took(lanes, lanes * seconds(found[-1]))
    return found


def test_all_lanes_are_one_stack_where_half_of_them_take_as_long() -> None:
    assert sizes(45, lambda size: 1.0, epochs=8) == [45, 45, 45, 45, 23, 23, 45, 45]


def test_a_stack_becomes_smaller_as_long_as_that_is_faster() -> None:
    cost = {48: 4.0, 24: 2.0, 12: 1.0, 6: 1.1}
    assert sizes(48, cost.__getitem__, epochs=12) == [48, 48, 48, 48, 24, 24, 12, 12, 6, 6, 12, 12]


def test_a_gain_that_may_be_chance_is_none() -> None:
    assert sizes(10, lambda size: 1.0 if size == 10 else GAIN + 0.01)[-1] == 10


def test_the_better_of_two_epochs_counts_and_the_first_two_do_not() -> None:
    asked, slow_first = StackSize(tries=True), [9.0, 9.0, 9.0, 1.0, 1.0, 1.0]
    for seconds in slow_first:
        asked.next(8)
        asked.took(8, seconds)
    assert asked.next(8) == 8


def test_more_lanes_than_ever_are_measured_anew() -> None:
    asked = StackSize(tries=True)
    for _ in range(9):
        asked.next(1)
        asked.took(1, 1.0)
    assert asked.next(30) == 30


def test_where_nothing_is_tried_all_lanes_are_one_stack() -> None:
    assert set(sizes(64, lambda size: float(size), tries=False)) == {64}


@given(st.integers(1, 200), st.lists(st.floats(0.1, 10), min_size=200, max_size=200))
def test_it_settles_on_a_size_that_was_tried(lanes: int, cost: list[float]) -> None:
    found = sizes(lanes, lambda size: cost[size - 1])
    assert len(set(found[-10:])) == 1
    assert all(1 <= size <= lanes for size in found)
    assert cost[found[-1] - 1] <= cost[lanes - 1]
