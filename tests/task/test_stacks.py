"""Runs cut into stacks for tasks."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpsearch.task.stacks import cut


def numbered(keys: str) -> list[tuple[int, Any]]:
    """Runs with these stack keys, numbered from 10."""
    return [(10 + number, SimpleNamespace(stack_key=key)) for number, key in enumerate(keys)]


@pytest.mark.parametrize(
    ("keys", "lanes", "stacks"),
    [
        ("aaaa", 4, [[10, 11, 12, 13]]),
        ("aaaaa", 4, [[10, 11], [12, 13, 14]]),  # not 4 and 1
        ("abab", 4, [[10, 12], [11, 13]]),
        ("baaa", 2, [[10], [11], [12, 13]]),
        ("", 4, []),
    ],
)
def test_stacks_are_even_and_of_one_key(keys: str, lanes: int, stacks: list[list[int]]) -> None:
    assert [[number for number, _ in stack] for stack in cut(numbered(keys), lanes)] == stacks


@given(st.text("abc", max_size=60), st.integers(1, 20))
def test_each_run_is_in_one_stack_and_no_stack_is_larger_or_smaller_than_it_has_to_be(keys: str, lanes: int) -> None:
    runs = numbered(keys)
    stacks = cut(runs, lanes)
    assert sorted(number for stack in stacks for number, _ in stack) == [number for number, _ in runs]
    for key in set(keys):
        sizes = [len(stack) for stack in stacks if stack[0][1].stack_key == key]
        assert len(sizes) == -(-keys.count(key) // lanes)
        assert max(sizes) <= lanes
        assert max(sizes) - min(sizes) <= 1
    assert all(len({run.stack_key for _, run in stack}) == 1 for stack in stacks)
