"""Pictures: annotated pages, curves, confusion matrix, a grid of predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.records import Box, Field, FieldReading, Gray, Labels, Number, PageResult

Picture = NDArray[np.uint8]  # (H, W, 3), blue green red

# Green, orange-red and blue, told apart by lightness too.
_OK, _REVIEW, _CHECKED = (60, 140, 0), (0, 80, 230), (130, 30, 0)
_COLOURS = {"ok": _OK, "review": _REVIEW, "checked": _CHECKED}
GRID = 48  # pictures of digits on one sheet
_GRID_COLUMNS = 8
_FONT = cv2.FONT_HERSHEY_SIMPLEX
CUTTING_HEIGHT, CUTTING_WIDTH = 24, 180  # pixels; ten digits as high as a row with room around


def annotated(gray: Gray, result: PageResult) -> Picture:
    """Return a copy of a page with each number's box, reading and confidence drawn on it.

    Boxes are green for "ok", red for "review" and blue for "checked"; above each number its text
    and confidence, under each digit that was read its own. What a person found to be no number is
    left out. A field for review in which no number was read is drawn with its name.
    """
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    picture = np.asarray(cv2.addWeighted(picture, 0.6, np.full_like(picture, 255), 0.4, 0))
    for number in result.numbers:
        if number.text:
            _draw_number(picture, number)
    read = {number.field for number in result.numbers}
    for field in result.fields:
        if field.status == "review" and field.name not in read:
            _draw_field(picture, field)
    return picture


def named_boxes(gray: Gray, fields: Sequence[Field]) -> Picture:
    """Return a copy of a form with the box, the cells and the name of each field drawn on it."""
    picture = np.asarray(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR), np.uint8)
    for field in fields:
        box = field.box
        size = float(np.clip(box.height / 60, 0.4, 3.0))
        pen = max(1, round(size * 1.5))
        _rectangle(picture, box, _OK, pen)
        for i in range(1, field.cells or 1):
            x = box.x + round(i * box.width / (field.cells or 1))
            cv2.line(picture, (x, box.y), (x, box.bottom - 1), _OK, 1)
        place = (box.x + pen + 1, box.y + round(24 * size))
        cv2.putText(picture, field.name, place, _FONT, 0.7 * size, _REVIEW, pen, cv2.LINE_AA)
    return picture


def encoded(picture: Picture) -> bytes:
    """Return a picture as the bytes of a JPEG file."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def lossless(gray: Gray) -> bytes:
    """Return a grey picture as the bytes of a PNG file."""
    return cv2.imencode(".png", gray)[1].tobytes()


def cutting(gray: Gray, box: Box, rotation: int) -> bytes:
    """Return what a box on a page holds, set upright, as the bytes of a small PNG.

    Args:
        gray: the page as given.
        box: where to cut; a little around it is kept.
        rotation: clockwise turn that sets the page upright: 0, 90, 180, 270 degrees.

    Returns:
        A grey PNG of at most 180 × 24 pixels.
    """
    margin = max(2, min(box.width, box.height) // 8)
    rows = slice(max(0, box.y - margin), box.bottom + margin)
    cut = np.rot90(gray[rows, max(0, box.x - margin) : box.right + margin], -rotation // 90)
    height, width = cut.shape
    scale = min(1.0, CUTTING_HEIGHT / height, CUTTING_WIDTH / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(np.ascontiguousarray(cut), size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", small)[1].tobytes()


def _draw_number(picture: Picture, number: Number) -> None:
    """Draw one number into the picture, in place."""
    colour, checked = _COLOURS[number.status], number.status == "checked"
    # Text of a third of the digits' height, but readable and no wider than thick strokes allow.
    size = float(np.clip(number.box.height / 75, 0.35, 3.0))
    pen = max(1, round(size * 1.5))
    for digit in () if checked else number.digits:
        _rectangle(picture, digit.box, colour, 1)
        place = (digit.box.x, digit.box.bottom + round(16 * size))
        text = f"{digit.digit} {100 * digit.confidence:.0f}"
        cv2.putText(picture, text, place, _FONT, 0.5 * size, colour, max(1, pen // 2), cv2.LINE_AA)
    _rectangle(picture, number.box, colour, pen)
    label = f"{number.text} checked" if checked else f"{number.text} {number.confidence:.2f}"
    if number.field:
        label = f"{number.field}: {label}"
    place = (number.box.x, max(round(12 * size), number.box.y - round(6 * size)))
    cv2.putText(picture, label, place, _FONT, 0.7 * size, colour, pen, cv2.LINE_AA)


def _draw_field(picture: Picture, field: FieldReading) -> None:
    """Draw a field for review without a number into the picture, in place."""
    size = float(np.clip(field.box.height / 75, 0.35, 3.0))
    pen = max(1, round(size * 1.5))
    _rectangle(picture, field.box, _REVIEW, pen)
    place = (field.box.x + 2 * pen, field.box.y + round(22 * size))
    cv2.putText(picture, field.name, place, _FONT, 0.7 * size, _REVIEW, pen, cv2.LINE_AA)


def _rectangle(picture: Picture, box: Box, colour: tuple[int, int, int], pen: int) -> None:
    cv2.rectangle(picture, (box.x, box.y), (box.right - 1, box.bottom - 1), colour, pen)


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
