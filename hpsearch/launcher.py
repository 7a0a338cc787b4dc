"""Hydra launcher `stacked`: a batch of jobs becomes stacks that are trained as one program each.

A task that offers ``run_many`` gets all its jobs at once and yields each as it ends; only then does Hydra run
that job, whose body writes the record. So every job has its own folder, log, callbacks and `JobReturn`, and a
folder appears when its run is done. Any other task is run job by job, as Hydra's basic launcher does.
"""

import os
import pickle
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.core.utils import JobReturn, configure_log, setup_globals
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf, open_dict

from hpsearch.jobs import earlier_return, run_body
from hpsearch.usage import exit_on_write_error


@dataclass
class StackedLauncherConf:
    """``hydra/launcher=stacked``."""

    _target_: str = "hpsearch.launcher.StackedLauncher"
    lanes: int = 48  # runs trained beside each other, at most


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConf, provider="hpsearch")


class StackedLauncher(BasicLauncher):
    """See the module's docstring."""

    def __init__(self, lanes: int) -> None:
        super().__init__()
        self.lanes = lanes

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)
        # The sweeper composes every job to validate it, through this same context.
        hydra_context.config_loader = _Composer(hydra_context.config_loader)  # type: ignore[assignment]

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        run_many = getattr(self.task_function, "run_many", None)
        if run_many is None:
            return super().launch(job_overrides, initial_job_idx)
        assert self.config is not None
        assert self.hydra_context is not None
        setup_globals()
        hydra = self.config.hydra
        whitelist = self.hydra_context.execution_whitelist
        configure_log(hydra.hydra_logging, hydra.verbose, execution_whitelist=whitelist)
        sweep = Path(hydra.sweep.dir)
        configs, numbers = [], range(initial_job_idx, initial_job_idx + len(job_overrides))
        for number, overrides in zip(numbers, job_overrides, strict=True):
            config = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
            with open_dict(config):
                config.hydra.job.id = str(number)
                config.hydra.job.num = number
            configs.append(config)
        returns: dict[int, JobReturn] = {}
        try:
            for ended in run_many(configs, numbers, sweep, self.lanes):
                config = configs[ended.index]
                with open_dict(config):
                    config.hydra.sweep.subdir = ended.folder
                if ended.body is None:
                    returns[ended.index] = earlier_return(config, ended.value)
                else:
                    folder = sweep / ended.folder
                    with exit_on_write_error(folder):
                        returns[ended.index] = run_body(self.hydra_context, config, folder, ended.body)
        except SystemExit:  # wrong usage: leave nothing behind
            if os.listdir(sweep) == ["multirun.yaml"]:
                shutil.rmtree(sweep)
                with suppress(OSError):  # its parent holds other sweeps
                    sweep.parent.rmdir()
            raise
        finally:
            configure_log(hydra.hydra_logging, hydra.verbose, execution_whitelist=whitelist)
        return [returns[index] for index in range(len(configs))]


class _Composer:
    """Hydra's config loader, but each combination of choices is composed once.

    Composing takes Hydra 50 to 120 ms, and a job needs it twice, for the sweeper's validation and for its launch.
    An override that only sets a plain value is applied to a copy, as Hydra itself applies it after composing.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        self._loader = loader
        self._parsed: dict[str, tuple[Override, bool]] = {}  # a grid repeats its overrides in every job
        self._composed: dict[tuple[str, ...], bytes] = {}  # pickled in memory: a copy is 5 times cheaper so

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def load_sweep_config(self, master_config: DictConfig, sweep_overrides: list[str]) -> DictConfig:
        """As `ConfigLoader.load_sweep_config`."""
        parsed = [self._parse(line) for line in sweep_overrides]
        choices = tuple(line for line, (_, value) in zip(sweep_overrides, parsed, strict=True) if not value)
        if choices not in self._composed:
            self._composed[choices] = pickle.dumps(self._loader.load_sweep_config(master_config, list(choices)))
        config: DictConfig = pickle.loads(self._composed[choices])
        for override in (override for override, value in parsed if value):
            old = OmegaConf.select(config, override.key_or_group, throw_on_missing=False)
            if old is None or OmegaConf.is_config(old):  # not there, or no plain value: Hydra knows what to say
                return self._loader.load_sweep_config(master_config, sweep_overrides)
            OmegaConf.update(config, override.key_or_group, override.value(), merge=True)
        config.hydra.overrides.task = [line for line in sweep_overrides if not line.startswith("hydra.")]
        return config

    def _parse(self, line: str) -> tuple[Override, bool]:
        """The override, and whether it only sets a plain value."""
        if line not in self._parsed:
            override = OverridesParser.create().parse_override(line)
            plain = override.type is OverrideType.CHANGE and override.package is None
            plain = plain and not override.is_hydra_override() and not override.is_sweep_override()
            value = plain and isinstance(override.value(), (bool, int, float, str))
            self._parsed[line] = override, value and not self._loader.get_group_options(override.key_or_group)
        return self._parsed[line]
