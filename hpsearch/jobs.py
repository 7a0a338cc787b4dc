"""One Hydra job around a body that is ready: folder, ``.hydra``, log, callbacks, `JobReturn`.

The steps of Hydra's own `run_job`, in its order, without the copies that it makes of a configuration which here
nobody else holds: they are half of its 40 ms a job.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf

from hpsearch.config import without_hydra
from hpsearch.joblog import JobLog
from hpsearch.metadata import Metadata

log = logging.getLogger(__name__)


class Jobs:
    """Runs the jobs of a sweep."""

    def __init__(self, context: HydraContext) -> None:
        self._callbacks = context.callbacks
        self._log, self._metadata = JobLog(context.execution_whitelist), Metadata()

    def run(self, config: DictConfig, folder: Path, body: Callable[[DictConfig], Any]) -> JobReturn:
        """Run `body` as the job of `config` in `folder`. Its exception becomes the job's failure."""
        before = HydraConfig.instance().cfg
        hydra, folder = config.hydra, folder.absolute()
        hydra.runtime.output_dir = str(folder)
        OmegaConf.set_readonly(hydra, True)
        HydraConfig.instance().cfg = config  # type: ignore[assignment]  # set_config copies the part that is asked for
        try:
            returned = _return(config)
            assert returned.cfg is not None
            assert returned.overrides is not None
            folder.mkdir(parents=True, exist_ok=True)
            alike = decides(hydra)
            self._log.open(hydra, folder, alike)
            if hydra.output_subdir is not None:
                self._metadata.write(
                    folder / hydra.output_subdir, config, returned.cfg, list(returned.overrides), alike
                )
            self._callbacks.on_job_start(config=config, task_function=body)
            try:
                returned.return_value, returned.status = body(returned.cfg), JobStatus.COMPLETED
            except Exception as error:  # the job's own; Hydra raises it when somebody asks for the return value
                log.exception("the run failed")
                returned.return_value, returned.status = error, JobStatus.FAILED
            self._callbacks.on_job_end(config=config, job_return=returned)
            return returned
        finally:
            HydraConfig.instance().cfg = before


def decides(hydra: DictConfig) -> tuple[object, ...]:
    """Equal for the jobs of a sweep whose parts of Hydra differ only in what each has for itself: they follow from
    what was chosen in each group and from the overrides of that part."""
    return *hydra.overrides.hydra, *hydra.runtime.choices.values()


def earlier_return(config: DictConfig, value: object) -> JobReturn:
    """The return of a job that an earlier sweep has done."""
    returned = _return(config)
    returned.return_value, returned.status = value, JobStatus.COMPLETED
    return returned


def _return(config: DictConfig) -> JobReturn:
    return JobReturn(
        overrides=list(config.hydra.overrides.task),
        cfg=without_hydra(config),
        hydra_cfg=config,
        working_dir=str(Path.cwd()),
        task_name=JobRuntime.instance().get("name"),
    )
