"""Load, save and score the networks in NumPy; weights are safetensors files with a card."""

from __future__ import annotations

import hashlib
import json
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from digitocr.core.arrays import (
    Answers,
    ColumnScores,
    Crops,
    LineImages,
    Scores,
)
from digitocr.core.document import ModelId
from digitocr.core.errors import ModelUnreadable

PIXELS, CLASSES = 784, 10
_MOST_BYTES = 100_000_000  # the supplied network has 1.6 MB
_MOST = 1e300  # of a card's numbers: a whole one may be larger than a float can be
_SUFFIX = ".safetensors"

_DIGITS_SHOWN = 2.0  # for each mark that is none, where the card does not say
STRIP = "strip."  # before the names of the strip reader's arrays
_LAYERS = 6
# How often the reader looks far aside, at how many columns, the one itself among them, and how far
# they are apart; what the arrays of each such look are called.
CONTEXTS, NEIGHBOURS, NEIGHBOUR_STEP = 2, 9, 2
_CONTEXT = "near", "near_bias", "mixed", "mixed_bias"

# What safetensors and json raise besides for types that NumPy lacks and cards nested too deep.
_OF_DAMAGE = (ValueError, TypeError, AttributeError, RecursionError)

Weights = NDArray[np.float32]
_Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class LineReader:
    """A small convolutional network that reads strips of ink, without cutting digits apart.

    Its kernels are (rows, columns, channels in, channels out): 5×5 in steps of 2; 3×3 and 3×3, each
    followed by the larger of every two rows; 4×3, which leaves one row; 1×5 and 1×3. Before the
    last, contexts add to each column what is beside it.
    """

    kernels: tuple[Weights, ...]
    biases: tuple[Weights, ...]
    contexts: tuple[LineContext, ...]

    @property
    def arrays(self) -> dict[str, Weights]:
        """Return the weights by the names that they have in a file."""
        layers = (
            zip(_names("k"), self.kernels, strict=True),
            zip(_names("c"), self.biases, strict=True),
        )
        found = {name: array for layer in layers for name, array in layer}
        for part in _CONTEXT:
            arrays = (getattr(one, part) for one in self.contexts)
            found |= zip(_names(part, CONTEXTS), arrays, strict=True)
        return found


@dataclass(frozen=True)
class LineContext:
    """What a strip reader adds to C maps of each column from the columns beside it."""

    near: Weights  # (NEIGHBOURS, C), of each map and neighbour
    near_bias: Weights  # (C,)
    mixed: Weights  # (C, C)
    mixed_bias: Weights  # (C,)


@dataclass(frozen=True)
class Model:
    """A 784 → hidden → ReLU → 10 network and what is known about it."""

    id: ModelId
    w1: Weights  # (784, H)
    b1: Weights  # (H,)
    w2: Weights  # (H, 10)
    b2: Weights  # (10,)
    card: dict[str, Any] = field(default_factory=dict)
    line_reader: LineReader | None = None

    @property
    def arrays(self) -> dict[str, Weights]:
        """Return the weights by the names that they have in a file."""
        first = {"w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}
        return first | (self.line_reader.arrays if self.line_reader else {})

    @property
    def temperature(self) -> float:
        """What logits are divided by to calibrate confidence (Guo et al. 2017)."""
        return _number(self.card, "temperature")

    @property
    def digits_shown(self) -> float:
        """Return how many digits training showed for each mark that is none; at least 1."""
        digits, none = self.card.get("digits"), _number(self.card, "no_digits")
        shown = _number(digits, "training") if isinstance(digits, dict) else np.nan
        return max(1.0, shown / none) if shown > 0 and none > 0 else _DIGITS_SHOWN

    def digit_chance(self, confidence: float) -> float:
        """Return how often digits of a confidence are right, 0..1, as found on held-out numbers."""
        return _interpolated(self.card, "digit_chance", confidence)

    def number_chance(self, confidence: float) -> float:
        """Return how often numbers whose digits' confidences have a product are right, 0..1."""
        return _interpolated(self.card, "number_chance", confidence)

    def review_line(self, max_error: float) -> float:
        """Return the confidence below which a number is to be reviewed, 0..1.

        That is the lowest at which the share of wrong numbers, of the held-out ones at or above it,
        was at most `max_error`.
        """
        lines, wrong = _curve(self.card, "share_wrong")
        pairs = zip(lines, wrong, strict=True)
        return min((line for line, share in pairs if share <= max_error), default=1.0)


def scores(model: Model, crops: Crops) -> Scores:
    """Return the calibrated probability of each digit for each crop.

    Args:
        model: weights from `load_model`.
        crops: (N, 28, 28) float32, ink 1.0 on paper 0.0. N may be 0.

    Returns:
        (N, 10) float32, every row summing to 1.
    """
    return softmax(logits(model, crops) / np.float32(model.temperature))


def logits(model: Model, crops: Crops) -> Answers:
    """Return the network's raw answers, (N, 10) float32, for (N, 28, 28) crops."""
    hidden = np.maximum(crops.reshape(-1, PIXELS) @ model.w1 + model.b1, 0)  # (N, H)
    return np.asarray(hidden @ model.w2 + model.b2, np.float32)


def line_scores(reader: LineReader, strips: LineImages) -> ColumnScores:
    """Return what each second column of strips is: a digit, or none that begins there.

    Args:
        reader: of a model.
        strips: (N, 32, W) float32, ink 1.0 on paper 0.0; W is even. N may be 0.

    Returns:
        (N, W / 2, 11) float32: chances of the ten digits and, last, of none; rows sum to 1.
    """
    maps = strips[..., None]
    for i, (kernel, bias) in enumerate(zip(reader.kernels, reader.biases, strict=True), 1):
        if i == _LAYERS:
            maps = _in_context(maps, reader.contexts)
        maps = _convolved(maps, kernel, bias, step=2 if i == 1 else 1)
        if i < _LAYERS:
            maps = np.maximum(maps, 0)
        if i in (2, 3):
            maps = np.maximum(maps[:, ::2], maps[:, 1::2])
    powers = np.exp(maps[:, 0] - maps[:, 0].max(axis=2, keepdims=True))
    return np.asarray(powers / powers.sum(axis=2, keepdims=True), np.float32)


def _convolved(maps: Weights, kernel: Weights, bias: Weights, step: int = 1) -> Weights:
    """Return (N, H, W, C) maps under an (h, w, C, K) kernel: (N, H', W / step, K).

    They are padded so that their width stays; their height too, but for a kernel of even height,
    which is as high as they are and leaves one row.
    """
    tall, wide, channels, out = kernel.shape
    n, height, width, _ = maps.shape
    down, aside = tall // 2 if tall % 2 else 0, wide // 2
    padded = np.zeros((n, height + 2 * down, width + 2 * aside, channels), np.float32)
    padded[:, down : down + height, aside : aside + width] = maps
    near = np.lib.stride_tricks.sliding_window_view(padded, (tall, wide), axis=(1, 2))
    near = np.moveaxis(near[:, ::step, ::step], 3, -1)  # (N, H', W / step, h, w, C)
    flat = near.reshape(-1, tall * wide * channels)
    return np.asarray((flat @ kernel.reshape(-1, out) + bias).reshape(*near.shape[:3], out))


def _in_context(maps: Weights, contexts: Sequence[LineContext]) -> Weights:
    """Return (N, 1, T, C) maps with what contexts add to them."""
    width, reach = maps.shape[2], NEIGHBOURS // 2 * NEIGHBOUR_STEP
    for one in contexts:
        padded = np.pad(maps, ((0, 0), (0, 0), (reach, reach), (0, 0)))
        near = np.broadcast_to(one.near_bias, maps.shape).copy()
        for i, weights in enumerate(one.near):
            first = i * NEIGHBOUR_STEP
            near += padded[:, :, first : first + width] * weights
        maps = np.asarray(maps + np.maximum(near, 0) @ one.mixed + one.mixed_bias, np.float32)
    return maps


def softmax(answers: Answers) -> Scores:
    """Return (N, 10) logits as probabilities."""
    powers = np.exp(answers - answers.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def models_folder() -> Path:
    """Return the folder of the supplied models: in the package, or beside it in a clone."""
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def supplied_models() -> list[Path]:
    """Return the weights files that come with digitocr, by name."""
    return sorted(models_folder().glob(f"*{_SUFFIX}"))


def load_model(name: str | Path) -> Model:
    """Return a model by its name among the supplied ones, or by its path.

    Raises:
        ModelUnreadable: there is none, or the file is damaged or of another shape.
    """
    path = Path(name or "?")
    if path.suffix != _SUFFIX and len(path.parts) == 1 and not path.is_file():
        path = models_folder() / f"{name}{_SUFFIX}"
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise ModelUnreadable(_not_found(name)) from error
    return _load(path, changed)


def _not_found(name: str | Path) -> str:
    known = ", ".join(path.stem for path in supplied_models()) or "none"
    return f"{name}: there is no such model or file (supplied models: {known})"


@lru_cache(maxsize=2)
def _load(path: Path, _changed: int) -> Model:
    """Return the model in a file; kept, so that each file of a batch does not load it again."""
    try:
        if not path.is_file():
            raise ModelUnreadable(f"{path}: is no file")  # a pipe may never end
        if path.stat().st_size > _MOST_BYTES:
            raise ModelUnreadable(f"{path}: is too large for a model of digits")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="np") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            card = json.loads((file.metadata() or {}).get("card", "null"))
    except (SafetensorError, OSError, *_OF_DAMAGE) as error:
        raise ModelUnreadable(f"{path}: is damaged or no model: {error}") from error
    _check_card(path, card)
    first = {key: array for key, array in arrays.items() if not key.startswith(STRIP)}
    _check_weights(path, first, _first_shapes(first))
    other = {key: array for key, array in arrays.items() if key not in first}
    if other:
        _check_weights(path, other, _strip_shapes(other))
    return Model(ModelId(path.stem, digest), **first, card=card, line_reader=line_reader(other))


def line_reader(arrays: dict[str, Weights]) -> LineReader | None:
    """Return the strip reader among a model's arrays, None where there is none."""
    if f"{STRIP}k1" not in arrays:
        return None
    kernels, biases = (tuple(arrays[name] for name in _names(part)) for part in "kc")
    parts = zip(
        *([arrays[name] for name in _names(part, CONTEXTS)] for part in _CONTEXT), strict=True
    )
    return LineReader(kernels, biases, tuple(LineContext(*one) for one in parts))


def _first_shapes(arrays: dict[str, Weights]) -> _Shapes:
    """Return the shapes of a 784 → H → 10 network."""
    hidden = arrays["b1"].size if "b1" in arrays else 0
    return {"w1": (PIXELS, hidden), "b1": (hidden,), "w2": (hidden, CLASSES), "b2": (CLASSES,)}


def _strip_shapes(arrays: dict[str, Weights]) -> _Shapes:
    """Return the shapes of a strip reader."""
    sizes = [arrays[key].size if key in arrays else 0 for key in _names("c")]
    kernels = ((5, 5), (3, 3), (3, 3), (4, 3), (1, 5), (1, 3))
    channels = pairwise([1, *sizes[:-1], CLASSES + 1])
    shapes: _Shapes = dict(
        zip(_names("c"), [(n,) for n in [*sizes[:-1], CLASSES + 1]], strict=True)
    )
    shapes |= {
        name: (*kernel, *pair)
        for name, kernel, pair in zip(_names("k"), kernels, channels, strict=True)
    }
    own = sizes[-2]
    of_context = zip(_CONTEXT, ((NEIGHBOURS, own), (own,), (own, own), (own,)), strict=True)
    return shapes | {name: shape for part, shape in of_context for name in _names(part, CONTEXTS)}


def _names(part: str, n: int = _LAYERS) -> list[str]:
    return [f"{STRIP}{part}{i}" for i in range(1, n + 1)]


def _check_weights(path: Path, arrays: dict[str, Weights], wanted: _Shapes) -> None:
    """Raise ModelUnreadable unless the arrays have the shapes of a network."""
    found = {key: array.shape for key, array in arrays.items()}
    if found != wanted or not all(array.size for array in arrays.values()):
        raise ModelUnreadable(f"{path}: holds no 784-H-10 network but {reprlib.repr(found)}")
    for array in arrays.values():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelUnreadable(f"{path}: has weights that are no finite 32-bit numbers")


def _check_card(path: Path, card: object) -> None:
    """Raise ModelUnreadable unless the card has what scores are calibrated with."""
    if not isinstance(card, dict):
        raise ModelUnreadable(f"{path}: has no card that can be read")
    if not 1e-3 <= _number(card, "temperature") <= 1e3:
        raise ModelUnreadable(f"{path}: has a temperature that is no number within 0.001..1000")
    for key in ("digit_chance", "number_chance", "share_wrong"):
        lines, values = _curve(card, key)
        if len(lines) != len(values) or not _are_chances([*lines, *values]):
            raise ModelUnreadable(f"{path}: has a {key} that is no curve within 0..1")


def _are_chances(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) and 0 <= value <= 1 for value in values)


def _number(card: dict[str, Any], key: str) -> float:
    """Return a number of the card, 1 where it is left out, NaN where it is something else."""
    value = card.get(key, 1)
    return float(value) if isinstance(value, int | float) and abs(value) < _MOST else np.nan


def _curve(card: dict[str, Any], key: str) -> tuple[list[Any], list[Any]]:
    """Return a curve of the card, x and y; of different lengths where it is something else."""
    value = card.get(key, [[], []])
    pair = isinstance(value, list) and len(value) == 2 and all(isinstance(v, list) for v in value)
    return (value[0], value[1]) if pair else ([0], [])


def _interpolated(card: dict[str, Any], key: str, at: float) -> float:
    """Return a curve's y at an x; the x itself where the card has no such curve."""
    x, y = _curve(card, key)
    return float(np.interp(at, x, y)) if x else at


def model_file(arrays: dict[str, Weights], card: dict[str, Any]) -> bytes:
    """Return a model as the bytes of its file.

    Args:
        arrays: w1 (784, H), b1 (H,), w2 (H, 10), b2 (10,), float32; those of a strip reader
            besides, see `LineReader` and `LineContext`: strip.k1 and strip.c1 to 6,
            strip.near1, strip.near_bias1, strip.mixed1 and strip.mixed_bias1 to 2.
        card: what `digitocr models` shows; JSON types only.
    """
    contiguous = {key: np.ascontiguousarray(array, np.float32) for key, array in arrays.items()}
    return save(contiguous, {"card": json.dumps(card, ensure_ascii=False)})
