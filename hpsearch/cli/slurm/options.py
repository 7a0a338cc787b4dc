"""The options of ``hydra/launcher=slurm``, checked before anything is submitted, and handed to submitit."""

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import DictConfig, OmegaConf

from hpsearch.cli.launcher import StackedLauncherConf
from hpsearch.errors import UsageError, require

EXECUTORS = ("slurm", "local")
OWN = ("array", "error", "open-mode", "output", "signal")  # parameters of sbatch that submitit needs for itself
PROGRAMS = ("sbatch", "srun", "sacct")
LEAST = {"tasks": 1, "timeout_min": 1, "array_parallelism": 1, "cpus_per_task": 1, "gpus_per_node": 0}


@dataclass
class SlurmLauncherConf(StackedLauncherConf):
    """``hydra/launcher=slurm``. null leaves a value to the cluster."""

    _target_: str = "hpsearch.cli.slurm.launcher.SlurmLauncher"
    executor: str = "slurm"  # local: processes of this machine
    wait: bool = True  # false: submit and end; the same command collects
    tasks: int = 1  # of a search; a grid has a task for each stack
    partition: str | None = None
    timeout_min: int = 60  # of a task
    gpus_per_node: int | None = None  # of a task, which has one node
    cpus_per_task: int | None = None
    mem_gb: float | None = None
    array_parallelism: int = 256  # tasks that run at a time
    setup: list[str] | None = None  # shell commands before the task
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    exclude: str | None = None
    additional_parameters: Any = None  # of sbatch: {nice: 10}
    part: str | None = None  # set for a task: the part of the sweep that it trains; not for users


ConfigStore.instance().store(group="hydra/launcher", name="slurm", node=SlurmLauncherConf, provider="hpsearch")


def check(options: DictConfig) -> None:
    """Raise UsageError for a value out of range, without submitit, and where there is no SLURM."""
    executor = options.executor
    require(executor in EXECUTORS, "hydra.launcher.executor", executor, " or ".join(EXECUTORS))
    for key, least in LEAST.items():
        valid = options[key] is None or options[key] >= least
        require(valid, f"hydra.launcher.{key}", options[key], f"at least {least}")
    require(options.mem_gb is None or options.mem_gb > 0, "hydra.launcher.mem_gb", options.mem_gb, "above 0")
    more = options.additional_parameters
    must = f"parameters of sbatch, such as {{nice: 10}}, but none of {', '.join(OWN)}"
    valid = more is None or (OmegaConf.is_dict(more) and not {str(key).replace("_", "-") for key in more} & {*OWN})
    require(valid, "hydra.launcher.additional_parameters", more, must)
    if find_spec("submitit") is None:
        raise UsageError(['hydra/launcher=slurm: needs submitit; pip install "hpsearch[slurm]"'])
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if executor == "slurm" and missing:
        try_it = "hydra.launcher.executor=local tries it on this machine"
        raise UsageError([f"hydra/launcher=slurm: no {missing[0]} here, so this is no machine of a cluster; {try_it}"])


def parameters(options: DictConfig, name: str) -> dict[str, Any]:
    """The arguments of submitit's `AutoExecutor.update_parameters`. name: of the jobs."""
    values = OmegaConf.to_container(options, resolve=True)
    assert isinstance(values, dict)
    shared = ("timeout_min", "gpus_per_node", "cpus_per_task", "mem_gb")
    places = ("partition", "account", "qos", "constraint", "exclude")
    of_slurm = (*places, "array_parallelism", "setup", "additional_parameters")
    given = {str(key): value for key, value in values.items() if value is not None}
    more = {"requeue": True} | (given.get("additional_parameters") or {})  # runs with a record are done
    given["additional_parameters"] = {key: value for key, value in more.items() if value not in (None, False)}
    return {
        "name": name,
        **{key: given[key] for key in shared if key in given},
        **{f"slurm_{key}": given[key] for key in of_slurm if key in given},
        **({"local_setup": given["setup"]} if "setup" in given else {}),
    }
