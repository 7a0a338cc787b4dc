"""Modules as users write them, for samples of 12 numbers and 4 classes; and modules that cannot train."""

import random
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Shape = tuple[int, ...]


class Linears(nn.Module):
    def __init__(self, inputs: Shape, outputs: int, width: int = 16, p: float = 0.0) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(inputs[0], width), nn.ReLU(), nn.Dropout(p), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, outputs),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Residual(nn.Module):
    """Normalisation, functions that round by place, dropout as a function, a weight without bias."""

    def __init__(self, inputs: Shape, outputs: int, width: int = 9) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(inputs[0], width), nn.LayerNorm(width)
        self.inner, self.batch = nn.Linear(width, width, bias=False), nn.BatchNorm1d(width)
        self.last = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = F.gelu(self.first(x))
        h = h + F.dropout(F.silu(self.inner(self.norm(h))), 0.2, self.training)
        return self.last(torch.sigmoid(self.batch(h)))


class Tied(nn.Module):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(inputs[0], inputs[0]), nn.Linear(inputs[0], inputs[0])
        self.two.weight = self.one.weight
        self.last = nn.Linear(inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(F.relu(self.two(F.relu(self.one(x)))))


class Buffers(nn.Module):
    """A buffer that is replaced instead of written to, one of whole numbers, and frozen weights."""

    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        self.frozen = nn.Linear(inputs[0], 5).requires_grad_(False)
        self.last = nn.Linear(5, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.mean = self.mean * 0.9 + x[0] * 0.1
            self.steps += 1
        return self.last(self.frozen(x - self.mean))


class Lazy(nn.Module):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.LazyLinear(8), nn.ReLU(), nn.LazyLinear(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Inherited(nn.Sequential):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(inputs[0], 8), nn.LeakyReLU(), nn.Linear(8, outputs))


class Convolutions(nn.Module):
    def __init__(self, inputs: Shape, outputs: int, p: float = 0.3) -> None:
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(1, 5, 3, padding=1), nn.BatchNorm2d(5), nn.Dropout2d(p)
        self.last = nn.Linear(5 * inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        h = self.drop(F.relu(self.norm(self.conv(x.view(-1, 1, 3, 4)))))
        return self.last(h.flatten(1))


class Attention(nn.Module):
    """Its dropout is PyTorch's own, inside the attention."""

    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.embed = nn.Linear(1, 8)
        self.encoder = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.1, batch_first=True)
        self.last = nn.Linear(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.encoder(self.embed(x[..., None])).mean(1))


class Embedded(nn.Module):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.embed, self.last = nn.Embedding(10, 3), nn.Linear(3 * inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.embed(x.abs().long().clamp(0, 9)).flatten(1))


class Recurrent(nn.Module):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.lstm, self.last = nn.LSTM(1, 6, 2, batch_first=True, dropout=0.2), nn.Linear(6, outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.lstm(x[..., None])[0][:, -1])


class Parametrized(nn.Module):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.one = nn.utils.parametrizations.spectral_norm(nn.Linear(inputs[0], 8))
        self.two = nn.utils.parametrizations.weight_norm(nn.Linear(8, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.two(F.relu(self.one(x)))


class Noisy(Linears):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x + 0.1 * torch.randn_like(x) if self.training else x)


class Summed(nn.Module):
    """Layers that are added and gated, each with dropout."""

    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(inputs[0], 7, bias=False), nn.Linear(inputs[0], 7)
        self.gate, self.last, self.drop = nn.Linear(7, 7), nn.Linear(7, outputs), nn.Dropout(0.3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.drop(F.relu(self.one(x))) + 0.5 * F.gelu(self.two(x))
        return self.last(F.dropout(h * torch.sigmoid(self.gate(h)), 0.1, self.training))


class Reshaped(nn.Module):
    """Reads the size of its batch, and multiplies features by a parameter."""

    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.scale, self.last = nn.Parameter(torch.ones(inputs)), nn.Linear(inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last((x * self.scale).view(x.size(0), 3, 4).reshape(x.size(0), -1) / x.size(0))


TOGETHER: list[type[nn.Module]] = [Linears, Summed, Residual, Reshaped, Tied, Buffers, Lazy, Inherited]
ONE_BY_ONE: list[type[nn.Module]] = [Convolutions, Attention, Embedded, Recurrent, Parametrized, Noisy]


# modules that cannot train, each with the reason


class Flat(Linears):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, 0]


class Squeezed(Linears):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).squeeze()


class Pair(Linears):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), x


class TwoInputs(Linears):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return super().forward(x)


class Raising(Linears):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        raise KeyError("depth")


class WithoutOutputs(Linears):
    def __init__(self, inputs: Shape) -> None:
        super().__init__(inputs, 4)


class Remembering(Linears):
    def forward(self, x: Tensor) -> Tensor:
        self.last_mean = x.mean()
        return super().forward(x)


class AlwaysDropping(Linears):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.dropout(x, 0.1))


class Loose(Linears):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__(inputs, outputs)
        self.mask = torch.ones(inputs)


class Fixed(nn.Module):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :4]


class Detached(Linears):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x).detach()


class Overwriting(Linears):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.mul_(2))


class PythonNoise(Linears):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * random.random())


class Counting(Buffers):
    def forward(self, x: Tensor) -> Tensor:
        self.steps += 1
        return super().forward(x)


class Running(nn.Module):
    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.running_scale = nn.Parameter(torch.ones(inputs))
        self.last = nn.Linear(inputs[0], outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(x * self.running_scale)


class Alone(nn.Module):
    """Its normalisation needs two samples."""

    def __init__(self, inputs: Shape, outputs: int) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(inputs[0], 8), nn.BatchNorm1d(8), nn.Linear(8, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


FAULTS: list[tuple[type[nn.Module], str]] = [
    (Flat, r"Flat: its forward gives \[2\], must give a tensor \[batch, outputs\], here \[2, 4\]"),
    (Squeezed, r"Squeezed: its forward gives \[4\], must give a tensor \[batch, outputs\], here \[1, 4\]"),
    (Pair, "Pair: its forward gives tuple, must give a tensor"),
    (TwoInputs, r"TwoInputs: its forward raises TypeError: .* missing 1 required positional argument: 'y'"),
    (Raising, "Raising: its constructor raises KeyError: 'depth'"),
    (WithoutOutputs, "WithoutOutputs: its constructor raises TypeError: .* unexpected keyword argument 'outputs'"),
    (Remembering, "Remembering: its forward sets self.last_mean; .* buffer"),
    (AlwaysDropping, r"AlwaysDropping: .* outside training, too; .* F.dropout\(x, p, self.training\)"),
    (Loose, r"Loose: self.mask is a tensor that runs would share; write self.register_buffer\('mask', …\)"),
    (Fixed, "Fixed: has no parameter to train"),
    (Detached, "Detached: no parameter takes part in its forward"),
    (Overwriting, "Overwriting: its forward changes its input in place"),
    (PythonNoise, "PythonNoise: its forward draws random numbers of Python or NumPy"),
    (Counting, "Counting: its forward changes steps outside training"),
    (Running, "Running: its parameter running_scale needs a name that does not begin with running_"),
    (Alone, "Alone: a batch of one sample is left, .* Expected more than 1 value per channel .*; choose another"),
]
