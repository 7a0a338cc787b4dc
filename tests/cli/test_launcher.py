"""Hydra's own conformance suites, run against `stacked` with tasks that offer no ``run_many``."""

import pytest
from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.test_utils.launcher_common_tests import (
    BatchedSweeperTestSuite,
    IntegrationTestSuite,
    LauncherTestSuite,
)

from hpsearch.cli.launcher import StackedLauncher

Plugins.instance()  # Hydra's suites restore its singletons, which must have all plugins then


def test_the_launcher_is_found_as_a_plugin() -> None:
    assert StackedLauncher in Plugins.instance().discover(Launcher)


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", [])])
class TestStackedLauncher(LauncherTestSuite):
    pass


@pytest.mark.parametrize(("launcher_name", "overrides"), [("stacked", ["hydra.sweeper.max_batch_size=2"])])
class TestStackedLauncherInBatches(BatchedSweeperTestSuite):
    pass


@pytest.mark.parametrize(
    ("task_launcher_cfg", "extra_flags"),
    [({}, ["-m", "hydra/launcher=stacked", "hydra.hydra_logging.formatters.simple.format='[HYDRA] %(message)s'"])],
)
class TestStackedLauncherIntegration(IntegrationTestSuite):
    pass
