"""Scores of held-out clips become a temperature, a margin, thresholds, and numbers on trust.

Everything is fitted by trying a fixed grid, so it always ends and gives the same answer again,
also where the data would have it infinite. Knows no model and no files.

Shapes:
    B: clips   K: templates   N: labels
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_calibration_error,
    binary_recall_at_fixed_precision,
)

from actionclip.core import scoring

TEMPERATURES = tuple(math.exp(step / 20) for step in range(-60, 61))
"""From 1/20 to 20, each five per cent above the one before; 1 is among them."""
MARGINS = tuple(step / 4 for step in range(-20, 61))
PRECISION = 0.95
NUM_BINS = 15
MIN_CLIPS = 5
"""A label with fewer clips gets no threshold of its own."""


def fit_temperature(
    label_logits: Float[Tensor, "B K N"], label_indices: Int[Tensor, " B"]
) -> float:
    """Find the temperature that makes the true labels likeliest (Guo et al. 2017).

    A model that is right about all of a few clips could be as sure as it likes; so a little doubt
    is added, as if one clip more had been any of the labels.

    Args:
        label_logits: of clips that the model was not trained on, in every template.
        label_indices: the true labels.
    """

    def loss(temperature: float) -> float:
        log_scores = (label_logits / temperature).log_softmax(dim=-1).logsumexp(dim=1)  # (B, N)
        true = log_scores.gather(1, label_indices[:, None]).sum()
        return -float(true + log_scores.mean(dim=1).mean())

    return min(TEMPERATURES, key=loss)


def fit_margin(
    label_logits: Float[Tensor, "B K N"],
    background_logits: Float[Tensor, "B K"],
    label_indices: Int[Tensor, " B"],
    temperature: float,
) -> float:
    """Find the margin over the background that tells best whether the true label is in the list.

    Every clip is asked twice: with all labels, where its own is right, and without its own, where
    "none of these" is. So no clips of other actions are needed.

    Args:
        label_logits: of clips that the model was not trained on; two labels or more.
        background_logits: the mean over the background, in every template.
        label_indices: the true labels.
        temperature: what `fit_temperature` gave.
    """
    others = _without(label_logits, label_indices)  # (B, K, N - 1)

    def loss(margin: float) -> float:
        scores, _ = scoring.with_none(
            label_logits, background_logits, temperature=temperature, margin=margin
        )
        _, none = scoring.with_none(
            others, background_logits, temperature=temperature, margin=margin
        )
        true = scores.gather(1, label_indices[:, None])[:, 0]  # (B,)
        smallest = torch.finfo(true.dtype).tiny
        return -float(torch.cat([true, none]).clamp(min=smallest).log().mean())

    return min(MARGINS, key=loss)


def fit_thresholds(
    scores: Float[Tensor, "B N"],
    label_indices: Int[Tensor, " B"],
    labels: Sequence[str],
    precision: float = PRECISION,
) -> dict[str, float]:
    """Find for each label the lowest score from which on naming it is right often enough.

    A label with fewer than `MIN_CLIPS` clips, or one that is never right so often, is left out: the
    general threshold holds for it.

    Args:
        scores: of clips that the model was not trained on.
        label_indices: the true labels; the number of labels where it is none of them.
        labels: as many as there are scores of a clip.
        precision: how often it has to be right, 0…1.
    """
    thresholds = {}
    for index, label in enumerate(labels):
        is_it = label_indices == index
        if int(is_it.sum()) < MIN_CLIPS:
            continue
        _, threshold = binary_recall_at_fixed_precision(scores[:, index], is_it.long(), precision)
        if not threshold.isnan():
            thresholds[label] = float(threshold)
    return thresholds


def expected_calibration_error(
    confidences: Float[Tensor, " B"], is_right: Bool[Tensor, " B"], num_bins: int = NUM_BINS
) -> float:
    """Say by how much the best scores differ from how often they are right, on average, 0…1.

    Args:
        confidences: the score of each clip's best answer, which may be "none of these".
        is_right: whether that answer is.
        num_bins: of equal width, within which the two are compared (Guo et al. 2017).
    """
    # torchmetrics has a bin of its own for scores of exactly 1.
    below = confidences.clamp(max=1 - torch.finfo(confidences.dtype).eps)
    return float(binary_calibration_error(below, is_right.long(), num_bins))


def auroc(confidences: Float[Tensor, " B"], is_known: Bool[Tensor, " B"]) -> float:
    """Say how often a known clip is above an unknown one; .5 is chance, 1 is always.

    Args:
        confidences: any numbers that are larger where a label seems to fit.
        is_known: whether the list holds what the clip shows.
    """
    return float(binary_auroc(ranks(confidences)[0], is_known.long()))


def coverage_at_precision(
    confidences: Float[Tensor, " B"],
    is_right: Bool[Tensor, " B"],
    is_known: Bool[Tensor, " B"],
    precision: float = PRECISION,
) -> tuple[float, float]:
    """Say how many known clips can be named if the names are to be right so often.

    Args:
        confidences: of the best label of each clip, any numbers.
        is_right: whether that label is; never for an unknown clip.
        is_known: whether the list holds what the clip shows.
        precision: how often a name has to be right, 0…1.

    Returns:
        The share of the known clips that are named rightly, 0…1, and the confidence from which on
        clips are named: infinite if no confidence is high enough.
    """
    places, values = ranks(confidences)
    if not is_right.any():
        return 0.0, math.inf
    recall, place = binary_recall_at_fixed_precision(places, is_right.long(), precision)
    if place.isnan():
        return 0.0, math.inf
    num_named_rightly = round(float(recall) * int(is_right.sum()))
    return num_named_rightly / int(is_known.sum()), float(
        values[round(float(place) * (len(values) - 1))]
    )


def ranks(
    numbers: Float[Tensor, " B"],
) -> tuple[Float[Tensor, " B"], Float[Tensor, " values"]]:
    """Return each number's rank among the different ones, scaled to 0…1, and those.

    torchmetrics puts numbers outside 0…1 through a sigmoid, which makes large ones equal.
    """
    values, places = numbers.double().unique(return_inverse=True)
    return places.double() / max(1, len(values) - 1), values


def _without(
    label_logits: Float[Tensor, "B K N"], label_indices: Int[Tensor, " B"]
) -> Float[Tensor, "B K others"]:
    """Take each clip's own label out of the list."""
    num_clips, num_templates, num_labels = label_logits.shape
    others = torch.arange(num_labels) != label_indices[:, None].cpu()  # (B, N)
    kept = others[:, None].expand(-1, num_templates, -1).to(label_logits.device)
    return label_logits[kept].reshape(num_clips, num_templates, num_labels - 1)
