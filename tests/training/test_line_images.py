from itertools import islice

import numpy as np
import pytest

from digitocr.recognition.alphabet import SYMBOLS
from digitocr.training.data import drawn_text, hands, line_layout
from digitocr.training.data.drawn_text import DrawnText, Library
from digitocr.training.data.line_images import LinePainter, is_readable
from digitocr.training.data.wheels import Wheels


def hand(seed):
    """A hand whose digits are zigzags, each of its own shape."""
    rng = np.random.default_rng(seed)
    glyphs = {
        digit: ((rng.uniform(0, 1000, (5, 2)).astype(np.float32),),) for digit in "0123456789"
    }
    return hands.Hand(f"hand {seed}", glyphs, {})


@pytest.fixture
def library():
    common = {sign: ((np.array([[0, 0], [300, 400]], np.float32),),) for sign in ".,-:/"}
    return Library({}, hands.HandLibrary((hand(1), hand(2)), (), common, ()))


@pytest.fixture
def wheels(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(
        tmp_path / "wheels.npz",
        images=rng.integers(0, 255, (40, 38, 24)).astype(np.uint8),
        labels=np.arange(40) % 10,
        source=np.zeros(40, np.int16),
        sources=np.array(["a meter"]),
    )
    return Wheels.load(tmp_path / "wheels.npz")


@pytest.mark.parametrize("kind", ["hand", "dotmatrix", "micr", "wheels", "empty"])
def test_lines_are_grey_and_say_what_the_reader_can_say(library, wheels, kind):
    for line in islice(LinePainter(library, wheels, 1).lines(kind), 25):
        assert line.crop.dtype == np.uint8
        assert line.crop.ndim == 2
        assert min(line.crop.shape) >= 8
        assert set(line.truth) <= set(SYMBOLS)
        assert (line.truth == "") == (kind == "empty")


def test_the_same_seed_paints_the_same_lines(library, wheels):
    first, second = (
        list(islice(LinePainter(library, wheels, 5).lines("hand"), 10)) for _ in range(2)
    )
    for one, other in zip(first, second, strict=True):
        assert one.truth == other.truth
        np.testing.assert_array_equal(one.crop, other.crop)


def test_most_lines_can_be_spelled_in_their_columns(library, wheels):
    lines = list(islice(LinePainter(library, wheels, 2).lines("hand"), 60))
    assert np.mean([is_readable(line) for line in lines]) > 0.8


def test_words_lie_in_the_ink_from_left_to_right(library):
    rng = np.random.default_rng(3)
    style = drawn_text.random_style(rng, library, "hand")
    drawn = drawn_text.draw_text(rng, "12 345", style, 30.0)
    assert drawn.words == ("12", "345")
    assert drawn.truth == "12 345"
    assert 0 <= drawn.x_left[0] < drawn.x_right[0] < drawn.x_left[1] < drawn.x_right[1]
    assert drawn.x_right[1] <= drawn.ink.shape[1]
    assert abs(drawn.ink.shape[0] - 30) < 15


def piece(truth, width):
    ink = np.full((20, width), 1, np.float32)
    return DrawnText(ink, truth, (0.0,), (float(width),), (truth,), 20.0, 20.0)


def test_cells_of_a_row_are_words_of_a_line():
    laid = line_layout.row_of_cells(np.random.default_rng(0), [piece("12", 30), piece("5", 15)])
    assert laid.drawn.truth == "12 5"
    assert laid.drawn.words == ("12", "5")
    assert laid.drawn.x_left[1] > 40


def test_digits_of_a_comb_have_bars_on_both_sides():
    laid = line_layout.comb(np.random.default_rng(0), [piece("1", 9), piece("2", 12)])
    assert laid.drawn.truth == "1 2"
    assert len(laid.bars) == 3
    assert laid.bars[0] <= laid.drawn.x_left[0] < laid.drawn.x_right[0] <= laid.bars[1]


def test_what_is_struck_out_is_no_number():
    drawn = line_layout.struck_out(np.random.default_rng(0), piece("12", 30))
    assert drawn.truth == "¤"
    assert drawn.ink.shape == (20, 30)
