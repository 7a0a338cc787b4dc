"""Augmentation of training images: shifted and mirrored anew in each epoch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hpsearch.errors import require

if TYPE_CHECKING:  # torch takes a second, and checking a configuration must not wait for it
    from torch import Tensor

MOST_PIXELS = 1000
DRAWS = 3  # random numbers for each image


@dataclass(frozen=True)
class Augmentation:
    """Shift each image by up to `shift` pixels along both axes, and mirror half of them if `flip`.

    The pixels at the edge are repeated outwards.
    """

    shift: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.shift <= MOST_PIXELS, "shift", self.shift, f"at least 0 and at most {MOST_PIXELS} pixels")

    def __bool__(self) -> bool:
        return bool(self.shift or self.flip)

    def __call__(self, x: Tensor, draws: Tensor, shape: tuple[int, ...]) -> Tensor:
        """x: [K, B, features], images of `shape`, (height, width) or (channels, height, width); draws: [K, B, DRAWS]
        integers of at least 0."""
        import torch

        height, width = shape[-2:]
        images = x.reshape(-1, x.shape[2] // (height * width), height, width)
        draws = draws.reshape(-1, DRAWS)
        down, right = draws[:, :2].remainder(2 * self.shift + 1).sub(self.shift).unbind(1)
        rows = (torch.arange(height, device=x.device) + down[:, None]).clamp(0, height - 1)
        columns = (torch.arange(width, device=x.device) + right[:, None]).clamp(0, width - 1)
        if self.flip:
            mirrored = draws[:, 2:].remainder(2) == 1
            columns = torch.where(mirrored, width - 1 - columns, columns)
        images = images.gather(2, rows[:, None, :, None].expand(-1, images.shape[1], -1, width))
        images = images.gather(3, columns[:, None, None, :].expand(-1, images.shape[1], height, -1))
        return images.reshape(x.shape)


def none() -> Augmentation:
    """Images as they are."""
    return Augmentation()


AUGMENTATIONS: dict[str, Callable[..., Augmentation]] = {"none": none, "shift_flip": Augmentation}
