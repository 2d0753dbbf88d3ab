import cv2
import numpy as np
import pytest

from digitocr.training.data import layouts
from digitocr.training.data.camera import random_view
from digitocr.training.data.drawn_text import DrawnText
from digitocr.training.data.pages import DrawnPage, PagePainter
from digitocr.training.data.sheet import PageLine, Ruling, Sheet, TextStock
from digitocr.training.data.textures import make_textures
from digitocr.training.finder_targets import IGNORED, kernel, page_targets


class BoxedStock(TextStock):
    """Solid boxes for texts: no font is needed."""

    def __init__(self, rng):
        super().__init__(rng, library=None)

    def _fresh(self, _style, kind, digit_height):
        digits = "1234567"[: int(self._rng.integers(1, 8))]
        truth = digits if kind not in {"word", "words", "label", "sentence"} else "¤"
        width = round(0.7 * digit_height * len(digits))
        ink = np.ones((round(digit_height), width), np.float32)
        return DrawnText(ink, truth, (0.0,), (float(width),), (truth,), digit_height, digit_height)


class Wheels:
    def row(self, _rng, digit_height):
        return np.full((round(digit_height / 0.66), 90), 30, np.float32), "123"


@pytest.fixture
def painter(monkeypatch):
    style = type("AnyStyle", (), {"kind": "print"})()
    monkeypatch.setattr("digitocr.training.data.drawn_text.random_style", lambda *_: style)

    def make(seed=0):
        painter = PagePainter.__new__(PagePainter)
        painter._rng = np.random.default_rng(seed)
        painter._textures = make_textures(painter._rng, 11)
        painter._supply = layouts.Supply(BoxedStock(painter._rng), Wheels())
        return painter

    return make


def test_the_same_seed_paints_the_same_pages(painter):
    some, others = painter(3), painter(3)
    for _ in range(4):
        first, second = some.page(256, 224), others.page(256, 224)
        assert np.array_equal(first.gray, second.gray)
        assert [line.truth for line in first.lines] == [line.truth for line in second.lines]


@pytest.mark.parametrize("kind", list(layouts.LAYOUTS))
def test_every_layout_fills_pages_of_the_size_asked_for(painter, kind):
    source = painter(5)
    lines = []
    for _ in range(8):
        page = source.page(256, 288, kind)
        assert page.gray.shape == (256, 288) and page.gray.dtype == np.uint8
        assert page.turn in {0, 90, 180, 270}
        lines += page.lines
    assert bool(lines) == (kind not in {"clutter", "nothing"})


def test_a_line_s_quad_lies_on_its_ink():
    sheet = Sheet(np.random.default_rng(0), 200, 300)
    ink = np.ones((20, 100), np.float32)
    drawn = DrawnText(ink, "12", (0.0,), (100.0,), ("12",), 20.0, 20.0)
    sheet.write(drawn, 40, 90)
    sheet.write_turned(drawn, (200.0, 120.0), 30.0)
    for line in sheet.lines:
        mask = np.zeros(sheet.shape, np.uint8)
        cv2.fillConvexPoly(mask, line.quad.round().astype(np.int32), 1)
        assert sheet.ink[mask > 0].mean() > 0.9
    assert sheet.ink.sum() == pytest.approx(2 * 20 * 100, rel=0.05)


def test_a_view_moves_points_as_it_moves_pixels():
    rng = np.random.default_rng(2)
    for _ in range(12):
        sheet = np.zeros((300, 300), np.float32)
        spots = np.array([[110.0, 130.0], [180.0, 160.0]])
        view = random_view(rng, sheet.shape, (280, 280), 1.0)
        for spot in spots:
            sheet[:] = 0
            cv2.circle(sheet, spot.astype(int).tolist(), 4, 1.0, -1)
            seen = view.picture(sheet, 0.0)
            y, x = np.nonzero(seen > 0.5)
            assert np.abs(view.points(spot[None])[0] - (x.mean(), y.mean())).max() < 1.5


def page_of(lines, rulings=(), side=128):
    return DrawnPage(np.zeros((side, side), np.uint8), tuple(lines), tuple(rulings), 0)


def line_at(x, y, width, height, truth="12"):
    quad = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)
    return PageLine(quad, truth, height)


def test_kernels_of_tight_lines_and_of_near_columns_stay_apart():
    lines = [line_at(10, y, 40, 10) for y in (10, 25, 40)] + [line_at(60, 25, 40, 10)]
    targets = page_targets(page_of(lines))
    count, _ = cv2.connectedComponents((targets[0] > 0).astype(np.uint8))
    assert count - 1 == 4
    assert targets[3][targets[0] > 0] == pytest.approx(np.log(10 / 16), abs=1e-6)
    assert targets[4][targets[0] > 0] == pytest.approx(1)


def test_words_and_numbers_have_maps_of_their_own_and_rulings_too():
    rulings = [Ruling((0.0, 100.0), (127.0, 100.0), 1.0)]
    page = page_of([line_at(10, 10, 60, 12, "¤"), line_at(10, 50, 60, 12, "¤ 5")], rulings)
    targets = page_targets(page)
    assert targets[1][:6].any() and not targets[1][6:].any()
    assert targets[0][10:].any() and not targets[0][:10].any()
    assert targets[2][25].all() and not targets[2][:20].any()


def test_what_is_too_small_is_ignored_and_dust_is_nothing():
    targets = page_targets(page_of([line_at(10, 10, 60, 4.5), line_at(10, 50, 60, 2)]))
    assert targets[IGNORED][:6].any()
    assert not targets[IGNORED][8:].any() and not targets[:2].any()


def test_a_lone_one_has_a_kernel_too():
    core = kernel(line_at(10, 10, 1, 20).quad)
    assert np.ptp(core[:, 0]) == pytest.approx(10)
    assert core.mean(axis=0) == pytest.approx([10.5, 20])
