"""scikit-learn: `MLPClassifier` in a `GridSearchCV` on every core. ``python -m benchmarks.peers.sklearn_grid``.

The closest that it can express. It has no RMSprop, so Adam with other seeds takes that share of the work; and it
validates a net once, at its end, because within a fit it would score a part that it has split off itself.
"""

import os
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, PredefinedSplit, train_test_split
from sklearn.neural_network import MLPClassifier

from benchmarks.work import announce, from_arguments


def scores(test_x: np.ndarray, test_y: np.ndarray, net: Any, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """Of a trained net: on the validation part, and once on the test part."""
    return {"validation": net.score(x, y), "test": net.score(test_x, test_y)}


if __name__ == "__main__":
    work = from_arguments()
    # the parts of `hpsearch.components.data.builtin.digits`, which would import PyTorch
    x, y = load_digits(return_X_y=True)
    x, test_x, y, test_y = train_test_split(x, y, test_size=180, stratify=y, random_state=0)
    x, held_x, y, held_y = train_test_split(x, y, test_size=180, stratify=y, random_state=0)
    mean, std = x.mean(), x.std()
    parts = [((part - mean) / std).astype(np.float32) for part in (x, held_x, test_x)]
    grid = [
        {
            "solver": ["sgd" if name == "sgd" else "adam"],
            "learning_rate_init": list(work.lrs),
            "random_state": list(range(number * work.seeds, (number + 1) * work.seeds)),
        }
        for number, name in enumerate(work.optimizers)
    ]
    net = MLPClassifier(
        (64, 64), batch_size=64, max_iter=work.epochs, n_iter_no_change=work.epochs, alpha=0.0, momentum=0.0
    )
    search = GridSearchCV(
        net,
        grid,
        scoring=partial(scores, parts[2], test_y),
        cv=PredefinedSplit([-1] * len(y) + [0] * len(held_y)),
        n_jobs=os.cpu_count(),
        refit=False,
    )
    search.fit(np.concatenate(parts[:2]), np.concatenate([y, held_y]))
    found = zip(search.cv_results_["params"], search.cv_results_["mean_test_validation"], strict=True)
    for params, accuracy in found:
        announce(params["solver"], params["learning_rate_init"], params["random_state"], accuracy)
