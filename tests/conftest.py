import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import patch

# before torch reads it: threads that wait do not spin, because the tests' processes share the cores
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import pytest
import torch
from hydra.core.config_store import ConfigStore
from hypothesis import settings

import hpsearch.engine  # noqa: F401  # before torch: it settles how MKL rounds
from hpsearch.components import registry
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.engine.spec import LaneSpec
from hpsearch.shell import ENDING
from hpsearch.workers import scheduler
from hpsearch.workers.run import Run
from tests.cli import Cli

ROOT = Path(__file__).resolve().parent.parent

settings.register_profile("light", max_examples=10, deadline=None)
settings.register_profile("deep", max_examples=25, deadline=None)


def pytest_configure(config: pytest.Config) -> None:
    settings.load_profile("deep" if _runs_slow(config) else "light")


@pytest.hookimpl(tryfirst=True)  # before the markers select
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(pytest.mark.skip(reason="no CUDA device"))
        if _runs_slow(config) and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker(pytest.mark.slow)  # once more, on many examples
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)  # first, because one process has them


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if config.option.markexpr == "not slow and not long":
        terminalreporter.write_line("without the slow tests, which python -m pytest -n auto -m slow runs")


def _runs_slow(config: pytest.Config) -> bool:
    """True for ``-m slow`` and ``-m "slow and not long"``."""
    return str(config.option.markexpr).startswith("slow")


@pytest.fixture(autouse=True)
def signals() -> Iterator[None]:
    """A command ends with signals that do nothing; its process would be gone then."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, *ENDING)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    """Sets the number of threads for one test."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    handlers = logging.getLogger().handlers[:]
    yield Cli(tmp_path, monkeypatch, capfd)
    for handler in logging.getLogger().handlers[:]:  # the last run's log file
        if handler not in handlers:
            logging.getLogger().removeHandler(handler)
            handler.close()


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], Path]]:
    """Writes a module of the user's into the working directory. Afterwards all parts of plugins are forgotten."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # a module that is written again would be read from there
    with patch.dict(CLASSIFIERS):
        yield write
    for part in registry.plugin_parts():
        registry.forget(part)
        ConfigStore.instance().repo.get(part.group, {}).pop(f"{part.name}.yaml", None)
    for name, found in list(sys.modules.items()):
        if tmp_path in Path(getattr(found, "__file__", None) or "/").parents:
            del sys.modules[name]


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[LaneSpec]:
    """The runs that are not taken from their records, as they begin to wait for a lane."""
    runs: list[LaneSpec] = []
    original = scheduler.Scheduler.add

    def add(self: scheduler.Scheduler, index: int, run: Run) -> None:
        assert isinstance(run.lane, LaneSpec)
        runs.append(run.lane)
        original(self, index, run)

    monkeypatch.setattr(scheduler.Scheduler, "add", add)
    return runs


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real data sets, from $HPSEARCH_DATA or ``data/``; skips where Fashion-MNIST is not there."""
    root = Path(os.environ.get("HPSEARCH_DATA", ROOT / "data"))
    if not (root / "FashionMNIST" / "raw").is_dir():
        pytest.skip(f"no Fashion-MNIST in {root}; set HPSEARCH_DATA to a folder that has it")
    return root
