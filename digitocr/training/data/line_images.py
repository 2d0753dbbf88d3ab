"""Drawn text as the grey crop of a line that a page would give, with all that goes wrong there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.recognition.line_image import (
    BOX_MARGIN,
    LINE_HEIGHT,
    LONGEST,
    used_columns,
)
from digitocr.training.data import content, drawn_text, line_layout
from digitocr.training.data.drawn_text import DrawnText, HandStyle, Library, Style
from digitocr.training.data.line_layers import (
    Layer,
    as_layer,
    cut_rows,
    draw_rule,
    faxed,
    paste,
    random_height,
    rule_thickness,
    small_and_back,
)
from digitocr.training.data.line_layout import Laid
from digitocr.training.data.textures import make_textures, window
from digitocr.training.data.wheels import Wheels

_STYLES, _USES = 48, 24  # styles at hand at a time; lines that each writes, as a page does
_RECENT = 80
_MOST_CHARS = 20  # the network sees nine digits at a time: long lines cost much and teach little


@dataclass(frozen=True, slots=True)
class LineImage:
    """A grey crop (h, w) of one line, what it says, and the kind of writing."""

    crop: NDArray[np.uint8]
    truth: str
    kind: str


@dataclass(frozen=True, slots=True)
class _Place:
    """Ink on a canvas: where digits stand and how high they are, in pixels."""

    ink: Layer
    baseline: float
    digit_height: float
    left: float
    right: float
    bars: tuple[float, ...] = ()


class LinePainter:
    """Paints line images without end; the same seed paints the same ones."""

    def __init__(self, library: Library, wheels: Wheels, seed: int) -> None:
        """Draw paper textures and choose the first styles."""
        self._rng = np.random.default_rng(seed)
        self._library = library
        self._wheels = wheels
        self._textures = make_textures(self._rng)
        self._styles: list[tuple[Style, float]] = []
        self._recent: list[DrawnText] = []
        self._harm = 1.0

    def lines(self, kind: str | None = None) -> Iterator[LineImage]:
        """Yield line images; of one kind of `drawn_text.KINDS`, "wheels", "string" or "empty"."""
        while True:
            yield self._line(kind)

    def _line(self, kind: str | None) -> LineImage:
        draw = self._rng.random()
        self._harm = 0.15 if self._rng.random() < 0.3 else float(self._rng.uniform(0.3, 0.9))
        if kind == "wheels" or (kind is None and draw < 0.04):
            return self._wheel_line()
        if kind == "empty" or (kind is None and draw < 0.075):
            return self._empty_line()
        if kind == "string" or (kind is None and draw < 0.14):
            laid, style = self._string()
        else:
            laid, style = self._text(kind)
        image = self._page(self._placed(laid, style.kind), style.kind)
        return LineImage(image, laid.drawn.truth, kind or style.kind)

    def _chance(self, share: float) -> bool:
        """Tell whether something that harms happens to this line: clean pages see little of it."""
        return bool(self._rng.random() < share * self._harm)

    # what is written

    def _style(self, kind: str | None) -> tuple[Style, float]:
        """Return a style and a digit height; a few at a time stay in use, as on a page."""
        rng = self._rng
        if kind is not None:
            return drawn_text.random_style(rng, self._library, kind), random_height(rng)
        slot = int(rng.integers(_STYLES))
        if slot >= len(self._styles) or rng.random() < 1 / _USES:
            fresh = drawn_text.random_style(rng, self._library), random_height(rng)
            if slot < len(self._styles):
                self._styles[slot] = fresh
            else:
                self._styles.append(fresh)
            return fresh
        return self._styles[slot]

    def _string(self) -> tuple[Laid, Style]:
        """Return a number as somebody wrote it as a whole."""
        style, height = self._style("hand")
        while not (isinstance(style, HandStyle) and not style.hand.bitmaps):
            style = drawn_text.random_style(self._rng, self._library, "hand")
        drawn = drawn_text.draw_ink_string(self._rng, style, height)
        self._remember(drawn)
        return Laid(drawn), style

    def _text(self, kind: str | None) -> tuple[Laid, Style]:
        """Return a line in a page's style: mostly one text, also cells, combs, struck-out ones."""
        rng = self._rng
        style, height = self._style(kind)
        form = rng.random()
        if style.kind == "segment" and form < 0.45:
            return self._display(style, height), style
        if form < 0.14:
            cells = self._cells(style)
            pieces = [drawn_text.draw_text(rng, cell, style, height) for cell in cells]
            return line_layout.row_of_cells(rng, pieces), style
        if form < 0.17:
            digits = content.random_number(rng, "long" if rng.random() < 0.6 else "count")
            pieces = [drawn_text.draw_text(rng, digit, style, height) for digit in digits]
            return line_layout.comb(rng, pieces), style
        drawn = drawn_text.draw_text(rng, self._content(style), style, height)
        self._remember(drawn)
        if form < 0.178 and style.kind != "segment":
            drawn = line_layout.struck_out(rng, drawn)
        return Laid(drawn), style

    def _display(self, style: Style, height: float) -> Laid:
        """Return a reading with its unit in print behind it, or with small last digits."""
        rng = self._rng
        main = drawn_text.draw_text(rng, self._content(style), style, height)
        if rng.random() < 0.25:
            digits = content.random_number(rng, "single") if rng.random() < 0.7 else "00"
            small = drawn_text.draw_text(rng, digits, style, height * rng.uniform(0.5, 0.8))
            return line_layout.beside(rng, main, small, "")
        print_style = drawn_text.random_style(rng, self._library, "print")
        unit = content.random_unit(rng)
        small = drawn_text.draw_text(rng, unit, print_style, height * rng.uniform(0.3, 0.75))
        return line_layout.beside(rng, main, small, " ")

    def _cells(self, style: Style) -> list[str]:
        """Return what neighbours in a row hold: numbers of any kind, or single characters."""
        rng = self._rng
        if rng.random() < 0.7:
            letters = rng.uniform(0, 1) if rng.random() < 0.2 else 0.0
            count = int(rng.integers(1, 10))
            drawn = 1 if rng.random() < 0.2 else count  # now and then all are the same
            return [self._single(style, letters) for _ in range(drawn)] * (count // drawn)
        return [self._number(style) for _ in range(int(rng.integers(2, 4)))]

    def _single(self, style: Style, letters: float) -> str:
        """Return a digit, or a letter in so large a share of cases."""
        letter = content.random_letter(self._rng)
        if self._rng.random() < letters and drawn_text.can_draw(style, letter):
            return letter
        return content.random_number(self._rng, "single")

    def _number(self, style: Style) -> str:
        text = content.random_number(self._rng)
        return (
            text if drawn_text.can_draw(style, text) else content.random_number(self._rng, "count")
        )

    def _content(self, style: Style) -> str:
        rng = self._rng
        if style.kind == "micr":
            return content.random_cheque_number(rng)
        text = content.random_reading(rng) if style.kind == "segment" else content.random_line(rng)
        if style.kind == "hand" and rng.random() < 0.6:
            short = rng.random() < 0.4
            text = content.random_row_number(rng) if short else content.random_number(rng)
        for _ in range(6):
            if len(text) <= _MOST_CHARS and drawn_text.can_draw(style, text):
                return text
            text = content.random_number(rng, "count" if rng.random() < 0.7 else "long")
        return text

    def _remember(self, drawn: DrawnText) -> None:
        if len(self._recent) < _RECENT:
            self._recent.append(drawn)
        else:
            self._recent[int(self._rng.integers(_RECENT))] = drawn

    # where it stands

    def _placed(self, laid: Laid, kind: str) -> _Place:
        """Put ink on a canvas with a digit height above and below, and margins at both ends."""
        rng, height, ink = self._rng, laid.drawn.digit_height, laid.drawn.ink
        segments = kind == "segment"
        if rng.random() < (0.45 if segments else 0.06):  # a picture pulled to its window's shape
            pull = float(rng.uniform(0.7, 2.0 if segments else 1.7))
            ink = np.asarray(cv2.resize(ink, None, fx=pull, fy=1.0), np.float32)
        stretch = ink.shape[1] / laid.drawn.ink.shape[1]
        margins = rng.uniform(0.05, 1.3, 2) * height + 1
        rows, columns = round(3.2 * height) + 2, round(ink.shape[1] + margins.sum())
        canvas = np.zeros((rows, columns), np.float32)
        baseline = 2.1 * height
        paste(canvas, ink, round(baseline - laid.drawn.baseline), round(margins[0]))
        bars = tuple(x * stretch + margins[0] for x in laid.bars)
        return _Place(canvas, baseline, height, margins[0], margins[0] + ink.shape[1], bars)

    def _neighbours(self, place: _Place) -> None:
        """Add lines of writing above and below."""
        rng = self._rng
        for direction in (-1, 1):
            if not self._recent or rng.random() > 0.33:
                continue
            other = self._recent[int(rng.integers(len(self._recent)))]
            scale = place.digit_height / other.digit_height
            if not 0.5 < scale < 2:
                continue
            ink = cv2.resize(other.ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
            pitch = direction * place.digit_height * rng.uniform(1.4, 2.3)
            top = round(place.baseline + pitch - other.baseline * scale)
            paste(
                place.ink,
                ink * rng.uniform(0.5, 1),
                top,
                int(rng.integers(-ink.shape[1] // 2, place.ink.shape[1])),
            )

    def _rulings(self, place: _Place) -> Layer | None:
        """Return ruling lines, box sides and a strike of dots as a layer of ink, or None."""
        rng, height = self._rng, place.digit_height
        layer = np.zeros_like(place.ink)
        drawn = False
        for chance, low, high in ((0.28, 0.04, 0.35), (0.1, -1.45, -1.08), (0.05, -0.9, -0.05)):
            if self._chance(chance):
                self._horizontal(layer, place.baseline + rng.uniform(low, high) * height, height)
                drawn = True
        sides = (
            place.left - rng.uniform(0.1, 0.8) * height,
            place.right + rng.uniform(0.1, 0.8) * height,
        )
        bars = place.bars + tuple(x for x in sides if self._chance(0.15))
        strength, thick = rng.uniform(0.3, 1), rule_thickness(rng, height)
        for x in bars:
            draw_rule(layer, (x, -5), (x, layer.shape[0] + 5), strength, thick)
        return layer if drawn or bars else None

    def _horizontal(self, layer: Layer, y: float, height: float) -> None:
        rng = self._rng
        strength, thick = rng.uniform(0.25, 1), rule_thickness(rng, height)
        width = layer.shape[1]
        ends = (-5.0, width + 5.0)
        if rng.random() < 0.2:
            ends = (rng.uniform(-5, 0.2 * width), rng.uniform(0.8 * width, width + 5))
        tilt = rng.normal(0, 0.01) * width
        draw_rule(layer, (ends[0], y), (ends[1], y + tilt), strength, thick)
        if rng.random() < 0.3:
            period = max(2, round(rng.uniform(0.08, 0.3) * height))
            layer[:, (np.arange(width) // max(1, period // 2)) % 2 == 0] *= 0.1

    # what it looks like

    def _page(self, place: _Place, kind: str) -> NDArray[np.uint8]:
        rng = self._rng
        self._neighbours(place)
        ink = self._worn(place.ink, place.digit_height, kind)
        plain = kind == "segment" and not place.bars and rng.random() < 0.8
        rulings = None if plain else self._rulings(place)
        if rulings is not None:
            ink = np.maximum(ink, rulings) if rng.random() < 0.5 else 1 - (1 - ink) * (1 - rulings)
        grey, middle = self._printed(ink, kind)
        return self._boxed(self._photographed(grey, place.digit_height, middle), place)

    def _worn(self, ink: Layer, height: float, kind: str) -> Layer:
        """Return ink as pen and press leave it: bold, thin, faded, broken, grainy."""
        rng = self._rng
        if self._chance(0.3) and height > 14:
            size = 2 if height < 30 else 3
            change = cv2.dilate if rng.random() < 0.6 else cv2.erode
            ink = np.asarray(change(ink, np.ones((size, size), np.uint8)), np.float32)
        if self._chance(0.4):
            grain = window(rng, self._textures, *ink.shape)
            ink = ink * np.clip(1 - rng.uniform(0.05, 0.45) * np.abs(grain), 0, 1)
        if self._chance(0.3 if kind in {"typewriter", "thermal", "dotmatrix"} else 0.12):
            blurred = as_layer(cv2.GaussianBlur(ink, (0, 0), 0.4 + 0.03 * height))
            rough = window(rng, self._textures, *ink.shape) * (blurred > 0.02)
            blurred = blurred + np.float32(rng.uniform(0.03, 0.15)) * rough
            ink = np.clip((blurred - rng.uniform(0.25, 0.5)) * rng.uniform(2, 8) + 0.5, 0, 1)
        return ink

    def _printed(self, ink: Layer, kind: str) -> tuple[Layer, float]:
        """Return ink on paper in grey levels, and the level between paper and ink."""
        rng = self._rng
        if self._chance(0.09) and self._recent:
            ink = np.maximum(ink, self._bleed(ink.shape))
        screen = kind in {"segment", "dotmatrix"} and rng.random() < 0.6
        paper = rng.uniform(70, 235) if screen else 255 * rng.beta(5, 1.3)
        contrast = max(25.0, paper * (1 - rng.beta(1.0, 2.4)))
        if self._chance(0.15):
            contrast = max(18.0, contrast * rng.uniform(0.2, 0.5))
        ground = np.full(ink.shape, paper, np.float32)
        if self._chance(0.85):
            amount = min(0.18 * contrast, abs(rng.normal(0, 9)) + 1)
            ground += amount * window(rng, self._textures, *ink.shape)
        if self._chance(0.4):
            ground += self._shade(ink.shape, contrast)
        grey, middle = ground - contrast * ink, paper - contrast * rng.uniform(0.4, 0.6)
        if rng.random() < (0.4 if screen else 0.12):
            grey, middle = 255 - grey, 255 - middle
            if screen and rng.random() < 0.5:
                glow = cv2.GaussianBlur(grey - grey.min(), (0, 0), float(rng.uniform(2, 6)))
                grey = grey + as_layer(glow) * np.float32(rng.uniform(0, 0.6))
        return grey, middle

    def _bleed(self, shape: tuple[int, ...]) -> Layer:
        rng = self._rng
        other = self._recent[int(rng.integers(len(self._recent)))]
        layer = np.zeros(shape, np.float32)
        mirrored = cv2.GaussianBlur(other.ink[:, ::-1], (0, 0), 1.2) * rng.uniform(0.08, 0.3)
        paste(layer, mirrored, int(rng.integers(-10, shape[0])), int(rng.integers(-30, shape[1])))
        return layer

    def _shade(self, shape: tuple[int, ...], contrast: float) -> Layer:
        """Return light that falls off, or the edge of a shadow or a glare."""
        rng = self._rng
        y, x = np.ogrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
        slope = x * rng.normal() + y * rng.normal() * 0.5
        if rng.random() < 0.35:
            slope = np.tanh((slope + rng.uniform(-0.5, 0.5)) * rng.uniform(3, 20))
        return (slope * rng.uniform(0.05, 0.6) * contrast).astype(np.float32)

    def _photographed(self, grey: Layer, height: float, middle: float) -> NDArray[np.uint8]:
        """Return grey as camera, scanner and codec leave it; fax cuts at the middle level."""
        rng = self._rng
        if self._chance(0.55):
            blur = float(rng.uniform(0.3, 0.065 * height + 0.3))
            grey = as_layer(cv2.GaussianBlur(grey, (0, 0), blur))
        elif self._chance(0.12):
            size = max(2, round(rng.uniform(0.05, 0.2) * height))
            grey = as_layer(cv2.blur(grey, (size, 1) if rng.random() < 0.6 else (1, size)))
        if self._chance(0.28) and height > 11:
            grey = small_and_back(grey, rng.uniform(8, min(height, 20)) / height, rng)
        if self._chance(0.5):
            spread = np.float32(rng.uniform(0.5, 9))
            grey = grey + rng.standard_normal(grey.shape, np.float32) * spread
        if rng.random() < 0.05:
            grey = 2 * grey - as_layer(cv2.GaussianBlur(grey, (0, 0), 1.5))
        image = np.clip(grey, 0, 255).astype(np.uint8)
        if self._chance(0.1):
            image = faxed(image, middle, height, rng)
        if rng.random() < 0.25:
            quality = int(rng.integers(18, 92))
            _, coded = cv2.imencode(".jpg", image, (cv2.IMWRITE_JPEG_QUALITY, quality))
            image = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
        return image

    def _boxed(self, image: NDArray[np.uint8], place: _Place) -> NDArray[np.uint8]:
        """Return the box that a rough finder would cut out: too high or low, askew, leaning."""
        rng, height = self._rng, place.digit_height
        box = height * (1 + 2 * BOX_MARGIN) * float(np.exp(rng.normal(0, 0.13)))
        middle = place.baseline - height / 2 + rng.normal(0, 0.08) * height
        top, rows = middle - box / 2, max(8, round(box))
        form = rng.random()
        if form < 0.1:  # the picture ends near the writing, the box beyond it
            free = rng.uniform(0.04, 0.4, 2) * height
            first, last = place.baseline - height - free[0], place.baseline + free[1]
            image = cut_rows(image, int(first), round(last), round(top), rows)
            top = 0.0
        if form < 0.5:
            first = min(max(0, round(top)), image.shape[0] - 8)
            return image[first : first + rows]
        angle, lean = rng.normal(0, 0.02), rng.normal(0, 0.06)
        stretch = float(np.exp(rng.normal(0, 0.08)))
        centre = (place.left + place.right) / 2
        matrix = np.array([[1 / stretch, lean, 0], [angle, 1, 0]], np.float64)
        size = max(8, round(image.shape[1] * stretch)), rows
        matrix[:, 2] = np.array([centre, middle]) - matrix[:, :2] @ np.array(
            [centre * stretch, box / 2]
        )
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        askew = cv2.warpAffine(image, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(askew, np.uint8)

    # other lines

    def _wheel_line(self) -> LineImage:
        rng = self._rng
        height = random_height(rng)
        strip, truth = self._wheels.row(rng, height)
        margins = int(height * rng.uniform(0, 0.8)), int(height * rng.uniform(0, 0.8))
        ground = np.full(
            (round(3.2 * height) + 2, strip.shape[1] + sum(margins)),
            rng.uniform(0, 255),
            np.float32,
        )
        ground += window(rng, self._textures, *ground.shape) * rng.uniform(0, 10)
        top = round(1.6 * height - strip.shape[0] / 2)
        ground[top : top + strip.shape[0], margins[0] : margins[0] + strip.shape[1]] = strip
        place = _Place(ground, 2.1 * height, height, margins[0], margins[0] + strip.shape[1])
        return LineImage(
            self._boxed(self._photographed(ground, height, 128), place), truth, "wheels"
        )

    def _empty_line(self) -> LineImage:
        """Return paper with rulings, the feet and heads of other lines, or a stain."""
        rng = self._rng
        height = random_height(rng)
        rows, columns = round(3.2 * height) + 2, round(rng.uniform(1, 10) * height)
        place = _Place(
            np.zeros((rows, columns), np.float32),
            2.1 * height,
            height,
            0.3 * columns,
            0.7 * columns,
        )
        if rng.random() < 0.2:
            y, x = rng.uniform(0, rows), rng.uniform(0, columns)
            axes = (
                max(1, int(rng.uniform(0.5, 3) * height)),
                max(1, int(rng.uniform(0.5, 3) * height)),
            )
            cv2.ellipse(
                place.ink, ((x, y), axes, rng.uniform(0, 180)), float(rng.uniform(0.05, 0.4)), -1
            )
        return LineImage(self._page(place, "print"), "", "empty")


def load_painter(
    fonts: tuple[Path, ...], data: Path, seed: int, held_out: bool = False
) -> LinePainter:
    """Return a painter with all faces, hands and meter wheels, or with those held out."""
    library = Library.load(fonts, data, held_out)
    return LinePainter(library, Wheels.load(data / "meter_wheels.npz", held_out), seed)


def is_readable(image: LineImage) -> bool:
    """Tell whether CTC can spell a line's truth in the columns it has, and it is not too long."""
    height, width = image.crop.shape
    truth = image.truth
    needed = len(truth) + sum(a == b for a, b in pairwise(truth))
    return needed <= used_columns(height, width) and width * LINE_HEIGHT / height <= LONGEST
