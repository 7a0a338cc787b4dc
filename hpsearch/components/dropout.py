"""Dropout: the probability of dropping a unit. The masks are drawn by the engine, from the run's seed."""

from hpsearch.errors import require


def dropout(p: float) -> float:
    """The probability. Raises OutOfRange unless 0 <= p < 1."""
    require(0 <= p < 1, "p", p, "at least 0 and below 1")
    return p
