"""The samples that a winner gets most wrong: in words, and as shades of grey."""

from typing import Any

import numpy as np

from hpsearch.formatting import number_text, percent
from hpsearch.record.predictions import Predictions


def judged(found: Predictions) -> dict[str, list[str]]:
    """The true and predicted values of the samples that are most wrong, as texts."""
    true, predicted = found.y[found.worst], found.predicted[found.worst]
    if not len(found.classes):
        texts = {"true": true, "predicted": predicted, "error": predicted - true}
        return {name: [number_text(float(value)) for value in values] for name, values in texts.items()}
    sure = [f"{percent(float(p))} %" for p in found.probability[found.worst, 0]]
    return {"true": list(found.classes[true]), "predicted": list(found.classes[predicted]), "its probability": sure}


def shades(image: Any) -> Any:
    """An image [height, width] or [height, width, 3] from 0 to 1; of other numbers of channels, the first one."""
    values = image.astype(float)
    values = (values - values.min()) / max(values.max() - values.min(), 1e-12)
    if values.ndim == 2:
        return values
    return np.moveaxis(values, 0, -1) if len(values) == 3 else values[0]
