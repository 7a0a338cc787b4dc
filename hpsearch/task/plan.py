"""``plan=true``: the runs of a command and the time they take, measured on one step of each stack."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch

from hpsearch.components.data.dataset import Dataset, Split
from hpsearch.engine.samples import EVALUATION_BATCH
from hpsearch.engine.spec import LaneSpec, StackKey, StackSpec
from hpsearch.engine.threads import threads
from hpsearch.engine.trainer import StackTrainer
from hpsearch.formatting import count, duration
from hpsearch.record.file import configuration_key
from hpsearch.record.folders import Folders
from hpsearch.task.model import lane_lines
from hpsearch.task.resume import changed_since, earlier_result, lines_of
from hpsearch.task.stacks import cut
from hpsearch.workers.pool import processes
from hpsearch.workers.run import Run

NOTHING = "plan=true: nothing was started"
SAMPLE = 6  # stacks that are measured; they stand for the rest


def describe(runs: Sequence[Run], sweep: Path, lanes: int, away: bool = False) -> list[str]:
    """The plan of a grid or a run, a line each. away: True if each stack trains in a task of its own, elsewhere."""
    different = list({run.key: run for run in runs}.values())
    folders = Folders(sweep)
    records = [folders.find(run.key, number)[1] for number, run in enumerate(different)]
    pairs = list(zip(different, records, strict=True))
    waiting = [run for run, record in pairs if earlier_result(record, run, False) is None]
    configurations = {configuration_key(run.config) for run in different}
    seeds = sorted({run.config["seed"] for run in different})
    return [
        f"{count(len(runs), 'job')}: {count(len(configurations), 'configuration')}, "
        f"{count(len(seeds), 'seed')} ({', '.join(map(str, seeds))})",
        f"{len(runs) - len(different)} asked for twice, {len(different) - len(waiting)} finished already in {sweep}",
        *lines_of(filter(None, (changed_since(record, run) for run, record in pairs)), sweep),
        f"to be run: {count(len(waiting), 'run')}{_in_tasks(waiting, lanes) if away else ''}",
        *data_lines(different),
        *lane_lines([run.stack.model for run in different if isinstance(run.stack, StackSpec)]),
        *(f"{line}{', on this machine alone' * away}" for line in estimate(waiting, lanes)),
        NOTHING,
    ]


def _in_tasks(runs: Sequence[Run], lanes: int) -> str:
    stacks = cut(list(enumerate(runs)), lanes)
    return f" in {count(len(stacks), 'task')} of at most {max(map(len, stacks))}" if stacks else ""


def data_lines(runs: Sequence[Run]) -> list[str]:
    """The columns and sizes of the tables that runs train on, each line once."""
    return list(dict.fromkeys(line for run in runs if not run.script for line in run.data.described))


def estimate(runs: Sequence[Run], lanes: int, expected: int | None = None) -> list[str]:
    """The time that training takes, as a line; none for classifiers. expected: the runs, if `runs` is a sample."""
    stacks: dict[StackKey, list[Run]] = {}
    for run in runs:
        if isinstance(run.stack, StackSpec):
            stacks.setdefault(run.stack_key, []).append(run)
    if not stacks:
        return []
    total = sum(map(len, stacks.values())) if expected is None else expected
    sample = list(stacks.values())[:SAMPLE]
    on_cpu = all(run.stack.device.type == "cpu" for members in sample for run in members)
    cores = processes(min(total, lanes)) if on_cpu else 1
    with threads(1 if cores > 1 else torch.get_num_threads()):  # as one of the processes
        measured = [_seconds(members[: -(-lanes // cores)]) for members in sample]
    seconds = duration(statistics.fmean(measured, [len(members) for members in sample]) / cores * total)
    return [f"about {seconds} of training, by one step measured in {len(measured)} of {count(len(stacks), 'stack')}"]


def _seconds(runs: Sequence[Run]) -> float:
    """The seconds of a run, if these train beside each other, by their second step."""
    spec = runs[0].stack
    assert isinstance(spec, StackSpec)
    trainer = StackTrainer(replace(spec, data=_one_step(spec.data, spec)))
    for index, run in enumerate(runs):
        assert isinstance(run.lane, LaneSpec)
        data = None if run.lane.data is None else _one_step(run.lane.data, spec)
        trainer.enter(index, replace(run.lane, epochs=3, data=data))
    trainer.epoch()
    started = perf_counter()
    trainer.epoch()
    step = (perf_counter() - started) / len(trainer)
    return statistics.fmean(run.lane.epochs for run in runs) * spec.steps * step


def _one_step(data: Dataset, spec: StackSpec) -> Dataset:
    """The data set cut down to one training batch and one batch of evaluation."""
    x, y = data.train.x, data.train.y
    batch = Split(x[: spec.batch_size], y[: spec.batch_size])
    held_out = Split(x[:EVALUATION_BATCH], y[:EVALUATION_BATCH])
    return replace(data, train=batch, validation=held_out, test=held_out)
