"""scikit-learn's classifiers as architectures: ``architecture=svc``.

To add one, name its class in `CLASSIFIERS` and its arguments in ``conf/architecture/<name>.yaml``.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

READS = ("data", "architecture", "seed", "split", "preprocessing", "metric", "metrics")  # what decides a result


def classifier(module: str, name: str, **options: Any) -> Any:
    """The estimator ``module.name(**options)``. Raises scikit-learn's ValueError for an option out of range.

    The module is imported here, because scikit-learn takes two seconds.
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
