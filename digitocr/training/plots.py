"""Pictures of a report: curves, confusion matrix, a grid of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Labels

GRID = 48  # pictures of digits on one sheet
_GRID_COLUMNS = 8


def write_curves(
    path: Path, losses: Mapping[str, Sequence[float]], accuracies: Mapping[str, Sequence[float]]
) -> None:
    """Write a picture of losses and accuracies (0..1), one value an epoch, by name."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    for axes, name, curves in zip(
        figure.subplots(1, 2), ("loss", "accuracy"), (losses, accuracies), strict=True
    ):
        for label, values in curves.items():
            axes.plot(range(1, len(values) + 1), values, label=label)
        axes.set(xlabel="epoch", ylabel=name)
        axes.grid(alpha=0.3)
        axes.legend()
    figure.savefig(path)


def write_confusion(path: Path, matrix: NDArray[np.int64]) -> None:
    """Write a picture of (10, 10) counts: row the truth, column the reading."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 6), layout="constrained")
    axes = figure.subplots()
    # Readings that are right would drown the others: each row's share, root-scaled.
    axes.imshow((matrix / np.maximum(1, matrix.sum(axis=1, keepdims=True))) ** 0.5, cmap="Blues")
    for (truth, read), n in np.ndenumerate(matrix):
        axes.text(
            read, truth, str(n), ha="center", va="center", color="w" if truth == read else "k"
        )
    axes.set(xticks=range(10), yticks=range(10), xlabel="read as", ylabel="truth")
    figure.savefig(path)


def write_digits(path: Path, crops: NDArray[np.generic], truth: Labels, read: Labels) -> None:
    """Write a grid of up to `GRID` crops, (N, 28, 28), with truth and reading; wrong ones red."""
    from matplotlib.figure import Figure

    rows = max(1, -(-min(len(crops), GRID) // _GRID_COLUMNS))
    figure = Figure(figsize=(_GRID_COLUMNS * 1.2, rows * 1.5), layout="constrained")
    grid = figure.subplots(rows, _GRID_COLUMNS, squeeze=False).ravel()
    for axes in grid:
        axes.set_axis_off()
    for axes, crop, label, digit in zip(grid, crops, truth, read, strict=False):
        axes.imshow(crop, cmap="gray_r")
        axes.set_title(f"{label} read {digit}", fontsize=9, color="k" if label == digit else "r")
    figure.savefig(path)
