"""Training functions of a user's, small enough for the tests."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from multiprocessing import Pool
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from hydra.utils import instantiate

import hpsearch
from hpsearch import ScriptRun

log = logging.getLogger(__name__)


def score(lr: float, seed: int, epoch: int) -> float:
    """A share that grows with the epochs and falls with the distance of lr from 0.3."""
    return (1 - 1 / (epoch + 2)) * (1 - (lr - 0.3) ** 2) - 0.001 * (seed % 3)


@hpsearch.main(config_path="script_conf", config_name="config", metric="val_accuracy")
def curve(cfg: Any, run: ScriptRun) -> None:
    """Reports an accuracy that `score` gives."""
    for epoch in range(cfg.epochs):
        log.info("epoch %d", epoch)
        run.log(epoch, train_loss=1 / (epoch + 1))
        run.log(epoch, val_accuracy=score(cfg.lr, cfg.seed, epoch))
    run.finish(test_accuracy=score(cfg.lr, cfg.seed, cfg.epochs - 1) - 0.01, test_samples=500)


@hpsearch.main(metric="loss", direction="minimize")
def ends(cfg: Any, run: ScriptRun) -> float | None:
    """Ends in one of many ways after three of five steps; goes on where an attempt before has ended."""
    kept = run.resume / "step"
    first = int(kept.read_text()) if kept.exists() else 0
    for step in range(first, 5):
        if step == 3 and not (cfg.how == "killed once" and first):
            match cfg.how:
                case "crash":
                    os.kill(os.getpid(), signal.SIGSEGV)
                case "killed once":
                    os.kill(os.getpid(), signal.SIGKILL)
                case "exit":
                    sys.exit(4)
                case "raise":
                    raise KeyError("wrong")
                case "nothing":
                    return None
        run.log(step, loss=10.0 - step)
        kept.write_text(str(step + 1))
    run.finish(loss=cfg.get("tested", 5.5))
    return None


@hpsearch.main(metric="reward")
def returns(cfg: Any, run: ScriptRun) -> float:
    """A function that knows nothing of runs but its metric's value."""
    return float(cfg.x) + run.seed


@hpsearch.main(metric="reward")
def surroundings(cfg: Any, run: ScriptRun) -> float:
    """Writes what it sees around it into the run's folder."""
    hydra = HydraConfig.get()
    told = {
        "directory": os.getcwd(),
        "output": hydra.runtime.output_dir,
        "answer": os.environ.get("ANSWER"),
        "overrides": list(hydra.overrides.task),
        "x": cfg.x,
        "where": cfg.where,
    }
    (run.folder / "told.json").write_text(json.dumps(told))
    return float(cfg.x)


@hpsearch.main(config_path="script_conf", config_name="makes", metric="reward")
def makes(cfg: Any, run: ScriptRun) -> float:
    """Makes what its configuration names."""
    return float(instantiate(cfg.part))


@hpsearch.main(config_path="script_conf", config_name="refers", metric="reward")
def refers(cfg: Any, run: ScriptRun) -> float:
    """Its configuration has values that refer to others."""
    return float(cfg.rule.lr + cfg.rule.get("momentum", 0) + 0.01 * cfg.noise.seed)


class Seen(Callback):
    """A callback of the user's own, which notes what it sees in the run's folder."""

    def on_job_start(self, config: Any, *, task_function: Any, **kwargs: Any) -> None:
        told = [HydraConfig.get().runtime.output_dir == config.hydra.runtime.output_dir, config.x]
        Path(config.hydra.runtime.output_dir, "started").write_text(str(told))

    def on_job_end(self, config: Any, job_return: Any, **kwargs: Any) -> None:
        told = f"{job_return.status} {job_return.return_value}"
        Path(config.hydra.runtime.output_dir, "ended").write_text(told)


@hpsearch.main(config_path="script_conf", config_name="called", metric="reward")
def called(cfg: Any, run: ScriptRun) -> float:
    """Its configuration names `Seen`."""
    return float(cfg.x)


@hpsearch.main(metric="val_loss", direction="minimize")
def loads(cfg: Any, run: ScriptRun) -> None:
    """Reads its data in a process of its own, as a `DataLoader` with workers does."""
    from torch.utils.data import DataLoader

    batches = [float(batch.sum()) for batch in DataLoader(range(6), batch_size=3, num_workers=1)]
    run.log(1, val_loss=sum(batches) * cfg.x, train_seen=len(batches))
    run.finish(loss=1.5)


@hpsearch.main(metric="reward")
def starts(cfg: Any, run: ScriptRun) -> float:
    """Starts processes and ends them by their signal, but for the last one, if it is to crash."""
    with Pool(1) as pool:
        pool.map(abs, [-1])
    sleeper = subprocess.Popen(["sleep", "600"])
    (run.folder / "sleeper").write_text(str(sleeper.pid))
    if cfg.crash:
        os.abort()
    sleeper.terminate()
    return float(sleeper.wait(20))


@hpsearch.main(metric="reward")
def hangs(cfg: Any, run: ScriptRun) -> None:
    """Does not end when it is pruned."""
    try:
        for step in range(3):
            run.log(step, reward=cfg.x)
    finally:
        if cfg.x < 0.5:
            time.sleep(60)
