"""Paper: grain, fibres, guilloche, squares, print of other kinds, as fields around 0."""

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Texture = NDArray[np.float32]
_SIZE = (320, 1280)


def _noise(rng: Rng, coarse: float) -> Texture:
    small = max(2, int(_SIZE[0] / coarse)), max(2, int(_SIZE[1] / coarse))
    field = rng.standard_normal(small).astype(np.float32)
    return np.asarray(cv2.resize(field, _SIZE[::-1], interpolation=cv2.INTER_CUBIC), np.float32)


def _grain(rng: Rng) -> Texture:
    return (
        _noise(rng, 1) * 0.6 + _noise(rng, rng.uniform(1.5, 4)) + _noise(rng, rng.uniform(15, 60))
    )


def _clouds(rng: Rng) -> Texture:
    return _noise(rng, rng.uniform(8, 20)) + _noise(rng, rng.uniform(40, 120))


def _guilloche(rng: Rng) -> Texture:
    """Fine wavy lines as banknotes, cheques and tickets have them."""
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float32)
    field = np.zeros(_SIZE, np.float32)
    for _ in range(int(rng.integers(1, 4))):
        angle, pitch = rng.uniform(0, np.pi), rng.uniform(4, 14)
        along = x * np.cos(angle) + y * np.sin(angle)
        across = y * np.cos(angle) - x * np.sin(angle)
        wave = rng.uniform(2, 20) * np.sin(across / rng.uniform(10, 60) + rng.uniform(0, 6))
        line = np.cos((along + wave) * 2 * np.pi / pitch)
        field += np.clip(line - rng.uniform(0, 0.7), 0, 1)
    return field


def _circles(rng: Rng) -> Texture:
    """Concentric arcs, as in the corners of cheques."""
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float32)
    radius = np.hypot(x - rng.uniform(0, _SIZE[1]), y - rng.uniform(-200, 500))
    waves = np.cos(radius * 2 * np.pi / rng.uniform(5, 14))
    return np.asarray(np.clip(waves, 0, 1), np.float32)


def _halftone(rng: Rng) -> Texture:
    y, x = np.mgrid[: _SIZE[0], : _SIZE[1]].astype(np.float32)
    pitch = rng.uniform(2.5, 6)
    u, v = (x + y) * 2 * np.pi / pitch, (x - y) * 2 * np.pi / pitch
    return np.asarray(np.clip(np.cos(u) + np.cos(v) - rng.uniform(-0.5, 1), 0, 2), np.float32)


def _squares(rng: Rng) -> Texture:
    """Squared or lined paper, at any pitch; lines one or two pixels wide."""
    field = np.zeros(_SIZE, np.float32)
    pitch, thick = int(rng.integers(14, 70)), int(rng.integers(1, 3))
    for k in range(thick):
        field[int(rng.integers(pitch)) + k :: pitch] = 1
        if rng.random() < 0.7:
            field[:, int(rng.integers(pitch)) + k :: pitch] = 1
    return np.asarray(cv2.GaussianBlur(field, (0, 0), float(rng.uniform(0.4, 1.0))), np.float32)


def _fibres(rng: Rng) -> Texture:
    image = np.zeros(_SIZE, np.uint8)
    for _ in range(500):
        x, y = rng.integers(0, _SIZE[1]), rng.integers(0, _SIZE[0])
        angle, length = rng.uniform(0, np.pi), rng.uniform(3, 25)
        end = int(x + length * np.cos(angle)), int(y + length * np.sin(angle))
        cv2.line(image, (int(x), int(y)), end, int(rng.integers(60, 255)), 1, cv2.LINE_AA)
    return image.astype(np.float32) / 255 + np.float32(0.2) * _noise(rng, 2)


def _specks(rng: Rng) -> Texture:
    image = np.zeros(_SIZE, np.uint8)
    for _ in range(int(rng.integers(60, 900))):
        x, y = int(rng.integers(0, _SIZE[1])), int(rng.integers(0, _SIZE[0]))
        cv2.circle(image, (x, y), int(rng.choice([0, 1, 1, 2])), int(rng.integers(80, 255)), -1)
    return np.asarray(image / 255, np.float32)


_MAKERS = (_grain, _grain, _clouds, _guilloche, _guilloche, _circles, _halftone, _squares, _squares,
           _fibres, _specks)  # fmt: skip


def make_textures(rng: Rng, count: int = 44, ruled: bool = True) -> list[Texture]:
    """Return `count` fields of 320 by 1280, mean 0, standard deviation 1; `ruled` ones among them.

    Whoever must tell rulings asks for none here, since a texture has no truth.
    """
    makers = _MAKERS if ruled else tuple(maker for maker in _MAKERS if maker is not _squares)
    fields = []
    for index in range(count):
        field = makers[index % len(makers)](rng)
        scaled = (field - field.mean()) / max(float(field.std()), 1e-3)
        fields.append(np.asarray(scaled, np.float32))
    return fields


def window(rng: Rng, fields: list[Texture], height: int, width: int) -> Texture:
    """Return a random window of a random field, mirrored on where it is too small."""
    field = fields[int(rng.integers(len(fields)))]
    while field.shape[0] < height:
        field = np.concatenate([field, field[::-1]])
    while field.shape[1] < width:
        field = np.concatenate([field, field[:, ::-1]], axis=1)
    top = int(rng.integers(field.shape[0] - height + 1))
    left = int(rng.integers(field.shape[1] - width + 1))
    return field[top : top + height, left : left + width]
