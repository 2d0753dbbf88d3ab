"""Load, save and score the networks in NumPy; weights are safetensors files with a card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from digitocr.errors import ModelUnreadable
from digitocr.records import Answers, Crops, ModelId, Scores, Settings

PIXELS, CLASSES = 784, 10
_MOST_BYTES = 100_000_000  # the supplied network has 1.6 MB
_SUFFIX = ".safetensors"

_DIGITS_SHOWN = 2.0  # for each mark that is none, where the card does not say
_CHUNK = 24  # crops: what the second network makes of them stays in the cache
SECOND = "second."  # before the names of the second network's arrays

Weights = NDArray[np.float32]
_Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True)
class Second:
    """A small convolutional network that reads what the first one leaves doubtful.

    Three convolutions, the first in steps of 2, the second followed by the largest of each 2×2.
    """

    k1: Weights  # (5, 5, 1, A), row, column, channel in, channel out
    c1: Weights  # (A,)
    k2: Weights  # (3, 3, A, B)
    c2: Weights  # (B,)
    k3: Weights  # (3, 3, B, C)
    c3: Weights  # (C,)
    w: Weights  # (7 * 7 * C, 10), by row, column and channel
    b: Weights  # (10,)


@dataclass(frozen=True)
class Model:
    """A 784 → hidden → ReLU → 10 network and what is known about it."""

    id: ModelId
    w1: Weights  # (784, H)
    b1: Weights  # (H,)
    w2: Weights  # (H, 10)
    b2: Weights  # (10,)
    card: dict[str, Any] = field(default_factory=dict)
    second: Second | None = None

    @property
    def temperature(self) -> float:
        """What logits are divided by to calibrate confidence (Guo et al. 2017)."""
        return _number(self.card, "temperature")

    @property
    def second_temperature(self) -> float:
        """The same for the second network."""
        return _number(self.card, "second_temperature")

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

    def review_line(self, settings: Settings) -> float:
        """Return the confidence below which a number is to be reviewed, 0..1.

        Where the settings leave it open, the lowest at which the share of wrong numbers, of the
        held-out ones at or above it, was at most `max_error`.
        """
        if settings.min_confidence is not None:
            return settings.min_confidence
        lines, wrong = _curve(self.card, "share_wrong")
        pairs = zip(lines, wrong, strict=True)
        return min((line for line, share in pairs if share <= settings.max_error), default=1.0)


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


def second_scores(model: Model, crops: Crops) -> Scores:
    """Return the calibrated probabilities, (N, 10), of both networks for (N, 28, 28) crops.

    The mean of the two, which reads better than either (tests/bench/README.md); those of the first
    alone where the model has no second.
    """
    first = scores(model, crops)
    if model.second is None or len(crops) == 0:
        return first
    other = softmax(second_logits(model.second, crops) / np.float32(model.second_temperature))
    return np.asarray((first + other) / 2, np.float32)


def second_logits(second: Second, crops: Crops) -> Answers:
    """Return the second network's raw answers, (N, 10) float32, for (N, 28, 28) crops."""
    chunks = np.array_split(crops, max(1, -(-len(crops) // _CHUNK)))
    return np.concatenate([_second_logits(second, chunk) for chunk in chunks])


def _second_logits(second: Second, crops: Crops) -> Answers:
    maps = _convolved(crops[..., None], second.k1, second.c1, step=2)  # (N, 14, 14, A)
    maps = _convolved(maps, second.k2, second.c2)
    n, side, _, channels = maps.shape
    maps = maps.reshape(n, side // 2, 2, side // 2, 2, channels).max(axis=(2, 4))  # (N, 7, 7, B)
    maps = _convolved(maps, second.k3, second.c3)
    return np.asarray(maps.reshape(n, -1) @ second.w + second.b, np.float32)


def _convolved(maps: Weights, kernel: Weights, bias: Weights, step: int = 1) -> Weights:
    """Return (N, H / step, W / step, K) maps of (N, H, W, C) ones under a (k, k, C, K) kernel."""
    side = kernel.shape[0]
    edge = side // 2
    padded = np.pad(maps, ((0, 0), (edge, edge), (edge, edge), (0, 0)))
    near = np.lib.stride_tricks.sliding_window_view(padded, (side, side), axis=(1, 2))
    near = near[:, ::step, ::step].transpose(0, 1, 2, 4, 5, 3)  # (N, H', W', k, k, C)
    flat = np.ascontiguousarray(near).reshape(-1, kernel[..., 0].size)
    out = np.maximum(flat @ kernel.reshape(flat.shape[1], -1) + bias, 0)
    return np.asarray(out.reshape(*near.shape[:3], -1))


def softmax(answers: Answers) -> Scores:
    """Return (N, 10) logits as probabilities."""
    powers = np.exp(answers - answers.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)


def models_folder() -> Path:
    """Return the folder of the supplied models: in the package, or beside it in a clone."""
    package = Path(__file__).parent
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
        if path.stat().st_size > _MOST_BYTES:
            raise ModelUnreadable(f"{path}: is too large for a model of digits")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        with safe_open(path, framework="np") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            card = json.loads((file.metadata() or {}).get("card", "{}"))
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise ModelUnreadable(f"{path}: is damaged or no model: {error}") from error
    _check_card(path, card)
    first = {key: array for key, array in arrays.items() if not key.startswith(SECOND)}
    _check_weights(path, first, _first_shapes(first))
    other = {key.removeprefix(SECOND): arrays[key] for key in arrays if key not in first}
    if other:
        _check_weights(path, other, _second_shapes(other))
    second = Second(**other) if other else None
    return Model(ModelId(path.stem, digest), **first, card=card, second=second)


def _first_shapes(arrays: dict[str, Weights]) -> _Shapes:
    """Return the shapes of a 784 → H → 10 network."""
    hidden = arrays["b1"].size if "b1" in arrays else 0
    return {"w1": (PIXELS, hidden), "b1": (hidden,), "w2": (hidden, CLASSES), "b2": (CLASSES,)}


def _second_shapes(arrays: dict[str, Weights]) -> _Shapes:
    """Return the shapes of a second network, see `Second`."""
    a, b, c = (arrays[key].size if key in arrays else 0 for key in ("c1", "c2", "c3"))
    kernels: _Shapes = {"k1": (5, 5, 1, a), "k2": (3, 3, a, b), "k3": (3, 3, b, c)}
    return {**kernels, "c1": (a,), "c2": (b,), "c3": (c,), "w": (49 * c, CLASSES), "b": (CLASSES,)}


def _check_weights(path: Path, arrays: dict[str, Weights], wanted: _Shapes) -> None:
    """Raise ModelUnreadable unless the arrays have the shapes of a network."""
    found = {key: array.shape for key, array in arrays.items()}
    if found != wanted or not all(array.size for array in arrays.values()):
        raise ModelUnreadable(f"{path}: holds no 784-H-10 network but {found}")
    for array in arrays.values():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelUnreadable(f"{path}: has weights that are no finite 32-bit numbers")


def _check_card(path: Path, card: object) -> None:
    """Raise ModelUnreadable unless the card has what scores are calibrated with."""
    if not isinstance(card, dict):
        raise ModelUnreadable(f"{path}: has a card that can't be read")
    for key in ("temperature", "second_temperature"):
        if not 1e-3 <= _number(card, key) <= 1e3:
            raise ModelUnreadable(f"{path}: has a {key} that is no number within 0.001..1000")
    for key in ("digit_chance", "number_chance", "share_wrong"):
        lines, values = _curve(card, key)
        if len(lines) != len(values) or not _are_chances([*lines, *values]):
            raise ModelUnreadable(f"{path}: has a {key} that is no curve within 0..1")


def _are_chances(values: list[Any]) -> bool:
    return all(isinstance(value, int | float) and 0 <= value <= 1 for value in values)


def _number(card: dict[str, Any], key: str) -> float:
    """Return a number of the card, 1 where it is left out, NaN where it is something else."""
    value = card.get(key, 1)
    return float(value) if isinstance(value, int | float) else np.nan


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
        arrays: w1 (784, H), b1 (H,), w2 (H, 10), b2 (10,), float32; those of a second network
            besides, see `Second`, each named "second." and its name.
        card: what `digitocr models` shows; JSON types only.
    """
    contiguous = {key: np.ascontiguousarray(array, np.float32) for key, array in arrays.items()}
    return save(contiguous, {"card": json.dumps(card, ensure_ascii=False)})
