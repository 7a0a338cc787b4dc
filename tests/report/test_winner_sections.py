"""The sections about the winner's predictions: from a plain file in its run's folder, and nothing without it."""

from pathlib import Path

import numpy as np
import pytest

from hpsearch.record.predictions import FILE, Predictions
from hpsearch.report import analysis, winner_sections, write
from tests.made_records import entry, scored, sweep

NONE = np.zeros(0)


def classes(y: list[int], predicted: list[int], names: int = 3, images: bool = False) -> Predictions:
    truth, found = np.array(y), np.array(predicted)
    worst = np.flatnonzero(truth != found)
    shown = np.arange(len(worst) * 20).reshape(-1, 1, 4, 5).astype(np.uint8) if images else NONE
    cells = np.array([["<b>", "=1+1"]] * len(worst)).reshape(-1, 2)
    return Predictions(
        np.array([f"c{number}" for number in range(names)]),
        truth,
        found,
        np.full((len(y), 2), 0.25, np.float32),
        worst,
        10 * worst,
        shown,
        np.array(["true", "colour"]),
        cells,
    )


def written(folder: Path, predictions: Predictions, numeric: bool = False) -> analysis.Findings:
    made = scored if numeric else entry
    folder = sweep(folder, [made(0.9, lr=0.1, seed=0), made(0.9, lr=0.1, seed=1)])
    (run, *_) = sorted(path.parent for path in folder.glob("*/record.json"))
    predictions.write(run)
    return analysis.read([folder])


def test_a_table_row_that_is_wrong_stands_on_the_page_escaped_and_in_a_file(tmp_path: Path) -> None:
    found = written(tmp_path / "s", classes([0, 1, 2, 2], [0, 1, 1, 1]))
    matrix, wrong = winner_sections.sections(found)
    assert "2 of 4 test samples right, 2 wrong" in matrix.text
    assert matrix.table is not None
    assert matrix.table.to_numpy().tolist() == [["c2", "c1", 2, "100.00 %"]]
    assert wrong.table is not None
    assert list(wrong.table) == ["row", "true", "predicted", "its probability", "true (data)", "colour"]
    write.write(found, tmp_path / "out", [matrix, wrong], figures=True)
    page = (tmp_path / "out" / "index.html").read_text()
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.partition("<h2>Most wrong")[2]
    assert (tmp_path / "out" / "winner_most_wrong.csv").read_text().splitlines()[1].startswith("20,c2,c1,25.00 %")
    assert (tmp_path / "out" / "winner_confusion_matrix.pdf").exists()
    write.write(found, tmp_path / "out")
    assert not list((tmp_path / "out").glob("winner_*"))


def test_images_are_pictures_and_a_net_without_mistakes_has_none(tmp_path: Path) -> None:
    matrix, wrong = winner_sections.sections(written(tmp_path / "a", classes([0, 1, 2], [0, 2, 1], images=True)))
    assert wrong.wide
    assert wrong.draw is not None
    figure = wrong.draw()
    assert len(figure.axes[0].images) == 2
    assert [text.get_text() for text in figure.axes[0].texts][0] == "row 10\ntrue c1, predicted c2"
    assert matrix.draw is not None
    assert sorted(text.get_text() for text in matrix.draw().axes[0].texts) == ["1", "1", "1"]
    (alone,) = winner_sections.sections(written(tmp_path / "b", classes([0, 1, 2], [0, 1, 2])))
    assert alone.table is None


def test_a_matrix_of_many_classes_is_a_table_alone(tmp_path: Path) -> None:
    matrix, _ = winner_sections.sections(written(tmp_path / "s", classes([*range(40)], [1, *range(1, 40)], names=40)))
    assert matrix.draw is None
    assert matrix.table is not None


@pytest.mark.parametrize("shape", [(4, 5), (2, 4, 5), (3, 4, 5)])
def test_an_image_of_any_number_of_channels_is_drawn(tmp_path: Path, shape: tuple[int, ...]) -> None:
    one = classes([0, 1], [0, 0])
    images = np.random.default_rng(0).normal(size=(1, *shape))
    found = Predictions(**vars(one) | {"images": images})
    _, wrong = winner_sections.sections(written(tmp_path / "s", found))
    assert wrong.draw is not None
    (image,) = wrong.draw().axes[0].images
    assert image.get_array() is not None
    assert image.get_array().shape == ((4, 5, 3) if shape[0] == 3 else (4, 5))


def test_a_regression_has_its_points_and_largest_errors(tmp_path: Path) -> None:
    y = np.arange(5.0)
    predicted = y + [0, 0, 2, 0, -1]
    cells = np.array([["a"], ["b"]])
    found = Predictions(
        NONE.astype(str), y, predicted, np.zeros((0, 2)), np.array([2, 4]), np.array([20, 40]), NONE, np.array(["x"]),
        cells,
    )  # fmt: skip
    points, wrong = winner_sections.sections(written(tmp_path / "s", found, numeric=True))
    assert points.draw is not None
    axes = points.draw().axes[0]
    assert axes.get_xlabel() == "true strength"
    assert len(axes.lines[0].get_xdata()) == 5
    assert wrong.table is not None
    assert wrong.table.error.tolist() == ["2.000", "-1.000"]


def test_a_file_that_is_gone_or_broken_leaves_the_sections_out(tmp_path: Path) -> None:
    found = written(tmp_path / "s", classes([0, 1], [0, 0]))
    (file,) = (tmp_path / "s").glob(f"*/{FILE}")
    file.write_bytes(file.read_bytes()[:50])
    assert winner_sections.sections(found) == []
    file.unlink()
    assert winner_sections.sections(found) == []
