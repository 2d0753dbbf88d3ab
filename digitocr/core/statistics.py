"""Statistics of a few values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def median(values: Iterable[float]) -> float:
    """Return the median of some values, 0 for none: of few, in a tenth of `np.median`'s time."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return float(ordered[middle])
    return float(sum(ordered[middle - 1 : middle + 1]) / 2)


def weighted_median(values: NDArray[np.generic], weights: NDArray[np.generic]) -> float:
    """Return the median of (N,) values by (N,) weights, one of the values; 0 for none.

    As `np.quantile(values, 0.5, weights=weights, method="inverted_cdf")`, in less time (a tenth
    for ten values), and also where all weights are 0.
    """
    if len(values) == 0:
        return 0.0
    order = np.argsort(values)
    share = np.cumsum(weights[order])
    return float(values[order[np.searchsorted(share, share[-1] / 2)]])


def usual_size(sizes: Sequence[int] | NDArray[np.generic]) -> float:
    """Return the median of sizes in pixels, weighted by the sizes themselves; 0 for none.

    Any number of specks weighs less than the digits so.
    """
    array = np.asarray(sizes)
    return weighted_median(array, array)
