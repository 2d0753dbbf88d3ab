"""The strip reader in NumPy: strips → what begins at each second column of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from digitocr.core.arrays import ColumnScores, StripImages

Weights: TypeAlias = NDArray[np.float32]
Shapes: TypeAlias = dict[str, tuple[int, ...]]

ARRAY_PREFIX = "strip."  # before the names of the strip reader's arrays in a file
_ANSWERS = 11  # for each column: ten digits, and that none begins there
_LAYERS = 6
# How often the reader looks far aside, at how many columns, the one itself among them, and how far
# they are apart; what the arrays of each such look are called.
CONTEXTS, NEIGHBOURS, NEIGHBOUR_STEP = 2, 9, 2
_CONTEXT = "near", "near_bias", "mixed", "mixed_bias"


@dataclass(frozen=True)
class StripReader:
    """A small convolutional network that reads strips, without splitting what touches.

    Its kernels are (rows, columns, channels in, channels out): 5×5 in steps of 2; 3×3 and 3×3, each
    followed by the larger of every two rows; 4×3, which leaves one row; 1×5 and 1×3. Before the
    last, contexts add to each column what is beside it.
    """

    kernels: tuple[Weights, ...]
    biases: tuple[Weights, ...]
    contexts: tuple[StripContext, ...]

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
class StripContext:
    """What a strip reader adds to C maps of each column from the columns beside it."""

    near: Weights  # (NEIGHBOURS, C), of each map and neighbour
    near_bias: Weights  # (C,)
    mixed: Weights  # (C, C)
    mixed_bias: Weights  # (C,)


def strip_scores(reader: StripReader, images: StripImages) -> ColumnScores:
    """Return what each second column of strips is: a digit, or none that begins there.

    Args:
        reader: of a model.
        images: (N, 32, W) float32, ink 1.0 on paper 0.0; W is even. N may be 0.

    Returns:
        (N, W / 2, 11) float32: chances of the ten digits and, last, of none; rows sum to 1.
    """
    maps = images[..., None]
    for i, (kernel, bias) in enumerate(zip(reader.kernels, reader.biases, strict=True), 1):
        if i == _LAYERS:
            maps = _context_maps(maps, reader.contexts)
        maps = _convolution(maps, kernel, bias, step=2 if i == 1 else 1)
        if i < _LAYERS:
            maps = np.maximum(maps, 0)
        if i in (2, 3):
            maps = np.maximum(maps[:, ::2], maps[:, 1::2])
    powers = np.exp(maps[:, 0] - maps[:, 0].max(axis=2, keepdims=True))
    return np.asarray(powers / powers.sum(axis=2, keepdims=True), np.float32)


def _convolution(maps: Weights, kernel: Weights, bias: Weights, step: int = 1) -> Weights:
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


def _context_maps(maps: Weights, contexts: Sequence[StripContext]) -> Weights:
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


def strip_reader_from(arrays: dict[str, Weights]) -> StripReader | None:
    """Return the strip reader among a model's arrays, None where there is none."""
    if f"{ARRAY_PREFIX}k1" not in arrays:
        return None
    kernels, biases = (tuple(arrays[name] for name in _names(part)) for part in "kc")
    parts = zip(
        *([arrays[name] for name in _names(part, CONTEXTS)] for part in _CONTEXT), strict=True
    )
    return StripReader(kernels, biases, tuple(StripContext(*one) for one in parts))


def strip_reader_shapes(arrays: dict[str, Weights]) -> Shapes:
    """Return the shapes of a strip reader's arrays."""
    sizes = [arrays[key].size if key in arrays else 0 for key in _names("c")]
    kernels = ((5, 5), (3, 3), (3, 3), (4, 3), (1, 5), (1, 3))
    channels = pairwise([1, *sizes[:-1], _ANSWERS])
    shapes: Shapes = dict(zip(_names("c"), [(n,) for n in [*sizes[:-1], _ANSWERS]], strict=True))
    shapes |= {
        name: (*kernel, *pair)
        for name, kernel, pair in zip(_names("k"), kernels, channels, strict=True)
    }
    own = sizes[-2]
    of_context = zip(_CONTEXT, ((NEIGHBOURS, own), (own,), (own, own), (own,)), strict=True)
    return shapes | {name: shape for part, shape in of_context for name in _names(part, CONTEXTS)}


def _names(part: str, n: int = _LAYERS) -> list[str]:
    return [f"{ARRAY_PREFIX}{part}{i}" for i in range(1, n + 1)]
