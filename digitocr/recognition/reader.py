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
from digitocr.recognition.hypotheses import (
    Candidate,
    GroupTexts,
    PageReading,
)
from digitocr.recognition.lattice import PageLattices
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import normalized_crops
from digitocr.recognition.strip_images import find_strip_images
from digitocr.recognition.strip_reader import strip_scores
from digitocr.recognition.strip_texts import group_texts

# A wide component that the classifier reads as sure as this is one digit.
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
        places: for each ink group, the number of the table that it is in, 0 for none: how often
            digits touch, and what is no digit, is told for each by itself. Empty: all are in one.
        second_opinion: what the classifier leaves doubtful is read again with what stands beside
            it, as a strip.
        keep_hypotheses: the reading holds all that each group may be.
    """
    candidates = _proposed_candidates(components.groups, model)
    numbers = [group.number for group in components.groups]
    place_by_group = dict(zip(numbers, places or [0] * len(numbers), strict=True))
    place_by_candidate = [place_by_group[one.group] for one in candidates]
    lattices = PageLattices(
        candidates, _classifier_scores(candidates, model), model.digits_shown, place_by_candidate
    )
    line_texts: dict[int, GroupTexts] = {}
    if second_opinion and model.strip_reader:
        for image in find_strip_images(candidates, lattices.doubtful_groups()):
            line_texts |= group_texts(image, strip_scores(model.strip_reader, image.image)[0])
    reading = lattices.reading(line_texts)
    if keep_hypotheses:
        reading = replace(reading, hypotheses=lattices.hypotheses(line_texts))
    low = (*reading.low, *components.low)
    return replace(reading, low=low, percents=tuple(components.percents))


def _proposed_candidates(groups: Sequence[InkGroup], model: Model) -> list[Candidate]:
    """Return what may be digits in ink groups, group by group.

    To split takes longer than to read: what is no wider than most digits is not split, as line
    images tell where two are as narrow as one, nor what is surely one wide digit.
    """
    wide = [one for group in groups if group.is_wide and (one := group.whole)]
    surest = _classifier_scores(wide, model).max(axis=1) if wide else ()
    whole = {one.group for one, chance in zip(wide, surest, strict=True) if chance >= _SURE}
    proposed = []
    for group in groups:
        one = group.whole if not group.is_wide or group.number in whole else None
        proposed += [one] if one else group.candidates
    return proposed


def _classifier_scores(candidates: Sequence[Candidate], model: Model) -> Scores:
    """Return what the classifier says of N candidates, (N, 10)."""
    return scores(model, normalized_crops([one.ink for one in candidates]))
