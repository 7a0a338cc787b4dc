"""Weights & Biases: a run for each run, in the group of its sweep; online, or offline for ``wandb sync``.

Final numbers are named ``final/…`` in the summary, because the last value of a curve stands there under its name.
"""

import os
from pathlib import Path
from typing import Any

os.environ.setdefault("WANDB_ERROR_REPORTING", "false")  # before the import, which reads them
os.environ.setdefault("WANDB_SILENT", "true")

import wandb  # noqa: E402

from hpsearch.trackers.options import Wandb  # noqa: E402
from hpsearch.trackers.run import TrackedRun, name_of  # noqa: E402

LONGEST = 64  # characters of a tag
WAITS: dict[str, Any] = {  # seconds and tries; its own are minutes
    "init_timeout": 20,
    "finish_timeout": 30,
    "x_service_wait": 20,
    "x_graphql_retry_max": 2,
    "x_graphql_timeout_seconds": 10,
    "x_file_stream_retry_max": 2,
    "x_file_stream_timeout_seconds": 10,
    "x_file_transfer_retry_max": 2,
    "x_file_transfer_timeout_seconds": 20,
}
NOTHING_ELSE: dict[str, Any] = {  # of this process, because a run may have trained in another one
    "console": "off",
    "disable_git": True,
    "disable_code": True,
    "save_code": False,
    "x_disable_meta": True,
    "x_disable_stats": True,
    "x_save_requirements": False,
    "silent": True,
}


class WandbTracker:
    """Every run is opened, filled and finished."""

    def __init__(self, options: Wandb, sweep: str, sweep_id: str) -> None:
        self._options, self._sweep, self._sweep_id = options, sweep, sweep_id
        self._mode = options.mode or os.environ.get("WANDB_MODE") or "online"
        if self._mode == "online" and not wandb.login(prompt=False, verify=False):
            raise wandb.errors.UsageError("no login; run wandb login, or set WANDB_API_KEY, or mode=offline")
        folder = Path(options.folder or ".") / "wandb"
        sync = f" (wandb sync {folder}/offline-run-*)"
        self.where = f"project {options.project}" + (f" in {folder}{sync}" if self._mode == "offline" else "")

    def write(self, run: TrackedRun, configuration: int) -> None:
        tags = run.tags(configuration)
        labels = [run.status, f"configuration {configuration}", f"seed {run.seed}"]
        made = wandb.init(
            project=self._options.project,
            entity=self._options.entity,
            dir=self._options.folder,
            id=f"{self._sweep_id}-{run.mark}",
            name=run.name,
            group=self._sweep[:128],
            tags=[label[:LONGEST] for label in labels],
            notes=run.reason,
            config={**run.config, **tags, "configuration": configuration, "seed": run.seed},
            settings=wandb.Settings(mode=self._mode, **WAITS, **NOTHING_ELSE),
            reinit="create_new",
            resume="allow",
        )
        for epoch, then, values in run.points():
            made.log({**values, "_timestamp": then, "_runtime": then - run.started}, step=epoch)
        final: dict[str, Any] = {f"final/{name}": value for name, value in run.metrics.items()}
        made.summary.update(final)
        made.finish(exit_code=0 if run.succeeded else 1)

    def close(self) -> None:
        pass


def open_tracker(sweep: Path, sweep_id: str, options: Wandb) -> WandbTracker:
    """Check the login. Raises the exceptions of wandb."""
    return WandbTracker(options, name_of(sweep), sweep_id)
