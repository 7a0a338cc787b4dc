"""A small convolutional net for images."""

from torch import Tensor, nn


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
        if len(inputs) not in (2, 3) or min(inputs[-2:]) >> blocks == 0:
            smallest = f"images of {2**blocks} × {2**blocks} or more for blocks={blocks}"
            raise ValueError(f"a sample has the shape {inputs}, must be {smallest}: [height, width] or with channels")
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
        logits: Tensor = self.head(self.convolutions(x.view(-1, *self.image)))
        return logits
