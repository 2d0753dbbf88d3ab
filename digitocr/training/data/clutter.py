"""What looks like writing and is none: bars, shapes, rings, wood, leaves, cloth."""

import cv2
import numpy as np

from digitocr.training.data.sheet import Layer, Rng


def clutter_picture(rng: Rng, rows: int, columns: int) -> Layer:
    """Return shapes, hatching and scribbles in grey levels, sharp or soft, some on rough ground."""
    rough = rng.random() < 0.5
    picture = _rough(rng, rows, columns) if rough else _flat(rng, rows, columns)
    for _ in range(int(rng.integers(0 if rough else 2, 25))):
        _shape(rng, picture)
    if rng.random() < 0.6:
        soft = cv2.GaussianBlur(picture, (0, 0), float(rng.uniform(0.5, 6)))
        picture = np.asarray(soft, np.float32)
    return picture


def _flat(rng: Rng, rows: int, columns: int) -> Layer:
    return np.full((rows, columns), rng.uniform(20, 240), np.float32)


def _rough(rng: Rng, rows: int, columns: int) -> Layer:
    """Return noise of all sizes, as leaves, stone, cloth and, bent into stripes, wood have it."""
    field = np.zeros((rows, columns), np.float32)
    stretch = float(np.exp(rng.uniform(0, 2.5))) if rng.random() < 0.4 else 1.0
    power = float(rng.uniform(0.2, 1.1))
    for step in 2.0 ** np.arange(0.5, 7):
        small = int(rows / step) + 2, int(columns / step / stretch) + 2
        noise = rng.standard_normal(small, np.float32)
        field += step**power * cv2.resize(noise, (columns, rows), interpolation=cv2.INTER_CUBIC)
    field /= max(float(field.std()), 1e-3)
    if rng.random() < 0.3:
        field = np.sin(field * float(rng.uniform(1, 7)))
    elif rng.random() < 0.5:
        field = np.tanh(field * float(rng.uniform(1, 6)))
    return np.asarray(rng.uniform(40, 215) + float(rng.uniform(8, 60)) * field, np.float32)


def _shape(rng: Rng, picture: np.ndarray) -> None:
    rows, columns = picture.shape
    level, form = float(rng.uniform(0, 255)), rng.random()
    points = np.stack([rng.integers(0, columns, 6), rng.integers(0, rows, 6)], 1).astype(np.int32)
    thick = int(rng.choice([-1, 1, 2, 3, 6]))
    if form < 0.3:
        axes = int(rng.uniform(2, columns / 3)), int(rng.uniform(2, rows / 3))
        cv2.ellipse(
            picture, points[0].tolist(), axes, float(rng.uniform(0, 180)), 0, 360, level, thick
        )
    elif form < 0.5:
        cv2.rectangle(picture, points[0].tolist(), points[1].tolist(), level, thick)
    elif form < 0.7:
        cv2.polylines(picture, [points.reshape(-1, 1, 2)], False, level, max(1, thick), cv2.LINE_AA)
    elif form < 0.85:
        cv2.fillPoly(picture, [points[:4].reshape(-1, 1, 2)], level)
    else:
        _bars(rng, picture, points, level)


def _bars(rng: Rng, picture: np.ndarray, points: np.ndarray, level: float) -> None:
    """Draw a barcode or hatching."""
    (x0, y0), (x1, y1) = points[0], points[1]
    y0, y1 = sorted((int(y0), int(y1)))
    x = int(min(x0, x1))
    while x < max(x0, x1):
        wide = int(rng.integers(1, 5))
        picture[y0:y1, x : x + wide] = level
        x += wide + int(rng.integers(1, 6))
