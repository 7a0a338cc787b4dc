"""A configuration of a script becomes a run that can train."""

import math
from functools import cache

import torch
from omegaconf import DictConfig, OmegaConf

from hpsearch.components.code_mark import code_mark
from hpsearch.errors import UsageError, require, typed
from hpsearch.record.file import key_of
from hpsearch.record.scripts import SCRIPT
from hpsearch.record.shape import LARGEST, fault_of_run
from hpsearch.script.function import Script
from hpsearch.script.spec import ScriptSpec
from hpsearch.script.surroundings import Job
from hpsearch.script.trainer import ScriptTrainer
from hpsearch.task.config import leaves
from hpsearch.task.script_identity import script_identity, script_in
from hpsearch.workers.run import Run, ScriptStackSpec


def script_run(cfg: DictConfig, overrides: list[str], job: Job | None = None) -> Run:
    """The run of a configuration. Raises UsageError with every fault.

    job: of Hydra's; None if Hydra itself calls the task function.
    """
    script = script_in(cfg)
    if script is None:
        raise UsageError([f"{SCRIPT}={typed(cfg[SCRIPT])}: no run reads a key of this name"])
    config = script_identity(cfg)
    require(type(config["seed"]) is int, "seed", config["seed"], "a whole number")
    faults = [
        f"{path}={value}: must be a finite number, of at most 64 bits"
        for path, value in leaves(config)
        if isinstance(value, (int, float)) and (not math.isfinite(value) or abs(value) > LARGEST)
    ]
    if fault := fault_of_run(config, overrides):
        faults.append(fault)
    if faults:
        raise UsageError(faults)
    epochs = cfg.get("epochs")
    known_epochs = epochs if isinstance(epochs, int) and epochs > 0 else 1
    lines = [line for line in overrides if not line.startswith("--")]
    task = OmegaConf.masked_copy(cfg, [str(key) for key in cfg.keys() if key != "hydra"])  # noqa: SIM118
    lane = ScriptSpec(script, task, config["seed"], known_epochs, lines, job=job)
    stack = ScriptStackSpec(script.measure, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    key = key_of(config)
    return Run(config, key, overrides, (key, stack.device), lane, stack, ScriptTrainer, {"code": _mark(script)})


@cache
def _mark(script: Script) -> str:
    return code_mark(script.function)
