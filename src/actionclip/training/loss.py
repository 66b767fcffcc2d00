"""The losses of ActionCLIP: logits and labels become one number to minimize.

CLIP's own loss takes one text per clip to be right and all others to be wrong. Clips of one batch
can share a label, so here every text of the same label is right: the softmax of the similarities is
compared with that target by the Kullback-Leibler divergence, in both directions (paper, section
3.2).

Shapes:
    B: clips, and as many texts, in the batch   C: labels   R N: rows and columns of the logits
"""

from __future__ import annotations

from typing import Literal

from jaxtyping import Bool, Float, Int, Num
from torch import Tensor
from torch.nn import functional as F

Target = Literal["exact", "official"]
Labels = Int[Tensor, "_"] | Num[Tensor, "_ _"] | Bool[Tensor, "_ _"]
"""Label indices, or a 0/1 row for each clip or text that marks all of its labels."""

_OFFICIAL_SHARPNESS = 10
"""The official code's target is softmax(10 · same label); utils/KLLoss.py and tools.py there."""


def kl_contrastive(
    logits_per_clip: Float[Tensor, "B B"], labels: Labels, target: Target = "exact"
) -> Float[Tensor, ""]:
    """Compare the similarities with the shared labels; 0 if they agree.

    Args:
        logits_per_clip: row i holds the logits of clip i for each text.
        labels: (B,) indices, or (B, C) 0/1 for clips that have several labels. Indices that are all
            different make it CLIP's own loss (InfoNCE).
        target: "exact" spreads a row's mass over its matches; "official" is the official code's
            softmax(10 · matches), which leaves some mass, more with a larger B, on the others.
    """
    matches = overlap(labels, labels)
    clip_to_text = kl_divergence(logits_per_clip, matches, target)
    text_to_clip = kl_divergence(logits_per_clip.T, matches.T, target)
    return (clip_to_text + text_to_clip) / 2


def classification(logits: Float[Tensor, "B C"], labels: Labels) -> Float[Tensor, ""]:
    """Compute the loss of a classifier, the paper's unimodal baseline (table 1).

    Args:
        logits: of each label.
        labels: (B,) indices: cross entropy; or (B, C) 0/1: binary cross entropy of each label.
    """
    if labels.ndim == 1:
        return F.cross_entropy(logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


def kl_divergence(
    logits: Float[Tensor, "R N"], matches: Float[Tensor, "R N"], target: Target
) -> Float[Tensor, ""]:
    """Average over the rows the divergence of each softmax from the distribution of its matches.

    With "exact", a row without a match counts as 0.
    """
    if target == "official":
        distribution = (_OFFICIAL_SHARPNESS * matches).softmax(dim=1)
    else:
        total = matches.sum(dim=1, keepdim=True)
        distribution = matches / total.where(total > 0, 1)
    return F.kl_div(logits.log_softmax(dim=1), distribution, reduction="batchmean")


def overlap(rows: Labels, columns: Labels) -> Float[Tensor, "R N"]:
    """Return how far each row's labels are each column's: 0 for none, 1 for the same labels.

    For sets of labels it is the intersection over the union (Jaccard).
    """
    if rows.ndim == 1 and columns.ndim == 1:
        return (rows[:, None] == columns[None, :]).float()
    rows, columns = rows.float(), columns.float()
    shared = rows @ columns.T  # (R, N)
    union = rows.sum(dim=1)[:, None] + columns.sum(dim=1)[None, :] - shared
    return shared / union.clamp(min=1)
