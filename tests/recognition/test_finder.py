import numpy as np
import pytest

from digitocr.recognition import finder
from digitocr.recognition.finder import (
    STRIDE,
    Finder,
    TextLine,
    line_crop,
    lines_of,
    page_turn,
    prepared,
)


def maps_of(kernels, shape=(60, 80)):
    """The maps that a perfect network would give: (x, y, length, height, angle, class) each."""
    maps = np.zeros((finder.MAPS, *shape), np.float32)
    maps[:3] = -8
    rows, columns = np.mgrid[: shape[0], : shape[1]] * STRIDE + 1.5
    for x, y, length, height, angle, kind in kernels:
        cos, sin = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
        along = (columns - x) * cos + (rows - y) * sin
        down = (rows - y) * cos - (columns - x) * sin
        core = np.abs(along) < length / 2 - finder.KERNEL_END * height
        core &= np.abs(down) < height * finder.KERNEL_HEIGHT / 2
        maps[kind][core] = 8
        maps[finder.HEIGHT][core] = np.log(height / finder.HEIGHT_UNIT)
        maps[finder.DIRECTION_X][core] = cos
        maps[finder.DIRECTION_Y][core] = sin
    return maps


@pytest.mark.parametrize("angle", [0, 12, -40, 90, 180, -90, 135])
def test_a_kernel_becomes_its_line_s_box(angle):
    (line,) = lines_of(maps_of([(160, 120, 100, 20, angle, finder.NUMBER)]), 1.0)
    assert (line.x, line.y) == pytest.approx((160, 120), abs=3)
    assert line.width == pytest.approx(100, abs=8)
    assert line.height == pytest.approx(20, rel=0.02)
    assert abs((line.angle - angle + 180) % 360 - 180) < 4
    assert line.is_number > 0.99


def test_boxes_are_in_pixels_of_the_page():
    (line,) = lines_of(maps_of([(160, 120, 100, 20, 0, finder.OTHER)]), 0.5)
    assert (line.x, line.y) == pytest.approx((320, 240), abs=6)
    assert line.height == pytest.approx(40, rel=0.02)
    assert line.is_number < 0.01


def test_an_empty_page_has_no_lines():
    assert lines_of(maps_of([]), 1.0) == []
    assert page_turn([]) == 0


def test_two_lines_that_touch_part_at_a_higher_threshold():
    maps = maps_of([(160, 90, 120, 20, 0, finder.NUMBER), (160, 118, 120, 20, 0, finder.NUMBER)])
    between = maps[0][24:28, 20:60]
    between[between < 0] = 0.2
    maps[finder.HEIGHT][24:28, 20:60] = np.log(20 / finder.HEIGHT_UNIT)
    maps[finder.DIRECTION_X][24:28, 20:60] = 1
    assert sorted(round(line.y, -1) for line in lines_of(maps, 1.0)) == [90, 120]


@pytest.mark.parametrize(("angle", "turn"), [(0, 0), (90, 270), (180, 180), (-90, 90), (-84, 90)])
def test_the_page_is_turned_as_most_of_its_writing_says(angle, turn):
    lines = [TextLine(0, 0, 100, 10, angle, 1.0, 0.9)] * 3 + [TextLine(0, 0, 20, 10, 45, 1.0, 0.9)]
    assert page_turn(lines) == turn


def test_quads_start_at_the_reader_s_top_left():
    quad = TextLine(50, 50, 40, 10, 90, 1.0, 0.9).quad
    assert quad == pytest.approx(np.array([[55, 30], [55, 70], [45, 70], [45, 30]]))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_crop_is_upright(turns):
    page = np.full((100, 140), 255, np.uint8)
    page[40:60, 50:70] = 0
    page[40:50, 70:90] = 128
    turned = np.ascontiguousarray(np.rot90(page, -turns))
    rows, columns = page.shape
    x, y = 69.5, 49.5
    for _ in range(turns):
        x, y, rows, columns = rows - 1 - y, x, columns, rows
    crop = line_crop(turned, TextLine(x, y, 40, 20, 90 * turns, 1.0, 0.9), margin=0.3)
    assert crop.shape == (32, 52)
    assert crop[6:26, 6:26].max() == 0
    assert (crop[6:16, 26:46] == 128).all()
    assert (crop[17:26, 27:46] == 255).all()
    assert line_crop(turned, TextLine(x, y, 40, 20, 90 * turns, 1.0, 0.9), height=16).shape[0] == 16


def test_prepared_levels_do_not_hang_on_light_or_contrast():
    rng = np.random.default_rng(0)
    page = rng.integers(60, 200, (64, 64)).astype(np.uint8)
    assert prepared(page) == pytest.approx(prepared((page * 0.8 + 20).astype(np.uint8)), abs=0.05)
    flat = prepared(np.full((64, 64), 90, np.uint8))
    assert np.abs(flat).max() == 0


class SeeingFinder(Finder):
    """Sees the lines that it is given, as a network would that sees digits of 5 to 44 pixels."""

    def __init__(self, lines):
        self._tuning = finder.TUNING
        self._lines = lines
        self.looks = []

    def _look(self, gray, scale):
        rows, columns = (max(1, -(-round(side * scale) // STRIDE)) for side in gray.shape)
        self.looks.append(scale)
        top, left = int(gray[0, 0]) * 16, int(gray[1, 0]) * 16  # the page says where a part begins
        seen = [
            ((x - left) * scale, (y - top) * scale, width * scale, height * scale, 0, finder.NUMBER)
            for x, y, width, height in self._lines
            if 5 < height * scale < 44
        ]
        return maps_of(seen, (rows, columns))


def page_of_places(side):
    """A page whose rows tell by turns in which row and column of 16 pixels they are."""
    rows, columns = np.mgrid[:side, :side] // 16
    return np.where(np.arange(side)[:, None] % 2 == 0, rows, columns).astype(np.uint8)


def test_large_writing_is_found_by_a_coarser_look():
    looking = SeeingFinder([(500, 300, 700, 260)])
    found = looking.find(np.zeros((600, 1000), np.uint8))
    (line,) = found.lines
    assert (line.x, line.y) == pytest.approx((500, 300), abs=8)
    assert line.height == pytest.approx(260, rel=0.02)
    assert len(looking.looks) > 1


def test_small_writing_is_looked_at_again_enlarged():
    looking = SeeingFinder([(300, 200, 90, 9), (300, 400, 90, 30)])
    found = looking.find(page_of_places(1000))
    assert len(looking.looks) >= 3 and max(looking.looks) == pytest.approx(2, abs=0.01)
    assert sorted(round(line.height) for line in found.lines) == [9, 30]
    assert found.scale == 1 / STRIDE
