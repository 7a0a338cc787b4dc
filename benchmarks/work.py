"""The same work for everyone: nets 64-64-64-10 on digits in batches of 64, one for each point of a grid.

A peer reads it from its command line (`from_arguments`) and prints a line for each net (`announce`), so that whoever
timed the command can count them and see how well they were trained (`accuracies`).
"""

import argparse
import re
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Work:
    """A grid and how long each of its points trains."""

    optimizers: tuple[str, ...] = ("sgd", "adam", "rmsprop")
    lrs: tuple[float, ...] = (0.1, 0.01, 0.001)
    seeds: int = 5
    epochs: int = 20

    def __len__(self) -> int:
        return len(self.points)

    @property
    def points(self) -> list[tuple[str, float, int]]:
        """Optimizer, learning rate and seed of each net."""
        return list(product(self.optimizers, self.lrs, range(self.seeds)))

    @property
    def arguments(self) -> list[str]:
        """For a peer's command line."""
        lrs = [str(lr) for lr in self.lrs]
        return [
            "--optimizers",
            *self.optimizers,
            "--lrs",
            *lrs,
            "--seeds",
            str(self.seeds),
            "--epochs",
            f"{self.epochs}",
        ]

    @property
    def overrides(self) -> list[str]:
        """For a command line of Hydra's."""
        lrs = ",".join(map(str, self.lrs))
        return [
            f"optimizer={','.join(self.optimizers)}",
            f"lr={lrs}",
            f"seed=range({self.seeds})",
            f"epochs={self.epochs}",
        ]


QUICKSTART = Work()
THOUSAND = Work(("sgd", "adam"), (0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005), seeds=50)


def from_arguments() -> Work:
    """The work that the command line asks for; without any, the quickstart's 45 nets."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--optimizers", nargs="+", default=QUICKSTART.optimizers)
    parser.add_argument("--lrs", nargs="+", type=float, default=QUICKSTART.lrs)
    parser.add_argument("--seeds", type=int, default=QUICKSTART.seeds)
    parser.add_argument("--epochs", type=int, default=QUICKSTART.epochs)
    asked = parser.parse_args()
    return Work(tuple(asked.optimizers), tuple(asked.lrs), asked.seeds, asked.epochs)


def announce(optimizer: str, lr: float, seed: int, accuracy: float) -> None:
    """Print what became of a net. Flushed, because several processes may share the terminal."""
    print(f"trained {optimizer} {lr} {seed} {accuracy:.6f}", flush=True)


def accuracies(output: str) -> list[float]:
    """The validation accuracies that `announce` printed."""
    return [float(found) for found in re.findall(r"^trained \S+ \S+ \d+ (\S+)$", output, flags=re.MULTILINE)]
