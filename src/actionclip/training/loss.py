"""The losses of ActionCLIP: logits and labels become one number to make small.

CLIP's own loss takes one text per clip to be right and all others to be wrong. Clips of one batch
can share a label, so here every text of the same label is right, and the similarities are matched
to that target as distributions, by their Kullback-Leibler divergence, both ways round (paper,
section 3.2). Knows no model and no processes: whoever holds only some rows of the logits gives
these rows to `kl_divergence`.

Shapes:
    B: clips, and as many texts, in the batch   C: labels that there are   R N: rows and columns
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, Num
from torch import Tensor
from torch.nn import functional as F

Target = Literal["exact", "official"]
Labels = Int[Tensor, "_"] | Num[Tensor, "_ _"] | Bool[Tensor, "_ _"]
"""The index of each one's label, or a 0/1 row for each that marks all of its labels."""

_OFFICIAL_SHARPNESS = 10
"""The official code's target is softmax(10 · same label); utils/KLLoss.py and tools.py there."""


def kl_contrastive(
    logits_per_clip: Float[Tensor, "B B"], labels: Labels, target: Target = "exact"
) -> Float[Tensor, ""]:
    """Compare the similarities with who shares a label with whom; 0 when they agree.

    Args:
        logits_per_clip: row i holds the logits of clip i for each text.
        labels: (B,) indices, or (B, C) 0/1 for clips that have several labels.
        target: "exact" spreads a row's mass over its matches; "official" is the official code's
            softmax(10 · matches), which leaves some mass, the more the larger B, on the others.
    """
    matches = overlap(labels, labels)
    return symmetric(logits_per_clip, matches, target)


def one_hot(logits_per_clip: Float[Tensor, "B B"]) -> Float[Tensor, ""]:
    """CLIP's own loss (InfoNCE): each clip has its one text, whatever else shares its label."""
    each = torch.eye(len(logits_per_clip), device=logits_per_clip.device)
    return symmetric(logits_per_clip, each, "exact")


def classification(logits: Float[Tensor, "B C"], labels: Labels) -> Float[Tensor, ""]:
    """The loss of a plain classifier, the paper's unimodal baseline (table 1).

    Args:
        logits: of each label.
        labels: (B,) indices; or (B, C) 0/1, then every label is a question of its own.
    """
    if labels.ndim == 1:
        return F.cross_entropy(logits, labels)
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


def symmetric(
    logits: Float[Tensor, "B B"], matches: Float[Tensor, "B B"], target: Target
) -> Float[Tensor, ""]:
    """Average the divergences from clip to text and from text to clip."""
    clip_to_text = kl_divergence(logits, matches, target)
    text_to_clip = kl_divergence(logits.T, matches.T, target)
    return (clip_to_text + text_to_clip) / 2


def kl_divergence(
    logits: Float[Tensor, "R N"], matches: Float[Tensor, "R N"], target: Target
) -> Float[Tensor, ""]:
    """Compare each row's softmax with its matches, and average over the rows."""
    return F.kl_div(
        logits.log_softmax(dim=1), _distribution(matches, target), reduction="batchmean"
    )


def overlap(rows: Labels, columns: Labels) -> Float[Tensor, "R N"]:
    """Say how far each row's labels are each column's: 0 for none, 1 for the same labels.

    Sets of labels overlap by what they share over what they have together (Jaccard).
    """
    if rows.ndim == 1 and columns.ndim == 1:
        return (rows[:, None] == columns[None, :]).float()
    rows, columns = rows.float(), columns.float()
    shared = rows @ columns.T  # (R, N)
    together = rows.sum(dim=1)[:, None] + columns.sum(dim=1)[None, :] - shared
    return shared / together.clamp(min=1)


def _distribution(matches: Float[Tensor, "R N"], target: Target) -> Float[Tensor, "R N"]:
    """Make each row a distribution; with "exact", a row that matches nothing stays zero."""
    if target == "official":
        return (_OFFICIAL_SHARPNESS * matches).softmax(dim=1)
    total = matches.sum(dim=1, keepdim=True)
    return matches / total.where(total > 0, 1)
