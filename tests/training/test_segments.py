import numpy as np
import pytest

from digitocr.training.data import segments


@pytest.mark.parametrize("kind", ["segments", "dots", "micr"])
def test_ten_digits_look_different_and_stand_on_the_baseline(kind):
    rng = np.random.default_rng(1)
    segment_shape = segments.random_segment_shape(rng)
    dot_shape = segments.random_dot_shape(rng)
    drawn = {}
    for digit in "0123456789":
        if kind == "segments":
            image, words, baseline = segments.draw_segments(digit, segment_shape)
        elif kind == "dots":
            image, words, baseline = segments.draw_dots(np.random.default_rng(2), digit, dot_shape)
        else:
            image, words, baseline = segments.draw_micr(digit, segments.MicrShape(0.2, 9.6))
        rows = np.flatnonzero(image.max(axis=1))
        assert abs(rows[-1] + 1 - baseline) < 8
        assert len(words) == 1
        drawn[digit] = image.tobytes()
    assert len(set(drawn.values())) == 10


def test_words_of_a_display_lie_side_by_side():
    shape = segments.random_segment_shape(np.random.default_rng(1))
    _, words, _ = segments.draw_segments("12 34", shape)
    assert words[0][1] < words[1][0]
