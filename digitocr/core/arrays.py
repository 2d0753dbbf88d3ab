"""Names for arrays, with their shapes, dtypes and ranges."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Gray: TypeAlias = NDArray[np.uint8]  # (H, W), 0 black .. 255 white
BinaryImage: TypeAlias = NDArray[np.uint8]  # (H, W), 255 ink, 0 paper
Crops: TypeAlias = NDArray[np.float32]  # (N, 28, 28), ink 1.0 on paper 0.0
Scores: TypeAlias = NDArray[np.float32]  # (N, 10), every row sums to 1
StripImages: TypeAlias = NDArray[np.float32]  # (N, 32, W), ink 1.0 on paper 0.0; W is even
ColumnScores: TypeAlias = NDArray[np.float32]  # (N, W / 2, 11): ten digits and none, sum 1
Answers: TypeAlias = NDArray[np.float32]  # (N, 10), logits: the higher, the likelier
Values: TypeAlias = NDArray[np.float64]  # (N,)
Labels: TypeAlias = NDArray[np.int64]  # (N,), 0..9
