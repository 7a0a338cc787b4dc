"""A scikit-learn pipeline, judged by cross-validation; nothing of it is a net.

python examples/sklearn_pipeline.py -m classifier=svm,forest scale=true,false 'seed=range(6)'
"""

from hydra.utils import instantiate
from sklearn.datasets import load_wine
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hpsearch


@hpsearch.main(config_path="conf", config_name="sklearn_pipeline", metric="val_accuracy")
def train(cfg, run):
    run.seed_everything()
    x, y = load_wine(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x, y, test_size=0.3, random_state=cfg.seed, stratify=y)
    steps = [StandardScaler()] if cfg.scale else []
    pipeline = make_pipeline(*steps, instantiate(cfg.classifier))
    run.log(1, val_accuracy=cross_val_score(pipeline, x, y, cv=5).mean())
    run.finish(test_accuracy=pipeline.fit(x, y).score(x_test, y_test), test_samples=len(y_test))


if __name__ == "__main__":
    train()
