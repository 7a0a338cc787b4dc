"""A Lightning module on scikit-learn's digits, searched with pruning.

python examples/lightning_module.py -m hydra/sweeper=hpsearch hydra/sweeper/pruner=median \\
    'lr=tag(log,interval(0.001,1))' hydra.sweeper.n_trials=12
"""

import pytorch_lightning as pl
import torch
from plain_loop import splits
from torch import nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, TensorDataset

import hpsearch
from hpsearch.integrations.lightning import LightningCallback


class Net(pl.LightningModule):
    def __init__(self, width, lr):
        super().__init__()
        self.lr, self.net = lr, nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

    def step(self, batch, part):
        x, y = batch
        scores = self.net(x)
        loss = cross_entropy(scores, y)
        self.log(f"{part}_loss", loss, on_epoch=True, on_step=False)
        self.log(f"{part}_accuracy", (scores.argmax(1) == y).float().mean(), on_epoch=True, on_step=False)
        return loss

    def training_step(self, batch, index):
        return self.step(batch, "train")

    def validation_step(self, batch, index):
        self.step(batch, "val")

    def test_step(self, batch, index):
        self.step(batch, "test")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=self.lr)


@hpsearch.main(config_path="conf", config_name="lightning_module", metric="val_accuracy")
def train(cfg, run):
    run.seed_everything()
    parts = [TensorDataset(*part) for part in splits(cfg.seed)]
    fit, validation, test = (DataLoader(part, cfg.batch_size, shuffle=part is parts[0]) for part in parts)
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    trainer = pl.Trainer(max_epochs=cfg.epochs, accelerator="auto", callbacks=[LightningCallback(run)], **quiet)
    net = Net(cfg.width, cfg.lr)
    trainer.fit(net, fit, validation)
    trainer.test(net, test, verbose=False)


if __name__ == "__main__":
    train()
