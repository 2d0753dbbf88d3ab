"""Digits of seven segments, of dots, and of magnetic ink, drawn without fonts."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Rng = np.random.Generator
Drawn = tuple[NDArray[np.uint8], list[tuple[float, float]], float]
"""Ink 0..255, each word's (left, right), the baseline's row."""

_SEGMENTS = {  # a top, b right above, c right below, d bottom, e left below, f left above, g middle
    "0": "abcdef", "1": "bc", "2": "abged", "3": "abgcd", "4": "fgbc", "5": "afgcd", "6": "afgedc",
    "7": "abc", "8": "abcdefg", "9": "abcdfg", "-": "g", " ": "", "A": "abcefg", "C": "adef",
    "E": "adefg", "F": "aefg", "H": "bcefg", "L": "def", "P": "abefg", "U": "bcdef",
    "b": "cdefg", "c": "deg", "d": "bcdeg", "h": "cefg", "n": "ceg", "o": "cdeg", "r": "eg",
    "t": "defg",
}  # fmt: skip
_ROWS = 64


@dataclass(frozen=True, slots=True)
class SegmentShape:
    """A display: proportions in digit heights, and how its glass looks."""

    width: float
    thickness: float
    break_: float  # gap between neighbouring segments
    bevel: float  # 0 square ends .. 1 pointed
    gap: float
    slant: float
    ghost: float  # darkness of segments that are off
    tail_6_9: bool
    hook_7: bool
    point: str  # "round", "square", "slanted"


def random_segment_shape(rng: Rng) -> SegmentShape:
    """Return a display as meters, pumps, scales and clocks have them."""
    return SegmentShape(
        width=float(rng.uniform(0.42, 0.8)),
        thickness=float(rng.uniform(0.07, 0.2)),
        break_=float(rng.uniform(0.0, 0.045)),
        bevel=float(rng.choice([0.0, 0.5, 1.0])),
        gap=float(rng.uniform(0.14, 0.75)),
        slant=float(rng.choice([0.0, rng.uniform(0.03, 0.25)])),
        ghost=float(rng.choice([0.0, 0.0, rng.uniform(0.03, 0.28)])),
        tail_6_9=bool(rng.random() < 0.85),
        hook_7=bool(rng.random() < 0.2),
        point=str(rng.choice(["round", "square", "slanted"])),
    )


def _bar(
    start: tuple[float, float], end: tuple[float, float], shape: SegmentShape
) -> NDArray[np.float64]:
    """Return a segment's outline, (6, 2), between two corners of a digit."""
    a, b = np.array(start, float), np.array(end, float)
    along = (b - a) / np.hypot(*(b - a))
    across = np.array([-along[1], along[0]]) * shape.thickness / 2
    a, b = a + along * shape.break_, b - along * shape.break_
    tip = along * shape.thickness / 2 * shape.bevel
    return np.array([a, a + tip + across, b - tip + across, b, b - tip - across, a + tip - across])


def _bars(shape: SegmentShape) -> dict[str, NDArray[np.float64]]:
    t, w = shape.thickness / 2, shape.width
    left, right, top, middle, bottom = t, w - t, -1 + t, -0.5, -t
    ends = {
        "a": ((left, top), (right, top)), "g": ((left, middle), (right, middle)),
        "d": ((left, bottom), (right, bottom)), "f": ((left, top), (left, middle)),
        "e": ((left, middle), (left, bottom)), "b": ((right, top), (right, middle)),
        "c": ((right, middle), (right, bottom)),
    }  # fmt: skip
    return {name: _bar(*points, shape) for name, points in ends.items()}


def _lit(char: str, shape: SegmentShape) -> str:
    lit = _SEGMENTS.get(char, "")
    if not shape.tail_6_9:
        lit = lit.replace("a", "") if char == "6" else lit.replace("d", "") if char == "9" else lit
    return lit + "f" if char == "7" and shape.hook_7 else lit


def _mark_outlines(char: str, x: float, shape: SegmentShape) -> list[NDArray[np.float64]]:
    """Return the squares or slanted bars of a point, comma or colon at x."""
    t = shape.thickness * (1.1 if shape.point == "square" else 1.25)
    ys = (-0.68, -0.28) if char == ":" else (-t,)
    lean = 0.3 * t if shape.point == "slanted" else 0.0
    tail = t if char == "," else 0.0
    return [
        np.array([[x, y], [x + t, y], [x + t - lean, y + t], [x - lean - 0.5 * tail, y + t + tail]])
        for y in ys
    ]


def draw_segments(text: str, shape: SegmentShape) -> Drawn:
    """Return a display that shows `text`: digits, point, comma, colon, minus and a few letters."""
    bars = _bars(shape)
    off: list[NDArray[np.float64]] = []
    on: list[NDArray[np.float64]] = []
    words, cursor = [], 0.0
    for word in text.split(" "):
        left = cursor
        for char in word:
            if char in ".,:":
                x = cursor - shape.gap * 0.5 - shape.thickness * 0.5
                x = x if char != ":" else cursor
                on += _mark_outlines(char, x, shape)
                cursor += shape.thickness + shape.gap if char == ":" else shape.thickness * 0.3
                continue
            lit = _lit(char, shape)
            for name, outline in bars.items():
                (on if name in lit else off).append(outline + np.array([cursor, 0]))
            cursor += shape.width + shape.gap
        words.append((left, cursor - shape.gap))
        cursor += shape.width * 0.9
    return _fill(on, off if shape.ghost else [], shape, words)


def _fill(
    on: list[NDArray[np.float64]], off: list[NDArray[np.float64]], shape: SegmentShape,
    words: list[tuple[float, float]],
) -> Drawn:  # fmt: skip
    lean = np.array([[1, 0], [-shape.slant, 1]])
    every = np.concatenate([outline @ lean for outline in on + off])
    low, high = every.min(axis=0), every.max(axis=0)
    size = np.ceil((high - low) * _ROWS + 4).astype(int)
    image = np.zeros((int(size[1]), int(size[0])), np.uint8)
    for outlines, ink in ((off, round(255 * shape.ghost)), (on, 255)):
        pixels = [np.round(((o @ lean - low) * _ROWS + 2) * 16).astype(np.int32) for o in outlines]
        for outline in pixels:
            cv2.fillPoly(image, [outline], ink, cv2.LINE_AA, 4)
    extents = [((a - low[0]) * _ROWS + 2, (b - low[0]) * _ROWS + 2) for a, b in words]
    return image, extents, float(-low[1] * _ROWS + 2)


_COLUMNS = {  # five columns of seven rows, the lowest bit on top: the usual font of LED and needle
    "0": "3E5149453E", "1": "00427F4000", "2": "4261514946", "3": "2141454B31", "4": "1814127F10",
    "5": "2745454539", "6": "3C4A494930", "7": "0171090503", "8": "3649494936", "9": "064949291E",
    ".": "0060600000", ",": "0050300000", ":": "0036360000", "-": "0808080808", "/": "2010080402",
    "+": "08083E0808", "%": "2313086462", "(": "001C224100", ")": "0041221C00", "'": "0005030000",
    "$": "242A7F2A12", "=": "1414141414", "*": "14083E0814", "#": "147F147F14", "A": "7E1111117E",
    "B": "7F49494936", "C": "3E41414122", "D": "7F4141221C", "E": "7F49494941", "F": "7F09090901",
    "G": "3E4149497A", "H": "7F0808087F", "I": "00417F4100", "J": "2040413F01", "K": "7F08142241",
    "L": "7F40404040", "M": "7F020C027F", "N": "7F0408107F", "O": "3E4141413E", "P": "7F09090906",
    "Q": "3E4151215E", "R": "7F09192946", "S": "4649494931", "T": "01017F0101", "U": "3F4040403F",
    "V": "1F2040201F", "W": "3F4038403F", "X": "6314081463", "Y": "0708700807", "Z": "6151494543",
}  # fmt: skip
_OTHER_DIGITS = {"0": "3E4141413E", "1": "0004027F00", "3": "4141494936", "7": "0101790503",
                 "6": "3E49494932", "9": "264949493E", "4": "0F0808087F"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class DotShape:
    """A dot matrix: proportions in dot pitches."""

    dot: float  # diameter of a dot; above 1 they touch
    aspect: float  # width of a pitch for its height
    gap: int  # empty columns between characters
    square: bool
    slashless: bool  # zeros and other digits of the second font
    wobble: float


def random_dot_shape(rng: Rng) -> DotShape:
    """Return a needle printer, an LED board or an inkjet coder."""
    return DotShape(
        dot=float(rng.uniform(0.65, 1.45)),
        aspect=float(rng.uniform(0.7, 1.15)),
        gap=int(rng.choice([1, 1, 2, 3])),
        square=bool(rng.random() < 0.25),
        slashless=bool(rng.random() < 0.6),
        wobble=float(rng.choice([0.0, rng.uniform(0, 0.12)])),
    )


def _dots_of(char: str, shape: DotShape) -> NDArray[np.float64]:
    code = _OTHER_DIGITS.get(char) if shape.slashless else None
    code = code or _COLUMNS.get(char.upper())
    if code is None:
        return np.zeros((0, 2))
    columns = bytes.fromhex(code)
    return np.array(
        [(x, y) for x, bits in enumerate(columns) for y in range(8) if bits >> y & 1], float
    )


def draw_dots(rng: Rng, text: str, shape: DotShape) -> Drawn:
    """Return a text of digits, capitals and signs in dots; seven pitches are a digit's height."""
    pitch = _ROWS / 7
    dots, words, cursor = [], [], 0.0
    for word in text.split(" "):
        left = cursor
        for char in word:
            dots.append(_dots_of(char, shape) + np.array([cursor, 0]))
            cursor += 5 + shape.gap
        words.append((left, cursor - shape.gap))
        cursor += 5 + shape.gap
    centres = np.concatenate(dots) if dots else np.zeros((0, 2))
    centres += rng.normal(0, shape.wobble, centres.shape) if shape.wobble else 0.0
    scale = np.array([pitch * shape.aspect, pitch])
    image = np.zeros((int(9.5 * pitch), int((cursor + 1) * scale[0]) + 4), np.uint8)
    radius = shape.dot * pitch / 2 * min(1.0, shape.aspect + 0.1)
    for x, y in (centres + np.array([0.7, 0.8])) * scale:
        _dot(image, x, y, radius, shape.square)
    extents = [((a + 0.2) * scale[0], (b + 0.2) * scale[0]) for a, b in words]
    return image, extents, 7.3 * pitch


_MICR = {  # E-13B on its grid of nine rows; A and D stand for the transit and on-us signs
    "0": "7F 41 41 41 41 41 41 41 7F", "1": "C 4 4 4 4 7 F F F", "2": "F 1 1 1 F 8 8 8 F",
    "3": "1E 2 2 2 1F 3 3 3 1F", "4": "20 20 20 22 22 3F 3 3 3", "5": "1F 10 10 10 1F 1 1 1 1F",
    "6": "38 20 20 20 3F 21 21 21 3F", "7": "1F 11 11 1 1 7 4 4 4",
    "8": "3E 22 22 22 7F 63 63 63 7F", "9": "3F 21 21 21 3F 3 3 3 3",
    "A": "0 48 4B 4B 48 48 4B 4B 0", "D": "0 0 14 14 D4 D4 D4 D4 0",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MicrShape:
    """Magnetic ink: how round its corners are and how far its characters stand apart."""

    rounding: float
    pitch: float


def draw_micr(text: str, shape: MicrShape) -> Drawn:
    """Return digits of the E-13B kind, as cheques bear them."""
    module = _ROWS / 9
    image = np.zeros((_ROWS + 8, int((len(text) + 1) * shape.pitch * module)), np.uint8)
    words, cursor = [], 2.0
    for word in text.split(" "):
        left = cursor
        for char in word:
            _stamp(image, char, cursor, module)
            cursor += shape.pitch * module
        words.append((left, cursor - (shape.pitch - 7) * module))
        cursor += shape.pitch * module
    blurred = cv2.GaussianBlur(image, (0, 0), shape.rounding * module)
    image = np.clip((blurred.astype(np.int16) - 96) * 4, 0, 255).astype(np.uint8)
    return image, words, _ROWS + 4.0


def _stamp(image: NDArray[np.uint8], char: str, x: float, module: float) -> None:
    for row, bits in enumerate(int(code, 16) for code in _MICR[char].split()):
        for column in range(8):
            if bits >> (7 - column) & 1:
                corner = round(x + column * module), round(4 + row * module)
                end = round(x + (column + 1) * module) - 1, round(4 + (row + 1) * module) - 1
                cv2.rectangle(image, corner, end, 255, -1)


def _dot(image: NDArray[np.uint8], x: float, y: float, radius: float, square: bool) -> None:
    if square:
        corners = round(x - radius), round(y - radius), round(x + radius), round(y + radius)
        cv2.rectangle(image, corners[:2], corners[2:], 255, -1)
    else:
        cv2.circle(
            image,
            (round(x * 16), round(y * 16)),
            max(1, round(radius * 16)),
            255,
            -1,
            cv2.LINE_AA,
            4,
        )
