"""Freed memory that stays in a process."""

import multiprocessing
import platform
import resource

import pytest
import torch

from hpsearch.workers.memory import keep_freed_memory


def faults_of_a_large_block(keep: bool) -> int:
    """The pages that the system had to clear for a block that was freed and asked for again."""
    if keep:
        keep_freed_memory()
    for _ in range(10):  # the heap takes a few to grow
        torch.ones(2**24)  # 64 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has the setting")
@pytest.mark.long
def test_a_block_that_is_asked_for_again_needs_no_new_pages() -> None:
    def faults(keep: bool) -> int:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(faults_of_a_large_block, [keep])

    assert faults(keep=False) > 100
    # where the heap of a process cannot grow, because something lies above it, blocks are mapped: another process tells
    assert min(faults(keep=True) for _ in range(3)) < 100
