"""What a person checked in a results folder → labelled digits and numbers to learn from."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from digitocr.core.arrays import BinaryImage, Gray
from digitocr.core.errors import (
    DataMissing,
    InputUnreadable,
)
from digitocr.core.geometry import (
    Box,
    around,
    overlap,
)
from digitocr.core.settings import Limits
from digitocr.core.source import (
    Page,
    Source,
)
from digitocr.inputs.reader import read_pages
from digitocr.pipeline.page import ink_groups_on
from digitocr.recognition.alphabet import ALPHABET
from digitocr.recognition.classifier import scores
from digitocr.recognition.components import InkGroup
from digitocr.recognition.finder import TextLine, line_crop
from digitocr.recognition.hypotheses import Candidate
from digitocr.recognition.line_image import BOX_MARGIN
from digitocr.recognition.model import Model
from digitocr.recognition.normalize import (
    SIDE,
    normalized_crops,
)
from digitocr.results.corrections import (
    NAME,
    Correction,
    Corrections,
)
from digitocr.results.journal import (
    Stamp,
    ended,
)
from digitocr.results.run_info import read_run_info
from digitocr.training.data.alignment import forced_alignment
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
    joined_digits,
)
from digitocr.training.data.line_canvas import HEIGHT_PX
from digitocr.training.data.line_images import LineImage
from digitocr.training.data.symbols import mnist_image
from digitocr.training.data.truth import to_truth

_INSIDE = 0.5  # of a component: so much of it is in a number's box, or it is none of the number's


@dataclass(frozen=True, slots=True)
class CorrectedSample:
    """A number that a person checked, or ink that is none."""

    text: str  # its digits; "" for no number
    groups: tuple[InkGroup, ...]  # its ink, left to right
    # The same split apart, with labels, as far as the splits are sure; non-digits too.
    digits: Digits
    # As it is written, with its signs, and the line of it on the upright page; of numbers alone.
    line: LineImage | None = None

    @property
    def mask(self) -> BinaryImage:
        """All its ink, digits about 44 pixels high."""
        box = around([group.box for group in self.groups])
        mask = np.zeros((box.height, box.width), np.uint8)
        for group in self.groups:
            x, y = group.box.x - box.x, group.box.y - box.y
            here = mask[y : y + group.box.height, x : x + group.box.width]
            np.maximum(here, np.maximum.reduce(group.components), out=here)
        scale = HEIGHT_PX / max(box.height, 0.8 * self.groups[0].height)
        size = max(2, round(scale * box.width)), max(2, round(scale * box.height))
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(mask, size, interpolation=how), np.uint8)


@dataclass(frozen=True, slots=True)
class CheckedFolder:
    """What there is to learn in a results folder."""

    name: str
    sha256: str  # of corrections.jsonl
    samples: tuple[CorrectedSample, ...]
    left_out: int  # checked numbers whose digits were not found in the ink
    gone: int  # those on files that have changed, or are not where they were

    @property
    def facts(self) -> dict[str, str | int]:
        """What the card says of it."""
        labels = digits_of(self.samples).labels
        n_digits = int((labels != NON_DIGIT).sum())
        return {
            "name": self.name,
            "sha256": self.sha256,
            "numbers": len(self.samples),
            "digits": n_digits,
            "no_digits": len(labels) - n_digits,
            "left_out": self.left_out,
            "gone": self.gone,
        }


def holds_corrections(folder: Path) -> bool:
    """Tell whether a folder holds corrections of a run's results."""
    return (folder / NAME).is_file()


def corrected_samples(folder: Path, model: Model) -> CheckedFolder:
    """Return the checked numbers of a results folder, each with its ink.

    Pages are read anew: what was decided about them is put to the ink by its place.

    Args:
        folder: holds run.json and corrections.jsonl.
        model: tells how numbers are split into digits.

    Raises:
        DataMissing: the folder holds no results of a run, or nothing in it can be learned from.
    """
    corrections, samples, left_out, known = Corrections(folder), [], 0, 0
    sources, dpi, limits = _inputs(folder)
    for source in sources:
        decisions = corrections.valid(source.name, _stamp(source))
        known += len(decisions)
        try:
            for found in (
                _samples_of_file(source, decisions, model, dpi, limits) if decisions else ()
            ):
                left_out += found is None
                samples += [found] if found else []
        except InputUnreadable:
            known -= len(decisions)
    gone = len(corrections) - known
    if not samples:
        raise DataMissing(
            f"{folder}: holds no checked numbers that can be learned from"
            f" ({left_out} not found in the ink, {gone} on files that changed or are not there)",
            "Check some with: digitocr review DIR. Files must be where they were scanned.",
        )
    digest = hashlib.sha256((folder / NAME).read_bytes()).hexdigest()
    return CheckedFolder(folder.name, digest, tuple(samples), left_out, gone)


def _inputs(folder: Path) -> tuple[list[Source], int, Limits]:
    """Return what the runs read, as far as it is still there, and how."""
    try:
        settings = read_run_info(folder).settings
        if settings.dpi is None or settings.limits is None:
            raise ValueError("lacks dpi, or limits")
        places = [(done.file, Path(done.path)) for done in ended(folder) if done.path]
    except (OSError, ValueError) as error:
        raise DataMissing(f"{folder}: holds no results of a run: {error}") from error
    sources = [Source(name, path) for name, path in places if path.is_file()]
    return sources, settings.dpi, settings.limits


def _stamp(source: Source) -> Stamp | None:
    """Return what an input is now."""
    if source.path is None:
        return None
    about = source.path.stat()
    return Stamp(about.st_size, about.st_mtime_ns, "", "")


def _samples_of_file(
    source: Source, decisions: Sequence[Correction], model: Model, dpi: int, limits: Limits
) -> Iterator[CorrectedSample | None]:
    """Yield what can be learned from each decision about a file, None where its ink is not found.

    Raises:
        InputUnreadable: the file can't be read any more.
    """
    by_page: dict[int, list[Correction]] = defaultdict(list)
    for one in decisions:
        by_page[one.page].append(one)
    wanted = tuple(range(page, page + 1) for page in sorted(by_page))
    for page in read_pages(source, wanted, dpi, limits):
        yield from _samples_of_page(page, by_page[page.number], model)


def _samples_of_page(
    page: Page, decisions: Sequence[Correction], model: Model
) -> Iterator[CorrectedSample | None]:
    """Yield what can be learned from each decision about a page."""
    gray, groups, places = ink_groups_on(page, model)
    for one in decisions:
        own = [
            group
            for group, place in zip(groups, places, strict=True)
            if _belongs_to(place, one.box)
        ]
        own.sort(key=lambda group: group.box.middle)
        if one.number is not None:
            found = _number_sample(own, "".join(filter(str.isdigit, one.number)), model)
            yield found and replace(found, line=_line(gray, own, one.number))
        elif not any(overlap(one.box, two.box) for two in decisions if two.number is not None):
            yield _non_number_sample(own)


def _belongs_to(place: Box, box: Box) -> bool:
    """Tell whether a component belongs to what is in a box."""
    across = min(place.right, box.right) - max(place.x, box.x)
    down = min(place.bottom, box.bottom) - max(place.y, box.y)
    return across > 0 < down and across * down >= _INSIDE * place.width * place.height


def _number_sample(groups: Sequence[InkGroup], text: str, model: Model) -> CorrectedSample | None:
    """Return a number's digits, each with the ink that it is; None where they are not found."""
    candidates = [one for group in groups for one in group.candidates]
    says = scores(model, normalized_crops([one.ink for one in candidates]))
    found = forced_alignment(candidates, says, text) if candidates else None
    if found is None:
        return None
    found_digits = [
        (i, int(digit)) for i, digit in zip(found.digits, text, strict=True) if i is not None
    ]
    found_digits += [(i, NON_DIGIT) for i in found.none]
    pieces = [candidates[i] for i, _ in found_digits]
    return CorrectedSample(
        text, tuple(groups), _labelled_digits(pieces, [digit for _, digit in found_digits])
    )


def _line(gray: Gray, groups: Sequence[InkGroup], text: str) -> LineImage | None:
    """Return the line of a number on the upright page; None where its text holds other marks."""
    truth = to_truth(text)
    if not set(truth) <= set(ALPHABET):
        return None
    box = around([group.box for group in groups])
    line = TextLine(*box.middle, box.width, box.height, angle=0, is_number=1, score=1)
    return LineImage(line_crop(gray, line, BOX_MARGIN), truth, "checked")


def _non_number_sample(groups: Sequence[InkGroup]) -> CorrectedSample | None:
    """Return ink that is no number; None where there is none."""
    pieces = [one for group in groups if (one := group.whole)]
    return (
        CorrectedSample("", tuple(groups), _labelled_digits(pieces, [NON_DIGIT] * len(pieces)))
        if pieces
        else None
    )


def _labelled_digits(pieces: Sequence[Candidate], labels: list[int]) -> Digits:
    images = [mnist_image(one.ink) for one in pieces]
    return Digits(np.array(images, np.uint8).reshape(-1, SIDE, SIDE), np.array(labels, np.int64))


def digits_of(samples: Sequence[CorrectedSample]) -> Digits:
    """Return the digits of at least one sample together."""
    return joined_digits(*(one.digits for one in samples))
