"""What is done to a line image's layers: pasted, cut, shrunk, faxed."""

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Layer = NDArray[np.float32]


def as_layer(image: object) -> Layer:
    """Return an image as float32."""
    return np.asarray(image, np.float32)


def random_height(rng: Rng) -> float:
    """Return a digit height in pixels: 9 to 56, most of them 12 to 30."""
    return float(np.clip(np.exp(rng.normal(np.log(20), 0.42)), 8.5, 56))


def rule_thickness(rng: Rng, height: float) -> int:
    """Return how thick a rule is, pixels, beside digits of a height."""
    return max(1, round(rng.uniform(0.02, 0.1) * height))


def draw_rule(
    layer: Layer, start: tuple[float, float], end: tuple[float, float], strength: float, thick: int
) -> None:
    """Draw a line into a layer, in place."""
    points = [(round(x * 16), round(y * 16)) for x, y in (start, end)]
    cv2.line(layer, points[0], points[1], float(strength), thick, cv2.LINE_8, 4)


def paste(canvas: Layer, ink: Layer, top: int, left: int) -> None:
    """Add ink to a canvas where it lies on it; the darker of both stays."""
    rows, columns = canvas.shape
    first, last = max(top, 0), min(top + ink.shape[0], rows)
    start, stop = max(left, 0), min(left + ink.shape[1], columns)
    if first < last and start < stop:
        place = canvas[first:last, start:stop]
        np.maximum(place, ink[first - top : last - top, start - left : stop - left], out=place)


def cut_rows(
    image: NDArray[np.uint8], first: int, last: int, top: int, rows: int
) -> NDArray[np.uint8]:
    """Return `rows` rows from `top` on, of a picture that has rows `first` to `last` alone."""
    chosen = np.clip(np.arange(top, top + rows), max(first, 0), min(last, image.shape[0]) - 1)
    return image[chosen]


def small_and_back(grey: Layer, scale: float, rng: Rng) -> Layer:
    """Return a picture as it is after being shrunk and enlarged again."""
    size = max(8, round(grey.shape[1] * scale)), max(8, round(grey.shape[0] * scale))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    method = cv2.INTER_LINEAR if rng.random() < 0.5 else cv2.INTER_CUBIC
    return as_layer(cv2.resize(small, grey.shape[::-1], interpolation=method))


def faxed(image: NDArray[np.uint8], middle: float, height: float, rng: Rng) -> NDArray[np.uint8]:
    """Return black and white alone; half of the time at few dots, each a block of pixels."""
    if rng.random() < 0.5 and height > 13:
        scale = rng.uniform(11, min(height, 26)) / height
        size = max(8, round(image.shape[1] * scale)), max(8, round(image.shape[0] * scale))
        small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
        _, small = cv2.threshold(small, middle, 255, cv2.THRESH_BINARY)
        blocks = cv2.resize(small, image.shape[::-1], interpolation=cv2.INTER_NEAREST)
        return np.asarray(blocks, np.uint8)
    return np.where(image > middle, 255, 0).astype(np.uint8)
