"""What a program gives to be read, a path, bytes, a file or a picture → `Source`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, Union

import cv2
import numpy as np

from digitocr.core.arrays import Gray
from digitocr.core.errors import WrongUsage
from digitocr.core.source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from PIL.Image import Image

# A path; the bytes of a file; a file, opened in binary mode; a picture of NumPy's, uint8, grey
# (H, W) or blue green red (H, W, 3), as OpenCV has them; or one of Pillow's.
Given: TypeAlias = Union[
    str, "os.PathLike[str]", bytes, bytearray, BinaryIO, "NDArray[np.uint8]", "Image", Source
]
_UNNAMED = "page"  # in results, for what has no name of its own


def source_of(given: Given, name: str | None = None) -> Source:
    """Return what was given as what can be read.

    Args:
        given: one file or picture.
        name: for its results and errors; None: that of the file, or "page".

    Raises:
        WrongUsage: it is none of the kinds that can be read.
    """
    if isinstance(given, Source):
        return given
    if isinstance(given, str | os.PathLike):
        path = Path(given)
        return Source(name or path.name, path)
    if isinstance(given, bytes | bytearray):
        return Source(name or _UNNAMED, data=bytes(given))
    if isinstance(given, np.ndarray):
        return Source(name or _UNNAMED, gray=_gray(given))
    if hasattr(given, "getexif"):
        return Source(name or _UNNAMED, gray=_gray(_pixels(given)))
    if hasattr(given, "read"):
        data = given.read()
        if isinstance(data, bytes):
            return Source(name or _name_of(given), data=data)
        raise WrongUsage("a file to read has to be opened in binary mode")
    kinds = "a path, bytes, a binary file, an array or an image of Pillow's"
    raise WrongUsage(f"{type(given).__name__} can't be read: give {kinds}")


def _name_of(file: Any) -> str:
    """Return the name of an open file; some have none or a number."""
    name = getattr(file, "name", None)
    return Path(name).name if isinstance(name, str) and name else _UNNAMED


def _gray(picture: NDArray[Any]) -> Gray:
    """Return a picture in grey."""
    channels = picture.shape[2:]
    if picture.dtype != np.uint8 or picture.ndim not in (2, 3) or channels not in ((), (1,), (3,)):
        what = f"{picture.dtype} of shape {picture.shape}"
        raise WrongUsage(f"an array of {what} can't be read: give uint8, (H, W) or (H, W, 3)")
    if not picture.size:
        raise WrongUsage("an array without pixels can't be read")
    if channels == (3,):
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_BGR2GRAY), np.uint8)
    return np.ascontiguousarray(picture.reshape(picture.shape[:2]), np.uint8)


def _pixels(image: Any) -> NDArray[np.uint8]:
    """Return the pixels of an image of Pillow's: upright, transparent parts white."""
    from PIL import Image, ImageOps

    upright = ImageOps.exif_transpose(image)
    if upright.mode in ("1", "L"):
        return np.asarray(upright.convert("L"), np.uint8)
    if upright.mode.startswith(("I", "F")):  # deeper than 8 bits: its brightest value is white
        deep = np.asarray(upright, np.float32)
        return np.asarray(cv2.convertScaleAbs(deep, alpha=255 / (deep.max() or 1)), np.uint8)
    clear = upright.convert("RGBA")
    paper = Image.new("RGBA", clear.size, "white")
    return np.asarray(Image.alpha_composite(paper, clear).convert("RGB"), np.uint8)[:, :, ::-1]
