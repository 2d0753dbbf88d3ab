"""Compose pages with nothing on them to read, for what is read there all the same.

Kinds, in turn: white; coloured paper; noisy and dusty; in shadow; ruled, on some pages squared;
stained; stapled, with punched holes; a scanner's lid along its edges; the back's numbers showing
through; with a frame and boxes to be filled in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from commands import MNIST
from compose import (
    HEIGHT,
    NOISE,
    PAPER,
    SQUARE,
    WIDTH,
    Gray,
    Page,
    Rng,
    Truth,
    compose_page,
    load_digits,
    photographed,
    shadowed,
    squared,
    write_set,
)


def compose_blank(folder: Path, *, n_pages: int, seed: int = 1) -> Truth:
    """Write empty pages and truth.csv into a folder; return the truth, no number on any page."""

    def pages() -> Iterator[tuple[Gray, list[str]]]:
        for number in range(n_pages):
            rng = np.random.default_rng([seed, number])
            yield photographed(KINDS[number % len(KINDS)](rng), rng), []

    return write_set(folder, pages(), ".jpg")


def paper() -> Page:
    """Return a sheet as white as paper is."""
    return np.full((HEIGHT, WIDTH), PAPER, np.float32)


def white(_rng: Rng) -> Page:
    """Return a sheet brighter than the scanner measures."""
    return paper() + np.float32(255 - PAPER + 3 * NOISE)


def coloured(rng: Rng) -> Page:
    """Return a sheet of pale colour, (H, W, 3)."""
    return np.tile(rng.uniform(150, 250, 3).astype(np.float32), (HEIGHT, WIDTH, 1))


def noisy(rng: Rng) -> Page:
    """Return a noisy sheet with dust on it."""
    page = paper() + 12 * rng.standard_normal((HEIGHT, WIDTH), np.float32)
    for x, y in rng.integers((0, 0), (WIDTH, HEIGHT), (80, 2)):
        cv2.circle(page, (int(x), int(y)), int(rng.integers(1, 5)), rng.uniform(40, 160), -1)
    return page


def in_shadow(rng: Rng) -> Page:
    """Return a sheet with a shadow across it."""
    return shadowed(paper(), rng)


def ruled(rng: Rng) -> Page:
    """Return a sheet with lines to write on, 8 mm apart, a margin's line, or with squares."""
    if rng.random() < 0.5:
        return squared(paper(), rng)
    page, line = paper(), rng.uniform(90, 190)
    page[300 :: round(1.6 * SQUARE)] = line
    page[301 :: round(1.6 * SQUARE)] = line
    page[:, 236:239] = line
    return page


def stained(rng: Rng) -> Page:
    """Return a sheet with rings of cups, blots and splashes."""
    wet = np.zeros((HEIGHT, WIDTH), np.float32)
    for radius, pen in ((220, 14), (260, 9), (40, -1), (25, -1), *[(6, -1)] * 12):
        place = tuple(map(int, rng.integers((0, 0), (WIDTH, HEIGHT))))
        axes = (radius, round(radius * rng.uniform(0.8, 1)))
        start = rng.uniform(0, 360)
        end = start + (360 if pen < 0 else rng.uniform(200, 330))
        cv2.ellipse(wet, place, axes, 0, start, end, rng.uniform(30, 110), pen)
    return paper() - cv2.GaussianBlur(wet, (0, 0), 4)


def stapled(rng: Rng) -> Page:
    """Return a sheet with a staple, its shadow, a folded corner's crease and punched holes."""
    page = paper()
    x, y = (int(rng.integers(80, 300)) for _ in range(2))
    shadow = np.zeros_like(page)
    cv2.line(shadow, (x + 8, y + 12), (x + 108, y - 48), 60, 16)
    cv2.line(shadow, (0, y + 420), (x + 420, 0), 25, 6)
    for middle in (HEIGHT // 2 - 472, HEIGHT // 2 + 472):
        cv2.circle(shadow, (142, middle), 36, rng.uniform(90, 200), -1)
    page -= cv2.GaussianBlur(shadow, (0, 0), 5)
    cv2.line(page, (x, y), (x + 100, y - 60), 70, 7)
    return page


def under_lid(rng: Rng) -> Page:
    """Return a sheet that lies a little askew in the scanner, dark lid and shadow around it."""
    sheet = np.pad(np.full((HEIGHT - 160, WIDTH - 120), PAPER, np.float32), ((0, 160), (0, 120)))
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), rng.uniform(-1.5, 1.5), 1)
    sheet = np.asarray(cv2.warpAffine(sheet, turn, (WIDTH, HEIGHT)), np.float32)
    edge = cv2.GaussianBlur(sheet, (0, 0), 12)
    return np.minimum(sheet, edge) + np.float32(rng.uniform(5, 120)) * (sheet < PAPER / 2)


def shown_through(rng: Rng) -> Page:
    """Return a sheet on whose back numbers are written; they show through, mirrored."""
    back, _ = compose_page(load_digits(MNIST), 0, 3, rng)
    faint = np.float32(rng.uniform(0.06, 0.15))
    return PAPER - faint * (PAPER - cv2.GaussianBlur(back[:, ::-1], (0, 0), 4))


def framed(rng: Rng) -> Page:
    """Return a form that is not filled in: a frame, and rows of boxes."""
    page, ink = paper(), rng.uniform(30, 120)
    cv2.rectangle(page, (150, 150), (WIDTH - 150, HEIGHT - 150), ink, int(rng.integers(3, 15)))
    for top in range(400, HEIGHT - 500, 420):
        for left in range(300, 300 + 110 * int(rng.integers(3, 17)), 110):
            cv2.rectangle(page, (left, top), (left + 90, top + 120), ink, 3)
    return page


KINDS = (
    white,
    coloured,
    noisy,
    in_shadow,
    ruled,
    stained,
    stapled,
    under_lid,
    shown_through,
    framed,
)
