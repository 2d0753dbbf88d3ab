"""A sheet while it is drawn: ink, rulings, ground, and the truth of what was put on it."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.training.data import content, drawn_text
from digitocr.training.data.drawn_text import DrawnText, Library, Style

Rng = np.random.Generator
Layer = NDArray[np.float32]
Quad = NDArray[np.float64]
"""(4, 2) corners x, y in reading direction: top left, top right, bottom right, bottom left."""

_BASE_HEIGHT = 40.0  # digits are drawn so high, then brought to size as a scan would be
_KEPT_TEXTS = 10  # of each kind and style: what is drawn once stands in many places
_KEPT_STYLES = 60


@dataclass(frozen=True, slots=True)
class PageLine:
    """A run of words that belong together on one line and in one cell."""

    quad: Quad
    """From the baseline to a digit height above it, from the first ink to the last."""
    truth: str
    digit_height: float

    @property
    def is_number(self) -> bool:
        """Tell whether any digit stands in the line."""
        return any(char.isdigit() for char in self.truth)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A straight ruling, frame side or line of the paper, in pixels."""

    start: tuple[float, float]
    end: tuple[float, float]
    thickness: float


@dataclass(frozen=True, slots=True)
class StockStyle:
    """A style in use, with a number by which its drawn texts are found again."""

    serial: int
    style: Style

    @property
    def kind(self) -> str:
        """Return the kind of writing."""
        return self.style.kind


class TextStock:
    """Drawn texts of the styles in use: drawing anew is what takes the time."""

    def __init__(self, rng: Rng, library: Library) -> None:
        """Start empty."""
        self._rng, self._library = rng, library
        self._styles: list[StockStyle] = []
        self._drawn: dict[int, dict[str, list[DrawnText]]] = {}
        self._made = 0

    def style(self, kind: str | None = None) -> StockStyle:
        """Return a style of a kind; one in twenty is new."""
        rng = self._rng
        fitting = [s for s in self._styles if kind is None or s.kind == kind]
        if len(fitting) >= (8 if kind else _KEPT_STYLES // 2) and rng.random() > 0.05:
            return fitting[int(rng.integers(len(fitting)))]
        self._made += 1
        fresh = StockStyle(self._made, drawn_text.random_style(rng, self._library, kind))
        self._styles.append(fresh)
        self._drawn[fresh.serial] = {}
        if len(self._styles) > _KEPT_STYLES:
            gone = self._styles.pop(int(rng.integers(_KEPT_STYLES)))
            del self._drawn[gone.serial]
        return fresh

    def text(self, style: StockStyle, kind: str, digit_height: float) -> DrawnText:
        """Return a text of a kind of `random_content` in a style, about a height high."""
        rng = self._rng
        shelf = self._drawn.get(style.serial, {}).setdefault(kind, [])
        if len(shelf) < _KEPT_TEXTS and (not shelf or rng.random() < 0.5):
            height = max(_BASE_HEIGHT, min(digit_height, 90))
            shelf.append(self._fresh(style.style, kind, height))
        return scaled(shelf[int(rng.integers(len(shelf)))], digit_height)

    def _fresh(self, style: Style, kind: str, digit_height: float) -> DrawnText:
        text = random_content(self._rng, kind)
        for fallback in ("count", "long", "single"):
            if drawn_text.can_draw(style, text):
                break
            text = content.random_number(self._rng, fallback)
        return drawn_text.draw_text(self._rng, text, style, digit_height)


def random_content(rng: Rng, kind: str) -> str:
    """Return a text of a kind: of `content.KINDS`, or another one that is named here."""
    if kind in content.KINDS:
        return content.random_number(rng, kind)
    if kind == "letter":
        return content.random_letter(rng)
    if kind == "reading":
        return content.random_reading(rng)
    if kind == "number":
        return content.random_number(rng)
    if kind == "mixed":
        return content.random_line(rng)
    if kind == "sentence":
        words = [content.random_word(rng) for _ in range(int(rng.integers(5, 13)))]
        if rng.random() < 0.25:
            words[int(rng.integers(len(words)))] = content.random_number(rng)
        return " ".join(words)
    count = {"word": 1, "label": int(rng.integers(1, 3))}.get(kind, int(rng.integers(2, 5)))
    return " ".join(content.random_word(rng) for _ in range(count))


def scaled(drawn: DrawnText, digit_height: float) -> DrawnText:
    """Return a drawn text brought to another height."""
    scale = digit_height / drawn.digit_height
    if abs(scale - 1) < 0.03:
        return drawn
    rows, columns = (max(1, round(side * scale)) for side in drawn.ink.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    ink = np.asarray(cv2.resize(drawn.ink, (columns, rows), interpolation=method), np.float32)
    return DrawnText(
        ink, drawn.truth, drawn.x_left, drawn.x_right, drawn.words, drawn.baseline * scale,
        digit_height,
    )  # fmt: skip


class Sheet:
    """What lies on a sheet, in its own pixels, before any camera sees it."""

    def __init__(self, rng: Rng, height: int, width: int) -> None:
        """Start with nothing on it."""
        self.rng = rng
        self.shape = height, width
        self.ink = np.zeros((height, width), np.float32)
        self.rules = np.zeros((height, width), np.float32)
        self.shade = np.zeros((height, width), np.float32)
        """Where the ground is darker: 0 paper .. 1 black; writing on more than 0.5 is light."""
        self.pictures: list[tuple[int, int, Layer]] = []
        """Grey pictures (top, left, levels 0..255) that cover the paper."""
        self.lines: list[PageLine] = []
        self.rulings: list[Ruling] = []

    def write(self, drawn: DrawnText, left: float, baseline: float, strength: float = 1.0) -> None:
        """Put a text on the sheet as one line; what would leave the sheet is left out."""
        top, start = round(baseline - drawn.baseline), round(left)
        rows, columns = drawn.ink.shape
        if top < 0 or start < 0 or top + rows > self.shape[0] or start + columns > self.shape[1]:
            return
        place = self.ink[top : top + rows, start : start + columns]
        np.maximum(place, drawn.ink * strength, out=place)
        up, down = baseline - drawn.digit_height, baseline
        right = start + columns
        quad = np.array([[start, up], [right, up], [right, down], [start, down]], np.float64)
        self.add_line(quad, drawn.truth, drawn.digit_height)

    def write_turned(self, drawn: DrawnText, centre: tuple[float, float], angle: float) -> None:
        """Put a text on the sheet turned clockwise by an angle in degrees about its middle."""
        rows, columns = drawn.ink.shape
        matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), -angle, 1.0)
        matrix[:, 2] += np.array(centre) - (columns / 2, rows / 2)
        reach = float(np.hypot(rows, columns)) / 2
        if not all(
            reach < c < side - reach for c, side in zip(centre, self.shape[::-1], strict=True)
        ):
            return
        turned = cv2.warpAffine(drawn.ink, matrix, self.shape[::-1])
        np.maximum(self.ink, turned, out=self.ink)
        up = drawn.baseline - drawn.digit_height
        box = [[0, up], [columns, up], [columns, drawn.baseline], [0, drawn.baseline]]
        quad = np.asarray(np.array(box) @ matrix[:, :2].T + matrix[:, 2], np.float64)
        self.add_line(quad, drawn.truth, drawn.digit_height)

    def add_line(self, quad: Quad, truth: str, digit_height: float) -> None:
        """Note a line that is on the sheet."""
        if truth:
            self.lines.append(PageLine(quad, truth, digit_height))

    def rule(
        self, start: tuple[float, float], end: tuple[float, float], strength: float = 1.0,
        thickness: int = 1, dash: int = 0,
    ) -> None:  # fmt: skip
        """Draw a ruling; `dash` > 0 breaks it into dashes or dots so many pixels long."""
        pieces = _dashes(start, end, dash) if dash else [(start, end)]
        for a, b in pieces:
            points = [(round(x * 16), round(y * 16)) for x, y in (a, b)]
            cv2.line(self.rules, points[0], points[1], float(strength), thickness, cv2.LINE_AA, 4)
        self.rulings.append(Ruling(start, end, thickness))

    def box(
        self, corner: tuple[float, float], size: tuple[float, float], strength: float = 1.0,
        thickness: int = 1,
    ) -> None:  # fmt: skip
        """Draw the four sides of a box."""
        (x, y), (width, height) = corner, size
        corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
        for index in range(4):
            self.rule(corners[index], corners[(index + 1) % 4], strength, thickness)


def _dashes(
    start: tuple[float, float], end: tuple[float, float], dash: int
) -> list[tuple[tuple[float, float], tuple[float, float]]]:
    first, last = np.array(start), np.array(end)
    length = float(np.linalg.norm(last - first))
    along = (last - first) / max(length, 1e-6)
    offsets = np.arange(0, length, 2 * dash)
    return [
        ((float(a[0]), float(a[1])), (float(b[0]), float(b[1])))
        for a, b in ((first + o * along, first + (o + dash) * along) for o in offsets)
    ]


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a sheet to be filled, in pixels, and how high digits in it are."""

    left: float
    top: float
    width: float
    height: float
    digit_height: float

    @property
    def right(self) -> float:
        """Return the x of the right side."""
        return self.left + self.width

    @property
    def bottom(self) -> float:
        """Return the y of the lower side."""
        return self.top + self.height
