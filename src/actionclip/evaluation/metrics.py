"""Scores and labels become metrics: accuracies, average precision, confusion and calibration.

Where several labels have the same score, none of them is above the others, and a label gets the
share of the orders in which it would be among the best: equal scores for everything are chance, not
luck. torchmetrics breaks such ties by the order of the labels, so it computes what does not depend
on them. Functions that take weights leave out clips of weight 0: the replicates of `intervals`.

Shapes:
    R: replicates   V: clips   N: labels   S: bins of scores
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.classification import (
    binary_average_precision,
    multiclass_confusion_matrix,
)

from actionclip.evaluation import calibration
from actionclip.evaluation.scored import Scored

NUM_BINS = calibration.NUM_BINS


def check(scored: Scored) -> None:
    """Make sure that there is something to compute with.

    Raises:
        ValueError: there are no clips, or a score is not a number; names the clip.
    """
    if not scored.annotations.examples:
        raise ValueError(
            f"no clip was scored, {len(scored.left_out)} could not be read;"
            " check the split and its videos"
        )
    if not scored.exclusive and not any(e.labels for e in scored.annotations.examples):
        raise ValueError("no clip has a label, so there is nothing to compare with")
    broken = ~scored.scores.isfinite()
    if broken.any():
        row, column = (int(place) for place in broken.nonzero()[0])
        raise ValueError(
            f"{scored.annotations.examples[row].video}: its score for the label"
            f" {scored.annotations.labels[column]!r} is {float(scored.scores[row, column])}, not a"
            " number; compute in fp32, or check the model's weights"
        )


def accuracy(scores: Float[Tensor, "V N"], labels: Sequence[Sequence[int]]) -> dict[str, float]:
    """Say how often the label is the one with the best score, and among the best five."""
    truth = torch.tensor([index for (index,) in labels])
    return {f"top{k}": float(hits(scores, truth, k).mean()) for k in (1, 5)}


def mean_average_precision(
    scores: Float[Tensor, "V N"], labels: Sequence[Sequence[int]]
) -> dict[str, float]:
    """Say how well each label's clips come before the others, on average over the labels."""
    marked = torch.zeros(scores.shape, dtype=torch.bool)
    for row, indices in enumerate(labels):
        marked[row, list(indices)] = True
    return {"map": float(average_precisions(scores, marked).nanmean())}


def hits(scores: Float[Tensor, "V N"], truth: Int[Tensor, " V"], k: int) -> Float[Tensor, " V"]:
    """Say which clips have their label among the best k: 0 or 1, or a share if scores are equal."""
    own = scores.gather(1, truth[:, None])
    num_better = (scores > own).sum(1)
    num_equal = (scores == own).sum(1)
    return ((k - num_better) / num_equal).clamp(0, 1)


def best_labels(scores: Float[Tensor, "V N"], marked: Bool[Tensor, "V N"]) -> Int[Tensor, " V"]:
    """Give the best label of each clip: one of its own only if no other's score is as high."""
    own = scores.masked_fill(~marked, -torch.inf)
    others = scores.masked_fill(marked, -torch.inf)
    return torch.where(own.amax(1) > others.amax(1), own.argmax(1), others.argmax(1))


def confusion(scores: Float[Tensor, "V N"], truth: Int[Tensor, " V"]) -> Int[Tensor, "N N"]:
    """Count the clips of each label (row) that were taken for each label (column)."""
    num_labels = scores.shape[1]
    best = best_labels(scores, functional.one_hot(truth, num_labels).bool())
    return multiclass_confusion_matrix(best, truth, num_labels)


def by_label(
    values: Float[Tensor, " V"],
    truth: Int[Tensor, " V"],
    num_labels: int,
    weights: Float[Tensor, "R V"],
) -> Float[Tensor, "R N"]:
    """Average the values of each label's clips; NaN where a label has none."""
    sums = torch.zeros(len(weights), num_labels)
    counts = sums.index_add(1, truth, weights)
    return sums.index_add(1, truth, weights * values) / counts


def average_precisions(
    scores: Float[Tensor, "V N"], marked: Bool[Tensor, "V N"]
) -> Float[Tensor, " N"]:
    """Say for each label how well its clips come before the others; NaN where it has none.

    Clips of equal scores count together, as in scikit-learn: their order is nothing that was said.
    """
    precisions = torch.full((scores.shape[1],), torch.nan)
    for label in marked.any(dim=0).nonzero().flatten().tolist():
        places, _ = calibration.ranks(scores[:, label])
        precisions[label] = binary_average_precision(
            places, marked[:, label].long(), validate_args=False
        )
    return precisions


class Bins(NamedTuple):
    """Clips in bins of equal width by their best score."""

    counts: Float[Tensor, " S"]
    scores: Float[Tensor, " S"]
    """Summed over the clips of a bin."""
    hits: Float[Tensor, " S"]


def reliability(confidences: Float[Tensor, " V"], is_right: Bool[Tensor, " V"]) -> Bins:
    """Sum the clips in the bins of `calibration.expected_calibration_error`, for a diagram.

    Args:
        confidences: the score of each clip's best answer.
        is_right: whether that answer is.
    """
    edges = torch.linspace(0, 1, NUM_BINS + 1, dtype=confidences.dtype)
    places = (torch.bucketize(confidences, edges, right=True) - 1).clamp(max=NUM_BINS - 1)
    parts = (torch.ones_like(confidences), confidences, is_right.to(confidences))
    return Bins(*(torch.zeros(NUM_BINS).to(part).index_add(0, places, part) for part in parts))
