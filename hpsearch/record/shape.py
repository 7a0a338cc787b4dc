"""The schema of a record: types, ranges and lengths of every value that a reader goes by.

msgspec checks the types below against the JSON text; `_check` adds what several values have to do with each other.

Long, because a record's fields and their rules are read side by side.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from hpsearch.record.measure import ACCURACY, FRACTIONS, Measure
from hpsearch.record.scripts import is_script

SCHEMA = 2
STATUSES = ("finished", "pruned", "diverged", "failed")
DEEPEST = 20  # levels of a configuration
LARGEST = 2**63 - 1  # whole number
OF_METRICS = re.compile(r"(train|val|test)_\w+")  # names of a table's columns
TAKEN = re.compile(  # further ones, and keys that no record has: another meaning than a run's value
    r"sweep|folder|number|key|data_set|configuration|status|batch_std|seconds|reason|n|finished|"
    r"pruned|diverged|failed|score|last|last_score|best|tie|epochs_trained|parameters|commit|"
    r"hydra|defaults|name|report|confirm|retrain|device|plan|trial|weights|plugins|tracker"
)
NAME = r"\A[A-Za-z_][\w-]*\Z"
METRIC = r"\A(train|val|test)_[\w-]+\Z"  # a key of metrics
OVERRIDE = (  # of a run; Hydra's own keys are the command's, and a control character would begin another line
    r"\A(--config-(dir|name)=|(?!\+*hydra[./@=])(\+\+?|~)?[A-Za-z_][\w./@:-]*(=|\Z))"
    r"[^\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029]*\Z"
)

Record = dict[str, Any]
Name = Annotated[str, Meta(pattern=NAME)]
Override = Annotated[str, Meta(pattern=OVERRIDE)]
Count = Annotated[int, Meta(ge=0, le=LARGEST)]
Positive = Annotated[int, Meta(ge=1, le=LARGEST)]
Whole = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Amount = Annotated[float, Meta(ge=0)]
Number = float | None  # null stands for a number that is not finite


class Unreadable(Exception):
    """A record that cannot be used. The message is one line."""


class Group(Struct):
    name: Name
    fingerprint: str | UnsetType = UNSET


class Config(Struct):
    data: Group
    architecture: Group
    seed: Whole
    split: Group | UnsetType = UNSET
    preprocessing: Group | UnsetType = UNSET
    optimizer: Group | UnsetType = UNSET
    init: Group | UnsetType = UNSET
    dropout: Group | UnsetType = UNSET
    normalization: Group | UnsetType = UNSET
    schedule: Group | UnsetType = UNSET
    augmentation: Group | UnsetType = UNSET
    epochs: Positive | UnsetType = UNSET
    batch_size: Positive | UnsetType = UNSET
    lr: Amount | UnsetType = UNSET
    mc_dropout: Count | UnsetType = UNSET
    precision: Literal["float32", "tf32", "bfloat16"] | UnsetType = UNSET


class ScriptConfig(Struct):
    script: Group
    seed: Whole


class Metric(Struct):
    name: Name
    maximize: bool
    unit: Literal["%", "target", ""]


class Target(Struct):
    kind: Literal["classification", "regression"] | None  # null of a script
    name: str | None
    classes: list[str] | None


class TestBatches(Struct):
    size: Positive
    correct: list[Count]
    total: list[Positive]


class Environment(Struct):
    versions: dict[str, Any]
    git_commit: str | None
    device: Annotated[str, Meta(pattern=r"\A(cpu|cuda(:\d{1,3})?)\Z")]
    device_name: str
    threads: Positive
    data: str | UnsetType = UNSET  # a hash of its rows; older versions kept none
    code: str | UnsetType = UNSET  # a hash of a script's function


class Shape(Struct):
    """The fields of a record; see ``multirun/README.md`` for the meaning of each."""

    schema: Literal[2]
    status: Literal["finished", "pruned", "diverged", "failed"]
    reason: str | None
    key: str
    config: dict[str, Any]
    overrides: list[Override]
    metric: Metric
    target: Target
    metrics: dict[str, Any] | None  # null of a run that failed
    history: dict[str, list[Any]]
    epoch: Count
    test_samples: Count
    test_batches: TestBatches
    seconds: Amount
    lanes: Positive
    environment: Environment
    parameters: Count | None | UnsetType = UNSET  # of older versions
    script: str | UnsetType = UNSET  # the path of a script


def record_of(content: bytes) -> Record:
    """The record in a JSON text; one of schema 1 as one of schema 2. Raises Unreadable, which names the wrong value."""
    try:
        record: Any = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"not readable as JSON ({error})") from error
    if not isinstance(record, dict) or "schema" not in record:
        raise Unreadable("not a record of hpsearch")
    if record["schema"] not in (1, SCHEMA) or isinstance(record["schema"], bool):
        raise Unreadable(f"schema={record['schema']!r:.20}, this version of hpsearch reads schema=1 and {SCHEMA}")
    if record["schema"] == 1:
        record = _upgraded(record)
    found: Record = record
    _convert(found, Shape)
    _convert(found["config"], ScriptConfig if is_script(found["config"]) else Config, ".config")
    _check(found)
    return found


def fault_of_run(config: Mapping[str, Any], overrides: Iterable[str]) -> str | None:
    """One line if the record of such a run could not be read, else None."""
    try:
        for line in overrides:
            _require(re.search(OVERRIDE, line), f"{line.partition('=')[0]}: a run cannot have such an override")
        _check_names(config)
    except Unreadable as error:
        return str(error)
    return None


def _upgraded(record: Record) -> Record:
    """A record of schema 1 as one of schema 2. Its only metric was accuracy, and the last epoch's weights counted."""
    try:
        epoch, samples = len(record["history"]["train_loss"]), sum(record["test_batches"]["total"])
    except (KeyError, TypeError):  # of another shape, which `_convert` names
        epoch, samples = 0, 0
    return record | {
        "schema": SCHEMA,
        "metric": {"name": ACCURACY.name, "maximize": ACCURACY.maximize, "unit": ACCURACY.unit},
        "target": {"kind": "classification", "name": None, "classes": None},
        "epoch": epoch,
        "test_samples": samples,
    }


def _convert(value: Any, to: Any, where: str = "") -> None:
    """Raise Unreadable unless the value has the type. where: the path of the value in the record."""
    try:
        msgspec.convert(value, to)
    except msgspec.ValidationError as error:
        said, _, path = str(error).partition(" - at `$")
        path = f"{where}{path.rstrip('`')}".removeprefix(".")
        fault = re.sub(r"^Expected (.*?)(, got .*)?$", r"must be \1\2", said.replace("`", ""))
        if missing := re.fullmatch(r"Object missing required field (\w+)", fault):
            path, fault = f"{path}.{missing[1]}".removeprefix("."), "is missing"
        fault = "is not allowed there" if "matching regex" in fault else fault
        raise Unreadable(f"{path}: {fault}" if path else fault) from error


def _check(record: Record) -> None:
    """Raise Unreadable if values of a record do not fit together."""
    measure, history, versions = Measure.of(record), record["history"], record["environment"]["versions"]
    if record["metrics"] is None and record["status"] == "failed":
        record["metrics"] = dict.fromkeys(measure.columns)
    metrics = record["metrics"] or {}
    _check_names(record["config"])
    for path, depth, value in _leaves(record["config"], "config"):
        _require(depth <= DEEPEST, "config: is nested too deeply")
        _require(not isinstance(value, int) or abs(value) <= LARGEST, f"{path}: is too large")
    for name, curve in history.items():
        _convert(curve, list[Number], f".history.{name}")
    for name, value in metrics.items():
        _convert(value, Number, f".metrics.{name}")
        _require(re.fullmatch(METRIC, name), f"metrics.{name!r}: is no name of a metric")
    for name, value in versions.items():
        _convert(value, str, f".environment.versions.{name}")
    _require("torch" in versions, "environment.versions.torch: is missing")
    for name in measure.columns:
        _require(name in metrics, f"metrics.{name}: is missing")
    for name in ("train_loss", "val_loss", measure.val):
        _require(name in history, f"history.{name}: is missing")
        curve, epoch = history[name], record["epoch"]
        _require(len(curve) == len(history["train_loss"]), f"history.{name}: has another length than train_loss")
        judged = curve[epoch - 1] if 0 < epoch <= len(curve) else None
        known = record["status"] != "failed"
        _require(
            metrics[name] == judged or not known, f"metrics.{name}: is not the value of epoch {epoch} in history.{name}"
        )
    if is_script(record["config"]):
        _check_script(record, measure)
        return
    for name, values in ({name: [value] for name, value in metrics.items()} | history).items():
        part, _, kind = name.partition("_")
        if kind in FRACTIONS or kind == "loss":
            highest = 1 if kind in FRACTIONS else float("inf")
            within = all(value is None or 0 <= value <= highest for value in values)
            _require(within, f"{name}: must be {'between 0 and 1' if kind in FRACTIONS else 'at least 0'}")
    _check_test(record, measure)


def _check_names(config: Mapping[str, Any]) -> None:
    for key in config:
        taken = TAKEN.fullmatch(key) or (OF_METRICS.fullmatch(key) and not is_script(config))
        _require(re.fullmatch(NAME, key) and not taken, f"{key!r}: cannot be a key, choose another")


def _check_test(record: Record, measure: Measure) -> None:
    batches, samples, metrics = record["test_batches"], record["test_samples"], record["metrics"]
    correct, total = sum(batches["correct"]), sum(batches["total"])
    fits = len(batches["correct"]) == len(batches["total"]) and total in (0, samples)
    fits = fits and all(right <= of for right, of in zip(batches["correct"], batches["total"], strict=True))
    _require(fits, "test_batches: its lists do not fit together")
    if record["status"] == "finished":
        validated = any(value is not None for value in record["history"][measure.val])  # a split may leave no rows
        for name in (measure.val, measure.test) if validated else (measure.test,):
            _require(metrics[name] is not None, f"metrics.{name}: must be a number of a finished run")
        _require(samples > 0, "test_samples: must be at least 1 of a finished run")
        accuracy = metrics.get(ACCURACY.test)
        right = accuracy is None or not total or abs(accuracy * total - correct) <= 0.500001
        _require(right, f"metrics.{ACCURACY.test}: is not that of test_batches")


def _check_script(record: Record, measure: Measure) -> None:
    """Raise Unreadable if values of a script's record do not fit together. A script may have no test part."""
    metrics = record["metrics"] or {}
    for name in record["config"].keys() & metrics.keys():
        raise Unreadable(f"config.{name}: is the name of a metric, too")
    if record["status"] == "finished":
        _require(metrics[measure.val] is not None, f"metrics.{measure.val}: must be a number of a finished run")
    for name in (measure.val, measure.test) if measure.unit == "%" else ():
        values = [metrics[name], *record["history"].get(name, [])]
        within = all(value is None or 0 <= value <= 1 for value in values)
        _require(within, f"{name}: must be between 0 and 1")
    batches = record["test_batches"]
    _require(not batches["correct"] and not batches["total"], "test_batches: must be empty of a script")


def _leaves(value: Any, path: str, depth: int = 0) -> Iterator[tuple[str, int, Any]]:
    """The path, depth and value of each value in a configuration that holds no others, or is too deep."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if depth > DEEPEST or not isinstance(value, (dict, list)):
        yield path, depth, value
    else:
        for key, item in inner:
            yield from _leaves(item, f"{path}.{key}", depth + 1)


def _require(valid: object, fault: str) -> None:
    if not valid:
        raise Unreadable(fault)
