"""A test of paired differences that may be repeated after every new seed: a bet on their signs.

The hypothesis is that of the exact sign-flip test: given its size, a difference is as likely above zero as below, and
independent of those before. A gambler stakes the share tanh(λ x) of the capital on the sign of the next difference, at
even odds; x is its size beside the root mean square of the sizes so far, so the unit does not matter. The capital
prod(1 + s tanh(λ x)) = prod(exp(λ s x) / cosh(λ x)) is then a martingale (de la Peña 1999; Ramdas et al. 2020,
Admissible anytime-valid sequential inference), and so is its mean over a fixed set of λ, half of them above zero and
half below. It ever reaches 1 / α with a probability of at most α (Ville 1939): 1 / its highest value is a p-value at
any number of looks.
"""

import numpy as np

from hpsearch.report.stats import LEVEL, MOST_SEEDS, Floats

STAKES = (0.5, 1.0, 2.0, 4.0)  # λ; fixed before any data, or the capital would be no martingale


def p_value(differences: Floats) -> float:
    """The p-value of differences in the order in which they became known, whenever one looks; two-sided."""
    return float(p_values(np.asarray(differences, float)[None])[0, -1])


def p_values(differences: Floats) -> Floats:
    """The p-values after each of the differences along the last axis; the rows are sweeps of their own."""
    differences = differences.round(12)  # a rounding error has no sign
    counts = np.arange(1, differences.shape[-1] + 1)
    scale = np.sqrt(np.cumsum(differences**2, axis=-1) / counts)
    sizes = np.divide(differences, scale, out=np.zeros_like(differences), where=scale > 0)
    capital = np.mean(
        [np.cumprod(1 + np.tanh(sign * stake * sizes), axis=-1) for stake in STAKES for sign in (1, -1)], axis=0
    )
    return np.asarray(1 / np.maximum.accumulate(np.maximum(capital, 1), axis=-1))


def least_p(n: int) -> float:
    """The smallest p-value that so many equal differences give."""
    return p_value(np.ones(n)) if n else 1.0


def least_seeds(comparisons: int) -> int:
    """The fewest seeds that can pass at the level 0.05 after Holm's correction."""
    passed = p_values(np.ones((1, MOST_SEEDS)))[0] * comparisons <= LEVEL
    return int(passed.argmax()) + 1
