"""scikit-learn: `MLPRegressor` in a `GridSearchCV`. ``python -m benchmarks.peers.sklearn_folds table.csv``.

It validates a net once, at its end. Its loss is half the squared error, and it divides ``alpha`` by the batch size.
"""

import os
import sys
import warnings
from pathlib import Path

from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.folds import BATCH, DECAYS, EPOCHS, LRS, WIDTHS, announce, folds, read_table


def search(path: Path) -> float:
    """The winner's mean validation RMSE."""
    x, y = read_table(path)
    net = MLPRegressor(
        hidden_layer_sizes=WIDTHS, batch_size=BATCH, max_iter=EPOCHS, n_iter_no_change=EPOCHS, random_state=0
    )
    standardised = TransformedTargetRegressor(make_pipeline(StandardScaler(), net), transformer=StandardScaler())
    grid = {"learning_rate_init": LRS, "alpha": [decay * BATCH / 2 for decay in DECAYS]}
    found = GridSearchCV(
        standardised,
        {f"regressor__mlpregressor__{key}": values for key, values in grid.items()},
        scoring="neg_root_mean_squared_error",
        cv=folds(),
        n_jobs=os.cpu_count(),
        refit=False,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return -float(found.fit(x, y).best_score_)


if __name__ == "__main__":
    os.environ["PYTHONWARNINGS"] = "ignore"  # in its processes
    announce(search(Path(sys.argv[1])))
