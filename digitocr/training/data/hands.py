"""Hands: what one writer's digits, signs and letters look like, as pen ink or as bitmaps."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.errors import DataMissing

Rng = np.random.Generator
Stroke = NDArray[np.float32]
Glyph = tuple[Stroke, ...]
"""Strokes (N, 2), x to the right from 0, y down; in its own units until it is placed."""

_ROWS = 48  # pixels that one digit height is drawn with before it is brought to size
_DIGITS = "0123456789"
_ASCENDERS, _DESCENDERS = "bdfhklt", "gjpqy"


@dataclass(frozen=True, slots=True)
class Hand:
    """One writer: glyphs of pen ink by character, or bitmaps (ink 0..1) of digits."""

    name: str
    glyphs: Mapping[str, tuple[Glyph, ...]]
    bitmaps: Mapping[str, tuple[NDArray[np.uint8], ...]]


@dataclass(frozen=True, slots=True)
class Pen:
    """How a hand writes today; lengths in digit heights."""

    width: float
    slant: float
    gap: float
    space: float
    unevenness: float
    zero_height: float
    squeeze: float


@dataclass(frozen=True, slots=True)
class InkString:
    """A whole number as somebody wrote it with a pen."""

    text: str
    glyph: Glyph


@dataclass(frozen=True, slots=True)
class HandLibrary:
    """All hands, the signs and letters that any hand may borrow, and strings as written."""

    hands: tuple[Hand, ...]
    bitmap_hands: tuple[Hand, ...]
    common: Mapping[str, tuple[Glyph, ...]]
    strings: tuple[InkString, ...]


def is_held_out(name: str) -> bool:
    """Tell whether a writer or family is kept for measuring: one in twelve, by its name."""
    return crc32(name.encode()) % 12 == 5


def _glyph_of(data: Mapping[str, NDArray[np.generic]], item: int) -> Glyph:
    first, last = data["item_start"][item : item + 2]
    starts, points = data["stroke_start"], data["points"]
    strokes = [points[starts[j] : starts[j + 1]].astype(np.float32) for j in range(first, last)]
    corner = np.min([stroke.min(axis=0) for stroke in strokes], axis=0)
    return tuple(stroke - corner for stroke in strokes)


def _ink(path: Path) -> dict[str, NDArray[np.generic]]:
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files if name not in {"images", "strip"}}


def _by_writer(path: Path, labels: str, held_out: bool) -> dict[str, dict[str, list[Glyph]]]:
    data = _ink(path)
    hands: dict[str, dict[str, list[Glyph]]] = {}
    for item, (label, writer) in enumerate(zip(data[labels], data["writer"], strict=True)):
        name = str(data["writers"][int(writer)])
        if is_held_out(name) == held_out:
            hands.setdefault(name, {}).setdefault(str(label), []).append(_glyph_of(data, item))
    return hands


def _strings(path: Path, held_out: bool) -> tuple[InkString, ...]:
    data = _ink(path)
    names = [str(data["writers"][int(writer)]) for writer in data["writer"]]
    kept = [i for i, name in enumerate(names) if is_held_out(name) == held_out]
    return tuple(InkString(str(data["text"][i]), _glyph_of(data, i)) for i in kept)


def _bitmap_hands(folder: Path, held_out: bool) -> tuple[Hand, ...]:
    """Return sources of digit bitmaps as hands of many writers; one digit in twelve is held out."""
    hands = []
    for name in ("mnist", "bhmsds", "semeion", "optdigits"):
        images, labels = _bitmaps(folder, name)
        last = np.arange(len(labels)) % 12 == 5
        chosen = last if held_out else ~last
        digits = {d: tuple(images[chosen & (labels == int(d))][:1500]) for d in _DIGITS}
        hands.append(Hand(name, {}, digits))
    return tuple(hands)


def _bitmaps(folder: Path, name: str) -> tuple[NDArray[np.uint8], NDArray[np.int8]]:
    """Return images (N, H, W), ink 255 on 0, and labels."""
    if name == "mnist":
        raw = folder / "mnist" / "MNIST" / "raw"
        images = np.fromfile(raw / "train-images-idx3-ubyte", np.uint8)[16:].reshape(-1, 28, 28)
        return images, np.fromfile(raw / "train-labels-idx1-ubyte", np.uint8)[8:].astype(np.int8)
    with np.load(folder / f"{name}.npz", allow_pickle=False) as data:
        return 255 - data["images"], data["labels"]


_NEEDED = (
    "unipen_digits.npz", "unipen_marks.npz", "unipen_strings.npz", "pendigits.npz", "bhmsds.npz",
    "semeion.npz", "optdigits.npz", "meter_wheels.npz", "sudoku_cells_train.npz",
    "mnist/MNIST/raw/train-images-idx3-ubyte", "pages/cheque_amounts/truth.csv",
)  # fmt: skip


def check_hands(folder: Path) -> None:
    """Raise DataMissing unless a folder holds what lines and pages are drawn with."""
    missing = [name for name in _NEEDED if not (folder / name).is_file()]
    if missing:
        raise DataMissing(f"{folder}: lacks {', '.join(missing)} to draw lines with")


def load_hands(folder: Path, held_out: bool = False) -> HandLibrary:
    """Return the hands of `folder` (../shared/data), or those held out for measuring.

    A hand needs all ten digits; signs and letters that it lacks come from any writer of its half.
    """
    digits = _by_writer(folder / "unipen_digits.npz", "labels", held_out)
    digits |= _by_writer(folder / "pendigits.npz", "labels", held_out)
    marks = _by_writer(folder / "unipen_marks.npz", "symbols", held_out)
    common: dict[str, list[Glyph]] = {}
    for glyphs in marks.values():
        for char, found in glyphs.items():
            common.setdefault(char, []).extend(found)
    hands = []
    for name, classes in sorted(digits.items()):
        if len(classes) == 10:
            own = {**classes, **marks.get(name, {})}
            hands.append(Hand(name, {c: tuple(g) for c, g in own.items()}, {}))
    shared = {char: tuple(glyphs) for char, glyphs in common.items()}
    strings = _strings(folder / "unipen_strings.npz", held_out)
    return HandLibrary(tuple(hands), _bitmap_hands(folder, held_out), shared, strings)


_GAPS = ((-0.1, 0.02), (0.02, 0.3), (0.2, 0.5))  # touching, near, wide apart


def random_pen(rng: Rng) -> Pen:
    """Return a way of writing: pens from hair to marker, upright to leaning, joined to wide."""
    return Pen(
        width=float(np.exp(rng.uniform(np.log(0.035), np.log(0.2)))),
        slant=float(rng.normal(0, 0.12)),
        gap=float(rng.uniform(*_GAPS[int(rng.choice(3, p=[0.22, 0.68, 0.10]))])),
        space=float(rng.uniform(0.45, 1.1)),
        unevenness=float(rng.uniform(0, 1)),
        zero_height=float(rng.uniform(0.5, 0.8)) if rng.random() < 0.15 else 1.0,
        squeeze=float(np.exp(rng.normal(0, 0.13))),
    )  # fmt: skip


def _sign_box(rng: Rng, char: str) -> tuple[float, float, float]:
    """Return (height or width, bottom, whether it is the width as 0 or 1) in digit heights."""
    u = rng.uniform
    if char == ".":
        return u(0.03, 0.1), u(-0.06, 0.06) if rng.random() < 0.93 else u(-0.5, -0.2), 0
    if char == ",":
        return u(0.2, 0.42), u(0.1, 0.25), 0
    if char == "-":
        return u(0.25, 0.6), u(-0.55, -0.3), 1
    if char in "+=*":
        return u(0.35, 0.6), u(-0.35, -0.15), 0
    if char == ":":
        return u(0.35, 0.65), u(-0.15, 0.0), 0
    if char == "'":
        return u(0.2, 0.35), u(-1.0, -0.75), 0
    if char in "/()[]$|\\{}":
        return u(1.0, 1.4), u(0.0, 0.25), 0
    return u(0.75, 1.1), u(-0.05, 0.08), 0


def _letter_box(rng: Rng, char: str) -> tuple[float, float, float]:
    x_height = rng.uniform(0.5, 0.7)
    if char in _ASCENDERS or char.isupper():
        return rng.uniform(0.9, 1.15), rng.uniform(-0.03, 0.05), 0
    if char in _DESCENDERS:
        return x_height + 0.4, rng.uniform(0.3, 0.45), 0
    return (0.85 if char == "i" else x_height), rng.uniform(-0.03, 0.05), 0


def _placed(rng: Rng, glyph: Glyph, char: str, pen: Pen) -> Glyph:
    """Return a glyph in digit heights: baseline y = 0, up is negative, left edge about x = 0."""
    extent = np.max([stroke.max(axis=0) for stroke in glyph], axis=0)
    uneven = pen.unevenness
    if char in _DIGITS:
        height = 1 + rng.normal(0, 0.06 * uneven)
        height *= pen.zero_height if char == "0" else 1
        bottom, by_width = rng.normal(0, 0.05 * uneven), 0.0
    else:
        height, bottom, by_width = (_letter_box if char.isalpha() else _sign_box)(rng, char)
    side = extent[0] if by_width else extent[1]
    scale = height / max(float(side), 1.0)
    scale = min(scale, 1.6 * max(height, 0.3) / max(float(extent[0]), 1.0))
    turn = rng.normal(0, 0.04 * uneven)
    squeeze = pen.squeeze * (1 + rng.normal(0, 0.05 * uneven))
    matrix = np.array([[squeeze, turn], [-turn - 0.0, 1]], np.float32) * scale
    low = float(extent[1] * scale)
    shift = np.array([0, bottom - low], np.float32)
    placed = [stroke @ matrix.T + shift for stroke in glyph]
    lean = np.array([[1, 0], [-pen.slant, 1]], np.float32)
    return tuple(stroke @ lean for stroke in placed)


RAISED_POINT = "·"
"""Written as a point, but higher: old ledgers and British hands have it before decimals."""


def write(
    rng: Rng, text: str, hand: Hand, common: Mapping[str, tuple[Glyph, ...]], pen: Pen
) -> tuple[list[Stroke], list[tuple[float, float]]]:
    """Return the strokes of a text in digit heights, baseline 0, and each word's (left, right)."""
    strokes: list[Stroke] = []
    words: list[tuple[float, float]] = []
    cursor = 0.0
    for word in text.split(" "):
        left = cursor
        for char in word:
            raised = float(rng.uniform(0.25, 0.6)) if char == RAISED_POINT else 0.0
            plain = "." if raised else char
            found = hand.glyphs.get(plain) or common.get(plain)
            if not found:
                continue
            placed = _placed(rng, found[int(rng.integers(len(found)))], plain, pen)
            placed = tuple(s - np.array([0, raised], np.float32) for s in placed)
            low = min(float(s[:, 0].min()) for s in placed)
            high = max(float(s[:, 0].max()) for s in placed)
            gap = pen.gap * (1 + 0.5 * rng.normal() * pen.unevenness) if cursor > left else 0.0
            start = max(cursor + gap, left - 0.05) - low
            strokes.extend(s + np.array([start, 0], np.float32) for s in placed)
            cursor = start + high
        words.append((left, cursor))
        cursor += pen.space * rng.uniform(0.8, 1.25)
    return strokes, words


def paint(
    strokes: list[Stroke], width: float, rows: int = _ROWS
) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Return ink 0..255 of strokes in digit heights, one of which is `rows` pixels, and its origin.

    The origin is where (0, 0) of the strokes lies, (x, y) in pixels.
    """
    low = np.min([s.min(axis=0) for s in strokes], axis=0)
    high = np.max([s.max(axis=0) for s in strokes], axis=0)
    thick = max(1, round(width * rows))
    margin = thick / 2 + 1
    size = np.ceil((high - low) * rows + 2 * margin).astype(int)
    image = np.zeros((int(size[1]), int(size[0])), np.uint8)
    for stroke in strokes:
        points = np.round(((stroke - low) * rows + margin) * 16).astype(np.int32)
        if np.ptp(points, axis=0).max() < 16:
            x, y = map(int, points[0])
            cv2.circle(image, (x, y), max(1, thick * 9), 255, -1, cv2.LINE_AA, 4)
        else:
            cv2.polylines(image, [points.reshape(-1, 1, 2)], False, 255, thick, cv2.LINE_AA, 4)
    origin = -low * rows + margin
    return image, (float(origin[0]), float(origin[1]))


def string_strokes(string: InkString, pen: Pen) -> list[Stroke]:
    """Return a string's strokes in digit heights, leaning and squeezed by the pen.

    How high its digits are is not known: the middle of its strokes' heights is taken for it.
    """
    heights = sorted(float(np.ptp(stroke[:, 1])) for stroke in string.glyph)
    height = max(heights[int(len(heights) * 0.6)], 0.4 * heights[-1], 1.0)
    extent = max(float(stroke[:, 1].max()) for stroke in string.glyph)
    scale = np.array([pen.squeeze, 1], np.float32) / height
    lean = np.array([[1, 0], [-pen.slant, 1]], np.float32)
    bottom = np.array([0, extent], np.float32)
    return [((stroke - bottom) * scale) @ lean for stroke in string.glyph]


def paint_bitmaps(rng: Rng, text: str, hand: Hand, pen: Pen, rows: int = _ROWS) -> tuple[
    NDArray[np.uint8], list[tuple[float, float]]
]:  # fmt: skip
    """Return ink of a text of digits and spaces, one digit `rows` high, and the words' extents."""
    canvas = np.zeros((int(rows * 1.4), int(rows * (len(text) + 1) * 1.7)), np.uint8)
    words, cursor = [], 2.0
    for word in text.split(" "):
        left = cursor
        for char in word:
            digit = _digit_bitmap(rng, hand, char, pen, rows)
            top = int(rows * 1.15 - digit.shape[0] + rng.normal(0, 0.04 * rows) * pen.unevenness)
            top = min(max(top, 0), canvas.shape[0] - digit.shape[0])
            x = int(max(cursor, 0))
            place = canvas[top : top + digit.shape[0], x : x + digit.shape[1]]
            np.maximum(place, digit[:, : place.shape[1]], out=place)
            cursor = x + digit.shape[1] + pen.gap * rows * rng.uniform(0.6, 1.4)
        words.append((left, cursor))
        cursor += pen.space * rows
    return canvas[:, : int(cursor) + 2], words


def _digit_bitmap(rng: Rng, hand: Hand, char: str, pen: Pen, rows: int) -> NDArray[np.uint8]:
    found = hand.bitmaps[char]
    image = found[int(rng.integers(len(found)))]
    ys, xs = np.nonzero(image.max(axis=1) > 90)[0], np.nonzero(image.max(axis=0) > 90)[0]
    image = image[ys[0] : ys[-1] + 1, xs[0] : xs[-1] + 1]
    stretched = hand.name in {"optdigits", "semeion"}
    aspect = image.shape[1] / image.shape[0] * (rng.uniform(0.55, 0.8) if stretched else 1)
    height = max(4, round(rows * (1 + rng.normal(0, 0.05) * pen.unevenness)))
    size = max(3, round(height * aspect * pen.squeeze)), height
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_CUBIC), np.uint8)
