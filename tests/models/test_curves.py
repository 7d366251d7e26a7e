"""The picture of a training's learning curves."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread

from models.training.curves import draw_curves

WIDTH, HEIGHT = 320, 260


def trained(kept: int, *epochs: dict[str, float]) -> dict[str, Any]:
    return {"epochs": kept, "validation": list(epochs)}


def panels(figures: dict[str, Any], folder: Path) -> list[np.ndarray]:
    """The picture's panels from left to right, [HEIGHT, WIDTH, 3]."""
    draw_curves(figures, folder / "curves.png")
    picture = imread(folder / "curves.png")[:, :, :3]
    assert picture.shape[0] == HEIGHT
    assert picture.shape[1] % WIDTH == 0
    return np.split(picture, picture.shape[1] // WIDTH, axis=1)


def pixels(panel: np.ndarray, colour: str) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the pixels of a colour such as ``808080``."""
    wanted = np.array([int(colour[place : place + 2], 16) for place in (0, 2, 4)])
    rows, columns = np.nonzero((np.abs(panel * 255 - wanted) < 1).all(axis=2))
    return rows, columns


CURVE, KEPT = "1f77b4", "808080"


def test_each_figure_of_each_training_has_a_panel(tmp_path: Path) -> None:
    """In order; entries that are no training, such as the seed, have none. Curves run the right way up."""
    figures = {
        "seed": 42,
        "retriever": trained(2, {"loss": 3.0, "recall": 0.1}, {"loss": 2.0, "recall": 0.3}),
        "ranker": trained(1, {"auc": 0.5}, {"auc": 0.7}),
        "onnx_max_difference": {"ranker": 1e-6},
    }
    ends = []
    for panel in panels(figures, tmp_path):
        rows, columns = pixels(panel, CURVE)
        ends.append((rows[columns.argmin()], rows[columns.argmax()]))
    # Row 0 is the top.
    assert [left < right for left, right in ends] == [True, False, False]


@pytest.mark.parametrize("kept", [1, 3, 5])
def test_the_epoch_that_was_kept_is_marked(tmp_path: Path, kept: int) -> None:
    """By a vertical line at that epoch."""
    losses = [{"loss": loss} for loss in (5.0, 4.0, 3.0, 2.5, 2.6)]
    (panel,) = panels({"retriever": trained(kept, *losses)}, tmp_path)
    _, curve = pixels(panel, CURVE)
    _, line = pixels(panel, KEPT)
    step = (curve.max() - curve.min()) / 4
    assert abs(line.mean() - (curve.min() + (kept - 1) * step)) < step / 4


@pytest.mark.parametrize("epochs", [1, 100])
def test_short_and_long_trainings_are_drawn(tmp_path: Path, epochs: int) -> None:
    """A single epoch is a point, a hundred are a line across the panel."""
    (panel,) = panels({"ranker": trained(1, *[{"auc": 0.5}] * epochs)}, tmp_path)
    _, curve = pixels(panel, CURVE)
    assert len(curve)
    assert (curve.max() - curve.min() > WIDTH / 2) == (epochs == 100)


def test_without_a_training_there_is_no_picture(tmp_path: Path) -> None:
    """Nothing is drawn, and nothing fails."""
    draw_curves({"seed": 42}, tmp_path / "curves.png")
    assert list(tmp_path.iterdir()) == []
