"""How good the model is now: held-out clips become accuracies, or mAP for several labels a clip.

Every clip counts once, whatever the batch size and the number of processes. Knows no optimizer.

Shapes:
    V: clips   K: templates   N: labels   L: tokens   D: shared width
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multilabel_average_precision,
)

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import batches
from actionclip.training.objectives import Objective
from actionclip.training.sources import Source

Metrics = dict[str, float]
"""Of 0…1, the one that decides which checkpoint is best first: top1 and top5, or map."""

_TEXTS_AT_ONCE = 256


@torch.inference_mode()
def measure(
    accelerator: Accelerator,
    objective: Objective,
    source: Source,
    label_embeddings: Float[Tensor, "K N D"],
    *,
    exclusive: bool,
) -> Metrics:
    """Score every clip of a source that can be read, and compare with its labels.

    Args:
        accelerator: says which part of the clips this process scores.
        objective: gives the scores.
        source: of the clips.
        label_embeddings: every label in every template.
        exclusive: whether a clip has one label, so that the labels' scores exclude each other.
    """
    objective.eval()
    annotations = source.annotations
    mine = range(accelerator.process_index, len(annotations.examples), accelerator.num_processes)
    found: list[tuple[int, Tensor]] = []
    for places, clips in source.show(mine):
        clips = clips.to(accelerator.device)
        scores = objective.scores(clips, label_embeddings, exclusive=exclusive)
        found += zip(places, scores.float().cpu(), strict=True)
    everyone = sorted(gather_object(found), key=operator.itemgetter(0))
    labels = [annotations.label_indices(annotations.examples[place]) for place, _ in everyone]
    scores = torch.stack([scores for _, scores in everyone])
    return accuracy(scores, labels) if exclusive else mean_average_precision(scores, labels)


def accuracy(scores: Float[Tensor, "V N"], labels: Sequence[Sequence[int]]) -> Metrics:
    """Say how often the label is the one with the best score, and among the best five."""
    num_labels = scores.shape[1]
    truth = torch.tensor([index for (index,) in labels])
    return {
        f"top{k}": float(
            multiclass_accuracy(
                scores, truth, num_labels, average="micro", top_k=min(k, num_labels)
            )
        )
        for k in (1, 5)
    }


def mean_average_precision(
    scores: Float[Tensor, "V N"], labels: Sequence[Sequence[int]]
) -> Metrics:
    """Say how well each label's clips come before the others, on average over the labels."""
    marked = batches.mark(labels, scores.shape[1])
    occurring = marked.any(dim=0)
    low, high = scores.aminmax()
    within = (scores - low) / (high - low)  # else torchmetrics squashes them until they are equal
    precision = multilabel_average_precision(
        within[:, occurring], marked[:, occurring], int(occurring.sum()), average="macro"
    )
    return {"map": float(precision)}


@torch.inference_mode()
def embed_labels(
    model: ActionCLIP, texts: Int[Tensor, "K N L"] | Float[Tensor, "K N D"]
) -> Float[Tensor, "K N D"]:
    """Embed every label in every template, unless that is what the texts are already."""
    if texts.is_floating_point():
        return texts
    every = texts.flatten(0, 1)  # (K·N, L)
    embeddings = [model.embed_tokens(some) for some in every.split(_TEXTS_AT_ONCE)]
    return torch.cat(embeddings).float().unflatten(0, texts.shape[:2])  # (K, N, D)
