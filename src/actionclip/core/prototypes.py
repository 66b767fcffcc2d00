"""Words and example clips of an action become one vector and an offset; nothing is trained.

The logit of a clip x is `scale * (x · vector + offset)`. Words alone have no offset. Examples add,
in each part of the embeddings in which the encoder compares clips (`Encoder.example_parts`),

    weight · n / (n + 1) · r · (x · p - m)

where p is the mean of the n examples. How alike they are decides both how much they count and what
is near to them: a is the mean dot product of two of them, shrunk towards the usual one of the
encoder (`same`) as if `NUM_USUAL` more pairs had that; r = (a - other) / (same - other), in
0…`MOST_ALIKE`; and m = other + `MIDDLE` · (a - other), so that clips that are less alike than that
count against the action. docs/decisions/070 says why, and docs/log.md what was measured.

Shapes:
    K: templates   S: sentences   N: examples   D: shared width
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.model.encoders.encoder import ExamplePart

NUM_USUAL = 1.0
MOST_ALIKE = 1.5
MIDDLE = 0.35
ALONE = 8.0
"""How much more examples count where no words are beside them."""


class Joined(NamedTuple):
    """An action, or its words."""

    vectors: Float[Tensor, "K D"]
    offset: float
    """Added to the dot products with clips."""


def mean_words(
    sentences: Float[Tensor, "K S D"], parts: Sequence[ExamplePart]
) -> Float[Tensor, "K D"]:
    """Average sentences; each part stays as long as it is on average, however they differ."""
    mean = sentences.mean(dim=1)
    if sentences.shape[1] > 1:
        mean = mean.clone()
        for part in parts:
            lengths = sentences[..., part.columns].norm(dim=-1).mean(dim=1, keepdim=True)
            shorter = mean[..., part.columns].norm(dim=-1, keepdim=True).clamp(min=1e-6)
            mean[..., part.columns] *= lengths / shorter
    return mean


def alikeness(examples: Float[Tensor, "N D"], part: ExamplePart) -> float:
    """Return the mean dot product of two examples, shrunk towards the usual one."""
    number = len(examples)
    num_pairs = number * (number - 1) / 2
    rows = examples[:, part.columns].double()
    total = (rows.sum(dim=0).square().sum() - rows.square().sum()) / 2  # over all pairs
    return (float(total) + NUM_USUAL * part.same) / (num_pairs + NUM_USUAL)


def join(
    words: Float[Tensor, "K D"],
    examples: Float[Tensor, "N D"],
    parts: Sequence[ExamplePart],
    *,
    alone: bool = False,
) -> Joined:
    """Join words and examples.

    Args:
        words: of an action, in each template.
        examples: embeddings of clips; at least one.
        parts: of the encoder.
        alone: only the examples describe the action; the words are those of no action in
            particular, the mean of the background.
    """
    number = len(examples)
    added, offset = torch.zeros_like(examples[0]), 0.0
    for part in parts:
        alike = alikeness(examples, part)
        sure = (alike - part.other) / (part.same - part.other)
        weight = part.weight * number / (number + 1) * min(max(sure, 0.0), MOST_ALIKE)
        weight *= ALONE if alone else 1.0
        added[part.columns] = weight * examples[:, part.columns].mean(dim=0)
        offset -= weight * (part.other + MIDDLE * (alike - part.other))
    return Joined(words + added, offset)
