"""One Hydra job around a body that is ready: folder, ``.hydra``, log, callbacks, `JobReturn`.

The steps of Hydra's own `run_job`, in its order, without the copies that it makes of a configuration which here
nobody else holds: they are half of its 40 ms a job.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from textwrap import indent
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobRuntime, JobStatus, configure_log
from hydra.types import HydraContext
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from hpsearch.config import without_hydra

log = logging.getLogger(__name__)


def run_body(context: HydraContext, config: DictConfig, folder: Path, body: Callable[[DictConfig], Any]) -> JobReturn:
    """Run `body` as the job of `config` in `folder`. Its exception becomes the job's failure."""
    before = HydraConfig.instance().cfg
    with read_write(config.hydra), open_dict(config.hydra):
        config.hydra.runtime.output_dir = str(folder.absolute())
    OmegaConf.set_readonly(config.hydra, True)
    HydraConfig.instance().cfg = config  # type: ignore[assignment]  # set_config copies the part that is asked for
    try:
        returned = _return(config)
        folder.mkdir(parents=True, exist_ok=True)
        configure_log(config.hydra.job_logging, config.hydra.verbose, execution_whitelist=context.execution_whitelist)
        assert returned.cfg is not None
        if config.hydra.output_subdir is not None:
            metadata = folder / config.hydra.output_subdir
            metadata.mkdir(exist_ok=True)
            for name, text in (
                ("config", OmegaConf.to_yaml(returned.cfg)),
                ("hydra", "hydra:\n" + indent(OmegaConf.to_yaml(config.hydra), "  ")),
                ("overrides", OmegaConf.to_yaml(config.hydra.overrides.task)),
            ):
                (metadata / f"{name}.yaml").write_text(text, encoding="utf-8")
        context.callbacks.on_job_start(config=config, task_function=body)
        try:
            returned.return_value, returned.status = body(returned.cfg), JobStatus.COMPLETED
        except Exception as error:  # the job's own; Hydra raises it when somebody asks for the return value
            log.exception("the run failed")
            returned.return_value, returned.status = error, JobStatus.FAILED
        context.callbacks.on_job_end(config=config, job_return=returned)
        return returned
    finally:
        HydraConfig.instance().cfg = before


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
