"""MLflow: a run for each run, nested below the run of its sweep.

Final numbers are named ``final/…``, because a curve and a number of one name would be one metric there.
"""

import logging
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

PATIENT = {  # MLflow's own waits are minutes; a value of the user's counts
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
for _name, _value in PATIENT.items():  # before the import, which reads some of them
    os.environ.setdefault(_name, _value)

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402

from hpsearch.passwords import without_passwords  # noqa: E402
from hpsearch.trackers.options import Mlflow  # noqa: E402
from hpsearch.trackers.run import TrackedRun, name_of  # noqa: E402

MOST_METRICS, MOST_PARAMS, LONGEST = 1000, 100, 5000  # of a request; characters of a value
PAGE = 1000
PARENT = "mlflow.parentRunId"
SWEEP_ID, MARK = "hpsearch.sweep_id", "hpsearch.record"
STATUS = {"finished": "FINISHED", "pruned": "KILLED"}  # others: FAILED
T = TypeVar("T")


class MlflowTracker:
    """`sweep_id` is a tag of the parent, so that all commands of a sweep find it."""

    def __init__(self, client: MlflowClient, experiment: str, sweep: str, sweep_id: str) -> None:
        self._client, self._sweep, self._sweep_id = client, sweep, sweep_id
        try:
            found = client.get_experiment_by_name(experiment)
        except MlflowException as error:
            if kind := re.search(r"API request to .* failed with exception .*?(\w+Error)\(", str(error)):
                raise ConnectionError(
                    f"{without_passwords(client.tracking_uri)} does not answer ({kind[1]})"
                ) from error
            raise
        self._experiment = found.experiment_id if found else client.create_experiment(experiment)
        self._parent: str | None = None
        self._known: set[str] = set()  # marks of the runs that an earlier command has written
        self._ended = 0.0
        self.where = f"{without_passwords(client.tracking_uri)}, experiment {experiment}"

    def write(self, run: TrackedRun, configuration: int) -> None:
        parent = self._parent or self._open_parent(run)
        self._ended = max(self._ended, run.ended)
        if run.mark in self._known:  # a kill came before the ledger knew
            return
        tags = run.tags(configuration) | {PARENT: parent, MARK: run.mark}
        if commit := run.facts.get("git_commit"):
            tags["mlflow.source.git.commit"] = commit
        started, client = _milliseconds(run.started), self._client
        tags = {key: value[:LONGEST] for key, value in tags.items()}
        made = client.create_run(self._experiment, started, tags, run_name=run.name).info.run_id
        params = [Param(_name_of(key), str(value)[:LONGEST]) for key, value in run.config.items()]
        metrics = [
            Metric(_name_of(name), value, _milliseconds(then), epoch)
            for epoch, then, values in run.points()
            for name, value in values.items()
        ]
        for name, value in run.metrics.items():
            metrics.append(Metric(_name_of(f"final/{name}"), value, _milliseconds(run.ended), run.judged))
        for part in _parts(params, MOST_PARAMS):
            client.log_batch(made, params=part)
        for several in _parts(metrics, MOST_METRICS):
            client.log_batch(made, metrics=several)
        client.set_terminated(made, STATUS.get(run.status, "FAILED"), _milliseconds(run.ended))

    def close(self) -> None:
        if self._parent is not None:
            self._client.set_terminated(self._parent, "FINISHED", _milliseconds(self._ended))

    def _open_parent(self, run: TrackedRun) -> str:
        """Find or make the run of the sweep. Removes runs that a killed command has left unfinished."""
        parents = list(self._search(SWEEP_ID, self._sweep_id))
        if parents:
            self._parent = parents[0].info.run_id
            self._ended = (parents[0].info.end_time or 0) / 1000
        else:
            tags = {SWEEP_ID: self._sweep_id, "sweep": self._sweep}
            created = self._client.create_run(self._experiment, _milliseconds(run.started), tags, run_name=self._sweep)
            self._parent = str(created.info.run_id)
        for child in self._search(PARENT, self._parent):
            if child.info.status == "RUNNING":
                self._client.delete_run(child.info.run_id)
            else:
                self._known.add(child.data.tags.get(MARK, ""))
        return self._parent

    def _search(self, tag: str, value: str) -> Iterator[Any]:
        """The runs with this value of a tag."""
        token = None
        while True:
            filtered = f"tags.`{tag}` = '{value}'"
            found = self._client.search_runs([self._experiment], filtered, max_results=PAGE, page_token=token)
            yield from found
            token = found.token
            if not token:
                return


def open_tracker(sweep: Path, sweep_id: str, options: Mlflow) -> MlflowTracker:
    """Connect. Raises MLflow's exceptions."""
    for name in ("mlflow", "urllib3"):  # they tell how a database is made, and each try to reach a server
        logging.getLogger(name).setLevel(logging.ERROR)
    return MlflowTracker(MlflowClient(options.uri), options.experiment, name_of(sweep), sweep_id)


def _milliseconds(seconds: float) -> int:
    return int(1000 * seconds)


def _name_of(key: str) -> str:
    """A key as MLflow takes it."""
    return re.sub(r"[^\w./: -]", "_", key)[:250]


def _parts(values: Sequence[T], most: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), most):
        yield values[start : start + most]
