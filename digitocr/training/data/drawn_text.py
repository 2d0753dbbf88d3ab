"""Text as ink, of any face, hand or display, with its truth and where each word lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from digitocr.core.errors import DataMissing
from digitocr.training.data import hands, segments
from digitocr.training.data.faces import Face, load_faces
from digitocr.training.data.hands import HandLibrary, is_held_out
from digitocr.training.data.truth import to_truth

Rng = np.random.Generator
KINDS = ("print", "hand", "typewriter", "thermal", "ocr", "dotmatrix", "segment", "micr")
"""Kinds of writing that `random_style` knows."""

_SHARES = np.array([0.36, 0.42, 0.04, 0.025, 0.015, 0.03, 0.1, 0.01])
_COMMON = (
    "liberationsans", "liberationserif", "liberationmono", "nimbussans", "nimbusroman",
    "dejavusans", "dejavuserif", "dejavusansmono", "carlito", "caladea", "arimo", "tinos",
    "cousine", "texgyreheros", "texgyretermes", "roboto", "opensans", "lato", "freesans",
    "noto-sans", "noto-serif", "inter", "liberationsansnarrow", "veranda",
)  # fmt: skip
_BY_HAND = {**dict.fromkeys("–−—‐", "-"), "×": "x", "÷": ":", "’": "'"}
_DIGIT_CHARS = frozenset("0123456789 ")


@dataclass(frozen=True, slots=True)
class DrawnText:
    """Ink of a text with the truth of what it says."""

    ink: NDArray[np.float32]
    """(H, W), 0 nothing .. 1 full ink, cropped to the ink."""
    truth: str
    x_left: tuple[float, ...]
    x_right: tuple[float, ...]
    words: tuple[str, ...]
    """`truth` split at spaces; `x_left`, `x_right` are their extents in pixels."""
    baseline: float
    """Row of `ink` on which digits stand."""
    digit_height: float


@dataclass(frozen=True, slots=True)
class Library:
    """What text can be drawn with."""

    families: dict[str, tuple[tuple[Face, ...], ...]]
    """Faces of a kind, grouped by family."""
    hands: HandLibrary

    @staticmethod
    def load(fonts: tuple[Path, ...], data: Path, held_out: bool = False) -> "Library":
        """Read faces under `fonts` and hands under `data` (../shared/data).

        One family and one writer in twelve are held out of training; `held_out` takes only those.
        Of a kind of face too few to part, all are taken for both.

        Raises:
            DataMissing: there is no font to print with.
        """
        faces = load_faces(fonts)
        chosen = [
            face
            for face in faces
            if (is_held_out(face.family) and face.family not in _COMMON[:14]) == held_out
        ]
        families = families_of(faces) | families_of(chosen)
        if "print" not in families:
            raise DataMissing(f"{', '.join(map(str, fonts))}: holds no font to print numbers with")
        return Library(families, hands.load_hands(data, held_out))


def families_of(faces: Sequence[Face]) -> dict[str, tuple[tuple[Face, ...], ...]]:
    """Return faces of each kind, grouped by family."""
    grouped: dict[str, dict[str, list[Face]]] = {}
    for face in faces:
        grouped.setdefault(face.kind, {}).setdefault(face.family, []).append(face)
    return {kind: tuple(map(tuple, group.values())) for kind, group in grouped.items()}


@dataclass(frozen=True, slots=True)
class FaceStyle:
    """A print face as a page uses it; lengths in digit heights."""

    face: Face
    kind: str
    stretch: float
    slant: float
    tracking: float
    wobble: float


@dataclass(frozen=True, slots=True)
class HandStyle:
    """A writer with a pen; `bitmap` hands have digits alone."""

    hand: hands.Hand
    library: HandLibrary
    pen: hands.Pen
    kind: str = "hand"


@dataclass(frozen=True, slots=True)
class DisplayStyle:
    """Segments, dots or magnetic ink."""

    shape: segments.SegmentShape | segments.DotShape | segments.MicrShape
    kind: str


Style = FaceStyle | HandStyle | DisplayStyle


def random_style(rng: Rng, library: Library, kind: str | None = None) -> Style:
    """Return a face, hand or display with its manners: the same for a page or column.

    `kind` is one of `KINDS`; None takes any in natural shares.
    """
    if kind is None:
        kind = KINDS[int(rng.choice(len(KINDS), p=_SHARES))]
    if kind == "micr":
        shape = segments.MicrShape(float(rng.uniform(0.1, 0.5)), float(rng.uniform(8.3, 10.5)))
        return DisplayStyle(shape, kind)
    by_pen = library.hands.hands and (rng.random() < 0.88 or "hand" not in library.families)
    if kind == "hand" and by_pen:
        return _hand_style(rng, library.hands)
    if kind == "segment" and (rng.random() < 0.7 or kind not in library.families):
        return DisplayStyle(segments.random_segment_shape(rng), kind)
    if kind == "dotmatrix" and (rng.random() < 0.8 or kind not in library.families):
        return DisplayStyle(segments.random_dot_shape(rng), kind)
    return _face_style(rng, library, kind if kind in library.families else "print")


def _hand_style(rng: Rng, library: HandLibrary) -> HandStyle:
    bitmaps = rng.random() < 0.15 and len(library.bitmap_hands) > 0
    group = library.bitmap_hands if bitmaps else library.hands
    return HandStyle(group[int(rng.integers(len(group)))], library, hands.random_pen(rng))


def _pick_face(rng: Rng, library: Library, kind: str) -> Face:
    families = library.families[kind]
    if kind == "print" and rng.random() < 0.3:
        common = [family for family in families if family[0].family in _COMMON]
        families = tuple(common) or families
    family = families[int(rng.integers(len(families)))]
    return family[int(rng.integers(len(family)))]


def _face_style(rng: Rng, library: Library, kind: str) -> FaceStyle:
    face = _pick_face(rng, library, kind)
    plain = rng.random() < 0.6
    loose = kind in {"typewriter", "dotmatrix", "hand"} or rng.random() < 0.1
    return FaceStyle(
        face,
        kind,
        stretch=1.0 if plain else float(np.exp(rng.normal(0, 0.13))),
        slant=0.0 if plain or rng.random() < 0.5 else float(rng.normal(0, 0.12)),
        tracking=float(rng.uniform(-0.04, 0.5)) if rng.random() < 0.25 else 0.0,
        wobble=float(rng.uniform(0, 0.05)) if loose else 0.0,
    )


def can_draw(style: Style, text: str) -> bool:
    """Tell whether a style has all that `text` needs: some hands and displays have digits alone."""
    if isinstance(style, HandStyle) and style.hand.bitmaps:
        return set(text) <= _DIGIT_CHARS
    if isinstance(style, DisplayStyle) and isinstance(style.shape, segments.SegmentShape):
        return set(text) <= set("0123456789 -.,:ACEFHLPU")
    if style.kind == "segment":
        return set(text) <= set("0123456789 -.:")
    if style.kind == "micr":
        return set(text) <= set("0123456789AD ")
    return not isinstance(style, DisplayStyle) or text.isascii()


def draw_text(rng: Rng, text: str, style: Style, digit_height: float) -> DrawnText:
    """Return `text` as ink with digits about `digit_height` pixels high.

    What a style can't draw is left out or drawn with the nearest that it has (`can_draw` tells);
    the truth is of what is drawn.
    """
    if isinstance(style, FaceStyle):
        return _draw_face(rng, text, style, digit_height)
    if isinstance(style, HandStyle):
        return _draw_hand(rng, text, style, digit_height)
    if isinstance(style.shape, segments.SegmentShape):
        text = "".join(c for c in text if c in "0123456789 -.,:ACEFHLPU").strip() or "8"
        drawn = segments.draw_segments(text, style.shape)
    elif isinstance(style.shape, segments.MicrShape):
        text = "".join(c for c in text if c in "0123456789AD ").strip() or "0"
        drawn = segments.draw_micr(text, style.shape)
    else:
        drawn = segments.draw_dots(rng, text, style.shape)
    image, words, baseline = drawn
    return _finish(image, text, words, baseline, 64.0, digit_height)


def draw_ink_string(rng: Rng, style: HandStyle, digit_height: float) -> DrawnText:
    """Return one of the strings that somebody wrote as a whole, with the pen of a style."""
    strings = style.library.strings
    string = strings[int(rng.integers(len(strings)))]
    strokes = hands.string_strokes(string, style.pen)
    image, origin = hands.paint(strokes, style.pen.width)
    return _finish(
        image, string.text, [(0.0, float(image.shape[1]))], origin[1], 48.0, digit_height
    )


def _draw_hand(rng: Rng, text: str, style: HandStyle, digit_height: float) -> DrawnText:
    if style.hand.bitmaps:
        text = "".join(c for c in text if c in _DIGIT_CHARS).strip() or "0"
        text = " ".join(text.split())
        image, words = hands.paint_bitmaps(rng, text, style.hand, style.pen)
        return _finish(image, text, words, 48 * 1.15, 48.0, digit_height)
    known = style.hand.glyphs.keys() | style.library.common.keys() | {" ", hands.RAISED_POINT}
    plain = "".join(c if c in known else _BY_HAND.get(c, "") for c in text)
    text = " ".join(plain.split()) or "0"
    strokes, words = hands.write(rng, text, style.hand, style.library.common, style.pen)
    image, (x, y) = hands.paint(strokes, style.pen.width)
    extents = [(a * 48 + x, b * 48 + x) for a, b in words]
    return _finish(image, text, extents, y, 48.0, digit_height)


def _draw_face(rng: Rng, text: str, style: FaceStyle, digit_height: float) -> DrawnText:
    text = " ".join(style.face.drawable(text).split()) or "0"
    font = style.face.font(digit_height)
    exact = font.size * style.face.digit_ratio
    pieces = [text] if not (style.tracking or style.wobble) else list(text)
    tracking = style.tracking * exact
    edges = [0.0]
    for piece in pieces:
        edges.append(edges[-1] + font.getlength(piece) + (tracking if len(pieces) > 1 else 0))
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    pad = int(exact * 0.4) + 2
    size = int(max(right, edges[-1]) - min(left, 0)) + 2 * pad, int(bottom - top) + 2 * pad
    image = Image.new("L", size)
    pen, origin = ImageDraw.Draw(image), (pad - min(left, 0), pad - top)
    for piece, x in zip(pieces, edges, strict=False):
        drop = rng.normal(0, style.wobble * exact) if style.wobble else 0.0
        pen.text((origin[0] + x, round(origin[1] + drop)), piece, font=font, fill=255, anchor="ls")
    words = _word_extents(text, font, tracking if len(pieces) > 1 else 0.0, origin[0])
    return _sheared(np.asarray(image), text, words, float(origin[1]), exact, style)


def _word_extents(
    text: str, font: "object", tracking: float, start: float
) -> list[tuple[float, float]]:
    extents, position = [], 0
    for word in text.split(" "):
        x = start + font.getlength(text[:position]) + tracking * position  # type: ignore[attr-defined]
        width = font.getlength(word) + tracking * (len(word) - 1)  # type: ignore[attr-defined]
        extents.append((x, x + width))
        position += len(word) + 1
    return extents


def _sheared(
    image: NDArray[np.uint8], text: str, words: list[tuple[float, float]], baseline: float,
    digit_height: float, style: FaceStyle,
) -> DrawnText:  # fmt: skip
    if style.stretch == 1 and style.slant == 0:
        return _finish(image, text, words, baseline, digit_height, digit_height)
    matrix = np.array(
        [[style.stretch, -style.slant, style.slant * baseline], [0, 1, 0]], np.float32
    )
    lean = abs(style.slant) * image.shape[0]
    matrix[0, 2] += lean
    size = int(image.shape[1] * style.stretch + 2 * lean) + 1, image.shape[0]
    image = np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR), np.uint8)
    words = [(a * style.stretch + lean, b * style.stretch + lean) for a, b in words]
    return _finish(image, text, words, baseline, digit_height, digit_height)


def _finish(
    image: NDArray[np.uint8], text: str, words: list[tuple[float, float]], baseline: float,
    drawn_height: float, digit_height: float,
) -> DrawnText:  # fmt: skip
    """Bring ink to size, crop it to what is there, and give it its truth."""
    scale = digit_height / drawn_height
    if scale != 1:
        size = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = np.asarray(cv2.resize(image, size, interpolation=method), np.uint8)
    ys = np.nonzero(image.max(axis=1, initial=0) > 8)[0]
    xs = np.nonzero(image.max(axis=0, initial=0) > 8)[0]
    top, bottom = (int(ys[0]), int(ys[-1]) + 1) if len(ys) else (0, 1)
    left, right = (int(xs[0]), int(xs[-1]) + 1) if len(xs) else (0, 1)
    ink = image[top:bottom, left:right].astype(np.float32) * np.float32(1 / 255)
    truths = [to_truth(word) for word in text.split(" ")]
    kept = [(t, w) for t, w in zip(truths, words, strict=False) if t]
    return DrawnText(
        ink,
        " ".join(t for t, _ in kept),
        tuple(max(0.0, a * scale - left) for _, (a, _) in kept),
        tuple(min(float(right - left), b * scale - left) for _, (_, b) in kept),
        tuple(t for t, _ in kept),
        baseline * scale - top,
        digit_height,
    )
