"""The stratified split of scikit-learn's `train_test_split`, sample for sample, without its slow import."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def stratified(y: NDArray[Any], size: int, seed: int) -> tuple[Indices, Indices]:
    """Draw `size` samples. Returns the indices [n - size] of the rest and [size] of the draw, in random order.

    y: [n] classes. Each class has the same share in both, as nearly as whole samples allow.
    """
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
    """The number of samples of each class among `size`: its share, rounded. The largest remainders are rounded up; a
    random draw decides ties."""
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
    return np.asarray(shares, np.int64)
