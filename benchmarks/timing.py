"""Cases timed in turn, A B C A B C …, so that a machine that slows down slows all of them."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

Case = Callable[[], float | None]  # returns an accuracy where it reaches one


@dataclass
class Timing:
    seconds: list[float] = field(default_factory=list)
    accuracy: float | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def interleaved(cases: dict[str, Case], rounds: int) -> dict[str, Timing]:
    """Time each case once a round. A case's first call is in its numbers: warm up before."""
    timings = {name: Timing() for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            started = perf_counter()
            timings[name].accuracy = case()
            timings[name].seconds.append(perf_counter() - started)
    return timings
