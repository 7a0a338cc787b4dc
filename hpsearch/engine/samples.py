"""The samples of a stack on its device: lanes may train on different splits of equal sizes.

Axes: K lanes, B batch, D different data sets.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from hpsearch.components.data.dataset import Dataset, Split

EVALUATION_BATCH = 256


class Samples:
    """One split (training, validation or test) of the data sets of K lanes."""

    def __init__(self, splits: Sequence[Split], which: Sequence[int]) -> None:
        """splits: the different ones, of equal sizes. which: for each lane, the place of its split in `splits`."""
        self._count = len(splits[0])
        self.lanes = len(which)
        self._shared = len(splits) == 1
        self._x = splits[0].x if self._shared else torch.stack([split.x for split in splits])
        self._y = splits[0].y if self._shared else torch.stack([split.y for split in splits])
        self._which = torch.tensor(which, device=self._x.device)

    def __len__(self) -> int:
        return self._count

    @property
    def device(self) -> torch.device:
        """Where the samples lie."""
        return self._x.device

    def pick(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        """The samples of each lane by number, [K, B] -> x [K, B, features], y [K, B]."""
        x, y = self._x, self._y
        if not self._shared:
            batch = batch + self._which[:, None] * self._count
            x, y = x.flatten(0, 1), y.flatten()
        picked = batch.flatten()
        return x.index_select(0, picked).view(*batch.shape, -1), y.index_select(0, picked).view(batch.shape)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All samples in order: x [K, B, features], y [K, B] with B up to `EVALUATION_BATCH`."""
        for first in range(0, self._count, EVALUATION_BATCH):
            part = slice(first, first + EVALUATION_BATCH)
            if self._shared:
                yield self._x[part].expand(self.lanes, -1, -1), self._y[part].expand(self.lanes, -1)
            else:
                yield self._x[self._which, part], self._y[self._which, part]

    @property
    def y(self) -> Tensor:
        """y of each lane, [K, n]."""
        return self._y.expand(self.lanes, -1) if self._shared else self._y[self._which]


def samples_of(part: str, datasets: Sequence[Dataset]) -> Samples:
    """The split `part` (train, validation or test) of the data set of each lane."""
    different = {id(dataset): dataset for dataset in datasets}
    places = {key: place for place, key in enumerate(different)}
    splits = [getattr(dataset, part) for dataset in different.values()]
    return Samples(splits, [places[id(dataset)] for dataset in datasets])
