"""Where lines of writing are on a page: boxes of any angle, which hold numbers, and rulings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from digitocr.core.geometry import Box

Gray = NDArray[np.uint8]
Maps = NDArray[np.float32]
Points = NDArray[np.float64]

STRIDE = 4
"""Pixels of the working picture for one of the network's answers."""

NUMBER, OTHER, RULING, HEIGHT, DIRECTION_X, DIRECTION_Y = range(6)
"""The network's maps: kernels of lines with numbers and of other lines, rulings (logits); the log
of the digit height in `HEIGHT_UNIT`; the reading direction as a vector, y down."""

MAPS = 6
HEIGHT_UNIT = 16.0

KERNEL_HEIGHT = 0.7
"""Height of a line's kernel in digit heights: tight lines keep more than half a height free."""

KERNEL_END = 0.2
"""What a kernel lacks at each end, in digit heights: columns stay apart where words don't."""

_SIDE_STEP = 32  # the network halves five times


@dataclass(frozen=True, slots=True)
class FinderTuning:
    """What is decided by hand, in pixels of the working picture where nothing else is said."""

    working_side: int = 1024
    coarse: float = 0.5
    """Each coarser look's scale to the one before: large digits are seen there."""
    coarse_height: float = 20.0
    """A coarse look is asked for writing at least so high: the finer one sees lower."""
    small_height: float = 11.0
    """Writing lower than this is looked at again, enlarged."""
    maybe_number: float = 0.1
    """Small writing that holds no number with so much certainty is not worth a look."""
    enlarged_height: float = 18.0
    most_enlarged: float = 3.0
    most_pixels: float = 4e6
    """The enlarged look takes no more."""
    contrast_limit: float = 3.0
    """Of a second look: how much steeper grey levels become at most (Zuiderveld 1994, CLAHE)."""
    threshold: float = 0.4
    """Of the chance that a place is in a kernel."""
    certain: float = 0.5
    """Of a kernel's mean chance."""
    tall_kernel: float = 1.9
    """A kernel so many times as thick as its writing asks for is two lines: tried again higher."""


TUNING = FinderTuning()


@dataclass(frozen=True, slots=True)
class TextLine:
    """A line of writing: a box of any angle, in pixels of the page."""

    x: float
    y: float
    """The middle of the box."""
    width: float
    """Along the reading direction, from the first ink to the last."""
    height: float
    """Of digits: from their feet to their heads."""
    angle: float
    """Reading direction in degrees clockwise from rightward, -180..180."""
    is_number: float
    """Chance that the line holds a number."""
    score: float
    """Mean chance that here is a line at all."""

    @property
    def area(self) -> float:
        """Of the box, pixels of the page."""
        return self.width * self.height

    def place(self, points: Points) -> Points:
        """Return where points (..., 2) lie from the line's middle, along it and down, pixels."""
        turn = np.deg2rad(self.angle)
        x, y = points[..., 0] - self.x, points[..., 1] - self.y
        along, down = x * np.cos(turn) + y * np.sin(turn), y * np.cos(turn) - x * np.sin(turn)
        return np.stack([along, down], axis=-1)

    def holds(self, points: Points) -> NDArray[np.bool_]:
        """Tell which points (..., 2) lie on the line."""
        half = np.array([self.width, self.height]) / 2
        return np.asarray((np.abs(self.place(points)) < half).all(axis=-1), np.bool_)

    @property
    def quad(self) -> Points:
        """Return corners (4, 2) in reading direction from the top left."""
        along = np.array([np.cos(np.deg2rad(self.angle)), np.sin(np.deg2rad(self.angle))])
        down = np.array([-along[1], along[0]])
        x, y = along * self.width / 2, down * self.height / 2
        middle = np.array([self.x, self.y])
        return np.stack([middle - x - y, middle + x - y, middle + x + y, middle - x + y])


@dataclass(frozen=True, slots=True)
class Found:
    """What the finder says of a page."""

    lines: tuple[TextLine, ...]
    """Large writing may be seen twice: whole, and in pieces by the finer look."""
    turn: int
    """Degrees clockwise (0, 90, 180, 270) that set the page upright."""
    rulings: NDArray[np.float32]
    """(h, w) chance of a ruling, for the whole page at a lower resolution."""
    scale: float
    """Cells of `rulings` for a pixel of the page."""

    def ruling_chance(self, box: Box) -> float:
        """Return the chance, 0..1, that a ruling runs along or across all of a box on the page."""
        ends = np.array([box.x, box.right, box.y, box.bottom]) * self.scale
        left, right, top, bottom = ends.round().astype(int).tolist()
        cells = self.rulings[top : max(top + 1, bottom), left : max(left + 1, right)]
        if not cells.size:
            return 0.0
        return float(max(cells.max(axis=1).mean(), cells.max(axis=0).mean()))


def prepared(gray: Gray) -> NDArray[np.float32]:
    """Return grey (H, W) as the network takes it: the darkest 1 % at -1, the brightest at 1."""
    counts = np.cumsum(np.bincount(gray[::2, ::2].ravel(), minlength=256))
    low, high = (float(np.searchsorted(counts, share * counts[-1])) for share in (0.01, 0.99))
    middle, reach = (low + high) / 2, max(high - low, 48.0) / 2
    levels = (gray.astype(np.float32) - np.float32(middle)) / np.float32(reach)
    return np.asarray(np.clip(levels, -1.5, 1.5), np.float32)


class Finder:
    """The learned finder of lines."""

    def __init__(self, path: Path, tuning: FinderTuning = TUNING) -> None:
        """Load weights; one session may look at pages for the whole life of a process."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._tuning = tuning

    def find(self, gray: Gray, turn: int = 0) -> Found:
        """Return lines, quarter turn and rulings of a grey page (H, W).

        It is looked at turned clockwise by `turn` degrees (0, 90, 180, 270) first, and again where
        most lines say otherwise: most writing that was learned is upright.
        """
        found = self._found(_turned(gray, turn))
        if found.turn:
            turn = (turn + found.turn) % 360
            found = self._found(_turned(gray, turn))
        quarters = turn // 90
        lines = tuple(_turned_back(line, quarters, gray.shape) for line in found.lines)
        return Found(lines, turn, np.rot90(found.rulings, quarters), found.scale)

    def second_looks(self, gray: Gray, turn: int = 0) -> Iterator[Found]:
        """Yield what is found where a page (H, W) is looked at otherwise, as `find` gave nothing.

        That is in the other polarity, with its contrast made even, and small ones at double size.
        """
        yield self.find(255 - gray, turn)
        even = cv2.createCLAHE(self._tuning.contrast_limit, (4, 4)).apply(gray)
        yield self.find(np.asarray(even, np.uint8), turn)
        if max(gray.shape) < self._tuning.working_side:
            large = cv2.resize(gray, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
            found = self.find(np.asarray(large, np.uint8), turn)
            yield replace(
                found, lines=tuple(_scaled(line, 0.5) for line in found.lines),
                scale=2 * found.scale,
            )  # fmt: skip

    def _found(self, gray: Gray) -> Found:
        tuning = self._tuning
        scale = min(1.0, tuning.working_side / max(gray.shape))
        maps = self._look(gray, scale)
        lines = self._with_enlarged(gray, scale, lines_of(maps, scale, tuning))
        lines += self._coarse_lines(gray, scale)
        rulings = _sigmoid(maps[RULING])
        return Found(tuple(lines), page_turn(lines), rulings, scale / STRIDE)

    def _look(self, gray: Gray, scale: float) -> Maps:
        """Return the network's maps (MAPS, h, w) of a page at a scale."""
        rows, columns = (max(STRIDE, round(side * scale)) for side in gray.shape)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = gray if scale == 1 else cv2.resize(gray, (columns, rows), interpolation=method)
        below, right = (-side % _SIDE_STEP + _SIDE_STEP for side in small.shape)
        framed = cv2.copyMakeBorder(
            small, _SIDE_STEP, below, _SIDE_STEP, right, cv2.BORDER_REPLICATE
        )
        (maps,) = self._session.run(
            None, {"pages": prepared(np.asarray(framed, np.uint8))[None, None]}
        )
        first = _SIDE_STEP // STRIDE
        last = first + -(-rows // STRIDE), first + -(-columns // STRIDE)
        return np.asarray(maps[0, :, first : last[0], first : last[1]], np.float32)

    def _coarse_lines(self, gray: Gray, scale: float) -> list[TextLine]:
        """Return the lines of large writing, which coarser looks see."""
        tuning = self._tuning
        lines: list[TextLine] = []
        coarse = scale * tuning.coarse
        while max(gray.shape) * coarse > _SIDE_STEP:
            seen = lines_of(self._look(gray, coarse), coarse, tuning)
            lines += [line for line in seen if line.height * coarse > tuning.coarse_height]
            coarse *= tuning.coarse
        return lines

    def _with_enlarged(self, gray: Gray, scale: float, lines: list[TextLine]) -> list[TextLine]:
        """Return lines with small ones found anew in an enlarged picture of where they stand."""
        tuning = self._tuning
        small = [line for line in lines if _is_small(line, scale, tuning)]
        if not small:
            return lines
        corners = np.concatenate([line.quad for line in small])
        margin = 3 * max(line.height for line in small)
        left, top = np.maximum(np.floor(corners.min(axis=0) - margin), 0).astype(int)
        right, bottom = np.ceil(corners.max(axis=0) + margin).astype(int)
        part = gray[top:bottom, left:right]
        height = float(np.median([line.height for line in small])) * scale
        larger = min(tuning.most_enlarged, tuning.enlarged_height / height)
        larger = min(larger, float(np.sqrt(tuning.most_pixels / part.size)) / scale)
        if larger < 1.2:
            return lines
        fine = lines_of(self._look(part, scale * larger), scale * larger, tuning)
        moved = [_moved(line, float(left), float(top)) for line in fine]
        kept = [line for line in lines if not _is_small(line, scale, tuning)]
        inside = [line for line in moved if line.height * scale < 1.4 * tuning.small_height]
        return kept + [line for line in inside if not _covered(line, kept)]


def _is_small(line: TextLine, scale: float, tuning: FinderTuning) -> bool:
    """Tell whether a line is worth another look: small, and it may hold a number."""
    return line.height * scale < tuning.small_height and line.is_number > tuning.maybe_number


def lines_of(maps: Maps, scale: float, tuning: FinderTuning = TUNING) -> list[TextLine]:
    """Return the lines that the network's maps (MAPS, h, w) of a page at a scale tell of."""
    number, other = _sigmoid(maps[NUMBER]), _sigmoid(maps[OTHER])
    chance = np.minimum(number + other, 1)  # a place is of one kind at most
    lines: list[TextLine] = []
    mask, threshold = chance > tuning.threshold, tuning.threshold
    while mask.any():
        kernels = _kernels(mask, maps, number, other)
        tall = kernels.thickness > tuning.tall_kernel * np.maximum(
            KERNEL_HEIGHT * kernels.height, 1.25 * STRIDE
        )
        again = tall & (threshold < 0.85)
        lines += _boxes(kernels, ~again, scale, tuning)
        threshold += 0.15
        mask = np.concatenate([[False], again])[kernels.labels] & (chance > threshold)
    return lines


@dataclass(frozen=True, slots=True)
class _Kernels:
    """Connected kernels, one row each; lengths in pixels of the working picture."""

    labels: NDArray[np.int32]
    middle: Points
    along: Points
    length: Points
    thickness: Points
    height: Points
    is_number: Points
    score: Points


def _kernels(mask: NDArray[np.bool_], maps: Maps, number: Maps, other: Maps) -> _Kernels:
    count, found = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    labels = np.asarray(found, np.int32)
    rows, columns = np.nonzero(labels)
    of = labels[rows, columns] - 1
    order = np.argsort(of, kind="stable")
    rows, columns, of = rows[order], columns[order], of[order]
    starts = np.searchsorted(of, np.arange(count - 1))
    sizes = np.bincount(of, minlength=count - 1).astype(float)

    def mean(values: NDArray[np.floating[Any]]) -> Points:
        return np.asarray(np.bincount(of, values, count - 1) / sizes, np.float64)

    x, y = columns * STRIDE + (STRIDE - 1) / 2, rows * STRIDE + (STRIDE - 1) / 2
    at = maps[:, rows, columns].astype(float)
    chances = number[rows, columns].astype(float), other[rows, columns].astype(float)
    height = HEIGHT_UNIT * np.exp(np.clip(mean(at[HEIGHT]), -3, 4))
    middle = np.stack([mean(x), mean(y)], 1)
    seen = np.stack([mean(at[DIRECTION_X]), mean(at[DIRECTION_Y])], 1)
    along = _directions(x - middle[of, 0], y - middle[of, 1], mean, seen, height)
    u = (x - middle[of, 0]) * along[of, 0] + (y - middle[of, 1]) * along[of, 1]
    v = (y - middle[of, 1]) * along[of, 0] - (x - middle[of, 0]) * along[of, 1]
    low, high = np.minimum.reduceat(u, starts), np.maximum.reduceat(u, starts)
    thickness = np.maximum.reduceat(v, starts) - np.minimum.reduceat(v, starts) + STRIDE
    middle = middle + along * ((low + high) / 2)[:, None]
    share = mean(chances[0] / (chances[0] + chances[1] + 1e-6))
    return _Kernels(
        labels, middle, along, high - low + STRIDE, thickness, height, share,
        mean(np.minimum(chances[0] + chances[1], 1)),
    )  # fmt: skip


def _directions(
    x: Points, y: Points, mean: Callable[[Points], Points], seen: Points, height: Points
) -> Points:
    """Return unit vectors: the long axis of a kernel if it has one, turned as the network says."""
    seen = seen / np.maximum(np.linalg.norm(seen, axis=1, keepdims=True), 1e-6)
    xx, xy, yy = (mean(a) for a in (x * x, x * y, y * y))
    axis = 0.5 * np.arctan2(2 * xy, xx - yy)
    long = np.stack([np.cos(axis), np.sin(axis)], 1)
    agreement = (long * seen).sum(axis=1)
    long *= np.where(agreement < 0, -1.0, 1.0)[:, None]
    spread = np.sqrt(12 * np.maximum(xx + yy, 0))
    clear = (spread > 3 * height) & (np.abs(agreement) > 0.8)
    return np.where(clear[:, None], long, seen)


def _boxes(
    kernels: _Kernels, chosen: NDArray[np.bool_], scale: float, tuning: FinderTuning
) -> list[TextLine]:
    """Return the kernels of lines grown to the lines' size, in pixels of the page."""
    lines = []
    for index in np.nonzero(chosen & (kernels.score > tuning.certain))[0]:
        height, along = float(kernels.height[index]), kernels.along[index]
        x, y = ((kernels.middle[index] + 0.5) / scale - 0.5).tolist()
        lines.append(
            TextLine(
                x, y,
                width=(float(kernels.length[index]) + 2 * KERNEL_END * height) / scale,
                height=height / scale,
                angle=float(np.rad2deg(np.arctan2(along[1], along[0]))),
                is_number=float(kernels.is_number[index]),
                score=float(kernels.score[index]),
            )
        )  # fmt: skip
    return lines


def _covered(line: TextLine, others: list[TextLine]) -> bool:
    """Tell whether a line's middle lies in another line's box."""
    middle = np.array([line.x, line.y])
    return any(other.holds(middle) for other in others)


def _turned(gray: Gray, turn: int) -> Gray:
    return np.ascontiguousarray(np.rot90(gray, -turn // 90))


def _turned_back(line: TextLine, quarters: int, shape: tuple[int, ...]) -> TextLine:
    """Return a line found on a page turned clockwise by quarters, on the page of a shape (H, W)."""
    height, width = shape if quarters % 2 else shape[::-1]  # of the page before the last turn
    x, y = line.x, line.y
    for _ in range(quarters):
        x, y = y, height - 1 - x
        height, width = width, height
    angle = (line.angle - 90 * quarters + 180) % 360 - 180
    return replace(line, x=x, y=y, angle=angle)


def _moved(line: TextLine, x: float, y: float) -> TextLine:
    return replace(line, x=line.x + x, y=line.y + y)


def _scaled(line: TextLine, scale: float) -> TextLine:
    """Return a line as it lies in a picture that is so many times as large."""
    x, y = ((middle + 0.5) * scale - 0.5 for middle in (line.x, line.y))
    return replace(line, x=x, y=y, width=line.width * scale, height=line.height * scale)


def page_turn(lines: list[TextLine]) -> int:
    """Return degrees clockwise (0, 90, 180, 270) that set upright what most of the writing says."""
    votes = np.zeros(4)
    for line in lines:
        votes[round(-line.angle / 90) % 4] += line.score * min(line.width / line.height, 20)
    return int(votes.argmax()) * 90


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1 / (1 + np.exp(-np.clip(logits, -30, 30))), np.float32)


def line_crop(gray: Gray, line: TextLine, margin: float = 0.3, height: int | None = None) -> Gray:
    """Return the upright grey picture of a line, as sharp as the page has it.

    `margin` digit heights are shown on all sides. With `height` the crop is brought to so many
    rows. Beyond the page's edge its last pixels are repeated.
    """
    rows = max(4, round(line.height * (1 + 2 * margin)))
    columns = max(4, round(line.width + 2 * margin * line.height))
    cos, sin = np.cos(np.deg2rad(line.angle)), np.sin(np.deg2rad(line.angle))
    matrix = np.array([[cos, -sin, 0.0], [sin, cos, 0.0]])
    middle = (columns - 1) / 2, (rows - 1) / 2
    matrix[:, 2] = np.array([line.x, line.y]) - matrix[:, :2] @ middle
    crop = cv2.warpAffine(
        gray, matrix, (columns, rows), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    if height is None:
        return np.asarray(crop, np.uint8)
    size = max(4, round(columns * height / rows)), height
    method = cv2.INTER_AREA if height < rows else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(crop, size, interpolation=method), np.uint8)
