"""The search: trials become runs on seeds, run after run is reported, pruned and told, and the next trial asked.

A trial is one configuration on its seeds, which train beside each other; the mean over them is its objective.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig
from optuna.pruners import NopPruner, WilcoxonPruner
from optuna.study import Study
from optuna.trial import Trial, TrialState

from hpsearch.pruners import COHORT
from hpsearch.ranges import require
from hpsearch.space import text
from hpsearch.store import AGAIN, ATTEMPT, ME, POINT, WORKER, Store
from hpsearch.usage import UsageError

if TYPE_CHECKING:  # a fault is found without torch
    from hpsearch.build import Job
    from hpsearch.engine import History, Result
    from hpsearch.lanes import Outcome

OBJECTIVES: dict[str, tuple[str, Callable[[Result], float]]] = {  # name -> direction, value of a run that is finished
    "val_accuracy": ("maximize", lambda result: result.history.val_accuracy[-1]),
    "val_loss": ("minimize", lambda result: result.history.val_loss[-1]),
    "seconds": ("minimize", lambda result: result.seconds),
    "parameters": ("minimize", lambda result: math.nan if result.parameters is None else result.parameters),
}
WORST = {"val_accuracy": 0.0}  # what a run is worth that diverged; another objective has no worst value of its own
ATTEMPTS = 200  # points in a row that were asked before, until the space is taken to be exhausted


@dataclass(frozen=True)
class Budget:
    """n_trials: of the study in all. timeout: seconds after which none is begun. max_failure_rate: of n_trials."""

    n_trials: int
    timeout: float | None
    retry_failed: int
    max_failure_rate: float

    def __post_init__(self) -> None:
        """Raises UsageError for what cannot be."""
        rate = self.max_failure_rate
        require(self.n_trials >= 1, "hydra.sweeper.n_trials", self.n_trials, "at least 1")
        require(self.timeout is None or self.timeout > 0, "hydra.sweeper.timeout", self.timeout, "seconds above 0")
        require(self.retry_failed >= 0, "hydra.sweeper.retry_failed", self.retry_failed, "at least 0")
        require(0 <= rate <= 1, "hydra.sweeper.max_failure_rate", rate, "between 0 and 1")


@dataclass(eq=False)
class _Evaluation:
    """A trial in work. waves: the seeds that are still to come, those of a wave beside each other."""

    trial: Trial
    overrides: list[str]
    waves: list[list[int]]
    runs: dict[int, int] = field(default_factory=dict)  # seed -> number of its run
    histories: dict[int, History] = field(default_factory=dict)  # by seed
    outcomes: dict[int, Outcome] = field(default_factory=dict)  # by seed
    reported: int = 0
    pruned: bool = False

    @property
    def waiting(self) -> bool:
        """Whether a run of the last wave has not ended."""
        return len(self.outcomes) < len(self.runs)


class Search:
    """A feed of jobs: `hpsearch.once.Jobs`. Its owner tells `ended` of each."""

    searching = True

    def __init__(
        self,
        store: Store,
        draw: Callable[[Study], tuple[Trial, list[str]]],
        objectives: Sequence[str],
        seeds: Sequence[int],
        budget: Budget,
        compose: Callable[[int, list[str]], DictConfig],
        check: Callable[[DictConfig], Job | None],
        first_number: int,
        elsewhere: bool,
    ) -> None:
        """draw: asks for a trial, which it gives with its overrides. elsewhere: jobs run in batches, perhaps in other
        processes, and the only one of a wave reports by itself."""
        self.store, self.budget = store, budget
        self._objectives, self._seeds = list(objectives), list(seeds)
        self._draw, self._compose, self._check = draw, compose, check
        self._number, self._elsewhere = first_number, elsewhere
        self._by_seed = isinstance(store.study.pruner, WilcoxonPruner)  # a step is a seed, not an epoch
        self._reports = len(self._objectives) == 1
        self._cohort: int | None = getattr(store.study.pruner, "cohort", None)
        self._cohorts = f"{ME}/{len(store.study.get_trials(deepcopy=False))}"  # others' are not ours to wait for
        self._admitted = 0
        self._started = monotonic()
        self._evaluations: dict[int, _Evaluation] = {}  # by the number of each run in work
        self._open: list[_Evaluation] = []
        self.configs: dict[int, DictConfig] = {}  # by number, as long as the run is in work
        self.overrides: dict[int, list[str]] = {}  # likewise
        self.stopped: str | None = None  # why no trial is begun any more

    @property
    def runs(self) -> int:
        """How many there will be, as far as that is known."""
        return max(0, self.budget.n_trials - len(self.store.counted())) * len(self._seeds)

    def next(self, free: int) -> Sequence[tuple[int, Job]]:
        """As `hpsearch.once.Jobs.next`."""
        self.store.save(now=False)
        jobs: list[tuple[int, Job]] = []
        for evaluation in [evaluation for evaluation in self._open if not evaluation.waiting]:
            jobs += self._begin_wave(evaluation)
        asked = self._ask(free - len(jobs))
        self._open += asked
        for evaluation in asked:
            jobs += self._begin_wave(evaluation)
        return jobs

    def _ask(self, free: int) -> list[_Evaluation]:
        """New trials, as many as have room."""
        room = free // self.width or int(not self._open)
        if self._cohort is not None:  # it begins as a whole
            begun = self._admitted % self._cohort
            if not begun and self._open and room < self._cohort:
                return []
            room = min(room, self._cohort - begun)
        found: list[_Evaluation] = []
        repeated = 0
        while self._may_begin():
            self.store.look()
            more = min(room - len(found), self.budget.n_trials - len(self.store.counted()))
            if more <= 0 or repeated >= ATTEMPTS:
                break
            trials = [self._suggest(self._admitted + k) for k in range(more)]
            entered = self.store.begin([trial for trial, _ in trials], self.budget.n_trials)
            self._admitted += sum(entered)
            repeated += entered.count(False)
            found += [
                _Evaluation(trial, overrides, self._waves())
                for (trial, overrides), mine in zip(trials, entered, strict=True)
                if mine
            ]
        if repeated >= ATTEMPTS and not found:
            self.stopped = "every point that the sampler finds has been tried"
        return found

    def _may_begin(self) -> bool:
        if self.stopped is None:
            counted = self.store.counted()
            failed = self.failures
            timeout = self.budget.timeout
            if failed > self.budget.max_failure_rate * self.budget.n_trials:
                self.stopped = f"{failed} of {len(counted)} trials failed, more than max_failure_rate allows"
            elif timeout is not None and monotonic() - self._started > timeout:
                self.stopped = f"timeout={timeout:g} s is over"
            else:
                return len(counted) < self.budget.n_trials
        return False

    def _suggest(self, place: int) -> tuple[Trial, list[str]]:
        trial, overrides = self._draw(self.store.study)
        trial.set_user_attr(POINT, " ".join(f"{name}={text(value)}" for name, value in sorted(trial.params.items())))
        trial.set_user_attr(WORKER, ME)
        if self._cohort is not None:
            trial.set_user_attr(COHORT, f"{self._cohorts}/{place // self._cohort}")
        if ATTEMPT not in trial.user_attrs:
            trial.set_user_attr(ATTEMPT, 0)
        return trial, overrides

    def _waves(self) -> list[list[int]]:
        if self._by_seed:
            return [[seed] for seed in self._seeds]
        if self._elsewhere and not isinstance(self.store.study.pruner, NopPruner):
            return [wave for wave in (self._seeds[:1], self._seeds[1:]) if wave]  # one reports, and stands for the rest
        return [self._seeds]

    def _begin_wave(self, evaluation: _Evaluation) -> list[tuple[int, Any]]:
        jobs: list[tuple[int, Any]] = []
        wave = evaluation.waves.pop(0)
        attached = [f"trial={self.store.row(evaluation.trial)}"] if self._attached(evaluation, wave) else []
        for seed in wave:
            number = self._number
            self._number += 1
            evaluation.runs[seed] = number
            self._evaluations[number] = evaluation
            try:
                self.overrides[number] = [*evaluation.overrides, f"seed={seed}", *attached]
                self.configs[number] = self._compose(number, self.overrides[number])
                jobs.append((number, self._check(self.configs[number])))
            except UsageError as error:
                self.ended(number, error)
        return jobs

    def _attached(self, evaluation: _Evaluation, wave: list[int]) -> bool:
        """Whether the job of this wave reports to its trial by itself."""
        return self._elsewhere and self._reports and not self._by_seed and len(wave) == 1 and not evaluation.runs

    def prune(self, histories: Mapping[int, History]) -> Collection[int]:
        """Report the round to Optuna, every trial before any is asked about: so a halving sees all that take part."""
        touched: dict[int, _Evaluation] = {}
        for number, history in histories.items():
            evaluation = self._evaluations[number]
            evaluation.histories[_seed_of(evaluation, number)] = history
            touched[evaluation.trial.number] = evaluation
        if self._by_seed or not self._reports:
            return ()
        asked = [evaluation for _, evaluation in sorted(touched.items()) if self._report(evaluation)]
        if isinstance(self.store.study.pruner, NopPruner):
            return ()
        pruned: list[int] = []
        for evaluation in asked:
            if evaluation.trial.should_prune():
                evaluation.pruned = True
                pruned += evaluation.runs.values()
        return pruned

    def _report(self, evaluation: _Evaluation) -> bool:
        """Report the epochs that all seeds have done; whether there are new ones."""
        curves = [_curve(evaluation.histories.get(seed), self._objectives[0]) for seed in evaluation.runs]
        done = min(map(len, curves))
        new = range(evaluation.reported, done)
        for epoch in new:
            evaluation.trial.report(statistics.fmean(curve[epoch] for curve in curves), epoch + 1)
        evaluation.reported = max(evaluation.reported, done)
        if new:
            self.store.changed(evaluation.trial)
        return bool(new)

    def ended(self, number: int, outcome: Outcome) -> None:
        """A run has ended; with the last of its wave its trial is told or goes on."""
        evaluation = self._evaluations.pop(number)
        self.configs.pop(number, None)
        self.overrides.pop(number)
        seed = _seed_of(evaluation, number)
        evaluation.outcomes[seed] = outcome
        if not isinstance(outcome, Exception):
            evaluation.histories[seed] = outcome.history
        if evaluation.waiting:
            return
        if self._attached(_Evaluation(evaluation.trial, [], []), list(evaluation.runs)):
            evaluation.reported = self.store.reread(evaluation.trial)
        if self._by_seed and not isinstance(outcome, Exception):
            evaluation.trial.report(_value(outcome, self._objectives[0]), len(evaluation.outcomes) - 1)
            evaluation.pruned = bool(evaluation.waves) and evaluation.trial.should_prune()
        elif self._reports and not self._by_seed:
            self._report(evaluation)
        if not evaluation.waves or evaluation.pruned or isinstance(outcome, Exception):
            self._tell(evaluation)

    def _tell(self, evaluation: _Evaluation) -> None:
        trial = evaluation.trial
        self._open.remove(evaluation)
        evaluation.runs = {}
        results = {seed: r for seed, r in evaluation.outcomes.items() if not isinstance(r, Exception)}
        errors = [
            str(e).partition("\n")[0] or type(e).__name__
            for e in evaluation.outcomes.values()
            if isinstance(e, Exception)
        ]
        values = [[_value(result, name) for result in results.values()] for name in self._objectives]
        self._describe(trial, results)
        state = TrialState.COMPLETE
        if errors or not results:
            state = TrialState.FAIL
        elif evaluation.pruned or any(result.status == "pruned" for result in results.values()):
            state = TrialState.PRUNED
        elif not all(math.isfinite(value) for row in values for value in row):
            state, errors = TrialState.FAIL, [f"{', '.join(self._objectives)} is not finite"]
        if errors:
            trial.set_user_attr("reason", errors[0])
        again = state is TrialState.FAIL and trial.user_attrs[ATTEMPT] < self.budget.retry_failed
        if again:
            trial.set_user_attr(AGAIN, "failed")
        means = [statistics.fmean(row) for row in values] if state is TrialState.COMPLETE else None
        told = self.store.study.tell(trial, means, state)
        self.store.changed(trial)
        if again:
            self.store.enqueue_again(told)

    def _describe(self, trial: Trial, results: Mapping[int, Result]) -> None:
        """What the dashboard shows beside the value."""
        name = self._objectives[0]
        by_seed = {str(seed): _value(result, name) for seed, result in results.items()}
        trial.set_user_attr("seeds", by_seed)
        if len(by_seed) > 1:
            trial.set_user_attr("std", statistics.stdev(by_seed.values()))
        diverged = [seed for seed, result in results.items() if result.status == "diverged"]
        if diverged:
            trial.set_user_attr("diverged", diverged)
        trial.set_user_attr("epochs", sum(len(result.history.val_accuracy) for result in results.values()))

    @property
    def width(self) -> int:
        """How many runs of a trial are begun beside each other."""
        return len(self._waves()[0])

    @property
    def failures(self) -> int:
        """How many trials that count have failed."""
        return sum(trial.state is TrialState.FAIL for trial in self.store.counted())

    def close(self) -> None:
        """Save all. Trials in work are not done; the next command evaluates them again."""
        for evaluation in self._open:
            evaluation.trial.set_user_attr(AGAIN, "interrupted")
            self.store.study.tell(evaluation.trial, state=TrialState.FAIL)
            self.store.changed(evaluation.trial)
        self._open.clear()
        with closing(self.store.database):
            self.store.save()


def _seed_of(evaluation: _Evaluation, number: int) -> int:
    return next(seed for seed, its in evaluation.runs.items() if its == number)


def _curve(history: History | None, objective: str) -> list[float]:
    if history is None:
        return []
    return history.val_loss if objective == "val_loss" else history.val_accuracy


def _value(result: Result, objective: str) -> float:
    """One run's objective."""
    if result.status == "diverged" and objective in WORST:
        return WORST[objective]
    return OBJECTIVES[objective][1](result)
