"""scikit-learn's classifiers in the place of a stack."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from hpsearch.components.architecture.classifiers import CLASSIFIERS
from hpsearch.components.data.dataset import Split
from hpsearch.components.data.load import load
from hpsearch.engine.classifier_trainer import ClassifierSpec, ClassifierStackSpec, ClassifierTrainer
from hpsearch.engine.result import Result
from tests.programs import train

DIGITS = load({"name": "digits", "validation": 180, "test": 180, "split_seed": 0})


def results(estimator: object, seed: int = 0) -> Result:
    (result,) = train([ClassifierSpec(estimator, seed)], ClassifierStackSpec(DIGITS), 1, start=ClassifierTrainer)
    return result


def test_the_accuracies_are_scikit_learns_own() -> None:
    mine, reference = results(SVC(C=10)), SVC(C=10).fit(DIGITS.train.x.numpy(), DIGITS.train.y.numpy())
    for accuracy, part in (
        (mine.history.val_metric[-1], DIGITS.validation),
        (sum(mine.test_correct) / sum(mine.test_total), DIGITS.test),
    ):
        assert accuracy == pytest.approx(reference.score(part.x.numpy(), part.y.numpy()), abs=1e-12)


def test_the_loss_is_the_cross_entropy() -> None:
    mine, reference = results(LogisticRegression(max_iter=500)), LogisticRegression(max_iter=500)
    reference.fit(DIGITS.train.x.numpy(), DIGITS.train.y.numpy())
    logits = torch.from_numpy(reference.decision_function(DIGITS.test.x.numpy()))
    assert mine.metrics["test_loss"] == pytest.approx(
        torch.nn.functional.cross_entropy(logits, DIGITS.test.y).item(), rel=1e-4
    )


def test_the_seed_decides_and_repeats() -> None:
    forest = CLASSIFIERS["random_forest"](n_estimators=5)
    one, again, other = results(forest, 0), results(forest, 0), results(forest, 1)
    assert one.test_correct == again.test_correct
    assert one.metrics["test_loss"] != other.metrics["test_loss"]


def test_a_fit_that_has_not_converged_says_so() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = results(LogisticRegression(max_iter=1))
    assert result.status == "finished"
    assert result.reason is not None
    assert result.reason.startswith("ConvergenceWarning: ")


def test_the_test_part_is_counted_in_batches_of_256() -> None:
    part = DIGITS.test
    doubled = Split(torch.cat([part.x] * 2), torch.cat([part.y] * 2))
    program = ClassifierStackSpec(replace(DIGITS, test=doubled))
    (result,) = train([ClassifierSpec(SVC(), 0)], program, 1, start=ClassifierTrainer)
    assert result.test_total == [256, 104]
    assert np.less_equal(result.test_correct, result.test_total).all()
