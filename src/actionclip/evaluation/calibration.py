"""Scores of held-out clips become a temperature, a margin and thresholds.

Each is the best value of a fixed grid, so that fitting always ends and repeats exactly, also where
the optimum is infinite.

Shapes:
    B: clips   K: templates   N: labels
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics.functional.classification import binary_recall_at_fixed_precision

from actionclip.core import scoring

TEMPERATURES = tuple(math.exp(step / 20) for step in range(-60, 61))
"""From 1/20 to 20, each five per cent above the one before; 1 is among them."""
MARGINS = tuple(step / 4 for step in range(-20, 61))
PRECISION = 0.95
MIN_CLIPS = 5
"""A label with fewer clips gets no threshold of its own."""


def fit_temperature(
    label_logits: Float[Tensor, "B K N"], label_indices: Int[Tensor, " B"]
) -> float:
    """Find the temperature that makes the true labels likeliest (Guo et al. 2017).

    One clip of every label in equal parts is added, because the optimum of a few clips that are all
    right is 0.

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
    """Find the margin over the background that best tells whether the true label is in the list.

    Every clip is scored twice: with all labels, where its own is right, and without its own, where
    "none of these" is. So no clips of other actions are needed.

    Args:
        label_logits: of clips that the model was not trained on; two labels or more.
        background_logits: the mean over the background, in every template.
        label_indices: the true labels.
        temperature: the fitted one.
    """
    num_clips, num_templates, num_labels = label_logits.shape
    is_other = torch.arange(num_labels) != label_indices[:, None].cpu()  # (B, N)
    is_other = is_other[:, None].expand(-1, num_templates, -1).to(label_logits.device)
    others = label_logits[is_other].reshape(num_clips, num_templates, num_labels - 1)

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
    """Find for each label the lowest score above which it is right often enough.

    A label with fewer than `MIN_CLIPS` clips, or one that never reaches the precision, is left out:
    the general threshold holds for it.

    Args:
        scores: of clips that the model was not trained on.
        label_indices: the true labels; the number of labels where it is none of them.
        labels: in the order of the scores.
        precision: 0…1.
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
