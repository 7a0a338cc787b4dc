"""Training alone, of the paper's net."""

from functools import partial
from pathlib import Path

import torch

from benchmarks.plain import plain_loop, plain_loops
from benchmarks.products import products
from benchmarks.programs import fashion_program, on_all_cores
from benchmarks.stacked import stacked
from benchmarks.textbook import textbook
from benchmarks.timing import Case, Found, Options, clocked, compared, interleaved
from benchmarks.work import Work

EPOCHS = 2
NINE = Work(seeds=1, epochs=EPOCHS).points
ONE = [("sgd", 0.03, 0)]


def fashion(options: Options) -> Found:
    """Two epochs of 784-400-400-10 on Fashion-MNIST, batch 512, training only, all on every core."""
    program, bfloat16 = fashion_program(), fashion_program(torch.bfloat16)

    def nine_plain() -> float:
        return plain_loops(program, NINE, EPOCHS)

    def nine_stacked() -> float:
        return stacked(program, NINE, EPOCHS)

    cases = [
        Case("matrix products alone", clocked(on_all_cores(partial(products, program, 1, EPOCHS)))),
        Case("textbook DataLoader loop", clocked(on_all_cores(partial(textbook, program, 0.03, EPOCHS)))),
        Case("plain resident loop", clocked(on_all_cores(partial(plain_loop, program, *ONE[0], EPOCHS)))),
        Case("hpsearch, one run", clocked(on_all_cores(partial(stacked, program, ONE, EPOCHS)))),
        Case("hpsearch, one run, bfloat16", clocked(on_all_cores(partial(stacked, bfloat16, ONE, EPOCHS)))),
        Case("plain resident loop, the nine cells", clocked(on_all_cores(nine_plain)), len(NINE)),
        Case("hpsearch, the nine cells in a stack", clocked(on_all_cores(nine_stacked)), len(NINE)),
    ]
    found = compared(interleaved(cases, options.rounds or 3), cases[0].name)
    flags = _bfloat16_flags()
    told = f"This processor's bfloat16 instructions: {', '.join(flags) or 'none'}."
    return Found(f"{found.markdown}\n\n{told}", {"cases": found.numbers, "bfloat16_instructions": flags})


def _bfloat16_flags() -> list[str]:
    """Linux's names of what the processor has; none where there is no such list."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return []
    return sorted(flags & {"avx512_bf16", "amx_bf16", "bf16"})
