"""Hydra launcher `slurm`: stacks of runs are the tasks of a job array, and the records in the shared folder tell how
they have ended.

The jobs of a grid that have no record are cut into stacks, one for each task. A search has `tasks` processes that drive
one study. A task runs the same command with this launcher, which then trains its part as the launcher `stacked` does.

Long, because submitting, waiting and collecting share what they know of the tasks.
"""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from hpsearch.cli.launcher import StackedLauncher, is_ours, job_return
from hpsearch.cli.slurm import options as cluster
from hpsearch.cli.task_function import failure
from hpsearch.errors import NothingStarted, SweepError, UsageError, write_errors
from hpsearch.formatting import count
from hpsearch.record.file import configuration_key, read_record, write_text
from hpsearch.record.folders import Folders, run_folders

if TYPE_CHECKING:
    from hpsearch.cli.slurm.array_task import ArrayTask
    from hpsearch.cli.slurm.submitted_task import SubmittedTask
    from hpsearch.cli.slurm.watch import NewRecords
    from hpsearch.workers.run import Run

SHOWN_FAILURES = 10
UNKNOWN = "UNKNOWN"  # state of a task that sacct does not know, yet or any more
SECONDS_FOR_RECORDS = 15  # until a network file system shows what a task on another machine has written


class SlurmLauncher(StackedLauncher):
    """See the module's docstring."""

    def __init__(
        self, lanes: int, part: str | None, processes: int | None = None, threads: int | None = None, **options: Any
    ) -> None:
        super().__init__(lanes, processes, threads)
        self.part, self.away = part, part is None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Raises UsageError for options out of range, and where there is no cluster."""
        self.options = config.hydra.launcher
        if self.away and not is_ours(task_function):
            raise UsageError(["hydra/launcher=slurm: trains runs of hpsearch alone; take another launcher"])
        if self.away and not config.plan:
            cluster.check(self.options)
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch_jobs(self, jobs: dict[int, list[str]], seeds: int = 1) -> list[JobReturn]:
        """With ``wait=false`` raises NothingStarted while tasks have not ended."""
        if not self.away:
            return super().launch_jobs(jobs, seeds)
        runs, names = self.prepare(jobs), Folders(self.sweep)
        from hpsearch.cli.slurm.watch import NewRecords
        from hpsearch.task.resume import changed_since, earlier_result, lines_of

        different: dict[str, int] = {}  # a run that is asked for twice is trained once
        for number, run in runs.items():
            different.setdefault(run.key, number)
        found = {key: names.find(key, number) for key, number in different.items()}
        folders = {key: self.sweep / name for key, (name, _) in found.items()}
        records = {key: (record, runs[different[key]]) for key, (_, record) in found.items()}
        waiting = {key for key, pair in records.items() if earlier_result(*pair, adaptive=False) is None}
        if len(waiting) < len(folders):
            print(f"{len(folders) - len(waiting)} of {len(folders)} runs are already in {self.sweep}", flush=True)
        for line in lines_of(filter(None, (changed_since(*pair) for pair in records.values())), self.sweep):
            print(line, flush=True)
        tasks = self._begun(waiting)
        begun = {key for task in tasks for key in task.keys}
        new = {number: runs[number] for key, number in different.items() if key in waiting - begun}
        ended = NewRecords(self.sweep, waiting)
        if new:
            most = Counter(configuration_key(runs[number].config) for number in different.values()).most_common(1)[0][1]
            tasks += self._submit_stacks({number: jobs[number] for number in new}, new, folders, most)
        self._wait(tasks, len(waiting), ended.count)
        self._check_complete(tasks, ended)
        return [self._returned(jobs[number], folders[run.key]) for number, run in runs.items()]

    def check_storage(self, url: str) -> None:
        """Raise UsageError for the storage of a search that other machines cannot share."""
        if url.startswith("sqlite") and self.options.executor != "local":
            must = "a database that all nodes reach, such as 'postgresql+psycopg://…', for hydra/launcher=slurm"
            raise UsageError([f"hydra.sweeper.storage={url}: must be {must}; SQLite is for one machine"])

    def search(self, trials: int, seeds: int, study: str, dashboard: str) -> list[str]:
        """Let tasks work on a study until it has `trials` more trials of so many seeds; a line for each task that has
        failed.

        dashboard: the command that shows the study. With ``wait=false`` raises NothingStarted while tasks have not
        ended.
        """
        from hpsearch.cli.slurm import array_task

        there = len(run_folders(self.sweep))
        tasks = self._begun()
        if trials and not tasks:
            number = min(self.options.tasks, trials)

            def parts(folder: Path) -> "list[tuple[ArrayTask, Collection[str]]]":
                return [(array_task.of_search(self.hydra_cfg, folder, study), ())] * number

            tasks = self._submit(parts, f"{count(trials, 'trial')} of {study}")
        if tasks:
            print(f"to watch: {dashboard}", flush=True)
        self._wait(tasks, there + trials * seeds, lambda: len(list(self.sweep.glob("*_*/record.json"))))
        return _lines([task for task in tasks if not task.complete])

    def _begun(self, waiting: Collection[str] | None = None) -> "list[SubmittedTask]":
        """The tasks of earlier commands that have not ended. waiting: the keys of the runs that are to be trained; None
        in a search, where any task helps."""
        from hpsearch.cli.slurm import submission
        from hpsearch.cli.slurm.watch import states

        arrays = [
            [task for task in array if waiting is None or task.keys & set(waiting)]
            for array in submission.submissions(self.sweep)
        ]
        begun = [task for array in arrays for task in array if not task.done]
        if begun:
            print(f"submitted already: {states(begun)}", flush=True)
        if any(task.state == UNKNOWN for task in begun):
            forget = self.sweep / submission.FOLDER
            print(f"if the cluster knows no task of that state any more, remove {forget} to submit again", flush=True)
        self._failed = [task for array in arrays[-1:] for task in array if task.done and not task.complete]
        return begun

    def _submit_stacks(
        self, jobs: Mapping[int, list[str]], runs: "Mapping[int, Run]", folders: Mapping[str, Path], seeds: int
    ) -> "list[SubmittedTask]":
        """Submit a task for each stack. The runs get their folders at once, so that a report knows of missing runs and
        each task finds the same names."""
        from hpsearch.cli.slurm import array_task
        from hpsearch.task.stacks import cut

        def parts(folder: Path) -> "list[tuple[ArrayTask, Collection[str]]]":
            found: list[tuple[ArrayTask, Collection[str]]] = []
            for stack in cut(list(runs.items()), self.lanes):
                file = folder / f"jobs_{len(found)}.json"
                array_task.write_jobs(file, {number: jobs[number] for number, _ in stack}, seeds)
                found.append((array_task.of_grid(self.hydra_cfg, file), [run.key for _, run in stack]))
            return found

        with write_errors(self.sweep):
            made = [folder for run in runs.values() if not (folder := folders[run.key]).exists()]
            for folder in made:
                folder.mkdir(parents=True)
        try:
            return self._submit(parts, count(len(runs), "run"))
        except UsageError:
            for folder in made:
                folder.rmdir()
            raise

    def _submit(
        self, parts: "Callable[[Path], list[tuple[ArrayTask, Collection[str]]]]", what: str
    ) -> "list[SubmittedTask]":
        """Submit the tasks that `parts` makes, given the folder of the submission; first tell why those of the command
        before have failed."""
        from hpsearch.cli.slurm import submission

        for line in _lines(self._failed):
            print(line, flush=True)
        with write_errors(self.sweep):
            if not (self.sweep / "multirun.yaml").exists():  # Optuna's stock sweeper writes none
                self.sweep.mkdir(parents=True, exist_ok=True)
                write_text(self.sweep / "multirun.yaml", OmegaConf.to_yaml(self.hydra_cfg))
            folder = submission.new_folder(self.sweep)
            parameters = cluster.parameters(self.options, self.sweep.name)
            tasks = submission.submit(folder, self.options.executor, parameters, parts(folder))
        named = submission.named(tasks, self.options.executor)
        print(f"submitted {count(len(tasks), 'task')} for {what}: {named}; their logs are in {folder}", flush=True)
        return tasks

    def _wait(self, tasks: "Sequence[SubmittedTask]", runs: int, ended: Callable[[], int]) -> None:
        """Wait for tasks. Raises KeyboardInterrupt that says how to end them."""
        from hpsearch.cli import sweep_end
        from hpsearch.cli.slurm import watch
        from hpsearch.cli.slurm.submission import cancel_command

        if not tasks:
            return
        again = sweep_end.resume_command(self.hydra_cfg)
        if not self.options.wait:
            print(f"to see how they are, and for the results when they have ended: {again}")
            raise NothingStarted
        try:
            watch.wait(tasks, self.options.executor, runs, ended)
        except KeyboardInterrupt:
            cancel = cancel_command([task for task in tasks if not task.done], self.options.executor)
            raise KeyboardInterrupt(
                f"interrupted; the tasks go on. To end them: {cancel}; to wait again: {again}"
            ) from None

    def _check_complete(self, tasks: "Sequence[SubmittedTask]", ended: "NewRecords") -> None:
        """Raise SweepError if a run has no record, with a line for each task that should have written it."""
        until = time.monotonic() + SECONDS_FOR_RECORDS * (self.options.executor == "slurm")
        while (missing := ended.missing()) and time.monotonic() < until:
            time.sleep(1)
        lines = _lines([task for task in tasks if task.keys & missing])
        if missing:
            raise SweepError(lines or [f"{self.sweep}: {count(len(missing), 'run')} without a record"])

    def _returned(self, overrides: list[str], folder: Path) -> JobReturn:
        """What Hydra gets for a job, from its record."""
        from hpsearch.task.outcome import result_of

        record = read_record(folder)
        assert record is not None, folder
        failed = failure(folder, record["reason"]) if record["status"] == "failed" else None
        return job_return(overrides, folder, failed or result_of(record))


def _lines(failed: "Sequence[SubmittedTask]") -> list[str]:
    """A line for each task that has failed."""
    lines = [
        f"task {task.id} failed: {task.reason}; its log: {task.log}; the same command trains what is missing"
        for task in failed[:SHOWN_FAILURES]
    ]
    return [*lines, *([f"and {len(failed) - SHOWN_FAILURES} tasks more"] if len(failed) > SHOWN_FAILURES else [])]
