"""Embeddings become scores, and scores predictions: among labels, or beside "none of these".

Among themselves, some label always wins. "None of these" is one more answer: its similarity is the
mean of unrelated actions, the background, plus a margin (`docs/log.md` has the alternatives).
Where several actions can go on at once, each label is compared with "none" alone. A score does not
depend on other clips.

Shapes:
    B: clips   K: templates   N: labels   D: shared width
    T: frames   H W: pixels
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip.model.config import Calibration
from actionclip.text import labels as label_text

Threshold = float | Literal["auto"]
"""The least score of a label that is returned: 0…1, or "auto", what was fitted for each label."""


PRIOR = 0.3
"""How likely it is that an action that is asked for goes on at some moment of a video. The margin
is fitted to clips that show an action of the list as often as none; a moment seldom does."""


@dataclass(frozen=True)
class Prediction:
    """A label and its score among the given labels."""

    label: str
    score: float
    """A probability, 0…1; scores of one video add up to 1, or with a threshold to 1 together with
    "none of these" and the labels below it."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The predictions for one of many videos, or why there are none."""

    video: Path
    predictions: Sequence[Prediction]
    """Best first; empty if the video cannot be read."""
    frames: UInt8[np.ndarray, "T H W 3"] | None = field(default=None, repr=False)
    """Those that the model took, only on request."""
    error: str | None = None
    """Why the video cannot be read."""


def probabilities(
    clip_embeddings: Float[Tensor, "B D"],
    label_embeddings: Float[Tensor, "K N D"],
    logit_scale: float,
) -> Float[Tensor, "B N"]:
    """Score labels that exclude each other: softmax over them, mean over the templates.

    Args:
        clip_embeddings: of length one.
        label_embeddings: every label in every template, of length one.
        logit_scale: multiplies the cosines; the exponential of the model's parameter.
    """
    return mean_scores(logits(clip_embeddings, label_embeddings, logit_scale))


def mean_scores(
    logits: Float[Tensor, "B *views K N"], *, exclusive: bool = True
) -> Float[Tensor, "B N"]:
    """Average over views and templates: probabilities if labels exclude each other, else logits."""
    scores = logits.softmax(dim=-1) if exclusive else logits
    return scores.mean(dim=tuple(range(1, scores.ndim - 1)))


def with_none(
    label_logits: Float[Tensor, "B K N"],
    background_logits: Float[Tensor, "B K"],
    *,
    temperature: float,
    margin: float,
) -> tuple[Float[Tensor, "B N"], Float[Tensor, " B"]]:
    """Score labels and "none of these"; together they add up to 1.

    Each label has the weight 1/N, and "none of these" as much as all of them: among many labels one
    fits by chance.

    Args:
        label_logits: of every label in every template.
        background_logits: the mean over unrelated actions, in the same templates.
        temperature: divides the logits; above 1 the answers are less sure.
        margin: logits by which a label must exceed the background.

    Returns:
        The scores of the labels, and that of "none of these".
    """
    num_labels = label_logits.shape[-1]
    labels = label_logits / temperature - math.log(num_labels)
    none = (background_logits + margin) / temperature
    scores = mean_scores(torch.cat([labels, none[..., None]], dim=-1))  # (B, N + 1)
    return scores[:, :-1], scores[:, -1]


def each_beside_none(
    label_logits: Float[Tensor, "B K N"],
    background_logits: Float[Tensor, "B K"],
    *,
    temperature: float,
    margin: float,
) -> Float[Tensor, "B N"]:
    """Score each label alone beside "none of these", whatever other labels are asked.

    Several actions can go on at once. For one label it would be the score of `with_none`, but for
    `PRIOR`; arguments are those.
    """
    beyond_none = label_logits - background_logits[..., None] - margin
    prior = math.log(PRIOR / (1 - PRIOR))
    return (beyond_none / temperature + prior).sigmoid().mean(dim=1)


def logits(
    clip_embeddings: Float[Tensor, "B D"],
    text_embeddings: Float[Tensor, "K N D"],
    logit_scale: float,
) -> Float[Tensor, "B K N"]:
    """Compare clips with texts in every template, in fp32."""
    similarity = torch.einsum("bd,knd->bkn", clip_embeddings.float(), text_embeddings.float())
    return logit_scale * similarity


def rank(
    scores: Float[Tensor, " N"],
    labels: Sequence[str],
    threshold: Threshold | None,
    calibration: Calibration,
) -> list[Prediction]:
    """Return the labels that reach the threshold (None: all), best first.

    Args:
        scores: of the labels, in their order.
        labels: in any order.
        threshold: a score, or "auto" for that of the calibration.
        calibration: has the threshold of each label.
    """
    values: list[float] = scores.tolist()
    ranking: list[int] = scores.argsort(descending=True, stable=True).tolist()
    ranked = [Prediction(labels[place], values[place]) for place in ranking]
    if threshold is None:
        return ranked

    def least(label: str) -> float:
        if threshold == "auto":
            return calibration.threshold_of(label_text.clean(label))
        return threshold

    return [prediction for prediction in ranked if prediction.score >= least(prediction.label)]


def check_threshold(threshold: Threshold | None) -> None:
    """Raise ValueError for a threshold that is no score."""
    if isinstance(threshold, float) and not 0 <= threshold <= 1:
        raise ValueError(f"threshold: {threshold} is no score; give 0 to 1, or auto")
