"""The files and options of scikit-learn's classifiers."""

import pytest

from hpsearch.cli.program import CONF
from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.errors import UsageError
from hpsearch.task.prepare import prepare
from tests.composing import job_cfg


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("architecture.C=-1", "architecture: The 'C' parameter of SVC must be a float in the range (0.0, inf]. Got -1"),
        ("architecture.kernel=cube", "architecture: The 'kernel' parameter of SVC must be a "),
        ("architecture.name=perceptron", "architecture.name=perceptron: must be one of "),
    ],
)
def test_a_wrong_option_is_one_line(override: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepare([(job_cfg("data=digits", "architecture=svc", override), [])])
    (fault,) = caught.value.faults
    assert fault.startswith(words)
    assert "\n" not in fault


def test_every_classifier_has_a_file_that_names_it() -> None:
    files = (CONF / "architecture").glob("*.yaml")
    names = {line.removeprefix("name: ") for file in files for line in file.read_text().splitlines()}
    assert set(CLASSIFIERS) <= names
