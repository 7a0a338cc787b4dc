"""The random numbers of a run, from its seed alone.

A run draws for four purposes: initial weights, data order, dropout masks and augmentation. Each draw depends on (seed,
purpose, step) and on no earlier draw. So a run gets the same numbers alone or in a stack, on CPU or CUDA.

Axes: K lanes, B batch, H features.
"""

import hashlib

import torch
from torch import Tensor


def generator(seed: int, *purpose: str | int) -> torch.Generator:
    """A CPU generator for one draw of a run, e.g. ``generator(3, "order", epoch)``."""
    digest = hashlib.blake2b(repr((seed, *purpose)).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little", signed=True))


def order(seed: int, epoch: int, samples: int) -> Tensor:
    """The order of the samples in one epoch of a run: a permutation, [samples] int64."""
    return torch.randperm(samples, generator=generator(seed, "order", epoch))


def keys(seed: int, purpose: str, epoch: int, steps: int, layers: int) -> Tensor:
    """The keys of a run's numbers for a purpose in one epoch, for `numbers`: [steps, layers, 2] int32."""
    source = generator(seed, purpose, epoch)
    keys = torch.randint(-(2**31), 2**31, (steps, layers, 2), generator=source, dtype=torch.int32)
    keys[..., 1] |= 1  # an odd multiplier, because then no two positions share a number
    return keys


def keep_threshold(p: float) -> int:
    """The (1 - p) quantile of all int32: a unit stays if its number is not above it. p = 0 keeps every unit."""
    return round((1 - p) * 2**32) - 2**31 - 1


def keep_mask(keys: Tensor, threshold: Tensor, batch: int, features: int) -> Tensor:
    """The units that stay, [K, B, H] bool: those whose number is not above `threshold`, see `keep_threshold`.

    keys: [K, 2] int32. threshold: [K, 1, 1] int32.
    """
    return numbers(keys, batch * features).view(len(keys), batch, features) <= threshold


def numbers(keys: Tensor, count: int) -> Tensor:
    """Random integers, [K, count] int32: at position i hash(keys, i).

    keys: [K, 2] int32, the offset and the odd multiplier of each lane's sequence of positions.

    A counter-based generator (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a number is a hash
    of its position. So no lane waits for another, and a stack needs no more launches than a run. The hash is the 32-bit
    multiply-xorshift finaliser with the constants of Wellons, "Prospecting for hash functions" (2018), without its last
    shift, which changes only low bits that hardly matter to a threshold.
    """
    positions = torch.arange(count, dtype=torch.int32, device=keys.device)
    bits = positions * keys[:, 1:] + keys[:, :1]
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B - 2**32)):
        bits ^= (bits >> shift).bitwise_and_((1 << (32 - shift)) - 1)  # a logical shift of a signed integer
        bits *= factor
    return bits
