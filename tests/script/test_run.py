"""`ScriptRun`, and the call of a function that stops at each value of its metric."""

import io
import math
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from greenlet import GreenletExit
from omegaconf import OmegaConf

from hpsearch import Pruned
from hpsearch.engine.result import Result
from hpsearch.errors import Exited, UsageError, reason_of
from hpsearch.script.function import Script, from_bytes, script_of
from hpsearch.script.run import ScriptRun
from hpsearch.script.spec import ScriptSpec
from hpsearch.script.trainer import ScriptTrainer


def trainer_of(
    tmp_path: Path, function: Callable[[Any, ScriptRun], object], metric: str = "val_accuracy", **options: Any
) -> ScriptTrainer:
    script = script_of(function, metric, options.pop("direction", "maximize"), options.pop("unit", None))
    trainer = ScriptTrainer()
    trainer.enter(7, ScriptSpec(script, OmegaConf.create(options), 3, 1, (), tmp_path))
    return trainer


def outcome_of(trainer: ScriptTrainer) -> Result | Exception:
    while not (left := trainer.leave()):
        trainer.epoch()
    ((number, outcome),) = left
    assert number == 7
    assert len(trainer) == 0
    return outcome


def result_of(trainer: ScriptTrainer) -> Result:
    outcome = outcome_of(trainer)
    assert isinstance(outcome, Result), outcome
    return outcome


def test_a_function_stops_at_each_value_of_the_metric(tmp_path: Path) -> None:
    done: list[int] = []

    def train(cfg: Any, run: ScriptRun) -> None:
        for epoch in range(3):
            run.log(epoch, train_loss=1.0)
            done.append(epoch)
            run.log(epoch, val_accuracy=epoch / 10)

    trainer = trainer_of(tmp_path, train)
    assert done == []
    for epoch in range(3):
        histories = trainer.epoch()
        assert done == list(range(epoch + 1))
        assert histories[7].val_metric == [e / 10 for e in done]
    assert trainer.epoch(resting=[7]) == {}
    assert trainer.epoch() == {}
    assert result_of(trainer).status == "finished"


def test_a_result_has_all_that_was_reported(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        run.log(10, train_loss=2.0, val_accuracy=np.float32(0.5), **{"grad/norm": torch.tensor(3.0)})
        run.log(20, val_f1=0.25)
        run.log(20, val_accuracy=0.75)
        run.log(20, train_loss=1.0)
        run.finish(test_accuracy=0.7, latency=3, test_samples=100)

    result = result_of(trainer_of(tmp_path, train))
    assert result.history.val_metric == [0.5, 0.75]
    assert result.history.train_loss == [2.0, 1.0]
    assert result.curves["epoch"] == [10, 20]
    assert result.curves["grad_norm"][0] == 3.0
    assert math.isnan(result.curves["grad_norm"][1])
    assert (result.epoch, result.test_samples, result.value) == (2, 100, 0.75)
    told = {name: value for name, value in result.metrics.items() if not math.isnan(value)}
    assert told == {
        "val_accuracy": 0.75,
        "train_loss": 1.0,
        "val_f1": 0.25,
        "test_accuracy": 0.7,
        "test_latency": 3.0,
    }


def test_a_curve_of_many_steps_grows_in_steady_time(tmp_path: Path) -> None:
    """Values that come after the metric of their epoch count, too."""

    def train(cfg: Any, run: ScriptRun) -> None:
        for step in range(20_000):
            run.log(step, val_accuracy=0.5)
            run.log(step, train_loss=step)

    started = time.perf_counter()
    trainer = trainer_of(tmp_path, train)
    while trainer.epoch():
        pass
    result = result_of(trainer)
    assert result.history.train_loss == list(range(20_000))
    assert time.perf_counter() - started < 5  # 0.3 s, and minutes if each step read all


def test_an_earlier_epoch_may_have_been_tested(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        for epoch, value in enumerate([0.5, 0.9, 0.6], start=1):
            run.log(epoch, val_accuracy=value)
        run.finish(epoch=2, test_accuracy=0.8)

    result = result_of(trainer_of(tmp_path, train))
    assert (result.epoch, result.value, result.metrics["test_accuracy"]) == (2, 0.9, 0.8)


def test_the_validation_loss_may_be_the_metric(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        run.log(1, eval_loss=0.5)
        run.finish(test_loss=0.6)

    result = result_of(trainer_of(tmp_path, train, "eval_loss", direction="minimize"))
    assert (result.metric, result.value, result.metrics["test_loss"]) == ("loss", 0.5, 0.6)
    assert result.history.val_loss == result.history.val_metric == [0.5]


class Untold(Exception):
    """An error whose text cannot be made."""

    def __str__(self) -> str:
        raise TypeError


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (GeneratorExit("odd"), "Exited: GeneratorExit: odd"),
        (GreenletExit(1), "Exited: GreenletExit: 1"),
        (ValueError("\n \nlong\nand more"), "ValueError: long"),
        (ValueError("y" * 5000), f"ValueError: {'y' * 1000}…"),
        (Untold(), "Untold: its text cannot be made (TypeError)"),
    ],
)
def test_any_exception_fails_the_run_with_one_line(
    tmp_path: Path, raised: BaseException, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        monkeypatch.setattr(sys, "stdout", io.StringIO())
        sys.stdout.close()
        raise raised

    outcome = outcome_of(trainer_of(tmp_path, train))
    assert isinstance(outcome, Exception)
    assert reason_of(outcome) == reason


@pytest.mark.parametrize("ends", ["returns", "exits", "reports", "raises"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_does_not_go_on_as_its_parent(
    tmp_path: Path, ends: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        child = os.fork()
        if child == 0 and ends == "exits":
            sys.exit(3)
        if child == 0 and ends == "raises":
            raise ValueError("in the child")
        if child == 0 and ends == "reports":
            run.log(1, val_accuracy=0.9)
        if child:
            ended.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
            run.log(1, val_accuracy=0.5)

    ended: list[int] = []
    parent = os.getpid()
    result = result_of(trainer_of(tmp_path, train))
    assert os.getpid() == parent
    assert result.value == 0.5
    assert ended == [{"returns": 0, "exits": 3}.get(ends, 1)]


def test_ctrl_c_in_the_process_of_the_command_passes(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer_of(tmp_path, train).epoch()


def test_a_pruned_run_ends_by_an_exception(tmp_path: Path) -> None:
    seen: list[type] = []

    def train(cfg: Any, run: ScriptRun) -> None:
        try:
            for epoch in range(5):
                run.log(epoch, val_accuracy=0.5)
        except Pruned as error:
            seen.append(type(error))
            raise

    trainer = trainer_of(tmp_path, train)
    trainer.epoch()
    trainer.epoch()
    ((_, result),) = trainer.leave([7])
    assert seen == [Pruned]
    assert isinstance(result, Result)
    assert (result.status, result.reason, result.epoch) == ("pruned", "pruned after epoch 1", 2)


def test_a_function_that_swallows_pruned_ends_too(tmp_path: Path) -> None:
    cleaned: list[bool] = []

    def train(cfg: Any, run: ScriptRun) -> None:
        try:
            for epoch in range(10_000):
                try:
                    run.log(epoch, val_accuracy=0.5)
                except Exception:
                    continue
        finally:
            cleaned.append(True)

    trainer = trainer_of(tmp_path, train)
    trainer.epoch()
    ((_, result),) = trainer.leave([7])
    assert isinstance(result, Result)
    assert result.status == "pruned"
    assert cleaned == [True]


def test_a_metric_that_is_no_number_any_more_is_a_divergence(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        run.log(0, val_accuracy=0.5)
        run.log(1, val_accuracy=math.nan)
        run.finish(test_accuracy=0.1)

    result = result_of(trainer_of(tmp_path, train))
    assert (result.status, result.reason) == ("diverged", "val_accuracy is nan after epoch 1")
    assert math.isnan(result.metrics["test_accuracy"])


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda run: run.log("1", val_accuracy=0.5), "epoch must be a whole number, not '1'"),
        (lambda run: run.log(1.5, val_accuracy=0.5), "epoch must be a whole number, not 1.5"),
        (lambda run: run.log(0, val_accuracy=0.5), "epoch 0 comes after epoch 1"),
        (lambda run: run.log(1, val_accuracy=0.5), "val_accuracy of epoch 1 comes a second time"),
        (lambda run: run.log(2, val_accuracy=93.1), "val_accuracy=93.1: must be a share between 0 and 1"),
        (lambda run: run.log(2, val_accuracy="high"), "val_accuracy='high': must be a number"),
        (lambda run: run.log(2, epoch=3.0, val_accuracy=0.5), "epoch=3: is the column"),
        (lambda run: run.log(2, **{"1st": 1.0}), "'1st': a name must begin with a letter"),
        (lambda run: run.finish(test_accuracy=None), "test_accuracy=None: must be a number"),
        (lambda run: run.finish(epoch=9), "epoch=9: has no val_accuracy"),
        (lambda run: run.finish(test_samples=-1), "test_samples=-1: must be at least 0"),
        (lambda run: run.finish(test_accuracy=97.3), "test_accuracy=97.3: must be a share between 0 and 1"),
        (lambda run: run.log(2, width=3, val_accuracy=0.5), "width: is a key of the configuration"),
    ],
)
def test_a_wrong_call_names_what_is_wrong(tmp_path: Path, call: Callable[[ScriptRun], object], said: str) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        run.log(1, val_accuracy=0.5)
        call(run)

    error = outcome_of(trainer_of(tmp_path, train, width=8))
    assert isinstance(error, (ValueError, TypeError))
    assert said in str(error)


def test_a_function_without_a_value_has_failed(tmp_path: Path) -> None:
    error = outcome_of(trainer_of(tmp_path, lambda cfg, run: None))
    assert str(error) == "the function has ended without run.log(epoch, val_accuracy=…)"


def test_a_returned_number_stands_for_the_metric(tmp_path: Path) -> None:
    for value in (0.25, np.float32(0.25), torch.tensor(0.25)):
        assert result_of(trainer_of(tmp_path, lambda cfg, run, value=value: value)).value == 0.25
    error = outcome_of(trainer_of(tmp_path, lambda cfg, run: {"accuracy": 0.25}))
    said = "run.log: val_accuracy={'accuracy': 0.25}: must be a number; the function has returned it, without run.log"
    assert str(error) == said


def test_the_working_directory_is_that_of_the_command_again(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> float:
        os.chdir(tmp_path)
        return 0.5

    before = os.getcwd()
    assert result_of(trainer_of(tmp_path, train)).value == 0.5
    assert os.getcwd() == before


def test_exiting_is_a_failure_of_the_run(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        raise SystemExit(3)

    error = outcome_of(trainer_of(tmp_path, train))
    assert isinstance(error, Exited)
    assert str(error) == "sys.exit(3) was called"


def test_an_interrupt_passes(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer_of(tmp_path, train).epoch()


def test_an_interrupted_run_goes_on_from_its_own_files(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        kept = run.resume / "epoch"
        for epoch in range(int(kept.read_text()) if kept.exists() else 0, 4):
            if epoch == 2 and not kept.with_name("second").exists():
                kept.with_name("second").touch()
                raise RuntimeError("the power is gone")
            run.log(epoch, train_loss=float(epoch), val_accuracy=epoch / 10)
            kept.write_text(str(epoch + 1))

    assert isinstance(outcome_of(trainer_of(tmp_path, train)), RuntimeError)
    trainer = trainer_of(tmp_path, train)
    assert trainer.epoch()[7].val_metric == [0.0, 0.1, 0.2]
    result = result_of(trainer)
    assert result.history.val_metric == [0.0, 0.1, 0.2, 0.3]
    assert result.history.train_loss == [0.0, 1.0, 2.0, 3.0]


def test_a_run_that_begins_again_forgets_its_curve(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        assert run.resume.is_dir()
        run.log(0, val_accuracy=0.1)
        run.log(1, val_accuracy=0.2)
        raise RuntimeError

    for _ in range(2):
        trainer = trainer_of(tmp_path, train)
        assert trainer.epoch()[7].val_metric == [0.1]
        outcome_of(trainer)


def test_a_damaged_curve_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / "resume").mkdir()
    (tmp_path / "resume" / "hpsearch.json").write_text("[[0, 3")
    trainer = trainer_of(tmp_path, lambda cfg, run: 0.25)
    assert result_of(trainer).history.val_metric == [0.25]


def test_seeding_makes_all_random_numbers_those_of_the_run(tmp_path: Path) -> None:
    drawn: list[tuple[float, ...]] = []

    def train(cfg: Any, run: ScriptRun) -> float:
        assert run.seed_everything() == run.seed == 3
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
        return 0.5

    for _ in range(2):
        result_of(trainer_of(tmp_path, train))
    assert drawn[0] == drawn[1]


def test_reporting_from_another_thread_is_refused(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def train(cfg: Any, run: ScriptRun) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(run.log, 0, val_accuracy=0.5).result()

    assert "by the thread that runs the function" in str(outcome_of(trainer_of(tmp_path, train)))

    def swallowed(cfg: Any, run: ScriptRun) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(run.log, 0, val_accuracy=0.5)

    assert "ended without run.log" in str(outcome_of(trainer_of(tmp_path, swallowed)))


@pytest.mark.parametrize(
    ("metric", "options", "name", "unit"),
    [
        ("val_accuracy", {}, "accuracy", "%"),
        ("val/acc", {}, "acc", ""),
        ("valid_f1", {"unit": ""}, "f1", ""),
        ("reward", {}, "reward", ""),
        ("eval_loss", {"direction": "minimize"}, "loss", ""),
        ("share", {"unit": "%"}, "share", "%"),
    ],
)
def test_the_metric_of_a_script(metric: str, options: dict[str, Any], name: str, unit: str) -> None:
    given = {"direction": "maximize", "unit": None} | options
    measure = script_of(lambda cfg, run: None, metric, **given).measure
    assert (measure.name, measure.unit, measure.maximize) == (name, unit, given["direction"] == "maximize")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("", "maximize", None), "metric=: must be the name"),
        (("x", "up", None), "direction=up: must be maximize or minimize"),
        (("x", "maximize", "ms"), "unit=ms: must be '%'"),
    ],
)
def test_wrong_arguments_of_the_decorator_are_named(given: Any, said: str) -> None:
    with pytest.raises(UsageError, match=said.replace("?", r"\?")):
        script_of(lambda cfg, run: None, *given)


@pytest.fixture
def script() -> Script:
    return script_of(lambda cfg, run: cfg.x + run.seed, "reward", "maximize", None)


def test_a_script_travels_by_value(script: Script) -> None:
    """To a process that has never imported it, which knows it from then on by its own name."""
    again = from_bytes(script.by_value())
    assert (again.name, again.metric, again.measure) == (script.name, script.metric, script.measure)


def test_an_attempt_that_only_tests_has_the_curve_of_the_one_before(tmp_path: Path) -> None:
    def train(cfg: Any, run: ScriptRun) -> None:
        done = run.resume / "done"
        if not done.exists():
            run.log(1, val_accuracy=0.5)
            run.log(2, val_accuracy=0.25)
            done.touch()
            raise RuntimeError("the power is gone")
        run.finish(epoch=1, test_accuracy=0.4, test_samples=10)
        run.finish(latency=3)

    assert isinstance(outcome_of(trainer_of(tmp_path, train)), RuntimeError)
    result = result_of(trainer_of(tmp_path, train))
    assert (result.epoch, result.value, result.test_samples) == (1, 0.5, 10)
    assert (result.metrics["test_accuracy"], result.metrics["test_latency"]) == (0.4, 3)
