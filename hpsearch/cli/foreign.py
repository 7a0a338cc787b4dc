"""Another task function under the sweeper `hpsearch`: the contract of Hydra's stock Optuna sweeper.

The task returns a number, or one for each direction. Its values mean nothing to hpsearch, so nothing is maximised
unless ``hydra.sweeper.direction`` says so.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from optuna import Study
from optuna.trial import FrozenTrial, TrialState

from hpsearch.engine.result import History, Result
from hpsearch.errors import FaultError, write_errors
from hpsearch.record.file import write_text
from hpsearch.workers.run import Outcome

RESULTS = "optimization_results.yaml"


@contextmanager
def hydras_errors() -> Iterator[None]:
    """Inside, a fault becomes an error that Hydra's main prints as its lines, without a traceback."""
    try:
        yield
    except FaultError as error:
        raise HydraException(str(error)) from error


def outcome_of(returned: JobReturn, objectives: Sequence[str]) -> Outcome:
    """The outcome of a job by the value that it returned."""
    try:
        value = returned.return_value
    except Exception as error:
        return error
    several = len(objectives) > 1
    try:
        numbers = [float(each) for each in (value if several else [value])]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) != len(objectives):
        what = f"{len(objectives)} numbers, one for each direction" if several else "a number"
        return ValueError(f"the task must return {what}, not {value!r}")
    metrics = dict(zip(objectives, numbers, strict=True))
    return Result("finished", None, History(), 0.0, 1, metric=objectives[0], metrics=metrics)


def write_results(study: Study, folder: Path) -> None:
    """Print the best trials and write the file that the stock sweeper writes. Nothing if no trial is complete."""
    if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
        return
    found: dict[str, Any] = {"name": "optuna"}
    if len(study.directions) == 1:
        found |= {"best_params": _params(study.best_trial), "best_value": study.best_value}
        print(f"Best parameters: {found['best_params']}\nBest value: {found['best_value']}")
    else:
        found["solutions"] = [{"params": _params(trial), "values": trial.values} for trial in study.best_trials]
        print(f"Number of Pareto solutions: {len(found['solutions'])}")
    with write_errors(folder):
        write_text(folder / RESULTS, yaml.safe_dump(found, sort_keys=False))


def _params(trial: FrozenTrial) -> dict[str, Any]:
    return {name: value.item() if hasattr(value, "item") else value for name, value in trial.params.items()}
