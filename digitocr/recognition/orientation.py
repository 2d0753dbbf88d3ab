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

# Smaller ones say nothing of the usual size; by the longer side, unlike elsewhere
_LEAST_MARK_PX = 8
_LIKE_OTHERS = (0.5, 1.7)  # the longer side of a mark that is looked at, of the usual one
_MOST_MARKS = 120  # are looked at; more cost time and change nothing
_LEAST_MARKS = 4  # fewer say nothing: 6 and 9, 0, 1 and 8 read well upside down
# Digits are nearer to their neighbours along a line than to those above and below it. Pages of
# whose marks this part has its nearest neighbour along (or across) lines are not turned on end (or
# are, and nothing else).
_ALONG = 0.65
_READS_WELL = 0.9  # mean chance of the marks' readings: such a page is not looked at turned
# A page is turned when that makes its marks likelier by this much in all (natural logarithm), and
# by this much each, than they are as given and turned the other way: pages of letters read about as
# badly whichever way they are turned, and dashes on end look like ones either way.
_LEAST_GAIN, _LEAST_GAIN_EACH = 4.0, 0.15
_READS_TURNED = 0.75  # mean chance at the least when turned: letters do not read like that
_FLOOR = 0.2  # no mark counts for more than this against a turn: stains say nothing


def quarter_turn(mask: BinaryImage, model: Model) -> int:
    """Return the clockwise turn, 0, 90, 180 or 270 degrees, in which a page's marks read best.

    0 where they are too few to tell, or it is not clear.

    Args:
        mask: the ink of the page as it is, without rules.
        model: the network that reads.
    """
    boxes, marks = _marks(mask)
    if len(marks) < _LEAST_MARKS:
        return 0
    given = _surest(marks, 0, model)
    if given.mean() > _READS_WELL:
        return 0
    turned = {turn: _surest(marks, turn, model) for turn in TURNS[1:]}
    gains = {turn: float(np.log(chances / given).sum()) for turn, chances in turned.items()}
    best = max(_turns(boxes), key=lambda turn: gains[turn])
    ahead = gains[best] - max(0.0, gains.get((best + 180) % 360, 0.0))
    clear = ahead > max(_LEAST_GAIN, _LEAST_GAIN_EACH * len(marks))
    return best if clear and turned[best].mean() > _READS_TURNED else 0


def _turns(boxes: Sequence[Box]) -> tuple[int, ...]:
    """Return the turns that the neighbourhood of marks, two or more, allows for."""
    middles = np.array([box.middle for box in boxes])
    some = np.arange(0, len(boxes), max(1, -(-len(boxes) // _MOST_MARKS)))
    apart = middles[some, None] - middles[None]  # (S, N, 2)
    far = np.hypot(*apart.transpose(2, 0, 1))
    far[np.arange(len(some)), some] = np.inf
    nearest = np.abs(apart[np.arange(len(some)), far.argmin(axis=1)])
    along = float((nearest[:, 0] > nearest[:, 1]).mean())
    if along >= _ALONG:
        return (180,)
    return (90, 270) if along <= 1 - _ALONG else TURNS[1:]


def _marks(mask: BinaryImage) -> tuple[list[Box], list[BinaryImage]]:
    """Return the boxes of marks of the usual size, whichever way they lie, and the ink of some."""
    contours = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)[0]
    boxes = [Box(*cv2.boundingRect(contour)) for contour in contours]
    sides = np.array([max(box.width, box.height) for box in boxes])
    large = sides[sides >= _LEAST_MARK_PX]
    if len(large) == 0:
        return [], []
    usual = usual_size(large)
    alike = np.flatnonzero((sides >= _LIKE_OTHERS[0] * usual) & (sides <= _LIKE_OTHERS[1] * usual))
    some = alike[:: max(1, -(-len(alike) // _MOST_MARKS))]
    return [boxes[i] for i in alike], [ink_inside(mask, contours[i], boxes[i]) for i in some]


def _surest(marks: Sequence[BinaryImage], turn: int, model: Model) -> NDArray[np.float64]:
    """Return how likely the best reading of each mark is when it is turned, at least `_FLOOR`."""
    turned = [np.ascontiguousarray(np.rot90(mark, -turn // 90)) for mark in marks]
    top = scores(model, normalized_crops(turned)).max(axis=1)
    return np.asarray(np.maximum(top, _FLOOR), np.float64)
