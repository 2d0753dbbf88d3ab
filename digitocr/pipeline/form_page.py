"""One page of a form in, what is in its fields out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from digitocr.core.arrays import (
    BinaryImage,
    Gray,
)
from digitocr.core.document import (
    FieldResult,
    Number,
    PageResult,
    Reason,
    Reasons,
    sorted_reasons,
)
from digitocr.core.geometry import (
    Box,
    Transform,
)
from digitocr.core.source import (
    Page,
)
from digitocr.forms.fields import (
    comb_hypotheses,
    groups_in,
    ink_in_fields,
    number_in_field,
    scaled_box,
)
from digitocr.forms.print_removal import enlarged_print, ink_without_print, print_and_field_boxes
from digitocr.forms.registration import (
    edge_to_edge_map,
    find_form,
    is_visible,
    registered_page,
)
from digitocr.forms.template import (
    Field,
    Form,
)
from digitocr.imaging.binarize import (
    binarize,
    page_ink,
)
from digitocr.imaging.rectify import rectify
from digitocr.numbers.rerank import reranked_numbers
from digitocr.pipeline.finish import (
    boxes_on_page,
    finished_number,
    number_with_chances,
)
from digitocr.pipeline.ink import upright_ink
from digitocr.recognition.components import (
    find_components,
)
from digitocr.recognition.hypotheses import (
    GroupHypotheses,
    PageReading,
)
from digitocr.recognition.model import (
    Model,
)
from digitocr.recognition.reader import read_components


@dataclass(frozen=True, slots=True)
class FormReader:
    """Reads pages of one form: what is in its fields, and nothing else."""

    model: Model
    form: Form
    name: str  # of the form, for who gives it another page
    review_line: float  # confidence below which a number is to be reviewed, 0..1
    second_opinion: bool = True  # the strip reader reads what the classifier leaves doubtful

    def read(self, page: Page) -> PageResult:
        """Read the fields of one page; its error says so where it is no page of the form."""
        height, width = page.gray.shape
        result = PageResult(page.number, width, height, page.dpi, 0, 0.0, ())
        to_page = _map_of_form(page.gray, self.form, self.model)
        if to_page is None:
            return replace(result, error=f"page {page.number} doesn't show the form {self.name}")
        upright, scale = registered_page(page.gray, to_page, self.form.size)
        ink, boxes = _written_on_form(upright.gray, self.form, scale)
        inside, crossed = ink_in_fields(ink, boxes)
        components = find_components(inside)
        reading = read_components(
            components, self.model, second_opinion=self.second_opinion, keep_hypotheses=True
        )
        numbers, fields = [], []
        groups = groups_in(boxes, {group.number: group.box for group in components.groups})
        for i, (field, box, own) in enumerate(zip(self.form.fields, boxes, groups, strict=True), 1):
            hidden = _hidden_reasons(is_visible(box, upright, page.gray), crossed[i - 1])
            number, found = _field_number(field, box, own, reading, hidden)
            if number is not None:
                number = replace(number, line=i, item=1, field=field.name)
                number = number_with_chances(number, self.model)
                number = finished_number(number, upright, page, self.review_line)
                numbers.append(number)
                read = (number.text, number.confidence, number.status)
                found = FieldResult(field.name, *read, found.box, number.reasons)
            fields.append(found)
        places = boxes_on_page(boxes, upright.to_page, width, height)
        return replace(
            result,
            rotation=upright.rotation,
            skew=upright.skew,
            numbers=tuple(numbers),
            fields=tuple(replace(one, box=box) for one, box in zip(fields, places, strict=True)),
        )


def _map_of_form(gray: Gray, form: Form, model: Model) -> Transform | None:
    """Return the map from a form's pixels to a page's, None where the page is none of the form."""
    if form.reference is not None:
        return find_form(gray, form.reference)
    rectified = rectify(gray, by_grid=False)  # that would move the page's edges
    aslant = not np.allclose(rectified.to_page[2, :2], 0)
    return edge_to_edge_map(
        form.size, rectified.gray.shape, aslant, upright_ink(rectified, model)[0]
    )


def _written_on_form(gray: Gray, form: Form, scale: float) -> tuple[BinaryImage, list[Box]]:
    """Return what is written on a page brought onto a form, without print, and where fields are."""
    boxes = [scaled_box(field.box, scale) for field in form.fields]
    if form.printed is None:
        return page_ink(gray).binary, boxes
    ink = binarize(gray)
    printed, boxes = print_and_field_boxes(ink, enlarged_print(form.printed, ink), boxes)
    return ink_without_print(ink, printed, scale), boxes


def _hidden_reasons(visible: bool, crossed: bool) -> Reasons:
    """Return why not all of a field may be seen."""
    return sorted_reasons(
        *([] if visible else [Reason.CUT_OFF]), *([Reason.CROSSED] if crossed else [])
    )


def _field_number(
    field: Field, box: Box, groups: Sequence[int], reading: PageReading, hidden: Reasons
) -> tuple[Number | None, FieldResult]:
    """Return the number in a field, None in a blank one, and that it is blank.

    Args:
        field: what is known about it.
        box: where it is on the page brought onto the form.
        groups: of ink in it, left to right.
        reading: of the page.
        hidden: why not all of it may be seen, () where the page shows it and no line crosses it.
    """
    hypotheses: GroupHypotheses = {group: (reading.hypotheses or {})[group] for group in groups}
    reasons = list(hidden)
    if field.cells:
        hypotheses, unclear = comb_hypotheses(hypotheses, box, field.cells)
        reasons += [Reason.CELLS_UNCLEAR] if unclear else []
    signs = [
        [one for one in marks if box.contains(one.middle) and not field.cells]
        for marks in (reading.low, reading.slashes, reading.percents)
    ]
    number, sure = number_in_field(hypotheses, *signs)
    if number is None:
        reasons += [Reason.UNREAD] if groups else []
    elif field.constraint:
        (number,) = reranked_numbers([number], hypotheses, field.constraint)
    status, sure = "review" if reasons else "ok", 0.0 if hidden else sure
    blank = FieldResult(field.name, "", sure, status, box, sorted_reasons(*reasons))
    return None if number is None else number.because(*reasons), blank
