"""The driver of a search: ask for trials, turn them into runs, report their epochs, prune, tell, and ask again.

A trial is one configuration on its seeds, which train beside each other. The mean over them is its objective.

Long, because the life of a trial, from ask to tell, is read in one place.
"""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from contextlib import closing
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from optuna.pruners import NopPruner, WilcoxonPruner
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from hpsearch.engine.result import History, Result
from hpsearch.errors import UsageError
from hpsearch.search.budget import ATTEMPTS, Budget
from hpsearch.search.bulk import AGAIN, POINT
from hpsearch.search.evaluation import Batch, Evaluation
from hpsearch.search.objectives import curve_of, reason_without, value_of
from hpsearch.search.owners import LEASE_SECONDS, WORKER, Heartbeat
from hpsearch.search.pruners import COHORT, CohortPruner
from hpsearch.search.space import text
from hpsearch.search.study import ATTEMPT, MirroredStudy

if TYPE_CHECKING:  # importing torch takes a second, and a fault must not wait for it
    from hpsearch.workers.run import Outcome, Run


class Search:
    """A `RunSource` whose runs are the trials of a study. Its owner calls `ended` for each run."""

    adaptive = True

    def __init__(
        self,
        mirror: MirroredStudy,
        draw: Callable[[Study], tuple[Trial, list[str]]],
        objectives: Sequence[str],
        seeds: Sequence[int],
        budget: Budget,
        prepare: Callable[[int, list[str]], Run | None],
        first_number: int,
        elsewhere: bool,
        interrupted: Callable[[], bool] = lambda: False,
    ) -> None:
        """draw: asks the study for a trial and returns it with its overrides. prepare: (number, overrides) -> run, or a
        UsageError. elsewhere: True if runs train in batches, perhaps in other processes; the only run of a first wave
        then reports to the storage by itself. interrupted: True ends the waiting for other processes."""
        self.mirror, self.budget = mirror, budget
        self.objectives, self._seeds = list(objectives), list(seeds)
        self._draw, self._prepare = draw, prepare
        self._number, self._elsewhere = first_number, elsewhere
        self._pruner = mirror.study.pruner
        self._by_seed = isinstance(self._pruner, WilcoxonPruner)  # a step is a seed, not an epoch
        self._reports = len(self.objectives) == 1  # Optuna's pruners need a single objective
        self._cohort: int | None = getattr(self._pruner, "cohort", None)
        earlier = len(mirror.study.get_trials(deepcopy=False))
        self._cohorts = f"{mirror.owners.me}/{earlier}"  # cohorts never mix two processes
        self._admitted = 0
        self._interrupted, self._waited = interrupted, False
        self._heartbeat = Heartbeat(mirror.beat)
        self._started = monotonic()
        self._evaluations: dict[int, Evaluation] = {}  # by number of a run in training
        self._open: list[Evaluation] = []
        self.overrides: dict[int, list[str]] = {}  # by number of a run in training
        self.stopped: str | None = None  # the reason, if no further trial begins

    @property
    def seeds(self) -> int:
        """The number of seeds of a trial."""
        return len(self._seeds)

    @property
    def expected(self) -> int:
        """The number of runs that the trials to come need."""
        return max(0, self.budget.n_trials - len(self.mirror.counted())) * len(self._seeds)

    def next_runs(self, free: int) -> Sequence[tuple[int, Run]]:
        """Runs for `free` lanes, or more if a trial needs them. For a foreign task function, None in place of a Run."""
        self.mirror.save(now=False)
        ready = [evaluation for evaluation in self._open if not evaluation.waiting]
        runs = [run for evaluation in ready for run in self._begin_wave(evaluation)]
        new = self._ask(free - len(runs))
        while not (new or runs or self._open) and self._waits_for_others():
            new = self._ask(free)
        self._open += new
        return runs + [run for evaluation in new for run in self._begin_wave(evaluation)]

    def _ask(self, free: int) -> list[Evaluation]:
        """New trials for `free` lanes, at least one if no trial is open."""
        room = free // self.width or int(not self._open)
        if self._cohort is not None:  # all trials of a cohort begin together
            begun = self._admitted % self._cohort
            if not begun and self._open and room < self._cohort:
                return []
            room = min(room, self._cohort - begun)
        found: list[Evaluation] = []
        repeated, batch = 0, Batch()
        while self._may_begin():
            self.mirror.look()
            more = min(room - len(found), self.budget.n_trials - len(self.mirror.counted()))
            if more <= 0 or repeated >= ATTEMPTS:
                break
            trials = [self._suggest(self._admitted + k) for k in range(more)]
            entered = self.mirror.begin([trial for trial, _ in trials], self.budget.n_trials)
            self._admitted += sum(entered)
            repeated += entered.count(False)
            found += [Evaluation(*trials[k], self._waves(), batch) for k, mine in enumerate(entered) if mine]
        if repeated >= ATTEMPTS and not found:
            self.stopped = "every point that the sampler finds has been tried"
        return found

    def _waits_for_others(self) -> bool:
        """Wait for a second if the trials of processes that may have ended are all that is left."""
        if self.stopped is not None or self._interrupted() or not (doubtful := self.mirror.doubtful()):
            return False
        if not self._waited:
            print(f"waiting for the trials of {', '.join(doubtful)}, {LEASE_SECONDS:.0f} s if it has ended", flush=True)
            self._waited = True
        sleep(1)
        self.mirror.look()
        return True

    def _may_begin(self) -> bool:
        counted, failed, budget = len(self.mirror.counted()), self.failures, self.budget
        if self.stopped is None and failed > budget.max_failure_rate * budget.n_trials:
            self.stopped = f"{failed} of {counted} trials failed, more than max_failure_rate allows"
        elif self.stopped is None and budget.timeout is not None and monotonic() - self._started > budget.timeout:
            self.stopped = f"timeout={budget.timeout:g} s is over"
        return self.stopped is None and counted < budget.n_trials

    def _suggest(self, place: int) -> tuple[Trial, list[str]]:
        trial, overrides = self._draw(self.mirror.study)
        trial.set_user_attr(POINT, " ".join(f"{name}={text(value)}" for name, value in sorted(trial.params.items())))
        trial.set_user_attr(WORKER, self.mirror.owners.me)
        if self._cohort is not None:
            trial.set_user_attr(COHORT, f"{self._cohorts}/{place // self._cohort}")
        if ATTEMPT not in trial.user_attrs:
            trial.set_user_attr(ATTEMPT, 0)
        return trial, overrides

    def _waves(self) -> list[list[int]]:
        if self._by_seed:
            return [[seed] for seed in self._seeds]
        if self._elsewhere and not isinstance(self._pruner, NopPruner):
            first, rest = self._seeds[:1], self._seeds[1:]  # the pruner judges the first run alone
            return [first, rest] if rest else [first]
        return [self._seeds]

    def _begin_wave(self, evaluation: Evaluation) -> list[tuple[int, Any]]:
        runs: list[tuple[int, Any]] = []
        wave = evaluation.waves.pop(0)
        reports_itself = not evaluation.runs and self._reports_itself(wave)
        attached = [f"trial={self.mirror.row(evaluation.trial)}"] if reports_itself else []
        for seed in wave:
            number, self._number = self._number, self._number + 1
            evaluation.runs[seed] = number
            self._evaluations[number] = evaluation
            self.overrides[number] = [*evaluation.overrides, f"seed={seed}", *attached]
            try:
                runs.append((number, self._prepare(number, self.overrides[number])))
            except UsageError as error:
                self.ended(number, error)
        return runs

    def _reports_itself(self, seeds: Collection[int]) -> bool:
        """True if the run of a trial's first wave reports its epochs to the storage by itself."""
        return self._elsewhere and self._reports and not self._by_seed and len(seeds) == 1

    @property
    def resting(self) -> Collection[int]:
        """The runs that have come to a step at which their batch is compared, and wait for the rest of it."""
        if not isinstance(self._pruner, CohortPruner):
            return ()
        return {number for number, evaluation in self._evaluations.items() if self._rests(evaluation, number)}

    def _rests(self, evaluation: Evaluation, number: int) -> bool:
        epochs = evaluation.epochs_of(number)
        return epochs > evaluation.batch.decided and self._compared_at(epochs)

    def _compared_at(self, step: int) -> bool:
        """True if the pruner compares the trials of a cohort at this step."""
        return isinstance(self._pruner, CohortPruner) and self._pruner.kept(step) is not None

    def prune(self, histories: Mapping[int, History], training: Set[int]) -> Collection[int]:
        """The runs to prune. All trials report before the first decision; those of a cohort wait for each other."""
        touched: dict[int, Evaluation] = {}
        for number, history in histories.items():
            evaluation = self._evaluations[number]
            evaluation.histories[evaluation.seed_of(number)] = history
            touched[evaluation.trial.number] = evaluation
        if self._by_seed or not self._reports:
            return ()
        reported = [evaluation for _, evaluation in sorted(touched.items()) if self._report(evaluation)]
        if isinstance(self._pruner, NopPruner):
            return ()
        ready = [e for e in reported if e.reported <= e.batch.decided or not self._compared_at(e.reported)]
        pruned: list[int] = []
        for evaluation in [*ready, *self._complete_batches(training)]:
            unfinished = not training.isdisjoint(evaluation.runs.values())
            if unfinished and evaluation.trial.should_prune():
                evaluation.pruned = True
                pruned += evaluation.runs.values()
        return pruned

    def _complete_batches(self, training: Set[int]) -> list[Evaluation]:
        """The trials of each batch all of whose runs in training have come to a step at which they are compared."""
        batches: dict[Batch, list[Evaluation]] = {}
        for evaluation in self._open:
            batches.setdefault(evaluation.batch, []).append(evaluation)
        complete: list[Evaluation] = []
        for batch, members in batches.items():
            runs = [(e, number) for e in members for number in e.runs.values() if number in training]
            resting = [(e, number) for e, number in runs if self._rests(e, number)]
            if resting and len(resting) == len(runs):
                batch.decided = min(e.epochs_of(number) for e, number in resting)
                complete += dict.fromkeys(e for e, _ in resting if e.reported == batch.decided)
        return complete

    def _report(self, evaluation: Evaluation) -> bool:
        """Report the epochs that all seeds have reached. Returns True if an epoch is new."""
        curves = [curve_of(evaluation.histories.get(seed), self.objectives[0]) for seed in evaluation.runs]
        done = min(map(len, curves))
        new = range(evaluation.reported, done)
        for epoch in new:
            evaluation.trial.report(statistics.fmean(curve[epoch] for curve in curves), epoch + 1)
        evaluation.reported = max(evaluation.reported, done)
        if new:
            self.mirror.changed(evaluation.trial)
        return bool(new)

    def ended(self, number: int, outcome: Outcome) -> None:
        """Take the outcome of a run. After the last run of a wave, tell the trial, or let its next wave begin."""
        evaluation = self._evaluations.pop(number)
        self.overrides.pop(number)
        seed = evaluation.seed_of(number)
        evaluation.outcomes[seed] = outcome
        if not isinstance(outcome, Exception):
            evaluation.histories[seed] = outcome.history
        if evaluation.waiting:
            return
        if self._reports_itself(evaluation.runs):
            evaluation.reported = self.mirror.reread(evaluation.trial)
        if self._by_seed and not isinstance(outcome, Exception):
            evaluation.trial.report(self._value(outcome, 0), len(evaluation.outcomes) - 1)
            evaluation.pruned = bool(evaluation.waves) and evaluation.trial.should_prune()
        elif self._reports and not self._by_seed:
            self._report(evaluation)
        if not evaluation.waves or evaluation.pruned or isinstance(outcome, Exception):
            self._tell(evaluation)

    def _tell(self, evaluation: Evaluation) -> None:
        trial = evaluation.trial
        self._open.remove(evaluation)
        evaluation.runs = {}
        results = {seed: r for seed, r in evaluation.outcomes.items() if not isinstance(r, Exception)}
        failures = [error for error in evaluation.outcomes.values() if isinstance(error, Exception)]
        errors = [str(error).partition("\n")[0] or type(error).__name__ for error in failures]
        values = [[self._value(result, i) for result in results.values()] for i in range(len(self.objectives))]
        self._describe(trial, results)
        state = TrialState.COMPLETE
        if errors or not results:
            state = TrialState.FAIL
        elif evaluation.pruned or any(result.status == "pruned" for result in results.values()):
            state = TrialState.PRUNED
        elif any(math.isnan(value) for row in values for value in row):
            missing = [name for name, row in zip(self.objectives, values, strict=True) if any(map(math.isnan, row))]
            state, errors = TrialState.FAIL, [reason_without(missing, next(iter(results.values())))]
        if errors:
            trial.set_user_attr("reason", errors[0])
        again = state is TrialState.FAIL and trial.user_attrs[ATTEMPT] < self.budget.retry_failed
        if again:
            trial.set_user_attr(AGAIN, "failed")
        means = [statistics.fmean(row) for row in values] if state is TrialState.COMPLETE else None
        frozen = self.mirror.study.tell(trial, means, state)
        self.mirror.changed(trial)
        if again:
            self.mirror.enqueue_again(frozen)

    def _value(self, result: Result, place: int) -> float:
        """The value of the objective at a place of the list."""
        maximize = self.mirror.study.directions[place] is StudyDirection.MAXIMIZE
        return value_of(result, self.objectives[place], maximize)

    def _describe(self, trial: Trial, results: Mapping[int, Result]) -> None:
        """Set the attributes that the dashboard shows beside the value."""
        by_seed = {str(seed): self._value(result, 0) for seed, result in results.items()}
        shown = {seed: value if math.isfinite(value) else None for seed, value in by_seed.items()}  # for JSON
        trial.set_user_attr("seeds", shown)
        if len(by_seed) > 1 and all(map(math.isfinite, by_seed.values())):
            trial.set_user_attr("std", statistics.stdev(by_seed.values()))
        diverged = [seed for seed, result in results.items() if result.status == "diverged"]
        if diverged:
            trial.set_user_attr("diverged", diverged)
        trial.set_user_attr("epochs", sum(len(result.history.train_loss) for result in results.values()))

    @property
    def width(self) -> int:
        """The number of runs that a trial begins with."""
        return len(self._waves()[0])

    @property
    def failures(self) -> int:
        """The number of failed trials that are not repeated."""
        return len(self._failed)

    @property
    def reason(self) -> str:
        """The most frequent reason of failed trials."""
        reasons = Counter(str(trial.user_attrs.get("reason", "it was interrupted")) for trial in self._failed)
        return reasons.most_common(1)[0][0] if reasons else ""

    @property
    def _failed(self) -> list[FrozenTrial]:
        return [trial for trial in self.mirror.counted() if trial.state is TrialState.FAIL]

    def close(self) -> None:
        """Save the study. Open trials fail as interrupted, and the next command evaluates them again."""
        self._heartbeat.stop()
        for evaluation in self._open:
            evaluation.trial.set_user_attr(AGAIN, "interrupted")
            self.mirror.study.tell(evaluation.trial, state=TrialState.FAIL)
            self.mirror.changed(evaluation.trial)
        self._open.clear()
        with closing(self.mirror.storage):
            self.mirror.save()
