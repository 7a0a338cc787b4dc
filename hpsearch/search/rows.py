"""A trial as the rows of Optuna's tables, and back."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, distribution_to_json, json_to_distribution
from optuna.trial import FrozenTrial, TrialState

TIMES_IN_UTC = int(optuna.__version__.partition(".")[0]) >= 5  # Optuna 4 stores local times in the same schema
KEYS = {  # table: the column in which the rows of one trial differ
    "trial_params": "param_name",
    "trial_values": "objective",
    "trial_intermediate_values": "step",
    "trial_user_attributes": "key",
    "trial_system_attributes": "key",
}
STATE_OF_A_SAMPLER = re.compile(r"\w*cma\w*:.*optimizer")
Row = dict[str, Any]
Rows = dict[tuple[str, Any], Row]  # by table and key; without the trial's id
STATE = ("trials", None)


def rows_of(trial: FrozenTrial) -> Rows:
    """The rows of a trial, as Optuna's own methods write them."""
    times = {"datetime_start": _time(trial.datetime_start), "datetime_complete": _time(trial.datetime_complete)}
    rows: Rows = {STATE: {"state": trial.state.name, **times}}
    for name, value in trial.params.items():
        within = trial.distributions[name]
        row = {"param_value": within.to_internal_repr(value), "distribution_json": distribution_to_json(within)}
        rows["trial_params", name] = row
    for objective, value in enumerate(trial.values or ()):
        rows["trial_values", objective] = _number(value, "value", "value_type")
    for step, value in trial.intermediate_values.items():
        row = _number(value, "intermediate_value", "intermediate_value_type")
        rows["trial_intermediate_values", step] = row
    for key, attribute in trial.user_attrs.items():
        rows["trial_user_attributes", key] = {"value_json": json.dumps(attribute)}
    for key, attribute in without_pickles(trial.system_attrs).items():
        rows["trial_system_attributes", key] = {"value_json": json.dumps(attribute)}
    return rows


def without_pickles(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The system attributes of a trial without the state of a sampler, which Optuna keeps as a pickle and would load.

    CMA-ES follows again from the values of the trials: a generation with each trial that ends.
    """
    return {key: value for key, value in attributes.items() if not STATE_OF_A_SAMPLER.match(key)}


def _time(time: datetime | None) -> datetime | None:
    return time.astimezone(timezone.utc).replace(tzinfo=None) if time and TIMES_IN_UTC else time


def _number(value: float, column: str, type_column: str) -> Row:
    if math.isfinite(value):
        return {column: value, type_column: "FINITE"}
    return {column: None, type_column: "NAN" if math.isnan(value) else "INF_POS" if value > 0 else "INF_NEG"}


def trial_of(id: int, number: int, rows: Rows) -> FrozenTrial:
    """The inverse of `rows_of`."""
    parts: dict[str, dict[Any, Row]] = {name: {} for name in KEYS}
    for (name, key), row in rows.items():
        if (name, key) != STATE:
            parts[name][key] = row
    within = {name: _distribution(row["distribution_json"]) for name, row in parts["trial_params"].items()}
    values = sorted(parts["trial_values"].items())
    return FrozenTrial(
        number=number,
        state=TrialState[rows[STATE]["state"]],
        value=None,
        values=[_value(row, "value", "value_type") for _, row in values] or None,
        datetime_start=_local(rows[STATE]["datetime_start"]),
        datetime_complete=_local(rows[STATE]["datetime_complete"]),
        params={name: within[name].to_external_repr(row["param_value"]) for name, row in parts["trial_params"].items()},
        distributions=within,
        user_attrs=_attributes(parts["trial_user_attributes"]),
        system_attrs=_attributes(parts["trial_system_attributes"]),
        intermediate_values={
            step: _value(row, "intermediate_value", "intermediate_value_type")
            for step, row in parts["trial_intermediate_values"].items()
        },
        trial_id=id,
    )


@lru_cache(maxsize=1000)  # the trials of a study have the same
def _distribution(text: str) -> BaseDistribution:
    return json_to_distribution(text)


def _attributes(rows: dict[str, Row]) -> dict[str, Any]:
    return {key: json.loads(row["value_json"]) for key, row in rows.items()}


def _local(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=timezone.utc).astimezone().replace(tzinfo=None) if time and TIMES_IN_UTC else time


def _value(row: Row, column: str, type_column: str) -> float:
    special = {"NAN": math.nan, "INF_POS": math.inf, "INF_NEG": -math.inf}
    return special[row[type_column]] if row[type_column] in special else float(row[column])
