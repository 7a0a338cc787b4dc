"""A stack by itself."""

import gc
from weakref import ref

from hpsearch.engine.lane import new_lane
from hpsearch.engine.stack import Stack
from tests.programs import dataset, program, run


def test_a_stack_that_nobody_has_any_more_is_gone_at_once() -> None:
    spec = program(dataset())
    gc.disable()
    try:
        stack = Stack([new_lane(seed, run(seed, optimizer="adam", dropout=0.1), spec) for seed in range(2)], spec)
        stack.epoch()
        held = ref(stack)
        del stack
        assert held() is None
    finally:
        gc.enable()
