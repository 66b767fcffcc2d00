"""Scores and labels become metrics: accuracies, average precision, confusion and calibration error.

Where several labels have the same score, a label counts by the share of the orders in which it is
among the best: equal scores for everything are chance. torchmetrics breaks such ties by the order
of the labels, so it computes what does not depend on them.

Shapes:
    R: replicates   V: clips   N: labels   S: bins of scores
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.classification import (
    binary_average_precision,
    binary_calibration_error,
    multiclass_confusion_matrix,
)

NUM_BINS = 15


def headline(
    scores: Float[Tensor, "V N"], label_indices: Sequence[Sequence[int]], *, exclusive: bool
) -> dict[str, float]:
    """Return top1 and top5, or map where clips have any number of labels.

    Args:
        scores: of every label.
        label_indices: of each clip.
        exclusive: whether each clip has one label.
    """
    if exclusive:
        truth = torch.tensor([index for (index,) in label_indices])
        return {f"top{k}": float(hits(scores, truth, k).mean()) for k in (1, 5)}
    own = multi_hot(label_indices, scores.shape[1])
    return {"map": float(average_precisions(scores, own).nanmean())}


def multi_hot(label_indices: Sequence[Sequence[int]], num_labels: int) -> Bool[Tensor, "V N"]:
    """Return for each clip which labels it has."""
    own = torch.zeros(len(label_indices), num_labels, dtype=torch.bool)
    for row, indices in enumerate(label_indices):
        own[row, list(indices)] = True
    return own


def hits(scores: Float[Tensor, "V N"], truth: Int[Tensor, " V"], k: int) -> Float[Tensor, " V"]:
    """Return for each clip whether its label is among the best k: 0 or 1, or a share at a tie."""
    own = scores.gather(1, truth[:, None])
    num_better = (scores > own).sum(1)
    num_equal = (scores == own).sum(1)
    return ((k - num_better) / num_equal).clamp(0, 1)


def best_labels(scores: Float[Tensor, "V N"], own: Bool[Tensor, "V N"]) -> Int[Tensor, " V"]:
    """Return the best label of each clip: one of its own only if no other's score is as high."""
    of_own, of_others = scores.masked_fill(~own, -torch.inf), scores.masked_fill(own, -torch.inf)
    is_own = of_own.amax(1) > of_others.amax(1)
    return torch.where(is_own, of_own.argmax(1), of_others.argmax(1))


def confusion(scores: Float[Tensor, "V N"], truth: Int[Tensor, " V"]) -> Int[Tensor, "N N"]:
    """Count the clips of each label (row) by their best label (column)."""
    num_labels = scores.shape[1]
    best = best_labels(scores, F.one_hot(truth, num_labels).bool())
    return multiclass_confusion_matrix(best, truth, num_labels)


def by_label(
    values: Float[Tensor, " V"],
    truth: Int[Tensor, " V"],
    num_labels: int,
    weights: Float[Tensor, "R V"],
) -> Float[Tensor, "R N"]:
    """Average the values of each label's clips by each row of weights; NaN where it has none."""
    sums = torch.zeros(len(weights), num_labels)
    counts = sums.index_add(1, truth, weights)
    return sums.index_add(1, truth, weights * values) / counts


def average_precisions(
    scores: Float[Tensor, "V N"], own: Bool[Tensor, "V N"]
) -> Float[Tensor, " N"]:
    """Return the average precision of each label; NaN where it has no clip.

    Clips of equal scores count together, as in scikit-learn.
    """
    precisions = torch.full((scores.shape[1],), torch.nan)
    for label in own.any(dim=0).nonzero().flatten().tolist():
        precisions[label] = binary_average_precision(
            ranks(scores[:, label])[0], own[:, label].long(), validate_args=False
        )
    return precisions


def ranks(
    numbers: Float[Tensor, " V"],
) -> tuple[Float[Tensor, " V"], Float[Tensor, " values"]]:
    """Return each number's rank among the different ones, scaled to 0…1, and those.

    torchmetrics puts numbers outside 0…1 through a sigmoid, which makes large ones equal.
    """
    values, places = numbers.double().unique(return_inverse=True)
    return places.double() / max(1, len(values) - 1), values


def expected_calibration_error(
    confidences: Float[Tensor, " V"], is_right: Bool[Tensor, " V"]
) -> float:
    """Return the mean distance of confidence and accuracy within bins, 0…1 (Guo et al. 2017).

    Args:
        confidences: the score of each clip's best label, or of "none of these".
        is_right: whether that is right.
    """
    # torchmetrics has a bin of its own for scores of exactly 1.
    below = confidences.clamp(max=1 - torch.finfo(confidences.dtype).eps)
    return float(binary_calibration_error(below, is_right.long(), NUM_BINS))


class Bins(NamedTuple):
    """Clips in bins of equal width by their best score."""

    counts: Float[Tensor, " S"]
    scores: Float[Tensor, " S"]
    """Summed over the clips of a bin."""
    hits: Float[Tensor, " S"]


def reliability(confidences: Float[Tensor, " V"], is_right: Bool[Tensor, " V"]) -> Bins:
    """Sum the clips in the bins of `expected_calibration_error`, for a diagram."""
    edges = torch.linspace(0, 1, NUM_BINS + 1, dtype=confidences.dtype)
    places = (torch.bucketize(confidences, edges, right=True) - 1).clamp(max=NUM_BINS - 1)
    parts = (torch.ones_like(confidences), confidences, is_right.to(confidences))
    return Bins(*(torch.zeros(NUM_BINS).to(part).index_add(0, places, part) for part in parts))
