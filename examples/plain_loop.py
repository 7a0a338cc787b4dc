"""A plain PyTorch loop on scikit-learn's digits.

python examples/plain_loop.py -m optimizer=SGD,Adam lr=0.1,0.01 'seed=range(5)'
"""

import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn.functional import cross_entropy

import hpsearch


def splits(seed):
    x, y = load_digits(return_X_y=True)
    x, y = torch.tensor(x / 16, dtype=torch.float32), torch.tensor(y)
    rest, test = train_test_split(range(len(y)), test_size=0.2, random_state=0, stratify=y)
    train, validation = train_test_split(rest, test_size=0.2, random_state=seed, stratify=y[rest])
    return [(x[part], y[part]) for part in (train, validation, test)]


@hpsearch.main(config_path="conf", config_name="plain_loop", metric="val_accuracy")
def train(cfg, run):
    run.seed_everything()
    (x, y), validation, test = splits(cfg.seed)
    net = nn.Sequential(nn.Linear(64, cfg.width), nn.ReLU(), nn.Linear(cfg.width, 10))
    optimizer = getattr(torch.optim, cfg.optimizer)(net.parameters(), lr=cfg.lr)

    def accuracy(x, y):
        with torch.no_grad():
            return (net(x).argmax(1) == y).float().mean()

    for epoch in range(cfg.epochs):
        for batch in torch.randperm(len(x)).split(cfg.batch_size):
            loss = cross_entropy(net(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        run.log(epoch, train_loss=loss, val_accuracy=accuracy(*validation))
    torch.save(net.state_dict(), run.folder / "net.pt")
    run.finish(test_accuracy=accuracy(*test), test_samples=len(test[0]))


if __name__ == "__main__":
    train()
