"""``plan=true``: what a command would run, and how long it would take, measured on one step of each stack."""

import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import torch

from hpsearch import record
from hpsearch.build import Job
from hpsearch.data import Part
from hpsearch.engine import EVALUATION_BATCH, Training
from hpsearch.places import processes
from hpsearch.report.wording import count, duration
from hpsearch.stack import Program, Run
from hpsearch.threads import threads

NOTHING = "plan=true: nothing was started"
SAMPLE = 6  # stacks that are measured; of more, they stand for the rest


def describe(jobs: Sequence[Job], sweep: Path, lanes: int) -> list[str]:
    """The plan of a grid or a run, a line each."""
    different = list({job.key: job for job in jobs}.values())
    folders = record.Folders(sweep)
    waiting = [
        job
        for number, job in enumerate(different)
        if record.read_done(sweep / folders.name(job.key, number), job.key) is None
    ]
    configurations = {record.key_of({k: v for k, v in job.config.items() if k != "seed"}) for job in different}
    seeds = sorted({job.config["seed"] for job in different})
    return [
        f"{count(len(jobs), 'job')}: {count(len(configurations), 'configuration')}, "
        f"{count(len(seeds), 'seed')} ({', '.join(map(str, seeds))})",
        f"{len(jobs) - len(different)} asked for twice, {len(different) - len(waiting)} finished already in {sweep}",
        f"to be run: {count(len(waiting), 'run')}",
        *estimate(waiting, lanes),
        NOTHING,
    ]


def estimate(jobs: Sequence[Job], lanes: int, runs: int | None = None) -> list[str]:
    """How long training takes; `runs`: of how many the jobs are a sample."""
    stacks: dict[object, list[Job]] = {}
    for job in jobs:
        stacks.setdefault(job.stack, []).append(job)
    nets = {stack: those for stack, those in stacks.items() if isinstance(those[0].program, Program)}
    if not nets:
        return []
    of = sum(len(those) for those in nets.values()) if runs is None else runs
    sample = list(nets.values())[:SAMPLE]
    here = any(job.here for those in sample for job in those)
    cores = 1 if here else processes(min(of, lanes))
    with threads(1 if cores > 1 else torch.get_num_threads()):  # as one of the processes
        measured = [_seconds(those[: -(-lanes // cores)]) for those in sample]
    seconds = duration(statistics.fmean(measured, [len(those) for those in sample]) / cores * of)
    return [f"about {seconds} of training, by one step measured in {len(measured)} of {count(len(nets), 'stack')}"]


def _seconds(jobs: Sequence[Job]) -> float:
    """A run of these, trained beside each other, from their second step."""
    program = jobs[0].program
    assert isinstance(program, Program)
    part = program.data.train
    batch = Part(part.x[: program.batch_size], part.y[: program.batch_size])
    held_out = Part(part.x[:EVALUATION_BATCH], part.y[:EVALUATION_BATCH])
    small = replace(program, data=replace(program.data, train=batch, validation=held_out, test=held_out))
    training = Training(small)
    for index, job in enumerate(jobs):
        assert isinstance(job.run, Run)
        training.enter(index, replace(job.run, epochs=3))
    training.epoch()
    started = perf_counter()
    training.epoch()
    step = (perf_counter() - started) / len(training)
    return statistics.fmean(job.run.epochs for job in jobs) * program.steps * step
