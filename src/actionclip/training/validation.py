"""How good the model is now: held-out clips become accuracies, or mAP for several labels a clip.

Every clip counts once, whatever the batch size and the number of processes. Knows no optimizer.

Shapes:
    V: clips   K: templates   N: labels   L: tokens   D: shared width
"""

from __future__ import annotations

import operator

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from jaxtyping import Float, Int
from torch import Tensor

from actionclip.evaluation import metrics
from actionclip.model.actionclip import ActionCLIP
from actionclip.training.objectives import Objective
from actionclip.training.sources import Source

Metrics = dict[str, float]
"""Of 0…1, the one that decides which checkpoint is best first: top1 and perhaps top5, or map."""

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
        clips = clips.to(accelerator.device, non_blocking=True)
        scores = objective.scores(clips, label_embeddings, exclusive=exclusive)
        found += zip(places, scores.float().cpu(), strict=True)
    everyone = sorted(gather_object(found), key=operator.itemgetter(0))
    labels = [annotations.label_indices(annotations.examples[place]) for place, _ in everyone]
    scores = torch.stack([scores for _, scores in everyone])
    measured = metrics.headline(scores, labels, exclusive=exclusive)
    if scores.shape[1] <= 5:
        measured.pop("top5", None)  # it is 1 by definition
    return measured


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
