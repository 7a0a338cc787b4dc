"""scikit-learn's classifiers, which run as architectures beside the nets: ``architecture=svc``.

To add one, name its class in `CLASSIFIERS` and its arguments in ``conf/architecture/<name>.yaml``.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

READS = ("data", "architecture", "seed")  # what of a configuration decides a classifier's numbers


def classifier(module: str, name: str, **options: Any) -> Any:
    """An estimator with these arguments. Raises ValueError for one out of range, in scikit-learn's words.

    The module is imported here: scikit-learn takes a second.
    """
    estimator = getattr(import_module(module), name)(**options)
    estimator._validate_params()
    return estimator


CLASSIFIERS: dict[str, Callable[..., Any]] = {
    "svc": partial(classifier, "sklearn.svm", "SVC"),
    "svc_poly": partial(classifier, "sklearn.svm", "SVC"),
    "gradient_boosting": partial(classifier, "sklearn.ensemble", "HistGradientBoostingClassifier"),
    "random_forest": partial(classifier, "sklearn.ensemble", "RandomForestClassifier"),
    "sklearn_mlp": partial(classifier, "sklearn.neural_network", "MLPClassifier"),
    "k_neighbors": partial(classifier, "sklearn.neighbors", "KNeighborsClassifier"),
    "logistic_regression": partial(classifier, "sklearn.linear_model", "LogisticRegression"),
}
