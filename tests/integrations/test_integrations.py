"""The callbacks for other libraries, with the real libraries."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import nn

from hpsearch import ScriptRun
from hpsearch.components.data.mnist_archives import torchvision_datasets
from hpsearch.engine.result import Result
from hpsearch.script.function import script_of
from hpsearch.script.spec import ScriptSpec
from hpsearch.script.trainer import ScriptTrainer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # of the libraries' own plans
]
EXAMPLES = Path(__file__).parents[2] / "examples"


def trainer_of(function: Any, metric: str, folder: Path) -> ScriptTrainer:
    trainer = ScriptTrainer()
    spec = ScriptSpec(script_of(function, metric, "maximize", None), OmegaConf.create(), 3, 1, (), folder)
    trainer.enter(0, spec)
    return trainer


def result_of(trainer: ScriptTrainer) -> Result:
    while not (left := trainer.leave()):
        trainer.epoch()
    ((_, result),) = left
    assert isinstance(result, Result), result
    return result


@pytest.fixture
def _torchvision() -> None:
    """torchmetrics imports torchvision, whose wheels are made for the CUDA build of torch."""
    torchvision_datasets()


@pytest.mark.usefixtures("_torchvision")
def test_a_lightning_module_is_searched_with_pruning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(EXAMPLES)
    import lightning_module

    halving = ("hydra/sweeper/pruner=one_epoch", "hydra.sweeper.pruner.cohort=2", "hydra.sweeper.pruner.keep=1")
    search = ("hydra/sweeper=hpsearch", "lr=tag(log,interval(0.001,1))", "hydra.sweeper.n_trials=4", *halving)
    found = lightning_module.train.sweep(*search, "hydra.launcher.processes=2", "epochs=3", "report=false", "name=l")
    by_status = {record["status"]: record for record in found.records}
    assert sorted(record["status"] for record in found.records) == ["finished", "finished", "pruned", "pruned"]
    done, pruned = by_status["finished"], by_status["pruned"]
    assert done["history"]["epoch"] == [0, 1, 2]
    assert all(value is not None for name in ("train_loss", "val_loss") for value in done["history"][name])
    assert 0.1 < done["metrics"]["test_accuracy"] <= 1
    assert len(pruned["history"]["val_accuracy"]) == 1


@pytest.mark.usefixtures("_torchvision")
def test_a_trainer_of_hugging_face_reports_its_evaluations(tmp_path: Path) -> None:
    from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments

    from hpsearch.integrations.transformers import TransformersCallback

    shape = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 1, "num_hidden_layers": 1}
    generator = torch.Generator().manual_seed(0)
    tokens = torch.randint(5, 20, (60, 4), generator=generator)
    rows = [{"input_ids": row, "labels": int(row[0] > 12)} for row in tokens]

    def train(cfg: Any, run: ScriptRun) -> None:
        run.seed_everything()
        model = BertForSequenceClassification(BertConfig(vocab_size=20, max_position_embeddings=8, **shape))
        options = {"num_train_epochs": 3, "eval_strategy": "epoch", "logging_strategy": "epoch", "report_to": "none"}
        args = TrainingArguments(
            str(run.folder), use_cpu=True, disable_tqdm=True, save_strategy="no", learning_rate=0.01, **options
        )

        def accuracy(told: Any) -> dict[str, float]:
            return {"accuracy": float((told.predictions.argmax(1) == told.label_ids).mean())}

        trainer = Trainer(
            model,
            args,
            train_dataset=rows[:40],
            eval_dataset=rows[40:50],
            compute_metrics=accuracy,
            callbacks=[TransformersCallback(run)],
        )
        trainer.train()
        trainer.predict(rows[50:])

    trainer = trainer_of(train, "eval_accuracy", tmp_path)
    assert len(trainer.epoch()[0].val_metric) == 1
    result = result_of(trainer)
    assert result.curves["epoch"] == [5, 10, 15]
    assert all(value > 0 for value in result.history.train_loss)
    assert 0 <= result.metrics["test_accuracy"] <= 1
    assert result.metrics["test_loss"] > 0
    assert not [name for name in result.curves if "runtime" in name or "per_second" in name]
    again = trainer_of(train, "eval_accuracy", tmp_path)
    again.epoch()
    ((_, pruned),) = again.leave([0])
    assert isinstance(pruned, Result)
    assert (pruned.status, pruned.epoch) == ("pruned", 1)


def test_the_callbacks_are_imported_only_when_asked_for() -> None:
    libraries = {"transformers", "lightning", "pytorch_lightning"}
    program = f"import sys, hpsearch, hpsearch.script.run; print({libraries} & {{*sys.modules}})"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"


@pytest.mark.usefixtures("_torchvision")
def test_lightning_may_validate_seldom_and_fit_twice(tmp_path: Path) -> None:
    import pytorch_lightning as pl
    from torch.utils.data import DataLoader

    from hpsearch.integrations.lightning import LightningCallback

    class Tiny(pl.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net, self.validations = nn.Linear(1, 1), 0

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            return self.net(batch).square().mean()

        def validation_step(self, batch: torch.Tensor, index: int) -> None:
            self.validations += 1
            self.log("val_score", float(self.validations))

        def on_test_epoch_end(self) -> None:
            self.log("test_score", 0.25)

        def test_step(self, batch: torch.Tensor, index: int) -> None:
            pass

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    rows = DataLoader(torch.ones(2, 1), batch_size=2)
    quiet = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "accelerator": "cpu"}

    def train(cfg: Any, run: ScriptRun) -> None:
        module = Tiny()
        for seldom in (2, 1):
            callbacks = [LightningCallback(run)]
            options = {"num_sanity_val_steps": 0, "check_val_every_n_epoch": seldom, "max_epochs": 4 // seldom}
            trainer = pl.Trainer(callbacks=callbacks, **options, **quiet)
            trainer.fit(module, rows, rows)
        trainer.test(module, rows, verbose=False)

    result = result_of(trainer_of(train, "val_score", tmp_path))
    assert result.curves["epoch"] == [1, 2, 3, 4, 5]
    assert result.history.val_metric == [1, 2, 3, 4, 5]
    assert result.metrics["test_score"] == 0.25
