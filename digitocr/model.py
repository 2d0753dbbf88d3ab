"""Load, save and score the network in NumPy; weights are safetensors files with a card."""

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

Weights = NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """A 784 → hidden → ReLU → 10 network and what is known about it."""

    id: ModelId
    w1: Weights  # (784, H)
    b1: Weights  # (H,)
    w2: Weights  # (H, 10)
    b2: Weights  # (10,)
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def temperature(self) -> float:
        """What logits are divided by to calibrate confidence (Guo et al. 2017)."""
        return _number(self.card, "temperature")

    def review_line(self, settings: Settings) -> float:
        """Return the confidence below which a number is to be reviewed, 0..1.

        Chosen from the calibration where the settings leave it open.
        """
        chosen = settings.min_confidence
        return _number(self.card, "min_confidence") if chosen is None else chosen


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
    _check(path, arrays, card)
    return Model(ModelId(path.stem, digest), **arrays, card=card)


def _check(path: Path, arrays: dict[str, Weights], card: object) -> None:
    """Raise ModelUnreadable unless the arrays make a 784 → H → 10 network."""
    hidden = arrays["b1"].size if "b1" in arrays else 0
    wanted = {"w1": (PIXELS, hidden), "b1": (hidden,), "w2": (hidden, CLASSES), "b2": (CLASSES,)}
    found = {key: array.shape for key, array in arrays.items()}
    if found != wanted or hidden == 0:
        raise ModelUnreadable(f"{path}: holds no 784-H-10 network but {found}")
    for array in arrays.values():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ModelUnreadable(f"{path}: has weights that are no finite 32-bit numbers")
    if not isinstance(card, dict):
        raise ModelUnreadable(f"{path}: has a card that can't be read")
    if not 0 < _number(card, "temperature") < np.inf:
        raise ModelUnreadable(f"{path}: has a temperature that is no number above 0")
    if not 0 <= _number(card, "min_confidence") <= 1:
        raise ModelUnreadable(f"{path}: has a min_confidence that is not within 0..1")


def _number(card: dict[str, Any], key: str) -> float:
    """Return a number of the card, 1 where it is left out, NaN where it is something else."""
    value = card.get(key, 1)
    return float(value) if isinstance(value, int | float) else np.nan


def model_file(arrays: dict[str, Weights], card: dict[str, Any]) -> bytes:
    """Return a model as the bytes of its file.

    Args:
        arrays: w1 (784, H), b1 (H,), w2 (H, 10), b2 (10,), float32.
        card: what `digitocr models` shows; JSON types only.
    """
    contiguous = {key: np.ascontiguousarray(array, np.float32) for key, array in arrays.items()}
    return save(contiguous, {"card": json.dumps(card, ensure_ascii=False)})
