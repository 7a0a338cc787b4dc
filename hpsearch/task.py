"""The task: configurations in, records out. Below here nobody sees a configuration object."""

import logging
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_type_hints

import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from hpsearch import data, engine, environment, record
from hpsearch.config import identity
from hpsearch.engine import Result
from hpsearch.init import INITS
from hpsearch.layers import NORMALIZATIONS, dropout_probability
from hpsearch.models import ARCHITECTURES
from hpsearch.optim import OPTIMIZERS
from hpsearch.progress import TrainingProgress
from hpsearch.ranges import require
from hpsearch.schedules import SCHEDULES
from hpsearch.stack import Program, Run, stack_key
from hpsearch.usage import UsageError, exit_on_write_error, exit_on_wrong_usage

log = logging.getLogger(__name__)

PRECISIONS = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}
LANES = 48


@dataclass(frozen=True)
class Job:
    """One configuration with one seed, checked. Jobs of equal `stack` share a program."""

    config: dict[str, Any]
    key: str
    stack: tuple[str, torch.device]
    run: Run
    program: Program


@dataclass(frozen=True)
class Ended:
    """A job of `run_many` that is done. `body` is what is left of the task: called as the job, with Hydra's
    configuration of it in place, it writes the record and returns the value. None: an earlier record stands."""

    index: int
    folder: str
    value: float
    body: Callable[[DictConfig], float] | None


def run(cfg: DictConfig) -> float:
    """Train one run and write its record to the job's folder; returns its validation accuracy.

    A run that has a record already is not trained again. Wrong usage ends the process with exit code 2.
    """
    with exit_on_wrong_usage():
        (job,) = checked([cfg])
    folder = Path(HydraConfig.get().runtime.output_dir)
    earlier = record.read_done(folder, job.key)
    if earlier is not None:
        print(f"already in {folder}, not trained again")
        return _value(earlier["metrics"]["val_accuracy"])
    ((_, outcome),) = _train([job], lanes=1)
    return _deliver(job, outcome, cfg)


def run_many(cfgs: Sequence[DictConfig], numbers: Sequence[int], sweep: Path, lanes: int = LANES) -> Iterator[Ended]:
    """Train many runs in stacks of at most `lanes`; yields each as it ends.

    numbers: the jobs', for the folders' names. Wrong usage in any of them ends the process before training.
    """
    with exit_on_wrong_usage():
        jobs = checked(cfgs, sweep)
    folders = record.Folders(sweep)
    names = [folders.name(job.key, number) for job, number in zip(jobs, numbers, strict=True)]
    first: dict[str, int] = {}  # a configuration that is asked for twice is trained once
    waiting, again = [], []
    for index, job in enumerate(jobs):
        earlier = record.read_done(sweep / names[index], job.key)
        if earlier is not None:
            yield Ended(index, names[index], _value(earlier["metrics"]["val_accuracy"]), None)
        elif first.setdefault(job.key, index) == index:
            waiting.append(index)
        else:
            again.append(index)
    if len(waiting) < len(jobs):
        print(f"{len(jobs) - len(waiting)} of {len(jobs)} runs are already in {sweep}", flush=True)
    values = {}
    for position, outcome in _train([jobs[index] for index in waiting], lanes):
        index = waiting[position]
        values[jobs[index].key] = _value(outcome.history.val_accuracy[-1] if isinstance(outcome, Result) else None)
        yield Ended(index, names[index], values[jobs[index].key], partial(_deliver, jobs[index], outcome))
    for index in again:
        yield Ended(index, names[index], values[jobs[index].key], None)


run.run_many = run_many  # type: ignore[attr-defined]  # how a launcher knows that this task trains in stacks


def checked(cfgs: Sequence[DictConfig], folder: Path | None = None) -> list[Job]:
    """The jobs of these configurations. Raises UsageError with every fault in them, or if `folder` has no room."""
    jobs: list[Job] = []
    faults: list[str] = []
    programs: dict[tuple[str, torch.device], Program] = {}
    for cfg in cfgs:
        try:
            jobs.append(_check(cfg, programs))
        except UsageError as error:
            faults += error.faults
    if folder is not None and (fault := record.fault_of_folder(folder, len(cfgs))):
        faults.append(fault)
    if faults:
        raise UsageError(list(dict.fromkeys(faults)))
    return jobs


def _check(cfg: DictConfig, programs: dict[tuple[str, torch.device], Program]) -> Job:
    config = identity(cfg)
    faults = _Faults()
    with faults:
        require(0 < config["lr"] < math.inf, "lr", config["lr"], "a number above 0")
    with faults:
        require(config["epochs"] >= 1, "epochs", config["epochs"], "at least 1")
    dropout = faults.build("dropout", {config["dropout"]["name"]: dropout_probability}, config["dropout"])
    optimizer = faults.build("optimizer", OPTIMIZERS, config["optimizer"])
    schedule = faults.build("schedule", SCHEDULES, config["schedule"])
    init = faults.build("init", INITS, config["init"], bind=True)
    if init is not None:
        with faults.of("init"):
            init(torch.empty(2, 2), generator=torch.Generator())
    device = torch.device("cpu")
    with faults:
        device = _device(cfg.device)
        require(config["precision"] in PRECISIONS, "precision", config["precision"], f"one of {', '.join(PRECISIONS)}")
        cuda = device.type == "cuda" or config["precision"] != "tf32"
        require(cuda, "precision", "tf32", "float32 or bfloat16 on the CPU; tf32 is a format of CUDA devices")
    key = stack_key(config), device
    if key not in programs:
        program = _program(config, cfg.data.get("root"), device, faults)
        if program is not None:
            programs[key] = program
    if faults:
        raise UsageError(faults.lines)
    run = Run(config["seed"], config["epochs"], config["lr"], optimizer, schedule, init, dropout)
    return Job(config, record.key_of(config), key, run, programs[key])


def _program(config: dict[str, Any], root: str | None, device: torch.device, faults: "_Faults") -> Program | None:
    options = config["data"] | ({} if root is None else {"root": root})
    dataset = faults.build("data", {name: partial(data.load, name) for name in data.DATASETS}, options)
    normalization = faults.build("normalization", NORMALIZATIONS, config["normalization"])
    if dataset is None or normalization is None:
        return None
    sizes = dataset.features, dataset.classes, normalization
    model = faults.build("architecture", ARCHITECTURES, config["architecture"], *sizes)
    batch_size, samples = config["batch_size"], len(dataset.train)
    with faults:
        require(1 <= batch_size <= samples, "batch_size", batch_size, f"between 1 and the {samples} training samples")
        alone = normalization.needs_two_samples and (samples % batch_size == 1 or batch_size == 1)
        must = f"another size for normalization={config['normalization']['name']}: it leaves a batch of 1 of {samples}"
        require(not alone, "batch_size", batch_size, must)
    if model is None or faults:
        return None
    return Program(dataset, model, batch_size, device, PRECISIONS[config["precision"]])


class _Faults:
    """Collects what is wrong with a configuration, a line each; as a context manager it catches one fault."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._group = ""

    def __bool__(self) -> bool:
        return bool(self.lines)

    def of(self, group: str) -> "_Faults":
        self._group = group
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        group, self._group = self._group, ""
        if error is None or not isinstance(error, (data.DataError, ValueError, TypeError, RuntimeError)):
            return error is None
        line = str(error).splitlines()[0]
        if group and not isinstance(error, data.DataError):
            line = f"{group}.{line}" if re.match(r"\w+=", line) else f"{group}: {line}"
        self.lines.append(line)
        return True

    def build(
        self, group: str, registry: dict[str, Any], options: dict[str, Any], *first: Any, bind: bool = False
    ) -> Any:
        """registry[name](*first, **other options), or None and a fault. bind: the function with these options."""
        options = dict(options)
        name = options.pop("name")
        with self.of(group):
            require(name in registry, "name", name, f"one of {', '.join(registry)}")
            _check_types(registry[name], options)
            return partial(registry[name], **options) if bind else registry[name](*first, **options)
        return None


def _check_types(function: Any, options: dict[str, Any]) -> None:
    hints = get_type_hints(getattr(function, "func", function))
    for key, value in options.items():
        hint = hints.get(key)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        require(hint is not float or number, key, value, "a number")
        require(hint is not int or (number and value == int(value)), key, value, "a whole number")
        require(hint is not bool or isinstance(value, bool), key, value, "true or false")


def _device(name: str) -> torch.device:
    """auto, cpu, cuda or cuda:N. Raises ValueError for another, or one that is not there."""
    count = torch.cuda.device_count()
    kind, _, number = name.partition(":")
    if name == "auto":
        return torch.device("cuda:0" if count else "cpu")
    known = name in ("cpu", "cuda") or (kind == "cuda" and number.isdecimal())
    require(known, "device", name, "auto, cpu, cuda or cuda:N")
    there = kind == "cpu" or int(number or 0) < count
    found = f"the CUDA devices here are cuda:0 to cuda:{count - 1}" if count else "there is no CUDA device here"
    require(there, "device", name, f"another device: {found}; device=cpu always works")
    return torch.device(name if number or kind == "cpu" else "cuda:0")


Outcome = Result | Exception


def _train(jobs: Sequence[Job], lanes: int) -> Iterator[tuple[int, Outcome]]:
    """(number of the job, outcome) of each, as it ends, stack by stack."""
    stacks: dict[tuple[str, torch.device], list[int]] = {}
    for number, job in enumerate(jobs):
        stacks.setdefault(job.stack, []).append(number)
    with TrainingProgress(len(jobs), sum(job.run.epochs for job in jobs)) as progress:
        for numbers in stacks.values():
            for number, outcome in _train_stack(jobs, numbers, lanes, progress):
                done = len(outcome.history.train_loss) if isinstance(outcome, Result) else 0
                progress.run_done(jobs[number].run.epochs - done)
                yield number, outcome


def _train_stack(
    jobs: Sequence[Job], numbers: list[int], lanes: int, progress: TrainingProgress
) -> Iterator[tuple[int, Outcome]]:
    """Train jobs of one stack. If it breaks, halve its lanes: it needs less memory, and a run that breaks alone
    is that run's failure."""
    program = jobs[numbers[0]].program
    program = replace(program, data=program.data.to(program.device, program.dtype))
    torch.backends.cuda.matmul.allow_tf32 = jobs[numbers[0]].config["precision"] == "tf32"
    left = list(numbers)
    failure: Exception | None = None
    try:
        for position, result in engine.train([jobs[n].run for n in numbers], program, lanes, report=progress.epoch):
            left.remove(numbers[position])
            yield numbers[position], result
    except Exception as error:  # whatever a run's own arithmetic raises is that run's failure
        failure = error
    if failure is None:
        return
    if len(left) == 1:
        yield left[0], failure
        return
    del failure  # it holds the stack's tensors
    half = (min(lanes, len(left)) + 1) // 2
    for start in range(0, len(left), half):
        yield from _train_stack(jobs, left[start : start + half], half, progress)


def _deliver(job: Job, outcome: Outcome, cfg: DictConfig) -> float:
    """Write a run's record and log into its folder; returns its validation accuracy or raises its failure."""
    hydra = HydraConfig.get()
    entry: record.Record = {
        "schema": record.SCHEMA,
        "status": "failed",
        "reason": None,
        "key": job.key,
        "config": job.config,
        "overrides": OmegaConf.to_container(hydra.overrides.task),
        "metrics": dict.fromkeys(("val_accuracy", "val_loss", "train_loss", "test_accuracy", "test_loss")),
        "history": {"train_loss": [], "val_loss": [], "val_accuracy": []},
        "test_batches": {"size": engine.EVALUATION_BATCH, "correct": [], "total": []},
        "seconds": 0.0,
        "lanes": 1,
        "environment": environment.describe(job.program.device),
    }
    if isinstance(outcome, Result):
        entry |= _describe(outcome)
    else:
        entry["reason"] = f"{type(outcome).__name__}: {str(outcome).partition(chr(10))[0]}"
    for epoch, numbers in enumerate(zip(*entry["history"].values(), strict=True), start=1):
        log.info("epoch %d: training loss %.4f, validation loss %.4f, validation accuracy %.2f %%",
                 epoch, *numbers[:2], 100 * numbers[2])  # fmt: skip
    log.info("%s%s", entry["status"], f": {entry['reason']}" if entry["reason"] else "")
    folder = Path(hydra.runtime.output_dir)
    with exit_on_write_error(folder):
        record.write(folder, entry)
    if isinstance(outcome, Exception):
        raise outcome
    return _value(entry["metrics"]["val_accuracy"])


def _describe(result: Result) -> dict[str, Any]:
    history = vars(result.history)
    metrics = {name: history[name][-1] for name in ("val_accuracy", "val_loss", "train_loss")}
    tested = result.status == "finished"
    metrics["test_accuracy"] = sum(result.test_correct) / sum(result.test_total) if tested else None
    metrics["test_loss"] = result.test_loss
    return {
        "status": result.status,
        "reason": result.reason,
        "metrics": metrics,
        "history": history,
        "test_batches": {
            "size": engine.EVALUATION_BATCH,
            "correct": result.test_correct,
            "total": result.test_total,
        },
        "seconds": result.seconds,
        "lanes": result.lanes,
    }


def _value(accuracy: float | None) -> float:
    """What Hydra's sweepers get: the validation accuracy, nan where there is none."""
    return math.nan if accuracy is None else accuracy
