"""Load and save models: safetensors files with the networks' weights and a card."""

from __future__ import annotations

import hashlib
import json
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from digitocr.core.document import ModelId
from digitocr.core.errors import ModelUnreadable
from digitocr.recognition.strip_reader import (
    ARRAY_PREFIX,
    Shapes,
    StripReader,
    Weights,
    strip_reader_from,
    strip_reader_shapes,
)

PIXELS, CLASSES = 784, 10  # what goes into the classifier and comes out
_MOST_BYTES = 100_000_000  # the supplied network has 1.6 MB
_MOST = 1e300  # of a card's numbers: a whole one may be larger than a float can be
_SUFFIX = ".safetensors"

# What the files beside a model are called after its name.
LINE_FILES = ".finder.onnx", ".lines.onnx", ".fusion.json"

_DIGITS_SHOWN = 2.0  # for each non-digit, where the card does not say

# What safetensors and json raise besides for types that NumPy lacks and cards nested too deep.
_OF_DAMAGE = (ValueError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Model:
    """A classifier (784 → hidden → ReLU → 10), a strip reader, and what is known about them."""

    id: ModelId
    w1: Weights  # (784, H)
    b1: Weights  # (H,)
    w2: Weights  # (H, 10)
    b2: Weights  # (10,)
    card: dict[str, Any] = field(default_factory=dict)
    strip_reader: StripReader | None = None
    # Beside it: the finder and the line reader (ONNX), and what weighs readers (JSON).
    line_files: tuple[Path, Path, Path] | None = None

    @property
    def arrays(self) -> dict[str, Weights]:
        """Return the weights by the names that they have in a file."""
        first = {"w1": self.w1, "b1": self.b1, "w2": self.w2, "b2": self.b2}
        return first | (self.strip_reader.arrays if self.strip_reader else {})

    @property
    def temperature(self) -> float:
        """What logits are divided by to calibrate confidence (Guo et al. 2017)."""
        return _number(self.card, "temperature")

    @property
    def digits_shown(self) -> float:
        """Return how many digits training showed for each non-digit; at least 1."""
        digits, none = self.card.get("digits"), _number(self.card, "no_digits")
        shown = _number(digits, "training") if isinstance(digits, dict) else np.nan
        return max(1.0, shown / none) if shown > 0 and none > 0 else _DIGITS_SHOWN

    def digit_chance(self, confidence: float) -> float:
        """Return how often digits of a confidence are right, 0..1, as found on held-out numbers."""
        return _curve_value(self.card, "digit_chance", confidence)

    def number_chance(self, confidence: float) -> float:
        """Return how often numbers whose digits' confidences have a product are right, 0..1."""
        return _curve_value(self.card, "number_chance", confidence)

    def review_line(self, max_error: float) -> float:
        """Return the confidence below which a number is to be reviewed, 0..1.

        That is the lowest at which the share of wrong numbers, of the held-out ones at or above it,
        was at most `max_error`.
        """
        lines, wrong = _curve(self.card, "share_wrong")
        pairs = zip(lines, wrong, strict=True)
        return min((line for line, share in pairs if share <= max_error), default=1.0)


def models_folder() -> Path:
    """Return the folder of the supplied models: in the package, or beside it in a clone."""
    package = Path(__file__).parents[1]
    inside = package / "models"
    return inside if inside.is_dir() else package.parent / "models"


def supplied_models() -> Iterator[Model]:
    """Yield the models that come with digitocr, by name.

    Raises:
        ModelUnreadable: one is damaged.
    """
    yield from map(_read_model, _supplied_files())


def _supplied_files() -> list[Path]:
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
        path.stat()
    except OSError as error:
        raise ModelUnreadable(_not_found(name)) from error
    return _read_model(path)


def _not_found(name: str | Path) -> str:
    listed = ", ".join(path.stem for path in _supplied_files()) or "none"
    return f"{name}: there is no such model or file (supplied models: {listed})"


def _read_model(path: Path) -> Model:
    """Return the model in a file."""
    try:
        if not path.is_file():
            raise ModelUnreadable(f"{path}: is no file")  # a pipe may never end
        if path.stat().st_size > _MOST_BYTES:
            raise ModelUnreadable(f"{path}: is too large for a model of digits")
        beside = _line_files(path)
        content = b"".join(one.read_bytes() for one in (path, *beside))
        digest = hashlib.sha256(content).hexdigest()
        with safe_open(path, framework="np") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            card = json.loads((file.metadata() or {}).get("card", "null"))
    except (SafetensorError, OSError, *_OF_DAMAGE) as error:
        raise ModelUnreadable(f"{path}: is damaged or no model: {error}") from error
    _check_card(path, card)
    first = {key: array for key, array in arrays.items() if not key.startswith(ARRAY_PREFIX)}
    _check_weights(path, first, _first_shapes(first))
    other = {key: array for key, array in arrays.items() if key not in first}
    if other:
        _check_weights(path, other, strip_reader_shapes(other))
    reader = strip_reader_from(other)
    files = (beside[0], beside[1], beside[2]) if beside else None
    return Model(
        ModelId(path.stem, digest), **first, card=card, strip_reader=reader, line_files=files
    )


def _line_files(path: Path) -> list[Path]:
    """Return the files of the readers of lines beside a model; [] unless all are there."""
    files = [path.with_suffix(ending) for ending in LINE_FILES]
    return files if all(one.is_file() for one in files) else []


def _first_shapes(arrays: dict[str, Weights]) -> Shapes:
    """Return the shapes of a 784 → H → 10 network."""
    hidden = arrays["b1"].size if "b1" in arrays else 0
    return {"w1": (PIXELS, hidden), "b1": (hidden,), "w2": (hidden, CLASSES), "b2": (CLASSES,)}


def _check_weights(path: Path, arrays: dict[str, Weights], wanted: Shapes) -> None:
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


def _curve_value(card: dict[str, Any], key: str, at: float) -> float:
    """Return a curve's y at an x; the x itself where the card has no such curve."""
    x, y = _curve(card, key)
    return float(np.interp(at, x, y)) if x else at


def model_file(arrays: dict[str, Weights], card: dict[str, Any]) -> bytes:
    """Return a model as the bytes of its file.

    Args:
        arrays: w1 (784, H), b1 (H,), w2 (H, 10), b2 (10,), float32; those of a strip reader
            besides, see `StripReader` and `StripContext`: strip.k1 and strip.c1 to 6,
            strip.near1, strip.near_bias1, strip.mixed1 and strip.mixed_bias1 to 2.
        card: what `digitocr models` shows; JSON types only.
    """
    contiguous = {key: np.ascontiguousarray(array, np.float32) for key, array in arrays.items()}
    return save(contiguous, {"card": json.dumps(card, ensure_ascii=False)})
