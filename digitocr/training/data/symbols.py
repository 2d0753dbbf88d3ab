"""What is added to MNIST: labelled symbols from files and folders, and symbols drawn with fonts."""

from __future__ import annotations

import hashlib
import string
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import cv2
import numpy as np

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.core.errors import DataMissing
from digitocr.core.geometry import (
    Box,
    around,
)
from digitocr.imaging.binarize import page_ink
from digitocr.training.data.datasets import (
    NON_DIGIT,
    TRUTH,
    Digits,
    read_truth,
)

_SIDE, _BOX = 28, 20  # as MNIST's pictures are
_LEAST_SIDE = 84  # pictures are enlarged to this before strokes are looked for
_SYMBOL = 0.3  # of a picture's height: lower components are no symbol of it
_DUST = 0.1  # components smaller than this part of the central one are dust
_NEAR = 0.3  # of a picture's height: components farther off its middle are a frame's sides
_MOST_PIXELS = 500_000_000  # of a file of symbols
# What NumPy raises for files that are no npz or are cut short or garbled.
_DAMAGED = (OSError, EOFError, TypeError, ValueError, KeyError, BadZipFile, zlib.error)
_FONTS = (".ttf", ".otf", ".woff")
_FONT_SIZE = 64  # px, drawn large and shrunk by area
# Drawn as non-digits, without those that some hand or font draws like one.
_LETTERS = "".join(sorted(set(string.ascii_letters) - set("OoQDIlijJ" + "ZzSsBbGgqyT")))
_OTHERS = "+-×÷=*.,:;()[]/?&%#@€£$§"


@dataclass(frozen=True, slots=True)
class Addition:
    """Labelled symbols and where they are from."""

    name: str
    licence: str  # "not stated" where nothing says
    sha256: str
    digits: Digits
    letters: Gray | None = None  # (52, 28, 28), of a font that has all: A to Z in both cases

    @property
    def facts(self) -> dict[str, str | int]:
        """What the card says of it."""
        n_digits = int((self.digits.labels != NON_DIGIT).sum())
        return {
            "name": self.name,
            "licence": self.licence,
            "sha256": self.sha256,
            "digits": n_digits,
            "no_digits": len(self.digits) - n_digits,
        }


def load_addition(wanted: str) -> Addition:
    """Return the labelled symbols in a file or folder.

    Args:
        wanted: PATH or PATH=LICENCE. The path is of an npz with `images`, (N, H, W) uint8, dark
            on light or light on dark, and `labels`, (N,), 0..9, -1 for no digit, others left
            out; or of a folder with a truth.csv (file,truth) and a picture for each symbol.

    Raises:
        DataMissing: there is none, or it is damaged or of another form.
    """
    place, _, licence = wanted.partition("=")
    path = Path(place)
    pictures, labels, content = (
        _pictures_of_folder(path) if path.is_dir() else _pictures_of_file(path)
    )
    found = [
        (symbol_image(picture), label) for picture, label in zip(pictures, labels, strict=True)
    ]
    kept = [(image, label) for image, label in found if image is not None and -1 <= label <= 9]
    if not kept:
        raise DataMissing(f"{path}: holds no labelled symbols")
    digits = Digits(np.stack([image for image, _ in kept]), np.array([n for _, n in kept]))
    return Addition(path.name, licence or "not stated", content, digits)


def _pictures_of_file(path: Path) -> tuple[Sequence[Gray], Sequence[int], str]:
    """Return the pictures and labels of an npz, and its SHA-256."""
    try:
        # NumPy leaves a damaged file open.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            images, labels = arrays["images"], arrays["labels"]
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except _DAMAGED as error:
        advice = "Training.more takes an npz with images and labels, or a folder with a truth.csv."
        raise DataMissing(f"{path}: can't be read as labelled symbols: {error}", advice) from error
    fits = images.ndim == 3 and images.dtype == np.uint8 and labels.shape == images.shape[:1]
    if not fits or labels.dtype.kind not in "iu" or not 0 < images.size <= _MOST_PIXELS:
        raise DataMissing(f"{path}: holds no (N, H, W) bytes of images with (N,) labels")
    return images, labels.tolist(), digest


def _pictures_of_folder(folder: Path) -> tuple[Sequence[Gray], Sequence[int], str]:
    """Return the pictures and labels of a folder, and the SHA-256 over all of them."""
    rows = read_truth(folder)
    pictures, labels, digest = [], [], hashlib.sha256((folder / TRUTH).read_bytes())
    for row in rows:
        path, text = folder / row.file, "".join(row.numbers)
        content = path.read_bytes() if path.is_file() else b""
        picture = content and cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
        if not isinstance(picture, np.ndarray) or text not in (*string.digits, "-1"):
            raise DataMissing(f"{path}: is no picture of one symbol, 0..9 or -1")
        digest.update(content)
        pictures.append(np.asarray(picture, np.uint8))
        labels.append(int(text))
    return pictures, labels, digest.hexdigest()


def symbol_image(picture: Gray) -> Gray | None:
    """Return a picture's symbol as MNIST's are: 28×28, light ink, its box 20 px on the longer side.

    None where the picture is blank.
    """
    scale = max(1, -(-_LEAST_SIDE // min(picture.shape)))
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    mask = _central_symbol(page_ink(np.asarray(large, np.uint8)).binary)
    return None if mask is None else mnist_image(mask)


def _central_symbol(mask: BinaryImage) -> BinaryImage | None:
    """Return the ink of the component in the middle of a picture, without the frame around it."""
    contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    boxes = [Box(*cv2.boundingRect(contour)) for contour in contours]
    high = [i for i, box in enumerate(boxes) if box.height >= _SYMBOL * mask.shape[0]]
    if not high:
        return None
    free = [i for i in high if not _touches_edge(boxes[i], mask)]
    framed = len(free) > 0  # what touches the edge besides is the frame of a cell
    central = min(free or high, key=lambda i: _from_middle(boxes[i], mask))
    least = _DUST * cv2.contourArea(contours[central])
    kept = [
        i
        for i, box in enumerate(boxes)
        if cv2.contourArea(contours[i]) >= least
        and _from_middle(box, mask) <= _NEAR * mask.shape[0]
        and not (framed and _touches_edge(box, mask))
    ]
    kept = sorted({central, *kept})
    inside = np.zeros_like(mask)
    cv2.drawContours(inside, [contours[i] for i in kept], -1, 255, cv2.FILLED)
    box = around([boxes[i] for i in kept])
    return np.asarray((inside & mask)[box.y : box.bottom, box.x : box.right])


def _from_middle(box: Box, mask: BinaryImage) -> float:
    x, y = box.middle
    return float(np.hypot(x - mask.shape[1] / 2, y - mask.shape[0] / 2))


def _touches_edge(box: Box, mask: BinaryImage) -> bool:
    height, width = mask.shape
    return box.x == 0 or box.y == 0 or box.right == width or box.bottom == height


def mnist_image(ink: Gray) -> Gray:
    """Return a symbol, (H, W), in the middle of 28×28, its longer side 20 px, edges soft."""
    scale = _BOX / max(ink.shape)
    size = (max(1, round(ink.shape[1] * scale)), max(1, round(ink.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(ink, size, interpolation=how)
    picture = np.zeros((_SIDE, _SIDE), np.uint8)
    x, y = (_SIDE - size[0]) // 2, (_SIDE - size[1]) // 2
    picture[y : y + size[1], x : x + size[0]] = small
    return picture


def draw_fonts(folder: Path) -> list[Addition]:
    """Return the digits and letters of each font below a folder, in the order of their names.

    Damaged fonts, and those without digits or whose digits are not ten, are left out.

    Raises:
        DataMissing: the folder holds no font that has digits.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _FONTS)
    drawn = [addition for path in paths if (addition := _font_addition(path)) is not None]
    if not drawn:
        raise DataMissing(f"{folder}: holds no font with digits ({', '.join(_FONTS)})")
    return drawn


def _font_addition(path: Path) -> Addition | None:
    """Return the symbols of one font; None where it has no digits."""
    from fontTools.ttLib import TTLibError
    from PIL import ImageFont

    try:
        font, licence = ImageFont.truetype(str(path), _FONT_SIZE), _font_licence(path)
    except (OSError, TTLibError):
        return None
    digits = [_glyph(font, text) for text in string.digits]
    if any(glyph is None for glyph in digits) or len({g.tobytes() for g in _not_none(digits)}) < 10:
        return None
    others = list(_not_none(_glyph(font, text) for text in _LETTERS + _OTHERS))
    images = np.stack([*_not_none(digits), *others])
    labels = np.array([*range(10), *[NON_DIGIT] * len(others)])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    letters = list(_not_none(_glyph(font, text) for text in string.ascii_letters))
    whole = np.stack(letters) if len(letters) == len(string.ascii_letters) else None
    return Addition(path.name, licence, digest, Digits(images, labels), whole)


def _not_none(glyphs: Sequence[Gray | None] | Iterator[Gray | None]) -> Iterator[Gray]:
    return (glyph for glyph in glyphs if glyph is not None)


def _glyph(font: object, text: str) -> Gray | None:
    """Return a symbol as a font draws it, 28×28; None where it draws nothing."""
    mask, _ = font.getmask2(text, mode="L")  # type: ignore[attr-defined]
    width, height = mask.size
    if width == 0 or height == 0:
        return None
    ink = np.array(mask, np.uint8).reshape(height, width)
    x, y, width, height = cv2.boundingRect(ink)
    return mnist_image(ink[y : y + height, x : x + width]) if width and height else None


def _font_licence(path: Path) -> str:
    """Return what a font's name table says of its licence (OpenType, name ids 13 and 14)."""
    from fontTools.ttLib import TTFont

    with TTFont(str(path), lazy=True) as font:
        names = font["name"]
        said = [str(names.getDebugName(name) or "").strip() for name in (13, 14)]
    return next(filter(None, said), "not stated").splitlines()[0][:120]
