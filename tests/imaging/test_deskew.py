"""The sheet in a photo, quarter turns, skew, and the way back to the page as given."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from digitocr.imaging.deskew import deskew, upright_page
from digitocr.imaging.rectify import rectify


def turned(gray: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Return a page turned clockwise, so that its lines fall to the right."""
    height, width = gray.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    warped = cv2.warpAffine(gray, turn, (width, height), borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(warped, np.uint8)


@pytest.fixture(scope="module")
def ledger(samples: Path) -> NDArray[np.uint8]:
    """A page whose lines are level."""
    gray = cv2.imread(str(samples / "ledger.png"), cv2.IMREAD_GRAYSCALE)
    return upright_page(np.asarray(gray, np.uint8)).gray


@pytest.mark.parametrize("degrees", [-14, -9, -5, -2.5, -1, 0, 0.5, 1, 3, 5, 14])
def test_skew_is_found_to_a_quarter_degree(ledger: NDArray[np.uint8], degrees: float) -> None:
    assert upright_page(turned(ledger, degrees)).skew == pytest.approx(degrees, abs=0.25)


@pytest.mark.parametrize("degrees", [3, 14])
def test_a_point_finds_its_way_back_to_the_page(ledger: NDArray[np.uint8], degrees: int) -> None:
    page = turned(ledger, degrees)
    dot = (700, 400)
    cv2.circle(page, dot, 12, 0, -1)
    straight = upright_page(page)
    x, y, w = straight.to_page @ [*_darkest(straight.gray), 1.0]
    assert (x / w, y / w) == pytest.approx(dot, abs=2)


def _darkest(gray: NDArray[np.uint8]) -> tuple[float, float]:
    """Return the middle of the blackest disk of a page."""
    smooth = cv2.blur(gray, (19, 19))
    y, x = np.unravel_index(np.argmin(smooth), smooth.shape)
    return float(x), float(y)


def test_a_picture_of_a_digit_is_not_turned(samples: Path) -> None:
    gray = cv2.imread(str(samples / "digit.png"), cv2.IMREAD_GRAYSCALE)
    assert upright_page(np.asarray(gray, np.uint8)).skew == 0


@pytest.mark.parametrize("text", ["7", "1", "4", "6", "77", "941"])
def test_a_few_digits_are_not_turned(text: str) -> None:
    page = np.full((300, 500), 240, np.uint8)
    cv2.putText(page, text, (80, 200), cv2.FONT_HERSHEY_SIMPLEX, 4, 40, 9, cv2.LINE_AA)
    assert upright_page(page).skew == 0


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (20, 300), (500, 700), (1, 5000)])
def test_blank_pictures_are_left_level_and_map_back(size: tuple[int, int]) -> None:
    straight = upright_page(np.full(size, 255, np.uint8))
    assert straight.skew == 0
    scale = straight.gray.shape[0] / size[0]
    corner = straight.to_page @ [-0.5, -0.5, 1]
    assert corner[:2] == pytest.approx([-0.5, -0.5])
    far = straight.to_page @ [size[1] * scale - 0.5, size[0] * scale - 0.5, 1]
    assert far[:2] == pytest.approx([size[1] - 0.5, size[0] - 0.5])


def on_page(to_page: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return where (N, 2) points of a straight page lie on the page as given."""
    x, y, w = to_page @ np.column_stack([points, np.ones(len(points))]).T
    return np.column_stack([x / w, y / w])


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("size", [(90, 130), (20, 31)])  # the second is enlarged
def test_quarter_turns_map_back_exactly(size: tuple[int, int], rotation: int) -> None:
    page = np.full(size, 255, np.uint8)
    straight = upright_page(page, rotation)
    assert (straight.rotation, straight.skew) == (rotation, 0)
    height, width = straight.gray.shape
    turned_back = size if rotation in (0, 180) else size[::-1]
    assert height * turned_back[1] == width * turned_back[0]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]]) - 0.5
    h, w = size
    given = np.array([[0, 0], [w, 0], [w, h], [0, h]]) - 0.5
    expected = np.roll(given, rotation // 90, axis=0)
    np.testing.assert_allclose(on_page(straight.to_page, corners), expected, atol=1e-9)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_every_pixel_of_a_turned_page_is_where_the_map_says(rotation: int) -> None:
    page = np.random.default_rng(0).integers(0, 256, (90, 130)).astype(np.uint8)
    flat = rectify(page)
    straight = deskew(flat, rotation)
    assert straight.skew == 0
    y, x = np.indices(straight.gray.shape)
    back = np.round(on_page(straight.to_page, np.column_stack([x.ravel(), y.ravel()]))).astype(int)
    assert (page[back[:, 1], back[:, 0]] == straight.gray.ravel()).all()
    assert np.array_equal(straight.gray, upright_page(page, rotation).gray)


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_page_on_its_side_is_turned_and_levelled(
    ledger: NDArray[np.uint8], rotation: int
) -> None:
    given = np.ascontiguousarray(np.rot90(turned(ledger, 4), rotation // 90))
    straight = upright_page(given, rotation)
    assert straight.rotation == rotation
    assert straight.skew == pytest.approx(4, abs=0.25)


def test_turning_loses_no_corner_of_the_page(ledger: NDArray[np.uint8]) -> None:
    page = turned(ledger, 14)
    straight = upright_page(page)
    height, width = page.shape
    corners = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]])
    x, y = on_page(np.linalg.inv(straight.to_page), corners.astype(np.float64)).T
    assert x.min() >= -1 and y.min() >= -1
    assert x.max() <= straight.gray.shape[1] and y.max() <= straight.gray.shape[0]


# Photos


def photo(
    page: NDArray[np.uint8], corners: list[tuple[int, int]], desk: int = 90
) -> NDArray[np.uint8]:
    """Return a photo, 1600 by 1200 pixels, of a page that lies on a desk with a grain."""
    rng = np.random.default_rng(1)
    size = (1600, 1200)
    grain = cv2.GaussianBlur(rng.normal(0, 60, size[::-1]).astype(np.float32), (0, 0), 3)
    light = np.linspace(0.8, 1.1, size[0])
    to_photo = page_to_photo(page, corners)
    sheet = cv2.warpPerspective(page, to_photo, size, flags=cv2.INTER_AREA)
    covers = cv2.warpPerspective(np.ones(page.shape, np.float32), to_photo, size)
    seen = (covers * sheet + (1 - covers) * (desk + grain)) * light
    return np.clip(seen + rng.normal(0, 3, seen.shape), 0, 255).astype(np.uint8)


def page_to_photo(page: NDArray[np.uint8], corners: list[tuple[int, int]]) -> NDArray[np.float64]:
    """Return the map of a page's pixels to those of its photo."""
    height, width = page.shape
    edges = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32) - 0.5
    to_photo = cv2.getPerspectiveTransform(edges, np.array(corners, np.float32))
    return np.asarray(to_photo, np.float64)


SEEN = [  # corners of a sheet on a photo, from that of its top left, clockwise
    [(420, 70), (1130, 110), (1250, 1120), (330, 1080)],
    [(520, 90), (1230, 240), (1040, 1150), (260, 950)],
    [(180, 150), (1380, 90), (1500, 1090), (120, 1130)],
]


@pytest.fixture(scope="module")
def dotted() -> NDArray[np.uint8]:
    """A page with lines of digits and a black disk near every corner and in the middle."""
    page = np.full((1400, 1000), 235, np.uint8)
    for row in range(180, 1300, 60):
        cv2.putText(page, "3141 592653 58979", (90, row), 0, 2, 60, 4, cv2.LINE_AA)
    for dot in DOTS:
        cv2.circle(page, dot, 22, 0, -1)
    return page


DOTS = [(80, 80), (920, 80), (500, 700), (80, 1320), (920, 1320)]


@pytest.mark.parametrize("corners", SEEN)
def test_a_sheet_on_a_desk_is_seen_from_above(
    dotted: NDArray[np.uint8], corners: list[tuple[int, int]]
) -> None:
    straight = upright_page(photo(dotted, corners))
    height, width = straight.gray.shape
    found = on_page(straight.to_page, np.array([[0, 0], [width, 0], [width, height], [0, height]]))
    # a hundredth of the half sheet is cut off on every side; lines are levelled afterwards
    assert np.abs(found - corners).max() < 22
    assert straight.gray.min() < 60 and np.percentile(straight.gray, 2) > 30  # no desk is left
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - np.array(corners)).T)
    assert width == pytest.approx((sides[0] + sides[2]) / 2, rel=0.03)
    assert height == pytest.approx((sides[1] + sides[3]) / 2, rel=0.03)


@pytest.mark.parametrize("corners", SEEN)
@pytest.mark.parametrize("rotation", [0, 90])
def test_marks_on_a_sheet_find_their_way_back(
    dotted: NDArray[np.uint8], corners: list[tuple[int, int]], rotation: int
) -> None:
    gray = photo(dotted, corners)
    straight = upright_page(gray, rotation)
    expected = on_page(page_to_photo(dotted, corners), np.array(DOTS, np.float64))
    disk = np.ones((13, 13), np.uint8)
    black = (cv2.dilate(straight.gray, disk) < 60).astype(np.uint8)
    middles = cv2.connectedComponentsWithStats(black)[3][1:]
    assert len(middles) == len(DOTS)
    found = on_page(straight.to_page, middles)
    for dot in expected:
        assert np.hypot(*(found - dot).T).min() < 2


def not_sheets() -> dict[str, NDArray[np.uint8]]:
    """Return pages on which nothing is to be cut out."""
    rows = np.full((1400, 1000), 235, np.uint8)
    for row in range(60, 1400, 60):
        cv2.putText(rows, "3141 592653 58979", (90, row), 0, 2, 60, 4, cv2.LINE_AA)
    pages = {"page": rows, "light on dark": ~rows}
    for thickness in (3, 15, 60):
        pages[f"frame {thickness}"] = cv2.rectangle(
            rows.copy(), (150, 200), (850, 1200), 20, thickness
        )
    pages["table"] = rows.copy()
    pages["table"][200:1200:100, 100:900] = pages["table"][200:1200, 100:900:100] = 30
    pages["graph paper"] = rows.copy()
    pages["graph paper"][::40] = pages["graph paper"][:, ::40] = 150
    for tint in (210, 120):
        panel = np.full_like(rows, tint)
        cv2.putText(panel, "Form 271828", (150, 150), 0, 2, 20, 4, cv2.LINE_AA)
        panel[200:1200, 150:850] = cv2.resize(rows, (700, 1000), interpolation=cv2.INTER_AREA)
        pages[f"panel on {tint}"] = panel
    pages["shadow"] = rows.copy()
    pages["shadow"][800:] = rows[800:] // 2
    pages["sunlight"] = rows // 2
    pages["sunlight"][300:1100, 200:800] = rows[300:1100, 200:800]
    return {name: np.asarray(page, np.uint8) for name, page in pages.items()}


@pytest.mark.parametrize("degrees", [0, 2, 6])
@pytest.mark.parametrize("name", not_sheets())
def test_what_is_no_sheet_stays_whole(name: str, degrees: int) -> None:
    page = turned(not_sheets()[name], degrees)
    noise = np.random.default_rng(2).normal(0, 3, page.shape)
    page = np.clip(cv2.GaussianBlur(page, (0, 0), 1) + noise, 0, 255).astype(np.uint8)
    flat = rectify(page)
    assert flat.gray.shape == page.shape
    assert np.array_equal(flat.to_page, np.eye(3))


def test_a_shadow_on_a_sheet_does_not_cut_it(dotted: NDArray[np.uint8]) -> None:
    gray = photo(dotted, SEEN[0])
    gray[800:] //= 2
    height = upright_page(gray).gray.shape[0]
    assert height > 950


def test_the_samples_stay_whole(samples: Path) -> None:
    for path in sorted([*samples.glob("*.png"), *samples.glob("*.jpg")]):
        gray = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)
        assert rectify(gray).gray.shape[0] >= gray.shape[0], path.name


# Lines of a few digits


def written(items: list[tuple[str, int, int]]) -> NDArray[np.uint8]:
    """Return a page with each text at its x and y."""
    page = np.full((600, 900), 240, np.uint8)
    for text, x, y in items:
        cv2.putText(page, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 2, 40, 5, cv2.LINE_AA)
    return page


@pytest.mark.parametrize("degrees", [-30, -14, -8, 8, 14, 30])
@pytest.mark.parametrize("text", ["237845", "19624", "30852967"])
def test_a_climbing_line_is_levelled(text: str, degrees: int) -> None:
    page = turned(written([(text, 250, 320)]), degrees)
    assert upright_page(page).skew == pytest.approx(degrees, abs=2)


@pytest.mark.parametrize(
    "items",
    [
        [("8", 400, 300)],
        [("38", 300, 250), ("17", 460, 330)],
        [("384", 200, 300), ("175", 400, 260)],
        [("3846", 150, 300), ("1752", 420, 380)],
        [("12", 440, 150), ("345", 400, 230), ("67", 440, 310), ("424", 400, 420)],
        [("1", 300, 150), ("2", 420, 420), ("3", 600, 240), ("4", 700, 500)],
    ],
)
def test_numbers_at_different_heights_are_no_climbing_line(
    items: list[tuple[str, int, int]],
) -> None:
    assert upright_page(written(items)).skew == 0
