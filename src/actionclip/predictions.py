"""Scores of labels become predictions: in order, and only those that reach a threshold.

Knows no videos and no models.

Shapes:
    N: labels   T: frames   H W: pixels
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip.model.calibration import Calibration
from actionclip.text import labels as label_text

Threshold = float | Literal["auto"]
"""From which score on a label is named: a number, 0…1, or what was fitted for each label."""


@dataclass(frozen=True)
class Prediction:
    """A label and how likely it is, among the labels that were asked for."""

    label: str
    score: float
    """A probability, 0…1; the scores of one answer add up to 1, unless there was a threshold:
    then what is missing to 1 is "none of these" and the labels that are not named."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What is said of one of many videos."""

    video: Path
    predictions: Sequence[Prediction]
    """Best first; empty if the video cannot be read."""
    frames: UInt8[np.ndarray, "T H W 3"] | None
    """Those that the model looked at; None if the video cannot be read."""
    error: str | None = None
    """Why it cannot be read."""


def rank(
    scores: Float[Tensor, " N"],
    labels: Sequence[str],
    threshold: Threshold | None,
    calibration: Calibration,
) -> list[Prediction]:
    """Put the labels that reach the threshold in order, best first.

    Args:
        scores: of the labels.
        labels: in the order of the scores.
        threshold: None names all of them.
        calibration: knows what "auto" means for each label.
    """
    values: list[float] = scores.tolist()
    ranking: list[int] = scores.argsort(descending=True, stable=True).tolist()
    ranked = [Prediction(labels[place], values[place]) for place in ranking]
    if threshold is None:
        return ranked
    if threshold == "auto":
        return [
            one
            for one in ranked
            if one.score >= calibration.threshold_of(label_text.clean(one.label))
        ]
    return [one for one in ranked if one.score >= threshold]


def check(threshold: Threshold | None) -> None:
    """Make sure that a threshold is one.

    Raises:
        ValueError: it is no score.
    """
    if isinstance(threshold, float) and not 0 <= threshold <= 1:
        raise ValueError(f"threshold: {threshold} is no score; give 0 to 1, or auto")
