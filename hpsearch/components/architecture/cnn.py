"""A small convolutional net for images."""

import torch
from torch import Tensor, nn

from hpsearch.errors import require


class CNN(nn.Module):
    """Blocks of convolution 3 × 3, pooling, normalisation, ReLU and dropout of channels; then two linear layers.

    Each block halves height and width and doubles the channels. Pooling comes before the normalisation, because then
    the rest of the block has a quarter of the work.
    """

    def __init__(
        self,
        inputs: tuple[int, ...],
        outputs: int,
        blocks: int,
        width: int,
        hidden: int,
        normalization: bool,
        dropout: float,
        channel_dropout: float,
    ) -> None:
        super().__init__()
        image = len(inputs) in (2, 3)
        require(image, "name", "cnn", f"another net: it is for images, and a sample here has the shape {list(inputs)}")
        fits = min(inputs[-2:]) >> blocks > 0
        require(fits, "blocks", blocks, f"fewer, because each halves the images of {inputs[-2]} × {inputs[-1]}")
        channels = inputs[0] if len(inputs) == 3 else 1
        self.image = (channels, *inputs[-2:])
        layers: list[nn.Module] = []
        for block in range(blocks):
            out = width << block
            layers += [nn.Conv2d(channels, out, 3, padding=1, bias=not normalization), nn.MaxPool2d(2)]
            layers += [nn.BatchNorm2d(out)] if normalization else []
            layers += [nn.ReLU(), nn.Dropout2d(channel_dropout)]
            channels = out
        self.convolutions = nn.Sequential(*layers)
        features = channels * (inputs[-2] >> blocks) * (inputs[-1] >> blocks)
        self.head = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(dropout),
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, outputs),
        )

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.convolutions(_channels_last(x.view(-1, *self.image))))
        return logits


def _channels_last(x: Tensor) -> Tensor:
    """Images with the channel as the innermost axis in memory: on the CPU, pooling then takes half the time or less."""
    if x.shape[1] > 1:
        return x.contiguous(memory_format=torch.channels_last)
    return x.view(len(x), *x.shape[2:], 1).permute(0, 3, 1, 2)  # of one channel, either order would do: say which
