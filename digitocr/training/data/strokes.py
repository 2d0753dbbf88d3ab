"""Digits drawn stroke by stroke, in forms that MNIST hardly has: other countries' hands.

MNIST's writers are from the USA. A 1 with a long flag, a 2 whose top is a closed loop, a 4 like a
flash or an h, a 5 like a root sign, a 7 with a bar, a slashed 0 or a 9 with a straight leg are how
others are taught.
"""

from __future__ import annotations

import re

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.training.data.datasets import Digits
from digitocr.training.data.symbols import mnist_image

Points = NDArray[np.float64]  # (N, 2), x to the right and y down; of forms 0..1 in their box

_HEIGHT = 80  # px, drawn large and shrunk by area
_ASPECT = (0.4, 0.85)  # width / height
_PEN = (0.06, 0.17)  # of the height
_WAVER = 0.045  # deviation of each point of a form
_ROUND = 16  # points drawn between two of a form
_STROKE = re.compile("([~-])([^~-]+)")

# The strokes of each form, from point to point, x,y in hundredths of its width and height: curves
# after a "~", straight lines after a "-".
_FORMS = (
    (0, "~ 50,0 10,25 0,60 40,100 85,75 90,30 50,0 - 95,0 5,100"),
    (0, "~ 75,10 50,0 10,25 0,60 40,100 85,75 90,30 60,5 30,15"),
    (0, "~ 30,20 60,0 10,25 0,60 40,100 85,75 90,30 50,5 110,10"),
    (1, "- 0,45 75,0 75,100"),
    (1, "- 10,30 55,0 55,100 - 15,100 95,100"),
    (1, "~ 0,55 45,25 75,0 70,50 65,100"),
    (1, "- 0,95 60,0 65,100"),
    (1, "~ 0,45 35,10 60,0 50,50 40,90 60,100 85,92"),
    (1, "- 80,0 15,100"),
    (2, "~ 65,42 25,50 10,20 50,0 85,20 60,60 5,100 40,90 100,100"),
    (2, "~ 40,40 15,30 30,2 80,10 75,45 30,90 0,95 10,78 50,90 105,95"),
    (2, "~ 70,40 30,50 15,15 60,0 80,25 50,97 ~ 0,97 50,93 100,100"),
    (2, "- 5,8 90,0 5,98 100,92"),
    (2, "~ 10,30 40,0 80,15 60,60 35,95 60,100 95,85"),
    (3, "- 5,0 90,0 40,40 ~ 40,40 90,65 50,100 0,88"),
    (4, "- 50,0 0,60 95,60 - 65,30 60,100"),
    (4, "- 60,0 5,72 80,50 60,100"),
    (4, "- 50,0 5,45 95,50 75,100"),
    (4, "~ 65,0 25,40 0,80 40,62 75,60 60,100"),
    (4, "~ 5,0 5,40 40,50 85,30 - 95,0 55,100"),
    (4, "- 15,0 5,52 100,48 - 80,5 75,100"),
    (4, "- 25,0 5,60 ~ 5,60 40,45 75,55 70,100"),
    (5, "~ 95,0 20,5 20,42 75,50 70,90 0,100"),
    (5, "- 30,10 20,45 ~ 20,45 75,50 70,90 0,100 - 35,5 105,0"),
    (5, "~ 0,75 15,100 35,60 40,5 - 40,5 115,0"),
    (5, "- 110,0 35,5 25,45 ~ 25,45 55,55 50,85 0,100"),
    (5, "- 5,60 25,100 75,0 110,0"),
    (5, "~ 95,5 40,5 15,30 50,50 85,70 60,95 5,95"),
    (7, "- 0,5 95,0 45,100 - 30,52 95,47"),
    (7, "- 0,25 5,0 95,3 40,100 - 25,52 90,47"),
    (7, "~ 0,20 20,0 50,10 95,0 60,50 45,100 - 30,55 95,50"),
    (7, "~ 20,20 50,2 62,10 55,60 50,100 - 10,62 105,45"),
    (7, "~ 10,25 50,5 85,5 60,45 25,100 - 15,60 100,50"),
    (7, "- 35,5 60,0 50,100 - 0,55 100,45"),
    (7, "~ 0,40 30,0 60,10 55,60 50,100 - 10,70 110,35"),
    (8, "~ 70,10 20,10 25,40 80,65 50,100 5,80 40,50 85,5"),
    (9, "~ 85,15 40,0 5,30 50,50 85,15 - 85,5 80,100"),
    (9, "~ 25,100 35,50 45,5 95,5 95,40 45,50"),
    (9, "- 30,100 50,5 ~ 50,5 100,0 100,35 45,45"),
    (9, "~ 10,95 60,60 90,20 50,0 15,25 50,65 85,100"),
    (9, "~ 85,10 40,0 10,25 50,45 85,25 85,10 80,60 40,100 10,90"),
)


def draw_forms(n: int, seed: int) -> Digits:
    """Return n digits, as many of each form, each drawn by another hand; none for n = 0.

    Args:
        n: how many; rounded to the same for each form.
        seed: of every choice.
    """
    rng, each = np.random.default_rng(seed), round(n / len(_FORMS))
    images = [_drawn_digit(form, rng) for _, form in _FORMS for _ in range(each)]
    labels = [digit for digit, _ in _FORMS for _ in range(each)]
    return Digits(np.array(images, np.uint8).reshape(-1, 28, 28), np.array(labels, np.int64))


def _drawn_digit(form: str, rng: np.random.Generator) -> Gray:
    """Return one digit, 28×28, drawn with an unsteady hand and some pen."""
    size = np.array([rng.uniform(*_ASPECT) * _HEIGHT, _HEIGHT])
    pen = max(1, round(rng.uniform(*_PEN) * _HEIGHT))
    canvas = np.zeros((2 * _HEIGHT, 2 * _HEIGHT), np.uint8)
    for kind, points in _STROKE.findall(form):
        path = np.array([point.split(",") for point in points.split()], float) / 100
        path += rng.normal(0, _WAVER, path.shape)
        if kind == "~":
            path = _curve(path)
        line = np.round(path * size + _HEIGHT / 2).astype(np.int32)
        cv2.polylines(canvas, [line], False, 255, pen, cv2.LINE_AA)
    x, y, width, height = cv2.boundingRect(canvas)
    return mnist_image(canvas[y : y + height, x : x + width])


def _curve(points: Points) -> Points:
    """Return a smooth curve through points (Catmull and Rom 1974)."""
    padded = np.concatenate([points[:1], points, points[-1:]])
    a, b, c, d = padded[:-3, None], padded[1:-2, None], padded[2:-1, None], padded[3:, None]
    t = np.linspace(0, 1, _ROUND)[None, :, None]
    curve = (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
    )
    return np.asarray(curve.reshape(-1, 2) / 2)


def bezier_curve(start: Points, middle: Points, end: Points, n: int) -> Points:
    """Return n points, (n, 2), of the quadratic curve from start to end that `middle` draws out."""
    t = np.linspace(0, 1, n)[:, None]
    return np.asarray((1 - t) ** 2 * start + 2 * t * (1 - t) * middle + t**2 * end)
