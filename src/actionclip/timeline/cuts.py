"""Changes of shot: features of frames in order become cuts, with no look ahead.

A cut is where two frames differ much, and much more than the frames before them did, so that a
quick movement, or a camera that is carried, is no cut. Knows no pixels and no times.

Shapes:
    E: width of the vision tower
"""

from __future__ import annotations

import statistics
from collections import deque

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

MIN_DISTANCE = 0.5
"""Cosine distance below which two frames show the same."""
MIN_RATIO = 2.0
"""How many times the usual distance it has to be; the median is usual."""
NUM_BEFORE = 8
"""Distances that say what is usual."""


class CutDetector:
    """Says of each frame in turn whether a new shot begins with it."""

    def __init__(self) -> None:
        self._last: Tensor | None = None
        self._distances: deque[float] = deque(maxlen=NUM_BEFORE)

    def is_cut(self, vision_features: Float[Tensor, " E"]) -> bool:
        """Take the next frame; the first one begins nothing."""
        features = F.normalize(vision_features, dim=0)
        last, self._last = self._last, features
        if last is None:
            return False
        distance = round(1 - float(last @ features), 3)  # below lies the noise of float arithmetic
        usual = statistics.median_low(self._distances) if self._distances else 0.0
        self._distances.append(distance)
        return distance > max(MIN_DISTANCE, MIN_RATIO * usual)
