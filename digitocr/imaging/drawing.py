"""Pictures: colours, boxes, small cuttings, and the bytes of files."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import Gray
from digitocr.core.geometry import Box

Picture = NDArray[np.uint8]  # (H, W, 3), blue green red

# Green, orange-red and blue, told apart by lightness too.
GREEN, RED, BLUE = (60, 140, 0), (0, 80, 230), (130, 30, 0)
FONT = cv2.FONT_HERSHEY_SIMPLEX
BOX_PNG_HEIGHT_PX, BOX_PNG_WIDTH_PX = (
    24,
    180,
)  # pixels; ten digits as high as a row with room around


def jpeg_bytes(picture: Picture) -> bytes:
    """Return a picture as the bytes of a JPEG file."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def png_bytes(gray: Gray) -> bytes:
    """Return a grey picture as the bytes of a PNG file."""
    return cv2.imencode(".png", gray)[1].tobytes()


def box_png(gray: Gray, box: Box, rotation: int) -> bytes:
    """Return what a box on a page holds, set upright, as the bytes of a small PNG.

    Args:
        gray: the page as given.
        box: where to cut; a little around it is kept.
        rotation: clockwise turn that sets the page upright: 0, 90, 180, 270 degrees.

    Returns:
        A grey PNG of at most 180 × 24 pixels.
    """
    margin = max(2, min(box.width, box.height) // 8)
    rows = slice(max(0, box.y - margin), box.bottom + margin)
    cut = np.rot90(gray[rows, max(0, box.x - margin) : box.right + margin], -rotation // 90)
    height, width = cut.shape
    scale = min(1.0, BOX_PNG_HEIGHT_PX / height, BOX_PNG_WIDTH_PX / width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(np.ascontiguousarray(cut), size, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".png", small)[1].tobytes()


def draw_box(picture: Picture, box: Box, colour: tuple[int, int, int], thickness: int) -> None:
    """Draw a box into a picture, in place."""
    cv2.rectangle(picture, (box.x, box.y), (box.right - 1, box.bottom - 1), colour, thickness)
