"""A script that does nothing but report a number, to see what a run of one costs.

``python -m benchmarks.peers.script_empty -m seed=range(10)``
"""

from typing import Any

import hpsearch


@hpsearch.main(metric="reward")
def train(cfg: Any, run: hpsearch.ScriptRun) -> float:
    """The seed."""
    return float(cfg.seed)


if __name__ == "__main__":
    train()
