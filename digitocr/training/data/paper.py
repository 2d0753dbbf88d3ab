"""The ground that a sheet is made of, and what lies on it besides writing."""

import cv2
import numpy as np

from digitocr.training.data.sheet import Layer, Rng, Sheet
from digitocr.training.data.textures import Texture, window


def ground(rng: Rng, textures: list[Texture], shape: tuple[int, int]) -> Layer:
    """Return paper or another ground in grey levels 0..255."""
    form = rng.random()
    if form < 0.7:
        level = float(rng.uniform(195, 255))
    elif form < 0.91:
        level = float(rng.uniform(110, 215))
    else:
        level = float(rng.uniform(20, 120))
    paper = np.full(shape, level, np.float32)
    if rng.random() < 0.65:
        amount = min(abs(float(rng.normal(0, 5))) + 0.5, 0.14 * level)
        paper += amount * window(rng, textures, *shape)
    return paper


def lines_on_paper(sheet: Sheet, digit_height: float) -> None:
    """Print the lines or squares of exercise books over the whole sheet."""
    rng, (rows, columns) = sheet.rng, sheet.shape
    pitch, strength = digit_height * rng.uniform(0.9, 3), rng.uniform(0.08, 0.45)
    start = rng.uniform(0, pitch)
    for y in np.arange(start, rows, pitch):
        sheet.rule((0, float(y)), (columns, float(y)), strength)
    if rng.random() < 0.5:
        for x in np.arange(start, columns, pitch):
            sheet.rule((float(x), 0), (float(x), rows), strength)


def marks(sheet: Sheet, digit_height: float) -> None:
    """Draw ticks, scribbles, circles, stamps and strokes through lines."""
    rng, (rows, columns) = sheet.rng, sheet.shape
    for _ in range(int(rng.integers(1, 7))):
        centre = np.array([rng.uniform(0, columns), rng.uniform(0, rows)])
        if sheet.lines and rng.random() < 0.5:
            line = sheet.lines[int(rng.integers(len(sheet.lines)))]
            centre = line.quad.mean(axis=0) + rng.normal(0, digit_height, 2)
        thick, strength = max(1, round(digit_height * rng.uniform(0.04, 0.15))), rng.uniform(0.3, 1)
        _mark(rng, sheet.rules, centre, digit_height * rng.uniform(0.5, 4), (thick, strength))


def _mark(rng: Rng, layer: Layer, centre: np.ndarray, size: float, pen: tuple[int, float]) -> None:
    thick, strength = pen
    form = rng.random()
    if form < 0.35:
        axes = max(2, int(size)), max(2, int(size * rng.uniform(0.4, 1)))
        middle = int(centre[0]), int(centre[1])
        cv2.ellipse(
            layer, middle, axes, float(rng.uniform(0, 180)), 0, 360, strength, thick, cv2.LINE_AA
        )
        return
    count = 2 if form < 0.6 else int(rng.integers(3, 9))
    steps = rng.normal(0, size * 0.6, (count, 2))
    points = (centre + np.cumsum(steps, axis=0) - steps[0]).round().astype(np.int32)
    cv2.polylines(layer, [points.reshape(-1, 1, 2)], False, strength, thick, cv2.LINE_AA)


def strike(sheet: Sheet) -> None:
    """Strike some lines of writing out."""
    for line in sheet.lines:
        if sheet.rng.random() < 0.06:
            left, right = line.quad[[0, 3]].mean(axis=0), line.quad[[1, 2]].mean(axis=0)
            ends = [tuple((end * 16).round().astype(int).tolist()) for end in (left, right)]
            thick = max(1, round(line.digit_height * 0.07))
            cv2.line(sheet.rules, ends[0], ends[1], 1.0, thick, cv2.LINE_AA, 4)


def stains(rng: Rng, paper: Layer) -> None:
    """Lay soft and sharp blots, folds and shadows of edges over paper, in place."""
    rows, columns = paper.shape
    for _ in range(int(rng.integers(1, 5))):
        blot = np.zeros((rows // 4 + 1, columns // 4 + 1), np.float32)
        middle = int(rng.uniform(0, columns / 4)), int(rng.uniform(0, rows / 4))
        axes = int(rng.uniform(1, columns / 12)) + 1, int(rng.uniform(1, rows / 12)) + 1
        thick = -1 if rng.random() < 0.6 else 2
        cv2.ellipse(blot, middle, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, thick)
        blot = cv2.GaussianBlur(blot, (0, 0), float(rng.uniform(0.5, 6)))
        paper *= 1 - float(rng.uniform(0.05, 0.5)) * cv2.resize(blot, (columns, rows))
    if rng.random() < 0.4:
        x = int(rng.uniform(0, columns))
        paper[:, x : x + int(rng.integers(1, 5))] *= float(rng.uniform(0.6, 1.2))


def specks(rng: Rng, paper: Layer) -> None:
    """Strew dust and toner over paper, in place."""
    rows, columns = paper.shape
    level = float(rng.uniform(0, 120)) if rng.random() < 0.8 else 255.0
    for _ in range(int(rng.integers(5, 250))):
        middle = int(rng.integers(columns)), int(rng.integers(rows))
        cv2.circle(paper, middle, int(rng.choice([0, 0, 0, 1, 2])), level, -1)


def film_edge(rng: Rng, paper: Layer) -> None:
    """Blacken one to three edges, as scans of films and books have them, in place."""
    rows, columns = paper.shape
    for _ in range(int(rng.integers(1, 4))):
        side, wide = int(rng.integers(4)), int(rng.uniform(0.01, 0.12) * min(rows, columns)) + 1
        level = float(rng.uniform(0, 60)) if rng.random() < 0.8 else 255.0
        view = (paper[:wide], paper[rows - wide :], paper[:, :wide], paper[:, columns - wide :])[
            side
        ]
        view[:] = level
