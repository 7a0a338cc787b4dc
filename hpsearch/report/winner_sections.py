"""Sections about the winner's predictions on its test rows, from ``predictions.npz`` in the folder of its run."""

from base64 import b64encode
from collections.abc import Iterator
from io import BytesIO
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from hpsearch.formatting import count, percent
from hpsearch.record.predictions import Predictions
from hpsearch.report.findings import Findings
from hpsearch.report.most_wrong import judged, shades
from hpsearch.report.section import Section
from hpsearch.report.summary_table import label

MISTAKES = 5  # pairs of classes in a table
MOST_CLASSES = 30  # in a figure of the confusion matrix
MOST_COLUMNS = 12  # of a table row
NUMBERS = "The rows of the data are counted from 0."
SHOWN_POINTS = 1500  # on the page


def sections(findings: Findings) -> list[Section]:
    """The sections about the winner of each data set whose predictions are there."""
    frame, sweeps = findings.runs.frame, dict(zip(findings.runs.sweeps, findings.sweeps, strict=True))
    winners = [verdict.winner for verdict in findings.verdicts if verdict.winner is not None]
    found: list[Section] = []
    for winner in winners:
        for _, run in frame[(frame.configuration == winner) & (frame.status == "finished")].iterrows():
            predictions = Predictions.read(sweeps[run.sweep] / run.folder)
            if predictions is not None:
                data = f" on {run.data_set}" if len(winners) > 1 else ""
                name = label(findings.table.loc[winner], findings.runs.swept)
                found += _sections(predictions, f"{name}, seed {run.seed}", data, findings.runs.measure.target)
                break
    return found


def _sections(found: Predictions, run: str, data: str, target: str) -> Iterator[Section]:
    """run: its configuration and seed. data: words behind a title if there are several data sets."""
    n, classes = len(found.y), list(found.classes)
    if classes:
        wrong = int((found.y != found.predicted).sum())
        text = f"{run}: {n - wrong:,} of {count(n, 'test sample')} right, {wrong:,} wrong. A row is a true class."
        if wrong:
            text += f" The table has the most frequent mistakes, at most {MISTAKES}."
        matrix = np.zeros((len(classes), len(classes)), int)
        np.add.at(matrix, (found.y, found.predicted), 1)
        few, confused = len(classes) <= MOST_CLASSES, _confused(matrix, classes) if wrong else None
        draw, chart = (_drawing("confusion", matrix, classes), _heat(matrix, classes)) if few else (None, None)
        yield Section(f"Confusion matrix{data}", text, draw, confused, chart=chart)
    else:
        text = f"{run}, on {count(n, 'test sample')}. On the line, a prediction is right; circled: the largest errors."
        yield Section(
            f"Predicted against true{data}", text, _drawing("scatter", found, target), chart=_dots(found, target)
        )
    if not len(found.worst):
        return
    text = f"The {len(found.worst)} test samples that are most wrong: the true class is thought least probable."
    if not classes:
        text = f"The {len(found.worst)} test samples with the largest errors."
    if found.images.ndim > 2:
        drawing, images = _drawing("pictures", found), _images(found)
        yield Section(f"Most wrong{data}", f"{text} {NUMBERS}", drawing, pictures=images, wide=True)
    else:
        yield Section(f"Most wrong{data}", f"{text} {NUMBERS}", table=_rows(found))


def _confused(matrix: Any, classes: list[str]) -> pd.DataFrame:
    """The pairs of classes that are mistaken most often."""
    mistakes = matrix - np.diag(np.diag(matrix))
    order = np.argsort(-mistakes, axis=None, kind="stable")[:MISTAKES]
    places = [np.unravel_index(place, matrix.shape) for place in order if mistakes.flat[place]]
    shares = [f"{percent(matrix[i, j] / matrix[i].sum())} %" for i, j in places]
    rows = [(classes[i], classes[j], matrix[i, j], share) for (i, j), share in zip(places, shares, strict=True)]
    return pd.DataFrame(rows, columns=["true", "predicted", "samples", "of the true class"])


def _rows(found: Predictions) -> pd.DataFrame:
    """The samples that are most wrong, with their columns as they were loaded."""
    table = pd.DataFrame({"row": found.rows, **judged(found)})
    for column, name in enumerate(found.columns[:MOST_COLUMNS]):
        table[str(name) if str(name) not in table else f"{name} (data)"] = found.cells[:, column]
    return table


def _drawing(name: str, *arguments: Any) -> Any:
    """A call that draws a figure of ``winner_figures``, which is imported then, because matplotlib takes a second."""

    def draw() -> Any:
        from hpsearch.report import winner_figures

        return getattr(winner_figures, name)(*arguments)

    return draw


def _heat(matrix: Any, classes: list[str]) -> dict[str, Any]:
    shares = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    names = {"rows": classes, "columns": classes, "xlabel": "predicted", "ylabel": "true"}
    return {"kind": "heat", "values": shares.round(4).tolist(), "texts": matrix.tolist(), **names}


def _dots(found: Predictions, target: str) -> dict[str, Any]:
    step, name = ceil(len(found.y) / SHOWN_POINTS), target or "the target"
    shown = sorted({*range(0, len(found.y), step), *found.worst.tolist()})
    x, y = ([float(f"{value:.5g}") for value in values[shown]] for values in (found.y, found.predicted))
    marked = [shown.index(place) for place in found.worst.tolist()]
    return {"kind": "dots", "x": x, "y": y, "marked": marked, "xlabel": f"true {name}", "ylabel": f"predicted {name}"}


def _images(found: Predictions) -> list[tuple[str, str]]:
    """Each image that is most wrong as an address of its PNG, and its words."""
    from PIL import Image

    made, words = [], judged(found)
    for image, row, true, predicted in zip(found.images, found.rows, words["true"], words["predicted"], strict=True):
        buffer = BytesIO()
        Image.fromarray((shades(image) * 255).astype(np.uint8)).save(buffer, "PNG")
        address = f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
        made.append((address, f"row {row}: true {true}, predicted {predicted}"))
    return made
