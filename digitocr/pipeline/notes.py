"""What is to be said of a page beside its numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from digitocr.core.arrays import Gray
from digitocr.core.document import INK_WITHOUT_NUMBERS, Note, Number
from digitocr.recognition.alphabet import OTHER
from digitocr.recognition.components import InkGroup
from digitocr.recognition.page_lines import PageLines

# Ink stands out from the paper around it by this many grey levels. On blank paper drawn with strong
# grain, shadows and JPEG's blocks, what was taken for ink did by up to 26. Lines show fainter ink.
_LEAST_CONTRAST = 32


def page_notes(
    numbers: Sequence[Number], groups: Sequence[InkGroup], gray: Gray, lines: PageLines
) -> list[Note]:
    """Return the notes about a page.

    Args:
        numbers: that were read on it.
        groups: of ink, as large as digits may be; of a blank page's grain there may be many.
        gray: the page that these are on.
        lines: that were read on it; none where lines are not read.
    """
    if numbers or not (_has_writing(lines) or _has_ink(groups, gray)):
        return []
    return [INK_WITHOUT_NUMBERS]


def _has_writing(lines: PageLines) -> bool:
    """Tell whether any line says more than a lone digit, which grain may look like, too."""
    return any(OTHER in one.text or len(one.text) > 1 for one in lines.lines)


def _has_ink(groups: Sequence[InkGroup], gray: Gray) -> bool:
    return any(_contrast(group, gray) >= _LEAST_CONTRAST for group in groups)


def _contrast(group: InkGroup, gray: Gray) -> float:
    """Return by how many grey levels ink differs from what is around it in its box."""
    box, ink = group.box, np.maximum.reduce(group.components) > 0
    part = gray[box.y : box.bottom, box.x : box.right]
    if ink.all():
        return 0.0
    return abs(float(part[ink].mean()) - float(part[~ink].mean()))
