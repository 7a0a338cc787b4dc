"""Any command line ends in a line and leaves nothing."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings

from tests.faults.command_lines import BASE, LAST, odd_command_line, verdict_of

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform != "linux", reason="commands run in forks")]


@pytest.mark.long
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(odd_command_line())
def test_an_odd_command_line_ends_in_a_line(arguments: list[str]) -> None:
    assert verdict_of(arguments) is None, arguments


def test_a_right_command_is_right_and_a_wrong_end_is_seen() -> None:
    assert verdict_of([*BASE, LAST]) is None
    assert str(verdict_of([*BASE, "epochs=1"])).startswith("leaves multirun")  # because it trained
