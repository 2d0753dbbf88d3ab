"""How wide strokes are: of one component, of a whole form, where a component is broad."""

from __future__ import annotations

import cv2
import numpy as np

from digitocr.core.arrays import BinaryImage, Gray


def stroke_width(patch: Gray) -> float:
    """Return the width of a component's strokes in pixels: its ink shared out among its runs.

    Args:
        patch: (H, W), 0 paper; 0 comes back where there is nothing else.
    """
    ink = patch > 0
    across = int(np.count_nonzero(ink[:, 1:] > ink[:, :-1]) + np.count_nonzero(ink[:, 0]))
    down = int(np.count_nonzero(ink[1:] > ink[:-1]) + np.count_nonzero(ink[0]))
    return int(np.count_nonzero(ink)) / max(across, down, 1)


def mean_stroke_width(printed: BinaryImage) -> float:
    """Return how wide the strokes on a page are on the whole, pixels; 1 for a page without any.

    How deep pixels are inside of a stroke is a quarter of its width in the mean. Of a grid, whose
    lines cross, that says more than runs do, which are as long as its lines one way.
    """
    depth = cv2.distanceTransform(printed, cv2.DIST_L2, 3)
    deep = depth[depth > 0]
    return max(1.0, 4 * float(deep.mean()) - 2) if len(deep) else 1.0


def broad_stroke_width(patch: Gray) -> float:
    """Return how wide a component is where its strokes are broad: where others touch them.

    Twice the depth that a fifth of its ink exceeds; there must be ink.
    """
    distance = cv2.distanceTransform(patch, cv2.DIST_L2, 3)
    return 2 * float(np.percentile(distance[patch > 0], 80))
