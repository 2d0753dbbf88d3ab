"""Ink → the quarter turn that sets a page upright: the one in which the network reads best."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import BinaryImage
from digitocr.core.geometry import Box
from digitocr.core.statistics import usual_size
from digitocr.recognition.classifier import scores
from digitocr.recognition.components import ink_inside
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops

TURNS = (0, 90, 180, 270)  # clockwise, degrees

# Smaller ones say nothing of the usual size: by the longer side, as a page may lie on end, unlike
# the heights that count elsewhere.
_LEAST_COMPONENT_PX = 8
_LIKE_OTHERS = (0.5, 1.7)  # the longer side of a component that is looked at, of the usual one
_MOST_LOOKED_AT = 120  # are looked at; more cost time and change nothing
_LEAST_COMPONENTS = 4  # fewer say nothing: 6 and 9, 0, 1 and 8 read well upside down
# Digits are nearer to their neighbours along a line than to those above and below it. Pages of
# whose components this part has its nearest neighbour along (or across) lines are not turned on end
# (or are, and nothing else).
_ALONG = 0.65
_READS_WELL = 0.9  # mean chance of the components' readings: such a page is not looked at turned
# A page is turned when that makes its components likelier by this much in all (natural logarithm),
# and by this much each, than they are as given and turned the other way: pages of letters read
# about as badly whichever way they are turned, and dashes on end look like ones either way.
_LEAST_GAIN, _LEAST_GAIN_EACH = 4.0, 0.15
_READS_TURNED = 0.75  # mean chance at the least when turned: letters do not read like that
_FLOOR = 0.2  # no component counts for more than this against a turn: stains say nothing


def quarter_turn(binary: BinaryImage, model: Model) -> int:
    """Return the clockwise turn, 0, 90, 180 or 270 degrees, in which a page's components read best.

    0 where they are too few to tell, or it is not clear.

    Args:
        binary: the page as it is, without its ruling lines.
        model: the network that reads.
    """
    boxes, components = _components(binary)
    if len(components) < _LEAST_COMPONENTS:
        return 0
    given = _best_chances(components, 0, model)
    if given.mean() > _READS_WELL:
        return 0
    turned = {turn: _best_chances(components, turn, model) for turn in TURNS[1:]}
    gains = {turn: float(np.log(chances / given).sum()) for turn, chances in turned.items()}
    best = max(_possible_turns(boxes), key=lambda turn: gains[turn])
    ahead = gains[best] - max(0.0, gains.get((best + 180) % 360, 0.0))
    clear = ahead > max(_LEAST_GAIN, _LEAST_GAIN_EACH * len(components))
    return best if clear and turned[best].mean() > _READS_TURNED else 0


def _possible_turns(boxes: Sequence[Box]) -> tuple[int, ...]:
    """Return the turns that the neighbourhood of components, two or more, allows for."""
    middles = np.array([box.middle for box in boxes])
    some = np.arange(0, len(boxes), max(1, -(-len(boxes) // _MOST_LOOKED_AT)))
    apart = middles[some, None] - middles[None]  # (S, N, 2)
    far = np.hypot(*apart.transpose(2, 0, 1))
    far[np.arange(len(some)), some] = np.inf
    nearest = np.abs(apart[np.arange(len(some)), far.argmin(axis=1)])
    along = float((nearest[:, 0] > nearest[:, 1]).mean())
    if along >= _ALONG:
        return (180,)
    return (90, 270) if along <= 1 - _ALONG else TURNS[1:]


def _components(binary: BinaryImage) -> tuple[list[Box], list[BinaryImage]]:
    """Return the boxes of components of the usual size, however they lie, and the ink of some."""
    contours = cv2.findContours(binary, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    boxes = [Box(*cv2.boundingRect(contour)) for contour in contours]
    sides = np.array([max(box.width, box.height) for box in boxes])
    large = sides[sides >= _LEAST_COMPONENT_PX]
    if len(large) == 0:
        return [], []
    usual = usual_size(large)
    alike = np.flatnonzero((sides >= _LIKE_OTHERS[0] * usual) & (sides <= _LIKE_OTHERS[1] * usual))
    some = alike[:: max(1, -(-len(alike) // _MOST_LOOKED_AT))]
    return [boxes[i] for i in alike], [ink_inside(binary, contours[i], boxes[i]) for i in some]


def _best_chances(
    components: Sequence[BinaryImage], turn: int, model: Model
) -> NDArray[np.float64]:
    """Return how likely the best answer for each component is when turned, at least `_FLOOR`."""
    turned = [np.ascontiguousarray(np.rot90(component, -turn // 90)) for component in components]
    top = scores(model, normalized_crops(turned)).max(axis=1)
    return np.asarray(np.maximum(top, _FLOOR), np.float64)
