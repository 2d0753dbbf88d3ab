"""Lines written for the strip reader: what is on them, and that they come out the same again."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
import pytest

from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
)
from digitocr.training.data.line_batches import (
    ShownLine,
    batches,
    written_chunks,
)
from digitocr.training.data.line_canvas import (
    LineCanvas,
)
from digitocr.training.data.line_scan import (
    LINE_HEIGHT_PX,
)
from digitocr.training.data.written_lines import (
    _some_hand,
    write_line,
)
from digitocr.training.data.written_symbols import (
    Font,
    Symbols,
    symbols,
)


def drawn(texts: str, font: int = cv2.FONT_HERSHEY_SIMPLEX) -> Digits:
    """Return symbols as MNIST's are, light on dark; letters are no digits."""
    images = np.zeros((len(texts), 28, 28), np.uint8)
    for image, text in zip(images, texts, strict=True):
        cv2.putText(image, text, (6, 22), font, 0.8, 255, 2)
    labels = [int(text) if text.isdigit() else NON_DIGIT for text in texts]
    return Digits(images, np.array(labels))


def letters() -> np.ndarray:
    """Return the letters of a font."""
    small = "abcdefghijklmnopqrstuvwxyz"
    return drawn(small + small.upper(), cv2.FONT_HERSHEY_COMPLEX).images


@pytest.fixture(scope="module")
def given() -> Symbols:
    """A hand with some marks, and one font."""
    return symbols(drawn("0123456789+x"), [Font(drawn("0123456789*"), letters())])


def test_lines_are_ink_on_paper_and_say_what_is_on_them(given: Symbols) -> None:
    rng = np.random.default_rng(0)
    lines = [write_line(given, rng) for _ in range(300)]
    assert all(line.mask.shape[0] == LINE_HEIGHT_PX for line in lines)
    assert all(set(np.unique(line.mask)) <= {0, 255} for line in lines)
    lengths = [len(line.digits) for line in lines]
    assert 0.15 < np.mean([n == 0 for n in lengths]) < 0.35
    assert max(lengths) >= 7
    assert all(0 <= digit <= 9 for line in lines for digit in line.digits)
    assert all(line.mask.any() for line in lines if len(line.digits))


def test_longer_numbers_are_wider(given: Symbols) -> None:
    rng = np.random.default_rng(1)
    lines = [write_line(given, rng) for _ in range(400)]
    widths = [
        np.mean([line.mask.shape[1] for line in lines if len(line.digits) == n]) for n in (1, 3, 6)
    ]
    assert all(narrow < wide for narrow, wide in pairwise(widths))


def test_only_digits_that_there_are_are_written() -> None:
    few = symbols(drawn("17"), [])
    rng = np.random.default_rng(2)
    found = {digit for _ in range(100) for digit in write_line(few, rng).digits.tolist()}
    assert found == {1, 7}


def test_in_some_hands_ones_lean_more_than_other_digits(given: Symbols) -> None:
    rng = np.random.default_rng(5)
    leans = np.array([_some_hand(given, rng).leans for _ in range(300)])
    assert 0.1 < (leans > 0).mean() < 0.4
    hand = replace(_some_hand(given, rng), font=None, slant=0.0, aspect=1.0, own_slant=0.0)
    widths = []
    for lean in (0.0, 0.5):
        canvas = LineCanvas(hand, 1, rng)
        canvas.put(given.digits.images[1], 1.0, 0.0, 0.0, False, lean)
        widths.append(np.count_nonzero(canvas.pixels.max(axis=0)))
    assert widths[1] > widths[0] + 10


def test_a_symbol_is_set_beside_the_last_at_the_gap_asked_for(given: Symbols) -> None:
    rng = np.random.default_rng(3)
    for gap in (0.3, 0.6):
        hand = replace(_some_hand(given, rng), slant=0.0, drift=0.0)
        canvas = LineCanvas(hand, 2, rng)
        bar = np.zeros((28, 28), np.uint8)
        bar[4:24, 12:16] = 255
        for _ in range(2):
            canvas.put(bar, 1.0, 0.0, gap, False)
        columns = np.flatnonzero((canvas.pixels > 100).any(axis=0))
        (between,) = (step for step in np.diff(columns) if step > 1)
        assert between - 1 == pytest.approx(gap * 44, abs=6)


def test_the_same_seed_gives_the_same_lines(given: Symbols) -> None:
    first, again, other = (
        next(written_chunks(given, 20, 1, [seed])) for seed in (5, 5, 6)
    )  # fmt: skip
    for one, two in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.image, two.image)
        np.testing.assert_array_equal(one.digits, two.digits)
    assert any(len(a.digits) != len(b.digits) for a, b in zip(first, other, strict=True))
    assert all(len(line.image) == 32 for line in first)


def test_chunks_have_the_size_asked_for_and_differ(given: Symbols) -> None:
    chunks = list(written_chunks(given, 300, 2, [0]))
    assert [len(chunk) for chunk in chunks] == [300, 300]
    assert any(
        a.image.shape != b.image.shape or (a.image != b.image).any()
        for a, b in zip(*chunks, strict=True)
    )


@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_hold_every_line_once_with_room_around(shuffled: bool) -> None:
    lines = [
        ShownLine(np.full((32, width), 255, np.uint8), np.array([width % 10]))
        for width in range(10, 40)
    ]
    found = list(batches(lines, 8, np.random.default_rng(0) if shuffled else None))
    assert sorted(len(batch.lengths) for batch in found) == [6, 8, 8, 8]
    seen = sorted(int(digit) for batch in found for digit in batch.digits)
    assert seen == sorted(width % 10 for width in range(10, 40))
    for batch in found:
        assert batch.images.shape[3] % 2 == 0
        ink = batch.images[:, 0, 0].sum(axis=1)
        assert batch.images.max() == 1.0
        assert [int(n) % 10 for n in ink] == batch.digits.tolist()
