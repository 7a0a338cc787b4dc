"""The stratified split of scikit-learn's `train_test_split`, sample for sample, without its import of two seconds."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def stratified(y: NDArray[Any], size: int, seed: int) -> tuple[Indices, Indices]:
    """The indices of the rest and of `size` drawn samples, each in random order. y: [n] classes."""
    classes, counts = np.unique(y, return_inverse=True, return_counts=True)[1:]
    rng = np.random.RandomState(seed)
    kept = _shares(counts, len(y) - size, rng)
    drawn = _shares(counts - kept, size, rng)
    parts: tuple[list[Indices], list[Indices]] = [], []
    for c, (count, first, second) in enumerate(zip(counts, kept, drawn, strict=True)):
        members = np.flatnonzero(classes == c)[rng.permutation(count)]
        parts[0].append(members[:first])
        parts[1].append(members[first : first + second])
    rest, held_out = (rng.permutation(np.concatenate(part)) for part in parts)
    return rest, held_out


def _shares(counts: Indices, size: int, rng: np.random.RandomState) -> Indices:
    """How many of each class make up `size` samples: its share, rounded down or up. Those with the largest remainders
    are rounded up, ties by lot."""
    exact = counts / counts.sum() * size
    shares = np.floor(exact)
    missing = int(size - shares.sum())
    remainders = exact - shares
    for remainder in np.unique(remainders)[::-1] if missing else ():
        tied = np.flatnonzero(remainders == remainder)
        up = rng.choice(tied, size=min(len(tied), missing), replace=False)
        shares[up] += 1
        missing -= len(up)
        if not missing:
            break
    whole: Indices = shares.astype(np.int64)
    return whole
