"""Ink groups → what the networks read in them; confidences are not yet chances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from digitocr.core.arrays import (
    Scores,
)
from digitocr.recognition.classifier import scores
from digitocr.recognition.components import (
    Components,
    InkGroup,
)
from digitocr.recognition.ctc import group_texts
from digitocr.recognition.hypotheses import (
    Candidate,
    GroupTexts,
    PageReading,
)
from digitocr.recognition.lattice import PageLattices
from digitocr.recognition.line_images import find_line_images
from digitocr.recognition.line_reader import line_scores
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops

# A wide mark that the first network reads as sure as this is one digit.
_SURE = 0.95


def read_components(
    components: Components,
    model: Model,
    places: Sequence[int] = (),
    *,
    second_opinion: bool = True,
    keep_hypotheses: bool = False,
) -> PageReading:
    """Return what the model reads in a page's ink; confidences are not yet chances.

    Args:
        components: what is written on the page.
        model: the networks.
        places: for each ink group, the number of the table that it is in, 0 for none; digits
            touch, and marks are none, as often as in the same place. None given: all are in one.
        second_opinion: what the classifier leaves doubtful is read again with what stands beside
            it, as a line image.
        keep_hypotheses: the reading holds all that each group may be.
    """
    candidates = _proposed(components.groups, model)
    numbers = [group.number for group in components.groups]
    places_by_group = dict(zip(numbers, places or [0] * len(numbers), strict=True))
    where = [places_by_group[one.group] for one in candidates]
    lattices = PageLattices(candidates, _scored(candidates, model), model.digits_shown, where)
    seen: dict[int, GroupTexts] = {}
    if second_opinion and model.line_reader:
        for image in find_line_images(candidates, lattices.doubtful_groups()):
            seen |= group_texts(image, line_scores(model.line_reader, image.image)[0])
    reading = lattices.reading(seen)
    if keep_hypotheses:
        reading = replace(reading, hypotheses=lattices.hypotheses(seen))
    low = (*reading.low, *components.low)
    return replace(reading, low=low, percents=tuple(components.percents))


def _proposed(groups: Sequence[InkGroup], model: Model) -> list[Candidate]:
    """Return what may be digits in runs of ink, run by run.

    To cut takes longer than to read: what is no wider than most digits is not cut, as strips tell
    where two are as narrow as one, nor what is surely one wide digit.
    """
    wide = [one for group in groups if group.is_wide and (one := group.whole)]
    surest = _scored(wide, model).max(axis=1) if wide else ()
    whole = {one.group for one, chance in zip(wide, surest, strict=True) if chance >= _SURE}
    proposed = []
    for group in groups:
        one = group.whole if not group.is_wide or group.number in whole else None
        proposed += [one] if one else group.candidates
    return proposed


def _scored(candidates: Sequence[Candidate], model: Model) -> Scores:
    """Return what the first network says of N candidates, (N, 10)."""
    return scores(model, normalized_crops([one.ink for one in candidates]))
