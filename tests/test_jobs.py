"""A job leaves what Hydra's own `run_job` leaves."""

import logging
import shutil
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.utils import create_automatic_config_search_path
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig

from hpsearch.__main__ import CONF
from hpsearch.compose import Composer
from hpsearch.jobs import Jobs

log = logging.getLogger("hpsearch.tests")
LONG = "a folder whose name is so long that YAML folds it"


@pytest.fixture
def context() -> Iterator[HydraContext]:
    setup_globals()
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, HydraConfig.instance().cfg
    loader = ConfigLoaderImpl(create_automatic_config_search_path(None, None, str(CONF)))
    yield HydraContext(config_loader=loader, callbacks=Callbacks(), execution_whitelist=("hpsearch.*",))
    for handler in root.handlers:
        handler.close()
    root.handlers, HydraConfig.instance().cfg = handlers, before
    root.setLevel(level)


def told(cfg: DictConfig) -> Any:
    log.info("seed %d", cfg.seed)
    return cfg.lr


def left(folder: Path) -> dict[str, bytes]:
    """The files in a folder; of logs without their times."""
    return {
        str(path.relative_to(folder)): path.read_bytes().partition(b"[hpsearch")[2]
        if path.suffix == ".log"
        else path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize(
    "of_hydra",
    [
        [],
        ["hydra.job_logging.handlers.file.filename='${hydra.runtime.output_dir}/${hydra.job.num}.hpsearch.log'"],
        ["hydra/job_logging=default", "hydra.job_logging.root.handlers=[file,console]", "hydra.verbose=hpsearch"],
        ["hydra.output_subdir=composed"],
        ["hydra.output_subdir=null", "+hydra.job.env_set.A=b"],
    ],
    ids=str,
)
def test_the_files_of_a_sweeps_jobs_are_hydras(tmp_path: Path, context: HydraContext, of_hydra: list[str]) -> None:
    top = [f"hydra.sweep.dir='{tmp_path}/{LONG}/{LONG}'", *of_hydra]
    master = context.config_loader.load_configuration("config", top, run_mode=RunMode.MULTIRUN)
    composer = Composer(context.config_loader)
    sweep = [
        ["seed=0", "name=x"],
        ["seed=1", "name=x", "lr=0.5"],
        [
            "optimizer=adam",
            "seed=1",
            "name='a name with spaces, and so long that it has to be folded somewhere in the file'",
        ],
        ["hydra.job.name=other", "seed=2"],
        ["seed=3", "~optimizer.momentum", "optimizer.nesterov=false"],
        ["seed=4"],
    ]
    configs = []
    for number, overrides in enumerate(sweep):
        config = composer.load_sweep_config(master, overrides)
        config.hydra.job.id, config.hydra.job.num = str(number), number
        config.hydra.sweep.subdir = f"{number:03d}_00000001"
        configs.append(config)
    jobs = Jobs(context)

    def ours(config: DictConfig) -> JobReturn:
        return jobs.run(config, Path(config.hydra.sweep.dir, config.hydra.sweep.subdir), told)

    def hydras(config: DictConfig) -> JobReturn:
        return run_job(told, config, "hydra.sweep.dir", "hydra.sweep.subdir", context)

    found = []
    for run in (hydras, ours):
        returns = [run(deepcopy(config)) for config in configs]
        found.append(([(one.return_value, one.overrides, one.cfg) for one in returns], left(tmp_path)))
        shutil.rmtree(tmp_path)
    assert found[0] == found[1]
    assert sum(name.endswith(".log") for name in found[0][1]) == len(sweep)
