"""The quickstart's 45 runs as a plain script, one thread: ``python -m benchmarks.plain_digits``."""

from itertools import product

import torch

from benchmarks.alternatives import plain_loop
from benchmarks.suites import digits_program

if __name__ == "__main__":
    torch.set_num_threads(1)
    program = digits_program()
    for name, lr, seed in product(("sgd", "adam", "rmsprop"), (0.1, 0.01, 0.001), range(5)):
        print(name, lr, seed, plain_loop(program, name, lr, seed, epochs=20))
