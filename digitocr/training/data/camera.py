"""The way from a sheet to a picture: perspective, turn and bend, then light, blur, noise, codec."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.training.data.sheet import Layer, Rng
from digitocr.training.data.textures import Texture, window


@dataclass(frozen=True, slots=True)
class View:
    """How a camera sees a sheet: a homography, and a wave by which the sheet is bent."""

    matrix: NDArray[np.float64]
    """(3, 3), sheet to picture."""
    shape: tuple[int, int]
    """Of the picture."""
    wave: tuple[float, float, float]
    """Rise in pixels, waves a pixel, phase: sheet y is off by rise * sin(...) along sheet x."""
    turn: int
    """The picture's quarter turn: 0, 90, 180, 270 degrees clockwise that set it upright."""

    def _lift(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        rise, frequency, phase = self.wave
        return np.asarray(rise * np.sin(x * frequency + phase), np.float64)

    def picture(self, sheet: Layer, outside: float) -> Layer:
        """Return what is seen of a layer of the sheet."""
        rows, columns = self.shape
        grid = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).reshape(-1, 1, 2)
        seen = cv2.perspectiveTransform(grid.astype(np.float32), np.linalg.inv(self.matrix))
        seen = np.asarray(seen, np.float32).reshape(rows, columns, 2)
        if self.wave[0]:
            seen[..., 1] += self._lift(seen[..., 0].astype(np.float64))
        seen_layer = cv2.remap(
            sheet, seen[..., 0], seen[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT,
            borderValue=outside,
        )  # fmt: skip
        return np.asarray(seen_layer, np.float32)

    def points(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points (N, 2) of the sheet lie in the picture."""
        flat = points.copy()
        flat[:, 1] -= self._lift(points[:, 0])
        seen = cv2.perspectiveTransform(flat.reshape(-1, 1, 2), self.matrix)
        return np.asarray(seen, np.float64).reshape(-1, 2)


def random_view(rng: Rng, sheet: tuple[int, int], picture: tuple[int, int], zoom: float) -> View:
    """Return a view of a sheet at a scale near `zoom`, mostly upright, sometimes at any angle."""
    form = rng.random()
    quarter = int(rng.choice([0, 90, 180, 270], p=[0.85, 0.05, 0.05, 0.05]))
    skew = 0.0 if form < 0.25 else float(rng.normal(0, 2.0))
    if form > 0.95:
        skew = float(rng.uniform(-45, 45))
    angle = np.deg2rad(skew - quarter)
    cos, sin = np.cos(angle) * zoom, np.sin(angle) * zoom
    tilt = (0.0, 0.0) if rng.random() < 0.5 else rng.normal(0, 0.12, 2) / max(picture)
    shear = 0.0 if rng.random() < 0.6 else float(rng.normal(0, 0.04))
    middle = np.array([[1, 0, -sheet[1] / 2], [0, 1, -sheet[0] / 2], [0, 0, 1]])
    turned = np.array([[cos, -sin + shear, 0], [sin, cos, 0], [tilt[0], tilt[1], 1]])
    back = np.array([[1, 0, picture[1] / 2], [0, 1, picture[0] / 2], [0, 0, 1]])
    wave = (0.0, 0.0, 0.0)
    if rng.random() < 0.2:
        wave = (
            float(rng.uniform(1, 8)),
            float(rng.uniform(2, 9)) / sheet[1],
            float(rng.uniform(0, 6)),
        )
    return View(back @ turned @ middle, picture, wave, quarter)


def lit(rng: Rng, grey: Layer) -> Layer:
    """Return grey under light that falls off, with edges of shadows and glare."""
    rows, columns = grey.shape
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    slope = x * rng.normal() + y * rng.normal()
    if rng.random() < 0.35:
        slope = np.tanh((slope + rng.uniform(-0.8, 0.8)) * rng.uniform(3, 25))
    light = 1 + float(rng.uniform(0.03, 0.35)) * np.asarray(slope, np.float32)
    if rng.random() < 0.1:
        spot = np.exp(-((x - rng.uniform(-1, 1)) ** 2 + (y - rng.uniform(-1, 1)) ** 2) / 0.02)
        return np.asarray(grey * light, np.float32) + np.asarray(spot, np.float32) * float(
            rng.uniform(50, 200)
        )
    return np.asarray(grey * light, np.float32)


def taken(rng: Rng, grey: Layer, textures: list[Texture], digit_height: float) -> NDArray[np.uint8]:
    """Return grey as lens, sensor, scanner and codec leave it; small writing is blurred less."""
    harm = 0.2 if rng.random() < 0.4 else float(rng.uniform(0.3, 1))
    if rng.random() < 0.5 * harm:
        grey = lit(rng, grey)
    if rng.random() < 0.6 * harm:
        most = 0.12 if rng.random() < 0.12 else 0.06
        blur = float(rng.uniform(0.3, 0.4 + most * digit_height))
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), blur), np.float32)
    if rng.random() < 0.1 * harm:
        size = max(2, round(rng.uniform(0.08, 0.25) * digit_height))
        grey = np.asarray(
            cv2.blur(grey, (size, 1) if rng.random() < 0.5 else (1, size)), np.float32
        )
    if rng.random() < 0.5 * harm:
        noise = rng.standard_normal(grey.shape, np.float32)
        grey = grey + np.float32(rng.uniform(0.5, 12)) * noise
    if rng.random() < 0.1 * harm:
        grey = grey + float(rng.uniform(1, 10)) * window(rng, textures, *grey.shape)
    if rng.random() < 0.08:
        grey = 2 * grey - np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.5), np.float32)
    image = np.clip(grey, 0, 255).astype(np.uint8)
    if rng.random() < 0.08 * harm:
        _, black = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
        image = np.asarray(black, np.uint8)
    if rng.random() < 0.3:
        quality = int(rng.integers(20, 92))
        _, coded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
        image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return image
