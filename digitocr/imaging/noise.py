"""How strong the noise of a picture is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def noise_sigma(second: NDArray[np.integer] | NDArray[np.floating]) -> float:
    """Return the standard deviation of the noise that second differences have.

    Args:
        second: absolute values of a - 2 b + c of neighbours, at least one. Their median counts, as
            strokes have large ones.
    """
    # The median of a normal deviate's size is 0.6745 sigma; the variances of 1 -2 1 add up to 6.
    return float(np.median(second)) / 0.6745 / 6**0.5
