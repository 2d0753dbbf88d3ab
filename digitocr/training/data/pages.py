"""Whole pages and crops of them, drawn, with exact truth: where every line of writing lies."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.training.data import paper
from digitocr.training.data.camera import View, random_view, taken
from digitocr.training.data.clutter import clutter_picture
from digitocr.training.data.drawn_text import Library
from digitocr.training.data.layout_parts import Supply
from digitocr.training.data.layouts import fill
from digitocr.training.data.sheet import Block, Layer, PageLine, Rng, Ruling, Sheet, TextStock
from digitocr.training.data.textures import make_textures, window
from digitocr.training.data.wheels import Wheels

_LEAST_CONTRAST = 3.0  # grey levels' standard deviation of a line that can still be seen


@dataclass(frozen=True, slots=True)
class DrawnPage:
    """A picture of a page with all that is true of it, in its pixels."""

    gray: NDArray[np.uint8]
    lines: tuple[PageLine, ...]
    rulings: tuple[Ruling, ...]
    turn: int
    """Degrees clockwise (0, 90, 180, 270) that set the page upright."""


class PagePainter:
    """Paints pages without end; the same seed paints the same ones."""

    def __init__(self, library: Library, wheels: Wheels, seed: int) -> None:
        """Draw paper textures; styles are chosen as pages need them."""
        self._rng = np.random.default_rng(seed)
        self._textures = make_textures(self._rng, ruled=False)
        self._supply = Supply(TextStock(self._rng, library), wheels)

    @staticmethod
    def load(
        fonts: tuple[Path, ...], data: Path, seed: int, held_out: bool = False
    ) -> "PagePainter":
        """Return a painter with the fonts under folders and the hands under ../shared/data."""
        wheels = Wheels.load(data / "meter_wheels.npz", held_out)
        return PagePainter(Library.load(fonts, data, held_out), wheels, seed)

    def pages(self, height: int, width: int, kind: str | None = None) -> Iterator[DrawnPage]:
        """Yield pages of a size, filled with one kind of `layouts.LAYOUTS` or with any."""
        while True:
            yield self.page(height, width, kind)

    def page(self, height: int, width: int, kind: str | None = None) -> DrawnPage:
        """Return the next page."""
        rng = self._rng
        margin = rng.uniform(1.0, 1.35)
        sheet = Sheet(rng, round(height * margin), round(width * margin))
        digit_height = _digit_height(rng, min(height, width))
        border = self._border(sheet.shape)
        self._compose(sheet, border, digit_height, kind)
        if rng.random() < 0.1:
            paper.lines_on_paper(sheet, digit_height)
        if rng.random() < 0.2:
            paper.marks(sheet, digit_height)
        if rng.random() < 0.06:
            paper.strike(sheet)
        grey = self._printed(sheet, border)
        view = random_view(rng, sheet.shape, (height, width), float(rng.uniform(0.92, 1.05)))
        picture = view.picture(grey, float(rng.choice([0.0, 255.0, grey.mean()])))
        image = taken(rng, picture, self._textures, digit_height)
        if rng.random() < 0.06:
            image = 255 - image
        page = _seen(sheet, view, image)
        return _tight(rng, page) if rng.random() < 0.22 else page

    def _border(self, shape: tuple[int, int]) -> tuple[int, int, int, int]:
        """Return left, top, right, bottom of the paper on the sheet: beyond it lies a desk."""
        rows, columns = shape
        if self._rng.random() < 0.7:
            return 0, 0, columns, rows
        left, top, right, bottom = self._rng.uniform(-0.1, 0.3, 4).clip(0, None)
        return (
            round(left * columns), round(top * rows),
            round((1 - right) * columns), round((1 - bottom) * rows),
        )  # fmt: skip

    def _compose(
        self, sheet: Sheet, border: tuple[int, int, int, int], digit_height: float, kind: str | None
    ) -> None:
        """Part the paper into blocks and fill each."""
        left, top, right, bottom = border
        pad = digit_height * self._rng.uniform(0.2, 1.5)
        whole = Block(
            left + pad, top + pad, right - left - 2 * pad, bottom - top - 2 * pad, digit_height
        )
        for block in _parts(self._rng, whole, 0):
            if block.width > 1.5 * block.digit_height and block.height > 1.5 * block.digit_height:
                fill(sheet, block, self._supply, kind)

    def _printed(self, sheet: Sheet, border: tuple[int, int, int, int]) -> Layer:
        """Return the sheet in grey levels: ground, shades, pictures, rulings, ink."""
        rng = self._rng
        grey = paper.ground(rng, self._textures, sheet.shape)
        if rng.random() < 0.1:
            grey = _scene(rng, grey)
        if rng.random() < 0.2:
            paper.stains(rng, grey)
        if rng.random() < 0.12:
            paper.specks(rng, grey)
        level = float(grey.mean())
        grey *= 1 - sheet.shade
        for top, left, picture in sheet.pictures:
            rows, columns = picture.shape
            grey[top : top + rows, left : left + columns] = picture
        ink, rules = self._worn(sheet.ink), sheet.rules
        dark_ink, light_ink = _ink_levels(rng, level)
        colour = np.where(sheet.shade > 0.5, light_ink, dark_ink).astype(np.float32)
        rule_colour = level + (dark_ink - level) * float(rng.uniform(0.4, 1))
        grey += rules * (rule_colour - grey)
        grey += ink * (colour - grey)
        if rng.random() < 0.08:
            grey = self._bleed(grey, sheet.ink)
        return self._on_desk(grey, border)

    def _worn(self, ink: Layer) -> Layer:
        """Return ink as pen and press leave it: faded, grainy, bold, thin."""
        rng = self._rng
        if rng.random() < 0.3:
            grain = np.abs(window(rng, self._textures, *ink.shape))
            ink = ink * np.clip(1 - float(rng.uniform(0.05, 0.4)) * grain, 0, 1)
        if rng.random() < 0.12:
            ink = np.asarray(cv2.dilate(ink, np.ones((2, 2), np.uint8)), np.float32)
        return ink

    def _bleed(self, grey: Layer, ink: Layer) -> Layer:
        back = cv2.GaussianBlur(ink[:, ::-1], (0, 0), 1.2)
        shift = int(self._rng.integers(3, max(4, ink.shape[0] // 3)))
        return grey - float(self._rng.uniform(8, 40)) * np.roll(back, shift, axis=0)

    def _on_desk(self, grey: Layer, border: tuple[int, int, int, int]) -> Layer:
        """Return the paper with a desk or a scanner's lid around it, or film edges."""
        rng = self._rng
        left, top, right, bottom = border
        if (left, top, right, bottom) == (0, 0, grey.shape[1], grey.shape[0]):
            if rng.random() < 0.12:
                paper.film_edge(rng, grey)
            return grey
        level = float(rng.choice([rng.uniform(0, 60), rng.uniform(60, 200), 255.0]))
        desk = np.full(grey.shape, level, np.float32)
        if rng.random() < 0.7:
            desk += float(rng.uniform(1, 25)) * window(rng, self._textures, *grey.shape)
        if rng.random() < 0.5:
            soft = np.zeros(grey.shape, np.float32)
            soft[top:bottom, left:right] = float(rng.uniform(0.2, 0.8))
            desk *= 1 - cv2.blur(soft, (15, 15))
        desk[top:bottom, left:right] = grey[top:bottom, left:right]
        return desk


def _digit_height(rng: Rng, side: int) -> float:
    """Return a digit height in pixels: 7 to 120, now and then 2 to 7: too small to be asked for."""
    form = rng.random()
    if form < 0.05:
        return float(rng.uniform(1.5, 7))
    if form < 0.27:
        return float(min(rng.uniform(22, 120), side / 3.2))
    return float(np.clip(np.exp(rng.normal(np.log(14), 0.45)), 7, side / 3.2))


def _ink_levels(rng: Rng, level: float) -> tuple[float, float]:
    """Return the grey of ink on the ground and on shaded ground."""
    if level < 90:
        return float(rng.uniform(level + 60, 255)), float(rng.uniform(170, 255))
    dark = level * float(rng.beta(1.0, 2.6))
    if rng.random() < 0.12:
        dark = level * float(rng.uniform(0.55, 0.85))
    return min(dark, level - 25), float(rng.uniform(0.7, 1.0)) * max(level, 150)


def _parts(rng: Rng, block: Block, depth: int) -> Iterator[Block]:
    """Yield blocks that a block is parted into, each with a height of writing near the whole's."""
    height = block.digit_height
    wide, high = block.width > 14 * height, block.height > 8 * height
    if depth >= 3 or not (wide or high) or rng.random() < 0.25 + 0.15 * depth:
        yield replace(block, digit_height=height * float(np.exp(rng.normal(0, 0.15))))
        return
    share, gap = float(rng.uniform(0.25, 0.75)), height * float(rng.uniform(0.8, 2))
    if wide and (not high or rng.random() < 0.4):
        first = max(1.0, share * block.width - gap / 2)
        yield from _parts(rng, replace(block, width=first), depth + 1)
        start = block.left + first + gap
        yield from _parts(rng, replace(block, left=start, width=block.right - start), depth + 1)
    else:
        first = max(1.0, share * block.height - gap / 2)
        yield from _parts(rng, replace(block, height=first), depth + 1)
        start = block.top + first + gap
        yield from _parts(rng, replace(block, top=start, height=block.bottom - start), depth + 1)


def _scene(rng: Rng, grey: Layer) -> Layer:
    """Return a soft picture for a ground: what signs and displays are photographed in front of."""
    picture = clutter_picture(rng, *grey.shape)
    share = float(rng.uniform(0.2, 0.8))
    return np.asarray(share * picture * (grey.mean() / 128) + (1 - share) * grey, np.float32)


def _tight(rng: Rng, page: DrawnPage) -> DrawnPage:
    """Return what a tight crop around one line shows, its edge pixels repeated around it."""
    if not page.lines:
        return page
    rows, columns = page.gray.shape
    low, high = _around_a_line(rng, page)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    image = cv2.copyMakeBorder(
        page.gray[top:bottom, left:right], top, rows - bottom, left, columns - right,
        cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return replace(_inside(page, low, high), gray=np.asarray(image, np.uint8))


def cut_to_a_line(rng: Rng, page: DrawnPage) -> DrawnPage:
    """Return a tight crop around one line, as cells, fields and windows are; a blank page as is."""
    if not page.lines:
        return page
    low, high = _around_a_line(rng, page)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    inside = _inside(page, low, high)
    lines = tuple(replace(line, quad=line.quad - low) for line in inside.lines)
    return DrawnPage(page.gray[top:bottom, left:right], lines, (), page.turn)


def _around_a_line(rng: Rng, page: DrawnPage) -> tuple[NDArray[np.int_], NDArray[np.int_]]:
    """Return the corners (x, y) of a box around a line with up to a digit's height to spare."""
    rows, columns = page.gray.shape
    line = page.lines[int(rng.integers(len(page.lines)))]
    margin = rng.uniform(0.0, 0.9, 4) * line.digit_height
    low = np.floor(line.quad.min(axis=0) - margin[:2]).clip(0, (columns - 8, rows - 8)).astype(int)
    high = np.ceil(line.quad.max(axis=0) + margin[2:]).clip(low + 8, (columns, rows)).astype(int)
    return low, high


def _inside(page: DrawnPage, low: NDArray[np.int_], high: NDArray[np.int_]) -> DrawnPage:
    """Return a page with the lines and rulings inside a box alone."""
    inside = [
        one
        for one in page.lines
        if ((one.quad.mean(axis=0) > low) & (one.quad.mean(axis=0) < high)).all()
    ]
    rulings = (_cut(ruling, low, high) for ruling in page.rulings)
    kept = tuple(ruling for ruling in rulings if ruling is not None)
    return DrawnPage(page.gray, tuple(inside), kept, page.turn)


def _cut(ruling: Ruling, low: NDArray[np.int_], high: NDArray[np.int_]) -> Ruling | None:
    """Return the part of a ruling inside a box, or None."""
    size = (high - low).tolist()
    ends = [
        (np.array(end) - low).round().astype(int).tolist() for end in (ruling.start, ruling.end)
    ]
    inside, first, last = cv2.clipLine((0, 0, *size), ends[0], ends[1])
    if not inside:
        return None
    start, end = (np.array(first) + low).tolist(), (np.array(last) + low).tolist()
    return Ruling((start[0], start[1]), (end[0], end[1]), ruling.thickness)


def _is_visible(
    image: NDArray[np.uint8], low: NDArray[np.float64], high: NDArray[np.float64]
) -> bool:
    """Tell whether anything can be seen in a box: glare, fax and shadow swallow lines."""
    left, top = np.maximum(low, 0).astype(int)
    right, bottom = np.ceil(high).astype(int)
    return float(image[top : bottom + 1, left : right + 1].std()) > _LEAST_CONTRAST


def _seen(sheet: Sheet, view: View, image: NDArray[np.uint8]) -> DrawnPage:
    """Return the picture with the truth moved into it; what lies outside is left out."""
    rows, columns = image.shape
    lines = []
    for line in sheet.lines:
        quad = view.points(line.quad)
        middle = quad.mean(axis=0)
        low, high = quad.min(axis=0), quad.max(axis=0)
        if (high > 0).all() and low[0] < columns and low[1] < rows and np.isfinite(middle).all():
            height = (
                float(np.linalg.norm(quad[3] - quad[0]) + np.linalg.norm(quad[2] - quad[1])) / 2
            )
            if _is_visible(image, low, high):
                lines.append(PageLine(quad, line.truth, height))
    rulings = []
    for ruling in sheet.rulings:
        ends = np.linspace(ruling.start, ruling.end, 5 if view.wave[0] else 2)
        seen = view.points(ends)
        for a, b in pairwise(seen):
            start, end = (float(a[0]), float(a[1])), (float(b[0]), float(b[1]))
            rulings.append(Ruling(start, end, ruling.thickness))
    return DrawnPage(image, tuple(lines), tuple(rulings), view.turn)
